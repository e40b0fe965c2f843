//! Send and Broadcast, from the call to the summary.

use std::collections::BTreeSet;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{Server, as_in_frames, browser};

/// The frames of an answer, each with a resume token.
fn frames(answers: Vec<Value>) -> Vec<Value> {
    let frames: Vec<Value> = answers.into_iter().map(|mut answer| answer["frame"].take()).collect();
    for frame in &frames {
        assert!(frame["resumeToken"].as_str().is_some_and(|token| token.len() <= 1_024), "{frame}");
    }
    frames
}

fn events(frames: &[Value]) -> Vec<Value> {
    let events = frames.iter().filter_map(|frame| frame["events"]["events"].as_array());
    events.flatten().cloned().collect()
}

#[tokio::test]
async fn a_send_streams_accepted_then_the_event_then_the_summary() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let request = json!({"subscription": name, "message": {"json": {"hello": "world"}, "note": "n",
        "labels": {"campaign": "spring"}}, "requestId": "order-1"});
    let frames = frames(server.call("Send", request).await.unwrap());
    let accepted = &frames[0]["accepted"]["message"];
    assert_eq!((&accepted["counts"]["targets"], &accepted["requestId"]), (&json!(1), &json!("order-1")));
    let events = events(&frames);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!((&event["subscription"], &event["userId"]), (&json!(name), &json!("anna")));
    assert_eq!(
        (&event["state"], &event["outcome"]),
        (&json!("DELIVERY_STATE_ACCEPTED"), &json!("OUTCOME_ACCEPTED"))
    );
    assert_eq!((&event["message"], &event["requestId"]), (&accepted["name"], &json!("order-1")));
    assert!(event["eventId"].as_str().is_some_and(|id| !id.is_empty() && id.len() <= 32));
    let summary = &frames.last().unwrap()["summary"];
    assert_eq!(
        (&summary["state"], &summary["counts"]["accepted"]),
        (&json!("MESSAGE_STATE_DONE"), &json!(1))
    );
    assert_eq!(summary["outcomes"], json!([{"outcome": "OUTCOME_ACCEPTED", "count": 1}]));
    assert_eq!((&summary["labels"]["campaign"], &summary["note"]), (&json!("spring"), &json!("n")));
    let read = server.one("GetMessage", json!({"name": accepted["name"]})).await;
    assert_eq!(&as_in_frames(&read["message"]), summary);
    assert_eq!(server.transport.requests().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_user_has_all_subscriptions_and_a_limit() {
    let settings = ApiSettings { user_targets_max: 3, ..ApiSettings::default() };
    let server =
        Server::start_with(ScriptedTransport::always(201), settings, ServerSettings::default()).await;
    for n in 0..3 {
        server.subscribe(&format!("a{n}"), "anna", &[]).await;
    }
    let request = json!({"userId": "anna", "message": {"empty": {}}});
    let sent = frames(server.call("Send", request.clone()).await.unwrap());
    assert_eq!(events(&sent).len(), 3);
    server.subscribe("a3", "anna", &[]).await;
    let refused = server.refused("Send", request).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    server.stop().await;
}

#[tokio::test]
async fn an_inline_subscription_is_posted_to_and_not_stored() {
    let server = Server::start().await;
    let request = json!({"pushSubscription": browser("inline"), "message": {"data": ""}});
    let sent = frames(server.call("Send", request).await.unwrap());
    let events = events(&sent);
    assert_eq!((events.len(), events[0].get("subscription")), (1, None));
    assert_eq!(server.transport.requests()[0].endpoint.expose(), "https://push.example.net/inline");
    assert_eq!(server.one("ListSubscriptions", json!({})).await, json!({}));
    server.stop().await;
}

#[tokio::test]
async fn a_request_id_joins_the_first_message_and_refuses_another_body() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let request =
        |text: &str| json!({"subscription": name, "message": {"json": {"text": text}}, "requestId": "r"});
    let first = frames(server.call("Send", request("one")).await.unwrap());
    assert_eq!(first[0]["accepted"].get("replayed"), None);
    // The recipient has gone since: joining needs it no more.
    server.one("Unsubscribe", json!({"name": name})).await;
    let again = frames(server.call("Send", request("one")).await.unwrap());
    assert_eq!(again[0]["accepted"]["replayed"], true);
    assert_eq!(again[0]["accepted"]["message"]["name"], first[0]["accepted"]["message"]["name"]);
    assert_eq!(events(&again), events(&first));
    let refused = server.refused("Send", request("two")).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    assert_eq!(json!(refused.metadata["message"]), first[0]["accepted"]["message"]["name"]);
    let broadcast = json!({"audience": {"all": {}}, "message": {"json": {"text": "one"}}, "requestId": "r"});
    assert_eq!(server.refused("Broadcast", broadcast).await.reason, "REQUEST_ID_REUSED");
    assert_eq!(server.transport.requests().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn racing_calls_with_one_request_id_send_once() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let request = json!({"subscription": name, "message": {"empty": {}}, "requestId": "race"});
    let calls = (0..8).map(|_| server.call("Send", request.clone()));
    let answers = futures_util::future::join_all(calls).await;
    let accepted: Vec<Value> =
        answers.into_iter().map(|answer| frames(answer.unwrap())[0]["accepted"].clone()).collect();
    let names: BTreeSet<String> = accepted.iter().map(|of| of["message"]["name"].to_string()).collect();
    assert_eq!(names.len(), 1);
    assert_eq!(accepted.iter().filter(|of| of.get("replayed").is_none()).count(), 1);
    assert_eq!(server.transport.requests().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_broadcast_reaches_its_audience_once_each() {
    let server = Server::start().await;
    let a = server.subscribe("a", "anna", &["news", "sport"]).await;
    let b = server.subscribe("b", "bob", &["news"]).await;
    let c = server.subscribe("c", "bob", &[]).await;
    let reached = |audience: Value| {
        let server = &server;
        async move {
            let request = json!({"audience": audience, "message": {"notification": {"title": "Hi"}}});
            let sent = frames(server.call("Broadcast", request).await.unwrap());
            let events = events(&sent);
            let counts = sent.last().unwrap()["summary"]["counts"].clone();
            assert_eq!(counts["targets"], json!(events.len()));
            assert_eq!(counts.get("targetsEstimated"), None);
            let mut names: Vec<String> = events
                .iter()
                .map(|event| {
                    event.get("subscription").unwrap_or(&event["outcome"]).as_str().unwrap().to_owned()
                })
                .collect();
            names.sort();
            names
        }
    };
    let sorted = |names: &[&String]| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
        names.sort();
        names
    };
    assert_eq!(reached(json!({"topics": {"topics": ["sport", "news", "news"]}})).await, sorted(&[&a, &b]));
    assert_eq!(reached(json!({"all": {}})).await, sorted(&[&a, &b, &c]));
    assert_eq!(reached(json!({"subscriptions": {"names": [c, a, c]}})).await, sorted(&[&a, &c]));
    let users = reached(json!({"users": {"userIds": ["nobody", "bob"]}})).await;
    assert_eq!(users.len(), 3, "{users:?}");
    assert!(users.contains(&"OUTCOME_NOT_FOUND".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn validate_only_counts_and_sends_nothing() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &["news"]).await;
    server.subscribe("b", "bob", &["news"]).await;
    for (method, request, targets, estimated) in [
        ("Send", json!({"subscription": name}), 1, false),
        ("Send", json!({"userId": "anna"}), 1, false),
        ("Send", json!({"pushSubscription": browser("x")}), 1, false),
        ("Broadcast", json!({"audience": {"topics": {"topics": ["news"]}}}), 2, true),
        ("Broadcast", json!({"audience": {"subscriptions": {"names": [name]}}}), 1, false),
    ] {
        let mut request = request;
        request["message"] = json!({"empty": {}});
        request["validateOnly"] = true.into();
        let mut answer = server.one(method, request).await;
        let message = answer["frame"]["accepted"]["message"].take();
        assert_eq!((message.get("name"), &message["counts"]["targets"]), (None, &json!(targets)), "{method}");
        assert_eq!(message["counts"].get("targetsEstimated").is_some(), estimated);
    }
    assert_eq!(server.one("ListMessages", json!({})).await, json!({}));
    assert!(server.transport.requests().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn report_levels_tell_more_and_more() {
    let transport = ScriptedTransport::always(201);
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    for path in ["good", "gone", "busy"] {
        server.subscribe(path, "anna", &[]).await;
    }
    let mut told = Vec::new();
    for level in ["ACCEPTED", "PROGRESS", "FAILURES", "TERMINAL", "ATTEMPTS"] {
        let mut busy = true;
        transport.set_script(move |request| match request.endpoint.expose() {
            url if url.ends_with("/busy") && std::mem::take(&mut busy) => Answer::status(503),
            url if url.ends_with("/gone") => Answer::status(403),
            _ => Answer::status(201),
        });
        let request = json!({"userId": "anna", "message": {"empty": {}},
            "reportLevel": format!("REPORT_LEVEL_{level}")});
        let sent = frames(server.call("Send", request).await.unwrap());
        let summary = sent.last().unwrap().get("summary").is_some();
        told.push((events(&sent).len(), summary));
        let parent = &sent[0]["accepted"]["message"]["name"];
        server.call("WatchDeliveries", json!({"parent": parent})).await.unwrap();
    }
    assert_eq!(told, [(0, false), (0, true), (1, true), (3, true), (4, true)]);
    server.stop().await;
}
