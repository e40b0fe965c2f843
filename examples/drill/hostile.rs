//! Endpoints that lead where they must not, and push services that never come to an end, against the real program.
//!
//! What must hold: of the table of hostile endpoints (`tests/hostile`) each is refused by Subscribe, or, where its name has to
//! be looked up first, ends BLOCKED; a listener on loopback gets no connection; the friendly ones pass. (Names whose answers
//! are scripted, and the dialling itself, are proved by `cargo test --test transport hostile`.) A push service that answers with
//! endless headers, an endless body, an octet at a time, an absurd Retry-After or what is no text holds its own lane and
//! nothing else.

#[path = "../../tests/hostile/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fanfare::domain::Endpoint;
use fanfare::proto::v1::{
    BroadcastRequest, DeliveryEvent, Outcome, PushSubscription, PushSubscriptionKeys, SubscribeRequest,
};
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;

use self::table::{Gate, friendly, hostile};
use crate::calls::{broadcast, call_broadcast, call_send, play_broadcast, quiet_broadcast, send};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage, push_subscription};
use crate::story::{Story, is_terminal};

/// Subscribers of each push service that misbehaves, and of the one that does not.
const BAD: u32 = 20;
const GOOD: u32 = 2_000;
const GOOD_SHORT: u32 = 500;
/// What the resident set may rise by while they misbehave.
const RISE_OCTETS_MAX: u64 = 64 << 20;
/// Bounds of the server, and how long a message to the bad ones is worth delivering.
const DEADLINE: Duration = Duration::from_secs(2);
const TTL: Duration = Duration::from_secs(8);
/// Within this every delivery to the bad ones has ended.
const END_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Serialize)]
struct Figures {
    /// Rows of the table that Subscribe refused, by what it said.
    refused: BTreeMap<String, usize>,
    /// Rows of names, whose answers the tests of the transport script.
    scripted: usize,
    /// Rows that were taken, and ended BLOCKED when they were dialled.
    blocked: usize,
    /// Connections to the listener on loopback, by all of them.
    connections: u64,
    friendly: usize,
    /// A broadcast to the good push service alone, and beside the bad ones.
    good_alone_seconds: f64,
    good_beside_seconds: f64,
    resident_rise_octets: u64,
    /// How the deliveries to each bad push service ended, and octets that it got rid of.
    bad: BTreeMap<&'static str, Ends>,
}

