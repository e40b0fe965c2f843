//! Subscribe.

use super::subscription::{check_allowed, push_subscription};
use super::{Rules, selector, text};
use crate::api::status::ApiError;
use crate::domain::Violations;
use crate::proto::v1;
use crate::store::Subscribe;

/// Reads the request: what to store.
pub(crate) fn subscribe(request: v1::SubscribeRequest, rules: Rules<'_>) -> Result<Subscribe, ApiError> {
    let v1::SubscribeRequest {
        application: _,
        push_subscription: browser,
        user_id,
        topics,
        labels,
        locale,
        time_zone,
        replaces,
        validate_only: _,
    } = request;
    let mut violations = Violations::new();
    let browser = push_subscription(&mut violations, "push_subscription", browser.as_ref(), rules);
    text::user_id(&mut violations, "user_id", &user_id);
    text::topics(&mut violations, "topics", &topics);
    text::labels(&mut violations, "labels", &labels);
    text::locale(&mut violations, "locale", &locale);
    text::time_zone(&mut violations, "time_zone", &time_zone);
    let replaces =
        if replaces.is_empty() { None } else { selector::replaces(&mut violations, &replaces, rules) };
    let browser = violations.or(browser)?;
    check_allowed("push_subscription", &browser.endpoint, rules)?;
    Ok(Subscribe {
        application: rules.application.id,
        endpoint: browser.endpoint,
        keys: browser.keys,
        encoding: browser.encoding,
        expires: browser.expires,
        vapid_key: browser.vapid_key,
        current_vapid_key: rules.application.current_vapid_key,
        user_id,
        topics,
        labels,
        locale,
        time_zone,
        replaces,
        subscriptions_max: rules.application.settings.quotas.max_subscriptions,
        validate_only: false,
        bulk: false,
        by_page: false,
    })
}
