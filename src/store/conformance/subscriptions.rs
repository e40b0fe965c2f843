//! Reading, changing and removing subscriptions.

use std::collections::BTreeMap;

use super::{
    Harness, START, application, browser, endpoint, ids_of, listed, names, subscribe, subscribe_user,
};
use crate::domain::{
    Audience, Outcome, Subscription, SubscriptionId, SubscriptionKeys, SubscriptionState, Target,
};
use crate::store::{ListFilter, Removal, Selector, StoreError, Subscribe, SubscriptionPatch};

fn ids(subscriptions: &[Subscription]) -> Vec<SubscriptionId> {
    subscriptions.iter().map(|subscription| subscription.target.id).collect()
}

pub(crate) async fn are_selected_and_removed(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let one = subscribe_user(&*store, app, 1, "ada").await;
    let two = subscribe_user(&*store, app, 2, "ada").await;
    let three = subscribe_user(&*store, app, 3, "bob").await;
    let first = if one.target.id < two.target.id { &one } else { &two };
    for (selector, found) in [
        (Selector::Id(three.target.id), Some(&three)),
        (Selector::Endpoint(endpoint(2)), Some(&two)),
        (Selector::User("ada".to_owned()), Some(first)),
        (Selector::Id(SubscriptionId([1; 16])), None),
        (Selector::Endpoint(endpoint(9)), None),
        (Selector::User("eve".to_owned()), None),
    ] {
        let selected = store.subscription(app, &selector).await.unwrap();
        assert_eq!(selected.as_ref(), found, "{selector:?}");
        if found.is_none() {
            assert_eq!(store.unsubscribe(app, &selector).await.unwrap(), []);
        }
    }
    let removed = store.unsubscribe(app, &Selector::Endpoint(endpoint(2))).await.unwrap();
    assert_eq!(removed, [two.target.id]);
    let removed = store.unsubscribe(app, &Selector::User("ada".to_owned())).await.unwrap();
    assert_eq!(removed, [one.target.id]);
    let store = harness.reopen(store);
    assert_eq!(store.list_subscriptions(app, &ListFilter::All, None, 9).await.unwrap(), [three]);
    assert_eq!(store.estimate(app, &Audience::All).await.unwrap(), 1);
}

pub(crate) async fn many_of_a_user_are_removed(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for number in 0..70 {
        let topics = names(&["a", "b", "c", "d", "e", "f"]);
        let user_id = if number < 60 { "ada" } else { "bob" }.to_owned();
        store.subscribe(Subscribe { user_id, topics, ..browser(app, number) }).await.unwrap();
    }
    let ada = Selector::User("ada".to_owned());
    let mut removed = store.unsubscribe(app, &ada).await.unwrap();
    removed.dedup();
    assert_eq!(removed.len(), 60);
    assert_eq!(store.subscription(app, &ada).await.unwrap(), None);
    assert_eq!(store.estimate(app, &Audience::All).await.unwrap(), 10);
    assert_eq!(store.estimate(app, &Audience::Topics(names(&["f"]))).await.unwrap(), 10);
}

pub(crate) async fn are_patched(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let first = subscribe(&*store, app, 1, &["a", "b"]).await.subscription;
    let one = Selector::Id(first.target.id);
    let unknown = Selector::Id(SubscriptionId([1; 16]));
    let nothing = SubscriptionPatch::default;
    assert!(matches!(store.update_subscription(app, &unknown, nothing()).await, Err(StoreError::NotFound)));
    assert_eq!(store.update_subscription(app, &one, nothing()).await.unwrap(), first);
    let stale = SubscriptionPatch { revision: Some(2), ..nothing() };
    assert!(matches!(store.update_subscription(app, &one, stale).await, Err(StoreError::RevisionMismatch)));
    let all = SubscriptionPatch {
        revision: Some(1),
        user_id: Some("ada".to_owned()),
        topics: Some(names(&["b", "c"])),
        add_topics: names(&["d", "e"]),
        remove_topics: names(&["c", "never had"]),
        labels: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
        locale: Some("en".to_owned()),
        time_zone: Some("UTC".to_owned()),
        expires: Some(Some(START)),
    };
    let changed = store.update_subscription(app, &one, all).await.unwrap();
    let topics: Vec<_> = changed.topics.keys().map(String::as_str).collect();
    assert_eq!((changed.revision, topics), (2, vec!["b", "d", "e"]));
    assert_eq!(changed.target.generation, 2, "for its expiry");
    assert_eq!(changed.target.expires, Some(START));
    let hundred = (0..100).map(|number| number.to_string()).collect();
    let too_many = SubscriptionPatch { add_topics: hundred, ..SubscriptionPatch::default() };
    let refused = store.update_subscription(app, &one, too_many).await;
    assert!(matches!(refused, Err(StoreError::TooManyTopics)), "{refused:?}");
    assert_eq!(store.subscription(app, &one).await.unwrap().unwrap(), changed);
    let emptied = SubscriptionPatch {
        user_id: Some(String::new()),
        locale: Some(String::new()),
        expires: Some(None),
        topics: Some(Vec::new()),
        ..nothing()
    };
    let by_user = Selector::User("ada".to_owned());
    let emptied = store.update_subscription(app, &by_user, emptied).await.unwrap();
    assert_eq!((emptied.target.expires, emptied.topics.len(), emptied.time_zone.as_str()), (None, 0, "UTC"));
    let store = harness.reopen(store);
    assert_eq!(store.subscription(app, &one).await.unwrap(), Some(emptied));
    assert_eq!(store.subscription(app, &by_user).await.unwrap(), None);
}

