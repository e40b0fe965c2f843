//! Writing pages and moving the cursor.

use super::{
    Harness, START, application, broadcast, browser, commit, event, events, ids_of, names, page, planned,
    read_audience, settling, step, stranger, subscribe,
};
use crate::domain::{Audience, DeliveryState, MessageKind, MessageState, Outcome, SubscriptionId, Target};
use crate::store::{
    Departure, EntryState, FeedEntry, GroupId, NewPage, Owner, PageCommit, PageEntry, PageKey, PageUpdate,
    Plan, PlanStep, Removal, Selector, StoreError, SubscriptionPatch,
};

pub(crate) async fn pages_come_before_the_cursor(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let target = subscribe(&*store, app, 1, &[]).await.subscription.target;
    let message = broadcast(&*store, app, Audience::All).await;
    // More pages than go into one transaction.
    let mut pages: Vec<NewPage> = (0..70).map(|number| page(number, 10)).collect();
    pages[69].entries[3] = PageEntry::Stored(target.id, Owner::NOBODY);
    let first = PlanStep { pages, cursor: Some(b"c1".to_vec()), ..step(app, message) };
    assert!(!store.plan(first).await.unwrap());
    let status = store.message(app, message).await.unwrap().unwrap().status;
    let counts = status.counts;
    assert_eq!((counts.targets, counts.targets_estimated, counts.pending), (700, true, 700));
    let store = harness.reopen(store);
    let open = store.open_messages().await.unwrap();
    let expected = Plan { cursor: b"c1".to_vec(), first_page: 70, next_page: 70 };
    assert_eq!(open[0].plan, Some(expected));
    let heads = store.page_heads().await.unwrap();
    let keys: Vec<_> =
        heads.iter().map(|head| head.key).filter(|key| key.message == heads[0].key.message).collect();
    let of_message = |from, limit| store.message_pages(app, keys[0].message, from, limit);
    assert_eq!(of_message(0, 100).await.unwrap(), keys);
    assert_eq!(
        of_message(keys[0].number + 1, 1).await.unwrap(),
        keys[1..].iter().take(1).copied().collect::<Vec<_>>()
    );
    let numbers: Vec<_> = heads.iter().map(|head| head.key.number).collect();
    assert_eq!(numbers, (0..70).collect::<Vec<_>>());
    let head = heads[69];
    assert_eq!(
        (head.application, head.group, head.kind, head.due),
        (app, GroupId(3), MessageKind::Broadcast, START)
    );
    let stored = store.page(app, head.key).await.unwrap().unwrap();
    for (entry, place) in stored.entries.iter().zip(0..) {
        let expected = if place == 3 { target.id } else { stranger(69, place) };
        assert_eq!(entry.id, expected);
        assert_eq!(entry.target.as_ref(), (place == 3).then_some(&target));
    }
    let last = PlanStep { pages: vec![page(70, 1)], done: true, ..step(app, message) };
    assert!(!store.plan(last).await.unwrap());
    let status = store.message(app, message).await.unwrap().unwrap().status;
    assert_eq!((status.counts.targets, status.counts.targets_estimated), (701, false));
    assert_eq!(store.open_messages().await.unwrap()[0].plan, None);
}

pub(crate) async fn an_interrupted_step_is_told(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = broadcast(&*store, app, Audience::All).await;
    let moved = PlanStep { pages: vec![page(0, 2)], cursor: Some(b"c1".to_vec()), ..step(app, message) };
    store.plan(moved).await.unwrap();
    // As after a crash between the pages and the cursor.
    store.plan(PlanStep { pages: vec![page(1, 2), page(2, 2)], ..step(app, message) }).await.unwrap();
    let store = harness.reopen(store);
    let plan = store.open_messages().await.unwrap()[0].plan.clone().unwrap();
    assert_eq!(plan, Plan { cursor: b"c1".to_vec(), first_page: 1, next_page: 3 });
    let again = store.page_ids(app, PageKey { message, number: plan.first_page }).await.unwrap();
    assert_eq!(again, [stranger(1, 0), stranger(1, 1)]);
}

