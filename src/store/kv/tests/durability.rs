//! No answer before its sync, nothing shown before it is durable, and what is left of a crash.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use futures_util::{FutureExt as _, poll};

use super::super::memory::Memory;
use super::super::{Settings, keys};
use super::InMemory;
use crate::domain::{Audience, DeliveryState, Origin, Outcome, Stop, Timestamp};
use crate::store::conformance::{
    Harness as _, application, broadcast, browser, commit, events, message, page, planned, settling, step,
    stranger, subscribe,
};
use crate::store::{
    ListFilter, NewMessage, PageKey, PlanStep, Recipients, Removal, Retention, Selector, Store, StoreError,
    StoredToken, Subscribe, SubscriptionPatch,
};

/// Drives a future until a sync has begun, and sees that it has not ended by then.
async fn until_sync<T>(memory: &Memory, future: &mut (impl Future<Output = T> + Unpin)) {
    let mut begun = memory.syncs_begun();
    let before = *begun.borrow_and_update();
    tokio::select! {
        biased;
        _ = &mut *future => panic!("answered before its sync"),
        begun = begun.wait_for(|begun| *begun > before) => drop(begun.unwrap()),
    }
    assert!(poll!(future).is_pending(), "answered before its sync");
}

#[tokio::test]
async fn nothing_is_answered_before_its_sync() {
    let harness = InMemory::new();
    let store = Arc::new(harness.open_kv());
    let memory = harness.memory();
    let app = application(&*store).await;
    let id = subscribe(&*store, app, 0, &[]).await.subscription.target.id;
    let sent = planned(&*store, app, vec![page(0, 1)]).await;
    let open = broadcast(&*store, app, Audience::All).await;
    let everyone = || message(app, Recipients::Audience(Audience::All));
    let scheduled = NewMessage { start: Some(Timestamp::from_secs(1)), ..everyone() };
    let scheduled = store.accept(scheduled).await.unwrap().record.status.id;
    let key = PageKey { message: sent, number: 0 };
    let outcome = settling(key, &[stranger(0, 0)], DeliveryState::Accepted, Outcome::Accepted);
    let removal = Removal {
        subscription: id,
        generation: 1,
        outcome: Outcome::KeyMismatch,
        http_status: None,
        message: crate::domain::MessageId([0; 16]),
    };
    let token = StoredToken {
        application: app,
        key: crate::domain::VapidKeyId(1),
        origin: "https://push.example.net".to_owned(),
        issued: Timestamp::from_secs(1),
        expires: Timestamp::from_secs(2),
        extra: true,
        jwt: "a.b.c".to_owned(),
    };
    let step = PlanStep { pages: vec![page(0, 3)], done: true, ..step(app, open) };
    let patch = SubscriptionPatch { locale: Some("en".to_owned()), ..SubscriptionPatch::default() };
    let (one, origin) = (Selector::Id(id), Origin::parse("https://new.example.net").unwrap());
    let writes: Vec<(&str, BoxFuture<'_, bool>)> = vec![
        ("application", store.application("new").map(|done| done.is_ok()).boxed()),
        ("secret", store.secret("new").map(|done| done.is_ok()).boxed()),
        ("token", store.put_vapid_token(token).map(|done| done.is_ok()).boxed()),
        ("origin", store.intern_origin(&origin).map(|done| done.is_ok()).boxed()),
        ("subscribe", store.subscribe(browser(app, 1)).map(|done| done.is_ok()).boxed()),
        ("update", store.update_subscription(app, &one, patch).map(|done| done.is_ok()).boxed()),
        ("reap", store.reap(app, vec![removal], 3).map(|done| done.is_ok()).boxed()),
        ("unsubscribe", store.unsubscribe(app, &one).map(|done| done.is_ok()).boxed()),
        ("accept", store.accept(everyone()).map(|done| done.is_ok()).boxed()),
        ("commit", commit(&*store, app, sent, vec![outcome]).map(|ended| ended == [sent]).boxed()),
        ("plan", store.plan(step).map(|done| done.is_ok()).boxed()),
        ("begin", store.begin(app, scheduled).map(|done| done.is_ok()).boxed()),
        ("stop", store.stop(app, scheduled, Stop::Cancelled).map(|done| done.is_ok()).boxed()),
    ];
    for (name, mut write) in writes {
        let synced = *store.synced(app).borrow();
        let hold = memory.hold_syncs();
        until_sync(&memory, &mut write).await;
        assert_eq!(*store.synced(app).borrow(), synced, "{name}: readers may go no further");
        drop(hold);
        assert!(write.await, "{name}");
    }
    assert_eq!(store.intern_origin(&origin).await.unwrap().origin, origin);
}

