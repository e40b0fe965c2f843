//! ImportSubscriptions: answers in order, refusals as Subscribe's, and where a call that broke off goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::ScriptedTransport;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::{Code, Request, Status, Streaming};
use v1::import_answer::Answer as Answered;

use crate::harness::{Refused, Server, browser, memory, read};

/// One call, with both its sides.
struct Call {
    requests: Option<mpsc::Sender<v1::ImportSubscriptionsRequest>>,
    responses: Streaming<v1::ImportSubscriptionsResponse>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Stored { name: String, created: bool },
    Rejected(Refused),
}

impl Call {
    async fn open(server: &Server) -> Self {
        Self::open_for(server, None).await.unwrap()
    }

    async fn open_for(server: &Server, timeout: Option<Duration>) -> Result<Self, Status> {
        let (requests, mut received) = mpsc::channel(16);
        let mut request = Request::new(async_stream::stream! {
            while let Some(request) = received.recv().await {
                yield request;
            }
        });
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let responses = server.client.clone().import_subscriptions(request).await?.into_inner();
        Ok(Self { requests: Some(requests), responses })
    }

    async fn send(&self, entries: &[Value]) {
        let entry = |entry: &Value| read::<v1::SubscribeRequest>("Subscribe", entry.clone()).into_inner();
        let subscriptions = entries.iter().map(entry).collect();
        let request = v1::ImportSubscriptionsRequest { subscriptions };
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    /// The next `count` answers.
    async fn answers(&mut self, count: usize) -> Result<Vec<Told>, Status> {
        let mut all = Vec::new();
        while all.len() < count {
            let response = self.responses.message().await?.expect("an answer");
            all.extend(response.answers.into_iter().map(told));
        }
        assert_eq!(all.len(), count);
        Ok(all)
    }

    /// Half-closes and reads to the end: all answers, and how it ended.
    async fn rest(&mut self) -> (Vec<Told>, Result<(), Status>) {
        self.requests = None;
        let mut all = Vec::new();
        loop {
            match self.responses.message().await {
                Ok(Some(response)) => all.extend(response.answers.into_iter().map(told)),
                Ok(None) => return (all, Ok(())),
                Err(status) => return (all, Err(status)),
            }
        }
    }
}

fn told(answer: v1::ImportAnswer) -> Told {
    match answer.answer.unwrap() {
        Answered::Name(name) => Told::Stored { name, created: answer.created },
        Answered::Rejected(status) => {
            assert!(!answer.created);
            let code = Code::from_i32(status.code);
            let status = Status::with_details(code, status.message.clone(), status.encode_to_vec().into());
            Told::Rejected(Refused::of(&status))
        }
    }
}

fn stored(told: &[Told]) -> Vec<&str> {
    let name = |of: &Told| match of {
        Told::Stored { name, .. } => name.clone(),
        Told::Rejected(refused) => panic!("{refused:?}"),
    };
    told.iter()
        .inspect(|of| assert!(!name(of).is_empty()))
        .map(|of| if let Told::Stored { name, .. } = of { name.as_str() } else { "" })
        .collect()
}

fn entry(path: &str, user: &str) -> Value {
    json!({"pushSubscription": browser(path), "userId": user})
}

fn entries(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(|n| entry(&format!("s{n}"), &format!("user-{n}"))).collect()
}

/// The users of all stored subscriptions, by name.
async fn users(server: &Server) -> BTreeMap<String, String> {
    let page = server.one("ListSubscriptions", json!({"pageSize": 1_000})).await;
    assert_eq!(page.get("nextPageToken"), None);
    let all = page["subscriptions"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.iter().map(|of| (text(&of["name"]), text(&of["userId"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_the_order_of_the_entries() {
    let server = Server::start().await;
    let mut call = Call::open(&server).await;
    call.send(&entries(0..500)).await;
    call.send(&[]).await;
    call.send(&entries(500..700)).await;
    let (told, ended) = call.rest().await;
    ended.unwrap();
    let users = users(&server).await;
    assert_eq!(users.len(), 700);
    let of: Vec<_> = stored(&told).into_iter().map(|name| users[name].clone()).collect();
    assert_eq!(of, (0..700).map(|n| format!("user-{n}")).collect::<Vec<_>>());
    assert!(told.iter().all(|of| matches!(of, Told::Stored { created: true, .. })));
    server.stop().await;
}

/// However many are stored at once, of one endpoint the last entry stays, and what takes another one's place finds it.
#[tokio::test(flavor = "multi_thread")]
async fn entries_of_one_endpoint_follow_each_other() {
    let server = Server::start().await;
    let mut call = Call::open(&server).await;
    let mut all = Vec::new();
    for n in 0..100 {
        all.push(entry("same", &format!("owner-{n}")));
        all.push(entry(&format!("other-{n}"), ""));
    }
    all.push(entry("old", "anna"));
    let mut renewed = entry("new", "");
    renewed["replaces"] = "https://push.example.net/old".into();
    all.push(renewed);
    all.push(entry("new", ""));
    call.send(&all).await;
    let (told, ended) = call.rest().await;
    ended.unwrap();
    let names = stored(&told);
    let users = users(&server).await;
    assert_eq!(users.len(), 102);
    assert!((0..100).all(|n| names[2 * n] == names[0]));
    assert_eq!(users[names[0]], "owner-99");
    assert_eq!((names[200], users[names[200]].as_str()), (names[201], "anna"));
    assert_eq!(names[200], names[202]);
    server.stop().await;
}

#[tokio::test]
async fn a_bad_entry_is_answered_as_subscribe_would_and_the_call_goes_on() {
    let server = Server::start().await;
    let mut elsewhere = entry("x", "");
    elsewhere["pushSubscription"]["endpoint"] = "https://elsewhere.example.org/x".into();
    let mut keys = entry("x", "");
    keys["pushSubscription"]["keys"] = json!({"p256dh": "AAAA", "auth": "x"});
    keys["topics"] = json!(["with space", ""]);
    let bad = [json!({}), elsewhere, keys, json!({"pushSubscription": {"endpoint": "http://x/"}})];
    let mut all = Vec::new();
    for (n, bad) in bad.iter().enumerate() {
        all.push(bad.clone());
        all.push(entry(&format!("good-{n}"), ""));
    }
    let mut call = Call::open(&server).await;
    call.send(&all).await;
    let (told, ended) = call.rest().await;
    ended.unwrap();
    assert_eq!(told.len(), 8);
    for (n, bad) in bad.into_iter().enumerate() {
        let refused = server.refused("Subscribe", bad).await;
        assert_eq!(told[2 * n], Told::Rejected(refused));
        assert!(matches!(told[2 * n + 1], Told::Stored { created: true, .. }));
    }
    let Told::Rejected(refused) = &told[4] else { panic!() };
    assert_eq!(refused.paths().len(), 4, "{refused:?}");
    assert_eq!(users(&server).await.len(), 4);
    server.stop().await;
}

/// A request that does not fit ends the call, behind the answers to what came before, and nothing of it is stored.
#[tokio::test]
async fn a_bad_request_ends_the_call_after_the_answers_before() {
    let server = Server::start().await;
    let other = |member: &str, value: Value| {
        let mut bad = entry("bad", "");
        bad[member] = value;
        vec![entry("beside", ""), bad]
    };
    let too_many: Vec<_> = (0..1_001).map(|_| json!({})).collect();
    for (n, (bad, path)) in [
        (too_many, "subscriptions"),
        (other("application", "shop".into()), "subscriptions[1].application"),
        (other("application", "nobody".into()), "subscriptions[1].application"),
        (other("validateOnly", true.into()), "subscriptions[1].validate_only"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut call = Call::open(&server).await;
        let mut first = entry(&format!("first-{n}"), "");
        first["application"] = "default".into();
        // The same one, unnamed.
        call.send(&[first, entry(&format!("second-{n}"), "")]).await;
        call.send(&bad).await;
        call.send(&[entry("late", "")]).await;
        let (told, ended) = call.rest().await;
        let refused = Refused::of(&ended.unwrap_err());
        assert_eq!((refused.code, refused.paths()), (Code::InvalidArgument, vec![path]));
        assert_eq!(stored(&told).len(), 2);
        assert_eq!(users(&server).await.len(), 2 * (n + 1));
    }
    let mut call = Call::open(&server).await;
    call.send(&[json!({"application": "nobody"})]).await;
    let (told, ended) = call.rest().await;
    assert_eq!((told.len(), Refused::of(&ended.unwrap_err()).reason.as_str()), (0, "APPLICATION_NOT_FOUND"));
    // tonic's own refusal, which has no details.
    let mut call = Call::open(&server).await;
    let mut huge = entry("huge", "");
    huge["locale"] = "x".repeat(2 * 1024 * 1024).into();
    call.send(&[entry("before", "")]).await;
    call.send(&[huge]).await;
    let (told, ended) = call.rest().await;
    assert_eq!((told.len(), ended.unwrap_err().code()), (1, Code::OutOfRange));
    server.stop().await;
}

#[tokio::test]
async fn the_first_entry_says_whose_the_call_is() {
    let server = Server::start().await;
    let mut call = Call::open(&server).await;
    let mut entries = entries(0..3);
    for entry in &mut entries {
        entry["application"] = "shop".into();
    }
    call.send(&entries).await;
    let (told, ended) = call.rest().await;
    ended.unwrap();
    assert_eq!(stored(&told).len(), 3);
    assert_eq!(users(&server).await.len(), 0);
    let page = server.one("ListSubscriptions", json!({"application": "shop"})).await;
    assert_eq!(page["subscriptions"].as_array().unwrap().len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn validate_only_tells_what_would_be_and_stores_nothing() {
    let server = Server::start().await;
    server.subscribe("there", "anna", &[]).await;
    let mut call = Call::open(&server).await;
    let mut entries = [entry("there", ""), entry("new", ""), json!({})];
    for entry in &mut entries {
        entry["validateOnly"] = true.into();
    }
    call.send(&entries).await;
    let (told, ended) = call.rest().await;
    ended.unwrap();
    let unnamed = |created| Told::Stored { name: String::new(), created };
    assert_eq!(told[..2], [unnamed(false), unnamed(true)]);
    assert!(matches!(&told[2], Told::Rejected(refused) if refused.paths() == ["push_subscription"]));
    assert_eq!(users(&server).await.len(), 1);
    server.stop().await;
}

/// A caller who went away goes on from the first entry without an answer; sending more than that again does no harm. The
/// place among the imports is free again.
#[tokio::test]
async fn a_call_that_broke_off_is_repeated_without_harm() {
    let settings = ApiSettings { imports_max: 1, ..ApiSettings::default() };
    let transport = ScriptedTransport::always(201);
    let server = Server::start_with(transport, settings, ServerSettings::default()).await;
    let entries = entries(0..300);
    let mut call = Call::open(&server).await;
    call.send(&entries[..40]).await;
    let first = call.answers(40).await.unwrap();
    let refused = Refused::of(&Call::open_for(&server, None).await.err().expect("one is too many"));
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    call.send(&entries[40..]).await;
    drop(call);
    server.calls.wait_for("ImportSubscriptions", Code::Cancelled).await;

    let mut again = Call::open(&server).await;
    again.send(&entries).await;
    let (told, ended) = again.rest().await;
    ended.unwrap();
    let names = stored(&told);
    assert_eq!(names[..40], stored(&first));
    assert!(told[..40].iter().all(|of| matches!(of, Told::Stored { created: false, .. })));
    let users = users(&server).await;
    assert_eq!(users.len(), 300);
    assert_eq!(users[names[299]], "user-299");
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_and_a_deadline_end_the_call() {
    let server = Server::start().await;
    let mut call = Call::open_for(&server, Some(Duration::from_millis(200))).await.unwrap();
    call.send(&entries(0..3)).await;
    assert_eq!(stored(&call.answers(3).await.unwrap()).len(), 3);
    // It is not half-closed: only its deadline ends it.
    let ended = call.responses.message().await.unwrap_err();
    assert_eq!(ended.code(), Code::DeadlineExceeded);

    let mut call = Call::open(&server).await;
    call.send(&entries(0..3)).await;
    assert_eq!(stored(&call.answers(3).await.unwrap()).len(), 3);
    server.shut_engine_down().await;
    let (told, ended) = call.rest().await;
    let refused = Refused::of(&ended.unwrap_err());
    assert_eq!(
        (told.len(), refused.code, refused.reason.as_str()),
        (0, Code::Unavailable, "SERVER_DRAINING")
    );
    server.stop().await;
}

/// That this server cannot write is no answer to an entry: the same one is welcome when it can again.
#[tokio::test]
async fn a_store_that_cannot_write_ends_the_call() {
    let store = memory();
    let (settings, transport) = (ApiSettings::default(), ScriptedTransport::always(201));
    let server = Server::start_over(store.clone(), transport, settings, ServerSettings::default()).await;
    let mut call = Call::open(&server).await;
    call.send(&entries(0..3)).await;
    assert_eq!(stored(&call.answers(3).await.unwrap()).len(), 3);
    store.close().await;
    call.send(&[json!({}), entry("x", "")]).await;
    let (told, ended) = call.rest().await;
    let refused = Refused::of(&ended.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Unavailable, "STORE_UNAVAILABLE"));
    assert!(matches!(told[..], [Told::Rejected(_)]), "{told:?}");
}
