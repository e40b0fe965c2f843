//! The right person at the right time: a delivery is for the user, and the topics, that it was planned for, whatever becomes of
//! the subscription while it waits.

use std::time::{Duration, SystemTime};

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::domain::{Clock as _, SystemClock};
use fanfare::proto::v1;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use serde_json::{Value, json};
use v1::delivery_frame::Kind;

use crate::harness::{Server, browser, read};

const OTHER_USER: &str = "the subscription belongs to another user now";
const LEFT: &str = "the subscription has left the message's topics";

/// A server whose push service answers 503 until it is told otherwise: everything waits for a retry.
async fn busy_server() -> Server {
    let transport = ScriptedTransport::always(503);
    Server::start_with(transport, ApiSettings::default(), ServerSettings::default()).await
}

async fn accepted(server: &Server, method: &str, mut request: Value) -> String {
    request["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    let answers = server.call(method, request).await.unwrap();
    answers[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
}

/// Waits until each of these has been planned, and attempted in vain.
async fn attempted(server: &Server, messages: &[String]) {
    for name in messages {
        let request = json!({"parent": name, "reportLevel": "REPORT_LEVEL_ATTEMPTS"});
        let request = read::<v1::WatchDeliveriesRequest>("WatchDeliveries", request);
        let mut frames = server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
        loop {
            let frame = frames.message().await.unwrap().expect("it has not ended").frame.unwrap();
            if matches!(frame.kind, Some(Kind::Events(_))) {
                break;
            }
        }
    }
}

/// The terminal events of a message once it has ended, in the order of their subscriptions.
async fn ended(server: &Server, name: &str) -> Vec<Value> {
    let watched = server.call("WatchDeliveries", json!({"parent": name})).await.unwrap();
    let events = watched.iter().filter_map(|answer| answer["frame"]["events"]["events"].as_array());
    let mut events: Vec<Value> = events.flatten().cloned().collect();
    events.sort_by_key(|event| event["subscription"].as_str().map(str::to_owned));
    events
}

fn in_seconds(seconds: f64) -> String {
    let now = Duration::from_micros(SystemClock.now().as_micros());
    humantime::format_rfc3339(SystemTime::UNIX_EPOCH + now + Duration::from_secs_f64(seconds)).to_string()
}

/// It ended without another attempt, and nobody but the planned user is named.
fn assert_not_for_it(event: &Value, detail: &str) {
    let (state, outcome) = (&event["state"], &event["outcome"]);
    assert_eq!((state, outcome), (&json!("DELIVERY_STATE_FAILED"), &json!("OUTCOME_NOT_FOUND")), "{event}");
    assert_eq!(event.get("detail").and_then(Value::as_str).unwrap_or_default(), detail, "{event}");
    let user = event.get("userId").and_then(Value::as_str).unwrap_or_default();
    assert!(user.is_empty() || user == "alice", "{event}");
}

/// How alice's browser becomes somebody else's.
const HANDOVERS: [&str; 5] = ["subscribe", "replaces", "replaces bob's", "update", "nobody"];

/// Hands alice's subscription over.
async fn hand_over(server: &Server, name: &str, how: &str) {
    let mut new = browser("new");
    match how {
        "subscribe" => {
            // The same browser: another account logs in.
            assert_eq!(server.subscribe("shared", "bob", &[]).await, name);
        }
        "replaces" => {
            let request = json!({"pushSubscription": new, "userId": "bob", "replaces": name});
            assert_eq!(server.one("Subscribe", request).await["subscription"]["name"], json!(name));
        }
        "replaces bob's" => {
            // The endpoint is stored already: it stays, and alice's goes.
            let bobs = server.subscribe("bobs", "bob", &[]).await;
            new["endpoint"] = browser("bobs")["endpoint"].clone();
            let request = json!({"pushSubscription": new, "userId": "bob", "replaces": name});
            assert_eq!(server.one("Subscribe", request).await["subscription"]["name"], json!(bobs));
        }
        "update" | "nobody" => {
            let user = if how == "update" { "bob" } else { "" };
            let request = json!({"name": name, "subscription": {"userId": user}, "updateMask": "userId"});
            server.one("UpdateSubscription", request).await;
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_waits_for_one_user_never_reaches_the_next() {
    // One message each time: those to one endpoint that keeps failing wait for one another.
    for (how, to) in HANDOVERS.iter().flat_map(|how| (0..6).map(move |to| (*how, to))) {
        let server = busy_server().await;
        let name = server.subscribe("shared", "alice", &["news"]).await;
        let mut request = match to {
            0 => json!({"subscription": name}),
            1 => json!({"userId": "alice"}),
            2 => json!({"audience": {"topics": {"topics": ["news", "sport"]}}}),
            3 => json!({"audience": {"all": {}}}),
            4 => json!({"audience": {"users": {"userIds": ["alice"]}}}),
            _ => json!({"audience": {"subscriptions": {"names": [name]}}}),
        };
        let content = json!({"json": {"for": "alice"}});
        request["message"] = content.clone();
        let message = accepted(&server, if to < 2 { "Send" } else { "Broadcast" }, request).await;
        attempted(&server, std::slice::from_ref(&message)).await;
        hand_over(&server, &name, how).await;
        // The caller has been told: from here on nothing more of it is posted.
        let posted = server.transport.requests().len();
        server.transport.set_script(|_| Answer::status(201));
        let events = ended(&server, &message).await;
        let of_alice: Vec<_> = events.iter().filter(|event| event["subscription"] == json!(name)).collect();
        assert_eq!(of_alice.len(), 1, "{how} {to}: {events:?}");
        // It is not there any more where another one took its place.
        assert_not_for_it(of_alice[0], if how == "replaces bob's" { "" } else { OTHER_USER });
        let listed = server.one("ListDeliveries", json!({"parent": message})).await.to_string();
        assert!(!listed.contains("bob"), "{how} {to}: {listed}");
        let posts = server.transport.requests().len();
        assert_eq!(posts, posted, "{how} {to}: something was posted to the next user");
        // What is for bob does reach him.
        if how != "nobody" {
            let sent = server.call("Send", json!({"userId": "bob", "message": content})).await.unwrap();
            assert_eq!(
                sent.last().unwrap()["frame"]["summary"]["counts"]["accepted"],
                json!(1),
                "{how} {to}"
            );
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn what_stays_the_same_persons_goes_on() {
    let server = busy_server().await;
    // One message for each: those to one endpoint that keeps failing wait for one another.
    let alice = server.subscribe("a", "alice", &[]).await;
    let nobody = server.subscribe("n", "", &[]).await;
    let alice_too = server.subscribe("a-too", "alice", &["news"]).await;
    let nobody_too = server.subscribe("n-too", "", &["news"]).await;
    let mut messages = Vec::new();
    for name in [&alice, &nobody] {
        let request = json!({"subscription": name, "message": {"json": {"n": 1}}});
        messages.push(accepted(&server, "Send", request).await);
    }
    let request = json!({"audience": {"topics": {"topics": ["news"]}}, "message": {"json": {"n": 2}}});
    messages.push(accepted(&server, "Broadcast", request).await);
    attempted(&server, &messages).await;
    // New keys of the same user, and a user where there was none: who logs in keeps what was meant for the browser.
    for (path, user, name) in [
        ("a", "alice", &alice),
        ("n", "carol", &nobody),
        ("a-too", "alice", &alice_too),
        ("n-too", "carol", &nobody_too),
    ] {
        assert_eq!(&server.subscribe(path, user, &[]).await, name);
    }
    server.transport.set_script(|_| Answer::status(201));
    for message in &messages {
        let events = ended(&server, message).await;
        assert!(events.iter().all(|event| event["state"] == "DELIVERY_STATE_ACCEPTED"), "{events:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_broadcast_to_a_topic_is_not_for_who_has_left_it() {
    let server = busy_server().await;
    let mut names = Vec::new();
    for (path, topics) in
        [("gone", &["news"][..]), ("back", &["news"]), ("other", &["news", "sport"]), ("stays", &["news"])]
    {
        names.push(server.subscribe(path, path, topics).await);
    }
    let request =
        |topics: &[&str]| json!({"audience": {"topics": {"topics": topics}}, "message": {"json": {"n": 1}}});
    let message = accepted(&server, "Broadcast", request(&["news", "sport"])).await;
    let send = json!({"subscription": names[0], "message": {"json": {"n": 2}}});
    let send = accepted(&server, "Send", send).await;
    attempted(&server, std::slice::from_ref(&message)).await;
    let update = async |name: &str, member: &str| {
        let mut request = json!({"name": name});
        request[member] = json!(["news"]);
        server.one("UpdateSubscription", request).await;
    };
    for name in &names[..3] {
        update(name, "removeTopics").await;
    }
    update(&names[1], "addTopics").await;
    server.transport.set_script(|_| Answer::status(201));
    let events = ended(&server, &message).await;
    for (index, event) in events.iter().enumerate() {
        let place = names.iter().position(|name| event["subscription"] == json!(name)).unwrap();
        if place < 2 {
            assert_eq!(
                (&event["outcome"], &event["detail"]),
                (&json!("OUTCOME_NOT_FOUND"), &json!(LEFT)),
                "{index}"
            );
        } else {
            assert_eq!(event["state"], "DELIVERY_STATE_ACCEPTED", "{event}");
        }
    }
    assert_eq!(events.len(), 4);
    assert_eq!(ended(&server, &send).await[0]["state"], "DELIVERY_STATE_ACCEPTED", "a Send has no topic");
    server.stop().await;
}

/// Whoever a message is for is looked up when it starts, but what was addressed to a subscription by its name is for the user
/// that it had then.
#[tokio::test]
async fn a_scheduled_message_is_for_who_is_there_at_its_start() {
    let server = Server::start().await;
    let phone = server.subscribe("phone", "alice", &["news"]).await;
    let shared = server.subscribe("shared", "alice", &[]).await;
    let lent = server.subscribe("lent", "carol", &[]).await;
    let start = in_seconds(1.5);
    let message = |n: u32| json!({"json": {"n": n}, "sendTime": start, "ttl": "60s"});
    let mut messages = Vec::new();
    for (n, (method, member, value)) in (0..).zip([
        ("Send", "userId", json!("alice")),
        ("Send", "subscription", json!(shared)),
        ("Broadcast", "audience", json!({"subscriptions": {"names": [shared, lent]}})),
        ("Broadcast", "audience", json!({"users": {"userIds": ["alice"]}})),
        ("Broadcast", "audience", json!({"topics": {"topics": ["news"]}})),
        ("Send", "subscription", json!(lent)),
    ]) {
        let mut request = json!({"message": message(n)});
        request[member] = value;
        messages.push(accepted(&server, method, request).await);
    }
    // Another one of hers comes, one changes hands, one is lent and given back.
    let laptop = server.subscribe("laptop", "alice", &["news"]).await;
    for (path, user) in [("shared", "bob"), ("lent", "bob"), ("lent", "carol")] {
        server.subscribe(path, user, &[]).await;
    }
    assert!(server.transport.requests().is_empty());
    let mut reached = Vec::new();
    for name in &messages {
        let events = ended(&server, name).await;
        assert!(events.iter().all(|event| event.get("userId") != Some(&json!("bob"))), "{events:?}");
        let of = |event: &Value| {
            (event["subscription"].as_str().unwrap().to_owned(), event["state"] == "DELIVERY_STATE_ACCEPTED")
        };
        reached.push(events.iter().map(of).collect::<Vec<_>>());
    }
    let both = vec![(phone.clone(), true), (laptop.clone(), true)];
    let sorted = |mut of: Vec<(String, bool)>| {
        of.sort();
        of
    };
    let expected = [
        both.clone(),
        vec![(shared.clone(), false)],
        vec![(shared, false), (lent.clone(), true)],
        both.clone(),
        both,
        vec![(lent, true)],
    ];
    for (number, (reached, expected)) in reached.into_iter().zip(expected).enumerate() {
        assert_eq!(sorted(reached), sorted(expected), "{number}");
    }
    let posted: Vec<_> =
        server.transport.requests().iter().map(|of| of.endpoint.expose().to_owned()).collect();
    assert!(posted.iter().all(|endpoint| !endpoint.ends_with("/shared")), "{posted:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_user_who_has_nothing_left_at_the_start_is_told() {
    let server = Server::start().await;
    server.subscribe("shared", "alice", &[]).await;
    let request = json!({"userId": "alice", "message": {"json": {}, "sendTime": in_seconds(1.0)}});
    let message = accepted(&server, "Send", request).await;
    server.subscribe("shared", "bob", &[]).await;
    let events = ended(&server, &message).await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["outcome"], &events[0]["userId"]), (&json!("OUTCOME_NOT_FOUND"), &json!("alice")));
    assert_eq!(events[0].get("subscription"), None);
    assert!(server.transport.requests().is_empty());
    let none = json!({"userId": "dora", "message": {"json": {}, "sendTime": in_seconds(60.0)}});
    assert_eq!(server.refused("Send", none).await.reason, "USER_NOT_FOUND", "as for one that starts at once");
    server.stop().await;
}

#[tokio::test]
async fn the_ttl_that_was_asked_for_is_what_is_sent() {
    let server = Server::start().await;
    let name = server.subscribe("a", "alice", &[]).await;
    for (ttl, sent) in [("1s", "1"), ("2s", "2"), ("3600s", "3600"), ("1.9s", "1"), ("0s", "0")] {
        let request = json!({"subscription": name, "message": {"json": {"ttl": ttl}, "ttl": ttl}});
        let answers = server.call("Send", request).await.unwrap();
        let summary = &answers.last().unwrap()["frame"]["summary"];
        assert_eq!(summary["counts"]["accepted"], json!(1), "{ttl}: {summary}");
        let posted = server.transport.requests();
        assert_eq!(posted.last().unwrap().headers["ttl"], sent, "{ttl}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_expiry_that_has_passed_is_refused() {
    let server = Server::start().await;
    let now = SystemClock.now();
    let seconds = "has passed: it must be milliseconds since 1970, are these seconds?";
    let passed = "has passed: the browser must subscribe again; leave it out, or null, for no expiry";
    for (expiry, why) in [
        (json!(0), passed),
        (json!(now.as_millis() - 1), passed),
        (json!(now.as_secs()), seconds),
        (json!(now.as_secs() + 30 * 86_400), seconds),
    ] {
        let mut browser = browser("a");
        browser["expirationTime"] = expiry.clone();
        let refused = server.refused("Subscribe", json!({"pushSubscription": browser})).await;
        assert_eq!(refused.violations["push_subscription.expiration_time_ms"], why, "{expiry}");
        let entry = json!({"subscriptions": [{"pushSubscription": browser}]});
        let rejected = server.one("ImportSubscriptions", entry).await["answers"][0]["rejected"].to_string();
        assert!(rejected.contains(why), "{rejected}");
        let sent =
            server.refused("Send", json!({"pushSubscription": browser, "message": {"json": {}}})).await;
        assert_eq!(sent.violations["push_subscription.expiration_time_ms"], why, "{expiry}");
    }
    assert_eq!(server.one("ListSubscriptions", json!({})).await, json!({}));
    let name = server.subscribe("a", "alice", &[]).await;
    let update =
        |time: &str| json!({"name": name, "subscription": {"expireTime": time}, "updateMask": "expireTime"});
    let refused = server.refused("UpdateSubscription", update("2001-09-09T01:46:40Z")).await;
    assert_eq!(refused.violations["subscription.expire_time"], passed);
    server.stop().await;
}

#[tokio::test]
async fn an_own_expiry_is_told_as_such() {
    let server = Server::start().await;
    let mut browser = browser("a");
    let expires = SystemClock.now().as_millis() + 400;
    browser["expirationTime"] = json!(expires);
    let stored = server.one("Subscribe", json!({"pushSubscription": browser, "userId": "alice"})).await;
    let name = stored["subscription"]["name"].as_str().unwrap();
    let request = json!({"subscription": name, "message": {"json": {}, "sendTime": in_seconds(0.6)}});
    let message = accepted(&server, "Send", request).await;
    let events = ended(&server, &message).await;
    let event = &events[0];
    assert_eq!(
        (&event["state"], &event["outcome"]),
        (&json!("DELIVERY_STATE_FAILED"), &json!("OUTCOME_GONE"))
    );
    assert_eq!(event["detail"], "the subscription's own expiry has passed");
    assert_eq!(event.get("attempt"), None);
    assert!(server.transport.requests().is_empty());
    server.stop().await;
}
