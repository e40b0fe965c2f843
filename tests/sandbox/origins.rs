//! Origins: apart from each other, with limits of their own, reachable or not.

use std::io::ErrorKind;
use std::time::Duration;

use fanfare::sandbox::SandboxSettings;
use fanfare::sandbox::control_json::{OriginStatus, SecondLine};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Harness, Subscription};

/// What a client waits for that will never come.
const PATIENCE: Duration = Duration::from_millis(300);

async fn many(origins: u32) -> Harness {
    Harness::start(SandboxSettings { origins, ..SandboxSettings::default() }).await
}

fn port(to: &Subscription) -> (&'static str, u16) {
    ("127.0.0.1", to.origin().port())
}

/// Waits until so many requests are open at the first origin.
async fn until_open(harness: &Harness, open: u64) {
    while harness.origin_status(0).await.open != open {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_group_is_spread_over_its_origins_and_known_nowhere_else() {
    let harness = many(3).await;
    let group = harness.group(json!({"count": 4, "origins": {"from": 1, "count": 2}})).await;
    let mut subscriptions = harness.subscriptions(group).await;
    let urls: Vec<Value> =
        harness.get("/origins").await.lines().iter().map(|origin| origin["url"].clone()).collect();
    assert_eq!(urls[0], harness.origin().as_str());
    for (index, to) in subscriptions.iter().enumerate() {
        assert_eq!(urls[1 + index % 2], to.origin().as_str());
        assert_eq!(harness.status(to, "here").await, 201);
    }
    let elsewhere = subscriptions[0].endpoint.replace(urls[1].as_str().unwrap(), urls[2].as_str().unwrap());
    subscriptions[0].endpoint = elsewhere;
    assert_eq!(harness.status(&subscriptions[0], "there").await, 404);
    let counted = async |origin| {
        let status = harness.origin_status(origin).await;
        (status.requests, status.taken, status.connections.total)
    };
    assert_eq!((counted(0).await, counted(1).await, counted(2).await), ((0, 0, 0), (2, 2, 1), (3, 2, 1)));
    assert_eq!(harness.group_status(group).await.accepted, 4);
}

#[tokio::test]
async fn requests_above_the_concurrency_limit_are_refused_until_it_is_raised() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let held = json!({"concurrency": {"max": 2}, "fault": {"silent": {"when": {"times": 2}}}});
    harness.put_origin(0, held).await;
    let mut holding = Vec::new();
    for text in ["a", "b"] {
        holding.push(tokio::spawn(harness.message(&to, text).send()));
    }
    until_open(&harness, 2).await;
    let answer = harness.message(&to, "c").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("retry-after")), (429, None));

    let excess = json!({"answer": {"status": 503, "retry_after": {"seconds": 7}}});
    harness.put_origin(0, json!({"concurrency": {"max": 2, "excess": excess}})).await;
    let answer = harness.message(&to, "d").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    harness.put_origin(0, json!({"concurrency": {"max": 3}})).await;
    assert_eq!(harness.status(&to, "e").await, 201);

    // Who gives up leaves room.
    for one in holding {
        one.abort();
    }
    until_open(&harness, 0).await;
    let OriginStatus { requests, taken, over_concurrency, over_rate, peak, busy_micros, .. } =
        harness.origin_status(0).await;
    assert_eq!((requests, taken, over_concurrency, over_rate, peak), (5, 1, 2, 0, 3));
    assert!(busy_micros > 0);
    assert_eq!(harness.counts().await.statuses, [(201, 1), (429, 1), (503, 1)].into());
}

#[tokio::test]
async fn requests_above_the_rate_limit_are_refused_and_counted_by_second() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    // No further token comes while this test runs.
    harness.put_origin(0, json!({"rate": {"per_second": 0.001, "burst": 3}})).await;
    let mut statuses = Vec::new();
    for text in ["a", "b", "c", "d", "e"] {
        statuses.push(harness.status(&to, text).await);
    }
    assert_eq!(statuses, [201, 201, 201, 429, 429]);
    harness.put_origin(0, json!({})).await;
    assert_eq!(harness.status(&to, "f").await, 201);
    let lines = harness.get("/origins/0/seconds").await.text;
    let lines: Vec<SecondLine> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = |figure: fn(&SecondLine) -> u64| lines.iter().map(figure).sum::<u64>();
    assert_eq!((sum(|line| line.requests), sum(|line| line.taken), sum(|line| line.over_rate)), (6, 4, 2));
    assert_eq!(harness.counts().await.faults, [("answer".to_owned(), 2)].into());
}

