//! What becomes of subscriptions.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::{Metrics, Register, set_gauge};
use crate::domain::Outcome;
use crate::observe::labels::{ChangeLabels, LaneLabels, Name, OutcomeLabels, SubscriptionChange};
use crate::webpush::push_service::PushService;

/// See the [module's documentation](self).
pub(super) struct SubscriptionMetrics {
    subscription_changes: Family<ChangeLabels, Counter>,
    removals_held: Family<OutcomeLabels, Counter>,
    subscriptions_set_aside: Gauge,
    subscriptions: Family<LaneLabels, Gauge>,
}

impl SubscriptionMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        let metrics = Self {
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
            subscriptions: register.add(
                "subscriptions",
                "Subscriptions that are stored, as of the last count",
                Family::default(),
            ),
        };
        for change in SubscriptionChange::ALL.map(Name::from) {
            drop(metrics.subscription_changes.get_or_create(&ChangeLabels { change }));
        }
        for outcome in [Outcome::Gone, Outcome::KeyMismatch].map(Name::from) {
            drop(metrics.removals_held.get_or_create(&OutcomeLabels { outcome }));
        }
        for push_service in PushService::ALL {
            metrics.show(push_service, SubscriptionCounts::default());
        }
        metrics
    }

    fn show(&self, push_service: PushService, counts: SubscriptionCounts) {
        let SubscriptionCounts { active, disabled, set_aside } = counts;
        for (state, subscriptions) in [("active", active), ("disabled", disabled), ("set_aside", set_aside)] {
            let labels = LaneLabels { push_service: push_service.into(), state: state.into() };
            set_gauge(&self.subscriptions.get_or_create(&labels), subscriptions);
        }
    }
}

/// How many subscriptions there are at a push service, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// They are sent to.
    pub active: u64,
    /// They are not, until their browsers subscribe again or an operator enables them.
    pub disabled: u64,
    /// They are not, until an operator decides.
    pub set_aside: u64,
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
        set_gauge(&self.of_subscriptions.subscriptions_set_aside, subscriptions);
    }

    /// So many subscriptions at a push service are stored.
    pub fn subscriptions(&self, push_service: PushService, counts: SubscriptionCounts) {
        self.of_subscriptions.show(push_service, counts);
    }
}
