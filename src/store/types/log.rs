//! The status log: recording what happened, and reading it.

use super::pages::PageUpdate;
use crate::domain::{ApplicationId, DeliveryEvent, MessageId, Receipt, Timestamp};

/// Outcomes to record; see [`crate::store::Store::commit`].
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose.
    pub application: ApplicationId,
    /// A Send's outcome is in it: it goes ahead of others.
    pub urgent: bool,
    /// By message.
    pub messages: Vec<MessageCommit>,
}

/// Outcomes of one message.
#[derive(Clone, Debug)]
pub struct MessageCommit {
    /// Which.
    pub message: MessageId,
    /// By page.
    pub pages: Vec<PageCommit>,
}

/// Outcomes of one page: in one transaction.
#[derive(Clone, Debug)]
pub struct PageCommit {
    /// What happened, in order; at most a few per delivery.
    pub events: Vec<DeliveryEvent>,
    /// How the page stands with these events in it.
    pub update: PageUpdate,
    /// By how much the number of deliveries under retry changes.
    pub retrying_change: i32,
}

/// What became of a receipt; see [`crate::store::Store::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is in the log, and counts.
    Recorded,
    /// Its delivery had one of its kind before.
    Repeated,
    /// Its message is not there any more, or its events have gone.
    TooLate,
}

/// Events that one commit recorded for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The commit's number in the application's sequence.
    pub seq: u64,
    /// In order; an event's place is (`seq`, its index here).
    pub events: Vec<DeliveryEvent>,
    /// In order, behind the events: their indexes go on.
    pub receipts: Vec<Receipt>,
}

/// What one commit did, for readers of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// The commit's number.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// In order.
    pub entries: Vec<FeedEntry>,
}

/// One thing that a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEntry {
    /// A message was accepted.
    Accepted(MessageId),
    /// A segment was written for a message: of events, receipts or both.
    Events(MessageId),
    /// A message ended; its events come before.
    Ended(MessageId),
}
