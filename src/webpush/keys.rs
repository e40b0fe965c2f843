//! Keys as browsers and libraries give them: subscriptions' `p256dh` and `auth`, VAPID key pairs as PEM or base64.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use elliptic_curve::pkcs8::{EncodePrivateKey, LineEnding};
use zeroize::Zeroizing;

use super::agreement::{AgreementKey, AwsLcKey, POINT_OCTETS, SCALAR_OCTETS, uncompressed};
use crate::domain::{SubscriptionKeys, Timestamp, VapidKey, VapidKeyId};

/// Octets of a subscription's authentication secret (RFC 8291 section 3.2).
pub const AUTH_OCTETS: usize = 16;
/// Longest text that is read as a key, in octets; a PEM file with comments fits.
pub const KEY_TEXT_OCTETS_MAX: usize = 8_192;

const INDIFFERENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, INDIFFERENT);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, INDIFFERENT);

/// Why a text is no key. The words name the rule and never repeat the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("is required")]
    Missing,
    /// See [`KEY_TEXT_OCTETS_MAX`].
    #[error("must have at most {KEY_TEXT_OCTETS_MAX} octets")]
    TooLong,
    /// Neither base64url nor base64.
    #[error("must be base64url or base64")]
    NotBase64,
    /// A point of another length, which is told.
    #[error("must be an uncompressed P-256 point of {POINT_OCTETS} octets, not {0} octets")]
    PointLength(usize),
    /// A compressed or hybrid point, or none at all.
    #[error("must be an uncompressed P-256 point, which begins with the octet 0x04")]
    NotUncompressed,
    /// RFC 8291 section 7.
    #[error("must be a point of the P-256 curve")]
    NotOnCurve,
    /// An authentication secret of another length, which is told.
    #[error("must have {AUTH_OCTETS} octets, not {0}")]
    AuthLength(usize),
    /// PEM that holds no unencrypted P-256 private key.
    #[error("must be a PEM file with an unencrypted P-256 private key (PKCS #8 or SEC1)")]
    NotPem,
    /// A private key that is neither 32 octets, nor 33 with a leading zero, nor DER; its length is told.
    #[error("must be a P-256 private key of {SCALAR_OCTETS} octets, PEM or DER, not {0} octets")]
    PrivateLength(usize),
    /// Zero, or not below the order of the curve.
    #[error("must be a P-256 private key: this number is out of range")]
    PrivateRange,
    /// The private key derives another public key than the one given with it.
    #[error("the public key does not belong to the private key")]
    Mismatch,
    /// The library could not make or write a key.
    #[error("the key could not be made")]
    Library,
}

/// Decodes base64url or base64, padded or not.
///
/// # Errors
/// [`KeyError::Missing`], [`KeyError::TooLong`] or [`KeyError::NotBase64`].
pub fn decode_base64(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KeyError::Missing);
    }
    if text.len() > KEY_TEXT_OCTETS_MAX {
        return Err(KeyError::TooLong);
    }
    let engine = if text.contains(['+', '/']) { &STANDARD } else { &URL_SAFE };
    engine.decode(text).map(Zeroizing::new).map_err(|_| KeyError::NotBase64)
}

/// Encodes as base64url without padding, the form that every header and browser uses.
#[must_use]
pub fn encode_base64url(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// Reads an uncompressed point and checks that it lies on the curve and is not infinity (RFC 8291 section 7).
///
/// # Errors
/// [`KeyError::PointLength`], [`KeyError::NotUncompressed`] or [`KeyError::NotOnCurve`].
pub fn parse_point(octets: &[u8]) -> Result<[u8; POINT_OCTETS], KeyError> {
    let point: [u8; POINT_OCTETS] = octets.try_into().map_err(|_| KeyError::PointLength(octets.len()))?;
    if point[0] != 4 {
        return Err(KeyError::NotUncompressed);
    }
    p256::PublicKey::from_sec1_bytes(&point).map_err(|_| KeyError::NotOnCurve)?;
    Ok(point)
}

/// Reads a subscription's `p256dh`, in base64url or base64.
///
/// # Errors
/// Those of [`decode_base64`] and [`parse_point`].
pub fn parse_p256dh(text: &str) -> Result<[u8; POINT_OCTETS], KeyError> {
    parse_point(&decode_base64(text)?)
}

/// Reads a subscription's `auth`, in base64url or base64.
///
/// # Errors
/// Those of [`decode_base64`], or [`KeyError::AuthLength`].
pub fn parse_auth(text: &str) -> Result<[u8; AUTH_OCTETS], KeyError> {
    let octets = decode_base64(text)?;
    octets.as_slice().try_into().map_err(|_| KeyError::AuthLength(octets.len()))
}

/// Reads both keys of a subscription. Where each error must name its field, use [`parse_p256dh`] and [`parse_auth`].
///
/// # Errors
/// Those of [`parse_p256dh`], then those of [`parse_auth`].
pub fn parse_subscription_keys(p256dh: &str, auth: &str) -> Result<SubscriptionKeys, KeyError> {
    Ok(SubscriptionKeys { p256dh: parse_p256dh(p256dh)?, auth: parse_auth(auth)? })
}

/// A VAPID key pair whose halves belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct VapidKeyPair {
    private: Zeroizing<[u8; SCALAR_OCTETS]>,
    public: [u8; POINT_OCTETS],
}

