//! What a sandbox counts, by atomics that no request waits for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::control_json::{Counts, Gauge};
use super::refusal::Reason;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) decrypt_failures: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    refused: [AtomicU64; Reason::ALL.len()],
    pub(crate) connections: Arc<OpenCounter>,
    pub(crate) requests: OpenCounter,
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

    fn read(&self) -> Gauge {
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

    /// As they stand; `left_out` lines of the logs were not kept.
    pub(crate) fn read(&self, left_out: u64) -> Counts {
        let accepted = read(&self.accepted);
        let mut statuses = BTreeMap::new();
        if accepted > 0 {
            statuses.insert(201, accepted);
        }
        let mut refusals = BTreeMap::new();
        for (reason, count) in Reason::ALL.into_iter().zip(&self.refused) {
            let count = read(count);
            if count > 0 {
                refusals.insert(reason.as_str().to_owned(), count);
                *statuses.entry(reason.status().as_u16()).or_default() += count;
            }
        }
        Counts {
            statuses,
            refusals,
            decrypt_failures: read(&self.decrypt_failures),
            duplicates: read(&self.duplicates),
            received_left_out: left_out,
            connections: self.connections.read(),
            requests: self.requests.read(),
        }
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_the_sums_of_their_reasons() {
        let counters = Counters::default();
        counters.accepted.fetch_add(3, Ordering::Relaxed);
        for reason in Reason::ALL {
            counters.count_refusal(reason);
        }
        let counts = counters.read(0);
        assert_eq!(counts.refusals.len(), Reason::ALL.len(), "every reason has a name of its own");
        assert_eq!(counts.statuses[&201], 3);
        assert_eq!(counts.statuses[&410], 2);
        let refused: u64 = counts.statuses.values().sum::<u64>() - 3;
        assert_eq!(refused, Reason::ALL.len() as u64);
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
