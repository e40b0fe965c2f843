//! The attacker's side.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

use super::readers::{do_not_read, take_places};
use super::{Begun, Done};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attack {
    /// Connections that send nothing.
    Silent,
    /// Connections that send one octet at a time: of the preface, and of a request's header.
    Slow,
    /// As many calls as a connection takes, whose requests never end.
    Streams,
    /// Calls that are cancelled as soon as they are begun.
    Cancelled,
    /// As many calls as a connection takes, of every RPC, whose answers are never read.
    SlowReaders,
    /// Imports without an entry, and watchers: more than there are places for.
    Places,
}

/// How much of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    attack: Attack,
    target: SocketAddr,
    connections: usize,
    /// Calls to cancel.
    calls: u64,
    seconds: u64,
    directory: PathBuf,
    /// Whose calls they are; empty for nobody's.
    token: String,
}

/// Connections that are opened at once: what the server's queue takes.
const OPENING: usize = 256;
/// With 200 streams each: more than the half of all places that one application gets. In the short version there are fewer.
const PLACES_CONNECTIONS: usize = 30;
/// Between two octets of a slow sender.
const OCTET_PAUSE: Duration = Duration::from_millis(500);
/// Where the attacker calls from; the honest caller does from 127.0.0.1.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// SETTINGS, empty; and the head of a HEADERS frame of 100 octets, without them.
const BEGUN_HEADERS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 100, 1, 4, 0, 0, 0, 1];

impl Plan {
    pub(crate) fn of(attack: Attack, target: SocketAddr, short: bool) -> Self {
        let (connections, seconds, short_seconds) = match attack {
            Attack::Silent => (10_000, 15, 10),
            Attack::Slow => (2_000, 20, 10),
            Attack::Streams => (100, 20, 10),
            Attack::Cancelled => (50, 60, 10),
            // Longer than an answer may stand still.
            Attack::SlowReaders => (20, 90, 7),
            Attack::Places => (PLACES_CONNECTIONS, 60, 8),
        };
        let (part, calls) = if short { (5, 10_000) } else { (1, 100_000) };
        Self {
            attack,
            target,
            connections: connections / part,
            calls,
            seconds: if short { seconds.min(short_seconds) } else { seconds },
            directory: std::env::temp_dir(),
            token: String::new(),
        }
    }

