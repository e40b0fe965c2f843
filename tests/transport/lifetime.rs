//! When connections are found dead, closed and forgotten, and what they cost meanwhile.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::domain::Origin;
use fanfare::transport::{HttpSettings, Transport as _, TransportError};
use futures_util::future::join_all;
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::connections::{spawn, statuses};
use crate::server::{Exchange, HOST, Server, accept};
use crate::{request, settings, transport};

fn origin(server: &Server) -> Origin {
    Origin::parse(&server.endpoint()).unwrap()
}

fn no_connection() -> TransportError {
    TransportError::Unreachable { detail: "no connection in time".to_owned(), sent: false }
}

/// Takes connections and says nothing until the client goes: TLS never ends.
async fn silent() -> Server {
    Server::start(&["h2"], |mut stream, _| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

/// A listener whose queue is full: the kernel drops what a client sends to open a connection.
struct Unreachable {
    port: u16,
    _listener: tokio::net::TcpListener,
    _queue: Vec<std::net::TcpStream>,
}

impl Unreachable {
    fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).take(100).collect();
        assert!(queue.len() < 100, "the queue is never full");
        Self { port: address.port(), _listener: listener, _queue: queue }
    }

    fn exception(&self) -> String {
        format!(
            "[[exceptions]]\nname = 'far'\nhost = '{HOST}'\nport = {}\ncidrs = ['127.0.0.0/8']\n",
            self.port
        )
    }

    fn endpoint(&self) -> String {
        format!("https://{HOST}:{}/push", self.port)
    }
}

#[tokio::test]
async fn connections_are_opened_with_need_and_closed_without() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::http2({
        let gate = Arc::clone(&gate);
        move |mut exchange| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                exchange.answer(201);
            }
        }
    })
    .await;
    let settings = HttpSettings {
        connections_per_origin_max: 4,
        requests_per_connection_max: 2,
        surplus_timeout: Duration::from_millis(300),
        ..settings()
    };
    let transport = transport(settings, &server.exception());
    assert_eq!(transport.connections(&origin(&server)), 0);
    let posted = spawn(&transport, &server.endpoint(), 8);
    server.wait_for(|seen| seen.requests == 8).await;
    assert_eq!((transport.connections(&origin(&server)), server.connections()), (4, 4));
    gate.add_permits(8);
    assert_eq!(statuses(posted).await, [201; 8]);
    server.wait_for(|seen| seen.closed == 3).await;
    assert_eq!(transport.connections(&origin(&server)), 1);
    // The last one is as good as before.
    gate.add_permits(2);
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 2)).await, [201; 2]);
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn by_default_a_thousand_requests_are_in_flight_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::http2({
        let gate = Arc::clone(&gate);
        move |mut exchange| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                exchange.answer(201);
            }
        }
    })
    .await;
    let transport = transport(settings(), &server.exception());
    let posted = spawn(&transport, &server.endpoint(), 1_024);
    server.wait_for(|seen| seen.requests == 1_024).await;
    assert_eq!(transport.connections(&origin(&server)), 11);
    gate.add_permits(1_024);
    assert_eq!(statuses(posted).await, [201; 1_024]);
}

#[tokio::test]
async fn a_dead_connection_is_found_by_ping_and_replaced() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = Server::start(&["h2"], move |stream, acceptor| {
        let first = accepted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let mut connection = h2::server::handshake(accept(stream, acceptor).await).await.unwrap();
            let mut answered = false;
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                if first && answered {
                    // Open, but nobody reads.
                    return std::future::pending().await;
                }
                answered = true;
                respond.send_response(http::Response::builder().status(201).body(()).unwrap(), true).unwrap();
            }
        }
    })
    .await;
    let settings = HttpSettings {
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_millis(100),
        ..settings()
    };
    let transport = transport(settings, &server.exception());
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 1)).await, [201]);
    for answer in join_all(spawn(&transport, &server.endpoint(), 20)).await {
        let detail = "the connection is dead: no answer to PING".to_owned();
        assert_eq!(answer.unwrap().unwrap_err(), TransportError::Unreachable { detail, sent: true });
    }
    assert_eq!(transport.connections(&origin(&server)), 0);
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 3)).await, [201; 3]);
    assert_eq!((transport.connections(&origin(&server)), server.connections()), (1, 2));
}

#[tokio::test]
async fn nobody_who_answers_a_syn_is_told_as_no_connection() {
    let far = Unreachable::new();
    let settings = HttpSettings { connect_timeout: Duration::from_millis(300), ..settings() };
    let error = transport(settings, &far.exception()).post(request(&far.endpoint())).await.unwrap_err();
    assert_eq!(error, no_connection());
}

