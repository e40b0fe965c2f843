//! The log of one application as its readers share it: the latest commits decoded in memory, older ones read from the store
//! in pieces, each piece once for all who are at the same place.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::shared::SharedReads;
use super::{FeedError, Position, Scope};
use crate::domain::{ApplicationId, DeliveryEvent, MessageId, Receipt, Timestamp};
use crate::observe::Metrics;
use crate::store::{FeedEntry, FeedRow, MessageRecord, Segment, Store, StoreError};

/// Events of the latest commits that are held for all readers of an application.
const EVENTS_HELD_MAX: usize = 16_384;
/// Commits of which they are.
const COMMITS_HELD_MAX: usize = 4_096;
/// Segments or commits that are read from the store at once.
const PIECE: usize = 8;
/// Pieces that are remembered for readers who come to the same place.
const PIECES_HELD: usize = 8;
/// Messages whose record is remembered.
const RECORDS_HELD: usize = 256;
/// How long a message's record is good enough to tell progress by.
const RECORD_AGE_MAX: Duration = Duration::from_millis(500);

/// What a commit recorded of one message.
#[derive(Clone, Debug)]
pub(super) struct Events {
    pub(super) events: Arc<[Arc<DeliveryEvent>]>,
    /// Behind the events.
    pub(super) receipts: Arc<[Arc<Receipt>]>,
}

impl Events {
    fn len(&self) -> usize {
        self.events.len() + self.receipts.len()
    }
}

/// One commit.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) entries: Vec<Entry>,
}

/// One thing that a commit did.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Accepted(MessageId),
    /// `None`: nobody wanted them when the commit was read, or they do not read.
    Events(MessageId, Option<Events>),
    Ended(MessageId),
}

/// What follows a position. Everything up to `up_to` is in it.
#[derive(Clone, Debug)]
pub(super) struct Piece<T> {
    pub(super) items: Arc<[T]>,
    pub(super) up_to: u64,
    /// Nothing lies behind it that could be read now.
    pub(super) at_head: bool,
    /// The message may have ended in it.
    pub(super) may_end: bool,
}

impl<T> Piece<T> {
    /// One that was read a while ago may have reached the head of then.
    fn seen_from(mut self, readable: u64) -> Self {
        self.at_head &= self.up_to >= readable;
        self
    }
}

/// A message's events in one commit, in a [`Piece`].
pub(super) type OfMessage = (u64, Events);

#[derive(Clone, Debug)]
struct Known {
    record: MessageRecord,
    /// As of this commit at least.
    seq: u64,
    read: Instant,
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct Log {
    pub(super) store: Arc<dyn Store>,
    pub(super) application: ApplicationId,
    metrics: Arc<Metrics>,
    head: Mutex<Head>,
    /// How many streams are open.
    pub(super) streams: watch::Sender<usize>,
    segments: SharedReads<(MessageId, u64), Piece<OfMessage>>,
    rows: SharedReads<u64, Piece<Row>>,
    records: SharedReads<MessageId, Known>,
}

/// The latest commits, and who waits for more.
#[derive(Debug, Default)]
struct Head {
    /// Whether new commits are read as they come.
    followed: bool,
    /// The last commit that was read.
    seq: u64,
    /// The last ones, without a gap.
    rows: VecDeque<Row>,
    events: usize,
    watched: HashMap<MessageId, watch::Sender<u64>>,
    /// Streams of everything.
    all: watch::Sender<u64>,
}

impl Head {
    /// The place of a commit among those held; `None` when it is older.
    fn place(&self, seq: u64) -> Option<usize> {
        let first = self.seq + 1 - self.rows.len() as u64;
        usize::try_from(seq.checked_sub(first)?).ok().filter(|_| self.followed)
    }

    fn push(&mut self, row: Row) {
        if row.seq != self.seq + 1 {
            self.rows.clear();
            self.events = 0;
        }
        self.seq = row.seq;
        self.events += row.events();
        self.rows.push_back(row);
        while self.events > EVENTS_HELD_MAX || self.rows.len() > COMMITS_HELD_MAX {
            let Some(oldest) = self.rows.pop_front() else { break };
            self.events -= oldest.events();
        }
    }
}

impl Row {
    fn events(&self) -> usize {
        let events = |entry: &Entry| match entry {
            Entry::Events(_, Some(events)) => events.len(),
            Entry::Events(_, None) | Entry::Accepted(_) | Entry::Ended(_) => 0,
        };
        self.entries.iter().map(events).sum()
    }
}

impl Log {
    pub(super) fn new(store: Arc<dyn Store>, application: ApplicationId, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            application,
            metrics,
            head: Mutex::default(),
            streams: watch::Sender::new(0),
            segments: SharedReads::new(PIECES_HELD),
            rows: SharedReads::new(PIECES_HELD),
            records: SharedReads::new(RECORDS_HELD),
        }
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ------------------------------------------------------------ for those who follow the log

