//! The content encoding `aesgcm` (draft-ietf-webpush-encryption-04), which browsers of 2016 and 2017 know: salt and
//! public key stand in the headers `Encryption` and `Crypto-Key`, and every record begins with its padding.

use std::fmt;

use bytes::Bytes;

use super::agreement::{AgreementKey, POINT_OCTETS};
use super::encryption::{DecryptError, EncryptError, Ephemeral};
use super::keys::{AUTH_OCTETS, encode_base64url};
use super::parameters::parameter;
use super::record::{Failed, Records, SALT_OCTETS, TAG_OCTETS, derive};
use crate::domain::SubscriptionKeys;

/// The record size that holds where `Encryption` names none. Unlike that of aes128gcm it does not count the tag.
pub const RECORD_SIZE: usize = 4_096;
/// Octets that padding length and tag add to payload and padding.
pub const OVERHEAD_OCTETS: usize = PADDING_LEN_OCTETS + TAG_OCTETS;

/// Octets at the start of each record that tell how much padding follows.
const PADDING_LEN_OCTETS: usize = 2;

/// What a receiver needs beside the body: the headers `Encryption` and `Crypto-Key`.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters {
    /// `salt` of `Encryption`.
    pub salt: [u8; SALT_OCTETS],
    /// `dh` of `Crypto-Key`: the sender's public key.
    pub sender: [u8; POINT_OCTETS],
    /// `rs` of `Encryption`; at least 3.
    pub record_size: usize,
}

impl Parameters {
    /// Reads the two headers: one `salt`, one `dh`, both base64url without padding (Firefox takes no other), `rs` if
    /// any. Other parameters are ignored.
    ///
    /// # Errors
    /// [`DecryptError::Parameters`], [`DecryptError::RecordSize`] or [`DecryptError::SenderKey`].
    pub fn parse(encryption: &str, crypto_key: &str) -> Result<Self, DecryptError> {
        let one = |value, name| {
            parameter(value, name).map_err(|_| DecryptError::Parameters)?.ok_or(DecryptError::Parameters)
        };
        let salt = decode(one(encryption, "salt")?)?;
        let sender = decode(one(crypto_key, "dh")?)?;
        let record_size = match parameter(encryption, "rs").map_err(|_| DecryptError::Parameters)? {
            None => RECORD_SIZE,
            Some(size) => size.parse().map_err(|_| DecryptError::Parameters)?,
        };
        if record_size <= PADDING_LEN_OCTETS {
            return Err(DecryptError::RecordSize);
        }
        Ok(Self {
            salt: salt.as_slice().try_into().map_err(|_| DecryptError::Parameters)?,
            sender: sender.as_slice().try_into().map_err(|_| DecryptError::SenderKey)?,
            record_size,
        })
    }

    /// The value of `Encryption`.
    #[must_use]
    pub fn encryption(&self) -> String {
        let salt = encode_base64url(&self.salt);
        if self.record_size == RECORD_SIZE {
            format!("salt={salt}")
        } else {
            format!("salt={salt};rs={}", self.record_size)
        }
    }

    /// The value of `Crypto-Key`, without a VAPID key.
    #[must_use]
    pub fn crypto_key(&self) -> String {
        format!("dh={}", encode_base64url(&self.sender))
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters").field("record_size", &self.record_size).finish_non_exhaustive()
    }
}

fn decode(text: &str) -> Result<Vec<u8>, DecryptError> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).map_err(|_| DecryptError::Parameters)
}

/// Encrypts a payload that fits, padding included, as one record.
pub(super) fn seal<K: AgreementKey>(
    keys: &SubscriptionKeys,
    payload: &[u8],
    padding: usize,
    ephemeral: &Ephemeral<K>,
) -> Result<(Bytes, Parameters), EncryptError> {
    let sender = *ephemeral.key.public();
    let secret = ephemeral.key.agree(&keys.p256dh)?;
    let records = records(&ephemeral.salt, &keys.auth, &*secret, &keys.p256dh, &sender)?;
    let padding_len = u16::try_from(padding).map_err(|_| EncryptError::Library)?;

    let mut body = Vec::with_capacity(OVERHEAD_OCTETS + padding + payload.len());
    body.extend_from_slice(&padding_len.to_be_bytes());
    body.resize(PADDING_LEN_OCTETS + padding, 0);
    body.extend_from_slice(payload);
    let tag = records.seal(0, &mut body)?;
    body.extend_from_slice(&tag);
    Ok((body.into(), Parameters { salt: ephemeral.salt, sender, record_size: RECORD_SIZE }))
}

/// Decrypts a push message with the receiver's private key and authentication secret.
///
/// # Errors
/// What is wrong with the body.
pub fn decrypt<K: AgreementKey>(
    receiver: &K,
    auth: &[u8; AUTH_OCTETS],
    parameters: &Parameters,
    body: &[u8],
) -> Result<Vec<u8>, DecryptError> {
    let record_octets = parameters.record_size.checked_add(TAG_OCTETS).ok_or(DecryptError::RecordSize)?;
    // The last record must be a short one, else nobody could tell that it is the last.
    if body.is_empty() || body.len().is_multiple_of(record_octets) {
        return Err(DecryptError::Truncated);
    }
    let secret = receiver.agree(&parameters.sender)?;
    let records = records(&parameters.salt, auth, &*secret, receiver.public(), &parameters.sender)?;
    let mut payload = Vec::with_capacity(body.len());
    for (number, record) in body.chunks(record_octets).enumerate() {
        if record.len() < TAG_OCTETS + PADDING_LEN_OCTETS {
            return Err(DecryptError::ShortRecord);
        }
        let mut record = record.to_vec();
        let text = records.open(number, &mut record).map_err(|_| DecryptError::Authentication)?;
        let (padding_len, rest) = text.split_first_chunk().ok_or(DecryptError::ShortRecord)?;
        let (padding, text) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*padding_len)))
            .ok_or(DecryptError::Padding)?;
        if padding.iter().any(|octet| *octet != 0) {
            return Err(DecryptError::Padding);
        }
        payload.extend_from_slice(text);
    }
    Ok(payload)
}

fn records(
    salt: &[u8; SALT_OCTETS],
    auth: &[u8; AUTH_OCTETS],
    secret: &[u8],
    receiver: &[u8; POINT_OCTETS],
    sender: &[u8; POINT_OCTETS],
) -> Result<Records, Failed> {
    /// A public key's length, as the context writes it before each key.
    const LENGTH: &[u8] = &(POINT_OCTETS as u16).to_be_bytes();
    let ikm = derive(auth, secret, &[b"Content-Encoding: auth\0"])?;
    Records::new(
        salt,
        &*ikm,
        &[b"Content-Encoding: aesgcm\0", b"P-256\0", LENGTH, receiver, LENGTH, sender],
        &[b"Content-Encoding: nonce\0", b"P-256\0", LENGTH, receiver, LENGTH, sender],
    )
}
