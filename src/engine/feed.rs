//! Status streams: readers of the durable log, each at its own pace. A stream holds nothing but a position and the frame
//! that it is about to hand out, so a reader that stalls costs no memory, and one that lost its connection goes on from
//! the position of the last frame that it processed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::domain::limits::FRAME_EVENTS_MAX;
use crate::domain::{
    ApplicationId, DeliveryEvent, MessageId, MessageKind, MessageStatus, ReportLevel, Timestamp,
};
use crate::store::{FeedEntry, FeedRow, MessageRecord, Segment, Store, StoreError};

/// How often progress is told while counts change.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How often a stream on which nothing happens says so, and moves its token on.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// Segments or feed rows that a reader takes from the store at once: what a stream holds at most.
const READ_AHEAD: usize = 8;

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
    /// The event.
    pub event: DeliveryEvent,
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
    /// This server stops: go on elsewhere, or here later, from the last position.
    #[error("this server is stopping")]
    Draining,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A status stream.
pub type FrameStream = Pin<Box<dyn Stream<Item = Result<Frame, FeedError>> + Send>>;

/// Starts a stream. It ends after the summary of the one message it is about; [`Scope::All`] does not end.
pub fn watch(store: Arc<dyn Store>, watch: Watch, stop: CancellationToken) -> FrameStream {
    match watch.scope {
        Scope::Message(message) => Box::pin(watch_message(store, watch, message, stop)),
        Scope::All => Box::pin(watch_all(store, watch, stop)),
    }
}

/// What makes a reader that has read everything look again.
struct Wake {
    synced: watch::Receiver<u64>,
    stop: CancellationToken,
    last_progress: Instant,
}

enum Woken {
    Grown,
    ProgressDue,
    HeartbeatDue,
}

impl Wake {
    fn new(synced: watch::Receiver<u64>, stop: CancellationToken) -> Self {
        Self { synced, stop, last_progress: Instant::now() }
    }

    /// The sequence number up to which the log may be read; later rises wake.
    fn readable(&mut self) -> u64 {
        *self.synced.borrow_and_update()
    }

    /// Waits for growth of the log; with `stale` (counts changed since they were told last) for the next time to tell
    /// progress, else for the next heartbeat.
    async fn wait(&mut self, stale: bool) -> Result<Woken, FeedError> {
        let progress = sleep_until(self.last_progress + PROGRESS_INTERVAL);
        let heartbeat = sleep_until(self.last_progress + HEARTBEAT_INTERVAL);
        let woken = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(FeedError::Draining),
            () = progress, if stale => Woken::ProgressDue,
            () = heartbeat => Woken::HeartbeatDue,
            changed = self.synced.changed() => match changed {
                Ok(()) => return Ok(Woken::Grown),
                Err(_) => return Err(FeedError::Draining),
            },
        };
        self.last_progress = Instant::now();
        Ok(woken)
    }
}

/// Events gathered into frames of at most [`FRAME_EVENTS_MAX`].
#[derive(Default)]
struct Batch {
    events: Vec<PlacedEvent>,
    ready: VecDeque<Frame>,
}

impl Batch {
    fn push(&mut self, event: PlacedEvent, position: Position) {
        self.events.push(event);
        if self.events.len() == FRAME_EVENTS_MAX {
            self.close(position);
        }
    }

    fn close(&mut self, position: Position) {
        if !self.events.is_empty() {
            let kind = FrameKind::Events(std::mem::take(&mut self.events));
            self.ready.push_back(Frame { kind, position });
        }
    }
}