    /// In somebody's name.
    pub(crate) fn by(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    pub(super) fn target(&self) -> SocketAddr {
        self.target
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Where the attacker says what it did.
    pub(crate) fn report(&self) -> PathBuf {
        self.directory.join(format!("fanfare-drill-attack-{:?}-{}.log", self.attack, self.target.port()))
    }

    /// Whether that was what was meant.
    pub(crate) fn is_enough(&self, done: &Done) -> bool {
        let connections = self.connections as u64;
        match self.attack {
            Attack::Silent | Attack::Slow => done.connections >= connections,
            // At least as many as the server lets be open on each.
            Attack::Streams => done.streams >= connections * 100,
            Attack::Cancelled => done.cancelled >= self.calls,
            // Each call was taken, and held, or refused.
            Attack::SlowReaders | Attack::Places => {
                done.connections >= connections && done.streams >= connections * 10
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) streams: AtomicU64,
    pub(super) refused: AtomicU64,
    cancelled: AtomicU64,
    octets: AtomicU64,
    pub(super) ended_by_server: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// Does it; says when it has begun on stdout, and what it did on stderr.
pub(crate) async fn attack(plan: &str) -> anyhow::Result<()> {
    let plan: Plan = serde_json::from_str(plan)?;
    let counters = Arc::<Counters>::default();
    println!("{}", serde_json::to_string(&Begun { begun: true })?);
    let until = Instant::now() + Duration::from_secs(plan.seconds);
    let tasks: Vec<_> = match plan.attack {
        Attack::Silent | Attack::Slow => {
            let opened = stream::iter(0..plan.connections).map(|number| {
                let (counters, target) = (Arc::clone(&counters), plan.target);
                async move { connect(target).await.ok().map(|stream| (number, stream, counters)) }
            });
            let attack = plan.attack;
            opened
                .buffer_unordered(OPENING)
                .filter_map(std::future::ready)
                .map(|(number, stream, counters)| {
                    add(&counters.connections);
                    tokio::spawn(async move {
                        let trickle: &[u8] = match (attack, number % 2) {
                            (Attack::Slow, 0) => b"",
                            (Attack::Slow, _) => PREFACE,
                            (
                                Attack::Silent
                                | Attack::Streams
                                | Attack::Cancelled
                                | Attack::SlowReaders
                                | Attack::Places,
                                _,
                            ) => return hold(stream, until, &counters).await,
                        };
                        slow(stream, trickle, until, &counters).await;
                    })
                })
                .collect()
                .await
        }
        Attack::SlowReaders | Attack::Places => (0..plan.connections)
            .map(|number| {
                let (counters, plan) = (Arc::clone(&counters), plan.clone());
                tokio::spawn(async move {
                    if plan.attack == Attack::SlowReaders {
                        do_not_read(&plan, number, until, &counters).await;
                    } else {
                        take_places(&plan, number, until, &counters).await;
                    }
                })
            })
            .collect(),
        Attack::Streams | Attack::Cancelled => (0..plan.connections)
            .map(|_| {
                let (counters, plan) = (Arc::clone(&counters), plan.clone());
                tokio::spawn(async move {
                    // Whatever the server does to a connection, there is another.
                    while Instant::now() < until && !is_done(&plan, &counters) {
                        let _ = timeout_at(until, flood(&plan, &counters)).await;
                        sleep(Duration::from_millis(5)).await;
                    }
                })
            })
            .collect(),
    };
    for task in tasks {
        let _ = task.await;
    }
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let done = Done {
        connections: read(&counters.connections),
        streams: read(&counters.streams),
        refused: read(&counters.refused),
        cancelled: read(&counters.cancelled),
        octets: read(&counters.octets),
        ended_by_server: read(&counters.ended_by_server),
    };
    eprintln!("{}", serde_json::to_string(&done)?);
    Ok(())
}

/// From an address of its own: who calls from the same one shares a rate with it.
pub(super) async fn connect(target: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((ATTACKER, 0).into())?;
    socket.connect(target).await
}

fn is_done(plan: &Plan, counters: &Counters) -> bool {
    plan.attack == Attack::Cancelled && counters.cancelled.load(Ordering::Relaxed) >= plan.calls
}

/// Keeps a connection and says nothing.
async fn hold(mut stream: TcpStream, until: Instant, counters: &Counters) {
    if timeout_at(until, stream.read(&mut [0; 64])).await.is_ok() {
        add(&counters.ended_by_server);
    }
}

/// Sends the preface, or what follows it, octet by octet. Reads what comes, so that nothing stands still but itself.
async fn slow(stream: TcpStream, at_once: &[u8], until: Instant, counters: &Counters) {
    let (mut read, mut write) = stream.into_split();
    let reading = async { while read.read(&mut [0; 4_096]).await.is_ok_and(|octets| octets > 0) {} };
    let writing = async {
        if write.write_all(at_once).await.is_err() {
            return;
        }
        let rest = if at_once.is_empty() { PREFACE } else { BEGUN_HEADERS };
        for octet in rest.iter().chain(std::iter::repeat(&0)) {
            if write.write_all(&[*octet]).await.is_err() {
                return;
            }
            add(&counters.octets);
            sleep(OCTET_PAUSE).await;
        }
    };
    let ended = timeout_at(until, async {
        tokio::select! { () = reading => (), () = writing => () }
    });
    if ended.await.is_ok() {
        add(&counters.ended_by_server);
    }
}

/// Opens calls on a connection until the server ends it; cancels them or never ends them.
async fn flood(plan: &Plan, counters: &Arc<Counters>) -> anyhow::Result<()> {
    let stream = connect(plan.target).await?;
    add(&counters.connections);
    let (sender, connection) = h2::client::handshake(stream).await?;
    let ended = Arc::clone(counters);
    let connection = tokio::spawn(async move {
        let _ = connection.await;
        add(&ended.ended_by_server);
    });
    let mut sender = sender;
    let mut held = Vec::new();
    let uri = format!("http://{}/fanfare.v1.PushService/Subscribe", plan.target);
    while !is_done(plan, counters) {
        sender = sender.ready().await?;
        let request = http::Request::post(&uri)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (answer, mut body) = sender.send_request(request, false)?;
        add(&counters.streams);
        if plan.attack == Attack::Cancelled {
            // A part of a message, so that a handler is at work.
            body.send_data(Bytes::from_static(&[0, 0, 0, 1, 0]), false)?;
            body.send_reset(h2::Reason::CANCEL);
            drop(answer);
            add(&counters.cancelled);
        } else {
            body.send_data(Bytes::from_static(&[0, 0, 0, 1, 0]), false)?;
            held.push((answer, body));
        }
        if connection.is_finished() {
            break;
        }
        // What is refused at once leaves room at once: else this would never come to an end.
        tokio::task::yield_now().await;
    }
    connection.abort();
    Ok(())
}
