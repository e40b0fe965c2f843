//! Commits of one group share a row of the feed.

use std::time::Duration;

use futures_util::future::join_all;

use super::super::backend::{Backend as _, Batch, Order};
use super::super::keys;
use super::super::memory::Memory;
use super::super::records::Record as _;
use super::super::records::feed::{FEED_ROW_COMMITS_MAX, FeedValue};
use super::InMemory;
use crate::domain::{ApplicationId, Audience, Clock as _};
use crate::store::conformance::{Harness as _, application, broadcast, message};
use crate::store::{FeedRow, Recipients, Retention, Store};

const SECOND: Duration = Duration::from_secs(1);

/// Puts commits that have a row each into one, as if they had been one group.
fn gather(memory: &Memory, app: ApplicationId, commits: &[FeedRow]) {
    let mut batch = Batch::default();
    let mut row = FeedValue::new(commits[0].time, &commits[0].entries);
    for pair in commits.windows(2) {
        row.add(pair[0].time, pair[1].time, &pair[1].entries);
        batch.writes.insert(keys::feed(app, pair[1].seq), None);
    }
    batch.writes.insert(keys::feed(app, commits[0].seq), Some(row.to_value()));
    memory.apply(batch).unwrap();
    memory.sync().unwrap();
}

async fn feed(store: &dyn Store, app: ApplicationId, from: u64, limit: usize) -> Vec<FeedRow> {
    store.feed(app, from, limit).await.unwrap()
}

#[tokio::test]
async fn are_read_from_any_number_on_and_trimmed_together() {
    let harness = InMemory::new();
    let store = harness.open();
    let app = application(&*store).await;
    for _ in 0..8 {
        broadcast(&*store, app, Audience::All).await;
        harness.clock().advance(SECOND);
    }
    let all = feed(&*store, app, 0, 99).await;
    assert_eq!(all.iter().map(|row| row.seq).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    let memory = harness.memory();
    // The first has a row of its own, as each had in earlier versions.
    gather(&memory, app, &all[1..5]);
    gather(&memory, app, &all[5..]);
    assert_eq!(memory.scan(&keys::feeds(app), Order::Ascending, 99).unwrap().len(), 3);
    let store = harness.reopen(store);
    for from in 0..10 {
        for limit in 0..10 {
            let expected: Vec<_> = all.iter().filter(|row| row.seq >= from).take(limit).cloned().collect();
            assert_eq!(feed(&*store, app, from, limit).await, expected, "{from} {limit}");
        }
    }
    assert_eq!(store.trim_time().await.unwrap(), Some(all[7].time));

    let trim = async |age: Duration| {
        let retention = Retention { events: age, messages: age, changes: age, removed: age };
        while store.trim(retention).await.unwrap().more {}
        store.kept(app).await.unwrap().commits_from
    };
    let age_of = |row: &FeedRow| harness.clock().now().since(row.time);
    // The reaper has seen the third: the row with that goes with its last one.
    store.reap(app, Vec::new(), 3).await.unwrap();
    assert_eq!(trim(Duration::ZERO).await, 2);
    store.reap(app, Vec::new(), 8).await.unwrap();
    assert_eq!(trim(age_of(&all[3])).await, 2);
    assert_eq!(feed(&*store, app, 0, 99).await, all[1..]);
    assert_eq!(trim(age_of(&all[4])).await, 6);
    assert_eq!(feed(&*store, app, 0, 99).await, all[5..]);
    assert_eq!(trim(Duration::ZERO).await, 9);
    assert_eq!(feed(&*store, app, 0, 99).await, []);
}

#[tokio::test]
async fn have_each_number_once_whatever_shares_a_row() {
    let harness = InMemory::new();
    let store = harness.open();
    let apps = [application(&*store).await, store.application("other").await.unwrap().id];
    let accepts = (0..400).map(|number| {
        let message = message(apps[number % 2], Recipients::Audience(Audience::All));
        store.accept(message)
    });
    assert!(join_all(accepts).await.iter().all(Result::is_ok));
    let store = harness.reopen(store);
    for app in apps {
        let numbers: Vec<_> = feed(&*store, app, 0, 999).await.iter().map(|row| row.seq).collect();
        assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
        let rows = harness.memory().scan(&keys::feeds(app), Order::Ascending, 999).unwrap();
        for (key, value) in &rows {
            let commits = FeedValue::from_value(value).unwrap().into_rows(keys::seq_of(key).unwrap());
            assert!(commits.unwrap().len() <= FEED_ROW_COMMITS_MAX);
        }
    }
}
