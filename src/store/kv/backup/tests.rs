use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::backend::{Backend, Batch, Order, Row};
use super::super::memory::Memory;
use super::super::tests::{InMemory, sealing};
use super::super::{KvStore, Settings, open_sled};
use super::file::{FileReader, Frame};
use super::{FileError, HELD_OCTETS_MAX, RestoreError, Restored, check, restore};
use crate::domain::{ApplicationId, Audience};
use crate::store::backup::{Piece, Summary};
use crate::store::conformance::{START, application, broadcast, endpoint, subscribe, subscribe_user};
use crate::store::kv::keys;
use crate::store::kv::sled::OpenError;
use crate::store::{Backup, BackupError, FeedEntry, ListFilter, Selector, Store as _};

/// What is stored before a backup: several pieces of it.
const STORED: u32 = 3_000;

/// A store that holds more than fits into the pieces that are made ahead.
async fn filled(harness: &InMemory) -> (KvStore, ApplicationId) {
    let store = harness.open_kv();
    let app = application(&store).await;
    for number in 0..STORED {
        subscribe(&store, app, number, &["news", "sport"]).await;
    }
    broadcast(&store, app, Audience::All).await;
    (store, app)
}

fn rows(harness: &InMemory) -> Vec<Row> {
    harness.memory().scan(&keys::everything(), Order::Ascending, usize::MAX).unwrap()
}

/// Takes all that is left of a backup.
async fn rest(backup: &mut Backup, file: &mut Vec<u8>) -> Result<Summary, BackupError> {
    loop {
        match backup.next().await? {
            Piece::Octets(octets) => file.extend_from_slice(&octets),
            Piece::End(summary) => return Ok(summary),
        }
    }
}

async fn file_of(store: &KvStore) -> (Vec<u8>, Summary) {
    let mut file = Vec::new();
    let summary = rest(&mut store.backup().await.unwrap(), &mut file).await.unwrap();
    (file, summary)
}

