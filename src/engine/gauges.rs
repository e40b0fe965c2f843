//! What is counted now and then, for operators: what lanes do, and how many subscriptions there are at each push service.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::Engine;
use super::core::Input;
use crate::domain::{SubscriptionState, Target};
use crate::observe::{LaneCounts, SubscriptionCounts};
use crate::store::{ListFilter, StoreError};
use crate::webpush::push_service::PushService;

/// How often lanes are looked at: three times in a scrape's usual 15 s.
const LANES_SHOWN: Duration = Duration::from_secs(5);
/// Subscriptions that are read at once for counting.
const COUNTED_AT_ONCE: usize = 512;
/// Between two reads counting rests for so many times as long as the last one took, so that it takes a hundredth of a core.
const REST: u32 = 100;
/// Between two counts at least.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

impl Engine {
    /// Shows what the lanes do, until the engine stops.
    pub(super) async fn show_lanes(self) {
        let stop = self.stop.clone();
        let show = async {
            loop {
                self.show_lanes_once().await;
                sleep(LANES_SHOWN).await;
            }
        };
        stop.run_until_cancelled_owned(show).await;
    }

    async fn show_lanes_once(&self) {
        let (answer, answered) = oneshot::channel();
        self.input(Input::LaneCounts(answer)).await;
        let mut counts = [LaneCounts::default(); PushService::ALL.len()];
        for (origin, of) in answered.await.unwrap_or_default() {
            if let Some(known) = self.store.origin(origin) {
                counts[PushService::of_origin(&known.origin) as usize].add(of);
            }
        }
        for service in PushService::ALL {
            self.metrics.lanes(service, counts[service as usize]);
        }
    }

    /// Counts subscriptions again and again, until the engine stops.
    pub(super) async fn count_subscriptions(self) {
        let stop = self.stop.clone();
        let count = async {
            loop {
                match self.counted().await {
                    Ok(census) => {
                        for service in PushService::ALL {
                            self.metrics.subscriptions(service, census.0[service as usize]);
                        }
                    }
                    Err(error) => tracing::debug!(%error, "subscriptions could not be counted"),
                }
                sleep(COUNTED_EVERY).await;
            }
        };
        stop.run_until_cancelled_owned(count).await;
    }

    async fn counted(&self) -> Result<Census, StoreError> {
        let mut census = Census::default();
        for application in self.applications.all() {
            let mut after = None;
            loop {
                let started = Instant::now();
                let read =
                    self.store.list_subscriptions(application.id, &ListFilter::All, after, COUNTED_AT_ONCE);
                let some = read.await?;
                for subscription in &some {
                    census.add(&subscription.target);
                }
                let Some(last) = some.last().filter(|_| some.len() == COUNTED_AT_ONCE) else { break };
                after = Some(last.target.id);
                sleep(started.elapsed() * REST).await;
            }
        }
        Ok(census)
    }
}

/// Subscriptions by push service.
#[derive(Debug, Default)]
struct Census([SubscriptionCounts; PushService::ALL.len()]);

impl Census {
    fn add(&mut self, target: &Target) {
        let counts = &mut self.0[PushService::of(&target.endpoint) as usize];
        match target.state {
            SubscriptionState::Active => counts.active += 1,
            SubscriptionState::Disabled(_) => counts.disabled += 1,
            SubscriptionState::SetAside(_) => counts.set_aside += 1,
        }
    }
}
