//! Every metric, its name and its help, in one place. A [`Metrics`] is a value that its users are given, so each test
//! has its own. Names follow the rules of Prometheus: prefix `fanfare_`, base units, `_total` (which the encoder adds).

use std::fmt;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::labels::{
    AttemptLabels, BuildLabels, ChangeLabels, DeliveryLabels, KindLabels, MethodLabels, Name,
    OperationLabels, ResultLabels, RpcLabels, RpcMethod, ServiceLabels, SubscriptionChange,
};
use crate::domain::{DeliveryState, MessageKind, Outcome};
use crate::webpush::push_service::PushService;

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

/// All metrics of a server.
pub struct Metrics {
    registry: Registry,
    messages_accepted: Family<KindLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    delivery_age: Durations<KindLabels>,
    attempts: Family<AttemptLabels, Counter>,
    attempt_duration: Durations<ServiceLabels>,
    unsettled: Gauge,
    targets_in_memory: Gauge,
    lane_queued: Family<ServiceLabels, Gauge>,
    lane_in_flight: Family<ServiceLabels, Gauge>,
    commits: Family<ResultLabels, Counter>,
    commit_outcomes: Histogram,
    commit_duration: Histogram,
    store_operation_duration: Durations<OperationLabels>,
    store_sync_duration: Histogram,
    rpc_requests: Family<RpcLabels, Counter>,
    rpc_duration: Durations<MethodLabels>,
    rpc_in_flight: Family<MethodLabels, Gauge>,
    subscription_changes: Family<ChangeLabels, Counter>,
    clock_jumps: Counter,
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
        Self {
            messages_accepted: register.add(
                "messages_accepted",
                "Messages accepted, durable from then on",
                Family::default(),
            ),
            deliveries: register.add(
                "deliveries",
                "Deliveries that ended, by terminal state and last outcome",
                Family::default(),
            ),
            delivery_age: register.seconds(
                "delivery_age",
                "From a message's acceptance to the end of a delivery",
                Family::new_with_constructor(ages as fn() -> Histogram),
            ),
            attempts: register.add(
                "delivery_attempts",
                "POSTs to push services, by what they came to",
                Family::default(),
            ),
            attempt_duration: register.seconds(
                "delivery_attempt_duration",
                "From the start of a POST to its answer or failure",
                Family::new_with_constructor(round_trips as fn() -> Histogram),
            ),
            unsettled: register.add(
                "unsettled_deliveries",
                "Deliveries posted or being posted whose outcome is not durable yet: what a crash may repeat",
                Gauge::default(),
            ),
            targets_in_memory: register.add(
                "targets_in_memory",
                "Deliveries planned and held in memory",
                Gauge::default(),
            ),
            lane_queued: register.add(
                "lane_queued_deliveries",
                "Deliveries that wait in the lanes",
                Family::default(),
            ),
            lane_in_flight: register.add(
                "lane_in_flight_deliveries",
                "Deliveries being posted",
                Family::default(),
            ),
            commits: register.add("commits", "Commits of outcomes to the store", Family::default()),
            commit_outcomes: register.add(
                "commit_outcomes",
                "Outcomes recorded by one commit",
                Histogram::new(COMMIT_OUTCOMES),
            ),
            commit_duration: register.seconds(
                "commit_duration",
                "From handing a commit to the store to its being durable",
                local(),
            ),
            store_operation_duration: register.seconds(
                "store_operation_duration",
                "Operations of the store, waiting for it included",
                Family::new_with_constructor(local as fn() -> Histogram),
            ),
            store_sync_duration: register.seconds(
                "store_sync_duration",
                "Flush and sync of the store",
                local(),
            ),
            rpc_requests: register.add("rpc_requests", "gRPC requests that ended", Family::default()),
            rpc_duration: register.seconds(
                "rpc_duration",
                "gRPC requests, for streams to their end",
                Family::new_with_constructor(ages as fn() -> Histogram),
            ),
            rpc_in_flight: register.add("rpc_in_flight", "gRPC requests and streams open", Family::default()),
            subscription_changes: register.add(
                "subscription_changes",
                "Subscriptions added, updated, disabled and removed",
                Family::default(),
            ),
            clock_jumps: register.add(
                "clock_jumps",
                "Jumps of the machine's clock against monotonic time",
                Counter::default(),
            ),
            registry: register.0,
        }
    }

    /// All of them in the OpenMetrics text format.
    ///
    /// # Errors
    /// None that a [`String`] as writer can cause.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A message was accepted.
    pub fn message_accepted(&self, kind: MessageKind) {
        self.messages_accepted.get_or_create(&KindLabels { kind: kind.into() }).inc();
    }

    /// A delivery ended, so long after its message was accepted.
    pub fn delivery_ended(&self, kind: MessageKind, state: DeliveryState, outcome: Outcome, age: Duration) {
        let labels = DeliveryLabels { state: state.into(), outcome: outcome.into() };
        self.deliveries.get_or_create(&labels).inc();
        self.delivery_age.get_or_create(&KindLabels { kind: kind.into() }).observe(age.as_secs_f64());
    }

    /// An attempt ended.
    pub fn attempt_ended(&self, service: PushService, outcome: Outcome, duration: Duration) {
        let labels = AttemptLabels { outcome: outcome.into(), push_service: service.into() };
        self.attempts.get_or_create(&labels).inc();
        let labels = ServiceLabels { push_service: service.into() };
        self.attempt_duration.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// One more unsettled delivery, until the guard is dropped.
    pub fn unsettled(&self) -> GaugeGuard {
        GaugeGuard::raise(self.unsettled.clone(), 1)
    }

    /// So many more targets in memory, until the guard is dropped.
    pub fn targets_in_memory(&self, targets: usize) -> GaugeGuard {
        GaugeGuard::raise(self.targets_in_memory.clone(), targets)
    }

    /// So many more deliveries waiting in lanes, until the guard is dropped.
    pub fn lane_queued(&self, service: PushService, deliveries: usize) -> GaugeGuard {
        let labels = ServiceLabels { push_service: service.into() };
        GaugeGuard::raise(self.lane_queued.get_or_create_owned(&labels), deliveries)
    }

    /// One more delivery being posted, until the guard is dropped.
    pub fn lane_in_flight(&self, service: PushService) -> GaugeGuard {
        let labels = ServiceLabels { push_service: service.into() };
        GaugeGuard::raise(self.lane_in_flight.get_or_create_owned(&labels), 1)
    }

    /// A commit ended, durable or not.
    pub fn commit_ended(&self, durable: bool, outcomes: usize, duration: Duration) {
        let result = Name::from(if durable { "ok" } else { "error" });
        self.commits.get_or_create(&ResultLabels { result }).inc();
        self.commit_outcomes.observe(f64::from(u32::try_from(outcomes).unwrap_or(u32::MAX)));
        self.commit_duration.observe(duration.as_secs_f64());
    }

    /// An operation of the store ended; it goes by the name of its method.
    pub fn store_operation_ended(&self, operation: &'static str, duration: Duration) {
        let labels = OperationLabels { operation: operation.into() };
        self.store_operation_duration.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// The store was flushed and synced.
    pub fn store_synced(&self, duration: Duration) {
        self.store_sync_duration.observe(duration.as_secs_f64());
    }

    /// One more request in flight, until the guard is dropped.
    pub fn rpc_in_flight(&self, method: RpcMethod) -> GaugeGuard {
        let labels = MethodLabels { method: method.into() };
        GaugeGuard::raise(self.rpc_in_flight.get_or_create_owned(&labels), 1)
    }

    /// A request ended with this code.
    pub fn rpc_ended(&self, method: RpcMethod, code: tonic::Code, duration: Duration) {
        let labels = RpcLabels { method: method.into(), code: code.into() };
        self.rpc_requests.get_or_create(&labels).inc();
        let labels = MethodLabels { method: method.into() };
        self.rpc_duration.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// So many subscriptions changed.
    pub fn subscriptions_changed(&self, change: SubscriptionChange, subscriptions: u64) {
        let labels = ChangeLabels { change: change.into() };
        self.subscription_changes.get_or_create(&labels).inc_by(subscriptions);
    }

    /// The machine's clock jumped.
    pub fn clock_jumped(&self) {
        self.clock_jumps.inc();
    }
}

/// Keeps a gauge raised; lowers it when dropped.
#[derive(Debug)]
#[must_use = "the gauge falls when this is dropped"]
pub struct GaugeGuard {
    gauge: Gauge,
    by: i64,
}

impl GaugeGuard {
    fn raise(gauge: Gauge, by: usize) -> Self {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        gauge.inc_by(by);
        Self { gauge, by }
    }

    /// Lowers the gauge by a part of what this holds it up by, at most by all of it.
    pub fn lower(&mut self, by: usize) {
        let by = i64::try_from(by).unwrap_or(i64::MAX).min(self.by);
        self.gauge.dec_by(by);
        self.by -= by;
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.gauge.dec_by(self.by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_as_documented() {
        let metrics = Metrics::new();
        let second = Duration::from_secs(1);
        metrics.message_accepted(MessageKind::Broadcast);
        metrics.delivery_ended(MessageKind::Send, DeliveryState::Failed, Outcome::KeyMismatch, second);
        metrics.attempt_ended(PushService::Fcm, Outcome::TimedOut, second);
        metrics.commit_ended(true, 512, second);
        metrics.store_operation_ended("subscribe", second);
        metrics.store_synced(second);
        metrics.rpc_ended(RpcMethod::of_path("/fanfare.v1.PushService/Send"), tonic::Code::NotFound, second);
        metrics.subscriptions_changed(SubscriptionChange::Gone, 3);
        metrics.clock_jumped();
        let text = metrics.encode().unwrap();
        for line in [
            concat!("fanfare_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "fanfare_messages_accepted_total{kind=\"broadcast\"} 1",
            "fanfare_deliveries_total{state=\"failed\",outcome=\"key_mismatch\"} 1",
            "fanfare_delivery_age_seconds_bucket{le=\"1.0\",kind=\"send\"} 1",
            "fanfare_delivery_attempts_total{outcome=\"timed_out\",push_service=\"fcm\"} 1",
            "fanfare_delivery_attempt_duration_seconds_sum{push_service=\"fcm\"} 1.0",
            "fanfare_unsettled_deliveries 0",
            "fanfare_targets_in_memory 0",
            "fanfare_commits_total{result=\"ok\"} 1",
            "fanfare_commit_outcomes_bucket{le=\"512.0\"} 1",
            "fanfare_commit_duration_seconds_count 1",
            "fanfare_store_operation_duration_seconds_count{operation=\"subscribe\"} 1",
            "fanfare_store_sync_duration_seconds_count 1",
            "fanfare_rpc_requests_total{method=\"Send\",code=\"not_found\"} 1",
            "fanfare_rpc_duration_seconds_count{method=\"Send\"} 1",
            "fanfare_subscription_changes_total{change=\"gone\"} 3",
            "fanfare_clock_jumps_total 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_gauge_falls_with_its_guards() {
        let metrics = Metrics::new();
        let value = |line: &str| metrics.encode().unwrap().lines().any(|found| found == line);
        let mut queued = metrics.lane_queued(PushService::Apple, 10);
        let in_flight = metrics.lane_in_flight(PushService::Apple);
        queued.lower(4);
        assert!(value("fanfare_lane_queued_deliveries{push_service=\"apple\"} 6"));
        assert!(value("fanfare_lane_in_flight_deliveries{push_service=\"apple\"} 1"));
        queued.lower(100);
        drop((queued, in_flight));
        assert!(value("fanfare_lane_queued_deliveries{push_service=\"apple\"} 0"));
        assert!(value("fanfare_lane_in_flight_deliveries{push_service=\"apple\"} 0"));
        let unsettled = metrics.unsettled();
        let targets = metrics.targets_in_memory(512);
        assert!(value("fanfare_unsettled_deliveries 1") && value("fanfare_targets_in_memory 512"));
        drop((unsettled, targets));
        assert!(value("fanfare_unsettled_deliveries 0") && value("fanfare_targets_in_memory 0"));
    }
}
