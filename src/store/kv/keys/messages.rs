//! Keys of messages and their pages.

use super::{KeyRange, app, hash, key, kind, part};
use crate::domain::{ApplicationId, MessageId, Timestamp};
use crate::store::PageKey;

pub(crate) fn open(application: ApplicationId, message: MessageId) -> Vec<u8> {
    key(kind::OPEN, &[&app(application), &message.0])
}

pub(crate) fn all_open() -> KeyRange {
    KeyRange::prefix(&[kind::OPEN])
}

pub(crate) fn opens(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::OPEN, &[&app(application)]))
}

/// The message that a key of `opens`, `dones` or an index by age ends with.
pub(crate) fn message_of(key: &[u8]) -> Option<MessageId> {
    part(key, key.len().checked_sub(16)?).map(MessageId)
}

pub(crate) fn list(message: MessageId, row: u32) -> Vec<u8> {
    key(kind::LIST, &[&message.0, &row.to_be_bytes()])
}

pub(crate) fn state(application: ApplicationId, message: MessageId) -> Vec<u8> {
    key(kind::STATE, &[&app(application), &message.0])
}

pub(crate) fn done(application: ApplicationId, message: MessageId) -> Vec<u8> {
    key(kind::DONE, &[&app(application), &message.0])
}

pub(crate) fn dones(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::DONE, &[&app(application)]))
}

pub(crate) fn request(application: ApplicationId, request_id: &str) -> Vec<u8> {
    key(kind::REQUEST, &[&app(application), &hash(&[request_id.as_bytes()])])
}

/// The message that started last with this collapse key.
pub(crate) fn collapse(application: ApplicationId, hash: [u8; 16]) -> Vec<u8> {
    key(kind::COLLAPSE, &[&app(application), &hash])
}

fn aged(kind: u8, application: ApplicationId, time: Timestamp, message: MessageId) -> Vec<u8> {
    key(kind, &[&app(application), &time.as_micros().to_be_bytes(), &message.0])
}

/// Ended messages by the time from which on their `request_id` may be forgotten.
pub(crate) fn remembered(application: ApplicationId, until: Timestamp, message: MessageId) -> Vec<u8> {
    aged(kind::REMEMBERED, application, until, message)
}

pub(crate) fn remembered_of(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::REMEMBERED, &[&app(application)]))
}

/// Ended messages whose events are kept, by the time of their end.
pub(crate) fn finished(application: ApplicationId, ended: Timestamp, message: MessageId) -> Vec<u8> {
    aged(kind::FINISHED, application, ended, message)
}

pub(crate) fn finished_of(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::FINISHED, &[&app(application)]))
}

/// Ended messages whose events have gone, by the time of their end.
pub(crate) fn trimmed(application: ApplicationId, ended: Timestamp, message: MessageId) -> Vec<u8> {
    aged(kind::TRIMMED, application, ended, message)
}

pub(crate) fn trimmed_of(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::TRIMMED, &[&app(application)]))
}

/// The time in a key of `remembered_of`, `finished_of`, `trimmed_of` or `removed_times`.
pub(crate) fn aged_at(key: &[u8]) -> Option<Timestamp> {
    part(key, 5).map(|time| Timestamp::from_micros(u64::from_be_bytes(time)))
}

pub(crate) fn page(page: PageKey) -> Vec<u8> {
    key(kind::PAGE, &[&page.message.0, &page.number.to_be_bytes()])
}

pub(crate) fn head(page: PageKey) -> Vec<u8> {
    key(kind::HEAD, &[&page.message.0, &page.number.to_be_bytes()])
}

pub(crate) fn heads() -> KeyRange {
    KeyRange::prefix(&[kind::HEAD])
}

/// The heads of one message.
pub(crate) fn heads_of(message: MessageId) -> KeyRange {
    KeyRange::prefix(&key(kind::HEAD, &[&message.0]))
}

pub(crate) fn page_of(key: &[u8]) -> Option<PageKey> {
    Some(PageKey { message: MessageId(part(key, 1)?), number: u32::from_be_bytes(part(key, 17)?) })
}
