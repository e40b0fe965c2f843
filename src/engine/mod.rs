//! The engine: from an accepted message to the terminal event of each of its deliveries. `docs/deliveries.md` tells how a
//! delivery lives; here is who does what:
//!
//! * `start` builds all of it; [`Engine::submit`] makes a message durable and hands it on.
//! * `plan` turns an audience into pages; `core` decides what is attempted when; `driver` runs it; `attempt` encrypts,
//!   signs, posts and classifies, for broadcasts in `batches`; `tokens` keeps VAPID tokens, and `signing` says whose turn it
//!   is to sign one; `retry` is the policy of retries.
//! * `reap` removes subscriptions that push services declared gone, unless `judge` finds that these are too many to be true;
//!   `held` does what an operator decides then.
//! * [`feed`] reads the log for those who watch.

mod administer;
pub mod applications;
mod attempt;
mod batches;
mod changed;
pub mod changes;
mod clock;
mod core;
mod driver;
mod exhaustion;
pub mod feed;
mod gauges;
mod health;
mod held;
mod journal;
mod judge;
mod learn;
mod plan;
mod reap;
mod reapers;
pub(crate) mod receipt_token;
mod receipts;
mod recover;
mod retry;
mod schedule;
mod settings;
mod signing;
mod start;
mod submit;
mod tokens;
mod trim;
mod trim_clock;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{
    ApplicationId, Clock, EngineLoad, MessageId, MessageStatus, Origin, Stop, SubscriptionId, Timestamp,
};
use crate::observe::{Metrics, SubscriptionChange};
use crate::store::{MessageRecord, Store, StoreError};
use crate::transport::Transport;

pub use crate::store::{Recipient, Recipients};
use applications::Applications;
pub use attempt::AttemptSettings;
use changed::Changed;
use changes::{ChangeStream, ChangesStart};
use core::Input;
#[doc(hidden)]
pub use core::measured;
use feed::{Feeds, FrameStream, Watch};
pub use health::{HeldSubscriptions, OriginHealth, OriginState, StoppedApplication};
use plan::PlanJob;
use reapers::Reapers;
use receipts::Desk;
pub use receipts::{BrowserReport, ReceiptSettings, ReportError};
use schedule::Order;
pub use settings::{EngineSettings, RetentionSettings};
pub use start::EngineParts;
pub use submit::{Submission, SubmitError};
use tokens::Tokens;

/// The engine's handle: what the API calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    store: Arc<dyn Store>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    applications: Applications,
    signed: Arc<Tokens>,
    reapers: Arc<Reapers>,
    inputs: mpsc::Sender<Input>,
    orders: mpsc::Sender<Order>,
    /// Messages that wait for their start.
    scheduled: Arc<AtomicUsize>,
    plan_jobs: mpsc::Sender<PlanJob>,
    changes: Arc<AtomicU64>,
    changed: Arc<Changed>,
    load: watch::Receiver<EngineLoad>,
    feeds: Arc<Feeds>,
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    /// Nothing is accepted any more.
    draining: CancellationToken,
    drained: CancellationToken,
    stop: CancellationToken,
    stop_streams: CancellationToken,
    shutdown_grace: Duration,
    max_messages: usize,
    max_waiting_deliveries: u64,
    log_octets_max: u64,
}

