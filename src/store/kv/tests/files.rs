//! sled's directory: who may open it, and when it is free again.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::backend::{Backend as _, Batch};
use super::super::keys;
use super::super::records::{Number, Record as _};
use super::super::sled::{OpenError, Sled};
use super::super::{FORMAT, FORMAT_NAME};
use super::{InMemory, OnDisk};
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
    let modes = |directory: &Path| -> Vec<_> {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        files.map(|file| (file.file_name(), file.metadata().unwrap().permissions().mode() & 0o777)).collect()
    };
    let files = modes(&harness.path());
    assert!(files.iter().any(|(name, _)| name == "has-records"), "{files:?}");
    assert!(files.iter().all(|(_, mode)| *mode == 0o600), "others may read {files:?}");
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

    let sled = Sled::open(&harness.path(), 1 << 20, 0).unwrap();
    sled.apply(format(9)).unwrap();
    drop(sled);
    assert!(matches!(harness.try_open(), Err(OpenError::Format { found: 9, known: FORMAT })));
    fs::remove_dir_all(harness.path()).unwrap();
}

fn format(version: u32) -> Batch {
    let mut batch = Batch::default();
    batch.writes.insert(keys::meta(FORMAT_NAME), Some(Number::new(version).to_value()));
    batch
}

#[test]
fn notes_its_layout_in_stores_of_earlier_versions() {
    for version in 1..=FORMAT {
        let harness = InMemory::new();
        harness.memory().apply(format(version)).unwrap();
        drop(harness.open_kv());
        let noted = harness.memory().get(&keys::meta(FORMAT_NAME)).unwrap();
        assert_eq!(noted, Some(Number::new(FORMAT).to_value()));
    }
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

/// The snapshot that sled took at its last start.
fn snapshot(directory: &Path) -> PathBuf {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut snapshots = paths.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("snap."));
    snapshots.next().unwrap()
}

fn unfinished(snapshot: &Path) -> PathBuf {
    let name = snapshot.file_name().unwrap().to_str().unwrap();
    let number = u64::from_str_radix(name.strip_prefix("snap.").unwrap(), 16).unwrap();
    snapshot.with_file_name(format!("snap.{:016X}.generating", number + 1))
}

/// What is left of a snapshot after a start on a full disk, or a disk that lost a part of it.
#[tokio::test]
async fn opens_beside_snapshots_that_do_not_read() {
    let harness = OnDisk::new();
    let store = harness.try_open().unwrap();
    let app = application(&store).await;
    let mut expected = 0;
    drop(store);
    let emptied = |snapshot: &Path| fs::write(unfinished(snapshot), []).unwrap();
    let halved = |snapshot: &Path| {
        let content = fs::read(snapshot).unwrap();
        fs::write(unfinished(snapshot), &content[..content.len() / 2]).unwrap();
    };
    let torn = |snapshot: &Path| {
        let content = fs::read(snapshot).unwrap();
        fs::write(snapshot, &content[..content.len() - 5]).unwrap();
    };
    let short = |snapshot: &Path| fs::write(snapshot, [1, 2, 3]).unwrap();
    let whole = |snapshot: &Path| {
        fs::copy(snapshot, unfinished(snapshot)).unwrap();
    };
    let damages: [&dyn Fn(&Path); 5] = [&emptied, &halved, &torn, &short, &whole];
    for (number, damage) in damages.iter().enumerate() {
        // Enough for segments of the log to be used again.
        for round in 0..3 {
            let store = harness.try_open().unwrap();
            for subscriber in 0..150 {
                let topic = format!("{round}");
                subscribe(&store, app, u32::try_from(number).unwrap() * 150 + subscriber, &[&topic]).await;
            }
        }
        expected += 150;
        damage(&snapshot(&harness.path()));
        let store = harness.try_open().unwrap_or_else(|error| panic!("damage {number}: {error}"));
        let all = store.list_subscriptions(app, &ListFilter::All, None, 10_000).await.unwrap();
        assert_eq!(all.len(), expected, "damage {number}");
        drop(store);
        harness.try_open().unwrap_or_else(|error| panic!("after damage {number}: {error}"));
    }
    let names = fs::read_dir(harness.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let aside = names.filter(|name| name.to_str().unwrap().starts_with("set-aside.snap.")).count();
    assert_eq!(aside, 3, "what was not empty is kept");
}

/// A loss of power leaves of a file that was not synced nothing, zeroes or a part; and a kill at a start leaves any part of a
/// snapshot.
#[tokio::test]
async fn opens_whatever_is_left_of_conf_and_of_snapshots() {
    let harness = OnDisk::new();
    let store = harness.try_open().unwrap();
    let app = application(&store).await;
    subscribe(&store, app, 1, &["a"]).await;
    drop(store);
    drop(harness.try_open().unwrap());
    let conf = harness.path().join("conf");
    let content = fs::read(&conf).unwrap();
    let opens = async |what: &str| {
        let store = harness.try_open().unwrap_or_else(|error| panic!("{what}: {error}"));
        let all = store.list_subscriptions(app, &ListFilter::All, None, 10).await.unwrap();
        assert_eq!(all.len(), 1, "{what}");
        drop(store);
        assert_eq!(fs::read(&conf).unwrap(), content, "{what}");
    };
    for octets in (0..content.len()).step_by(8) {
        fs::write(&conf, &content[..octets]).unwrap();
        opens(&format!("conf cut to {octets}")).await;
        let mut torn = content.clone();
        torn[octets..].fill(0);
        fs::write(&conf, torn).unwrap();
        opens(&format!("conf with zeroes from {octets}")).await;
    }
    fs::remove_file(&conf).unwrap();
    opens("no conf").await;
    fs::remove_file(&conf).unwrap();
    fs::write(harness.path().join("conf.new"), &content[..20]).unwrap();
    opens("conf half written anew").await;
    let whole = fs::read(snapshot(&harness.path())).unwrap();
    for octets in (0..whole.len()).step_by(whole.len() / 10) {
        fs::write(unfinished(&snapshot(&harness.path())), &whole[..octets]).unwrap();
        opens(&format!("snapshot cut to {octets}")).await;
    }
    let names = fs::read_dir(harness.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let aside = names.filter(|name| name.to_str().unwrap().starts_with("set-aside.")).count();
    assert_eq!(aside, super::super::aside::SET_ASIDE_MAX, "what is set aside is bounded");
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
