//! What Subscribe does to a subscription.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Harness, application, browser, endpoint, names, subscribe, subscribe_user};
use crate::domain::{
    Audience, Clock as _, ContentEncoding, Endpoint, Outcome, Subscription, SubscriptionId,
    SubscriptionState, VapidKeyId,
};
use crate::store::{ListFilter, Removal, Replaces, Selector, StoreError, Subscribe};

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) async fn the_endpoint_decides(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let first = subscribe(&*store, app, 1, &["news"]).await;
    assert!(first.created && first.removed.is_none());
    let sub = &first.subscription;
    assert_eq!((sub.revision, sub.target.generation, sub.target.vapid_key), (1, 1, VapidKeyId(1)));
    assert_eq!((sub.created, sub.updated, sub.target.subscribed), (super::START, super::START, super::START));
    assert_eq!(store.origin(sub.target.origin).unwrap().origin, *sub.target.endpoint.origin());

    harness.clock().advance(HOUR);
    let again = subscribe(&*store, app, 1, &["news"]).await;
    assert!(!again.created);
    assert_eq!(again.subscription, first.subscription);

    let id = sub.target.id;
    let evidence = Removal {
        subscription: id,
        generation: 1,
        outcome: Outcome::KeyMismatch,
        http_status: None,
        message: crate::domain::MessageId([0; 16]),
    };
    store.reap(app, vec![evidence], 1).await.unwrap();
    let disabled = store.subscription(app, &Selector::Id(id)).await.unwrap().unwrap();
    assert_eq!(disabled.target.state, SubscriptionState::Disabled(Outcome::KeyMismatch));

    let now = harness.clock().now();
    let with_key = Subscribe { vapid_key: Some(VapidKeyId(4)), ..browser(app, 1) };
    let changed = store.subscribe(with_key).await.unwrap().subscription;
    assert_eq!((changed.target.id, changed.target.generation, changed.revision), (id, 2, 3));
    assert_eq!((changed.target.state, changed.target.subscribed), (SubscriptionState::Active, now));
    assert_eq!(changed.target.vapid_key, VapidKeyId(4));
    // The application's current key is for new ones only.
    let stays = Subscribe { current_vapid_key: VapidKeyId(9), ..browser(app, 1) };
    assert_eq!(store.subscribe(stays).await.unwrap().subscription, changed);
    let encoding = Subscribe { encoding: ContentEncoding::AesGcm, ..browser(app, 1) };
    assert_eq!(store.subscribe(encoding).await.unwrap().subscription.target.generation, 3);
    let store = harness.reopen(store);
    let all = store.list_subscriptions(app, &ListFilter::All, None, 10).await.unwrap();
    assert_eq!((all.len(), all[0].target.generation), (1, 3));
}

/// With every optional field.
fn full(number: u32, app: crate::domain::ApplicationId) -> Subscribe {
    Subscribe {
        user_id: "ada".to_owned(),
        topics: names(&["news", "sport"]),
        labels: BTreeMap::from([("plan".to_owned(), "pro".to_owned())]),
        locale: "de-AT".to_owned(),
        time_zone: "Europe/Vienna".to_owned(),
        expires: Some(super::START.plus(HOUR)),
        ..browser(app, number)
    }
}

fn callers_own(subscription: &Subscription) -> (&str, Vec<&str>, usize, &str, &str) {
    (
        &subscription.target.user_id,
        subscription.topics.keys().map(String::as_str).collect(),
        subscription.labels.len(),
        &subscription.locale,
        &subscription.time_zone,
    )
}

pub(crate) async fn empty_fields_stay(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let first = store.subscribe(full(1, app)).await.unwrap().subscription;
    assert_eq!(callers_own(&first), ("ada", vec!["news", "sport"], 1, "de-AT", "Europe/Vienna"));
    let store = harness.reopen(store);
    let second = store.subscribe(browser(app, 1)).await.unwrap().subscription;
    assert_eq!(callers_own(&second), callers_own(&first));
    // What the browser says is always as it says it; that the old expiry passed proves nothing any more.
    assert_eq!((second.target.expires, second.target.generation), (None, 2));
}

pub(crate) async fn another_user_gets_nothing(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    store.subscribe(full(1, app)).await.unwrap();
    let other = Subscribe { user_id: "bob".to_owned(), locale: "fr".to_owned(), ..browser(app, 1) };
    let other = store.subscribe(other).await.unwrap().subscription;
    assert_eq!(callers_own(&other), ("bob", vec![], 0, "fr", ""));
    for (user, found) in [("ada", 0), ("bob", 1)] {
        let filter = ListFilter::User(user.to_owned());
        assert_eq!(store.list_subscriptions(app, &filter, None, 9).await.unwrap().len(), found, "{user}");
    }
    assert_eq!(store.estimate(app, &Audience::Topics(names(&["news"]))).await.unwrap(), 0);
    // Who had no user has nothing of somebody else.
    subscribe(&*store, app, 2, &["news"]).await;
    let known = subscribe_user(&*store, app, 2, "eve").await;
    assert_eq!(callers_own(&known), ("eve", vec!["news"], 0, "", ""));
}

