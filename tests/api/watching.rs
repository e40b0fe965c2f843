//! WatchDeliveries, its tokens, and the lists of messages and deliveries.

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tonic::Code;
use v1::delivery_frame::Kind;

use crate::harness::{Refused, Server};

async fn send(server: &Server, user: &str) -> String {
    let request = json!({"userId": user, "message": {"empty": {}}, "reportLevel": "REPORT_LEVEL_ACCEPTED"});
    let answer = server.one("Send", request).await;
    answer["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
}

fn events(answers: &[Value]) -> Vec<Value> {
    let frames = answers.iter().filter_map(|answer| answer["frame"]["events"]["events"].as_array());
    frames.flatten().cloned().collect()
}

#[tokio::test]
async fn every_token_of_a_stream_goes_on_without_a_gap_or_a_duplicate() {
    let server = Server::start().await;
    for n in 0..20 {
        server.subscribe(&format!("s{n}"), "anna", &[]).await;
    }
    let parent = send(&server, "anna").await;
    let all = server.call("WatchDeliveries", json!({"parent": parent})).await.unwrap();
    let whole = events(&all);
    assert_eq!(whole.len(), 20);
    for (behind, answer) in all.iter().enumerate() {
        let token = &answer["frame"]["resumeToken"];
        let rest =
            server.call("WatchDeliveries", json!({"parent": parent, "resumeToken": token})).await.unwrap();
        assert_eq!([events(&all[..=behind]), events(&rest)].concat(), whole);
        assert!(rest[0]["frame"].get("accepted").is_none());
        assert!(rest.last().unwrap()["frame"].get("summary").is_some());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_another_parent_is_refused() {
    let server = Server::start().await;
    server.subscribe("a", "anna", &[]).await;
    let (one, two) = (send(&server, "anna").await, send(&server, "anna").await);
    let watched = server.call("WatchDeliveries", json!({"parent": one})).await.unwrap();
    let token = &watched[0]["frame"]["resumeToken"];
    for request in [
        json!({"parent": two, "resumeToken": token}),
        json!({"parent": "messages/-", "resumeToken": token}),
        json!({"application": "shop", "parent": one, "resumeToken": token}),
        json!({"parent": one, "resumeToken": "x"}),
    ] {
        let refused = server.refused("WatchDeliveries", request).await;
        assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, "RESUME_TOKEN_INVALID"));
    }
    server.stop().await;
}

#[tokio::test]
async fn all_messages_are_watched_from_now_on_and_from_a_token() {
    let server = Server::start().await;
    server.subscribe("a", "anna", &[]).await;
    // One that has ended before: it must not be told.
    let earlier = send(&server, "anna").await;
    server.call("WatchDeliveries", json!({"parent": earlier})).await.unwrap();
    let request = || v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    let mut stream = server.client.clone().watch_deliveries(request()).await.unwrap().into_inner();
    let mut next = async || stream.next().await.unwrap().unwrap().frame.unwrap();
    let start = next().await;
    assert!(matches!(start.kind, Some(Kind::Progress(ref empty)) if empty.name.is_empty()));
    let sent = send(&server, "anna").await;
    let mut told = Vec::new();
    loop {
        match next().await.kind.unwrap() {
            Kind::Accepted(accepted) => told.push(format!("accepted {}", accepted.message.unwrap().name)),
            Kind::Events(events) => {
                told.extend(events.events.into_iter().map(|event| format!("event {}", event.message)));
            }
            Kind::Summary(summary) => {
                told.push(format!("summary {}", summary.name));
                break;
            }
            Kind::Progress(_) | Kind::Receipts(_) => {}
        }
    }
    assert_eq!(told, [format!("accepted {sent}"), format!("event {sent}"), format!("summary {sent}")]);
    // The same again from the first token.
    let again = v1::WatchDeliveriesRequest { resume_token: start.resume_token, ..request() };
    let mut stream = server.client.clone().watch_deliveries(again).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        match stream.next().await.unwrap().unwrap().frame.unwrap().kind.unwrap() {
            Kind::Accepted(_) => seen.push("accepted"),
            Kind::Events(_) => seen.push("events"),
            Kind::Summary(_) => seen.push("summary"),
            Kind::Progress(_) | Kind::Receipts(_) => {}
        }
    }
    assert_eq!(seen, ["accepted", "events", "summary"]);
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn streams_are_counted_until_they_end() {
    let settings = ApiSettings { streams_max: 1, ..ApiSettings::default() };
    let server =
        Server::start_with(ScriptedTransport::always(201), settings, ServerSettings::default()).await;
    let request = || v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    let mut client = server.client.clone();
    let mut first = client.watch_deliveries(request()).await.unwrap().into_inner();
    first.next().await.unwrap().unwrap();
    let refused = Refused::of(&client.watch_deliveries(request()).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    server.shut_engine_down().await;
    let ended = first.next().await.unwrap().unwrap_err();
    assert_eq!(Refused::of(&ended).reason, "SERVER_DRAINING");
    server.stop().await;
}

#[tokio::test]
async fn an_old_stream_asks_to_connect_again() {
    let settings =
        ApiSettings { stream_age_max: std::time::Duration::from_millis(50), ..ApiSettings::default() };
    let server =
        Server::start_with(ScriptedTransport::always(201), settings, ServerSettings::default()).await;
    let refused = server.refused("WatchDeliveries", json!({"parent": "messages/-"})).await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "STREAM_TOO_OLD"));
    server.stop().await;
}

