//! VAPID keys are rotated without losing a subscriber.

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use fanfare::webpush::keys::VapidKeyPair;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{Server, browser};

async fn keys(server: &Server) -> Vec<Value> {
    let listed = server.one("ListVapidKeys", json!({})).await;
    listed["vapidKeys"].as_array().unwrap().clone()
}

/// Whether the request is signed with this key: RFC 8292 section 3.
fn is_signed_with(request: &fanfare::webpush::request::PushRequest, key: &Value) -> bool {
    let header = request.headers["authorization"].to_str().unwrap();
    header.ends_with(&format!("k={}", key["applicationServerKey"].as_str().unwrap()))
}

fn send(user: &str) -> Value {
    json!({"userId": user, "message": {"empty": {}}})
}

#[tokio::test]
async fn old_subscriptions_go_on_with_their_key_until_it_is_retired() {
    let transport = ScriptedTransport::always(201);
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    server.subscribe("a", "anna", &[]).await;
    let old = keys(&server).await.remove(0);
    assert_eq!((&old["name"], &old["subscriptionCount"]), (&json!("vapidKeys/1"), &json!(1)));

    let new = server.one("CreateVapidKey", json!({})).await["vapidKey"].clone();
    assert_eq!(new["state"], "VAPID_KEY_STATE_STANDBY");
    let current = server.one("GetVapidPublicKey", json!({})).await;
    assert_eq!(current["applicationServerKey"], old["applicationServerKey"]);
    let set = server.one("SetCurrentVapidKey", json!({"name": new["name"]})).await;
    assert_eq!(set["vapidKey"]["state"], "VAPID_KEY_STATE_CURRENT");
    let current = server.one("GetVapidPublicKey", json!({})).await;
    assert_eq!(current["applicationServerKey"], new["applicationServerKey"]);

    // A browser that comes now has the new key, the one from before is signed for with the old one.
    server.subscribe("b", "bob", &[]).await;
    server.call("Send", send("anna")).await.unwrap();
    server.call("Send", send("bob")).await.unwrap();
    let requests = transport.requests();
    assert!(is_signed_with(&requests[0], &old) && is_signed_with(&requests[1], &new));
    let counts = |listed: &[Value]| -> Vec<_> {
        listed.iter().map(|key| key["subscriptionCount"].as_i64().unwrap_or_default()).collect()
    };
    assert_eq!(counts(&keys(&server).await), [1, 1], "the current one first");

    let refused = server.refused("RetireVapidKey", json!({"name": old["name"]})).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "STILL_IN_USE"));
    assert_eq!(refused.metadata["subscriptions"], "1");
    let refused = server.refused("RetireVapidKey", json!({"name": new["name"], "force": true})).await;
    assert_eq!(refused.metadata["state"], "current");

    // Anna's browser learns the new key: it subscribes anew, and its old subscription is replaced.
    let replaces = "https://push.example.net/a";
    let mut renewed = browser("a2");
    renewed["applicationServerKey"] = new["applicationServerKey"].clone();
    server.one("Subscribe", json!({"pushSubscription": renewed, "replaces": replaces})).await;
    assert_eq!(counts(&keys(&server).await), [2, 0]);
    let retired = server.one("RetireVapidKey", json!({"name": old["name"]})).await;
    assert_eq!(retired["vapidKey"]["state"], "VAPID_KEY_STATE_RETIRED");
    server.call("Send", send("anna")).await.unwrap();
    assert!(is_signed_with(transport.requests().last().unwrap(), &new));
    let back = server.refused("SetCurrentVapidKey", json!({"name": old["name"]})).await;
    assert_eq!(back.reason, "VAPID_KEY_NOT_FOUND", "its private half is destroyed");
    let mut browser = browser("c");
    browser["applicationServerKey"] = old["applicationServerKey"].clone();
    let refused = server.refused("Subscribe", json!({"pushSubscription": browser})).await;
    assert_eq!(refused.paths(), ["push_subscription.application_server_key"]);
    let remove = |name: &Value| json!({"name": name, "remove": true});
    let refused = server.refused("RetireVapidKey", remove(&new["name"])).await;
    assert_eq!(refused.metadata["state"], "current");
    let both = json!({"name": old["name"], "remove": true, "force": true});
    assert_eq!(server.refused("RetireVapidKey", both).await.paths(), ["remove"]);
    let removed = server.one("RetireVapidKey", remove(&old["name"])).await;
    assert_eq!(removed["vapidKey"]["applicationServerKey"], old["applicationServerKey"]);
    assert_eq!(keys(&server).await.len(), 1);
    assert_eq!(server.refused("RetireVapidKey", remove(&old["name"])).await.reason, "VAPID_KEY_NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_waits_is_signed_with_a_key_that_is_younger_than_it() {
    let transport = ScriptedTransport::always(201);
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    let name = server.subscribe("a", "anna", &[]).await;
    let mut refusals = 1;
    let (held, release) = Answer::held();
    let mut held = Some(held);
    transport.set_script(move |_| {
        if refusals > 0 {
            refusals -= 1;
            return held.take().unwrap();
        }
        Answer::status(201)
    });
    let mut request = json!({"subscription": name, "message": {"empty": {}}});
    request["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    let accepted = server.call("Send", request).await.unwrap();
    transport.wait_for_started(1).await;
    // While the first attempt is under way, the browser comes with a new key.
    let new = server.one("CreateVapidKey", json!({"makeCurrent": true})).await["vapidKey"].clone();
    let mut renewed = browser("a2");
    renewed["applicationServerKey"] = new["applicationServerKey"].clone();
    server.one("Subscribe", json!({"pushSubscription": renewed, "replaces": name})).await;
    release.status(503);
    let parent = accepted[0]["frame"]["accepted"]["message"]["name"].clone();
    let frames = server.call("WatchDeliveries", json!({"parent": parent})).await.unwrap();
    assert_eq!(frames.last().unwrap()["frame"]["summary"]["counts"]["accepted"], 1);
    assert!(is_signed_with(transport.requests().last().unwrap(), &new));
    server.stop().await;
}

#[tokio::test]
async fn retiring_by_force_disables_those_who_had_the_key() {
    let transport = ScriptedTransport::always(201);
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    let mut names = Vec::new();
    for number in 0..150 {
        names.push(server.subscribe(&number.to_string(), &format!("user-{number}"), &[]).await);
    }
    // It has a token at hand.
    server.call("Send", send("user-0")).await.unwrap();
    let new = server.one("CreateVapidKey", json!({"makeCurrent": true})).await["vapidKey"].clone();
    let kept = server.subscribe("kept", "kept", &[]).await;
    let retired = server.one("RetireVapidKey", json!({"name": "vapidKeys/1", "force": true})).await;
    assert_eq!(retired["vapidKey"]["state"], "VAPID_KEY_STATE_RETIRED");
    let started = transport.counts().started;
    server.call("Send", send("user-0")).await.unwrap();
    assert_eq!(transport.counts().started, started, "nothing is signed with it any more");
    while keys(&server).await[1]["subscriptionCount"] != json!(null) {
        tokio::task::yield_now().await;
    }
    for name in names {
        let found = server.one("GetSubscription", json!({"name": name})).await;
        assert_eq!(found["subscription"]["state"], "SUBSCRIPTION_STATE_DISABLED", "{name}");
        assert_eq!(found["subscription"]["disabledOutcome"], "OUTCOME_KEY_MISMATCH");
    }
    let found = server.one("GetSubscription", json!({"name": kept})).await;
    assert_eq!(found["subscription"]["applicationServerKey"], new["applicationServerKey"]);
    assert_eq!(found["subscription"]["state"], "SUBSCRIPTION_STATE_ACTIVE");
    server.stop().await;
}

#[tokio::test]
async fn keys_of_other_libraries_are_imported_and_never_come_out() {
    let server = Server::start().await;
    let pair = VapidKeyPair::generate().unwrap();
    let private = pair.private_base64url();
    let imported = server.one("CreateVapidKey", json!({"privateKey": private.as_str()})).await;
    assert_eq!(imported["vapidKey"]["applicationServerKey"], pair.public_base64url());
    assert!(!imported.to_string().contains(private.as_str()));
    let pem = pair.to_pem().unwrap();
    let again = server.refused("CreateVapidKey", json!({"privateKey": pem.as_str()})).await;
    assert_eq!((again.code, again.reason.as_str()), (Code::AlreadyExists, "VAPID_KEY_EXISTS"));
    for bad in ["nonsense", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        let refused = server.refused("CreateVapidKey", json!({"privateKey": bad})).await;
        assert_eq!(refused.paths(), ["private_key"]);
        assert!(!refused.message.contains(bad));
    }
    for bad in ["", "vapidKeys/0", "vapidKeys/x"] {
        assert_eq!(server.refused("SetCurrentVapidKey", json!({"name": bad})).await.paths(), ["name"]);
    }
    let refused = server.refused("SetCurrentVapidKey", json!({"name": "vapidKeys/99"})).await;
    assert_eq!(refused.reason, "VAPID_KEY_NOT_FOUND");
    server.stop().await;
}
