//! Every key of the store, and nothing else. The first octet is the kind of record; numbers are big-endian, so that the
//! order of keys is the order of numbers; ranges have exclusive upper bounds. `docs/storage.md` has the table of all
//! kinds with what they hold.

mod secret;

use sha2::{Digest, Sha256};

use crate::domain::{
    ApiTokenId, ApplicationId, MessageId, OriginId, Outcome, SubscriptionId, Timestamp, VapidKeyId,
};
use crate::store::PageKey;
pub(crate) use secret::{
    Hashed, ID_OCTETS, Secrecy, hashed, hashed_octets, hashed_ranges, narrow_at, secrecy, secret_ranges,
};

/// The kinds of records. 0x00 and 0xff are not to be used: bounds need room on both sides. 0x35 was used before there was
/// trimming.
mod kind {
    macro_rules! kinds {
        ($($name:ident = $octet:literal, $text:literal;)+) => {
            $(pub(super) const $name: u8 = $octet;)+
            /// All of them, with their names.
            pub(super) const ALL: &[(u8, &str)] = &[$(($octet, $text)),+];
        };
    }

    kinds! {
        APPLICATION = 0x01, "application";
        APPLICATION_NAME = 0x02, "application name";
        VAPID_KEY = 0x03, "VAPID key";
        VAPID_TOKEN = 0x04, "VAPID token";
        META = 0x05, "meta";
        SEQUENCE = 0x06, "sequence";
        REAPER = 0x07, "reaper";
        CHANGE_SEQUENCE = 0x08, "change sequence";
        KEPT = 0x09, "low marks";
        API_TOKEN = 0x0a, "API token";
        SUBSCRIPTION = 0x10, "subscription";
        TOPIC = 0x11, "topic";
        USER = 0x12, "user";
        ENDPOINT = 0x13, "endpoint";
        COUNT = 0x14, "count";
        TOPIC_NAME = 0x15, "topic name";
        LAST_TOPIC = 0x16, "last topic";
        CHANGE = 0x17, "change";
        ORIGIN = 0x18, "origin";
        ORIGIN_TEXT = 0x19, "origin text";
        KEY_COUNT = 0x1a, "key count";
        REMOVED = 0x1b, "removed";
        REMOVED_TIME = 0x1c, "removed time";
        REMOVED_BY = 0x1d, "removed by";
        SET_ASIDE = 0x1e, "set aside";
        HELD = 0x1f, "held";
        OPEN = 0x30, "open";
        LIST = 0x31, "list";
        STATE = 0x32, "state";
        DONE = 0x33, "done";
        REQUEST = 0x34, "request";
        COLLAPSE = 0x36, "collapse";
        REMEMBERED = 0x37, "remembered";
        FINISHED = 0x38, "finished";
        TRIMMED = 0x39, "trimmed";
        PAGE = 0x40, "page";
        HEAD = 0x41, "head";
        SEGMENT = 0x50, "segment";
        FEED = 0x51, "feed";
        TIME = 0x52, "time";
        RECEIPT = 0x53, "receipt";
    }
}

/// Begins the names of the store's own secrets.
const SECRETS: &[u8] = b"secret/";

/// A topic's number within its application. 0 stands for everyone and is never given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicId(pub(crate) u32);

impl TopicId {
    /// In counters: all subscriptions of the application.
    pub(crate) const EVERYONE: Self = Self(0);
}

/// Keys from `from` up to, but without, `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key that is in it.
    pub from: Vec<u8>,
    /// The first key that is not in it any more.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All keys that start with `prefix`, which is not all 0xff.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        let mut to = prefix.to_vec();
        while let Some(last) = to.pop() {
            if last < u8::MAX {
                to.push(last + 1);
                break;
            }
        }
        Self { from: prefix.to_vec(), to }
    }

    /// What of it comes after `key`.
    pub(crate) fn after(mut self, key: &[u8]) -> Self {
        let mut from = key.to_vec();
        from.push(0);
        self.from = self.from.max(from);
        self
    }

    /// What of it comes before `key`.
    pub(crate) fn before(mut self, key: &[u8]) -> Self {
        self.to = self.to.min(key.to_vec());
        self
    }

    /// What of it is not before `key`.
    pub(crate) fn starting_at(mut self, key: &[u8]) -> Self {
        self.from = self.from.max(key.to_vec());
        self
    }
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// The rows of each kind, with its name.
pub(crate) fn kinds() -> impl Iterator<Item = (&'static str, KeyRange)> {
    kind::ALL.iter().map(|(kind, name)| (*name, KeyRange::prefix(&[*kind])))
}

/// The first half of SHA-256: names that are too long or too secret for a key.
fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&sha.finalize()[..16]);
    half
}

fn app(application: ApplicationId) -> [u8; 4] {
    application.0.to_be_bytes()
}

/// An array out of the octets of a key from `at` on; `None` when they are not there.
fn part<const N: usize>(key: &[u8], at: usize) -> Option<[u8; N]> {
    key.get(at..at + N)?.try_into().ok()
}

// ------------------------------------------------------------------------------------------- applications and keys

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

// ------------------------------------------------------------------------------------------- subscriptions

