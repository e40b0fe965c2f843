//! Every key of the store, and nothing else. The first octet is the kind of record; numbers are big-endian, so that the
//! order of keys is the order of numbers; ranges have exclusive upper bounds. `docs/storage.md` has the table of all
//! kinds with what they hold.

mod applications;
mod log;
mod messages;
mod secret;
mod subscriptions;

use sha2::{Digest, Sha256};

use crate::domain::ApplicationId;
pub(crate) use applications::*;
pub(crate) use log::*;
pub(crate) use messages::*;
pub(crate) use secret::{
    Hashed, ID_OCTETS, Secrecy, hashed, hashed_octets, hashed_ranges, narrow_at, secrecy, secret_ranges,
};
pub(crate) use subscriptions::*;

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
        AUDIT = 0x0b, "audit entry";
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

/// All rows.
pub(crate) fn everything() -> KeyRange {
    KeyRange { from: Vec::new(), to: vec![u8::MAX] }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MessageId, OriginId, Outcome, SubscriptionId, Timestamp, VapidKeyId};
    use crate::store::PageKey;

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
            (audit(1), 9),
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
