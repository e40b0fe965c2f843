//! How full the engine is, what it does at lanes, and its clock.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, Register};
use crate::domain::EngineLoad;
use crate::observe::labels::ChangeLabels;

/// See the [module's documentation](self).
pub(super) struct EngineMetrics {
    targets_loaded: Counter,
    unsettled: Gauge,
    unsettled_peak: Gauge,
    targets_in_memory: Gauge,
    targets_in_memory_peak: Gauge,
    pages_in_memory: Gauge,
    pages_in_memory_peak: Gauge,
    pages_waiting: Gauge,
    messages_open: Gauge,
    waiting_deliveries: Gauge,
    clock_jumps: Counter,
    lane_changes: Family<ChangeLabels, Counter>,
}

impl EngineMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        Self {
            targets_loaded: register.add(
                "engine_targets_loaded",
                "Targets read from the store with a page that had waited there",
                Counter::default(),
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
        }
    }
}

impl Metrics {
    /// So many targets were read from the store, with pages that had waited there.
    pub fn targets_loaded(&self, targets: usize) {
        self.of_engine.targets_loaded.inc_by(targets as u64);
    }

    /// How full the engine is.
    pub fn engine_holds(&self, load: EngineLoad) {
        let set = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.of_engine.unsettled, load.unsettled);
        set(&self.of_engine.unsettled_peak, load.unsettled_peak);
        set(&self.of_engine.targets_in_memory, load.targets_in_memory);
        set(&self.of_engine.targets_in_memory_peak, load.targets_in_memory_peak);
        set(&self.of_engine.pages_in_memory, load.pages_in_memory);
        set(&self.of_engine.pages_in_memory_peak, load.pages_in_memory_peak);
        set(&self.of_engine.pages_waiting, load.pages_waiting);
        set(&self.of_engine.messages_open, load.messages);
        self.of_engine.waiting_deliveries.set(i64::try_from(load.waiting_deliveries).unwrap_or(i64::MAX));
    }

    /// The wall clock jumped.
    pub fn clock_jumped(&self) {
        self.of_engine.clock_jumps.inc();
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
                self.of_engine
                    .lane_changes
                    .get_or_create(&ChangeLabels { change: change.into() })
                    .inc_by(count);
            }
        }
    }
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
