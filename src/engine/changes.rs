//! The change feed of subscriptions, read as status streams read the log: at the reader's pace, a bounded number of entries
//! at a time, with a position to go on from.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::feed::HEARTBEAT_INTERVAL;
use crate::domain::{ApplicationId, Timestamp};
use crate::store::{Change, Store, StoreError};

/// Entries that a reader takes from the store at once: what a stream holds at most.
const CHANGES_AT_ONCE: usize = 100;

/// Where a reader starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesStart {
    /// After this number of the application's sequence of changes.
    After(u64),
    /// With the first change at or after this time, or the oldest that is kept.
    Time(Timestamp),
    /// With what comes from now on.
    Now,
}

/// Changes, and where the reader stands after them. Without changes: the first, or a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// In the order of their numbers; at most 100.
    pub changes: Vec<Change>,
    /// Everything up to this number has been read.
    pub position: u64,
}

/// Why a reader ended.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// What would come next is not kept any more.
    #[error("the changes from here on were trimmed")]
    Trimmed {
        /// When the oldest change was made that is kept, or the last one that is not.
        oldest: Timestamp,
    },
    /// This server stops: go on elsewhere, or here later, from the last position.
    #[error("this server is stopping")]
    Draining,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A reader of changes; it does not end by itself.
pub type ChangeStream = Pin<Box<dyn Stream<Item = Result<Changes, ChangesError>> + Send>>;

/// Starts a reader. It says at once where it stands, and at least every [`HEARTBEAT_INTERVAL`].
pub fn watch(
    store: Arc<dyn Store>,
    application: ApplicationId,
    start: ChangesStart,
    stop: CancellationToken,
) -> ChangeStream {
    Box::pin(async_stream::try_stream! {
        let mut synced = store.changes_synced(application);
        let mut since = Timestamp::default();
        let mut position = match start {
            ChangesStart::After(position) => position,
            ChangesStart::Now => *synced.borrow_and_update(),
            ChangesStart::Time(time) => {
                since = time;
                let first = store.change_at(application, time).await?;
                first.max(store.kept(application).await?.changes_from).saturating_sub(1)
            }
        };
        check_kept(&*store, application, position).await?;
        yield Changes { changes: Vec::new(), position };
        let mut spoke = Instant::now();
        loop {
            let readable = *synced.borrow_and_update();
            while position < readable {
                let mut changes = store.changes(application, position + 1, CHANGES_AT_ONCE).await?;
                if changes.first().is_none_or(|first| first.seq > position + 1) {
                    check_kept(&*store, application, position).await?;
                }
                // Nothing is left, or only what came after: a record that does not read has been passed over.
                position = changes.last().map_or(readable, |last| last.seq);
                changes.retain(|change| change.time >= since);
                if !changes.is_empty() {
                    spoke = Instant::now();
                    yield Changes { changes, position };
                }
            }
            let grown = tokio::select! {
                biased;
                () = stop.cancelled() => Err(ChangesError::Draining),
                () = sleep_until(spoke + HEARTBEAT_INTERVAL) => Ok(false),
                changed = synced.changed() => changed.map(|()| true).map_err(|_| ChangesError::Draining),
            };
            if !grown? {
                spoke = Instant::now();
                yield Changes { changes: Vec::new(), position };
            }
        }
    })
}

/// Whether what follows `position` is kept.
async fn check_kept(
    store: &dyn Store,
    application: ApplicationId,
    position: u64,
) -> Result<(), ChangesError> {
    let kept = store.kept(application).await?;
    if position + 1 < kept.changes_from {
        return Err(ChangesError::Trimmed { oldest: kept.changes_time });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;
    use crate::domain::ManualClock;
    use crate::store::kv;

    #[tokio::test(start_paused = true)]
    async fn a_reader_speaks_at_once_and_then_every_fifteen_seconds_until_the_server_stops() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let store: Arc<dyn Store> = Arc::new(kv::memory(clock).unwrap());
        let application = store.application("default").await.unwrap().id;
        let stop = CancellationToken::new();
        let mut reader = watch(Arc::clone(&store), application, ChangesStart::Now, stop.clone());
        let idle = Changes { changes: Vec::new(), position: 0 };
        let began = Instant::now();
        assert_eq!(reader.next().await.unwrap().unwrap(), idle);
        assert!(began.elapsed() < HEARTBEAT_INTERVAL);
        for beats in 1..=3 {
            assert_eq!(reader.next().await.unwrap().unwrap(), idle);
            assert!(began.elapsed() >= HEARTBEAT_INTERVAL * beats);
        }
        stop.cancel();
        assert!(matches!(reader.next().await, Some(Err(ChangesError::Draining))));
        store.close().await;
    }
}
