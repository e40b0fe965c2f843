//! Attempts that this machine has no means for: they are counted, and told of now and then.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::observe::Metrics;
use crate::transport::TransportError;

/// How often it is said.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// When it was said last.
#[derive(Debug, Default)]
pub(super) struct Exhaustion(Mutex<Option<Instant>>);

impl Exhaustion {
    /// An attempt met a lack of descriptors or of places.
    pub(super) fn met(&self, error: &TransportError, metrics: &Metrics) {
        let times = metrics.attempt_exhausted();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY) {
            *told = Some(now);
            tracing::error!(%error, times, "deliveries wait: more open files may be needed (ulimit -n, LimitNOFILE)");
        }
    }
}
