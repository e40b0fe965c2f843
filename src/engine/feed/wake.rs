//! What makes a stream that has told everything look again.

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::log::Joined;
use super::{FeedError, HEARTBEAT_INTERVAL, PROGRESS_INTERVAL};

pub(super) struct Wake {
    joined: Joined,
    stop: CancellationToken,
    last_progress: Instant,
}

pub(super) enum Woken {
    Grown,
    ProgressDue,
    HeartbeatDue,
}

impl Wake {
    pub(super) fn new(joined: Joined, stop: CancellationToken) -> Self {
        Self { joined, stop, last_progress: Instant::now() }
    }

    /// To be called before the log is read: what grows from then on wakes.
    pub(super) fn mark(&mut self) {
        self.joined.mark();
    }

    /// Waits for growth; with `stale` (counts may have changed since they were told last) for the next time to tell
    /// progress, else for the next heartbeat.
    pub(super) async fn wait(&mut self, stale: bool) -> Result<Woken, FeedError> {
        let progress = sleep_until(self.last_progress + PROGRESS_INTERVAL);
        let heartbeat = sleep_until(self.last_progress + HEARTBEAT_INTERVAL);
        let woken = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(FeedError::Draining),
            () = progress, if stale => Woken::ProgressDue,
            () = heartbeat => Woken::HeartbeatDue,
            () = self.joined.grown() => return Ok(Woken::Grown),
        };
        self.last_progress = Instant::now();
        Ok(woken)
    }
}
