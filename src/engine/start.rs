//! The wiring: the engine's handle and its tasks, what each is given, and the order in which they start.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{Application, Clock, EngineLoad};
use crate::observe::Metrics;
use crate::store::{AuditRetention, Retention, Store, StoreError};
use crate::transport::Transport;

use super::Engine;
use super::applications::Applications;
use super::attempt::{AttemptSettings, Attempter};
use super::batches::{Batches, PREPARERS_EACH_CORE};
use super::changed::Changed;
use super::core::{Core, Input, OriginNames};
use super::driver::Driver;
use super::exhaustion::Exhaustion;
use super::feed::{FeedParts, Feeds};
use super::judge::Rules;
use super::learn::{Learner, Lectures, Lessons};
use super::plan::{PlanJob, Planner};
use super::reap;
use super::reapers::Reapers;
use super::receipt_token::ReceiptTokens;
use super::receipts::{Desk, ReceiptSettings};
use super::schedule::{Order, Scheduler};
use super::settings::{EngineSettings, RetentionSettings};
use super::tokens::Tokens;
use super::trim::Trimmer;

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

/// The ends of the handle's channels, each for one task.
struct Ends {
    inputs: mpsc::Receiver<Input>,
    plan_jobs: mpsc::Receiver<PlanJob>,
    orders: mpsc::Receiver<Order>,
    load: watch::Sender<EngineLoad>,
}

