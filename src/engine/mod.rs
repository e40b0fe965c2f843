//! The engine: from an accepted message to the terminal event of each of its deliveries. `docs/deliveries.md` tells how a
//! delivery lives; here is who does what:
//!
//! * [`Engine::submit`] makes a message durable and hands it on.
//! * `plan` turns an audience into pages; `core` decides what is attempted when; `driver` runs it; `attempt` encrypts,
//!   signs, posts and classifies, for broadcasts in `batches`; `tokens` keeps VAPID tokens; `retry` is the policy of retries.
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
mod health;
mod held;
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
mod tokens;
mod trim;
mod trim_clock;

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{
    Application, ApplicationId, Clock, EngineLoad, MessageId, MessageKind, MessageSpec, MessageStatus, Origin, Stop,
    SubscriptionId, Timestamp,
};
use crate::failpoint::failpoint;
use crate::observe::{Metrics, SubscriptionChange};
use crate::store::{Accepted, MessageRecord, NewMessage, Retention, Store, StoreError};
use crate::transport::Transport;

pub use crate::store::Recipients;
use applications::Applications;
pub use attempt::AttemptSettings;
use attempt::Attempter;
use batches::{Batches, PREPARERS_EACH_CORE};
use changed::Changed;
use changes::{ChangeStream, ChangesStart};
#[doc(hidden)]
pub use core::measured;
use core::{ActiveMessage, Core, Input, OriginNames};
use driver::Driver;
use exhaustion::Exhaustion;
use feed::{FeedParts, Feeds, FrameStream, Watch};
pub use health::{HeldSubscriptions, OriginHealth, OriginState, StoppedApplication};
use judge::Rules;
use learn::{Learner, Lessons};
use plan::{PlanJob, Planner};
use reapers::Reapers;
use receipt_token::ReceiptTokens;
use receipts::Desk;
pub use receipts::{BrowserReport, ReceiptSettings, ReportError};
use schedule::{Order, Scheduled, Scheduler};
pub use settings::{EngineSettings, RetentionSettings};
use tokens::Tokens;
use trim::Trimmer;

/// Inputs that wait for the core.
const INPUTS_MAX: usize = 4_096;
/// Pages of broadcasts that wait for the core.
const PAGES_MAX: usize = 4;
/// Orders that wait for the scheduler.
const ORDERS_MAX: usize = 1_024;
/// Messages that wait for the planner.
const PLAN_JOBS_MAX: usize = 1_024;

/// What the engine works with.
#[derive(Debug)]
pub struct EngineParts {
    /// What must survive.
    pub store: Arc<dyn Store>,
    /// The way to push services.
    pub transport: Arc<dyn Transport>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// All applications that can be named.
    pub applications: Applications,
    /// Those that were deleted and are not cleared away yet.
    pub deleted: Vec<Arc<Application>>,
    /// Every bound.
    pub settings: EngineSettings,
    /// How long what has ended is kept.
    pub retention: RetentionSettings,
    /// Which receipts are taken.
    pub receipts: ReceiptSettings,
    /// What attempts need beside it.
    pub attempts: AttemptSettings,
    /// Where jitter comes from.
    pub seed: u64,
    /// What operators see.
    pub metrics: Arc<Metrics>,
}

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

/// A message to accept.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Send or Broadcast.
    pub kind: MessageKind,
    /// What and how.
    pub spec: MessageSpec,
    /// To whom: targets that were looked up for a Send, at least one; an audience for a Broadcast.
    pub recipients: Recipients,
    /// The caller's key for the request; empty for none.
    pub request_id: String,
    /// Of the request in canonical form.
    pub request_hash: [u8; 32],
    /// When its sending starts; `None`, or a time that has passed: at once. Its ttl counts from then.
    pub start: Option<Timestamp>,
    /// Of collapse key and recipient or audience: of messages with the same, only the one that started last is delivered.
    pub collapse: Option<[u8; 16]>,
    /// [`Engine::changes`] from before the targets were looked up: what changed since is looked up again. 0 if that is not
    /// known, or there are none.
    pub as_of: u64,
}

