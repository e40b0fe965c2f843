//! The audit log: who did what, and what it was before.

use std::sync::Arc;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::domain::{Role, SystemClock};
use fanfare::store::Store;
use fanfare::store::kv::sealing::Sealing;
use fanfare::store::kv::{self, Settings};
use fanfare::transport::scripted::ScriptedTransport;
use serde_json::{Value, json};

use crate::callers::{start, token};
use crate::harness::{Refused, Server, browser, memory};

/// The entries that a request leaves, page by page, newest first.
async fn entries(server: &Server, token: &str, mut request: Value, page_size: u32) -> Vec<Value> {
    request["pageSize"] = page_size.into();
    let mut found = Vec::new();
    loop {
        let page = server.call_as(token, "ListAuditEntries", request.clone()).await.unwrap().remove(0);
        found.extend(page["auditEntries"].as_array().cloned().unwrap_or_default());
        match page["nextPageToken"].as_str() {
            Some(next) if !next.is_empty() => request["pageToken"] = next.into(),
            Some(_) | None => return found,
        }
    }
}

/// Action and object of each.
fn actions(entries: &[Value]) -> Vec<(&str, &str)> {
    fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
        entry[field].as_str().unwrap_or_default()
    }
    entries.iter().map(|entry| (text(entry, "action"), text(entry, "object"))).collect()
}

#[tokio::test]
async fn every_change_is_told_with_what_it_was_before() {
    let store = memory();
    let root = token(&*store, "", &[Role::Admin], None).await;
    let server = start(&store).await;
    let call =
        async |method: &str, request: Value| server.call_as(&root, method, request).await.unwrap().remove(0);
    let made = json!({"id": "new", "contact": "mailto:ops@example.com", "displayName": "New"});
    call("CreateApplication", json!({"application": made})).await;
    let set = json!({"id": "new", "quotas": {"weight": 7}, "displayName": "Newer"});
    let update = json!({"application": set, "updateMask": "quotas.weight,displayName"});
    call("UpdateApplication", update.clone()).await;
    // What changes nothing is no change.
    call("UpdateApplication", update).await;
    let key = call("CreateVapidKey", json!({"application": "new", "makeCurrent": true})).await;
    let key = key["vapidKey"]["name"].as_str().unwrap().to_owned();
    call("SetCurrentVapidKey", json!({"application": "new", "name": "vapidKeys/1"})).await;
    call("RetireVapidKey", json!({"application": "new", "name": key})).await;
    let created = json!({"application": "new",
        "apiToken": {"roles": ["ROLE_READER", "ROLE_PUBLISHER"], "displayName": "orders"}});
    let created = call("CreateApiToken", created).await;
    let name = created["apiToken"]["name"].as_str().unwrap().to_owned();
    call("RevokeApiToken", json!({"name": name})).await;
    call("DeleteApplication", json!({"application": "new", "force": true})).await;

    let all = entries(&server, &root, json!({"allApplications": true}), 3).await;
    assert_eq!(
        actions(&all),
        [
            ("DeleteApplication", ""),
            ("RevokeApiToken", name.as_str()),
            ("CreateApiToken", name.as_str()),
            ("RetireVapidKey", key.as_str()),
            ("SetCurrentVapidKey", "vapidKeys/1"),
            ("CreateVapidKey", key.as_str()),
            ("UpdateApplication", ""),
            ("CreateApplication", ""),
        ]
    );
    for entry in &all {
        assert_eq!(entry["application"], "new", "{entry}");
        assert_eq!(entry["caller"]["address"], "127.0.0.1", "{entry}");
        assert!(entry["caller"]["name"].as_str().unwrap().starts_with("apiTokens/"), "{entry}");
        assert!(entry["createTime"].is_string(), "{entry}");
    }
    let change = |field: &str, before: &str, after: &str| {
        let mut change = json!({"field": field});
        for (which, value) in [("before", before), ("after", after)] {
            if !value.is_empty() {
                change[which] = value.into();
            }
        }
        change
    };
    assert_eq!(
        all[6]["changes"],
        json!([change("display_name", "New", "Newer"), change("quotas.weight", "", "7")])
    );
    assert_eq!(all[5]["changes"], json!([change("current_vapid_key", "vapidKeys/1", &key)]));
    assert_eq!(all[3]["changes"], json!([change("state", "STANDBY", "RETIRED")]));
    let token_says = [("roles", "publisher, reader"), ("display_name", "orders")];
    assert_eq!(all[2]["changes"], json!(token_says.map(|(field, value)| change(field, "", value))));
    assert_eq!(all[1]["changes"], json!(token_says.map(|(field, value)| change(field, value, ""))));
    // Secrets are in none of them.
    let text = Value::from(all).to_string();
    assert!(!text.contains(created["token"].as_str().unwrap()) && !text.contains(&root));
    server.stop().await;
}

