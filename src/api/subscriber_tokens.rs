//! CreateSubscriberToken, and what a page with such a token may ask for.

use super::access::Grant;
use super::convert::time::timestamp;
use super::status::ApiError;
use super::validate::api_token;
use super::{ApiFor, callers};
use crate::domain::{Application, Violations};
use crate::proto::v1;
use crate::store::{Selector, Subscribe};

pub(super) fn create_subscriber_token(
    api: &ApiFor<'_>,
    request: v1::CreateSubscriberTokenRequest,
) -> Result<v1::CreateSubscriberTokenResponse, ApiError> {
    let application = api.application(&request.application)?;
    let (grant, ttl) = api_token::subscriber(request)?;
    let expires = api.clock.now().plus(ttl);
    let token = api.tokens.subscriber(&application, grant, expires);
    if token.len() > callers::CREDENTIALS_OCTETS_MAX {
        let mut violations = Violations::new();
        violations.add("topics", "are too long together for a token");
        return Err(violations.into());
    }
    Ok(v1::CreateSubscriberTokenResponse { token, expire_time: Some(timestamp(expires)) })
}

/// Narrows a Subscribe of a page to what it was granted. What it may touch of what is stored, the store judges where it
/// writes.
pub(super) fn narrow_subscribe(api: &ApiFor<'_>, subscribe: &mut Subscribe) -> Result<(), ApiError> {
    let Some(grant) = &api.principal.grant else { return Ok(()) };
    let mut violations = Violations::new();
    if !subscribe.user_id.is_empty() && subscribe.user_id != grant.user_id {
        violations.add("user_id", "must be that of the subscriber token");
    }
    for (index, topic) in subscribe.topics.iter().enumerate() {
        if !grant.topics.contains(topic) {
            violations.add(format!("topics[{index}]"), "must be one of the subscriber token");
        }
    }
    if !subscribe.labels.is_empty() {
        violations.add("labels", "cannot be set with a subscriber token");
    }
    violations.or(Some(()))?;
    subscribe.user_id.clone_from(&grant.user_id);
    subscribe.by_page = true;
    Ok(())
}

/// Whether a page may unsubscribe this: something of its user's. What is not looks as if it were not there.
pub(super) async fn may_unsubscribe(
    api: &ApiFor<'_>,
    application: &Application,
    selected: &Selector,
) -> Result<bool, ApiError> {
    match (&api.principal.grant, selected) {
        (None, _) => Ok(true),
        (Some(grant), Selector::User(user)) => Ok(*user == grant.user_id),
        (Some(grant), Selector::Id(_) | Selector::Endpoint(_)) => {
            own(api, application, grant, selected).await
        }
    }
}

async fn own(
    api: &ApiFor<'_>,
    application: &Application,
    grant: &Grant,
    selected: &Selector,
) -> Result<bool, ApiError> {
    let found = api.store.subscription(application.id, selected).await?;
    Ok(found.is_some_and(|found| found.target.user_id == grant.user_id))
}
