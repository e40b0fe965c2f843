//! What one transaction tells of messages: that they were accepted, their events and counters, their ends. All of it
//! takes the application's next numbers.

use super::keys;
use super::messages;
use super::records::message::{DoneValue, HeaderValue, OpenValue, StateValue};
use super::records::segment::SegmentWriter;
use super::records::{Mark, Number, Record};
use super::stopping;
use super::transaction::{Rows, Transaction};
use super::writer::Writer;
use crate::domain::limits::RECORD_OCTETS_MAX;
use crate::domain::{ApplicationId, DeliveryEvent, MessageId, Receipt, Timestamp};
use crate::store::rules::replay;
use crate::store::{FeedEntry, StoreError};

/// What a message with its rows takes on disk beside its events, in octets: `cargo drill disk` measures it.
const MESSAGE_ON_DISK: u64 = 1_300;
/// What an octet of events takes on disk: sled fills its pages by half or more.
const SEGMENT_ON_DISK: u64 = 2;

/// The longest segment that stands in the row of its message, in octets: a Send's. Lists of messages read that row.
const OWN_SEGMENT_OCTETS_MAX: usize = 512;

/// Rows of a message besides those of its pages: segment, state, and what its end takes.
const MESSAGE_ROWS: usize = 3;

/// A transaction that records.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) application: ApplicationId,
    pub(crate) transaction: Transaction,
    accepted: Option<MessageId>,
    messages: Vec<Recorded>,
}

/// What is recorded of one message.
#[derive(Debug)]
pub(crate) struct Recorded {
    message: MessageId,
    pub(crate) state: StateValue,
    segments: SegmentWriter,
    /// It has ended before: only receipts can come.
    done: Option<DoneValue>,
}

impl Recorded {
    /// Records an event and counts it.
    pub(crate) fn event(&mut self, event: &DeliveryEvent) {
        self.state.count(event.state, event.outcome);
        self.segments.add(event);
    }

    /// Records a receipt and counts it.
    pub(crate) fn receipt(&mut self, receipt: &Receipt) {
        self.state.count_receipt(receipt.report.kind);
        self.segments.add_receipt(receipt);
    }
}

impl Recording {
    pub(crate) fn new(transaction: Transaction, application: ApplicationId) -> Self {
        Self { application, transaction, accepted: None, messages: Vec::new() }
    }

    /// About how many rows it will write.
    pub(crate) fn rows(&self) -> usize {
        self.transaction.rows() + MESSAGE_ROWS * self.messages.len()
    }

    /// Records that a message was accepted, with its first state, unless its own row tells it.
    pub(crate) fn accept(&mut self, message: MessageId, state: Option<StateValue>) {
        self.accepted = Some(message);
        if let Some(state) = state {
            self.add(message, state);
        }
    }

    /// Whether a message ends with what is recorded of it.
    pub(crate) fn ends(&self, message: MessageId) -> bool {
        let mut recorded = self.messages.iter().filter(|recorded| recorded.message == message);
        recorded.any(|recorded| recorded.state.is_complete())
    }

    /// What is recorded of a message that has not ended.
    pub(crate) fn message(&mut self, message: MessageId) -> Result<&mut Recorded, StoreError> {
        let known = self.messages.iter().position(|recorded| recorded.message == message);
        let place = if let Some(place) = known {
            place
        } else {
            let state = messages::state(&self.transaction, self.application, message)?;
            self.add(message, state.ok_or(StoreError::NotFound)?)
        };
        Ok(&mut self.messages[place])
    }

    /// What is recorded of a message for which a receipt came; `None` when it is not there, or its events have gone.
    pub(crate) fn reported(&mut self, message: MessageId) -> Result<Option<&mut Recorded>, StoreError> {
        let known = self.messages.iter().position(|recorded| recorded.message == message);
        let place = if let Some(place) = known {
            place
        } else if let Some(state) = messages::state(&self.transaction, self.application, message)? {
            self.add(message, state)
        } else {
            let done: Option<DoneValue> = self.transaction.record(&keys::done(self.application, message))?;
            let Some(mut done) = done.filter(|done| !done.trimmed) else { return Ok(None) };
            let state = done.state.take().ok_or(StoreError::Corrupt(DoneValue::KIND))?;
            let place = self.add(message, state);
            self.messages[place].done = Some(done);
            place
        };
        Ok(Some(&mut self.messages[place]))
    }

    fn add(&mut self, message: MessageId, state: StateValue) -> usize {
        let segments = SegmentWriter::new(RECORD_OCTETS_MAX);
        self.messages.push(Recorded { message, state, segments, done: None });
        self.messages.len() - 1
    }

