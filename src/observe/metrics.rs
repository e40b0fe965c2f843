//! Every metric, its name and its help, in one place. A [`Metrics`] is a value that its users are given, so each test
//! has its own. Names follow the rules of Prometheus: prefix `fanfare_`, base units, `_total` (which the encoder adds).

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use super::labels::{
    AttemptLabels, BuildLabels, ChangeLabels, DeliveryLabels, KindLabels, MethodLabels, Name, OutcomeLabels,
    ReceiptLabels, ResultLabels, RpcLabels, ServiceLabels, SubscriptionChange,
};
use super::limits::LimitMetrics;
use crate::domain::{DeliveryState, MessageKind, Outcome, ReceiptKind};
use crate::store::Disk;
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
    send_start: Histogram,
    targets_loaded: Counter,
    attempts: Family<AttemptLabels, Counter>,
    attempts_exhausted: Counter,
    attempt_duration: Durations<ServiceLabels>,
    unsettled: Gauge,
    unsettled_peak: Gauge,
    targets_in_memory: Gauge,
    targets_in_memory_peak: Gauge,
    pages_in_memory: Gauge,
    pages_in_memory_peak: Gauge,
    pages_waiting: Gauge,
    messages_open: Gauge,
    waiting_deliveries: Gauge,
    log_octets: Gauge,
    disk_free_octets: Gauge,
    disk_missing_octets: Gauge,
    store_file_octets: Gauge,
    trimmed_messages: Counter,
    trimmed_events_of: Counter,
    trimmed_rows: Counter,
    trim_clock_lag: Gauge<f64, AtomicU64>,
    clock_jumps: Counter,
    lane_changes: Family<ChangeLabels, Counter>,
    commits: Family<ResultLabels, Counter>,
    commit_outcomes: Histogram,
    commit_duration: Histogram,
    rpc_requests: Family<RpcLabels, Counter>,
    rpc_duration: Durations<MethodLabels>,
    rpc_in_flight: Family<MethodLabels, Gauge>,
    subscription_changes: Family<ChangeLabels, Counter>,
    removals_held: Family<OutcomeLabels, Counter>,
    subscriptions_set_aside: Gauge,
    receipts: Family<ReceiptLabels, Counter>,
    streams_open: Gauge,
    log_reads: Counter,
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
            send_start: register.seconds(
                "send_start",
                "From a Send's acceptance being durable to the start of its first POST",
                local(),
            ),
            targets_loaded: register.add(
                "engine_targets_loaded",
                "Targets read from the store with a page that had waited there",
                Counter::default(),
            ),
            attempts: register.add(
                "delivery_attempts",
                "POSTs to push services, by what they came to",
                Family::default(),
            ),
            attempts_exhausted: register.add(
                "delivery_attempts_exhausted",
                "Attempts that were put off since this machine had no descriptors for a connection or a lookup",
                Counter::default(),
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
            unsettled_peak: register.add(
                "unsettled_deliveries_peak",
                "The most unsettled deliveries there were since the start",
                Gauge::default(),
            ),
            targets_in_memory: register.add(
                "targets_in_memory",
                "Deliveries planned and held in memory",
                Gauge::default(),
            ),
            targets_in_memory_peak: register.add(
                "targets_in_memory_peak",
                "The most deliveries held in memory since the start",
                Gauge::default(),
            ),
            pages_in_memory: register.add(
                "pages_in_memory",
                "Pages of broadcasts in memory, or being read",
                Gauge::default(),
            ),
            pages_in_memory_peak: register.add(
                "pages_in_memory_peak",
                "The most pages of broadcasts in memory since the start",
                Gauge::default(),
            ),
            pages_waiting: register.add(
                "pages_waiting",
                "Pages of deliveries that wait in the store",
                Gauge::default(),
            ),
            messages_open: register.add("messages_open", "Messages accepted and not ended", Gauge::default()),
            waiting_deliveries: register.add(
                "waiting_deliveries",
                "Deliveries of open messages that have not ended, an estimate until planning is done",
                Gauge::default(),
            ),
            log_octets: register.add(
                "log_octets",
                "Octets on disk of what is kept of messages, an estimate",
                Gauge::default(),
            ),
            disk_free_octets: register.add(
                "disk_free_octets",
                "Octets that the store may still grow by: free on its disk, or allocated to it",
                Gauge::default(),
            ),
            disk_missing_octets: register.add(
                "disk_missing_octets",
                "Octets that must be freed before anything new is taken; 0 while there is room",
                Gauge::default(),
            ),
            store_file_octets: register.add(
                "store_file_octets",
                "Octets of the store's file on disk",
                Gauge::default(),
            ),
            trimmed_messages: register.add(
                "trimmed_messages",
                "Messages removed after their retention",
                Counter::default(),
            ),
            trimmed_events_of: register.add(
                "trimmed_messages_events",
                "Messages whose events were removed after their retention",
                Counter::default(),
            ),
            trim_clock_lag: register.seconds(
                "trim_clock_lag",
                "By how much trimming takes the time to be earlier than the clock says: it follows a clock that jumped slowly",
                Gauge::default(),
            ),
            trimmed_rows: register.add("trimmed_rows", "Rows removed by trimming", Counter::default()),
            clock_jumps: register.add(
                "clock_jumps",
                "Jumps of the wall clock by more than a second, either way",
                Counter::default(),
            ),
            lane_changes: register.add(
                "lane_changes",
                "Breakers opened and closed, pauses, and applications stopped for refused credentials",
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
            removals_held: register.add(
                "removals_held",
                "Times that removals at a push service were held because they were too many to be true: an alarm",
                Family::default(),
            ),
            subscriptions_set_aside: register.add(
                "subscriptions_set_aside",
                "Subscriptions that are held back until an operator decides, as of the last minute",
                Gauge::default(),
            ),
            receipts: register.add("receipts", "Reports of browsers", Family::default()),
            streams_open: register.add("streams_open", "Status streams open", Gauge::default()),
            log_reads: register.add("log_reads", "Reads of the store for status streams", Counter::default()),
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
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A browser reported; `result` is one of the names that `docs/metrics.md` lists.
    pub fn receipt(&self, kind: ReceiptKind, result: &'static str) {
        let labels = ReceiptLabels { kind: kind.into(), result: result.into() };
        self.receipts.get_or_create(&labels).inc();
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

    /// The first POST of a Send started, so long after its acceptance was durable.
    pub fn send_started(&self, wait: Duration) {
        self.send_start.observe(wait.as_secs_f64());
    }

    /// So many targets were read from the store, with pages that had waited there.
    pub fn targets_loaded(&self, targets: usize) {
        self.targets_loaded.inc_by(targets as u64);
    }

    /// An attempt ended.
    pub fn attempt_ended(&self, service: PushService, outcome: Outcome, duration: Duration) {
        let labels = AttemptLabels { outcome: outcome.into(), push_service: service.into() };
        self.attempts.get_or_create(&labels).inc();
        let labels = ServiceLabels { push_service: service.into() };
        self.attempt_duration.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// An attempt was put off, since this machine lacks what it takes. Answers how many have been.
    #[must_use]
    pub fn attempt_exhausted(&self) -> u64 {
        self.attempts_exhausted.inc() + 1
    }

    /// By how much trimming takes the time to be earlier than the clock says.
    pub fn trim_clock_lag(&self, lag: Duration) {
        self.trim_clock_lag.set(lag.as_secs_f64());
    }

    /// How full the engine is.
    pub fn engine_holds(&self, load: EngineLoad) {
        let set = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.unsettled, load.unsettled);
        set(&self.unsettled_peak, load.unsettled_peak);
        set(&self.targets_in_memory, load.targets_in_memory);
        set(&self.targets_in_memory_peak, load.targets_in_memory_peak);
        set(&self.pages_in_memory, load.pages_in_memory);
        set(&self.pages_in_memory_peak, load.pages_in_memory_peak);
        set(&self.pages_waiting, load.pages_waiting);
        set(&self.messages_open, load.messages);
        self.waiting_deliveries.set(i64::try_from(load.waiting_deliveries).unwrap_or(i64::MAX));
    }

    /// So many octets of events are kept.
    pub fn log_holds(&self, octets: u64) {
        set_octets(&self.log_octets, octets);
    }

    /// How full the store's disk is.
    pub fn disk(&self, disk: Disk) {
        if let Some(free) = disk.free_octets {
            set_octets(&self.disk_free_octets, free);
        }
        set_octets(&self.disk_missing_octets, disk.missing_octets);
        set_octets(&self.store_file_octets, disk.file_octets);
    }

    /// A step of trimming removed the events of so many messages, so many messages, and so many rows in all.
    pub fn trimmed(&self, events_of: usize, messages: usize, rows: usize) {
        for (counter, count) in [
            (&self.trimmed_events_of, events_of),
            (&self.trimmed_messages, messages),
            (&self.trimmed_rows, rows),
        ] {
            counter.inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        }
    }

    /// The wall clock jumped.
    pub fn clock_jumped(&self) {
        self.clock_jumps.inc();
    }

    /// What changed at lanes.
    pub fn lanes_changed(&self, changes: LaneChanges) {
        let LaneChanges { broken, mended, paused, senders_paused, stopped, slowed, resumed } = changes;
        for (change, count) in [
            ("broken", broken),
            ("mended", mended),
            ("paused", paused),
            ("sender_paused", senders_paused),
            ("application_stopped", stopped),
            ("application_slowed", slowed),
            ("application_resumed", resumed),
        ] {
            if count > 0 {
                self.lane_changes.get_or_create(&ChangeLabels { change: change.into() }).inc_by(count);
            }
        }
    }

    /// A commit ended, durable or not.
    pub fn commit_ended(&self, durable: bool, outcomes: usize, duration: Duration) {
        let result = Name::from(if durable { "ok" } else { "error" });
        self.commits.get_or_create(&ResultLabels { result }).inc();
        self.commit_outcomes.observe(f64::from(u32::try_from(outcomes).unwrap_or(u32::MAX)));
        self.commit_duration.observe(duration.as_secs_f64());
    }

    /// A request began. `method` is a name in the code, not what a caller sent.
    pub fn rpc_started(&self, method: &'static str) {
        self.rpc_in_flight.get_or_create(&MethodLabels { method: method.into() }).inc();
    }

    /// A request that began ended with this code.
    pub fn rpc_ended(&self, method: &'static str, code: tonic::Code, duration: Duration) {
        let labels = MethodLabels { method: method.into() };
        self.rpc_in_flight.get_or_create(&labels).dec();
        self.rpc_duration.get_or_create(&labels).observe(duration.as_secs_f64());
        let labels = RpcLabels { method: method.into(), code: code.into() };
        self.rpc_requests.get_or_create(&labels).inc();
    }

    /// A status stream was opened.
    pub fn stream_opened(&self) {
        self.streams_open.inc();
    }

    /// A status stream ended.
    pub fn stream_closed(&self) {
        self.streams_open.dec();
    }

    /// The store was read for status streams.
    pub fn log_read(&self) {
        self.log_reads.inc();
    }

    /// How often that was.
    #[must_use]
    pub fn log_reads(&self) -> u64 {
        self.log_reads.get()
    }

    /// So many subscriptions changed.
    pub fn subscriptions_changed(&self, change: SubscriptionChange, subscriptions: u64) {
        let labels = ChangeLabels { change: change.into() };
        self.subscription_changes.get_or_create(&labels).inc_by(subscriptions);
    }

    /// Removals for this outcome were held at a push service.
    pub fn removals_held(&self, outcome: Outcome) {
        self.removals_held.get_or_create(&OutcomeLabels { outcome: outcome.into() }).inc();
    }

    /// So many subscriptions are set aside.
    pub fn set_aside(&self, subscriptions: u64) {
        self.subscriptions_set_aside.set(i64::try_from(subscriptions).unwrap_or(i64::MAX));
    }
}

fn set_octets(gauge: &Gauge, octets: u64) {
    gauge.set(i64::try_from(octets).unwrap_or(i64::MAX));
}

/// How often something changed at lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneChanges {
    /// A breaker opened, or a probe failed.
    pub broken: u64,
    /// A breaker closed.
    pub mended: u64,
    /// A push service asked for a pause of all that is sent to it.
    pub paused: u64,
    /// A push service asked one sender for a pause.
    pub senders_paused: u64,
    /// A push service refused an application's credentials, which is proved.
    pub stopped: u64,
    /// A push service refused an application's credentials, and had accepted nothing of it.
    pub slowed: u64,
    /// A push service takes the credentials of an application again that was stopped.
    pub resumed: u64,
}

impl LaneChanges {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.broken += other.broken;
        self.mended += other.mended;
        self.paused += other.paused;
        self.senders_paused += other.senders_paused;
        self.stopped += other.stopped;
        self.slowed += other.slowed;
        self.resumed += other.resumed;
    }
}

