//! Cancelling, scheduling and collapsing, as callers see them.

use std::time::{Duration, SystemTime};

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::domain::{Clock as _, SystemClock};
use fanfare::proto::v1;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use serde_json::{Value, json};
use tonic::{Code, Request};
use v1::delivery_frame::Kind;

use crate::harness::{Refused, Server, as_in_frames, read};

/// A server whose push service never accepts: everything waits for a retry, or for the end of its message.
async fn busy_server() -> Server {
    let transport = ScriptedTransport::new(|_| Answer::status(503));
    Server::start_with(transport, ApiSettings::default(), ServerSettings::default()).await
}

async fn accepted(server: &Server, mut request: Value) -> String {
    request["reportLevel"] = "REPORT_LEVEL_ACCEPTED".into();
    let answers = server.call("Send", request).await.unwrap();
    answers[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
}

/// The message once it has ended.
async fn ended(server: &Server, name: &str) -> Value {
    let watched = server.call("WatchDeliveries", json!({"parent": name})).await.unwrap();
    watched.last().unwrap()["frame"]["summary"].clone()
}

fn in_seconds(seconds: u64) -> String {
    let now = Duration::from_micros(SystemClock.now().as_micros());
    humantime::format_rfc3339(SystemTime::UNIX_EPOCH + now + Duration::from_secs(seconds)).to_string()
}

#[tokio::test]
async fn a_cancelled_message_ends_and_stays_as_it_is() {
    let server = busy_server().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let message = accepted(&server, json!({"subscription": name, "message": {"empty": {}}})).await;
    let answer = server.one("CancelMessage", json!({"name": message})).await;
    let state = answer["message"]["state"].as_str().unwrap().to_owned();
    assert!(["MESSAGE_STATE_CANCELLING", "MESSAGE_STATE_CANCELLED"].contains(&state.as_str()), "{state}");
    let summary = ended(&server, &message).await;
    assert_eq!(summary["state"], "MESSAGE_STATE_CANCELLED");
    assert_eq!((&summary["counts"]["targets"], &summary["counts"]["cancelled"]), (&json!(1), &json!(1)));
    let again = server.one("CancelMessage", json!({"name": message})).await;
    assert_eq!(as_in_frames(&again["message"]), summary);
    let listed = server.one("ListDeliveries", json!({"parent": message})).await;
    assert_eq!(listed["deliveries"][0]["latest"]["state"], "DELIVERY_STATE_CANCELLED");

    let unknown = json!({"name": "messages/00000000000000000000000000000000"});
    assert_eq!(server.refused("CancelMessage", unknown).await.reason, "MESSAGE_NOT_FOUND");
    let elsewhere = json!({"name": message, "application": "shop"});
    assert_eq!(server.refused("CancelMessage", elsewhere).await.reason, "MESSAGE_NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_cancels_if_it_said_so() {
    let server = busy_server().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let request =
        |cancel: bool| json!({"subscription": name, "message": {"empty": {}}, "cancelOnDisconnect": cancel});
    let first = async |cancel: bool, timeout: Option<Duration>| {
        let mut request: Request<v1::SendRequest> = read("Send", request(cancel));
        if let Some(timeout) = timeout {
            // By hand: the client's own would end the call before the server does.
            let value = format!("{}m", timeout.as_millis());
            request.metadata_mut().insert("grpc-timeout", value.parse().unwrap());
        }
        let mut stream = server.client.clone().send(request).await.unwrap().into_inner();
        let frame = stream.message().await.unwrap().unwrap().frame.unwrap();
        let Some(Kind::Accepted(accepted)) = frame.kind else { panic!("{frame:?}") };
        (accepted.message.unwrap().name, stream)
    };
    let (left, stream) = first(true, None).await;
    let (stays, other) = first(false, None).await;
    drop((stream, other));
    assert_eq!(ended(&server, &left).await["state"], "MESSAGE_STATE_CANCELLED");
    let shown = server.one("GetMessage", json!({"name": stays})).await;
    assert_eq!(shown["message"]["state"], "MESSAGE_STATE_SENDING");

    // The caller's deadline passes.
    let (late, mut stream) = first(true, Some(Duration::from_millis(300))).await;
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended without its deadline"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(ended(&server, &late).await["state"], "MESSAGE_STATE_CANCELLED");

    // On SendStream, each message for itself.
    let mut requests = Vec::new();
    for (id, cancel) in [("tied", true), ("free", false)] {
        let mut request = request(cancel);
        request["requestId"] = id.into();
        let send = read::<v1::SendRequest>("Send", request).into_inner();
        requests.push(v1::SendStreamRequest { send: Some(send) });
    }
    let requests = futures_util::stream::iter(requests);
    let mut responses = server.client.clone().send_stream(requests).await.unwrap().into_inner();
    let mut names = Vec::new();
    while names.len() < 2 {
        let content = responses.message().await.unwrap().unwrap().content.unwrap();
        if let v1::send_stream_response::Content::Answers(answers) = content {
            names.extend(answers.answers.into_iter().map(|answer| match answer.answer.unwrap() {
                v1::send_stream_answer::Answer::Accepted(accepted) => accepted.message.unwrap().name,
                v1::send_stream_answer::Answer::Rejected(status) => panic!("{status:?}"),
            }));
        }
    }
    drop(responses);
    assert_eq!(ended(&server, &names[0]).await["state"], "MESSAGE_STATE_CANCELLED");
    let shown = server.one("GetMessage", json!({"name": names[1]})).await;
    assert_eq!(shown["message"]["state"], "MESSAGE_STATE_SENDING");
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_cancels_nothing() {
    let server = busy_server().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let request = json!({"subscription": name, "message": {"empty": {}}, "cancelOnDisconnect": true});
    let request: Request<v1::SendRequest> = read("Send", request);
    let mut stream = server.client.clone().send(request).await.unwrap().into_inner();
    let frame = stream.message().await.unwrap().unwrap().frame.unwrap();
    let Some(Kind::Accepted(accepted)) = frame.kind else { panic!("{frame:?}") };
    server.shut_engine_down().await;
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended as if all were told"),
            Err(status) => break status,
        }
    };
    assert_eq!(Refused::of(&status).reason, "SERVER_DRAINING");
    drop(stream);
    let shown = server.one("GetMessage", json!({"name": accepted.message.unwrap().name})).await;
    assert_eq!(shown["message"]["state"], "MESSAGE_STATE_SENDING");
    server.stop().await;
}

#[tokio::test]
async fn a_scheduled_message_waits_and_can_be_cancelled() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let at = in_seconds(3_600);
    let request = json!({"subscription": name, "message": {"empty": {}, "sendTime": at, "ttl": "60s"}});
    let message = accepted(&server, request.clone()).await;
    let shown = server.one("GetMessage", json!({"name": message})).await["message"].clone();
    assert_eq!(shown["state"], "MESSAGE_STATE_SCHEDULED");
    let seconds = |member: &str| {
        let time = humantime::parse_rfc3339(shown[member].as_str().unwrap()).unwrap();
        time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    };
    assert_eq!(seconds("expireTime"), seconds("sendTime") + 60, "the ttl counts from send_time");
    let listed = server.one("ListMessages", json!({"states": ["MESSAGE_STATE_SCHEDULED"]})).await;
    assert_eq!(listed["messages"][0]["name"], json!(message));
    assert!(server.transport.requests().is_empty());
    let cancelled = server.one("CancelMessage", json!({"name": message})).await;
    assert!(cancelled["message"]["state"].as_str().unwrap().starts_with("MESSAGE_STATE_CANCEL"));
    assert_eq!(ended(&server, &message).await["counts"]["cancelled"], json!(1));
    assert!(server.transport.requests().is_empty());

    // A time that has passed means now; one too far ahead is refused, in a dry run too.
    let mut past = request.clone();
    past["message"]["sendTime"] = "2001-01-01T00:00:00Z".into();
    let sent = server.call("Send", past).await.unwrap();
    assert_eq!(sent.last().unwrap()["frame"]["summary"]["counts"]["accepted"], json!(1));
    let mut far = request;
    far["message"]["sendTime"] = in_seconds(91 * 86_400).into();
    far["validateOnly"] = true.into();
    assert_eq!(server.refused("Send", far).await.paths(), ["message.send_time"]);
    server.stop().await;
}

#[tokio::test]
async fn a_newer_message_with_the_same_collapse_key_and_recipient_supersedes() {
    let server = busy_server().await;
    let (anna, bob) = (server.subscribe("a", "anna", &[]).await, server.subscribe("b", "bob", &[]).await);
    let request =
        |name: &str, key: &str| json!({"subscription": name, "message": {"empty": {}, "collapseKey": key}});
    let older = accepted(&server, request(&anna, "score")).await;
    let others =
        [accepted(&server, request(&anna, "weather")).await, accepted(&server, request(&bob, "score")).await];
    let newer = accepted(&server, request(&anna, "score")).await;
    let summary = ended(&server, &older).await;
    assert_eq!(summary["state"], "MESSAGE_STATE_CANCELLED");
    assert_eq!(summary["outcomes"], json!([{"outcome": "OUTCOME_SUPERSEDED", "count": 1}]));
    for name in others.iter().chain([&newer]) {
        let shown = server.one("GetMessage", json!({"name": name})).await;
        assert_eq!(shown["message"]["state"], "MESSAGE_STATE_SENDING");
    }
    server.stop().await;
}
