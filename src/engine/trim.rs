//! Trimming: what is older than the retention goes, a bounded step at a time. The store knows what must stay: what has not
//! ended, what the reaper has not seen, and what a `request_id` still stands for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::observe::Metrics;
use crate::store::{Retention, Store, StoreError};

/// Between two steps it rests for so many times as long as the last one took: others write as well.
const REST: u32 = 2;

/// Counts what is set aside.
pub(super) async fn tell_set_aside(store: &dyn Store, metrics: &Metrics) {
    if let Ok(holds) = store.holds().await {
        metrics.set_aside(holds.iter().map(|hold| hold.subscriptions).sum());
    }
}

#[derive(Debug)]
pub(super) struct Trimmer {
    pub(super) store: Arc<dyn Store>,
    pub(super) retention: Retention,
    pub(super) interval: Duration,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Trimmer {
    /// Trims until it is stopped.
    pub(super) async fn run(self) {
        let stop = self.stop.clone();
        let trim = async {
            loop {
                self.round().await;
                sleep(self.interval).await;
            }
        };
        stop.run_until_cancelled_owned(trim).await;
    }

    /// Trims all that can be.
    async fn round(&self) {
        loop {
            let started = Instant::now();
            let trimmed = match self.store.trim(self.retention).await {
                Ok(trimmed) => trimmed,
                // It is tried again, too.
                Err(StoreError::DiskFull { .. }) => return,
                Err(error) => {
                    tracing::warn!(%error, "trimming failed; it is tried again");
                    return;
                }
            };
            self.metrics.trimmed(trimmed.events_of, trimmed.messages, trimmed.rows);
            self.metrics.log_holds(self.store.log_octets());
            tell_set_aside(&*self.store, &self.metrics).await;
            if !trimmed.more {
                return;
            }
            sleep(started.elapsed() * REST).await;
        }
    }
}
