//! What administrators do, as far as the engine must know: applications that come, change and go, VAPID keys that are
//! retired. The store has it already when these are called.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::Engine;
use super::applications::Applications;
use super::core::Input;
use super::driver::persist;
use crate::domain::{Application, ApplicationId, MessageState, VapidKeyId};
use crate::observe::SubscriptionChange;
use crate::store::{Cleared, MessageFilter, StoreError};

/// Messages that are stopped at once when their application is deleted.
const STOPPED_AT_ONCE: usize = 256;

impl Engine {
    /// The applications as they are now.
    #[must_use]
    pub fn applications(&self) -> &Applications {
        &self.applications
    }

    /// An application is new, or other than it was.
    ///
    /// # Errors
    /// What the store says.
    pub async fn application_changed(&self, application: Arc<Application>) -> Result<(), StoreError> {
        let (id, weight) = (application.id, application.weight);
        let suspended = application.settings.suspended;
        self.applications.put(application);
        self.reapers.start(id).await?;
        self.input(Input::ApplicationChanged { application: id, weight, suspended }).await;
        Ok(())
    }

    /// An application was deleted: its messages are stopped, and its data cleared away behind.
    pub fn application_deleted(&self, application: Arc<Application>) {
        let id = application.id;
        self.applications.put_nameless(application);
        let engine = self.clone();
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            engine.clear(id).await;
        }));
    }

    /// A VAPID key was retired: nothing is signed with it any more, and subscriptions that were made with it are disabled
    /// behind.
    pub fn vapid_key_retired(&self, application: ApplicationId, key: VapidKeyId) {
        self.signed.forget(application, key);
        self.disable_orphans(application);
    }

    /// Deliveries of an application that have not ended.
    pub async fn pending_deliveries(&self, application: ApplicationId) -> u64 {
        let (answer, answered) = oneshot::channel();
        self.input(Input::Pending { application, answer }).await;
        answered.await.unwrap_or_default()
    }

    /// Disables subscriptions whose key is retired, behind.
    pub(super) fn disable_orphans(&self, application: ApplicationId) {
        let engine = self.clone();
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            let (mut after, mut more) = (None, true);
            while more {
                let step = || engine.store.disable_orphans(application, after);
                let Some((disabled, next)) = persist("disabling subscriptions of a retired key", step).await
                else {
                    return;
                };
                for subscription in disabled {
                    engine.subscription_changed(subscription, SubscriptionChange::Disabled).await;
                }
                (after, more) = (next, next.is_some());
            }
        }));
    }

    async fn clear(&self, id: ApplicationId) {
        // Any commit may be the one with which the last message ends.
        let mut commits = self.store.synced(id);
        loop {
            let step = persist("clearing a deleted application away", || self.store.clear_application(id));
            match step.await {
                Some(Cleared::More) => {}
                Some(Cleared::Waits) => {
                    commits.mark_unchanged();
                    self.stop_all(id).await;
                    let still = self.store.clear_application(id).await;
                    if matches!(still, Ok(Cleared::Waits)) && commits.changed().await.is_err() {
                        return;
                    }
                }
                Some(Cleared::All) | None => break,
            }
        }
        self.reapers.end(id);
        self.applications.forget(id);
        self.feeds.forget(id);
        self.changes.fetch_add(1, Ordering::SeqCst);
        tracing::info!(application = id.0, "a deleted application is cleared away");
    }

    /// Stops all messages that have not ended.
    async fn stop_all(&self, id: ApplicationId) {
        let filter = MessageFilter::of_states(&[MessageState::Scheduled, MessageState::Sending]);
        let (mut before, mut more) = (None, true);
        while more {
            let list = || self.store.list_messages(id, &filter, before, STOPPED_AT_ONCE);
            let Some(listed) = persist("listing what is to be stopped", list).await else { return };
            for message in listed.messages {
                // One that does not read is passed over.
                persist("stopping a message", || self.cancel(id, message.id)).await;
            }
            (before, more) = (listed.next, listed.next.is_some());
        }
    }
}
