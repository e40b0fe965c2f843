//! The recipient of a Send.

use super::status::{ApiError, Resource};
use super::validate::sending::Recipient;
use super::validate::subscription::BrowserSubscription;
use super::{Api, quotas};
use crate::domain::{Application, Audience, OriginId, SubscriptionId, SubscriptionState, Target, Timestamp};
use crate::store::{self, ListFilter, Recipients};

/// To whom a Send is. The store looks it up as it accepts the message. The subscriptions of a user are looked up when the
/// message starts; if that is later, there must be some now too.
pub(super) async fn of_send(
    api: &Api,
    application: &Application,
    recipient: Recipient,
    start: Option<Timestamp>,
) -> Result<Recipients, ApiError> {
    let recipient = match recipient {
        Recipient::User(user) if start.is_some() => {
            targets_of_user(api, application, &user).await?;
            return Ok(Recipients::Audience(Audience::Users(vec![user])));
        }
        Recipient::User(user) => store::Recipient::User(user),
        Recipient::Subscription(id) => store::Recipient::Subscription(id),
        Recipient::Inline(browser) => {
            store::Recipient::Inline(Box::new(inline_target(api, application, *browser)))
        }
    };
    let targets_max = u32::try_from(api.settings.user_targets_max).unwrap_or(u32::MAX);
    Ok(Recipients::Named { recipient, targets_max, room: u32::MAX })
}

/// What there is not when the recipient of a Send is not found.
pub(super) fn name(recipients: &Recipients) -> Option<Resource> {
    match recipients {
        Recipients::Named { recipient: store::Recipient::Subscription(id), .. } => {
            Some(Resource::Subscription(id.name()))
        }
        Recipients::Named { recipient: store::Recipient::User(user), .. } => {
            Some(Resource::User(user.clone()))
        }
        Recipients::Named { recipient: store::Recipient::Inline(_), .. }
        | Recipients::Targets(_)
        | Recipients::Audience(_) => None,
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
        Recipient::Subscription(id) => {
            let found = api.store.targets(application.id, &[*id]).await?;
            let missing = || ApiError::NotFound(Resource::Subscription(id.name()));
            found.into_iter().next().flatten().map(|_| 1).ok_or_else(missing)
        }
        Recipient::User(user) => targets_of_user(api, application, user).await,
    }
}

/// How many subscriptions a user has, those that are disabled too: the engine says so of them. At least one.
async fn targets_of_user(api: &Api, application: &Application, user: &str) -> Result<u32, ApiError> {
    const CHUNK: usize = 100;
    let filter = ListFilter::User(user.to_owned());
    let (mut count, mut after) = (0, None);
    loop {
        let found = api.store.list_subscriptions(application.id, &filter, after, CHUNK).await?;
        count += found.len();
        after = found.last().map(|subscription| subscription.target.id);
        if count > api.settings.user_targets_max {
            return Err(quotas::too_many_user_targets(api));
        }
        if found.len() < CHUNK {
            break;
        }
    }
    match u32::try_from(count).unwrap_or(u32::MAX) {
        0 => Err(ApiError::NotFound(Resource::User(user.to_owned()))),
        count => Ok(count),
    }
}

/// The target of a subscription that is given with the request and stored nowhere else. Its age is not known: it counts as
/// old, so that what its push service says of it holds at once. The store gives it its origin.
fn inline_target(api: &Api, application: &Application, browser: BrowserSubscription) -> Target {
    Target {
        id: SubscriptionId::new(api.clock.now(), rand::random()),
        inline: true,
        generation: 1,
        endpoint: browser.endpoint,
        origin: OriginId(0),
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
