//! What operators see of subscriptions that are set aside, and what they decide on many at once.

use super::Engine;
use super::health::{HeldSubscriptions, OriginHealth};
use super::trim::tell_set_aside;
use crate::domain::{ApplicationId, Subscription, SubscriptionId};
use crate::observe::SubscriptionChange;
use crate::store::{Decided, Decision, DecisionStep, Selector, StoreError};

impl Engine {
    /// What is held at each origin, beside its health.
    pub(super) async fn with_holds(&self, mut health: Vec<OriginHealth>) -> Vec<OriginHealth> {
        let holds = match self.store.holds().await {
            Ok(holds) => holds,
            Err(error) => {
                tracing::warn!(%error, "what is held could not be read");
                return health;
            }
        };
        let now = self.clock.now();
        for hold in holds.iter().filter(|hold| hold.subscriptions > 0 || hold.until > now) {
            let Some(origin) = self.store.origin(hold.origin) else { continue };
            let name = origin.origin.as_str();
            let held = HeldSubscriptions::from(hold);
            match health.iter_mut().find(|of| of.origin == name) {
                Some(known) => known.held.push(held),
                None => health.push(OriginHealth { held: vec![held], ..OriginHealth::idle(name) }),
            }
        }
        health
    }

    /// Does a bounded step of what an operator decided: durable when this returns, and attempts that have not started see
    /// it. It runs to its end even if the caller goes away.
    ///
    /// # Errors
    /// What the store says.
    pub async fn decide(
        &self,
        application: ApplicationId,
        decision: Decision,
        step: DecisionStep,
    ) -> Result<Decided, StoreError> {
        let validate_only = step.validate_only;
        let decided = self.store.decide(application, decision, step).await?;
        if !validate_only {
            for subscription in &decided.subscriptions {
                self.decided(*subscription, &decision).await;
            }
            tell_set_aside(&*self.store, &self.metrics).await;
        }
        Ok(decided)
    }

    /// A browser subscribed again with the subscription that is stored: evidence against it that waits is void. Answers how it
    /// is stored now; `None`: there was no such evidence.
    ///
    /// # Errors
    /// What the store says.
    pub async fn confirm(
        &self,
        application: ApplicationId,
        subscription: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        if !self.reapers.suspects(subscription) {
            return Ok(None);
        }
        let step = DecisionStep { limit: 1, ..DecisionStep::default() };
        match self.decide(application, Decision::Confirm(subscription), step).await {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.store.subscription(application, &Selector::Id(subscription)).await
    }

    async fn decided(&self, subscription: SubscriptionId, decision: &Decision) {
        let change = match decision {
            Decision::Release { .. }
            | Decision::Enable(_)
            | Decision::Confirm(_)
            | Decision::EnableAll { .. } => SubscriptionChange::Updated,
            Decision::Discard { .. } => SubscriptionChange::Gone,
            Decision::Restore { .. } => SubscriptionChange::Restored,
        };
        self.subscription_changed(subscription, change).await;
    }
}
