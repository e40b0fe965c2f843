//! What operators decide on subscriptions that are held, disabled or removed, and what their browsers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::transport::scripted::{Answer, ScriptedTransport, response};
use serde_json::{Value, json};

use crate::harness::{Server, browser, memory};

const PATIENCE: Duration = Duration::from_secs(15);
/// What is said with 401: the subscription belongs to another VAPID key.
const OTHER_KEY: &str = r#"{"code":401,"errno":109,"message":"VAPID public key mismatch"}"#;
/// How often something is looked at that nobody tells of.
const LOOK: Duration = Duration::from_millis(20);

/// A server whose removals wait so long, and what its push service answers.
async fn start(window: Duration) -> (Server, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(404));
    let transport = ScriptedTransport::new({
        let status = Arc::clone(&status);
        move |_| {
            let mut answer = response(status.load(Ordering::SeqCst));
            if answer.status == 401 {
                answer.body = OTHER_KEY.into();
            }
            Answer::Now(Ok(answer))
        }
    });
    let settings = (ApiSettings::default(), ServerSettings::default());
    (Server::start_waiting(memory(), transport, settings.0, settings.1, window).await, status)
}

/// Waits until a subscription is in a state; empty: until it has gone.
async fn becomes(server: &Server, name: &str, state: &str) {
    let becomes = async {
        loop {
            let found = server.call("GetSubscription", json!({"name": name})).await;
            let is = found.map_or(json!(""), |found| found[0]["subscription"]["state"].clone());
            if is == state {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, becomes)
        .await
        .unwrap_or_else(|_| panic!("{name} does not become {state}"));
}

async fn send(server: &Server, name: &str) -> Value {
    let request =
        json!({"subscription": name, "message": {"empty": {}}, "reportLevel": "REPORT_LEVEL_TERMINAL"});
    let frames = server.call("Send", request).await.unwrap();
    let events = frames.iter().find_map(|frame| frame["frame"]["events"]["events"].get(0).cloned());
    events.unwrap_or_else(|| panic!("{frames:?}"))
}

#[tokio::test]
async fn operators_decide_on_what_is_held() {
    let (server, status) = start(Duration::from_secs(60)).await;
    let mut names = Vec::new();
    for number in 0..1_100 {
        names.push(server.subscribe(&number.to_string(), "", &[]).await);
    }
    let everybody = json!({"audience": {"all": {}}, "message": {"empty": {}}});
    server.call("Broadcast", everybody.clone()).await.unwrap();
    for name in &names {
        becomes(&server, name, "SUBSCRIPTION_STATE_HELD").await;
    }
    let origins = server.one("ListOrigins", json!({})).await;
    let origin = &origins["origins"][0];
    let held = &origin["held"][0];
    assert_eq!((&held["application"], &held["outcome"]), (&json!("default"), &json!("OUTCOME_GONE")));
    assert_eq!(held["subscriptionCount"], 1_100);
    assert!(held["reason"].as_str().unwrap().contains("refused") && held["holdTime"].is_string());
    assert_eq!(held["origin"], origin["origin"]);
    assert!(held["remedy"].as_str().unwrap().contains("fanfare subscriptions release"), "{held}");
    // Whoever looks at the application is told the same.
    let shown = server.one("GetApplication", json!({})).await["application"].clone();
    assert_eq!(shown["held"], origin["held"]);
    let unknown = json!({"origin": "https://other.example.net"});
    for rpc in ["ReleaseHeldSubscriptions", "DiscardHeldSubscriptions"] {
        assert_eq!(server.refused(rpc, unknown.clone()).await.reason, "ORIGIN_NOT_FOUND");
        let mut request = json!({"origin": origin["origin"], "validateOnly": true});
        let count = if rpc.starts_with('R') { "releasedCount" } else { "discardedCount" };
        let first = server.one(rpc, request.clone()).await;
        assert_eq!(first[count], 1_000);
        request["pageToken"] = first["nextPageToken"].clone();
        let second = server.one(rpc, request.clone()).await;
        assert_eq!((&second[count], &second["nextPageToken"]), (&json!(100), &json!(null)));
        // It belongs to that very decision.
        request["outcome"] = json!("OUTCOME_GONE");
        assert_eq!(server.refused(rpc, request).await.reason, "PAGE_TOKEN_INVALID");
    }
    let key_mismatch = json!({"origin": origin["origin"], "outcome": "OUTCOME_KEY_MISMATCH"});
    assert_eq!(server.one("ReleaseHeldSubscriptions", key_mismatch).await, json!({}));
    // One that its browser subscribes again is held no longer.
    server.subscribe("0", "", &[]).await;
    becomes(&server, &names[0], "SUBSCRIPTION_STATE_ACTIVE").await;
    let one = server.one("EnableSubscriptions", json!({"name": names[1]})).await;
    assert_eq!(one["enabledCount"], 1);
    let request = json!({"origin": origin["origin"]});
    let first = server.one("ReleaseHeldSubscriptions", request.clone()).await;
    let rest = json!({"origin": origin["origin"], "pageToken": first["nextPageToken"]});
    let second = server.one("ReleaseHeldSubscriptions", rest).await;
    assert_eq!((&first["releasedCount"], &second["releasedCount"]), (&json!(1_000), &json!(98)));
    status.store(201, Ordering::SeqCst);
    let frames = server.call("Broadcast", everybody).await.unwrap();
    assert_eq!(frames.last().unwrap()["frame"]["summary"]["counts"]["accepted"], 1_100);
    server.stop().await;
}

#[tokio::test]
async fn what_was_removed_by_evidence_comes_back() {
    let (server, status) = start(Duration::ZERO).await;
    let mut names = Vec::new();
    for path in ["a", "b", "c"] {
        let name = server.subscribe(path, "anna", &["news"]).await;
        send(&server, &name).await;
        becomes(&server, &name, "").await;
        names.push(name);
    }
    status.store(201, Ordering::SeqCst);
    let anew = server.subscribe("c", "bob", &[]).await;
    let request = json!({"startTime": "2026-01-01T00:00:00Z", "validateOnly": true});
    let counts = json!({"restoredCount": 2, "passedOverCount": 1});
    assert_eq!(server.one("RestoreSubscriptions", request).await, counts);
    let late = json!({"startTime": "2200-01-01T00:00:00Z"});
    assert_eq!(server.one("RestoreSubscriptions", late).await, json!({}));
    let request = json!({"startTime": "2026-01-01T00:00:00Z"});
    assert_eq!(server.one("RestoreSubscriptions", request.clone()).await, counts);
    let restored = server.one("GetSubscription", json!({"name": names[0]})).await["subscription"].clone();
    assert_eq!((&restored["userId"], &restored["topics"]), (&json!("anna"), &json!(["news"])));
    assert_eq!(send(&server, &names[0]).await["outcome"], "OUTCOME_ACCEPTED");
    assert_eq!(send(&server, &anew).await["outcome"], "OUTCOME_ACCEPTED");
    // A user who is unsubscribed does not come back, wherever it was removed before.
    status.store(410, Ordering::SeqCst);
    send(&server, &names[0]).await;
    becomes(&server, &names[0], "").await;
    server.one("Unsubscribe", json!({"userId": "anna", "allowMissing": true})).await;
    assert_eq!(server.one("RestoreSubscriptions", request).await, json!({}));
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_one_is_revived_by_its_browser_or_enabled() {
    let (server, status) = start(Duration::ZERO).await;
    status.store(401, Ordering::SeqCst);
    let own = json!({"pushSubscription": browser("a"), "userId": "anna", "topics": ["news"]});
    let name =
        server.one("Subscribe", own.clone()).await["subscription"]["name"].as_str().unwrap().to_owned();
    let origin = server.one("GetSubscription", json!({"name": name})).await;
    let origin = origin["subscription"]["endpointOrigin"].clone();
    let disable = async || {
        let event = send(&server, &name).await;
        assert_eq!(event["outcome"], "OUTCOME_KEY_MISMATCH");
        becomes(&server, &name, "SUBSCRIPTION_STATE_DISABLED").await;
    };
    disable().await;
    // The browser subscribes again with the same subscription.
    let again = server.one("Subscribe", own.clone()).await["subscription"].clone();
    assert_eq!((&again["name"], &again["state"]), (&json!(name), &json!("SUBSCRIPTION_STATE_ACTIVE")));
    disable().await;
    // An import does so too.
    let answers = server.call("ImportSubscriptions", json!({"subscriptions": [own]})).await.unwrap();
    assert_eq!(answers.len(), 1, "{answers:?}");
    becomes(&server, &name, "SUBSCRIPTION_STATE_ACTIVE").await;
    disable().await;
    // An operator: nobody else, and not those of another time.
    for (request, count) in [
        (json!({"outcome": "OUTCOME_REJECTED"}), 0),
        (json!({"startTime": "2200-01-01T00:00:00Z"}), 0),
        (json!({"endTime": "2026-01-01T00:00:00Z"}), 0),
        (json!({"origin": origin, "outcome": "OUTCOME_KEY_MISMATCH", "validateOnly": true}), 1),
        (json!({"startTime": "2026-01-01T00:00:00Z"}), 1),
        (json!({}), 0),
    ] {
        let enabled = server.one("EnableSubscriptions", request.clone()).await;
        assert_eq!(enabled["enabledCount"].as_i64().unwrap_or_default(), count, "{request}");
    }
    status.store(201, Ordering::SeqCst);
    assert_eq!(send(&server, &name).await["outcome"], "OUTCOME_ACCEPTED");
    server.stop().await;
}
