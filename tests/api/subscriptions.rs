//! Subscribing and what follows from it.

use serde_json::json;
use tonic::Code;

use crate::harness::{Server, browser};

#[tokio::test]
async fn a_browsers_json_pastes_unchanged() {
    let server = Server::start().await;
    // What Firefox and Chromium print for JSON.stringify(subscription).
    let text = r#"{"endpoint":"https://push.example.net/wpush/v2/gAAAA","expirationTime":null,"keys":{"auth":"BTBZMqHH6r4Tts7J_aSIgg","p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"}}"#;
    let pasted: serde_json::Value = serde_json::from_str(text).unwrap();
    let answer = server.one("Subscribe", json!({"pushSubscription": pasted, "userId": "anna"})).await;
    assert_eq!(answer["created"], true);
    let subscription = &answer["subscription"];
    assert_eq!(subscription["endpointOrigin"], "https://push.example.net");
    assert_eq!(subscription["state"], "SUBSCRIPTION_STATE_ACTIVE");
    assert_eq!(subscription["applicationServerKey"], server.vapid_key.as_str());
    let shown = answer.to_string();
    assert!(!shown.contains("gAAAA") && !shown.contains("BTBZMqHH6r4Tts7J"), "{shown}");
    let again = server.one("Subscribe", json!({"pushSubscription": pasted})).await;
    assert_eq!(again["subscription"]["name"], subscription["name"]);
    assert_eq!((again.get("created"), &again["subscription"]["userId"]), (None, &json!("anna")));
    let mut padded = pasted.clone();
    padded["keys"]["auth"] = "BTBZMqHH6r4Tts7J/aSIgg==".into();
    padded["expirationTime"] = 1_900_000_000_123.0.into();
    let again = server.one("Subscribe", json!({"pushSubscription": padded})).await;
    assert_eq!(again["subscription"]["expireTime"], "2030-03-17T17:46:40.123Z");
    server.stop().await;
}

#[tokio::test]
async fn a_subscription_is_read_changed_and_removed() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &["news"]).await;
    let by_endpoint = json!({"endpoint": "https://push.example.net/a"});
    let read = server.one("GetSubscription", by_endpoint.clone()).await["subscription"].clone();
    assert_eq!((&read["name"], &read["topics"]), (&json!(name), &json!(["news"])));

    let change = json!({
        "name": name,
        "subscription": {"userId": "", "labels": {"plan": "pro"}, "locale": "de", "etag": read["etag"],
            "expireTime": "2031-01-01T00:00:00Z", "timeZone": "Europe/Berlin"},
        "updateMask": "userId,labels,locale,expireTime",
        "addTopics": ["sport"],
        "removeTopics": ["news"],
    });
    let changed = server.one("UpdateSubscription", change.clone()).await["subscription"].clone();
    assert_eq!(changed["topics"], json!(["sport"]));
    assert_eq!((&changed["labels"], &changed["locale"]), (&json!({"plan": "pro"}), &json!("de")));
    assert_eq!(changed["expireTime"], "2031-01-01T00:00:00Z");
    assert_eq!((changed.get("userId"), changed.get("timeZone")), (None, None), "the mask does not name it");
    assert_ne!(changed["etag"], read["etag"]);
    let refused = server.refused("UpdateSubscription", change).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));

    assert_eq!(server.one("Unsubscribe", by_endpoint.clone()).await, json!({"removedCount": 1}));
    let missing = json!({"endpoint": "https://push.example.net/a", "allowMissing": true});
    assert_eq!(server.one("Unsubscribe", missing).await, json!({}));
    assert_eq!(server.refused("GetSubscription", by_endpoint).await.code, Code::NotFound);
    server.stop().await;
}

