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

    /// Reads DER (PKCS #8 or SEC1), 32 octets, or 33 with a leading zero.
    ///
    /// # Errors
    /// [`KeyError::PrivateLength`] or [`KeyError::PrivateRange`].
    pub fn from_octets(octets: &[u8]) -> Result<Self, KeyError> {
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
        VapidKey {
            id,
            private: Some(self.private),
            public: self.public,
            created,
            activated: None,
            retired: None,
        }
    }
}

impl fmt::Debug for VapidKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VapidKeyPair(<redacted>, {})", self.public_base64url())
    }
}

#[cfg(test)]
mod tests {
    use elliptic_curve::pkcs8::DecodePrivateKey;

    use super::*;

    /// As `openssl ecparam -name prime256v1 -genkey` prints it.
    const OPENSSL: &str = "\
-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIIZlPJZJ0FtV+V4TBiQHPdKMWVtQEABtxTYcS5/Yh0+roAoGCCqGSM49
AwEHoUQDQgAE9uzRK17EkKeCza+4L0TFh08LM8Z3fVGRcfmpitEPmnRizMC419gK
xbVg3D8YDqwGdidBjoUO9MMEmdmpVKDA3Q==
-----END EC PRIVATE KEY-----
";
    const OPENSSL_PUBLIC: &str =
        "BPbs0StexJCngs2vuC9ExYdPCzPGd31RkXH5qYrRD5p0YszAuNfYCsW1YNw_GA6sBnYnQY6FDvTDBJnZqVSgwN0";
    const P384: &str = "\
-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDA5H2bHuipbbHypoPNt
O27LQvGObVC8KcSqGcQuu7F/2IuO9Bx5nhaEjEDe/Hi8TeahZANiAASqDGn/kcvx
LPXcZJnirXFAKQOmpdmfJhZQLWIrIKt/Zxx7Lv0CpUCWEf6fexwZ6xNigdEOsbU2
qtpD1VdFvCYq+OSfuSYnXScgWamD8As+nf7kYUT7NQxOYqzztHaq2S0=
-----END PRIVATE KEY-----
";
    const ENCRYPTED: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiLfTDJR+6heQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEK3RaAii4OYzEkd+ko/QPx8EgZA3
tZ8qlLOgLGNh1v+HUEoKEKg8YtOzs17z13TK5IdONbXSwxq0naP9J3albb9n5BO/
2cuQibzknh9R+zWHDeL30IB48fcsg1ljIMCbAJSE7RzgoUPGzGnKHXu+PYmeprOB
CViaeUfkUj0q5rRWPJetuyUXjmQez4+paRepyjmH85qSMy5OMudsYQVpYRNjVWo=
-----END ENCRYPTED PRIVATE KEY-----
";

