//! Making, changing, deleting and clearing applications; which VAPID key is current, counted, retired.

use super::applications::key;
use super::{
    Harness, START, application, browser, commit, message, page, planned, settling, step, stranger, subscribe,
};
use crate::domain::{
    ApplicationId, ApplicationSettings, Audience, DeliveryState, HostChoice, HostProfile, Outcome, Padding,
    Quotas, Stop, SubscriptionState, Urgency, VapidKey, VapidKeyId,
};
use crate::store::{
    ChangeKind, Cleared, ListFilter, PageKey, PlanStep, Recipients, Selector, Store, StoreError, Subscribe,
};

fn settings() -> ApplicationSettings {
    ApplicationSettings {
        display_name: "The shop".to_owned(),
        contact: Some("mailto:shop@example.com".to_owned()),
        ttl: Some(std::time::Duration::from_millis(1_500)),
        urgency: Some(Urgency::High),
        padding: Some(Padding::Maximum),
        quotas: Quotas {
            max_subscriptions: Some(0),
            max_messages_per_second: Some(0.5),
            max_broadcast_targets: Some(3),
            max_pending_deliveries: Some(4),
            max_streams: Some(5),
            weight: Some(6),
        },
        hosts: Some(HostChoice {
            profile: Some(HostProfile::ListedOnly),
            extra_hosts: vec![".example.org".to_owned()],
            exceptions: vec!["intranet".to_owned()],
        }),
        suspended: true,
    }
}

pub(crate) async fn applications_are_made_and_changed(harness: &dyn Harness) {
    let store = harness.open();
    let made = store.create_application("shop", settings(), key(10)).await.unwrap();
    assert_eq!((made.name.as_str(), made.created, made.revision), ("shop", START, 1));
    assert_eq!((made.settings.clone(), made.current_vapid_key), (settings(), Some(VapidKeyId(1))));
    let again = store.create_application("shop", ApplicationSettings::default(), key(11)).await;
    assert!(matches!(again, Err(StoreError::AlreadyExists)));
    let plain = ApplicationSettings::default();
    let stale = store.update_application(made.id, plain.clone(), 7).await;
    assert!(matches!(stale, Err(StoreError::RevisionMismatch)));
    let unknown = store.update_application(ApplicationId(99), plain.clone(), 1).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    harness.clock().advance(std::time::Duration::from_secs(5));
    let changed = store.update_application(made.id, plain.clone(), 1).await.unwrap();
    assert_eq!((changed.settings, changed.revision), (plain.clone(), 2));
    assert_eq!(changed.updated, START.plus(std::time::Duration::from_secs(5)));
    store.update_application(made.id, settings(), 2).await.unwrap();
    let store = harness.reopen(store);
    let kept = store.application("shop").await.unwrap();
    assert_eq!((kept.id, kept.settings, kept.revision), (made.id, settings(), 3));
}

pub(crate) async fn subscriptions_beyond_the_quota_are_refused(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let quota = |number| Subscribe { subscriptions_max: Some(1), ..browser(app, number) };
    store.subscribe(quota(1)).await.unwrap();
    assert!(matches!(store.subscribe(quota(2)).await, Err(StoreError::TooManySubscriptions)));
    assert!(!store.subscribe(quota(1)).await.unwrap().created, "it has a place already");
    assert_eq!(store.subscription_count(app).await.unwrap(), 1);
}

async fn counts(store: &dyn Store, app: ApplicationId) -> Vec<u64> {
    store.vapid_key_counts(app, &[VapidKeyId(1), VapidKeyId(2)]).await.unwrap()
}

pub(crate) async fn subscriptions_are_counted_by_their_key(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    store.add_vapid_key(app, key(1), true).await.unwrap();
    store.add_vapid_key(app, key(2), false).await.unwrap();
    let with = |number, key| Subscribe { vapid_key: Some(VapidKeyId(key)), ..browser(app, number) };
    for (number, key) in [(1, 1), (2, 1), (3, 2)] {
        store.subscribe(with(number, key)).await.unwrap();
    }
    assert_eq!(counts(&*store, app).await, [2, 1]);
    // Subscribed anew with the other key; then one is removed.
    let moved = store.subscribe(with(2, 2)).await.unwrap().subscription;
    assert_eq!(counts(&*store, app).await, [1, 2]);
    store.unsubscribe(app, &Selector::Id(moved.target.id)).await.unwrap();
    let store = harness.reopen(store);
    assert_eq!(counts(&*store, app).await, [1, 1]);
}

fn is_current(key: &VapidKey, current: Option<VapidKeyId>) -> bool {
    Some(key.id) == current
}

pub(crate) async fn retired_keys_are_removed(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for number in 1..=3 {
        store.add_vapid_key(app, key(number), false).await.unwrap();
    }
    let used = Subscribe { vapid_key: Some(VapidKeyId(3)), ..browser(app, 1) };
    let used = store.subscribe(used).await.unwrap().subscription;
    let current = store.remove_vapid_key(app, VapidKeyId(1)).await;
    assert!(matches!(current, Err(StoreError::NotFound)), "not the current one");
    assert!(matches!(store.remove_vapid_key(app, VapidKeyId(9)).await, Err(StoreError::NotFound)));
    assert!(matches!(store.remove_vapid_key(app, VapidKeyId(3)).await, Err(StoreError::StillInUse)));
    store.retire_vapid_key(app, VapidKeyId(3), true).await.unwrap();
    assert!(matches!(store.remove_vapid_key(app, VapidKeyId(3)).await, Err(StoreError::StillInUse)));
    while let (_, Some(_)) = store.disable_orphans(app, None).await.unwrap() {}
    assert_eq!(store.remove_vapid_key(app, VapidKeyId(3)).await.unwrap().public, key(3).public);
    assert_eq!(store.remove_vapid_key(app, VapidKeyId(2)).await.unwrap().id, VapidKeyId(2));
    let store = harness.reopen(store);
    let record = store.application("default").await.unwrap();
    assert_eq!(record.vapid_keys.iter().map(|key| key.id.0).collect::<Vec<_>>(), [1]);
    // A number means one key for ever: who had the removed one is told so.
    assert_eq!(store.add_vapid_key(app, key(4), false).await.unwrap().id, VapidKeyId(4));
    let found = store.subscription(app, &Selector::Id(used.target.id)).await.unwrap().unwrap();
    assert_eq!(found.target.state, SubscriptionState::Disabled(Outcome::KeyMismatch));
}

