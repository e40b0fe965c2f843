//! A message whose only page, and then its only segment, stands in its own row.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::backend::{Backend, Batch, Order, Row, Space};
use super::super::keys::{self, KeyRange};
use super::super::memory::Memory;
use super::super::records::Record as _;
use super::super::records::message::{DoneValue, OpenValue};
use super::super::{KvStore, Settings};
use super::InMemory;
use crate::domain::{ApplicationId, DeliveryState, ManualClock, MessageId, Outcome, Target};
use crate::store::conformance::{
    Harness as _, START, application, commit, event, events, send, settling, subscribe,
};
use crate::store::{
    Accepted, EntryState, PageCommit, PageKey, PageUpdate, Retention, RetryState, Store, StoreError,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Which of a message's rows are there: open, state, page, head.
fn rows(memory: &Memory, app: ApplicationId, message: MessageId) -> [bool; 4] {
    let page = PageKey { message, number: 0 };
    [keys::open(app, message), keys::state(app, message), keys::page(page), keys::head(page)]
        .map(|key| memory.get(&key).unwrap().is_some())
}

async fn targets(store: &dyn Store, app: ApplicationId) -> Vec<Target> {
    vec![subscribe(store, app, 1, &[]).await.subscription.target]
}

/// The commit after which the only entry of a page waits for another attempt.
fn retrying(message: MessageId, target: &Target) -> PageCommit {
    let key = PageKey { message, number: 0 };
    let retry = RetryState { attempts: 1, due: START, past: Vec::new(), detail: String::new() };
    PageCommit {
        events: vec![event(message, target.id, DeliveryState::Retrying, Outcome::Unavailable)],
        update: PageUpdate { key, entries: vec![EntryState::Retrying(retry)], due: START },
        retrying_change: 1,
    }
}

#[tokio::test]
async fn has_other_rows_only_while_it_is_tried_again() {
    let harness = InMemory::new();
    let store = harness.open();
    let app = application(&*store).await;
    let targets = targets(&*store, app).await;
    let Accepted { record, pages, .. } = send(&*store, app, targets.clone()).await;
    let message = record.status.id;
    assert_eq!(rows(&harness.memory(), app, message), [true, false, false, false]);
    let store = harness.reopen(store);
    assert_eq!(store.message(app, message).await.unwrap(), Some(record));
    assert_eq!(store.message_pages(app, message, 0, 9).await.unwrap(), [pages[0].head.key]);
    assert_eq!(store.message_pages(app, message, 1, 9).await.unwrap(), []);

    assert_eq!(commit(&*store, app, message, vec![retrying(message, &targets[0])]).await, []);
    assert_eq!(rows(&harness.memory(), app, message), [true, true, false, true]);
    let store = harness.reopen(store);
    let page = store.page(app, pages[0].head.key).await.unwrap().unwrap();
    assert!(matches!(&page.entries[0].state, EntryState::Retrying(retry) if retry.attempts == 1));
    assert_eq!(page.entries[0].target.as_ref(), Some(&targets[0]));
    let counts = store.message(app, message).await.unwrap().unwrap().status.counts;
    assert_eq!((counts.targets, counts.retrying, counts.pending), (1, 1, 0));

    let mut settled =
        settling(pages[0].head.key, &[targets[0].id], DeliveryState::Accepted, Outcome::Accepted);
    settled.retrying_change = -1;
    assert_eq!(commit(&*store, app, message, vec![settled]).await, [message]);
    assert_eq!(rows(&harness.memory(), app, message), [false; 4]);
    assert_eq!(store.page(app, pages[0].head.key).await.unwrap(), None);
    assert_eq!(store.page_heads().await.unwrap(), []);
}

#[tokio::test]
async fn is_noted_when_it_is_taken_up() {
    let harness = InMemory::new();
    let store = harness.open();
    let app = application(&*store).await;
    let targets = targets(&*store, app).await;
    let key = send(&*store, app, targets).await.pages[0].head.key;
    let other = store.application("other").await.unwrap().id;
    store.page_taken_up(other, vec![key]).await.unwrap();
    assert_eq!(store.page_heads().await.unwrap()[0].starts, 0, "it is not that application's");
    store.page_taken_up(app, vec![key]).await.unwrap();
    let store = harness.reopen(store);
    let heads = store.page_heads().await.unwrap();
    assert_eq!(heads.iter().map(|head| (head.key, head.starts)).collect::<Vec<_>>(), [(key, 1)]);
}

#[tokio::test]
async fn ends_once() {
    let harness = InMemory::new();
    let store = harness.open();
    let app = application(&*store).await;
    let targets = targets(&*store, app).await;
    let key = send(&*store, app, targets.clone()).await.pages[0].head.key;
    let settled = || settling(key, &[targets[0].id], DeliveryState::Accepted, Outcome::Accepted);
    // In one transaction, and in another one.
    assert_eq!(commit(&*store, app, key.message, vec![settled(), settled()]).await, [key.message]);
    assert_eq!(commit(&*store, app, key.message, vec![settled()]).await, []);
    assert_eq!(events(&*store, app, key.message).await.len(), 1);
    let counts = store.message(app, key.message).await.unwrap().unwrap().status.counts;
    assert_eq!((counts.targets, counts.accepted), (1, 1));
}

/// Divides the row of a message that has ended into those that earlier versions wrote.
fn ended_as_before(memory: &Memory, app: ApplicationId, message: MessageId) {
    let value = memory.get(&keys::done(app, message)).unwrap().unwrap();
    let mut done = DoneValue::from_value(&value).unwrap();
    let (seq, segment) = done.segment().unwrap();
    let mut batch = Batch::default();
    batch.writes.insert(keys::segment(message, seq), Some(segment.to_vec()));
    done.forget_segment();
    batch.writes.insert(keys::done(app, message), Some(done.to_value()));
    memory.apply(batch).unwrap();
}

#[tokio::test]
async fn keeps_its_segment_until_that_is_trimmed() {
    let harness = InMemory::new();
    let store = harness.open();
    let app = application(&*store).await;
    let targets = targets(&*store, app).await;
    let mut messages = Vec::new();
    for outcome in [Outcome::Accepted, Outcome::Gone, Outcome::Gone] {
        let key = send(&*store, app, targets.clone()).await.pages[0].head.key;
        let state = if outcome == Outcome::Gone { DeliveryState::Failed } else { DeliveryState::Accepted };
        commit(&*store, app, key.message, vec![settling(key, &[targets[0].id], state, outcome)]).await;
        messages.push(key.message);
    }
    ended_as_before(&harness.memory(), app, messages[2]);
    let rows = |message| harness.memory().scan(&keys::segments(message), Order::Ascending, 9).unwrap().len();
    assert_eq!(messages.iter().map(|message| rows(*message)).collect::<Vec<_>>(), [0, 0, 1]);
    let last = *store.synced(app).borrow();
    let evident = store.evidence(app, 1, 99).await.unwrap().evident;
    let evident: Vec<_> = evident.iter().map(|evident| (evident.seq, evident.removal.message)).collect();
    assert_eq!(evident, [(last - 2, messages[1]), (last, messages[2])]);
    for (place, message) in messages.iter().enumerate() {
        let seq = 2 * (place as u64 + 1);
        let found = store.segments(app, *message, seq, 9).await.unwrap();
        assert_eq!((found.len(), found[0].seq, found[0].events.len()), (1, seq, 1));
        assert_eq!(found[0].events[0].message, *message);
        assert_eq!(store.segments(app, *message, seq + 1, 9).await.unwrap(), []);
        assert_eq!(store.segments(app, *message, 0, 0).await.unwrap(), []);
    }
    store.reap(app, Vec::new(), last).await.unwrap();
    harness.clock().advance(HOUR);
    let retention = Retention { events: MINUTE, messages: 2 * HOUR, changes: HOUR, removed: HOUR };
    while store.trim(retention).await.unwrap().more {}
    for message in messages {
        assert_eq!(store.segments(app, message, 0, 9).await.unwrap(), []);
        assert!(store.message(app, message).await.unwrap().unwrap().trimmed);
        let value = harness.memory().get(&keys::done(app, message)).unwrap().unwrap();
        assert_eq!(DoneValue::from_value(&value).unwrap().segment(), None);
    }
    assert_eq!(store.log_octets(), 0);
}

/// Divides a message's row into those that earlier versions wrote.
fn as_before(memory: &Memory, app: ApplicationId, message: MessageId) {
    let value = memory.get(&keys::open(app, message)).unwrap().unwrap();
    let open = OpenValue::from_value(&value).unwrap();
    let (group, page) = open.page().unwrap();
    let key = PageKey { message, number: 0 };
    let head = open.first_head(app, group, page.entries()).unwrap();
    let mut batch = Batch::default();
    batch.writes.insert(keys::page(key), Some(page.to_value()));
    batch.writes.insert(keys::head(key), Some(head.to_value()));
    batch.writes.insert(keys::state(app, message), Some(open.first_state(page).unwrap().to_value()));
    batch.writes.insert(keys::open(app, message), Some(open.without_page().to_value()));
    memory.apply(batch).unwrap();
    memory.sync().unwrap();
}

#[tokio::test]
async fn of_an_earlier_version_goes_on() {
    let harness = InMemory::new();
    let store = harness.open();
    let app = application(&*store).await;
    let targets = targets(&*store, app).await;
    let before = send(&*store, app, targets.clone()).await;
    let after = send(&*store, app, targets.clone()).await;
    let messages = [&before, &after].map(|accepted| accepted.record.status.id);
    as_before(&harness.memory(), app, messages[0]);
    let store = harness.reopen(store);
    assert_eq!(rows(&harness.memory(), app, messages[0]), [true; 4]);

    let open = store.open_messages().await.unwrap();
    let statuses: Vec<_> = open.into_iter().map(|open| open.status).collect();
    assert_eq!(statuses, [&before, &after].map(|accepted| accepted.record.status.clone()));
    let heads = [&before, &after].map(|accepted| accepted.pages[0].head);
    assert_eq!(store.page_heads().await.unwrap(), heads);
    for (accepted, head) in [&before, &after].into_iter().zip(heads) {
        assert_eq!(store.page(app, head.key).await.unwrap().as_ref(), Some(&accepted.pages[0]));
        let settled = settling(head.key, &[targets[0].id], DeliveryState::Accepted, Outcome::Accepted);
        let message = head.key.message;
        assert_eq!(commit(&*store, app, message, vec![settled]).await, [message]);
        assert_eq!(rows(&harness.memory(), app, message), [false; 4]);
    }
}

/// Counts rows that are written, by kind: those that are put, and those that are removed.
#[derive(Debug, Default)]
struct Counting {
    memory: Memory,
    written: Mutex<BTreeMap<u8, (usize, usize)>>,
}

impl Backend for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(key)
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.memory.scan(range, order, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut written = self.written.lock().unwrap();
        for (key, value) in &batch.writes {
            let (put, removed) = written.entry(key[0]).or_default();
            *(if value.is_some() { put } else { removed }) += 1;
        }
        self.memory.apply(batch)
    }

    fn file_octets(&self) -> Result<u64, StoreError> {
        self.memory.file_octets()
    }

    fn space(&self, ahead_octets: u64) -> Result<Option<Space>, StoreError> {
        self.memory.space(ahead_octets)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.memory.sync()
    }
}

