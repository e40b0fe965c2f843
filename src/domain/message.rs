//! Messages: one accepted Send or Broadcast.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{
    Addressed, CalledBy, DeliveryCounts, MessageId, Outcome, ReceiptCounts, SubscriptionId, Timestamp,
};

/// The plaintext that is encrypted for each endpoint; at most [`super::limits::PAYLOAD_OCTETS_MAX`] octets. Empty is a
/// message without a body.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} octets)", self.0.len())
    }
}

/// RFC 8030 section 5.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// On power and Wi-Fi.
    VeryLow,
    /// On either power or Wi-Fi.
    Low,
    /// The default, which is not written.
    #[default]
    Normal,
    /// Low battery too.
    High,
}

impl Urgency {
    /// The header's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VeryLow => "very-low",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// How a payload's length is hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Not at all.
    #[default]
    None,
    /// To the next power of two, from 128 octets on.
    PowerOfTwo,
    /// To the largest payload that fits.
    Maximum,
}

/// What is sent, and how: the same for every endpoint of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageSpec {
    /// The plaintext.
    pub payload: Payload,
    /// Receipts are requested: where in the payload the [`super::limits::RECEIPT_TOKEN_CHARS`] octets stand that each
    /// delivery replaces by its token.
    pub receipt_token_at: Option<u32>,
    /// How long it is worth delivering, from its start on.
    pub ttl: Duration,
    /// RFC 8030 section 5.3.
    pub urgency: Urgency,
    /// The `Topic` header (RFC 8030 section 5.4) that the collapse key was mapped to: 32 safe characters.
    pub topic_header: Option<String>,
    /// Whether the length is hidden.
    pub padding: Padding,
    /// How many of its attempts may start in a second, over all endpoints; above 0. `None`: as many as go.
    pub max_per_second: Option<f64>,
    /// The caller's own; never sent.
    pub labels: BTreeMap<String, String>,
    /// For people; never sent.
    pub note: String,
}

/// Whether it came by Send or by Broadcast: the first goes ahead of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageKind {
    /// To one recipient.
    Send,
    /// To an audience.
    Broadcast,
}

/// Who gets a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// These, each once; in the order of their identifiers.
    Subscriptions(Vec<SubscriptionId>),
    /// All subscriptions of these users, each once; in the order of their names.
    Users(Vec<String>),
    /// Subscriptions with any of these topics, each once.
    Topics(Vec<String>),
    /// Everyone.
    All,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageState {
    /// Waits for its time.
    Scheduled,
    /// Under way.
    Sending,
    /// Cancelled, but attempts in flight have not ended.
    Cancelling,
    /// All deliveries have ended.
    Done,
    /// It was stopped, and all deliveries have ended.
    Cancelled,
}

/// Why a message's deliveries that have not been attempted end CANCELLED.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stop {
    /// A caller cancelled it.
    Cancelled,
    /// A newer message with the same collapse key and the same recipient or audience has started.
    Superseded,
}

impl Stop {
    /// What the events of its deliveries say.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Cancelled => Outcome::Unspecified,
            Self::Superseded => Outcome::Superseded,
        }
    }
}

/// A message as it stands, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageStatus {
    /// Which.
    pub id: MessageId,
    /// Send or Broadcast.
    pub kind: MessageKind,
    /// Where it stands.
    pub state: MessageState,
    /// Its deliveries by state.
    pub counts: DeliveryCounts,
    /// Terminal deliveries by outcome, those above zero.
    pub outcomes: BTreeMap<Outcome, u32>,
    /// Whether receipts were requested.
    pub requests_receipts: bool,
    /// Those that came.
    pub receipts: ReceiptCounts,
    /// The caller's own.
    pub labels: BTreeMap<String, String>,
    /// For people.
    pub note: String,
    /// The caller's key for the request; empty for none.
    pub request_id: String,
    /// When it was accepted.
    pub created: Timestamp,
    /// When its sending starts, if that is not at once: `send_time`.
    pub start: Option<Timestamp>,
    /// When its ttl is used up.
    pub expires: Timestamp,
    /// When its last delivery ended.
    pub ended: Option<Timestamp>,
    /// For whom it is. `None`: an earlier version accepted it.
    pub addressed: Option<Arc<Addressed>>,
    /// Who sent it. `None`: an earlier version accepted it.
    pub caller: Option<CalledBy>,
}
