//! VAPID tokens, one for each application, key and origin, kept for half a day. Push services cache the verification of a
//! token and some count how often it changes, so tokens are stored before they are used and a restart goes on with them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::applications::Applications;
use super::signing::Signing;
use crate::domain::{ApplicationId, Clock, Origin, OriginId, VapidKeyId};
use crate::store::{Store, StoreError, StoredToken};
use crate::webpush::vapid::{self, AfterRefusal, SignError, TokenTimes, VapidToken};

/// Tokens that are kept in memory; beyond it those that are due go first, then all.
const TOKENS_MAX: usize = 16_384;

/// Whom a token is for.
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
    signing: Signing,
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
            // Of one that is forgotten nothing is sent.
            let Some(origin) = store.known_origin(&origin).map(|known| known.id) else { continue };
            if let Ok(token) = VapidToken::restore(stored.jwt, key.public, times) {
                current.insert((stored.application, stored.key, origin), Arc::new(token));
            }
        }
        Ok(Self { store, clock, applications, current: RwLock::new(current), signing: Signing::default() })
    }

    /// The token to use now.
    pub(crate) async fn get(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
        origin: (OriginId, &Origin),
    ) -> Result<Arc<VapidToken>, TokenError> {
        let of = (application, key, origin.0);
        if let Some(token) = self.at_hand(of) {
            return Ok(token);
        }
        let _turn = self.signing.turn(of).await;
        if let Some(token) = self.at_hand(of) {
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
        let of = (application, key, origin.0);
        let _turn = self.signing.turn(of).await;
        let Some(current) = self.cached(of) else { return Ok(None) };
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::domain::{Application, ManualClock};
    use crate::store::conformance::{START, application};
    use crate::store::kv;
    use crate::webpush::keys::VapidKeyPair;

    const KEY: VapidKeyId = VapidKeyId(1);

    async fn tokens() -> (Tokens, ApplicationId, [(OriginId, Origin); 2]) {
        let clock = ManualClock::at(START);
        let store: Arc<dyn Store> = Arc::new(kv::memory(Arc::new(clock.clone())).unwrap());
        let id = application(&*store).await;
        let pair = VapidKeyPair::generate().unwrap().into_vapid_key(KEY, START);
        store.add_vapid_key(id, pair.clone(), true).await.unwrap();
        let contact = "mailto:ops@example.com".to_owned();
        let known = Application {
            id,
            contact,
            vapid_keys: vec![pair],
            current_vapid_key: KEY,
            ..Application::default()
        };
        let mut origins = Vec::new();
        for name in ["https://one.example", "https://two.example"] {
            let origin = Origin::parse(name).unwrap();
            origins.push((store.intern_origin(&origin).await.unwrap().id, origin));
        }
        let applications = [Arc::new(known)].into_iter().collect();
        let tokens = Tokens::load(store, Arc::new(clock), applications).await.unwrap();
        (tokens, id, origins.try_into().unwrap())
    }

    #[tokio::test]
    async fn an_origin_does_not_wait_for_another_to_be_signed_for() {
        let (tokens, id, [(one, at_one), (two, at_two)]) = tokens().await;
        // Somebody signs for the first, and the store takes its time to keep it.
        let turn = tokens.signing.turn((id, KEY, one)).await;
        let mut waits = Box::pin(tokens.get(id, KEY, (one, &at_one)));
        assert!((&mut waits).now_or_never().is_none());
        let token = tokens.get(id, KEY, (two, &at_two)).await.unwrap();
        let again = tokens.after_refusal(id, KEY, (two, &at_two), &token).await.unwrap();
        assert!(again.is_some_and(|again| again.times().extra), "and is signed for once more");
        drop(turn);
        waits.await.unwrap();
    }

    #[tokio::test]
    async fn those_that_race_for_an_origin_share_one_signature() {
        let (tokens, id, [(one, at_one), _]) = tokens().await;
        let all = (0..8).map(|_| tokens.get(id, KEY, (one, &at_one)));
        let all = futures_util::future::try_join_all(all).await.unwrap();
        assert!(all.iter().all(|token| Arc::ptr_eq(token, &all[0])));
        assert_eq!(tokens.store.vapid_tokens().await.unwrap().len(), 1);
    }
}
