//! What operators see of the lanes: plain data, a picture of one moment.

use std::time::Duration;

use crate::domain::{ApplicationId, Outcome, Timestamp, VapidKeyId};
use crate::store::{Hold, Share};

/// Whether anything goes to an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OriginState {
    /// Attempts start as the limits allow.
    Open,
    /// The push service asked to wait: nothing starts before [`OriginHealth::paused_until`].
    Paused,
    /// Nothing came through for a while: nothing starts before the next probe.
    Broken,
    /// After a break, one attempt is made at a time until one comes through.
    Probing,
    /// The push service refuses the credentials of [`OriginHealth::stopped`], and has accepted nothing of others since.
    Stopped,
}

impl OriginState {
    /// Its name in metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Broken => "broken",
            Self::Probing => "probing",
            Self::Stopped => "stopped",
        }
    }
}

/// An application of which little or nothing goes to an origin that refuses the credentials of one of its VAPID keys. It
/// ends with the first acceptance, or by [`Engine::resume_origin`](super::Engine::resume_origin).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoppedApplication {
    /// Whose.
    pub application: ApplicationId,
    /// The key whose tokens are refused.
    pub vapid_key: VapidKeyId,
    /// Only what goes to subscriptions that were never accepted there is held back, because nothing of the application was
    /// accepted there lately; else all that the key sends there.
    pub slowed: bool,
    /// Of the attempt that stopped it.
    pub outcome: Outcome,
    /// What the push service said last; as [`DeliveryEvent::detail`](crate::domain::DeliveryEvent::detail).
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
    /// Attempts in a row that were refused.
    pub refused: u32,
    /// When the next attempt is made, if something waits. What is accepted then ends the stop.
    pub next_attempt: Timestamp,
}

/// One origin's lane. An origin to which nothing was sent lately is not listed.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginHealth {
    /// `scheme://host[:port]`.
    pub origin: String,
    /// Whether anything goes there.
    pub state: OriginState,
    /// Deliveries in memory that wait for a place in the lane; not those that wait for a retry, nor those in the store.
    pub queued: usize,
    /// Attempts without an answer yet.
    pub in_flight: usize,
    /// How many attempts may be without an answer at once, now.
    pub concurrency_limit: usize,
    /// How many attempts may start a second, now; `None` while only concurrency limits them.
    pub rate_limit: Option<f64>,
    /// Deliveries that were accepted a second, over the last 10 to 20 seconds.
    pub accepted_per_second: f64,
    /// Of the attempts of the last minute, the share that was throttled: 0 to 1.
    pub throttled_share: f64,
    /// Of the attempts of the last minute, the share that came to UNAVAILABLE, UNREACHABLE or TIMED_OUT: 0 to 1.
    pub error_share: f64,
    /// Of the attempts of the last minute, the share that was refused for the sender or its key (`CREDENTIALS_REFUSED`,
    /// `KEY_MISMATCH`): 0 to 1.
    pub refused_share: f64,
    /// From the start of a POST to its answer, over the answers of the last minute; `None` without any. The median, as the
    /// upper bound of a bucket, which is at most 60 % above.
    pub latency_p50: Option<Duration>,
    /// As `latency_p50`: 99 of 100 were not slower.
    pub latency_p99: Option<Duration>,
    /// With [`OriginState::Paused`] and [`OriginState::Broken`]: nothing starts before.
    pub paused_until: Option<Timestamp>,
    /// The last outcome that slowed the lane or spoke against the origin.
    pub last_problem: Option<Outcome>,
    /// Applications whose credentials it refuses, in the order of their ids and keys; at most 256.
    pub stopped: Vec<StoppedApplication>,
    /// Subscriptions that are set aside there instead of being removed or disabled.
    pub held: Vec<HeldSubscriptions>,
}

impl OriginHealth {
    /// An origin to which nothing was sent lately.
    pub(super) fn idle(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            state: OriginState::Open,
            queued: 0,
            in_flight: 0,
            concurrency_limit: 0,
            rate_limit: None,
            accepted_per_second: 0.0,
            throttled_share: 0.0,
            error_share: 0.0,
            refused_share: 0.0,
            latency_p50: None,
            latency_p99: None,
            paused_until: None,
            last_problem: None,
            stopped: Vec::new(),
            held: Vec::new(),
        }
    }
}

/// Subscriptions of an application that are set aside: their push service says so of so many at once that it is taken for a
/// fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSubscriptions {
    /// Whose.
    pub application: ApplicationId,
    /// What the push service says of them: GONE or KEY_MISMATCH.
    pub outcome: Outcome,
    /// How many.
    pub subscriptions: u64,
    /// Since when.
    pub since: Timestamp,
    /// What the push service answered when it was decided.
    pub share: Share,
}

impl From<&Hold> for HeldSubscriptions {
    fn from(hold: &Hold) -> Self {
        let Hold { application, origin: _, outcome, since, until: _, share, subscriptions } = *hold;
        Self { application, outcome, subscriptions, since, share }
    }
}

impl HeldSubscriptions {
    /// Why they are held, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let Share { refused, answered } = self.share;
        let what = if self.outcome == Outcome::Gone { "have ended" } else { "belong to another VAPID key" };
        format!(
            "the push service refused {refused} of the {answered} subscriptions that it answered for at that time; of \
             these it says that they {what}"
        )
    }

    /// What an operator may do, in words.
    #[must_use]
    pub fn what_to_do(&self, application: &str, origin: &str) -> String {
        let cause = if self.outcome == Outcome::Gone {
            "find out whether the push service lost them by mistake"
        } else {
            "find out whether the VAPID key is the one that they were made with"
        };
        format!(
            "{cause}; then `fanfare subscriptions release --origin {origin} --application {application}` to send to them \
             again, or `fanfare subscriptions discard` with the same flags if it is true"
        )
    }
}
