//! How full the engine is, and its clock.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, Register};
use crate::domain::EngineLoad;

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
}
