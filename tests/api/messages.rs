//! Where a message comes from: what GetMessage and ListMessages tell of it, and how a message is found by it.

use fanfare::domain::Role;
use serde_json::{Value, json};
use tonic::Code;

use crate::callers::{start, token};
use crate::harness::{Server, browser, memory};

/// Sends or broadcasts to the end, and answers the message's name.
async fn accept(server: &Server, token: &str, method: &str, mut request: Value, note: &str) -> String {
    request["message"] = json!({"empty": {}, "note": note});
    let frames = server.call_as(token, method, request).await.unwrap();
    let message = frames[0]["frame"]["accepted"]["message"].clone();
    for origin in ["kind", "recipients", "caller"] {
        assert_eq!(message[origin], Value::Null, "frames are small");
    }
    message["name"].as_str().unwrap().to_owned()
}

/// The names of the messages that a filter takes, page by page, newest first.
async fn listed(server: &Server, token: &str, filter: Value, page_size: u32) -> Vec<String> {
    let mut request = filter;
    request["pageSize"] = page_size.into();
    let mut names = Vec::new();
    loop {
        let page = server.call_as(token, "ListMessages", request.clone()).await.unwrap().remove(0);
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        assert!(messages.len() <= page_size as usize);
        names.extend(messages.iter().map(|of| of["name"].as_str().unwrap().to_owned()));
        match page["nextPageToken"].as_str() {
            Some(next) if !next.is_empty() => request["pageToken"] = next.into(),
            Some(_) | None => return names,
        }
    }
}

#[tokio::test]
async fn a_message_tells_who_sent_it_to_whom() {
    let store = memory();
    let admin = token(&*store, "default", &[Role::Admin], None).await;
    let server = start(&store).await;
    let made = json!({"apiToken": {"roles": ["ROLE_PUBLISHER"], "displayName": "orders"}});
    let made = server.call_as(&admin, "CreateApiToken", made).await.unwrap().remove(0);
    let (name, orders) = (made["apiToken"]["name"].clone(), made["token"].as_str().unwrap());
    let subscribe = json!({"pushSubscription": browser("a"), "userId": "anna", "topics": ["news"]});
    let subscribed = server.call_as(&admin, "Subscribe", subscribe).await.unwrap().remove(0);
    let subscription = subscribed["subscription"]["name"].clone();

    let users: Vec<_> = (0..12).map(|number| format!("u{number:02}")).collect();
    for (method, to, kind, recipients) in [
        ("Send", json!({"userId": "anna"}), "SEND", json!({"description": "user anna", "userIds": ["anna"]})),
        (
            "Send",
            json!({"subscription": subscription}),
            "SEND",
            json!({"description": format!("{} of user anna", subscription.as_str().unwrap()),
                "subscription": subscription, "userIds": ["anna"]}),
        ),
        (
            "Send",
            json!({"pushSubscription": browser("inline")}),
            "SEND",
            json!({"description": "a subscription of the request"}),
        ),
        (
            "Broadcast",
            json!({"audience": {"topics": {"topics": ["sport", "news"]}}}),
            "BROADCAST",
            json!({"description": "topics news, sport", "topics": ["news", "sport"], "listedCount": 2}),
        ),
        (
            "Broadcast",
            json!({"audience": {"users": {"userIds": users}}}),
            "BROADCAST",
            json!({"description": "users u00, u01, u02, u03, u04, u05, u06, u07 and 4 more",
                "userIds": users[..8], "listedCount": 12}),
        ),
        (
            "Broadcast",
            json!({"audience": {"subscriptions": {"names": [subscription]}}}),
            "BROADCAST",
            json!({"description": "1 subscription", "listedCount": 1}),
        ),
        ("Broadcast", json!({"audience": {"all": {}}}), "BROADCAST", json!({"description": "everyone"})),
    ] {
        let message = accept(&server, orders, method, to.clone(), "line\u{1b}[2J\none").await;
        let read = server.call_as(orders, "GetMessage", json!({"name": message})).await.unwrap().remove(0);
        let read = &read["message"];
        assert_eq!(read["kind"], format!("MESSAGE_KIND_{kind}"), "{to}");
        assert_eq!(read["recipients"], recipients, "{to}");
        let caller = json!({"name": name, "displayName": "orders", "address": "127.0.0.1"});
        assert_eq!(read["caller"], caller, "{to}");
        assert_eq!(read["note"], "line [2J one");
    }
    // What the token was called goes with it; who it was stays.
    server.call_as(&admin, "RevokeApiToken", json!({"name": name})).await.unwrap();
    let list = server.call_as(&admin, "ListMessages", json!({"pageSize": 1})).await.unwrap().remove(0);
    assert_eq!(list["messages"][0]["caller"], json!({"name": name, "address": "127.0.0.1"}));
    server.stop().await;
}