#[tokio::test]
async fn a_held_request_is_answered_no_sooner() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    harness.put_origin(0, json!({"delay_ms": [30, 40]})).await;
    let before = tokio::time::Instant::now();
    assert_eq!(harness.status(&to, "x").await, 201);
    assert!(before.elapsed() >= Duration::from_millis(30));
    assert!(harness.origin_status(0).await.busy_micros >= 30_000);
}

#[tokio::test]
async fn a_dead_origin_refuses_and_can_be_revived() {
    let harness = many(2).await;
    let group = harness.group(json!({"count": 1, "origins": {"from": 1, "count": 1}})).await;
    let to = harness.subscriptions(group).await.remove(0);
    assert_eq!(harness.status(&to, "a").await, 201);
    harness.put_origin(1, json!({"reach": "refusing"})).await;
    let refused = TcpStream::connect(port(&to)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(harness.message(&to, "b").send().await.is_err(), "the open connection is closed too");
    harness.put_origin(1, json!({"reach": "serving"})).await;
    assert_eq!(harness.status(&to, "c").await, 201);
    assert_eq!(harness.origin_status(1).await.connections.total, 2);
}

#[tokio::test]
async fn a_silent_origin_accepts_and_says_nothing() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    assert_eq!(harness.status(&to, "a").await, 201);
    harness.put_origin(0, json!({"reach": "silent"})).await;

    let mut new = TcpStream::connect(port(&to)).await.unwrap();
    new.write_all(b"\x16\x03\x01 a hello of some kind").await.unwrap();
    let mut octet = [0];
    assert!(tokio::time::timeout(PATIENCE, new.read(&mut octet)).await.is_err());
    let open = harness.message(&to, "b").timeout(PATIENCE).send().await.unwrap_err();
    assert!(open.is_timeout(), "{open:?}");

    harness.put_origin(0, json!({})).await;
    assert_eq!(new.read(&mut octet).await.unwrap_or(0), 0, "who came meanwhile is sent away");
    assert_eq!(harness.status(&to, "c").await, 201);
    assert_eq!(harness.origin_status(0).await.connections.total, 2, "and the open connection goes on");
}

// Other systems than Linux answer SYN although the backlog is full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_origin_that_drops_syn_is_never_connected_to() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    harness.put_origin(0, json!({"reach": "dropping"})).await;
    for _ in 0..3 {
        assert!(tokio::time::timeout(PATIENCE, TcpStream::connect(port(&to))).await.is_err());
    }
    harness.put_origin(0, json!({"reach": "serving"})).await;
    assert_eq!(harness.status(&to, "a").await, 201);
}

#[tokio::test]
async fn hundreds_of_origins_are_made_and_changed_at_once() {
    let harness = Harness::strict().await;
    let made = json!({"count": 300, "settings": {"reach": "refusing"}});
    let made = harness.control(Method::POST, "/origins", Some(made)).await;
    assert_eq!((made.status.as_u16(), made.lines().len()), (201, 300), "{}", made.text);
    let group = harness.group(json!({"count": 300, "origins": {"from": 1, "count": 300}})).await;
    let subscriptions = harness.subscriptions(group).await;
    for to in &subscriptions {
        assert_eq!(TcpStream::connect(port(to)).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    let changed =
        harness.control(Method::PUT, "/origins?from=101&count=200", Some(json!({"reach": "serving"}))).await;
    assert_eq!((changed.status.as_u16(), changed.lines().len()), (200, 200));
    assert!(harness.message(&subscriptions[99], "dead").send().await.is_err());
    assert_eq!(harness.status(&subscriptions[100], "alive").await, 201);
    let listed = harness.get("/origins?from=100&count=2").await.lines();
    let reach: Vec<_> = listed.iter().map(|line| line["settings"]["reach"].clone()).collect();
    assert_eq!(reach, ["refusing", "serving"]);
    let ports = subscriptions.iter().map(port).collect::<std::collections::HashSet<_>>();
    assert_eq!(ports.len(), 300);
    let addresses = harness.sandbox.addresses().clone();
    harness.sandbox.shutdown().await;
    assert!(TcpStream::connect(addresses.push).await.is_err());
    assert!(TcpStream::connect(port(&subscriptions[100])).await.is_err());
}

#[tokio::test]
async fn new_connections_have_as_many_streams_as_their_origin_says() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    harness.put_origin(0, json!({"streams_max": 3, "fault": {"silent": {}}})).await;
    // The first request brings the connection up and the server's settings to the client.
    let first = tokio::spawn(harness.message(&to, "first").send());
    until_open(&harness, 1).await;
    let others: Vec<_> = (0..9).map(|_| tokio::spawn(harness.message(&to, "other").send())).collect();
    until_open(&harness, 3).await;
    assert!(tokio::time::timeout(PATIENCE, until_open(&harness, 4)).await.is_err());
    for one in others.into_iter().chain([first]) {
        one.abort();
    }
}
