//! What becomes of subscriptions.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, Register};
use crate::domain::Outcome;
use crate::observe::labels::{ChangeLabels, OutcomeLabels, SubscriptionChange};

/// See the [module's documentation](self).
pub(super) struct SubscriptionMetrics {
    subscription_changes: Family<ChangeLabels, Counter>,
    removals_held: Family<OutcomeLabels, Counter>,
    subscriptions_set_aside: Gauge,
}

impl SubscriptionMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        Self {
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
        }
    }
}

impl Metrics {
    /// So many subscriptions changed.
    pub fn subscriptions_changed(&self, change: SubscriptionChange, subscriptions: u64) {
        let labels = ChangeLabels { change: change.into() };
        self.of_subscriptions.subscription_changes.get_or_create(&labels).inc_by(subscriptions);
    }

    /// Removals for this outcome were held at a push service.
    pub fn removals_held(&self, outcome: Outcome) {
        self.of_subscriptions.removals_held.get_or_create(&OutcomeLabels { outcome: outcome.into() }).inc();
    }

    /// So many subscriptions are set aside.
    pub fn set_aside(&self, subscriptions: u64) {
        self.of_subscriptions.subscriptions_set_aside.set(i64::try_from(subscriptions).unwrap_or(i64::MAX));
    }
}
