//! What a sandbox counts, by atomics that no request waits for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use super::control_json::{Counts, Gauge};
use super::fault::Fault;
use super::refusal::Reason;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) decrypt_failures: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    faults: [AtomicU64; Fault::KINDS.len()],
    statuses: Statuses,
    pub(crate) connections: Arc<OpenCounter>,
    pub(crate) requests: OpenCounter,
}

/// Answers by status, from 100 to 599.
#[derive(Debug)]
struct Statuses(Box<[AtomicU64]>);

impl Default for Statuses {
    fn default() -> Self {
        Self((0..500).map(|_| AtomicU64::new(0)).collect())
    }
}

/// Counts what opens and closes.
#[derive(Debug, Default)]
pub(crate) struct OpenCounter {
    open: AtomicU64,
    peak: AtomicU64,
    total: AtomicU64,
}

/// Something open, until it is dropped.
#[derive(Debug)]
pub(crate) struct Open<'a>(&'a OpenCounter);

impl OpenCounter {
    pub(crate) fn open(&self) -> Open<'_> {
        self.total.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(open, Ordering::Relaxed);
        Open(self)
    }

    pub(crate) fn read(&self) -> Gauge {
        Gauge { open: read(&self.open), peak: read(&self.peak), total: read(&self.total) }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(crate) fn count_refusal(&self, reason: Reason) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_fault(&self, fault: &Fault) {
        self.faults[fault.number()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_status(&self, status: StatusCode) {
        if let Some(count) = self.statuses.0.get(usize::from(status.as_u16()) - 100) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As they stand; `left_out` lines of the logs were not kept.
    pub(crate) fn read(&self, left_out: u64) -> Counts {
        Counts {
            statuses: occurred((100..).zip(&self.statuses.0)),
            refusals: occurred(
                Reason::ALL.map(|reason| reason.as_str().to_owned()).into_iter().zip(&self.refused),
            ),
            faults: occurred(Fault::KINDS.map(str::to_owned).into_iter().zip(&self.faults)),
            decrypt_failures: read(&self.decrypt_failures),
            duplicates: read(&self.duplicates),
            received_left_out: left_out,
            connections: self.connections.read(),
            requests: self.requests.read(),
        }
    }
}

/// Those that are not 0.
fn occurred<'a, K: Ord>(counts: impl Iterator<Item = (K, &'a AtomicU64)>) -> BTreeMap<K, u64> {
    counts.map(|(key, count)| (key, read(count))).filter(|(_, count)| *count > 0).collect()
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_occurred_is_told_by_its_name() {
        let counters = Counters::default();
        for reason in Reason::ALL {
            counters.count_refusal(reason);
        }
        for status in [201, 201, 599] {
            counters.count_status(StatusCode::from_u16(status).unwrap());
        }
        counters.count_fault(&Fault::Gone { after: 0 });
        let counts = counters.read(0);
        assert_eq!(counts.refusals.len(), Reason::ALL.len(), "every reason has a name of its own");
        assert_eq!(counts.statuses, BTreeMap::from([(201, 2), (599, 1)]));
        assert_eq!(counts.faults, BTreeMap::from([("gone".to_owned(), 1)]));
    }

    #[test]
    fn what_is_open_has_a_peak() {
        let counter = OpenCounter::default();
        let first = counter.open();
        drop(counter.open());
        assert_eq!(counter.read(), Gauge { open: 1, peak: 2, total: 2 });
        drop(first);
        assert_eq!(counter.read(), Gauge { open: 0, peak: 2, total: 2 });
    }
}