fn written(file: &[u8]) -> Vec<Row> {
    let mut reader = FileReader::new(file).unwrap();
    let mut rows = BTreeMap::new();
    loop {
        match reader.next().unwrap() {
            Frame::Head(head) => assert_eq!(head.began, START.as_micros()),
            Frame::Writes(writes) => {
                for (key, value) in writes {
                    match value {
                        Some(value) => rows.insert(key, value),
                        None => rows.remove(&key),
                    };
                }
            }
            Frame::End(_) => return rows.into_iter().collect(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn has_what_was_written_before_and_while_it_is_made() {
    let harness = InMemory::new();
    let (store, app) = filled(&harness).await;
    let mut backup = store.backup().await.unwrap();
    let (mut file, mut number) = (Vec::new(), STORED);
    // Each piece lets it read on; between them rows come, change and go before and behind the place where it reads.
    let summary = loop {
        for _ in 0..10 {
            subscribe(&store, app, number, &["news"]).await;
            subscribe_user(&store, app, number % STORED, "changed").await;
            number += 1;
        }
        let listed = store.list_subscriptions(app, &ListFilter::All, None, 40).await.unwrap();
        let removed = &listed[usize::try_from(number).unwrap() % listed.len()];
        store.unsubscribe(app, &Selector::Id(removed.target.id)).await.unwrap();
        match backup.next().await.unwrap() {
            Piece::Octets(octets) => file.extend_from_slice(&octets),
            Piece::End(summary) => break summary,
        }
    };
    assert!(summary.writes > 100 && summary.records > 4 * u64::from(STORED), "{summary:?}");
    let restored = check(&file[..], |_| ()).unwrap();
    assert_eq!((restored.records, restored.writes), (summary.records, summary.writes));
    assert_eq!((restored.octets, restored.sha256), (file.len() as u64, summary.sha256));
}

/// What was acknowledged when the last piece but one was taken is there: the end is behind it.
#[tokio::test(flavor = "multi_thread")]
async fn is_the_store_at_its_end_exactly() {
    let harness = InMemory::new();
    let (store, app) = filled(&harness).await;
    let mut backup = store.backup().await.unwrap();
    let mut file = Vec::new();
    for number in STORED..STORED + 500 {
        subscribe(&store, app, number, &["news"]).await;
        if number % 100 == 0 {
            let Piece::Octets(octets) = backup.next().await.unwrap() else {
                panic!("it is too short to tell")
            };
            file.extend_from_slice(&octets);
        }
    }
    // It waits for its pieces to be taken; nobody writes any more.
    let summary = rest(&mut backup, &mut file).await.unwrap();
    assert!(summary.writes >= 500, "{summary:?}");
    assert_eq!(written(&file), rows(&harness));
}

/// Others go on past its end: it has a prefix of what they did, each thing as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn is_of_one_instant_while_others_go_on() {
    let harness = InMemory::new();
    let (store, app) = filled(&harness).await;
    let store = Arc::new(store);
    for round in 0..4 {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let writing = tokio::spawn({
            let (store, stop, acknowledged) =
                (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&acknowledged));
            async move {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    subscribe(&*store, app, 10_000 * (round + 1) + number, &["news"]).await;
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        let mut backup = store.backup().await.unwrap();
        let mut file = Vec::new();
        for _ in 0..8 {
            let Piece::Octets(octets) = backup.next().await.unwrap() else {
                panic!("it is too short to tell")
            };
            file.extend_from_slice(&octets);
        }
        let before = acknowledged.load(Ordering::SeqCst);
        rest(&mut backup, &mut file).await.unwrap();
        stop.store(true, Ordering::SeqCst);
        writing.await.unwrap();

        let memory = Memory::new();
        let writes = written(&file).into_iter().map(|(key, value)| (key, Some(value))).collect();
        memory.apply(Batch { writes }).unwrap();
        let clock = Arc::new(harness.clock.clone());
        let copy =
            KvStore::open(Arc::new(memory), clock, StdRng::seed_from_u64(1), Settings::default()).unwrap();
        for number in 0..before {
            let selector = Selector::Endpoint(endpoint(10_000 * (round + 1) + number));
            assert!(
                copy.subscription(app, &selector).await.unwrap().is_some(),
                "round {round}: {number} of {before}"
            );
        }
        let listed =
            copy.list_subscriptions(app, &ListFilter::All, None, usize::MAX).await.unwrap().len() as u64;
        assert_eq!(copy.subscription_count(app).await.unwrap(), listed);
        let changes = copy.changes(app, 0, usize::MAX).await.unwrap();
        assert_eq!(changes.len() as u64, *copy.changes_synced(app).borrow());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_at_a_time_and_who_leaves_makes_room() {
    let harness = InMemory::new();
    let (store, _) = filled(&harness).await;
    let backup = store.backup().await.unwrap();
    assert!(matches!(store.backup().await, Err(BackupError::Running)));
    drop(backup);
    let again = async {
        loop {
            match store.backup().await {
                Err(BackupError::Running) => tokio::task::yield_now().await,
                again => return again.unwrap(),
            }
        }
    };
    let mut again = tokio::time::timeout(std::time::Duration::from_secs(60), again).await.unwrap();
    rest(&mut again, &mut Vec::new()).await.unwrap();
    store.close().await;
    assert!(store.backup().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_no_more_than_it_may_for_whoever_does_not_take_it() {
    let harness = InMemory::new();
    let (store, app) = filled(&harness).await;
    let mut backup = store.begin_backup(50_000).await.unwrap();
    for number in STORED..STORED + 200 {
        subscribe(&store, app, number, &["news"]).await;
    }
    let ended = rest(&mut backup, &mut Vec::new()).await;
    assert!(matches!(ended, Err(BackupError::TooSlow)), "{ended:?}");
    let mut again = store.begin_backup(HELD_OCTETS_MAX).await;
    while matches!(again, Err(BackupError::Running)) {
        tokio::task::yield_now().await;
        again = store.begin_backup(HELD_OCTETS_MAX).await;
    }
    rest(&mut again.unwrap(), &mut Vec::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_off_or_changed_is_refused() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    subscribe(&store, app, 1, &["news"]).await;
    let (file, _) = file_of(&store).await;
    for length in 0..file.len() {
        let error = check(&file[..length], |_| ()).unwrap_err();
        let told = matches!(error, RestoreError::File(FileError::CutOff(_) | FileError::NoBackup));
        assert!(told, "the first {length} octets: {error}");
    }
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 0x20;
        assert!(check(&changed[..], |_| ()).is_err(), "octet {place}");
    }
    let more = [&file[..], b"x"].concat();
    assert!(matches!(check(&more[..], |_| ()), Err(RestoreError::File(FileError::Checksum))));
    let later = [b"fanfare backup 2\n", &file[17..]].concat();
    assert!(matches!(check(&later[..], |_| ()), Err(RestoreError::File(FileError::Later))));
}

/// Restores into a directory that only this makes, and opens what is there.
#[tokio::test(flavor = "multi_thread")]
async fn comes_back_as_a_store_and_is_there_as_a_whole_or_not_at_all() {
    let harness = InMemory::sealed();
    let store = harness.open_kv();
    let app = application(&store).await;
    for number in 0..200 {
        subscribe(&store, app, number, &["news"]).await;
    }
    let secret = store.secret("resume").await.unwrap();
    let (file, summary) = file_of(&store).await;
    let has = |octets: &[u8]| file.windows(octets.len()).any(|part| part == octets);
    assert!(!has(b"example.net") && !has(b"news") && !has(&secret), "it is sealed");
    assert_eq!(summary.master_keys.len(), 1);

    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("a/b");
    let restored =
        |file: &[u8]| -> Result<Restored, RestoreError> { restore(file, &to, Settings::default(), |_| ()) };
    let mut changed = file.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bad in [&changed[..], &file[..file.len() - 1]] {
        assert!(matches!(restored(bad), Err(RestoreError::File(_))));
        let left: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "nothing that opens");
    }
    // As a restore leaves it that was killed.
    fs::create_dir(to.join("restoring-1")).unwrap();
    fs::write(to.join("restoring-1/db"), "half of it").unwrap();
    assert_eq!(restored(&file).unwrap().master_keys, summary.master_keys);
    assert!(!to.join("restoring-1").exists());
    assert!(matches!(restored(&file), Err(RestoreError::HasStore)));

    let clock = Arc::new(harness.clock.clone());
    let open = |sealing| {
        open_sled(&to, Arc::<crate::domain::ManualClock>::clone(&clock), Settings::default(), &sealing)
    };
    assert!(matches!(open(sealing(2)), Err(OpenError::MasterKeyMissing { .. })));
    let again = open(sealing(1)).unwrap();
    assert_eq!(again.secret("resume").await.unwrap(), secret);
    for filter in [ListFilter::All, ListFilter::Topic("news".to_owned())] {
        let listed = store.list_subscriptions(app, &filter, None, 999).await.unwrap();
        assert_eq!(again.list_subscriptions(app, &filter, None, 999).await.unwrap(), listed);
    }
    // Whoever holds a token that the other store gave after its backup misses nothing of this one.
    let lost = broadcast(&store, app, Audience::All).await;
    assert!(store.message(app, lost).await.unwrap().is_some());
    let lost = *store.synced(app).borrow();
    let made = broadcast(&again, app, Audience::All).await;
    let feed = again.feed(app, lost + 1, 9).await.unwrap();
    assert_eq!(feed.iter().map(|row| &row.entries[..]).collect::<Vec<_>>(), [[FeedEntry::Accepted(made)]]);
    let lost = *store.changes_synced(app).borrow();
    subscribe(&again, app, 999, &[]).await;
    assert_eq!(again.changes(app, lost + 1, 9).await.unwrap().len(), 1);
    assert_eq!(again.verify(|_| ()).await.unwrap().lost(), 0);
    again.close().await;
}

#[test]
fn what_is_in_a_directory_stays() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("photo.jpg"), "mine").unwrap();
    let refused = restore(&b"fanfare backup 1\n"[..], directory.path(), Settings::default(), |_| ());
    assert!(matches!(refused, Err(RestoreError::NotEmpty(name)) if name == "photo.jpg"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert!(matches!(
        check(&b"-----BEGIN PRIVATE KEY-----"[..], |_| ()),
        Err(RestoreError::File(FileError::NoBackup))
    ));
}
