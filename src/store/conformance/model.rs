//! Random operations on subscriptions against a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Harness, application, blank, broadcast, browser, endpoint, ids_of, read_audience};
use crate::domain::{ApplicationId, Audience, Outcome, Subscription, SubscriptionId};
use crate::store::{
    ChangeKind, ListFilter, Removal, Replaces, Selector, Store, Subscribe, SubscriptionPatch,
};

const TOPICS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
const USERS: [&str; 3] = ["", "ada", "bob"];

#[derive(Clone, Debug)]
enum Operation {
    Subscribe { endpoint: u32, user: usize, topics: BTreeSet<usize>, replaces: Option<u32> },
    Unsubscribe(u32),
    UnsubscribeUser(usize),
    Patch { endpoint: u32, user: Option<usize>, add: BTreeSet<usize>, remove: BTreeSet<usize> },
    Reap { endpoint: u32, gone: bool },
}

fn operation() -> impl Strategy<Value = Operation> {
    let topics = || prop::collection::btree_set(0..TOPICS.len(), 0..TOPICS.len());
    let endpoints = 0..12_u32;
    prop_oneof![
        5 => (endpoints.clone(), 0..3_usize, topics(), prop::option::weighted(0.3, endpoints.clone())).prop_map(
            |(endpoint, user, topics, replaces)| Operation::Subscribe { endpoint, user, topics, replaces }
        ),
        1 => endpoints.clone().prop_map(Operation::Unsubscribe),
        1 => (1..3_usize).prop_map(Operation::UnsubscribeUser),
        3 => (endpoints.clone(), prop::option::of(0..3_usize), topics(), topics())
            .prop_map(|(endpoint, user, add, remove)| Operation::Patch { endpoint, user, add, remove }),
        1 => (endpoints, any::<bool>()).prop_map(|(endpoint, gone)| Operation::Reap { endpoint, gone }),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    id: SubscriptionId,
    user: usize,
    topics: BTreeSet<usize>,
    generation: u32,
}

/// Subscriptions by their endpoint.
type Model = BTreeMap<u32, Entry>;

fn topic_names(topics: &BTreeSet<usize>) -> Vec<String> {
    topics.iter().map(|topic| TOPICS[*topic].to_owned()).collect()
}

/// What Subscribe says of the caller's own fields.
fn apply_fields(entry: &mut Entry, user: usize, topics: &BTreeSet<usize>) {
    if user != 0 {
        if entry.user != 0 && entry.user != user {
            entry.topics.clear();
        }
        entry.user = user;
    }
    if !topics.is_empty() {
        entry.topics.clone_from(topics);
    }
}

async fn apply(store: &dyn Store, app: ApplicationId, model: &mut Model, operation: Operation) {
    match operation {
        Operation::Subscribe { endpoint: number, user, topics, replaces } => {
            let request = Subscribe {
                user_id: USERS[user].to_owned(),
                topics: topic_names(&topics),
                replaces: replaces.map(|old| Replaces::Endpoint(endpoint(old))),
                ..browser(app, number)
            };
            let done = store.subscribe(request).await.unwrap();
            let replaced = replaces.filter(|old| *old != number).and_then(|old| model.remove(&old));
            match (model.remove(&number), replaced) {
                (Some(mut entry), replaced) => {
                    apply_fields(&mut entry, user, &topics);
                    assert_eq!(done.removed, replaced.as_ref().map(|replaced| replaced.id));
                    if let Some(replaced) = replaced
                        && (entry.user == 0 || replaced.user == 0 || entry.user == replaced.user)
                    {
                        entry.user = entry.user.max(replaced.user);
                        if entry.topics.is_empty() {
                            entry.topics = replaced.topics;
                        }
                    }
                    model.insert(number, entry);
                }
                (None, Some(mut entry)) => {
                    apply_fields(&mut entry, user, &topics);
                    entry.generation += 1;
                    model.insert(number, entry);
                }
                (None, None) => {
                    let id = done.subscription.target.id;
                    model.insert(number, Entry { id, user, topics, generation: 1 });
                    assert!(done.created);
                }
            }
        }
        Operation::Unsubscribe(number) => {
            let removed = store.unsubscribe(app, &Selector::Endpoint(endpoint(number))).await.unwrap();
            assert!(removed.into_iter().eq(model.remove(&number).map(|entry| entry.id)));
        }
        Operation::UnsubscribeUser(user) => {
            store.unsubscribe(app, &Selector::User(USERS[user].to_owned())).await.unwrap();
            model.retain(|_, entry| entry.user != user);
        }
        Operation::Patch { endpoint: number, user, add, remove } => {
            let patch = SubscriptionPatch {
                user_id: user.map(|user| USERS[user].to_owned()),
                add_topics: topic_names(&add),
                remove_topics: topic_names(&remove),
                ..SubscriptionPatch::default()
            };
            let patched = store.update_subscription(app, &Selector::Endpoint(endpoint(number)), patch).await;
            assert_eq!(patched.is_ok(), model.contains_key(&number));
            if let Some(entry) = model.get_mut(&number) {
                entry.user = user.unwrap_or(entry.user);
                entry.topics =
                    entry.topics.union(&add).copied().filter(|topic| !remove.contains(topic)).collect();
            }
        }
        Operation::Reap { endpoint: number, gone } => {
            let Some(entry) = model.get(&number) else { return };
            let outcome = if gone { Outcome::Gone } else { Outcome::KeyMismatch };
            let stale = Removal {
                subscription: entry.id,
                generation: entry.generation + 1,
                outcome,
                http_status: None,
                message: crate::domain::MessageId([0; 16]),
            };
            assert_eq!(store.reap(app, vec![stale], 1).await.unwrap(), []);
            if gone {
                let removal = Removal { generation: entry.generation, ..stale };
                assert_eq!(store.reap(app, vec![removal], 1).await.unwrap(), [entry.id]);
                model.remove(&number);
            }
        }
    }
}

/// What remains when all changes are applied in their order.
async fn replayed(store: &dyn Store, app: ApplicationId) -> BTreeMap<SubscriptionId, Subscription> {
    let mut subscriptions = BTreeMap::new();
    let (mut from, last) = (1, *store.changes_synced(app).borrow());
    while from <= last {
        for change in store.changes(app, from, 7).await.unwrap() {
            assert_eq!(change.seq, from);
            from += 1;
            let id = change.subscription.target.id;
            match change.kind {
                ChangeKind::Added => assert!(subscriptions.insert(id, change.subscription).is_none()),
                ChangeKind::Updated | ChangeKind::Disabled | ChangeKind::SetAside => {
                    let before = subscriptions.insert(id, change.subscription.clone());
                    assert_ne!(before, Some(change.subscription), "nothing changed");
                }
                ChangeKind::Replaced
                | ChangeKind::RemovedByCaller
                | ChangeKind::RemovedGone
                | ChangeKind::RemovedExpired => assert!(subscriptions.remove(&id).is_some()),
            }
            assert!(change.replacement.is_none_or(|id| subscriptions.contains_key(&id)));
        }
    }
    subscriptions
}

/// Everything that can be read agrees with the model.
async fn compare(store: &dyn Store, app: ApplicationId, model: &Model) {
    let sorted = |mut ids: Vec<SubscriptionId>| {
        ids.sort();
        ids
    };
    let expected = |wanted: &dyn Fn(&Entry) -> bool| {
        sorted(model.values().filter(|entry| wanted(entry)).map(|entry| entry.id).collect())
    };
    let list = async |filter: ListFilter| -> Vec<SubscriptionId> {
        let found = store.list_subscriptions(app, &filter, None, 1_000).await.unwrap();
        found.iter().map(|subscription| subscription.target.id).collect()
    };
    assert_eq!(list(ListFilter::All).await, expected(&|_| true));
    let all = store.list_subscriptions(app, &ListFilter::All, None, 1_000).await.unwrap();
    let all: Vec<_> = all.iter().map(blank).collect();
    assert_eq!(replayed(store, app).await.into_values().collect::<Vec<_>>(), all);
    assert_eq!(store.estimate(app, &Audience::All).await.unwrap() as usize, model.len());
    for (user, name) in USERS.iter().enumerate().skip(1) {
        assert_eq!(list(ListFilter::User((*name).to_owned())).await, expected(&|entry| entry.user == user));
    }
    for (topic, name) in TOPICS.iter().enumerate() {
        let members = expected(&|entry| entry.topics.contains(&topic));
        assert_eq!(list(ListFilter::Topic((*name).to_owned())).await, members, "{name}");
        let audience = Audience::Topics(vec![(*name).to_owned()]);
        assert_eq!(store.estimate(app, &audience).await.unwrap() as usize, members.len(), "{name}");
    }
    for (number, entry) in model {
        let found = store.subscription(app, &Selector::Endpoint(endpoint(*number))).await.unwrap();
        let found = found.unwrap();
        assert_eq!((found.target.id, found.target.generation), (entry.id, entry.generation));
        assert_eq!(found.target.user_id, USERS[entry.user]);
        assert!(found.topics.keys().eq(&topic_names(&entry.topics)));
    }
    // The copies in topic rows are those of the records.
    let message = broadcast(store, app, Audience::Topics(TOPICS.map(str::to_owned).to_vec())).await;
    let audience = read_audience(store, app, message, 5).await.targets;
    assert_eq!(ids_of(&audience), expected(&|entry| !entry.topics.is_empty()));
    let now = store.targets(app, &ids_of(&audience)).await.unwrap();
    assert_eq!(audience.into_iter().map(Some).collect::<Vec<_>>(), now);
}

pub(crate) async fn subscriptions_behave_like_the_model(harness: &dyn Harness) {
    let mut store = harness.open();
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    for case in 0..24 {
        let app = store.application(&format!("case-{case}")).await.unwrap().id;
        let operations = prop::collection::vec(operation(), 1..40).new_tree(&mut runner).unwrap().current();
        let mut model = Model::new();
        for operation in &operations {
            apply(&*store, app, &mut model, operation.clone()).await;
        }
        if case % 4 == 0 {
            store = harness.reopen(store);
        }
        compare(&*store, app, &model).await;
    }
    // Not used here: the suite's own application stays empty.
    let app = application(&*store).await;
    assert_eq!(store.estimate(app, &Audience::All).await.unwrap(), 0);
}