    #[test]
    fn pem_is_read_as_tools_write_it() {
        let pair = VapidKeyPair::import(OPENSSL, Some(OPENSSL_PUBLIC)).unwrap();
        let windows = OPENSSL.replace('\n', "\r\n");
        assert_eq!(VapidKeyPair::import(&windows, None).unwrap(), pair);
        let pkcs8 = pair.to_pem().unwrap();
        assert!(pkcs8.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{}", &pkcs8[..30]);
        assert!(p256::SecretKey::from_pkcs8_pem(&pkcs8).is_ok());
        assert_eq!(VapidKeyPair::import(&pkcs8, Some(OPENSSL_PUBLIC)).unwrap(), pair);
        let der: String = pkcs8.lines().filter(|line| !line.starts_with("-----")).collect();
        assert_eq!(VapidKeyPair::import(&der, None).unwrap(), pair);
        assert_eq!(VapidKeyPair::import(&pair.private_base64url(), None).unwrap(), pair);
    }

    #[test]
    fn other_pem_is_refused() {
        let public_only = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let cut = &OPENSSL[..OPENSSL.len() - 40];
        for pem in [P384, ENCRYPTED, public_only, cut, "-----BEGIN PRIVATE KEY-----"] {
            assert_eq!(VapidKeyPair::import(pem, None), Err(KeyError::NotPem), "{pem}");
        }
        let long = format!("{OPENSSL}{}", " ".repeat(KEY_TEXT_OCTETS_MAX));
        assert_eq!(VapidKeyPair::import(&long, None), Err(KeyError::TooLong));
    }

    #[test]
    fn private_scalars_are_checked() {
        let encode = |octets: &[u8]| encode_base64url(octets);
        let mut leading_one = [7; 33];
        leading_one[0] = 1;
        for (octets, error) in [
            (&[0; 32][..], KeyError::PrivateRange),
            (&[0xff; 32], KeyError::PrivateRange),
            (&[0; 33], KeyError::PrivateRange),
            (&leading_one, KeyError::PrivateLength(33)),
            (&[7; 31], KeyError::PrivateLength(31)),
            (&[7; 65], KeyError::PrivateLength(65)),
            (&[0x30; 40], KeyError::PrivateLength(40)),
        ] {
            assert_eq!(VapidKeyPair::import(&encode(octets), None), Err(error), "{octets:?}");
        }
        // 32 octets that look like DER are a scalar.
        assert!(VapidKeyPair::import(&encode(&[0x30; 32]), None).is_ok());
    }

    #[test]
    fn texts_are_checked() {
        for (text, error) in [
            ("", KeyError::Missing),
            ("  \n", KeyError::Missing),
            ("not base64!", KeyError::NotBase64),
            ("AAA=A", KeyError::NotBase64),
            ("A", KeyError::NotBase64),
            ("ä", KeyError::NotBase64),
            (&"A".repeat(KEY_TEXT_OCTETS_MAX + 1), KeyError::TooLong),
        ] {
            assert_eq!(parse_p256dh(text), Err(error));
            assert_eq!(parse_auth(text), Err(error));
            assert_eq!(VapidKeyPair::import(text, None), Err(error));
        }
        for octets in [15, 17, 32] {
            assert_eq!(parse_auth(&encode_base64url(&[1; 32][..octets])), Err(KeyError::AuthLength(octets)));
        }
        let auth = [0xfb; 16];
        for text in ["-_v7-_v7-_v7-_v7-_v7-w", "+/v7+/v7+/v7+/v7+/v7+w=="] {
            assert_eq!(parse_auth(text).map(|read| read.len()), Ok(auth.len()), "{text}");
        }
        assert_eq!(
            parse_auth("-_v7-_v7-_v7-_v7-_v7-w").unwrap(),
            parse_auth("+/v7+/v7+/v7+/v7+/v7+w==").unwrap()
        );
    }

    #[test]
    fn points_are_checked() {
        let good = *VapidKeyPair::generate().unwrap().public();
        assert_eq!(parse_point(&good), Ok(good));
        let with = |first: u8| {
            let mut point = good;
            point[0] = first;
            point
        };
        // Hybrid forms would name the same point.
        for first in [0, 2, 3, 5, 6, 7] {
            assert_eq!(parse_point(&with(first)), Err(KeyError::NotUncompressed), "{first}");
        }
        let mut zero = [0; 65];
        zero[0] = 4;
        assert_eq!(parse_point(&zero), Err(KeyError::NotOnCurve));
        assert_eq!(parse_point(&good[..64]), Err(KeyError::PointLength(64)));
        assert_eq!(parse_point(&[0]), Err(KeyError::PointLength(1)));
    }

    #[test]
    fn generated_pairs_differ_and_show_no_private_half() {
        let (one, other) = (VapidKeyPair::generate().unwrap(), VapidKeyPair::generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(VapidKeyPair::from_private(one.private()).unwrap(), one);
        let shown = format!("{one:?}");
        assert!(shown.contains(&one.public_base64url()) && !shown.contains(one.private_base64url().as_str()));
        let key = one.clone().into_vapid_key(VapidKeyId(3), Timestamp::from_secs(1));
        assert_eq!((key.private.as_deref(), &key.public), (Some(one.private()), one.public()));
    }
}
