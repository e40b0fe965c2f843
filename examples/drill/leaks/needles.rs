//! What must not be found, in every form in which it could be written, and the search for it.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Octets by which forms are found; shorter ones would be found by chance.
const FINGERPRINT: usize = 8;
/// Octets of a secret that are enough to recognise it.
const ENOUGH_OCTETS: usize = 16;

/// Octets of a hash that are enough to recognise it, and the most that a key has.
const HASH_OCTETS: usize = 16;

/// What a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    EndpointPath,
    AuthSecret,
    PrivateKey,
    MasterKey,
    /// Of callers, of VAPID, of the operator: whatever lets its holder in.
    Token,
    Payload,
    /// Positions that callers are given: theirs to know, nobody else's.
    Position,
    /// What callers say of people and messages, which they are told again: nothing of it is in a log or on the disk.
    Person,
}

/// All secrets of a run.
#[derive(Debug, Default)]
pub(crate) struct Needles {
    forms: Vec<(Kind, Vec<u8>)>,
    /// Forms by how they begin.
    by_fingerprint: HashMap<[u8; FINGERPRINT], Vec<usize>>,
}

impl Needles {
    /// Adds a secret of text.
    pub(crate) fn add_text(&mut self, kind: Kind, text: &str) {
        self.add(kind, text.as_bytes());
        let escaped: Vec<String> = text.bytes().map(|octet| format!("%{octet:02X}")).collect();
        self.add_form(kind, escaped.concat().into_bytes());
    }

    /// Adds a secret: itself, and written in base64, in hexadecimal digits, and as `Debug` writes octets.
    pub(crate) fn add(&mut self, kind: Kind, octets: &[u8]) {
        let some = &octets[..octets.len().min(ENOUGH_OCTETS)];
        self.add_form(kind, octets.to_vec());
        self.add_form(
            kind,
            some.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat().into(),
        );
        self.add_form(
            kind,
            some.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().concat().into(),
        );
        for separator in [", ", ","] {
            let list: Vec<String> = some.iter().map(ToString::to_string).collect();
            self.add_form(kind, list.join(separator).into_bytes());
        }
        for engine in [&URL_SAFE_NO_PAD, &STANDARD_NO_PAD, &URL_SAFE, &STANDARD] {
            self.add_form(kind, engine.encode(octets).into_bytes());
        }
    }

    /// Adds what is said of a person or a message: as a secret of text, and the hashes that a store may make keys of.
    pub(crate) fn add_person(&mut self, text: &str) {
        self.add_text(Kind::Person, text);
        for before in [&b""[..], b"user ", b"endpoint ", &[0, 0, 0, 1]] {
            let hash = Sha256::digest([before, text.as_bytes()].concat());
            self.add(Kind::Person, &hash[..HASH_OCTETS]);
        }
    }

    fn add_form(&mut self, kind: Kind, form: Vec<u8>) {
        let Some(fingerprint) = form.first_chunk() else { return };
        let same = self.by_fingerprint.entry(*fingerprint).or_default();
        if !same.iter().any(|known| self.forms[*known].1 == form) {
            same.push(self.forms.len());
            self.forms.push((kind, form));
        }
    }

    /// All forms.
    pub(crate) fn forms(&self) -> &[(Kind, Vec<u8>)] {
        &self.forms
    }

    /// What of it is in a text, and where.
    pub(crate) fn find(&self, text: &[u8]) -> BTreeMap<Kind, Vec<usize>> {
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for at in 0..text.len() {
            let same = text[at..].first_chunk().and_then(|begin| self.by_fingerprint.get(begin));
            for form in same.into_iter().flatten() {
                let (kind, form) = &self.forms[*form];
                if text[at..].starts_with(form) {
                    found.entry(*kind).or_default().push(at);
                }
            }
        }
        found
    }
}
