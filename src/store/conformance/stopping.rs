//! Scheduling, stopping and superseding messages.

use std::time::Duration;

use super::{
    Harness, START, application, broadcast, commit, event, events, ids_of, listed, message, names, page,
    planned, read_audience, settling, spec, step, stranger, subscribe,
};
use crate::domain::{Audience, DeliveryState, MessageId, MessageState, Outcome, Stop};
use crate::store::{NewMessage, PageKey, PlanStep, Recipients, Store};

const HOUR: Duration = Duration::from_secs(3_600);

fn everyone(app: crate::domain::ApplicationId) -> NewMessage {
    message(app, Recipients::Audience(Audience::All))
}

async fn open_stop(store: &dyn Store, message: MessageId) -> Option<Stop> {
    let open = store.open_messages().await.unwrap();
    open.iter().find(|open| open.status.id == message).unwrap().stop
}

pub(crate) async fn scheduled_messages_wait(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let early = subscribe(&*store, app, 1, &["a"]).await.subscription.target;
    let start = START.plus(HOUR);
    let recipients = [
        Recipients::Audience(Audience::All),
        Recipients::Audience(Audience::Topics(names(&["a"]))),
        Recipients::Targets(vec![early.clone()]),
    ];
    let mut scheduled = Vec::new();
    for recipients in recipients {
        let accepted =
            store.accept(NewMessage { start: Some(start), ..message(app, recipients) }).await.unwrap();
        let status = accepted.record.status;
        assert_eq!((status.state, status.created), (MessageState::Scheduled, START));
        assert_eq!((status.start, status.expires), (Some(start), start.plus(spec().ttl)));
        assert!(accepted.pages.iter().all(|page| page.head.due == start));
        scheduled.push(status.id);
    }
    assert_eq!(store.page_heads().await.unwrap()[0].due, start);
    harness.clock().advance(HOUR / 2);
    let joined = subscribe(&*store, app, 2, &["a"]).await.subscription.target;
    let store = harness.reopen(store);
    let open = store.open_messages().await.unwrap();
    assert!(open.iter().all(|open| open.status.state == MessageState::Scheduled && open.stop.is_none()));
    assert_eq!(listed(&*store, app, &[MessageState::Scheduled], None, 9).await.len(), 3);

    // A minute late: who has joined by then is part of it, and its ttl counts from when it was to start.
    harness.clock().set(start.plus(Duration::from_secs(60)));
    let late = subscribe(&*store, app, 3, &["a"]).await.subscription.target;
    for message in &scheduled {
        assert_eq!(store.begin(app, *message).await.unwrap(), None);
    }
    harness.clock().advance(Duration::from_secs(1));
    subscribe(&*store, app, 4, &["a"]).await;
    for message in &scheduled {
        assert_eq!(store.begin(app, *message).await.unwrap(), None, "again");
    }
    let store = harness.reopen(store);
    for message in &scheduled {
        let status = store.message(app, *message).await.unwrap().unwrap().status;
        assert_eq!((status.state, status.start), (MessageState::Sending, Some(start)));
        assert_eq!(status.expires, start.plus(spec().ttl));
    }
    for message in &scheduled[..2] {
        let mut expected = ids_of(&[early.clone(), joined.clone(), late.clone()]);
        expected.sort();
        assert_eq!(ids_of(&read_audience(&*store, app, *message, 2).await.targets), expected);
    }
    assert_eq!(store.begin(app, MessageId([9; 16])).await.unwrap(), None);
}

pub(crate) async fn stopped_messages_end_cancelled(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let sent = broadcast(&*store, app, Audience::All).await;
    store.plan(PlanStep { pages: vec![page(0, 2)], cursor: Some(vec![1]), ..step(app, sent) }).await.unwrap();
    let stopped = store.stop(app, sent, Stop::Cancelled).await.unwrap().unwrap();
    assert_eq!((stopped.status.state, stopped.status.ended), (MessageState::Cancelling, None));
    // The first reason stays.
    assert_eq!(store.stop(app, sent, Stop::Superseded).await.unwrap().unwrap(), stopped);
    let store = harness.reopen(store);
    assert_eq!(open_stop(&*store, sent).await, Some(Stop::Cancelled));
    assert_eq!(store.message(app, sent).await.unwrap().unwrap(), stopped);

    // An attempt in flight still counts; whoever had no page yet ends without one, in the step that moves the cursor.
    let key = PageKey { message: sent, number: 0 };
    let mut last =
        settling(key, &[stranger(0, 0), stranger(0, 1)], DeliveryState::Cancelled, Stop::Cancelled.outcome());
    last.events[0] = event(sent, stranger(0, 0), DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(&*store, app, sent, vec![last]).await, []);
    let unplanned: Vec<_> = (0..3)
        .map(|place| event(sent, stranger(1, place), DeliveryState::Cancelled, Outcome::Unspecified))
        .collect();
    let ended = PlanStep { ended: unplanned[..2].to_vec(), cursor: Some(vec![2]), ..step(app, sent) };
    assert!(!store.plan(ended).await.unwrap());
    let plan = store.open_messages().await.unwrap()[0].plan.clone().unwrap();
    assert_eq!((plan.cursor, plan.next_page), (vec![2], 1));
    let ended = PlanStep { ended: unplanned[2..].to_vec(), done: true, ..step(app, sent) };
    assert!(store.plan(ended).await.unwrap());
    let record = store.message(app, sent).await.unwrap().unwrap();
    let counts = record.status.counts;
    assert_eq!((counts.targets, counts.accepted, counts.cancelled, counts.pending), (5, 1, 4, 0));
    assert_eq!((record.status.state, record.status.ended), (MessageState::Cancelled, Some(START)));
    assert_eq!(events(&*store, app, sent).await.len(), 5);
    // What has ended stays as it is.
    assert_eq!(store.stop(app, sent, Stop::Cancelled).await.unwrap().unwrap(), record);
    let done = planned(&*store, app, vec![page(0, 1)]).await;
    let key = PageKey { message: done, number: 0 };
    let page = settling(key, &[stranger(0, 0)], DeliveryState::Accepted, Outcome::Accepted);
    commit(&*store, app, done, vec![page]).await;
    let record = store.stop(app, done, Stop::Cancelled).await.unwrap().unwrap();
    assert_eq!(record.status.state, MessageState::Done);
    assert_eq!(store.stop(app, MessageId([9; 16]), Stop::Cancelled).await.unwrap(), None);
}

