//! What is looked at again and again while something else goes on.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::stage::{Server, resident_octets};

const LOOK: Duration = Duration::from_millis(100);

/// The most that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peak {
    pub(crate) resident_octets: u64,
    pub(crate) targets_in_memory: f64,
    pub(crate) unsettled: f64,
}

/// Looks at a server.
#[derive(Debug)]
pub(crate) struct Peaks {
    admin: SocketAddr,
    process: Option<u32>,
    watching: Option<(CancellationToken, JoinHandle<anyhow::Result<Peak>>)>,
}

impl Peaks {
    /// Of this server, once told to.
    pub(crate) fn of(server: &Server) -> Self {
        Self { admin: server.admin, process: server.process.id(), watching: None }
    }

    /// Begins to look.
    pub(crate) fn watch(&mut self) {
        let stop = CancellationToken::new();
        let (admin, process, stopped) = (self.admin, self.process, stop.clone());
        let watching = tokio::spawn(async move {
            let mut peak = Peak::default();
            let mut ticks = interval(LOOK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !stopped.is_cancelled() {
                ticks.tick().await;
                let metrics = Metrics::read(admin).await?;
                peak.resident_octets = peak.resident_octets.max(resident_octets(process)?);
                peak.targets_in_memory =
                    peak.targets_in_memory.max(metrics.sum("fanfare_targets_in_memory", ""));
                peak.unsettled = peak.unsettled.max(metrics.sum("fanfare_unsettled_deliveries", ""));
            }
            Ok(peak)
        });
        self.watching = Some((stop, watching));
    }

    /// Ends it, and tells what was seen since.
    pub(crate) async fn look(&mut self) -> anyhow::Result<Peak> {
        let (stop, watching) = self.watching.take().context("nobody watches")?;
        stop.cancel();
        watching.await?
    }
}
