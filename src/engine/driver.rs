//! Runs the core: takes inputs in, carries effects out, and sleeps until the next thing is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OnceCell, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{Clock, EngineLoad, MessageKind};
use crate::failpoint::failpoint;
use crate::store::{Commit, Disk, PageKey, Room, Store, StoreError};

use super::batches::Batches;
use super::clock::{Jump, JumpWatch};
use super::core::{Core, Effect, Input, Now};
use super::journal;
use super::reap;
use super::reapers::Reapers;
use crate::observe::Metrics;

/// Inputs that are taken in before effects are carried out.
const BATCH: usize = 256;
/// How long a read or a commit waits when the store does not answer.
const STORE_RETRY: Duration = Duration::from_millis(200);
/// The wall clock is looked at this often at least: due times are wall time, and somebody may set it.
const RECHECK: Duration = Duration::from_secs(10);

pub(super) struct Driver {
    pub(super) core: Core,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) batches: Arc<Batches>,
    pub(super) inputs: mpsc::Receiver<Input>,
    /// Pages of broadcasts: a channel of their own, because each holds hundreds of targets.
    pub(super) pages: mpsc::Receiver<Input>,
    /// For what effects report: a channel of their own, so that a Send does not wait behind the answers of a broadcast.
    pub(super) reports: mpsc::Sender<Input>,
    pub(super) reported: mpsc::Receiver<Input>,
    pub(super) changes: Arc<AtomicU64>,
    pub(super) reapers: Arc<Reapers>,
    pub(super) load: watch::Sender<EngineLoad>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tasks: TaskTracker,
    /// Pages that recovery found and of which nothing was recorded since; filled once that they start is.
    pub(super) recovered: HashMap<PageKey, Arc<OnceCell<()>>>,
    /// What cannot be recorded is not posted.
    pub(super) disk: watch::Receiver<Disk>,
    pub(super) stop: CancellationToken,
    pub(super) drained: CancellationToken,
}

