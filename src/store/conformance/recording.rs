//! Recording outcomes, and reading them back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Harness, START, application, broadcast, commit, event, events, listed, page, planned, send, settling,
    spec, step, stranger, subscribe,
};
use crate::domain::delivery::PastAttempt;
use crate::domain::{
    Audience, Clock as _, DeliveryEvent, DeliveryState, MessageId, MessageState, Outcome, SubscriptionId,
    Timestamp,
};
use crate::store::{
    Commit, EntryState, FeedEntry, MessageCommit, PageCommit, PageKey, PageUpdate, PlanStep, RetryState,
};

fn ids(page: u32, entries: u8) -> Vec<SubscriptionId> {
    (0..entries).map(|place| stranger(page, place)).collect()
}

/// An event with every field, some at their limits.
fn whole(message: MessageId, number: u64) -> DeliveryEvent {
    let past = (0..7).map(|attempt| PastAttempt {
        attempt,
        outcome: Outcome::ALL[attempt as usize],
        http_status: (attempt % 2 == 0).then_some(500 + attempt as u16),
        time: START.minus(Duration::from_micros(number * u64::from(attempt))),
    });
    DeliveryEvent {
        generation: u32::MAX,
        user_id: format!("user {number}"),
        origin: "https://push.example.net:8443".to_owned(),
        attempt: 8,
        http_status: (number != 1).then_some(u16::MAX),
        time: START.plus(Duration::from_micros(number)),
        next_attempt: (number != 2).then(|| START.plus(Duration::from_secs(86_400))),
        latency: Some(Duration::from_nanos(1_234_567_891)),
        granted_ttl: Some(Duration::from_secs(28 * 86_400)),
        detail: "é".repeat(200),
        past: past.collect(),
        ..event(message, stranger(0, number as u8), DeliveryState::Failed, Outcome::TimedOut)
    }
}

pub(crate) async fn events_come_back_whole(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, vec![page(0, 4)]).await;
    let mut told: Vec<_> = (0..3).map(|number| whole(message, number)).collect();
    told.push(DeliveryEvent {
        subscription: None,
        origin: String::new(),
        attempt: 0,
        http_status: None,
        latency: None,
        time: Timestamp::from_micros(0),
        ..event(message, stranger(0, 3), DeliveryState::Expired, Outcome::Unspecified)
    });
    let key = PageKey { message, number: 0 };
    let update = PageUpdate { key, entries: vec![EntryState::Settled; 4], due: START };
    let page = PageCommit { events: told.clone(), update, retrying_change: 0 };
    assert_eq!(commit(&*store, app, message, vec![page]).await, [message]);
    assert_eq!(events(&*store, app, message).await, told);
    let store = harness.reopen(store);
    assert_eq!(events(&*store, app, message).await, told);
}

pub(crate) async fn retries_are_kept(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, vec![page(0, 9)]).await;
    let key = PageKey { message, number: 0 };
    let retry = |attempts: u32| {
        EntryState::Retrying(RetryState {
            attempts,
            due: START.plus(Duration::from_secs(u64::from(attempts))),
            past: whole(message, u64::from(attempts)).past,
            detail: format!("detail {}", attempts % 8),
        })
    };
    let mut entries = vec![EntryState::Waiting; 9];
    entries[1] = retry(1);
    entries[8] = retry(70_000);
    entries[4] = EntryState::Settled;
    let told = vec![
        event(message, stranger(0, 1), DeliveryState::Retrying, Outcome::Throttled),
        event(message, stranger(0, 8), DeliveryState::Retrying, Outcome::Unavailable),
        event(message, stranger(0, 4), DeliveryState::Accepted, Outcome::Accepted),
    ];
    let due = START.plus(Duration::from_secs(1));
    let update = PageUpdate { key, entries: entries.clone(), due };
    let page = PageCommit { events: told, update, retrying_change: 2 };
    assert_eq!(commit(&*store, app, message, vec![page]).await, []);
    let counts = store.message(app, message).await.unwrap().unwrap().status.counts;
    assert_eq!((counts.retrying, counts.accepted, counts.pending, counts.targets), (2, 1, 6, 9));
    let store = harness.reopen(store);
    let stored = store.page(app, key).await.unwrap().unwrap();
    assert_eq!(stored.head.due, due);
    let states: Vec<_> = stored.entries.into_iter().map(|entry| entry.state).collect();
    assert_eq!(states, entries);
    // Only the due time changes: nothing to tell.
    let last = store.message(app, message).await.unwrap().unwrap().last_seq;
    let later = due.plus(Duration::from_secs(1));
    let update = PageUpdate { key, entries, due: later };
    let page = PageCommit { events: Vec::new(), update, retrying_change: 0 };
    commit(&*store, app, message, vec![page]).await;
    assert_eq!(store.page_heads().await.unwrap()[0].due, later);
    assert_eq!(store.message(app, message).await.unwrap().unwrap().last_seq, last);
    assert_eq!(*store.synced(app).borrow(), last);
}

