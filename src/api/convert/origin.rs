//! The health of push services.

use super::delivery::outcome;
use super::time::{duration, timestamp};
use crate::domain::Outcome;
use crate::engine::{OriginHealth, OriginState};
use crate::proto::v1;

/// An origin as operators see it, with so many connections.
pub(crate) fn origin(health: &OriginHealth, connections: usize) -> v1::Origin {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    v1::Origin {
        origin: health.origin.clone(),
        state: state(health.state).into(),
        queued: count(health.queued),
        in_flight: count(health.in_flight),
        concurrency_limit: count(health.concurrency_limit),
        connections: count(connections),
        accepted_per_second: health.accepted_per_second,
        throttled_share: health.throttled_share,
        error_share: health.error_share,
        latency_p50: health.latency_p50.map(duration),
        latency_p99: health.latency_p99.map(duration),
        paused_until: health.paused_until.map(timestamp),
        last_problem: outcome(health.last_problem.unwrap_or(Outcome::Unspecified)).into(),
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
