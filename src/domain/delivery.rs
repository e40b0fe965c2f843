//! Deliveries: one message to one subscription, from its page to its terminal event. `docs/deliveries.md` draws the life
//! of one.

use std::time::Duration;

use super::{MessageId, SubscriptionId, Timestamp};

/// Where a delivery stands. The last four are terminal: exactly one of them ends each delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryState {
    /// No attempt has ended yet.
    Pending,
    /// An attempt failed; another follows.
    Retrying,
    /// The push service took it (2xx).
    Accepted,
    /// It will not be tried again.
    Failed,
    /// The ttl was used up here.
    Expired,
    /// A caller, a newer message or a rule stopped it.
    Cancelled,
}

impl DeliveryState {
    /// Its name in metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Retrying => "retrying",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Retrying => false,
            Self::Accepted | Self::Failed | Self::Expired | Self::Cancelled => true,
        }
    }
}

/// What an attempt's answer means, or why there was none. The numbers are those of the contract and of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// No attempt was made, and nothing else is to be said.
    Unspecified = 0,
    /// 2xx.
    Accepted = 1,
    /// 2xx, but thrown away.
    Dropped = 2,
    /// The subscription has ended.
    Gone = 3,
    /// Too many.
    Throttled = 4,
    /// 5xx.
    Unavailable = 5,
    /// DNS, connect, TLS or a broken connection.
    Unreachable = 6,
    /// No answer in time.
    TimedOut = 7,
    /// The subscription belongs to another VAPID key.
    KeyMismatch = 8,
    /// The VAPID token was refused.
    CredentialsRefused = 9,
    /// The payload is too large for this service or device.
    TooLarge = 10,
    /// Another 4xx, or a redirect.
    Rejected = 11,
    /// A place that this server may not post to.
    Blocked = 12,
    /// The subscription is not known here any more.
    NotFound = 13,
    /// The subscription is disabled.
    Disabled = 14,
    /// A fault of this server.
    Internal = 15,
    /// Replaced by a newer message with the same collapse key.
    Superseded = 16,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Unspecified,
        Self::Accepted,
        Self::Dropped,
        Self::Gone,
        Self::Throttled,
        Self::Unavailable,
        Self::Unreachable,
        Self::TimedOut,
        Self::KeyMismatch,
        Self::CredentialsRefused,
        Self::TooLarge,
        Self::Rejected,
        Self::Blocked,
        Self::NotFound,
        Self::Disabled,
        Self::Internal,
        Self::Superseded,
    ];

    /// By its number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name in metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Accepted => "accepted",
            Self::Dropped => "dropped",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::KeyMismatch => "key_mismatch",
            Self::CredentialsRefused => "credentials_refused",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Blocked => "blocked",
            Self::NotFound => "not_found",
            Self::Disabled => "disabled",
            Self::Internal => "internal",
            Self::Superseded => "superseded",
        }
    }

    /// Whether another attempt may succeed while the ttl lasts.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Throttled | Self::Unavailable | Self::Unreachable | Self::TimedOut => true,
            Self::Unspecified
            | Self::Accepted
            | Self::Dropped
            | Self::Gone
            | Self::KeyMismatch
            | Self::CredentialsRefused
            | Self::TooLarge
            | Self::Rejected
            | Self::Blocked
            | Self::NotFound
            | Self::Disabled
            | Self::Internal
            | Self::Superseded => false,
        }
    }
}

/// How much of the story a status stream tells; each level has all that the one before it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportLevel {
    /// That it was accepted, nothing more.
    Accepted,
    /// Progress and the summary.
    Progress,
    /// Terminal events of endpoints that did not get it.
    Failures,
    /// One event for each endpoint.
    #[default]
    Terminal,
    /// Every attempt, and what waits because its sender is stopped.
    Attempts,
}

impl ReportLevel {
    /// Whether an event of this state is told at this level.
    #[must_use]
    pub fn tells(self, state: DeliveryState) -> bool {
        match state {
            DeliveryState::Pending | DeliveryState::Retrying => self >= Self::Attempts,
            DeliveryState::Accepted => self >= Self::Terminal,
            DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Cancelled => {
                self >= Self::Failures
            }
        }
    }
}

/// One attempt that did not end its delivery, as the terminal event repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAttempt {
    /// 1 for the first.
    pub attempt: u32,
    /// What it came to.
    pub outcome: Outcome,
    /// The answer's status, if there was one.
    pub http_status: Option<u16>,
    /// When it ended.
    pub time: Timestamp,
}

/// One change of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryEvent {
    /// Of which message.
    pub message: MessageId,
    /// To which subscription; `None` for an inline one and for a user that has none.
    pub subscription: Option<SubscriptionId>,
    /// The generation of the subscription that the attempt used.
    pub generation: u32,
    /// The caller's own user; empty for none.
    pub user_id: String,
    /// `scheme://host[:port]`; empty where it is not known.
    pub origin: String,
    /// What the delivery has become.
    pub state: DeliveryState,
    /// Of the attempt that this event tells of, or why none was made.
    pub outcome: Outcome,
    /// 1 for the first; 0 when none was made.
    pub attempt: u32,
    /// The answer's status, if there was one.
    pub http_status: Option<u16>,
    /// When.
    pub time: Timestamp,
    /// When it is tried again.
    pub next_attempt: Option<Timestamp>,
    /// From the start of the POST to its answer.
    pub latency: Option<Duration>,
    /// The time to live that the push service granted, when it said.
    pub granted_ttl: Option<Duration>,
    /// What the push service said, cleaned and cut to [`super::limits::DETAIL_CHARS_MAX`].
    pub detail: String,
    /// For a terminal event after retries: the earlier attempts, oldest first, the last
    /// [`super::limits::ATTEMPTS_KEPT_MAX`].
    pub past: Vec<PastAttempt>,
}

/// Deliveries of a message by state: the last six add up to `targets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// All of them.
    pub targets: u32,
    /// True until the audience has been read through; `targets` is never below what is planned.
    pub targets_estimated: bool,
    /// No attempt has ended yet.
    pub pending: u32,
    /// To be tried again.
    pub retrying: u32,
    /// Terminal.
    pub accepted: u32,
    /// Terminal.
    pub failed: u32,
    /// Terminal.
    pub expired: u32,
    /// Terminal.
    pub cancelled: u32,
}

impl DeliveryCounts {
    /// Those that have ended.
    #[must_use]
    pub const fn terminal(&self) -> u32 {
        self.accepted + self.failed + self.expired + self.cancelled
    }
}
