//! The health of push services.

use super::application::count;
use super::delivery::outcome;
use super::time::{duration, timestamp};
use crate::domain::{ApplicationId, Outcome};
use crate::engine::{HeldSubscriptions, OriginHealth, OriginState};
use crate::proto::v1;

/// An origin as operators see it, with so many connections; `names` are those of applications.
pub(crate) fn origin(
    health: &OriginHealth,
    connections: usize,
    names: impl Fn(ApplicationId) -> String,
) -> v1::Origin {
    let narrow = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    v1::Origin {
        origin: health.origin.clone(),
        state: state(health.state).into(),
        queued: narrow(health.queued),
        in_flight: narrow(health.in_flight),
        concurrency_limit: narrow(health.concurrency_limit),
        connections: narrow(connections),
        accepted_per_second: health.accepted_per_second,
        throttled_share: health.throttled_share,
        error_share: health.error_share,
        latency_p50: health.latency_p50.map(duration),
        latency_p99: health.latency_p99.map(duration),
        paused_until: health.paused_until.map(timestamp),
        last_problem: outcome(health.last_problem.unwrap_or(Outcome::Unspecified)).into(),
        held: health.held.iter().map(|of| held(of, names(of.application), &health.origin)).collect(),
    }
}

fn held(held: &HeldSubscriptions, application: String, origin: &str) -> v1::HeldSubscriptions {
    v1::HeldSubscriptions {
        outcome: outcome(held.outcome).into(),
        subscription_count: count(held.subscriptions),
        hold_time: Some(timestamp(held.since)),
        refused_count: count(held.share.refused.into()),
        answered_count: count(held.share.answered.into()),
        reason: held.why(),
        remedy: held.what_to_do(&application, origin),
        application,
    }
}

fn state(state: OriginState) -> v1::OriginState {
    match state {
        OriginState::Open => v1::OriginState::Open,
        OriginState::Paused => v1::OriginState::Paused,
        OriginState::Broken => v1::OriginState::Broken,
        OriginState::Probing => v1::OriginState::Probing,
    }
}
