//! Planning: audiences become pages. One task plans all messages in turn, a chunk each, so that a small broadcast does not
//! wait for a big one. It never waits for a lane: pages that find no room in memory wait in the store.
//!
//! Of a message that was stopped or is out of time, the rest of the audience becomes events instead: nothing is to be
//! attempted any more, and every delivery has its end.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{Clock, DeliveryEvent, DeliveryState, EngineLoad, Outcome, SubscriptionId, Target};
use crate::store::types::EntryState;
use crate::store::{
    GroupId, Missing, NewPage, Owner, PageEntry, PageHead, PageKey, Plan, PlanStep, Store, StoreError,
    StoredEntry, StoredPage,
};

use super::core::{ActiveMessage, GONE_MAX, Input};
use super::journal;
use crate::observe::Metrics;

/// How long planning waits when the store does not answer.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// A message to plan.
#[derive(Debug)]
pub(super) struct PlanJob {
    message: Arc<ActiveMessage>,
    plan: Plan,
    /// Targets that are in pages already although they lie behind the cursor: a crash, or a failure, came between.
    paged: HashSet<SubscriptionId>,
    /// The pages they are in, for the core once the cursor has passed them. If one settled before that, and the process
    /// ended, nothing would tell that its targets are planned.
    held: Vec<PageHead>,
    /// Not before: the store did not answer.
    not_before: Option<Instant>,
}

impl PlanJob {
    /// A message of which nothing is planned.
    pub(super) fn new(message: Arc<ActiveMessage>) -> Self {
        Self { message, plan: Plan::default(), paged: HashSet::new(), held: Vec::new(), not_before: None }
    }

    /// A message that an earlier run began to plan. Takes the heads of the pages behind its cursor out of `heads`.
    pub(super) async fn resume(
        store: &dyn Store,
        message: Arc<ActiveMessage>,
        plan: Plan,
        heads: &mut Vec<PageHead>,
    ) -> Result<Self, StoreError> {
        // Few messages have any; heads are many.
        let held = if plan.first_page < plan.next_page {
            let id = message.id;
            let behind = |head: &mut PageHead| head.key.message == id && head.key.number >= plan.first_page;
            heads.extract_if(.., behind).collect()
        } else {
            Vec::new()
        };
        let mut job = Self { message, plan, paged: HashSet::new(), held, not_before: None };
        job.read_pages(store).await?;
        Ok(job)
    }

