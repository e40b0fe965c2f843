//! Subscriptions that are set aside, enabled and restored.

use std::collections::HashSet;
use std::time::Duration;

use super::{
    Harness, application, browser, commit, endpoint, event, page, planned, read_audience, settling, stranger,
    subscribe, subscribe_user,
};
use crate::domain::{
    ApplicationId, Audience, Clock as _, DeliveryState, MessageId, OriginId, Outcome, Subscription,
    SubscriptionId, SubscriptionState, Target, Timestamp,
};
use crate::store::held::HOLD_TIME;
use crate::store::{
    AcceptedSince, ChangeKind, Decided, Decision, DecisionStep, Hold, PageKey, Removal, Retention, Selector,
    Share, Store, StoreError,
};

const HOUR: Duration = Duration::from_secs(3_600);
const SHARE: Share = Share { refused: 12, answered: 20 };

fn against(target: &Target, outcome: Outcome) -> Removal {
    Removal {
        subscription: target.id,
        generation: target.generation,
        outcome,
        http_status: Some(404),
        message: MessageId([3; 16]),
    }
}

async fn found(store: &dyn Store, app: ApplicationId, id: SubscriptionId) -> Option<Subscription> {
    store.subscription(app, &Selector::Id(id)).await.unwrap()
}

/// Subscribes endpoints of one origin, with a topic.
async fn some(store: &dyn Store, app: ApplicationId, count: u32) -> Vec<Subscription> {
    let mut made = Vec::new();
    for number in 0..count {
        made.push(subscribe(store, app, 3 * number, &["a"]).await.subscription);
    }
    made
}

/// Does a whole decision, in steps of `limit`.
async fn decide(
    store: &dyn Store,
    app: ApplicationId,
    decision: Decision,
    limit: usize,
    dry: bool,
) -> Decided {
    let mut step = DecisionStep { cursor: Vec::new(), limit, validate_only: dry };
    let mut all = Decided::default();
    loop {
        let some = store.decide(app, decision, step.clone()).await.unwrap();
        assert!(some.subscriptions.len() + some.passed_over <= limit);
        all.subscriptions.extend(some.subscriptions);
        all.passed_over += some.passed_over;
        let Some(next) = some.next else { return all };
        step.cursor = next;
    }
}

async fn count(store: &dyn Store, app: ApplicationId, decision: Decision, dry: bool) -> (usize, usize) {
    let decided = decide(store, app, decision, 3, dry).await;
    (decided.subscriptions.len(), decided.passed_over)
}

