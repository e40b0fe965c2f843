//! Who calls: bearer tokens, client certificates, and what pages hold. All API tokens are in memory, so that a call is
//! judged without the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::access::{Principal, Scope};
use super::status::ApiError;
use super::tokens::Tokens;
use crate::domain::{ApiToken, ApiTokenId, ApplicationId, Clock, Timestamp};
use crate::store::{Store, StoreError};

/// What an API token begins with: programs that look for leaked secrets know it by that.
const API_TOKEN_PREFIX: &str = "fft_";
/// What a subscriber token begins with.
pub(super) const SUBSCRIBER_TOKEN_PREFIX: &str = "ffs_";
/// Longest credentials that are looked at, in octets.
pub(super) const CREDENTIALS_OCTETS_MAX: usize = 8 * 1024;
/// Characters of a token that people know it by; they hold nothing of its secret.
const HINT_CHARS: usize = 16;
/// `last_used` is kept to this.
const USED_PRECISION: Duration = Duration::from_secs(3_600);
/// Tokens that are kept at once, so that they fit into memory.
pub(super) const API_TOKENS_MAX: usize = 10_000;
/// How long an expired token is listed.
const EXPIRED_KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
const ID_OCTETS: usize = 16;
const SECRET_OCTETS: usize = 32;

/// A new token: what is kept of it, and its text, which is shown once.
#[must_use]
pub fn new_api_token(now: Timestamp) -> (ApiTokenId, [u8; 32], Zeroizing<String>) {
    let id = ApiTokenId::new(now, rand::random());
    let secret = Zeroizing::new(rand::random::<[u8; SECRET_OCTETS]>());
    let octets = Zeroizing::new([&id.0[..], &secret[..]].concat());
    let text = Zeroizing::new(format!("{API_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(&*octets)));
    (id, Sha256::digest(*secret).into(), text)
}

/// The first characters of a token, to know it by.
#[must_use]
pub fn hint(id: ApiTokenId) -> String {
    let text = format!("{API_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(id.0));
    text.chars().take(HINT_CHARS).collect()
}

fn parse(text: &str) -> Option<(ApiTokenId, [u8; 32])> {
    let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.strip_prefix(API_TOKEN_PREFIX)?).ok()?);
    let (id, secret) = octets.split_first_chunk::<ID_OCTETS>()?;
    (secret.len() == SECRET_OCTETS).then(|| (ApiTokenId(*id), Sha256::digest(secret).into()))
}

/// A token in memory.
#[derive(Debug)]
struct Known {
    token: ApiToken,
    /// Who has it; `None` when its application is not there.
    principal: Option<Arc<Principal>>,
}

impl Known {
    fn new(token: ApiToken, scope: Option<Scope>) -> Self {
        let principal = scope.map(|scope| {
            let ApiToken { application, expires, .. } = token;
            Arc::new(Principal {
                application,
                expires,
                ..Principal::new(token.id.name(), scope, token.roles)
            })
        });
        Self { token, principal }
    }

    fn scope(&self) -> Option<&Scope> {
        self.principal.as_ref().map(|principal| &principal.scope)
    }

    /// Whether one with this scope may see it.
    fn is_seen_by(&self, scope: &Scope) -> bool {
        *scope == Scope::All || self.scope() == Some(scope)
    }
}

/// Those who may call. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Callers {
    known: Arc<RwLock<HashMap<ApiTokenId, Known>>>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    /// Whether callers need credentials. Becomes true with the first token and stays so: nobody is let in unasked because
    /// the last token was revoked.
    required: Arc<AtomicBool>,
}

impl Callers {
    /// With the tokens of this store; those that expired long ago are removed from it. With `required`, callers need
    /// credentials also while there is no token.
    pub(super) async fn load(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        tokens: Tokens,
        required: bool,
    ) -> Result<Self, StoreError> {
        let mut known = HashMap::new();
        let now = clock.now();
        let applications = store.applications().await?;
        for token in store.api_tokens().await? {
            if token.expires.is_some_and(|expires| expires.plus(EXPIRED_KEPT) < now) {
                store.remove_api_token(token.id).await?;
                continue;
            }
            let scope = match token.application {
                None => Some(Scope::All),
                Some(id) => applications
                    .iter()
                    .find(|application| application.id == id)
                    .map(|application| Scope::Application(application.name.clone())),
            };
            known.insert(token.id, Known::new(token, scope));
        }
        let required = Arc::new(AtomicBool::new(required || !known.is_empty()));
        Ok(Self { known: Arc::new(RwLock::new(known)), store, clock, tokens, required })
    }

