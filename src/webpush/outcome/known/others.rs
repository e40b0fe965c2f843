//! Self-hosted services, and whoever stands on the way to any.

use super::KnownAnswer;
use crate::domain::Outcome::{self, Accepted, Gone, Rejected, Throttled, Unavailable};
use crate::webpush::outcome::Signal::{Proxy, Suspect};
use crate::webpush::push_service::PushService::Other;

const NTFY: &str = "binwiederhier/ntfy: server/errors.go";
const HTML: &[(&str, &str)] = &[("content-type", "text/html")];

const fn other(
    name: &'static str,
    status: u16,
    body: &'static str,
    outcome: Outcome,
    source: &'static str,
) -> KnownAnswer {
    KnownAnswer::new((Other, name), (status, body), outcome, source)
}

#[rustfmt::skip]
pub(super) static ANSWERS: &[KnownAnswer] = &[
    other("accepted", 202, "", Accepted, "UnifiedPush: server specification"),
    other("not_found", 404, "", Gone, "RFC 8030 section 7.3"),
    other("ntfy_accepted", 200, r#"{"id":"x","event":"message","message":"what was sent"}"#, Accepted, NTFY),
    other("ntfy_too_many", 429, r#"{"code":42901,"http":429,"error":"limit reached: too many requests"}"#, Throttled, NTFY),
    other("ntfy_quota", 429, r#"{"code":42908,"http":429,"error":"limit reached: daily message quota reached"}"#, Throttled, NTFY),
    other("ntfy_no_subscriber", 507, r#"{"code":50701,"http":507,"error":"cannot publish to UnifiedPush topic without previously active subscriber"}"#, Unavailable, NTFY),
    other("forbidden", 403, "", Rejected, "no word of RFC 8292's").signal(Suspect),
    other("firewall", 403, "<html><title>Request blocked</title></html>", Rejected, "a web application firewall").with(HTML).signal(Suspect),
    other("not_found_page", 404, "<html><title>404 Not Found</title></html>", Rejected, "nginx before a service that is away").with(HTML).signal(Suspect),
    other("not_found_via", 404, "", Rejected, "RFC 9110 section 7.6.3").with(&[("via", "1.1 gate.example")]).signal(Suspect),
    other("proxy_authentication", 407, "", Unavailable, "RFC 9110 section 15.5.8").with(&[("proxy-authenticate", "Basic realm=\"gate\"")]).signal(Proxy),
    other("proxy_forbidden", 403, "<html><title>ERROR: The requested URL could not be retrieved</title></html>", Unavailable, "Squid's error pages").with(&[("server", "squid/6.6"), ("x-squid-error", "ERR_ACCESS_DENIED 0")]).signal(Proxy),
    other("proxy_not_found", 404, "<html><title>ERROR</title></html>", Unavailable, "Squid's error pages").with(&[("server", "squid/6.6")]).signal(Proxy),
    other("proxy_unreachable", 503, "<html><title>ERROR: The requested URL could not be retrieved</title></html>", Unavailable, "Squid's error pages").with(&[("x-squid-error", "ERR_CONNECT_FAIL 111")]).signal(Proxy),
    other("captive_portal", 511, "<html><title>Network Authentication Required</title></html>", Unavailable, "RFC 6585 section 6").with(HTML).signal(Proxy),
];