pub(crate) async fn those_set_aside_are_kept_whole(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let made = some(&*store, app, 7).await;
    let origin = made[0].target.origin;
    let removals: Vec<_> = made[..5].iter().map(|of| against(&of.target, Outcome::Gone)).collect();
    let stale = Removal { generation: 9, ..against(&made[6].target, Outcome::Gone) };
    // Nothing is held yet.
    assert_eq!(store.set_aside(app, removals.clone(), None).await.unwrap(), []);
    assert_eq!(store.holds().await.unwrap(), []);
    let told = *store.changes_synced(app).borrow();
    let aside = [&removals[..], &[stale]].concat();
    assert_eq!(store.set_aside(app, aside.clone(), Some(SHARE)).await.unwrap().len(), 5);
    assert_eq!(store.set_aside(app, aside, Some(SHARE)).await.unwrap(), [], "it does no harm");
    let store = harness.reopen(store);
    let now = harness.clock().now();
    let hold = Hold {
        application: app,
        origin,
        outcome: Outcome::Gone,
        since: now,
        until: now.plus(HOLD_TIME),
        share: SHARE,
        subscriptions: 5,
    };
    assert_eq!(store.holds().await.unwrap(), [hold]);
    let after = found(&*store, app, made[0].target.id).await.unwrap();
    let mut expected = made[0].clone();
    expected.target.state = SubscriptionState::SetAside(Outcome::Gone);
    expected.revision += 1;
    assert_eq!(after, expected);
    let changes = store.changes(app, told + 1, 99).await.unwrap();
    assert!(changes.len() == 5 && changes.iter().all(|of| of.kind == ChangeKind::SetAside));
    assert_eq!(changes[0].evidence.unwrap().outcome, Outcome::Gone);
    // They are counted, and in no audience.
    assert_eq!(store.estimate(app, &Audience::All).await.unwrap(), 7);
    let message = super::broadcast(&*store, app, Audience::Topics(vec!["a".to_owned()])).await;
    assert_eq!(read_audience(&*store, app, message, 9).await.targets.len(), 2);
    // What is of the kind is held too, until an operator decides.
    let more = vec![against(&made[5].target, Outcome::Gone)];
    assert_eq!(store.set_aside(app, more.clone(), None).await.unwrap(), [made[5].target.id]);
    let other = vec![against(&made[6].target, Outcome::KeyMismatch)];
    assert_eq!(store.set_aside(app, other, None).await.unwrap(), []);
    assert_eq!(store.holds().await.unwrap()[0].subscriptions, 6);
    // One that a caller removes, or that subscribes again, is set aside no longer.
    store.unsubscribe(app, &Selector::Id(made[4].target.id)).await.unwrap();
    let again = subscribe(&*store, app, 9, &[]).await.subscription;
    assert_eq!((again.target.id, again.target.state), (made[3].target.id, SubscriptionState::Active));
    assert_eq!((again.target.generation, store.holds().await.unwrap()[0].subscriptions), (2, 4));
    harness.clock().advance(HOLD_TIME);
    let later = vec![against(&made[6].target, Outcome::Gone)];
    assert_eq!(store.set_aside(app, later, None).await.unwrap(), [], "it is judged afresh");
}

pub(crate) async fn operators_release_and_discard(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let made = some(&*store, app, 12).await;
    let origin = made[0].target.origin;
    let gone: Vec<_> = made[..8].iter().map(|of| against(&of.target, Outcome::Gone)).collect();
    let of_another_key: Vec<_> =
        made[8..].iter().map(|of| against(&of.target, Outcome::KeyMismatch)).collect();
    store.set_aside(app, [&gone[..], &of_another_key[..]].concat(), Some(SHARE)).await.unwrap();
    assert_eq!(store.holds().await.unwrap().len(), 2);
    let release = Decision::Release { origin, outcome: Some(Outcome::Gone) };
    assert_eq!(count(&*store, app, release, true).await, (8, 0));
    assert_eq!(store.holds().await.unwrap().len(), 2);
    let elsewhere = Decision::Release { origin: OriginId(77), outcome: None };
    assert_eq!(count(&*store, app, elsewhere, false).await, (0, 0));
    harness.clock().advance(HOUR);
    assert_eq!(count(&*store, app, release, false).await, (8, 0));
    assert_eq!(count(&*store, app, release, false).await, (0, 0));
    let store = harness.reopen(store);
    let after = found(&*store, app, made[0].target.id).await.unwrap();
    assert_eq!((after.target.state, after.target.generation), (SubscriptionState::Active, 2));
    assert_eq!((after.topics, after.created), (made[0].topics.clone(), made[0].created));
    // What was said before is void.
    assert_eq!(store.reap(app, gone.clone(), 1).await.unwrap(), []);
    assert_eq!(store.set_aside(app, gone, None).await.unwrap(), []);
    let holds = store.holds().await.unwrap();
    assert_eq!((holds.len(), holds[0].outcome, holds[0].subscriptions), (1, Outcome::KeyMismatch, 4));
    let told = *store.changes_synced(app).borrow();
    assert_eq!(count(&*store, app, Decision::Discard { origin, outcome: None }, false).await, (4, 0));
    assert_eq!(store.holds().await.unwrap(), []);
    let disabled = found(&*store, app, made[8].target.id).await.unwrap();
    assert_eq!(disabled.target.state, SubscriptionState::Disabled(Outcome::KeyMismatch));
    assert_eq!(store.changes(app, told + 1, 99).await.unwrap()[3].kind, ChangeKind::Disabled);
    // Gone is gone, and may come back.
    let active = found(&*store, app, made[0].target.id).await.unwrap();
    store.set_aside(app, vec![against(&active.target, Outcome::Gone)], Some(SHARE)).await.unwrap();
    assert_eq!(count(&*store, app, Decision::Discard { origin, outcome: None }, false).await, (1, 0));
    assert_eq!(found(&*store, app, active.target.id).await, None);
    let restore = Decision::Restore { origin: None, since: Timestamp::default(), until: Timestamp::MAX };
    assert_eq!(count(&*store, app, restore, false).await, (1, 0));
}

