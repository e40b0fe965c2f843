//! WatchSubscriptions: every change, why it came, and where to go on.

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::ScriptedTransport;
use serde_json::{Value, json};
use tonic::{Code, Streaming};
use v1::ChangeKind;

use crate::harness::{Refused, Server, browser, read};

async fn watch(server: &Server, request: Value) -> Streaming<v1::WatchSubscriptionsResponse> {
    let request = read::<v1::WatchSubscriptionsRequest>("WatchSubscriptions", request);
    server.client.clone().watch_subscriptions(request).await.unwrap().into_inner()
}

/// The next changes, so many, and the token after each response.
async fn changes(
    stream: &mut Streaming<v1::WatchSubscriptionsResponse>,
    count: usize,
) -> Vec<(v1::SubscriptionChange, String)> {
    let mut told = Vec::new();
    while told.len() < count {
        let response = stream.message().await.unwrap().unwrap();
        let token = response.resume_token;
        told.extend(response.changes.into_iter().map(|change| (change, token.clone())));
    }
    assert_eq!(told.len(), count);
    told
}

fn kinds(told: &[(v1::SubscriptionChange, String)]) -> Vec<ChangeKind> {
    told.iter().map(|(change, _)| change.kind()).collect()
}

#[tokio::test]
async fn every_change_is_told_with_its_cause() {
    let transport = ScriptedTransport::always(410);
    let server = Server::start_with(transport, ApiSettings::default(), ServerSettings::default()).await;
    server.subscribe("before", "bob", &[]).await;
    let mut stream = watch(&server, json!({})).await;
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.changes, [], "from now on");

    let name = server.subscribe("a", "anna", &["news"]).await;
    let update = json!({"name": name, "addTopics": ["sport"]});
    server.one("UpdateSubscription", update).await;
    let replacing = json!({"pushSubscription": browser("c"), "replaces": name});
    server.one("Subscribe", replacing).await;
    server.one("Unsubscribe", json!({"name": name})).await;
    let told = changes(&mut stream, 4).await;
    let wanted = [ChangeKind::Added, ChangeKind::Updated, ChangeKind::Updated, ChangeKind::RemovedByCaller];
    assert_eq!(kinds(&told), wanted);
    let subscription = |at: usize| told[at].0.subscription.clone().unwrap();
    assert!(told.iter().all(|(change, _)| change.subscription.as_ref().unwrap().name == name));
    assert_eq!((subscription(0).topics.len(), subscription(1).topics.len()), (1, 2));
    assert_eq!(subscription(3).user_id, "anna", "as it last was");
    assert!(told.iter().all(|(change, _)| change.evidence.is_none() && change.change_time.is_some()));

    // The push service's word, with its evidence.
    let mut gone = browser("gone");
    gone["endpoint"] = "https://push.example.net/gone".into();
    let gone = server.one("Subscribe", json!({"pushSubscription": gone})).await;
    let gone = gone["subscription"]["name"].as_str().unwrap().to_owned();
    let sent = server.call("Send", json!({"subscription": gone, "message": {"empty": {}}})).await.unwrap();
    let message = sent[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap();
    let removed = changes(&mut stream, 2).await;
    assert_eq!(kinds(&removed), [ChangeKind::Added, ChangeKind::RemovedGone]);
    let evidence = removed[1].0.evidence.clone().unwrap();
    assert_eq!((evidence.outcome(), evidence.http_status), (v1::Outcome::Gone, Some(410)));
    assert_eq!(evidence.message, message);

    // From the first token on everything again; from the beginning also what came before.
    let mut again = watch(&server, json!({"resumeToken": first.resume_token})).await;
    let all: Vec<_> = told.iter().chain(&removed).map(|(change, _)| change.clone()).collect();
    let repeated: Vec<_> = changes(&mut again, 6).await.into_iter().map(|(change, _)| change).collect();
    assert_eq!(repeated, all);
    let mut oldest = watch(&server, json!({"startTime": "2001-01-01T00:00:00Z"})).await;
    assert_eq!(changes(&mut oldest, 7).await[1].0, all[0]);
    drop((stream, again, oldest));
    server.stop().await;
}

#[tokio::test]
async fn one_that_takes_anothers_place_is_named() {
    let server = Server::start().await;
    let old = server.subscribe("old", "anna", &[]).await;
    let stays = server.subscribe("stays", "", &[]).await;
    let mut stream = watch(&server, json!({"startTime": "2001-01-01T00:00:00Z"})).await;
    changes(&mut stream, 2).await;
    let request = json!({"pushSubscription": browser("stays"), "replaces": old});
    server.one("Subscribe", request).await;
    let told = changes(&mut stream, 2).await;
    let of =
        |kind: ChangeKind| told.iter().find(|(change, _)| change.kind() == kind).map(|(change, _)| change);
    let replaced = of(ChangeKind::Replaced).expect("the old one");
    assert_eq!(
        (replaced.subscription.as_ref().unwrap().name.as_str(), replaced.replacement.as_str()),
        (old.as_str(), stays.as_str())
    );
    assert_eq!(of(ChangeKind::Updated).expect("the other").subscription.as_ref().unwrap().user_id, "anna");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn tokens_are_of_one_application_and_not_of_deliveries() {
    let server = Server::start().await;
    let mut stream = watch(&server, json!({})).await;
    let token = stream.message().await.unwrap().unwrap().resume_token;
    for request in [
        json!({"application": "shop", "resumeToken": token}),
        json!({"resumeToken": "x"}),
        json!({"resumeToken": deliveries_token(&server).await}),
    ] {
        let refused = server.refused("WatchSubscriptions", request).await;
        assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, "RESUME_TOKEN_INVALID"));
    }
    server.shut_engine_down().await;
    let ended = stream.message().await.unwrap_err();
    assert_eq!(Refused::of(&ended).reason, "SERVER_DRAINING");
    server.stop().await;
}

async fn deliveries_token(server: &Server) -> String {
    let request = v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    let mut stream = server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap().frame.unwrap().resume_token
}
