//! The server around the service: health, reflection, gRPC-Web, sizes, draining.

use std::time::Duration;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_types::StatusExt;

use crate::harness::{Refused, Server, browser};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn health_answers_truly() {
    let server = Server::start().await;
    let mut client = HealthClient::new(server.channel.clone());
    let mut watch = client.watch(of("fanfare.v1.PushService")).await.unwrap().into_inner();
    let mut next =
        async || watch.next().await.map(|told: Result<HealthCheckResponse, _>| told.unwrap().status());
    assert_eq!(next().await, Some(ServingStatus::NotServing), "until told otherwise");
    for service in ["", "fanfare.v1.PushService", "fanfare.v1.AdminService"] {
        let told = client.check(of(service)).await.unwrap().into_inner().status();
        assert_eq!(told, ServingStatus::NotServing);
    }
    server.health.serving().await;
    assert_eq!(next().await, Some(ServingStatus::Serving));
    assert_eq!(client.check(of("")).await.unwrap().into_inner().status(), ServingStatus::Serving);
    assert_eq!(client.check(of("none")).await.unwrap_err().code(), Code::NotFound);
    server.begin_stop();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None, "so that the server can stop");
    server.stop().await;
}

#[tokio::test]
async fn reflection_tells_services_and_error_details_in_both_versions() {
    let server = Server::start().await;
    macro_rules! check {
        ($version:ident) => {{
            use pb::server_reflection_request::MessageRequest;
            use pb::server_reflection_response::MessageResponse;
            use tonic_reflection::pb::$version as pb;
            let mut client =
                pb::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
            let ask =
                |request| pb::ServerReflectionRequest { host: String::new(), message_request: Some(request) };
            let asked = futures_util::stream::iter([
                ask(MessageRequest::ListServices(String::new())),
                ask(MessageRequest::FileContainingSymbol("fanfare.v1.PushService".into())),
                ask(MessageRequest::FileContainingSymbol("google.rpc.BadRequest".into())),
            ]);
            let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
            let mut next = async || answers.next().await.unwrap().unwrap().message_response.unwrap();
            let MessageResponse::ListServicesResponse(services) = next().await else { panic!("no services") };
            let names: Vec<&str> = services.service.iter().map(|service| service.name.as_str()).collect();
            for name in ["fanfare.v1.PushService", "fanfare.v1.AdminService", "grpc.health.v1.Health"] {
                assert!(names.contains(&name), "{names:?}");
            }
            for _ in 0..2 {
                assert!(matches!(next().await, MessageResponse::FileDescriptorResponse(_)));
            }
        }};
    }
    check!(v1);
    check!(v1alpha);
    server.stop().await;
}