#[tokio::test]
async fn a_crash_loses_the_unsynced_and_nothing_else() {
    let harness = InMemory::new();
    let store = Arc::new(harness.open_kv());
    let app = application(&*store).await;
    let kept = subscribe(&*store, app, 0, &["a"]).await.subscription;
    let sent = planned(&*store, app, vec![page(0, 2), page(1, 2)]).await;
    let before = store.message(app, sent).await.unwrap();

    let memory = harness.memory();
    let _hold = memory.hold_syncs();
    let key = PageKey { message: sent, number: 0 };
    let ids = [stranger(0, 0), stranger(0, 1)];
    let outcome = settling(key, &ids, DeliveryState::Accepted, Outcome::Accepted);
    let unsynced = Arc::clone(&store);
    let messages = vec![crate::store::MessageCommit { message: sent, pages: vec![outcome.clone()] }];
    let mut lost = async move {
        let commit = crate::store::Commit { application: app, urgent: true, messages };
        unsynced.commit(commit.into()).await
    }
    .boxed();
    until_sync(&memory, &mut lost).await;
    let mut also = store.subscribe(browser(app, 1));
    assert!(poll!(&mut also).is_pending());
    harness.crash();
    assert!(matches!(lost.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(also.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.subscribe(browser(app, 2)).await, Err(StoreError::Unavailable(_))));
    drop(store);

    let store = harness.open();
    let all = store.list_subscriptions(app, &ListFilter::All, None, 9).await.unwrap();
    assert_eq!(all, [kept]);
    assert_eq!(store.message(app, sent).await.unwrap(), before);
    assert_eq!(events(&*store, app, sent).await, []);
    // Numbers that were never seen are given again: the sequence has no gap.
    let next = *store.synced(app).borrow() + 1;
    commit(&*store, app, sent, vec![outcome]).await;
    assert_eq!(store.segments(app, sent, 0, 9).await.unwrap()[0].seq, next);
}

#[tokio::test]
async fn who_supersedes_and_who_is_superseded_are_one_transaction() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let collapsing = || {
        let new = message(app, Recipients::Audience(Audience::All));
        store.accept(NewMessage { collapse: Some([1; 16]), ..new })
    };
    let older = collapsing().await.unwrap().record.status.id;
    let memory = harness.memory();
    let _hold = memory.hold_syncs();
    until_sync(&memory, &mut collapsing()).await;
    harness.crash();
    let left = harness.open_kv();
    let open = left.open_messages().await.unwrap();
    assert_eq!((open.len(), open[0].status.id, open[0].stop), (1, older, None));
    // Its row goes with the message.
    let row = keys::collapse(app, [1; 16]);
    assert_eq!(harness.memory().rows(&row), 1);
    assert!(left.plan(PlanStep { done: true, ..step(app, older) }).await.unwrap());
    assert_eq!(harness.memory().rows(&row), 0);
}

#[tokio::test]
async fn trimming_that_crashes_leaves_nothing_unannounced_or_behind() {
    let retention = Duration::from_secs(60);
    let retention =
        Retention { events: retention, messages: retention, changes: retention, removed: retention };
    let mut crashes = 0;
    for syncs in 0_u64.. {
        let harness = InMemory::new();
        let store = harness.open_kv();
        let app = application(&store).await;
        for number in 0..70 {
            subscribe(&store, app, number, &[]).await;
        }
        let mut messages = Vec::new();
        for _ in 0..3 {
            let sent = planned(&store, app, (0..30).map(|number| page(number, 1)).collect()).await;
            for number in 0..30 {
                let key = PageKey { message: sent, number };
                let ids = [stranger(number, 0)];
                let outcome = settling(key, &ids, DeliveryState::Accepted, Outcome::Accepted);
                commit(&store, app, sent, vec![outcome]).await;
            }
            messages.push(sent);
        }
        let accepted = store.message(app, messages[0]).await.unwrap().unwrap().accepted_seq;
        let last = *store.synced(app).borrow();
        store.reap(app, Vec::new(), last).await.unwrap();
        harness.clock().advance(Duration::from_secs(60));
        harness.memory().crash_after(syncs);
        let crashed = loop {
            match store.trim(retention).await {
                Ok(trimmed) if trimmed.more => {}
                Ok(_) => break false,
                Err(_) => break true,
            }
        };
        drop(store);
        harness.crash();
        let store = harness.open_kv();
        let kept = store.kept(app).await.unwrap();
        let feed = store.feed(app, 0, 999).await.unwrap();
        let first = feed.first().map_or(last + 1, |row| row.seq);
        assert!(first == accepted || first <= kept.commits_from, "the feed has a gap");
        let mut octets = 0;
        for message in &messages {
            let Some(record) = store.message(app, *message).await.unwrap() else { continue };
            let segments = store.segments(app, *message, 0, 999).await.unwrap().len();
            assert!(segments == 30 || record.trimmed);
            octets += u64::from(!record.trimmed);
        }
        assert_eq!(store.log_octets() == 0, octets == 0);
        // What was left behind goes the next time.
        while store.trim(retention).await.unwrap().more {}
        let census = store.census().await.unwrap();
        let left: Vec<_> = census.kinds.iter().map(|kind| kind.kind).collect();
        assert!(
            !left
                .iter()
                .any(|kind| ["segment", "feed", "change", "done", "finished", "trimmed"].contains(kind))
        );
        assert_eq!(store.log_octets(), 0);
        if !crashed {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 5, "{crashes}");
}

#[tokio::test]
async fn a_census_counts_every_row() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    for number in 0..300 {
        subscribe(&store, app, number, &["a"]).await;
    }
    broadcast(&store, app, Audience::All).await;
    let census = store.census().await.unwrap();
    let rows: u64 = census.kinds.iter().map(|kind| kind.rows).sum();
    assert_eq!(rows as usize, harness.memory().rows(&[]));
    for kind in ["subscription", "topic", "endpoint", "change"] {
        let counted = census.kinds.iter().find(|counted| counted.kind == kind).unwrap();
        assert!(counted.rows == 300 && counted.key_octets > 300 * 8, "{counted:?}");
        assert!(counted.value_octets > 300);
    }
    assert!(census.live_octets() > 50_000);
}

