//! The faults of `--faults`, and what must become of a subscriber with each.

use serde_json::json;

use crate::proto::v1::{DeliveryState, Outcome};
use crate::sandbox::{Fault, FaultShares};

/// Who has which fault: enough of each even in a small demo.
pub(super) fn shares() -> anyhow::Result<FaultShares> {
    Ok(serde_json::from_value(json!({
        "gone": 0.04,
        "not_found": 0.03,
        "throttled": {"share": 0.05, "times": 1, "retry_after_seconds": 1},
        "failing": {"share": 0.05, "times": 2},
    }))?)
}

/// What must become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The attempts that fail before the last: how many, with which outcome and status.
    pub(super) retried: Option<(u8, Outcome, i32)>,
    /// How it ends.
    pub(super) state: DeliveryState,
    /// And why.
    pub(super) outcome: Outcome,
    /// The status of the last answer.
    pub(super) http_status: i32,
    /// Whether the subscription is removed.
    pub(super) removed: bool,
}

/// What must become of a delivery to a subscriber with this fault, or with none; nothing for faults that the demo does not order.
pub(super) fn expected(fault: Option<&Fault>) -> Option<Expected> {
    let accepted = |retried| Expected {
        retried,
        state: DeliveryState::Accepted,
        outcome: Outcome::Accepted,
        http_status: 201,
        removed: false,
    };
    let gone = |http_status| Expected {
        retried: None,
        state: DeliveryState::Failed,
        outcome: Outcome::Gone,
        http_status,
        removed: true,
    };
    match fault {
        None => Some(accepted(None)),
        Some(Fault::NotFound { .. }) => Some(gone(404)),
        Some(Fault::Gone { .. }) => Some(gone(410)),
        Some(Fault::Throttled { times, .. }) => Some(accepted(Some((*times, Outcome::Throttled, 429)))),
        Some(Fault::Failing { times }) => Some(accepted(Some((*times, Outcome::Unavailable, 500)))),
        Some(
            Fault::Answer { .. }
            | Fault::ServiceAnswer { .. }
            | Fault::Slow { .. }
            | Fault::Truncated { .. }
            | Fault::Reset { .. }
            | Fault::RefusedStream { .. }
            | Fault::GoAway { .. }
            | Fault::Close { .. }
            | Fault::Silent { .. },
        ) => None,
    }
}
