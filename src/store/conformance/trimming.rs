//! Trimming: what goes when, and what readers are told.

use std::time::Duration;

use super::{
    Harness, START, application, broadcast, commit, events, listed, message, page, planned, settling, step,
    stranger, subscribe,
};
use crate::domain::limits::REQUEST_ID_MEMORY;
use crate::domain::{ApplicationId, Audience, Clock as _, DeliveryState, MessageId, Outcome};
use crate::store::{
    Kept, NewMessage, PageKey, PlanStep, Recipients, Retention, Selector, Store, StoreError, Trimmed,
};

const MINUTE: Duration = Duration::from_secs(60);
const RETENTION: Retention =
    Retention { events: MINUTE, messages: Duration::from_secs(600), changes: MINUTE, removed: MINUTE };

/// Trims all that can be.
pub(crate) async fn trim(store: &dyn Store, retention: Retention) -> Trimmed {
    let mut all = Trimmed { more: true, ..Trimmed::default() };
    for _ in 0..1_000 {
        let Trimmed { events_of, messages, rows, more } = store.trim(retention).await.unwrap();
        all.events_of += events_of;
        all.messages += messages;
        all.rows += rows;
        if !more {
            return all;
        }
        assert!(rows <= 500, "a step is bounded: {rows}");
    }
    panic!("it never ends");
}

/// The reaper has seen all.
async fn reaped(store: &dyn Store, app: ApplicationId) {
    let last = *store.synced(app).borrow();
    store.reap(app, Vec::new(), last).await.unwrap();
}

/// Settles page `number` of a message, which has two entries.
async fn settle(store: &dyn Store, app: ApplicationId, message: MessageId, number: u32) -> Vec<MessageId> {
    let ids = [stranger(number, 0), stranger(number, 1)];
    let key = PageKey { message, number };
    let page = settling(key, &ids, DeliveryState::Accepted, Outcome::Accepted);
    commit(store, app, message, vec![page]).await
}

pub(crate) async fn events_go_first_and_messages_later(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    assert_eq!((store.log_octets(), trim(&*store, RETENTION).await.rows), (0, 0));
    let sent = planned(&*store, app, vec![page(0, 2)]).await;
    assert_eq!(settle(&*store, app, sent, 0).await, [sent]);
    let record = store.message(app, sent).await.unwrap().unwrap();
    let octets = store.log_octets();
    assert!(octets > 50, "{octets}");
    // Too young; then old enough, but the reaper has not seen it.
    reaped(&*store, app).await;
    harness.clock().advance(MINUTE.saturating_sub(Duration::from_micros(1)));
    assert_eq!(trim(&*store, RETENTION).await.rows, 0);
    let late = planned(&*store, app, vec![page(0, 2)]).await;
    settle(&*store, app, late, 0).await;
    harness.clock().advance(MINUTE);
    let kept = store.kept(app).await.unwrap();
    assert_eq!(kept, Kept { commits_from: 1, changes_from: 1, ..Kept::default() });

    let trimmed = trim(&*store, RETENTION).await;
    assert_eq!((trimmed.events_of, trimmed.messages), (1, 0));
    let store = harness.reopen(store);
    assert_eq!(store.log_octets(), octets, "the other one's");
    let kept = store.kept(app).await.unwrap();
    assert_eq!((kept.commits_from, kept.commits_time), (record.last_seq + 1, START));
    assert_eq!(events(&*store, app, sent).await, []);
    let now = store.message(app, sent).await.unwrap().unwrap();
    assert!(now.trimmed && now.status == record.status && now.last_seq == record.last_seq);
    let feed = store.feed(app, 0, 99).await.unwrap();
    assert_eq!(feed[0].seq, kept.commits_from);
    assert_eq!(events(&*store, app, late).await.len(), 2);
    assert!(!store.message(app, late).await.unwrap().unwrap().trimmed);

    reaped(&*store, app).await;
    assert_eq!(trim(&*store, RETENTION).await.events_of, 1);
    assert_eq!((store.log_octets(), store.feed(app, 0, 9).await.unwrap()), (0, vec![]));
    assert_eq!(listed(&*store, app, &[], None, 9).await.len(), 2);
    harness.clock().advance(RETENTION.messages);
    assert_eq!(trim(&*store, RETENTION).await.messages, 2);
    let store = harness.reopen(store);
    assert_eq!(store.message(app, sent).await.unwrap(), None);
    assert_eq!(listed(&*store, app, &[], None, 9).await, []);
    assert_eq!(trim(&*store, RETENTION).await, Trimmed { more: true, ..Trimmed::default() });
    // The sequence goes on, and so do times.
    let last = *store.synced(app).borrow();
    harness.clock().set(START);
    broadcast(&*store, app, Audience::All).await;
    let feed = store.feed(app, 0, 9).await.unwrap();
    assert_eq!(feed[0].seq, last + 1);
    assert!(feed[0].time > START);
}

