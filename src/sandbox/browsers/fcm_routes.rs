//! A stand-in for the HTTP part of Chromium's push back end: check-in, by which a browser gets a name, and registration,
//! by which it subscribes.

use std::collections::HashMap;

use axum::Form;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use prost::Message as _;

use super::fcm_messages::{CheckinRequest, CheckinResponse};
use super::fcm_names::{Device, FcmNames};
use super::routes::BrowserRoutes;
use crate::webpush::keys::parse_p256dh;

/// Path of check-in (`--gcm-checkin-url`).
pub(crate) const CHECKIN_PATH: &str = "/fcm/checkin";
/// Path of registration (`--gcm-registration-url`).
pub(crate) const REGISTER_PATH: &str = "/fcm/register";
/// Body of a request, in octets.
const BODY_OCTETS_MAX: usize = 64 * 1_024;
/// How subtypes of Web Push begin.
const WEB_PUSH: &str = "wp:";

/// Both.
pub(super) fn routes() -> Router<BrowserRoutes> {
    Router::new()
        .route(CHECKIN_PATH, post(check_in))
        .route(REGISTER_PATH, post(register))
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
}

async fn check_in(State(routes): State<BrowserRoutes>, body: Bytes) -> Response {
    let Ok(request) = CheckinRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, "a check-in request is expected here\n").into_response();
    };
    let known = request.android_id.and_then(|id| u64::try_from(id).ok()).zip(request.security_token);
    let device = match known {
        Some((android_id, security_token)) if android_id != 0 => Device { android_id, security_token },
        Some(_) | None => Device::random(),
    };
    let response = CheckinResponse {
        stats_ok: true,
        time_millis: i64::try_from(routes.browsers.now().as_millis()).ok(),
        android_id: Some(device.android_id),
        security_token: Some(device.security_token),
        settings_diff: Some(false),
        version_info: Some("fanfare".to_owned()),
    };
    ([(header::CONTENT_TYPE, "application/x-protobuf")], response.encode_to_vec()).into_response()
}

async fn register(
    State(routes): State<BrowserRoutes>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> String {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let subtype = field("X-subtype");
    let Some(device) = device(&headers) else { return "Error=AUTHENTICATION_FAILED".to_owned() };
    if !subtype.starts_with(WEB_PUSH) {
        // Services of the browser itself register too; nobody ever sends to them.
        return format!("token={:032x}", rand::random::<u128>());
    }
    let channel = FcmNames::channel(subtype);
    if field("delete") == "true" {
        routes.browsers.unregister(device.user_agent(), channel, None);
        return format!("deleted={subtype}");
    }
    let Ok(key) = parse_p256dh(field("sender")) else { return "Error=INVALID_SENDER".to_owned() };
    let names = FcmNames {
        app: field("app").to_owned(),
        subtype: subtype.to_owned(),
        sender: field("sender").to_owned(),
    };
    match routes.browsers.register_fcm(device.user_agent(), channel, key, names) {
        Ok(token) => format!("token={token}"),
        Err(error) => {
            tracing::warn!(%error, "a browser cannot subscribe");
            "Error=QUOTA_EXCEEDED".to_owned()
        }
    }
}

/// `Authorization: AidLogin {android id}:{security token}`.
fn device(headers: &HeaderMap) -> Option<Device> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (android_id, security_token) = value.strip_prefix("AidLogin ")?.split_once(':')?;
    Device::parse(android_id, security_token)
}
