//! Whom deliveries are for, once their subscriptions have changed.

use std::time::Duration;

use super::{
    Harness, application, broadcast, browser, message, names, read_audience, send, step, subscribe,
    subscribe_user,
};
use crate::domain::{ApplicationId, Audience, Clock as _, MessageId, SubscriptionId};
use crate::store::{
    Addressee, Departure, GroupId, Missing, NewMessage, NewPage, Owner, PageEntry, PageKey, PlanStep,
    Recipients, Replaces, Selector, Store, Subscribe, SubscriptionPatch,
};

/// Who is on the first page of a message, and why not.
async fn on_page(
    store: &dyn Store,
    app: ApplicationId,
    message: MessageId,
) -> Vec<(Option<String>, Option<Departure>)> {
    let page = store.page(app, PageKey { message, number: 0 }).await.unwrap().unwrap();
    let entry =
        |entry: crate::store::StoredEntry| (entry.target.map(|target| target.user_id), entry.departed);
    page.entries.into_iter().map(entry).collect()
}

fn present(user: &str) -> (Option<String>, Option<Departure>) {
    (Some(user.to_owned()), None)
}

const HANDED_ON: (Option<String>, Option<Departure>) = (None, Some(Departure::OtherUser));
const LEFT: (Option<String>, Option<Departure>) = (None, Some(Departure::LeftTopics));

pub(crate) async fn deliveries_are_for_their_user(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let alices = subscribe_user(&*store, app, 3, "alice").await.target;
    let nobodys = subscribe(&*store, app, 6, &[]).await.subscription.target;
    let old = subscribe_user(&*store, app, 9, "alice").await.target;
    let ids = [alices.id, nobodys.id, old.id];
    let message = send(&*store, app, vec![alices, nobodys, old.clone()]).await.record.status.id;
    assert_eq!(on_page(&*store, app, message).await, [present("alice"), present(""), present("alice")]);
    subscribe_user(&*store, app, 3, "bob").await;
    subscribe_user(&*store, app, 6, "bob").await;
    let replacing =
        Subscribe { replaces: Some(Replaces::Id(old.id)), user_id: "bob".to_owned(), ..browser(app, 12) };
    store.subscribe(replacing).await.unwrap();
    let store = harness.reopen(store);
    assert_eq!(on_page(&*store, app, message).await, [HANDED_ON, present("bob"), HANDED_ON]);
    // Who asks for one of them compares by himself.
    let found = store.addressee(app, message, ids[0]).await.unwrap();
    assert_eq!((found.target.as_ref().unwrap().user_id.as_str(), found.departed), ("bob", None));
    assert_eq!(found.if_of(Owner::of("alice")).departed, Some(Departure::OtherUser));
    // It goes back to whom it was.
    let to =
        |user: &str| SubscriptionPatch { user_id: Some(user.to_owned()), ..SubscriptionPatch::default() };
    store.update_subscription(app, &Selector::Id(ids[0]), to("alice")).await.unwrap();
    store.update_subscription(app, &Selector::Id(ids[2]), to("")).await.unwrap();
    assert_eq!(on_page(&*store, app, message).await, [present("alice"), present("bob"), HANDED_ON]);
    store.unsubscribe(app, &Selector::Id(ids[0])).await.unwrap();
    assert_eq!(on_page(&*store, app, message).await[0], (None, None));
    assert_eq!(store.addressee(app, message, ids[0]).await.unwrap(), Addressee::default());
}

pub(crate) async fn members_who_have_left_are_told(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(subscribe(&*store, app, number, &["a"]).await.subscription.target.id);
    }
    ids.sort();
    let join_b = SubscriptionPatch { add_topics: names(&["b"]), ..SubscriptionPatch::default() };
    store.update_subscription(app, &Selector::Id(ids[3]), join_b).await.unwrap();
    let message = broadcast(&*store, app, Audience::Topics(names(&["a", "b"]))).await;
    let entries = ids.iter().map(|id| PageEntry::Stored(*id, Owner::NOBODY)).collect();
    let pages = vec![NewPage { number: 0, group: GroupId(0), entries, due: harness.clock().now() }];
    store.plan(PlanStep { pages, done: true, ..step(app, message) }).await.unwrap();
    harness.clock().advance(Duration::from_secs(1));
    let leave = SubscriptionPatch { remove_topics: names(&["a"]), ..SubscriptionPatch::default() };
    let join = SubscriptionPatch { add_topics: names(&["a"]), ..SubscriptionPatch::default() };
    let patch = async |id: SubscriptionId, patch: &SubscriptionPatch| {
        store.update_subscription(app, &Selector::Id(id), patch.clone()).await.unwrap();
    };
    for id in [ids[0], ids[3], ids[5]] {
        patch(id, &leave).await;
    }
    patch(ids[5], &join).await;
    let mut expected = vec![present(""); 8];
    (expected[0], expected[5]) = (LEFT, LEFT);
    assert_eq!(on_page(&*store, app, message).await, expected, "of two topics one is enough");
    for (id, place) in ids.iter().zip(0..) {
        let found = store.addressee(app, message, *id).await.unwrap();
        let departed = [0, 5].contains(&place).then_some(Departure::LeftTopics);
        assert_eq!((found.target.map(|target| target.id), found.departed), (Some(*id), departed));
    }
    // Other audiences have no topics to leave.
    let all = broadcast(&*store, app, Audience::All).await;
    assert_eq!(store.addressee(app, all, ids[0]).await.unwrap().departed, None);
}

pub(crate) async fn who_is_named_is_who_it_was_then(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut ids = Vec::new();
    for (number, user) in [(1, "alice"), (2, "alice"), (3, "")] {
        ids.push(subscribe_user(&*store, app, number, user).await.target.id);
    }
    let start = harness.clock().now().plus(Duration::from_secs(60));
    let mut named = ids.clone();
    named.sort();
    let recipients = Recipients::Audience(Audience::Subscriptions(named));
    let scheduled = NewMessage { start: Some(start), ..message(app, recipients) };
    let scheduled = store.accept(scheduled).await.unwrap().record.status.id;
    let to_bob = SubscriptionPatch { user_id: Some("bob".to_owned()), ..SubscriptionPatch::default() };
    for id in [ids[0], ids[2]] {
        store.update_subscription(app, &Selector::Id(id), to_bob.clone()).await.unwrap();
    }
    harness.clock().advance(Duration::from_secs(60));
    store.begin(app, scheduled).await.unwrap();
    let store = harness.reopen(store);
    let read = read_audience(&*store, app, scheduled, 10).await;
    let departed = Missing::Departed(ids[0], Departure::OtherUser);
    assert_eq!(read.missing, [departed]);
    let mut read: Vec<_> = read.targets.iter().map(|target| target.id).collect();
    read.sort();
    ids.remove(0);
    ids.sort();
    assert_eq!(read, ids);
}
