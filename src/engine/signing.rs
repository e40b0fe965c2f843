//! Turns at signing VAPID tokens: one at a time for each application, key and origin. Attempts that race for a new origin
//! must not sign twice, and no origin may wait for another: a turn lasts until the store has kept the token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};

use super::tokens::Key;

/// See the [module's documentation](self). It holds a place for each key that somebody signs or waits for, so no more than
/// attempts under way (`engine.max_unsettled`).
#[derive(Debug, Default)]
pub(super) struct Signing {
    places: Mutex<HashMap<Key, Place>>,
}

#[derive(Debug, Default)]
struct Place {
    turnstile: Arc<Turnstile<()>>,
    /// Who has the turn or waits for it.
    attempts: usize,
}

/// The turn of one attempt, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _passed: OwnedMutexGuard<()>,
    // After the turnstile is free again.
    _seat: Seat<'a>,
}

/// Counts an attempt in, whether its turn has come or not.
#[derive(Debug)]
struct Seat<'a> {
    signing: &'a Signing,
    key: Key,
}

impl Signing {
    /// Waits for those that came before for this key. Whoever gives up waiting leaves nothing behind.
    pub(super) async fn turn(&self, key: Key) -> Turn<'_> {
        let (seat, turnstile) = self.sit_down(key);
        Turn { _passed: turnstile.lock_owned().await, _seat: seat }
    }

    fn sit_down(&self, key: Key) -> (Seat<'_>, Arc<Turnstile<()>>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(key).or_default();
        place.attempts += 1;
        (Seat { signing: self, key }, Arc::clone(&place.turnstile))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut places = self.signing.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(&self.key) {
            place.attempts -= 1;
            if place.attempts == 0 {
                places.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::domain::{ApplicationId, OriginId, VapidKeyId};

    fn key(origin: u32) -> Key {
        (ApplicationId(1), VapidKeyId(1), OriginId(origin))
    }

    #[tokio::test]
    async fn one_key_goes_in_turn_and_no_other_waits_for_it() {
        let signing = Signing::default();
        let first = signing.turn(key(1)).await;
        let mut second = Box::pin(signing.turn(key(1)));
        assert!((&mut second).now_or_never().is_none(), "it is the first one's turn");
        assert!(signing.turn(key(2)).now_or_never().is_some(), "another origin");
        drop(first);
        drop(second.await);
        assert!(signing.places.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_behind() {
        let signing = Signing::default();
        let first = signing.turn(key(1)).await;
        assert!(signing.turn(key(1)).now_or_never().is_none());
        assert_eq!(signing.places.lock().unwrap()[&key(1)].attempts, 1);
        drop(first);
        assert!(signing.places.lock().unwrap().is_empty());
        assert!(signing.turn(key(1)).now_or_never().is_some());
    }
}
