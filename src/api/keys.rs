//! GetVapidPublicKey.

use super::ApiFor;
use super::convert::time::timestamp;
use super::status::{ApiError, Resource};
use crate::proto::v1;
use crate::webpush::keys::encode_base64url;

pub(super) fn get_vapid_public_key(
    api: &ApiFor<'_>,
    request: &v1::GetVapidPublicKeyRequest,
) -> Result<v1::GetVapidPublicKeyResponse, ApiError> {
    let application = api.application(&request.application)?;
    let missing = || ApiError::NotFound(Resource::VapidKey(application.name.clone()));
    let key = application.current_key().ok_or_else(missing)?;
    Ok(v1::GetVapidPublicKeyResponse {
        application_server_key: encode_base64url(&key.public),
        create_time: Some(timestamp(key.created)),
    })
}
