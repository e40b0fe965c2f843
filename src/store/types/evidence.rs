//! What attempts prove and teach of subscriptions.

use crate::domain::{MessageId, Outcome, SubscriptionId, Timestamp};

/// Evidence against a subscription, for [`crate::store::Store::reap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Against which.
    pub subscription: SubscriptionId,
    /// The generation that the attempt used.
    pub generation: u32,
    /// `Gone` removes, anything else disables.
    pub outcome: Outcome,
    /// The answer's status, if there was one.
    pub http_status: Option<u16>,
    /// Whose attempt it was.
    pub message: MessageId,
}

/// Evidence, and where it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evident {
    /// The number of its commit.
    pub seq: u64,
    /// When that was made. Never falls from one commit to the next.
    pub time: Timestamp,
    /// The evidence.
    pub removal: Removal,
}

/// Evidence that recorded events hold; see [`crate::store::Store::evidence`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// In the order of the log.
    pub evident: Vec<Evident>,
    /// Everything up to this sequence number has been looked at.
    pub position: u64,
}

/// Something that an attempt taught about one subscription; see [`crate::store::Store::learn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// About which.
    pub subscription: SubscriptionId,
    /// The generation that the attempt used: about another one it says nothing.
    pub generation: u32,
    /// What.
    pub learned: Learned,
}

/// What can be learned of a subscription without an end to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Bodies above so many octets are refused.
    BodyOctetsMax(u32),
    /// It was refused in a way that proves nothing once. On [`crate::domain::limits::REFUSED_DAYS_MAX`] distinct days without
    /// an acceptance in between it is disabled.
    Refused(Removal),
    /// It was accepted: earlier refusals are void, and the time is noted, at most once in
    /// [`crate::domain::limits::ACCEPTED_NOTED_EVERY`].
    Accepted,
}
