//! What is sealed, under which key, and how that changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::super::backend::{Backend, Batch, Order, Row, Space};
use super::super::keys::{self, KeyRange};
use super::super::memory::Memory;
use super::super::records::{Number, Record as _};
use super::super::sealing::{MasterKey, Sealing};
use super::super::sled::OpenError;
use super::super::{FORMAT, FORMAT_NAME, KvStore, Settings};
use super::{InMemory, OnDisk, sealing};
use crate::domain::{ApplicationId, Audience, SubscriptionId, Timestamp, VapidKey, VapidKeyId};
use crate::store::conformance::{application, broadcast, endpoint, message, subscribe, subscribe_user};
use crate::store::{ListFilter, NewMessage, Recipients, Selector, Store, StoreError};
use zeroize::Zeroizing;

/// What is written by [`fill`], and must not be found in a sealed store.
const SECRETS: [&[u8]; 4] = [&[0x55; 32], b"/p/0", b"hello", b"news"];

/// A VAPID key, a secret, subscriptions and a message.
async fn fill(store: &dyn Store) -> (ApplicationId, [u8; 32]) {
    let app = application(store).await;
    let key = VapidKey {
        id: VapidKeyId(1),
        private: Some(Zeroizing::new([0x55; 32])),
        activated: None,
        retired: None,
        public: [4; 65],
        created: Timestamp::from_secs(1),
    };
    store.add_vapid_key(app, key, true).await.unwrap();
    for number in 0..200 {
        subscribe(store, app, number, &["news"]).await;
    }
    broadcast(store, app, Audience::All).await;
    (app, store.secret("mine").await.unwrap())
}

/// Every row as the database has it.
fn rows(harness: &InMemory) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = KeyRange { from: vec![0], to: vec![0xff] };
    harness.memory().scan(&all, Order::Ascending, usize::MAX).unwrap()
}

/// Whether a value of the database has these octets in it.
fn has(harness: &InMemory, octets: &[u8]) -> bool {
    // Topic names are keys of their own; only values are sealed.
    rows(harness).iter().any(|(key, value)| {
        keys::secrecy(key) != keys::Secrecy::None && value.windows(octets.len()).any(|part| part == octets)
    })
}

async fn check(store: &dyn Store, secret: [u8; 32]) {
    check_all(store, secret, 200).await;
}

async fn check_all(store: &dyn Store, secret: [u8; 32], subscriptions: usize) {
    let app = store.application("default").await.unwrap();
    assert_eq!(app.vapid_keys[0].private.as_deref(), Some(&[0x55; 32]));
    assert_eq!(store.secret("mine").await.unwrap(), secret);
    let all = store.list_subscriptions(app.id, &ListFilter::All, None, 1_000).await.unwrap();
    assert_eq!(all.len(), subscriptions);
}

/// A message of a request.
fn requested(app: ApplicationId, request_id: &str) -> NewMessage {
    NewMessage { request_id: request_id.to_owned(), ..message(app, Recipients::Audience(Audience::All)) }
}

#[tokio::test]
async fn a_sealed_store_has_no_secret_in_the_clear() {
    let harness = InMemory::new();
    let (_, secret) = fill(&harness.open_kv()).await;
    // The search finds what is there.
    for text in SECRETS.iter().take(2) {
        assert!(has(&harness, text), "{}", text.escape_ascii());
    }
    assert!(has(&harness, &secret));

    let harness = InMemory::sealed();
    let (_, secret) = fill(&harness.open_kv()).await;
    for text in SECRETS {
        assert!(!has(&harness, text), "{}", text.escape_ascii());
    }
    assert!(!has(&harness, &secret));
    check(&harness.open_kv(), secret).await;
}

#[tokio::test]
async fn keys_are_sealed_whatever_else_is() {
    let harness =
        InMemory { sealing: Sealing::new(vec![MasterKey::new(&[1; 32])], false, false), ..InMemory::new() };
    let (_, secret) = fill(&harness.open_kv()).await;
    assert!(!has(&harness, &[0x55; 32]) && !has(&harness, &secret));
    assert!(has(&harness, b"/p/0"), "subscriptions are not");
}