#[derive(Debug, Default, Serialize)]
struct Ends {
    outcomes: BTreeMap<String, usize>,
    octets_taken: u64,
    requests: u64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    let mut stage = Stage::set(&Configuration::default()).await?;
    endpoints(&mut stage, &mut figures, &mut checks).await?;
    misbehaviour(&mut stage, short, &mut figures, &mut checks).await?;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// Counts connections on loopback, IPv4 and IPv6, at one port.
async fn listen() -> anyhow::Result<(u16, Arc<AtomicU64>)> {
    let first = TcpListener::bind("127.0.0.1:0").await?;
    let port = first.local_addr()?.port();
    let second = TcpListener::bind(("::1", port)).await?;
    let connections = Arc::<AtomicU64>::default();
    for listener in [first, second] {
        let connections = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                connections.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    Ok((port, connections))
}

async fn endpoints(stage: &mut Stage, figures: &mut Figures, checks: &mut Checks) -> anyhow::Result<()> {
    let (port, connections) = listen().await?;
    let rows = hostile(port);
    figures.scripted = rows.iter().filter(|row| !row.answers.is_empty()).count();
    let subscriber = subscriber_keys(stage).await?;
    let listed: Vec<String> = rows
        .iter()
        .filter(|row| matches!(row.gate, Gate::Address | Gate::Dial))
        .filter_map(|row| Endpoint::parse(&row.endpoint, true).ok())
        .map(|endpoint| format!("'{}:{}'", endpoint.origin().host(), endpoint.origin().port()))
        .collect();
    let generous =
        format!("[push_services]\nprofile = \"any_public_host\"\nhosts = [{}]\n", listed.join(", "));
    for (is_default, sections) in [(true, String::new()), (false, generous)] {
        eprintln!("endpoints, {}", if is_default { "default" } else { "any public host" });
        stage.configure(&Configuration { sections, ..Configuration::default() })?;
        let mut server = stage.start_server().await?;
        for row in rows.iter().filter(|row| (row.gate == Gate::Host) == is_default) {
            let answer = subscribe(&mut server.client, &row.endpoint, &subscriber, "").await;
            match answer {
                Err(status) => {
                    let wanted = if matches!(row.gate, Gate::Url | Gate::Scheme | Gate::Path) {
                        Code::InvalidArgument
                    } else {
                        Code::PermissionDenied
                    };
                    checks.check(status.code() == wanted, || format!("{}: {status}", row.endpoint));
                    *figures.refused.entry(status.message().to_owned()).or_default() += 1;
                }
                // Other names are nobody's: what becomes of them says the scripted resolver of the tests.
                Ok(name)
                    if row.gate == Gate::Dial && row.endpoint.to_lowercase().contains("//localhost:") =>
                {
                    let mut story = Story::default();
                    let mut frames = call_send(&mut server.client, send(&name, "inside", "")).await?;
                    story.read(&mut frames, |_| false).await?;
                    let ended = story.events.iter().find(|event| is_terminal(event.state()));
                    let outcome = ended.map(DeliveryEvent::outcome);
                    checks.check(outcome == Some(Outcome::Blocked), || {
                        format!("{}: {outcome:?}", row.endpoint)
                    });
                    figures.blocked += 1;
                }
                Ok(_) => checks.check(row.gate == Gate::Dial, || format!("{} was taken", row.endpoint)),
            }
        }
        if is_default {
            for endpoint in friendly() {
                let answer = subscribe(&mut server.client, endpoint, &subscriber, "").await;
                checks.check(answer.is_ok(), || format!("{endpoint}: {answer:?}"));
                figures.friendly += 1;
            }
        }
        server.end(End::Terminate).await?;
    }
    checks.check(figures.blocked > 0, || "nothing was dialled".to_owned());
    // After all of them, in the order of the listener's queue: it does count.
    figures.connections = connections.load(Ordering::Relaxed);
    checks.check(figures.connections == 0, || format!("{} connections to loopback", figures.connections));
    drop(TcpStream::connect(("127.0.0.1", port)).await?);
    let counted = async {
        while connections.load(Ordering::Relaxed) == figures.connections {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), counted).await.context("the listener does not count")?;
    Ok(())
}

/// The keys of a subscriber, for endpoints of others.
async fn subscriber_keys(stage: &Stage) -> anyhow::Result<PushSubscriptionKeys> {
    let made = stage.call("POST", "/groups", Some(json!({"count": 1}))).await?;
    let group = u32::try_from(made["group"].as_u64().context("no group")?)?;
    push_subscription(&stage.control.subscriptions(group, 0, 1).await?)?.keys.context("no keys")
}

async fn subscribe(
    client: &mut Client,
    endpoint: &str,
    keys: &PushSubscriptionKeys,
    topic: &str,
) -> Result<String, tonic::Status> {
    let browser = PushSubscription {
        endpoint: endpoint.to_owned(),
        keys: Some(keys.clone()),
        ..PushSubscription::default()
    };
    let request = SubscribeRequest {
        push_subscription: Some(browser),
        topics: if topic.is_empty() { Vec::new() } else { vec![topic.to_owned()] },
        ..SubscribeRequest::default()
    };
    Ok(client.subscribe(request).await?.into_inner().subscription.unwrap_or_default().name)
}

/// What a bad push service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misbehaviour {
    EndlessHeaders,
    EndlessBody,
    OctetByOctet,
    HugeRetryAfter,
    NoText,
}

impl Misbehaviour {
    const ALL: [Self; 5] =
        [Self::EndlessHeaders, Self::EndlessBody, Self::OctetByOctet, Self::HugeRetryAfter, Self::NoText];

