//! A server that has no descriptor left: it accepts again once it has, does not burn a processor meanwhile, says what is
//! wrong, and does not blame the push service.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use fanfare::proto::v1::admin_service_client::AdminServiceClient;
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::message::Payload;
use fanfare::proto::v1::push_service_client::PushServiceClient;
use fanfare::proto::v1::send_request::Recipient;
use fanfare::proto::v1::{ListOriginsRequest, Message, OriginState, ReportLevel, SendRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::transport::Endpoint;

use super::{PATIENCE, Place, printed, run_with_input};

/// How long it has none, at least.
const LASTS: Duration = Duration::from_secs(3);
/// What of one processor it may use meanwhile.
const BUSY_MAX: f64 = 0.25;
/// What the log says of a listener, at most so often.
const SAID: &str = "no connection can be accepted";
const SAID_EACH: Duration = Duration::from_secs(10);
/// What HTTP/2 begins with: both sides send it at once.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A running process.
struct Running(u32);

impl Running {
    /// The lowest number that no descriptor has.
    fn lowest_free(&self) -> u64 {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0)).unwrap();
        let open = open.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
        let open: BTreeSet<u64> = open.collect();
        (0..=open.len() as u64).find(|number| !open.contains(number)).unwrap()
    }

    /// Descriptors have numbers below this from now on.
    fn limit(&self, number: u64) {
        let mut command = Command::new("prlimit");
        command.arg(format!("--pid={}", self.0)).arg(format!("--nofile={number}:"));
        assert!(command.status().unwrap().success());
    }

    /// Processor time that it has used, in seconds (proc(5): fields 14 and 15, in hundredths).
    fn used(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_it_waits_and_then_goes_on() {
    let place = Place::new().await;
    let (server, ready) = place.serve("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", ready.server);
    let pasted = place.subscriptions(&ready, 1).await;
    printed(&run_with_input(&["subscribe", "--user", "alice", "--server", &url], &pasted));
    // A connection that is there stays.
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let (mut push, mut admin) =
        (PushServiceClient::new(channel.clone()), AdminServiceClient::new(channel.clone()));
    admin.list_origins(ListOriginsRequest::default()).await.unwrap();

    let running = Running(server.id().unwrap());
    let former = running.lowest_free() + 1_000;
    running.limit(running.lowest_free());
    let (began, used) = (Instant::now(), running.used());
    // The system takes their connections; the server cannot.
    let mut grpc = TcpStream::connect(ready.server).await.unwrap();
    grpc.write_all(PREFACE).await.unwrap();
    let mut http = TcpStream::connect(ready.admin).await.unwrap();
    http.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let message = Message { payload: Some(Payload::Data("x".into())), ..Message::default() };
    let request = SendRequest {
        recipient: Some(Recipient::UserId("alice".to_owned())),
        message: Some(message),
        report_level: ReportLevel::Attempts.into(),
        ..SendRequest::default()
    };
    let mut frames = push.send(request).await.unwrap().into_inner();
    let log = || fs::read_to_string(place.path("server.log")).unwrap();
    let said = |listener: &str| {
        let of = format!("listener=\"{listener}\"");
        log().lines().filter(|line| line.contains(SAID) && line.contains(&of)).count()
    };
    let told = async {
        while said("server") == 0 || said("admin") == 0 || !log().contains("more open files may be needed") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("it says what is wrong");
    // Long enough to see whether it is busy.
    sleep(LASTS.saturating_sub(began.elapsed())).await;
    let busy = (running.used() - used) / began.elapsed().as_secs_f64();
    assert!(busy < BUSY_MAX, "{busy} of a processor");
    let most = 1 + began.elapsed().as_secs() / SAID_EACH.as_secs();
    assert!(said("server") as u64 <= most && said("admin") as u64 <= most, "{}", log());
    let origins = admin.list_origins(ListOriginsRequest::default()).await.unwrap().into_inner().origins;
    assert!(!origins.is_empty());
    for origin in &origins {
        assert_eq!(origin.state(), OriginState::Open, "{origin:?}");
    }

    running.limit(former);
    let mut answer = [0; 1_024];
    let read = timeout(PATIENCE, grpc.read(&mut answer)).await.expect("it accepts again").unwrap();
    assert!(read > 0);
    let mut answer = String::new();
    timeout(PATIENCE, http.read_to_string(&mut answer)).await.expect("so does this one").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let ended = async {
        while let Some(frame) = frames.message().await.unwrap() {
            if let Some(Kind::Summary(summary)) = frame.frame.unwrap().kind {
                return summary.counts.unwrap();
            }
        }
        panic!("the stream ended");
    };
    let counts = timeout(PATIENCE, ended).await.expect("what waited is delivered");
    assert_eq!(counts.accepted, 1, "{counts:?}");
    println!("{{\"seconds\": {:.1}, \"processor\": {busy:.3}}}", began.elapsed().as_secs_f64());
    server.stop().await.unwrap();
}
