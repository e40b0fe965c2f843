//! Encrypting a payload for one subscription: the one entry to both content encodings, and how large a body becomes.

use std::fmt;

use bytes::Bytes;

use super::agreement::{AgreementError, AgreementKey, AwsLcKey};
use super::record::{Failed, SALT_OCTETS};
use super::{aes128gcm, aesgcm};
use crate::domain::limits::BODY_OCTETS_MAX;
use crate::domain::{ContentEncoding, Padding, SubscriptionKeys};

/// What [`Padding::PowerOfTwo`] pads to at least, in octets.
pub const PADDED_OCTETS_MIN: usize = 128;

/// The sender's key pair and the salt of one message. It is used up by encrypting: neither may serve twice (RFC 8291
/// section 3.1, RFC 8188 section 2.1).
pub struct Ephemeral<K = AwsLcKey> {
    pub(super) key: K,
    pub(super) salt: [u8; SALT_OCTETS],
}

impl Ephemeral {
    /// New ones, from the operating system's randomness.
    ///
    /// # Errors
    /// [`EncryptError::Library`] when there is none.
    pub fn fresh() -> Result<Self, EncryptError> {
        let mut salt = [0; SALT_OCTETS];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| EncryptError::Library)?;
        Ok(Self { key: AwsLcKey::generate().map_err(|_| EncryptError::Library)?, salt })
    }
}

impl<K: AgreementKey> Ephemeral<K> {
    /// Given ones, for test vectors.
    #[must_use]
    pub fn given(key: K, salt: [u8; SALT_OCTETS]) -> Self {
        Self { key, salt }
    }
}

impl<K> fmt::Debug for Ephemeral<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ephemeral(<redacted>)")
    }
}

/// A body for one endpoint, and what its headers must say beside `Content-Encoding`.
#[derive(Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// The body of the push message.
    pub body: Bytes,
    /// For aesgcm: what goes into `Encryption` and `Crypto-Key`. aes128gcm has it in its body.
    pub parameters: Option<aesgcm::Parameters>,
}

impl Encrypted {
    /// How the body is encrypted.
    #[must_use]
    pub fn encoding(&self) -> ContentEncoding {
        match self.parameters {
            None => ContentEncoding::Aes128Gcm,
            Some(_) => ContentEncoding::AesGcm,
        }
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encrypted({}, {} octets)", self.encoding().as_str(), self.body.len())
    }
}

/// The payload does not fit into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the payload must have at most {payload_octets_max} octets to fit into the body that this service takes"
)]
pub struct TooLarge {
    /// The largest payload that fits.
    pub payload_octets_max: usize,
}

/// Why a payload could not be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// See [`TooLarge`].
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The subscription's `p256dh` is no point of the curve.
    #[error("the subscription's public key is not a point of the curve")]
    SubscriptionKey,
    /// The cryptographic library refused, or has no randomness.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<AgreementError> for EncryptError {
    fn from(error: AgreementError) -> Self {
        match error {
            AgreementError::PeerKey => Self::SubscriptionKey,
            AgreementError::PrivateKey | AgreementError::Generate => Self::Library,
        }
    }
}

impl From<Failed> for EncryptError {
    fn from(_: Failed) -> Self {
        Self::Library
    }
}

/// Why a body could not be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// The body ends within its header (RFC 8188 section 2.1).
    #[error("the body ends within its header")]
    ShortHeader,
    /// `rs` is below 18 for aes128gcm (RFC 8188 section 2), below 3 for aesgcm.
    #[error("the record size is too small")]
    RecordSize,
    /// The sender's public key is no uncompressed point of the curve.
    #[error("the sender's public key is not an uncompressed point of the curve")]
    SenderKey,
    /// A header that aesgcm needs is missing, repeated or malformed.
    #[error("the Encryption or Crypto-Key header is missing, repeated or malformed")]
    Parameters,
    /// The body ends at or before the end of its last record, or has none.
    #[error("the body is truncated")]
    Truncated,
    /// A record has no room for anything but its tag.
    #[error("a record is too short")]
    ShortRecord,
    /// A record was changed, or encrypted with another key, salt or secret.
    #[error("a record does not authenticate")]
    Authentication,
    /// A record has no delimiter: it is nothing but padding.
    #[error("a record has no delimiter")]
    NoDelimiter,
    /// The last record is marked as an earlier one, or the other way round, or the delimiter is neither.
    #[error("a record has the wrong delimiter")]
    Delimiter,
    /// aesgcm: a record says that it has more padding than it has octets, or its padding is not zero.
    #[error("a record has bad padding")]
    Padding,
    /// The cryptographic library refused.
    #[error("the cryptographic library failed")]
    Library,
}