fn watch_message(
    store: Arc<dyn Store>,
    watch: Watch,
    message: MessageId,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Frame, FeedError>> + Send {
    async_stream::try_stream! {
        let Watch { application, start, level, .. } = watch;
        let mut wake = Wake::new(store.synced(application), stop);
        let record = read_message(&*store, application, message).await?;
        let request_id = request_id_of(&record.status);
        let mut position = match start {
            Start::After(position) => position,
            Start::Beginning | Start::Time(_) | Start::Now => Position::after(record.accepted_seq),
        };
        let mut told = record.status.counts;
        let first = match start {
            Start::After(_) => FrameKind::Progress(Some(record.status)),
            Start::Beginning | Start::Time(_) | Start::Now => FrameKind::Accepted(record.status),
        };
        yield Frame { kind: first, position };
        if level == ReportLevel::Accepted {
            return;
        }
        loop {
            let readable = wake.readable();
            loop {
                let segments = store.segments(application, message, position.next_seq(), READ_AHEAD).await?;
                let last = segments.len() < READ_AHEAD;
                let mut batch = Batch::default();
                for segment in segments {
                    let (from, seq) = (position, segment.seq);
                    for (event, place) in placed(segment, &request_id) {
                        if place > from && level.tells(event.event.state) {
                            batch.push(event, place);
                        }
                    }
                    position = position.max(Position::after(seq));
                }
                batch.close(position);
                for frame in batch.ready {
                    yield frame;
                }
                if last {
                    break;
                }
            }
            // Other messages' commits lie between: nothing of this one is left up to here.
            position = position.max(Position::after(readable));
            let record = read_message(&*store, application, message).await?;
            if record.status.ended.is_some() && record.last_seq <= position.seq {
                yield Frame { kind: FrameKind::Summary(record.status), position };
                return;
            }
            match wake.wait(record.status.counts != told).await? {
                Woken::Grown => {}
                Woken::ProgressDue | Woken::HeartbeatDue => {
                    told = record.status.counts;
                    yield Frame { kind: FrameKind::Progress(Some(record.status)), position };
                }
            }
        }
    }
}

fn watch_all(
    store: Arc<dyn Store>,
    watch: Watch,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Frame, FeedError>> + Send {
    async_stream::try_stream! {
        let Watch { application, start, level, .. } = watch;
        let mut wake = Wake::new(store.synced(application), stop);
        let mut since = Timestamp::default();
        let mut position = match start {
            Start::After(position) => position,
            Start::Beginning => Position::default(),
            Start::Now => Position::after(wake.readable()),
            Start::Time(time) => {
                since = time;
                Position::after(store.seq_at(application, time).await?.saturating_sub(1))
            }
        };
        yield Frame { kind: FrameKind::Progress(None), position };
        loop {
            let readable = wake.readable();
            while position < Position::after(readable) {
                let rows = store.feed(application, position.next_seq(), READ_AHEAD).await?;
                let last = rows.len() < READ_AHEAD;
                for row in rows {
                    let (from, seq) = (position, row.seq);
                    if row.time >= since {
                        for frame in read_row(&*store, application, row, from, level).await? {
                            yield frame;
                        }
                    }
                    position = position.max(Position::after(seq));
                }
                if last {
                    break;
                }
            }
            position = position.max(Position::after(readable));
            match wake.wait(false).await? {
                Woken::Grown => {}
                Woken::ProgressDue | Woken::HeartbeatDue => {
                    yield Frame { kind: FrameKind::Progress(None), position };
                }
            }
        }
    }
}

/// The frames of one commit, behind `from`. Items are counted through the row: one for each acceptance and end, one for
/// each event.
async fn read_row(
    store: &dyn Store,
    application: ApplicationId,
    row: FeedRow,
    from: Position,
    level: ReportLevel,
) -> Result<VecDeque<Frame>, FeedError> {
    let mut batch = Batch::default();
    let mut here = Position { seq: row.seq, index: 0 };
    for entry in row.entries {
        match entry {
            FeedEntry::Accepted(message) | FeedEntry::Ended(message) => {
                batch.close(here);
                here.index += 1;
                if here <= from {
                    continue;
                }
                let status = read_message(store, application, message).await?.status;
                let kind = if matches!(entry, FeedEntry::Accepted(_)) {
                    FrameKind::Accepted(status)
                } else {
                    FrameKind::Summary(status)
                };
                batch.ready.push_back(Frame { kind, position: here });
            }
            FeedEntry::Events(message) => {
                let request_id = request_id_of(&read_message(store, application, message).await?.status);
                let segments = store.segments(application, message, row.seq, 1).await?;
                for segment in segments.into_iter().filter(|segment| segment.seq == row.seq) {
                    for (event, _) in placed(segment, &request_id) {
                        here.index += 1;
                        if here > from && level.tells(event.event.state) {
                            batch.push(event, here);
                        }
                    }
                }
            }
        }
    }
    batch.close(here);
    Ok(batch.ready)
}

/// A segment's events, each with its place. Indexes count from 1, so that (seq, 0) is before all of them.
fn placed(segment: Segment, request_id: &Arc<str>) -> impl Iterator<Item = (PlacedEvent, Position)> + use<> {
    let (seq, request_id) = (segment.seq, Arc::clone(request_id));
    (1..).zip(segment.events).map(move |(index, event)| {
        let request_id = Arc::clone(&request_id);
        (PlacedEvent { seq, index, request_id, event }, Position { seq, index })
    })
}

fn request_id_of(status: &MessageStatus) -> Arc<str> {
    match status.kind {
        MessageKind::Send => status.request_id.as_str().into(),
        MessageKind::Broadcast => "".into(),
    }
}

async fn read_message(
    store: &dyn Store,
    application: ApplicationId,
    message: MessageId,
) -> Result<MessageRecord, FeedError> {
    store.message(application, message).await?.ok_or(FeedError::MessageNotFound)
}
