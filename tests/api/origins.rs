//! The health of push services, and stopping and resuming an application there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::{Answer, ScriptedTransport, response};
use fanfare::webpush::request::PushResponse;
use serde_json::json;
use tonic::{Code, Request};
use v1::admin_service_client::AdminServiceClient;
use v1::delivery_frame::Kind;

use crate::harness::{Refused, Server, browser, read};

const ORIGIN: &str = "https://push.example.net";

#[tokio::test]
async fn origins_are_listed_and_watched_with_what_was_seen_of_them() {
    let (held, release) = Answer::held();
    let mut held = Some(held);
    let transport = ScriptedTransport::new(move |_| held.take().unwrap_or_else(|| Answer::status(201)));
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    assert_eq!(server.one("ListOrigins", json!({})).await, json!({}));
    let mut admin = AdminServiceClient::new(server.channel.clone());
    let mut watch = admin.watch_origins(v1::WatchOriginsRequest {}).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().origins, []);

    let name = server.subscribe("a", "anna", &[]).await;
    let request =
        json!({"subscription": name, "message": {"empty": {}}, "reportLevel": "REPORT_LEVEL_ACCEPTED"});
    server.call("Send", request).await.unwrap();
    transport.wait_for_started(1).await;
    let busy = watch.message().await.unwrap().unwrap().origins;
    assert_eq!((busy[0].origin.as_str(), busy[0].in_flight), (ORIGIN, 1));
    assert_eq!(busy[0].state(), v1::OriginState::Open);
    assert!(busy[0].concurrency_limit > 0);
    let listed = server.one("ListOrigins", json!({"pageSize": 1})).await;
    assert_eq!(
        (&listed["origins"][0]["origin"], &listed["origins"][0]["inFlight"]),
        (&json!(ORIGIN), &json!(1))
    );
    assert_eq!(listed.get("nextPageToken"), None);
    release.status(201);
    let idle = loop {
        let changed = watch.message().await.unwrap().unwrap().origins;
        if let Some(origin) = changed.into_iter().find(|of| of.in_flight == 0) {
            break origin;
        }
    };
    assert_eq!((idle.queued, idle.error_share), (0, 0.0));
    server.shut_engine_down().await;
    let ended = loop {
        if let Err(status) = watch.message().await {
            break status;
        }
    };
    assert_eq!(Refused::of(&ended).reason, "SERVER_DRAINING");
    server.stop().await;
}

#[tokio::test]
async fn only_what_is_stopped_can_be_resumed() {
    let server = Server::start().await;
    for request in [json!({"origin": ORIGIN}), json!({"origin": ORIGIN, "application": "shop"})] {
        let refused = server.refused("ResumeOrigin", request).await;
        assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, "ORIGIN_NOT_FOUND"));
        assert_eq!(refused.resource, Some(("origin".to_owned(), ORIGIN.to_owned())));
    }
    for bad in ["", "push.example.net", "https://push.example.net/", "https://Push.example.net"] {
        assert_eq!(server.refused("ResumeOrigin", json!({"origin": bad})).await.paths(), ["origin"], "{bad}");
    }
    server.stop().await;
}