/// Why a message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// This server stops.
    #[error("this server is stopping")]
    Draining,
    /// `engine.max_messages` have not ended.
    #[error("too many messages have not ended")]
    TooManyMessages,
    /// `engine.max_waiting_deliveries` have not ended, or would not with this message.
    #[error("too many deliveries have not ended")]
    TooManyDeliveries,
    /// `retention.log_octets_max` octets of events are kept.
    #[error("the log of events is full")]
    LogFull,
    /// What the store says, [`StoreError::RequestIdReused`] among it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Recovers what an earlier run left and starts. When this returns, everything recorded is known again and attempts
    /// go on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn start(parts: EngineParts) -> Result<Self, StoreError> {
        let EngineParts {
            store,
            transport,
            clock,
            applications,
            deleted,
            settings,
            retention,
            receipts,
            attempts,
            seed,
            metrics,
        } = parts;
        for application in &deleted {
            applications.put_nameless(Arc::clone(application));
        }
        let receipt_tokens = ReceiptTokens::of(&*store).await?;
        let signed = Tokens::load(Arc::clone(&store), Arc::clone(&clock), applications.clone()).await?;
        let signed = Arc::new(signed);
        let (inputs, inputs_received) = mpsc::channel(INPUTS_MAX);
        let (reports, reported) = mpsc::channel(INPUTS_MAX);
        let (pages, pages_received) = mpsc::channel(PAGES_MAX);
        let (plan_jobs, plan_jobs_received) = mpsc::channel(PLAN_JOBS_MAX);
        let (orders, orders_received) = mpsc::channel(ORDERS_MAX);
        let (lessons, lectures) = Lessons::channel();
        let scheduled = Arc::new(AtomicUsize::new(0));
        let draining = CancellationToken::new();
        let (load_sender, load) = watch::channel(EngineLoad::default());
        let (tasks, stop, drained) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let changes = Arc::new(AtomicU64::new(0));
        let changed = Arc::new(Changed::default());

        let names = Arc::clone(&store);
        let name_of = move |id| names.origin(id).map(|of| of.origin.as_str().to_owned()).unwrap_or_default();
        let core = Core::new(settings.clone(), OriginNames(Box::new(name_of)), seed);
        let reapers = Arc::new(Reapers {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            applications: applications.clone(),
            rules: Rules::of(&settings),
            suspected: reap::Suspected::default(),
            inputs: inputs.clone(),
            changes: Arc::clone(&changes),
            metrics: Arc::clone(&metrics),
            idle_interval: retention.interval.min(reap::IDLE_INTERVAL_MAX),
            tasks: tasks.clone(),
            stop: stop.clone(),
            known: std::sync::Mutex::default(),
        });
        let planner = Planner {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            jobs: plan_jobs_received,
            pages,
            changes: Arc::clone(&changes),
            chunk: settings.plan_chunk,
            load: load.clone(),
            metrics: Arc::clone(&metrics),
            stop: stop.clone(),
        };
        let scheduler = Scheduler {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            orders: orders_received,
            core: inputs.clone(),
            plan_jobs: plan_jobs.clone(),
            changes: Arc::clone(&changes),
            waiting: Arc::clone(&scheduled),
            draining: draining.clone(),
        };
        let learner = Learner {
            store: Arc::clone(&store),
            lectures,
            inputs: inputs.clone(),
            changes: Arc::clone(&changes),
            metrics: Arc::clone(&metrics),
            stop: stop.clone(),
        };
        let trimmer = Trimmer {
            store: Arc::clone(&store),
            retention: Retention {
                events: retention.events,
                messages: retention.messages,
                changes: retention.changes,
                removed: retention.removed_subscriptions,
            },
            interval: retention.interval,
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            stop: stop.clone(),
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let attempter = Attempter {
            store: Arc::clone(&store),
            transport: Arc::clone(&transport),
            clock: Arc::clone(&clock),
            applications: applications.clone(),
            tokens: Arc::clone(&signed),
            receipt_tokens: receipt_tokens.clone(),
            changed: Arc::clone(&changed),
            receipt_window: receipts.window,
            settings: attempts,
            metrics: Arc::clone(&metrics),
            exhaustion: Exhaustion::default(),
        };
        let batches = Batches {
            attempter: Arc::new(attempter),
            lessons,
            reports: reports.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
            preparers_max: PREPARERS_EACH_CORE * cores,
            waiting: std::sync::Mutex::default(),
        };
        let driver = Driver {
            core,
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            batches: Arc::new(batches),
            inputs: inputs_received,
            pages: pages_received,
            reports,
            reported,
            changes: Arc::clone(&changes),
            reapers: Arc::clone(&reapers),
            load: load_sender,
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
            recovered: HashMap::new(),
            disk: store.disk(),
            stop: stop.clone(),
            drained: drained.clone(),
        };
        tasks.spawn(driver.run());
        for application in applications.ids() {
            // Before the first attempt: what is recorded as gone must not be attempted again.
            reapers.start(application).await?;
        }
        tasks.spawn(planner.run());
        tasks.spawn(scheduler.run());
        tasks.spawn(learner.run());
        let (desk, recorder) = Desk::new(
            receipt_tokens,
            Arc::clone(&clock),
            &receipts,
            Arc::clone(&store),
            Arc::clone(&metrics),
            stop.clone(),
        );
        tasks.spawn(recorder);
        let stop_streams = CancellationToken::new();
        let feeds = Feeds::new(FeedParts {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            receipt_window: receipts.window,
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
            stop: stop_streams.clone(),
        });
        let engine = Self {
            store,
            transport,
            clock,
            applications,
            signed,
            reapers,
            feeds: Arc::new(feeds),
            desk: Arc::new(desk),
            orders,
            scheduled,
            inputs,
            plan_jobs,
            changes,
            changed,
            load,
            metrics,
            tasks,
            draining,
            drained,
            stop,
            stop_streams,
            shutdown_grace: settings.shutdown_grace,
            max_messages: settings.max_messages,
            max_waiting_deliveries: settings.max_waiting_deliveries,
            log_octets_max: retention.log_octets_max,
        };
        for application in engine.applications.all() {
            engine.application_changed(Arc::clone(&application)).await?;
            if application.vapid_keys.iter().any(|key| key.retired.is_some()) {
                engine.disable_orphans(application.id);
            }
        }
        engine.recover().await?;
        for application in deleted {
            engine.application_deleted(application);
        }
        engine.tasks.spawn(trimmer.run());
        engine.tasks.spawn(stop_on_failure(engine.clone()));
        Ok(engine)
    }

    /// Accepts a message: durable when this returns, and on its way. It runs to its end even if the caller goes away.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(
        &self,
        application: &Arc<Application>,
        submission: Submission,
    ) -> Result<Accepted, SubmitError> {
        if self.draining.is_cancelled() {
            return Err(SubmitError::Draining);
        }
        if self.load().messages + self.scheduled.load(Ordering::SeqCst) >= self.max_messages {
            return Err(SubmitError::TooManyMessages);
        }
        if self.store.log_octets() >= self.log_octets_max {
            return Err(SubmitError::LogFull);
        }
        let (engine, application) = (self.clone(), Arc::clone(application));
        let submitted = self.tasks.spawn(async move { engine.accept(&application, submission).await });
        match submitted.await {
            Ok(accepted) => accepted,
            // Only the end of the runtime, or a panic, ends the task before its time.
            Err(error) => Err(StoreError::Unavailable(error.to_string()).into()),
        }
    }

    async fn accept(
        &self,
        application: &Arc<Application>,
        submission: Submission,
    ) -> Result<Accepted, SubmitError> {
        let Submission { kind, spec, recipients, request_id, request_hash, start, collapse, as_of } =
            submission;
        let spec = Arc::new(spec);
        let targets_estimate = match &recipients {
            Recipients::Targets(targets) => u32::try_from(targets.len()).unwrap_or(u32::MAX),
            Recipients::Audience(audience) => self.store.estimate(application.id, audience).await?,
        };
        if self.load().waiting_deliveries + u64::from(targets_estimate) > self.max_waiting_deliveries {
            return Err(SubmitError::TooManyDeliveries);
        }
        let to_plan = matches!(recipients, Recipients::Audience(_));
        let start = start.filter(|start| *start > self.clock.now());
        let new = NewMessage {
            application: application.id,
            kind,
            spec: Arc::clone(&spec),
            recipients,
            request_id,
            request_hash,
            targets_estimate,
            start,
            collapse,
        };
        let mut accepted = self.store.accept(new).await?;
        let durable_at = Instant::now();
        failpoint("accepted");
        if accepted.replayed {
            return Ok(accepted);
        }
        self.metrics.message_accepted(kind);
        if let Some(message) = accepted.superseded {
            self.input(Input::MessageStopped { message, reason: Stop::Superseded }).await;
        }
        let status = &accepted.record.status;
        let message = Arc::new(ActiveMessage {
            application: Arc::clone(application),
            id: status.id,
            kind,
            spec,
            expires: status.expires,
            durable_at: start.is_none().then_some(durable_at),
            waiting: targets_estimate,
            stop: OnceLock::new(),
        });
        if let Some(start) = start {
            self.schedule(Scheduled { message, start, to_plan }).await;
            return Ok(accepted);
        }
        self.input(Input::Message(Arc::clone(&message))).await;
        for page in accepted.pages.drain(..) {
            self.input(Input::PageWritten { page, as_of }).await;
        }
        if to_plan {
            // It fails only when the engine has stopped; then the next start plans it.
            let _ = self.plan_jobs.send(PlanJob::new(message)).await;
        }
        Ok(accepted)
    }

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

    async fn schedule(&self, scheduled: Scheduled) {
        self.scheduled.fetch_add(1, Ordering::SeqCst);
        // It fails only when the engine has stopped: the next start finds it.
        let _ = self.orders.send(Order::Add(scheduled)).await;
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
        self.feeds.watch(watch)
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

/// Once the store can write no more, nothing is attempted: its outcome could not be recorded.
async fn stop_on_failure(engine: Engine) {
    let stop = engine.stop.clone();
    let failed = async {
        engine.store.failed().await;
        tracing::error!("the store can write no more: nothing is attempted until a restart");
        engine.input(Input::Drain).await;
    };
    stop.run_until_cancelled_owned(failed).await;
}