pub(crate) async fn counters_reconcile(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, (0..8).map(|number| page(number, 16)).collect()).await;
    let ends = [
        (DeliveryState::Accepted, Outcome::Accepted),
        (DeliveryState::Failed, Outcome::Gone),
        (DeliveryState::Failed, Outcome::Dropped),
        (DeliveryState::Expired, Outcome::Throttled),
    ];
    for number in 0..8_u32 {
        let (state, outcome) = ends[number as usize % 4];
        let page = settling(PageKey { message, number }, &ids(number, 16), state, outcome);
        let ended = commit(&*store, app, message, vec![page]).await;
        let record = store.message(app, message).await.unwrap().unwrap();
        let counts = record.status.counts;
        assert_eq!(counts.pending + counts.retrying + counts.terminal(), counts.targets);
        assert_eq!(counts.terminal(), (number + 1) * 16);
        assert_eq!(record.status.outcomes.values().sum::<u32>(), counts.terminal());
        assert_eq!(ended.is_empty(), number < 7);
        assert_eq!(record.status.ended.is_some(), number == 7);
    }
    let store = harness.reopen(store);
    let status = store.message(app, message).await.unwrap().unwrap().status;
    assert_eq!((status.counts.accepted, status.counts.failed, status.counts.expired), (32, 64, 32));
    let outcomes = [Outcome::Accepted, Outcome::Gone, Outcome::Dropped, Outcome::Throttled];
    assert_eq!(status.outcomes, BTreeMap::from(outcomes.map(|outcome| (outcome, 32))));
    assert_eq!(store.page_heads().await.unwrap(), []);
    assert_eq!(store.page(app, PageKey { message, number: 0 }).await.unwrap(), None);
    assert_eq!(store.page_ids(app, PageKey { message, number: 0 }).await.unwrap(), []);
    assert_eq!(events(&*store, app, message).await.len(), 128);
}

pub(crate) async fn settled_pages_stay_settled(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, vec![page(0, 2), page(1, 2)]).await;
    let first = |state, outcome| settling(PageKey { message, number: 0 }, &ids(0, 2), state, outcome);
    commit(&*store, app, message, vec![first(DeliveryState::Accepted, Outcome::Accepted)]).await;
    let before = store.message(app, message).await.unwrap();
    // The same outcomes once more, as from somebody who did not hear the answer.
    commit(&*store, app, message, vec![first(DeliveryState::Failed, Outcome::Internal)]).await;
    assert_eq!(store.message(app, message).await.unwrap(), before);
    assert_eq!(events(&*store, app, message).await.len(), 2);
    let second =
        settling(PageKey { message, number: 1 }, &ids(1, 2), DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(&*store, app, message, vec![second.clone()]).await, [message]);
    assert_eq!(commit(&*store, app, message, vec![second]).await, []);
}