#[tokio::test]
async fn refused_credentials_stop_an_application_until_it_is_resumed() {
    let refuses = Arc::new(AtomicBool::new(false));
    let transport = ScriptedTransport::new({
        let refuses = Arc::clone(&refuses);
        move |_| {
            if !refuses.load(Ordering::SeqCst) {
                return Answer::status(201);
            }
            let body = r#"{"code":401,"errno":109,"error":"Unauthorized","message":"Invalid VAPID token"}"#;
            Answer::Now(Ok(PushResponse { body: body.into(), ..response(401) }))
        }
    });
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    let send = |user: &str| json!({"userId": user, "message": {"empty": {}}, "reportLevel": "REPORT_LEVEL_ATTEMPTS"});
    for user in ["anna", "bob", "carl", "dora"] {
        server.subscribe(user, user, &[]).await;
        server.call("Send", send(user)).await.unwrap();
    }
    refuses.store(true, Ordering::SeqCst);
    // One or two that were accepted before prove nothing: they fail alone.
    for user in ["anna", "bob"] {
        let frames = server.call("Send", send(user)).await.unwrap();
        let events =
            frames.iter().filter_map(|frame| frame["frame"]["events"]["events"].as_array()).flatten();
        let last = events.last().unwrap();
        assert_eq!(
            (&last["state"], &last["outcome"], &last["attempt"]),
            (&json!("DELIVERY_STATE_FAILED"), &json!("OUTCOME_CREDENTIALS_REFUSED"), &json!(3))
        );
        assert!(last["detail"].as_str().unwrap().contains("Invalid VAPID token"), "{last}");
    }
    assert_eq!(server.one("ListOrigins", json!({})).await["origins"][0]["state"], "ORIGIN_STATE_OPEN");

    let first_event = async |user: &str| {
        let request: Request<v1::SendRequest> = read("Send", send(user));
        let mut frames = server.client.clone().send(request).await.unwrap().into_inner();
        loop {
            if let Some(Kind::Events(of)) = frames.message().await.unwrap().unwrap().frame.unwrap().kind {
                return (frames, of.events.into_iter().next().unwrap());
            }
        }
    };
    let (mut third, event) = first_event("carl").await;
    let told = (event.state(), event.outcome(), event.attempt);
    assert_eq!(told, (v1::DeliveryState::Retrying, v1::Outcome::CredentialsRefused, 1));
    let posted = transport.counts().started;
    let (mut fourth, event) = first_event("dora").await;
    let told = (event.state(), event.outcome(), event.attempt);
    assert_eq!(told, (v1::DeliveryState::Pending, v1::Outcome::CredentialsRefused, 0));
    assert!(event.next_attempt_time.is_some() && event.detail.contains("Invalid VAPID token"));
    assert_eq!(transport.counts().started, posted, "nothing is sent there for this application");

    let listed = server.one("ListOrigins", json!({})).await["origins"][0].take();
    assert_eq!(
        (&listed["state"], &listed["lastProblem"]),
        (&json!("ORIGIN_STATE_STOPPED"), &json!("OUTCOME_CREDENTIALS_REFUSED"))
    );
    let stopped = &listed["stoppedApplications"][0];
    assert_eq!(
        (&stopped["application"], &stopped["stop"]["vapidKey"]),
        (&json!("default"), &json!("vapidKeys/1"))
    );
    let shown = server.one("GetApplication", json!({})).await["application"]["stoppedOrigins"][0].take();
    assert_eq!(shown, stopped["stop"]);
    assert_eq!((&shown["origin"], &shown["slowed"]), (&json!(ORIGIN), &json!(null)));
    assert!(shown["detail"].as_str().unwrap().contains("Invalid VAPID token"), "{shown}");
    assert!(shown["remedy"].as_str().unwrap().contains("fanfare origins --resume"), "{shown}");
    assert!(shown["stopTime"].is_string() && shown["nextAttemptTime"].is_string());

    refuses.store(false, Ordering::SeqCst);
    assert_eq!(server.one("ResumeOrigin", json!({"origin": ORIGIN})).await, json!({}));
    let again = server.refused("ResumeOrigin", json!({"origin": ORIGIN})).await;
    assert_eq!(again.reason, "ORIGIN_NOT_FOUND");
    for frames in [&mut third, &mut fourth] {
        let accepted = async {
            while let Some(response) = frames.message().await.unwrap() {
                if let Some(Kind::Summary(status)) = response.frame.unwrap().kind {
                    return status.counts.unwrap().accepted;
                }
            }
            0
        };
        assert_eq!(accepted.await, 1);
    }
    drop((third, fourth));
    server.stop().await;
}

#[tokio::test]
async fn pages_of_origins_follow_one_another() {
    let server = Server::start().await;
    for (path, origin) in [("a", "http://127.0.0.1:4001"), ("b", "http://127.0.0.1:4002"), ("c", ORIGIN)] {
        let mut browser = browser(path);
        browser["endpoint"] = format!("{origin}/{path}").into();
        let request = json!({"pushSubscription": browser, "message": {"empty": {}}});
        server.call("Send", request).await.unwrap();
    }
    let mut listed = Vec::new();
    let mut token = json!(null);
    loop {
        let mut page = server.one("ListOrigins", json!({"pageSize": 2, "pageToken": token})).await;
        listed.extend(page["origins"].as_array().unwrap().iter().map(|of| of["origin"].to_string()));
        token = page["nextPageToken"].take();
        if token.is_null() {
            break;
        }
    }
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), 3, "{listed:?}");
    server.stop().await;
}
