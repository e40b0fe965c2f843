//! The change feed.

use std::time::Duration;

use super::{
    Harness, START, application, blank, broadcast, browser, endpoint, names, subscribe, subscribe_user,
};
use crate::domain::{Audience, Clock as _, MessageId, Outcome, SubscriptionId, SubscriptionState};
use crate::store::{
    ChangeEvidence, ChangeKind, Removal, Replaces, Selector, Store, StoreError, Subscribe, SubscriptionPatch,
};

async fn kinds(store: &dyn Store, app: crate::domain::ApplicationId, from: u64) -> Vec<ChangeKind> {
    store.changes(app, from, 1_000).await.unwrap().iter().map(|change| change.kind).collect()
}

pub(crate) async fn tell_what_became_of_subscriptions(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    assert_eq!((*store.changes_synced(app).borrow(), store.changes(app, 0, 9).await.unwrap()), (0, vec![]));
    let mut synced = store.changes_synced(app);
    let first = subscribe(&*store, app, 1, &["a"]).await.subscription;
    assert_eq!((synced.has_changed().unwrap(), *synced.borrow_and_update()), (true, 1));
    // Nothing changes, nothing is told; nor of what is only checked, or refused.
    subscribe(&*store, app, 1, &["a"]).await;
    store.subscribe(Subscribe { validate_only: true, ..browser(app, 2) }).await.unwrap();
    let one = Selector::Id(first.target.id);
    store.update_subscription(app, &one, SubscriptionPatch::default()).await.unwrap();
    let stale = SubscriptionPatch { revision: Some(99), ..SubscriptionPatch::default() };
    assert!(matches!(store.update_subscription(app, &one, stale).await, Err(StoreError::RevisionMismatch)));
    store.unsubscribe(app, &Selector::Endpoint(endpoint(77))).await.unwrap();
    assert_eq!(*synced.borrow(), 1);

    harness.clock().advance(Duration::from_secs(5));
    let patch = SubscriptionPatch { add_topics: names(&["b"]), ..SubscriptionPatch::default() };
    let patched = store.update_subscription(app, &one, patch).await.unwrap();
    let second = subscribe_user(&*store, app, 2, "ada").await;
    let replaces = Some(Replaces::Id(first.target.id));
    let joined = store.subscribe(Subscribe { replaces, ..browser(app, 2) }).await.unwrap().subscription;
    store.unsubscribe(app, &Selector::User("ada".to_owned())).await.unwrap();
    let store = harness.reopen(store);
    assert_eq!(*store.changes_synced(app).borrow(), 6);
    let changes = store.changes(app, 0, 99).await.unwrap();
    let told: Vec<_> = (changes.iter())
        .map(|change| (change.seq, change.kind, change.subscription.clone(), change.replacement))
        .collect();
    let id = joined.target.id;
    assert_eq!(
        told,
        [
            (1, ChangeKind::Added, blank(&first), None),
            (2, ChangeKind::Updated, blank(&patched), None),
            (3, ChangeKind::Added, blank(&second), None),
            (4, ChangeKind::Updated, blank(&joined), None),
            (5, ChangeKind::Replaced, blank(&patched), Some(id)),
            (6, ChangeKind::RemovedByCaller, blank(&joined), None),
        ]
    );
    assert_eq!((changes[0].time, changes[1].time), (START, START.plus(Duration::from_secs(5))));
    assert!(changes.iter().all(|change| change.evidence.is_none()));
    assert_eq!(store.changes(app, 3, 2).await.unwrap(), changes[2..4]);
    assert_eq!(store.changes(app, 7, 2).await.unwrap(), []);
}

