//! Applications, keys, tokens, secrets, origins.

use std::sync::Arc;

use futures_util::future::join_all;
use zeroize::Zeroizing;

use super::{Harness, START, application};
use crate::domain::{ApiToken, ApiTokenId, ApplicationId, Origin, OriginId, Role, VapidKey, VapidKeyId};
use crate::store::{Retention, StoreError, StoredToken};

pub(crate) async fn are_made_once(harness: &dyn Harness) {
    let store = harness.open();
    let made = join_all((0..8).map(|_| store.application("shop"))).await;
    let shop = made[0].as_ref().unwrap().id;
    assert!(made.iter().all(|made| made.as_ref().unwrap().id == shop));
    let default = application(&*store).await;
    assert_ne!(shop, default);
    let store = harness.reopen(store);
    assert_eq!(application(&*store).await, default);
    let all = store.applications().await.unwrap();
    let all: Vec<_> = all.iter().map(|application| (application.id, application.name.as_str())).collect();
    assert_eq!(all, [(shop, "shop"), (default, "default")]);
}

pub(crate) fn key(octet: u8) -> VapidKey {
    VapidKey {
        id: VapidKeyId(0),
        private: Some(Zeroizing::new([octet; 32])),
        public: [octet; 65],
        created: START,
        activated: None,
        retired: None,
    }
}

pub(crate) async fn keys_are_numbered(harness: &dyn Harness) {
    let store = harness.open();
    let default = application(&*store).await;
    assert_eq!(store.application("default").await.unwrap().current_vapid_key, None);
    for (octet, make_current, number, current) in
        [(10, false, 1, 1), (11, false, 2, 1), (12, true, 3, 3), (11, false, 2, 3), (11, true, 2, 2)]
    {
        let added = store.add_vapid_key(default, key(octet), make_current).await.unwrap();
        assert_eq!((added.id, added.public[0]), (VapidKeyId(number), octet));
        let now = store.application("default").await.unwrap();
        assert_eq!(now.current_vapid_key, Some(VapidKeyId(current)));
    }
    let store = harness.reopen(store);
    let now = store.application("default").await.unwrap();
    assert_eq!(now.current_vapid_key, Some(VapidKeyId(2)));
    for (stored, octet) in now.vapid_keys.iter().zip(10..) {
        assert_eq!(
            (stored.private.as_deref(), stored.public, stored.created),
            (Some(&[octet; 32]), [octet; 65], START)
        );
    }
    assert_eq!(now.vapid_keys.len(), 3);
    let unknown = store.add_vapid_key(ApplicationId(99), key(1), true).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
}

pub(crate) async fn tokens_are_replaced(harness: &dyn Harness) {
    let store = harness.open();
    let default = application(&*store).await;
    let token = |key: u16, origin: &str, jwt: &str| StoredToken {
        application: default,
        key: VapidKeyId(key),
        origin: origin.to_owned(),
        issued: START,
        expires: START.plus(std::time::Duration::from_secs(60)),
        extra: true,
        jwt: jwt.to_owned(),
    };
    for (key, origin, jwt) in
        [(1, "https://a.example", "one"), (2, "https://a.example", "two"), (1, "https://b.example", "three")]
    {
        store.put_vapid_token(token(key, origin, jwt)).await.unwrap();
    }
    store.put_vapid_token(token(1, "https://a.example", "four")).await.unwrap();
    let store = harness.reopen(store);
    let mut tokens = store.vapid_tokens().await.unwrap();
    tokens.sort_by(|a, b| a.jwt.cmp(&b.jwt));
    let tokens: Vec<_> =
        tokens.iter().map(|token| (token.jwt.as_str(), token.key.0, token.origin.as_str())).collect();
    assert_eq!(
        tokens,
        [
            ("four", 1, "https://a.example"),
            ("three", 1, "https://b.example"),
            ("two", 2, "https://a.example")
        ]
    );
    // One that has expired is of an origin to which nothing is sent any more.
    harness.clock().advance(std::time::Duration::from_secs(59));
    let day = std::time::Duration::from_secs(24 * 3_600);
    let retention = Retention { events: day, messages: day, changes: day, removed: day };
    store.trim(retention).await.unwrap();
    assert_eq!(store.vapid_tokens().await.unwrap().len(), 3);
    let later = StoredToken { expires: START.plus(day), ..token(1, "https://b.example", "five") };
    store.put_vapid_token(later).await.unwrap();
    harness.clock().advance(std::time::Duration::from_secs(1));
    while store.trim(retention).await.unwrap().more {}
    let left: Vec<_> = store.vapid_tokens().await.unwrap().into_iter().map(|token| token.jwt).collect();
    assert_eq!(left, ["five"]);
}

