//! Apple: JSON with a `reason`.

use super::KnownAnswer;
use crate::domain::Outcome::{
    self, Accepted, CredentialsRefused, Gone, KeyMismatch, Rejected, Throttled, TooLarge, Unavailable,
};
use crate::webpush::outcome::Signal::{SignAgain, Suspect};
use crate::webpush::push_service::PushService::Apple;

/// Its documentation for web push.
const PAGE: &str = "Apple: Sending web push notifications in web apps and browsers";
/// Of the same servers for apps.
const APNS: &str = "Apple: Handling notification responses from APNs";

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

const fn apple(
    name: &'static str,
    status: u16,
    body: &'static str,
    outcome: Outcome,
    source: &'static str,
) -> KnownAnswer {
    KnownAnswer::new((Apple, name), (status, body), outcome, source).with(JSON)
}

/// The body of an error.
macro_rules! reason {
    ($reason:literal) => {
        concat!("{\"reason\":\"", $reason, "\"}")
    };
}

#[rustfmt::skip]
pub(super) static ANSWERS: &[KnownAnswer] = &[
    KnownAnswer::new((Apple, "accepted"), (201, ""), Accepted, PAGE).with(&[("apns-id", "2e3f0c1d-5d2b-4c8f-9a10-6a1b2c3d4e5f")]),

    apple("bad_ttl", 400, reason!("BadTtl"), Rejected, PAGE),
    apple("bad_urgency", 400, reason!("BadUrgency"), Rejected, PAGE),
    apple("bad_topic", 400, reason!("BadWebPushTopic"), Rejected, PAGE),
    apple("bad_request", 400, reason!("BadWebPushRequest"), Rejected, PAGE),
    apple("duplicate_headers", 400, reason!("DuplicateHeaders"), Rejected, APNS),
    apple("idle_timeout", 400, reason!("IdleTimeout"), Unavailable, APNS),
    apple("bad_path", 400, reason!("BadPath"), Rejected, PAGE).signal(Suspect),
    apple("bad_device_token", 400, reason!("BadDeviceToken"), Rejected, APNS).signal(Suspect),
    apple("device_token_not_for_topic", 400, reason!("DeviceTokenNotForTopic"), Rejected, APNS).signal(Suspect),

    // Reports have both statuses.
    apple("key_mismatch", 400, reason!("VapidPkHashMismatch"), KeyMismatch, PAGE),
    apple("key_mismatch_403", 403, reason!("VapidPkHashMismatch"), KeyMismatch, PAGE),

    apple("authorization_malformed", 400, reason!("BadAuthorizationHeader"), CredentialsRefused, PAGE),
    apple("authorization_malformed_403", 403, reason!("BadAuthorizationHeader"), CredentialsRefused, PAGE),
    apple("key_malformed", 400, reason!("BadVapidPublicKey"), CredentialsRefused, PAGE),
    apple("key_malformed_403", 403, reason!("BadVapidPublicKey"), CredentialsRefused, PAGE),
    apple("jwt_refused", 403, reason!("BadJwtToken"), CredentialsRefused, PAGE).signal(SignAgain),
    apple("jwt_expired", 403, reason!("ExpiredProviderToken"), CredentialsRefused, APNS).signal(SignAgain),
    apple("jwt_invalid", 403, reason!("InvalidProviderToken"), CredentialsRefused, APNS).signal(SignAgain),
    apple("jwt_missing", 403, reason!("MissingProviderToken"), CredentialsRefused, APNS).signal(SignAgain),

    apple("forbidden", 403, "", Rejected, "without a reason: not of Apple").with(&[]).signal(Suspect),
    apple("forbidden_page", 403, "<html><title>Access denied</title></html>", Rejected, "without a reason: not of Apple").with(&[("content-type", "text/html")]).signal(Suspect),
    apple("not_found_silent", 404, "", Rejected, "without a reason: not of Apple").with(&[]).signal(Suspect),
    apple("not_found_page", 404, "<html><title>Not found</title></html>", Rejected, "without a reason: not of Apple").with(&[("content-type", "text/html")]).signal(Suspect),

    apple("not_found", 404, reason!("BadPath"), Gone, PAGE),
    apple("unregistered", 410, reason!("Unregistered"), Gone, APNS),
    apple("expired", 410, reason!("ExpiredToken"), Gone, PAGE),
    apple("expired_text", 410, "device token has expired", Gone, PAGE).with(&[]),

    apple("method_not_allowed", 405, reason!("MethodNotAllowed"), Rejected, PAGE),
    apple("too_large", 413, reason!("PayloadTooLarge"), TooLarge, PAGE),
    apple("throttled", 429, reason!("TooManyRequests"), Throttled, PAGE),
    apple("too_many_tokens", 429, reason!("TooManyProviderTokenUpdates"), Throttled, APNS),
    apple("failed", 500, reason!("InternalServerError"), Unavailable, PAGE),
    apple("unavailable", 503, reason!("ServiceUnavailable"), Unavailable, PAGE),
    apple("shutdown", 503, reason!("Shutdown"), Unavailable, PAGE),
];
