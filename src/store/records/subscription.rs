//! Subscriptions and the indexes over them.

use std::collections::BTreeMap;

use super::{Record, array, numbers};
use crate::domain::{
    Endpoint, OriginId, Subscription, SubscriptionId, SubscriptionKeys, SubscriptionState, Target, Timestamp,
    VapidKeyId,
};
use crate::store::StoreError;

/// What an attempt needs to know of a subscription; stands in subscriptions, in topic rows and in pages.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct TargetValue {
    #[prost(uint32, tag = "1")]
    generation: u32,
    #[prost(string, tag = "2")]
    endpoint: String,
    #[prost(uint32, tag = "3")]
    origin: u32,
    #[prost(bytes = "vec", tag = "4")]
    p256dh: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    auth: Vec<u8>,
    #[prost(uint32, tag = "6")]
    encoding: u32,
    #[prost(uint32, tag = "7")]
    vapid_key: u32,
    #[prost(uint64, tag = "8")]
    subscribed: u64,
    #[prost(uint64, optional, tag = "9")]
    expires: Option<u64>,
    /// The outcome that it was disabled for.
    #[prost(uint32, optional, tag = "10")]
    disabled: Option<u32>,
    #[prost(string, tag = "11")]
    user_id: String,
    #[prost(uint32, tag = "12")]
    body_octets_max: u32,
    #[prost(uint32, tag = "13")]
    refused_days: u32,
    #[prost(uint64, tag = "14")]
    refused_last: u64,
    /// 0, as in records of before it was noted: never.
    #[prost(uint64, tag = "15")]
    accepted_last: u64,
    /// With `disabled`: it is set aside. Who does not know this field takes it for disabled.
    #[prost(bool, tag = "16")]
    set_aside: bool,
}

impl TargetValue {
    const KIND: &'static str = "target";

    pub(crate) fn new(target: &Target) -> Self {
        Self {
            generation: target.generation,
            endpoint: target.endpoint.as_given().to_owned(),
            origin: target.origin.0,
            p256dh: target.keys.p256dh.to_vec(),
            auth: target.keys.auth.to_vec(),
            encoding: numbers::of_encoding(target.encoding),
            vapid_key: u32::from(target.vapid_key.0),
            subscribed: target.subscribed.as_micros(),
            expires: target.expires.map(Timestamp::as_micros),
            disabled: match target.state {
                SubscriptionState::Active => None,
                SubscriptionState::Disabled(outcome) | SubscriptionState::SetAside(outcome) => {
                    Some(u32::from(outcome.number()))
                }
            },
            set_aside: matches!(target.state, SubscriptionState::SetAside(_)),
            user_id: target.user_id.clone(),
            body_octets_max: target.body_octets_max,
            refused_days: target.refused_days,
            refused_last: target.refused_last.as_micros(),
            accepted_last: target.accepted_last.as_micros(),
        }
    }

    pub(crate) fn into_target(self, id: SubscriptionId, inline: bool) -> Result<Target, StoreError> {
        let corrupt = || StoreError::Corrupt(Self::KIND);
        Ok(Target {
            id,
            inline,
            generation: self.generation,
            // Whether http passes was decided when it was stored.
            endpoint: Endpoint::restore(&self.endpoint).map_err(|_| corrupt())?,
            origin: OriginId(self.origin),
            keys: SubscriptionKeys {
                p256dh: array(&self.p256dh, Self::KIND)?,
                auth: array(&self.auth, Self::KIND)?,
            },
            encoding: numbers::encoding(self.encoding).ok_or_else(corrupt)?,
            vapid_key: VapidKeyId(u16::try_from(self.vapid_key).map_err(|_| corrupt())?),
            subscribed: Timestamp::from_micros(self.subscribed),
            expires: self.expires.map(Timestamp::from_micros),
            state: match self.disabled {
                None => SubscriptionState::Active,
                Some(number) => {
                    let outcome = numbers::outcome(number).ok_or_else(corrupt)?;
                    if self.set_aside {
                        SubscriptionState::SetAside(outcome)
                    } else {
                        SubscriptionState::Disabled(outcome)
                    }
                }
            },
            user_id: self.user_id,
            body_octets_max: self.body_octets_max,
            refused_days: self.refused_days,
            refused_last: Timestamp::from_micros(self.refused_last),
            accepted_last: Timestamp::from_micros(self.accepted_last),
        })
    }
}

