//! Evidence in the log, and what attempts taught.

use std::time::Duration;

use super::{
    Harness, application, blank, broadcast, browser, commit, event, page, planned, read_audience, settling,
    stranger, subscribe,
};
use crate::domain::limits::REFUSED_DAYS_MAX;
use crate::domain::{
    ApplicationId, Audience, Clock as _, DeliveryState, MessageId, Outcome, SubscriptionState, Target,
    Timestamp,
};
use crate::store::{
    ChangeEvidence, ChangeKind, Evidence, Learned, Lesson, PageKey, Removal, Selector, Store,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

pub(crate) async fn evidence_is_found_in_segments(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let nothing = Evidence { removals: Vec::new(), position: 0 };
    assert_eq!(store.evidence(app, 1, 10).await.unwrap(), nothing);
    let message = planned(&*store, app, (0..6).map(|number| page(number, 3)).collect()).await;
    let ends = [
        (DeliveryState::Failed, Outcome::Gone),
        (DeliveryState::Accepted, Outcome::Accepted),
        (DeliveryState::Failed, Outcome::KeyMismatch),
        (DeliveryState::Failed, Outcome::Rejected),
        (DeliveryState::Expired, Outcome::Gone),
    ];
    let mut expected = Vec::new();
    for (number, (state, outcome)) in (0..).zip(ends) {
        let ids = [0, 1, 2].map(|place| stranger(number, place));
        let mut page = settling(PageKey { message, number }, &ids, state, outcome);
        // Only the middle one is of a stored subscription that failed so.
        page.events[0] = event(message, ids[0], DeliveryState::Accepted, Outcome::Accepted);
        page.events[1].generation = 7;
        page.events[1].http_status = Some(410);
        page.events[2].subscription = None;
        commit(&*store, app, message, vec![page]).await;
        if matches!(outcome, Outcome::Gone | Outcome::KeyMismatch) && state == DeliveryState::Failed {
            expected.push(Removal {
                subscription: ids[1],
                generation: 7,
                outcome,
                http_status: Some(410),
                message,
            });
        }
    }
    let store = harness.reopen(store);
    let last = *store.synced(app).borrow();
    let all = store.evidence(app, 1, 100).await.unwrap();
    assert_eq!(all, Evidence { removals: expected.clone(), position: last });
    // In pieces: the commits of acceptance, gone, and so on.
    let (mut position, mut removals, mut pieces) = (0, Vec::new(), 0);
    loop {
        let some = store.evidence(app, position + 1, 2).await.unwrap();
        if some.position == position {
            break;
        }
        assert_eq!(some.position, position + 2);
        removals.extend(some.removals);
        (position, pieces) = (some.position, pieces + 1);
    }
    assert_eq!((removals, pieces, position), (expected, 3, last));
}

fn lesson(target: &Target, learned: Learned) -> Lesson {
    Lesson { subscription: target.id, generation: target.generation, learned }
}

fn refused(target: &Target) -> Lesson {
    let removal = Removal {
        subscription: target.id,
        generation: target.generation,
        outcome: Outcome::Rejected,
        http_status: Some(400),
        message: MessageId([3; 16]),
    };
    lesson(target, Learned::Refused(removal))
}

async fn present(store: &dyn Store, app: ApplicationId, target: &Target) -> Target {
    store.targets(app, &[target.id]).await.unwrap().remove(0).unwrap()
}

pub(crate) async fn limits_of_bodies_are_kept(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut lessons = Vec::new();
    let mut targets = Vec::new();
    for number in 0..50 {
        let target = subscribe(&*store, app, number, &["a"]).await.subscription.target;
        lessons.push(lesson(&target, Learned::BodyOctetsMax(2_800)));
        lessons.push(lesson(&target, Learned::BodyOctetsMax(3_000)));
        lessons.push(Lesson { generation: 2, ..lesson(&target, Learned::BodyOctetsMax(100)) });
        targets.push(target);
    }
    let before = store.subscription(app, &Selector::Id(targets[0].id)).await.unwrap().unwrap();
    let told = *store.changes_synced(app).borrow();
    assert_eq!(store.learn(app, lessons).await.unwrap(), []);
    let store = harness.reopen(store);
    let message = broadcast(&*store, app, Audience::Topics(vec!["a".to_owned()])).await;
    let audience = read_audience(&*store, app, message, 100).await.targets;
    assert!(audience.len() == 50 && audience.iter().all(|target| target.body_octets_max == 2_800));
    // It is no change that a caller sees.
    let after = store.subscription(app, &Selector::Id(targets[0].id)).await.unwrap().unwrap();
    assert_eq!((after.revision, after.updated), (before.revision, before.updated));
    assert_eq!(*store.changes_synced(app).borrow(), told);
    // Other keys, same endpoint: the limit stays.
    let mut again = browser(app, 0);
    again.keys.auth = [99; 16];
    let again = store.subscribe(again).await.unwrap().subscription.target;
    assert_eq!((again.generation, again.body_octets_max), (2, 2_800));
}

pub(crate) async fn acceptances_are_noted_once_a_day(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let target = subscribe(&*store, app, 1, &["a"]).await.subscription.target;
    assert_eq!(target.accepted_last, Timestamp::default());
    let before = store.subscription(app, &Selector::Id(target.id)).await.unwrap().unwrap();
    let told = *store.changes_synced(app).borrow();
    let accepted = || vec![lesson(&target, Learned::Accepted)];
    let first = harness.clock().now();
    store.learn(app, accepted()).await.unwrap();
    harness.clock().advance(DAY / 2);
    store.learn(app, accepted()).await.unwrap();
    let store = harness.reopen(store);
    let noted = Target { accepted_last: first, ..target.clone() };
    assert_eq!(present(&*store, app, &target).await, noted);
    // Those that are planned by topic know it too, and callers see no change.
    let message = broadcast(&*store, app, Audience::Topics(vec!["a".to_owned()])).await;
    assert_eq!(read_audience(&*store, app, message, 9).await.targets, [noted]);
    let after = store.subscription(app, &Selector::Id(target.id)).await.unwrap().unwrap();
    assert_eq!((after.revision, after.updated), (before.revision, before.updated));
    assert_eq!(*store.changes_synced(app).borrow(), told);
    // A day later it is news again.
    harness.clock().advance(DAY / 2);
    store.learn(app, accepted()).await.unwrap();
    assert_eq!(present(&*store, app, &target).await.accepted_last, harness.clock().now());
    // What another generation did says nothing of this one.
    let mut again = browser(app, 1);
    again.keys.auth = [99; 16];
    let again = store.subscribe(again).await.unwrap().subscription.target;
    assert_eq!((again.generation, again.accepted_last), (2, Timestamp::default()));
    store.learn(app, accepted()).await.unwrap();
    assert_eq!(present(&*store, app, &target).await, again);
}

pub(crate) async fn refusals_on_many_days_disable(harness: &dyn Harness) {
    let mut store = harness.open();
    let app = application(&*store).await;
    let target = subscribe(&*store, app, 1, &["a"]).await.subscription.target;
    let other = subscribe(&*store, app, 2, &[]).await.subscription.target;
    for day in 1..REFUSED_DAYS_MAX {
        for _ in 0..3 {
            let lessons = vec![refused(&target), refused(&other)];
            assert_eq!(store.learn(app, lessons).await.unwrap(), []);
        }
        assert_eq!(present(&*store, app, &target).await.refused_days, day);
        harness.clock().advance(DAY);
        store = harness.reopen(store);
    }
    // An acceptance in between makes all of it void; one of another generation does not.
    let stale = Lesson { generation: 9, ..lesson(&target, Learned::Accepted) };
    store.learn(app, vec![lesson(&other, Learned::Accepted), stale]).await.unwrap();
    let accepted_last = harness.clock().now();
    assert_eq!(present(&*store, app, &other).await, Target { accepted_last, ..other.clone() });
    let told = *store.changes_synced(app).borrow();
    assert_eq!(store.learn(app, vec![refused(&other), refused(&target)]).await.unwrap(), [target.id]);
    assert_eq!(store.learn(app, vec![refused(&other), refused(&target)]).await.unwrap(), []);
    let store = harness.reopen(store);
    let disabled = store.subscription(app, &Selector::Id(target.id)).await.unwrap().unwrap();
    assert_eq!(disabled.target.state, SubscriptionState::Disabled(Outcome::Rejected));
    assert_eq!((disabled.revision, present(&*store, app, &other).await.refused_days), (2, 1));
    let changes = store.changes(app, told + 1, 9).await.unwrap();
    let evidence =
        ChangeEvidence { outcome: Outcome::Rejected, http_status: Some(400), message: MessageId([3; 16]) };
    assert_eq!((changes.len(), changes[0].kind), (1, ChangeKind::Disabled));
    assert_eq!((changes[0].evidence, &changes[0].subscription), (Some(evidence), &blank(&disabled)));
    // Subscribed again, it starts afresh.
    let mut again = browser(app, 1);
    again.keys.auth = [99; 16];
    let again = store.subscribe(again).await.unwrap().subscription.target;
    assert_eq!((again.state, again.refused_days), (SubscriptionState::Active, 0));
}
