//! Records that do not read.

use super::InMemory;
use crate::domain::{Audience, DeliveryState, Outcome};
use crate::store::conformance::{
    application, broadcast, commit, page, planned, read_audience, settling, stranger, subscribe,
};
use crate::store::kv::keys;
use crate::store::{ListFilter, MessageFilter, PageKey, Selector, Store as _, StoreError};

#[tokio::test]
async fn is_passed_over_in_scans_and_told_by_name() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let mut subscriptions = Vec::new();
    for number in 0..5 {
        subscriptions.push(subscribe(&store, app, number, &["a"]).await.subscription);
    }
    let broken = subscriptions.remove(2).target.id;
    harness.memory().damage(&keys::subscription(app, broken), b"\x01\xff\xff");
    for filter in [ListFilter::All, ListFilter::Topic("a".to_owned())] {
        let listed = store.list_subscriptions(app, &filter, None, 9).await.unwrap();
        assert_eq!(listed.len(), 4);
        assert!(listed.iter().all(|listed| subscriptions.contains(listed)));
    }
    assert_eq!(store.corrupt_records(), 2);
    let named = store.subscription(app, &Selector::Id(broken)).await;
    assert!(matches!(named, Err(StoreError::Corrupt("subscription"))));
    assert_eq!(store.targets(app, &[broken]).await.unwrap(), [None]);
    let everyone = broadcast(&store, app, Audience::All).await;
    assert_eq!(read_audience(&store, app, everyone, 2).await.targets.len(), 4);
    // What comes later works.
    subscribe(&store, app, 10, &["a"]).await;
    assert_eq!(store.list_subscriptions(app, &ListFilter::All, None, 9).await.unwrap().len(), 5);
}

#[tokio::test]
async fn of_one_message_hides_no_other() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    let app = application(&store).await;
    let mut messages = Vec::new();
    for _ in 0..3 {
        messages.push(planned(&store, app, vec![page(0, 1), page(1, 1)]).await);
    }
    for message in &messages {
        let key = PageKey { message: *message, number: 0 };
        let page = settling(key, &[stranger(0, 0)], DeliveryState::Accepted, Outcome::Accepted);
        commit(&store, app, *message, vec![page]).await;
    }
    let memory = harness.memory();
    memory.damage(&keys::state(app, messages[1]), b"");
    memory.damage(&keys::head(PageKey { message: messages[1], number: 1 }), b"\x07");
    let feed = store.feed(app, 0, 99).await.unwrap();
    memory.damage(&keys::feed(app, feed[1].seq), b"\x01\x12\x01\x00");
    memory.damage(&keys::segments(messages[0]).from, b"\x02");
    let open: Vec<_> = store.open_messages().await.unwrap().iter().map(|open| open.status.id).collect();
    assert_eq!(open, [messages[0], messages[2]]);
    assert_eq!(store.list_messages(app, &MessageFilter::default(), None, 9).await.unwrap().messages.len(), 2);
    assert!(matches!(store.message(app, messages[1]).await, Err(StoreError::Corrupt("message state"))));
    assert_eq!(store.page_heads().await.unwrap().len(), 2);
    assert_eq!(store.feed(app, 0, 99).await.unwrap().len(), feed.len() - 1);
    assert_eq!(store.segments(app, messages[0], 0, 9).await.unwrap(), []);
    assert_eq!(store.segments(app, messages[2], 0, 9).await.unwrap().len(), 1);
}
