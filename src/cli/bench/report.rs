//! The figures, as a table for people and as JSON for programs, and the verdict.

use std::fmt::Write as _;

use serde::Serialize;

use super::broadcast::Played;
use super::floor::{FloorFigures, Runtime, micros};
use super::report_sends::{self, SendCost};
use super::sends::Sends;
use super::usage::number;

/// A push costs at most so many floors.
pub(super) const RATIO_MAX: f64 = 1.3;
/// A push of the largest broadcast costs at most so many of the smallest.
pub(super) const GROWTH_MAX: f64 = 1.1;
/// From a Send's call to its POST on an idle server, beyond a bare durable write: half of them.
pub(super) const IDLE_SEND_P50_US_MAX: i64 = 3_000;
/// The same at half load: 99 of 100.
pub(super) const HALF_LOAD_SEND_P99_US_MAX: i64 = 10_000;

/// The last line.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) sink: String,
    pub(super) payload_octets: usize,
    pub(super) rounds: usize,
    pub(super) floor: Floor,
    pub(super) broadcasts: Vec<Broadcast>,
    /// The largest size's `cpu_us_per_push` in terms of the smallest's; null with one size.
    pub(super) growth: Option<f64>,
    pub(super) send_costs: Vec<SendCost>,
    pub(super) sends: Vec<SendFigures>,
    pub(super) store_us_per_send: Option<f64>,
    pub(super) problems: Vec<String>,
}

/// Medians over the rounds.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the last line spells them")]
pub(super) struct Floor {
    pub(super) encrypt_us: f64,
    pub(super) post_us: f64,
    pub(super) floor_us: f64,
    pub(super) post_per_second: f64,
    /// The best of all that were tried.
    pub(super) in_flight: usize,
    pub(super) runtime: Runtime,
}

impl Floor {
    pub(super) fn new(
        encrypt: &[FloorFigures],
        post: &[FloorFigures],
        in_flight: usize,
        runtime: Runtime,
    ) -> Self {
        let (encrypt_us, post_us) =
            (median(encrypt.iter().map(|of| of.cpu_us)), median(post.iter().map(|of| of.cpu_us)));
        let post_per_second = median(post.iter().map(|of| of.per_second));
        Self { encrypt_us, post_us, floor_us: encrypt_us + post_us, post_per_second, in_flight, runtime }
    }
}

/// Medians over the rounds of one size.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Broadcast {
    pub(super) endpoints: usize,
    pub(super) pushes_per_second: f64,
    pub(super) cpu_us_per_push: f64,
    pub(super) floor_us: f64,
    /// The median of each round's own ratio: the floor just before it and the broadcast.
    pub(super) ratio: f64,
    pub(super) ratios: Vec<f64>,
    pub(super) stages: Stages,
    pub(super) peak_rss_octets: u64,
    pub(super) written_octets_per_push: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) first_event_ms: f64,
}

/// Where the CPU time of a push goes, in microseconds. The first two are those of the floor.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "units belong to names")]
pub(super) struct Stages {
    pub(super) encrypt_us: f64,
    pub(super) post_us: f64,
    /// The threads that write the store.
    pub(super) store_us: f64,
    /// All else: planning, lanes, requests, recording, streaming, and what POSTs cost here beyond the floor.
    pub(super) rest_us: f64,
    /// The part of the whole that the kernel spent.
    pub(super) system_us: f64,
}

impl Broadcast {
    /// `floors` has each round's own.
    pub(super) fn new(played: &[Played], floors: &[f64], floor: Floor) -> Self {
        let each = |of: &dyn Fn(&Played) -> f64| median(played.iter().map(of));
        let per_push = |played: &Played, micros: f64| micros / number(played.pushes);
        let cpu = each(&|of| per_push(of, micros(of.usage.cpu.total())));
        let store_us = each(&|of| per_push(of, micros(of.usage.store)));
        let ratios: Vec<_> = played
            .iter()
            .zip(floors)
            .map(|(of, floor)| rounded(per_push(of, micros(of.usage.cpu.total())) / floor, 3))
            .collect();
        let age = |per_mille| each(&|of| f64::from(percentile(&of.ages, per_mille)) / 1e3);
        Self {
            endpoints: played.first().map_or(0, |of| of.pushes),
            pushes_per_second: each(&|of| number(of.pushes) / of.took.as_secs_f64()),
            cpu_us_per_push: cpu,
            floor_us: floor.floor_us,
            ratio: median(ratios.iter().copied()),
            ratios,
            stages: Stages {
                encrypt_us: floor.encrypt_us,
                post_us: floor.post_us,
                store_us,
                rest_us: cpu - floor.floor_us - store_us,
                system_us: each(&|of| per_push(of, micros(of.usage.cpu.system))),
            },
            peak_rss_octets: played.iter().map(|of| of.resident_peak).max().unwrap_or(0),
            written_octets_per_push: each(&|of| number(of.usage.written) / number(of.pushes)),
            p50_ms: age(500),
            p99_ms: age(990),
            p999_ms: age(999),
            first_event_ms: each(&|of| micros(of.first_event) / 1e3),
        }
    }
}