#[tokio::test]
async fn messages_are_found_by_where_they_come_from() {
    let store = memory();
    let everything = token(&*store, "default", &[Role::Admin], None).await;
    let server = start(&store).await;
    let mut tokens = Vec::new();
    for called in ["orders", "news"] {
        let made = json!({"apiToken": {"roles": ["ROLE_PUBLISHER"], "displayName": called}});
        let made = server.call_as(&everything, "CreateApiToken", made).await.unwrap().remove(0);
        tokens.push((made["apiToken"]["name"].clone(), made["token"].as_str().unwrap().to_owned()));
    }
    let [(orders_name, orders), (_, news)] = &tokens[..] else { panic!("{tokens:?}") };
    for (path, user) in [("a", "anna"), ("b", "bert")] {
        let subscribe = json!({"pushSubscription": browser(path), "userId": user});
        server.call_as(&everything, "Subscribe", subscribe).await.unwrap();
    }
    let to_anna = accept(&server, orders, "Send", json!({"userId": "anna"}), "Order 4711").await;
    let to_bert = accept(&server, orders, "Send", json!({"userId": "bert"}), "Order 4712").await;
    let between = server.call_as(orders, "GetMessage", json!({"name": to_bert})).await.unwrap().remove(0);
    let between = between["message"]["createTime"].clone();
    let both = json!({"audience": {"users": {"userIds": ["bert", "anna"]}}});
    let to_both = accept(&server, news, "Broadcast", both, "Größe").await;
    let to_all = accept(&server, news, "Broadcast", json!({"audience": {"all": {}}}), "").await;
    let mut later = json!({"userId": "anna", "message": {"empty": {}, "sendTime": "2027-01-01T00:00:00Z"}});
    later["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    let later = server.call_as(orders, "Send", later).await.unwrap().remove(0);
    let later = later["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned();

    let all = [&later, &to_all, &to_both, &to_bert, &to_anna];
    for (filter, found) in [
        (json!({}), &all[..]),
        (json!({"caller": "news"}), &[&to_all, &to_both]),
        (json!({"caller": orders_name}), &[&later, &to_bert, &to_anna]),
        (json!({"caller": "nobody"}), &[]),
        (json!({"kind": "MESSAGE_KIND_BROADCAST"}), &[&to_all, &to_both]),
        (json!({"note": "ORDER"}), &[&to_bert, &to_anna]),
        (json!({"note": "größe"}), &[&to_both]),
        (json!({"userId": "anna"}), &[&later, &to_both, &to_anna]),
        (json!({"userId": "anna", "states": ["MESSAGE_STATE_DONE"]}), &[&to_both, &to_anna]),
        (json!({"startTime": between}), &[&later, &to_all, &to_both, &to_bert]),
        (json!({"endTime": between}), &[&to_anna]),
        (json!({"startTime": between, "kind": "MESSAGE_KIND_SEND", "caller": "orders"}), &[&later, &to_bert]),
    ] {
        for page_size in [1, 50] {
            let names = listed(&server, orders, filter.clone(), page_size).await;
            assert_eq!(names.iter().collect::<Vec<_>>(), found, "{filter}");
        }
    }
    // A page belongs to its filter.
    let page = server.call_as(orders, "ListMessages", json!({"caller": "orders", "pageSize": 1})).await;
    let next = page.unwrap()[0]["nextPageToken"].clone();
    let other = json!({"caller": "news", "pageToken": next});
    let refused = server.call_as(orders, "ListMessages", other).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test]
async fn a_bulk_of_messages_and_who_needs_no_credentials_are_told_too() {
    let server = Server::start().await;
    server.subscribe("a", "anna", &[]).await;
    let send = json!({"userId": "anna", "message": {"empty": {}, "note": "bulk"}, "requestId": "1"});
    server.call("SendStream", json!({"send": send})).await.unwrap();
    let page = server.one("ListMessages", json!({"caller": "anonymous", "note": "bulk"})).await;
    let message = &page["messages"][0];
    assert_eq!(message["kind"], "MESSAGE_KIND_SEND");
    assert_eq!(message["caller"], json!({"name": "anonymous", "address": "127.0.0.1"}));
    assert_eq!(message["recipients"]["description"], "user anna");
    server.stop().await;
}
