//! Messages that are to start later. Each waits here until its wall time has come; then it begins in the store, which also
//! decides who its audience is, and goes on like any other. Its pages, if it has any, stay in the store until then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{Clock, MessageId, MessageState, Stop, Timestamp};
use crate::store::Store;

use super::core::{ActiveMessage, Input};
use super::driver::persist;
use super::plan::PlanJob;

/// The clock is looked at this often at least, so that one that was set is noticed.
const RECHECK: Duration = Duration::from_secs(60);
/// Pages whose keys are read at once.
const PAGES: usize = 64;

/// A message that waits for its start.
#[derive(Debug)]
pub(super) struct Scheduled {
    pub(super) message: Arc<ActiveMessage>,
    pub(super) start: Timestamp,
    /// Its audience is still to be planned; else its pages are written.
    pub(super) to_plan: bool,
}

/// What the scheduler is told.
#[derive(Debug)]
pub(super) enum Order {
    Add(Scheduled),
    /// A message that was scheduled was stopped, which is durable; perhaps it has begun in the meantime.
    Stopped {
        message: MessageId,
        reason: Stop,
    },
}

#[derive(Debug)]
pub(super) struct Scheduler {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) core: mpsc::Sender<Input>,
    pub(super) plan_jobs: mpsc::Sender<PlanJob>,
    /// Counts changes of subscriptions; see [`Input::SubscriptionChanged`].
    pub(super) changes: Arc<AtomicU64>,
    /// Messages that wait, with those on their way here.
    pub(super) waiting: Arc<AtomicUsize>,
    pub(super) draining: CancellationToken,
}

/// Those that wait, by their times.
#[derive(Debug, Default)]
struct Waiting {
    messages: BTreeMap<MessageId, Scheduled>,
    times: BTreeSet<(Timestamp, MessageId)>,
}

impl Waiting {
    fn add(&mut self, scheduled: Scheduled) {
        self.times.insert((scheduled.start, scheduled.message.id));
        self.messages.insert(scheduled.message.id, scheduled);
    }

    fn take(&mut self, message: MessageId) -> Option<Scheduled> {
        let scheduled = self.messages.remove(&message)?;
        self.times.remove(&(scheduled.start, message));
        Some(scheduled)
    }

    fn take_due(&mut self, now: Timestamp) -> Option<Scheduled> {
        let (_, message) = self.times.first().copied().filter(|(start, _)| *start <= now)?;
        self.take(message)
    }
}

impl Scheduler {
    /// Runs until the server stops; what waits then, the next start finds in the store.
    pub(super) async fn run(mut self) {
        let draining = self.draining.clone();
        draining.run_until_cancelled_owned(self.schedule()).await;
    }

    async fn schedule(&mut self) {
        let mut waiting = Waiting::default();
        loop {
            while let Some(scheduled) = waiting.take_due(self.clock.now()) {
                self.begin(scheduled).await;
            }
            let next = waiting.times.first().map(|(start, _)| start.since(self.clock.now()));
            let order = tokio::select! {
                order = self.orders.recv() => order,
                () = tokio::time::sleep(next.unwrap_or(RECHECK).min(RECHECK)) => continue,
            };
            match order {
                None => return,
                Some(Order::Add(scheduled)) => waiting.add(scheduled),
                Some(Order::Stopped { message, reason }) => {
                    let scheduled = waiting.take(message);
                    let order = Input::MessageStopped { message, reason };
                    match scheduled {
                        Some(scheduled) => self.release(scheduled, Some(order)).await,
                        None => self.tell(order).await,
                    }
                }
            }
        }
    }

    /// Begins a message, unless it was stopped before it was known here.
    async fn begin(&self, scheduled: Scheduled) {
        let (application, id) = (scheduled.message.application.id, scheduled.message.id);
        let found = persist("reading a message", || self.store.message(application, id)).await.flatten();
        let stopped = match found.map(|record| record.status.state) {
            Some(MessageState::Scheduled | MessageState::Sending) => {
                let superseded =
                    persist("beginning a message", || self.store.begin(application, id)).await.flatten();
                if let Some(message) = superseded {
                    self.tell(Input::MessageStopped { message, reason: Stop::Superseded }).await;
                }
                None
            }
            Some(MessageState::Cancelling) => {
                Some(Input::MessageStopped { message: id, reason: Stop::Cancelled })
            }
            Some(MessageState::Done | MessageState::Cancelled) | None => {
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                return;
            }
        };
        self.release(scheduled, stopped).await;
    }

    /// Hands a message on that has begun.
    async fn release(&self, scheduled: Scheduled, stopped: Option<Input>) {
        let Scheduled { message, to_plan, .. } = scheduled;
        self.tell(Input::Message(Arc::clone(&message))).await;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if let Some(stopped) = stopped {
            self.tell(stopped).await;
        }
        if to_plan {
            // It fails only when the engine has stopped; then the next start plans it.
            let _ = self.plan_jobs.send(PlanJob::new(message)).await;
        } else {
            self.hand_in_pages(&message).await;
        }
    }

    async fn hand_in_pages(&self, message: &ActiveMessage) {
        let application = message.application.id;
        let mut from = 0;
        loop {
            let find = || self.store.message_pages(application, message.id, from, PAGES);
            let keys = persist("finding pages", find).await;
            let keys = keys.unwrap_or_default();
            for key in &keys {
                let as_of = self.changes.load(Ordering::SeqCst);
                let page = persist("loading a page", || self.store.page(application, *key)).await;
                if let Some(page) = page.flatten() {
                    self.tell(Input::PageWritten { page, as_of }).await;
                }
            }
            match keys.last() {
                Some(last) => from = last.number + 1,
                None => return,
            }
        }
    }

    async fn tell(&self, input: Input) {
        // It fails only when the engine has stopped: whatever it was, the store knows it.
        let _ = self.core.send(input).await;
    }
}
