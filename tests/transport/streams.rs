//! HTTP/2 streams: those that the peer refuses, and those that it makes wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare::transport::{HttpSettings, HttpTransport, Transport as _, TransportError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use crate::connections::{spawn, statuses};
use crate::server::{Exchange, Server, accept_http2, goaway, read_to_headers};
use crate::{request, settings, transport};

/// What most servers say when they are about to stop.
const NO_ERROR: u8 = 0;
const ENHANCE_YOUR_CALM: u8 = 11;
/// The largest number of a stream: a GOAWAY with it leaves open which streams are processed.
const LAST_STREAM: u32 = (1 << 31) - 1;

#[tokio::test]
async fn a_refused_stream_may_be_tried_again() {
    let server = Server::http2(|mut exchange| async move {
        exchange.respond.send_reset(h2::Reason::REFUSED_STREAM);
    })
    .await;
    let transport = transport(settings(), &server.exception());
    for _ in 0..3 {
        let error = transport.post(request(&server.endpoint())).await.unwrap_err();
        assert_eq!(error, TransportError::StreamRefused);
    }
    assert_eq!(server.seen.borrow().requests, 3, "it is for the engine to try again");
    assert_eq!(server.connections(), 1, "the connection is as good as before");
}

#[tokio::test]
async fn streams_beyond_the_last_of_a_goaway_may_be_tried_again() {
    for code in [NO_ERROR, ENHANCE_YOUR_CALM] {
        let server = Server::start(&["h2"], move |stream, acceptor| async move {
            let mut stream = accept_http2(stream, acceptor).await;
            for _ in 0..3 {
                read_to_headers(&mut stream).await;
            }
            stream.write_all(&goaway(1, code)).await.unwrap();
            // The first stream is answered all the same: HEADERS that end it, status 204.
            stream.write_all(&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x89]).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let transport = transport(settings(), &server.exception());
        let mut answered = 0;
        for posted in spawn(&transport, &server.endpoint(), 3) {
            match posted.await.unwrap() {
                Ok(answer) => {
                    assert_eq!(answer.status, 204);
                    answered += 1;
                }
                Err(error) => assert_eq!(error, TransportError::StreamRefused, "code {code}"),
            }
        }
        assert_eq!(answered, 1, "code {code}");
        assert_eq!(transport.connections(request(&server.endpoint()).endpoint.origin()), 0);
        // The next goes over a connection of its own.
        let _next = spawn(&transport, &server.endpoint(), 1);
        server.wait_for(|seen| seen.connections == 2).await;
    }
}

#[tokio::test]
async fn a_stream_that_a_goaway_covers_may_have_been_processed() {
    let server = Server::start(&["h2"], move |stream, acceptor| async move {
        let mut stream = accept_http2(stream, acceptor).await;
        read_to_headers(&mut stream).await;
        stream.write_all(&goaway(LAST_STREAM, ENHANCE_YOUR_CALM)).await.unwrap();
        stream.shutdown().await.unwrap();
        // Its body too: what nobody has read would turn the end of the connection into a reset.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let transport = transport(settings(), &server.exception());
    let error = transport.post(request(&server.endpoint())).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_service_that_closes_every_connection_is_not_dialled_again_and_again() {
    let server = Server::start(&["h2"], move |stream, acceptor| async move {
        drop(acceptor.accept(stream).await);
    })
    .await;
    let transport = transport(settings(), &server.exception());
    let error = transport.post(request(&server.endpoint())).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

/// A service that takes few requests at once, and counts what it has got of each.
struct Narrow {
    server: Server,
    /// Each permit answers one request.
    gate: Arc<Semaphore>,
    /// Requests under way, and the most of them.
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    /// Messages that came to their end.
    messages: Arc<AtomicUsize>,
}

impl Narrow {
    const STREAMS: usize = 10;

    async fn start() -> Self {
        let gate = Arc::new(Semaphore::new(1));
        let [now, most, messages] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
        let mut settings = h2::server::Builder::new();
        settings.max_concurrent_streams(Self::STREAMS as u32);
        let shared = (Arc::clone(&gate), Arc::clone(&now), Arc::clone(&most), Arc::clone(&messages));
        let server = Server::http2_with(settings, move |mut exchange: Exchange| {
            let (gate, now, most, messages) = shared.clone();
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if exchange.try_body().await.is_some() {
                    messages.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                }
                now.fetch_sub(1, Ordering::SeqCst);
                exchange.answer(201);
            }
        })
        .await;
        Self { server, gate, now, most, messages }
    }

    /// One connection only, over which the service has told its limit.
    async fn transport(&self) -> Arc<HttpTransport> {
        let settings = HttpSettings { connections_per_origin_max: 1, ..settings() };
        let transport = transport(settings, &self.server.exception());
        assert_eq!(statuses(spawn(&transport, &self.server.endpoint(), 1)).await, [201]);
        transport
    }
}

#[tokio::test]
async fn requests_wait_for_the_streams_of_a_peer_that_allows_few() {
    let narrow = Narrow::start().await;
    let transport = narrow.transport().await;
    let posted = spawn(&transport, &narrow.server.endpoint(), 30);
    narrow.server.wait_for(|seen| seen.requests == 1 + Narrow::STREAMS).await;
    narrow.gate.add_permits(30);
    assert_eq!(statuses(posted).await, [201; 30]);
    assert_eq!(narrow.most.load(Ordering::SeqCst), Narrow::STREAMS);
    assert_eq!(narrow.now.load(Ordering::SeqCst), 0);
    assert_eq!(narrow.server.connections(), 1);
}

#[tokio::test]
async fn the_deadline_covers_waiting_for_a_stream_and_what_waited_is_not_sent() {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start(&["h2"], {
        let (arrived, accepted) = (Arc::clone(&arrived), Arc::new(AtomicUsize::new(0)));
        move |stream, acceptor| {
            let first = accepted.fetch_add(1, Ordering::SeqCst) == 0;
            let arrived = Arc::clone(&arrived);
            async move {
                let mut stream = accept_http2(stream, acceptor).await;
                read_to_headers(&mut stream).await;
                if first {
                    // From now on no stream at all: SETTINGS_MAX_CONCURRENT_STREAMS is 0.
                    stream.write_all(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]).await.unwrap();
                }
                // The answer, status 204.
                stream.write_all(&[0, 0, 1, 1, 5, 0, 0, 0, 1, 0x89]).await.unwrap();
                let mut octets = [0; 4_096];
                while let Ok(read @ 1..) = stream.read(&mut octets).await {
                    arrived.lock().unwrap().extend_from_slice(&octets[..read]);
                }
            }
        }
    })
    .await;
    let settings =
        HttpSettings { connections_per_origin_max: 1, deadline: Duration::from_millis(300), ..settings() };
    let transport = transport(settings, &server.exception());
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 1)).await, [204]);
    for posted in spawn(&transport, &server.endpoint(), 20) {
        assert_eq!(posted.await.unwrap().unwrap_err(), TransportError::TimedOut { sent: false });
    }
    // The next goes elsewhere.
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 1)).await, [204]);
    assert_eq!(server.connections(), 2);
    let arrived = arrived.lock().unwrap();
    let messages = arrived.windows(10).filter(|octets| octets == b"ciphertext").count();
    assert!(messages <= 2, "{messages} messages have left");
}

#[tokio::test]
async fn a_request_that_is_given_up_while_it_waits_for_a_stream_never_leaves() {
    let narrow = Narrow::start().await;
    let transport = narrow.transport().await;
    let posted = spawn(&transport, &narrow.server.endpoint(), Narrow::STREAMS);
    narrow.server.wait_for(|seen| seen.requests == 1 + Narrow::STREAMS).await;
    let given_up = spawn(&transport, &narrow.server.endpoint(), 20);
    let last = spawn(&transport, &narrow.server.endpoint(), 1);
    // They run in turn on this one thread, so the others wait by the time this one is waited for.
    tokio::task::yield_now().await;
    for posted in given_up {
        posted.abort();
        assert!(posted.await.unwrap_err().is_cancelled());
    }
    narrow.gate.add_permits(Narrow::STREAMS + 1);
    assert_eq!(statuses(posted).await, [201; Narrow::STREAMS]);
    assert_eq!(statuses(last).await, [201]);
    assert_eq!(narrow.messages.load(Ordering::SeqCst), 1 + Narrow::STREAMS + 1);
}