#[tokio::test]
async fn what_was_stored_before_is_sealed_anew_at_any_time_and_former_keys_may_go() {
    let mut harness = InMemory::new();
    let (_, secret) = fill(&harness.open_kv()).await;

    // Turned on: what is there stays readable, and is sealed when asked for.
    harness.sealing = sealing(1);
    let store = harness.open_kv();
    check(&store, secret).await;
    assert!(has(&harness, b"/p/0"));
    assert!(store.is_reseal_due().await.unwrap());
    let stale = store.stale_rows().await.unwrap();
    assert!(stale > 400, "{stale}");
    let resealed = store.reseal(|_| ()).await.unwrap();
    assert_eq!((resealed.rewritten, resealed.damaged), (stale, 0));
    assert!(!SECRETS.iter().any(|text| has(&harness, text)));
    assert!(!store.is_reseal_due().await.unwrap());
    assert_eq!(store.reseal(|_| ()).await.unwrap().rewritten, 0, "all is done");
    drop(store);

    // Another key, with the former one.
    let both = Sealing::new(vec![MasterKey::new(&[2; 32]), MasterKey::new(&[1; 32])], true, true);
    harness.sealing = both;
    let store = harness.open_kv();
    check(&store, secret).await;
    // With the secret of the keys, which came with the sealing.
    let stale = stale + 1;
    assert_eq!(store.reseal(|_| ()).await.unwrap().rewritten, stale);
    drop(store);
    harness.sealing = sealing(2);
    let store = harness.open_kv();
    check(&store, secret).await;
    drop(store);

    // Turned off.
    harness.sealing = sealing(2).opening_only();
    let store = harness.open_kv();
    assert_eq!(store.reseal(|_| ()).await.unwrap().rewritten, stale);
    drop(store);
    harness.sealing = Sealing::default();
    check(&harness.open_kv(), secret).await;
}

#[tokio::test]
async fn sealing_anew_that_is_broken_off_by_a_crash_goes_on() {
    let mut harness = InMemory::new();
    let (_, secret) = fill(&harness.open_kv()).await;
    harness.sealing = sealing(1);
    let store = harness.open_kv();
    let all = store.stale_rows().await.unwrap();
    let (told, heard) = tokio::sync::oneshot::channel();
    let mut told = Some(told);
    let resealing = store.reseal(|_| {
        told.take().map(|told| told.send(()));
    });
    tokio::select! {
        biased;
        _ = heard => {}
        done = resealing => panic!("it was not broken off: {done:?}"),
    }
    harness.crash();
    drop(store);
    let store = harness.open_kv();
    check(&store, secret).await;
    assert!(store.is_reseal_due().await.unwrap());
    let left = store.stale_rows().await.unwrap();
    assert!(left > 0 && left < all, "{left} of {all}");
    assert_eq!(store.reseal(|_| ()).await.unwrap().rewritten, left);
    assert!(!SECRETS.iter().any(|text| has(&harness, text)));
    check(&store, secret).await;
}

/// Whether any key has a text, or the hash of one that stands in keys otherwise.
fn is_known_by_its_keys(harness: &InMemory) -> bool {
    let known = [
        keys::user(ApplicationId(1), "anna", SubscriptionId([0; 16]))[5..21].to_vec(),
        keys::endpoint(ApplicationId(1), endpoint(1_000).expose())[1..17].to_vec(),
        keys::origin_text(endpoint(1_000).origin().as_str())[1..17].to_vec(),
        keys::request(ApplicationId(1), "order-4711")[5..21].to_vec(),
        b"news".to_vec(),
    ];
    let has = |key: &[u8], known: &[u8]| key.windows(known.len()).any(|part| part == known);
    let found = known.iter().filter(|known| rows(harness).iter().any(|(key, _)| has(key, known))).count();
    assert!(found == 0 || found == known.len(), "{found}: some and not others");
    found > 0
}

/// What [`fill`] does, and things that are found by a user, an endpoint, and a request.
async fn fill_more(store: &dyn Store) -> [u8; 32] {
    let (app, secret) = fill(store).await;
    assert_eq!(app, ApplicationId(1));
    for number in 1_000..1_100 {
        subscribe_user(store, app, number, "anna").await;
    }
    store.accept(requested(app, "order-4711")).await.unwrap();
    secret
}

async fn find_more(store: &dyn Store) {
    let app = ApplicationId(1);
    let filter = ListFilter::User("anna".to_owned());
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let some = store.list_subscriptions(app, &filter, after, 7).await.unwrap();
        after = some.last().map(|last| last.target.id);
        found.extend(some);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found.len(), 100);
    assert!(found.is_sorted_by_key(|found| found.target.id));
    let by_endpoint = store.subscription(app, &Selector::Endpoint(endpoint(1_000))).await.unwrap().unwrap();
    assert_eq!(by_endpoint.target.user_id, "anna");
    assert_eq!(store.estimate(app, &Audience::Topics(vec!["news".to_owned()])).await.unwrap(), 200);
    assert!(store.accept(requested(app, "order-4711")).await.unwrap().replayed);
}