pub(crate) async fn missing_ones_count(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = broadcast(&*store, app, Audience::All).await;
    let mut missing: Vec<_> = (0..3)
        .map(|place| event(message, stranger(9, place), DeliveryState::Failed, Outcome::NotFound))
        .collect();
    missing[2].subscription = None;
    missing[2].user_id = "nobody".to_owned();
    let step = PlanStep { ended: missing.clone(), done: true, ..step(app, message) };
    assert!(store.plan(step).await.unwrap());
    let record = store.message(app, message).await.unwrap().unwrap();
    let counts = record.status.counts;
    assert_eq!((counts.targets, counts.failed, counts.pending), (3, 3, 0));
    assert_eq!(record.status.outcomes, [(Outcome::NotFound, 3)].into());
    assert_eq!(record.status.state, MessageState::Done);
    assert_eq!(events(&*store, app, message).await, missing);
    let feed = store.feed(app, record.last_seq, 5).await.unwrap();
    assert_eq!(feed[0].entries, [FeedEntry::Events(message), FeedEntry::Ended(message)]);
}

pub(crate) async fn an_empty_plan_ends(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = broadcast(&*store, app, Audience::All).await;
    assert!(store.plan(PlanStep { done: true, ..step(app, message) }).await.unwrap());
    let record = store.message(app, message).await.unwrap().unwrap();
    assert_eq!((record.status.state, record.status.counts.targets), (MessageState::Done, 0));
    assert_eq!(record.last_seq, record.accepted_seq + 1);
    let store = harness.reopen(store);
    assert_eq!(store.message(app, message).await.unwrap(), Some(record));
}

pub(crate) async fn wrong_pages_are_refused(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, vec![page(0, 2)]).await;
    let late = store.plan(PlanStep { pages: vec![page(1, 2)], ..step(app, message) }).await;
    assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
    let other = broadcast(&*store, app, Audience::All).await;
    let again = PlanStep { pages: vec![page(0, 2)], ..step(app, other) };
    store.plan(again.clone()).await.unwrap();
    assert!(store.plan(again).await.is_err());
    store.plan(PlanStep { done: true, ..step(app, other) }).await.unwrap();
    let counts = store.message(app, other).await.unwrap().unwrap().status.counts;
    assert_eq!((counts.targets, counts.pending), (2, 2), "counted once");
    let unknown = store.plan(step(app, crate::domain::MessageId([3; 16]))).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
}

pub(crate) async fn pages_count_how_often_they_are_taken_up(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    // More than go into one transaction.
    let message = planned(&*store, app, (0..70).map(|number| page(number, 2)).collect()).await;
    let keys: Vec<_> = (0..70).map(|number| PageKey { message, number }).collect();
    let unknown = PageKey { message, number: 99 };
    store.page_taken_up(app, [&keys[..], &[unknown]].concat()).await.unwrap();
    store.page_taken_up(app, vec![keys[0], keys[1]]).await.unwrap();
    let store = harness.reopen(store);
    let starts =
        async || -> Vec<u32> { store.page_heads().await.unwrap().iter().map(|head| head.starts).collect() };
    assert_eq!(starts().await[..3], [2, 2, 1]);
    assert_eq!(starts().await.len(), 70);
    // Something was recorded of the first.
    let told = event(message, stranger(0, 0), DeliveryState::Accepted, Outcome::Accepted);
    let update =
        PageUpdate { key: keys[0], entries: vec![EntryState::Settled, EntryState::Waiting], due: START };
    commit(&*store, app, message, vec![PageCommit { events: vec![told], update, retrying_change: 0 }]).await;
    assert_eq!(starts().await[..3], [0, 2, 1]);
    assert_eq!(store.page(app, keys[1]).await.unwrap().unwrap().head.starts, 2);
    store.page_taken_up(app, vec![keys[0]]).await.unwrap();
    assert_eq!(starts().await[..2], [1, 2]);
}