#[tokio::test]
async fn broadcasts_cancels_and_bulk_removals_are_told_and_found() {
    let store = memory();
    let root = token(&*store, "", &[Role::Admin], None).await;
    let shop = token(&*store, "shop", &[Role::Admin], None).await;
    let reader = token(&*store, "default", &[Role::Reader], None).await;
    let server = start(&store).await;
    for (path, user) in [("a", "anna"), ("b", "anna"), ("c", "carl")] {
        let subscribe = json!({"pushSubscription": browser(path), "userId": user});
        server.call_as(&root, "Subscribe", subscribe).await.unwrap();
    }
    let accepted =
        |frames: Vec<Value>| frames[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned();
    let broadcast = json!({"audience": {"all": {}}, "message": {"empty": {}}});
    let sent = accepted(server.call_as(&root, "Broadcast", broadcast).await.unwrap());
    // A Send is told by its message only.
    let send = json!({"userId": "anna", "message": {"empty": {}}});
    server.call_as(&root, "Send", send).await.unwrap();
    let later = json!({"userId": "anna", "message": {"empty": {}, "sendTime": "2027-01-01T00:00:00Z"},
        "reportLevel": "REPORT_LEVEL_ACCEPTED"});
    let later = accepted(server.call_as(&root, "Send", later).await.unwrap());
    for _ in 0..2 {
        server.call_as(&root, "CancelMessage", json!({"name": later})).await.unwrap();
    }
    server.call_as(&root, "CancelMessage", json!({"name": sent})).await.unwrap();
    for user in ["anna", "carl"] {
        server.call_as(&root, "Unsubscribe", json!({"userId": user})).await.unwrap();
    }
    let made = json!({"apiToken": {"roles": ["ROLE_READER"]}});
    server.call_as(&shop, "CreateApiToken", made).await.unwrap();

    let told = entries(&server, &root, json!({}), 50).await;
    let of_default =
        [("Unsubscribe", "user anna"), ("CancelMessage", later.as_str()), ("Broadcast", sent.as_str())];
    assert_eq!(actions(&told), of_default);
    assert_eq!(told[0]["subscriptionCount"], 2);
    assert_eq!(told[1]["changes"][0]["before"], "SCHEDULED");
    assert_eq!(told[2]["application"], "default");
    for page_size in [1, 50] {
        let found = async |request: Value| entries(&server, &root, request, page_size).await;
        let cancels = found(json!({"action": "CancelMessage"})).await;
        assert_eq!(actions(&cancels), [("CancelMessage", later.as_str())]);
        let by = found(json!({"caller": told[0]["caller"]["name"]})).await;
        assert_eq!(actions(&by), of_default);
        assert!(found(json!({"caller": "anonymous"})).await.is_empty());
        let since = found(json!({"startTime": told[1]["createTime"]})).await;
        assert_eq!(actions(&since), of_default[..2]);
        let until = found(json!({"endTime": told[1]["createTime"]})).await;
        assert_eq!(actions(&until), of_default[2..]);
        assert_eq!(found(json!({"allApplications": true})).await.len(), 4);
    }
    // Who administers one application is told of that one; who does not administer, of nothing.
    assert_eq!(entries(&server, &shop, json!({}), 50).await.len(), 1);
    for (token, request, reason) in [
        (&shop, json!({"allApplications": true}), "ROLE_MISSING"),
        (&shop, json!({"application": "default"}), "APPLICATION_NOT_FOUND"),
        (&reader, json!({}), "ROLE_MISSING"),
    ] {
        let refused = server.call_as(token, "ListAuditEntries", request).await.unwrap_err();
        assert_eq!(Refused::of(&refused).reason, reason);
    }
    server.stop().await;
}

#[tokio::test]
async fn entries_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Store> {
        let settings = Settings { cache_octets: 16 << 20, ..Settings::default() };
        let clock = Arc::new(SystemClock);
        Arc::new(kv::open_sled(directory.path(), clock, settings, &Sealing::default()).unwrap())
    };
    let serve = async || {
        let (settings, server) = (ApiSettings::default(), ServerSettings::default());
        Server::start_over(open(), ScriptedTransport::always(201), settings, server).await
    };
    let server = serve().await;
    let created = json!({"application": {"id": "new", "contact": "mailto:ops@example.com"}});
    server.one("CreateApplication", created).await;
    let told = entries(&server, "", json!({"allApplications": true}), 50).await;
    assert_eq!(actions(&told), [("CreateApplication", "")]);
    server.stop().await;
    let server = serve().await;
    assert_eq!(entries(&server, "", json!({"allApplications": true}), 50).await, told);
    server.stop().await;
}
