//! What each fault does to its answer, its stream and its connection.

use std::error::Error;
use std::time::Duration;

use fanfare::domain::Clock;
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};

use crate::harness::{Harness, Subscription};

/// A sandbox with one subscriber of a fault; over HTTP/2 or 1.1.
async fn with_fault(fault: Value) -> (Harness, Subscription, u64) {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 1})).await;
    let to = harness.subscriptions(group).await.remove(0);
    give(&harness, group, fault).await;
    (harness, to, group)
}

async fn give(harness: &Harness, group: u64, fault: Value) {
    let path = format!("/groups/{group}/subscribers/0/faults");
    let given = harness.control(Method::POST, &path, Some(fault)).await;
    assert_eq!(given.status, 204, "{}", given.text);
}

/// A client that speaks HTTP/1.1 only.
fn old_client(harness: &Harness) -> Client {
    let trusted = Certificate::from_pem(harness.sandbox.authority_pem().unwrap().as_bytes()).unwrap();
    let builder = Client::builder().no_proxy().tls_certs_only([trusted]).http1_only();
    // What fails is to be seen.
    builder.retry(reqwest::retry::never()).build().unwrap()
}

/// Why HTTP/2 ended a request.
fn reason(error: &reqwest::Error) -> Option<h2::Reason> {
    let mut source: Option<&dyn Error> = Some(error);
    while let Some(error) = source {
        if let Some(h2) = error.downcast_ref::<h2::Error>() {
            return h2.reason();
        }
        source = error.source();
    }
    None
}

#[tokio::test]
async fn an_answer_has_the_status_headers_and_body_that_were_ordered() {
    let apple = json!({"answer": {
        "status": 403, "headers": {"apns-id": "7"}, "body": "{\"reason\":\"BadJwtToken\"}",
        "retry_after": {"seconds": 5},
    }});
    let (harness, to, group) = with_fault(apple).await;
    let answer = harness.message(&to, "a").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["apns-id"], "7");
    assert_eq!(answer.headers()["retry-after"], "5");
    assert_eq!(answer.text().await.unwrap(), "{\"reason\":\"BadJwtToken\"}");

    for ahead in [90, -90] {
        give(&harness, group, json!({"answer": {"status": 503, "retry_after": {"date": ahead}}})).await;
        let answer = harness.message(&to, "a").send().await.unwrap();
        let date = httpdate::parse_http_date(answer.headers()["retry-after"].to_str().unwrap()).unwrap();
        let date = date.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(date, harness.clock.now().as_secs().checked_add_signed(ahead).unwrap());
    }
    assert_eq!(harness.group_status(group).await.accepted, 0);

    // 2xx takes the message.
    give(&harness, group, json!({"answer": {"status": 202, "body": "later"}})).await;
    let answer = harness.message(&to, "a").send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert!(answer.headers().contains_key("location"));
    assert_eq!(answer.text().await.unwrap(), "later");
    assert_eq!(harness.group_status(group).await.accepted, 1);
    let counts = harness.counts().await;
    assert_eq!(counts.statuses, [(202, 1), (403, 1), (503, 2)].into());
    assert_eq!(counts.faults, [("answer".to_owned(), 4)].into());
    assert_eq!(harness.origin_status(0).await.taken, 1);
}

#[tokio::test]
async fn a_body_is_as_long_as_ordered() {
    let (harness, to, _) = with_fault(json!({"answer": {"status": 500, "body": "ab", "megabytes": 3}})).await;
    let body = harness.message(&to, "a").send().await.unwrap().bytes().await.unwrap();
    assert_eq!((body.len(), &body[..3]), (2 + 3 * 1_024 * 1_024, &b"ab\0"[..]));
}

#[tokio::test]
async fn slow_and_chance_and_times_decide_when() {
    let (harness, to, group) =
        with_fault(json!({"slow": {"delay_ms": 30, "when": {"times": 1, "after": 1}}})).await;
    let timed = async |text: &str| {
        let before = tokio::time::Instant::now();
        assert_eq!(harness.status(&to, text).await, 201);
        before.elapsed() >= Duration::from_millis(30)
    };
    timed("a").await;
    assert!(timed("b").await);
    assert_eq!(harness.counts().await.faults, [("slow".to_owned(), 1)].into());
    timed("c").await;
    assert_eq!(harness.counts().await.faults, [("slow".to_owned(), 1)].into());
    give(&harness, group, json!({"answer": {"status": 500, "when": {"chance": 0.5}}})).await;
    let mut statuses = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..64 {
        *statuses.entry(harness.status(&to, &number.to_string()).await).or_default() += 1;
    }
    // The seed is the same in each run.
    assert!(statuses[&500] > 16 && statuses[&201] > 16, "{statuses:?}");
}