impl From<AgreementError> for DecryptError {
    fn from(error: AgreementError) -> Self {
        match error {
            AgreementError::PeerKey => Self::SenderKey,
            AgreementError::PrivateKey | AgreementError::Generate => Self::Library,
        }
    }
}

impl From<Failed> for DecryptError {
    fn from(_: Failed) -> Self {
        Self::Library
    }
}

/// Octets that an encoding adds to payload and padding.
#[must_use]
pub const fn overhead(encoding: ContentEncoding) -> usize {
    match encoding {
        ContentEncoding::Aes128Gcm => aes128gcm::OVERHEAD_OCTETS,
        ContentEncoding::AesGcm => aesgcm::OVERHEAD_OCTETS,
    }
}

/// The octets of padding that `padding` asks for; never so much that the body becomes too large.
pub(super) fn padding_len(
    encoding: ContentEncoding,
    payload_octets: usize,
    padding: Padding,
    body_octets_max: usize,
) -> Result<usize, TooLarge> {
    let room = body_octets_max.min(BODY_OCTETS_MAX).checked_sub(overhead(encoding));
    let room = match room {
        Some(room) if payload_octets <= room => room,
        Some(payload_octets_max) => return Err(TooLarge { payload_octets_max }),
        None => return Err(TooLarge { payload_octets_max: 0 }),
    };
    let padded = match padding {
        Padding::None => payload_octets,
        Padding::PowerOfTwo => payload_octets.next_power_of_two().max(PADDED_OCTETS_MIN).min(room),
        Padding::Maximum => room,
    };
    Ok(padded.saturating_sub(payload_octets))
}

/// The octets of the body that [`encrypt`] would make, without making it. `body_octets_max` is cut to
/// [`BODY_OCTETS_MAX`]; [`body_octets_max`] gives it for a subscription.
///
/// # Errors
/// [`TooLarge`].
pub fn encrypted_len(
    encoding: ContentEncoding,
    payload_octets: usize,
    padding: Padding,
    body_octets_max: usize,
) -> Result<usize, TooLarge> {
    let padding = padding_len(encoding, payload_octets, padding, body_octets_max)?;
    Ok(overhead(encoding) + payload_octets + padding)
}

/// Whether a payload can be encrypted within `body_octets_max`. Padding never makes one too large.
#[must_use]
pub fn fits(encoding: ContentEncoding, payload_octets: usize, body_octets_max: usize) -> bool {
    encrypted_len(encoding, payload_octets, Padding::None, body_octets_max).is_ok()
}

/// The limit to encrypt for, from the one that was learned for a subscription, 0 being none
/// ([`crate::domain::subscription::Target::body_octets_max`]).
#[must_use]
pub fn body_octets_max(learned: u32) -> usize {
    match learned {
        0 => BODY_OCTETS_MAX,
        learned => BODY_OCTETS_MAX.min(learned as usize),
    }
}

/// Encrypts a payload, which may be empty, for one subscription. `body_octets_max` is cut to [`BODY_OCTETS_MAX`].
///
/// # Errors
/// [`EncryptError::TooLarge`] when it does not fit, [`EncryptError::SubscriptionKey`] for keys that were not checked.
pub fn encrypt<K: AgreementKey>(
    keys: &SubscriptionKeys,
    encoding: ContentEncoding,
    payload: &[u8],
    padding: Padding,
    body_octets_max: usize,
    ephemeral: Ephemeral<K>,
) -> Result<Encrypted, EncryptError> {
    let padding = padding_len(encoding, payload.len(), padding, body_octets_max)?;
    match encoding {
        ContentEncoding::Aes128Gcm => {
            let body = aes128gcm::seal(keys, payload, padding, &ephemeral)?;
            Ok(Encrypted { body, parameters: None })
        }
        ContentEncoding::AesGcm => {
            let (body, parameters) = aesgcm::seal(keys, payload, padding, &ephemeral)?;
            Ok(Encrypted { body, parameters: Some(parameters) })
        }
    }
}
