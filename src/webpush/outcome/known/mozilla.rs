//! Mozilla's autopush: JSON with an `errno`, but for 404, whose body it blanks. `autoendpoint` of autopush-rs at 4ebe2624
//! (version 1.83.1) is the source where a file is named.

use super::KnownAnswer;
use crate::domain::Outcome::{
    self, Accepted, CredentialsRefused, Gone, KeyMismatch, Rejected, TooLarge, Unavailable,
};
use crate::webpush::outcome::Signal::{SignAgain, Suspect};
use crate::webpush::push_service::PushService::Mozilla;

const ERROR: &str = "autopush-rs: autoendpoint/src/error.rs";
const VAPID: &str = "autopush-rs: autoendpoint/src/headers/vapid.rs";
const SUBSCRIPTION: &str = "autopush-rs: autoendpoint/src/extractors/subscription.rs";
const HEADERS: &str = "autopush-rs: autoendpoint/src/extractors/notification_headers.rs";
const ROUTERS: &str = "autopush-rs: autoendpoint/src/routers/mod.rs";
const FCM: &str = "autopush-rs: autoendpoint/src/routers/fcm/error.rs";
const APNS: &str = "autopush-rs: autoendpoint/src/routers/apns/error.rs";
/// The service before autopush-rs, whose words forks still say.
const PYTHON: &str = "mozilla-services/autopush: docs/http.rst";

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const BUSY: &[(&str, &str)] = &[("content-type", "application/json"), ("retry-after", "120")];
const ENDED: &[(&str, &str)] = &[("content-type", "application/json"), ("cache-control", "max-age=86400")];

const fn mozilla(
    name: &'static str,
    status: u16,
    body: &'static str,
    outcome: Outcome,
    source: &'static str,
) -> KnownAnswer {
    KnownAnswer::new((Mozilla, name), (status, body), outcome, source).with(JSON)
}

/// The body of an error.
macro_rules! error {
    ($code:literal, $errno:literal, $error:literal, $message:literal) => {
        concat!(
            "{\"code\":",
            $code,
            ",\"errno\":",
            $errno,
            ",\"error\":\"",
            $error,
            "\",\"message\":\"",
            $message,
            "\",\"more_info\":\"http://autopush.readthedocs.io/en/latest/http.html#error-codes\"}"
        )
    };
}

macro_rules! unauthorized {
    ($name:literal, $message:literal, $source:expr) => {
        mozilla($name, 401, error!(401, 109, "Unauthorized", $message), CredentialsRefused, $source)
            .signal(SignAgain)
    };
}

macro_rules! bad_request {
    ($name:literal, $errno:literal, $message:literal, $source:expr) => {
        mozilla($name, 400, error!(400, $errno, "Bad Request", $message), Rejected, $source)
    };
}

macro_rules! gone {
    ($name:literal, $errno:literal, $message:literal, $source:expr) => {
        mozilla($name, 410, error!(410, $errno, "Gone", $message), Gone, $source).with(ENDED)
    };
}