pub(crate) async fn all_spellings_are_one_subscription(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let at = |url: &str| Subscribe { endpoint: Endpoint::parse(url, false).unwrap(), ..browser(app, 1) };
    let first = store.subscribe(at("https://push.example.net/p/1")).await.unwrap();
    assert!(first.created);
    for spelled in [
        "https://Push.Example.net/p/1",
        "https://push.example.net:0443/p/1",
        "https://pu\u{ad}sh.example.net/p/1",
    ] {
        let again = store.subscribe(at(spelled)).await.unwrap();
        assert_eq!((again.created, &again.subscription), (false, &first.subscription), "{spelled}");
    }
    let found = Selector::Endpoint(at("https://PUSH.example.net/p/1").endpoint);
    assert_eq!(store.unsubscribe(app, &found).await.unwrap(), [first.subscription.target.id]);
}

pub(crate) async fn a_page_takes_nothing_without_its_keys(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let alices = store.subscribe(full(1, app)).await.unwrap().subscription;
    subscribe(&*store, app, 2, &["news"]).await;
    let page = |number| Subscribe { user_id: "mallory".to_owned(), by_page: true, ..browser(app, number) };
    let mut other_keys = alices.target.keys.clone();
    other_keys.auth[0] ^= 1;
    for validate_only in [true, false] {
        // Another user's, and one that is nobody's yet.
        for number in [1, 2] {
            let taken = Subscribe { keys: other_keys.clone(), validate_only, ..page(number) };
            assert!(matches!(store.subscribe(taken).await, Err(StoreError::NotOwn)), "{number}");
        }
    }
    for replaces in [Replaces::Id(alices.target.id), Replaces::Endpoint(endpoint(1))] {
        let replacing = Subscribe { replaces: Some(replaces), ..page(3) };
        let made = store.subscribe(replacing).await.unwrap();
        assert_ne!(made.subscription.target.id, alices.target.id);
        assert_eq!((callers_own(&made.subscription).1, made.removed), (vec![], None));
    }
    let stored = Selector::Endpoint(endpoint(1));
    assert_eq!(store.subscription(app, &stored).await.unwrap(), Some(alices.clone()));
    // Its own user's keys may change, and a browser that changes hands has the keys.
    let renewed = Subscribe { user_id: "ada".to_owned(), keys: other_keys.clone(), ..page(1) };
    assert_eq!(store.subscribe(renewed).await.unwrap().subscription.target.id, alices.target.id);
    let handed = store.subscribe(Subscribe { keys: other_keys, ..page(1) }).await.unwrap().subscription;
    assert_eq!((handed.target.id, callers_own(&handed)), (alices.target.id, ("mallory", vec![], 0, "", "")));
    let nobodys = store.subscribe(page(2)).await.unwrap();
    assert_eq!((nobodys.created, nobodys.subscription.target.user_id.as_str()), (false, "mallory"));
}

pub(crate) async fn topics_keep_their_time(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let start = harness.clock().now();
    subscribe(&*store, app, 1, &["a", "b"]).await;
    harness.clock().advance(HOUR);
    let later = start.plus(HOUR);
    let changed = subscribe(&*store, app, 1, &["b", "c"]).await.subscription;
    let expected = BTreeMap::from([("b".to_owned(), start), ("c".to_owned(), later)]);
    assert_eq!(changed.topics, expected);
    let stored = store.subscription(app, &Selector::Id(changed.target.id)).await.unwrap();
    assert_eq!(stored.unwrap().topics, expected);
}

pub(crate) async fn replaces_keeps_the_name(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let first = store.subscribe(full(1, app)).await.unwrap().subscription;
    let id = first.target.id;
    let by_endpoint = Subscribe { replaces: Some(Replaces::Endpoint(endpoint(1))), ..browser(app, 2) };
    let second = store.subscribe(by_endpoint).await.unwrap();
    assert!(!second.created && second.removed.is_none());
    assert_eq!((second.subscription.target.id, second.subscription.target.generation), (id, 2));
    assert_eq!(callers_own(&second.subscription), callers_own(&first));
    let by_id = Subscribe { replaces: Some(Replaces::Id(id)), ..browser(app, 3) };
    let third = store.subscribe(by_id).await.unwrap().subscription;
    assert_eq!((third.target.id, third.target.generation), (id, 3));
    let store = harness.reopen(store);
    for (number, found) in [(1, None), (2, None), (3, Some(third))] {
        let selector = Selector::Endpoint(endpoint(number));
        assert_eq!(store.subscription(app, &selector).await.unwrap(), found, "{number}");
    }
    // The target in topic rows is the new one too.
    let message = super::broadcast(&*store, app, Audience::Topics(names(&["news"]))).await;
    let audience = super::read_audience(&*store, app, message, 10).await;
    assert_eq!(audience.targets.len(), 1);
    assert_eq!(audience.targets[0].endpoint, endpoint(3));
}