#[tokio::test]
async fn costs_few_rows() {
    let counting = Arc::new(Counting::default());
    let backend: Arc<dyn Backend> = Arc::<Counting>::clone(&counting);
    let clock = Arc::new(ManualClock::at(START));
    let store = KvStore::open(backend, clock, StdRng::seed_from_u64(1), Settings::default()).unwrap();
    let app = application(&store).await;
    let targets = targets(&store, app).await;
    let settle = async |accepted: Accepted| {
        let key = accepted.pages[0].head.key;
        let settled = settling(key, &[targets[0].id], DeliveryState::Accepted, Outcome::Accepted);
        assert_eq!(commit(&store, app, key.message, vec![settled]).await, [key.message]);
    };
    // The first one also notes its origin, and its minute.
    settle(send(&store, app, targets.clone()).await).await;
    counting.written.lock().unwrap().clear();
    settle(send(&store, app, targets.clone()).await).await;
    let named: BTreeMap<_, _> = keys::kinds().map(|(name, range)| (range.from[0], name)).collect();
    let written = std::mem::take(&mut *counting.written.lock().unwrap());
    let written: Vec<_> = written.into_iter().map(|(kind, rows)| (named[&kind], rows)).collect();
    let expected =
        [("sequence", (2, 0)), ("open", (1, 1)), ("done", (1, 0)), ("finished", (1, 0)), ("feed", (2, 0))];
    assert_eq!(written, expected);
}
