//! Sealing what is secret, so that who has the disk, or a backup of it, does not have that.
//!
//! Values are sealed with AES-256-GCM where they meet the database ([`backend`]): no record knows of it. A sealed value is
//!
//! ```text
//! 0xff · key id (4) · nonce (12) · ciphertext · tag (16)
//! ```
//!
//! The first octet tells it from a value in the clear, which begins with its version. The master key seals nothing itself:
//! of it and the row's key HKDF-SHA-256 makes a key for this one row. The row's key is the associated data too, so a
//! value is good in its own row only.
//!
//! **Nonces** are 96 random bits. NIST SP 800-38D section 8.3 allows 2^32 of these under one key, which a busy server would
//! use up within weeks if all rows shared the key. With a key for each row the bound holds for each row: it would have to
//! be written 2^32 times under one master key, while a subscription that is written once a second comes to 2^29 in 17 years.
//!
//! **The key's id** is made of the key, so a key cannot be given under a wrong name: a key that is not the one is a key that
//! is missing, which is told before anything is read.

mod backend;
mod reseal;

use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Tag};
use hkdf::Hkdf;
use rand::Rng as _;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keys;
use crate::webpush::keys::decode_base64;

pub(super) use backend::SEALING_NAME;
pub(crate) use backend::{Sealed, admit, master_keys};
pub use reseal::Resealed;

/// Octets of a master key.
pub const MASTER_KEY_OCTETS: usize = 32;
/// Keys that may be given: the current one and former ones.
pub const MASTER_KEYS_MAX: usize = 16;

/// Begins a sealed value; no record has this version.
const SEALED: u8 = 0xff;
const ID_OCTETS: usize = 4;
const NONCE_OCTETS: usize = 12;
const TAG_OCTETS: usize = 16;
/// In front of the ciphertext.
const HEAD_OCTETS: usize = 1 + ID_OCTETS + NONCE_OCTETS;

/// Another one when more kinds of rows are sealed: what is stored is then sealed anew. Earlier ones had none.
const KINDS_VERSION: u8 = 2;

/// What tells this use of the key from any other.
const SALT: &[u8] = b"fanfare store sealing v1";

/// Names a master key: made of it, and telling nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// What stands in values.
    fn id(self) -> [u8; ID_OCTETS] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why keys were not taken. Repeats nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// There is no key in it.
    #[error("there is no key in it")]
    Missing,
    /// What is no key.
    #[error(
        "key {0} is not 32 octets of base64, base64url or hexadecimal: make one by `openssl rand -base64 32`"
    )]
    NotAKey(usize),
    /// More than [`MASTER_KEYS_MAX`].
    #[error("there are more than 16 keys in it")]
    TooMany,
    /// The same one again, or two with the same id, which chance does not bring about.
    #[error("key {0} is there twice")]
    Twice(usize),
}

/// A master key.
#[derive(Clone)]
pub struct MasterKey {
    fingerprint: Fingerprint,
    /// Makes the rows' keys.
    rows: Hkdf<Sha256>,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.fingerprint)
    }
}

impl MasterKey {
    /// Of its octets.
    #[must_use]
    pub fn new(octets: &[u8; MASTER_KEY_OCTETS]) -> Self {
        let rows = Hkdf::<Sha256>::new(Some(SALT), octets);
        let mut fingerprint = [0; 16];
        // Fails only for outputs of more than 255 hashes.
        let _ = rows.expand(b"fingerprint", &mut fingerprint);
        Self { fingerprint: Fingerprint(fingerprint), rows }
    }

    /// Its name.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Reads keys that are separated by white space or commas: the current one, and then former ones. What follows a `#`
    /// up to the end of its line is a remark.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn parse_all(text: &str) -> Result<Vec<Self>, MasterKeyError> {
        let words = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(|line| line.split([' ', '\t', '\r', ',']))
            .filter(|word| !word.is_empty());
        let mut keys: Vec<Self> = Vec::new();
        for (word, number) in words.zip(1..) {
            if number > MASTER_KEYS_MAX {
                return Err(MasterKeyError::TooMany);
            }
            let key = Self::new(&*parse(word).ok_or(MasterKeyError::NotAKey(number))?);
            if keys.iter().any(|other| other.fingerprint.id() == key.fingerprint.id()) {
                return Err(MasterKeyError::Twice(number));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(MasterKeyError::Missing) } else { Ok(keys) }
    }

    /// The cipher of one row.
    fn cipher(&self, row: &[u8]) -> Option<Aes256Gcm> {
        let mut key = Zeroizing::new([0; 32]);
        self.rows.expand_multi_info(&[b"row", row], &mut *key).ok()?;
        Some(Aes256Gcm::new((&*key).into()))
    }

