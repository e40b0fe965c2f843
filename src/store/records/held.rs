//! What is held, and what was removed and can be restored.

use super::Record;
use super::subscription::SubscriptionValue;
use crate::domain::{Subscription, SubscriptionId, Timestamp};
use crate::store::StoreError;

/// Why removals are held at an origin, for one outcome.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct HeldValue {
    #[prost(uint64, tag = "1")]
    pub(crate) since: u64,
    /// 0 once an operator has decided.
    #[prost(uint64, tag = "2")]
    pub(crate) until: u64,
    #[prost(uint32, tag = "3")]
    pub(crate) refused: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) answered: u32,
    /// Subscriptions that are set aside.
    #[prost(uint64, tag = "5")]
    pub(crate) subscriptions: u64,
}

impl Record for HeldValue {
    const KIND: &'static str = "held row";
}

/// A subscription that evidence removed, as it was.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct RemovedValue {
    #[prost(uint64, tag = "1")]
    time: u64,
    #[prost(message, optional, tag = "2")]
    subscription: Option<SubscriptionValue>,
}

impl Record for RemovedValue {
    const KIND: &'static str = "removed subscription";
}

impl RemovedValue {
    pub(crate) fn new(subscription: &Subscription, time: Timestamp) -> Self {
        Self { time: time.as_micros(), subscription: Some(SubscriptionValue::new(subscription)) }
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.time)
    }

    pub(crate) fn into_subscription(self, id: SubscriptionId) -> Result<Subscription, StoreError> {
        self.subscription.ok_or(StoreError::Corrupt(Self::KIND))?.into_subscription(id)
    }
}
