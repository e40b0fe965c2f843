//! Who sent a push message (RFC 8292). A sender repeats its token for hours, so what was verified once is remembered, as
//! real services do.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::push_headers::parameter;
use super::refusal::{Reason, Refusal};
use crate::domain::{Origin, Timestamp};
use crate::webpush::vapid::{self, EXPIRY_LEEWAY, VerifyError};

/// Verifies tokens for one origin.
pub(crate) struct Authorizations {
    origin: Origin,
    verified: RwLock<HashMap<Box<str>, Sender>>,
    remembered_max: usize,
}

#[derive(Clone, Copy)]
struct Sender {
    public: [u8; 65],
    expires: Timestamp,
}

impl Authorizations {
    pub(crate) fn new(origin: Origin, remembered_max: usize) -> Self {
        Self { origin, verified: RwLock::default(), remembered_max }
    }

    /// The sender's public key; none when it does not say who it is.
    pub(crate) fn verify(&self, headers: &HeaderMap, now: Timestamp) -> Result<Option<[u8; 65]>, Refusal> {
        let malformed = Reason::AuthorizationMalformed;
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(authorization) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Refusal::new(malformed, "Authorization must not be repeated"));
        }
        let authorization =
            authorization.to_str().map_err(|_| Refusal::new(malformed, "Authorization must be ASCII"))?;

        // The older scheme has its key elsewhere, beside one that changes with every message.
        let crypto_key = parameter(headers, "crypto-key", "p256ecdsa");
        let remembered_as: Cow<'_, str> = match crypto_key {
            None => authorization.into(),
            Some(key) => format!("{authorization}\n{key}").into(),
        };
        if let Some(sender) = self.remembered(&remembered_as)
            && sender.expires.plus(EXPIRY_LEEWAY) >= now
        {
            return Ok(Some(sender.public));
        }
        let crypto_key = crypto_key.map(|key| format!("p256ecdsa={key}"));
        let verified = vapid::verify(authorization, crypto_key.as_deref(), &self.origin, now)
            .map_err(|error| Refusal::new(reason(error), error.to_string()))?;
        self.remember(&remembered_as, Sender { public: verified.public, expires: verified.expires }, now);
        Ok(Some(verified.public))
    }

    fn remembered(&self, key: &str) -> Option<Sender> {
        self.verified.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn remember(&self, key: &str, sender: Sender, now: Timestamp) {
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= self.remembered_max {
            verified.retain(|_, sender| sender.expires >= now);
            if verified.len() >= self.remembered_max {
                verified.clear();
            }
        }
        verified.insert(key.into(), sender);
    }
}

fn reason(error: VerifyError) -> Reason {
    match error {
        VerifyError::Scheme
        | VerifyError::MissingToken
        | VerifyError::MissingKey
        | VerifyError::Key
        | VerifyError::Malformed
        | VerifyError::Algorithm => Reason::AuthorizationMalformed,
        VerifyError::MissingCryptoKey => Reason::CryptoKeyMissing,
        VerifyError::Signature => Reason::SignatureWrong,
        VerifyError::MissingAudience | VerifyError::Audience => Reason::AudienceWrong,
        VerifyError::MissingExpiry | VerifyError::ExpiryTooFar => Reason::ExpirationWrong,
        VerifyError::Expired => Reason::TokenExpired,
    }
}
