//! Changes of subscriptions.

use super::subscription::SubscriptionValue;
use super::{Record, array, numbers};
use crate::domain::{MessageId, Subscription, SubscriptionId, Timestamp};
use crate::store::{Change, ChangeEvidence, ChangeKind, StoreError};

/// An entry of the change feed.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ChangeValue {
    #[prost(uint64, tag = "1")]
    time: u64,
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(bytes = "vec", tag = "3")]
    id: Vec<u8>,
    /// Without its secrets.
    #[prost(message, optional, tag = "4")]
    subscription: Option<SubscriptionValue>,
    #[prost(message, optional, tag = "5")]
    evidence: Option<EvidenceValue>,
    /// 16 octets, or none.
    #[prost(bytes = "vec", tag = "6")]
    replacement: Vec<u8>,
}

/// Why a push service's answer changed a subscription.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EvidenceValue {
    #[prost(uint32, tag = "1")]
    outcome: u32,
    #[prost(uint32, optional, tag = "2")]
    http_status: Option<u32>,
    #[prost(bytes = "vec", tag = "3")]
    message: Vec<u8>,
}

impl Record for ChangeValue {
    const KIND: &'static str = "change";
}

impl ChangeValue {
    pub(crate) fn new(kind: ChangeKind, subscription: &Subscription) -> Self {
        Self {
            time: 0,
            kind: numbers::of_change_kind(kind),
            id: subscription.target.id.0.to_vec(),
            subscription: Some(SubscriptionValue::without_secrets(subscription)),
            evidence: None,
            replacement: Vec::new(),
        }
    }

    pub(crate) fn with_evidence(mut self, evidence: ChangeEvidence) -> Self {
        self.evidence = Some(EvidenceValue {
            outcome: u32::from(evidence.outcome.number()),
            http_status: evidence.http_status.map(u32::from),
            message: evidence.message.0.to_vec(),
        });
        self
    }

    pub(crate) fn replaced_by(mut self, replacement: SubscriptionId) -> Self {
        self.replacement = replacement.0.to_vec();
        self
    }

    pub(crate) fn at(mut self, time: Timestamp) -> Self {
        self.time = time.as_micros();
        self
    }

    pub(crate) fn into_change(self, seq: u64) -> Result<Change, StoreError> {
        let corrupt = || StoreError::Corrupt(Self::KIND);
        let id = SubscriptionId(array(&self.id, Self::KIND)?);
        let subscription = self.subscription.ok_or_else(corrupt)?.with_blank_keys();
        let evidence = self.evidence.map(|evidence| {
            let status = evidence.http_status.map(u16::try_from).transpose();
            Ok(ChangeEvidence {
                outcome: numbers::outcome(evidence.outcome).ok_or_else(corrupt)?,
                http_status: status.map_err(|_| corrupt())?,
                message: MessageId(array(&evidence.message, Self::KIND)?),
            })
        });
        Ok(Change {
            seq,
            time: Timestamp::from_micros(self.time),
            kind: numbers::change_kind(self.kind).ok_or_else(corrupt)?,
            subscription: subscription.into_subscription(id)?,
            evidence: evidence.transpose()?,
            replacement: match self.replacement.as_slice() {
                [] => None,
                id => Some(SubscriptionId(array(id, Self::KIND)?)),
            },
        })
    }
}

/// The part of a [`ChangeValue`] that tells when it was made: the other fields are passed over.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ChangeTime {
    #[prost(uint64, tag = "1")]
    time: u64,
}

impl Record for ChangeTime {
    const KIND: &'static str = ChangeValue::KIND;
    const VERSION: u8 = ChangeValue::VERSION;
}

impl ChangeTime {
    pub(crate) fn time(self) -> Timestamp {
        Timestamp::from_micros(self.time)
    }
}
