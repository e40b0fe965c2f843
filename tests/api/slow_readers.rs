//! Callers who do not read: what was made for them is bounded, and given up after a time.

use std::time::Duration;

use bytes::Bytes;
use fanfare::api::ApiSettings;
use fanfare::api::server::ServerSettings;
use fanfare::proto::v1;
use fanfare::transport::scripted::ScriptedTransport;
use futures_util::{FutureExt, StreamExt};
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::Response;
use prost::Message;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

use crate::harness::{Server, browser, memory};

/// Subscriptions whose list is about a megabyte.
const SUBSCRIPTIONS: usize = 500;
/// Calls on one connection: as many as it takes.
const CALLS: usize = 200;
/// How long it may take that something happens which must.
const SOON: Duration = Duration::from_secs(20);

/// A caller with a window of no octet, which it never opens. It answers PINGs.
async fn slow_reader(server: &Server) -> SendRequest<Bytes> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let stream: TcpStream = socket.connect(server.address).await.unwrap();
    let (client, connection) =
        h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn call(client: &mut SendRequest<Bytes>, rpc: &str, message: &impl Message) -> ResponseFuture {
    *client = client.clone().ready().await.unwrap();
    let request = http::Request::post(format!("http://fanfare/fanfare.v1.PushService/{rpc}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    let message = message.encode_to_vec();
    let mut octets = vec![0];
    octets.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    octets.extend(message);
    body.send_data(octets.into(), true).unwrap();
    answer
}

/// Calls that wait for their answers, and answers that have begun with something to read.
#[derive(Default)]
struct Answers {
    waiting: Vec<ResponseFuture>,
    begun: Vec<Response<RecvStream>>,
}

impl Answers {
    /// Looks what has come, and waits for nothing.
    fn look(&mut self) {
        for mut answer in std::mem::take(&mut self.waiting) {
            match (&mut answer).now_or_never() {
                None => self.waiting.push(answer),
                Some(answer) => self.begun.push(answer.unwrap()),
            }
        }
        self.begun.retain(|answer| !answer.headers().contains_key("grpc-status"));
    }
}

async fn with_subscriptions(settings: ServerSettings) -> Server {
    let transport = ScriptedTransport::always(201);
    let server = Server::start_over(memory(), transport, ApiSettings::default(), settings).await;
    let entry = |number: usize| {
        let path = format!("{number}-{}", "x".repeat(1_900));
        json!({"pushSubscription": browser(&path), "userId": format!("user-{number}")})
    };
    let entries: Vec<_> = (0..SUBSCRIPTIONS).map(entry).collect();
    let answers = server.call("ImportSubscriptions", json!({"subscriptions": entries})).await.unwrap();
    let stored = answers.iter().map(|answer| answer["answers"].as_array().map_or(0, Vec::len));
    assert_eq!(stored.sum::<usize>(), SUBSCRIPTIONS);
    server
}

/// 200 lists for one caller who does not read: as many are made as may be at once, the others wait. Nobody else does. Those
/// that do not move are given up.
#[tokio::test]
async fn lists_that_are_not_read_are_bounded() {
    let settings = ServerSettings { answer_timeout: Duration::from_secs(8), ..ServerSettings::default() };
    let lists_max = settings.caller_lists_max;
    let server = with_subscriptions(settings).await;
    let mut client = slow_reader(&server).await;
    let request = v1::ListSubscriptionsRequest { page_size: 1_000, ..Default::default() };
    let mut answers = Answers::default();
    for _ in 0..CALLS {
        answers.waiting.push(call(&mut client, "ListSubscriptions", &request).await);
    }
    let all_that_may = async {
        while answers.begun.len() < lists_max {
            tokio::task::yield_now().await;
            answers.look();
        }
    };
    tokio::time::timeout(SOON, all_that_may).await.expect("lists are made");
    for _ in 0..3 {
        let listed = server.one("ListSubscriptions", json!({"pageSize": 10})).await;
        assert_eq!(listed["subscriptions"].as_array().unwrap().len(), 10, "another caller's");
    }
    answers.look();
    assert_eq!(answers.begun.len(), lists_max, "lists at once");
    server.calls.wait_for("ListSubscriptions", Code::Cancelled).await;
    // Whoever keeps calls open is waited for.
    drop((client, answers));
    server.stop().await;
}

/// A stream that nobody reads gives its place back.
#[tokio::test]
async fn a_stream_that_is_not_read_is_given_up() {
    let settings = ServerSettings { answer_timeout: Duration::from_secs(1), ..ServerSettings::default() };
    let calls = ApiSettings { streams_max: 1, ..ApiSettings::default() };
    let server = Server::start_with(ScriptedTransport::always(201), calls, settings).await;
    let mut client = slow_reader(&server).await;
    let watch = v1::WatchDeliveriesRequest { parent: "messages/-".into(), ..Default::default() };
    let answer = call(&mut client, "WatchDeliveries", &watch).await;
    let frames = tokio::time::timeout(SOON, answer).await.unwrap().unwrap().into_body();
    server.calls.wait_for("WatchDeliveries", Code::Cancelled).await;
    // Its place is another one's.
    let mut other = server.client.clone().watch_deliveries(watch).await.unwrap().into_inner();
    other.next().await.unwrap().unwrap();
    drop((frames, other));
    server.stop().await;
}