pub(crate) async fn commits_must_match_their_pages(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message =
        planned(&*store, app, vec![page(0, 3), page(1, 1), page(2, 1), page(3, 1), page(4, 1)]).await;
    let settled = |number, entries| {
        let key = PageKey { message, number };
        settling(key, &ids(number, entries), DeliveryState::Accepted, Outcome::Accepted)
    };
    let good = settled(0, 3);
    let mut too_few_events = good.clone();
    too_few_events.events.pop();
    let mut not_settled = good.clone();
    not_settled.update.entries[0] = EntryState::Waiting;
    let mut too_short = good.clone();
    too_short.update.entries.pop();
    let mut miscounted = good.clone();
    miscounted.retrying_change = 1;
    for (bad, number) in [too_few_events, not_settled, too_short, miscounted].into_iter().zip(1..) {
        // Another page of the same commit is recorded all the same.
        assert_eq!(commit(&*store, app, message, vec![bad, settled(number, 1)]).await, []);
        let counts = store.message(app, message).await.unwrap().unwrap().status.counts;
        assert_eq!((counts.accepted, counts.pending), (number, 7 - number));
    }
    assert_eq!(commit(&*store, app, message, vec![good]).await, [message]);
}

pub(crate) async fn big_commits_leave_no_gap(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, (0..100).map(|number| page(number, 40)).collect()).await;
    let first = *store.synced(app).borrow() + 1;
    let pages: Vec<_> = (0..100)
        .map(|number| {
            let key = PageKey { message, number };
            let mut page = settling(key, &ids(number, 40), DeliveryState::Accepted, Outcome::Accepted);
            // About 900 octets each, so that segments fill.
            for (event, place) in page.events.iter_mut().zip(0..) {
                event.detail = format!("{number} {place} {}", "x".repeat(900));
            }
            page
        })
        .collect();
    let told: Vec<_> = pages.iter().flat_map(|page| page.events.clone()).collect();
    let mut synced = store.synced(app);
    assert_eq!(commit(&*store, app, message, pages).await, [message]);
    assert!(synced.has_changed().unwrap());
    let last = *synced.borrow_and_update();
    let segments = store.segments(app, message, 0, 1_000).await.unwrap();
    // 100 pages are more than one transaction, and 3.7 MB more than 50 segments.
    assert!(segments.len() > 50);
    let numbers: Vec<_> = segments.iter().map(|segment| segment.seq).collect();
    assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
    let read: Vec<_> = segments.into_iter().flat_map(|segment| segment.events).collect();
    assert!(read == told);
    let record = store.message(app, message).await.unwrap().unwrap();
    assert_eq!(record.last_seq, last);
    let feed = store.feed(app, first, 1_000).await.unwrap();
    assert_eq!(feed.iter().map(|row| row.seq).collect::<Vec<_>>(), numbers);
    assert_eq!(feed[0].entries, [FeedEntry::Events(message)]);
    let end = feed.last().unwrap();
    assert_eq!(end.entries, [FeedEntry::Events(message), FeedEntry::Ended(message)]);
}

pub(crate) async fn messages_share_a_commit(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let mut messages = Vec::new();
    let mut commits = Vec::new();
    for _ in 0..3 {
        let message = planned(&*store, app, vec![page(0, 2)]).await;
        let key = PageKey { message, number: 0 };
        let page = settling(key, &ids(0, 2), DeliveryState::Accepted, Outcome::Accepted);
        commits.push(MessageCommit { message, pages: vec![page] });
        messages.push(message);
    }
    let before = *store.synced(app).borrow();
    let commit = Commit { application: app, urgent: true, messages: commits };
    let ended = store.commit(commit.into()).await.unwrap();
    assert_eq!(ended, messages);
    let feed = store.feed(app, before + 1, 10).await.unwrap();
    assert_eq!(feed.len(), 1);
    for message in messages {
        let place = |entry| feed[0].entries.iter().position(|told| *told == entry).unwrap();
        assert!(place(FeedEntry::Events(message)) < place(FeedEntry::Ended(message)));
    }
}

pub(crate) async fn cancelled_deliveries_tell(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, vec![page(0, 1), page(1, 1)]).await;
    for (number, state, outcome) in
        [(0, DeliveryState::Cancelled, Outcome::Superseded), (1, DeliveryState::Accepted, Outcome::Accepted)]
    {
        let key = PageKey { message, number };
        commit(&*store, app, message, vec![settling(key, &ids(number, 1), state, outcome)]).await;
    }
    let status = store.message(app, message).await.unwrap().unwrap().status;
    assert_eq!((status.state, status.counts.cancelled), (MessageState::Cancelled, 1));
    assert_eq!(listed(&*store, app, &[MessageState::Cancelled], None, 5).await, [status]);
}

