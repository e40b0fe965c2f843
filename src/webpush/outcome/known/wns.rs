//! Windows Notification Service: no body, `X-WNS-…` header fields.

use super::KnownAnswer;
use crate::domain::Outcome::{
    self, Accepted, Dropped, Gone, KeyMismatch, Rejected, Throttled, TooLarge, Unavailable,
};
use crate::webpush::outcome::Signal::{DomainBlocked, KeyOrSubscription, Suspect};
use crate::webpush::push_service::PushService::Wns;

/// Its documentation, which is for apps.
const PAGE: &str = "Microsoft: Push notification service request and response headers";

/// What comes with all that it says, as reported.
const ID: &[(&str, &str)] = &[("x-wns-msg-id", "2D3CCACF3E2F45C0"), ("x-wns-debug-trace", "DB5PEPF0000A9B6")];

const fn wns(name: &'static str, status: u16, outcome: Outcome, source: &'static str) -> KnownAnswer {
    KnownAnswer::new((Wns, name), (status, ""), outcome, source).with(ID)
}

#[rustfmt::skip]
pub(super) static ANSWERS: &[KnownAnswer] = &[
    wns("received", 201, Accepted, PAGE).with(&[("x-wns-status", "received")]),
    wns("received_throttled", 200, Accepted, PAGE).with(&[("x-wns-status", "channelthrottled")]),
    wns("dropped", 200, Dropped, PAGE).with(&[("x-wns-status", "dropped")]),
    wns("ttl_conflict", 400, Rejected, "web-push-libs/pywebpush#162").with(&[("x-wns-status", "dropped"), ("x-wns-error-description", "Ttl value conflicts with X-WNS-Cache-Policy.")]),
    wns("unauthorized", 401, KeyMismatch, "web-push-libs/web-push#691").signal(KeyOrSubscription),
    wns("forbidden", 403, KeyMismatch, PAGE).signal(KeyOrSubscription),
    KnownAnswer::new((Wns, "unauthorized_page"), (401, "<html><title>Sign in</title></html>"), Rejected, "WNS sends no body").signal(Suspect),
    KnownAnswer::new((Wns, "forbidden_page"), (403, "<html><title>Blocked</title></html>"), Rejected, "WNS sends no body").signal(Suspect),
    wns("not_found", 404, Gone, PAGE),
    KnownAnswer::new((Wns, "not_found_page"), (404, "<html><title>Not found</title></html>"), Rejected, "WNS sends no body").signal(Suspect),
    wns("method_not_allowed", 405, Rejected, PAGE),
    wns("app_throttled", 406, Throttled, "web-push-libs/web-push-csharp#93").with(&[("x-wns-status", "appthrottled"), ("retry-after", "900")]),
    wns("channel_throttled", 406, Throttled, PAGE).with(&[("x-wns-status", "channelthrottled")]),
    wns("gone", 410, Gone, PAGE),
    // It stands in the status line, which the transport hands on as the body; HTTP/2 has none.
    KnownAnswer::new((Wns, "domain_blocked"), (410, "Domain Blocked"), Gone, PAGE).with(ID).signal(DomainBlocked),
    wns("too_large", 413, TooLarge, PAGE),
    wns("throttled", 429, Throttled, "web-push-libs/web-push-csharp#93").with(&[("retry-after", "900")]),
    wns("channel_throttled_429", 429, Throttled, "web-push-libs/web-push-csharp#93").with(&[("x-wns-status", "channelthrottled")]),
    wns("failed", 500, Unavailable, PAGE),
    wns("unavailable", 503, Unavailable, PAGE).with(&[("retry-after", "900")]),
];
