//! A disk that fills, and has room again: what is written, what is refused, and that nothing of it lasts.

use std::sync::Arc;

use super::super::backend::Space;
use super::super::memory::Memory;
use super::super::sled::OpenError;
use super::super::{Settings, open_sled};
use super::{InMemory, OnDisk};
use crate::domain::{Audience, DeliveryState, Outcome, Stop};
use crate::store::conformance::{
    Harness as _, application, broadcast, browser, commit, events, message, page, planned, settling,
    stranger, subscribe,
};
use crate::store::{PageKey, Recipients, Room, Selector, Store, StoreError};

const RESERVE: u64 = 64 << 20;

/// A large disk with so much left.
fn space(free: u64, certain: u64) -> Space {
    Space { total_octets: 1 << 40, free_octets: free, certain_octets: certain, file_octets: 1 << 20 }
}

/// Lets the store be on such a disk, and waits until it has seen it.
async fn set(memory: &Memory, store: &dyn Store, space: Space, room: Room) {
    memory.set_space(space);
    store.disk().wait_for(|disk| disk.room == room).await.unwrap();
}

#[tokio::test]
async fn below_the_reserve_what_was_begun_ends_and_nothing_begins() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let id = subscribe(&store, app, 0, &[]).await.subscription.target.id;
    let sent = planned(&store, app, vec![page(0, 2)]).await;
    let open = broadcast(&store, app, Audience::All).await;
    let memory = harness.memory();
    set(&memory, &store, space(RESERVE - (1 << 20), 12 << 20), Room::EndingsOnly).await;
    assert_eq!(store.disk().borrow().missing_octets, 1 << 20);

    let full = |error: &StoreError| matches!(error, StoreError::DiskFull { missing } if *missing == 1 << 20);
    assert!(full(&store.subscribe(browser(app, 1)).await.unwrap_err()));
    let new = message(app, Recipients::Audience(Audience::All));
    assert!(full(&store.accept(new).await.unwrap_err()));
    assert!(full(&store.application("another").await.unwrap_err()));
    let key = PageKey { message: sent, number: 0 };
    let outcome =
        settling(key, &[stranger(0, 0), stranger(0, 1)], DeliveryState::Accepted, Outcome::Accepted);
    assert_eq!(commit(&store, app, sent, vec![outcome]).await, [sent], "an outcome is recorded");
    assert!(store.stop(app, open, Stop::Cancelled).await.unwrap().is_some(), "who cancels may");
    assert_eq!(store.unsubscribe(app, &Selector::Id(id)).await.unwrap(), [id]);

    set(&memory, &store, space(RESERVE, 16 << 20), Room::Enough).await;
    subscribe(&store, app, 1, &[]).await;
}

#[tokio::test]
async fn without_any_room_nothing_is_written_and_nothing_fails_for_good() {
    let harness = InMemory::new();
    let store = Arc::new(harness.open_kv());
    let app = application(&*store).await;
    let sent = planned(&*store, app, vec![page(0, 1)]).await;
    let memory = harness.memory();
    set(&memory, &*store, space(1 << 20, 1 << 20), Room::None).await;
    let syncs = memory.syncs();
    let key = PageKey { message: sent, number: 0 };
    let outcome = settling(key, &[stranger(0, 0)], DeliveryState::Accepted, Outcome::Accepted);
    let messages = vec![crate::store::MessageCommit { message: sent, pages: vec![outcome.clone()] }];
    let refused =
        store.commit(crate::store::Commit { application: app, urgent: true, messages }.into()).await;
    assert!(matches!(refused, Err(StoreError::DiskFull { .. })), "{refused:?}");
    assert!(store.message(app, sent).await.unwrap().is_some(), "what is there is read");
    assert_eq!(memory.syncs(), syncs, "the disk is not touched");

    set(&memory, &*store, space(RESERVE, 16 << 20), Room::Enough).await;
    assert_eq!(commit(&*store, app, sent, vec![outcome]).await, [sent]);
    assert_eq!(events(&*store, app, sent).await.len(), 1);
}

#[test]
fn does_not_open_without_the_reserve() {
    let harness = OnDisk::new();
    let open = |free_octets_min| {
        let settings = Settings { cache_octets: 16 << 20, free_octets_min, ..Settings::default() };
        open_sled(&harness.path(), Arc::new(harness.clock().clone()), settings, &harness.sealing)
    };
    // Of a small disk it is a quarter. This one has more than a quarter in use, or its reserve is there.
    if let Err(error) = open(u64::MAX) {
        assert!(matches!(error, OpenError::DiskFull { .. }), "{error}");
        let told = error.to_string();
        assert!(told.starts_with("the disk is full: ") && told.contains("store.free_octets_min"), "{told}");
        assert!(!harness.path().exists(), "nothing is touched");
    }
    open(1 << 20).unwrap();
}

#[tokio::test]
async fn the_log_is_allocated_ahead_and_measured() {
    let harness = OnDisk::new();
    let store = harness.try_open().unwrap();
    let app = application(&store).await;
    subscribe(&store, app, 1, &[]).await;
    let disk = *store.disk().borrow();
    assert_eq!((disk.room, disk.missing_octets), (Room::Enough, 0));
    assert!(disk.free_octets.unwrap() > 64 << 20 && disk.file_octets > 0, "{disk:?}");
}