    /// Reads which targets behind the cursor are in pages.
    async fn read_pages(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        for number in self.plan.first_page..self.plan.next_page {
            let key = PageKey { message: self.message.id, number };
            self.paged.extend(store.page_ids(self.message.application.id, key).await?);
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Planner {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jobs: mpsc::Receiver<PlanJob>,
    /// To the core: a few pages at most wait here.
    pub(super) pages: mpsc::Sender<Input>,
    /// Counts changes of subscriptions; see [`Input::SubscriptionChanged`].
    pub(super) changes: Arc<AtomicU64>,
    pub(super) chunk: usize,
    /// Tells when too many subscriptions that are gone wait to be removed.
    pub(super) load: watch::Receiver<EngineLoad>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Planner {
    /// Plans until it is stopped; what is not done then, the next start goes on with.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let mut turns: VecDeque<PlanJob> = VecDeque::new();
        loop {
            let now = Instant::now();
            let ready = turns.iter().position(|job| job.not_before.is_none_or(|at| at <= now));
            let next_try = turns.iter().filter_map(|job| job.not_before).min();
            let job = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                job = self.jobs.recv() => job,
                () = std::future::ready(()), if ready.is_some() => None,
                () = sleep_until(next_try.unwrap_or(now)), if next_try.is_some() => continue,
            };
            if let Some(job) = job {
                turns.push_back(job);
                continue;
            }
            let Some(mut job) = ready.and_then(|place| turns.remove(place)) else { return };
            tokio::select! {
                () = stop.cancelled() => return,
                // It fails only when the engine has stopped.
                _ = self.load.wait_for(|load| load.gone < GONE_MAX) => {}
            }
            match self.step(&mut job).await {
                Ok(true) => {}
                Ok(false) => turns.push_back(job),
                Err(error) => {
                    // The store tells of a full disk once for all who wait.
                    if !matches!(error, StoreError::DiskFull { .. }) {
                        tracing::error!(message_id = %job.message.id, %error, "planning failed; trying again");
                    }
                    job.not_before = Some(Instant::now() + STORE_RETRY);
                    turns.push_back(job);
                }
            }
        }
    }

    /// Plans one chunk; `true` when it was the last.
    async fn step(&self, job: &mut PlanJob) -> Result<bool, StoreError> {
        if job.not_before.is_some() {
            // The step that failed may have written pages.
            job.read_pages(&*self.store).await?;
            job.not_before = None;
        }
        let message = Arc::clone(&job.message);
        let as_of = self.changes.load(Ordering::SeqCst);
        let application = message.application.id;
        let chunk = self.store.audience(application, message.id, &job.plan.cursor, self.chunk).await?;
        let targets: Vec<_> =
            chunk.targets.into_iter().filter(|target| !job.paged.contains(&target.id)).collect();
        let mut ended: Vec<_> =
            chunk.missing.into_iter().map(|missing| self.not_found(&message, missing)).collect();
        let pages = match self.why_not(&message) {
            None => self.page(&message, targets, &mut job.plan.next_page),
            Some((state, outcome)) => {
                ended.extend(targets.into_iter().map(|target| self.ended(&message, target, state, outcome)));
                Vec::new()
            }
        };
        for event in &ended {
            let age = event.time.since(message.id.time());
            self.metrics.delivery_ended(message.kind, event.state, event.outcome, age);
        }
        let step = PlanStep {
            application,
            message: message.id,
            kind: message.kind,
            pages: pages.iter().map(|(new, _)| new.clone()).collect(),
            cursor: Some(chunk.cursor.clone()),
            ended,
            done: chunk.done,
        };
        let ended = self.store.plan(step).await?;
        job.plan.cursor = chunk.cursor;
        job.plan.first_page = job.plan.next_page;
        for head in job.held.drain(..) {
            // It fails only when the engine has stopped.
            let _ = self.pages.send(Input::PageFound(head)).await;
        }
        for (_, page) in pages {
            // It fails only when the engine has stopped.
            let _ = self.pages.send(Input::PageWritten { page, as_of }).await;
        }
        if ended {
            let _ = self.pages.send(Input::MessageEnded(message.id)).await;
            journal::ended(&*self.store, message.application.id, &[(message.id, message.kind)]).await;
        }
        Ok(chunk.done)
    }

    /// Divides targets into pages by group.
    fn page(
        &self,
        message: &ActiveMessage,
        targets: Vec<Target>,
        next_page: &mut u32,
    ) -> Vec<(NewPage, StoredPage)> {
        let mut groups: BTreeMap<GroupId, Vec<Target>> = BTreeMap::new();
        for target in targets {
            groups.entry(GroupId::of(target.origin)).or_default().push(target);
        }
        let due = self.clock.now();
        let mut pages = Vec::new();
        for (group, targets) in groups {
            let mut targets = targets.into_iter().peekable();
            while targets.peek().is_some() {
                let key = PageKey { message: message.id, number: *next_page };
                *next_page += 1;
                let entries: Vec<_> = targets
                    .by_ref()
                    .take(PAGE_DELIVERIES_MAX)
                    .map(|target| StoredEntry {
                        id: target.id,
                        state: EntryState::Waiting,
                        target: Some(target),
                        departed: None,
                    })
                    .collect();
                let planned = |entry: &StoredEntry| {
                    let user = entry.target.as_ref().map_or("", |target| &target.user_id);
                    PageEntry::Stored(entry.id, Owner::of(user))
                };
                let ids = entries.iter().map(planned).collect();
                let head = PageHead {
                    application: message.application.id,
                    key,
                    group,
                    kind: message.kind,
                    due,
                    starts: 0,
                };
                let new = NewPage { number: key.number, group, entries: ids, due };
                pages.push((new, StoredPage { head, entries }));
            }
        }
        pages
    }

    /// How deliveries of a message end that are not planned, if they are not to be.
    fn why_not(&self, message: &ActiveMessage) -> Option<(DeliveryState, Outcome)> {
        match message.stop.get() {
            Some(stop) => Some((DeliveryState::Cancelled, stop.outcome())),
            None => (message.ends_at() <= self.clock.now())
                .then_some((DeliveryState::Expired, Outcome::Unspecified)),
        }
    }

    /// The event of a member that is not planned.
    fn ended(
        &self,
        message: &ActiveMessage,
        target: Target,
        state: DeliveryState,
        outcome: Outcome,
    ) -> DeliveryEvent {
        DeliveryEvent {
            subscription: Some(target.id),
            generation: target.generation,
            origin: target.endpoint.origin().as_str().to_owned(),
            user_id: target.user_id,
            state,
            outcome,
            ..self.without_attempt(message)
        }
    }

    /// The event of a listed member that is not there, or not the one that was listed.
    fn not_found(&self, message: &ActiveMessage, missing: Missing) -> DeliveryEvent {
        let (subscription, user_id, detail) = match missing {
            Missing::Subscription(id) => (Some(id), String::new(), ""),
            Missing::User(user_id) => (None, user_id, ""),
            Missing::Departed(id, why) => (Some(id), String::new(), why.detail()),
        };
        DeliveryEvent { subscription, user_id, detail: detail.to_owned(), ..self.without_attempt(message) }
    }

    fn without_attempt(&self, message: &ActiveMessage) -> DeliveryEvent {
        DeliveryEvent {
            message: message.id,
            subscription: None,
            generation: 0,
            user_id: String::new(),
            origin: String::new(),
            state: DeliveryState::Failed,
            outcome: Outcome::NotFound,
            attempt: 0,
            http_status: None,
            time: self.clock.now(),
            next_attempt: None,
            latency: None,
            granted_ttl: None,
            detail: String::new(),
            past: Vec::new(),
        }
    }
}
