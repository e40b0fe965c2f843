//! The change feed: what became of subscriptions, and why.

use crate::domain::{MessageId, Outcome, Subscription, SubscriptionId, Timestamp};

/// One entry of an application's change feed: what became of a subscription, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number in the application's sequence of changes, which is not that of commits.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: ChangeKind,
    /// As it is after the change; as it last was when it was removed. Secrets must not outlive it: its endpoint is cut to
    /// the origin, and its keys are zeros.
    pub subscription: Subscription,
    /// Why, when a push service caused it.
    pub evidence: Option<ChangeEvidence>,
    /// For [`ChangeKind::Replaced`]: what took its place.
    pub replacement: Option<SubscriptionId>,
}

/// What became of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was stored.
    Added,
    /// Fields, keys or endpoint; or it is active again.
    Updated,
    /// Removed, because one that was there already replaces it.
    Replaced,
    /// It is not sent to any more.
    Disabled,
    /// A caller removed it.
    RemovedByCaller,
    /// A push service said that it has ended.
    RemovedGone,
    /// Its own expiry had passed.
    RemovedExpired,
    /// It is not sent to until an operator decides: too many of its push service were to go at once.
    SetAside,
}

/// Why a push service's answer changed a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeEvidence {
    /// What the answer meant.
    pub outcome: Outcome,
    /// Its status.
    pub http_status: Option<u16>,
    /// Whose attempt it was.
    pub message: MessageId,
}