/// From the call to the start of the POST, and a bare durable write in turn with it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct SendFigures {
    pub(super) load: f64,
    pub(super) sends: usize,
    pub(super) p50_us: u32,
    pub(super) p99_us: u32,
    pub(super) bare_write_p50_us: u32,
    pub(super) bare_write_p99_us: u32,
}

impl SendFigures {
    pub(super) fn new(sends: &Sends) -> Self {
        Self {
            load: sends.load,
            sends: sends.to_post.len(),
            p50_us: percentile(&sends.to_post, 500),
            p99_us: percentile(&sends.to_post, 990),
            bare_write_p50_us: percentile(&sends.bare_write, 500),
            bare_write_p99_us: percentile(&sends.bare_write, 990),
        }
    }

    fn p50_beyond(&self) -> i64 {
        i64::from(self.p50_us) - i64::from(self.bare_write_p50_us)
    }

    fn p99_beyond(&self) -> i64 {
        i64::from(self.p99_us) - i64::from(self.bare_write_p99_us)
    }
}

impl Report {
    /// What does not hold of what must.
    pub(super) fn judge(&mut self) {
        let mut problems = Vec::new();
        // The smallest; how much dearer larger ones may be is what the growth tells.
        if let Some(of) = self.broadcasts.first().filter(|of| of.ratio > RATIO_MAX) {
            problems.push(format!(
                "a push to {} endpoints costs {:.2} floors, more than {RATIO_MAX}",
                of.endpoints, of.ratio
            ));
        }
        if let Some(growth) = self.growth.filter(|growth| *growth > GROWTH_MAX) {
            problems.push(format!(
                "a push of the largest broadcast costs {growth:.2} of the smallest's, more than {GROWTH_MAX}"
            ));
        }
        for of in &self.sends {
            if of.load <= 0.0 && of.p50_beyond() > IDLE_SEND_P50_US_MAX {
                problems
                    .push(format!("a Send takes {} µs beyond a durable write (p50, idle)", of.p50_beyond()));
            }
            if of.load >= 0.5 && of.p99_beyond() > HALF_LOAD_SEND_P99_US_MAX {
                problems.push(format!(
                    "a Send takes {} µs beyond a durable write (p99, half load)",
                    of.p99_beyond()
                ));
            }
        }
        self.problems = problems;
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        let Floor { encrypt_us, post_us, floor_us, post_per_second, in_flight, runtime } = self.floor;
        let _ = writeln!(
            table,
            "\nsink {}, payload {} octets, medians of {} rounds",
            self.sink, self.payload_octets, self.rounds
        );
        let _ = writeln!(
            table,
            "floor      {floor_us:.1} µs of CPU: encryption {encrypt_us:.1}, POST {post_us:.1} \
             ({post_per_second:.0}/s with {in_flight} in flight, runtime {})",
            runtime.name()
        );
        let mut row = |name: &str, of: &dyn Fn(&Broadcast) -> String| {
            let _ = write!(table, "\n{name:<34}");
            for broadcast in &self.broadcasts {
                let _ = write!(table, "{:>14}", of(broadcast));
            }
        };
        row("endpoints", &|of| of.endpoints.to_string());
        row("pushes a second", &|of| format!("{:.0}", of.pushes_per_second));
        row("CPU for each push, µs", &|of| format!("{:.1}", of.cpu_us_per_push));
        row("  in floors", &|of| format!("{:.2}", of.ratio));
        row("  encryption (floor)", &|of| format!("{:.1}", of.stages.encrypt_us));
        row("  POST (floor)", &|of| format!("{:.1}", of.stages.post_us));
        row("  the store's threads", &|of| format!("{:.1}", of.stages.store_us));
        row("  all else", &|of| format!("{:.1}", of.stages.rest_us));
        row("  of all: in the kernel", &|of| format!("{:.1}", of.stages.system_us));
        row("peak RSS, MiB", &|of| format!("{:.0}", number(of.peak_rss_octets) / 1_048_576.0));
        row("octets written for each push", &|of| format!("{:.0}", of.written_octets_per_push));
        row("accept to outcome p50, ms", &|of| format!("{:.0}", of.p50_ms));
        row("  p99", &|of| format!("{:.0}", of.p99_ms));
        row("  p99.9", &|of| format!("{:.0}", of.p999_ms));
        row("call to first event, ms", &|of| format!("{:.1}", of.first_event_ms));
        if let Some(growth) = self.growth {
            let _ = write!(table, "\nlargest in terms of smallest      {growth:>14.2}");
        }
        table.push_str(&report_sends::table(&self.send_costs));
        let _ = writeln!(table, "\nSend at load      call to POST, µs      a bare durable write, µs");
        for of in &self.sends {
            let _ = writeln!(
                table,
                "{:>8.0} %     p50 {:>6}  p99 {:>6}      p50 {:>6}  p99 {:>6}",
                of.load * 100.0,
                of.p50_us,
                of.p99_us,
                of.bare_write_p50_us,
                of.bare_write_p99_us
            );
        }
        if let Some(store) = self.store_us_per_send {
            let _ = writeln!(table, "CPU of the store's threads for each Send, one at a time: {store:.0} µs");
        }
        table
    }