/// How full the engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineLoad {
    /// Deliveries whose POST has begun and whose outcome is not yet synced.
    pub unsettled: usize,
    /// Deliveries that wait in memory, with what is reserved for pages that are being read.
    pub targets_in_memory: usize,
    /// The most there were, with those reserved, since the start.
    pub targets_in_memory_peak: usize,
    /// The most there were since the start.
    pub unsettled_peak: usize,
    /// Pages of broadcasts in memory or being read.
    pub pages_in_memory: usize,
    /// The most there were since the start.
    pub pages_in_memory_peak: usize,
    /// Pages that wait in the store.
    pub pages_waiting: usize,
    /// Messages that have not ended.
    pub messages: usize,
    /// Deliveries of these that have not ended, as far as they are known before planning is done.
    pub waiting_deliveries: u64,
    /// Subscriptions that push services declared gone and that are not removed yet.
    pub gone: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Room;

    #[test]
    fn names_and_labels_are_as_documented() {
        let metrics = Metrics::new();
        let second = Duration::from_secs(1);
        metrics.message_accepted(MessageKind::Broadcast);
        metrics.delivery_ended(MessageKind::Send, DeliveryState::Failed, Outcome::KeyMismatch, second);
        metrics.attempt_ended(PushService::Fcm, Outcome::TimedOut, second);
        metrics.send_started(second);
        metrics.targets_loaded(512);
        metrics.commit_ended(true, 512, second);
        metrics.rpc_started("Send");
        metrics.rpc_started("Send");
        metrics.rpc_ended("Send", tonic::Code::NotFound, second);
        metrics.engine_holds(EngineLoad {
            unsettled: 7,
            targets_in_memory: 512,
            pages_waiting: 3,
            messages: 2,
            waiting_deliveries: 9,
            gone: 1,
            ..EngineLoad::default()
        });
        metrics.log_holds(4_096);
        metrics.disk(Disk {
            room: Room::EndingsOnly,
            missing_octets: 512,
            free_octets: Some(1_024),
            file_octets: 2_048,
        });
        metrics.trimmed(1, 2, 30);
        metrics.clock_jumped();
        metrics.subscriptions_changed(SubscriptionChange::Gone, 3);
        metrics.receipt(ReceiptKind::Clicked, "recorded");
        metrics.stream_opened();
        metrics.log_read();
        metrics.limits.held("streams", 5);
        metrics.limits.refused("streams", "share");
        metrics.limits.answers_hold(4_096);
        metrics.limits.answer_given_up("stalled");
        metrics.limits.connection_closed("caller");
        metrics.lanes_changed(LaneChanges { broken: 2, ..LaneChanges::default() });
        let text = metrics.encode().unwrap();
        for line in [
            concat!("fanfare_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "fanfare_messages_accepted_total{kind=\"broadcast\"} 1",
            "fanfare_deliveries_total{state=\"failed\",outcome=\"key_mismatch\"} 1",
            "fanfare_delivery_age_seconds_bucket{le=\"1.0\",kind=\"send\"} 1",
            "fanfare_delivery_attempts_total{outcome=\"timed_out\",push_service=\"fcm\"} 1",
            "fanfare_delivery_attempt_duration_seconds_sum{push_service=\"fcm\"} 1.0",
            "fanfare_send_start_seconds_bucket{le=\"2.5\"} 1",
            "fanfare_engine_targets_loaded_total 512",
            "fanfare_unsettled_deliveries 7",
            "fanfare_targets_in_memory 512",
            "fanfare_commits_total{result=\"ok\"} 1",
            "fanfare_commit_outcomes_bucket{le=\"512.0\"} 1",
            "fanfare_commit_duration_seconds_count 1",
            "fanfare_rpc_requests_total{method=\"Send\",code=\"not_found\"} 1",
            "fanfare_pages_waiting 3",
            "fanfare_messages_open 2",
            "fanfare_waiting_deliveries 9",
            "fanfare_log_octets 4096",
            "fanfare_disk_free_octets 1024",
            "fanfare_disk_missing_octets 512",
            "fanfare_store_file_octets 2048",
            "fanfare_trimmed_messages_events_total 1",
            "fanfare_trimmed_messages_total 2",
            "fanfare_trimmed_rows_total 30",
            "fanfare_clock_jumps_total 1",
            "fanfare_rpc_in_flight{method=\"Send\"} 1",
            "fanfare_rpc_duration_seconds_count{method=\"Send\"} 1",
            "fanfare_lane_changes_total{change=\"broken\"} 2",
            "fanfare_subscription_changes_total{change=\"gone\"} 3",
            "fanfare_receipts_total{kind=\"clicked\",result=\"recorded\"} 1",
            "fanfare_streams_open 1",
            "fanfare_log_reads_total 1",
            "fanfare_places_held{pool=\"streams\"} 5",
            "fanfare_places_refused_total{pool=\"streams\",cause=\"share\"} 1",
            "fanfare_answers_octets 4096",
            "fanfare_answers_given_up_total{cause=\"stalled\"} 1",
            "fanfare_connections_closed_total{cause=\"caller\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