    fn name(self) -> &'static str {
        match self {
            Self::EndlessHeaders => "endless headers",
            Self::EndlessBody => "endless body",
            Self::OctetByOctet => "one octet a second",
            Self::HugeRetryAfter => "huge Retry-After",
            Self::NoText => "invalid UTF-8",
        }
    }

    /// How the deliveries to it must end.
    fn outcomes(self) -> &'static [Outcome] {
        match self {
            // What does not answer is tried again until the message is worth nothing any more; what its lane held back until
            // then was never tried.
            Self::EndlessHeaders => &[Outcome::Unreachable, Outcome::TimedOut, Outcome::Unspecified],
            Self::OctetByOctet => &[Outcome::TimedOut, Outcome::Unreachable, Outcome::Unspecified],
            Self::HugeRetryAfter => &[Outcome::Throttled, Outcome::Unspecified],
            Self::EndlessBody => &[Outcome::Accepted],
            Self::NoText => &[Outcome::Gone],
        }
    }

    async fn answer(self, stream: &mut TcpStream, taken: &AtomicU64) -> std::io::Result<()> {
        let (head, piece, pause): (&[u8], &[u8], _) = match self {
            Self::EndlessHeaders => {
                (b"HTTP/1.1 201 Created\r\n", b"x-endless: xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", None)
            }
            Self::EndlessBody => {
                (b"HTTP/1.1 201 Created\r\ncontent-length: 1000000000000\r\n\r\n", &[b'x'; 16_384], None)
            }
            Self::OctetByOctet => (b"HTTP/1.1 2", b"0", Some(Duration::from_secs(1))),
            Self::HugeRetryAfter => {
                let answer = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 99999999999999999999\r\ncontent-length: 0\r\n\r\n";
                return stream.write_all(answer).await;
            }
            Self::NoText => {
                let answer = b"HTTP/1.1 410 \xff\xfe\r\nx-note: \xff\x80\r\ncontent-length: 6\r\n\r\n\xff\xfe\x00\x1b[2";
                return stream.write_all(answer).await;
            }
        };
        stream.write_all(head).await?;
        loop {
            stream.write_all(piece).await?;
            taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// A push service over plain HTTP/1.1.
struct Bad {
    how: Misbehaviour,
    address: SocketAddr,
    taken: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Bad {
    async fn listen(how: Misbehaviour) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let bad =
            Self { how, address: listener.local_addr()?, taken: Arc::default(), requests: Arc::default() };
        let (taken, requests) = (Arc::clone(&bad.taken), Arc::clone(&bad.requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (taken, requests) = (Arc::clone(&taken), Arc::clone(&requests));
                tokio::spawn(async move {
                    while request(&mut stream).await.unwrap_or(false) {
                        requests.fetch_add(1, Ordering::Relaxed);
                        if how.answer(&mut stream, &taken).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(bad)
    }
}

/// Reads a request to the end of its body; false if there is none.
async fn request(stream: &mut TcpStream) -> std::io::Result<bool> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => return Ok(false),
        }
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).await?;
    Ok(true)
}

async fn misbehaviour(
    stage: &mut Stage,
    short: bool,
    figures: &mut Figures,
    checks: &mut Checks,
) -> anyhow::Result<()> {
    eprintln!("push services that misbehave");
    let mut bad = Vec::new();
    for how in Misbehaviour::ALL {
        bad.push(Bad::listen(how).await?);
    }
    let exceptions: Vec<String> = bad
        .iter()
        .map(|bad| {
            format!(
                "[[push_services.exceptions]]\nname = \"{}\"\nhost = \"127.0.0.1\"\nport = {}\n\
                 cidrs = [\"127.0.0.0/8\"]\nallow_http = true\n",
                bad.how.name(),
                bad.address.port()
            )
        })
        .collect();
    let sections = format!("[transport]\ndeadline = \"{}s\"\n{}", DEADLINE.as_secs(), exceptions.concat());
    stage.configure(&Configuration { engine: "retry_base = \"500ms\"".to_owned(), sections })?;
    let mut server = stage.start_server().await?;
    let good = if short { GOOD_SHORT } else { GOOD };
    stage.subscribe(&server, good, "good", |_| String::new()).await?;
    let keys = subscriber_keys(stage).await?;
    let mut of = BTreeMap::new();
    for bad in &bad {
        for number in 0..BAD {
            let endpoint = format!("http://{}/push/{number}", bad.address);
            let name = subscribe(&mut server.client, &endpoint, &keys, "bad").await?;
            of.insert(name, bad.how);
        }
    }

    let play = async |server: &mut Server, text: &str| {
        let (counts, took) = play_broadcast(&mut server.client, quiet_broadcast("", "good", text)).await?;
        ensure!(counts.accepted == i32::try_from(good)?, "the good push service: {counts:?}");
        anyhow::Ok(took.as_secs_f64())
    };
    // Connections are opened that any broadcast needs.
    play(&mut server, "first").await?;
    let before = server.resident_octets()?;
    server.forget_resident_peak()?;
    figures.good_alone_seconds = play(&mut server, "alone").await?;

    let mut to_bad: BroadcastRequest = broadcast("bad", "to the bad ones", "");
    if let Some(message) = &mut to_bad.message {
        message.ttl = prost_types::Duration::try_from(TTL).ok();
    }
    let mut client = server.connect().await?;
    let mut frames = call_broadcast(&mut client, to_bad).await?;
    let mut story = Story::default();
    // All of them are at work.
    story.read(&mut frames, |story| !story.message.is_empty()).await?;
    let at_work = async {
        while bad.iter().any(|bad| bad.requests.load(Ordering::Relaxed) == 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(END_TIMEOUT, at_work).await.context("not all of the bad ones were posted to")?;
    figures.good_beside_seconds = play(&mut server, "beside").await?;
    // Twice as long, and what one request to a bad one may hold: whoever waited for them would wait until the ttl's end.
    let allowed = figures.good_alone_seconds * 2.0 + DEADLINE.as_secs_f64();
    checks.check(figures.good_beside_seconds <= allowed, || {
        format!("the good one takes {} s beside the bad ones", figures.good_beside_seconds)
    });

    let began = Instant::now();
    let ended = tokio::time::timeout(END_TIMEOUT, story.read(&mut frames, |_| false)).await;
    checks.check(matches!(ended, Ok(Ok(()))) && story.summary.is_some(), || {
        format!("after {:?} not all deliveries to the bad ones have ended: {ended:?}", began.elapsed())
    });
    for event in story.events.iter().filter(|event| is_terminal(event.state())) {
        let Some(how) = of.get(&event.subscription) else { continue };
        let ends = figures.bad.entry(how.name()).or_default();
        *ends.outcomes.entry(event.outcome().as_str_name().to_owned()).or_default() += 1;
        checks.check(how.outcomes().contains(&event.outcome()), || {
            format!("{}: {:?}: {}", how.name(), event.outcome(), event.detail)
        });
        checks.check(!event.detail.chars().any(char::is_control), || {
            format!("{}: control characters in {:?}", how.name(), event.detail)
        });
    }
    for bad in &bad {
        let ends = figures.bad.entry(bad.how.name()).or_default();
        ends.octets_taken = bad.taken.load(Ordering::Relaxed);
        ends.requests = bad.requests.load(Ordering::Relaxed);
        let all: usize = ends.outcomes.values().sum();
        checks.check(all == BAD as usize, || format!("{}: {all} deliveries ended", bad.how.name()));
    }
    figures.resident_rise_octets = server.resident_peak_octets()?.saturating_sub(before);
    checks.check(figures.resident_rise_octets <= RISE_OCTETS_MAX, || {
        format!("memory rose by {} MiB", figures.resident_rise_octets >> 20)
    });
    server.end(End::Terminate).await
}
