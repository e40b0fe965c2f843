//! Nobody takes from others what all share: streams, imports, and places for Sends.

use std::time::Duration;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::ScriptedTransport;
use futures_util::StreamExt;
use serde_json::json;
use tonic::{Code, Status, Streaming};

use crate::harness::{Refused, Server};

async fn start(settings: ApiSettings) -> Server {
    Server::start_with(ScriptedTransport::always(201), settings, ServerSettings::default()).await
}

async fn watch(server: &Server, application: &str) -> Result<Streaming<v1::WatchDeliveriesResponse>, Status> {
    let request = v1::WatchDeliveriesRequest {
        parent: "messages/-".into(),
        application: application.into(),
        ..Default::default()
    };
    Ok(server.client.clone().watch_deliveries(request).await?.into_inner())
}

/// An import that says whose it is, and then nothing more.
struct Import {
    entries: tokio::sync::mpsc::Sender<v1::ImportSubscriptionsRequest>,
    answers: Streaming<v1::ImportSubscriptionsResponse>,
}

async fn import(server: &Server) -> Result<Import, Status> {
    let (entries, requests) = tokio::sync::mpsc::channel(4);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let answers = server.client.clone().import_subscriptions(requests).await?.into_inner();
    Ok(Import { entries, answers })
}

impl Import {
    async fn name(&mut self, application: &str) -> Result<(), Status> {
        let entry = v1::SubscribeRequest { application: application.into(), ..Default::default() };
        let request = v1::ImportSubscriptionsRequest { subscriptions: vec![entry] };
        self.entries.send(request).await.unwrap();
        self.answers.next().await.unwrap().map(drop)
    }
}

#[tokio::test]
async fn watchers_of_one_application_leave_places_to_others_and_to_sends() {
    let server = start(ApiSettings { streams_max: 8, ..ApiSettings::default() }).await;
    server.subscribe("a", "anna", &[]).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(watch(&server, "default").await.unwrap());
    }
    let refused = Refused::of(&watch(&server, "default").await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    let told = |key: &str| refused.metadata[key].as_str();
    assert_eq!(told("limit"), "server.calls.streams_max");
    assert_eq!((told("holder"), told("held"), told("share")), ("application default", "4", "4"));
    held.push(watch(&server, "shop").await.unwrap());
    held.push(watch(&server, "shop").await.unwrap());
    watch(&server, "shop").await.unwrap_err();
    // No watcher keeps anybody from sending.
    let sent = server.call("Send", json!({"userId": "anna", "message": {"empty": {}}})).await.unwrap();
    assert!(sent.last().unwrap().to_string().contains("summary"), "{sent:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_send_stream_takes_a_place_for_sends_whatever_application_it_names() {
    let server = start(ApiSettings { streams_max: 1, ..ApiSettings::default() }).await;
    let _watcher = watch(&server, "default").await.unwrap();
    let send = v1::SendRequest { application: "shop".into(), ..Default::default() };
    let requests = tokio_stream::once(v1::SendStreamRequest { send: Some(send) });
    let mut answers = server.client.clone().send_stream(requests).await.unwrap().into_inner();
    answers.next().await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn imports_of_one_application_leave_places_to_others() {
    let server = start(ApiSettings { imports_max: 8, ..ApiSettings::default() }).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut import = import(&server).await.unwrap();
        import.name("default").await.unwrap();
        held.push(import);
    }
    // Whose one more is, it says itself.
    let refused = Refused::of(&import(&server).await.unwrap().name("default").await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert_eq!(refused.metadata["holder"], "application default");
    import(&server).await.unwrap().name("shop").await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn an_import_that_brings_nothing_ends() {
    let idle = Duration::from_millis(250);
    let server = start(ApiSettings { import_idle_max: idle, imports_max: 1, ..ApiSettings::default() }).await;
    let mut first = import(&server).await.unwrap();
    let ended = first.answers.next().await.unwrap().unwrap_err();
    let ended = Refused::of(&ended);
    assert_eq!((ended.code, ended.reason.as_str()), (Code::Unavailable, "STREAM_TOO_OLD"));
    assert!(ended.message.contains("no entry has come for 250ms"), "{}", ended.message);
    // Its place is another one's.
    import(&server).await.unwrap();
    server.stop().await;
}