#[tokio::test]
async fn reads_wait_for_what_they_saw() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let memory = harness.memory();
    let synced = memory.syncs();
    let hold = memory.hold_syncs();
    let mut write = store.subscribe(browser(app, 1));
    until_sync(&memory, &mut write).await;
    // It is applied by now, and a read sees it. That it does not end can only be seen by waiting for a while: too short a
    // while could hide a fault, never feign one.
    let mut read = store.list_subscriptions(app, &ListFilter::All, None, 9);
    let waits = tokio::time::timeout(Duration::from_millis(50), &mut read);
    assert!(waits.await.is_err(), "shown before it is durable");
    drop(hold);
    assert_eq!(read.await.unwrap().len(), 1);
    assert_eq!(memory.syncs(), synced + 1);
    write.await.unwrap();
}

#[tokio::test]
async fn many_share_a_sync() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let memory = harness.memory();
    let before = memory.syncs();
    let hold = memory.hold_syncs();
    let mut first = store.subscribe(browser(app, 0));
    until_sync(&memory, &mut first).await;
    let mut rest: Vec<_> = (1..=64).map(|number| store.subscribe(browser(app, number))).collect();
    for write in &mut rest {
        assert!(poll!(write).is_pending());
    }
    drop(hold);
    first.await.unwrap();
    assert!(join_all(rest).await.iter().all(Result::is_ok));
    assert_eq!(memory.syncs(), before + 2, "64 commands are one group");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_written() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    subscribe(&store, app, 0, &[]).await;
    let memory = harness.memory();
    memory.fail_syncs(true);
    assert!(matches!(store.subscribe(browser(app, 1)).await, Err(StoreError::Unavailable(_))));
    let rows = memory.rows(&[]);
    memory.fail_syncs(false);
    // Nobody knows what is on the disk: not before it is opened again.
    assert!(matches!(store.subscribe(browser(app, 2)).await, Err(StoreError::Unavailable(_))));
    let read = store.list_subscriptions(app, &ListFilter::All, None, 9).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))));
    assert_eq!(memory.rows(&[]), rows);
    harness.crash();
    drop(store);
    let store = harness.open_kv();
    assert_eq!(store.list_subscriptions(app, &ListFilter::All, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn whatever_was_answered_survives_any_crash() {
    let harness = InMemory::new();
    let mut answered = BTreeMap::new();
    let mut lost = 0;
    for round in 0..20_u32 {
        // Small groups, so that a crash falls between them and into them.
        let settings = Settings { group_commands: 4, ..Settings::default() };
        let store = harness.open_with(settings);
        let app = application(&store).await;
        let all = store.list_subscriptions(app, &ListFilter::All, None, 10_000).await.unwrap();
        for subscription in answered.values() {
            assert!(all.contains(subscription), "lost before round {round}");
        }
        let topics = vec!["a".to_owned()];
        let estimate = store.estimate(app, &Audience::Topics(topics.clone())).await.unwrap();
        assert_eq!(estimate as usize, all.len(), "half of a subscription");
        harness.memory().crash_after(u64::from(round % 13));
        let writers = (0..50).map(|number| {
            let request = Subscribe { topics: topics.clone(), ..browser(app, round * 50 + number) };
            store.subscribe(request)
        });
        for subscribed in join_all(writers).await {
            match subscribed {
                Ok(subscribed) => {
                    let subscription = subscribed.subscription;
                    answered.insert(subscription.target.id, subscription);
                }
                Err(error) => {
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
                    lost += 1;
                }
            }
        }
        harness.crash();
    }
    assert!(answered.len() > 100 && lost > 100, "{} {lost}", answered.len());
}
