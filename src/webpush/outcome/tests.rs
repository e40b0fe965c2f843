//! Every row of the outcome table, and what holds for all answers.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::webpush::push_service::PushService::{Apple, Fcm, Gcm, Mozilla, Other, Wns};
use Outcome::{
    Accepted, CredentialsRefused, Dropped, Gone, KeyMismatch, Rejected, Throttled, TooLarge, Unavailable,
};

fn usual(service: PushService) -> Circumstances {
    Circumstances {
        service,
        subscription_age: Duration::from_secs(30 * 24 * 3_600),
        attempt: 1,
        body_octets: 4_096,
        now: Timestamp::from_secs(1_800_000_000),
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> PushResponse {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    PushResponse { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// What autopush answers.
fn autopush(code: u16, errno: Option<u16>, message: &str) -> String {
    serde_json::json!({"code": code, "errno": errno, "error": "x", "message": message}).to_string()
}

fn apple(reason: &str) -> String {
    serde_json::json!({"reason": reason}).to_string()
}

/// A row: service, status, body, outcome, signal.
type Row<'a> = (PushService, u16, &'a str, Outcome, Option<Signal>);

fn check(rows: &[Row<'_>]) {
    for (service, status, body, outcome, signal) in rows {
        let verdict = classify(&response(*status, &[], body), &usual(*service));
        assert_eq!((verdict.outcome, verdict.signal), (*outcome, *signal), "{service:?} {status} {body}");
        assert_eq!(verdict.scope, Scope::Subscription, "{service:?} {status} {body}");
        assert_eq!(verdict.retry_after, None, "{service:?} {status} {body}");
    }
}

#[test]
fn accepted() {
    for service in PushService::ALL {
        for status in [200, 201, 202, 204, 299] {
            check(&[(service, status, "", Accepted, None)]);
        }
        let verdict = classify(&response(201, &[("ttl", "60"), ("location", "/m/1")], ""), &usual(service));
        assert_eq!(verdict.granted_ttl, Some(Duration::from_secs(60)));
    }
    let echo = response(200, &[], r#"{"event":"message","message":"what was sent"}"#);
    assert_eq!(classify(&echo, &usual(Other)).detail, "");
    for value in ["", "x", "-1", "1.5", "99999999999"] {
        assert_eq!(classify(&response(201, &[("ttl", value)], ""), &usual(Fcm)).granted_ttl, None);
    }
    assert_eq!(classify(&response(500, &[("ttl", "60")], ""), &usual(Fcm)).granted_ttl, None);
}

#[test]
fn wns_says_more_in_its_headers() {
    let minute = Some(Duration::from_secs(60));
    let quarter = Some(Duration::from_secs(900));
    for (service, status, headers, outcome, scope, retry_after) in [
        (Wns, 200, &[("x-wns-status", "received")][..], Accepted, Scope::Subscription, None),
        (Wns, 200, &[("x-wns-status", "dropped")], Dropped, Scope::Subscription, None),
        (Wns, 200, &[("X-WNS-Status", "Dropped")], Dropped, Scope::Subscription, None),
        (Wns, 200, &[("x-wns-status", "channelthrottled")], Accepted, Scope::Subscription, minute),
        (
            Wns,
            200,
            &[("x-wns-status", "channelthrottled"), ("retry-after", "900")],
            Accepted,
            Scope::Subscription,
            quarter,
        ),
        (
            Wns,
            400,
            &[
                ("x-wns-status", "dropped"),
                ("x-wns-error-description", "Ttl value conflicts with X-WNS-Cache-Policy."),
            ],
            Rejected,
            Scope::Subscription,
            None,
        ),
        (
            Wns,
            406,
            &[("x-wns-status", "appthrottled"), ("retry-after", "900")],
            Throttled,
            Scope::SenderKey,
            quarter,
        ),
        (Wns, 406, &[("x-wns-status", "channelthrottled")], Throttled, Scope::Subscription, minute),
        (Wns, 406, &[], Throttled, Scope::SenderKey, None),
        (Wns, 429, &[("retry-after", "900")], Throttled, Scope::SenderKey, quarter),
        (Wns, 429, &[("x-wns-status", "channelthrottled")], Throttled, Scope::Subscription, minute),
        (Wns, 503, &[("retry-after", "900")], Unavailable, Scope::Origin, quarter),
        (Wns, 503, &[], Unavailable, Scope::Origin, None),
        // The same headers of anybody else mean nothing.
        (Other, 200, &[("x-wns-status", "dropped")], Accepted, Scope::Subscription, None),
    ] {
        let verdict = classify(&response(status, headers, ""), &usual(service));
        let case = format!("{service:?} {status} {headers:?}");
        assert_eq!(
            (verdict.outcome, verdict.scope, verdict.retry_after),
            (outcome, scope, retry_after),
            "{case}"
        );
    }
    let headers = [
        ("x-wns-status", "dropped"),
        ("x-wns-error-description", "Ttl value conflicts with X-WNS-Cache-Policy."),
    ];
    let verdict = classify(&response(400, &headers, ""), &usual(Wns));
    assert_eq!(verdict.detail, "dropped: Ttl value conflicts with X-WNS-Cache-Policy.");
}

#[test]
fn redirects_are_refused() {
    for service in PushService::ALL {
        for status in [300, 301, 302, 303, 304, 307, 308] {
            check(&[(service, status, "", Rejected, Some(Signal::Redirected))]);
        }
    }
}

#[test]
fn mozilla() {
    let sign_again = Some(Signal::SignAgain);
    for service in [Mozilla, Other] {
        check(&[
            (service, 400, &autopush(400, Some(111), "Missing TTL value"), Rejected, None),
            (service, 400, &autopush(400, Some(110), "Unknown Content-Encoding"), Rejected, None),
            (service, 400, &autopush(400, Some(113), "Invalid Topic"), Rejected, None),
            (service, 400, &autopush(400, Some(114), "Negative TTL"), Rejected, None),
            (service, 400, &autopush(400, Some(108), "Bad router"), Rejected, None),
            (service, 400, &autopush(400, Some(106), "Invalid bridge app id"), Rejected, None),
            (service, 400, &autopush(400, None, "Bad message id"), Rejected, None),
            (service, 401, &autopush(401, Some(109), "Invalid VAPID token"), CredentialsRefused, sign_again),
            (service, 401, &autopush(401, Some(109), "VAPID public key mismatch"), KeyMismatch, None),
            (
                service,
                401,
                &autopush(401, Some(109), "Missing VAPID public key"),
                CredentialsRefused,
                sign_again,
            ),
            (service, 404, "", Gone, None),
            (service, 404, &autopush(404, Some(102), "Not found"), Gone, None),
            (service, 410, &autopush(410, Some(103), "Expired UAID"), Gone, None),
            (service, 410, &autopush(410, Some(105), "Deleted"), Gone, None),
            (service, 410, &autopush(410, Some(106), "No such subscription"), Gone, None),
            (service, 413, &autopush(413, Some(104), "Payload too large"), TooLarge, None),
            (service, 500, &autopush(500, Some(999), "Oops"), Unavailable, None),
            (service, 500, &autopush(500, Some(201), "SaveDb"), Unavailable, None),
            (service, 502, &autopush(502, Some(901), "Bridge authentication"), Unavailable, None),
            (service, 502, &autopush(502, Some(902), "Bridge connection"), Unavailable, None),
            (service, 502, &autopush(502, Some(903), "Bridge timeout"), Unavailable, None),
            (service, 502, &autopush(502, None, "Upstream"), Unavailable, None),
            (service, 503, &autopush(503, Some(202), "Busy"), Unavailable, None),
        ]);
    }
    // autopush always says which: this is somebody before it.
    check(&[
        (Mozilla, 401, "", Rejected, Some(Signal::Suspect)),
        (Mozilla, 403, "", Rejected, Some(Signal::Suspect)),
    ]);
    let verdict = classify(&response(503, &[("retry-after", "120")], ""), &usual(Mozilla));
    assert_eq!((verdict.outcome, verdict.scope), (Unavailable, Scope::Subscription));
    assert_eq!(verdict.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(classify(&response(429, &[], ""), &usual(Mozilla)).scope, Scope::Origin);
}

#[test]
fn google() {
    let endpoint = "invalid push subscription endpoint";
    let stale = "A valid push subscription endpoint should be specified in the URL as such: \
                 https://fcm.googleapis.com/wp/dHUchzgRxqQ:APA91b";
    let other_key = "the VAPID credentials in the authorization header do not correspond to the credentials \
                     used to create the subscriptions.\n";
    let too_big = "binary data passed in the request must be less than 4096 bytes\n";
    let expired = "push subscription has unsubscribed or expired.\n";
    let unauthorized = "<HTML><HEAD><TITLE>UnauthorizedRegistration</TITLE></HEAD></HTML>";
    for service in [Fcm, Gcm] {
        check(&[
            (service, 400, too_big, TooLarge, None),
            (service, 400, unauthorized, KeyMismatch, Some(Signal::KeyOrSubscription)),
            (service, 400, "InvalidRegistration", Rejected, Some(Signal::Suspect)),
            (service, 400, "", Rejected, None),
            (
                service,
                401,
                "Authorization header must be specified\n",
                CredentialsRefused,
                Some(Signal::SignAgain),
            ),
            (service, 401, endpoint, Rejected, Some(Signal::Suspect)),
            (service, 403, endpoint, Rejected, Some(Signal::Suspect)),
            (service, 403, other_key, KeyMismatch, None),
            (service, 403, "", Rejected, Some(Signal::Suspect)),
            (service, 404, stale, Gone, None),
            (service, 404, "", Rejected, Some(Signal::Suspect)),
            (service, 404, "Not Found", Rejected, Some(Signal::Suspect)),
            (service, 404, "Requested entity was not found.", Gone, None),
            (service, 410, expired, Gone, None),
            (service, 500, "", Unavailable, None),
        ]);
        let verdict = classify(&response(429, &[("retry-after", "60")], ""), &usual(service));
        assert_eq!((verdict.outcome, verdict.scope), (Throttled, Scope::SenderKey));
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(60)));
    }
    let verdict = classify(&response(404, &[], stale), &usual(Fcm));
    assert_eq!(
        verdict.detail,
        "A valid push subscription endpoint should be specified in the URL as such: …"
    );
}

#[test]
fn a_young_subscription_is_not_believed_gone_at_once() {
    let minute = Duration::from_secs(60);
    for (service, age, attempt, status, gone) in [
        (Fcm, Duration::ZERO, 1, 410, false),
        (Fcm, 4 * minute, 2, 410, false),
        (Fcm, 4 * minute, 3, 410, true),
        (Fcm, 5 * minute, 1, 410, true),
        (Wns, Duration::ZERO, 1, 404, true),
        (Mozilla, Duration::ZERO, 1, 410, true),
        (Apple, Duration::ZERO, 1, 410, true),
    ] {
        let circumstances = Circumstances { subscription_age: age, attempt, ..usual(service) };
        let verdict = classify(&response(status, &[], ""), &circumstances);
        let expected = if gone { (Gone, None) } else { (Unavailable, Some(Signal::YoungSubscription)) };
        assert_eq!((verdict.outcome, verdict.signal), expected, "{service:?} {age:?} {attempt} {status}");
    }
}

#[test]
fn apple_says_a_reason() {
    for reason in ["BadTtl", "BadUrgency", "BadWebPushTopic", "BadWebPushRequest"] {
        check(&[(Apple, 400, &apple(reason), Rejected, None)]);
    }
    check(&[
        (Apple, 400, &apple("BadPath"), Rejected, Some(Signal::Suspect)),
        (Apple, 400, &apple("VapidPkHashMismatch"), KeyMismatch, None),
        (Apple, 403, &apple("VapidPkHashMismatch"), KeyMismatch, None),
        (Apple, 400, &apple("BadAuthorizationHeader"), CredentialsRefused, None),
        (Apple, 403, &apple("BadAuthorizationHeader"), CredentialsRefused, None),
        (Apple, 400, &apple("BadVapidPublicKey"), CredentialsRefused, None),
        (Apple, 403, &apple("BadVapidPublicKey"), CredentialsRefused, None),
        (Apple, 403, &apple("BadJwtToken"), CredentialsRefused, Some(Signal::SignAgain)),
        (Apple, 403, "", Rejected, Some(Signal::Suspect)),
        (Apple, 404, "", Rejected, Some(Signal::Suspect)),
        (Apple, 404, &apple("BadPath"), Gone, None),
        (Apple, 405, &apple("MethodNotAllowed"), Rejected, None),
        (Apple, 410, "device token has expired", Gone, None),
        (Apple, 413, &apple("PayloadTooLarge"), TooLarge, None),
        (Apple, 429, &apple("TooManyRequests"), Throttled, None),
        (Apple, 500, &apple("InternalServerError"), Unavailable, None),
        (Apple, 503, &apple("ServiceUnavailable"), Unavailable, None),
        (Apple, 503, &apple("Shutdown"), Unavailable, None),
    ]);
}

#[test]
fn wns() {
    check(&[
        (Wns, 401, "", KeyMismatch, Some(Signal::KeyOrSubscription)),
        (Wns, 403, "", KeyMismatch, Some(Signal::KeyOrSubscription)),
        (Wns, 404, "", Gone, None),
        (Wns, 410, "", Gone, None),
        (Wns, 410, "Domain Blocked", Gone, Some(Signal::DomainBlocked)),
        (Wns, 413, "", TooLarge, None),
        (Other, 410, "Domain Blocked", Gone, None),
    ]);
    let blocked = response(410, &[("x-wns-error-description", "domain blocked")], "");
    assert_eq!(classify(&blocked, &usual(Wns)).signal, Some(Signal::DomainBlocked));
}

#[test]
fn ntfy_and_unified_push() {
    let (minute, quarter) = (Some(Duration::from_secs(60)), Some(Duration::from_secs(900)));
    for (status, body, headers, outcome, retry_after) in [
        (429, r#"{"code":42901,"http":429,"error":"too many"}"#, &[][..], Throttled, minute),
        (429, r#"{ "code" : 42908, "http": 429 }"#, &[], Throttled, quarter),
        (429, r#"{"code":42908}"#, &[("retry-after", "5")], Throttled, Some(Duration::from_secs(5))),
        (429, "", &[], Throttled, None),
        (507, r#"{"code":50701,"http":507}"#, &[], Unavailable, quarter),
        (507, "", &[], Unavailable, None),
        (404, "", &[], Gone, None),
        (413, "", &[], TooLarge, None),
    ] {
        let verdict = classify(&response(status, headers, body), &usual(Other));
        assert_eq!((verdict.outcome, verdict.retry_after), (outcome, retry_after), "{status} {body}");
        assert_eq!(verdict.scope, Scope::Subscription);
    }
}

#[test]
fn any_service() {
    for service in PushService::ALL {
        for status in [402, 405, 411, 415] {
            check(&[(service, status, "", Rejected, None)]);
        }
        for status in [408, 425, 499, 500, 502, 504, 505, 507, 599, 600, 999] {
            check(&[(service, status, "", Unavailable, None)]);
        }
        for status in [407, 511] {
            check(&[(service, status, "", Unavailable, Some(Signal::Proxy))]);
        }
        for status in [409, 412, 414, 416, 418, 421, 422, 423, 424, 426, 428, 431, 451] {
            check(&[(service, status, "", Rejected, Some(Signal::Suspect))]);
        }
        for status in [0, 100, 101, 103, 199] {
            check(&[(service, status, "", Rejected, None)]);
        }
        if service != Wns {
            check(&[(service, 406, "", Rejected, Some(Signal::Suspect))]);
        }
    }
    check(&[
        (Other, 401, "", Rejected, Some(Signal::Suspect)),
        (Other, 403, "", Rejected, Some(Signal::Suspect)),
    ]);
}

/// Whatever a proxy says, it says nothing about the subscription; and it is told that it was one.
#[test]
fn proxies_prove_nothing() {
    let squid = [("server", "squid/6.6"), ("content-type", "text/html")];
    for service in PushService::ALL {
        for status in [400, 401, 403, 404, 407, 410, 429, 502, 503, 504] {
            let verdict =
                classify(&response(status, &squid, "<title>Access Denied</title>"), &usual(service));
            assert_eq!(
                (verdict.outcome, verdict.signal),
                (Unavailable, Some(Signal::Proxy)),
                "{service:?} {status}"
            );
            assert_eq!(verdict.detail, "a proxy on the way answered: Access Denied");
        }
        for headers in [&[("via", "1.1 gate")][..], &[("content-type", "text/html")]] {
            let verdict = classify(&response(404, headers, "<h1>gone fishing</h1>"), &usual(service));
            assert_eq!((verdict.outcome, verdict.signal), (Rejected, Some(Signal::Suspect)), "{service:?}");
        }
    }
    let verdict = classify(&response(404, &[("via", "1.1 gate")], ""), &usual(Mozilla));
    assert_eq!(verdict.detail, "answered by way of a proxy");
    // Mozilla's and Google's own load balancer; and words that only the service itself says.
    assert_eq!(classify(&response(404, &[("via", "1.1 google")], ""), &usual(Mozilla)).outcome, Gone);
    let own = autopush(404, Some(102), "Not found");
    assert_eq!(classify(&response(404, &[("via", "1.1 gate")], &own), &usual(Mozilla)).outcome, Gone);
}

#[test]
fn a_refused_token_tells_of_the_clock() {
    let date =
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - 14 * 3_600));
    let expired = response(403, &[("date", &date)], "token has expired\n");
    let verdict = classify(&expired, &usual(Fcm));
    assert_eq!((verdict.outcome, verdict.clock_ahead), (CredentialsRefused, Some(14 * 3_600)));
    assert_eq!(verdict.detail, "token has expired; this server's clock is 14 h ahead of the push service's");
    let close = Circumstances { now: Timestamp::from_secs(1_800_000_000 - 14 * 3_600 + 60), ..usual(Fcm) };
    assert_eq!(classify(&expired, &close).detail, "token has expired");
    // It explains no other outcome, and is not looked at where all is well.
    let gone = classify(&response(410, &[("date", &date)], ""), &usual(Mozilla));
    assert_eq!((gone.clock_ahead, &*gone.detail), (Some(14 * 3_600), ""));
    assert_eq!(classify(&response(201, &[("date", &date)], ""), &usual(Fcm)).clock_ahead, None);
    let long = response(403, &[("date", &date)], &"exp claim ".repeat(100));
    let verdict = classify(&long, &usual(Fcm));
    assert!(verdict.detail.ends_with("; this server's clock is 14 h ahead of the push service's"));
    assert_eq!(verdict.detail.chars().count(), crate::domain::limits::DETAIL_CHARS_MAX);
}

#[test]
fn body_limits_are_learned_where_they_are_told() {
    let by = |octets| {
        let text = format!(
            "This message is intended for a constrained device and is limited in size. Converted buffer is \
             too long by {octets} bytes"
        );
        autopush(413, Some(104), &text)
    };
    let constrained = autopush(413, Some(104), "This message is intended for a constrained device");
    for (body, sent, learned) in [
        (by(100), 3_100, Some(3_025)),
        (by(101), 3_100, Some(3_024)),
        (by(1_000_000), 3_100, None),
        (by(u64::MAX), 3_100, None),
        (constrained.clone(), 4_096, Some(3_015)),
        (constrained, 2_000, Some(1_999)),
        (autopush(413, Some(104), "Payload too large"), 4_096, None),
        (String::new(), 4_096, None),
    ] {
        let circumstances = Circumstances { body_octets: sent, ..usual(Mozilla) };
        let verdict = classify(&response(413, &[], &body), &circumstances);
        assert_eq!((verdict.outcome, verdict.body_octets_max), (TooLarge, learned), "{body} {sent}");
    }
    assert_eq!(classify(&response(400, &[], &by(100)), &usual(Mozilla)).body_octets_max, None);
}

#[test]
fn waits_go_with_outcomes_that_are_tried_again() {
    for status in 0..=1_000 {
        for service in PushService::ALL {
            let verdict = classify(&response(status, &[("retry-after", "7")], ""), &usual(service));
            let expected = verdict.outcome.is_retryable().then_some(Duration::from_secs(7));
            assert_eq!(verdict.retry_after, expected, "{service:?} {status}");
        }
    }
}

/// Whatever the service and its words.
#[test]
fn the_last_rules_leave_no_status_out() {
    for status in 0..=u16::MAX {
        let open = RULES.iter().any(|rule| {
            rule.services.is_empty()
                && rule.statuses.contains(&status)
                && matches!(rule.evidence, Evidence::StatusAlone)
        });
        assert!(open, "{status}");
    }
}

fn any_words() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,60}",
        Just("InvalidRegistration NotRegistered gone expired 410 404".to_owned()),
        Just(r#"{"code":410,"errno":106,"reason":"Unregistered","message":"gone"}"#.to_owned()),
        Just(apple("BadPath")),
        Just("invalid push subscription endpoint".to_owned()),
    ]
}

proptest! {
    #[test]
    fn only_404_and_410_end_a_subscription(
        status in prop_oneof![any::<u16>(), 200..600_u16],
        service in proptest::sample::select(PushService::ALL.to_vec()),
        body in any_words(),
        wns_status in "[ -~]{0,20}|dropped|channelthrottled|appthrottled",
        wait in "[ -~]{0,30}",
        age in any::<u32>(),
        attempt in any::<u32>(),
        body_octets in any::<usize>(),
        now in any::<u64>(),
    ) {
        let circumstances = Circumstances {
            service,
            subscription_age: Duration::from_secs(age.into()),
            attempt,
            body_octets,
            now: Timestamp::from_micros(now),
        };
        let headers: HeaderMap =
            response(0, &[("x-wns-status", &wns_status), ("retry-after", &wait)], "").headers;
        let verdict = classify(&PushResponse { status, headers, body: body.into() }, &circumstances);
        prop_assert!(verdict.outcome != Gone || matches!(status, 404 | 410));
        prop_assert_eq!(verdict.outcome == Accepted || verdict.outcome == Dropped, (200..300).contains(&status));
        prop_assert!(verdict.detail.chars().count() <= crate::domain::limits::DETAIL_CHARS_MAX);
        prop_assert!(verdict.retry_after.is_none_or(|wait| wait <= crate::webpush::retry_after::RETRY_AFTER_MAX));
    }
}
