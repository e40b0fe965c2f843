//! Reading audiences.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Harness, application, broadcast, ids_of, names, read_audience, subscribe, subscribe_user};
use crate::domain::{Audience, Outcome, SubscriptionId};
use crate::store::{Missing, Removal, Selector, StoreError, SubscriptionPatch};

pub(crate) async fn topics_are_merged(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let topics: Vec<String> = (0..12).map(|topic| format!("topic {topic}")).collect();
    let mut members = Vec::new();
    for number in 0..120_u32 {
        // Between none and nine topics each, so that some rows have copies of targets and some have not.
        let own: Vec<&str> = (0..12)
            .filter(|topic| (number * 7 + topic * topic) % 13 < number % 10)
            .map(|topic| topics[topic as usize].as_str())
            .collect();
        let subscription = subscribe(&*store, app, number, &own).await.subscription;
        members.push((subscription, own.into_iter().map(str::to_owned).collect::<BTreeSet<_>>()));
    }
    for chosen in [&topics[..1], &topics[2..5], &topics[..]] {
        let wanted: BTreeSet<_> = chosen.iter().cloned().chain(["unknown".to_owned()]).collect();
        let mut expected: Vec<_> = (members.iter())
            .filter(|(_, own)| !own.is_disjoint(&wanted))
            .map(|(subscription, _)| subscription.target.clone())
            .collect();
        expected.sort_by_key(|target| target.id);
        assert!(expected.len() > 20);
        let message = broadcast(&*store, app, Audience::Topics(wanted.into_iter().collect())).await;
        for limit in [1, 7, 20, 1_000] {
            let read = read_audience(&*store, app, message, limit).await;
            assert!(read.targets == expected, "{limit}");
            assert_eq!(read.missing, []);
        }
    }
    let nobody = broadcast(&*store, app, Audience::Topics(names(&["unknown"]))).await;
    assert_eq!(read_audience(&*store, app, nobody, 5).await.targets, []);
    let unknown = store.audience(app, crate::domain::MessageId([9; 16]), &[], 5).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    let garbage = store.audience(app, nobody, b"garbage", 5).await;
    assert!(matches!(garbage, Err(StoreError::Corrupt(_))));
}

pub(crate) async fn everyone_who_had_joined(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut all = Vec::new();
    for number in 0..8 {
        all.push(subscribe(&*store, app, number, &["a"]).await.subscription.target);
    }
    let everyone = broadcast(&*store, app, Audience::All).await;
    let topic = broadcast(&*store, app, Audience::Topics(names(&["a", "b"]))).await;
    harness.clock().advance(Duration::from_secs(1));
    // One comes too late, one goes, one is disabled, one leaves the topic and comes back, one adds another.
    subscribe(&*store, app, 100, &["a"]).await;
    store.unsubscribe(app, &Selector::Id(all[0].id)).await.unwrap();
    let evidence = Removal {
        subscription: all[1].id,
        generation: 1,
        outcome: Outcome::KeyMismatch,
        http_status: None,
        message: crate::domain::MessageId([0; 16]),
    };
    store.reap(app, vec![evidence], 1).await.unwrap();
    for patch in [
        SubscriptionPatch { remove_topics: names(&["a"]), ..SubscriptionPatch::default() },
        SubscriptionPatch { add_topics: names(&["a"]), ..SubscriptionPatch::default() },
    ] {
        store.update_subscription(app, &Selector::Id(all[2].id), patch).await.unwrap();
    }
    let patch = SubscriptionPatch { add_topics: names(&["b"]), ..SubscriptionPatch::default() };
    store.update_subscription(app, &Selector::Id(all[3].id), patch).await.unwrap();
    let store = harness.reopen(store);
    let sorted = |from: usize| {
        let mut ids = ids_of(&all[from..]);
        ids.sort();
        ids
    };
    for limit in [1, 3, 100] {
        assert_eq!(ids_of(&read_audience(&*store, app, everyone, limit).await.targets), sorted(2));
        assert_eq!(ids_of(&read_audience(&*store, app, topic, limit).await.targets), sorted(3));
    }
}

pub(crate) async fn lists_tell_who_is_missing(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut listed = Vec::new();
    for number in 0..5 {
        listed.push(subscribe(&*store, app, number, &[]).await.subscription.target.id);
    }
    let evidence = Removal {
        subscription: listed[0],
        generation: 1,
        outcome: Outcome::KeyMismatch,
        http_status: None,
        message: crate::domain::MessageId([0; 16]),
    };
    store.reap(app, vec![evidence], 1).await.unwrap();
    let (absent, gone) = (SubscriptionId([0xfe; 16]), listed[1]);
    listed.push(absent);
    // In any order, one of them twice.
    listed.push(listed[3]);
    let message = broadcast(&*store, app, Audience::Subscriptions(listed.clone())).await;
    store.unsubscribe(app, &Selector::Id(gone)).await.unwrap();
    let mut present: Vec<_> = [0, 2, 3, 4].map(|place| listed[place]).to_vec();
    present.sort();
    for limit in [1, 2, 100] {
        let read = read_audience(&*store, app, message, limit).await;
        assert_eq!(ids_of(&read.targets), present);
        assert_eq!(read.missing, [Missing::Subscription(gone), Missing::Subscription(absent)]);
    }
}

pub(crate) async fn users_are_read_in_pieces(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for (number, user) in (0..).zip(["ada", "ada", "bob", "ada", "eve"]) {
        subscribe_user(&*store, app, number, user).await;
    }
    let users = names(&["nobody", "ada", "bob", "late"]);
    let message = broadcast(&*store, app, Audience::Users(users)).await;
    harness.clock().advance(Duration::from_secs(1));
    subscribe_user(&*store, app, 10, "late").await;
    subscribe_user(&*store, app, 11, "ada").await;
    for limit in [1, 2, 3, 100] {
        let read = read_audience(&*store, app, message, limit).await;
        let users: Vec<_> = read.targets.iter().map(|target| target.user_id.as_str()).collect();
        assert_eq!(users, ["ada", "ada", "ada", "bob"]);
        assert!(ids_of(&read.targets[..3]).is_sorted());
        let missing = ["late", "nobody"].map(|user| Missing::User(user.to_owned()));
        assert_eq!(read.missing, missing);
    }
}

pub(crate) async fn long_lists_keep_their_order(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let users: BTreeSet<_> = (0..10_000).map(|user| format!("{user:0100}")).collect();
    let message = broadcast(&*store, app, Audience::Users(users.iter().cloned().collect())).await;
    let store = harness.reopen(store);
    let read = read_audience(&*store, app, message, 3_000).await;
    let missing: Vec<_> = users.into_iter().map(Missing::User).collect();
    assert!(read.missing == missing);
    // The list goes when the message ends.
    store.plan(crate::store::PlanStep { done: true, ..super::step(app, message) }).await.unwrap();
    assert!(matches!(store.audience(app, message, &[], 5).await, Err(StoreError::NotFound)));
}
