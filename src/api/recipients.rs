//! The recipient of a Send, looked up.

use super::Api;
use super::status::{ApiError, Resource};
use super::validate::sending::Recipient;
use super::validate::subscription::BrowserSubscription;
use crate::domain::{Application, SubscriptionId, SubscriptionState, Target, Timestamp};
use crate::store::{ListFilter, OriginInfo};

/// Looks the recipient up: at least one target.
pub(super) async fn targets(
    api: &Api,
    application: &Application,
    recipient: Recipient,
) -> Result<Vec<Target>, ApiError> {
    match recipient {
        Recipient::Subscription(id) => {
            let found = api.store.targets(application.id, &[id]).await?;
            let target = found.into_iter().next().flatten();
            let missing = || ApiError::NotFound(Resource::Subscription(id.name()));
            Ok(vec![target.ok_or_else(missing)?])
        }
        Recipient::User(user) => {
            let targets = targets_of_user(api, application, &user).await?;
            if targets.is_empty() { Err(ApiError::NotFound(Resource::User(user))) } else { Ok(targets) }
        }
        Recipient::Inline(browser) => {
            let origin = api.store.intern_origin(browser.endpoint.origin()).await?;
            Ok(vec![inline_target(api, application, *browser, &origin)])
        }
    }
}

/// How many a Send would reach; nothing is written for it.
pub(super) async fn count(
    api: &Api,
    application: &Application,
    recipient: &Recipient,
) -> Result<u32, ApiError> {
    match recipient {
        Recipient::Inline(_) => Ok(1),
        Recipient::Subscription(_) | Recipient::User(_) => {
            let targets = targets(api, application, recipient.clone()).await?;
            Ok(u32::try_from(targets.len()).unwrap_or(u32::MAX))
        }
    }
}

/// All targets of a user, active and disabled: the engine says so of those that are disabled.
async fn targets_of_user(api: &Api, application: &Application, user: &str) -> Result<Vec<Target>, ApiError> {
    const CHUNK: usize = 100;
    let filter = ListFilter::User(user.to_owned());
    let mut targets: Vec<Target> = Vec::new();
    loop {
        let after = targets.last().map(|target| target.id);
        let found = api.store.list_subscriptions(application.id, &filter, after, CHUNK).await?;
        let last = found.len() < CHUNK;
        targets.extend(found.into_iter().map(|subscription| subscription.target));
        if targets.len() > api.settings.user_targets_max {
            let max = api.settings.user_targets_max;
            let description = format!("the user has more than {max} subscriptions: use Broadcast");
            return Err(ApiError::QuotaExceeded { subject: "user_targets", description });
        }
        if last {
            return Ok(targets);
        }
    }
}

/// The target of a subscription that is given with the request and stored nowhere else. Its age is not known: it counts as
/// old, so that what its push service says of it holds at once.
fn inline_target(
    api: &Api,
    application: &Application,
    browser: BrowserSubscription,
    origin: &OriginInfo,
) -> Target {
    Target {
        id: SubscriptionId::new(api.clock.now(), rand::random()),
        inline: true,
        generation: 1,
        endpoint: browser.endpoint,
        origin: origin.id,
        keys: browser.keys,
        encoding: browser.encoding,
        vapid_key: browser.vapid_key.unwrap_or(application.current_vapid_key),
        subscribed: Timestamp::default(),
        expires: browser.expires,
        state: SubscriptionState::Active,
        user_id: String::new(),
        body_octets_max: 0,
        refused_days: 0,
        refused_last: Timestamp::default(),
        accepted_last: Timestamp::default(),
    }
}
