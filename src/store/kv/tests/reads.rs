//! How much some methods read, whatever is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::backend::{Backend, Batch, Order, Row, Space};
use super::super::keys::{self, KeyRange};
use super::super::memory::Memory;
use super::super::messages::LIST_ROWS;
use super::super::records::Record as _;
use super::super::records::message::{DoneValue, HeaderValue, StateValue};
use super::super::{KvStore, Settings};
use crate::domain::{
    ApplicationId, ManualClock, MessageId, MessageKind, MessageState, Stop, SubscriptionId, VapidKeyId,
};
use crate::store::conformance::applications::key;
use crate::store::conformance::{START, application, browser, spec};
use crate::store::{MessageFilter, Store as _, StoreError, Subscribe};

/// Counts the rows that are read.
#[derive(Clone, Debug, Default)]
struct Counted {
    memory: Memory,
    rows: Arc<AtomicUsize>,
}

impl Counted {
    fn open(&self) -> KvStore {
        let clock = Arc::new(ManualClock::at(START));
        let random = StdRng::seed_from_u64(1);
        KvStore::open(Arc::new(self.clone()), clock, random, Settings::default()).unwrap()
    }

    /// Rows that were read since this was asked last.
    fn rows_read(&self) -> usize {
        self.rows.swap(0, Ordering::SeqCst)
    }

    fn count(&self, rows: usize) {
        self.rows.fetch_add(rows, Ordering::SeqCst);
    }
}

impl Backend for Counted {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.count(1);
        self.memory.get(key)
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = self.memory.scan(range, order, limit)?;
        self.count(rows.len());
        Ok(rows)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
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

/// Rows that a scan fetches ahead, at most.
const AHEAD: usize = 256;

fn ended(number: u32, cancelled: bool) -> (MessageId, DoneValue) {
    let mut state = StateValue::new(None, false);
    if cancelled {
        state.stop(Stop::Cancelled, START);
    }
    state.end();
    let header = HeaderValue::new(MessageKind::Send, &spec(), String::new(), START, None, number.into());
    let id = MessageId(u128::from(number).to_be_bytes());
    (id, DoneValue::new(Some(header), state, START))
}

#[tokio::test]
async fn a_rare_state_is_sought_in_bounded_steps() {
    let counted = Counted::default();
    let store = counted.open();
    let app = application(&store).await;
    let messages = 3 * LIST_ROWS as u32;
    let rare = [7, messages - 7];
    let mut rows = Batch::default();
    for number in 1..=messages {
        let (id, done) = ended(number, rare.contains(&number));
        rows.writes.insert(keys::done(app, id), Some(done.to_value()));
    }
    counted.apply(rows).unwrap();

    let filter = MessageFilter::of_states(&[MessageState::Cancelled]);
    let (mut found, mut before, mut calls) = (Vec::new(), None, 0);
    loop {
        counted.rows_read();
        let listed = store.list_messages(app, &filter, before, 50).await.unwrap();
        let read = counted.rows_read();
        assert!(read <= LIST_ROWS + AHEAD, "{read} rows");
        found.extend(listed.messages.iter().map(|status| status.id));
        calls += 1;
        before = listed.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, [rare[1], rare[0]].map(|number| ended(number, true).0));
    assert!(calls >= 3, "{calls} calls");
}

/// Disables all of retired keys, as the engine does.
async fn disable(store: &KvStore, app: ApplicationId) -> Vec<SubscriptionId> {
    let (mut disabled, mut after) = (Vec::new(), None);
    loop {
        let (some, next) = store.disable_orphans(app, after).await.unwrap();
        disabled.extend(some);
        after = next;
        if after.is_none() {
            return disabled;
        }
    }
}

#[tokio::test]
async fn subscriptions_of_retired_keys_are_sought_only_while_there_are_some() {
    let counted = Counted::default();
    let store = counted.open();
    let app = application(&store).await;
    let (first, second) = (VapidKeyId(1), VapidKeyId(2));
    store.add_vapid_key(app, key(1), true).await.unwrap();
    store.add_vapid_key(app, key(2), false).await.unwrap();
    for number in 0..300 {
        let vapid_key = Some(if number < 30 { first } else { second });
        store.subscribe(Subscribe { vapid_key, ..browser(app, number) }).await.unwrap();
    }
    store.set_current_vapid_key(app, second).await.unwrap();
    store.retire_vapid_key(app, first, true).await.unwrap();
    assert_eq!(disable(&store, app).await.len(), 30);

    drop(store);
    let store = counted.open();
    counted.rows_read();
    assert_eq!(store.disable_orphans(app, None).await.unwrap(), (Vec::new(), None));
    let read = counted.rows_read();
    assert!(read <= 16, "{read} rows");
    // One that comes later is found all the same.
    let late = Subscribe { vapid_key: Some(first), ..browser(app, 900) };
    let late = store.subscribe(late).await.unwrap().subscription.target.id;
    assert_eq!(disable(&store, app).await, [late]);
}