#[tokio::test]
async fn reflection_can_be_switched_off() {
    let settings = ServerSettings { reflection: false, ..ServerSettings::default() };
    let server = Server::start_with(ScriptedTransport::always(201), ApiSettings::default(), settings).await;
    let mut client = tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(
        server.channel.clone(),
    );
    let status = client.server_reflection_info(futures_util::stream::empty()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    server.stop().await;
}

/// HTTP/1.1, as a browser behind a proxy speaks: the whole answer.
async fn http1(server: &Server, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "{head}\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn grpc_web_answers_allowed_origins() {
    let settings = ServerSettings {
        cors_origins: vec!["https://app.example.com".to_owned()],
        ..ServerSettings::default()
    };
    let server = Server::start_with(ScriptedTransport::always(201), ApiSettings::default(), settings).await;
    let path = "/fanfare.v1.PushService/GetVapidPublicKey HTTP/1.1";
    let preflight = |origin: &str| {
        format!(
            "OPTIONS {path}\r\norigin: {origin}\r\naccess-control-request-method: POST\r\naccess-control-request-headers: content-type,x-grpc-web"
        )
    };
    let allowed = http1(&server, &preflight("https://app.example.com"), b"").await;
    assert!(allowed.contains("access-control-allow-origin: https://app.example.com"), "{allowed}");
    let other = http1(&server, &preflight("https://evil.example.org"), b"").await;
    assert!(!other.contains("access-control-allow-origin"), "{other}");
    let post = format!(
        "POST {path}\r\ncontent-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\norigin: https://app.example.com"
    );
    let answer = http1(&server, &post, &[0; 5]).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("grpc-status:0"), "{answer}");
    assert!(answer.contains(&server.vapid_key));
    assert!(
        answer.contains("access-control-expose-headers: grpc-status,grpc-message,grpc-status-details-bin"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn only_requests_with_lists_may_be_large() {
    let server = Server::start().await;
    let large = "x".repeat(70_000);
    let mut subscribe = browser("a");
    subscribe["endpoint"] = large.clone().into();
    let status = server.call("Subscribe", json!({"pushSubscription": subscribe})).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    let names: Vec<String> = (0..10_000).map(|n| format!("subscriptions/{n:032x}")).collect();
    let broadcast = json!({"audience": {"subscriptions": {"names": names}}, "message": {"empty": {}}, "validateOnly": true});
    let mut answer = server.one("Broadcast", broadcast).await;
    assert!(answer["frame"]["accepted"]["message"].take().is_object());
    let huge = json!({"audience": {"users": {"userIds": vec![large; 31]}}, "message": {"empty": {}}});
    assert_eq!(server.call("Broadcast", huge).await.unwrap_err().code(), Code::OutOfRange);
    server.stop().await;
}

#[tokio::test]
async fn a_send_whose_caller_left_is_delivered_all_the_same() {
    let (held, release) = Answer::held();
    let transport = ScriptedTransport::queue([held]);
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    server.subscribe("a", "anna", &[]).await;
    let message =
        v1::Message { payload: Some(v1::message::Payload::Empty(v1::EmptyPayload {})), ..Default::default() };
    let recipient = Some(v1::send_request::Recipient::UserId("anna".into()));
    let request = v1::SendRequest { message: Some(message), recipient, ..Default::default() };
    let mut stream = server.client.clone().send(request).await.unwrap().into_inner();
    let first = stream.next().await.unwrap().unwrap().frame.unwrap();
    drop(stream);
    transport.wait_for_started(1).await;
    release.status(201);
    let Some(v1::delivery_frame::Kind::Accepted(accepted)) = first.kind else { panic!("no accepted") };
    let parent = accepted.message.unwrap().name;
    let rest =
        server.call("WatchDeliveries", json!({"parent": parent, "resumeToken": first.resume_token})).await;
    assert_eq!(rest.unwrap().last().unwrap()["frame"]["summary"]["counts"]["accepted"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_ends_streams_with_a_reason() {
    let server = Server::start().await;
    let request = v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    let mut stream = server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    let stopping = tokio::spawn(server.stop());
    let status = loop {
        match stream.next().await.expect("a status") {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    let refused = Refused::of(&status);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "SERVER_DRAINING"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn what_one_address_holds_has_a_setting_of_its_own() {
    // With the client's own, one address has half of six, or all.
    for (address_share_percent_max, served) in [(50, 2), (100, 5)] {
        let settings =
            ServerSettings { connections_max: 6, address_share_percent_max, ..ServerSettings::default() };
        let api = ApiSettings::default();
        assert_eq!(api.share_percent_max, 50, "that of applications stays");
        let server = Server::start_with(ScriptedTransport::always(201), api, settings).await;
        let mut connections = Vec::new();
        for number in 0..5 {
            let mut connection = TcpStream::connect(server.address).await.unwrap();
            // The preface of HTTP/2, and its SETTINGS; the server's come back. One that is closed may refuse them.
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
            let _ = connection.write_all(preface).await;
            let read = connection.read(&mut [0; 64]).await;
            assert_eq!(read.is_ok_and(|octets| octets > 0), number < served, "connection {number}");
            connections.push(connection);
        }
        drop(connections);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let settings = ServerSettings { preface_timeout: Duration::from_millis(50), ..ServerSettings::default() };
    let server = Server::start_with(ScriptedTransport::always(201), ApiSettings::default(), settings).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(10), silent.read(&mut [0; 64])).await;
    // A settings frame may come first; then the end.
    if read.expect("closed").is_ok_and(|octets| octets > 0) {
        let rest = tokio::time::timeout(Duration::from_secs(10), silent.read_to_end(&mut Vec::new())).await;
        rest.expect("closed").ok();
    }
    server.stop().await;
}

#[tokio::test]
async fn every_call_is_observed_with_the_code_that_it_ended_with() {
    let server = Server::start().await;
    server.subscribe("a", "anna", &[]).await;
    server.calls.wait_for("Subscribe", Code::Ok).await;
    server.refused("Subscribe", json!({})).await;
    server.calls.wait_for("Subscribe", Code::InvalidArgument).await;
    server.call("Send", json!({"userId": "anna", "message": {"empty": {}}})).await.unwrap();
    server.calls.wait_for("Send", Code::Ok).await;
    let request = v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    let mut stream = server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.calls.wait_for("WatchDeliveries", Code::Cancelled).await;
    let mut client = HealthClient::new(server.channel.clone());
    client.check(of("")).await.unwrap();
    server.calls.wait_for("other", Code::Ok).await;
    server.stop().await;
}

#[tokio::test]
async fn too_many_calls_are_shed_with_a_reason() {
    let settings = ServerSettings { calls_max: 0, ..ServerSettings::default() };
    let server = Server::start_with(ScriptedTransport::always(201), ApiSettings::default(), settings).await;
    let status = server.call("GetVapidPublicKey", json!({})).await.unwrap_err();
    let refused = Refused::of(&status);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert!(status.get_error_details().retry_info().is_some_and(|retry| retry.retry_delay.is_some()));
    server.calls.wait_for("GetVapidPublicKey", Code::ResourceExhausted).await;
    server.stop().await;
}

#[test]
fn requests_show_no_secrets() {
    let endpoint = "https://push.example.net/capability";
    let get = v1::GetSubscriptionRequest {
        selector: Some(v1::get_subscription_request::Selector::Endpoint(endpoint.into())),
        ..Default::default()
    };
    let remove = v1::UnsubscribeRequest {
        selector: Some(v1::unsubscribe_request::Selector::Endpoint(endpoint.into())),
        ..Default::default()
    };
    let subscribe = v1::SubscribeRequest { replaces: endpoint.into(), ..Default::default() };
    let recipient = v1::PushSubscription { endpoint: endpoint.into(), ..Default::default() };
    let send = v1::SendRequest {
        recipient: Some(v1::send_request::Recipient::PushSubscription(recipient)),
        ..Default::default()
    };
    let shown = format!("{get:?}{remove:?}{subscribe:?}{send:?}");
    assert!(!shown.contains("capability"), "{shown}");
}
