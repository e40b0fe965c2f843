//! What a Subscribe makes of what is stored.

use crate::domain::{OriginId, Subscription, SubscriptionId, SubscriptionState, Target, Timestamp};
use crate::store::{ChangeKind, StoreError, Subscribe};

/// Where a Subscribe finds its place among what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// What it renews; `None`: it is new.
    pub(crate) old: Option<Subscription>,
    /// What it replaces beside that, which is removed.
    pub(crate) removed: Option<Subscription>,
}

/// What a Subscribe stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// As it is then.
    pub(crate) new: Subscription,
    /// What the change feed says of it; `None`: it is as it was, and need not be written.
    pub(crate) kind: Option<ChangeKind>,
}

impl Place {
    /// `existing` has the endpoint that is subscribed, `replaced` is what the request says that it replaces.
    /// [`StoreError::NotOwn`]: a page asks for an endpoint that is another user's.
    pub(crate) fn find(
        subscribe: &Subscribe,
        existing: Option<Subscription>,
        replaced: Option<Subscription>,
    ) -> Result<Self, StoreError> {
        if existing.as_ref().is_some_and(|existing| !subscribe.may_touch(existing)) {
            return Err(StoreError::NotOwn);
        }
        // What a page may not touch is as unknown to it as what is not there.
        let replaced = replaced.filter(|replaced| subscribe.may_touch(replaced));
        let (old, removed) = match (existing, replaced) {
            (Some(existing), Some(replaced)) if existing.target.id != replaced.target.id => {
                (Some(existing), Some(replaced))
            }
            (Some(existing), Some(_) | None) => (Some(existing), None),
            (None, replaced) => (replaced, None),
        };
        Ok(Self { old, removed })
    }

    /// What is stored there: with `origin` the number of the endpoint's origin, and `id` giving the name of a new one.
    pub(crate) fn taken(
        &self,
        subscribe: &Subscribe,
        origin: OriginId,
        now: Timestamp,
        id: impl FnOnce() -> SubscriptionId,
    ) -> Taken {
        let mut new = match &self.old {
            Some(old) => renewed(old, subscribe, origin, now),
            None => made(subscribe, origin, now, id()),
        };
        if let Some(removed) = &self.removed {
            take_over(&mut new, removed);
        }
        // An earlier version may have stored the endpoint as it was spelled.
        let respelled = self.old.as_ref().is_some_and(|old| old.target.endpoint.spelling().is_some());
        let changed = self.old.as_ref() != Some(&new) || respelled;
        if changed {
            new.revision += 1;
            new.updated = now;
        }
        let kind = if self.old.is_none() { ChangeKind::Added } else { ChangeKind::Updated };
        Taken { new, kind: changed.then_some(kind) }
    }
}

/// A new subscription, not counted as changed yet.
fn made(subscribe: &Subscribe, origin: OriginId, now: Timestamp, id: SubscriptionId) -> Subscription {
    Subscription {
        target: Target {
            id,
            inline: false,
            generation: 1,
            endpoint: subscribe.endpoint.normal(),
            origin,
            keys: subscribe.keys.clone(),
            encoding: subscribe.encoding,
            vapid_key: subscribe.vapid_key.unwrap_or(subscribe.current_vapid_key),
            subscribed: now,
            expires: subscribe.expires,
            state: SubscriptionState::Active,
            user_id: subscribe.user_id.clone(),
            body_octets_max: 0,
            refused_days: 0,
            refused_last: Timestamp::default(),
            accepted_last: Timestamp::default(),
        },
        topics: subscribe.topics.iter().map(|topic| (topic.clone(), now)).collect(),
        labels: subscribe.labels.clone(),
        locale: subscribe.locale.clone(),
        time_zone: subscribe.time_zone.clone(),
        created: now,
        updated: now,
        revision: 0,
    }
}

/// A stored subscription after it was subscribed again, or after another one took its place.
fn renewed(old: &Subscription, subscribe: &Subscribe, origin: OriginId, now: Timestamp) -> Subscription {
    let mut new = old.clone();
    let target = &mut new.target;
    target.endpoint = subscribe.endpoint.normal();
    target.origin = origin;
    target.keys = subscribe.keys.clone();
    target.encoding = subscribe.encoding;
    target.vapid_key = subscribe.vapid_key.unwrap_or(target.vapid_key);
    let renewed = *target != old.target;
    set_expiry(target, subscribe.expires);
    if !renewed && target.state != SubscriptionState::Active {
        // The browser has it still: what was said against it is void. Its keys are the same, so what was learned stays.
        target.state = SubscriptionState::Active;
        target.generation = old.target.generation + 1;
        (target.refused_days, target.refused_last) = (0, Timestamp::default());
    }
    if renewed {
        target.generation = old.target.generation + 1;
        target.subscribed = now;
        target.state = SubscriptionState::Active;
        (target.refused_days, target.refused_last) = (0, Timestamp::default());
        target.accepted_last = Timestamp::default();
        if target.endpoint != old.target.endpoint {
            target.body_octets_max = 0;
        }
    }
    keep(&mut new, subscribe, now);
    new
}

