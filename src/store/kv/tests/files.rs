//! sled's directory: who may open it, and when it is free again.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::sync::Arc;

use super::super::backend::{Backend as _, Batch};
use super::super::keys;
use super::super::records::{Number, Record as _};
use super::super::sled::{OpenError, Sled};
use super::OnDisk;
use crate::domain::Audience;
use crate::store::conformance::{application, broadcast, browser, subscribe};
use crate::store::{ListFilter, Store, StoreError};

#[tokio::test]
async fn is_private_and_for_one_process() {
    let harness = OnDisk::new();
    fs::create_dir(harness.path()).unwrap();
    fs::set_permissions(harness.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = harness.try_open().unwrap();
    assert_eq!(fs::metadata(harness.path()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(matches!(harness.try_open(), Err(OpenError::InUse)));
    drop(store);
    harness.try_open().unwrap();
}

#[test]
fn tells_why_it_does_not_open() {
    let harness = OnDisk::new();
    fs::write(harness.path(), "not a directory").unwrap();
    assert!(matches!(harness.try_open(), Err(OpenError::Directory(_))));
    fs::remove_file(harness.path()).unwrap();

    let sled = Sled::open(&harness.path(), 1 << 20).unwrap();
    let mut batch = Batch::default();
    batch.writes.insert(keys::meta("format"), Some(Number::new(9_u32).to_value()));
    sled.apply(batch).unwrap();
    drop(sled);
    assert!(matches!(harness.try_open(), Err(OpenError::Format { found: 9, known: 2 })));
    fs::remove_dir_all(harness.path()).unwrap();
}

#[tokio::test]
async fn is_never_taken_for_new_when_damaged() {
    let harness = OnDisk::new();
    let store = harness.try_open().unwrap();
    let app = application(&store).await;
    for number in 0..300 {
        subscribe(&store, app, number, &["a", "b", "c"]).await;
    }
    drop(store);
    // The start of sled's log, from a sector to all of it.
    let log = fs::OpenOptions::new().write(true).open(harness.path().join("db")).unwrap();
    let length = log.metadata().unwrap().len() as usize;
    for octets in [512, length / 2, length] {
        log.write_all_at(&vec![0x55; octets], 0).unwrap();
        let opened = harness.try_open();
        assert!(matches!(opened, Err(OpenError::Database(_) | OpenError::Store(_))), "{octets} {opened:?}");
    }
}

#[tokio::test]
async fn shows_nothing_of_what_is_stored() {
    let harness = OnDisk::new();
    let store = harness.try_open().unwrap();
    let app = application(&store).await;
    let url = subscribe(&store, app, 1, &["a"]).await.subscription.target.endpoint.expose().to_owned();
    let shown = format!("{store:?}");
    assert!(!shown.contains(&url) && !shown.contains("/p/1") && shown.len() < 4_000, "{shown}");
}

#[tokio::test]
async fn is_free_after_close() {
    let harness = OnDisk::new();
    let store = Arc::new(harness.try_open().unwrap());
    let app = application(&*store).await;
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.subscribe(browser(app, number)).await })
        })
        .collect();
    subscribe(&*store, app, 1_000, &["a"]).await;
    let message = broadcast(&*store, app, Audience::All).await;
    store.close().await;
    // What came in time is done, what came late is refused, and nothing in between.
    let mut done = 1;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => done += 1,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
    }
    assert!(matches!(store.subscribe(browser(app, 1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.message(app, message).await, Err(StoreError::Unavailable(_))));
    store.close().await;

    let again = harness.try_open().unwrap();
    let all = again.list_subscriptions(app, &ListFilter::All, None, 1_000).await.unwrap();
    assert_eq!(all.len(), done);
    assert!(again.message(app, message).await.unwrap().is_some());
}
