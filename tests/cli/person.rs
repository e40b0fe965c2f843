//! The right person at the right time, by the program and the sandbox: what waits for one user never reaches the next.

use std::time::Duration;

use fanfare::domain::{Clock as _, SystemClock};
use fanfare::proto::v1;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use v1::push_service_client::PushServiceClient;

use super::{Place, printed, printed_json, run, run_with_input};

/// How long what is scheduled waits: enough to change what it is for.
const AHEAD: Duration = Duration::from_secs(3);

/// A server, and a browser that two people use one after the other.
struct Shared {
    place: Place,
    _server: super::Process,
    url: String,
    http: reqwest::Client,
    browser: String,
}

impl Shared {
    async fn new() -> Self {
        let place = Place::new().await;
        let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
        let browser = place.subscriptions(&ready, 1).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { place, _server: server, url: format!("http://{}", ready.server), http, browser }
    }

    /// The browser subscribes for a user.
    fn log_in(&self, user: &str, more: &[&str]) {
        let arguments = [&["subscribe", "--server", &self.url, "--user", user], more].concat();
        printed(&run_with_input(&arguments, self.browser.trim()));
    }

    fn call(&self, arguments: &[&str]) -> Vec<Value> {
        printed_json(&run(&[arguments, &["--json", "--server", &self.url]].concat()))
    }

    /// Sends or broadcasts, and answers the message's name.
    fn accept(&self, arguments: &[&str]) -> String {
        let frames = self.call(&[arguments, &["--report-level", "accepted"]].concat());
        frames[0]["accepted"]["message"]["name"].as_str().unwrap().to_owned()
    }

    /// The terminal events of a message once it has ended.
    fn ended(&self, message: &str) -> Vec<Value> {
        let frames = self.call(&["watch", message, "--report-level", "terminal"]);
        let events = frames.iter().filter_map(|frame| frame["events"]["events"].as_array());
        events.flatten().cloned().collect()
    }

    async fn fault(&self, fault: Value) {
        let url = format!("http://{}/groups/1/subscribers/0/faults", self.place.sandbox.control);
        let request = self.http.post(url).header("content-type", "application/json").body(fault.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// The messages that the browser has decrypted.
    async fn received(&self) -> Vec<Value> {
        let url = format!("http://{}/groups/1/received", self.place.sandbox.control);
        let lines = self.http.get(url).send().await.unwrap().text().await.unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn posts(&self) -> u64 {
        let url = format!("http://{}/groups/1", self.place.sandbox.control);
        let group = self.http.get(url).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&group).unwrap()["posts"].as_u64().unwrap()
    }
}

fn assert_not_for_bob(events: &[Value], what: &str) {
    assert_eq!(events.len(), 1, "{what}: {events:?}");
    let event = &events[0];
    assert_eq!(
        (&event["state"], &event["outcome"]),
        (&json!("DELIVERY_STATE_FAILED"), &json!("OUTCOME_NOT_FOUND")),
        "{what}"
    );
    assert!(!event.to_string().contains("bob"), "{what}: {event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_one_user_never_reaches_the_next() {
    let shared = Shared::new().await;
    shared.log_in("alice", &["--topic", "news"]);
    shared.fault(json!({"answer": {"status": 503, "retry_after": {"seconds": 2}}})).await;
    let start = Duration::from_micros(SystemClock.now().plus(AHEAD).as_micros());
    let start = humantime::format_rfc3339(std::time::SystemTime::UNIX_EPOCH + start).to_string();
    let mut messages = Vec::new();
    for arguments in [
        &["send", "--user", "alice", "--json-payload", r#"{"n":1}"#][..],
        &["broadcast", "--topic", "news", "--json-payload", r#"{"n":2}"#],
        &["broadcast", "--all", "--json-payload", r#"{"n":3}"#],
        &["send", "--user", "alice", "--json-payload", r#"{"n":4}"#, "--at", &start],
    ] {
        messages.push((arguments[..2].join(" "), shared.accept(arguments)));
    }
    // All but the scheduled one have been attempted, or wait for their turn behind one that was.
    while shared.posts().await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shared.log_in("bob", &[]);
    shared.fault(Value::Null).await;
    for (what, message) in &messages {
        assert_not_for_bob(&shared.ended(message), what);
    }
    assert_eq!(shared.received().await, Vec::<Value>::new(), "bob's browser got what was alice's");
    let sent = shared.call(&["send", "--user", "bob", "--json-payload", r#"{"n":5}"#, "--ttl", "1s"]);
    assert_eq!(sent.last().unwrap()["summary"]["counts"]["accepted"], 1, "{sent:?}");
    let received = shared.received().await;
    assert_eq!((received.len(), &received[0]["ttl"]), (1, &json!(1)), "what was asked for is what is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_in_seconds_is_understood_and_mutable_stands_twice() {
    let shared = Shared::new().await;
    let mut browser: Value = serde_json::from_str(shared.browser.trim()).unwrap();
    browser["expirationTime"] = json!(1_900_000_000);
    // The command takes them for what they are, and says so; the server refuses them (tests/api).
    let taken = run_with_input(&["subscribe", "--server", &shared.url], &browser.to_string());
    printed(&taken);
    let warned = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(warned.contains("seconds"), "{warned}");
    shared.log_in("alice", &[]);
    let mut client = PushServiceClient::connect(shared.url.clone()).await.unwrap();
    let notification = v1::Notification {
        title: "Hello".to_owned(),
        navigate: "https://example.com/".to_owned(),
        mutable: true,
        ..v1::Notification::default()
    };
    let message = v1::Message {
        payload: Some(v1::message::Payload::Notification(notification)),
        ..v1::Message::default()
    };
    let request = v1::SendRequest {
        message: Some(message),
        recipient: Some(v1::send_request::Recipient::UserId("alice".to_owned())),
        ..v1::SendRequest::default()
    };
    let mut frames = client.send(request).await.unwrap().into_inner();
    while frames.message().await.unwrap().is_some() {}
    let expected = r#"{"web_push":8030,"notification":{"title":"Hello","navigate":"https://example.com/","mutable":true},"mutable":true}"#;
    let received = shared.received().await;
    let hash = format!("{:032x}", u128::from_be_bytes(Sha256::digest(expected)[..16].try_into().unwrap()));
    assert_eq!(received[0]["octets"], json!(expected.len()));
    assert!(received[0]["sha256"].as_str().unwrap().starts_with(&hash), "{}", received[0]);
}
