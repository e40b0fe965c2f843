//! CreateApplication, GetApplication, ListApplications, UpdateApplication and DeleteApplication.

use std::collections::HashMap;
use std::sync::Arc;

use super::access::Scope;
use super::api_tokens::{SERVER_WIDE, server_wide};
use super::audit::{self, Done};
use super::convert::application::{application as shown, vapid_key};
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{application as validate, lists};
use super::{Api, ApiFor};
use crate::domain::limits::APPLICATIONS_MAX;
use crate::domain::{Application, ApplicationSettings, MessageState, Role, VapidKeyId};
use crate::engine::OriginHealth;
use crate::proto::v1;
use crate::store::{ApplicationRecord, MessageFilter};
use crate::webpush::keys::VapidKeyPair;

/// What an application is now that the store has changed it, for everybody from here on.
pub(super) async fn changed(api: &Api, record: ApplicationRecord) -> Result<Arc<Application>, ApiError> {
    let application = Arc::new(api.bases.application(record, &*api.policy));
    api.engine.application_changed(Arc::clone(&application)).await?;
    Ok(application)
}

/// As administrators see it.
async fn show(
    api: &Api,
    application: &Application,
    origins: &[OriginHealth],
) -> Result<v1::Application, ApiError> {
    let subscriptions = api.store.subscription_count(application.id).await?;
    Ok(shown(application, subscriptions, origins))
}

pub(super) async fn create_application(
    api: &ApiFor<'_>,
    request: v1::CreateApplicationRequest,
) -> Result<v1::CreateApplicationResponse, ApiError> {
    let (name, settings) = validate::create(&request, &*api.policy)?;
    if api.applications.get(&name).is_some() {
        return Err(ApiError::ApplicationExists);
    }
    if api.applications.all().len() >= APPLICATIONS_MAX {
        let description = format!("there are {APPLICATIONS_MAX} applications: delete some");
        return Err(ApiError::QuotaExceeded { subject: "applications", description });
    }
    let pair = VapidKeyPair::generate().map_err(|error| ApiError::Internal(error.to_string()))?;
    let key = pair.into_vapid_key(VapidKeyId(1), api.clock.now());
    if request.validate_only {
        let given = request.application.unwrap_or_default();
        return Ok(v1::CreateApplicationResponse { application: Some(given), vapid_key: None });
    }
    let own = api.api.clone();
    let create = async move {
        let _changing = own.changing.lock().await;
        let made = own.store.create_application(&name, settings, key).await?;
        let application = changed(&own, made).await?;
        let set = audit::changes(&ApplicationSettings::default(), &application.settings);
        let done = Done::to(&application, "").changed(set);
        Ok((application, Some(done)))
    };
    let application = api.audited("CreateApplication", create).await?;
    let key = application.current_key().map(|key| vapid_key(&application, key, 0));
    Ok(v1::CreateApplicationResponse { application: Some(shown(&application, 0, &[])), vapid_key: key })
}

pub(super) async fn get_application(
    api: &ApiFor<'_>,
    request: v1::GetApplicationRequest,
) -> Result<v1::GetApplicationResponse, ApiError> {
    let application = api.application(&request.application)?;
    let origins = api.engine.origins().await;
    Ok(v1::GetApplicationResponse { application: Some(show(api, &application, &origins).await?) })
}

pub(super) async fn list_applications(
    api: &ApiFor<'_>,
    request: v1::ListApplicationsRequest,
) -> Result<v1::ListApplicationsResponse, ApiError> {
    let page_size = lists::applications(&request)?;
    let mut listed = match &api.principal.scope {
        Scope::All => api.applications.all(),
        Scope::Application(_) => api.application("").into_iter().collect(),
    };
    if let Some(after) = api.tokens.read_page(SERVER_WIDE, List::Applications, &[], &request.page_token)? {
        listed.retain(|application| application.name.as_bytes() > &after[..]);
    }
    let more = listed.len() > page_size;
    listed.truncate(page_size);
    let origins = api.engine.origins().await;
    let mut applications = Vec::with_capacity(listed.len());
    for application in &listed {
        applications.push(show(api, application, &origins).await?);
    }
    let fitting = lists::fitting(&applications).min(applications.len());
    let more = more || fitting < applications.len();
    applications.truncate(fitting);
    let next_page_token = match applications.last() {
        Some(last) if more => api.tokens.page(SERVER_WIDE, List::Applications, &[], last.id.as_bytes()),
        Some(_) | None => String::new(),
    };
    Ok(v1::ListApplicationsResponse { applications, next_page_token })
}

