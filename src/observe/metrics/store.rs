//! Commits, the log and its trimming, the disk.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{COMMIT_OUTCOMES, Metrics, Register, local, set_gauge};
use crate::observe::labels::{Name, ResultLabels};
use crate::store::Disk;

/// What becomes of a commit.
const COMMIT_RESULTS: [&str; 2] = ["error", "ok"];

/// See the [module's documentation](self).
pub(super) struct StoreMetrics {
    log_octets: Gauge,
    disk_free_octets: Gauge,
    disk_missing_octets: Gauge,
    store_file_octets: Gauge,
    trimmed_messages: Counter,
    trimmed_events_of: Counter,
    trimmed_rows: Counter,
    trim_clock_lag: Gauge<f64, AtomicU64>,
    commits: Family<ResultLabels, Counter>,
    commit_outcomes: Histogram,
    commit_duration: Histogram,
}

impl StoreMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        let metrics = Self {
            log_octets: register.add(
                "log_octets",
                "Octets on disk of what is kept of messages, an estimate",
                Gauge::default(),
            ),
            disk_free_octets: register.add(
                "disk_free_octets",
                "Octets that the store may still grow by: free on its disk, or allocated to it",
                Gauge::default(),
            ),
            disk_missing_octets: register.add(
                "disk_missing_octets",
                "Octets that must be freed before anything new is taken; 0 while there is room",
                Gauge::default(),
            ),
            store_file_octets: register.add(
                "store_file_octets",
                "Octets of the store's file on disk",
                Gauge::default(),
            ),
            trimmed_messages: register.add(
                "trimmed_messages",
                "Messages removed after their retention",
                Counter::default(),
            ),
            trimmed_events_of: register.add(
                "trimmed_messages_events",
                "Messages whose events were removed after their retention",
                Counter::default(),
            ),
            trimmed_rows: register.add("trimmed_rows", "Rows removed by trimming", Counter::default()),
            trim_clock_lag: register.seconds(
                "trim_clock_lag",
                "By how much trimming takes the time to be earlier than the clock says: it follows a clock that jumped slowly",
                Gauge::default(),
            ),
            commits: register.add("commits", "Commits of outcomes to the store", Family::default()),
            commit_outcomes: register.add(
                "commit_outcomes",
                "Outcomes recorded by one commit",
                Histogram::new(COMMIT_OUTCOMES),
            ),
            commit_duration: register.seconds(
                "commit_duration",
                "From handing a commit to the store to its being durable",
                local(),
            ),
        };
        for result in COMMIT_RESULTS.map(Name::from) {
            drop(metrics.commits.get_or_create(&ResultLabels { result }));
        }
        metrics
    }
}

impl Metrics {
    /// So many octets of events are kept.
    pub fn log_holds(&self, octets: u64) {
        set_gauge(&self.of_store.log_octets, octets);
    }

    /// How full the store's disk is.
    pub fn disk(&self, disk: Disk) {
        if let Some(free) = disk.free_octets {
            set_gauge(&self.of_store.disk_free_octets, free);
        }
        set_gauge(&self.of_store.disk_missing_octets, disk.missing_octets);
        set_gauge(&self.of_store.store_file_octets, disk.file_octets);
    }

    /// A step of trimming removed the events of so many messages, so many messages, and so many rows in all.
    pub fn trimmed(&self, events_of: usize, messages: usize, rows: usize) {
        for (counter, count) in [
            (&self.of_store.trimmed_events_of, events_of),
            (&self.of_store.trimmed_messages, messages),
            (&self.of_store.trimmed_rows, rows),
        ] {
            counter.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    /// By how much trimming takes the time to be earlier than the clock says.
    pub fn trim_clock_lag(&self, lag: Duration) {
        self.of_store.trim_clock_lag.set(lag.as_secs_f64());
    }

    /// A commit ended, durable or not.
    pub fn commit_ended(&self, durable: bool, outcomes: usize, duration: Duration) {
        let result = Name::from(COMMIT_RESULTS[usize::from(durable)]);
        self.of_store.commits.get_or_create(&ResultLabels { result }).inc();
        self.of_store.commit_outcomes.observe(f64::from(u32::try_from(outcomes).unwrap_or(u32::MAX)));
        self.of_store.commit_duration.observe(duration.as_secs_f64());
    }
}
