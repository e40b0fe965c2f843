//! Accepting and listing messages.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    Harness, START, application, broadcast, browser, commit, ids_of, listed, message, names, send, settling,
    spec, subscribe, subscribe_user,
};
use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{
    ApplicationId, Audience, Clock as _, DeliveryState, Endpoint, MessageId, MessageKind, MessageState,
    OriginId, Outcome, SubscriptionId, Target,
};
use crate::store::{
    Accepted, EntryState, FeedEntry, GroupId, MessageFilter, NewMessage, Plan, Recipient, Recipients,
    Selector, StoreError,
};

pub(crate) async fn are_accepted_with_their_pages(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    // Two origins, and one given inline.
    let mut targets = Vec::new();
    for number in [0, 1, 3] {
        targets.push(subscribe_user(&*store, app, number, "ada").await.target);
    }
    let inline = Target { id: SubscriptionId([0xee; 16]), inline: true, ..targets[0].clone() };
    targets.push(inline.clone());
    let accepted = send(&*store, app, targets.clone()).await;
    assert!(!accepted.replayed);
    let status = &accepted.record.status;
    assert_eq!((status.kind, status.state), (MessageKind::Send, MessageState::Sending));
    assert_eq!((status.counts.targets, status.counts.pending), (4, 4));
    assert!(!status.counts.targets_estimated);
    assert_eq!((status.created, status.expires), (START, START.plus(spec().ttl)));
    assert_eq!((status.labels.len(), status.note.as_str()), (1, "a note"));

    assert_eq!(accepted.pages.len(), 2);
    let mut delivered = Vec::new();
    for page in &accepted.pages {
        assert_eq!((page.head.kind, page.head.due, page.head.application), (MessageKind::Send, START, app));
        for entry in &page.entries {
            let target = entry.target.as_ref().unwrap();
            assert_eq!((entry.id, &entry.state), (target.id, &EntryState::Waiting));
            assert_eq!(GroupId::of(target.origin), page.head.group);
            delivered.push(target.clone());
        }
    }
    assert!(targets.iter().all(|target| delivered.contains(target)) && delivered.len() == 4);

    let store = harness.reopen(store);
    let id = accepted.record.status.id;
    assert_eq!(store.message(app, id).await.unwrap(), Some(accepted.record));
    for page in &accepted.pages {
        assert_eq!(store.page(app, page.head.key).await.unwrap().as_ref(), Some(page));
        let ids: Vec<_> = page.entries.iter().map(|entry| entry.id).collect();
        assert_eq!(store.page_ids(app, page.head.key).await.unwrap(), ids);
    }
    let heads: Vec<_> = accepted.pages.iter().map(|page| page.head).collect();
    assert_eq!(store.page_heads().await.unwrap(), heads);
}

fn named(app: ApplicationId, recipient: Recipient, targets_max: u32, room: u32) -> NewMessage {
    message(app, Recipients::Named { recipient, targets_max, room })
}

pub(crate) async fn recipients_are_looked_up_with_the_message(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let user = || Recipient::User("ada".to_owned());
    let nobody = store.accept(named(app, user(), 9, 9)).await;
    assert!(matches!(nobody, Err(StoreError::NotFound)));
    let mut targets = Vec::new();
    for number in [0, 1, 3] {
        targets.push(subscribe_user(&*store, app, number, "ada").await.target);
    }
    subscribe_user(&*store, app, 4, "bob").await;
    let sent = |accepted: &Accepted| -> Vec<Target> {
        let entries = accepted.pages.iter().flat_map(|page| &page.entries);
        entries.filter_map(|entry| entry.target.clone()).collect()
    };
    let accepted = store.accept(named(app, user(), 3, 3)).await.unwrap();
    assert_eq!(accepted.record.status.counts.targets, 3);
    assert!(!accepted.record.status.counts.targets_estimated);
    let to = sent(&accepted);
    assert!(to.len() == 3 && targets.iter().all(|target| to.contains(target)));
    // More than a message may have: one more says so. More than may wait: exactly.
    let refused = store.accept(named(app, user(), 1, 9)).await;
    assert!(matches!(refused, Err(StoreError::TooManyTargets(2))));
    let refused = store.accept(named(app, user(), 9, 2)).await;
    assert!(matches!(refused, Err(StoreError::TooManyTargets(3))));

    let one = Recipient::Subscription(targets[1].id);
    assert_eq!(sent(&store.accept(named(app, one, 1, 1)).await.unwrap()), [targets[1].clone()]);
    let stranger = Recipient::Subscription(SubscriptionId([7; 16]));
    assert!(matches!(store.accept(named(app, stranger, 1, 1)).await, Err(StoreError::NotFound)));

    // One that is given with the message has an origin of its own, which nothing stored has.
    let given = Target {
        id: SubscriptionId([0xee; 16]),
        inline: true,
        endpoint: Endpoint::parse("https://elsewhere.example/push/1", false).unwrap(),
        origin: OriginId(0),
        ..targets[0].clone()
    };
    let inline = Recipient::Inline(Box::new(given.clone()));
    let accepted = store.accept(named(app, inline, 1, 1)).await.unwrap();
    let origin = store.intern_origin(given.endpoint.origin()).await.unwrap().id;
    assert_eq!(sent(&accepted), [Target { origin, ..given }]);
    let store = harness.reopen(store);
    let page = accepted.pages[0].head.key;
    assert_eq!(store.page(app, page).await.unwrap().as_ref(), Some(&accepted.pages[0]));
}