    /// Applies the transaction, and returns the messages that ended with it.
    pub(crate) fn finish(self, writer: &mut Writer) -> Result<Vec<MessageId>, StoreError> {
        let Self { application, mut transaction, accepted, messages } = self;
        let first = writer.next_seq(application);
        let now = writer.clock.now();
        let mut told = Told { first, ..Told::default() };
        told.feed.extend(accepted.map(|message| vec![FeedEntry::Accepted(message)]));
        let (mut open, mut complete) = (Vec::new(), Vec::new());
        for Recorded { message, mut state, segments, done } in messages {
            if accepted == Some(message) {
                state.last_seq = first;
            }
            let is_first = state.log_octets == 0;
            let mut segments = told.add(message, &mut state, segments);
            if let Some((last, _)) = segments.last() {
                match done {
                    Some(_) => state.receipts_seq = *last,
                    None => state.last_seq = *last,
                }
            }
            let ends = done.is_none() && state.is_complete();
            // All that there is to tell of it needs no row.
            let is_short = |segment: &mut (u64, Vec<u8>)| segment.1.len() <= OWN_SEGMENT_OCTETS_MAX;
            let own = if ends && is_first && segments.len() == 1 { segments.pop_if(is_short) } else { None };
            for (seq, segment) in segments {
                transaction.put_value(keys::segment(message, seq), segment);
            }
            if let Some(mut done) = done {
                done.state = Some(state);
                transaction.put(keys::done(application, message), &done);
            } else if ends {
                complete.push((message, state, own));
            } else {
                open.push((message, state));
            }
        }
        let Told { mut feed, log_octets, .. } = told;
        for (message, state) in open {
            transaction.put(keys::state(application, message), &state);
        }
        let mut ended = Vec::with_capacity(complete.len());
        if !complete.is_empty() && feed.is_empty() {
            feed.push(Vec::new());
        }
        let last = feed.len().saturating_sub(1);
        for (message, mut state, segment) in complete {
            // Its events come before: the last of the numbers that this transaction takes.
            state.last_seq = first + last as u64;
            feed[last].push(FeedEntry::Ended(message));
            end(&mut transaction, application, message, (state, segment), now)?;
            ended.push(message);
        }
        if feed.is_empty() {
            writer.apply(transaction)?;
        } else {
            writer.apply_with_feed(transaction, application, &feed, log_octets)?;
        }
        Ok(ended)
    }
}

/// What a transaction tells of messages in the numbers that it takes.
#[derive(Debug, Default)]
struct Told {
    first: u64,
    /// Of each number.
    feed: Vec<Vec<FeedEntry>>,
    log_octets: u64,
}

impl Told {
    /// Tells of what was recorded of a message: its segments, with their numbers.
    fn add(
        &mut self,
        message: MessageId,
        state: &mut StateValue,
        segments: SegmentWriter,
    ) -> Vec<(u64, Vec<u8>)> {
        let mut numbered = Vec::new();
        for (place, segment) in segments.finish().iter().enumerate() {
            if self.feed.len() <= place {
                self.feed.push(Vec::new());
            }
            self.feed[place].push(FeedEntry::Events(message));
            let value = segment.to_value();
            let octets = value.len() as u64 * SEGMENT_ON_DISK;
            let octets = if state.log_octets == 0 { octets + MESSAGE_ON_DISK } else { octets };
            state.log_octets += octets;
            self.log_octets += octets;
            numbered.push((self.first + place as u64, value));
        }
        numbered
    }
}

/// Puts what outlives a message in place of what it needed while it was open.
fn end(
    transaction: &mut Transaction,
    application: ApplicationId,
    message: MessageId,
    (mut state, segment): (StateValue, Option<(u64, Vec<u8>)>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let open_key = keys::open(application, message);
    let open: OpenValue = transaction.record(&open_key)?.ok_or(StoreError::Corrupt(OpenValue::KIND))?;
    transaction.remove(open_key);
    transaction.remove_stored(keys::state(application, message))?;
    for row in 0..open.lists {
        transaction.remove(keys::list(message, row));
    }
    stopping::forget(transaction, application, message, &open)?;
    state.end();
    let remembered_until =
        |header: &HeaderValue| replay::remembered_until(&header.request_id, header.created(), now);
    if let Some(remembered_until) = open.header.as_ref().and_then(remembered_until) {
        let key = keys::remembered(application, remembered_until, message);
        transaction.put(key, &Number::new(now.as_micros()));
    } else {
        transaction.put(keys::finished(application, now, message), &Mark {});
    }
    let mut done = DoneValue::new(open.header, state, now);
    if let Some((seq, segment)) = segment {
        done.keep_segment(seq, segment);
    }
    transaction.put(keys::done(application, message), &done);
    Ok(())
}
