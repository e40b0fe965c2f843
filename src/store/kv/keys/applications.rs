//! Keys of applications, their VAPID keys and tokens, sequences, and what is cleared away with them.

use super::{KeyRange, SECRETS, app, hash, key, kind, part};
use crate::domain::{ApiTokenId, ApplicationId, MessageId, VapidKeyId};

pub(crate) fn application(id: ApplicationId) -> Vec<u8> {
    key(kind::APPLICATION, &[&app(id)])
}

pub(crate) fn applications() -> KeyRange {
    KeyRange::prefix(&[kind::APPLICATION])
}

pub(crate) fn application_of(key: &[u8]) -> Option<ApplicationId> {
    part(key, 1).map(|id| ApplicationId(u32::from_be_bytes(id)))
}

pub(crate) fn application_name(name: &str) -> Vec<u8> {
    key(kind::APPLICATION_NAME, &[name.as_bytes()])
}

pub(crate) fn vapid_key(application: ApplicationId, id: VapidKeyId) -> Vec<u8> {
    key(kind::VAPID_KEY, &[&app(application), &id.0.to_be_bytes()])
}

pub(crate) fn vapid_keys(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::VAPID_KEY, &[&app(application)]))
}

/// The VAPID key that a key of `vapid_keys`, `vapid_tokens` or `key_counts` belongs to.
pub(crate) fn vapid_key_of(key: &[u8]) -> Option<VapidKeyId> {
    part(key, 5).map(|id| VapidKeyId(u16::from_be_bytes(id)))
}

pub(crate) fn vapid_token(application: ApplicationId, id: VapidKeyId, origin: &str) -> Vec<u8> {
    key(kind::VAPID_TOKEN, &[&app(application), &id.0.to_be_bytes(), &hash(&[origin.as_bytes()])])
}

pub(crate) fn vapid_tokens_of(application: ApplicationId, id: VapidKeyId) -> KeyRange {
    KeyRange::prefix(&key(kind::VAPID_TOKEN, &[&app(application), &id.0.to_be_bytes()]))
}

pub(crate) fn vapid_tokens() -> KeyRange {
    KeyRange::prefix(&[kind::VAPID_TOKEN])
}

pub(crate) fn api_token(id: ApiTokenId) -> Vec<u8> {
    key(kind::API_TOKEN, &[&id.0])
}

pub(crate) fn api_tokens() -> KeyRange {
    KeyRange::prefix(&[kind::API_TOKEN])
}

pub(crate) fn api_token_of(key: &[u8]) -> Option<ApiTokenId> {
    part(key, 1).map(ApiTokenId)
}

pub(crate) fn meta(name: &str) -> Vec<u8> {
    key(kind::META, &[name.as_bytes()])
}

pub(crate) fn secret(name: &str) -> Vec<u8> {
    key(kind::META, &[SECRETS, name.as_bytes()])
}

/// The last sequence number that an application has used.
pub(crate) fn sequence(application: ApplicationId) -> Vec<u8> {
    key(kind::SEQUENCE, &[&app(application)])
}

pub(crate) fn sequences() -> KeyRange {
    KeyRange::prefix(&[kind::SEQUENCE])
}

/// The last number of an application's change feed.
pub(crate) fn change_sequence(application: ApplicationId) -> Vec<u8> {
    key(kind::CHANGE_SEQUENCE, &[&app(application)])
}

pub(crate) fn change_sequences() -> KeyRange {
    KeyRange::prefix(&[kind::CHANGE_SEQUENCE])
}

pub(crate) fn kept(application: ApplicationId) -> Vec<u8> {
    key(kind::KEPT, &[&app(application)])
}

pub(crate) fn reaper(application: ApplicationId) -> Vec<u8> {
    key(kind::REAPER, &[&app(application)])
}

/// The rows of an application that stand under its number and are read with nothing else: all but its own record, its
/// subscriptions, and the messages that lead to rows of their own.
pub(crate) fn cleared_of(id: ApplicationId) -> impl Iterator<Item = KeyRange> {
    [
        kind::TOPIC,
        kind::USER,
        kind::COUNT,
        kind::KEY_COUNT,
        kind::TOPIC_NAME,
        kind::LAST_TOPIC,
        kind::CHANGE,
        kind::CHANGE_SEQUENCE,
        kind::REMOVED,
        kind::REMOVED_TIME,
        kind::REMOVED_BY,
        kind::SET_ASIDE,
        kind::HELD,
        kind::STATE,
        kind::REQUEST,
        kind::COLLAPSE,
        kind::REMEMBERED,
        kind::FINISHED,
        kind::TRIMMED,
        kind::FEED,
        kind::TIME,
        kind::KEPT,
        kind::REAPER,
        kind::VAPID_KEY,
        kind::VAPID_TOKEN,
        kind::SEQUENCE,
    ]
    .into_iter()
    .map(move |kind| KeyRange::prefix(&key(kind, &[&app(id)])))
}

/// The rows that a message has under its own identifier.
pub(crate) fn cleared_of_message(message: MessageId) -> impl Iterator<Item = KeyRange> {
    [kind::SEGMENT, kind::RECEIPT, kind::LIST, kind::PAGE, kind::HEAD]
        .into_iter()
        .map(move |kind| KeyRange::prefix(&key(kind, &[&message.0])))
}