/// A subscription.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SubscriptionValue {
    #[prost(message, optional, tag = "1")]
    target: Option<TargetValue>,
    /// With the microsecond since when.
    #[prost(btree_map = "string, uint64", tag = "2")]
    topics: BTreeMap<String, u64>,
    #[prost(btree_map = "string, string", tag = "3")]
    labels: BTreeMap<String, String>,
    #[prost(string, tag = "4")]
    locale: String,
    #[prost(string, tag = "5")]
    time_zone: String,
    #[prost(uint64, tag = "6")]
    created: u64,
    #[prost(uint64, tag = "7")]
    updated: u64,
    #[prost(uint64, tag = "8")]
    revision: u64,
}

impl Record for SubscriptionValue {
    const KIND: &'static str = "subscription";
}

impl SubscriptionValue {
    pub(crate) fn new(subscription: &Subscription) -> Self {
        Self {
            target: Some(TargetValue::new(&subscription.target)),
            topics: subscription
                .topics
                .iter()
                .map(|(name, since)| (name.clone(), since.as_micros()))
                .collect(),
            labels: subscription.labels.clone(),
            locale: subscription.locale.clone(),
            time_zone: subscription.time_zone.clone(),
            created: subscription.created.as_micros(),
            updated: subscription.updated.as_micros(),
            revision: subscription.revision,
        }
    }

    /// Without what must not outlive it: of its endpoint the origin is left, of its keys nothing.
    pub(crate) fn without_secrets(subscription: &Subscription) -> Self {
        let mut value = Self::new(subscription);
        if let Some(target) = &mut value.target {
            subscription.target.endpoint.origin().as_str().clone_into(&mut target.endpoint);
            target.p256dh.clear();
            target.auth.clear();
        }
        value
    }

    /// As [`SubscriptionValue::without_secrets`] left it, with keys of zeros.
    pub(crate) fn with_blank_keys(mut self) -> Self {
        if let Some(target) = &mut self.target {
            target.p256dh = vec![0; 65];
            target.auth = vec![0; 16];
        }
        self
    }

    pub(crate) fn into_subscription(self, id: SubscriptionId) -> Result<Subscription, StoreError> {
        let target = self.target.ok_or(StoreError::Corrupt(Self::KIND))?;
        Ok(Subscription {
            target: target.into_target(id, false)?,
            topics: self
                .topics
                .into_iter()
                .map(|(name, since)| (name, Timestamp::from_micros(since)))
                .collect(),
            labels: self.labels,
            locale: self.locale,
            time_zone: self.time_zone,
            created: Timestamp::from_micros(self.created),
            updated: Timestamp::from_micros(self.updated),
            revision: self.revision,
        })
    }
}

/// The part of a [`SubscriptionValue`] that planning needs: the other fields are passed over.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct MemberValue {
    #[prost(message, optional, tag = "1")]
    pub(crate) target: Option<TargetValue>,
    #[prost(uint64, tag = "6")]
    created: u64,
}

impl Record for MemberValue {
    const KIND: &'static str = SubscriptionValue::KIND;
    const VERSION: u8 = SubscriptionValue::VERSION;
}

impl MemberValue {
    /// Since when it has been part of "everyone".
    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_micros(self.created)
    }

    pub(crate) fn into_target(self, id: SubscriptionId) -> Result<Target, StoreError> {
        self.target.ok_or(StoreError::Corrupt(Self::KIND))?.into_target(id, false)
    }
}

/// A subscription's membership of a topic.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct TopicValue {
    #[prost(uint64, tag = "1")]
    pub(crate) since: u64,
    /// A copy, so that planning need not look the subscription up; none for one with many topics.
    #[prost(message, optional, tag = "2")]
    pub(crate) target: Option<TargetValue>,
}

impl Record for TopicValue {
    const KIND: &'static str = "topic row";
}

/// Names a subscription.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SubscriptionReference {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
}

impl Record for SubscriptionReference {
    const KIND: &'static str = "endpoint row";
}

impl SubscriptionReference {
    pub(crate) fn new(id: SubscriptionId) -> Self {
        Self { id: id.0.to_vec() }
    }

    pub(crate) fn id(&self) -> Result<SubscriptionId, StoreError> {
        Ok(SubscriptionId(array(&self.id, Self::KIND)?))
    }
}