#[tokio::test]
async fn streams_are_reset_and_refused() {
    let (harness, to, group) = with_fault(json!({"reset": {"taken": true, "when": {"times": 1}}})).await;
    let error = harness.message(&to, "a").send().await.unwrap_err();
    assert_eq!(reason(&error), Some(h2::Reason::INTERNAL_ERROR));
    assert_eq!(harness.status(&to, "a").await, 201);
    let status = harness.group_status(group).await;
    assert_eq!(
        (status.posts, status.accepted, status.duplicates),
        (2, 2, 1),
        "it was taken, unknown to its sender"
    );

    // A client may repeat at once what was refused, and this one does.
    give(&harness, group, json!({"refused_stream": {"when": {"times": 1}}})).await;
    assert_eq!(harness.status(&to, "b").await, 201);
    assert_eq!(harness.counts().await.connections.total, 1);
    give(&harness, group, json!({"go_away": {"when": {"times": 1}}})).await;
    assert_eq!(harness.status(&to, "c").await, 201);
    let counts = harness.counts().await;
    assert_eq!(counts.connections.total, 2, "GOAWAY ends the connection");
    let faults = [("go_away".to_owned(), 1), ("refused_stream".to_owned(), 1), ("reset".to_owned(), 1)];
    assert_eq!(counts.faults, faults.into());
    assert_eq!(counts.statuses, [(201, 3)].into());
}

#[tokio::test]
async fn a_closed_connection_takes_all_streams_with_it() {
    let (harness, to, group) = with_fault(json!({"silent": {"when": {"times": 1}}})).await;
    let held = tokio::spawn(harness.message(&to, "a").send());
    while harness.origin_status(0).await.open != 1 {
        tokio::task::yield_now().await;
    }
    give(&harness, group, json!({"close": {"when": {"times": 1}}})).await;
    let (closed, held) = tokio::join!(harness.message(&to, "b").send(), held);
    assert!(closed.is_err());
    assert!(held.unwrap().is_err());
    assert_eq!(harness.status(&to, "c").await, 201);
    assert_eq!(harness.counts().await.connections.total, 2);
}

#[tokio::test]
async fn truncated_answers_have_their_headers() {
    for how in ["short", "close"] {
        let (harness, to, group) = with_fault(json!({"truncated": {"how": how}})).await;
        for old in [false, true] {
            let mut request = harness.message(&to, how).build().unwrap();
            let answer = if old {
                *request.version_mut() = reqwest::Version::HTTP_11;
                old_client(&harness).execute(request).await
            } else {
                harness.client.execute(request).await
            };
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 201);
            assert_eq!(answer.headers()["content-length"], "64");
            assert!(answer.bytes().await.is_err(), "{how}, old {old}");
        }
        let status = harness.group_status(group).await;
        assert_eq!((status.accepted, status.duplicates), (2, 1));
    }
}

#[tokio::test]
async fn without_http_2_the_connection_ends_instead_of_the_stream() {
    let (harness, to, group) = with_fault(json!({"reset": {}})).await;
    let old = old_client(&harness);
    for fault in
        [json!({"reset": {}}), json!({"refused_stream": {}}), json!({"go_away": {}}), json!({"close": {}})]
    {
        give(&harness, group, fault.clone()).await;
        let mut request = harness.message(&to, "a").build().unwrap();
        *request.version_mut() = reqwest::Version::HTTP_11;
        assert!(old.execute(request).await.is_err(), "{fault}");
    }
    let counts = harness.counts().await;
    assert_eq!((counts.connections.total, counts.statuses.len()), (4, 0));
}

#[tokio::test]
async fn silence_lasts_until_the_client_has_enough() {
    let (harness, to, group) = with_fault(json!({"silent": {"taken": true}})).await;
    let error = harness.message(&to, "a").timeout(Duration::from_millis(200)).send().await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(harness.group_status(group).await.accepted, 1);
    while harness.counts().await.requests.open != 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(harness.origin_status(0).await.open, 0);
}

#[tokio::test]
async fn an_origins_fault_comes_before_the_checks_unless_it_takes_the_message() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let nowhere = format!("{}/push/nowhere", harness.origin());
    let post = async |endpoint: &str| {
        harness.client.post(endpoint).headers(harness.good_headers()).send().await.unwrap().status().as_u16()
    };
    harness.put_origin(0, json!({"fault": {"answer": {"status": 503}}})).await;
    assert_eq!((post(&nowhere).await, harness.status(&to, "a").await), (503, 503));
    harness.put_origin(0, json!({"fault": {"answer": {"status": 200}}})).await;
    assert_eq!((post(&nowhere).await, harness.status(&to, "a").await), (404, 200));
    harness.put_origin(0, json!({"fault": {"throttled": {"times": 1, "retry_after_seconds": 4}}})).await;
    let answer = harness.message(&to, "b").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "4"));
    assert_eq!(harness.status(&to, "b").await, 201);
}

#[tokio::test]
async fn message_resources_are_deleted_as_mozillas_are() {
    let harness = Harness::strict().await;
    let to = harness.subscription().await;
    let answer = harness.message(&to, "a").send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let delete = async |url: &str| harness.client.delete(url).send().await.unwrap().status().as_u16();
    assert_eq!((delete(&location).await, delete(&location).await), (204, 204));
    let (made, _) = location.split_at(location.len() - 1);
    for unknown in [format!("{made}1"), made.to_owned(), format!("{}/m/é", harness.origin())] {
        assert_eq!(delete(&unknown).await, 404, "{unknown}");
    }
    assert_eq!(harness.client.get(&location).send().await.unwrap().status(), 404);
}