#[rustfmt::skip]
pub(super) static ANSWERS: &[KnownAnswer] = &[
    KnownAnswer::new((Mozilla, "accepted"), (201, ""), Accepted, "autopush-rs: autoendpoint/src/routers/webpush.rs"),

    unauthorized!("token_missing", "Missing VAPID token", VAPID),
    unauthorized!("token_invalid", "Invalid VAPID token: A value in the vapid claims is either missing or incorrectly specified", SUBSCRIPTION),
    unauthorized!("key_missing", "Missing VAPID public key", VAPID),
    unauthorized!("key_invalid", "Invalid VAPID public key: Invalid symbol 33, offset 0.", VAPID),
    unauthorized!("audience_invalid", "Invalid VAPID audience", VAPID),
    unauthorized!("expiry_invalid", "Invalid VAPID expiry", VAPID),
    unauthorized!("expiry_too_far", "The VAPID token expiration is too long", VAPID),
    unauthorized!("scheme_unknown", "Unknown auth scheme", VAPID),
    unauthorized!("sub_unparsable", "Unparsable sub string", VAPID),
    unauthorized!("sub_malformed", "Improperly formatted sub string", VAPID),
    unauthorized!("sub_empty", "Empty sub string", VAPID),
    unauthorized!("sub_missing", "Missing sub", VAPID),
    unauthorized!("signature_invalid", "InvalidSignature", SUBSCRIPTION),
    unauthorized!("token_expired", "ExpiredSignature", SUBSCRIPTION),
    unauthorized!("token_expired_python", "Request did not validate Invalid bearer token: Auth expired", "web-push-libs/vapid#66"),
    unauthorized!("token_too_far_python", "Request did not validate Invalid bearer token: Auth > 24 hours in the future", "zaru/webpush#81"),
    unauthorized!("authorization_missing_python", "Request did not validate missing authorization header", "web-push-libs/pywebpush#42"),
    mozilla("key_mismatch", 401, error!(401, 109, "Unauthorized", "VAPID public key mismatch"), KeyMismatch, SUBSCRIPTION),
    // Of the API for phones, to which an endpoint may lead that is none: nothing is wrong with the token.
    mozilla("authentication_invalid", 401, error!(401, 109, "Unauthorized", "Invalid Authentication"), Rejected, ERROR).signal(Suspect),
    mozilla("local_auth_invalid", 401, error!(401, 109, "Unauthorized", "Invalid Local Auth Missing header"), Rejected, ERROR).signal(Suspect),
    // What stands before it answers without an errno.
    mozilla("unauthorized_page", 401, "<html><title>401 Authorization Required</title></html>", Rejected, "no errno: not of autopush").with(&[("content-type", "text/html")]).signal(Suspect),
    mozilla("forbidden_page", 403, "<!doctype html><title>403</title>403 Forbidden", Rejected, "autopush has no 403").with(&[("content-type", "text/html")]).signal(Suspect),

    bad_request!("crypto_keys_missing", 101, "Missing necessary crypto keys", PYTHON),
    bad_request!("no_ttl", 111, "Missing TTL value", ERROR),
    bad_request!("ttl_negative", 114, "TTL must be greater than 0", HEADERS),
    bad_request!("ttl_invalid", 112, "Invalid TTL header value", PYTHON),
    bad_request!("topic_too_long", 113, "Topic must be no greater than 32 characters", HEADERS),
    bad_request!("topic_alphabet", 113, "Topic must be URL and Filename safe Base64 alphabet", HEADERS),
    bad_request!("encoding_missing", 110, "Missing Content-Encoding header", HEADERS),
    bad_request!("encoding_unknown", 110, "Unknown Content-Encoding header", HEADERS),
    bad_request!("encryption_missing", 110, "Missing Encryption header", HEADERS),
    bad_request!("salt_missing", 110, "Missing salt value in Encryption header", HEADERS),
    bad_request!("crypto_key_missing", 110, "Missing Crypto-Key header", SUBSCRIPTION),
    bad_request!("router_type_invalid", 108, "Invalid router type", ERROR),
    bad_request!("router_token_invalid", "null", "Invalid router token", ERROR),
    bad_request!("message_id_invalid", "null", "Invalid message ID", ERROR),
    bad_request!("app_id_invalid", 106, "User has invalid app ID x", FCM),
    bad_request!("release_channel_invalid", "null", "Release channel is invalid", APNS),

    KnownAnswer::new((Mozilla, "not_found"), (404, ""), Gone, "autopush-rs: autopush-common/src/errors.rs (render_404)"),
    mozilla("not_found_with_body", 404, error!(404, 102, "Not Found", "Invalid token"), Gone, PYTHON),
    mozilla("not_found_page", 404, "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr><center>nginx</center></body></html>", Rejected, "nginx, which stands before it").with(&[("content-type", "text/html"), ("server", "nginx")]).signal(Suspect),
    mozilla("not_found_balancer", 404, "default backend - 404", Rejected, "Google's load balancer").with(&[("content-type", "text/plain")]).signal(Suspect),

    mozilla("gone_page", 410, "<html><title>410 Gone</title></html>", Rejected, "no errno: not of autopush").with(&[("content-type", "text/html")]).signal(Suspect),
    gone!("user_unknown", 103, "UAID not found", ERROR),
    gone!("user_deleted", 105, "User was deleted during routing", ROUTERS),
    gone!("no_subscription", 106, "No such subscription", ERROR),
    gone!("bridge_user_unknown", 106, "Bridge reports user was not found", ROUTERS),
    gone!("no_registration_token", 106, "No registration token found for user", FCM),
    gone!("no_app_id", 106, "No app ID found for user", FCM),
    gone!("apns_unregistered", 106, "APNS recipient no longer available", APNS),
    gone!("apns_no_device_token", 106, "No device token found for user", APNS),
    gone!("apns_no_release_channel", 106, "No release channel found for user", APNS),

    mozilla("too_large", 413, error!(413, 104, "Payload Too Large", "Request payload has exceeded the maximum size"), TooLarge, ERROR),
    mozilla("too_large_for_phone", 413, error!(413, 104, "Payload Too Large", "This message is intended for a constrained device and is limited in size. Converted buffer is too long by 100 bytes"), TooLarge, ROUTERS),

    mozilla("failed", 500, error!(500, "null", "Internal Server Error", "General error x"), Unavailable, ERROR),
    mozilla("not_saved", 500, error!(500, 201, "Internal Server Error", "Database error while saving notification"), Unavailable, ROUTERS),
    mozilla("please_later", 503, error!(503, 999, "Service Unavailable", "Please try request later."), Unavailable, "web-push-libs/web-push#188").with(BUSY),
    mozilla("storage_busy", 503, error!(503, "null", "Service Unavailable", "Database error: Backoff"), Unavailable, "autopush-rs: autopush-common/src/db/error.rs").with(BUSY),
    mozilla("saving_busy", 503, error!(503, 201, "Service Unavailable", "Database error while saving notification"), Unavailable, ROUTERS).with(BUSY),
    mozilla("update_conflict", 503, error!(503, "null", "Service Unavailable", "Conditional database operation failed: x"), Unavailable, ERROR).with(BUSY),
    mozilla("busy_python", 503, error!(503, 202, "Service Unavailable", "Server busy"), Unavailable, PYTHON).with(BUSY),
    mozilla("bridge_authentication", 502, error!(502, 901, "Bad Gateway", "Bridge authentication error"), Unavailable, ROUTERS),
    mozilla("bridge_connection", 502, error!(502, 902, "Bad Gateway", "Error while connecting to bridge service"), Unavailable, ROUTERS),
    mozilla("bridge_timeout", 502, error!(502, 903, "Bad Gateway", "Bridge request timeout"), Unavailable, ROUTERS),
    mozilla("bridge_upstream", 502, error!(502, "null", "Bad Gateway", "Upstream error, INTERNAL: x"), Unavailable, FCM),
    mozilla("bridge_apns", 502, error!(502, "null", "Bad Gateway", "APNS error, x"), Unavailable, APNS),
];
