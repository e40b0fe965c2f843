//! What is sealed, under which key, and how that changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::backend::{Backend as _, Order};
use super::super::keys::{self, KeyRange};
use super::super::sealing::{MasterKey, Sealing};
use super::super::sled::OpenError;
use super::{InMemory, OnDisk, sealing};
use crate::domain::{ApplicationId, Audience, Timestamp, VapidKey, VapidKeyId};
use crate::store::conformance::{application, broadcast, subscribe};
use crate::store::{ListFilter, Store};
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
    let app = store.application("default").await.unwrap();
    assert_eq!(app.vapid_keys[0].private.as_deref(), Some(&[0x55; 32]));
    assert_eq!(store.secret("mine").await.unwrap(), secret);
    let all = store.list_subscriptions(app.id, &ListFilter::All, None, 1_000).await.unwrap();
    assert_eq!(all.len(), 200);
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
