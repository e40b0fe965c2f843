//! Applications that come, change and go while the server runs.

use std::sync::Arc;

use fanfare::api::ApiSettings;
use fanfare::api::callers::new_api_token;
use fanfare::api::server::ServerSettings;
use fanfare::domain::{ApiToken, Clock, Role, SystemClock};
use fanfare::proto::v1;
use fanfare::store::Cleared;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use futures_util::StreamExt;
use futures_util::stream::{once, pending};
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{Refused, Server, browser, memory, read};

fn news() -> Value {
    json!({"id": "news", "displayName": "The news", "contact": "mailto:news@example.com"})
}

fn send(application: &str, user: &str) -> Value {
    json!({"application": application, "userId": user, "message": {"empty": {}}})
}

async fn subscribe(server: &Server, application: &str, path: &str, user: &str) -> Value {
    let request = json!({"application": application, "pushSubscription": browser(path), "userId": user});
    server.one("Subscribe", request).await
}

async fn with(transport: ScriptedTransport) -> Server {
    Server::start_with(transport, ApiSettings::default(), ServerSettings::default()).await
}

#[tokio::test]
async fn one_is_made_used_changed_and_listed() {
    let server = Server::start().await;
    let dry = json!({"application": news(), "validateOnly": true});
    assert_eq!(server.one("CreateApplication", dry).await["application"]["id"], "news");
    assert_eq!(server.refused("GetApplication", json!({"application": "news"})).await.code, Code::NotFound);

    let made = server.one("CreateApplication", json!({"application": news()})).await;
    assert_eq!(made["application"]["contact"], "mailto:news@example.com");
    assert_eq!(made["vapidKey"]["state"], "VAPID_KEY_STATE_CURRENT");
    let again = server.refused("CreateApplication", json!({"application": news()})).await;
    assert_eq!((again.code, again.reason.as_str()), (Code::AlreadyExists, "APPLICATION_EXISTS"));

    // It is at work at once, with a key of its own.
    let key = server.one("GetVapidPublicKey", json!({"application": "news"})).await;
    assert_eq!(key["applicationServerKey"], made["vapidKey"]["applicationServerKey"]);
    subscribe(&server, "news", "a", "anna").await;
    let frames = server.call("Send", send("news", "anna")).await.unwrap();
    assert_eq!(frames.last().unwrap()["frame"]["summary"]["counts"]["accepted"], 1);
    assert_eq!(
        server.refused("Send", send("", "anna")).await.reason,
        "USER_NOT_FOUND",
        "others do not see it"
    );

    let etag = server.one("GetApplication", json!({"application": "news"})).await;
    assert_eq!(etag["application"]["subscriptionCount"], 1);
    let etag = etag["application"]["etag"].clone();
    let change = json!({
        "application": {"id": "news", "etag": etag, "defaults": {"ttl": "60s", "urgency": "URGENCY_HIGH"},
            "contact": "nonsense, which the mask leaves out"},
        "updateMask": "defaults.ttl,quotas",
    });
    let changed = server.one("UpdateApplication", change.clone()).await;
    assert_eq!(changed["application"]["defaults"], json!({"ttl": "60s"}));
    assert_eq!(changed["application"]["contact"], "mailto:news@example.com");
    let stale = server.refused("UpdateApplication", change).await;
    assert_eq!((stale.code, stale.reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    // What a message leaves unset is the application's now.
    let frames = server.call("Send", send("news", "anna")).await.unwrap();
    let granted = &frames[0]["frame"]["accepted"]["message"];
    let life = |time: &str| {
        let text = granted[time].as_str().unwrap();
        humantime::parse_rfc3339(text).unwrap()
    };
    assert_eq!(life("expireTime").duration_since(life("createTime")).unwrap().as_secs(), 60);

    let mut listed = Vec::new();
    let mut token = json!(null);
    loop {
        let mut page = server.one("ListApplications", json!({"pageSize": 1, "pageToken": token})).await;
        listed.extend(page["applications"].as_array().unwrap().iter().map(|of| of["id"].clone()));
        token = page["nextPageToken"].take();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(listed, ["default", "news", "shop"]);
    server.stop().await;
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let server = Server::start().await;
    let wrong = json!({"application": {
        "id": "No Name", "contact": "mailto:someone", "displayName": "a\u{7}",
        "defaults": {"ttl": "2592000s", "urgency": 77},
        "quotas": {"maxSubscriptions": -1, "maxMessagesPerSecond": -0.5, "weight": 0},
        "hostPolicy": {"exceptions": ["intranet"]},
    }});
    let refused = server.refused("CreateApplication", wrong).await;
    assert_eq!(
        refused.paths(),
        [
            "application.contact",
            "application.defaults.ttl",
            "application.defaults.urgency",
            "application.display_name",
            "application.host_policy.exceptions[0]",
            "application.id",
            "application.quotas.max_messages_per_second",
            "application.quotas.max_subscriptions",
            "application.quotas.weight",
        ]
    );
    let mask = json!({"application": {"id": "shop"}, "updateMask": "quotas.speed,name"});
    let refused = server.refused("UpdateApplication", mask).await;
    assert_eq!(refused.paths(), ["update_mask.paths[0]", "update_mask.paths[1]"]);
    for (name, path) in [("", "application"), ("default", "application"), ("shop", "application")] {
        let refused = server.refused("DeleteApplication", json!({"application": name, "force": true})).await;
        assert_eq!(refused.paths(), [path], "{name}: always there, or configured");
    }
    assert_eq!(
        server.refused("DeleteApplication", json!({"application": "nope"})).await.reason,
        "APPLICATION_NOT_FOUND"
    );
    let missing = json!({"application": "nope", "allowMissing": true});
    assert_eq!(server.one("DeleteApplication", missing).await, json!({}));
    server.stop().await;
}

async fn set(server: &Server, quotas: Value) {
    let request = json!({"application": {"id": "news", "quotas": quotas}, "updateMask": "quotas"});
    server.one("UpdateApplication", request).await;
}

#[tokio::test]
async fn quotas_bound_one_application_and_no_other() {
    let (held, release) = Answer::held();
    let mut held = Some(held);
    let transport = ScriptedTransport::new(move |_| held.take().unwrap_or_else(|| Answer::status(201)));
    let server = with(transport.clone()).await;
    server.one("CreateApplication", json!({"application": news()})).await;
    subscribe(&server, "news", "a", "anna").await;

    set(&server, json!({"maxSubscriptions": 1})).await;
    subscribe(&server, "news", "a", "anna").await;
    let request = json!({"application": "news", "pushSubscription": browser("b")});
    let refused = server.refused("Subscribe", request.clone()).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    set(&server, json!({})).await;
    server.one("Subscribe", request).await;

    set(&server, json!({"maxBroadcastTargets": 1})).await;
    let everyone = json!({"application": "news", "audience": {"all": {}}, "message": {"empty": {}}});
    assert_eq!(server.refused("Broadcast", everyone.clone()).await.reason, "QUOTA_EXCEEDED");

    // One delivery is under way, for as long as its answer is held.
    set(&server, json!({"maxPendingDeliveries": 1})).await;
    let mut request = send("news", "anna");
    request["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    server.call("Send", request.clone()).await.unwrap();
    transport.wait_for_started(1).await;
    let refused = server.refused("Send", request.clone()).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    release.status(201);

    set(&server, json!({"maxMessagesPerSecond": 0.001})).await;
    // What is refused, and what comes again, does not count.
    assert_eq!(server.refused("Send", send("news", "nobody")).await.code, Code::NotFound);
    let mut request = send("news", "anna");
    request["requestId"] = "once".into();
    server.call("Send", request.clone()).await.unwrap();
    server.call("Send", request).await.unwrap();
    assert_eq!(server.refused("Send", send("news", "anna")).await.reason, "RATE_LIMITED");
    set(&server, json!({"maxMessagesPerSecond": 0})).await;
    assert_eq!(server.refused("Send", send("news", "anna")).await.reason, "QUOTA_EXCEEDED");

    set(&server, json!({"maxStreams": 0})).await;
    assert_eq!(server.refused("Send", send("news", "anna")).await.reason, "QUOTA_EXCEEDED");
    subscribe(&server, "shop", "a", "anna").await;
    server.call("Send", send("shop", "anna")).await.unwrap();
    set(&server, json!({})).await;
    server.call("Broadcast", everyone).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_suspended_one_sends_nothing_until_it_goes_on() {
    let transport = ScriptedTransport::always(201);
    let server = with(transport.clone()).await;
    server.one("CreateApplication", json!({"application": news()})).await;
    subscribe(&server, "news", "a", "anna").await;
    // Queued before, and due while it is suspended.
    transport.set_script(|_| Answer::status(503));
    let mut queued = send("news", "anna");
    queued["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    let accepted = server.call("Send", queued).await.unwrap();
    let message = accepted[0]["frame"]["accepted"]["message"]["name"].clone();
    transport.wait_for_started(1).await;
    let suspend = |suspended: bool| json!({"application": {"id": "news", "suspended": suspended}, "updateMask": "suspended"});
    server.one("UpdateApplication", suspend(true)).await;
    transport.set_script(|_| Answer::status(201));
    let refused = server.refused("Send", send("news", "anna")).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "APPLICATION_SUSPENDED"));
    subscribe(&server, "news", "b", "bob").await;
    let before = transport.counts().started;
    // Another application goes through the same lane meanwhile.
    subscribe(&server, "shop", "c", "carl").await;
    server.call("Send", send("shop", "carl")).await.unwrap();
    assert!(transport.counts().started <= before + 2, "at most one attempt was under way");
    let state = server.one("GetMessage", json!({"application": "news", "name": message})).await;
    assert_eq!(state["message"]["state"], "MESSAGE_STATE_SENDING");

    server.one("UpdateApplication", suspend(false)).await;
    let watch = json!({"application": "news", "parent": message});
    let frames = server.call("WatchDeliveries", watch).await.unwrap();
    assert_eq!(frames.last().unwrap()["frame"]["summary"]["counts"]["accepted"], 1);
    server.stop().await;
}

#[tokio::test]
async fn hosts_are_chosen_for_one_application() {
    let transport = ScriptedTransport::always(201);
    let server = with(transport.clone()).await;
    let mut application = news();
    application["hostPolicy"] = json!({"extraHosts": ["push.example.org"]});
    server.one("CreateApplication", json!({"application": application})).await;
    let mut browser = browser("a");
    browser["endpoint"] = "https://push.example.org/a".into();
    let request =
        |application: &str| json!({"application": application, "pushSubscription": browser.clone()});
    assert_eq!(server.refused("Subscribe", request("shop")).await.reason, "ENDPOINT_NOT_ALLOWED");
    let subscribed = server.one("Subscribe", request("news")).await;
    let mut send = json!({"application": "news", "message": {"empty": {}}});
    send["subscription"] = subscribed["subscription"]["name"].clone();
    server.call("Send", send).await.unwrap();
    let policy = transport.requests()[0].policy.clone().expect("the application's own");
    assert!(policy.check(&transport.requests()[0].endpoint).is_ok(), "the transport asks it once more");
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_one_is_gone_at_once_and_cleared_away_behind() {
    let (held, release) = Answer::held();
    let mut held = Some(held);
    let transport = ScriptedTransport::new(move |_| held.take().unwrap_or_else(|| Answer::status(201)));
    let store = memory();
    let server = Server::start_over(
        Arc::clone(&store),
        transport.clone(),
        ApiSettings::default(),
        ServerSettings::default(),
    )
    .await;
    server.one("CreateApplication", json!({"application": news()})).await;
    for number in 0..70 {
        let request = json!({
            "application": "news", "pushSubscription": browser(&number.to_string()), "userId": "anna", "topics": ["t"]
        });
        server.one("Subscribe", request).await;
    }
    let everyone = json!({"application": "news", "audience": {"all": {}}, "message": {"empty": {}},
        "reportLevel": "REPORT_LEVEL_ACCEPTED"});
    server.call("Broadcast", everyone).await.unwrap();
    transport.wait_for_started(1).await;
    let refused = server.refused("DeleteApplication", json!({"application": "news"})).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "STILL_IN_USE"));
    assert_eq!(
        (refused.metadata["subscriptions"].as_str(), refused.metadata["messages"].as_str()),
        ("70", "1")
    );

    let id = store.application("news").await.unwrap().id;
    server.one("DeleteApplication", json!({"application": "news", "force": true})).await;
    assert_eq!(server.refused("Send", send("news", "anna")).await.reason, "APPLICATION_NOT_FOUND");
    assert_eq!(server.refused("GetApplication", json!({"application": "news"})).await.code, Code::NotFound);
    // The name is free, and what comes under it has nothing of the former one.
    server.one("CreateApplication", json!({"application": news()})).await;
    let listed = server.one("ListSubscriptions", json!({"application": "news"})).await;
    assert_eq!(listed, json!({}));
    assert_eq!(store.clear_application(id).await.unwrap(), Cleared::Waits, "one delivery is under way");
    release.status(201);
    while store.applications().await.unwrap().iter().any(|of| of.id == id) {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.subscription_count(id).await.unwrap(), 0);
    server.stop().await;
}

/// The status that a stream ends with.
async fn end_of<T>(mut stream: tonic::Streaming<T>) -> Refused {
    loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it must not end well"),
            Err(status) => return Refused::of(&status),
        }
    }
}

#[tokio::test]
async fn streams_of_a_deleted_one_end_and_say_so() {
    let (held, _release) = Answer::held();
    let mut held = Some(held);
    let transport = ScriptedTransport::new(move |_| held.take().unwrap_or_else(|| Answer::status(201)));
    let server = with(transport.clone()).await;
    server.one("CreateApplication", json!({"application": news()})).await;
    subscribe(&server, "news", "a", "anna").await;
    let mut client = server.client.clone();
    let send = client.send(read("Send", send("news", "anna"))).await.unwrap().into_inner();
    transport.wait_for_started(1).await;
    let watch = json!({"application": "news", "parent": "messages/-"});
    let deliveries = client.watch_deliveries(read("WatchDeliveries", watch)).await.unwrap().into_inner();
    let watch = json!({"application": "news"});
    let changes = client.watch_subscriptions(read("WatchSubscriptions", watch)).await.unwrap().into_inner();
    let bulk = json!({"send": {"application": "news", "requestId": "a", "userId": "nobody"}});
    let bulk = read::<v1::SendStreamRequest>("SendStream", bulk).into_inner();
    let bulk = once(async { bulk }).chain(pending());
    let mut bulk = client.send_stream(bulk).await.unwrap().into_inner();
    let entry = json!({"subscriptions": [{"application": "news", "pushSubscription": browser("b")}]});
    let entry = read::<v1::ImportSubscriptionsRequest>("ImportSubscriptions", entry).into_inner();
    let entry = once(async { entry }).chain(pending());
    let mut import = client.import_subscriptions(entry).await.unwrap().into_inner();
    // All have begun, for this application.
    assert!(bulk.message().await.unwrap().is_some() && import.message().await.unwrap().is_some());

    server.one("DeleteApplication", json!({"application": "news", "force": true})).await;
    let ended = [
        end_of(send).await,
        end_of(deliveries).await,
        end_of(changes).await,
        end_of(bulk).await,
        end_of(import).await,
    ];
    for ended in &ended {
        assert_eq!((ended.code, &*ended.reason), (Code::NotFound, "APPLICATION_NOT_FOUND"));
        assert_eq!(ended.resource, Some(("application".to_owned(), "news".to_owned())));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_a_deleted_one_reaches_nothing_of_what_has_its_name() {
    let server = Server::start().await;
    server.one("CreateApplication", json!({"application": news()})).await;
    let grant = json!({"application": "news", "userId": "anna"});
    let page = server.one("CreateSubscriberToken", grant.clone()).await;
    let page = page["token"].as_str().unwrap();
    let subscribe = json!({"pushSubscription": browser("a")});
    server.call_as(page, "Subscribe", subscribe.clone()).await.unwrap();
    server.one("DeleteApplication", json!({"application": "news", "force": true})).await;
    let refused = Refused::of(&server.call_as(page, "Subscribe", subscribe.clone()).await.unwrap_err());
    assert_eq!(refused.reason, "APPLICATION_NOT_FOUND");
    server.one("CreateApplication", json!({"application": news()})).await;
    let unsubscribe = json!({"userId": "anna", "allowMissing": true});
    for (method, request) in
        [("Subscribe", subscribe.clone()), ("Unsubscribe", unsubscribe), ("GetVapidPublicKey", json!({}))]
    {
        for application in ["", "news"] {
            let mut request = request.clone();
            request["application"] = application.into();
            let refused = Refused::of(&server.call_as(page, method, request).await.unwrap_err());
            assert_eq!((refused.code, &*refused.reason), (Code::Unauthenticated, "CREDENTIALS_INVALID"));
        }
    }
    let page = server.one("CreateSubscriberToken", grant).await;
    server.call_as(page["token"].as_str().unwrap(), "Subscribe", subscribe).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn an_application_administers_itself_but_not_what_is_of_all() {
    let store = memory();
    let application = store.application("default").await.unwrap().id;
    let (id, secret_hash, own) = new_api_token(SystemClock.now());
    let token = ApiToken {
        id,
        application: Some(application),
        roles: [Role::Admin].into_iter().collect(),
        display_name: String::new(),
        secret_hash,
        expires: None,
        created: SystemClock.now(),
        last_used: None,
    };
    store.put_api_token(token).await.unwrap();
    let server = Server::start_over(
        store,
        ScriptedTransport::always(201),
        ApiSettings::default(),
        ServerSettings::default(),
    )
    .await;
    let rename = json!({"application": {"displayName": "Ours"}, "updateMask": "displayName"});
    let renamed = server.call_as(&own, "UpdateApplication", rename).await.unwrap();
    assert_eq!(renamed[0]["application"]["displayName"], "Ours");
    for mask in ["quotas", "quotas.weight", "hostPolicy", "suspended"] {
        let widen = json!({"application": {"quotas": {"weight": 1}}, "updateMask": mask});
        let refused = server.call_as(&own, "UpdateApplication", widen).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{mask}");
    }
    let other = json!({"application": {"id": "shop", "displayName": "Theirs"}, "updateMask": "displayName"});
    let refused = server.call_as(&own, "UpdateApplication", other).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let listed = server.call_as(&own, "ListApplications", json!({})).await.unwrap();
    assert_eq!(listed[0]["applications"].as_array().unwrap().len(), 1);
    server.stop().await;
}
