//! What of rows is secret: of their values, and of their keys.

use super::{KeyRange, SECRETS, kind, secret};

/// What of a row's value is secret: what it takes to have it sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Nothing that matters more than that the row is there.
    None,
    /// What speaks for an application: private keys, signed tokens, the store's own secrets. And what is said of an
    /// application and of tokens, which is little.
    Keys,
    /// Endpoints, their keys, and what is known of subscribers: all that was done to them and that they did.
    Subscriptions,
    /// What messages say and for whom they are, or a hash of that: sealed with subscriptions as with payloads.
    Messages,
}

/// The kinds whose values are secret, and what of them.
const SECRET_KINDS: [(u8, Secrecy); 18] = [
    (kind::APPLICATION, Secrecy::Keys),
    (kind::VAPID_KEY, Secrecy::Keys),
    (kind::VAPID_TOKEN, Secrecy::Keys),
    (kind::API_TOKEN, Secrecy::Keys),
    // They may name users: sealed with the least that is.
    (kind::AUDIT, Secrecy::Keys),
    (kind::SUBSCRIPTION, Secrecy::Subscriptions),
    // They have copies of targets.
    (kind::TOPIC, Secrecy::Subscriptions),
    (kind::CHANGE, Secrecy::Subscriptions),
    (kind::ORIGIN, Secrecy::Subscriptions),
    (kind::REMOVED, Secrecy::Subscriptions),
    (kind::OPEN, Secrecy::Messages),
    (kind::LIST, Secrecy::Subscriptions),
    (kind::DONE, Secrecy::Messages),
    (kind::REQUEST, Secrecy::Messages),
    // They have targets that are stored nowhere else.
    (kind::PAGE, Secrecy::Subscriptions),
    // They have what push services said.
    (kind::HEAD, Secrecy::Subscriptions),
    (kind::SEGMENT, Secrecy::Subscriptions),
    (kind::RECEIPT, Secrecy::Subscriptions),
];

/// What is secret in the value of a row.
pub(crate) fn secrecy(key: &[u8]) -> Secrecy {
    match key.first() {
        Some(&kind::META) if key[1..].starts_with(SECRETS) => Secrecy::Keys,
        Some(kind) => {
            let found = SECRET_KINDS.iter().find(|(of, _)| of == kind);
            found.map_or(Secrecy::None, |(_, secrecy)| *secrecy)
        }
        None => Secrecy::None,
    }
}

/// The rows that may be sealed.
pub(crate) fn secret_ranges() -> Vec<KeyRange> {
    let mut ranges: Vec<_> = SECRET_KINDS.map(|(kind, _)| KeyRange::prefix(&[kind])).into();
    ranges.push(KeyRange::prefix(&secret("")));
    ranges
}

/// Octets of a hash in a key.
const HASH_OCTETS: usize = 16;
/// Octets of an identifier in a key.
pub(crate) const ID_OCTETS: usize = 16;

/// The part of a key that is made of a caller's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashed {
    /// Where it begins.
    pub(crate) at: usize,
    /// Where it ends.
    pub(crate) to: usize,
}

/// The kinds whose keys have a hash: where, and what comes behind it, in octets.
const HASHED_KINDS: [(u8, usize, usize); 7] = [
    (kind::VAPID_TOKEN, 7, 0),
    (kind::USER, 5, ID_OCTETS),
    (kind::ENDPOINT, 1, 0),
    (kind::ORIGIN_TEXT, 1, 0),
    (kind::REMOVED_BY, 5, ID_OCTETS),
    (kind::REQUEST, 5, 0),
    (kind::COLLAPSE, 5, 0),
];
/// Where the name is in the key of a topic's name, which has it as it is.
const TOPIC_NAME_AT: usize = 5;

fn hashed_kind(key: &[u8]) -> Option<(usize, usize)> {
    let kind = key.first()?;
    HASHED_KINDS.iter().find(|(of, ..)| of == kind).map(|(_, at, behind)| (*at, *behind))
}

/// The part of a whole key that is made of a caller's text, if it is secret.
pub(crate) fn hashed(key: &[u8]) -> Option<Hashed> {
    if key.first() == Some(&kind::TOPIC_NAME) {
        return (key.len() > TOPIC_NAME_AT).then_some(Hashed { at: TOPIC_NAME_AT, to: key.len() });
    }
    let (at, _) = hashed_kind(key)?;
    (key.len() >= at + HASH_OCTETS).then_some(Hashed { at, to: at + HASH_OCTETS })
}

/// Octets of a key of this one's kind that has a hash where others may have a text.
pub(crate) fn hashed_octets(key: &[u8]) -> Option<usize> {
    if key.first() == Some(&kind::TOPIC_NAME) {
        return Some(TOPIC_NAME_AT + HASH_OCTETS);
    }
    hashed_kind(key).map(|(at, behind)| at + HASH_OCTETS + behind)
}

/// Where the hash ends in the bound of a range, if there are rows behind one hash and the bound has all of it.
pub(crate) fn narrow_at(bound: &[u8]) -> Option<usize> {
    let (at, behind) = hashed_kind(bound)?;
    (behind > 0 && bound.len() >= at + HASH_OCTETS).then_some(at + HASH_OCTETS)
}

/// The rows whose keys have a part that is made of a caller's text.
pub(crate) fn hashed_ranges() -> impl Iterator<Item = KeyRange> {
    let kinds = HASHED_KINDS.iter().map(|(kind, ..)| *kind).chain([kind::TOPIC_NAME]);
    kinds.map(|kind| KeyRange::prefix(&[kind]))
}
