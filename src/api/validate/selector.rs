//! Fields that name one thing: subscriptions by name, endpoint or user, and messages by name.

use super::subscription::endpoint;
use super::{Rules, text};
use crate::api::status::ApiError;
use crate::domain::{MessageId, Origin, SubscriptionId, Violations};
use crate::proto::v1;
use crate::store::{Replaces, Selector};

/// Reads `subscriptions/{id}`.
pub(crate) fn subscription_name(
    violations: &mut Violations,
    field: &str,
    name: &str,
) -> Option<SubscriptionId> {
    let id = SubscriptionId::parse_name(name);
    if id.is_none() {
        violations.add(field, "must be subscriptions/{id}");
    }
    id
}

/// Reads `messages/{id}`.
pub(crate) fn message_name(field: &str, name: &str) -> Result<MessageId, ApiError> {
    let mut violations = Violations::new();
    let id = MessageId::parse_name(name);
    if id.is_none() {
        violations.add(field, if name.is_empty() { "is required" } else { "must be messages/{id}" });
    }
    Ok(violations.or(id)?)
}

/// Reads `scheme://host[:port]`, as this server writes it.
pub(crate) fn origin(field: &str, text: &str) -> Result<Origin, ApiError> {
    let mut violations = Violations::new();
    let origin = origin_in(&mut violations, field, text);
    Ok(violations.or(origin)?)
}

/// The same, as one field of several.
pub(crate) fn origin_in(violations: &mut Violations, field: &str, text: &str) -> Option<Origin> {
    let origin = Origin::parse(text).filter(|origin| origin.as_str() == text);
    if origin.is_none() {
        violations.add(field, if text.is_empty() { "is required" } else { "must be scheme://host[:port]" });
    }
    origin
}

/// Reads the selector of GetSubscription.
pub(crate) fn get(request: &v1::GetSubscriptionRequest, rules: Rules<'_>) -> Result<Selector, ApiError> {
    use v1::get_subscription_request::Selector as Given;
    let given = match &request.selector {
        Some(Given::Name(name)) => One::Name(name),
        Some(Given::Endpoint(url)) => One::Endpoint(url),
        None => One::None,
    };
    let mut violations = Violations::new();
    let selector = one(&mut violations, given, rules);
    Ok(violations.or(selector)?)
}

/// Reads the selector of Unsubscribe.
pub(crate) fn unsubscribe(request: &v1::UnsubscribeRequest, rules: Rules<'_>) -> Result<Selector, ApiError> {
    use v1::unsubscribe_request::Selector as Given;
    let mut violations = Violations::new();
    let selector = match &request.selector {
        Some(Given::Name(name)) => one(&mut violations, One::Name(name), rules),
        Some(Given::Endpoint(url)) => one(&mut violations, One::Endpoint(url), rules),
        Some(Given::UserId(user)) => {
            text::named_user(&mut violations, "user_id", user);
            Some(Selector::User(user.clone()))
        }
        None => {
            violations.add("selector", "one of name, endpoint and user_id must be set");
            None
        }
    };
    Ok(violations.or(selector)?)
}

/// A selector of one subscription, as several requests have it.
#[derive(Clone, Copy)]
pub(crate) enum One<'a> {
    Name(&'a str),
    Endpoint(&'a str),
    None,
}

/// Reads it.
pub(crate) fn one(violations: &mut Violations, given: One<'_>, rules: Rules<'_>) -> Option<Selector> {
    match given {
        One::Name(name) => subscription_name(violations, "name", name).map(Selector::Id),
        One::Endpoint(url) => endpoint(violations, "endpoint", url, rules.policy).map(Selector::Endpoint),
        One::None => {
            violations.add("selector", "one of name and endpoint must be set");
            None
        }
    }
}

/// Reads what `pushsubscriptionchange` replaced: a name or an endpoint.
pub(crate) fn replaces(violations: &mut Violations, replaces: &str, rules: Rules<'_>) -> Option<Replaces> {
    if replaces.starts_with(SubscriptionId::COLLECTION) {
        subscription_name(violations, "replaces", replaces).map(Replaces::Id)
    } else {
        endpoint(violations, "replaces", replaces, rules.policy).map(Replaces::Endpoint)
    }
}

/// The name of what a selector selects, for errors: never an endpoint.
pub(crate) fn shown(selector: &Selector) -> String {
    match selector {
        Selector::Id(id) => id.name(),
        Selector::Endpoint(_) => format!("{}-", SubscriptionId::COLLECTION),
        Selector::User(user) => user.clone(),
    }
}
