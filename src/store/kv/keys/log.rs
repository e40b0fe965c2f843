//! Keys of the status log.

use super::{KeyRange, app, key, kind, part};
use crate::domain::{ApplicationId, MessageId, SubscriptionId, Timestamp};

pub(crate) fn segment(message: MessageId, seq: u64) -> Vec<u8> {
    key(kind::SEGMENT, &[&message.0, &seq.to_be_bytes()])
}

pub(crate) fn segments(message: MessageId) -> KeyRange {
    KeyRange::prefix(&key(kind::SEGMENT, &[&message.0]))
}

pub(crate) fn feed(application: ApplicationId, seq: u64) -> Vec<u8> {
    key(kind::FEED, &[&app(application), &seq.to_be_bytes()])
}

pub(crate) fn feeds(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::FEED, &[&app(application)]))
}

/// What was reported of one delivery.
pub(crate) fn receipt(message: MessageId, delivery: SubscriptionId) -> Vec<u8> {
    key(kind::RECEIPT, &[&message.0, &delivery.0])
}

pub(crate) fn receipts(message: MessageId) -> KeyRange {
    KeyRange::prefix(&key(kind::RECEIPT, &[&message.0]))
}

/// The sequence number that a key of `segments`, `feeds`, `changes` or `audits` ends with.
pub(crate) fn seq_of(key: &[u8]) -> Option<u64> {
    part(key, key.len().checked_sub(8)?).map(u64::from_be_bytes)
}

/// An entry of the audit log.
pub(crate) fn audit(number: u64) -> Vec<u8> {
    key(kind::AUDIT, &[&number.to_be_bytes()])
}

pub(crate) fn audits() -> KeyRange {
    KeyRange::prefix(&[kind::AUDIT])
}

/// Minutes since 1970.
pub(crate) fn minute(time: Timestamp) -> u64 {
    time.as_secs() / 60
}

pub(crate) fn time(application: ApplicationId, minute: u64) -> Vec<u8> {
    key(kind::TIME, &[&app(application), &minute.to_be_bytes()])
}

pub(crate) fn times(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::TIME, &[&app(application)]))
}
