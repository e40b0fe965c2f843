//! Every check of the push resource: its status and error number, the order, and what each profile lets pass.

use std::time::Duration;

use fanfare::domain::{Clock, Origin};
use fanfare::sandbox::Profile;
use fanfare::webpush::vapid::TokenTimes;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::harness::{Harness, Sender, Subscription};

/// Status and error number.
type Expected = (u16, Option<u64>);
/// What a case does to good headers.
type Change = Box<dyn Fn(&mut HeaderMap)>;

fn set(name: &'static str, value: &str) -> Change {
    let value = HeaderValue::from_str(value).unwrap();
    Box::new(move |headers| {
        headers.insert(name, value.clone());
    })
}

fn add(name: &'static str, value: &'static str) -> Change {
    Box::new(move |headers| {
        headers.append(name, HeaderValue::from_static(value));
    })
}

fn without(name: &'static str) -> Change {
    Box::new(move |headers| {
        headers.remove(name);
    })
}

/// A message that is good but for the changes; the body need not be encrypted, no push service can tell.
async fn answer(
    harness: &Harness,
    to: &Subscription,
    body: usize,
    changes: &[Change],
) -> crate::harness::Answer {
    let mut headers = harness.good_headers();
    headers.insert("content-encoding", HeaderValue::from_static("aes128gcm"));
    for change in changes {
        change(&mut headers);
    }
    harness.post(&to.endpoint, headers, vec![7; body]).await
}

#[tokio::test]
async fn each_check_has_its_status_and_error_number() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let now = harness.clock.now();
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let good = harness.sender.token(harness.origin(), now);
    let good = good.to_str().unwrap();
    let token = |times| {
        let signed = harness.sender.signed(harness.origin(), times);
        set("authorization", signed.authorization().to_str().unwrap())
    };
    let elsewhere = Origin::parse("https://push.example.net").unwrap();
    let elsewhere = harness.sender.token(&elsewhere, now);
    let stranger = Sender::new().token(harness.origin(), now);
    let webpush = harness.sender.signed(harness.origin(), TokenTimes::signed(now));
    let webpush = webpush.authorization_webpush().to_str().unwrap();
    // The signature is the part before the key.
    let (jwt, key) = good.split_once(", k=").unwrap();
    let tampered = format!("{}{}, k={key}", &jwt[..jwt.len() - 8], "AAAAAAAA");
    let ahead = TokenTimes { issued: now.plus(hours(13)), expires: now.plus(hours(25)), extra: false };

    let cases: Vec<(&str, Expected, Vec<Change>)> = vec![
        ("no authorization", (401, Some(109)), vec![without("authorization")]),
        ("unknown scheme", (401, Some(109)), vec![set("authorization", "Basic abc")]),
        ("no parameters", (401, Some(109)), vec![set("authorization", "vapid")]),
        ("no key", (401, Some(109)), vec![set("authorization", jwt)]),
        ("no token", (401, Some(109)), vec![set("authorization", &format!("vapid k={key}"))]),
        (
            "a token that is none",
            (401, Some(109)),
            vec![set("authorization", &format!("vapid t=x, k={key}"))],
        ),
        ("authorization twice", (401, Some(109)), vec![add("authorization", "vapid t=x, k=y")]),
        ("older scheme without key", (400, Some(110)), vec![set("authorization", webpush)]),
        ("tampered signature", (401, Some(109)), vec![set("authorization", &tampered)]),
        ("another audience", (401, Some(109)), vec![set("authorization", elsewhere.to_str().unwrap())]),
        ("expired", (401, Some(109)), vec![token(TokenTimes::signed(now.minus(hours(13))))]),
        ("valid for more than a day", (401, Some(109)), vec![token(ahead)]),
        ("another key", (401, Some(109)), vec![set("authorization", stranger.to_str().unwrap())]),
        ("no TTL", (400, Some(111)), vec![without("ttl")]),
        ("TTL no integer", (400, Some(111)), vec![set("ttl", "1.5")]),
        ("TTL twice", (400, Some(111)), vec![add("ttl", "60")]),
        ("TTL negative", (400, Some(114)), vec![set("ttl", "-1")]),
        ("no encoding", (400, Some(110)), vec![without("content-encoding")]),
        ("unknown encoding", (400, Some(110)), vec![set("content-encoding", "gzip")]),
        ("aes128gcm with salt", (400, Some(110)), vec![set("encryption", "salt=AAAA")]),
        ("aes128gcm with dh", (400, Some(110)), vec![set("crypto-key", "dh=AAAA")]),
        ("aesgcm without salt", (400, Some(110)), vec![set("content-encoding", "aesgcm")]),
        ("topic too long", (400, Some(113)), vec![set("topic", &"t".repeat(33))]),
        ("topic twice", (400, Some(113)), vec![add("topic", "a"), add("topic", "b")]),
        ("topic of other characters", (400, Some(113)), vec![set("topic", "a.b")]),
        ("unknown urgency", (400, None), vec![set("urgency", "urgent")]),
        ("urgency twice", (400, None), vec![add("urgency", "low"), add("urgency", "low")]),
    ];
    let refused = cases.len() as u64;
    for (what, expected, changes) in cases {
        let answer = answer(&harness, &to, 100, &changes).await;
        assert_eq!(answer.refusal(), expected, "{what}: {}", answer.text);
        let body = answer.json();
        assert_eq!(body["code"].as_u64(), Some(u64::from(expected.0)), "{what}");
        for member in ["error", "message", "more_info"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{what}: {member}");
        }
    }
    let mismatch = answer(&harness, &to, 100, &[set("authorization", stranger.to_str().unwrap())]).await;
    assert_eq!(mismatch.json()["message"], "VAPID public key mismatch");

    assert_eq!(answer(&harness, &to, 4_097, &[]).await.refusal(), (413, Some(104)));
    assert_eq!(answer(&harness, &to, 200_000, &[]).await.refusal(), (413, Some(104)));
    assert_eq!(answer(&harness, &to, 4_096, &[]).await.status, 201);
    assert_eq!(answer(&harness, &to, 0, &[without("content-encoding")]).await.status, 201);
    let get = harness.client.get(&to.endpoint).send().await.unwrap();
    assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST"));

    let counts = harness.counts().await;
    assert_eq!(counts.statuses[&201], 2);
    assert_eq!(counts.refusals["key_mismatch"], 2);
    assert_eq!(counts.refusals["body_too_large"], 2);
    assert_eq!(counts.refusals.values().sum::<u64>(), refused + 1 + 2 + 1);
    assert_eq!(counts.requests.total, refused + 1 + 2 + 1 + 2);
}