#[tokio::test]
async fn what_belongs_to_another_application_is_not_found() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let elsewhere = json!({"application": "shop", "name": name});
    for method in ["GetSubscription", "Unsubscribe"] {
        assert_eq!(server.refused(method, elsewhere.clone()).await.reason, "SUBSCRIPTION_NOT_FOUND");
    }
    let send = json!({"application": "shop", "subscription": name, "message": {"empty": {}}});
    assert_eq!(server.refused("Send", send).await.reason, "SUBSCRIPTION_NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn validate_only_answers_as_subscribe_would_and_stores_nothing() {
    let server = Server::start().await;
    let new = json!({"pushSubscription": browser("a"), "userId": "anna", "topics": ["b", "a"], "validateOnly": true});
    let answer = server.one("Subscribe", new).await;
    assert_eq!((&answer["created"], answer["subscription"].get("name")), (&json!(true), None));
    assert_eq!(answer["subscription"]["topics"], json!(["a", "b"]));
    assert_eq!(server.one("ListSubscriptions", json!({})).await, json!({}));

    let name = server.subscribe("a", "anna", &["news"]).await;
    let before = server.one("GetSubscription", json!({"name": name})).await;
    let other =
        json!({"pushSubscription": browser("a"), "userId": "bob", "locale": "de", "validateOnly": true});
    let answer = server.one("Subscribe", other).await;
    assert_eq!((answer.get("created"), &answer["subscription"]["name"]), (None, &json!(name)));
    assert_eq!(
        (&answer["subscription"]["userId"], answer["subscription"].get("topics")),
        (&json!("bob"), None)
    );
    // An anonymous one that gets its first user keeps what it has.
    let anonymous = server.subscribe("c", "", &["news"]).await;
    let named = json!({"pushSubscription": browser("c"), "userId": "cleo", "validateOnly": true});
    let answer = server.one("Subscribe", named).await;
    assert_eq!(answer["subscription"]["topics"], json!(["news"]));
    server.one("Unsubscribe", json!({"name": anonymous})).await;
    let moved = json!({"pushSubscription": browser("b"), "replaces": name, "validateOnly": true});
    assert_eq!(server.one("Subscribe", moved).await["subscription"]["name"], json!(name));
    assert_eq!(server.one("GetSubscription", json!({"name": name})).await, before);
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_big_entries_is_shorter_than_asked_and_the_list_is_whole() {
    let server = Server::start().await;
    let labels: serde_json::Map<_, _> =
        (0..32).map(|n| (format!("{n:064}"), json!("x".repeat(256)))).collect();
    for n in 0..300 {
        let request =
            json!({"pushSubscription": browser(&format!("b{n}")), "userId": "anna", "labels": labels});
        server.one("Subscribe", request).await;
    }
    let (mut seen, mut pages, mut token) = (0, 0, json!(""));
    loop {
        let request = json!({"pageSize": 1_000, "pageToken": token});
        let page = server.one("ListSubscriptions", request).await;
        seen += page["subscriptions"].as_array().map_or(0, Vec::len);
        pages += 1;
        token = page["nextPageToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert!(pages > 1);
    assert_eq!(seen, 300);
    server.stop().await;
}

#[tokio::test]
async fn lists_are_paged_by_tokens_that_fit_one_list() {
    let server = Server::start().await;
    for n in 0..5 {
        server.subscribe(&format!("news{n}"), "anna", &["news"]).await;
        server.subscribe(&format!("sport{n}"), "bob", &["sport"]).await;
    }
    let mut names = Vec::new();
    let mut token = String::new();
    for expected in [2, 2, 1] {
        let request = json!({"topic": "news", "pageSize": 2, "pageToken": token});
        let page = server.one("ListSubscriptions", request).await;
        let found = page["subscriptions"].as_array().unwrap();
        assert_eq!(found.len(), expected);
        names.extend(found.iter().map(|found| found["name"].as_str().unwrap().to_owned()));
        let next = page.get("nextPageToken").map(|next| next.as_str().unwrap().to_owned());
        if let Some(next) = &next {
            for other in [
                json!({"topic": "sport", "pageToken": next}),
                json!({"pageToken": next}),
                json!({"application": "shop", "topic": "news", "pageToken": next}),
                json!({"topic": "news", "pageToken": format!("{next}A")}),
            ] {
                assert_eq!(server.refused("ListSubscriptions", other).await.reason, "PAGE_TOKEN_INVALID");
            }
            assert_eq!(
                server.refused("ListMessages", json!({"pageToken": next})).await.reason,
                "PAGE_TOKEN_INVALID"
            );
        }
        assert_eq!(next.is_none(), expected == 1);
        token = next.unwrap_or_default();
    }
    let sorted = {
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        sorted
    };
    assert_eq!(names, sorted);
    let all = server.one("ListSubscriptions", json!({"pageSize": 100_000})).await;
    assert_eq!(all["subscriptions"].as_array().unwrap().len(), 10);
    server.stop().await;
}

#[tokio::test]
async fn the_public_key_is_the_current_one() {
    let server = Server::start().await;
    let answer = server.one("GetVapidPublicKey", json!({})).await;
    assert_eq!(answer["applicationServerKey"], server.vapid_key.as_str());
    assert_eq!(server.vapid_key.len(), 87);
    let other = server.one("GetVapidPublicKey", json!({"application": "shop"})).await;
    assert_ne!(other["applicationServerKey"], answer["applicationServerKey"]);
    server.stop().await;
}