    /// Seals the value of a row. `None` when the library refuses, for which it has no reason.
    fn seal(&self, row: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_OCTETS];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(HEAD_OCTETS + value.len() + TAG_OCTETS);
        sealed.push(SEALED);
        sealed.extend_from_slice(&self.fingerprint.id());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let text = &mut sealed[HEAD_OCTETS..];
        let tag = self.cipher(row)?.encrypt_inout_detached(&nonce.into(), row, text.into()).ok()?;
        sealed.extend_from_slice(&tag);
        Some(sealed)
    }

    /// Opens a sealed value of a row in place. When it is not one of this key and row, `value` is none any more.
    fn open(&self, row: &[u8], value: &mut Vec<u8>) -> Option<()> {
        let (head, text) = value.split_first_chunk_mut::<HEAD_OCTETS>()?;
        let nonce: [u8; NONCE_OCTETS] = *head.last_chunk()?;
        let (text, tag) = text.split_last_chunk_mut::<TAG_OCTETS>()?;
        let tag: Tag = (*tag).into();
        self.cipher(row)?.decrypt_inout_detached(&nonce.into(), row, text.into(), &tag).ok()?;
        value.truncate(value.len() - TAG_OCTETS);
        value.drain(..HEAD_OCTETS);
        Some(())
    }
}

