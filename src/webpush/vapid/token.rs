//! Signing tokens, and the header values made of them.

use std::fmt;

use http::HeaderValue;
use jwt_simple::algorithms::{ECDSAP256KeyPairLike, ES256KeyPair};
use jwt_simple::claims::{Audiences, JWTClaims, NoCustomClaims};
use jwt_simple::prelude::Duration as WholeSeconds;
use zeroize::Zeroizing;

use super::{ContactError, TOKEN_LIFETIME_MAX, TokenTimes, check_contact};
use crate::domain::{Origin, Timestamp, VapidKey};
use crate::webpush::agreement::POINT_OCTETS;
use crate::webpush::keys::encode_base64url;

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// It would end before it begins, or live longer than [`TOKEN_LIFETIME_MAX`].
    #[error("a token must end after it is signed, and at most 24 hours later")]
    Lifetime,
    /// `sub` is none that push services take.
    #[error("the contact {0}")]
    Contact(#[from] ContactError),
    /// The key's private half was destroyed.
    #[error("the VAPID key is retired")]
    Retired,
    /// The private key is none, or the library failed.
    #[error("the token could not be signed")]
    Library,
    /// A stored token that is no JWT.
    #[error("the stored token is malformed")]
    Malformed,
}

/// A signed token for one key and one origin, with its header values ready to be cloned.
#[derive(Clone)]
pub struct VapidToken {
    jwt: Zeroizing<String>,
    public: [u8; POINT_OCTETS],
    times: TokenTimes,
    vapid: HeaderValue,
    webpush: HeaderValue,
    p256ecdsa: Box<str>,
}

impl VapidToken {
    /// A token that was stored, with the public key of the pair that signed it.
    ///
    /// # Errors
    /// [`SignError::Malformed`] when it has characters that no JWT has.
    pub fn restore(jwt: String, public: [u8; POINT_OCTETS], times: TokenTimes) -> Result<Self, SignError> {
        let jwt = Zeroizing::new(jwt);
        let is_jwt = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if jwt.is_empty() || !jwt.bytes().all(is_jwt) {
            return Err(SignError::Malformed);
        }
        let key = encode_base64url(&public);
        Ok(Self {
            vapid: sensitive(&format!("vapid t={}, k={key}", *jwt))?,
            webpush: sensitive(&format!("WebPush {}", *jwt))?,
            p256ecdsa: format!("p256ecdsa={key}").into(),
            jwt,
            public,
            times,
        })
    }

    /// The token itself, for the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.jwt
    }

    /// The public key it is verified with.
    #[must_use]
    pub fn public(&self) -> &[u8; POINT_OCTETS] {
        &self.public
    }

    /// When it was signed and until when it holds.
    #[must_use]
    pub fn times(&self) -> TokenTimes {
        self.times
    }

    /// `Authorization: vapid t=…, k=…` (RFC 8292 section 3), marked as sensitive.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.vapid
    }

    /// `Authorization: WebPush …` of draft-ietf-webpush-vapid-01, for aesgcm messages, marked as sensitive. The key goes
    /// into `Crypto-Key`: [`VapidToken::p256ecdsa`].
    #[must_use]
    pub fn authorization_webpush(&self) -> &HeaderValue {
        &self.webpush
    }

    /// `p256ecdsa=…`, which is joined with the message's `dh=…` into one `Crypto-Key` header.
    #[must_use]
    pub fn p256ecdsa(&self) -> &str {
        &self.p256ecdsa
    }
}

impl fmt::Debug for VapidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VapidToken").field("times", &self.times).finish_non_exhaustive()
    }
}

fn sensitive(value: &str) -> Result<HeaderValue, SignError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| SignError::Malformed)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Signs a token (RFC 8292 section 2): `aud` is the origin of the push service, `sub` the contact, `exp` in whole seconds.
///
/// # Errors
/// [`SignError`].
pub fn sign(
    key: &VapidKey,
    audience: &Origin,
    contact: &str,
    times: TokenTimes,
) -> Result<VapidToken, SignError> {
    check_contact(contact)?;
    if times.expires <= times.issued || times.expires.since(times.issued) > TOKEN_LIFETIME_MAX {
        return Err(SignError::Lifetime);
    }
    let private = key.private.as_deref().ok_or(SignError::Retired)?;
    let pair = ES256KeyPair::from_bytes(private).map_err(|_| SignError::Library)?;
    let claims = JWTClaims::<NoCustomClaims> {
        audiences: Some(Audiences::AsString(audience.as_str().to_owned())),
        expires_at: Some(whole_seconds(times.expires)),
        subject: Some(contact.to_owned()),
        ..JWTClaims::new()
    };
    let jwt = pair.sign(claims).map_err(|_| SignError::Library)?;
    VapidToken::restore(jwt, key.public, times)
}

fn whole_seconds(time: Timestamp) -> WholeSeconds {
    WholeSeconds::from_secs(time.as_secs())
}
