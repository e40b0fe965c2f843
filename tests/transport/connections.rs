//! How many connections there are, and how requests share them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::transport::{HttpSettings, HttpTransport, Transport as _, TransportError};
use fanfare::webpush::request::PushResponse;
use futures_util::future::join_all;
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::server::{Server, accept};
use crate::{request, settings, transport};

pub(crate) type Posted = JoinHandle<Result<PushResponse, TransportError>>;

pub(crate) fn spawn(transport: &Arc<HttpTransport>, endpoint: &str, times: usize) -> Vec<Posted> {
    let post = || {
        let (transport, request) = (Arc::clone(transport), request(endpoint));
        tokio::spawn(async move { transport.post(request).await })
    };
    std::iter::repeat_with(post).take(times).collect()
}

pub(crate) async fn statuses(posted: Vec<Posted>) -> Vec<u16> {
    join_all(posted).await.into_iter().map(|answer| answer.unwrap().unwrap().status).collect()
}

#[tokio::test]
async fn speaks_http2_and_sends_what_it_is_given() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = Server::http2(move |mut exchange| {
        let tell = tell.clone();
        async move {
            let body = exchange.body().await;
            exchange.answer(201);
            tell.send((exchange.request.into_parts().0, body)).unwrap();
        }
    })
    .await;
    let transport = transport(settings(), &server.exception());
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    let (head, body) = told.recv().await.unwrap();
    assert_eq!(head.method, "POST");
    assert_eq!(head.uri.to_string(), server.endpoint());
    let mut headers: Vec<_> = head.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    let user_agent = format!("user-agent: \"fanfare/{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        headers,
        [
            "accept: \"*/*\"",
            "content-encoding: \"aes128gcm\"",
            "content-length: \"10\"",
            "ttl: \"60\"",
            &user_agent
        ]
    );
    assert_eq!(body, b"ciphertext");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_to_a_new_origin_goes_over_one_connection() {
    let server = Server::answering(201).await;
    let transport = transport(settings(), &server.exception());
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 90)).await, [201; 90]);
    server.wait_for(|seen| seen.requests == 90).await;
    assert_eq!(server.seen.borrow().carrying, 1);
    // Between the end of the first dial and its connection being shared, hyper's pool may begin another, which it gives up.
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_one_connection_carries_open_another_and_then_wait() {
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
    let settings =
        HttpSettings { connections_per_origin_max: 2, requests_per_connection_max: 4, ..settings() };
    let transport = transport(settings, &server.exception());
    let posted = spawn(&transport, &server.endpoint(), 11);
    server.wait_for(|seen| seen.requests == 8).await;
    assert_eq!(server.connections(), 2);
    gate.add_permits(1);
    server.wait_for(|seen| seen.requests == 9).await;
    gate.add_permits(10);
    assert_eq!(statuses(posted).await, [201; 11]);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_service_that_allows_few_connections_is_posted_to_over_those() {
    let gate = Arc::new(Semaphore::new(0));
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = Server::start(&["h2"], {
        let (gate, accepted) = (Arc::clone(&gate), Arc::clone(&accepted));
        move |stream, acceptor| {
            let (gate, first) = (Arc::clone(&gate), accepted.fetch_add(1, Ordering::SeqCst) == 0);
            async move {
                if !first {
                    return;
                }
                let mut connection = h2::server::handshake(accept(stream, acceptor).await).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let gate = Arc::clone(&gate);
                    tokio::spawn(async move {
                        gate.acquire().await.unwrap().forget();
                        let answer = http::Response::builder().status(201).body(()).unwrap();
                        respond.send_response(answer, true).unwrap();
                    });
                }
            }
        }
    })
    .await;
    let settings =
        HttpSettings { connections_per_origin_max: 8, requests_per_connection_max: 2, ..settings() };
    let transport = transport(settings, &server.exception());
    gate.add_permits(1);
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 1)).await, [201]);
    let posted = spawn(&transport, &server.endpoint(), 14);
    server.wait_for(|seen| seen.closed > 0).await;
    gate.add_permits(14);
    assert_eq!(statuses(posted).await, [201; 14]);
    let dialled = server.connections();
    gate.add_permits(14);
    assert_eq!(statuses(spawn(&transport, &server.endpoint(), 14)).await, [201; 14]);
    assert_eq!(server.connections(), dialled, "more is not tried again for a while");
}