    /// Whether callers need credentials.
    pub(super) fn required(&self) -> bool {
        self.required.load(Ordering::Relaxed)
    }

    /// Who has this token.
    pub(super) fn bearer(&self, text: &str) -> Result<Arc<Principal>, ApiError> {
        if text.len() > CREDENTIALS_OCTETS_MAX {
            return Err(ApiError::CredentialsInvalid);
        }
        let now = self.clock.now();
        if text.starts_with(SUBSCRIBER_TOKEN_PREFIX) {
            return self.tokens.read_subscriber(text, now).map(Arc::new);
        }
        let (id, hash) = parse(text).ok_or(ApiError::CredentialsInvalid)?;
        let (principal, last_used) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let Known { token, principal } = known.get(&id).ok_or(ApiError::CredentialsInvalid)?;
            if !bool::from(token.secret_hash[..].ct_eq(&hash[..])) {
                return Err(ApiError::CredentialsInvalid);
            }
            (principal.clone().ok_or(ApiError::CredentialsInvalid)?, token.last_used)
        };
        if principal.expires.is_some_and(|expires| expires <= now) {
            return Err(ApiError::CredentialsExpired);
        }
        if last_used.is_none_or(|used| now.since(used) >= USED_PRECISION) {
            self.note_use(id, now);
        }
        Ok(principal)
    }

    /// At most once an hour for each token; a note that is lost in a crash is made again.
    fn note_use(&self, id: ApiTokenId, now: Timestamp) {
        if let Some(known) = self.known.write().unwrap_or_else(PoisonError::into_inner).get_mut(&id) {
            known.token.last_used = Some(now);
        }
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(error) = store.api_token_used(id, now).await {
                tracing::warn!(%error, "the use of an API token could not be noted");
            }
        });
    }

    /// Keeps a token and takes it from now on; `false` when there are too many.
    pub(super) async fn add(&self, token: ApiToken, scope: Scope) -> Result<bool, StoreError> {
        if self.known.read().unwrap_or_else(PoisonError::into_inner).len() >= API_TOKENS_MAX {
            return Ok(false);
        }
        self.store.put_api_token(token.clone()).await?;
        let known = Known::new(token, Some(scope));
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(known.token.id, known);
        self.required.store(true, Ordering::Relaxed);
        Ok(true)
    }

    /// Ends all tokens of an application.
    pub(super) async fn end_application(&self, application: ApplicationId) -> Result<(), StoreError> {
        let its: Vec<ApiTokenId> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let its = known.values().filter(|known| known.token.application == Some(application));
            its.map(|known| known.token.id).collect()
        };
        for id in its {
            self.revoke(id, &Scope::All).await?;
        }
        Ok(())
    }

    /// What an API token of this name is called; empty for what is no token that is known.
    pub(super) fn display_name(&self, name: &str) -> String {
        let Some(id) = ApiTokenId::parse_name(name) else { return String::new() };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).map(|known| known.token.display_name.clone()).unwrap_or_default()
    }

    /// The names that somebody means by this text: itself, and those of the API tokens that are called so.
    pub(super) fn meant(&self, text: &str) -> BTreeSet<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let called = known.values().filter(|known| known.token.display_name == text);
        called.map(|known| known.token.id.name().into()).chain([text.into()]).collect()
    }

    /// A token that one with this scope may see.
    pub(super) fn token(&self, id: ApiTokenId, scope: &Scope) -> Option<ApiToken> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).filter(|known| known.is_seen_by(scope)).map(|known| known.token.clone())
    }

    /// Those that one with this scope may see, newest first.
    pub(super) fn list(&self, scope: &Scope) -> Vec<(ApiToken, Option<Scope>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut listed: Vec<_> = known
            .values()
            .filter(|known| known.is_seen_by(scope))
            .map(|known| (known.token.clone(), known.scope().cloned()))
            .collect();
        listed.sort_unstable_by_key(|(token, _)| std::cmp::Reverse(token.id));
        listed
    }

    /// Ends a token that one with this scope may see; says whether there was one.
    pub(super) async fn revoke(&self, id: ApiTokenId, scope: &Scope) -> Result<bool, StoreError> {
        let seen = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.get(&id).is_some_and(|known| known.is_seen_by(scope))
        };
        if !seen {
            return Ok(false);
        }
        self.store.remove_api_token(id).await?;
        let removed = self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(principal) = removed.and_then(|known| known.principal) {
            principal.revoked.cancel();
        }
        Ok(true)
    }
}
