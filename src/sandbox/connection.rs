//! What an answer can do to the connection that its request came on.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// One connection, as answers see it.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    close: CancellationToken,
    go_away: CancellationToken,
    requested: AtomicBool,
}

impl Connection {
    /// Ends it at once, with all that is open on it; what is written already is still sent.
    pub(crate) fn close(&self) {
        self.close.cancel();
    }

    /// Lets it end: GOAWAY on HTTP/2; no further request on HTTP/1.1.
    pub(crate) fn go_away(&self) {
        self.go_away.cancel();
    }

    /// Notes that a request came.
    pub(crate) fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Whether a request ever came.
    pub(crate) fn has_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    pub(crate) async fn closed(&self) {
        self.close.cancelled().await;
    }

    pub(crate) async fn going_away(&self) {
        self.go_away.cancelled().await;
    }
}