pub(crate) async fn the_disabled_are_enabled(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut made = some(&*store, app, 4).await;
    made.push(subscribe(&*store, app, 1, &[]).await.subscription);
    for (at, of) in made.iter().enumerate() {
        let outcome = if at == 0 { Outcome::Rejected } else { Outcome::KeyMismatch };
        store.reap(app, vec![against(&of.target, outcome)], 1).await.unwrap();
        harness.clock().advance(HOUR);
    }
    let start = super::START;
    let all = Decision::EnableAll {
        origin: None,
        outcome: None,
        since: Timestamp::default(),
        until: Timestamp::MAX,
    };
    assert_eq!(count(&*store, app, all, true).await, (5, 0));
    let origin = Some(made[0].target.origin);
    let some = Decision::EnableAll {
        origin,
        outcome: Some(Outcome::KeyMismatch),
        since: start.plus(2 * HOUR),
        until: start.plus(4 * HOUR),
    };
    assert_eq!(count(&*store, app, some, true).await, (2, 0));
    let enabled: HashSet<_> = decide(&*store, app, some, 1, false).await.subscriptions.into_iter().collect();
    assert_eq!(enabled, [2, 3].map(|at: usize| made[at].target.id).into());
    let one = Decision::Enable(made[0].target.id);
    assert_eq!(count(&*store, app, one, false).await, (1, 0));
    assert_eq!(count(&*store, app, one, false).await, (0, 0));
    let nobody = Decision::Enable(SubscriptionId([9; 16]));
    let refused = store.decide(app, nobody, DecisionStep::default()).await;
    assert!(matches!(refused, Err(StoreError::NotFound)));
    let store = harness.reopen(store);
    let enabled = found(&*store, app, made[2].target.id).await.unwrap();
    assert_eq!((enabled.target.state, enabled.target.generation), (SubscriptionState::Active, 2));
    assert_eq!(count(&*store, app, all, false).await, (2, 0));
}

