//! Subscribe, Unsubscribe, GetSubscription, UpdateSubscription and ListSubscriptions.

use std::sync::Arc;

use super::audit::{Done, USER};
use super::convert::subscription::subscription;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{self, lists, selector};
use super::{Api, ApiFor, subscriber_tokens};
use crate::domain::{Application, SubscriptionId};
use crate::engine::Engine;
use crate::observe::SubscriptionChange;
use crate::proto::v1;
use crate::store::{ListFilter, Selector, Store, Subscribe, Subscribed};

pub(super) async fn subscribe(
    api: &ApiFor<'_>,
    request: v1::SubscribeRequest,
) -> Result<v1::SubscribeResponse, ApiError> {
    let application = api.application(&request.application)?;
    let validate_only = request.validate_only;
    let mut subscribe = validate::subscribe::subscribe(request, api.rules(&application))?;
    subscriber_tokens::narrow_subscribe(api, &mut subscribe)?;
    if validate_only {
        return preview(api, &application, subscribe).await;
    }
    let (store, engine) = (Arc::clone(&api.store), api.engine.clone());
    let subscribed = api.finish(async move { store_subscription(&store, &engine, subscribe).await }).await?;
    Ok(v1::SubscribeResponse {
        subscription: Some(subscription(&application, &subscribed.subscription)),
        created: subscribed.created,
    })
}

/// Stores a subscription and tells the engine. To be run to its end, also when the caller goes away.
pub(super) async fn store_subscription(
    store: &Arc<dyn Store>,
    engine: &Engine,
    subscribe: Subscribe,
) -> Result<Subscribed, ApiError> {
    let application = subscribe.application;
    let mut subscribed = store.subscribe(subscribe).await?;
    if !subscribed.created
        && let Some(confirmed) = engine.confirm(application, subscribed.subscription.target.id).await?
    {
        subscribed.subscription = confirmed;
    }
    let change = if subscribed.created { SubscriptionChange::Added } else { SubscriptionChange::Updated };
    engine.subscription_changed(subscribed.subscription.target.id, change).await;
    if let Some(removed) = subscribed.removed {
        engine.subscription_changed(removed, SubscriptionChange::Unsubscribed).await;
    }
    Ok(subscribed)
}

/// What Subscribe would answer, without a name and times where there are none yet.
async fn preview(
    api: &Api,
    application: &Application,
    mut subscribe: Subscribe,
) -> Result<v1::SubscribeResponse, ApiError> {
    subscribe.validate_only = true;
    let previewed = api.store.subscribe(subscribe).await?;
    let mut shown = subscription(application, &previewed.subscription);
    if previewed.created {
        shown.name = String::new();
        shown.create_time = None;
    }
    shown.update_time = None;
    shown.etag = String::new();
    Ok(v1::SubscribeResponse { subscription: Some(shown), created: previewed.created })
}

pub(super) async fn unsubscribe(
    api: &ApiFor<'_>,
    request: v1::UnsubscribeRequest,
) -> Result<v1::UnsubscribeResponse, ApiError> {
    let application = api.application(&request.application)?;
    let selector = selector::unsubscribe(&request, api.rules(&application))?;
    let missing = not_found(&selector);
    if !subscriber_tokens::may_unsubscribe(api, &application, &selector).await? {
        return if request.allow_missing {
            Ok(v1::UnsubscribeResponse { removed_count: 0 })
        } else {
            Err(ApiError::NotFound(missing))
        };
    }
    let (store, engine) = (Arc::clone(&api.store), api.engine.clone());
    let by_page = api.principal.grant.is_some();
    let unsubscribe = async move {
        let removed = store.unsubscribe(application.id, &selector).await?;
        for id in &removed {
            engine.subscription_changed(*id, SubscriptionChange::Unsubscribed).await;
        }
        let done = match &selector {
            Selector::User(user) if removed.len() > 1 && !by_page => {
                Some(Done::to(&application, format!("{USER}{user}")).counted(removed.len()))
            }
            Selector::User(_) | Selector::Id(_) | Selector::Endpoint(_) => None,
        };
        Ok((removed, done))
    };
    let removed = api.audited("Unsubscribe", unsubscribe).await?;
    if removed.is_empty() && !request.allow_missing {
        return Err(ApiError::NotFound(missing));
    }
    let removed_count = i32::try_from(removed.len()).unwrap_or(i32::MAX);
    Ok(v1::UnsubscribeResponse { removed_count })
}

pub(super) async fn get_subscription(
    api: &ApiFor<'_>,
    request: v1::GetSubscriptionRequest,
) -> Result<v1::GetSubscriptionResponse, ApiError> {
    let application = api.application(&request.application)?;
    let selector = selector::get(&request, api.rules(&application))?;
    let found = api.store.subscription(application.id, &selector).await?;
    let found = found.ok_or_else(|| ApiError::NotFound(not_found(&selector)))?;
    Ok(v1::GetSubscriptionResponse { subscription: Some(subscription(&application, &found)) })
}

pub(super) async fn update_subscription(
    api: &ApiFor<'_>,
    request: v1::UpdateSubscriptionRequest,
) -> Result<v1::UpdateSubscriptionResponse, ApiError> {
    let application = api.application(&request.application)?;
    let (selector, patch) = validate::update::update(request, api.rules(&application))?;
    let (store, engine, id) = (Arc::clone(&api.store), api.engine.clone(), application.id);
    let updated = api
        .finish(async move {
            let missing = not_found(&selector);
            let updated = store.update_subscription(id, &selector, patch).await;
            let updated = updated.map_err(|error| ApiError::from_store(error, missing))?;
            engine.subscription_changed(updated.target.id, SubscriptionChange::Updated).await;
            Ok(updated)
        })
        .await?;
    Ok(v1::UpdateSubscriptionResponse { subscription: Some(subscription(&application, &updated)) })
}

pub(super) async fn list_subscriptions(
    api: &ApiFor<'_>,
    request: v1::ListSubscriptionsRequest,
) -> Result<v1::ListSubscriptionsResponse, ApiError> {
    let application = api.application(&request.application)?;
    let (page_size, filter) = lists::subscriptions(&request)?;
    let bound = match &filter {
        ListFilter::All => vec![0],
        ListFilter::User(user) => [&[1], user.as_bytes()].concat(),
        ListFilter::Topic(topic) => [&[2], topic.as_bytes()].concat(),
    };
    let token = api.tokens.read_page(application.id, List::Subscriptions, &bound, &request.page_token)?;
    let after = match token {
        Some(position) => Some(SubscriptionId(position.try_into().map_err(|_| ApiError::PageTokenInvalid)?)),
        None => None,
    };
    let mut found = api.store.list_subscriptions(application.id, &filter, after, page_size + 1).await?;
    let more = found.len() > page_size;
    found.truncate(page_size);
    let mut subscriptions: Vec<_> = found.iter().map(|found| subscription(&application, found)).collect();
    let fitting = lists::fitting(&subscriptions);
    let more = more || fitting < subscriptions.len();
    subscriptions.truncate(fitting);
    let next_page_token = match found.get(fitting.saturating_sub(1)) {
        Some(last) if more => api.tokens.page(application.id, List::Subscriptions, &bound, &last.target.id.0),
        Some(_) | None => String::new(),
    };
    Ok(v1::ListSubscriptionsResponse { subscriptions, next_page_token })
}

/// What is missing when a selector selects nothing.
fn not_found(selector: &Selector) -> Resource {
    let shown = selector::shown(selector);
    match selector {
        Selector::Id(_) | Selector::Endpoint(_) => Resource::Subscription(shown),
        Selector::User(_) => Resource::User(shown),
    }
}
