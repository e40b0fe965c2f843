//! UpdateSubscription.

use super::selector::{One, one};
use super::subscription::PASSED;
use super::{Rules, text};
use crate::api::convert::subscription::read_etag;
use crate::api::convert::time;
use crate::api::status::ApiError;
use crate::domain::{Timestamp, Violations};
use crate::proto::v1;
use crate::store::{Selector, SubscriptionPatch};

/// Reads the request: which subscription, and what changes.
pub(crate) fn update(
    request: v1::UpdateSubscriptionRequest,
    rules: Rules<'_>,
) -> Result<(Selector, SubscriptionPatch), ApiError> {
    use v1::update_subscription_request::Selector as Given;
    let v1::UpdateSubscriptionRequest {
        application: _,
        subscription,
        update_mask,
        add_topics,
        remove_topics,
        selector,
    } = request;
    let mut violations = Violations::new();
    let selector = one(
        &mut violations,
        match &selector {
            Some(Given::Name(name)) => One::Name(name),
            Some(Given::Endpoint(url)) => One::Endpoint(url),
            None => One::None,
        },
        rules,
    );
    let paths = update_mask.unwrap_or_default().paths;
    if paths.is_empty() && add_topics.is_empty() && remove_topics.is_empty() {
        violations.add("update_mask", "must name a field, unless there are add_topics or remove_topics");
    }
    if !paths.is_empty() && subscription.is_none() {
        violations.add("subscription", "is required with an update_mask");
    }
    if !(add_topics.is_empty() && remove_topics.is_empty()) && paths.iter().any(|path| path == "topics") {
        violations.add("update_mask", "must not name topics together with add_topics or remove_topics");
    }
    text::topics(&mut violations, "add_topics", &add_topics);
    text::topics(&mut violations, "remove_topics", &remove_topics);
    let mut patch = SubscriptionPatch { add_topics, remove_topics, ..SubscriptionPatch::default() };
    let subscription = subscription.unwrap_or_default();
    if !subscription.etag.is_empty() {
        patch.revision = read_etag(&subscription.etag);
        if patch.revision.is_none() {
            violations.add("subscription.etag", "must be the etag that this server gave");
        }
    }
    for (index, path) in paths.iter().enumerate() {
        if !take(&mut violations, &mut patch, path, &subscription, rules.now) {
            violations.add(
                format!("update_mask.paths[{index}]"),
                "must be user_id, topics, labels, locale, time_zone or expire_time",
            );
        }
    }
    Ok((violations.or(selector)?, patch))
}

/// Takes one field into the patch; false when it is none that can change.
fn take(
    violations: &mut Violations,
    patch: &mut SubscriptionPatch,
    field: &str,
    subscription: &v1::Subscription,
    now: Timestamp,
) -> bool {
    match field {
        "user_id" => {
            text::user_id(violations, "subscription.user_id", &subscription.user_id);
            patch.user_id = Some(subscription.user_id.clone());
        }
        "topics" => {
            text::topics(violations, "subscription.topics", &subscription.topics);
            patch.topics = Some(subscription.topics.clone());
        }
        "labels" => {
            text::labels(violations, "subscription.labels", &subscription.labels);
            patch.labels = Some(subscription.labels.clone());
        }
        "locale" => {
            text::locale(violations, "subscription.locale", &subscription.locale);
            patch.locale = Some(subscription.locale.clone());
        }
        "time_zone" => {
            text::time_zone(violations, "subscription.time_zone", &subscription.time_zone);
            patch.time_zone = Some(subscription.time_zone.clone());
        }
        "expire_time" => {
            let time = subscription
                .expire_time
                .map(|time| violations.check("subscription.expire_time", expiry(time, now)));
            patch.expires = Some(time.flatten());
        }
        _ => return false,
    }
    true
}

/// Reads an expiry that is still to come.
fn expiry(time: prost_types::Timestamp, now: Timestamp) -> Result<Timestamp, &'static str> {
    let expires = time::read_timestamp(time)?;
    if expires > now { Ok(expires) } else { Err(PASSED) }
}