#[tokio::test]
async fn unknown_tokens_are_404() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let other = Harness::strict().await.subscription().await;
    let (origin, token) = to.endpoint.rsplit_once('/').unwrap();
    let strange = other.endpoint.rsplit_once('/').unwrap().1;
    for path in ["", "x", strange, &format!("{token}A"), &token[1..]] {
        let to = Subscription { endpoint: format!("{origin}/{path}"), keys: to.keys.clone() };
        let answer = answer(&harness, &to, 100, &[without("authorization")]).await;
        assert_eq!(answer.refusal(), (404, Some(102)), "{path}");
    }
    assert_eq!(answer(&harness, &to, 100, &[]).await.status, 201);
}

#[tokio::test]
async fn an_earlier_check_hides_a_later_one() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 2})).await;
    let subscriptions = harness.subscriptions(group).await;
    let gone = format!("/groups/{group}/subscribers/1/faults");
    let given = harness.control(Method::POST, &gone, Some(json!({"gone": {}}))).await;
    assert_eq!(given.status, 204);
    let stranger = Sender::new().token(harness.origin(), harness.clock.now());

    let bad: [(&str, Expected, Change); 5] = [
        ("key", (401, Some(109)), set("authorization", stranger.to_str().unwrap())),
        ("ttl", (400, Some(111)), set("ttl", "x")),
        ("encoding", (400, Some(110)), set("content-encoding", "x")),
        ("topic", (400, Some(113)), set("topic", "?")),
        ("urgency", (400, None), set("urgency", "x")),
    ];
    for first in 0..bad.len() {
        let changes: Vec<Change> = bad[first..]
            .iter()
            .map(|(_, _, change)| -> Change {
                let mut changed = HeaderMap::new();
                change(&mut changed);
                Box::new(move |headers| headers.extend(changed.clone()))
            })
            .collect();
        let (what, expected, _) = &bad[first];
        assert_eq!(answer(&harness, &subscriptions[0], 100, &changes).await.refusal(), *expected, "{what}");
        // A wrong key hides that the subscription is gone, which hides everything else.
        let expected = if first == 0 { *expected } else { (410, Some(106)) };
        let answered = answer(&harness, &subscriptions[1], 9_000, &changes).await;
        assert_eq!(answered.refusal(), expected, "{what}, gone, too large");
        let expected = if first == 0 { (401, Some(109)) } else { (413, Some(104)) };
        let answered = answer(&harness, &subscriptions[0], 9_000, &changes).await;
        assert_eq!(answered.refusal(), expected, "{what}, too large");
    }
}