#[tokio::test]
async fn keys_of_a_sealed_store_tell_nothing_of_callers_texts() {
    let harness = InMemory::new();
    fill_more(&harness.open_kv()).await;
    assert!(is_known_by_its_keys(&harness), "the search finds what is there");
    let harness = InMemory::sealed();
    let store = harness.open_kv();
    fill_more(&store).await;
    find_more(&store).await;
    assert!(!is_known_by_its_keys(&harness));
    // Rows of an application are cleared away whatever their keys are.
    store.unsubscribe(ApplicationId(1), &Selector::User("anna".to_owned())).await.unwrap();
    let users = KeyRange { from: vec![0x12], to: vec![0x13] };
    assert!(harness.memory().scan(&users, Order::Ascending, 9).unwrap().is_empty());
}

/// A database that fails after some batches.
#[derive(Debug)]
struct Fails {
    memory: Memory,
    batches: AtomicUsize,
}

impl Backend for Fails {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(key)
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.memory.scan(range, order, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let left = self.batches.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| StoreError::Unavailable("it fails".to_owned()))?;
        self.memory.apply(batch)?;
        self.memory.sync()
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
async fn keys_of_a_store_that_was_not_sealed_are_rewritten_whatever_crashes_meanwhile() {
    let mut harness = InMemory::new();
    let secret = fill_more(&harness.open_kv()).await;
    harness.sealing = sealing(1);
    // Each start comes some batches further.
    let mut starts = 0;
    loop {
        let fails = Fails { memory: harness.memory(), batches: AtomicUsize::new(3) };
        let clock = Arc::new(harness.clock.clone());
        let random = StdRng::seed_from_u64(starts);
        let sealing = &harness.sealing;
        match KvStore::open_sealed(Arc::new(fails), clock, random, Settings::default(), sealing) {
            Ok(store) => break drop(store),
            Err(OpenError::Store(StoreError::Unavailable(_))) => starts += 1,
            Err(error) => panic!("{error}"),
        }
        harness.crash();
        assert!(starts < 100, "it gets nowhere");
    }
    assert!(starts > 3, "{starts}");
    assert!(!is_known_by_its_keys(&harness));
    let store = harness.open_kv();
    check_all(&store, secret, 300).await;
    find_more(&store).await;
    store.reseal(|_| ()).await.unwrap();
    drop(store);
    // It stays so without any sealing, and no earlier version opens it.
    harness.sealing = harness.sealing.opening_only();
    harness.open_kv().reseal(|_| ()).await.unwrap();
    harness.sealing = Sealing::default();
    let store = harness.open_kv();
    find_more(&store).await;
    assert!(!is_known_by_its_keys(&harness));
    let format = harness.memory().get(&keys::meta(FORMAT_NAME)).unwrap().unwrap();
    assert_eq!(Number::from_value(&format).unwrap(), Number::new(FORMAT));
}

#[tokio::test]
async fn a_value_in_another_row_is_damage() {
    let harness = InMemory::sealed();
    let (app, _) = fill(&harness.open_kv()).await;
    let subscriptions: Vec<_> = rows(&harness)
        .into_iter()
        .filter(|(key, _)| key.starts_with(&keys::subscriptions(app).from))
        .collect();
    let mut batch = super::super::backend::Batch::default();
    batch.writes.insert(subscriptions[0].0.clone(), Some(subscriptions[1].1.clone()));
    harness.memory().apply(batch).unwrap();
    let store = harness.open_kv();
    let all = store.list_subscriptions(app, &ListFilter::All, None, 1_000).await.unwrap();
    assert_eq!((all.len(), store.corrupt_records()), (199, 1));
}

#[tokio::test]
async fn a_store_does_not_open_without_its_keys() {
    let mut harness = OnDisk::new();
    harness.sealing = sealing(1);
    let (_, secret) = fill(&harness.try_open().unwrap()).await;
    for wrong in [Sealing::default(), sealing(2)] {
        harness.sealing = wrong;
        let refused = harness.try_open().unwrap_err();
        assert!(matches!(refused, OpenError::MasterKeyMissing { .. }), "{refused:?}");
        let told = refused.to_string();
        assert!(told.contains(&MasterKey::new(&[1; 32]).fingerprint().to_string()), "{told}");
    }
    harness.sealing = sealing(1);
    check(&harness.try_open().unwrap(), secret).await;
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    let harness = OnDisk::new();
    drop(harness.try_open().unwrap());
    fs::set_permissions(harness.path().join("db"), fs::Permissions::from_mode(0o644)).unwrap();
    let store = harness.try_open().unwrap();
    for entry in fs::read_dir(harness.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} {mode:o}", entry.path().display());
    }
    drop(store);
}
