//! One reaper for each application, also for one that comes later.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::applications::Applications;
use super::core::Input;
use super::judge::Rules;
use super::reap::{Reaper, Suspected, Work};
use crate::domain::{ApplicationId, Clock, SubscriptionId};
use crate::observe::Metrics;
use crate::store::{Store, StoreError};

#[derive(Debug)]
pub(super) struct Reapers {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) applications: Applications,
    pub(super) rules: Rules,
    /// See [`Reaper::suspected`].
    pub(super) suspected: Suspected,
    pub(super) inputs: mpsc::Sender<Input>,
    /// See [`Reaper::changes`].
    pub(super) changes: Arc<AtomicU64>,
    pub(super) metrics: Arc<Metrics>,
    /// See [`Reaper::idle_interval`].
    pub(super) idle_interval: Duration,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) known: Mutex<HashMap<ApplicationId, Known>>,
}

/// A reaper at work.
#[derive(Debug)]
pub(super) struct Known {
    evidence: Arc<Notify>,
    stop: CancellationToken,
}

impl Reapers {
    /// Starts the reaper of an application, unless there is one. When this returns, what was recorded before is done, or
    /// waits and is not attempted.
    pub(super) async fn start(&self, application: ApplicationId) -> Result<(), StoreError> {
        let (evidence, stop) = (Arc::new(Notify::new()), self.stop.child_token());
        let reaper = Reaper {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            applications: self.applications.clone(),
            rules: self.rules,
            suspected: Arc::clone(&self.suspected),
            application,
            evidence: Arc::clone(&evidence),
            inputs: self.inputs.clone(),
            changes: Arc::clone(&self.changes),
            metrics: Arc::clone(&self.metrics),
            idle_interval: self.idle_interval,
            stop: stop.clone(),
        };
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.contains_key(&application) {
                return Ok(());
            }
            known.insert(application, Known { evidence, stop });
        }
        let mut work = Work::default();
        reaper.catch_up(&mut work).await?;
        self.tasks.spawn(reaper.run(work));
        Ok(())
    }

    /// Whether evidence against a subscription waits.
    pub(super) fn suspects(&self, subscription: SubscriptionId) -> bool {
        self.suspected.lock().unwrap_or_else(PoisonError::into_inner).contains(&subscription)
    }

    /// Ends the reaper of an application.
    pub(super) fn end(&self, application: ApplicationId) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&application);
        if let Some(known) = known {
            known.stop.cancel();
        }
    }

    /// Who is to be told of evidence against subscriptions of an application.
    pub(super) fn evidence(&self, application: ApplicationId) -> Option<Arc<Notify>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&application).map(|known| Arc::clone(&known.evidence))
    }
}