pub(crate) async fn keys_are_retired(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    store.add_vapid_key(app, key(1), true).await.unwrap();
    store.add_vapid_key(app, key(2), false).await.unwrap();
    for number in 0..200 {
        store.subscribe(browser(app, number)).await.unwrap();
    }
    let current = store.retire_vapid_key(app, VapidKeyId(1), true).await;
    assert!(matches!(current, Err(StoreError::NotFound)), "not the current one");
    let set = store.set_current_vapid_key(app, VapidKeyId(2)).await.unwrap();
    assert_eq!(set.activated, Some(START));
    let record = store.application("default").await.unwrap();
    assert!(is_current(&record.vapid_keys[1], record.current_vapid_key));
    let used = store.retire_vapid_key(app, VapidKeyId(1), false).await;
    assert!(matches!(used, Err(StoreError::StillInUse)));
    let retired = store.retire_vapid_key(app, VapidKeyId(1), true).await.unwrap();
    assert!(retired.private.is_none() && retired.retired == Some(START));
    assert!(matches!(store.set_current_vapid_key(app, VapidKeyId(1)).await, Err(StoreError::NotFound)));
    assert!(matches!(store.set_current_vapid_key(app, VapidKeyId(9)).await, Err(StoreError::NotFound)));

    let store = harness.reopen(store);
    let kept = store.application("default").await.unwrap();
    assert!(kept.vapid_keys[0].private.is_none() && kept.vapid_keys[1].private.is_some());
    let kept_active = Subscribe { vapid_key: Some(VapidKeyId(2)), ..browser(app, 500) };
    let kept_active = store.subscribe(kept_active).await.unwrap().subscription.target.id;
    let seen = *store.changes_synced(app).borrow();
    let (mut disabled, mut after) = (0, None);
    loop {
        let (some, next) = store.disable_orphans(app, after).await.unwrap();
        disabled += some.len();
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((disabled, counts(&*store, app).await), (200, vec![0, 1]));
    let changes = store.changes(app, seen + 1, 1_000).await.unwrap();
    assert_eq!(changes.len(), 200);
    assert!(changes.iter().all(|change| change.kind == ChangeKind::Disabled));
    let kept = store.subscription(app, &Selector::Id(kept_active)).await.unwrap().unwrap();
    assert_eq!(kept.target.state, SubscriptionState::Active);
}

pub(crate) async fn a_deleted_application_is_cleared_away(harness: &dyn Harness) {
    let store = harness.open();
    let default = application(&*store).await;
    subscribe(&*store, default, 1, &["a"]).await;
    let shop = store.create_application("shop", ApplicationSettings::default(), key(1)).await.unwrap().id;
    for number in 0..100 {
        let request = Subscribe { user_id: "anna".to_owned(), ..browser(shop, number) };
        store.subscribe(Subscribe { topics: vec!["a".to_owned()], ..request }).await.unwrap();
    }
    let ended = planned(&*store, shop, vec![page(0, 1)]).await;
    let first = PageKey { message: ended, number: 0 };
    let settled = settling(first, &[stranger(0, 0)], DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(&*store, shop, ended, vec![settled]).await, [ended]);
    let open = store.accept(message(shop, Recipients::Audience(Audience::All))).await.unwrap();

    assert!(matches!(store.clear_application(shop).await, Err(StoreError::NotFound)), "it is not deleted");
    assert!(store.delete_application(shop).await.unwrap());
    assert!(!store.delete_application(shop).await.unwrap());
    let other = store.create_application("shop", ApplicationSettings::default(), key(1)).await.unwrap();
    assert_ne!(other.id, shop);
    assert_eq!(store.clear_application(shop).await.unwrap(), Cleared::Waits);
    store.stop(shop, open.record.status.id, Stop::Cancelled).await.unwrap();
    store.plan(PlanStep { done: true, ..step(shop, open.record.status.id) }).await.unwrap();

    let mut store = harness.reopen(store);
    let mut steps = 0;
    while store.clear_application(shop).await.unwrap() == Cleared::More {
        steps += 1;
        if steps % 5 == 0 {
            store = harness.reopen(store);
        }
    }
    assert!(steps > 5, "in bounded steps: {steps}");
    let left: Vec<_> = store.applications().await.unwrap().iter().map(|of| of.id).collect();
    assert_eq!(left, [default, other.id]);
    assert_eq!(store.message(shop, ended).await.unwrap().map(|of| of.status.id), None);
    let listed = store.list_subscriptions(shop, &ListFilter::All, None, 10).await.unwrap();
    assert_eq!(listed, []);
    assert_eq!(store.subscription_count(default).await.unwrap(), 1, "others lose nothing");
}
