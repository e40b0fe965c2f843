//! What callers hold of what all share, and who was refused or given up for it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{CauseLabels, PoolLabels, QuotaLabels, RefusalLabels, SettingLabels};

/// Applications whose quotas are shown: series cost Prometheus memory, and there may be 10,000 applications.
pub const APPLICATIONS_SHOWN_MAX: usize = 100;

/// Causes of refused places, and of answers that were given up.
const REFUSALS: [&str; 2] = ["share", "full"];
const GIVEN_UP: [&str; 4] = ["stalled", "connection", "caller", "all"];

/// What an application uses of one of its quotas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// Its name.
    pub application: String,
    /// The quota's name in the contract.
    pub quota: &'static str,
    /// How much it uses.
    pub used: u64,
    /// How much it may.
    pub most: u64,
}

/// The metrics of limits. Names of pools and causes are those of the code that counts; `docs/metrics.md` lists them.
#[derive(Clone)]
pub struct LimitMetrics {
    settings: Family<SettingLabels, Gauge>,
    used: Family<QuotaLabels, Gauge>,
    quotas: Family<QuotaLabels, Gauge>,
    shown: Arc<Mutex<Vec<QuotaLabels>>>,
    places: Family<PoolLabels, Gauge>,
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
            settings: Family::default(),
            used: Family::default(),
            quotas: Family::default(),
            shown: Arc::default(),
            places: Family::default(),
            held: Family::default(),
            refused: Family::default(),
            answers: Gauge::default(),
            given_up: Family::default(),
            closed: Family::default(),
        };
        registry.register("limit", "What a setting allows", metrics.settings.clone());
        registry.register(
            "application_quota_used",
            "What an application uses of a quota that is set for it",
            metrics.used.clone(),
        );
        registry.register(
            "application_quota",
            "A quota that is set for an application",
            metrics.quotas.clone(),
        );
        registry.register("places", "Places that there are for callers", metrics.places.clone());
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
        for cause in GIVEN_UP {
            drop(metrics.given_up.get_or_create(&CauseLabels { cause: cause.into() }));
            drop(metrics.closed.get_or_create(&CauseLabels { cause: cause.into() }));
        }
        metrics
    }

    /// A setting allows so much.
    pub fn setting(&self, setting: &'static str, most: u64) {
        set(&self.settings.get_or_create(&SettingLabels { setting: setting.into() }), most);
    }

    /// These are the quotas of applications, in the order of their names, and what is used of them. Of the first
    /// [`APPLICATIONS_SHOWN_MAX`] applications they are shown; those that were before, and are not any more, go.
    pub fn quotas(&self, quotas: &[QuotaUse]) {
        let names: BTreeSet<_> = quotas.iter().map(|quota| &quota.application).collect();
        let last = names.iter().nth(APPLICATIONS_SHOWN_MAX - 1);
        let shown = quotas.iter().filter(|quota| last.is_none_or(|last| quota.application <= **last));
        let mut now = Vec::new();
        for QuotaUse { application, quota, used, most } in shown {
            let labels = QuotaLabels { application: application.clone(), quota: (*quota).into() };
            set(&self.used.get_or_create(&labels), *used);
            set(&self.quotas.get_or_create(&labels), *most);
            now.push(labels);
        }
        let mut before = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in before.iter().filter(|labels| !now.contains(labels)) {
            self.used.remove(gone);
            self.quotas.remove(gone);
        }
        *before = now;
    }

    /// A pool has so many places.
    pub fn places(&self, pool: &'static str, places: usize) {
        set(&self.places.get_or_create(&PoolLabels { pool: pool.into() }), places as u64);
        drop(self.held.get_or_create(&PoolLabels { pool: pool.into() }));
        for cause in REFUSALS {
            drop(self.refused.get_or_create(&RefusalLabels { pool: pool.into(), cause: cause.into() }));
        }
    }

    /// So many places of a pool are held.
    pub fn held(&self, pool: &'static str, held: usize) {
        set(&self.held.get_or_create(&PoolLabels { pool: pool.into() }), held as u64);
    }

    /// A place was refused.
    pub fn refused(&self, pool: &'static str, cause: &'static str) {
        self.refused.get_or_create(&RefusalLabels { pool: pool.into(), cause: cause.into() }).inc();
    }

    /// Answers hold so many octets.
    pub fn answers_hold(&self, octets: usize) {
        set(&self.answers, octets as u64);
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

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
