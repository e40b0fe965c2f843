//! Origins of which nothing is stored: they are forgotten, and no other is, whatever happens meanwhile.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Harness, application, browser, commit, send, settling};
use crate::domain::{
    ApplicationId, DeliveryState, Endpoint, OriginId, Outcome, Subscription, SubscriptionId, Target,
    Timestamp,
};
use crate::store::{
    Decision, DecisionStep, ListFilter, OriginsTrimmed, PageKey, Removal, Replaces, Retention, Selector,
    Share, Store, Subscribe,
};

const HOSTS: u32 = 6;
const PLACES: u32 = 3;
const MINUTE: Duration = Duration::from_secs(60);
const RETENTION: Retention = Retention { events: MINUTE, messages: MINUTE, changes: MINUTE, removed: MINUTE };

fn at(host: u32, place: u32) -> Endpoint {
    Endpoint::parse(&format!("https://host{host}.example.org/p/{place}"), false).unwrap()
}

fn subscribing(app: ApplicationId, host: u32, place: u32) -> Subscribe {
    Subscribe { endpoint: at(host, place), ..browser(app, place) }
}

/// Goes through with what is under way, and once through all.
async fn sweep(store: &dyn Store) -> usize {
    let mut forgotten = 0;
    for _ in 0..2 {
        loop {
            let step = store.trim_origins(0, 7).await.unwrap();
            forgotten += step.forgotten;
            if !step.more {
                break;
            }
        }
    }
    forgotten
}

fn known(store: &dyn Store, host: u32) -> Option<OriginId> {
    store.known_origin(at(host, 0).origin()).map(|known| known.id)
}

/// What can be known of a target must be: the number stands for its origin.
fn check(store: &dyn Store, target: &Target) {
    let origin = store.origin(target.origin).map(|known| known.origin);
    assert_eq!(origin.as_ref(), Some(target.endpoint.origin()), "{:?}", target.origin);
}

pub(crate) async fn unused_ones_are_forgotten(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for host in 0..40 {
        store.subscribe(subscribing(app, host, 0)).await.unwrap();
    }
    for host in 0..38 {
        store.unsubscribe(app, &Selector::Endpoint(at(host, 0))).await.unwrap();
    }
    // Of a recipient that is stored nowhere else.
    let target = store.subscribe(subscribing(app, 40, 0)).await.unwrap().subscription.target;
    store.unsubscribe(app, &Selector::Endpoint(at(40, 0))).await.unwrap();
    send(&*store, app, vec![Target { inline: true, id: SubscriptionId([9; 16]), ..target }]).await;

    let nothing = OriginsTrimmed { forgotten: 0, known: 41, more: false };
    assert_eq!(store.trim_origins(42, 9).await.unwrap(), nothing, "there are not so many");
    assert_eq!(store.trim_origins(41, 9).await.unwrap(), OriginsTrimmed { more: true, ..nothing });
    // It goes on; one that comes meanwhile stays.
    store.subscribe(subscribing(app, 41, 0)).await.unwrap();
    store.subscribe(subscribing(app, 37, 0)).await.unwrap();
    assert_eq!(sweep(&*store).await, 37);
    let store = harness.reopen(store);
    assert!((0..37).all(|host| known(&*store, host).is_none()));
    assert!((37..42).all(|host| known(&*store, host).is_some()));
    // Its number is not given again.
    let last = known(&*store, 41).unwrap();
    let again = store.subscribe(subscribing(app, 3, 0)).await.unwrap().subscription.target;
    assert!(again.origin > last);
    check(&*store, &again);
}

#[derive(Clone, Debug)]
enum Operation {
    Subscribe(u32, u32),
    /// The browser at one endpoint has another one now.
    Move((u32, u32), (u32, u32)),
    Unsubscribe(u32, u32),
    /// Evidence removes it: it can be restored.
    Gone(u32, u32),
    SetAside(u32, u32),
    Release(u32),
    Restore,
    /// What was removed is too old to be restored.
    Forget,
    /// To a target that comes with it.
    Send(u32, u32),
    /// The oldest message ends.
    Settle,
    Reopen,
    Steps(u32),
}

fn operation() -> impl Strategy<Value = Operation> {
    let one = || (0..HOSTS, 0..PLACES);
    prop_oneof![
        4 => one().prop_map(|(host, place)| Operation::Subscribe(host, place)),
        3 => (one(), one()).prop_map(|(from, to)| Operation::Move(from, to)),
        3 => one().prop_map(|(host, place)| Operation::Unsubscribe(host, place)),
        3 => one().prop_map(|(host, place)| Operation::Gone(host, place)),
        2 => one().prop_map(|(host, place)| Operation::SetAside(host, place)),
        1 => (0..HOSTS).prop_map(Operation::Release),
        3 => Just(Operation::Restore),
        1 => Just(Operation::Forget),
        2 => one().prop_map(|(host, place)| Operation::Send(host, place)),
        2 => Just(Operation::Settle),
        1 => Just(Operation::Reopen),
        6 => (1..6_u32).prop_map(Operation::Steps),
    ]
}

/// A message that is open, with its page and the one on it.
type Sent = (PageKey, SubscriptionId);

async fn found(store: &dyn Store, app: ApplicationId, host: u32, place: u32) -> Option<Subscription> {
    store.subscription(app, &Selector::Endpoint(at(host, place))).await.unwrap()
}