pub(crate) async fn pages_have_the_targets_of_now(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for number in 0..90 {
        subscribe(&*store, app, number, if number % 2 == 0 { &["a", "c"] } else { &["b"] }).await;
    }
    let topics = |of: &[&str]| Audience::Topics(names(of));
    for audience in [Audience::All, topics(&["a"]), topics(&["a", "b", "c"])] {
        let has_topics = audience != Audience::All;
        let message = broadcast(&*store, app, audience).await;
        let read = ids_of(&read_audience(&*store, app, message, 100).await.targets);
        // All, those of one page between few and between many others, and an order that is not that of ids.
        let few: Vec<_> = read.iter().copied().step_by(2).collect();
        let many: Vec<_> = read.iter().copied().step_by(5).collect();
        let backwards: Vec<_> = read.iter().copied().rev().collect();
        let all = [read, few, many, backwards];
        let pages = (0..).zip(&all).map(|(number, ids)| {
            let entries = ids.iter().map(|id| PageEntry::Stored(*id, Owner::NOBODY)).collect();
            NewPage { number, group: GroupId(3), entries, due: START }
        });
        store.plan(PlanStep { pages: pages.collect(), done: true, ..step(app, message) }).await.unwrap();

        // One goes, one leaves its topics, one has other keys now, one is disabled.
        let of_now = store.targets(app, &all[1]).await.unwrap();
        let present: Vec<Target> = of_now.into_iter().flatten().collect();
        store.unsubscribe(app, &Selector::Id(present[1].id)).await.unwrap();
        let patch = SubscriptionPatch { topics: Some(Vec::new()), ..SubscriptionPatch::default() };
        store.update_subscription(app, &Selector::Id(present[2].id), patch).await.unwrap();
        let mut again = browser(app, 0);
        (again.endpoint, again.keys.auth) = (present[3].endpoint.clone(), [99; 16]);
        (again.topics, again.keys.p256dh) = (names(&["a", "b"]), present[3].keys.p256dh);
        store.subscribe(again).await.unwrap();
        let evidence = Removal {
            subscription: present[4].id,
            generation: present[4].generation,
            outcome: Outcome::KeyMismatch,
            http_status: None,
            message,
        };
        store.reap(app, vec![evidence], 1).await.unwrap();

        // Who is in none of the topics any more is no target of theirs.
        let left = has_topics.then_some(present[2].id);
        let expected = async |ids: &[SubscriptionId]| -> Vec<Option<Target>> {
            let targets = store.targets(app, ids).await.unwrap();
            targets.into_iter().map(|target| target.filter(|target| Some(target.id) != left)).collect()
        };
        for (number, ids) in (0..).zip(&all) {
            let key = PageKey { message, number };
            let page = store.page(app, key).await.unwrap().unwrap();
            for entry in &page.entries {
                let departed = (Some(entry.id) == left).then_some(Departure::LeftTopics);
                assert_eq!(entry.departed, departed, "{number}");
            }
            let targets: Vec<_> = page.entries.into_iter().map(|entry| entry.target).collect();
            assert!(targets == expected(ids).await, "{number}");
            assert!(targets.iter().any(Option::is_some));
            // All but the first have ended.
            let mut settled = settling(key, &ids[1..], DeliveryState::Accepted, Outcome::Accepted);
            settled.update.entries.insert(0, EntryState::Waiting);
            commit(&*store, app, message, vec![settled]).await;
            let page = store.page(app, key).await.unwrap().unwrap();
            let mut targets = page.entries.iter().map(|entry| entry.target.as_ref());
            assert!(targets.next().unwrap() == expected(&ids[..1]).await[0].as_ref());
            assert!(targets.all(|target| target.is_none()));
        }
    }
}