/// Notes what the caller keeps beside a subscription: what the request leaves empty stays, unless another user has it now.
fn keep(new: &mut Subscription, subscribe: &Subscribe, now: Timestamp) {
    if !subscribe.user_id.is_empty() {
        let user_id = &mut new.target.user_id;
        if !user_id.is_empty() && *user_id != subscribe.user_id {
            new.topics.clear();
            new.labels.clear();
            new.locale.clear();
            new.time_zone.clear();
        }
        user_id.clone_from(&subscribe.user_id);
    }
    if !subscribe.topics.is_empty() {
        set_topics(new, &subscribe.topics, now);
    }
    if !subscribe.labels.is_empty() {
        new.labels.clone_from(&subscribe.labels);
    }
    if !subscribe.locale.is_empty() {
        new.locale.clone_from(&subscribe.locale);
    }
    if !subscribe.time_zone.is_empty() {
        new.time_zone.clone_from(&subscribe.time_zone);
    }
}

/// Gives a subscription what it lacks and the one that it replaces has; nothing of another user.
fn take_over(new: &mut Subscription, replaced: &Subscription) {
    let (user, former) = (&mut new.target.user_id, &replaced.target.user_id);
    if !user.is_empty() && !former.is_empty() && user != former {
        return;
    }
    if user.is_empty() {
        user.clone_from(former);
    }
    if new.topics.is_empty() {
        new.topics.clone_from(&replaced.topics);
    }
    if new.labels.is_empty() {
        new.labels.clone_from(&replaced.labels);
    }
    if new.locale.is_empty() {
        new.locale.clone_from(&replaced.locale);
    }
    if new.time_zone.is_empty() {
        new.time_zone.clone_from(&replaced.time_zone);
    }
    // A broadcast that the replaced one was part of still reaches the browser.
    new.created = new.created.min(replaced.created);
}

/// Another expiry is another generation: that the earlier one passed proves nothing any more.
pub(super) fn set_expiry(target: &mut Target, expires: Option<Timestamp>) {
    if target.expires != expires {
        target.expires = expires;
        target.generation += 1;
    }
}