pub(crate) async fn what_is_open_stays(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let open = planned(&*store, app, vec![page(0, 2), page(1, 2)]).await;
    settle(&*store, app, open, 0).await;
    let ended = planned(&*store, app, vec![page(0, 2)]).await;
    settle(&*store, app, ended, 0).await;
    harness.clock().advance(RETENTION.messages * 10);
    reaped(&*store, app).await;
    let trimmed = trim(&*store, RETENTION).await;
    assert_eq!((trimmed.events_of, trimmed.messages), (1, 1));
    // Feed rows go by their age alone.
    assert_eq!(store.feed(app, 0, 9).await.unwrap(), []);
    assert_eq!(events(&*store, app, open).await.len(), 2);
    assert!(store.log_octets() > 50);
    assert_eq!(store.message(app, ended).await.unwrap(), None);
    let store = harness.reopen(store);
    assert_eq!(settle(&*store, app, open, 1).await, [open]);
    // From its end on.
    harness.clock().advance(MINUTE.saturating_sub(Duration::from_micros(1)));
    reaped(&*store, app).await;
    assert_eq!(trim(&*store, RETENTION).await.rows, 0);
    assert_eq!(events(&*store, app, open).await.len(), 4);
    harness.clock().advance(MINUTE);
    assert_eq!(trim(&*store, RETENTION).await.events_of, 1);
    assert_eq!((store.log_octets(), events(&*store, app, open).await), (0, vec![]));
}

pub(crate) async fn request_ids_keep_their_messages(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    let accept = async |request_id: &str| {
        let new = NewMessage {
            request_id: request_id.to_owned(),
            ..message(app, Recipients::Audience(Audience::All))
        };
        store.accept(new).await.unwrap()
    };
    let ended = async |request_id| {
        let id = accept(request_id).await.record.status.id;
        assert!(store.plan(PlanStep { done: true, ..step(app, id) }).await.unwrap());
        id
    };
    let remembered = ended("r").await;
    let plain = ended("").await;
    // Its end comes when its request_id may be forgotten already.
    let long = accept("long").await.record.status.id;
    harness.clock().advance(REQUEST_ID_MEMORY.saturating_sub(MINUTE));
    reaped(&*store, app).await;
    let trimmed = trim(&*store, RETENTION).await;
    assert_eq!((trimmed.events_of, trimmed.messages), (1, 1));
    assert_eq!(store.message(app, plain).await.unwrap(), None);
    let record = store.message(app, remembered).await.unwrap().unwrap();
    assert!(!record.trimmed);
    let again = accept("r").await;
    assert!(again.replayed && again.record == record);

    harness.clock().advance(MINUTE * 2);
    assert!(store.plan(PlanStep { done: true, ..step(app, long) }).await.unwrap());
    reaped(&*store, app).await;
    assert_eq!(trim(&*store, RETENTION).await.messages, 1);
    assert_eq!(store.message(app, remembered).await.unwrap(), None);
    assert_eq!(store.request(app, "r").await.unwrap(), None);
    assert!(store.request(app, "long").await.unwrap().is_some());
    // It may be used anew; the end of the former use takes nothing from the new one.
    let anew = accept("r").await;
    assert!(!anew.replayed);
    harness.clock().advance(RETENTION.messages);
    reaped(&*store, app).await;
    assert_eq!(trim(&*store, RETENTION).await.messages, 1);
    assert_eq!(store.request(app, "long").await.unwrap(), None);
    assert!(accept("r").await.replayed);
}