pub(crate) async fn who_sends_again_joins_though_the_recipient_has_gone(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let target = subscribe_user(&*store, app, 0, "ada").await.target;
    let request =
        || NewMessage { request_id: "r1".to_owned(), ..named(app, Recipient::Subscription(target.id), 1, 1) };
    let first = store.accept(request()).await.unwrap();
    store.unsubscribe(app, &Selector::Id(target.id)).await.unwrap();
    let again = store.accept(request()).await.unwrap();
    assert!(again.replayed && again.record == first.record);
}

pub(crate) async fn big_sends_take_several_pages(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let target = subscribe(&*store, app, 1, &[]).await.subscription.target;
    let targets: Vec<_> = (0..1_100_u32)
        .map(|number| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            Target { id: SubscriptionId(id), inline: number % 2 == 0, ..target.clone() }
        })
        .collect();
    let accepted = send(&*store, app, targets.clone()).await;
    let pages = &accepted.pages;
    assert!(pages.len() >= 3 && pages.iter().all(|page| page.entries.len() <= PAGE_DELIVERIES_MAX));
    let entries: Vec<_> = pages.iter().flat_map(|page| &page.entries).map(|entry| entry.id).collect();
    assert_eq!(entries, ids_of(&targets));
    assert_eq!(accepted.record.status.counts.targets, 1_100);
    assert_eq!(
        store.page(app, pages[2].head.key).await.unwrap().unwrap().entries.len(),
        pages[2].entries.len()
    );
}

pub(crate) async fn nobody_is_an_end(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let record = send(&*store, app, Vec::new()).await.record;
    assert_eq!((record.status.state, record.status.ended), (MessageState::Done, Some(START)));
    assert_eq!(record.accepted_seq, record.last_seq);
    let feed = store.feed(app, 0, 10).await.unwrap();
    let id = record.status.id;
    assert_eq!(feed.len(), 1);
    assert_eq!(feed[0].entries, [FeedEntry::Accepted(id), FeedEntry::Ended(id)]);
    assert!(store.open_messages().await.unwrap().is_empty());
}

fn with_request_id(app: ApplicationId, id: &str, hash: u8) -> NewMessage {
    NewMessage {
        request_id: id.to_owned(),
        request_hash: [hash; 32],
        ..message(app, Recipients::Audience(Audience::All))
    }
}

pub(crate) async fn request_ids_are_used_once(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    assert_eq!(store.request(app, "r1").await.unwrap(), None);
    let first = store.accept(with_request_id(app, "r1", 1)).await.unwrap();
    let id = first.record.status.id;
    assert_eq!(first.record.status.request_id, "r1");
    let store = harness.reopen(store);
    assert_eq!(store.request(app, "r1").await.unwrap(), Some((id, [1; 32])));
    let again = store.accept(with_request_id(app, "r1", 1)).await.unwrap();
    assert!(again.replayed && again.pages.is_empty() && again.record == first.record);
    let other = store.accept(with_request_id(app, "r1", 2)).await;
    assert!(matches!(other, Err(StoreError::RequestIdReused(used)) if used == id));
    // Another application's are its own, and so are those of messages without one.
    let elsewhere = store.application("other").await.unwrap().id;
    assert!(!store.accept(with_request_id(elsewhere, "r1", 2)).await.unwrap().replayed);
    assert_ne!(broadcast(&*store, app, Audience::All).await, broadcast(&*store, app, Audience::All).await);
    // Also when the message has ended.
    let step = crate::store::PlanStep { done: true, ..super::step(app, id) };
    assert!(store.plan(step).await.unwrap());
    let ended = store.accept(with_request_id(app, "r1", 1)).await.unwrap();
    assert!(ended.replayed && ended.record.status.state == MessageState::Done);
}

