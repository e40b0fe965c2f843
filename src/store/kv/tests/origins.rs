//! Forgetting unused origins: crashes in it, and records that do not read.

use super::InMemory;
use crate::domain::Endpoint;
use crate::store::conformance::{Harness as _, application, browser};
use crate::store::kv::keys;
use crate::store::{ListFilter, Selector, Store, StoreError, Subscribe};

/// Origins of which nothing is stored, and as many of which a subscription is.
const EACH: u32 = 100;

fn at(host: u32) -> Endpoint {
    Endpoint::parse(&format!("https://push{host}.example.org/p"), false).unwrap()
}

async fn fill(store: &dyn Store) {
    let app = application(store).await;
    for host in 0..2 * EACH {
        store.subscribe(Subscribe { endpoint: at(host), ..browser(app, host) }).await.unwrap();
    }
    for host in 0..EACH {
        store.unsubscribe(app, &Selector::Endpoint(at(host))).await.unwrap();
    }
}

async fn sweep(store: &dyn Store) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    loop {
        let step = store.trim_origins(1, 50).await?;
        forgotten += step.forgotten;
        if !step.more {
            return Ok(forgotten);
        }
    }
}

#[tokio::test]
async fn a_crash_leaves_none_in_part() {
    let mut crashes = 0;
    for syncs in 0_u64.. {
        let harness = InMemory::sealed();
        let store = harness.open_kv();
        fill(&store).await;
        let app = application(&store).await;
        harness.memory().crash_after(syncs);
        // Others write meanwhile, and bring some of them again.
        let again = async {
            for host in 0..EACH / 10 {
                let subscribe = Subscribe { endpoint: at(host), ..browser(app, host) };
                let _ = store.subscribe(subscribe).await;
            }
        };
        let (crashed, ()) = tokio::join!(sweep(&store), again);
        drop(store);
        harness.crash();

        let store = harness.open();
        let app = application(&*store).await;
        let found = store.list_subscriptions(app, &ListFilter::All, None, 1_000).await.unwrap();
        assert!(found.len() >= EACH as usize);
        let used = found.len();
        for found in found {
            let origin = store.origin(found.target.origin).unwrap();
            assert_eq!(&origin.origin, found.target.endpoint.origin());
            assert_eq!(store.known_origin(&origin.origin), Some(origin));
        }
        // What was left behind goes the next time.
        sweep(&*store).await.unwrap();
        let known = store.trim_origins(usize::MAX, 1).await.unwrap().known;
        assert_eq!(known, used);
        for (kind, range) in keys::kinds().filter(|(kind, _)| kind.starts_with("origin")) {
            assert_eq!(harness.memory().rows(&range.from), used, "{kind}");
        }
        if crashed.is_ok() && crashes > 0 {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 3, "{crashes}");
}

#[tokio::test]
async fn none_are_forgotten_while_a_record_does_not_read() {
    let harness = InMemory::new();
    let store = harness.open_kv();
    fill(&store).await;
    let app = application(&store).await;
    let one = store.subscription(app, &Selector::Endpoint(at(EACH))).await.unwrap().unwrap();
    harness.memory().damage(&keys::subscription(app, one.target.id), b"\x01\xff\xff");
    assert_eq!(sweep(&store).await.unwrap(), 0);
    assert_eq!(store.trim_origins(usize::MAX, 1).await.unwrap().known, 2 * EACH as usize);
}