pub(crate) async fn big_messages_go_in_steps(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    // A small one that ended before, and one of 130 segments.
    let pages: Vec<_> = (0..130).map(|number| page(number, 2)).collect();
    let big = planned(&*store, app, pages).await;
    let small = planned(&*store, app, vec![page(0, 2)]).await;
    settle(&*store, app, small, 0).await;
    for number in 0..130 {
        settle(&*store, app, big, number).await;
    }
    harness.clock().advance(MINUTE);
    reaped(&*store, app).await;
    let (mut steps, mut left) = (0, 130);
    loop {
        let trimmed = store.trim(RETENTION).await.unwrap();
        let segments = store.segments(app, big, 0, 1_000).await.unwrap().len();
        let kept = store.kept(app).await.unwrap();
        let record = store.message(app, big).await.unwrap().unwrap();
        // Nothing goes unannounced.
        assert!(segments == 130 || record.trimmed, "{segments}");
        assert!(left - segments <= 60);
        let feed = store.feed(app, 0, 1).await.unwrap();
        assert!(feed.iter().all(|row| row.seq == kept.commits_from));
        assert!(!record.trimmed || kept.commits_from > record.last_seq, "the feed still tells of it");
        (steps, left) = (steps + 1, segments);
        if !trimmed.more {
            break;
        }
    }
    assert!(steps >= 3 && left == 0, "{steps} {left}");
    assert_eq!(store.log_octets(), 0);
    assert!(store.message(app, small).await.unwrap().unwrap().trimmed);
}

pub(crate) async fn changes_go_by_their_age(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for number in 0..130 {
        harness.clock().advance(Duration::from_secs(1));
        subscribe(&*store, app, number, &[]).await;
    }
    // 70 of them are a minute old; the reaper has nothing to do with it.
    trim(&*store, RETENTION).await;
    let store = harness.reopen(store);
    let kept = store.kept(app).await.unwrap();
    let at = |seconds| START.plus(Duration::from_secs(seconds));
    assert_eq!((kept.changes_from, kept.changes_time, kept.commits_from), (71, at(70), 1));
    let left = store.changes(app, 0, 999).await.unwrap();
    assert_eq!((left.len(), left[0].seq, left[0].time), (60, 71, at(71)));
    // Who asks for a time that has gone is led to what has gone.
    for (seconds, seq) in [(1, 70), (70, 70), (71, 71), (72, 72), (130, 130), (131, 131)] {
        assert_eq!(store.change_at(app, at(seconds)).await.unwrap(), seq, "{seconds}");
    }
    harness.clock().advance(MINUTE);
    trim(&*store, RETENTION).await;
    assert_eq!(store.changes(app, 0, 9).await.unwrap(), []);
    let store = harness.reopen(store);
    store.unsubscribe(app, &Selector::Endpoint(super::endpoint(1))).await.unwrap();
    assert_eq!(store.changes(app, 0, 9).await.unwrap()[0].seq, 131);
    assert_eq!(store.change_at(app, at(131)).await.unwrap(), 131);
}

pub(crate) async fn times_lead_past_what_has_gone(harness: &dyn Harness) {
    let store = harness.open();
    let app = application(&*store).await;
    for _ in 0..200 {
        harness.clock().advance(Duration::from_secs(10));
        broadcast(&*store, app, Audience::All).await;
    }
    let at = |commit: u64| START.plus(Duration::from_secs(10 * commit));
    reaped(&*store, app).await;
    let events = Duration::from_secs(300);
    trim(&*store, Retention { events, messages: events, changes: events, removed: events }).await;
    let kept = store.kept(app).await.unwrap();
    assert_eq!((kept.commits_from, kept.commits_time), (171, at(170)));
    for commit in 1..=200 {
        let seq = store.seq_at(app, at(commit)).await.unwrap();
        assert!(seq <= commit, "{commit} {seq}");
        assert_eq!(seq < kept.commits_from, commit < kept.commits_from, "{commit} {seq}");
        assert!(commit < 171 || commit - seq <= 6, "it leads near: {commit} {seq}");
    }
    assert_eq!(store.seq_at(app, at(170).plus(Duration::from_micros(1))).await.unwrap(), 171);
    // Open messages are all there.
    assert_eq!(store.open_messages().await.unwrap().len(), 200);
    assert!(matches!(store.audience(app, MessageId([9; 16]), &[], 1).await, Err(StoreError::NotFound)));
    assert!(harness.clock().now() > START);
}
