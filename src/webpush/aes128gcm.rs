//! The content encoding `aes128gcm` (RFC 8188) as Web Push uses it (RFC 8291): one record, the sender's public key in
//! the body's header. Decrypting takes several records too, as receivers do.

use bytes::Bytes;

use super::agreement::{AgreementKey, POINT_OCTETS};
use super::encryption::{DecryptError, EncryptError, Ephemeral};
use super::keys::AUTH_OCTETS;
use super::record::{Failed, KeyMaterial, Records, SALT_OCTETS, TAG_OCTETS, derive};
use crate::domain::SubscriptionKeys;

/// The record size that is written; more than any payload needs (RFC 8291 section 4).
pub const RECORD_SIZE: u32 = 4_096;
/// Octets of the body's header with a public key as its key identifier.
pub const HEADER_OCTETS: usize = HEADER_OCTETS_MIN + POINT_OCTETS;
/// Octets that header, delimiter and tag add to payload and padding.
pub const OVERHEAD_OCTETS: usize = HEADER_OCTETS + 1 + TAG_OCTETS;

/// Salt, record size and the length of the key identifier.
const HEADER_OCTETS_MIN: usize = SALT_OCTETS + 4 + 1;
/// One octet, its delimiter and its tag: the smallest record size (RFC 8188 section 2).
const RECORD_SIZE_MIN: usize = 2 + TAG_OCTETS;
/// Ends every record but the last.
const DELIMITER: u8 = 1;
/// Ends the last record.
const LAST_DELIMITER: u8 = 2;

/// Encrypts a payload that fits, padding included.
pub(super) fn seal<K: AgreementKey>(
    keys: &SubscriptionKeys,
    payload: &[u8],
    padding: usize,
    ephemeral: &Ephemeral<K>,
) -> Result<Bytes, EncryptError> {
    let secret = ephemeral.key.agree(&keys.p256dh)?;
    let sender = ephemeral.key.public();
    let ikm = input_keying_material(&keys.auth, &*secret, &keys.p256dh, sender)?;
    let records = records(&ephemeral.salt, &*ikm)?;

    let mut body = Vec::with_capacity(OVERHEAD_OCTETS + payload.len() + padding);
    body.extend_from_slice(&ephemeral.salt);
    body.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    body.push(POINT_OCTETS as u8);
    body.extend_from_slice(sender);
    body.extend_from_slice(payload);
    body.push(LAST_DELIMITER);
    body.resize(body.len() + padding, 0);
    let tag = records.seal(0, &mut body[HEADER_OCTETS..])?;
    body.extend_from_slice(&tag);
    Ok(body.into())
}

/// Decrypts a push message with the receiver's private key and authentication secret.
///
/// # Errors
/// What is wrong with the body.
pub fn decrypt<K: AgreementKey>(
    receiver: &K,
    auth: &[u8; AUTH_OCTETS],
    body: &[u8],
) -> Result<Vec<u8>, DecryptError> {
    let header = Header::parse(body)?;
    let sender: &[u8; POINT_OCTETS] = header.key_id.try_into().map_err(|_| DecryptError::SenderKey)?;
    let secret = receiver.agree(sender)?;
    let ikm = input_keying_material(auth, &*secret, receiver.public(), sender)?;
    open(&header, &*ikm)
}

/// Decrypts plain RFC 8188, whose input keying material both sides have.
///
/// # Errors
/// What is wrong with the body.
pub fn decrypt_with_key(ikm: &[u8], body: &[u8]) -> Result<Vec<u8>, DecryptError> {
    open(&Header::parse(body)?, ikm)
}

/// RFC 8291 section 3.4, first half.
fn input_keying_material(
    auth: &[u8; AUTH_OCTETS],
    secret: &[u8],
    receiver: &[u8; POINT_OCTETS],
    sender: &[u8; POINT_OCTETS],
) -> Result<KeyMaterial, Failed> {
    derive(auth, secret, &[b"WebPush: info\0", receiver, sender])
}

/// RFC 8188 sections 2.2 and 2.3.
fn records(salt: &[u8; SALT_OCTETS], ikm: &[u8]) -> Result<Records, Failed> {
    Records::new(salt, ikm, &[b"Content-Encoding: aes128gcm\0"], &[b"Content-Encoding: nonce\0"])
}

/// A body, divided (RFC 8188 section 2.1).
struct Header<'a> {
    salt: &'a [u8; SALT_OCTETS],
    record_size: usize,
    key_id: &'a [u8],
    records: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, DecryptError> {
        let (salt, rest) = body.split_first_chunk().ok_or(DecryptError::ShortHeader)?;
        let (record_size, rest) = rest.split_first_chunk().ok_or(DecryptError::ShortHeader)?;
        let (key_id_len, rest) = rest.split_first().ok_or(DecryptError::ShortHeader)?;
        let (key_id, records) =
            rest.split_at_checked(usize::from(*key_id_len)).ok_or(DecryptError::ShortHeader)?;
        let record_size = u32::from_be_bytes(*record_size) as usize;
        if record_size < RECORD_SIZE_MIN {
            return Err(DecryptError::RecordSize);
        }
        Ok(Self { salt, record_size, key_id, records })
    }
}

fn open(header: &Header<'_>, ikm: &[u8]) -> Result<Vec<u8>, DecryptError> {
    if header.records.is_empty() {
        return Err(DecryptError::Truncated);
    }
    let records = records(header.salt, ikm)?;
    let count = header.records.len().div_ceil(header.record_size);
    let mut payload = Vec::with_capacity(header.records.len());
    for (number, record) in header.records.chunks(header.record_size).enumerate() {
        if record.len() <= TAG_OCTETS {
            return Err(DecryptError::ShortRecord);
        }
        let mut record = record.to_vec();
        let text = records.open(number, &mut record).map_err(|_| DecryptError::Authentication)?;
        let end = text.iter().rposition(|octet| *octet != 0).ok_or(DecryptError::NoDelimiter)?;
        let expected = if number + 1 == count { LAST_DELIMITER } else { DELIMITER };
        if text[end] != expected {
            return Err(DecryptError::Delimiter);
        }
        payload.extend_from_slice(&text[..end]);
    }
    Ok(payload)
}
