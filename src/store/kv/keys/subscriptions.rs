//! Keys of subscriptions, their indexes and counts, changes, origins, and what was removed or is held.

use super::{KeyRange, TopicId, app, application_of, hash, key, kind, part};
use crate::domain::{ApplicationId, OriginId, Outcome, SubscriptionId, Timestamp, VapidKeyId};

pub(crate) fn subscription(application: ApplicationId, id: SubscriptionId) -> Vec<u8> {
    key(kind::SUBSCRIPTION, &[&app(application), &id.0])
}

pub(crate) fn subscriptions(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::SUBSCRIPTION, &[&app(application)]))
}

/// Rows that name an origin by its number and keep it from being forgotten. Topic rows and changes repeat what
/// another row says, or what was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamesOrigin {
    Subscription,
    /// One that evidence removed and that can be restored.
    Removed,
    /// With targets that are stored nowhere else.
    Page,
    /// The same, where the page stands in its message's row.
    Open,
    /// What an operator is to decide on.
    Held,
}

impl NamesOrigin {
    const ALL: [(u8, Self); 5] = [
        (kind::SUBSCRIPTION, Self::Subscription),
        (kind::REMOVED, Self::Removed),
        (kind::PAGE, Self::Page),
        (kind::OPEN, Self::Open),
        (kind::HELD, Self::Held),
    ];

    /// What a row of this key is.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        let kind = key.first()?;
        Self::ALL.iter().find(|(of, _)| of == kind).map(|(_, names)| *names)
    }

    /// Where all of them are, of all applications.
    pub(crate) fn ranges() -> Vec<KeyRange> {
        Self::ALL.map(|(kind, _)| KeyRange::prefix(&[kind])).into()
    }
}

pub(crate) fn topic(application: ApplicationId, topic: TopicId, id: SubscriptionId) -> Vec<u8> {
    key(kind::TOPIC, &[&app(application), &topic.0.to_be_bytes(), &id.0])
}

pub(crate) fn topic_members(application: ApplicationId, topic: TopicId) -> KeyRange {
    KeyRange::prefix(&key(kind::TOPIC, &[&app(application), &topic.0.to_be_bytes()]))
}

pub(crate) fn user(application: ApplicationId, user: &str, id: SubscriptionId) -> Vec<u8> {
    key(kind::USER, &[&app(application), &hash(&[user.as_bytes()]), &id.0])
}

pub(crate) fn user_subscriptions(application: ApplicationId, user: &str) -> KeyRange {
    KeyRange::prefix(&key(kind::USER, &[&app(application), &hash(&[user.as_bytes()])]))
}

/// The subscription that a key of `subscriptions`, `topic_members` or `user_subscriptions` ends with.
pub(crate) fn subscription_of(key: &[u8]) -> Option<SubscriptionId> {
    part(key, key.len().checked_sub(16)?).map(SubscriptionId)
}

/// Hashed, so that no endpoint stands in a key; who finds one compares the endpoint itself.
pub(crate) fn endpoint(application: ApplicationId, endpoint: &str) -> Vec<u8> {
    key(kind::ENDPOINT, &[&hash(&[&app(application), endpoint.as_bytes()])])
}

pub(crate) fn count(application: ApplicationId, topic: TopicId) -> Vec<u8> {
    key(kind::COUNT, &[&app(application), &topic.0.to_be_bytes()])
}

/// How many active subscriptions were made with a VAPID key.
pub(crate) fn key_count(application: ApplicationId, id: VapidKeyId) -> Vec<u8> {
    key(kind::KEY_COUNT, &[&app(application), &id.0.to_be_bytes()])
}

/// The counts of all VAPID keys of an application.
pub(crate) fn key_counts(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::KEY_COUNT, &[&app(application)]))
}

pub(crate) fn topic_name(application: ApplicationId, name: &str) -> Vec<u8> {
    key(kind::TOPIC_NAME, &[&app(application), name.as_bytes()])
}

/// The last topic number that an application has given.
pub(crate) fn last_topic(application: ApplicationId) -> Vec<u8> {
    key(kind::LAST_TOPIC, &[&app(application)])
}

