//! Endpoints that an earlier version stored as they were spelled.

use super::super::backend::{Backend as _, Batch, Order};
use super::super::keys::{self, KeyRange};
use super::super::records::Record as _;
use super::super::records::subscription::{SubscriptionReference, SubscriptionValue};
use super::InMemory;
use crate::domain::Endpoint;
use crate::store::conformance::{application, browser};
use crate::store::{Selector, Store as _, Subscribe};

const SPELLED: &str = "https://Push.Example.net:443/p/1";
const NORMAL: &str = "https://push.example.net/p/1";

fn at(url: &str) -> Endpoint {
    Endpoint::parse(url, false).unwrap()
}

#[tokio::test]
async fn are_found_as_they_were_and_become_one_with_all_others() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let made = store.subscribe(Subscribe { endpoint: at(NORMAL), ..browser(app, 1) }).await.unwrap();
    let id = made.subscription.target.id;
    let mut earlier = made.subscription;
    earlier.target.endpoint = at(SPELLED);
    let mut rows = Batch::default();
    rows.writes.insert(keys::subscription(app, id), Some(SubscriptionValue::new(&earlier).to_value()));
    rows.writes.insert(keys::endpoint(app, NORMAL), None);
    rows.writes.insert(keys::endpoint(app, SPELLED), Some(SubscriptionReference::new(id).to_value()));
    harness.memory().apply(rows).unwrap();

    let found = store.subscription(app, &Selector::Endpoint(at(SPELLED))).await.unwrap().unwrap();
    assert_eq!((found.target.id, found.target.endpoint.expose()), (id, NORMAL));
    // Changed in another way, it stays where it is.
    let patch = crate::store::SubscriptionPatch { locale: Some("de".to_owned()), ..Default::default() };
    store.update_subscription(app, &Selector::Id(id), patch).await.unwrap();
    let again = store.subscribe(Subscribe { endpoint: at(SPELLED), ..browser(app, 1) }).await.unwrap();
    assert_eq!((again.created, again.subscription.target.id), (false, id));
    for url in [NORMAL, SPELLED, "https://PUSH.example.net/p/1"] {
        let found = store.subscription(app, &Selector::Endpoint(at(url))).await.unwrap();
        assert_eq!(found.map(|found| found.target.id), Some(id), "{url}");
    }
    store.unsubscribe(app, &Selector::Endpoint(at(NORMAL))).await.unwrap();
    let endpoints = KeyRange { from: vec![0x13], to: vec![0x14] };
    assert!(harness.memory().scan(&endpoints, Order::Ascending, 9).unwrap().is_empty());
}
