//! Subscribe, Unsubscribe, GetSubscription, UpdateSubscription and ListSubscriptions.

use std::sync::Arc;

use super::Api;
use super::convert::subscription::subscription;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{self, lists, selector};
use crate::domain::{Application, SubscriptionId};
use crate::observe::SubscriptionChange;
use crate::proto::v1;
use crate::store::{ListFilter, Replaces, Selector, Subscribe};

pub(super) async fn subscribe(
    api: &Api,
    request: v1::SubscribeRequest,
) -> Result<v1::SubscribeResponse, ApiError> {
    let application = api.application(&request.application)?;
    let validate_only = request.validate_only;
    let subscribe = validate::subscribe::subscribe(request, api.rules(&application))?;
    if validate_only {
        return preview(api, &application, subscribe).await;
    }
    let (store, engine) = (Arc::clone(&api.store), api.engine.clone());
    let subscribed = api
        .finish(async move {
            let subscribed = store.subscribe(subscribe).await?;
            let id = subscribed.subscription.target.id;
            let change =
                if subscribed.created { SubscriptionChange::Added } else { SubscriptionChange::Updated };
            engine.subscription_changed(id, change).await;
            if let Some(removed) = subscribed.removed {
                engine.subscription_changed(removed, SubscriptionChange::Unsubscribed).await;
            }
            Ok(subscribed)
        })
        .await?;
    Ok(v1::SubscribeResponse {
        subscription: Some(subscription(&application, &subscribed.subscription)),
        created: subscribed.created,
    })
}

/// What Subscribe would answer, without a name and times where there are none yet. The store's rules for what stays and
/// what is taken are told in [`crate::store::Store::subscribe`].
async fn preview(
    api: &Api,
    application: &Application,
    subscribe: Subscribe,
) -> Result<v1::SubscribeResponse, ApiError> {
    let replaced = match &subscribe.replaces {
        Some(Replaces::Id(id)) => Some(Selector::Id(*id)),
        Some(Replaces::Endpoint(endpoint)) => Some(Selector::Endpoint(endpoint.clone())),
        None => None,
    };
    let same = Selector::Endpoint(subscribe.endpoint.clone());
    let mut existing = api.store.subscription(application.id, &same).await?;
    if let (None, Some(replaced)) = (&existing, &replaced) {
        existing = api.store.subscription(application.id, replaced).await?;
    }
    let mut shown = existing.as_ref().map_or_else(
        || v1::Subscription { application: application.name.clone(), ..v1::Subscription::default() },
        |existing| subscription(application, existing),
    );
    if !subscribe.user_id.is_empty() && subscribe.user_id != shown.user_id {
        let former = std::mem::take(&mut shown);
        shown.name = former.name;
        shown.application = former.application;
        shown.create_time = former.create_time;
        shown.user_id = subscribe.user_id;
    }
    if !subscribe.topics.is_empty() {
        shown.topics = subscribe.topics;
        shown.topics.sort_unstable();
        shown.topics.dedup();
    }
    if !subscribe.labels.is_empty() {
        shown.labels = subscribe.labels;
    }
    if !subscribe.locale.is_empty() {
        shown.locale = subscribe.locale;
    }
    if !subscribe.time_zone.is_empty() {
        shown.time_zone = subscribe.time_zone;
    }
    let stored_key = existing.as_ref().map(|existing| existing.target.vapid_key);
    let key = subscribe.vapid_key.or(stored_key).unwrap_or(subscribe.current_vapid_key);
    shown.application_server_key = super::convert::subscription::application_server_key(application, key);
    shown.endpoint_origin = subscribe.endpoint.origin().to_string();
    shown.expire_time = subscribe.expires.map(super::convert::time::timestamp);
    shown.state = v1::SubscriptionState::Active.into();
    shown.etag = String::new();
    Ok(v1::SubscribeResponse { subscription: Some(shown), created: existing.is_none() })
}

pub(super) async fn unsubscribe(
    api: &Api,
    request: v1::UnsubscribeRequest,
) -> Result<v1::UnsubscribeResponse, ApiError> {
    let application = api.application(&request.application)?;
    let selector = selector::unsubscribe(&request, api.rules(&application))?;
    let missing = not_found(&selector);
    let (store, engine) = (Arc::clone(&api.store), api.engine.clone());
    let removed = api
        .finish(async move {
            let removed = store.unsubscribe(application.id, &selector).await?;
            for id in &removed {
                engine.subscription_changed(*id, SubscriptionChange::Unsubscribed).await;
            }
            Ok(removed)
        })
        .await?;
    if removed.is_empty() && !request.allow_missing {
        return Err(ApiError::NotFound(missing));
    }
    let removed_count = i32::try_from(removed.len()).unwrap_or(i32::MAX);
    Ok(v1::UnsubscribeResponse { removed_count })
}

pub(super) async fn get_subscription(
    api: &Api,
    request: v1::GetSubscriptionRequest,
) -> Result<v1::GetSubscriptionResponse, ApiError> {
    let application = api.application(&request.application)?;
    let selector = selector::get(&request, api.rules(&application))?;
    let found = api.store.subscription(application.id, &selector).await?;
    let found = found.ok_or_else(|| ApiError::NotFound(not_found(&selector)))?;
    Ok(v1::GetSubscriptionResponse { subscription: Some(subscription(&application, &found)) })
}

pub(super) async fn update_subscription(
    api: &Api,
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
    api: &Api,
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
    let next_page_token = match found.last() {
        Some(last) if more => api.tokens.page(application.id, List::Subscriptions, &bound, &last.target.id.0),
        Some(_) | None => String::new(),
    };
    let subscriptions = found.iter().map(|found| subscription(&application, found)).collect();
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
