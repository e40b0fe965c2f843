//! SendStream: answers in order, events of this call only, and tokens of `messages/-`.

use std::collections::{BTreeMap, BTreeSet};

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::{Answer, ScriptedTransport};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};
use v1::delivery_frame::Kind;
use v1::send_stream_answer::Answer as Answered;
use v1::send_stream_response::Content;

use crate::harness::{Refused, Server, read};

/// One call, with both its sides.
struct Call {
    requests: Option<mpsc::Sender<v1::SendStreamRequest>>,
    responses: Streaming<v1::SendStreamResponse>,
}

/// What came down, in order.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Accepted { request_id: String, name: String, replayed: bool },
    Rejected(String, Refused),
    Event(v1::DeliveryEvent),
    Progress(v1::DeliveryCounts),
}

impl Call {
    async fn open(server: &Server) -> Self {
        let (requests, mut received) = mpsc::channel(16);
        let stream = async_stream::stream! {
            while let Some(request) = received.recv().await {
                yield request;
            }
        };
        let responses = server.client.clone().send_stream(stream).await.unwrap().into_inner();
        Self { requests: Some(requests), responses }
    }

    async fn send(&self, request: Value) {
        let request = read::<v1::SendRequest>("Send", request).into_inner();
        let request = v1::SendStreamRequest { send: Some(request) };
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    fn half_close(&mut self) {
        self.requests = None;
    }

    async fn next(&mut self) -> Result<Option<(Vec<Told>, Option<String>)>, Status> {
        let Some(response) = self.responses.message().await? else { return Ok(None) };
        Ok(Some(match response.content.unwrap() {
            Content::Answers(answers) => (answers.answers.into_iter().map(told).collect(), None),
            Content::Frame(frame) => {
                let told = match frame.kind.unwrap() {
                    Kind::Events(events) => events.events.into_iter().map(Told::Event).collect(),
                    Kind::Progress(status) => {
                        assert!(status.name.is_empty());
                        vec![Told::Progress(status.counts.unwrap())]
                    }
                    other @ (Kind::Accepted(_) | Kind::Receipts(_) | Kind::Summary(_)) => {
                        panic!("not on this stream: {other:?}")
                    }
                };
                assert!(!frame.resume_token.is_empty());
                (told, Some(frame.resume_token))
            }
        }))
    }

    /// Everything up to the end, and the last token.
    async fn rest(&mut self) -> Result<(Vec<Told>, String), Status> {
        let (mut all, mut last) = (Vec::new(), String::new());
        while let Some((told, token)) = self.next().await? {
            all.extend(told);
            last = token.unwrap_or(last);
        }
        Ok((all, last))
    }
}

fn told(answer: v1::SendStreamAnswer) -> Told {
    match answer.answer.unwrap() {
        Answered::Accepted(accepted) => Told::Accepted {
            request_id: answer.request_id,
            name: accepted.message.unwrap().name,
            replayed: accepted.replayed,
        },
        Answered::Rejected(status) => {
            let code = Code::from_i32(status.code);
            let status = Status::with_details(code, status.message.clone(), status.encode_to_vec().into());
            Told::Rejected(answer.request_id, Refused::of(&status))
        }
    }
}

fn to(name: &str, request_id: &str) -> Value {
    json!({"subscription": name, "message": {"json": {"for": request_id}}, "requestId": request_id})
}

fn answered(told: &[Told]) -> Vec<&str> {
    let id = |told: &Told| match told {
        Told::Accepted { request_id, .. } | Told::Rejected(request_id, _) => Some(request_id.clone()),
        Told::Event(_) | Told::Progress(_) => None,
    };
    told.iter()
        .filter(|of| id(of).is_some())
        .map(|of| match of {
            Told::Accepted { request_id, .. } | Told::Rejected(request_id, _) => request_id.as_str(),
            Told::Event(_) | Told::Progress(_) => "",
        })
        .collect()
}

fn events(told: &[Told]) -> Vec<&v1::DeliveryEvent> {
    told.iter().filter_map(|of| if let Told::Event(event) = of { Some(event) } else { None }).collect()
}

fn totals(told: &[Told]) -> v1::DeliveryCounts {
    let counts = |of: &Told| if let Told::Progress(counts) = of { Some(*counts) } else { None };
    told.iter().rev().find_map(counts).unwrap()
}

#[tokio::test]
async fn requests_are_answered_in_order_and_their_events_follow() {
    let server = Server::start().await;
    let mut call = Call::open(&server).await;
    let (first, token) = call.next().await.unwrap().unwrap();
    assert_eq!(first, [Told::Progress(v1::DeliveryCounts::default())]);
    let first_token = token.unwrap();
    let mut names = Vec::new();
    for n in 0..40 {
        names.push(server.subscribe(&format!("s{n}"), &format!("user-{n}"), &[]).await);
    }
    for (n, name) in names.iter().enumerate() {
        call.send(to(name, &format!("r{n}"))).await;
    }
    // Another caller's: it must not show here.
    let request = json!({"subscription": names[0], "message": {"empty": {}}});
    let other = server.call("Send", request).await.unwrap();
    let other = other[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned();
    call.half_close();
    let (told, last_token) = call.rest().await.unwrap();

    let wanted: Vec<String> = (0..40).map(|n| format!("r{n}")).collect();
    assert_eq!(answered(&told), wanted);
    // Each message's event comes after its answer, once.
    let mut answers = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for of in &told {
        match of {
            Told::Accepted { name, request_id, replayed } => {
                assert!(!replayed);
                answers.insert(name.clone(), request_id.clone());
            }
            Told::Event(event) => {
                assert_eq!(answers.get(&event.message), Some(&event.request_id));
                assert!(seen.insert(event.message.clone()), "twice");
            }
            Told::Progress(_) => {}
            Told::Rejected(..) => panic!("{of:?}"),
        }
    }
    assert_eq!(seen.len(), 40);
    assert_eq!((totals(&told).targets, totals(&told).accepted), (40, 40));

    // The tokens are those of messages/-: from the first one everything is told, from the last one nothing of this call.
    let count = async |token: &str, until: usize| {
        let request = v1::WatchDeliveriesRequest {
            parent: "messages/-".into(),
            resume_token: token.to_owned(),
            ..Default::default()
        };
        let mut stream = server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
        let mut messages = Vec::new();
        while messages.len() < until {
            if let Some(Kind::Summary(ended)) = stream.message().await.unwrap().unwrap().frame.unwrap().kind {
                messages.push(ended.name);
            }
        }
        messages
    };
    let mut all = count(&first_token, 41).await;
    all.sort();
    let mut both: Vec<String> = answers.keys().cloned().chain([other]).collect();
    both.sort();
    assert_eq!(all, both);
    let later = server.call("Send", to(&names[1], "later")).await.unwrap();
    let later = &later[0]["frame"]["accepted"]["message"]["name"];
    assert_eq!(json!(count(&last_token, 1).await), json!([later]));
    server.stop().await;
}

#[tokio::test]
async fn a_bad_request_is_an_answer_as_send_would_give_and_the_call_goes_on() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let mut call = Call::open(&server).await;
    let unknown = "subscriptions/00000000000000000000000000000000";
    let bad = [
        to(unknown, "unknown"),
        json!({"subscription": "x", "message": {"ttl": "-1s"}, "requestId": "fields"}),
        json!({"application": "nobody", "requestId": "nobody"}),
        json!({"subscription": name, "message": {"empty": {}, "requestReceipts": true}, "requestId": "receipts"}),
    ];
    for request in &bad {
        call.send(request.clone()).await;
        call.send(to(&name, &format!("after {}", request["requestId"]))).await;
    }
    call.send(json!({"subscription": name, "message": {"empty": {}}})).await;
    call.send(json!({"application": "shop", "subscription": "x", "requestId": "other"})).await;
    call.half_close();
    let (told, _) = call.rest().await.unwrap();
    let rejected: Vec<(&str, &Refused)> = told
        .iter()
        .filter_map(
            |of| if let Told::Rejected(id, refused) = of { Some((id.as_str(), refused)) } else { None },
        )
        .collect();
    for (request, (id, refused)) in bad.into_iter().zip(&rejected) {
        assert_eq!(json!(id), request["requestId"]);
        assert_eq!(**refused, server.refused("Send", request).await, "{id}");
    }
    assert_eq!(rejected[4].1.paths(), ["request_id"]);
    let paths = rejected[5].1.paths();
    assert!(paths.contains(&"application") && paths.contains(&"subscription"), "{paths:?}");
    assert_eq!((events(&told).len(), totals(&told).accepted), (4, 4));
    server.stop().await;
}

#[tokio::test]
async fn what_is_repeated_joins_and_is_told_again() {
    let (held, release) = Answer::held();
    let mut held = Some(held);
    let transport = ScriptedTransport::new(move |request| match request.endpoint.expose() {
        url if url.ends_with("/slow") => held.take().unwrap_or_else(|| Answer::status(201)),
        _ => Answer::status(201),
    });
    let server =
        Server::start_with(transport.clone(), ApiSettings::default(), ServerSettings::default()).await;
    let quick = server.subscribe("quick", "anna", &[]).await;
    let slow = server.subscribe("slow", "bob", &[]).await;
    let mut first = Call::open(&server).await;
    first.send(to(&quick, "quick")).await;
    first.send(to(&slow, "slow")).await;
    let mut told = Vec::new();
    while events(&told).is_empty() || answered(&told).len() < 2 {
        told.extend(first.next().await.unwrap().unwrap().0);
    }
    // The connection is lost; the caller repeats everything, and more than once.
    drop(first);
    let mut again = Call::open(&server).await;
    again.send(to(&quick, "quick")).await;
    again.send(to(&slow, "slow")).await;
    again.send(to(&slow, "slow")).await;
    let mut retold = Vec::new();
    while answered(&retold).len() < 3 {
        retold.extend(again.next().await.unwrap().unwrap().0);
    }
    release.status(201);
    again.half_close();
    retold.extend(again.rest().await.unwrap().0);
    let names = |told: &[Told]| -> Vec<String> {
        let name = |of: &Told| if let Told::Accepted { name, .. } = of { Some(name.clone()) } else { None };
        told.iter().filter_map(name).collect()
    };
    assert_eq!(names(&told), names(&retold));
    assert!(retold.iter().all(|of| !matches!(of, Told::Accepted { replayed: false, .. })));
    // The twin waited under the same id.
    assert!(retold.iter().any(|of| matches!(of, Told::Rejected(id, refused)
        if id == "slow" && refused.paths() == ["request_id"])));
    let quick_events = |told: &[Told]| -> Vec<v1::DeliveryEvent> {
        events(told).into_iter().filter(|event| event.request_id == "quick").cloned().collect()
    };
    assert_eq!(quick_events(&told), quick_events(&retold));
    assert_eq!(events(&retold).len(), 2);
    assert_eq!((totals(&retold).targets, totals(&retold).accepted), (2, 2));
    assert_eq!(transport.requests().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn the_first_request_says_whose_the_call_is_and_levels_are_each_requests_own() {
    let server = Server::start().await;
    let subscribe = |path: &str| {
        let request = json!({"application": "shop", "pushSubscription": crate::harness::browser(path)});
        let server = &server;
        async move { server.one("Subscribe", request).await["subscription"]["name"].as_str().unwrap().to_owned() }
    };
    let (a, b) = (subscribe("a").await, subscribe("b").await);
    let mut call = Call::open(&server).await;
    call.next().await.unwrap().unwrap();
    for (name, level) in [(&a, "TERMINAL"), (&b, "FAILURES"), (&b, "ACCEPTED")] {
        let mut request = to(name, level);
        request["application"] = "shop".into();
        request["reportLevel"] = format!("REPORT_LEVEL_{level}").into();
        call.send(request).await;
    }
    let mut dry = to(&a, "dry");
    dry["validateOnly"] = true.into();
    dry["application"] = "shop".into();
    call.send(dry).await;
    call.half_close();
    let (told, token) = call.rest().await.unwrap();
    assert_eq!(answered(&told), ["TERMINAL", "FAILURES", "ACCEPTED", "dry"]);
    assert!(told.iter().any(|of| matches!(of, Told::Accepted { name, .. } if name.is_empty())));
    let ids: Vec<&str> = events(&told).into_iter().map(|event| event.request_id.as_str()).collect();
    assert_eq!(ids, ["TERMINAL"]);
    assert_eq!(totals(&told).accepted, 2, "both that are followed");
    let watch = |application: &str| json!({"application": application, "parent": "messages/-", "resumeToken": token, "startTime": null});
    assert_eq!(server.refused("WatchDeliveries", watch("")).await.reason, "RESUME_TOKEN_INVALID");
    server.stop().await;
}

#[tokio::test]
async fn a_call_for_an_application_out_of_reach_ends_before_anything_is_told() {
    let server = Server::start().await;
    let own = json!({"apiToken": {"roles": ["ROLE_ADMIN"]}});
    let own = server.one("CreateApiToken", own).await["token"].as_str().unwrap().to_owned();
    let mut foreign = to("subscriptions/00000000000000000000000000000000", "a");
    foreign["application"] = "shop".into();
    let refused = server.call_as(&own, "SendStream", json!({"send": foreign})).await.unwrap_err();
    let refused = Refused::of(&refused);
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "APPLICATION_NOT_FOUND"));

    // Also when the caller first waits to hear something: it hears of its own application.
    let (requests, received) = mpsc::channel(1);
    let received = tokio_stream::wrappers::ReceiverStream::new(received);
    let bearer = format!("Bearer {own}").parse().unwrap();
    let mut client = v1::push_service_client::PushServiceClient::with_interceptor(
        server.channel.clone(),
        move |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", Clone::clone(&bearer));
            Ok(request)
        },
    );
    let mut responses = client.send_stream(received).await.unwrap().into_inner();
    assert!(responses.message().await.unwrap().is_some());
    let request = read::<v1::SendRequest>("Send", foreign).into_inner();
    requests.send(v1::SendStreamRequest { send: Some(request) }).await.unwrap();
    let refused = Refused::of(&responses.message().await.unwrap_err());
    assert_eq!((refused.code, &*refused.reason), (Code::NotFound, "APPLICATION_NOT_FOUND"));
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_ends_the_call_after_what_is_known() {
    let server = Server::start().await;
    let name = server.subscribe("a", "anna", &[]).await;
    let mut call = Call::open(&server).await;
    call.send(to(&name, "before")).await;
    let mut told = Vec::new();
    while events(&told).is_empty() {
        told.extend(call.next().await.unwrap().unwrap().0);
    }
    server.shut_engine_down().await;
    call.send(to(&name, "after")).await;
    let ended = call.rest().await.unwrap_err();
    let refused = Refused::of(&ended);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "SERVER_DRAINING"));
    server.stop().await;
}