/// 32 octets in hexadecimal, base64 or base64url.
fn parse(word: &str) -> Option<Zeroizing<[u8; MASTER_KEY_OCTETS]>> {
    let mut key = Zeroizing::new([0; MASTER_KEY_OCTETS]);
    if word.len() == 2 * MASTER_KEY_OCTETS {
        for (octet, digits) in key.iter_mut().zip(word.as_bytes().chunks(2)) {
            *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        return Some(key);
    }
    let octets = decode_base64(word).ok()?;
    key.copy_from_slice(octets.get(..).filter(|octets| octets.len() == MASTER_KEY_OCTETS)?);
    Some(key)
}

/// The id of the key that a value is sealed under; `None` for a value in the clear.
fn sealed_under(value: &[u8]) -> Option<[u8; ID_OCTETS]> {
    match value.split_first() {
        Some((&SEALED, rest)) => Some(rest.first_chunk().copied().unwrap_or_default()),
        Some(_) | None => None,
    }
}

/// What is sealed, and under which keys. The default: nothing, under none.
#[derive(Clone, Debug, Default)]
pub struct Sealing {
    /// The first one seals, all open.
    keys: Vec<MasterKey>,
    seals: bool,
    subscriptions: bool,
    payloads: bool,
}

impl Sealing {
    /// Seals under the first of `keys`, if there is any: private keys and the like always, subscriptions and payloads as
    /// told.
    #[must_use]
    pub fn new(keys: Vec<MasterKey>, subscriptions: bool, payloads: bool) -> Self {
        Self { seals: !keys.is_empty(), keys, subscriptions, payloads }
    }

    /// Whether subscriptions are sealed.
    pub(super) fn seals_subscriptions(&self) -> bool {
        self.seals && self.subscriptions
    }

    /// With the same keys, but sealing nothing any more.
    #[must_use]
    pub fn opening_only(self) -> Self {
        Self { seals: false, ..self }
    }

    /// The key that seals.
    fn current(&self) -> Option<&MasterKey> {
        self.keys.first().filter(|_| self.seals)
    }

    fn key(&self, id: [u8; ID_OCTETS]) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.fingerprint.id() == id)
    }

    /// The key that the value of this row is to be sealed under.
    fn wanted(&self, row: &[u8]) -> Option<&MasterKey> {
        let is_wanted = match keys::secrecy(row) {
            keys::Secrecy::Keys => true,
            keys::Secrecy::Subscriptions => self.subscriptions,
            keys::Secrecy::Messages => self.subscriptions || self.payloads,
            keys::Secrecy::None => false,
        };
        self.current().filter(|_| is_wanted)
    }

    /// A value as it is to be stored, when it is to be sealed.
    pub(super) fn sealed(&self, row: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        self.wanted(row)?.seal(row, value)
    }

    /// Whether a value is stored otherwise than it would be now.
    fn is_stale(&self, row: &[u8], value: &[u8]) -> bool {
        self.wanted(row).map(|key| key.fingerprint.id()) != sealed_under(value)
    }

    /// Opens a value if it is sealed. What does not open stays as it was told apart: it reads as a corrupt record.
    pub(super) fn open(&self, row: &[u8], value: &mut Vec<u8>) {
        let Some(id) = sealed_under(value) else { return };
        if self.key(id).and_then(|key| key.open(row, value)).is_none() {
            // Half decrypted, it must not pass for something.
            value.truncate(1);
        }
    }

    /// What says how everything is sealed, to tell whether it is so already.
    fn policy(&self) -> Vec<u8> {
        let Some(key) = self.current() else { return Vec::new() };
        let mut policy = key.fingerprint.0.to_vec();
        policy.extend([u8::from(self.subscriptions), u8::from(self.payloads), KINDS_VERSION]);
        policy
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl Sealing {
    /// For the fuzz targets: what is sealed opens as it was, and anything else opens as itself or as nothing.
    ///
    /// # Panics
    /// When that does not hold.
    pub(crate) fn fuzzed(row: &[u8], value: &[u8]) {
        let sealing = Self::new(vec![MasterKey::new(&[7; MASTER_KEY_OCTETS])], true, true);
        let mut opened = value.to_vec();
        sealing.open(row, &mut opened);
        assert!(opened == value || opened == [SEALED]);
        let mut sealed = sealing.keys[0].seal(row, value).unwrap_or_default();
        sealing.open(row, &mut sealed);
        assert_eq!(sealed, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> MasterKey {
        MasterKey::new(&[number; 32])
    }

    #[test]
    fn a_value_opens_in_its_row_under_its_key_and_nowhere_else() {
        let (row, value) = (keys::secret("a"), b"\x01something secret".to_vec());
        let sealed = key(1).seal(&row, &value).unwrap();
        assert_eq!(sealed.len(), value.len() + 33);
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, key(1).seal(&row, &value).unwrap(), "nonces are fresh");
        let opened = |key: u8, row: &[u8], sealed: &[u8]| {
            let mut value = sealed.to_vec();
            Sealing::new(vec![self::key(key)], true, true).open(row, &mut value);
            value
        };
        assert_eq!(opened(1, &row, &sealed), value);
        assert_eq!(opened(1, &keys::secret("b"), &sealed), [SEALED], "another row");
        assert_eq!(opened(2, &row, &sealed), [SEALED], "another key");
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_ne!(opened(1, &row, &damaged), value, "octet {place}");
            assert_ne!(opened(1, &row, &sealed[..place]), value, "the first {place} octets");
        }
    }

    #[test]
    fn keys_are_read_in_the_forms_that_programs_print() {
        let hexadecimal = "00".repeat(31) + "ff";
        let mut octets = [0; 32];
        octets[31] = 0xff;
        let base64 = format!("{}/w==", "A".repeat(41));
        let base64url = crate::webpush::keys::encode_base64url(&octets);
        let fingerprint = MasterKey::new(&octets).fingerprint();
        // The same key twice in one text is refused, so one by one.
        for text in [&hexadecimal, &base64url] {
            let keys = MasterKey::parse_all(&format!("# mine\n{text} # of 2026\n")).unwrap();
            assert_eq!(keys[0].fingerprint(), fingerprint, "{text}");
        }
        let other = "11".repeat(32);
        let both = MasterKey::parse_all(&format!("{other}\n{hexadecimal}")).unwrap();
        assert_eq!(both[1].fingerprint(), fingerprint);
        assert_eq!(MasterKey::parse_all("# none\n"), Err(MasterKeyError::Missing));
        assert_eq!(MasterKey::parse_all(&base64), Err(MasterKeyError::NotAKey(1)));
        assert_eq!(
            MasterKey::parse_all(&format!("{other} {}", &other[1..])),
            Err(MasterKeyError::NotAKey(2))
        );
        assert_eq!(MasterKey::parse_all(&format!("{other},{other}")), Err(MasterKeyError::Twice(2)));
        let many: Vec<_> = (0..=MASTER_KEYS_MAX).map(|number| format!("{number:02x}").repeat(32)).collect();
        assert_eq!(MasterKey::parse_all(&many.join("\n")), Err(MasterKeyError::TooMany));
    }

    impl PartialEq for MasterKey {
        fn eq(&self, other: &Self) -> bool {
            self.fingerprint == other.fingerprint
        }
    }

    #[test]
    fn shows_nothing_of_a_key() {
        let shown = format!(
            "{:?}",
            Sealing::new(vec![MasterKey::new(b"0123456789abcdef0123456789abcdef")], true, true)
        );
        assert!(!shown.contains("0123") && !shown.contains("48, 49"), "{shown}");
    }
}