#[tokio::test]
async fn a_service_without_http2_is_spoken_to_over_http1() {
    // One that declines by ALPN, and one that has never heard of it.
    for alpn in [&["http/1.1"][..], &[]] {
        let server = Server::start(alpn, |stream, acceptor| async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answer = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                assert_eq!(request.version(), http::Version::HTTP_11);
                assert_eq!(request.headers()["content-length"], "10");
                http::Response::builder().status(201).body(Empty::<bytes::Bytes>::new())
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
        })
        .await;
        let transport = transport(settings(), &server.exception());
        for _ in 0..20 {
            assert_eq!(statuses(spawn(&transport, &server.endpoint(), 1)).await, [201]);
        }
        // One that found out, one that is kept; now and then another one, since a connection is free a moment after its answer.
        let connections = server.connections();
        assert!((2..=10).contains(&connections), "{connections} connections, {alpn:?}");
        assert_eq!(statuses(spawn(&transport, &server.endpoint(), 10)).await, [201; 10]);
    }
}

#[tokio::test]
async fn all_who_wait_for_a_connection_hear_that_it_failed() {
    // Takes connections and says nothing: TLS never ends.
    let server = Server::start(&["h2"], |stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let settings = HttpSettings { connect_timeout: Duration::from_secs(1), ..settings() };
    let transport = transport(settings, &server.exception());
    for answer in join_all(spawn(&transport, &server.endpoint(), 20)).await {
        let detail = "no connection in time".to_owned();
        assert_eq!(answer.unwrap().unwrap_err(), TransportError::Unreachable { detail, sent: false });
    }
    assert!(server.connections() <= 2, "{} connections", server.connections());
}

#[tokio::test]
async fn who_gives_up_while_dialling_takes_nobody_along() {
    let gate = Arc::new(Semaphore::new(0));
    let server = Server::start(&["h2"], {
        let gate = Arc::clone(&gate);
        move |stream, acceptor| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond
                        .send_response(http::Response::builder().status(201).body(()).unwrap(), true)
                        .unwrap();
                }
            }
        }
    })
    .await;
    let transport = transport(settings(), &server.exception());
    let first = spawn(&transport, &server.endpoint(), 1).remove(0);
    server.wait_for(|seen| seen.connections == 1).await;
    let others = spawn(&transport, &server.endpoint(), 5);
    tokio::task::yield_now().await;
    first.abort();
    server.wait_for(|seen| seen.connections == 2).await;
    gate.add_permits(2);
    assert_eq!(statuses(others).await, [201; 5]);
}

#[tokio::test]
async fn a_deadline_before_the_connection_is_told_as_not_sent() {
    let server = Server::start(&["h2"], |stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let settings = HttpSettings { deadline: Duration::from_millis(300), ..settings() };
    let error = transport(settings, &server.exception()).post(request(&server.endpoint())).await.unwrap_err();
    assert_eq!(error, TransportError::TimedOut { sent: false });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_origin_does_not_hold_up_another() {
    let dead = Server::start(&["h2"], |stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let healthy = Server::answering(201).await;
    let transport = transport(settings(), &format!("{}{}", dead.exception(), healthy.exception()));
    let hanging = spawn(&transport, &dead.endpoint(), 300);
    dead.wait_for(|seen| seen.connections >= 1).await;
    assert_eq!(statuses(spawn(&transport, &healthy.endpoint(), 300)).await, [201; 300]);
    assert!(hanging.iter().all(|posted| !posted.is_finished()));
    for posted in hanging {
        posted.abort();
    }
}
