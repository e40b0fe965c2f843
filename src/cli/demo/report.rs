//! The demo's figures, as a table for people and as JSON for programs.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::check::{Checked, FaultResult};
use super::recording::Recording;
use crate::sandbox::Fault;

/// One message of the demo and what was found.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) recording: Recording,
    pub(super) checked: Checked,
    /// The server's CPU time meanwhile, where the system tells.
    pub(super) cpu: Option<Duration>,
}

/// Everything that the demo says in the end.
#[derive(Clone, Debug)]
pub(super) struct Report {
    figures: Figures,
    fault_results: Vec<(&'static str, FaultResult)>,
    problems: Vec<String>,
}

/// The last line.
#[derive(Clone, Debug, Serialize)]
struct Figures {
    send: MessageFigures,
    broadcast: MessageFigures,
    /// Subscribers by fault, and of how many everything is right.
    faults: BTreeMap<&'static str, FaultFigures>,
    problems: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct FaultFigures {
    subscribers: usize,
    right: usize,
}

#[derive(Clone, Debug, Serialize)]
struct MessageFigures {
    targets: i32,
    accepted: i32,
    failed: i32,
    expired: i32,
    cancelled: i32,
    /// Terminal events on the stream.
    terminal_events: usize,
    /// Subscribers that decrypted exactly the octets sent, exactly once.
    identical: usize,
    /// POSTs.
    attempts: usize,
    seconds: f64,
    deliveries_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Of the server, for each POST; null where the system does not tell.
    cpu_us_per_push: Option<f64>,
}

impl Report {
    pub(super) fn new(
        faults: Option<HashMap<u32, Fault>>,
        send: Played,
        broadcast: Played,
        problems: Vec<String>,
    ) -> Self {
        let fault_results: Vec<_> = faults.iter().flat_map(|_| broadcast.checked.by_fault.clone()).collect();
        let of_fault =
            |result: &FaultResult| FaultFigures { subscribers: result.subscribers, right: result.right };
        let figures = Figures {
            send: MessageFigures::of(&send),
            broadcast: MessageFigures::of(&broadcast),
            faults: fault_results.iter().map(|(kind, result)| (*kind, of_fault(result))).collect(),
            problems: problems.len(),
        };
        Self { figures, fault_results, problems }
    }

    /// Whatever is not as it must be.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The figures as one JSON object on one line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(&self.figures).unwrap_or_default()
    }

    /// The figures as a table.
    pub(super) fn table(&self) -> String {
        let (send, broadcast) = (&self.figures.send, &self.figures.broadcast);
        let mut table = format!("\n{:<34}{:>12}{:>12}\n", "", "Send", "Broadcast");
        let mut row = |name: &str, figure: &dyn Fn(&MessageFigures) -> String| {
            let _ = writeln!(table, "{name:<34}{:>12}{:>12}", figure(send), figure(broadcast));
        };
        row("targets", &|of| of.targets.to_string());
        row("  accepted", &|of| of.accepted.to_string());
        row("  failed", &|of| of.failed.to_string());
        row("  expired", &|of| of.expired.to_string());
        row("  cancelled", &|of| of.cancelled.to_string());
        row("terminal events", &|of| of.terminal_events.to_string());
        row("decrypted and identical", &|of| of.identical.to_string());
        row("POSTs", &|of| of.attempts.to_string());
        row("seconds", &|of| format!("{:.3}", of.seconds));
        row("deliveries per second", &|of| format!("{:.0}", of.deliveries_per_second));
        row("accept to outcome, p50 (ms)", &|of| format!("{:.1}", of.p50_ms));
        row("accept to outcome, p99 (ms)", &|of| format!("{:.1}", of.p99_ms));
        row("server CPU time per push (us)", &|of| {
            of.cpu_us_per_push.map_or("n/a".to_owned(), |micros| format!("{micros:.0}"))
        });
        if !self.fault_results.is_empty() {
            let _ = writeln!(table, "\n{:<12}{:>12}{:>12}   statuses", "fault", "subscribers", "as it must");
        }
        for (kind, result) in &self.fault_results {
            let statuses: Vec<_> =
                result.statuses.iter().map(|(status, count)| format!("{status} x {count}")).collect();
            let (subscribers, right) = (result.subscribers, result.right);
            let _ = writeln!(table, "{kind:<12}{subscribers:>12}{right:>12}   {}", statuses.join(", "));
        }
        let verdict = match self.problems.len() {
            0 => "Each subscriber got exactly what was sent, and each delivery has one terminal event."
                .to_owned(),
            count => format!("{count} thing(s) are not as they must be."),
        };
        let _ = writeln!(table, "\n{verdict}\n");
        table
    }
}

impl MessageFigures {
    fn of(played: &Played) -> Self {
        let recording = &played.recording;
        let counts = &recording.counts;
        let seconds = recording.took.as_secs_f64();
        let attempts = recording.attempts();
        let millis = |duration: Duration| rounded(duration.as_secs_f64() * 1_000.0);
        Self {
            targets: counts.targets,
            accepted: counts.accepted,
            failed: counts.failed,
            expired: counts.expired,
            cancelled: counts.cancelled,
            terminal_events: recording.terminal().count(),
            identical: played.checked.identical,
            attempts,
            seconds: rounded(seconds),
            deliveries_per_second: rounded(f64::from(counts.targets) / seconds.max(f64::EPSILON)),
            p50_ms: millis(recording.age_percentile(50)),
            p99_ms: millis(recording.age_percentile(99)),
            cpu_us_per_push: played.cpu.filter(|_| attempts > 0).map(|cpu| {
                rounded(cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(attempts).unwrap_or(u32::MAX)))
            }),
        }
    }
}

/// To three places.
fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}
