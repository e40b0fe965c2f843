//! The time that certificates are judged by: the machine's, and 1970 for any before, where rustls's own would panic.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::domain::{Clock as _, SystemClock};

/// For every configuration of rustls.
pub(crate) fn provider() -> Arc<dyn TimeProvider> {
    Arc::new(TlsTime)
}

#[derive(Debug)]
struct TlsTime;

impl TimeProvider for TlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(SystemClock.now().as_secs())))
    }
}
