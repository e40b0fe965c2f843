//! CreateVapidKey, ListVapidKeys, SetCurrentVapidKey and RetireVapidKey.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::applications::changed;
use super::audit::Done;
use super::convert::application::{vapid_key as shown, vapid_key_name};
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{application as validate, lists};
use super::{Api, ApiFor};
use crate::domain::limits::VAPID_KEYS_MAX;
use crate::domain::{Application, FieldChange, VapidKeyId, Violations};
use crate::proto::v1;
use crate::store::StoreError;

/// One key of an application, with its count.
async fn show(api: &Api, application: &Application, id: VapidKeyId) -> Result<v1::VapidKey, ApiError> {
    let missing = || ApiError::NotFound(Resource::VapidKey(vapid_key_name(id)));
    let key = application.vapid_key(id).ok_or_else(missing)?;
    let counts = api.store.vapid_key_counts(application.id, &[id]).await?;
    Ok(shown(application, key, counts.first().copied().unwrap_or_default()))
}

/// The application as it is now that its keys have changed.
async fn reread(api: &Api, application: &Application) -> Result<Arc<Application>, ApiError> {
    let all = api.store.applications().await?;
    let missing = || ApiError::NotFound(Resource::Application(application.name.clone()));
    let record = all.into_iter().find(|of| of.id == application.id && !of.deleted).ok_or_else(missing)?;
    changed(api, record).await
}

/// That another key became the one that browsers are given.
fn current_changed(before: &Application, after: &Application) -> Vec<FieldChange> {
    let (before, after) = (before.current_vapid_key, after.current_vapid_key);
    let change = FieldChange::new("current_vapid_key", vapid_key_name(before), vapid_key_name(after));
    if before == after { Vec::new() } else { vec![change] }
}

pub(super) async fn create_vapid_key(
    api: &ApiFor<'_>,
    request: v1::CreateVapidKeyRequest,
) -> Result<v1::CreateVapidKeyResponse, ApiError> {
    let application = api.application(&request.application)?;
    let pair = validate::create_vapid_key(&request)?;
    let (own, make_current) = (api.api.clone(), request.make_current);
    let create = async move {
        let _changing = own.changing.lock().await;
        let now = own.applications.by_id(application.id).unwrap_or(application);
        if now.vapid_keys.iter().any(|key| key.public == *pair.public()) {
            return Err(ApiError::VapidKeyExists);
        }
        if now.vapid_keys.len() >= VAPID_KEYS_MAX {
            let description = format!(
                "an application has at most {VAPID_KEYS_MAX} VAPID keys: remove some that are retired"
            );
            return Err(ApiError::QuotaExceeded { subject: "vapid_keys", description });
        }
        // The store numbers it.
        let key = pair.into_vapid_key(VapidKeyId(0), own.clock.now());
        let key = own.store.add_vapid_key(now.id, key, make_current).await;
        let missing = Resource::Application(now.name.clone());
        let id = key.map_err(|error| ApiError::from_store(error, missing))?.id;
        let made = reread(&own, &now).await?;
        let done = Done::to(&now, vapid_key_name(id)).changed(current_changed(&now, &made));
        Ok(((made, id), Some(done)))
    };
    let (application, id) = api.audited("CreateVapidKey", create).await?;
    Ok(v1::CreateVapidKeyResponse { vapid_key: Some(show(api, &application, id).await?) })
}

