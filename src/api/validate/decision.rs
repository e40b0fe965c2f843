//! What operators decide on many subscriptions.

use super::{known, selector};
use crate::api::convert::{delivery, time};
use crate::api::status::ApiError;
use crate::domain::{Origin, Outcome, SubscriptionId, Timestamp, Violations};
use crate::proto::v1;

/// Which held subscriptions are meant.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) origin: Origin,
    /// `None`: any.
    pub(crate) outcome: Option<Outcome>,
}

/// Which disabled subscriptions are meant.
#[derive(Debug)]
pub(crate) enum Enable {
    One(SubscriptionId),
    Many { origin: Option<Origin>, outcome: Option<Outcome>, since: Timestamp, until: Timestamp },
}

/// Reads the fields of ReleaseHeldSubscriptions and DiscardHeldSubscriptions.
pub(crate) fn held(origin: &str, outcome: i32) -> Result<Asked, ApiError> {
    let mut violations = Violations::new();
    let outcome = self::outcome(&mut violations, outcome);
    let origin = selector::origin_in(&mut violations, "origin", origin);
    Ok(Asked { origin: violations.or(origin)?, outcome })
}

/// Reads RestoreSubscriptions: at which origin, since when, until when.
pub(crate) fn restore(
    request: &v1::RestoreSubscriptionsRequest,
) -> Result<(Option<Origin>, Timestamp, Timestamp), ApiError> {
    let mut violations = Violations::new();
    let origin = optional_origin(&mut violations, &request.origin);
    if request.start_time.is_none() {
        violations.add("start_time", "is required");
    }
    let times = times(&mut violations, request.start_time, request.end_time);
    let (since, until) = violations.or(times)?;
    Ok((origin, since, until))
}

/// Reads EnableSubscriptions.
pub(crate) fn enable(request: &v1::EnableSubscriptionsRequest) -> Result<Enable, ApiError> {
    let mut violations = Violations::new();
    if !request.name.is_empty() {
        let id = selector::subscription_name(&mut violations, "name", &request.name);
        let others = [
            ("outcome", request.outcome != 0),
            ("origin", !request.origin.is_empty()),
            ("start_time", request.start_time.is_some()),
            ("end_time", request.end_time.is_some()),
        ];
        for (field, _) in others.into_iter().filter(|(_, is_set)| *is_set) {
            violations.add(field, "must not be set with name");
        }
        return Ok(Enable::One(violations.or(id)?));
    }
    let outcome = outcome(&mut violations, request.outcome);
    let origin = optional_origin(&mut violations, &request.origin);
    let times = times(&mut violations, request.start_time, request.end_time);
    let (since, until) = violations.or(times)?;
    Ok(Enable::Many { origin, outcome, since, until })
}

fn outcome(violations: &mut Violations, number: i32) -> Option<Outcome> {
    known(violations, "outcome", number, delivery::read_outcome).filter(|of| *of != Outcome::Unspecified)
}

fn optional_origin(violations: &mut Violations, origin: &str) -> Option<Origin> {
    if origin.is_empty() { None } else { selector::origin_in(violations, "origin", origin) }
}

/// From when until when; what is left out is no limit.
fn times(
    violations: &mut Violations,
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> Option<(Timestamp, Timestamp)> {
    let mut read = |field, time: Option<prost_types::Timestamp>, unset| match time.map(time::read_timestamp) {
        None => Some(unset),
        Some(Ok(time)) => Some(time),
        Some(Err(rule)) => {
            violations.add(field, rule);
            None
        }
    };
    let (start, end) =
        (read("start_time", start, Timestamp::default()), read("end_time", end, Timestamp::MAX));
    let (start, end) = (start?, end?);
    if end < start {
        violations.add("end_time", "must not be before start_time");
    }
    Some((start, end))
}
