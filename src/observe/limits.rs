//! What callers hold of what all share, and who was refused or given up for it.

use std::fmt;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{CauseLabels, PoolLabels, RefusalLabels};

/// The metrics of limits. Names of pools and causes are those of the code that counts; `docs/metrics.md` lists them.
#[derive(Clone)]
pub struct LimitMetrics {
    held: Family<PoolLabels, Gauge>,
    refused: Family<RefusalLabels, Counter>,
    answers: Gauge,
    given_up: Family<CauseLabels, Counter>,
    closed: Family<CauseLabels, Counter>,
}

impl fmt::Debug for LimitMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitMetrics").finish_non_exhaustive()
    }
}

impl LimitMetrics {
    /// All at zero, and registered.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            held: Family::default(),
            refused: Family::default(),
            answers: Gauge::default(),
            given_up: Family::default(),
            closed: Family::default(),
        };
        registry.register("places_held", "Places that callers hold of what all share", metrics.held.clone());
        registry.register(
            "places_refused",
            "Places refused: to whoever had its share, or because all were taken",
            metrics.refused.clone(),
        );
        registry.register(
            "answers_octets",
            "Octets of answers that are made and not written",
            metrics.answers.clone(),
        );
        registry.register(
            "answers_given_up",
            "Answers given up because their callers did not read them",
            metrics.given_up.clone(),
        );
        registry.register(
            "connections_closed",
            "Connections closed because of answers that were not read",
            metrics.closed.clone(),
        );
        metrics
    }

    /// So many places of a pool are held.
    pub fn held(&self, pool: &'static str, held: usize) {
        let held = i64::try_from(held).unwrap_or(i64::MAX);
        self.held.get_or_create(&PoolLabels { pool: pool.into() }).set(held);
    }

    /// A place was refused.
    pub fn refused(&self, pool: &'static str, cause: &'static str) {
        self.refused.get_or_create(&RefusalLabels { pool: pool.into(), cause: cause.into() }).inc();
    }

    /// Answers hold so many octets.
    pub fn answers_hold(&self, octets: usize) {
        self.answers.set(i64::try_from(octets).unwrap_or(i64::MAX));
    }

    /// An answer was given up.
    pub fn answer_given_up(&self, cause: &'static str) {
        self.given_up.get_or_create(&CauseLabels { cause: cause.into() }).inc();
    }

    /// A connection was closed for what it did not read.
    pub fn connection_closed(&self, cause: &'static str) {
        self.closed.get_or_create(&CauseLabels { cause: cause.into() }).inc();
    }
}
