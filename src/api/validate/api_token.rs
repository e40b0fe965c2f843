//! API tokens and subscriber tokens.

use std::time::Duration;

use super::{known, text};
use crate::api::access::Grant;
use crate::api::convert::api_token::read_role;
use crate::api::convert::time::{read_duration, read_timestamp};
use crate::api::status::ApiError;
use crate::domain::limits::{
    DISPLAY_NAME_OCTETS_MAX, SUBSCRIBER_TOKEN_TTL_DEFAULT, SUBSCRIBER_TOKEN_TTL_MAX,
};
use crate::domain::{ApiTokenId, Roles, Timestamp, Violations};
use crate::proto::v1;

/// What CreateApiToken asks for.
#[derive(Debug)]
pub(crate) struct NewApiToken {
    pub(crate) roles: Roles,
    pub(crate) display_name: String,
    pub(crate) expires: Option<Timestamp>,
}

/// Reads CreateApiToken.
pub(crate) fn create(request: &v1::CreateApiTokenRequest, now: Timestamp) -> Result<NewApiToken, ApiError> {
    let mut violations = Violations::new();
    let Some(asked) = &request.api_token else {
        violations.add("api_token", "is required");
        return Err(violations.into());
    };
    if asked.all_applications && !request.application.is_empty() {
        violations.add("application", "must be empty with all_applications");
    }
    if asked.roles.is_empty() {
        violations.add("api_token.roles", "must not be empty");
    }
    let roles = asked.roles.iter().enumerate().filter_map(|(index, role)| {
        known(&mut violations, &format!("api_token.roles[{index}]"), *role, read_role)
    });
    let roles: Roles = roles.collect();
    text::plain(&mut violations, "api_token.display_name", &asked.display_name, DISPLAY_NAME_OCTETS_MAX);
    let expires = asked.expire_time.and_then(|time| {
        let expires = violations.check("api_token.expire_time", read_timestamp(time))?;
        if expires <= now {
            violations.add("api_token.expire_time", "must lie ahead");
        }
        Some(expires)
    });
    let display_name = asked.display_name.clone();
    Ok(violations.or(Some(NewApiToken { roles, display_name, expires }))?)
}

/// Reads `apiTokens/{id}`.
pub(crate) fn name(name: &str) -> Result<ApiTokenId, ApiError> {
    let mut violations = Violations::new();
    let id = ApiTokenId::parse_name(name);
    if id.is_none() {
        violations.add("name", if name.is_empty() { "is required" } else { "must be apiTokens/{id}" });
    }
    Ok(violations.or(id)?)
}

/// Reads CreateSubscriberToken: what the page may do, and for how long.
pub(crate) fn subscriber(request: v1::CreateSubscriberTokenRequest) -> Result<(Grant, Duration), ApiError> {
    let v1::CreateSubscriberTokenRequest { application: _, user_id, topics, ttl } = request;
    let mut violations = Violations::new();
    text::named_user(&mut violations, "user_id", &user_id);
    text::topics(&mut violations, "topics", &topics);
    let ttl = match ttl {
        None => SUBSCRIBER_TOKEN_TTL_DEFAULT,
        Some(ttl) => violations.check("ttl", read_duration(ttl)).unwrap_or_default(),
    };
    if violations.is_empty() && (ttl.is_zero() || ttl > SUBSCRIBER_TOKEN_TTL_MAX) {
        violations
            .add("ttl", format!("must be above 0s and at most {}s", SUBSCRIBER_TOKEN_TTL_MAX.as_secs()));
    }
    Ok(violations.or(Some((Grant { user_id, topics: topics.into_iter().collect() }, ttl)))?)
}