impl Engine {
    /// Recovers what an earlier run left and starts. When this returns, everything recorded is known again and attempts
    /// go on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn start(parts: EngineParts) -> Result<Self, StoreError> {
        for application in &parts.deleted {
            parts.applications.put_nameless(Arc::clone(application));
        }
        let receipt_tokens = ReceiptTokens::of(&*parts.store).await?;
        let (store, clock) = (Arc::clone(&parts.store), Arc::clone(&parts.clock));
        let signed = Tokens::load(store, clock, parts.applications.clone()).await?;
        let stop = CancellationToken::new();
        let (desk, recorder) = Desk::new(
            receipt_tokens.clone(),
            Arc::clone(&parts.clock),
            &parts.receipts,
            Arc::clone(&parts.store),
            Arc::clone(&parts.metrics),
            stop.clone(),
        );
        let (engine, ends) = Self::assemble(&parts, signed, desk, stop);
        let (pages, written) = mpsc::channel(PAGES_MAX);
        let (lessons, lectures) = Lessons::channel();
        let attempter = engine.attempter(receipt_tokens, &parts);
        let core = engine.core(parts.settings.clone(), parts.seed);
        let driver = engine.driver(core, attempter, lessons, ends.inputs, written, ends.load);
        engine.tasks.spawn(driver.run());
        for application in engine.applications.ids() {
            // Before the first attempt: what is recorded as gone must not be attempted again.
            engine.reapers.start(application).await?;
        }
        engine.tasks.spawn(engine.planner(ends.plan_jobs, pages, parts.settings.plan_chunk).run());
        engine.tasks.spawn(engine.scheduler(ends.orders).run());
        engine.tasks.spawn(engine.learner(lectures).run());
        engine.tasks.spawn(recorder);
        for application in engine.applications.all() {
            engine.application_changed(Arc::clone(&application)).await?;
            if application.vapid_keys.iter().any(|key| key.retired.is_some()) {
                engine.disable_orphans(application.id);
            }
        }
        engine.recover().await?;
        for application in parts.deleted {
            engine.application_deleted(application);
        }
        engine.tasks.spawn(engine.trimmer(&parts.retention).run());
        engine.tasks.spawn(engine.clone().show_lanes());
        engine.tasks.spawn(engine.clone().count_subscriptions());
        engine.tasks.spawn(stop_on_failure(engine.clone()));
        Ok(engine)
    }

    /// The handle, before anything runs.
    fn assemble(parts: &EngineParts, signed: Tokens, desk: Desk, stop: CancellationToken) -> (Self, Ends) {
        let EngineParts {
            store, transport, clock, applications, settings, retention, receipts, metrics, ..
        } = parts;
        let (inputs, inputs_received) = mpsc::channel(INPUTS_MAX);
        let (plan_jobs, plan_jobs_received) = mpsc::channel(PLAN_JOBS_MAX);
        let (orders, orders_received) = mpsc::channel(ORDERS_MAX);
        let (load_sender, load) = watch::channel(EngineLoad::default());
        let changes = Arc::new(AtomicU64::new(0));
        let (tasks, stop_streams) = (TaskTracker::new(), CancellationToken::new());
        let reapers = Reapers {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            applications: applications.clone(),
            rules: Rules::of(settings),
            suspected: reap::Suspected::default(),
            inputs: inputs.clone(),
            changes: Arc::clone(&changes),
            metrics: Arc::clone(metrics),
            idle_interval: retention.interval.min(reap::IDLE_INTERVAL_MAX),
            tasks: tasks.clone(),
            stop: stop.clone(),
            known: std::sync::Mutex::default(),
        };
        let feeds = Feeds::new(FeedParts {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            receipt_window: receipts.window,
            metrics: Arc::clone(metrics),
            tasks: tasks.clone(),
            stop: stop_streams.clone(),
        });
        let engine = Self {
            store: Arc::clone(store),
            transport: Arc::clone(transport),
            clock: Arc::clone(clock),
            applications: applications.clone(),
            signed: Arc::new(signed),
            reapers: Arc::new(reapers),
            feeds: Arc::new(feeds),
            desk: Arc::new(desk),
            orders,
            scheduled: Arc::new(AtomicUsize::new(0)),
            inputs,
            plan_jobs,
            changes,
            changed: Arc::new(Changed::default()),
            load,
            metrics: Arc::clone(metrics),
            tasks,
            draining: CancellationToken::new(),
            drained: CancellationToken::new(),
            stop,
            stop_streams,
            shutdown_grace: settings.shutdown_grace,
            max_messages: settings.max_messages,
            max_waiting_deliveries: settings.max_waiting_deliveries,
            log_octets_max: retention.log_octets_max,
        };
        let ends = Ends {
            inputs: inputs_received,
            plan_jobs: plan_jobs_received,
            orders: orders_received,
            load: load_sender,
        };
        (engine, ends)
    }

    fn core(&self, settings: EngineSettings, seed: u64) -> Core {
        let names = Arc::clone(&self.store);
        let name_of = move |id| names.origin(id).map(|of| of.origin.as_str().to_owned()).unwrap_or_default();
        Core::new(settings, OriginNames(Box::new(name_of)), seed)
    }

    fn attempter(&self, receipt_tokens: ReceiptTokens, parts: &EngineParts) -> Attempter {
        Attempter {
            transport: Arc::clone(&self.transport),
            clock: Arc::clone(&self.clock),
            applications: self.applications.clone(),
            tokens: Arc::clone(&self.signed),
            receipt_tokens,
            changed: Arc::clone(&self.changed),
            receipt_window: parts.receipts.window,
            settings: parts.attempts.clone(),
            metrics: Arc::clone(&self.metrics),
            exhaustion: Exhaustion::default(),
        }
    }

    fn driver(
        &self,
        core: Core,
        attempter: Attempter,
        lessons: Lessons,
        inputs: mpsc::Receiver<Input>,
        pages: mpsc::Receiver<Input>,
        load: watch::Sender<EngineLoad>,
    ) -> Driver {
        let (reports, reported) = mpsc::channel(INPUTS_MAX);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let batches = Batches {
            attempter: Arc::new(attempter),
            lessons,
            reports: reports.clone(),
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
            preparers_max: PREPARERS_EACH_CORE * cores,
            waiting: std::sync::Mutex::default(),
        };
        Driver {
            core,
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            batches: Arc::new(batches),
            inputs,
            pages,
            reports,
            reported,
            changes: Arc::clone(&self.changes),
            reapers: Arc::clone(&self.reapers),
            load,
            metrics: Arc::clone(&self.metrics),
            tasks: self.tasks.clone(),
            recovered: HashMap::new(),
            disk: self.store.disk(),
            stop: self.stop.clone(),
            drained: self.drained.clone(),
        }
    }

    fn planner(&self, jobs: mpsc::Receiver<PlanJob>, pages: mpsc::Sender<Input>, chunk: usize) -> Planner {
        Planner {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            jobs,
            pages,
            changes: Arc::clone(&self.changes),
            chunk,
            load: self.load.clone(),
            metrics: Arc::clone(&self.metrics),
            stop: self.stop.clone(),
        }
    }

    fn scheduler(&self, orders: mpsc::Receiver<Order>) -> Scheduler {
        Scheduler {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            orders,
            core: self.inputs.clone(),
            plan_jobs: self.plan_jobs.clone(),
            changes: Arc::clone(&self.changes),
            waiting: Arc::clone(&self.scheduled),
            draining: self.draining.clone(),
        }
    }

    fn learner(&self, lectures: Lectures) -> Learner {
        Learner {
            store: Arc::clone(&self.store),
            lectures,
            inputs: self.inputs.clone(),
            changes: Arc::clone(&self.changes),
            metrics: Arc::clone(&self.metrics),
            stop: self.stop.clone(),
        }
    }

    fn trimmer(&self, retention: &RetentionSettings) -> Trimmer {
        Trimmer {
            store: Arc::clone(&self.store),
            retention: Retention {
                events: retention.events,
                messages: retention.messages,
                changes: retention.changes,
                removed: retention.removed_subscriptions,
            },
            audit: AuditRetention { age: retention.audit, octets_max: retention.audit_octets_max },
            interval: retention.interval,
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            stop: self.stop.clone(),
        }
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