    /// Commits after this one are read as they come. Whoever has read less reads it from the store.
    pub(super) fn follow_from(&self, seq: u64) {
        let mut head = self.head();
        (head.followed, head.seq, head.events) = (true, seq, 0);
        head.rows.clear();
        for sender in head.watched.values() {
            sender.send_replace(seq);
        }
        head.all.send_replace(seq);
    }

    /// New commits are not read any more.
    pub(super) fn unfollow(&self) {
        let mut head = self.head();
        (head.followed, head.events) = (false, 0);
        head.rows.clear();
    }

    /// Reads what comes after the last commit that was read, up to `readable`; `false` when that is all.
    pub(super) async fn read_on(&self, readable: u64) -> Result<bool, StoreError> {
        let from = self.head().seq + 1;
        if from > readable {
            return Ok(false);
        }
        self.metrics.log_read();
        let found = self.store.feed(self.application, from, PIECE).await?;
        if found.is_empty() {
            // They do not read: who needs them asks the store.
            self.follow_from(readable);
        }
        for row in found {
            let wanted: Vec<MessageId> = {
                let head = self.head();
                let all = head.all.receiver_count() > 0;
                let messages = row.entries.iter().filter_map(|entry| match entry {
                    FeedEntry::Events(message) => Some(*message),
                    FeedEntry::Accepted(_) | FeedEntry::Ended(_) => None,
                });
                messages.filter(|message| all || head.watched.contains_key(message)).collect()
            };
            let row = self.read_row(row, |message| wanted.contains(&message)).await?;
            self.announce(row);
        }
        Ok(true)
    }

    /// Puts a commit among those held, and wakes whom it concerns.
    fn announce(&self, row: Row) {
        let mut head = self.head();
        let seq = row.seq;
        let concerned: Vec<_> = row.entries.iter().map(Entry::message).collect();
        head.push(row);
        for sender in concerned.iter().filter_map(|message| head.watched.get(message)) {
            sender.send_replace(seq);
        }
        head.all.send_replace(seq);
    }

    async fn read_row(&self, row: FeedRow, wanted: impl Fn(MessageId) -> bool) -> Result<Row, StoreError> {
        let mut entries = Vec::with_capacity(row.entries.len());
        for entry in row.entries {
            entries.push(match entry {
                FeedEntry::Accepted(message) => Entry::Accepted(message),
                FeedEntry::Ended(message) => Entry::Ended(message),
                FeedEntry::Events(message) if !wanted(message) => Entry::Events(message, None),
                FeedEntry::Events(message) => {
                    self.metrics.log_read();
                    let segments = self.store.segments(self.application, message, row.seq, 1).await?;
                    let of_row = segments.into_iter().find(|segment| segment.seq == row.seq);
                    Entry::Events(message, of_row.map(|segment| events(segment).1))
                }
            });
        }
        Ok(Row { seq: row.seq, time: row.time, entries })
    }

    // ------------------------------------------------------------ for streams

    /// Joins those who are woken when something new concerns the scope.
    pub(super) fn join(self: &Arc<Self>, scope: Scope) -> Joined {
        let mut head = self.head();
        let grown = match scope {
            Scope::Message(message) => head.watched.entry(message).or_default().subscribe(),
            Scope::All => head.all.subscribe(),
        };
        drop(head);
        self.streams.send_modify(|streams| *streams += 1);
        self.metrics.stream_opened();
        Joined { log: Arc::clone(self), scope, grown: Some(grown) }
    }

    /// What comes after `position` of a message.
    pub(super) async fn message(
        &self,
        message: MessageId,
        position: Position,
    ) -> Result<Piece<OfMessage>, FeedError> {
        let from = position.next_seq();
        if let Some(held) = self.held_of_message(message, from) {
            return Ok(held);
        }
        let read = || async {
            self.metrics.log_read();
            let readable = *self.store.synced(self.application).borrow();
            let segments = self.store.segments(self.application, message, from, PIECE).await?;
            let at_head = segments.len() < PIECE;
            let items: Arc<[_]> = segments.into_iter().map(events).collect();
            let last = items.last().map_or(0, |(seq, _)| *seq);
            let up_to = if at_head { last.max(readable) } else { last };
            // After it was read: what is trimmed is marked before it goes.
            let record = self.store.message(self.application, message).await?;
            if record.ok_or(FeedError::MessageNotFound)?.trimmed {
                return Err(self.trimmed().await?);
            }
            Ok::<_, FeedError>(Piece { items, up_to, at_head, may_end: true })
        };
        let readable = *self.store.synced(self.application).borrow();
        let piece = self.segments.get((message, from), |piece| piece.up_to >= from, read).await?;
        Ok(piece.seen_from(readable))
    }

    fn held_of_message(&self, message: MessageId, from: u64) -> Option<Piece<OfMessage>> {
        let head = self.head();
        let place = head.place(from)?;
        let mut items = Vec::new();
        let (mut up_to, mut may_end) = (head.seq, false);
        for row in head.rows.range(place.min(head.rows.len())..) {
            for entry in &row.entries {
                match entry {
                    Entry::Events(of, events) if *of == message => items.push((row.seq, events.clone()?)),
                    Entry::Ended(of) if *of == message => may_end = true,
                    Entry::Events(..) | Entry::Ended(_) | Entry::Accepted(_) => {}
                }
            }
            if items.len() >= PIECE {
                up_to = row.seq;
                break;
            }
        }
        Some(Piece { items: items.into(), up_to, at_head: up_to == head.seq, may_end })
    }