fn against(found: &Subscription) -> Removal {
    Removal {
        subscription: found.target.id,
        generation: found.target.generation,
        outcome: Outcome::Gone,
        http_status: Some(410),
        message: crate::domain::MessageId([3; 16]),
    }
}

async fn decide(store: &dyn Store, app: ApplicationId, decision: Decision) {
    let mut step = DecisionStep { cursor: Vec::new(), limit: 4, validate_only: false };
    while let Some(next) = store.decide(app, decision, step.clone()).await.unwrap().next {
        step.cursor = next;
    }
}

async fn restore(store: &dyn Store, app: ApplicationId) {
    let all = Decision::Restore { origin: None, since: Timestamp::default(), until: Timestamp::MAX };
    decide(store, app, all).await;
}

async fn forget(harness: &dyn Harness, store: &dyn Store) {
    harness.clock().advance(MINUTE + MINUTE);
    while store.trim(RETENTION).await.unwrap().more {}
}

async fn settle(store: &dyn Store, app: ApplicationId, sent: &mut VecDeque<Sent>) {
    let Some((key, id)) = sent.pop_front() else { return };
    let page = settling(key, &[id], DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(store, app, key.message, vec![page]).await, [key.message]);
}

async fn apply(
    harness: &dyn Harness,
    store: &dyn Store,
    app: ApplicationId,
    sent: &mut VecDeque<Sent>,
    operation: &Operation,
) {
    match *operation {
        Operation::Subscribe(host, place) => {
            store.subscribe(subscribing(app, host, place)).await.unwrap();
        }
        Operation::Move(from, (host, place)) => {
            let replaces = Some(Replaces::Endpoint(at(from.0, from.1)));
            store.subscribe(Subscribe { replaces, ..subscribing(app, host, place) }).await.unwrap();
        }
        Operation::Unsubscribe(host, place) => {
            store.unsubscribe(app, &Selector::Endpoint(at(host, place))).await.unwrap();
        }
        Operation::Gone(host, place) => {
            let Some(found) = found(store, app, host, place).await else { return };
            store.reap(app, vec![against(&found)], 1).await.unwrap();
        }
        Operation::SetAside(host, place) => {
            let Some(found) = found(store, app, host, place).await else { return };
            let share = Some(Share { refused: 12, answered: 20 });
            store.set_aside(app, vec![against(&found)], share).await.unwrap();
        }
        Operation::Release(host) => {
            let Some(origin) = known(store, host) else { return };
            decide(store, app, Decision::Release { origin, outcome: None }).await;
        }
        Operation::Restore => restore(store, app).await,
        Operation::Forget => forget(harness, store).await,
        Operation::Send(host, place) => {
            let Some(found) = found(store, app, host, place).await else { return };
            let id = SubscriptionId([sent.len() as u8; 16]);
            let accepted = send(store, app, vec![Target { inline: true, id, ..found.target }]).await;
            sent.push_back((accepted.pages[0].head.key, id));
        }
        Operation::Settle => settle(store, app, sent).await,
        Operation::Reopen | Operation::Steps(_) => {}
    }
}

/// Whatever is stored has an origin that is known.
async fn check_all(store: &dyn Store, app: ApplicationId, sent: &VecDeque<Sent>) {
    for found in store.list_subscriptions(app, &ListFilter::All, None, 1_000).await.unwrap() {
        check(store, &found.target);
    }
    for (key, _) in sent {
        let page = store.page(app, *key).await.unwrap().unwrap();
        for entry in page.entries {
            check(store, &entry.target.unwrap());
        }
    }
    for hold in store.holds().await.unwrap() {
        assert!(store.origin(hold.origin).is_some());
    }
}

pub(crate) async fn rows_may_move_while_they_are_read(harness: &dyn Harness) {
    let mut store = harness.open();
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut forgotten = 0;
    for case in 0..24 {
        let app = store.application(&format!("case-{case}")).await.unwrap().id;
        let operations = prop::collection::vec(operation(), 40..100).new_tree(&mut runner).unwrap().current();
        let mut sent = VecDeque::new();
        for operation in &operations {
            if matches!(operation, Operation::Reopen) {
                store = harness.reopen(store);
            }
            let steps = if let Operation::Steps(steps) = operation { *steps } else { 1 };
            for _ in 0..steps {
                // The two meet in the queue of the writer, if they are calls for it.
                let (step, ()) = tokio::join!(
                    store.trim_origins(1, 2),
                    apply(harness, &*store, app, &mut sent, operation)
                );
                forgotten += step.unwrap().forgotten;
            }
            check_all(&*store, app, &sent).await;
        }
        restore(&*store, app).await;
        check_all(&*store, app, &sent).await;

        // What is used by nobody is known to nobody.
        while !sent.is_empty() {
            settle(&*store, app, &mut sent).await;
        }
        for host in 0..HOSTS {
            if let Some(origin) = known(&*store, host) {
                decide(&*store, app, Decision::Release { origin, outcome: None }).await;
            }
            for place in 0..PLACES {
                store.unsubscribe(app, &Selector::Endpoint(at(host, place))).await.unwrap();
            }
        }
        forget(harness, &*store).await;
        sweep(&*store).await;
        assert!((0..HOSTS).all(|host| known(&*store, host).is_none()), "case {case}");
    }
    assert!(forgotten >= 20, "{forgotten} were forgotten while others moved");
}