pub(crate) async fn replaces_a_stored_endpoint(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let old = store.subscribe(full(1, app)).await.unwrap().subscription;
    harness.clock().advance(HOUR);
    let new = subscribe(&*store, app, 2, &["chess"]).await.subscription;
    let replacing = Subscribe { replaces: Some(Replaces::Id(old.target.id)), ..browser(app, 2) };
    let joined = store.subscribe(replacing).await.unwrap();
    assert_eq!((joined.created, joined.removed), (false, Some(old.target.id)));
    assert_eq!(joined.subscription.target.id, new.target.id);
    assert_eq!(callers_own(&joined.subscription), ("ada", vec!["chess"], 1, "de-AT", "Europe/Vienna"));
    assert_eq!(store.subscription(app, &Selector::Id(old.target.id)).await.unwrap(), None);
    assert_eq!(store.subscription(app, &Selector::Endpoint(endpoint(1))).await.unwrap(), None);
    let users = ListFilter::User("ada".to_owned());
    assert_eq!(store.list_subscriptions(app, &users, None, 9).await.unwrap(), [joined.subscription]);
    assert_eq!(store.estimate(app, &Audience::All).await.unwrap(), 1);
    assert_eq!(store.estimate(app, &Audience::Topics(names(&["news"]))).await.unwrap(), 0);
    // Again, as after an answer that was lost: the replaced one is unknown by now.
    let again = Subscribe { replaces: Some(Replaces::Id(old.target.id)), ..browser(app, 2) };
    assert_eq!(store.subscribe(again).await.unwrap().removed, None);
}

pub(crate) async fn replaces_of_another_user(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let old = store.subscribe(full(1, app)).await.unwrap().subscription;
    subscribe_user(&*store, app, 2, "bob").await;
    let replaces = Some(Replaces::Id(old.target.id));
    let joined = store.subscribe(Subscribe { replaces, ..browser(app, 2) }).await.unwrap();
    assert_eq!(joined.removed, Some(old.target.id));
    assert_eq!(callers_own(&joined.subscription), ("bob", vec![], 0, "", ""));
}

pub(crate) async fn unknown_replaces_is_passed_over(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for (number, replaces) in
        [(1, Replaces::Id(SubscriptionId([7; 16]))), (2, Replaces::Endpoint(endpoint(77)))]
    {
        let made = Subscribe { replaces: Some(replaces), ..browser(app, number) };
        assert!(store.subscribe(made).await.unwrap().created);
    }
    // Itself is nothing to replace.
    let itself = Subscribe { replaces: Some(Replaces::Endpoint(endpoint(1))), ..browser(app, 1) };
    let itself = store.subscribe(itself).await.unwrap();
    assert_eq!((itself.created, itself.removed, itself.subscription.revision), (false, None, 1));
}

pub(crate) async fn very_many_are_stored_as_one(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let first = subscribe(&*store, app, 0, &["news"]).await;
    // Those of an import, beside one of which they are many.
    let bulk = (0..100).map(|number| {
        let browser = Subscribe { bulk: true, topics: names(&["sport"]), ..browser(app, number) };
        store.subscribe(browser)
    });
    let stored = futures_util::future::join_all(bulk).await;
    let one = stored[0].as_ref().unwrap();
    assert_eq!((one.created, one.subscription.target.id), (false, first.subscription.target.id));
    assert!(stored[1..].iter().all(|stored| stored.as_ref().unwrap().created));
    let store = harness.reopen(store);
    let listed = store.list_subscriptions(app, &ListFilter::All, None, 1_000).await.unwrap();
    assert_eq!(listed.len(), 100);
    // What an export takes of them.
    for stored in stored {
        let stored = stored.unwrap().subscription;
        let found = listed.iter().find(|of| of.target.id == stored.target.id).unwrap();
        assert_eq!(found.target.endpoint.expose(), stored.target.endpoint.expose());
        assert_eq!((&found.target.keys, &found.topics), (&stored.target.keys, &stored.topics));
    }
}
