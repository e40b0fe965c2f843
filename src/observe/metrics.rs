//! Every metric, its name and its help, by what it is about. A [`Metrics`] is a value that its users are given, so each test
//! has its own. Names follow the rules of Prometheus: prefix `fanfare_`, base units, `_total` (which the encoder adds). Labels
//! whose values are known begin at 0, so that `increase()` sees the first event.

mod calls;
mod deliveries;
mod engine;
mod lanes;
mod store;
mod subscriptions;

use std::fmt;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::labels::{BuildLabels, Name};
use super::limits::LimitMetrics;
use super::process::Process;
use calls::CallMetrics;
pub use calls::Method;
use deliveries::DeliveryMetrics;
use engine::EngineMetrics;
use lanes::LaneMetrics;
pub use lanes::{LaneChanges, LaneCounts};
use store::StoreMetrics;
pub use subscriptions::SubscriptionCounts;
use subscriptions::SubscriptionMetrics;

/// Bounds of the buckets for what takes a round trip, in seconds.
const ROUND_TRIP_SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// Bounds of the buckets for what stays on this machine, in seconds.
const LOCAL_SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];
/// Bounds of the buckets for what may wait for retries, in seconds: to 28 days, the longest ttl.
const AGE_SECONDS: [f64; 12] =
    [0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 21_600.0, 86_400.0, 2_419_200.0];
/// Bounds of the buckets for the outcomes of one commit.
const COMMIT_OUTCOMES: [f64; 8] = [0.0, 1.0, 4.0, 16.0, 64.0, 256.0, 512.0, 4_096.0];

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

fn round_trips() -> Histogram {
    Histogram::new(ROUND_TRIP_SECONDS)
}

fn local() -> Histogram {
    Histogram::new(LOCAL_SECONDS)
}

fn ages() -> Histogram {
    Histogram::new(AGE_SECONDS)
}

fn set_gauge(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// All metrics of a server.
pub struct Metrics {
    registry: Registry,
    /// Without our prefix.
    process: Registry,
    of_deliveries: DeliveryMetrics,
    of_engine: EngineMetrics,
    of_lanes: LaneMetrics,
    of_store: StoreMetrics,
    of_subscriptions: SubscriptionMetrics,
    of_calls: CallMetrics,
    /// What callers hold of what all share.
    pub limits: LimitMetrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Registers metrics and hands them back.
struct Register(Registry);

impl Register {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut register = Register(Registry::with_prefix("fanfare"));
        let version = Name::from(env!("CARGO_PKG_VERSION"));
        register.0.register("build", "The running version", Info::new(BuildLabels { version }));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process));
        Self {
            process,
            of_deliveries: DeliveryMetrics::new(&mut register),
            of_engine: EngineMetrics::new(&mut register),
            of_lanes: LaneMetrics::new(&mut register),
            of_store: StoreMetrics::new(&mut register),
            of_subscriptions: SubscriptionMetrics::new(&mut register),
            of_calls: CallMetrics::new(&mut register),
            limits: LimitMetrics::new(&mut register.0),
            registry: register.0,
        }
    }

    /// All of them in the OpenMetrics text format.
    ///
    /// # Errors
    /// None that a [`String`] as writer can cause.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode_registry(&mut text, &self.process)?;
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_pages;