impl Driver {
    /// Runs until it is stopped.
    pub(super) async fn run(mut self) {
        let (mut batch, mut reports) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut draining = false;
        let mut jumps = JumpWatch::default();
        self.disk.mark_changed();
        loop {
            let idle = self.core.idle_for(self.now()).map_or(RECHECK, |idle| idle.min(RECHECK));
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = self.inputs.recv_many(&mut batch, BATCH) => {}
                _ = self.reported.recv_many(&mut reports, BATCH) => {}
                Some(page) = self.pages.recv() => reports.push(page),
                Ok(()) = self.disk.changed() => {
                    let is_full = self.disk.borrow_and_update().room != Room::Enough;
                    reports.push(Input::DiskFull(is_full));
                }
                () = tokio::time::sleep(idle) => {}
            }
            // The message of a page was handed in before the page was planned: it must be taken in before it.
            while let Ok(input) = self.inputs.try_recv() {
                batch.push(input);
            }
            let now = self.now();
            if let Some(jump) = jumps.look(now) {
                self.tell_of(jump);
            }
            for input in batch.drain(..).chain(reports.drain(..)) {
                draining |= matches!(input, Input::Drain);
                if let Input::PageFound(head) = &input {
                    self.recovered.insert(head.key, Arc::default());
                }
                self.core.take(now, input);
            }
            for effect in self.core.advance(now) {
                self.carry_out(effect);
            }
            let load = self.core.load();
            self.load.send_replace(load);
            self.metrics.engine_holds(load);
            self.metrics.lanes_changed(self.core.take_lane_changes());
            if draining && self.core.is_drained() {
                self.drained.cancel();
            }
        }
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.now(), monotonic: Instant::now() }
    }

    fn tell_of(&self, jump: Jump) {
        match jump {
            Jump::Forward(by) => {
                tracing::warn!(?by, "the wall clock jumped forward: what became due goes on");
            }
            Jump::Backward(by) => tracing::warn!(?by, "the wall clock jumped back: what waits waits longer"),
        }
        self.metrics.clock_jumped();
    }

    fn carry_out(&mut self, effect: Effect) {
        let reports = self.reports.clone();
        match effect {
            Effect::Start(attempt) => {
                let batches = Arc::clone(&self.batches);
                let (application, page) = (attempt.message.application.id, attempt.entry.page);
                let Some(noted) = self.recovered.get(&page).cloned() else { return batches.make(attempt) };
                let store = Arc::clone(&self.store);
                self.spawn(async move {
                    // Whatever this attempt does to the process, the next start knows that it was begun.
                    let note = || store.page_taken_up(application, vec![page]);
                    let note = async || _ = persist("noting that a page starts", note).await;
                    noted.get_or_init(note).await;
                    batches.make(attempt);
                });
            }
            Effect::Lookup { entry, application, subscription } => {
                let (store, as_of) = (Arc::clone(&self.store), self.changes.load(Ordering::SeqCst));
                self.spawn(async move {
                    let find = || store.addressee(application, entry.page.message, subscription);
                    let found = persist("looking a subscription up", find).await.unwrap_or_default();
                    let _ = reports.send(Input::TargetFound { entry, found, as_of }).await;
                });
            }
            Effect::Load(head) => {
                let (store, as_of) = (Arc::clone(&self.store), self.changes.load(Ordering::SeqCst));
                let metrics = Arc::clone(&self.metrics);
                self.spawn(async move {
                    let found = persist("loading a page", || store.page(head.application, head.key)).await;
                    let page = found.unwrap_or_default();
                    let entries = page.iter().flat_map(|page| &page.entries);
                    metrics.targets_loaded(entries.filter(|entry| entry.target.is_some()).count());
                    let _ = reports.send(Input::PageLoaded { head, page, as_of }).await;
                });
            }
            Effect::Commit { commit, kinds } => {
                if !self.recovered.is_empty() {
                    for page in commit.messages.iter().flat_map(|message| &message.pages) {
                        self.recovered.remove(&page.update.key);
                    }
                }
                let (commit, metrics) = (Arc::new(commit), Arc::clone(&self.metrics));
                let (store, evidence) = (Arc::clone(&self.store), self.reapers.evidence(commit.application));
                self.spawn(async move {
                    let application = commit.application;
                    let ring = evidence.filter(|_| has_evidence(&commit));
                    let started = Instant::now();
                    let committed = persist("a commit", || store.commit(Arc::clone(&commit))).await;
                    failpoint("commit-synced");
                    count(&metrics, &commit, &kinds, committed.is_some(), started.elapsed());
                    if let Some(ring) = ring {
                        ring.notify_one();
                    }
                    let ended = committed.unwrap_or_default();
                    let messages = commit.messages.iter().map(|of| of.message).zip(kinds);
                    let told: Vec<_> =
                        messages.filter(|(id, kind)| journal::is_read(*kind) && ended.contains(id)).collect();
                    let _ = reports.send(Input::Committed { application, ended }).await;
                    journal::ended(&*store, application, &told).await;
                });
            }
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(work).map(|_| ()));
    }
}

fn has_evidence(commit: &Commit) -> bool {
    let pages = commit.messages.iter().flat_map(|message| &message.pages);
    pages.flat_map(|page| &page.events).any(|event| reap::evidence(event).is_some())
}

/// Counts what a commit recorded, once it is durable.
fn count(metrics: &Metrics, commit: &Commit, kinds: &[MessageKind], durable: bool, duration: Duration) {
    let mut outcomes = 0;
    for (message, kind) in commit.messages.iter().zip(kinds) {
        for event in message.pages.iter().flat_map(|page| &page.events) {
            outcomes += 1;
            if durable && event.state.is_terminal() {
                let age = event.time.since(message.message.time());
                metrics.delivery_ended(*kind, event.state, event.outcome, age);
            }
        }
    }
    metrics.commit_ended(durable, outcomes, duration);
}

/// Tries until the store answers. While it does not, nothing is settled, so the bound on unsettled deliveries stops the
/// POSTs by itself. `None`: it never will, because the record is corrupt.
pub(super) async fn persist<T, F>(what: &str, mut call: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match call().await {
            Ok(done) => return Some(done),
            Err(error @ (StoreError::Corrupt(_) | StoreError::NotFound)) => {
                tracing::error!(%error, "{what} failed");
                return None;
            }
            // The store tells it once for all who wait.
            Err(StoreError::DiskFull { .. }) => tokio::time::sleep(STORE_RETRY).await,
            Err(error) => {
                tracing::warn!(%error, "{what} failed; trying again");
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}