pub(super) async fn list_vapid_keys(
    api: &ApiFor<'_>,
    request: v1::ListVapidKeysRequest,
) -> Result<v1::ListVapidKeysResponse, ApiError> {
    let application = api.application(&request.application)?;
    let page_size = lists::vapid_keys(&request)?;
    let mut keys: Vec<_> = application.vapid_keys.iter().collect();
    let place = |id: VapidKeyId| (id != application.current_vapid_key, Reverse(id));
    keys.sort_unstable_by_key(|key| place(key.id));
    if let Some(after) = api.tokens.read_page(application.id, List::VapidKeys, &[], &request.page_token)? {
        let after = after.try_into().map_err(|_| ApiError::PageTokenInvalid)?;
        let after = place(VapidKeyId(u16::from_be_bytes(after)));
        keys.retain(|key| place(key.id) > after);
    }
    let more = keys.len() > page_size;
    keys.truncate(page_size);
    let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
    let counts = api.store.vapid_key_counts(application.id, &ids).await?;
    let vapid_keys = keys.iter().zip(counts).map(|(key, count)| shown(&application, key, count)).collect();
    let next_page_token = match ids.last() {
        Some(last) if more => api.tokens.page(application.id, List::VapidKeys, &[], &last.0.to_be_bytes()),
        Some(_) | None => String::new(),
    };
    Ok(v1::ListVapidKeysResponse { vapid_keys, next_page_token })
}

pub(super) async fn set_current_vapid_key(
    api: &ApiFor<'_>,
    request: v1::SetCurrentVapidKeyRequest,
) -> Result<v1::SetCurrentVapidKeyResponse, ApiError> {
    let application = api.application(&request.application)?;
    let id = validate::vapid_key_name(&request.name)?;
    let own = api.api.clone();
    let set = async move {
        let _changing = own.changing.lock().await;
        let now = own.applications.by_id(application.id).unwrap_or(application);
        let missing = Resource::VapidKey(request.name);
        let set = own.store.set_current_vapid_key(now.id, id).await;
        set.map_err(|error| ApiError::from_store(error, missing))?;
        let changed = reread(&own, &now).await?;
        let done = Done::to(&now, vapid_key_name(id)).changed(current_changed(&now, &changed));
        Ok((changed, Some(done)))
    };
    let application = api.audited("SetCurrentVapidKey", set).await?;
    Ok(v1::SetCurrentVapidKeyResponse { vapid_key: Some(show(api, &application, id).await?) })
}

pub(super) async fn retire_vapid_key(
    api: &ApiFor<'_>,
    request: v1::RetireVapidKeyRequest,
) -> Result<v1::RetireVapidKeyResponse, ApiError> {
    let application = api.application(&request.application)?;
    let id = validate::vapid_key_name(&request.name)?;
    if request.remove && request.force {
        let mut violations = Violations::new();
        violations.add("remove", "cannot be set with force");
        return Err(violations.into());
    }
    let own = api.api.clone();
    let retire = async move {
        let _changing = own.changing.lock().await;
        let now = own.applications.by_id(application.id).unwrap_or(application);
        if now.current_vapid_key == id {
            return Err(ApiError::StillInUse(HashMap::from([("state".to_owned(), "current".to_owned())])));
        }
        let done = if request.remove {
            own.store.remove_vapid_key(now.id, id).await.map(Some)
        } else {
            own.store.retire_vapid_key(now.id, id, request.force).await.map(|_| None)
        };
        let removed = match done {
            Ok(removed) => removed,
            Err(StoreError::StillInUse) => {
                let counts = own.store.vapid_key_counts(now.id, &[id]).await?;
                let count = counts.first().copied().unwrap_or_default().to_string();
                return Err(ApiError::StillInUse(HashMap::from([("subscriptions".to_owned(), count)])));
            }
            Err(error) => return Err(ApiError::from_store(error, Resource::VapidKey(request.name))),
        };
        let retired = reread(&own, &now).await?;
        own.engine.vapid_key_retired(now.id, id);
        let was_retired = now.vapid_key(id).is_some_and(|key| key.retired.is_some());
        let before = if was_retired { "RETIRED" } else { "STANDBY" };
        let after = if removed.is_some() { "" } else { "RETIRED" };
        let done = (before != after).then(|| {
            let change = FieldChange::new("state", before, after);
            Done::to(&now, vapid_key_name(id)).changed(vec![change])
        });
        Ok(((retired, removed), done))
    };
    let (application, removed) = api.audited("RetireVapidKey", retire).await?;
    let vapid_key = match removed {
        Some(removed) => shown(&application, &removed, 0),
        None => show(api, &application, id).await?,
    };
    Ok(v1::RetireVapidKeyResponse { vapid_key: Some(vapid_key) })
}
