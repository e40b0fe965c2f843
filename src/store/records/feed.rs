//! Rows of the feed: what each commit did, in the order of their numbers.

use prost::Message as _;

use super::Record;
use crate::domain::{MessageId, Timestamp};
use crate::store::{FeedEntry, FeedRow, StoreError};

/// Commits of one row of the feed, at most.
pub(crate) const FEED_ROW_COMMITS_MAX: usize = 32;
/// Octets of a row of the feed from which on it takes no more commits.
const FEED_ROW_OCTETS_MAX: usize = 2_048;

/// What one commit did, and those with the numbers behind it that were written together with it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FeedValue {
    #[prost(uint64, tag = "1")]
    time: u64,
    /// 17 octets each: kind and message.
    #[prost(bytes = "vec", tag = "2")]
    entries: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    more: Vec<CommitValue>,
}

/// A further commit of a row of the feed.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CommitValue {
    /// Microseconds since the one before.
    #[prost(uint64, tag = "1")]
    step: u64,
    /// As those of the first.
    #[prost(bytes = "vec", tag = "2")]
    entries: Vec<u8>,
}

impl Record for FeedValue {
    const KIND: &'static str = "feed row";
}

/// The part of a [`FeedValue`] that tells how many commits it has, and when they were: the other fields are passed over.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct FeedTimes {
    #[prost(uint64, tag = "1")]
    time: u64,
    #[prost(message, repeated, tag = "3")]
    more: Vec<CommitTime>,
}

/// The part of a [`CommitValue`] that goes with it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct CommitTime {
    #[prost(uint64, tag = "1")]
    step: u64,
}

impl Record for FeedTimes {
    const KIND: &'static str = FeedValue::KIND;
    const VERSION: u8 = FeedValue::VERSION;
}

impl FeedTimes {
    /// How many commits there are.
    pub(crate) fn commits(&self) -> u64 {
        1 + self.more.len() as u64
    }

    /// When the last one was.
    pub(crate) fn last(&self) -> Timestamp {
        let time = self.more.iter().fold(self.time, |time, more| time.saturating_add(more.step));
        Timestamp::from_micros(time)
    }
}

const ACCEPTED: u8 = 1;
const EVENTS: u8 = 2;
const ENDED: u8 = 3;
/// Events, and with them the end: what most messages have.
const EVENTS_ENDED: u8 = 4;

fn pack_entries(mut entries: &[FeedEntry]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(entries.len() * 17);
    while let [first, behind @ ..] = entries {
        let (kind, message, rest) = match (first, behind) {
            (FeedEntry::Events(message), [FeedEntry::Ended(ended), rest @ ..]) if message == ended => {
                (EVENTS_ENDED, message, rest)
            }
            (FeedEntry::Accepted(message), rest) => (ACCEPTED, message, rest),
            (FeedEntry::Events(message), rest) => (EVENTS, message, rest),
            (FeedEntry::Ended(message), rest) => (ENDED, message, rest),
        };
        packed.push(kind);
        packed.extend_from_slice(&message.0);
        entries = rest;
    }
    packed
}

fn unpack_entries(packed: &[u8]) -> Result<Vec<FeedEntry>, StoreError> {
    let (packed, rest) = packed.as_chunks::<17>();
    if !rest.is_empty() {
        return Err(StoreError::Corrupt(FeedValue::KIND));
    }
    let mut entries = Vec::with_capacity(packed.len() + 1);
    for [kind, message @ ..] in packed {
        let message = MessageId(*message);
        match *kind {
            ACCEPTED => entries.push(FeedEntry::Accepted(message)),
            EVENTS => entries.push(FeedEntry::Events(message)),
            ENDED => entries.push(FeedEntry::Ended(message)),
            EVENTS_ENDED => entries.extend([FeedEntry::Events(message), FeedEntry::Ended(message)]),
            _ => return Err(StoreError::Corrupt(FeedValue::KIND)),
        }
    }
    Ok(entries)
}

impl FeedValue {
    pub(crate) fn new(time: Timestamp, entries: &[FeedEntry]) -> Self {
        Self { time: time.as_micros(), entries: pack_entries(entries), more: Vec::new() }
    }

    /// Whether it takes another commit.
    pub(crate) fn has_room(&self) -> bool {
        1 + self.more.len() < FEED_ROW_COMMITS_MAX && self.encoded_len() < FEED_ROW_OCTETS_MAX
    }

    /// Adds a commit of a time behind the last one, which was at `before`.
    pub(crate) fn add(&mut self, before: Timestamp, time: Timestamp, entries: &[FeedEntry]) {
        let step = time.as_micros().saturating_sub(before.as_micros());
        self.more.push(CommitValue { step, entries: pack_entries(entries) });
    }

    /// The commits, of which the first has this number.
    pub(crate) fn into_rows(self, first: u64) -> Result<Vec<FeedRow>, StoreError> {
        let mut time = self.time;
        let mut rows = Vec::with_capacity(1 + self.more.len());
        rows.push(FeedRow {
            seq: first,
            time: Timestamp::from_micros(time),
            entries: unpack_entries(&self.entries)?,
        });
        for (seq, more) in (first.saturating_add(1)..).zip(self.more) {
            time = time.saturating_add(more.step);
            let entries = unpack_entries(&more.entries)?;
            rows.push(FeedRow { seq, time: Timestamp::from_micros(time), entries });
        }
        Ok(rows)
    }
}