pub(crate) async fn feeds_tell_of_all(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    assert_eq!(*store.synced(app).borrow(), 0);
    let target = subscribe(&*store, app, 1, &[]).await.subscription.target;
    let sent = send(&*store, app, vec![target]).await;
    let message = broadcast(&*store, app, Audience::All).await;
    let pages = vec![page(0, 2)];
    store.plan(PlanStep { pages, done: true, ..step(app, message) }).await.unwrap();
    let (id, key) = (sent.record.status.id, sent.pages[0].head.key);
    let of_sent = [sent.pages[0].entries[0].id];
    let accepted = |key, ids: &[_]| settling(key, ids, DeliveryState::Accepted, Outcome::Accepted);
    commit(&*store, app, id, vec![accepted(key, &of_sent)]).await;
    harness.clock().advance(Duration::from_secs(5));
    commit(&*store, app, message, vec![accepted(PageKey { message, number: 0 }, &ids(0, 2))]).await;
    let store = harness.reopen(store);
    let feed = store.feed(app, 0, 100).await.unwrap();
    let entries: Vec<_> = feed.iter().map(|row| row.entries.as_slice()).collect();
    assert_eq!(
        entries,
        [
            &[FeedEntry::Accepted(id)][..],
            &[FeedEntry::Accepted(message)],
            &[FeedEntry::Events(id), FeedEntry::Ended(id)],
            &[FeedEntry::Events(message), FeedEntry::Ended(message)],
        ]
    );
    let later = START.plus(Duration::from_secs(5));
    let times: Vec<_> = feed.iter().map(|row| (row.seq, row.time)).collect();
    assert_eq!(times, [(1, START), (2, START), (3, START), (4, later)]);
    assert_eq!(*store.synced(app).borrow(), 4);
    assert_eq!(store.feed(app, 2, 2).await.unwrap(), feed[1..3]);
    assert_eq!(store.feed(app, 5, 2).await.unwrap(), []);
    assert_eq!(store.segments(app, message, 0, 9).await.unwrap()[0].seq, 4);
    assert_eq!(store.segments(app, message, 5, 9).await.unwrap(), []);
}

pub(crate) async fn times_lead_to_numbers(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    assert!(store.seq_at(app, START).await.unwrap() <= 1);
    let mut commits = Vec::new();
    for step in 0..40_u64 {
        // Forward in uneven steps, and once back by minutes.
        match step {
            20 => harness.clock().set(harness.clock().now().minus(Duration::from_secs(200))),
            _ => harness.clock().advance(Duration::from_secs(step * 7 % 90)),
        }
        broadcast(&*store, app, Audience::All).await;
        commits.push(harness.clock().now());
    }
    let store = harness.reopen(store);
    broadcast(&*store, app, Audience::All).await;
    commits.push(harness.clock().now());
    let last = commits.iter().max().unwrap().plus(Duration::from_secs(600));
    let mut time = START.minus(Duration::from_secs(600));
    while time < last {
        let seq = store.seq_at(app, time).await.unwrap();
        let first = (1..).zip(&commits).find(|(_, commit)| **commit >= time).map(|(seq, _)| seq);
        assert!(seq <= first.unwrap_or(42), "{seq} {first:?}");
        time = time.plus(Duration::from_secs(13));
    }
    // It leads near, not to the start.
    let end = *commits.iter().max().unwrap();
    assert!(store.seq_at(app, end).await.unwrap() > 15);
}

pub(crate) async fn ended_messages_lose_their_payload(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let message = planned(&*store, app, vec![page(0, 1)]).await;
    let key = PageKey { message, number: 0 };
    assert_eq!(*store.open_messages().await.unwrap()[0].spec, spec());
    let page = settling(key, &ids(0, 1), DeliveryState::Accepted, Outcome::Accepted);
    commit(&*store, app, message, vec![page]).await;
    assert!(store.open_messages().await.unwrap().is_empty());
    let status = store.message(app, message).await.unwrap().unwrap().status;
    // What callers ask for later stays.
    assert_eq!((status.labels, status.note, status.ended), (spec().labels, spec().note, Some(START)));
}