pub(crate) fn subscription(application: ApplicationId, id: SubscriptionId) -> Vec<u8> {
    key(kind::SUBSCRIPTION, &[&app(application), &id.0])
}

pub(crate) fn subscriptions(application: ApplicationId) -> KeyRange {
    KeyRange::prefix(&key(kind::SUBSCRIPTION, &[&app(application)]))
}

/// Those of all applications.
pub(crate) fn all_subscriptions() -> KeyRange {
    KeyRange::prefix(&[kind::SUBSCRIPTION])
}

/// Subscriptions that evidence removed, of all applications.
pub(crate) fn all_removed() -> KeyRange {
    KeyRange::prefix(&[kind::REMOVED])
}

pub(crate) fn all_pages() -> KeyRange {
    KeyRange::prefix(&[kind::PAGE])
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

// ------------------------------------------------------------------------------------------- messages

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

// ------------------------------------------------------------------------------------------- pages

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

// ------------------------------------------------------------------------------------------- the log

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

/// The sequence number that a key of `segments`, `feeds` or `changes` ends with.
pub(crate) fn seq_of(key: &[u8]) -> Option<u64> {
    part(key, key.len().checked_sub(8)?).map(u64::from_be_bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    const APP: ApplicationId = ApplicationId(0x0102_0304);
    const ID: [u8; 16] = [7; 16];

    #[test]
    fn have_the_sizes_of_the_table() {
        let page_key = PageKey { message: MessageId(ID), number: 3 };
        for (key, octets) in [
            (application(APP), 5),
            (application_name("default"), 8),
            (vapid_key(APP, VapidKeyId(1)), 7),
            (vapid_token(APP, VapidKeyId(1), "https://push.example.net"), 23),
            (sequence(APP), 5),
            (reaper(APP), 5),
            (change_sequence(APP), 5),
            (change(APP, 1), 13),
            (subscription(APP, SubscriptionId(ID)), 21),
            (topic(APP, TopicId(9), SubscriptionId(ID)), 25),
            (user(APP, "someone", SubscriptionId(ID)), 37),
            (endpoint(APP, "https://push.example.net/p"), 17),
            (count(APP, TopicId::EVERYONE), 9),
            (removed(APP, SubscriptionId(ID)), 21),
            (removed_time(APP, Timestamp::MAX, SubscriptionId(ID)), 29),
            (removed_by(APP, RemovedBy::User("someone"), SubscriptionId(ID)), 37),
            (set_aside(APP, OriginId(1), Outcome::Gone, SubscriptionId(ID)), 26),
            (held(APP, OriginId(1), Outcome::Gone), 10),
            (origin(OriginId(1)), 5),
            (origin_text("https://push.example.net"), 17),
            (open(APP, MessageId(ID)), 21),
            (list(MessageId(ID), 0), 21),
            (state(APP, MessageId(ID)), 21),
            (done(APP, MessageId(ID)), 21),
            (request(APP, "r"), 21),
            (kept(APP), 5),
            (remembered(APP, Timestamp::MAX, MessageId(ID)), 29),
            (finished(APP, Timestamp::MAX, MessageId(ID)), 29),
            (trimmed(APP, Timestamp::MAX, MessageId(ID)), 29),
            (collapse(APP, ID), 21),
            (page(page_key), 21),
            (head(page_key), 21),
            (segment(MessageId(ID), 1), 25),
            (feed(APP, 1), 13),
            (time(APP, 1), 13),
        ] {
            assert_eq!(key.len(), octets, "{key:?}");
        }
    }

    #[test]
    fn give_back_what_they_were_made_of() {
        let page_key = PageKey { message: MessageId(ID), number: 3 };
        assert_eq!(page_of(&head(page_key)), Some(page_key));
        assert_eq!(subscription_of(&topic(APP, TopicId(9), SubscriptionId(ID))), Some(SubscriptionId(ID)));
        assert_eq!(message_of(&open(APP, MessageId(ID))), Some(MessageId(ID)));
        assert_eq!(application_of(&open(APP, MessageId(ID))), Some(APP));
        assert_eq!(seq_of(&feed(APP, 77)), Some(77));
        assert_eq!(origin_of(&origin(OriginId(5))), Some(OriginId(5)));
        for short in [&[][..], &[1], &[1, 2, 3]] {
            assert_eq!(page_of(short), None);
            assert_eq!(subscription_of(short), None);
            assert_eq!(seq_of(short), None);
        }
    }

    #[test]
    fn ranges_hold_their_prefix_and_nothing_else() {
        let range = KeyRange::prefix(&[1, 0xff]);
        assert_eq!((range.from.as_slice(), range.to.as_slice()), (&[1, 0xff][..], &[2][..]));
        let members = topic_members(APP, TopicId(u32::MAX));
        let last = topic(APP, TopicId(u32::MAX), SubscriptionId([0xff; 16]));
        assert!(members.from <= last && last < members.to);
        assert!(topic(ApplicationId(APP.0 + 1), TopicId(0), SubscriptionId([0; 16])) >= members.to);
        let rest = members.clone().after(&last);
        assert!(rest.from > last && rest.to == members.to);
        assert_eq!(members.clone().before(&last).to, last);
    }
}