pub(crate) async fn what_evidence_removed_is_restored(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut made = some(&*store, app, 5).await;
    made.push(subscribe_user(&*store, app, 1, "ada").await);
    made.push(subscribe_user(&*store, app, 4, "ada").await);
    for of in &made {
        store.reap(app, vec![against(&of.target, Outcome::Gone)], 1).await.unwrap();
        harness.clock().advance(HOUR);
    }
    let start = super::START;
    let all = Decision::Restore { origin: None, since: Timestamp::default(), until: Timestamp::MAX };
    assert_eq!(count(&*store, app, all, true).await, (7, 0));
    // Who is forgotten, by name, endpoint or user, does not come back; nor where the browser subscribed anew.
    store.unsubscribe(app, &Selector::Id(made[0].target.id)).await.unwrap();
    store.unsubscribe(app, &Selector::Endpoint(endpoint(3))).await.unwrap();
    store.unsubscribe(app, &Selector::User("ada".to_owned())).await.unwrap();
    let anew = subscribe(&*store, app, 6, &[]).await.subscription;
    assert_eq!(count(&*store, app, all, true).await, (2, 1));
    let told = *store.changes_synced(app).borrow();
    let early = Decision::Restore { origin: None, since: start, until: start.plus(4 * HOUR) };
    assert_eq!(count(&*store, app, early, false).await, (1, 1));
    let store = harness.reopen(store);
    let restored = found(&*store, app, made[3].target.id).await.unwrap();
    let mut expected = made[3].clone();
    (expected.revision, expected.updated, expected.target.generation) = (2, harness.clock().now(), 2);
    assert_eq!(restored, expected);
    assert_eq!(store.changes(app, told + 1, 9).await.unwrap()[0].kind, ChangeKind::Added);
    assert_eq!(store.subscription(app, &Selector::Endpoint(endpoint(9))).await.unwrap(), Some(restored));
    assert_eq!(found(&*store, app, anew.target.id).await, Some(anew));
    assert_eq!(store.estimate(app, &Audience::Topics(vec!["a".to_owned()])).await.unwrap(), 1);
    let elsewhere = Decision::Restore { origin: Some(OriginId(77)), since: start, until: Timestamp::MAX };
    assert_eq!(count(&*store, app, elsewhere, false).await, (0, 0));
    // Its own expiry is no evidence of others, and what is old goes.
    let retention = Retention { events: HOUR, messages: HOUR, changes: HOUR, removed: HOUR };
    harness.clock().advance(HOUR);
    while store.trim(retention).await.unwrap().more {}
    assert_eq!(count(&*store, app, all, false).await, (0, 0));
}

pub(crate) async fn acceptances_are_counted_in_the_log(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, (0..4).map(|number| page(number, 3)).collect()).await;
    for number in 0..4 {
        harness.clock().advance(HOUR);
        let ids = [0, 1, 2].map(|place| stranger(number, place));
        let mut page =
            settling(PageKey { message, number }, &ids, DeliveryState::Accepted, Outcome::Accepted);
        // One is elsewhere, and one came before.
        page.events[0].origin = "https://other.example.net".to_owned();
        page.events[1] = event(message, stranger(0, 1), DeliveryState::Accepted, Outcome::Accepted);
        commit(&*store, app, message, vec![page]).await;
    }
    let store = harness.reopen(store);
    let accepted = async |hours: u32, except: &[SubscriptionId], most| {
        let sought = AcceptedSince {
            origin: "https://push.example.net".to_owned(),
            since: super::START.plus(HOUR * hours),
            except: except.iter().copied().collect::<HashSet<_>>(),
            most,
        };
        store.accepted_since(app, sought).await.unwrap()
    };
    assert_eq!(accepted(0, &[], 99).await, 5);
    assert_eq!(accepted(0, &[], 3).await, 3);
    assert_eq!(accepted(3, &[], 99).await, 3);
    assert_eq!(accepted(3, &[stranger(0, 1), stranger(3, 2)], 99).await, 1);
    assert_eq!(accepted(5, &[], 99).await, 0);
}

pub(crate) async fn subscribing_again_revives(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let first = subscribe(&*store, app, 1, &["news"]).await.subscription;
    let evidence = against(&first.target, Outcome::KeyMismatch);
    store.reap(app, vec![evidence], 1).await.unwrap();
    let mut dry = browser(app, 1);
    dry.validate_only = true;
    assert_eq!(store.subscribe(dry).await.unwrap().subscription.target.state, SubscriptionState::Active);
    let revived = subscribe(&*store, app, 1, &[]).await.subscription;
    assert_eq!((revived.target.id, revived.target.state), (first.target.id, SubscriptionState::Active));
    assert_eq!((revived.target.generation, revived.topics), (2, first.topics));
    // What was said before is void.
    assert_eq!(store.reap(app, vec![evidence], 2).await.unwrap(), []);
    let store = harness.reopen(store);
    assert_eq!(found(&*store, app, first.target.id).await.unwrap().target.state, SubscriptionState::Active);
}
