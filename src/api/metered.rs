//! Calls, and what they hold, as metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::interval;
use tonic::Code;

use super::Api;
use super::access::{RPCS, streams};
use super::layers::{CallObserver, OTHER_METHOD};
use super::shares::LimitObserver;
use crate::observe::{APPLICATIONS_SHOWN_MAX, Method, Metrics, QuotaUse};

/// How often the quotas of applications are shown: as often as they are scraped as a rule.
const QUOTAS_SHOWN: Duration = Duration::from_secs(15);

/// Counts calls, and what they hold.
#[derive(Debug)]
pub struct Metered(Arc<Metrics>);

impl Metered {
    /// From now on every method is shown.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        metrics.methods(RPCS.iter().map(|rpc| rpc.name).chain([OTHER_METHOD]).map(method));
        Self(metrics)
    }
}

fn method(name: &'static str) -> Method {
    Method { name, streams: streams(name) }
}

impl CallObserver for Metered {
    fn started(&self, name: &'static str) {
        self.0.rpc_started(method(name));
    }

    fn finished(&self, name: &'static str, code: Code, elapsed: Duration) {
        self.0.rpc_ended(method(name), code, elapsed);
    }
}

impl LimitObserver for Metered {
    fn places(&self, pool: &'static str, places: usize) {
        self.0.limits.places(pool, places);
    }

    fn held(&self, pool: &'static str, held: usize) {
        self.0.limits.held(pool, held);
    }

    fn refused(&self, pool: &'static str, cause: &'static str) {
        self.0.limits.refused(pool, cause);
    }

    fn answers_hold(&self, octets: usize) {
        self.0.limits.answers_hold(octets);
    }

    fn answer_given_up(&self, cause: &'static str) {
        self.0.limits.answer_given_up(cause);
    }

    fn connection_closed(&self, cause: &'static str) {
        self.0.limits.connection_closed(cause);
    }
}

impl Api {
    /// Shows what applications use of the quotas that are set for them, again and again.
    pub async fn show_quotas(self, metrics: Arc<Metrics>) {
        let mut look = interval(QUOTAS_SHOWN);
        loop {
            look.tick().await;
            metrics.limits.quotas(&self.quota_uses().await);
        }
    }

    /// Of the first applications with quotas. What goes up and down within a second is left out, and what is judged for each
    /// message by itself.
    async fn quota_uses(&self) -> Vec<QuotaUse> {
        let mut uses = Vec::new();
        let limited = self.applications.all().into_iter().filter(|application| {
            let quotas = application.settings.quotas;
            [quotas.max_subscriptions, quotas.max_pending_deliveries, quotas.max_streams]
                .iter()
                .any(Option::is_some)
        });
        for application in limited.take(APPLICATIONS_SHOWN_MAX) {
            let quotas = application.settings.quotas;
            let mut add = |quota, used, most: u32| {
                let most = u64::from(most);
                uses.push(QuotaUse { application: application.name.clone(), quota, used, most });
            };
            if let Some(most) = quotas.max_subscriptions
                && let Ok(used) = self.store.subscription_count(application.id).await
            {
                add("max_subscriptions", used, most);
            }
            if let Some(most) = quotas.max_pending_deliveries {
                add("max_pending_deliveries", self.engine.pending_deliveries(application.id).await, most);
            }
            if let Some(most) = quotas.max_streams {
                add("max_streams", self.used.streams(application.id) as u64, most);
            }
        }
        uses
    }
}
