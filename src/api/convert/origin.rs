//! The health of push services.

use super::application::{count, stopped_origin};
use super::delivery::outcome;
use super::time::{duration, timestamp};
use crate::domain::{ApplicationId, Outcome};
use crate::engine::{HeldSubscriptions, OriginHealth, OriginState};
use crate::proto::v1;

/// An origin as operators see it, with so many connections. `name_of` tells applications' names; one that has been
/// deleted has none, and is not listed.
pub(crate) fn origin(
    health: &OriginHealth,
    connections: usize,
    name_of: impl Fn(ApplicationId) -> Option<String>,
) -> v1::Origin {
    let stopped = health.stopped.iter().filter_map(|of| {
        let application = name_of(of.application)?;
        let stop = Some(stopped_origin(&health.origin, &application, of));
        Some(v1::StoppedApplication { application, stop })
    });
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
        refused_share: health.refused_share,
        stopped_applications: stopped.collect(),
        last_problem: outcome(health.last_problem.unwrap_or(Outcome::Unspecified)).into(),
        held: health
            .held
            .iter()
            .map(|of| held(of, name_of(of.application).unwrap_or_default(), &health.origin))
            .collect(),
    }
}

/// Subscriptions of an application that are set aside at an origin, and what to do about it.
pub(crate) fn held(held: &HeldSubscriptions, application: String, origin: &str) -> v1::HeldSubscriptions {
    v1::HeldSubscriptions {
        outcome: outcome(held.outcome).into(),
        subscription_count: count(held.subscriptions),
        hold_time: Some(timestamp(held.since)),
        refused_count: count(held.share.refused.into()),
        answered_count: count(held.share.answered.into()),
        reason: held.why(),
        remedy: held.what_to_do(&application, origin),
        origin: origin.to_owned(),
        application,
    }
}

fn state(state: OriginState) -> v1::OriginState {
    match state {
        OriginState::Open => v1::OriginState::Open,
        OriginState::Paused => v1::OriginState::Paused,
        OriginState::Broken => v1::OriginState::Broken,
        OriginState::Probing => v1::OriginState::Probing,
        OriginState::Stopped => v1::OriginState::Stopped,
    }
}