    /// One JSON object on one line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The value in the middle, the lower of two; 0 of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).map_or(0.0, |value| rounded(*value, 3))
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// Of sorted values, the one that so many of a thousand do not exceed, by nearest rank; 0 of none.
pub(super) fn percentile(sorted: &[u32], per_mille: usize) -> u32 {
    let rank = (sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::CpuTime;

    #[test]
    fn medians_and_percentiles_are_by_nearest_rank() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!(median(std::iter::empty()).abs() < 1e-9);
        let thousand: Vec<u32> = (1..=1_000).collect();
        assert_eq!((percentile(&thousand, 500), percentile(&thousand, 999)), (500, 999));
        assert_eq!((percentile(&[7], 1), percentile(&[], 500)), (7, 0));
    }

    #[test]
    fn what_does_not_hold_is_told() {
        let floor = Floor {
            encrypt_us: 60.0,
            post_us: 40.0,
            floor_us: 100.0,
            post_per_second: 1.0,
            in_flight: 64,
            runtime: Runtime::One,
        };
        let played = |cpu_us: u64| Played {
            pushes: 1,
            took: std::time::Duration::from_secs(1),
            first_event: std::time::Duration::ZERO,
            ages: vec![1],
            usage: crate::cli::bench::usage::Usage {
                cpu: CpuTime { user: std::time::Duration::from_micros(cpu_us), ..Default::default() },
                ..Default::default()
            },
            resident_peak: 1,
        };
        let report = |cpu_us, growth, load, p_us| {
            let mut report = Report {
                sink: String::new(),
                payload_octets: 1,
                rounds: 1,
                floor,
                broadcasts: vec![Broadcast::new(&[played(cpu_us)], &[100.0], floor)],
                growth: Some(growth),
                send_costs: Vec::new(),
                sends: vec![SendFigures {
                    load,
                    sends: 1,
                    p50_us: p_us,
                    p99_us: p_us,
                    bare_write_p50_us: 100,
                    bare_write_p99_us: 100,
                }],
                store_us_per_send: None,
                problems: Vec::new(),
            };
            report.judge();
            report.problems.len()
        };
        assert_eq!(report(130, 1.1, 0.0, 3_100), 0);
        assert_eq!(report(131, 1.1, 0.0, 3_100), 1);
        assert_eq!(report(130, 1.11, 0.0, 3_100), 1);
        assert_eq!(report(130, 1.1, 0.0, 3_101), 1);
        assert_eq!(report(130, 1.1, 0.5, 10_100), 0);
        assert_eq!(report(130, 1.1, 0.5, 10_101), 1);
    }
}