impl Engine {
    /// Stops a message for good: its deliveries that are not under way end CANCELLED; those in flight end by their answer,
    /// but none is tried again. Durable when this returns. Answers the message as it stands then, which may have ended
    /// before; `None`: there is no such message.
    ///
    /// # Errors
    /// What the store says.
    pub async fn cancel(
        &self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageRecord>, StoreError> {
        let record = self.store.stop(application, message, Stop::Cancelled).await?;
        let Some(status) = record.as_ref().map(|record| &record.status) else { return Ok(None) };
        let reason = Stop::Cancelled;
        if status.ended.is_none() && status.start.is_some() {
            // It fails only when the engine has stopped.
            let _ = self.orders.send(Order::Stopped { message, reason }).await;
        } else if status.ended.is_none() {
            self.input(Input::MessageStopped { message, reason }).await;
        }
        Ok(record)
    }

    /// Whether it stops: nothing new is accepted.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Returns once this server begins to stop: from then on nothing new is taken.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Returns once streams are to end: this server stops, and everything under way was settled or given up.
    pub async fn streams_ended(&self) {
        self.stop_streams.cancelled().await;
    }

    /// A status stream; see [`feed`].
    #[must_use]
    pub fn watch(&self, watch: Watch) -> FrameStream {
        self.feeds.watch(watch, None)
    }

    /// The same of a message that was accepted just now: its record need not be read.
    #[must_use]
    pub fn watch_accepted(&self, watch: Watch, record: MessageRecord) -> FrameStream {
        self.feeds.watch(watch, Some(record))
    }

    /// Until when receipts of this message may come; `None` when none can.
    #[must_use]
    pub fn receipts_until(&self, message: &MessageStatus) -> Option<Timestamp> {
        self.feeds.receipts_until(message)
    }

    /// A caller changed a stored subscription: attempts that have not started look it up again. Call it once the store
    /// has answered.
    pub async fn subscription_changed(&self, subscription: SubscriptionId, change: SubscriptionChange) {
        self.metrics.subscriptions_changed(change, 1);
        // A new one is in no page yet.
        if change != SubscriptionChange::Added {
            let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
            // Attempts that have started and are not posted yet.
            self.changed.note(subscription, change);
            self.input(Input::SubscriptionChanged { subscription, change }).await;
        }
    }

    /// How many changes of subscriptions there have been: for [`Submission::as_of`].
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// The health of every origin that something waits for or went to lately, the busiest first; then those where
    /// subscriptions are held. Empty once the engine has stopped.
    pub async fn origins(&self) -> Vec<OriginHealth> {
        let (answer, answered) = oneshot::channel();
        self.input(Input::Health(answer)).await;
        self.with_holds(answered.await.unwrap_or_default()).await
    }

    /// Lets an application's deliveries go to an origin (`scheme://host[:port]`) again that refused its credentials.
    /// Answers whether they were stopped.
    pub async fn resume_origin(&self, application: ApplicationId, origin: &str) -> bool {
        let (answer, answered) = oneshot::channel();
        self.input(Input::ResumeOrigin { application, origin: origin.to_owned(), answer }).await;
        answered.await.unwrap_or_default()
    }

    /// Takes what a browser reports: durable when this returns, and on the status streams. Repeated reports do no harm.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn report(&self, report: BrowserReport) -> Result<(), ReportError> {
        self.desk.report(report).await
    }

    /// A reader of the change feed; see [`changes::watch`].
    #[must_use]
    pub fn watch_changes(&self, application: ApplicationId, start: ChangesStart) -> ChangeStream {
        changes::watch(Arc::clone(&self.store), application, start, self.stop_streams.clone())
    }

    /// How many connections to an origin (`scheme://host[:port]`) are open.
    #[must_use]
    pub fn connections(&self, origin: &str) -> usize {
        Origin::parse(origin).map_or(0, |origin| self.transport.connections(&origin))
    }

    /// How full it is.
    #[must_use]
    pub fn load(&self) -> EngineLoad {
        *self.load.borrow()
    }

    /// Stops: nothing new is accepted or attempted, attempts under way end and are committed, or count as unsettled after
    /// the grace; then streams end, with a position to go on from. Answers whether everything under way was settled.
    pub async fn shutdown(&self) -> bool {
        self.draining.cancel();
        self.input(Input::Drain).await;
        let settled = tokio::time::timeout(self.shutdown_grace, self.drained.cancelled()).await.is_ok();
        self.stop_streams.cancel();
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        settled
    }

    async fn input(&self, input: Input) {
        // It fails only when the engine has stopped: whatever it was, the store knows it.
        let _ = self.inputs.send(input).await;
    }
}
