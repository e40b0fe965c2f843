//! Origins of which nothing is stored any more.

use super::super::Settings;
use super::InMemory;
use crate::domain::{Endpoint, SubscriptionId};
use crate::store::conformance::{application, browser, endpoint, send, subscribe};
use crate::store::{Selector, Store as _, Subscribe};

#[tokio::test]
async fn are_forgotten_when_there_are_many() {
    let harness = InMemory::sealed();
    let store = harness.open_kv();
    let app = application(&store).await;
    let at = |number: u32| {
        let url = format!("https://push{number}.example.org/p");
        Subscribe { endpoint: Endpoint::parse(&url, false).unwrap(), ..browser(app, number) }
    };
    for number in 0..40 {
        store.subscribe(at(number)).await.unwrap();
    }
    for number in 0..38 {
        store.unsubscribe(app, &Selector::Endpoint(at(number).endpoint)).await.unwrap();
    }
    // One is of a recipient that is stored nowhere else.
    let mut inline = subscribe(&store, app, 1, &[]).await.subscription.target;
    store.unsubscribe(app, &Selector::Endpoint(endpoint(1))).await.unwrap();
    (inline.inline, inline.id) = (true, SubscriptionId([9; 16]));
    let message = send(&store, app, vec![inline]).await.record.status.id;
    drop(store);

    let few = harness.open_kv();
    assert!(few.known_origin(at(0).endpoint.origin()).is_some(), "not worth the reading");
    drop(few);
    let store = harness.open_with(Settings { origins_kept: 41, ..Settings::default() });
    let known = |number: u32| store.known_origin(at(number).endpoint.origin()).map(|origin| origin.id.0);
    assert!((0..38).all(|number| known(number).is_none()));
    let (kept, last) = (known(38).unwrap(), known(39).unwrap());
    assert!(store.known_origin(endpoint(1).origin()).is_some(), "{message}");
    // Its number is not given again.
    store.subscribe(at(3)).await.unwrap();
    assert!(known(3).unwrap() > last && kept < last);
}
