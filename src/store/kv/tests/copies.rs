//! Copies of a data directory.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::super::{Settings, open_sled};
use super::OnDisk;
use crate::domain::{ApplicationId, DeliveryState, MessageId, Outcome, Target};
use crate::store::Store;
use crate::store::conformance::{Harness as _, application, commit, send, settling, subscribe};

async fn send_one(store: &dyn Store, app: ApplicationId, target: &Target) -> MessageId {
    let key = send(store, app, vec![target.clone()]).await.pages[0].head.key;
    let settled = settling(key, &[target.id], DeliveryState::Accepted, Outcome::Accepted);
    commit(store, app, key.message, vec![settled]).await;
    key.message
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

#[tokio::test]
async fn of_a_store_that_is_closed_has_everything() {
    let harness = OnDisk::new();
    let store = harness.open();
    let app = application(&*store).await;
    let target = subscribe(&*store, app, 1, &[]).await.subscription.target;
    let mut records = Vec::new();
    for _ in 0..40 {
        let message = send_one(&*store, app, &target).await;
        records.push(store.message(app, message).await.unwrap().unwrap());
    }
    store.close().await;
    drop(store);
    let to = harness.directory.path().join("copy");
    copy(&harness.path(), &to);
    let clock = Arc::new(harness.clock.clone());
    let copied = open_sled(&to, clock, Settings::default(), &harness.sealing).unwrap();
    for record in records {
        assert_eq!(copied.message(app, record.status.id).await.unwrap().as_ref(), Some(&record));
    }
    assert_eq!(copied.targets(app, &[target.id]).await.unwrap(), [Some(target)]);
    copied.close().await;
}