/// Whatever an origin does, in the end no connection, no task and no slot is left of it.
#[test]
fn nothing_is_left_of_origins_that_are_used_no_more() {
    let (theirs, ours) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (healthy, old, silent, mute, far) = theirs.block_on(async {
        let healthy = Server::answering(201).await;
        let old = Server::start(&["http/1.1"], |stream, acceptor| async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answer = service_fn(|_| async {
                http::Response::builder().status(201).body(Empty::<bytes::Bytes>::new())
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
        })
        .await;
        let mute = Server::http2(|mut exchange: Exchange| async move {
            let mut body = exchange.start(http::Response::builder().status(201), false).unwrap();
            let _ = std::future::poll_fn(|context| body.poll_reset(context)).await;
        })
        .await;
        (healthy, old, silent().await, mute, Unreachable::new())
    });
    let settings = HttpSettings {
        connections_per_origin_max: 4,
        requests_per_connection_max: 2,
        connect_timeout: Duration::from_millis(300),
        deadline: Duration::from_millis(600),
        idle_timeout: Duration::from_millis(300),
        surplus_timeout: Duration::from_millis(100),
        ..settings()
    };
    let servers = [&healthy, &old, &silent, &mute];
    let mut configuration: String = servers.iter().map(|server| server.exception()).collect();
    configuration += &far.exception();
    let transport = transport(settings, &configuration);
    ours.block_on(async {
        let post = |endpoint: String| join_all(spawn(&transport, &endpoint, 8));
        let (to_healthy, to_old, to_silent, to_mute, to_far) = tokio::join!(
            post(healthy.endpoint()),
            post(old.endpoint()),
            post(silent.endpoint()),
            post(mute.endpoint()),
            post(far.endpoint()),
        );
        for answer in to_healthy.into_iter().chain(to_old).chain(to_mute) {
            assert_eq!(answer.unwrap().unwrap().status, 201);
        }
        for answer in to_silent.into_iter().chain(to_far) {
            assert_eq!(answer.unwrap().unwrap_err(), no_connection());
        }
    });
    for server in servers {
        assert!(server.connections() > 0);
        theirs.block_on(server.wait_for(|seen| seen.closed == seen.connections));
    }
    // The task that sweeps ends when no origin is left. Nobody tells when a runtime has no task.
    let origins = servers.map(origin).into_iter().chain(Origin::parse(&far.endpoint())).collect::<Vec<_>>();
    let no_task = async {
        while origins.iter().any(|of| transport.runtime(of).unwrap().metrics().num_alive_tasks() > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    ours.block_on(async { tokio::time::timeout(Duration::from_secs(30), no_task).await }).unwrap();
    for server in servers {
        assert_eq!(transport.connections(&origin(server)), 0);
    }
}

/// How many origins the next test has without a connection, and with one.
const DEAD: usize = 2_000;
const ALIVE: usize = 200;

/// Memory of this process that is resident, in octets.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

/// Run by the next test, in a process of its own whose system trusts the server.
#[tokio::test]
#[ignore = "needs another process that serves"]
async fn idle_origins() {
    let port: u16 = std::env::var("FANFARE_TEST_PORT").unwrap().parse().unwrap();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut configuration = String::new();
    for (port, origins) in [(port, ALIVE), (dead, DEAD)] {
        for number in 0..=origins {
            writeln!(
                configuration,
                "[[exceptions]]\nname = '{number}'\nhost = '{number}.{HOST}'\nport = {port}\ncidrs = ['127.0.0.0/8']"
            )
            .unwrap();
        }
    }
    let transport = transport(settings(), &configuration);
    let measure = async |port: u16, origins: usize, alive: bool| {
        let post = async |number: usize| {
            let answer = transport.post(request(&format!("https://{number}.{HOST}:{port}/push"))).await;
            assert_eq!(answer.is_ok(), alive, "{answer:?}");
        };
        // What the first of them costs is not theirs.
        post(origins).await;
        let before = resident();
        for number in 0..origins {
            post(number).await;
        }
        (resident() - before) / origins
    };
    let (dead, connected) = (measure(dead, DEAD, false).await, measure(port, ALIVE, true).await);
    println!("octets of an idle origin: {dead} without a connection, {connected} with one");
    assert!(dead < 16 * 1024, "{dead} octets of an origin without a connection");
    assert!(connected < 128 * 1024, "{connected} octets of an origin with a connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_origins_are_small() {
    let server = Server::answering(201).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "lifetime::idle_origins", "--ignored", "--nocapture"]);
    child.env("SSL_CERT_FILE", server.certificate()).env_remove("SSL_CERT_DIR");
    child.env("FANFARE_TEST_PORT", server.address.port().to_string());
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    println!("{text}");
}
