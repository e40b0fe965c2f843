//! Follows the log of one application while anybody watches it: each new commit is read once, for all.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::log::Log;

/// How long reading waits when the store does not answer.
const STORE_RETRY: Duration = Duration::from_millis(200);

/// Runs until it is stopped.
pub(super) async fn follow(log: Arc<Log>, stop: CancellationToken) {
    let mut streams = log.streams.subscribe();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            open = streams.wait_for(|streams| *streams > 0) => if open.is_err() { return },
        }
        let mut synced = log.store.synced(log.application);
        log.follow_from(*synced.borrow_and_update());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = streams.wait_for(|streams| *streams == 0) => break,
                changed = synced.changed() => if changed.is_err() { return },
            }
            let readable = *synced.borrow_and_update();
            loop {
                match log.read_on(readable).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "the log could not be read; trying again");
                        tokio::time::sleep(STORE_RETRY).await;
                        if stop.is_cancelled() {
                            return;
                        }
                    }
                }
            }
        }
        log.unfollow();
    }
}