/// Gives a subscription these topics; those that it had keep their time.
pub(super) fn set_topics(subscription: &mut Subscription, topics: &[String], now: Timestamp) {
    let since = |topic: &String| *subscription.topics.get(topic).unwrap_or(&now);
    let topics = topics.iter().map(|topic| (topic.clone(), since(topic))).collect();
    subscription.topics = topics;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fate::disabled;
    use super::super::samples::stored;
    use super::*;
    use crate::domain::{ApplicationId, Outcome, SubscriptionKeys, VapidKeyId};
    use crate::store::conformance::{START, browser, names};

    const LATER: Timestamp = Timestamp::from_secs(1_800_000_060);

    fn again(old: &Subscription, subscribe: &Subscribe) -> Taken {
        let place = Place { old: Some(old.clone()), removed: None };
        place.taken(subscribe, old.target.origin, LATER, || unreachable!("it has a name"))
    }

    #[test]
    fn a_new_one_is_as_asked() {
        let new = stored(1, "ada");
        assert_eq!((new.target.generation, new.revision, new.created), (1, 1, START));
        assert_eq!((new.target.vapid_key, new.target.state), (VapidKeyId(1), SubscriptionState::Active));
        assert_eq!(new.topics, [("news".to_owned(), START), ("sport".to_owned(), START)].into());
    }

    #[test]
    fn what_is_left_empty_stays() {
        let old = stored(1, "ada");
        let same = again(&old, &browser(ApplicationId(1), 1));
        assert_eq!(same, Taken { new: old.clone(), kind: None });
        let topics = Subscribe { topics: names(&["sport", "music"]), ..browser(ApplicationId(1), 1) };
        let Taken { new, kind } = again(&old, &topics);
        assert_eq!(new.topics, [("music".to_owned(), LATER), ("sport".to_owned(), START)].into());
        assert_eq!((new.target, new.labels, kind), (old.target, old.labels, Some(ChangeKind::Updated)));
        assert_eq!((new.revision, new.updated), (old.revision + 1, LATER));
    }

    #[test]
    fn another_user_finds_nothing_of_the_former() {
        let old = stored(1, "ada");
        let bob = Subscribe { user_id: "bob".to_owned(), ..browser(ApplicationId(1), 1) };
        let new = again(&old, &bob).new;
        assert_eq!((new.target.user_id.as_str(), new.locale.as_str()), ("bob", ""));
        assert!(new.topics.is_empty() && new.labels.is_empty() && new.time_zone.is_empty());
        let nobodys = stored(2, "");
        let claimed =
            again(&nobodys, &Subscribe { user_id: "bob".to_owned(), ..browser(ApplicationId(1), 2) });
        assert_eq!(claimed.new.topics, nobodys.topics, "what was nobody's goes with its first user");
    }

    #[test]
    fn other_keys_or_another_endpoint_are_another_generation() {
        let mut old = stored(1, "ada");
        (old.target.body_octets_max, old.target.refused_days, old.target.accepted_last) = (3_000, 2, START);
        let keys = SubscriptionKeys { p256dh: [4; 65], auth: [99; 16] };
        let rekeyed = again(&old, &Subscribe { keys, ..browser(ApplicationId(1), 1) }).new;
        assert_eq!((rekeyed.target.generation, rekeyed.target.subscribed), (2, LATER));
        assert_eq!((rekeyed.target.refused_days, rekeyed.target.accepted_last), (0, Timestamp::default()));
        assert_eq!(rekeyed.target.body_octets_max, 3_000);
        let moved = again(&old, &browser(ApplicationId(1), 2)).new;
        assert_eq!((moved.target.generation, moved.target.body_octets_max), (2, 0));
        let expiring = again(&old, &Subscribe { expires: Some(LATER), ..browser(ApplicationId(1), 1) }).new;
        assert_eq!((expiring.target.generation, expiring.target.refused_days), (2, 2));
    }

    #[test]
    fn who_subscribes_again_is_active_again() {
        let mut off = disabled(&stored(1, "ada"), Outcome::KeyMismatch, START);
        (off.target.refused_days, off.target.body_octets_max) = (3, 3_000);
        let new = again(&off, &browser(ApplicationId(1), 1)).new;
        assert_eq!((new.target.state, new.target.generation), (SubscriptionState::Active, 2));
        assert_eq!((new.target.refused_days, new.target.body_octets_max), (0, 3_000));
    }

    #[test]
    fn a_stored_endpoint_takes_over_what_it_lacks_from_what_it_replaces() {
        let mut replaced = stored(1, "ada");
        replaced.created = START.minus(Duration::from_secs(9));
        let plain = browser(ApplicationId(1), 2);
        let existing =
            Place::default().taken(&plain, replaced.target.origin, START, || SubscriptionId([2; 16])).new;
        let place = Place::find(&plain, Some(existing.clone()), Some(replaced.clone())).unwrap();
        assert_eq!(place.removed, Some(replaced.clone()));
        let new = place.taken(&plain, existing.target.origin, LATER, || unreachable!("it has a name")).new;
        assert_eq!((new.target.id, new.target.user_id.as_str()), (existing.target.id, "ada"));
        assert_eq!(
            (&new.topics, &new.labels, new.created),
            (&replaced.topics, &replaced.labels, replaced.created)
        );
        // Nothing of another user.
        let bobs = Place::find(&plain, Some(stored(2, "bob")), Some(stored(1, "ada"))).unwrap();
        let mut expected = stored(2, "bob");
        expected.topics.clear();
        let bare = Place { old: Some(expected.clone()), ..bobs };
        assert_eq!(bare.taken(&plain, expected.target.origin, LATER, || unreachable!()).new, expected);
    }

    #[test]
    fn places_are_found() {
        let (one, two) = (stored(1, "ada"), stored(2, "ada"));
        let subscribe = browser(ApplicationId(1), 1);
        let find = |existing: Option<&Subscription>, replaced: Option<&Subscription>| {
            let place = Place::find(&subscribe, existing.cloned(), replaced.cloned()).unwrap();
            (place.old.map(|old| old.target.id), place.removed.map(|removed| removed.target.id))
        };
        let (first, second) = (Some(one.target.id), Some(two.target.id));
        assert_eq!(find(None, None), (None, None));
        assert_eq!(find(None, Some(&two)), (second, None), "it keeps the name of what it replaces");
        assert_eq!(find(Some(&one), Some(&one)), (first, None));
        assert_eq!(find(Some(&one), Some(&two)), (first, second));
    }

    #[test]
    fn a_page_touches_nothing_of_others_without_their_keys() {
        let of_ada = stored(1, "ada");
        let by_page = |number, user: &str| Subscribe {
            by_page: true,
            user_id: user.to_owned(),
            ..browser(ApplicationId(1), number)
        };
        let mut stranger = by_page(1, "mallory");
        stranger.keys.auth = [77; 16];
        let refused = Place::find(&stranger, Some(of_ada.clone()), None);
        assert!(matches!(refused, Err(StoreError::NotOwn)));
        let passed_over = Place::find(&stranger, None, Some(of_ada.clone())).unwrap();
        assert_eq!(passed_over, Place::default());
        let with_keys = Place::find(&by_page(1, "mallory"), Some(of_ada.clone()), None).unwrap();
        assert_eq!(with_keys.old, Some(of_ada), "the browser has changed hands");
    }
}