pub(crate) async fn are_listed_in_order(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for number in 0..30 {
        let user_id = if number % 2 == 0 { "ada" } else { "" }.to_owned();
        let topics = if number % 3 == 0 { names(&["news"]) } else { Vec::new() };
        store.subscribe(Subscribe { user_id, topics, ..browser(app, number) }).await.unwrap();
    }
    for (filter, expected) in [
        (ListFilter::All, 30),
        (ListFilter::User("ada".to_owned()), 15),
        (ListFilter::Topic("news".to_owned()), 10),
        (ListFilter::Topic("unknown".to_owned()), 0),
        (ListFilter::User("nobody".to_owned()), 0),
    ] {
        let all = store.list_subscriptions(app, &filter, None, 100).await.unwrap();
        assert!(all.len() == expected && ids(&all).is_sorted(), "{filter:?}");
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = store.list_subscriptions(app, &filter, after, 4).await.unwrap();
            after = page.last().map(|last| last.target.id);
            pages.extend(page);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(pages, all, "{filter:?}");
    }
}

pub(crate) async fn targets_come_as_asked(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let one = subscribe_user(&*store, app, 1, "ada").await.target;
    let two = subscribe(&*store, app, 2, &["a"]).await.subscription.target;
    let unknown = SubscriptionId([9; 16]);
    let found = store.targets(app, &[two.id, unknown, one.id, two.id]).await.unwrap();
    assert_eq!(found, [Some(two.clone()), None, Some(one), Some(two)]);
    assert_eq!(store.targets(app, &[]).await.unwrap(), []);
}

pub(crate) async fn only_evidence_on_this_generation_counts(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut targets: Vec<Target> = Vec::new();
    for number in 0..40 {
        let mut subscribe = Subscribe { topics: names(&["a", "b", "c"]), ..browser(app, number) };
        store.subscribe(subscribe.clone()).await.unwrap();
        // Every fourth has subscribed again since.
        if number % 4 == 3 {
            subscribe.keys = SubscriptionKeys { p256dh: [5; 65], auth: [9; 16] };
        }
        targets.push(store.subscribe(subscribe).await.unwrap().subscription.target);
    }
    let removals: Vec<_> = (targets.iter().zip(0..))
        .map(|(target, number)| Removal {
            subscription: target.id,
            generation: 1,
            outcome: if number % 4 == 0 { Outcome::CredentialsRefused } else { Outcome::Gone },
            http_status: None,
            message: crate::domain::MessageId([0; 16]),
        })
        .chain([Removal {
            subscription: SubscriptionId([9; 16]),
            generation: 1,
            outcome: Outcome::Gone,
            http_status: None,
            message: crate::domain::MessageId([0; 16]),
        }])
        .collect();
    assert_eq!(store.reaper_position(app).await.unwrap(), 0);
    let changed = store.reap(app, removals.clone(), 17).await.unwrap();
    let expected: Vec<_> = (targets.iter().zip(0..))
        .filter(|(_, number)| number % 4 != 3)
        .map(|(target, _)| target.id)
        .collect();
    assert_eq!(changed, expected);
    assert_eq!(store.reap(app, removals, 17).await.unwrap(), [], "again");
    store.reap(app, Vec::new(), 5).await.unwrap();
    let store = harness.reopen(store);
    assert_eq!(store.reaper_position(app).await.unwrap(), 17);
    let now = store.targets(app, &ids_of(&targets)).await.unwrap();
    for ((now, was), number) in now.iter().zip(&targets).zip(0..) {
        match number % 4 {
            0 => {
                let now = now.as_ref().unwrap();
                assert_eq!(now.state, SubscriptionState::Disabled(Outcome::CredentialsRefused));
            }
            3 => assert_eq!(now.as_ref(), Some(was)),
            _ => assert_eq!(now.as_ref(), None),
        }
    }
    assert_eq!(store.estimate(app, &Audience::Topics(names(&["b"]))).await.unwrap(), 20);
}

pub(crate) async fn applications_are_apart(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let other = store.application("other").await.unwrap().id;
    let mine = subscribe_user(&*store, app, 1, "ada").await;
    let theirs = subscribe_user(&*store, other, 1, "ada").await;
    assert_ne!(mine.target.id, theirs.target.id);
    assert_eq!(store.subscription(other, &Selector::Id(mine.target.id)).await.unwrap(), None);
    assert_eq!(store.targets(other, &[mine.target.id]).await.unwrap(), [None]);
    store.unsubscribe(other, &Selector::User("ada".to_owned())).await.unwrap();
    let left = store.list_subscriptions(app, &ListFilter::All, None, 9).await.unwrap();
    assert_eq!(left, [mine]);
    let message = super::broadcast(&*store, app, Audience::All).await;
    assert_eq!(store.message(other, message).await.unwrap(), None);
    assert_eq!(listed(&*store, other, &[], None, 9).await, []);
    assert_eq!(store.feed(other, 0, 9).await.unwrap(), []);
}
