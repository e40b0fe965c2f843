//! The reaper: what push services said of subscriptions, done to the store. A recorded event is the durable intent, so it
//! follows the feed from a position of its own, and a crash loses none of it. Only proof removes a subscription: an event
//! that ended FAILED with GONE; a key mismatch disables. Either counts only against the generation that was attempted.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::domain::{ApplicationId, DeliveryEvent, DeliveryState, Outcome, SubscriptionId};
use crate::observe::{Metrics, SubscriptionChange};
use crate::store::{Evidence, Removal, Store, StoreError};

use super::core::Input;

/// Commits whose evidence is read at once.
const COMMITS: usize = 256;
/// Without evidence the position moves on this often at least, so that a restart has little to read.
pub(super) const IDLE_INTERVAL_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub(super) struct Reaper {
    pub(super) store: Arc<dyn Store>,
    pub(super) application: ApplicationId,
    /// Rung when a commit with evidence was synced.
    pub(super) evidence: Arc<Notify>,
    pub(super) inputs: mpsc::Sender<Input>,
    /// Counts changes of subscriptions; see [`Input::SubscriptionChanged`].
    pub(super) changes: Arc<AtomicU64>,
    pub(super) metrics: Arc<Metrics>,
    /// How often the position moves on without evidence: trimming never passes it.
    pub(super) idle_interval: Duration,
    pub(super) stop: CancellationToken,
}

impl Reaper {
    pub(super) async fn run(self) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.evidence.notified() => {}
                () = tokio::time::sleep(self.idle_interval) => {}
            }
            if let Err(error) = self.catch_up().await {
                tracing::error!(%error, "subscriptions that are gone could not be removed; trying again");
            }
        }
    }

    /// Does all that is recorded and not yet done.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        let mut position = self.store.reaper_position(self.application).await?;
        let start = position;
        loop {
            let Evidence { removals, position: read } =
                self.store.evidence(self.application, position + 1, COMMITS).await?;
            if read <= position {
                break;
            }
            position = read;
            if removals.is_empty() {
                continue;
            }
            let done = removals.iter().map(|removal| removal.subscription).collect();
            let gone = removals.iter().filter(|of| of.outcome == Outcome::Gone).map(|of| of.subscription);
            let gone: HashSet<SubscriptionId> = gone.collect();
            for changed in self.store.reap(self.application, removals, position).await? {
                let change = if gone.contains(&changed) {
                    SubscriptionChange::Gone
                } else {
                    SubscriptionChange::Disabled
                };
                self.metrics.subscriptions_changed(change, 1);
            }
            // It fails only when the engine has stopped.
            let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
            let _ = self.inputs.send(Input::Reaped { subscriptions: done, change }).await;
        }
        if position > start {
            self.store.reap(self.application, Vec::new(), position).await?;
        }
        Ok(())
    }
}

/// What an event proves against its subscription.
pub(super) fn evidence(event: &DeliveryEvent) -> Option<Removal> {
    let against = matches!(event.outcome, Outcome::Gone | Outcome::KeyMismatch);
    let subscription = event.subscription.filter(|_| against && event.state == DeliveryState::Failed)?;
    Some(Removal {
        subscription,
        generation: event.generation,
        outcome: event.outcome,
        http_status: event.http_status,
        message: event.message,
    })
}
