//! Reading a token as a push service does (RFC 8292 section 4.2), with the rules and the tolerance of Mozilla's.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::TOKEN_LIFETIME_MAX;
use crate::domain::{Origin, Timestamp};
use crate::webpush::agreement::POINT_OCTETS;
use crate::webpush::keys::parse_p256dh;
use crate::webpush::parameters::parameter;

/// Longest token that is read, in octets.
pub const TOKEN_OCTETS_MAX: usize = 4_096;
/// How long past its end a token is still taken, for clocks that differ.
pub const EXPIRY_LEEWAY: Duration = Duration::from_secs(60);

/// How the token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `vapid t=…, k=…` (RFC 8292 section 3).
    Vapid,
    /// `WebPush …` or `Bearer …` of the drafts, with `p256ecdsa=…` in `Crypto-Key`.
    WebPush,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How it came.
    pub scheme: Scheme,
    /// The sender's public key, which must be the one that the subscription was made with, if any.
    pub public: [u8; POINT_OCTETS],
    /// `exp`.
    pub expires: Timestamp,
    /// `sub`, unchecked.
    pub subject: Option<String>,
}

/// Why a token is not taken. All are answered with 401, but for [`VerifyError::MissingCryptoKey`], which Mozilla answers
/// with 400; a good token of another key is the caller's to refuse with 403 (Mozilla: 401).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Neither `vapid` nor `webpush` nor `bearer`.
    #[error("unknown authorization scheme")]
    Scheme,
    /// No `t`, or several.
    #[error("missing or repeated parameter t")]
    MissingToken,
    /// No `k`, or several.
    #[error("missing or repeated parameter k")]
    MissingKey,
    /// No `p256ecdsa` in `Crypto-Key`, or several.
    #[error("missing or repeated p256ecdsa in Crypto-Key")]
    MissingCryptoKey,
    /// The public key is no uncompressed point of the curve.
    #[error("invalid public key")]
    Key,
    /// Not three parts, longer than [`TOKEN_OCTETS_MAX`], or without JSON objects within.
    #[error("malformed token")]
    Malformed,
    /// `alg` is not ES256.
    #[error("the token's algorithm is not ES256")]
    Algorithm,
    /// No signature, one of another key, or of something else.
    #[error("invalid signature")]
    Signature,
    /// `aud` is missing or is no string.
    #[error("missing audience")]
    MissingAudience,
    /// `aud` is another origin.
    #[error("the audience is not this push service")]
    Audience,
    /// `exp` is missing or is no integer.
    #[error("missing or malformed expiry")]
    MissingExpiry,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `exp` is more than 24 hours ahead.
    #[error("the token's expiry is more than 24 hours ahead")]
    ExpiryTooFar,
}

/// Verifies the token of a request to the push service at `origin`. Unknown parameters are ignored.
///
/// # Errors
/// Why it is not taken.
pub fn verify(
    authorization: &str,
    crypto_key: Option<&str>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Verified, VerifyError> {
    let (scheme, rest) = authorization.trim().split_once(' ').ok_or(VerifyError::Scheme)?;
    let (scheme, token, key) = if scheme.eq_ignore_ascii_case("vapid") {
        let token = parameter(rest, "t").ok().flatten().ok_or(VerifyError::MissingToken)?;
        let key = parameter(rest, "k").ok().flatten().ok_or(VerifyError::MissingKey)?;
        (Scheme::Vapid, token, key)
    } else if scheme.eq_ignore_ascii_case("webpush") || scheme.eq_ignore_ascii_case("bearer") {
        let key = crypto_key.and_then(|value| parameter(value, "p256ecdsa").ok().flatten());
        (Scheme::WebPush, rest.trim(), key.ok_or(VerifyError::MissingCryptoKey)?)
    } else {
        return Err(VerifyError::Scheme);
    };
    let public = parse_p256dh(key).map_err(|_| VerifyError::Key)?;
    let claims = verified_claims(token, &public)?;

    match claims.get("aud") {
        Some(Value::String(audience)) if audience == origin.as_str() => {}
        Some(Value::String(_)) => return Err(VerifyError::Audience),
        Some(_) | None => return Err(VerifyError::MissingAudience),
    }
    let expires = claims.get("exp").and_then(Value::as_u64).ok_or(VerifyError::MissingExpiry)?;
    let expires = Timestamp::from_secs(expires);
    if expires.plus(EXPIRY_LEEWAY) < now {
        return Err(VerifyError::Expired);
    }
    if expires > now.plus(TOKEN_LIFETIME_MAX) {
        return Err(VerifyError::ExpiryTooFar);
    }
    let subject = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
    Ok(Verified { scheme, public, expires, subject })
}

/// The claims of a token whose signature is good.
fn verified_claims(token: &str, public: &[u8; POINT_OCTETS]) -> Result<Map<String, Value>, VerifyError> {
    if token.len() > TOKEN_OCTETS_MAX {
        return Err(VerifyError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
    let header = json_object(header)?;
    if header.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err(VerifyError::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| VerifyError::Signature)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| VerifyError::Signature)?;
    json_object(claims)
}

fn json_object(part: &str) -> Result<Map<String, Value>, VerifyError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| VerifyError::Malformed)
}