    /// The commits that come after `position`.
    pub(super) async fn all(&self, position: Position) -> Result<Piece<Row>, FeedError> {
        let from = position.next_seq();
        if let Some(held) = self.held(from) {
            return Ok(held);
        }
        let read = || async {
            self.metrics.log_read();
            let readable = *self.store.synced(self.application).borrow();
            let found = self.store.feed(self.application, from, PIECE).await?;
            let at_head = found.len() < PIECE;
            let mut rows = Vec::with_capacity(found.len());
            for row in found {
                rows.push(self.read_row(row, |_| true).await?);
            }
            let last = rows.last().map_or(0, |row| row.seq);
            let up_to = if at_head { last.max(readable) } else { last };
            let kept = self.store.kept(self.application).await?;
            if from < kept.commits_from {
                return Err(FeedError::Trimmed { oldest: kept.commits_time });
            }
            Ok::<_, FeedError>(Piece { items: rows.into(), up_to, at_head, may_end: false })
        };
        let readable = *self.store.synced(self.application).borrow();
        let piece = self.rows.get(from, |piece| piece.up_to >= from, read).await?;
        Ok(piece.seen_from(readable))
    }

    fn held(&self, from: u64) -> Option<Piece<Row>> {
        let head = self.head();
        let place = head.place(from)?;
        let rows: Vec<Row> = head.rows.range(place.min(head.rows.len())..).take(PIECE).cloned().collect();
        let unread = |entry: &Entry| matches!(entry, Entry::Events(_, None));
        if rows.iter().flat_map(|row| &row.entries).any(unread) {
            return None;
        }
        let up_to = rows.last().map_or(head.seq, |row| row.seq);
        Some(Piece { items: rows.into(), up_to, at_head: up_to == head.seq, may_end: false })
    }

    /// A message as it stands, at commit `seq` or later.
    pub(super) async fn record(&self, message: MessageId, seq: u64) -> Result<MessageRecord, FeedError> {
        let good = |known: &Known| known.seq >= seq && known.read.elapsed() < RECORD_AGE_MAX;
        self.read_record(message, good).await
    }

    /// A message as it stood at some time: for what of it does not change.
    pub(super) async fn any_record(&self, message: MessageId) -> Result<MessageRecord, FeedError> {
        self.read_record(message, |_| true).await
    }

    async fn read_record(
        &self,
        message: MessageId,
        good: impl Fn(&Known) -> bool,
    ) -> Result<MessageRecord, FeedError> {
        let read = || async {
            self.metrics.log_read();
            let (read, seq) = (Instant::now(), *self.store.synced(self.application).borrow());
            let record = self.store.message(self.application, message).await?;
            Ok::<_, FeedError>(Known { record: record.ok_or(FeedError::MessageNotFound)?, seq, read })
        };
        Ok(self.records.get(message, good, read).await?.record)
    }

    /// The error that tells from when on history is kept.
    pub(super) async fn trimmed(&self) -> Result<FeedError, StoreError> {
        let kept = self.store.kept(self.application).await?;
        Ok(FeedError::Trimmed { oldest: kept.commits_time })
    }
}

impl Entry {
    fn message(&self) -> MessageId {
        match self {
            Self::Accepted(message) | Self::Events(message, _) | Self::Ended(message) => *message,
        }
    }
}

fn events(segment: Segment) -> OfMessage {
    let Segment { seq, events, receipts } = segment;
    let events = events.into_iter().map(Arc::new).collect();
    (seq, Events { events, receipts: receipts.into_iter().map(Arc::new).collect() })
}

/// A stream's place among those who are woken.
#[derive(Debug)]
pub(super) struct Joined {
    log: Arc<Log>,
    scope: Scope,
    grown: Option<watch::Receiver<u64>>,
}

impl Joined {
    /// Notes that everything up to now is about to be read: later growth wakes.
    pub(super) fn mark(&mut self) {
        if let Some(grown) = &mut self.grown {
            grown.mark_unchanged();
        }
    }

    /// Waits for growth since [`Joined::mark`].
    pub(super) async fn grown(&mut self) {
        if let Some(grown) = &mut self.grown
            && grown.changed().await.is_ok()
        {
            return;
        }
        // The log keeps the sender as long as anybody has joined.
        std::future::pending::<()>().await;
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut head = self.log.head();
        self.grown = None;
        if let Scope::Message(message) = self.scope
            && head.watched.get(&message).is_some_and(|sender| sender.receiver_count() == 0)
        {
            head.watched.remove(&message);
        }
        drop(head);
        self.log.streams.send_modify(|streams| *streams -= 1);
        self.log.metrics.stream_closed();
    }
}
