//! Receipts: from the payload that a browser decrypts, through its report, to streams, counts and lists.

use std::net::SocketAddr;

use fanfare::api::ApiSettings;
use fanfare::api::receipts::{self, BODY_OCTETS_MAX, PATH};
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::ScriptedTransport;
use fanfare::webpush::keys::encode_base64url;
use fanfare::webpush::{AgreementKey, AwsLcKey, aes128gcm};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use v1::delivery_frame::Kind;
use v1::send_stream_response::Content;

use crate::harness::{Server, read};

const AUTH: [u8; 16] = [7; 16];

/// A server that takes receipts, a browser of user anna, and an HTTP client.
struct Stage {
    server: Server,
    browser: AwsLcKey,
    subscription: String,
    http: reqwest::Client,
    receipts: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Self {
        let settings = ApiSettings { receipts: true, ..ApiSettings::default() };
        let server =
            Server::start_with(ScriptedTransport::always(201), settings, ServerSettings::default()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (receipts, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(receipts::serve(listener, server.engine(), stop.clone()));
        let browser = AwsLcKey::generate().unwrap();
        let mut stage = Self {
            server,
            browser,
            subscription: String::new(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            receipts,
            stop,
        };
        let request =
            json!({"pushSubscription": stage.subscription_json(), "userId": "anna", "topics": ["news"]});
        let answer = stage.server.one("Subscribe", request).await;
        answer["subscription"]["name"].as_str().unwrap().clone_into(&mut stage.subscription);
        stage
    }

    fn subscription_json(&self) -> Value {
        json!({
            "endpoint": "https://push.example.net/anna",
            "keys": {"p256dh": encode_base64url(self.browser.public()), "auth": encode_base64url(&AUTH)}
        })
    }

    /// Sends to anna and waits for the end; answers the message's name.
    async fn send(&self, message: Value) -> String {
        self.send_to(json!({"userId": "anna"}), message).await
    }

    async fn send_to(&self, mut request: Value, message: Value) -> String {
        request["message"] = message;
        let answers = self.server.call("Send", request).await.unwrap();
        answers[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
    }

    /// What the browser decrypts of the last push.
    fn decrypted(&self) -> Value {
        let requests = self.server.transport.requests();
        let body = &requests.last().unwrap().body;
        serde_json::from_slice(&aes128gcm::decrypt(&self.browser, &AUTH, body).unwrap()).unwrap()
    }

    fn token(&self) -> String {
        self.decrypted()["fanfare"].as_str().unwrap().to_owned()
    }

    async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let url = format!("http://{}{PATH}", self.receipts);
        self.http.post(url).header("origin", "https://app.example").body(body).send().await.unwrap()
    }

    async fn report(&self, token: &str, kind: &str, action: &str) -> u16 {
        let report = json!({"token": token, "kind": kind, "action": action, "time": 1_764_000_000_000_u64});
        self.post(report.to_string()).await.status().as_u16()
    }

    async fn counts(&self, message: &str) -> Value {
        self.server.one("GetMessage", json!({"name": message})).await["message"].clone()
    }

    async fn end(self) {
        self.stop.cancel();
        self.server.stop().await;
    }
}

fn asking() -> Value {
    json!({"notification": {"title": "Hi", "navigate": "https://app.example/"}, "requestReceipts": true})
}

#[tokio::test]
async fn what_a_browser_reports_is_told_on_streams_in_counts_and_lists() {
    let stage = Stage::set().await;
    let request = v1::WatchDeliveriesRequest {
        parent: "messages/-".into(),
        include_receipts: true,
        ..Default::default()
    };
    let mut all = stage.server.client.clone().watch_deliveries(request).await.unwrap().into_inner();
    all.next().await.unwrap().unwrap();
    let message = stage.send(asking()).await;
    let payload = stage.decrypted();
    assert_eq!((&payload["web_push"], &payload["notification"]["title"]), (&json!(8030), &json!("Hi")));
    let token = stage.token();
    for (kind, action) in [("displayed", ""), ("clicked", "open"), ("closed", "")] {
        // Once more is the same.
        assert_eq!(stage.report(&token, kind, action).await, 204);
        assert_eq!(stage.report(&token, kind, "another").await, 204);
    }
    let status = stage.counts(&message).await;
    assert_eq!(status["receipts"], json!({"displayed": 1, "clicked": 1, "closed": 1}));
    assert_eq!((&status["counts"]["accepted"], &status["counts"]["targets"]), (&json!(1), &json!(1)));
    assert_eq!(status["state"], "MESSAGE_STATE_DONE");

    let mut told = Vec::new();
    while told.len() < 3 {
        if let Some(Kind::Receipts(receipts)) = all.next().await.unwrap().unwrap().frame.unwrap().kind {
            told.extend(receipts.events);
        }
    }
    let kinds: Vec<(i32, &str)> = told.iter().map(|event| (event.kind, event.action.as_str())).collect();
    assert_eq!(kinds, [(1, ""), (2, "open"), (3, "")]);
    for event in &told {
        assert_eq!((&event.message, &event.subscription), (&message, &stage.subscription));
        assert_eq!((event.user_id.as_str(), event.occur_time.unwrap().seconds), ("anna", 1_764_000_000));
        assert!(event.event_time.unwrap().seconds > 0 && event.event_id.len() <= 32);
    }
    let list = stage.server.one("ListDeliveries", json!({"parent": message})).await;
    let listed = list["deliveries"][0]["receipts"].as_array().unwrap();
    let ids: Vec<&str> = listed.iter().map(|event| event["eventId"].as_str().unwrap()).collect();
    assert_eq!(ids, told.iter().map(|event| event.event_id.as_str()).collect::<Vec<_>>());
    assert_eq!(listed[1]["action"], "open");
    drop(all);
    stage.end().await;
}

#[tokio::test]
async fn an_action_is_text_whatever_a_browser_says() {
    let stage = Stage::set().await;
    let message = stage.send(asking()).await;
    let token = stage.token();
    let action = "open\u{1b}[2J\r\n\u{202e}it\u{7f}\u{9b}\u{2028}";
    assert_eq!(stage.report(&token, "clicked", action).await, 204);
    let list = stage.server.one("ListDeliveries", json!({"parent": message})).await;
    assert_eq!(list["deliveries"][0]["receipts"][0]["action"], "open [2J it");
    stage.end().await;
}

#[tokio::test]
async fn a_stream_that_includes_receipts_outlives_the_deliveries() {
    let stage = Stage::set().await;
    let request = v1::SendRequest {
        recipient: Some(v1::send_request::Recipient::UserId("anna".into())),
        message: Some(v1::Message {
            payload: Some(v1::message::Payload::Json(prost_types::Struct::default())),
            request_receipts: true,
            ..Default::default()
        }),
        request_id: "order-1".into(),
        include_receipts: true,
        ..Default::default()
    };
    let mut stream = stage.server.client.clone().send(request).await.unwrap().into_inner();
    let mut told = Vec::new();
    while told.len() < 3 {
        let frame = stream.next().await.unwrap().unwrap().frame.unwrap();
        match frame.kind.unwrap() {
            Kind::Accepted(_) => told.push("accepted"),
            Kind::Events(_) => {
                told.push("events");
                let token = stage.token();
                assert_eq!(stage.decrypted(), json!({"fanfare": token}));
                assert_eq!(stage.report(&token, "displayed", "").await, 204);
            }
            Kind::Receipts(receipts) => {
                assert_eq!(receipts.events[0].request_id, "order-1");
                told.push("receipts");
            }
            Kind::Progress(_) => {}
            Kind::Summary(_) => told.push("summary"),
        }
    }
    assert_eq!(told, ["accepted", "events", "receipts"]);
    drop(stream);
    // Who does not ask for receipts is done.
    let watched = stage.server.call("Send", json!({"userId": "anna", "message": asking()})).await.unwrap();
    assert!(watched.last().unwrap()["frame"]["summary"].is_object());
    stage.end().await;
}

/// What a SendStream told of receipts: `request_id` and kind, with those of events.
async fn told_by(responses: &mut tonic::Streaming<v1::SendStreamResponse>, until: usize) -> Vec<String> {
    let mut told = Vec::new();
    while told.len() < until {
        let content = responses.message().await.unwrap().unwrap().content.unwrap();
        let Content::Frame(frame) = content else { continue };
        match frame.kind.unwrap() {
            Kind::Events(events) => told.extend(events.events.iter().map(|event| event.request_id.clone())),
            Kind::Receipts(receipts) => told.extend(receipts.events.iter().map(|event| {
                assert!(!event.message.is_empty() && !event.event_id.is_empty());
                format!("{} {}", event.request_id, event.kind().as_str_name())
            })),
            Kind::Progress(_) => {}
            other @ (Kind::Accepted(_) | Kind::Summary(_)) => panic!("not on this stream: {other:?}"),
        }
    }
    told
}

#[tokio::test]
async fn a_send_stream_tells_the_receipts_that_its_requests_include() {
    let stage = Stage::set().await;
    let send = |id: &str, include: bool| {
        let request = json!({
            "userId": "anna", "requestId": id, "includeReceipts": include, "message": asking(),
        });
        v1::SendStreamRequest { send: Some(read::<v1::SendRequest>("Send", request).into_inner()) }
    };
    let (requests, received) = mpsc::channel(4);
    let mut client = stage.server.client.clone();
    let mut call = client.send_stream(ReceiverStream::new(received)).await.unwrap().into_inner();
    requests.send(send("silent", false)).await.unwrap();
    assert_eq!(told_by(&mut call, 1).await, ["silent"]);
    assert_eq!(stage.report(&stage.token(), "displayed", "").await, 204);
    requests.send(send("asked", true)).await.unwrap();
    assert_eq!(told_by(&mut call, 1).await, ["asked"], "receipts of the other one are not told");
    let token = stage.token();
    assert_eq!(stage.report(&token, "displayed", "").await, 204);
    assert_eq!(told_by(&mut call, 1).await, ["asked RECEIPT_KIND_DISPLAYED"]);
    // Its deliveries have ended, and no request follows: the call lasts for what may still come.
    drop(requests);
    assert_eq!(stage.report(&token, "clicked", "open").await, 204);
    assert_eq!(told_by(&mut call, 1).await, ["asked RECEIPT_KIND_CLICKED"]);
    drop(call);

    // Who repeats the request is told what has been, and what comes.
    let (requests, received) = mpsc::channel(4);
    let mut call = client.send_stream(ReceiverStream::new(received)).await.unwrap().into_inner();
    requests.send(send("asked", true)).await.unwrap();
    let before = ["asked", "asked RECEIPT_KIND_DISPLAYED", "asked RECEIPT_KIND_CLICKED"];
    assert_eq!(told_by(&mut call, 3).await, before);
    assert_eq!(stage.report(&token, "closed", "").await, 204);
    assert_eq!(told_by(&mut call, 1).await, ["asked RECEIPT_KIND_CLOSED"]);
    drop(call);

    // Where none were requested none can come, and nobody waits.
    let mut request = send("plain", true);
    request.send.as_mut().unwrap().message.as_mut().unwrap().request_receipts = false;
    let mut call = client.send_stream(futures_util::stream::iter([request])).await.unwrap().into_inner();
    assert_eq!(told_by(&mut call, 1).await, ["plain"]);
    while call.message().await.unwrap().is_some() {}
    stage.end().await;
}

#[tokio::test]
async fn broadcasts_give_each_delivery_its_own_token() {
    let stage = Stage::set().await;
    stage.server.subscribe("other", "bob", &["news"]).await;
    let request = json!({"audience": {"topics": {"topics": ["news"]}}, "message": asking()});
    let answers = stage.server.call("Broadcast", request).await.unwrap();
    let message = answers[0]["frame"]["accepted"]["message"]["name"].as_str().unwrap().to_owned();
    let decrypts = |body| aes128gcm::decrypt(&stage.browser, &AUTH, body).ok();
    let bodies: Vec<_> = stage.server.transport.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), 2);
    let own: Vec<Value> = bodies
        .iter()
        .filter_map(|body| decrypts(body).and_then(|text| serde_json::from_slice(&text).ok()))
        .collect();
    assert_eq!(own.len(), 1, "the other one's is for another key");
    let token = own[0]["fanfare"].as_str().unwrap();
    assert_eq!(stage.report(token, "displayed", "").await, 204);
    assert_eq!(stage.counts(&message).await["receipts"]["displayed"], 1);
    stage.end().await;
}

#[tokio::test]
async fn inline_subscriptions_report_too() {
    let stage = Stage::set().await;
    let to = json!({"pushSubscription": stage.subscription_json()});
    let message = stage.send_to(to, asking()).await;
    assert_eq!(stage.report(&stage.token(), "displayed", "").await, 204);
    let list = stage.server.one("ListDeliveries", json!({"parent": message})).await;
    assert_eq!(list["deliveries"][0]["receipts"][0]["kind"], "RECEIPT_KIND_DISPLAYED");
    assert_eq!(list["deliveries"][0]["receipts"][0].get("subscription"), None);
    stage.end().await;
}

#[tokio::test]
async fn a_browser_that_changed_hands_reports_for_nobody() {
    let stage = Stage::set().await;
    let message = stage.send(asking()).await;
    let token = stage.token();
    let request = json!({"pushSubscription": stage.subscription_json(), "userId": "bob"});
    stage.server.one("Subscribe", request).await;
    assert_eq!(stage.report(&token, "clicked", "").await, 204);
    let watch = json!({"parent": message, "includeReceipts": true, "reportLevel": "REPORT_LEVEL_PROGRESS"});
    let mut stream = stage
        .server
        .client
        .clone()
        .watch_deliveries(read::<v1::WatchDeliveriesRequest>("WatchDeliveries", watch))
        .await
        .unwrap()
        .into_inner();
    let receipt = loop {
        if let Some(Kind::Receipts(receipts)) = stream.next().await.unwrap().unwrap().frame.unwrap().kind {
            break receipts.events.into_iter().next().unwrap();
        }
    };
    assert_eq!((receipt.subscription, receipt.user_id), (stage.subscription.clone(), String::new()));
    drop(stream);
    stage.end().await;
}

#[tokio::test]
async fn the_token_counts_against_the_size() {
    let stage = Stage::set().await;
    // 3,993 octets less those of the frame around the text, then less `,"fanfare":"` + 104 + `"`.
    let body = |octets: usize| json!({"json": {"a": "x".repeat(octets - 8)}});
    let with = |mut message: Value| {
        message["requestReceipts"] = json!(true);
        json!({"userId": "anna", "validateOnly": true, "message": message})
    };
    let room = 3_993 - 12 - 104 - 1;
    stage.server.call("Send", with(body(room))).await.unwrap();
    let refused = stage.server.refused("Send", with(body(room + 1))).await;
    assert_eq!(refused.paths(), ["message.json"]);
    stage
        .server
        .call("Send", json!({"userId": "anna", "validateOnly": true, "message": body(3_993)}))
        .await
        .unwrap();
    stage.end().await;
}

#[tokio::test]
async fn receipts_need_json_and_a_listener() {
    let stage = Stage::set().await;
    for message in [json!({"data": "aGk="}), json!({"empty": {}})] {
        let mut message = message;
        message["requestReceipts"] = json!(true);
        let refused = stage.server.refused("Send", json!({"userId": "anna", "message": message})).await;
        assert_eq!(refused.paths(), ["message.request_receipts"]);
    }
    let request = json!({"userId": "anna", "message": {"json": {"fanfare": 1}, "requestReceipts": true}});
    assert_eq!(stage.server.refused("Send", request).await.paths(), ["message.json.fanfare"]);
    stage.end().await;
    let server = Server::start().await;
    let refused = server.refused("Send", json!({"userId": "anna", "message": asking()})).await;
    assert!(refused.paths().contains(&"message.request_receipts"));
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let stage = Stage::set().await;
    stage.send(asking()).await;
    let token = stage.token();
    let mut forged = token.clone().into_bytes();
    forged[50] = if forged[50] == b'A' { b'B' } else { b'A' };
    assert_eq!(stage.report(std::str::from_utf8(&forged).unwrap(), "displayed", "").await, 403);
    assert_eq!(stage.report("", "displayed", "").await, 403);
    assert_eq!(stage.report(&token, "seen", "").await, 400);
    assert_eq!(stage.post("no JSON").await.status(), 400);
    assert_eq!(stage.post("x".repeat(BODY_OCTETS_MAX + 1)).await.status(), 413);
    let url = format!("http://{}{PATH}", stage.receipts);
    assert_eq!(stage.http.get(&url).send().await.unwrap().status(), 405);
    assert_eq!(stage.http.post(format!("{url}x")).send().await.unwrap().status(), 404);
    // Its events have gone.
    stage.server.trim().await;
    assert_eq!(stage.report(&token, "displayed", "").await, 410);
    stage.end().await;
}

#[tokio::test]
async fn too_many_reports_of_one_browser_are_put_off() {
    let stage = Stage::set().await;
    stage.send(asking()).await;
    let token = stage.token();
    let mut statuses = Vec::new();
    for _ in 0..120 {
        statuses.push(stage.report(&token, "displayed", "").await);
    }
    assert_eq!(statuses[0], 204);
    assert!(statuses.contains(&429), "{statuses:?}");
    let report = json!({"token": token, "kind": "displayed"}).to_string();
    let mut answer = stage.post(report.clone()).await;
    while answer.status() != 429 {
        answer = stage.post(report.clone()).await;
    }
    assert_eq!(answer.headers()["retry-after"], "5");
    stage.end().await;
}

#[tokio::test]
async fn pages_of_any_origin_may_report() {
    let stage = Stage::set().await;
    let url = format!("http://{}{PATH}", stage.receipts);
    let preflight = stage
        .http
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-methods"], "POST");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "content-type");
    let refused = stage.post("no JSON").await;
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    stage.end().await;
}