pub(crate) async fn racing_request_ids_have_one_winner(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let racing = join_all((0..32).map(|_| store.accept(with_request_id(app, "race", 1)))).await;
    let racing: Vec<_> = racing.into_iter().map(Result::unwrap).collect();
    assert_eq!(racing.iter().filter(|accepted| !accepted.replayed).count(), 1);
    assert!(racing.iter().all(|accepted| accepted.record == racing[0].record));
    assert_eq!(listed(&*store, app, &[], None, 99).await.len(), 1);
    let other = join_all((0..8).map(|hash| store.accept(with_request_id(app, "bodies", hash)))).await;
    assert_eq!(other.iter().filter(|accepted| accepted.is_ok()).count(), 1);
}

pub(crate) async fn are_listed_newest_first(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let id = broadcast(&*store, app, Audience::All).await;
        if number % 2 == 0 {
            store.plan(crate::store::PlanStep { done: true, ..super::step(app, id) }).await.unwrap();
        }
        ids.insert(0, id);
        harness.clock().advance(Duration::from_millis(number));
    }
    let list = async |states: &[MessageState], before, limit| -> Vec<MessageId> {
        listed(&*store, app, states, before, limit).await.iter().map(|status| status.id).collect()
    };
    assert_eq!(list(&[], None, 100).await, ids);
    assert_eq!(list(&[], None, 3).await, ids[..3]);
    assert_eq!(list(&[], Some(ids[4]), 3).await, ids[5..8]);
    assert_eq!(list(&[], Some(ids[19]), 3).await, []);
    let open: Vec<_> = ids.iter().copied().step_by(2).collect();
    let done: Vec<_> = ids.iter().copied().skip(1).step_by(2).collect();
    assert_eq!(list(&[MessageState::Sending], None, 100).await, open);
    assert_eq!(list(&[MessageState::Done], None, 5).await, done[..5]);
    assert_eq!(list(&[MessageState::Cancelled], None, 5).await, []);
    assert_eq!(list(&[MessageState::Done, MessageState::Sending], None, 5).await, ids[..5]);
    // Whoever goes on where a list stopped misses none and sees none twice.
    for limit in 1..6 {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let some = store.list_messages(app, &MessageFilter::default(), before, limit).await.unwrap();
            assert!(some.messages.len() <= limit);
            all.extend(some.messages.iter().map(|status| status.id));
            before = some.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(all, ids, "{limit} at once");
    }
}

pub(crate) async fn are_estimated_from_counters(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for number in 0..10 {
        let topics: &[&str] = if number < 6 { &["a", "b"] } else { &["b"] };
        subscribe(&*store, app, number, topics).await;
    }
    let store = harness.reopen(store);
    let id = SubscriptionId([1; 16]);
    for (audience, estimate) in [
        (Audience::All, 10),
        (Audience::Topics(names(&["a"])), 6),
        (Audience::Topics(names(&["a", "b", "a", "unknown"])), 10),
        (Audience::Topics(names(&["unknown"])), 0),
        (Audience::Subscriptions(vec![id, SubscriptionId([2; 16]), id]), 2),
        (Audience::Users(names(&["ada", "bob"])), 2),
    ] {
        assert_eq!(store.estimate(app, &audience).await.unwrap(), estimate, "{audience:?}");
    }
}

pub(crate) async fn survive_open(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let target = subscribe(&*store, app, 1, &[]).await.subscription.target;
    let sent = send(&*store, app, vec![target]).await.record.status;
    let id = broadcast(&*store, app, Audience::All).await;
    let store = harness.reopen(store);
    let open = store.open_messages().await.unwrap();
    assert_eq!(open.len(), 2);
    assert_eq!((&open[0].status, &open[0].plan, open[0].application), (&sent, &None, app));
    assert_eq!((open[1].status.id, &open[1].plan), (id, &Some(Plan::default())));
    assert!(open.iter().all(|message| *message.spec == spec()));
    let counts = open[1].status.counts;
    assert_eq!((counts.targets, counts.targets_estimated, counts.pending), (7, true, 7));
    // A message that has ended is none of them.
    let key = store.page_heads().await.unwrap()[0].key;
    let ids = store.page_ids(app, key).await.unwrap();
    let settled = settling(key, &ids, DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(&*store, app, sent.id, vec![settled]).await, [sent.id]);
    assert_eq!(store.open_messages().await.unwrap().len(), 1);
}

pub(crate) async fn identifiers_rise(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(broadcast(&*store, app, Audience::All).await);
    }
    let now = harness.clock().now();
    harness.clock().set(now.minus(Duration::from_secs(60)));
    for _ in 0..5 {
        ids.push(broadcast(&*store, app, Audience::All).await);
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let subscribed = join_all((0..20).map(|number| store.subscribe(browser(app, number)))).await;
    let mut names: Vec<_> =
        subscribed.iter().map(|subscribed| subscribed.as_ref().unwrap().subscription.target.id).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 20);
}
