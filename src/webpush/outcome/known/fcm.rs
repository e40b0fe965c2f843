//! Firebase Cloud Messaging: a line of text, HTML in answers that are as old as GCM.

use super::{KnownAnswer, page};
use crate::domain::Outcome::{
    self, Accepted, CredentialsRefused, Gone, KeyMismatch, Rejected, Throttled, TooLarge, Unavailable,
};
use crate::webpush::outcome::Signal::{KeyOrSubscription, SignAgain, Suspect};
use crate::webpush::push_service::PushService::Fcm;

/// What Chromium itself expects of FCM, as a sender of web push.
const CHROMIUM: &str = "Chromium: components/gcm_driver/web_push_common.cc";

const fn fcm(
    name: &'static str,
    status: u16,
    body: &'static str,
    outcome: Outcome,
    source: &'static str,
) -> KnownAnswer {
    KnownAnswer::new((Fcm, name), (status, body), outcome, source)
}

const fn token(name: &'static str, body: &'static str) -> KnownAnswer {
    fcm(name, 403, body, CredentialsRefused, CHROMIUM).signal(SignAgain)
}

const fn key(name: &'static str, body: &'static str) -> KnownAnswer {
    fcm(name, 403, body, CredentialsRefused, CHROMIUM)
}

#[rustfmt::skip]
pub(super) static ANSWERS: &[KnownAnswer] = &[
    fcm("accepted", 201, "", Accepted, "RFC 8030 section 5"),

    // The token: 403, although RFC 8292 section 4.2 keeps that for subscriptions of another key.
    token("jwt_invalid", "invalid JWT provided\n"),
    token("jwt_expired", "token has expired\n"),
    token("exp_missing", "exp claim is missing\n"),
    token("exp_too_far", "exp claim MUST NOT be more than 24 hours from the time of the request\n"),
    token("aud_invalid", "invalid aud claim\n"),
    token("aud_of_another", "aud claim in the token MUST include the origin of the push resource URL\n"),
    token("sender_not_authenticated", "sender is not authenticated.\n"),
    token("authorization_malformed", "authorization header had invalid format. authorization header should have the following format: t=jwtToken; k=base64(publicApplicationServerKey)\n"),
    fcm("authorization_missing", 401, "authorization header must be specified.\n", CredentialsRefused, "web-push-libs/web-push-php#325").signal(SignAgain),
    fcm("unauthorized", 401, page!("Unauthorized", "401"), CredentialsRefused, "web-push-libs/web-push#457").signal(SignAgain),

    // The key beside it.
    key("key_not_base64url", "make sure the public key is base64url-encoded [RFC7515]\n"),
    key("key_length", "public key must be 65 bytes long\n"),
    key("key_compressed", "public key must be in uncompressed form. (First byte needs to be 0x04)\n"),
    key("key_off_curve", "VAPID public key must be on the P-256 curve\n"),
    key("k_missing", "authorization header had no public application server key specified. Authorization header should have the following format: vapid t=jwtToken; k=base64(publicApplicationServerKey)\n"),
    key("k_not_base64url", "public application server key in authorization header must be base64 encoded in URL and filename safe format.\n"),
    key("k_empty", "authorization header had empty public application server key. Authorization header should have the following format: vapid t=jwtToken; k=base64(publicApplicationServerKey)\n"),
    key("p256ecdsa_missing", "crypto-key header had no public application server key specified. crypto-key header should have the following format: p256ecdsa=base64(publicApplicationServerKey)\n"),
    key("p256ecdsa_not_base64url", "public application server key in crypto-key header must be base64 encoded in URL and filename safe format.\n"),
    key("p256ecdsa_empty", "crypto-key header had empty public application server key. crypto-key header should have the following format: p256ecdsa=base64(publicApplicationServerKey)\n"),
    key("p256ecdsa_malformed", "crypto-key header had invalid format. crypto-key header should have the following format: p256ecdsa=base64(publicApplicationServerKey)\n"),

    // The subscription was made with another key.
    fcm("key_mismatch", 403, "the VAPID credentials in the authorization header do not correspond to the credentials used to create the subscriptions.\n", KeyMismatch, "web-push-libs/webpush-java#206"),
    fcm("sender_id_of_another", 403, "the key in the authorization header does not correspond to the sender ID used to subscribe this user. Please ensure you are using the correct sender ID and server Key from the Firebase console.\n", KeyMismatch, "web-push-libs/web-push#600"),
    fcm("mismatch_sender_id", 403, page!("MismatchSenderId", "403"), KeyMismatch, "web-push-libs/web-push#410"),
    fcm("sender_id_mismatch", 403, "SenderId mismatch\n", KeyMismatch, "smartnav/fcm-notification#11"),
    fcm("sender_id_mismatch_spelled", 403, "sender id mismatch\n", KeyMismatch, "smartnav/fcm-notification#11"),
    fcm("sender_id_mismatch_code", 403, r#"{"error":{"code":403,"status":"PERMISSION_DENIED","details":[{"errorCode":"SENDER_ID_MISMATCH"}]}}"#, KeyMismatch, "Firebase: FCM error codes"),
    fcm("unauthorized_registration", 400, page!("UnauthorizedRegistration", "400"), KeyMismatch, "web-push-libs/web-push#237").signal(KeyOrSubscription),

    // Perhaps the endpoint; never proof.
    fcm("endpoint_invalid", 403, "invalid push subscription endpoint\n", Rejected, "zaru/webpush#89").signal(Suspect),
    fcm("endpoint_invalid_401", 401, "invalid push subscription endpoint\n", Rejected, "web-push-libs/web-push#523").signal(Suspect),
    fcm("invalid_registration", 400, page!("InvalidRegistration", "400"), Rejected, "web-push-libs/web-push#328").signal(Suspect),
    fcm("invalid_token_format", 400, page!("InvalidTokenFormat", "400"), Rejected, "web-push-libs/web-push#328").signal(Suspect),
    fcm("forbidden_page", 403, "<!DOCTYPE html><title>Error 403 (Forbidden)!!1</title>", Rejected, "Google's front end").signal(Suspect),
    fcm("forbidden", 403, "", Rejected, "web-push-libs/web-push#457").signal(Suspect),
    fcm("not_found_page", 404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", Rejected, "Google's front end").signal(Suspect),
    fcm("not_found_silent", 404, "", Rejected, "FCM says why: web-push-libs/web-push#457").signal(Suspect),

    fcm("not_found", 404, "A valid push subscription endpoint should be specified in the URL as such: https://fcm.googleapis.com/wp/dHIVchzFRgA:APA91bHun4MxP5egoKMwt2KZFBaFUH\n", Gone, "pushpad/web-push#14"),
    fcm("not_registered_404", 404, page!("NotRegistered", "404"), Gone, "web-push-libs/web-push#328"),
    fcm("not_registered", 410, page!("NotRegistered", "410"), Gone, "web-push-libs/web-push#328"),
    fcm("unsubscribed", 410, "push subscription has unsubscribed or expired.\n", Gone, "web-push-libs/web-push#457"),

    fcm("too_large", 400, "binary data passed in the request must be less than 4096 bytes\n", TooLarge, "measured against jmt17.google.com"),
    fcm("throttled", 429, "", Throttled, "developer.chrome.com: web push rate limits").with(&[("retry-after", "60")]),
    fcm("failed", 500, "", Unavailable, "Firebase: FCM error codes"),
    fcm("busy", 503, "", Unavailable, "Firebase: FCM error codes").with(&[("retry-after", "30")]),
];
