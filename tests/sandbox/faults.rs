//! Faults on order.

use std::collections::BTreeMap;

use fanfare::domain::ContentEncoding;
use fanfare::sandbox::Fault;
use fanfare::sandbox::control_json::FaultLine;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Harness};

async fn fault_lines(harness: &Harness, group: u64) -> BTreeMap<u32, Fault> {
    let answer = harness.get(&format!("/groups/{group}/faults")).await;
    let line = |line: &str| serde_json::from_str::<FaultLine>(line).unwrap();
    answer.text.lines().map(line).map(|line| (line.index, line.fault)).collect()
}

fn outcome(answer: &Answer) -> (u16, Option<&str>) {
    let retry_after = answer.headers.get("retry-after").map(|value| value.to_str().unwrap());
    (answer.status.as_u16(), retry_after)
}

#[tokio::test]
async fn every_subscriber_answers_as_its_listed_fault_says() {
    let harness = Harness::strict().await;
    let faults = json!({
        "gone": 0.2,
        "not_found": 0.2,
        "throttled": {"share": 0.2, "times": 2, "retry_after_seconds": 3},
        "failing": 0.2,
    });
    let group = harness.group(json!({"count": 60, "seed": "faults", "faults": faults})).await;
    let listed = fault_lines(&harness, group).await;
    let mut kinds = BTreeMap::<_, u64>::new();
    for (index, to) in harness.subscriptions(group).await.iter().enumerate() {
        let fault = listed.get(&u32::try_from(index).unwrap());
        *kinds.entry(fault.map(Fault::kind)).or_default() += 1;
        let expected = match fault {
            None => [(201, None); 3],
            Some(Fault::Gone { after: 0 }) => [(410, None); 3],
            Some(Fault::NotFound { after: 0 }) => [(404, None); 3],
            Some(Fault::Throttled { times: 2, retry_after_seconds: Some(3) }) => {
                [(429, Some("3")), (429, Some("3")), (201, None)]
            }
            Some(Fault::Failing { times: 1 }) => [(500, None), (201, None), (201, None)],
            Some(other) => panic!("nobody ordered {other:?}"),
        };
        for (attempt, expected) in expected.into_iter().enumerate() {
            let answer = harness.send(to, ContentEncoding::Aes128Gcm, &[attempt as u8], &[]).await;
            assert_eq!(outcome(&answer), expected, "{index} {fault:?}, attempt {attempt}");
        }
    }
    assert_eq!(kinds.len(), 5, "each kind is there: {kinds:?}");
    let refusals = harness.counts().await.refusals;
    assert_eq!(refusals["fault_gone"], 3 * kinds[&Some("gone")]);
    assert_eq!(refusals["fault_not_found"], 3 * kinds[&Some("not_found")]);
    assert_eq!(refusals["fault_throttled"], 2 * kinds[&Some("throttled")]);
    assert_eq!(refusals["fault_failing"], kinds[&Some("failing")]);
}

#[tokio::test]
async fn a_seed_makes_groups_repeatable() {
    let new = json!({"count": 200, "seed": "again", "faults": {"gone": 0.3, "failing": 0.3}});
    let (one, other) = (Harness::strict().await, Harness::strict().await);
    let (first, again) = (one.group(new.clone()).await, other.group(new).await);
    assert_eq!(fault_lines(&one, first).await, fault_lines(&other, again).await);
    let (first, again) = (one.subscriptions(first).await, other.subscriptions(again).await);
    for (first, again) in first.iter().zip(&again) {
        assert!(first.keys == again.keys);
        assert_eq!(first.endpoint.rsplit_once('/').unwrap().1, again.endpoint.rsplit_once('/').unwrap().1);
    }
    let unseeded = one.group(json!({"count": 1})).await;
    let another = one.group(json!({"count": 1})).await;
    assert!(one.subscriptions(unseeded).await[0].keys != one.subscriptions(another).await[0].keys);
}

#[tokio::test]
async fn faults_change_while_running() {
    let harness = Harness::strict().await;
    let group = harness.group(json!({"count": 2, "faults": {"failing": 1.0}})).await;
    let subscriptions = harness.subscriptions(group).await;
    let send = async |index: usize| {
        let answer = harness.send(&subscriptions[index], ContentEncoding::Aes128Gcm, b"x", &[]).await;
        answer.status.as_u16()
    };
    assert_eq!((send(0).await, send(0).await), (500, 201));

    // The faults of the new shares begin anew, those of single subscribers stay.
    let own = format!("/groups/{group}/subscribers/1/faults");
    let given = harness.control(Method::POST, &own, Some(json!({"gone": {"after": 1}}))).await;
    assert_eq!(given.status, 204, "{}", given.text);
    let shares = json!({"failing": {"share": 1.0, "times": 2}});
    let put = harness.control(Method::PUT, &format!("/groups/{group}/faults"), Some(shares)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.json()["faults"], json!({"failing": {"share": 1.0, "times": 2}}));
    assert_eq!((send(0).await, send(0).await, send(0).await), (500, 500, 201));
    assert_eq!((send(1).await, send(1).await, send(1).await), (201, 410, 410));

    let listed = fault_lines(&harness, group).await;
    assert_eq!(listed[&0], Fault::Failing { times: 2 });
    assert_eq!(listed[&1], Fault::Gone { after: 1 });
    let healed = harness.control(Method::POST, &own, Some(json!(null))).await;
    assert_eq!(healed.status, 204);
    assert_eq!(send(1).await, 201);
    assert!(!fault_lines(&harness, group).await.contains_key(&1));
}

#[tokio::test]
async fn services_answers_are_given_word_for_word() {
    let harness = Harness::strict().await;
    let listed = harness.get("/answers").await.lines();
    assert!(listed.len() >= 100, "{}", listed.len());
    let group = harness.group(json!({"count": 1})).await;
    let to = harness.subscriptions(group).await.remove(0);
    let own = format!("/groups/{group}/subscribers/0/faults");
    for known in &listed {
        let (service, name) = (&known["service"], &known["name"]);
        let order = json!({"service_answer": {"service": service, "name": name}});
        let given = harness.control(Method::POST, &own, Some(order)).await;
        assert_eq!(given.status, 204, "{}", given.text);
        let answer = harness.send(&to, ContentEncoding::Aes128Gcm, b"x", &[]).await;
        assert_eq!(u64::from(answer.status.as_u16()), known["status"].as_u64().unwrap(), "{known}");
        assert_eq!(answer.text, known["body"].as_str().unwrap(), "{known}");
    }
    let busy = json!({"service_answer": {"service": "mozilla", "name": "storage_busy"}});
    assert_eq!(harness.control(Method::POST, &own, Some(busy)).await.status, 204);
    let answer = harness.send(&to, ContentEncoding::Aes128Gcm, b"x", &[]).await;
    assert_eq!(outcome(&answer), (503, Some("120")));
    for (service, name) in [("fcm", "BadJwtToken"), ("nobody", "accepted")] {
        let order = json!({"service_answer": {"service": service, "name": name}});
        let given = harness.control(Method::POST, &own, Some(order)).await;
        assert_eq!(given.status, 422, "{}", given.text);
        assert!(given.text.contains("GET /answers"), "{}", given.text);
    }
}