pub(super) async fn update_application(
    api: &ApiFor<'_>,
    request: v1::UpdateApplicationRequest,
) -> Result<v1::UpdateApplicationResponse, ApiError> {
    let name = request.application.as_ref().map(|given| given.id.clone()).unwrap_or_default();
    let own = api.api.clone();
    // Before anything is read: an application that the caller does not reach is as unknown as one that is not there.
    let known = api.application(&name)?;
    if validate::update(&request, &known.settings, &*api.policy)?.server_wide {
        server_wide(api, Role::Admin)?;
    }
    let update = async move {
        let _changing = own.changing.lock().await;
        let missing = || ApiError::NotFound(Resource::Application(name.clone()));
        let now = own.applications.get(&known.name).ok_or_else(missing)?;
        let update = validate::update(&request, &now.settings, &*own.policy)?;
        if update.revision.is_some_and(|revision| revision != now.revision) {
            return Err(ApiError::EtagMismatch);
        }
        if update.settings == now.settings {
            return Ok((now, None));
        }
        let done = Done::to(&now, "").changed(audit::changes(&now.settings, &update.settings));
        let record = own.store.update_application(now.id, update.settings, now.revision).await;
        let missing = Resource::Application(name.clone());
        let record = record.map_err(|error| ApiError::from_store(error, missing))?;
        Ok((changed(&own, record).await?, Some(done)))
    };
    let application = api.audited("UpdateApplication", update).await?;
    let origins = api.engine.origins().await;
    Ok(v1::UpdateApplicationResponse { application: Some(show(api, &application, &origins).await?) })
}

pub(super) async fn delete_application(
    api: &ApiFor<'_>,
    request: v1::DeleteApplicationRequest,
) -> Result<v1::DeleteApplicationResponse, ApiError> {
    let name = request.application.clone();
    validate::delete(&name, api.bases.named.contains_key(&name))?;
    let own = api.api.clone();
    let delete = async move {
        let _changing = own.changing.lock().await;
        let Some(application) = own.applications.get(&request.application) else {
            return Ok((false, None));
        };
        if !request.force {
            check_unused(&own, &application).await?;
        }
        let id = application.id;
        let subscriptions = own.store.subscription_count(id).await?;
        let done = Done::to(&application, "").counted(usize::try_from(subscriptions).unwrap_or(usize::MAX));
        let done = done.changed(audit::changes(&application.settings, &ApplicationSettings::default()));
        let deleted = own.store.delete_application(id).await?;
        own.used.forget(id);
        // Its streams end with it, and say so: before its tokens, without which they would say less.
        own.engine.application_deleted(application);
        own.callers.end_application(id).await?;
        Ok((deleted, deleted.then_some(done)))
    };
    let deleted = api.audited("DeleteApplication", delete).await?;
    if !deleted && !request.allow_missing {
        return Err(ApiError::NotFound(Resource::Application(name)));
    }
    Ok(v1::DeleteApplicationResponse {})
}

/// A refusal to delete an application counts its unfinished messages up to this many.
const UNFINISHED_COUNTED_MAX: usize = 1_000;

/// An application with subscriptions or unfinished messages is deleted by force only.
async fn check_unused(api: &Api, application: &Application) -> Result<(), ApiError> {
    let subscriptions = api.store.subscription_count(application.id).await?;
    let open = [MessageState::Scheduled, MessageState::Sending, MessageState::Cancelling];
    let filter = MessageFilter::of_states(&open);
    let (mut messages, mut before) = (0, None);
    loop {
        let most = UNFINISHED_COUNTED_MAX - messages;
        let listed = api.store.list_messages(application.id, &filter, before, most).await?;
        messages += listed.messages.len();
        before = listed.next;
        if before.is_none() || messages >= UNFINISHED_COUNTED_MAX {
            break;
        }
    }
    if subscriptions == 0 && messages == 0 {
        return Ok(());
    }
    Err(ApiError::StillInUse(HashMap::from([
        ("subscriptions".to_owned(), subscriptions.to_string()),
        ("messages".to_owned(), messages.to_string()),
    ])))
}