#[tokio::test]
async fn messages_are_listed_newest_first() {
    let server = Server::start().await;
    server.subscribe("a", "anna", &[]).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        let name = send(&server, "anna").await;
        server.call("WatchDeliveries", json!({"parent": name})).await.unwrap();
        sent.push(json!(name));
    }
    sent.reverse();
    let mut listed = Vec::new();
    let mut token = Value::Null;
    loop {
        let request = json!({"pageSize": 2, "pageToken": token, "states": ["MESSAGE_STATE_DONE"]});
        let mut page = server.one("ListMessages", request).await;
        listed.extend(page["messages"].as_array().unwrap().iter().map(|message| message["name"].clone()));
        token = page["nextPageToken"].take();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(listed, sent);
    let sending = json!({"states": ["MESSAGE_STATE_SENDING", "MESSAGE_STATE_SCHEDULED"]});
    assert_eq!(server.one("ListMessages", sending).await, json!({}));
    server.stop().await;
}

/// Pages through a list of deliveries: names of subscriptions and states, sorted.
async fn deliveries(server: &Server, request: &Value) -> Vec<(String, String)> {
    let mut listed = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut request = request.clone();
        request["pageToken"] = token;
        let mut page = server.one("ListDeliveries", request).await;
        for delivery in page.get("deliveries").and_then(Value::as_array).into_iter().flatten() {
            let of = |member: &str| delivery["latest"][member].as_str().unwrap().to_owned();
            listed.push((of("subscription"), of("state")));
        }
        token = page["nextPageToken"].take();
        if token.is_null() {
            listed.sort();
            return listed;
        }
    }
}

#[tokio::test]
async fn each_delivery_is_listed_as_it_stands() {
    let (held, release) = Answer::held();
    let mut held = Some(held);
    let transport = ScriptedTransport::new(move |request| match request.endpoint.expose() {
        url if url.ends_with("/held") => held.take().unwrap_or_else(|| Answer::status(201)),
        url if url.ends_with("/bad") => Answer::status(403),
        _ => Answer::status(201),
    });
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    let waiting = server.subscribe("held", "anna", &[]).await;
    let failing = server.subscribe("bad", "anna", &[]).await;
    for n in 0..4 {
        server.subscribe(&format!("s{n}"), "anna", &[]).await;
    }
    let parent = send(&server, "anna").await;
    // The five that were answered are in the log once their events were streamed.
    let request = v1::WatchDeliveriesRequest { parent: parent.clone(), ..Default::default() };
    let mut stream = server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
    let mut ended = 0;
    while ended < 5 {
        if let Some(Kind::Events(events)) = stream.next().await.unwrap().unwrap().frame.unwrap().kind {
            ended += events.events.len();
        }
    }
    let state = |listed: &[(String, String)], name: &str| {
        listed
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, state)| state.trim_start_matches("DELIVERY_STATE_").to_owned())
    };
    let all = deliveries(&server, &json!({"parent": parent, "pageSize": 2})).await;
    assert_eq!(all.len(), 6, "{all:?}");
    assert_eq!(state(&all, &waiting).as_deref(), Some("PENDING"));
    assert_eq!(state(&all, &failing).as_deref(), Some("FAILED"));
    let pending = json!({"parent": parent, "states": ["DELIVERY_STATE_PENDING"]});
    assert_eq!(deliveries(&server, &pending).await.len(), 1);
    let accepted = json!({"parent": parent, "outcomes": ["OUTCOME_ACCEPTED"], "pageSize": 1});
    assert_eq!(deliveries(&server, &accepted).await.len(), 4);
    let one = json!({"parent": parent, "subscription": failing});
    assert_eq!(deliveries(&server, &one).await, [(failing, "DELIVERY_STATE_FAILED".to_owned())]);
    release.status(201);
    while stream.next().await.is_some() {}
    let all = deliveries(&server, &json!({"parent": parent, "pageSize": 4})).await;
    assert_eq!((all.len(), state(&all, &waiting).as_deref()), (6, Some("ACCEPTED")));
    server.stop().await;
}