#[tokio::test]
async fn the_mozilla_profile_is_as_lenient_as_autopush() {
    let harness = Harness::with_profile(Profile::Mozilla).await;
    let to = harness.subscription().await;
    for (what, body, changes) in [
        ("a large body", 5_630, vec![]),
        ("any urgency", 100, vec![add("urgency", "urgent"), add("urgency", "low")]),
        ("TTL twice", 100, vec![add("ttl", "70")]),
        ("TTL with a sign", 100, vec![set("ttl", "+60")]),
        ("padded topic", 100, vec![set("topic", "ab==")]),
    ] {
        assert_eq!(answer(&harness, &to, body, &changes).await.status, 201, "{what}");
    }
    let long = answer(&harness, &to, 100, &[set("ttl", "2592001")]).await;
    assert_eq!((long.status.as_u16(), long.header("ttl")), (201, "2592000"));
    assert_eq!(answer(&harness, &to, 5_631, &[]).await.refusal(), (413, Some(104)));
    assert_eq!(answer(&harness, &to, 100, &[without("ttl")]).await.refusal(), (400, Some(111)));

    let mut unknown = harness.subscription().await;
    unknown.endpoint.push('A');
    let unknown = answer(&harness, &unknown, 100, &[]).await;
    assert_eq!((unknown.status.as_u16(), unknown.text.as_str()), (404, ""));
    assert!(!unknown.headers.contains_key("content-type"), "{unknown:?}");

    let older = || set("content-encoding", "aesgcm");
    for (what, expected, changes) in [
        ("aesgcm with a salt alone", 201, vec![older(), set("encryption", "salt=AAAA")]),
        ("padded", 201, vec![older(), set("encryption", "salt=\"AAAA==\""), set("crypto-key", "dh=BAUG==")]),
        ("aesgcm without", 400, vec![older()]),
        ("of another alphabet", 400, vec![older(), set("encryption", "salt=A+/A")]),
        (
            "a key without dh",
            400,
            vec![older(), set("encryption", "salt=AAAA"), set("crypto-key", "p256ecdsa=B")],
        ),
    ] {
        assert_eq!(answer(&harness, &to, 100, &changes).await.status, expected, "{what}");
    }
    let message = harness.origin().to_string() + "/m/none";
    let deleted = harness.client.delete(message).send().await.unwrap();
    assert_eq!(deleted.status(), 400);
    let get = harness.client.get(format!("{}x", to.endpoint)).send().await.unwrap();
    assert_eq!((get.status().as_u16(), get.text().await.unwrap().as_str()), (405, ""));
}

#[tokio::test]
async fn pages_may_post_where_mozillas_may() {
    const PAGE: &str = "https://shop.example";
    for (profile, open) in [(Profile::Mozilla, true), (Profile::Strict, false)] {
        let harness = Harness::with_profile(profile).await;
        let to = harness.subscription().await;
        let asked = harness
            .client
            .request(Method::OPTIONS, &to.endpoint)
            .header("origin", PAGE)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,ttl")
            .send()
            .await
            .unwrap();
        let header = |name: &str| asked.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(asked.status().as_u16(), if open { 200 } else { 405 });
        assert_eq!(header("access-control-allow-origin").as_deref(), open.then_some(PAGE));
        assert_eq!(header("access-control-allow-headers").as_deref(), open.then_some("authorization,ttl"));
        assert_eq!(header("access-control-max-age").as_deref(), open.then_some("3600"));
        assert_eq!(header("access-control-allow-methods").is_some_and(|it| it.contains("POST")), open);
        let posted = answer(&harness, &to, 100, &[set("origin", PAGE)]).await;
        assert_eq!(posted.status, 201);
        let allowed = posted.headers.get("access-control-allow-origin").map(|it| it.to_str().unwrap());
        assert_eq!(allowed, open.then_some(PAGE));
        let plain = answer(&harness, &to, 100, &[]).await;
        assert!(!plain.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_subscription_without_a_key_takes_what_its_profile_says() {
    for (profile, status) in [(Profile::Strict, 401), (Profile::Mozilla, 201)] {
        let harness = Harness::with_profile(profile).await;
        let group = harness.group_for_anybody(json!({"count": 1})).await;
        let to = harness.subscriptions(group).await.remove(0);
        let unsigned = answer(&harness, &to, 100, &[without("authorization")]).await;
        assert_eq!(unsigned.status, status, "{profile:?}");
        assert_eq!(answer(&harness, &to, 100, &[]).await.status, 201, "{profile:?}: any key");
        let bad = answer(&harness, &to, 100, &[set("authorization", "vapid t=x, k=y")]).await;
        assert_eq!(bad.status, 401, "{profile:?}");
        let restricted = harness.subscription().await;
        let unsigned = answer(&harness, &restricted, 100, &[without("authorization")]).await;
        assert_eq!(unsigned.refusal(), (401, Some(109)), "{profile:?}");
    }
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let token = harness.sender.token(harness.origin(), harness.clock.now());
    let token = || set("authorization", token.to_str().unwrap());
    assert_eq!(answer(&harness, &to, 100, &[token()]).await.status, 201);
    harness.clock.advance(Duration::from_secs(12 * 3_600));
    assert_eq!(answer(&harness, &to, 100, &[token()]).await.status, 201);
    harness.clock.advance(Duration::from_secs(62));
    assert_eq!(answer(&harness, &to, 100, &[token()]).await.refusal(), (401, Some(109)));
    assert_eq!(harness.counts().await.refusals["token_expired"], 1);
}
