//! Status streams: readers of the durable log, each at its own pace. A stream holds nothing but a position and the frame
//! that it is about to hand out, so a reader that stalls costs no memory, and one that lost its connection goes on from
//! the position of the last frame that it processed.
//!
//! Readers of one application share what they read ([`log`]): at the head of the log each commit is read once for all
//! ([`tail`]), and those who are behind share the reads of the same place. [`message`] and [`all`] are the streams.

mod all;
mod batch;
mod log;
mod message;
mod shared;
mod tail;
#[cfg(test)]
mod tests;
mod wake;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::{
    ApplicationId, Clock, DeliveryEvent, MessageId, MessageStatus, Receipt, ReportLevel, Timestamp,
};
use crate::observe::Metrics;
use crate::store::{MessageRecord, Store, StoreError};
use log::Log;

/// How often progress is told while counts change.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How often a stream on which nothing happens says so, and moves its token on.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// A place in an application's log: everything up to and including it has been read. The derived order is that of the
/// log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The commit.
    pub seq: u64,
    /// The item within the commit, counted through all that the stream's scope sees of it.
    pub index: u32,
}

impl Position {
    /// After everything in commit `seq`.
    #[must_use]
    pub const fn after(seq: u64) -> Self {
        Self { seq, index: u32::MAX }
    }

    /// The first commit in which something may be unread.
    const fn next_seq(self) -> u64 {
        if self.index == u32::MAX { self.seq + 1 } else { self.seq }
    }
}

/// What a stream is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One message.
    Message(MessageId),
    /// All messages of the application.
    All,
}

/// Where a stream starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the beginning of the message. For [`Scope::All`]: of what is kept.
    Beginning,
    /// After this.
    After(Position),
    /// With the first event at or after this time. For [`Scope::All`].
    Time(Timestamp),
    /// With what comes from now on. For [`Scope::All`].
    Now,
}

/// What to watch.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Whose log.
    pub application: ApplicationId,
    /// What of it.
    pub scope: Scope,
    /// From where.
    pub start: Start,
    /// How much of it.
    pub level: ReportLevel,
    /// Receipts too. The stream of one message that requested them then lasts until none can come any more.
    pub receipts: bool,
}

/// An event and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedEvent {
    /// The commit it was recorded in.
    pub seq: u64,
    /// Its index in its message's segment of that commit. With the message, the two name the event for ever.
    pub index: u32,
    /// The `request_id` of its message, if that was a Send.
    pub request_id: Arc<str>,
    /// The event, shared by all who read it.
    pub event: Arc<DeliveryEvent>,
}

/// A receipt and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedReceipt {
    /// The commit it was recorded in.
    pub seq: u64,
    /// Its index in its message's segment of that commit, where receipts come behind the events.
    pub index: u32,
    /// The `request_id` of its message, if that was a Send.
    pub request_id: Arc<str>,
    /// The receipt, shared by all who read it.
    pub receipt: Arc<Receipt>,
}

/// One frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub kind: FrameKind,
    /// Where the stream stands after it.
    pub position: Position,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A message was accepted.
    Accepted(MessageStatus),
    /// What happened: at most [`FRAME_EVENTS_MAX`].
    Events(Vec<PlacedEvent>),
    /// What browsers reported: at most [`FRAME_EVENTS_MAX`].
    Receipts(Vec<PlacedReceipt>),
    /// How it stands, or only that the stream is alive.
    Progress(Option<MessageStatus>),
    /// All deliveries of a message have ended.
    Summary(MessageStatus),
}

/// Why a stream ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// There is no such message.
    #[error("no such message")]
    MessageNotFound,
    /// What lies ahead of the position is not kept any more.
    #[error("that history was trimmed")]
    Trimmed {
        /// From when on history is kept.
        oldest: Timestamp,
    },
    /// This server stops: go on elsewhere, or here later, from the last position.
    #[error("this server is stopping")]
    Draining,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A status stream.
pub type FrameStream = Pin<Box<dyn Stream<Item = Result<Frame, FeedError>> + Send>>;

/// Tells until when receipts come.
#[derive(Clone, Debug)]
struct ReceiptTime {
    clock: Arc<dyn Clock>,
    window: Duration,
}

impl ReceiptTime {
    /// Until when receipts of this message may come; `None` when none can.
    fn until(&self, message: &MessageStatus) -> Option<Timestamp> {
        let until = message.expires.plus(self.window);
        (message.requests_receipts && self.clock.now() <= until).then_some(until)
    }
}

/// The logs of all applications, as streams read them.
#[derive(Debug)]
pub(super) struct Feeds {
    parts: FeedParts,
    logs: Mutex<HashMap<ApplicationId, Followed>>,
}

/// A log, and what ends the reader at its head.
#[derive(Debug)]
struct Followed {
    log: Arc<Log>,
    stop: CancellationToken,
}

/// What streams work with.
#[derive(Debug)]
pub(super) struct FeedParts {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    /// How long after a message's ttl receipts are taken.
    pub(super) receipt_window: Duration,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tasks: TaskTracker,
    /// Cancelled, streams end with [`FeedError::Draining`].
    pub(super) stop: CancellationToken,
}

impl Feeds {
    pub(super) fn new(parts: FeedParts) -> Self {
        Self { parts, logs: Mutex::default() }
    }

    /// Starts a stream. It ends after the summary of the one message it is about; [`Scope::All`] does not end. Of the message
    /// its record may be known, as it stood at some time after its acceptance was durable.
    pub(super) fn watch(&self, watch: Watch, known: Option<MessageRecord>) -> FrameStream {
        let log = self.log(watch.application);
        let stop = self.parts.stop.clone();
        match watch.scope {
            Scope::Message(message) => {
                Box::pin(message::watch(log, watch, (message, known), self.receipt_time(), stop))
            }
            Scope::All => Box::pin(all::watch(log, watch, stop)),
        }
    }

    /// Until when receipts of this message may come; `None` when none can.
    pub(super) fn receipts_until(&self, message: &MessageStatus) -> Option<Timestamp> {
        self.receipt_time().until(message)
    }

    fn receipt_time(&self) -> ReceiptTime {
        ReceiptTime { clock: Arc::clone(&self.parts.clock), window: self.parts.receipt_window }
    }

    fn log(&self, application: ApplicationId) -> Arc<Log> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let followed = logs.entry(application).or_insert_with(|| {
            let FeedParts { store, metrics, tasks, stop, .. } = &self.parts;
            let (log, stop) =
                (Log::new(Arc::clone(store), application, Arc::clone(metrics)), stop.child_token());
            let log = Arc::new(log);
            tasks.spawn(tail::follow(Arc::clone(&log), stop.clone()));
            Followed { log, stop }
        });
        Arc::clone(&followed.log)
    }

    /// Nothing is left of the application.
    pub(super) fn forget(&self, application: ApplicationId) {
        let forgotten = self.logs.lock().unwrap_or_else(PoisonError::into_inner).remove(&application);
        if let Some(followed) = forgotten {
            followed.stop.cancel();
        }
    }
}
