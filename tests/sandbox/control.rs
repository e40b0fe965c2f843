//! The control API's refusals, and what it tells of the sandbox.

use fanfare::sandbox::{SandboxLimits, SandboxSettings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Harness;

#[tokio::test]
async fn bad_calls_say_what_is_wrong() {
    let limits =
        SandboxLimits { groups_max: 2, subscribers_max: 100, own_faults_max: 1, ..SandboxLimits::default() };
    let harness = Harness::start(SandboxSettings { limits, ..SandboxSettings::default() }).await;
    harness.group(json!({"count": 10})).await;
    let own = json!({"gone": {}});
    let cases: Vec<(Method, &str, Option<Value>, u16, &str)> = vec![
        (Method::POST, "/groups", Some(json!({"count": 0})), 400, "at least 1"),
        (Method::POST, "/groups", Some(json!({"count": 91})), 409, "no more than 100"),
        (Method::POST, "/groups", Some(json!({"count": -1})), 422, "count"),
        (Method::POST, "/groups", Some(json!({})), 422, "count"),
        (Method::POST, "/groups", Some(json!({"count": 1, "colour": "red"})), 422, "colour"),
        (Method::POST, "/groups", None, 415, "application/json"),
        (
            Method::POST,
            "/groups",
            Some(json!({"count": 1, "application_server_key": "BAAA"})),
            400,
            "application_server_key",
        ),
        (Method::POST, "/groups", Some(json!({"count": 1, "content_encoding": "gzip"})), 400, "aes128gcm"),
        (Method::POST, "/groups", Some(json!({"count": 1, "faults": {"tired": 1}})), 422, "tired"),
        (Method::GET, "/groups/2", None, 404, "no group 2"),
        (Method::GET, "/groups/0/received", None, 404, "no group 0"),
        (Method::GET, "/groups/x/faults", None, 400, "x"),
        (Method::GET, "/groups/1/subscriptions?form=1", None, 400, "form"),
        (Method::GET, "/nothing", None, 404, "no such call"),
        (Method::PUT, "/groups/1/faults", Some(json!({"gone": 2})), 422, "between 0 and 1"),
        (Method::POST, "/groups/1/subscribers/10/faults", Some(own.clone()), 404, "no subscriber"),
        (Method::POST, "/groups/1/subscribers/1/faults", Some(json!({"gone": {"x": 1}})), 422, "x"),
        (
            Method::POST,
            "/groups/1/subscribers/1/faults",
            Some(json!({"answer": {"status": 99}})),
            422,
            "between 200",
        ),
        (Method::POST, "/groups", Some(json!({"count": 1, "remembered": 65})), 400, "at most 64"),
        (Method::POST, "/groups", Some(json!({"count": 1, "origins": {"count": 2}})), 400, "the 1 that"),
        (Method::POST, "/groups", Some(json!({"count": 1, "origins": {"count": 0}})), 400, "the 1 that"),
        (Method::POST, "/origins", Some(json!({"count": 0})), 400, "at least 1"),
        (Method::POST, "/origins", Some(json!({"count": 10_000})), 409, "no more than 10000"),
        (Method::GET, "/origins/1", None, 404, "no origin 1"),
        (Method::PUT, "/origins/1", Some(json!({})), 404, "no origin 1"),
        (Method::PUT, "/origins?from=0&count=2", Some(json!({})), 404, "no origin 1"),
        (Method::PUT, "/origins/0", Some(json!({"reach": "far"})), 422, "far"),
        (Method::PUT, "/origins/0", Some(json!({"concurrency": {"max": 0}})), 422, "concurrency.max"),
        (Method::PUT, "/origins/0", Some(json!({"rate": {"per_second": 0}})), 422, "rate.per_second"),
        (Method::PUT, "/origins/0", Some(json!({"rate": {"per_second": 9, "burst": 0}})), 422, "rate.burst"),
        (
            Method::PUT,
            "/origins/0",
            Some(json!({"concurrency": {"max": 1, "excess": {"answer": {"status": 201}}}})),
            422,
            "takes no message",
        ),
        (Method::PUT, "/origins/0", Some(json!({"delay_ms": [2, 1]})), 422, "delay_ms"),
        (Method::PUT, "/origins/0", Some(json!({"streams_max": 0})), 422, "streams_max"),
    ];
    for (method, path, body, status, words) in cases {
        let answer = harness.control(method.clone(), path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(words), "{method} {path}: {error}");
    }
    let give = async |index: u32| {
        let path = format!("/groups/1/subscribers/{index}/faults");
        harness.control(Method::POST, &path, Some(own.clone())).await.status.as_u16()
    };
    assert_eq!((give(0).await, give(1).await, give(0).await), (204, 409, 204));
    harness.group(json!({"count": 1})).await;
    let third = harness.control(Method::POST, "/groups", Some(json!({"count": 1}))).await;
    assert_eq!(third.status, 409);
}

#[tokio::test]
async fn it_tells_what_a_sender_must_know() {
    let harness = Harness::strict().await;
    let about = harness.get("/").await.json();
    assert_eq!(about["push_origin"], harness.origin().as_str());
    assert_eq!((&about["profile"], &about["body_octets_max"]), (&json!("strict"), &json!(4_096)));
    assert_eq!(harness.get("/ca.pem").await.text, harness.sandbox.authority_pem().unwrap());
}

#[tokio::test]
async fn subscriptions_come_by_range_in_the_order_of_their_indices() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 600})).await;
    let all = harness.get(&format!("/groups/{group}/subscriptions")).await.lines();
    assert_eq!(all.len(), 600);
    let range =
        async |query: &str| harness.get(&format!("/groups/{group}/subscriptions?{query}")).await.lines();
    assert_eq!(range("from=590").await, all[590..]);
    assert_eq!(range("from=250&count=300").await, all[250..550]);
    assert_eq!(range("count=1").await, all[..1]);
    assert_eq!(range("from=600").await, [] as [Value; 0]);
    let endpoint = all[0]["endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with(&format!("{}/push/", harness.origin())), "{endpoint}");
}