pub(crate) async fn stopped_before_its_start(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let collapse = Some([7; 16]);
    let older = store.accept(NewMessage { collapse, ..everyone(app) }).await.unwrap().record.status.id;
    let new = NewMessage { collapse, start: Some(START.plus(HOUR)), ..everyone(app) };
    let scheduled = store.accept(new).await.unwrap().record.status.id;
    let member = subscribe(&*store, app, 1, &[]).await.subscription.target;
    harness.clock().advance(HOUR * 2);
    assert!(store.stop(app, scheduled, Stop::Cancelled).await.unwrap().is_some());
    // It never starts, so it supersedes nothing.
    assert_eq!(store.begin(app, scheduled).await.unwrap(), None);
    assert_eq!(open_stop(&*store, older).await, None);
    let record = store.message(app, scheduled).await.unwrap().unwrap();
    assert_eq!(record.status.state, MessageState::Cancelling);
    // Those who had joined when it was stopped hear of it.
    harness.clock().advance(HOUR);
    subscribe(&*store, app, 2, &[]).await;
    assert_eq!(read_audience(&*store, app, scheduled, 9).await.targets, [member]);
    assert!(store.plan(PlanStep { done: true, ..step(app, scheduled) }).await.unwrap());
    let record = store.message(app, scheduled).await.unwrap().unwrap();
    assert_eq!(record.status.state, MessageState::Cancelled);
}

pub(crate) async fn the_newest_with_a_collapse_key_goes_on(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let other = store.application("other").await.unwrap().id;
    let with =
        |app, key: u8, start| store.accept(NewMessage { collapse: Some([key; 16]), start, ..everyone(app) });
    let first = with(app, 1, None).await.unwrap();
    assert_eq!(first.superseded, None);
    let first = first.record.status.id;
    // Another key, another application, no key.
    for (app, key) in [(app, 2), (other, 1)] {
        assert_eq!(with(app, key, None).await.unwrap().superseded, None);
    }
    broadcast(&*store, app, Audience::All).await;
    let scheduled = with(app, 1, Some(START.plus(HOUR))).await.unwrap();
    assert_eq!(scheduled.superseded, None);
    let scheduled = scheduled.record.status.id;
    assert_eq!(open_stop(&*store, first).await, None);

    let second = with(app, 1, None).await.unwrap();
    assert_eq!(second.superseded, Some(first));
    let second = second.record.status.id;
    let store = harness.reopen(store);
    assert_eq!(open_stop(&*store, first).await, Some(Stop::Superseded));
    let record = store.message(app, first).await.unwrap().unwrap();
    assert_eq!(record.status.state, MessageState::Cancelling);
    assert_eq!(open_stop(&*store, second).await, None);
    // The order of starts counts, not that of acceptance.
    harness.clock().advance(HOUR);
    assert_eq!(store.begin(app, scheduled).await.unwrap(), Some(second));
    assert_eq!(open_stop(&*store, second).await, Some(Stop::Superseded));
    assert_eq!(open_stop(&*store, scheduled).await, None);
    // The end of an older one leaves the newest one's place alone.
    assert!(store.plan(PlanStep { done: true, ..step(app, first) }).await.unwrap());
    assert!(store.plan(PlanStep { done: true, ..step(app, second) }).await.unwrap());
    store.stop(app, scheduled, Stop::Cancelled).await.unwrap();
    let with = |key: u8| store.accept(NewMessage { collapse: Some([key; 16]), ..everyone(app) });
    // Stopped already: nothing new to tell.
    let third = with(1).await.unwrap();
    assert_eq!(third.superseded, None);
    assert_eq!(open_stop(&*store, scheduled).await, Some(Stop::Cancelled));
    // One that has ended is not superseded.
    let third = third.record.status.id;
    assert!(store.plan(PlanStep { done: true, ..step(app, third) }).await.unwrap());
    assert_eq!(with(1).await.unwrap().superseded, None);
    assert_eq!(store.message(app, third).await.unwrap().unwrap().status.state, MessageState::Done);
}
