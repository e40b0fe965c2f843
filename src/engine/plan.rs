//! Planning: audiences become pages. One task plans all messages in turn, a chunk each, so that a small broadcast does not
//! wait for a big one. It never waits for a lane: pages that find no room in memory wait in the store.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{Clock, DeliveryEvent, DeliveryState, Outcome, SubscriptionId, Target};
use crate::store::types::EntryState;
use crate::store::{
    GroupId, Missing, NewPage, PageEntry, PageHead, PageKey, Plan, PlanStep, Store, StoreError, StoredEntry,
    StoredPage,
};

use super::core::{ActiveMessage, Input};

/// How long planning waits when the store does not answer.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// A message to plan.
#[derive(Debug)]
pub(super) struct PlanJob {
    pub(super) message: Arc<ActiveMessage>,
    pub(super) plan: Plan,
}

/// A job under way.
#[derive(Debug)]
struct Planning {
    job: PlanJob,
    /// Targets that are in pages already although they lie behind the cursor: a crash came between.
    paged: HashSet<SubscriptionId>,
    prepared: bool,
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
    pub(super) stop: CancellationToken,
}

impl Planner {
    /// Plans until it is stopped; what is not done then, the next start goes on with.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        let mut turns: VecDeque<Planning> = VecDeque::new();
        loop {
            let job = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                job = self.jobs.recv() => job,
                () = std::future::ready(()), if !turns.is_empty() => None,
            };
            if let Some(job) = job {
                turns.push_back(Planning { job, paged: HashSet::new(), prepared: false });
                continue;
            }
            let Some(mut planning) = turns.pop_front() else { return };
            match self.step(&mut planning).await {
                Ok(true) => {}
                Ok(false) => turns.push_back(planning),
                Err(error) => {
                    tracing::error!(message = %planning.job.message.id, %error, "planning failed; trying again");
                    turns.push_back(planning);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(STORE_RETRY) => {}
                    }
                }
            }
        }
    }

    /// Plans one chunk; `true` when it was the last.
    async fn step(&self, planning: &mut Planning) -> Result<bool, StoreError> {
        let message = Arc::clone(&planning.job.message);
        if !planning.prepared {
            for number in planning.job.plan.first_page..planning.job.plan.next_page {
                let key = PageKey { message: message.id, number };
                planning.paged.extend(self.store.page_ids(key).await?);
            }
            planning.prepared = true;
        }
        let as_of = self.changes.load(Ordering::SeqCst);
        let application = message.application.id;
        let plan = &mut planning.job.plan;
        let chunk = self.store.audience(application, message.id, &plan.cursor, self.chunk).await?;
        let targets = chunk.targets.into_iter().filter(|target| !planning.paged.contains(&target.id));
        let pages = self.page(&message, targets.collect(), &mut plan.next_page);
        let missing = chunk.missing.into_iter().map(|missing| self.not_found(&message, missing)).collect();
        let step = PlanStep {
            application,
            message: message.id,
            kind: message.kind,
            pages: pages.iter().map(|(new, _)| new.clone()).collect(),
            cursor: Some(chunk.cursor.clone()),
            missing,
            done: chunk.done,
        };
        let ended = self.store.plan(step).await?;
        plan.cursor = chunk.cursor;
        plan.first_page = plan.next_page;
        planning.paged.clear();
        for (_, page) in pages {
            // It fails only when the engine has stopped.
            let _ = self.pages.send(Input::PageWritten { page, as_of }).await;
        }
        if ended {
            let _ = self.pages.send(Input::MessageEnded(message.id)).await;
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
            // Every origin that a stored target has was given its number by the store.
            let group = self.store.origin(target.origin).map_or(GroupId(0), |origin| origin.group);
            groups.entry(group).or_default().push(target);
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
                    })
                    .collect();
                let ids = entries.iter().map(|entry| PageEntry::Stored(entry.id)).collect();
                let head =
                    PageHead { application: message.application.id, key, group, kind: message.kind, due };
                let new = NewPage { number: key.number, group, entries: ids, due };
                pages.push((new, StoredPage { head, entries }));
            }
        }
        pages
    }

    /// The event of a listed member that is not there.
    fn not_found(&self, message: &ActiveMessage, missing: Missing) -> DeliveryEvent {
        let (subscription, user_id) = match missing {
            Missing::Subscription(id) => (Some(id), String::new()),
            Missing::User(user_id) => (None, user_id),
        };
        DeliveryEvent {
            message: message.id,
            subscription,
            generation: 0,
            user_id,
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