pub(crate) async fn secrets_stay(harness: &dyn Harness) {
    let store = harness.open();
    let made = join_all((0..4).map(|_| store.secret("resume token"))).await;
    let secret = *made[0].as_ref().unwrap();
    assert!(made.iter().all(|made| *made.as_ref().unwrap() == secret));
    assert_ne!(secret, [0; 32]);
    assert_ne!(store.secret("receipt").await.unwrap(), secret);
    let store = harness.reopen(store);
    assert_eq!(store.secret("resume token").await.unwrap(), secret);
}

pub(crate) async fn origins_are_numbered(harness: &dyn Harness) {
    let origin = |number: u32| Origin::parse(&format!("https://push{number}.example.net")).unwrap();
    let store = harness.open();
    let interned = join_all((0..300).map(|number| {
        let store = Arc::clone(&store);
        async move { store.intern_origin(&origin(number % 150)).await.unwrap() }
    }))
    .await;
    for (first, second) in interned.iter().zip(&interned[150..]) {
        assert_eq!(first, second);
        assert_eq!(store.origin(first.id).as_ref(), Some(first));
    }
    let mut by_id = interned[..150].to_vec();
    by_id.sort_by_key(|info| info.id);
    let numbers: Vec<_> = by_id.iter().map(|info| info.id.0).collect();
    assert_eq!(numbers, (1..=150).collect::<Vec<_>>());
    assert_eq!(store.origin(OriginId(0)), None);
    assert_eq!(store.origin(OriginId(1_000)), None);
    let store = harness.reopen(store);
    for info in by_id {
        assert_eq!(store.origin(info.id).as_ref(), Some(&info));
        assert_eq!(store.intern_origin(&info.origin).await.unwrap(), info);
    }
}

pub(crate) async fn api_tokens_are_kept_used_and_removed(harness: &dyn Harness) {
    let store = harness.open();
    let default = application(&*store).await;
    let token = |number: u8| ApiToken {
        id: ApiTokenId([number; 16]),
        application: (number > 1).then_some(default),
        roles: Role::ALL.into_iter().skip(usize::from(number)).collect(),
        display_name: format!("token {number}"),
        secret_hash: [number ^ 0xff; 32],
        expires: (number > 2).then_some(START),
        created: START,
        last_used: None,
    };
    for number in [3, 1, 2] {
        store.put_api_token(token(number)).await.unwrap();
    }
    store.api_token_used(ApiTokenId([2; 16]), START).await.unwrap();
    store.api_token_used(ApiTokenId([9; 16]), START).await.unwrap();
    let store = harness.reopen(store);
    let used = ApiToken { last_used: Some(START), ..token(2) };
    assert_eq!(store.api_tokens().await.unwrap(), [token(1), used.clone(), token(3)]);
    assert!(store.remove_api_token(ApiTokenId([1; 16])).await.unwrap());
    assert!(!store.remove_api_token(ApiTokenId([1; 16])).await.unwrap());
    // A note that comes late does not bring it back.
    store.api_token_used(ApiTokenId([1; 16]), START).await.unwrap();
    store.put_api_token(ApiToken { display_name: "other".to_owned(), ..token(3) }).await.unwrap();
    let store = harness.reopen(store);
    let changed = ApiToken { display_name: "other".to_owned(), ..token(3) };
    assert_eq!(store.api_tokens().await.unwrap(), [used, changed]);
}