pub(crate) async fn tell_why_push_services_caused_them(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = MessageId([5; 16]);
    let gone = subscribe(&*store, app, 1, &[]).await.subscription;
    let mismatched = subscribe(&*store, app, 2, &[]).await.subscription;
    let expires = Some(START.plus(Duration::from_secs(60)));
    let expired = store.subscribe(Subscribe { expires, ..browser(app, 3) }).await.unwrap().subscription;
    let removal = |subscription: SubscriptionId, outcome, http_status| Removal {
        subscription,
        generation: 1,
        outcome,
        http_status,
        message,
    };
    let removals = vec![
        removal(gone.target.id, Outcome::Gone, Some(410)),
        removal(mismatched.target.id, Outcome::KeyMismatch, Some(403)),
        removal(expired.target.id, Outcome::Gone, None),
        removal(SubscriptionId([9; 16]), Outcome::Gone, Some(404)),
    ];
    harness.clock().advance(Duration::from_secs(60));
    store.reap(app, removals.clone(), 1).await.unwrap();
    store.reap(app, removals, 1).await.unwrap();
    let store = harness.reopen(store);
    let changes = store.changes(app, 4, 99).await.unwrap();
    let told: Vec<_> = changes.iter().map(|change| (change.kind, change.evidence)).collect();
    let evidence = |outcome, http_status| Some(ChangeEvidence { outcome, http_status, message });
    assert_eq!(
        told,
        [
            (ChangeKind::RemovedGone, evidence(Outcome::Gone, Some(410))),
            (ChangeKind::Disabled, evidence(Outcome::KeyMismatch, Some(403))),
            (ChangeKind::RemovedExpired, evidence(Outcome::Gone, None)),
        ]
    );
    assert_eq!((&changes[0].subscription, &changes[2].subscription), (&blank(&gone), &blank(&expired)));
    let disabled = SubscriptionState::Disabled(Outcome::KeyMismatch);
    assert_eq!((changes[1].subscription.target.state, changes[1].subscription.revision), (disabled, 2));
    // Active again.
    let mut again = browser(app, 2);
    again.keys.auth = [99; 16];
    store.subscribe(again).await.unwrap();
    let last = store.changes(app, 7, 99).await.unwrap();
    assert_eq!((last[0].kind, last.len()), (ChangeKind::Updated, 1));
    assert_eq!(last[0].subscription.target.state, SubscriptionState::Active);
}

pub(crate) async fn have_a_sequence_of_their_own(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let other = store.application("other").await.unwrap().id;
    // More than one transaction each, of a user's.
    for number in 0..200 {
        subscribe_user(&*store, app, number, "ada").await;
        if number % 10 == 0 {
            broadcast(&*store, app, Audience::All).await;
            subscribe(&*store, other, number, &[]).await;
        }
    }
    store.unsubscribe(app, &Selector::User("ada".to_owned())).await.unwrap();
    let store = harness.reopen(store);
    assert_eq!((*store.synced(app).borrow(), *store.changes_synced(app).borrow()), (20, 400));
    assert_eq!(kinds(&*store, other, 1).await, [ChangeKind::Added; 20]);
    let all = store.changes(app, 0, 1_000).await.unwrap();
    assert_eq!(all.iter().map(|change| change.seq).collect::<Vec<_>>(), (1..=400).collect::<Vec<_>>());
    assert_eq!(kinds(&*store, app, 201).await, [ChangeKind::RemovedByCaller; 200]);
}

pub(crate) async fn times_lead_to_changes(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    assert_eq!(store.change_at(app, START).await.unwrap(), 1);
    let mut times = Vec::new();
    for step in 0..30_u64 {
        match step {
            15 => harness.clock().set(harness.clock().now().minus(Duration::from_secs(200))),
            _ => harness.clock().advance(Duration::from_secs(step * 7 % 90)),
        }
        subscribe(&*store, app, step as u32, &[]).await;
        // Times of changes never fall.
        times.push(harness.clock().now().max(times.last().copied().unwrap_or_default()));
    }
    let store = harness.reopen(store);
    harness.clock().set(START);
    subscribe(&*store, app, 100, &[]).await;
    times.push(*times.last().unwrap());
    let told: Vec<_> = store.changes(app, 1, 99).await.unwrap().iter().map(|change| change.time).collect();
    assert_eq!(told, times);
    let mut time = START.minus(Duration::from_secs(60));
    while time < times[30].plus(Duration::from_secs(60)) {
        let first = times.iter().position(|made| *made >= time).unwrap_or(times.len()) as u64 + 1;
        assert_eq!(store.change_at(app, time).await.unwrap(), first, "{time:?}");
        time = time.plus(Duration::from_secs(13));
    }
}
