//! VAPID tokens, one for each application, key and origin, kept for half a day. Push services cache the verification of a
//! token and some count how often it changes, so tokens are stored before they are used and a restart goes on with them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::applications::Applications;
use crate::domain::{ApplicationId, Clock, Origin, OriginId, VapidKeyId};
use crate::store::{Store, StoreError, StoredToken};
use crate::webpush::vapid::{self, AfterRefusal, SignError, TokenTimes, VapidToken};

/// Tokens that are kept in memory; beyond it those that are due go first, then all.
const TOKENS_MAX: usize = 16_384;

pub(crate) type Key = (ApplicationId, VapidKeyId, OriginId);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The application has no such key (any more).
    #[error("the VAPID key is not there")]
    NoKey,
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
pub(crate) struct Tokens {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    applications: Applications,
    current: RwLock<HashMap<Key, Arc<VapidToken>>>,
    /// One signature at a time: racing attempts of a new origin must not sign twice.
    signing: Mutex<()>,
}

impl Tokens {
    /// With those that the store kept.
    pub(crate) async fn load(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        applications: Applications,
    ) -> Result<Self, StoreError> {
        let mut current = HashMap::new();
        for stored in store.vapid_tokens().await? {
            let Some(application) = applications.by_id(stored.application) else { continue };
            let key = application.vapid_key(stored.key).filter(|key| key.retired.is_none());
            let origin = Origin::parse(&stored.origin);
            let (Some(key), Some(origin)) = (key, origin) else { continue };
            let times = TokenTimes { issued: stored.issued, expires: stored.expires, extra: stored.extra };
            let origin = store.intern_origin(&origin).await?.id;
            if let Ok(token) = VapidToken::restore(stored.jwt, key.public, times) {
                current.insert((stored.application, stored.key, origin), Arc::new(token));
            }
        }
        Ok(Self { store, clock, applications, current: RwLock::new(current), signing: Mutex::new(()) })
    }

    /// The token to use now.
    pub(crate) async fn get(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
        origin: (OriginId, &Origin),
    ) -> Result<Arc<VapidToken>, TokenError> {
        let at_hand = || self.at_hand((application, key, origin.0));
        if let Some(token) = at_hand() {
            return Ok(token);
        }
        let _signing = self.signing.lock().await;
        if let Some(token) = at_hand() {
            return Ok(token);
        }
        self.sign(application, key, origin, TokenTimes::signed(self.clock.now())).await
    }

    /// The token to use now, if there is one that need not be renewed.
    pub(crate) fn at_hand(&self, key: Key) -> Option<Arc<VapidToken>> {
        self.cached(key).filter(|token| !token.times().is_due(self.clock.now()))
    }

    /// What to try after `refused` was refused; `None`: the credentials are refused for good.
    pub(crate) async fn after_refusal(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
        origin: (OriginId, &Origin),
        refused: &VapidToken,
    ) -> Result<Option<Arc<VapidToken>>, TokenError> {
        let _signing = self.signing.lock().await;
        let Some(current) = self.cached((application, key, origin.0)) else {
            return Ok(None);
        };
        match current.times().after_refusal(refused.times(), self.clock.now()) {
            AfterRefusal::TryCurrent => Ok(Some(current)),
            AfterRefusal::Sign(times) => self.sign(application, key, origin, times).await.map(Some),
            AfterRefusal::GiveUp => Ok(None),
        }
    }

    /// A key was retired: its tokens are used no more.
    pub(crate) fn forget(&self, application: ApplicationId, key: VapidKeyId) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.retain(|(of, with, _), _| (*of, *with) != (application, key));
    }

    fn cached(&self, key: Key) -> Option<Arc<VapidToken>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    async fn sign(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
        (origin_id, origin): (OriginId, &Origin),
        times: TokenTimes,
    ) -> Result<Arc<VapidToken>, TokenError> {
        // As it is now: a message that waits may be older than the key.
        let owner = self.applications.by_id(application).ok_or(TokenError::NoKey)?;
        let pair = owner.vapid_key(key).filter(|key| key.retired.is_none()).ok_or(TokenError::NoKey)?;
        let token = Arc::new(vapid::sign(pair, origin, &owner.contact, times)?);
        let stored = StoredToken {
            application,
            key,
            origin: origin.as_str().to_owned(),
            issued: times.issued,
            expires: times.expires,
            extra: times.extra,
            jwt: token.expose().to_owned(),
        };
        self.store.put_vapid_token(stored).await?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.len() >= TOKENS_MAX {
            let now = self.clock.now();
            current.retain(|_, token| !token.times().is_due(now));
            if current.len() >= TOKENS_MAX {
                current.clear();
            }
        }
        current.insert((application, key, origin_id), Arc::clone(&token));
        Ok(token)
    }
}