impl VapidKeyPair {
    /// A new one, from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn generate() -> Result<Self, KeyError> {
        let key = AwsLcKey::generate().map_err(|_| KeyError::Library)?;
        let private = key.private().map_err(|_| KeyError::Library)?;
        Ok(Self { private, public: *key.public() })
    }

    /// The pair of a private key, big-endian.
    ///
    /// # Errors
    /// [`KeyError::PrivateRange`].
    pub fn from_private(private: &[u8; SCALAR_OCTETS]) -> Result<Self, KeyError> {
        Self::from_secret_key(&p256::SecretKey::from_slice(private).map_err(|_| KeyError::PrivateRange)?)
    }

    /// Reads what libraries print: PEM (PKCS #8 or SEC1, also behind an `EC PARAMETERS` block), or base64url or base64
    /// of DER, of 32 octets, or of 33 octets with a leading zero. A public key given with it must be its own.
    ///
    /// # Errors
    /// What is wrong with either; [`KeyError::Mismatch`] when they do not belong together.
    pub fn import(private: &str, public: Option<&str>) -> Result<Self, KeyError> {
        let pair = if private.contains("-----BEGIN") {
            Self::from_pem(private)?
        } else {
            Self::from_octets(&decode_base64(private)?)?
        };
        match public {
            Some(public) if parse_p256dh(public)? != pair.public => Err(KeyError::Mismatch),
            Some(_) | None => Ok(pair),
        }
    }

    /// Reads PEM, PKCS #8 or SEC1. Blocks before the private key, such as `EC PARAMETERS`, are passed over.
    ///
    /// # Errors
    /// [`KeyError::TooLong`] or [`KeyError::NotPem`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.len() > KEY_TEXT_OCTETS_MAX {
            return Err(KeyError::TooLong);
        }
        let start = ["-----BEGIN PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"]
            .iter()
            .filter_map(|label| pem.find(label))
            .min()
            .ok_or(KeyError::NotPem)?;
        let key = p256::SecretKey::from_pem(pem[start..].trim_end()).map_err(|_| KeyError::NotPem)?;
        Self::from_secret_key(&key)
    }

    fn from_octets(octets: &[u8]) -> Result<Self, KeyError> {
        /// DER's SEQUENCE, with which both PKCS #8 and SEC1 begin.
        const SEQUENCE: u8 = 0x30;
        let scalar = if octets.len() == SCALAR_OCTETS + 1 { octets.strip_prefix(&[0]) } else { None };
        match scalar.unwrap_or(octets).try_into() {
            Ok(scalar) => Self::from_private(scalar),
            Err(_) if octets.first() == Some(&SEQUENCE) => {
                let key =
                    p256::SecretKey::from_der(octets).map_err(|_| KeyError::PrivateLength(octets.len()))?;
                Self::from_secret_key(&key)
            }
            Err(_) => Err(KeyError::PrivateLength(octets.len())),
        }
    }

    fn from_secret_key(key: &p256::SecretKey) -> Result<Self, KeyError> {
        let public = uncompressed(&key.public_key()).ok_or(KeyError::Library)?;
        Ok(Self { private: Zeroizing::new(key.to_bytes().into()), public })
    }

    /// The private half, big-endian.
    #[must_use]
    pub fn private(&self) -> &[u8; SCALAR_OCTETS] {
        &self.private
    }

    /// The public half, an uncompressed point: the browser's `applicationServerKey`.
    #[must_use]
    pub fn public(&self) -> &[u8; POINT_OCTETS] {
        &self.public
    }

    /// The private half as other libraries print it.
    #[must_use]
    pub fn private_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(encode_base64url(&*self.private))
    }

    /// The public half as other libraries print it and as browsers take it.
    #[must_use]
    pub fn public_base64url(&self) -> String {
        encode_base64url(&self.public)
    }

    /// The pair as PKCS #8 PEM.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let key = p256::SecretKey::from_slice(&*self.private).map_err(|_| KeyError::Library)?;
        key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Library)
    }

    /// As a key of an application.
    #[must_use]
    pub fn into_vapid_key(self, id: VapidKeyId, created: Timestamp) -> VapidKey {
        VapidKey { id, private: self.private, public: self.public, created }
    }
}

impl fmt::Debug for VapidKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VapidKeyPair(<redacted>, {})", self.public_base64url())
    }
}