pub(crate) fn change(application: ApplicationId, seq: u64) -> Vec<u8> {
    key(kind::CHANGE, &[&app(application), &seq.to_be_bytes()])
}

pub(crate) fn changes(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::CHANGE, &[&app(application)]))
}

pub(crate) fn origin(id: OriginId) -> Vec<u8> {
    key(kind::ORIGIN, &[&id.0.to_be_bytes()])
}

pub(crate) fn origins() -> KeyRange {
    KeyRange::prefix(&[kind::ORIGIN])
}

pub(crate) fn origin_of(key: &[u8]) -> Option<OriginId> {
    part(key, 1).map(|id| OriginId(u32::from_be_bytes(id)))
}

pub(crate) fn origin_text(text: &str) -> Vec<u8> {
    key(kind::ORIGIN_TEXT, &[&hash(&[text.as_bytes()])])
}

/// A subscription that evidence removed.
pub(crate) fn removed(application: ApplicationId, id: SubscriptionId) -> Vec<u8> {
    key(kind::REMOVED, &[&app(application), &id.0])
}

/// The same by the time of its removal.
pub(crate) fn removed_time(application: ApplicationId, time: Timestamp, id: SubscriptionId) -> Vec<u8> {
    key(kind::REMOVED_TIME, &[&app(application), &time.as_micros().to_be_bytes(), &id.0])
}

pub(crate) fn removed_times(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::REMOVED_TIME, &[&app(application)]))
}

/// Removed subscriptions from `since` up to, but without, `until`.
pub(crate) fn removed_between(application: ApplicationId, since: Timestamp, until: Timestamp) -> KeyRange {
    let first = SubscriptionId([0; 16]);
    removed_times(application).starting_at(&removed_time(application, since, first)).before(&removed_time(
        application,
        until,
        first,
    ))
}

/// What a removed subscription is found by beside its identifier.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RemovedBy<'a> {
    Endpoint(&'a str),
    User(&'a str),
}

impl RemovedBy<'_> {
    fn hash(self) -> [u8; 16] {
        match self {
            Self::Endpoint(endpoint) => hash(&[b"endpoint ", endpoint.as_bytes()]),
            Self::User(user) => hash(&[b"user ", user.as_bytes()]),
        }
    }
}

pub(crate) fn removed_by(application: ApplicationId, by: RemovedBy<'_>, id: SubscriptionId) -> Vec<u8> {
    key(kind::REMOVED_BY, &[&app(application), &by.hash(), &id.0])
}

pub(crate) fn all_removed_by(application: ApplicationId, by: RemovedBy<'_>) -> KeyRange {
    KeyRange::prefix(&key(kind::REMOVED_BY, &[&app(application), &by.hash()]))
}

/// A subscription that is set aside for an outcome.
pub(crate) fn set_aside(
    application: ApplicationId,
    origin: OriginId,
    outcome: Outcome,
    id: SubscriptionId,
) -> Vec<u8> {
    key(kind::SET_ASIDE, &[&app(application), &origin.0.to_be_bytes(), &[outcome.number()], &id.0])
}

/// All that are set aside at an origin; for one outcome, or any.
pub(crate) fn all_set_aside(
    application: ApplicationId,
    origin: OriginId,
    outcome: Option<Outcome>,
) -> KeyRange {
    let outcome = outcome.map(Outcome::number);
    KeyRange::prefix(&key(kind::SET_ASIDE, &[&app(application), &origin.0.to_be_bytes(), outcome.as_slice()]))
}

/// Why removals of an application at an origin are held.
pub(crate) fn held(application: ApplicationId, origin: OriginId, outcome: Outcome) -> Vec<u8> {
    key(kind::HELD, &[&app(application), &origin.0.to_be_bytes(), &[outcome.number()]])
}

pub(crate) fn all_held() -> KeyRange {
    KeyRange::prefix(&[kind::HELD])
}

/// What a key of `all_held` is about: application, origin, and the number of the outcome.
pub(crate) fn held_of(key: &[u8]) -> Option<(ApplicationId, OriginId, u8)> {
    let origin = OriginId(u32::from_be_bytes(part(key, 5)?));
    Some((application_of(key)?, origin, *key.get(9)?))
}
