//! Autopush's WebSocket protocol, as Firefox speaks it, and push resources of browsers.

use std::time::Duration;

use fanfare::domain::{ContentEncoding, SubscriptionKeys};
use fanfare::sandbox::control_json::{BrowserEvent, BrowserEventKind, UserAgentStatus};
use fanfare::sandbox::{AUTOPUSH_PATH, SandboxLimits, SandboxSettings};
use fanfare::webpush::VapidKeyPair;
use fanfare::webpush::keys::decode_base64;
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::{Harness, Sender, Subscription};

const CHANNEL: &str = "01234567-89ab-4cde-8f01-23456789abcd";
const OTHER_CHANNEL: &str = "fedcba98-7654-4210-8fed-cba987654321";

/// What Firefox is to a push service.
struct Firefox {
    socket: WebSocketStream<TcpStream>,
    uaid: String,
}

impl Firefox {
    /// Connects without a word.
    async fn open(harness: &Harness) -> WebSocketStream<TcpStream> {
        let address = harness.sandbox.addresses().browser;
        let mut request = format!("ws://{address}{AUTOPUSH_PATH}").into_client_request().unwrap();
        let subprotocol = HeaderValue::from_static("push-notification");
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.clone());
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, response) = client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], subprotocol);
        socket
    }

    /// Connects as one that is known, or as a new one.
    async fn connect(harness: &Harness, known: Option<&str>) -> Self {
        let mut firefox = Self { socket: Self::open(harness).await, uaid: String::new() };
        let mut hello = json!({"messageType": "hello", "broadcasts": {}, "use_webpush": true});
        if let Some(uaid) = known {
            hello["uaid"] = uaid.into();
        }
        firefox.say(hello).await;
        let answer = firefox.hear().await;
        answer["uaid"].as_str().unwrap().clone_into(&mut firefox.uaid);
        assert_eq!(
            answer,
            json!({"messageType": "hello", "uaid": firefox.uaid, "status": 200, "use_webpush": true, "broadcasts": {}})
        );
        assert_eq!(firefox.uaid.len(), 32);
        firefox
    }

    async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame with JSON.
    async fn hear(&mut self) -> Value {
        let heard = tokio::time::timeout(Duration::from_secs(10), self.socket.next()).await;
        let heard = heard.expect("nothing was said").expect("the connection ended").unwrap();
        serde_json::from_str(heard.to_text().unwrap()).unwrap()
    }

    /// Subscribes; gives the endpoint.
    async fn subscribe(&mut self, harness: &Harness, channel: &str) -> Subscription {
        // Firefox pads it.
        let key = format!("{}=", harness.sender.public());
        self.say(json!({"channelID": channel, "messageType": "register", "key": key})).await;
        let answer = self.hear().await;
        assert_eq!(answer["status"], 200, "{answer}");
        assert_eq!((&answer["messageType"], &answer["channelID"]), (&json!("register"), &json!(channel)));
        let endpoint = answer["pushEndpoint"].as_str().unwrap().to_owned();
        let pair = VapidKeyPair::generate().unwrap();
        Subscription { endpoint, keys: SubscriptionKeys { p256dh: *pair.public(), auth: [7; 16] } }
    }

    /// Hears of a message, and has it.
    async fn receive(&mut self) -> Value {
        let notification = self.hear().await;
        assert_eq!(notification["messageType"], "notification", "{notification}");
        self.acknowledge(&notification, 100).await;
        notification
    }

    async fn acknowledge(&mut self, notification: &Value, code: u16) {
        let update = json!({
            "channelID": notification["channelID"], "version": notification["version"], "code": code,
        });
        self.say(json!({"messageType": "ack", "updates": [update]})).await;
    }

    /// How the other side ends the connection: code and reason; none where it says nothing.
    async fn ended(mut self) -> Option<(u16, String)> {
        loop {
            match tokio::time::timeout(Duration::from_secs(10), self.socket.next()).await.expect("goes on") {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// Waits for an event, and gives it.
async fn event(harness: &Harness, kind: BrowserEventKind, skip: usize) -> BrowserEvent {
    let url = format!("http://{}/events?follow=true", harness.sandbox.addresses().control);
    let mut answer = harness.client.get(url).send().await.unwrap();
    let mut text = String::new();
    loop {
        let lines = text.lines().filter_map(|line| serde_json::from_str::<BrowserEvent>(line).ok());
        if let Some(event) = lines.filter(|line| line.event == kind).nth(skip) {
            return event;
        }
        let chunk = answer.chunk().await.unwrap().expect("events have no end");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

async fn user_agents(harness: &Harness) -> Vec<UserAgentStatus> {
    let answer = harness.get("/user-agents").await;
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends with a topic; gives the status.
async fn send_topic(harness: &Harness, to: &Subscription, text: &str, topic: &str) -> u16 {
    let answer = harness.send(to, ContentEncoding::Aes128Gcm, text.as_bytes(), &[("topic", topic)]).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn a_message_comes_as_it_was_posted() {
    let harness = Harness::strict().await;
    let mut firefox = Firefox::connect(&harness, None).await;
    let to = firefox.subscribe(&harness, CHANNEL).await;
    assert!(to.endpoint.starts_with(&format!("{}/push/", harness.origin())));

    for encoding in [ContentEncoding::Aes128Gcm, ContentEncoding::AesGcm] {
        let request = harness.request(&to, encoding, b"What a browser decrypts", &[]).build().unwrap();
        let body = request.body().unwrap().as_bytes().unwrap().to_vec();
        let header = |name: &str| {
            let value = request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            value.map_or(Value::Null, |value| value.split(';').next().unwrap().into())
        };
        let (salt, key) = (header("encryption"), header("crypto-key"));
        let answer = harness.client.execute(request).await.unwrap();
        assert_eq!(answer.status(), 201);
        let location = answer.headers()["location"].to_str().unwrap();
        let version = location.rsplit_once("/m/").unwrap().1;

        let notification = firefox.receive().await;
        assert_eq!(notification["channelID"], CHANNEL);
        assert_eq!(notification["version"], version);
        assert_eq!(*decode_base64(notification["data"].as_str().unwrap()).unwrap(), body);
        let headers = match encoding {
            ContentEncoding::Aes128Gcm => json!({"encoding": "aes128gcm"}),
            ContentEncoding::AesGcm => json!({"encoding": "aesgcm", "encryption": salt, "crypto_key": key}),
        };
        assert_eq!(notification["headers"], headers);
    }

    let answer = harness.post(&to.endpoint, harness.good_headers(), Vec::new()).await;
    assert_eq!((answer.status.as_u16(), answer.header("ttl")), (201, "60"));
    let empty = firefox.receive().await;
    let version = answer.header("location").rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(empty, json!({"messageType": "notification", "channelID": CHANNEL, "version": version}));

    firefox.say(json!({"messageType": "nack", "version": version, "code": 302})).await;
    let failed = event(&harness, BrowserEventKind::Failed, 0).await;
    assert_eq!((failed.message.as_deref(), failed.code), (Some(version.as_str()), Some(302)));
    let acknowledged = event(&harness, BrowserEventKind::Acknowledged, 2).await;
    assert_eq!(acknowledged.channel.as_deref(), Some(CHANNEL));
    assert_eq!((acknowledged.message.as_deref(), acknowledged.code), (Some(version.as_str()), Some(100)));
    assert_eq!(user_agents(&harness).await[0].waiting, 0);
}

#[tokio::test]
async fn push_resources_of_browsers_are_checked_like_all() {
    let harness = Harness::strict().await;
    let mut firefox = Firefox::connect(&harness, None).await;
    let to = firefox.subscribe(&harness, CHANNEL).await;
    let mut stranger = harness.good_headers();
    stranger.insert(
        "authorization",
        Sender::new().token(harness.origin(), fanfare::domain::Clock::now(&harness.clock)),
    );
    let mut unsigned = harness.good_headers();
    unsigned.remove("authorization");
    let mut timeless = harness.good_headers();
    timeless.remove("ttl");

    let refusal = async |headers: &reqwest::header::HeaderMap, body: usize| {
        harness.post(&to.endpoint, headers.clone(), vec![1; body]).await.refusal()
    };
    assert_eq!(refusal(&stranger, 0).await, (401, Some(109)));
    assert_eq!(refusal(&unsigned, 0).await, (401, Some(109)));
    assert_eq!(refusal(&timeless, 0).await, (400, Some(111)));
    assert_eq!(refusal(&harness.good_headers(), 1).await, (400, Some(110)));
    assert_eq!(refusal(&harness.good_headers(), 4_097).await, (413, Some(104)));
    let tampered = format!("{}A", to.endpoint);
    assert_eq!(harness.post(&tampered, harness.good_headers(), Vec::new()).await.refusal(), (404, Some(102)));

    firefox.say(json!({"channelID": CHANNEL, "messageType": "unregister", "code": 200})).await;
    assert_eq!(
        firefox.hear().await,
        json!({"messageType": "unregister", "channelID": CHANNEL, "status": 200})
    );
    assert_eq!(refusal(&harness.good_headers(), 0).await, (410, Some(106)));
    assert_eq!(refusal(&stranger, 0).await, (401, Some(109)), "a wrong key hides that it is gone");
    let counts = harness.counts().await;
    assert_eq!(counts.refusals["subscription_gone"], 1);
    assert_eq!(event(&harness, BrowserEventKind::Unregistered, 0).await.code, Some(200));
}

#[tokio::test]
async fn what_is_not_acknowledged_comes_again() {
    let harness = Harness::strict().await;
    let mut firefox = Firefox::connect(&harness, None).await;
    let to = firefox.subscribe(&harness, CHANNEL).await;
    assert_eq!(harness.status(&to, "first").await, 201);
    assert_eq!(harness.status(&to, "second").await, 201);
    let first = firefox.receive().await;
    let second = firefox.hear().await;
    event(&harness, BrowserEventKind::Acknowledged, 0).await;
    let uaid = firefox.uaid.clone();
    drop(firefox);
    event(&harness, BrowserEventKind::Disconnected, 0).await;

    let headers = |ttl: &'static str| {
        let mut headers = harness.good_headers();
        headers.insert("ttl", HeaderValue::from_static(ttl));
        headers
    };
    // Now or never; over before it is back; deleted; replaced.
    assert_eq!(harness.post(&to.endpoint, headers("0"), Vec::new()).await.status, 201);
    assert_eq!(harness.post(&to.endpoint, headers("5"), Vec::new()).await.status, 201);
    let deleted = harness.post(&to.endpoint, headers("60"), Vec::new()).await;
    let deletion = harness.client.delete(deleted.header("location")).send().await.unwrap();
    assert_eq!(deletion.status(), 204);
    assert_eq!(send_topic(&harness, &to, "older", "state").await, 201);
    assert_eq!(send_topic(&harness, &to, "newer", "state").await, 201);
    assert_eq!(user_agents(&harness).await[0].waiting, 3);
    harness.clock.advance(Duration::from_secs(5));

    let mut firefox = Firefox::connect(&harness, Some(&uaid)).await;
    assert_eq!(firefox.uaid, uaid);
    let newer = firefox.receive().await;
    assert!(newer["version"].as_str() > second["version"].as_str(), "what has a topic comes first");
    let again = firefox.receive().await;
    assert_eq!(again, second);
    assert_ne!(again["version"], first["version"]);
    event(&harness, BrowserEventKind::Acknowledged, 2).await;
    for (kind, count) in
        [(BrowserEventKind::Expired, 2), (BrowserEventKind::Deleted, 1), (BrowserEventKind::Replaced, 1)]
    {
        event(&harness, kind, count - 1).await;
    }
    assert_eq!(user_agents(&harness).await[0].waiting, 0);
}

#[tokio::test]
async fn a_message_that_is_now_or_never_reaches_who_is_there_and_is_not_repeated() {
    let harness = Harness::strict().await;
    let mut firefox = Firefox::connect(&harness, None).await;
    let to = firefox.subscribe(&harness, CHANNEL).await;
    let mut headers = harness.good_headers();
    headers.insert("ttl", HeaderValue::from_static("0"));
    assert_eq!(harness.post(&to.endpoint, headers, Vec::new()).await.status, 201);
    firefox.hear().await;
    let uaid = firefox.uaid.clone();
    drop(firefox);
    event(&harness, BrowserEventKind::Disconnected, 0).await;
    assert_eq!(user_agents(&harness).await[0].waiting, 0);
    let mut firefox = Firefox::connect(&harness, Some(&uaid)).await;
    assert_eq!(harness.status(&to, "later").await, 201);
    assert!(firefox.receive().await["data"].is_string());
}

#[tokio::test]
async fn who_does_not_keep_the_protocol_is_cut_off() {
    let harness = Harness::strict().await;
    let register = json!({"channelID": CHANNEL, "messageType": "register"}).to_string();
    let hello = json!({"messageType": "hello", "use_webpush": true}).to_string();
    for (first, code) in [
        (Message::text(register), 1011),
        (Message::text("no JSON"), 1011),
        (Message::binary(vec![1]), 1003),
        (Message::text(" ".repeat(70_000)), 1009),
    ] {
        let mut socket = Firefox::open(&harness).await;
        socket.send(first).await.unwrap();
        let ended = Firefox { socket, uaid: String::new() }.ended().await;
        assert_eq!(ended.map(|(code, _)| code), Some(code));
    }
    let upper = json!({"channelID": CHANNEL.to_uppercase(), "messageType": "register"});
    for frames in [vec![serde_json::from_str(&hello).unwrap()], vec![upper], vec![json!({}), json!({})]] {
        let mut firefox = Firefox::connect(&harness, None).await;
        for frame in frames {
            firefox.say(frame).await;
        }
        assert_eq!(firefox.ended().await.map(|(code, _)| code), Some(1011));
    }
    assert!(user_agents(&harness).await.is_empty(), "nothing is kept of who never subscribed");

    let url = format!("http://{}{AUTOPUSH_PATH}", harness.sandbox.addresses().browser);
    assert_eq!(harness.client.get(url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn pings_broadcasts_and_wrong_keys_are_answered() {
    let harness = Harness::strict().await;
    let mut firefox = Firefox::connect(&harness, None).await;
    firefox.say(json!({})).await;
    assert_eq!(firefox.hear().await, json!({}));
    firefox.say(json!({"messageType": "broadcast_subscribe", "broadcasts": {"a/b": "v1"}})).await;
    assert_eq!(
        firefox.hear().await,
        json!({"messageType": "broadcast", "broadcasts": {"errors": {"a/b": "Broadcast not found"}}})
    );
    firefox.say(json!({"channelID": CHANNEL, "messageType": "register", "key": "!"})).await;
    assert_eq!(firefox.hear().await["status"], 400);
    let first = firefox.subscribe(&harness, CHANNEL).await;
    let again = firefox.subscribe(&harness, CHANNEL).await;
    assert_eq!(first.endpoint, again.endpoint, "a repeated registration changes nothing");
    firefox.socket.send(Message::Ping(vec![1, 2].into())).await.unwrap();
    let pong = firefox.socket.next().await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong(vec![1, 2].into()));
}

#[tokio::test]
async fn a_browser_has_one_connection_and_can_be_ordered_offline() {
    let harness = Harness::strict().await;
    let mut first = Firefox::connect(&harness, None).await;
    let to = first.subscribe(&harness, CHANNEL).await;
    let uaid = first.uaid.clone();
    let hello = json!({"messageType": "hello", "use_webpush": true, "uaid": uaid});
    // Made before the second connection, and heard after it.
    let mut late = Firefox { socket: Firefox::open(&harness).await, uaid: String::new() };
    let second = Firefox::connect(&harness, Some(&uaid)).await;
    late.say(hello.clone()).await;
    assert_eq!(first.ended().await, Some((1011, "Ghost".to_owned())));
    assert_eq!(late.ended().await, Some((1011, "Ghost".to_owned())));

    let path = format!("/user-agents/{uaid}");
    let order = async |reachable: bool| {
        let answer = harness.control(Method::PUT, &path, Some(json!({"reachable": reachable}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    order(false).await;
    assert_eq!(second.ended().await, None);
    let mut refused = Firefox::open(&harness).await;
    refused.send(Message::text(hello.to_string())).await.unwrap();
    assert_eq!(Firefox { socket: refused, uaid: String::new() }.ended().await, None);
    assert_eq!(harness.status(&to, "kept").await, 201);
    let status: UserAgentStatus = serde_json::from_str(&harness.get(&path).await.text).unwrap();
    assert_eq!((status.connected, status.reachable, status.waiting), (false, false, 1));
    assert_eq!(status.channels, [CHANNEL]);

    order(true).await;
    Firefox::connect(&harness, Some(&uaid)).await.receive().await;
    for (method, path, body, status) in [
        (Method::GET, "/user-agents/x", None, 404),
        (Method::PUT, "/user-agents/00000000000000000000000000000000", Some(json!({"reachable": true})), 404),
        (Method::PUT, path.as_str(), Some(json!({})), 422),
        (Method::GET, "/events?since=1", None, 400),
    ] {
        assert_eq!(harness.control(method, path, body).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn browsers_are_bounded() {
    let limits = SandboxLimits {
        user_agents_max: 2,
        channels_max: 1,
        waiting_messages_max: 2,
        ..SandboxLimits::default()
    };
    let harness = Harness::start(SandboxSettings { limits, ..SandboxSettings::default() }).await;
    let mut first = Firefox::connect(&harness, None).await;
    let to = first.subscribe(&harness, CHANNEL).await;
    first.say(json!({"channelID": OTHER_CHANNEL, "messageType": "register"})).await;
    assert_eq!(
        first.hear().await,
        json!({"messageType": "register", "channelID": OTHER_CHANNEL, "status": 500, "pushEndpoint": ""})
    );
    let second = Firefox::connect(&harness, None).await;
    let mut third = Firefox { socket: Firefox::open(&harness).await, uaid: String::new() };
    third.say(json!({"messageType": "hello", "use_webpush": true})).await;
    assert_eq!(third.ended().await.map(|(code, _)| code), Some(1013));
    drop(second);
    event(&harness, BrowserEventKind::Disconnected, 0).await;
    Firefox::connect(&harness, None).await;

    for (text, status) in [("one", 201), ("two", 201), ("three", 201), ("four", 410)] {
        assert_eq!(harness.status(&to, text).await, status, "{text}");
    }
    let uaid = first.uaid.clone();
    assert_eq!(first.ended().await, Some((1000, "SM".to_owned())));
    assert_ne!(Firefox::connect(&harness, Some(&uaid)).await.uaid, uaid, "its subscriptions have ended");
}

/// Mozilla takes whatever comes for a browser that is away; once it is back it gets 150 of that, and is forgotten if there
/// is more.
#[tokio::test]
async fn an_absent_browser_gets_150_messages_when_it_is_back() {
    let harness = Harness::strict().await;
    for (count, ends) in [(150, false), (151, true)] {
        let mut firefox = Firefox::connect(&harness, None).await;
        let to = firefox.subscribe(&harness, CHANNEL).await;
        let uaid = firefox.uaid.clone();
        let path = format!("/user-agents/{uaid}");
        let cut = harness.control(Method::PUT, &path, Some(json!({"reachable": false}))).await;
        assert_eq!(cut.status, 200, "{}", cut.text);
        drop(firefox);
        for number in 0..count {
            assert_eq!(harness.status(&to, "x").await, 201, "message {number}");
        }
        harness.control(Method::PUT, &path, Some(json!({"reachable": true}))).await;
        let mut firefox = Firefox::connect(&harness, Some(&uaid)).await;
        assert_eq!(firefox.uaid, uaid);
        for _ in 0..150 {
            firefox.receive().await;
        }
        if ends {
            assert_eq!(firefox.ended().await, Some((1000, "SM".to_owned())));
            assert_eq!(harness.status(&to, "x").await, 410);
        } else {
            assert_eq!(harness.status(&to, "x").await, 201);
            firefox.receive().await;
        }
    }
}

/// Whatever can be decoded is taken for a key, as by Mozilla, and nobody can send with it.
#[tokio::test]
async fn a_key_that_is_none_makes_an_endpoint_for_nobody() {
    let harness = Harness::strict().await;
    let mut firefox = Firefox::connect(&harness, None).await;
    for (key, status) in [("BAUG", 200), ("", 200), ("not base64url!", 400)] {
        firefox.say(json!({"channelID": CHANNEL, "messageType": "register", "key": key})).await;
        let answer = firefox.hear().await;
        assert_eq!(answer["status"], status, "{key}: {answer}");
        let endpoint = answer["pushEndpoint"].as_str().unwrap();
        if status == 200 {
            let refused = harness.post(endpoint, harness.good_headers(), Vec::new()).await;
            assert_eq!(refused.refusal(), (401, Some(109)), "{key}");
        } else {
            assert_eq!(endpoint, "Failed to generate endpoint");
        }
    }
}
