//! What Sends cost, as rows of the report.

use std::fmt::Write as _;

use serde::Serialize;

use super::floor::micros;
use super::report::{median, percentile, rounded};
use super::sends_at_once::{SendsAtOnce, Way};
use super::usage::number;

/// Medians over the rounds of one way in which Sends are called. For each Send, of the whole server.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SendCost {
    pub(super) way: String,
    /// Of one round.
    pub(super) sends: usize,
    pub(super) sends_per_second: f64,
    pub(super) cpu_us_per_send: f64,
    /// The part of it that the kernel spent.
    pub(super) system_us: f64,
    /// The part of the threads that write the store.
    pub(super) store_us: f64,
    /// The median of each round's own ratio: the Sends, in terms of the floor of the same round.
    pub(super) ratio: f64,
    pub(super) ratios: Vec<f64>,
    /// Voluntary context switches.
    pub(super) switches_per_send: f64,
    pub(super) written_octets_per_send: f64,
    /// From the call to `accepted`.
    pub(super) accepted_p50_ms: f64,
    pub(super) accepted_p99_ms: f64,
    /// From the call to the terminal event.
    pub(super) ended_p50_ms: f64,
    pub(super) ended_p99_ms: f64,
}

impl SendCost {
    /// `floors` has each round's own.
    pub(super) fn new(way: Way, rounds: &[SendsAtOnce], floors: &[f64]) -> Self {
        let each = |of: &dyn Fn(&SendsAtOnce) -> f64| median(rounds.iter().map(of));
        let per_send = |of: &SendsAtOnce, what: f64| what / number(of.sends);
        let cpu = |of: &SendsAtOnce| per_send(of, micros(of.usage.cpu.total()));
        let ratios: Vec<_> =
            rounds.iter().zip(floors).map(|(of, floor)| rounded(cpu(of) / floor, 3)).collect();
        let millis = |latencies: &[u32], per_mille| f64::from(percentile(latencies, per_mille)) / 1e3;
        Self {
            way: way.name(),
            sends: rounds.first().map_or(0, |of| of.sends),
            sends_per_second: each(&|of| number(of.sends) / of.took.as_secs_f64()),
            cpu_us_per_send: each(&cpu),
            system_us: each(&|of| per_send(of, micros(of.usage.cpu.system))),
            store_us: each(&|of| per_send(of, micros(of.usage.store))),
            ratio: median(ratios.iter().copied()),
            ratios,
            switches_per_send: each(&|of| per_send(of, number(of.usage.switches))),
            written_octets_per_send: each(&|of| per_send(of, number(of.usage.written))),
            accepted_p50_ms: each(&|of| millis(&of.accepted, 500)),
            accepted_p99_ms: each(&|of| millis(&of.accepted, 990)),
            ended_p50_ms: each(&|of| millis(&of.ended, 500)),
            ended_p99_ms: each(&|of| millis(&of.ended, 990)),
        }
    }
}

/// For people: a column for each way.
pub(super) fn table(costs: &[SendCost]) -> String {
    let mut table = String::from("\n");
    let mut row = |name: &str, of: &dyn Fn(&SendCost) -> String| {
        let _ = write!(table, "\n{name:<34}");
        for cost in costs {
            let _ = write!(table, "{:>14}", of(cost));
        }
    };
    row("Sends", &|of| of.way.clone());
    row("Sends a second", &|of| format!("{:.0}", of.sends_per_second));
    row("CPU for each Send, µs", &|of| format!("{:.0}", of.cpu_us_per_send));
    row("  in floors", &|of| format!("{:.2}", of.ratio));
    row("  of all: in the kernel", &|of| format!("{:.0}", of.system_us));
    row("  of all: the store's threads", &|of| format!("{:.0}", of.store_us));
    row("voluntary context switches", &|of| format!("{:.1}", of.switches_per_send));
    row("octets written for each Send", &|of| format!("{:.0}", of.written_octets_per_send));
    row("call to accepted p50, ms", &|of| format!("{:.2}", of.accepted_p50_ms));
    row("  p99", &|of| format!("{:.2}", of.accepted_p99_ms));
    row("call to terminal event p50, ms", &|of| format!("{:.2}", of.ended_p50_ms));
    row("  p99", &|of| format!("{:.2}", of.ended_p99_ms));
    table.push('\n');
    table
}
