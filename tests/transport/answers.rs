//! What an answer, or the lack of one, is told as.

use std::time::Duration;

use bytes::Bytes;
use fanfare::transport::{HttpSettings, Transport as _, TransportError};
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::server::{Exchange, Server, accept, accept_http2, read_to_headers};
use crate::{request, settings, transport};

fn unreachable(detail: &str, sent: bool) -> TransportError {
    TransportError::Unreachable { detail: detail.to_owned(), sent }
}

async fn post(server: &Server) -> Result<fanfare::webpush::request::PushResponse, TransportError> {
    transport(settings(), &server.exception()).post(request(&server.endpoint())).await
}

#[tokio::test]
async fn an_endless_body_is_cut_and_its_stream_reset() {
    let (reset, mut was_reset) = mpsc::unbounded_channel();
    let server = Server::http2(move |mut exchange| {
        let reset = reset.clone();
        async move {
            let mut body = exchange.start(Response::builder().status(201), false).unwrap();
            loop {
                body.reserve_capacity(4_096);
                let capacity = std::future::poll_fn(|context| body.poll_capacity(context)).await;
                let sent = match capacity {
                    Some(Ok(octets)) => body.send_data(Bytes::from(vec![b'x'; octets]), false),
                    Some(Err(error)) => Err(error),
                    None => break,
                };
                if let Err(error) = sent {
                    reset.send(error.is_reset() || error.is_io() || error.reason().is_none()).unwrap();
                    return;
                }
            }
            reset.send(true).unwrap();
        }
    })
    .await;
    let transport = transport(settings(), &server.exception());
    let answer = transport.post(request(&server.endpoint())).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (201, 16 * 1024));
    assert_eq!(was_reset.recv().await, Some(true));
    // The connection is as good as before.
    transport.post(request(&server.endpoint())).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_hide_the_status() {
    let server = Server::start(&["http/1.1"], |stream, acceptor| async move {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut octets = [0; 4_096];
        if stream.read(&mut octets).await.is_ok_and(|octets| octets > 0) {
            stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\nso far").await.unwrap();
        }
    })
    .await;
    let answer = post(&server).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (201, &b"so far"[..]));
}

#[tokio::test]
async fn an_answer_that_ends_in_its_middle_does_not_hide_the_status() {
    const RESET: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2]; // RST_STREAM, INTERNAL_ERROR
    // By a reset of the stream, and by the end of the connection.
    for end in [RESET, &[]] {
        // In RFC 7541 appendix A these statuses have an index.
        for (status, index) in [(200, 0x88), (404, 0x8d), (500, 0x8e)] {
            let server = Server::start(&["h2"], move |stream, acceptor| async move {
                let mut stream = accept_http2(stream, acceptor).await;
                read_to_headers(&mut stream).await;
                let header = [0, 0, 1, 1, 4, 0, 0, 0, 1, index];
                let body = [0, 0, 6, 0, 0, 0, 0, 0, 1, b's', b'o', b' ', b'f', b'a', b'r'];
                stream.write_all(&[&header[..], &body, end].concat()).await.unwrap();
                stream.shutdown().await.unwrap();
            })
            .await;
            assert_eq!(post(&server).await.unwrap().status, status, "{end:?}");
        }
    }
}

#[tokio::test]
async fn a_header_that_breaks_off_may_have_been_an_acceptance() {
    let server = Server::start(&["http/1.1"], |stream, acceptor| async move {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut octets = [0; 4_096];
        if stream.read(&mut octets).await.is_ok_and(|octets| octets > 0) {
            stream.write_all(b"HTTP/1.1 201 Created\r\nttl: 6").await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await;
    let error = post(&server).await.unwrap_err();
    assert_eq!(error, unreachable("the connection was closed before the answer", true));
}

#[tokio::test]
async fn a_body_that_trickles_ends_at_the_deadline() {
    let server = Server::http2(|mut exchange| async move {
        let mut body = exchange.start(Response::builder().status(429), false).unwrap();
        body.send_data(Bytes::from_static(b"so far"), false).unwrap();
        std::future::poll_fn(|context| body.poll_reset(context)).await.unwrap();
    })
    .await;
    let settings = HttpSettings { deadline: Duration::from_millis(500), ..settings() };
    let answer = transport(settings, &server.exception()).post(request(&server.endpoint())).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (429, &b"so far"[..]));
}

#[tokio::test]
async fn too_many_header_fields_are_an_error() {
    let server = Server::http2(|mut exchange| async move {
        let mut response = Response::builder().status(201);
        for number in 0..100 {
            response = response.header(format!("x-{number}"), "y".repeat(300));
        }
        exchange.start(response, true);
    })
    .await;
    let error = post(&server).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn no_answer_in_time_is_told_as_sent() {
    let server = Server::http2(|exchange: Exchange| async move {
        std::future::pending::<()>().await;
        drop(exchange);
    })
    .await;
    let settings = HttpSettings { deadline: Duration::from_millis(500), ..settings() };
    let error = transport(settings, &server.exception()).post(request(&server.endpoint())).await.unwrap_err();
    assert_eq!(error, TransportError::TimedOut { sent: true });
}

#[tokio::test]
async fn another_reset_may_have_arrived() {
    let server = Server::http2(|mut exchange| async move {
        exchange.respond.send_reset(h2::Reason::INTERNAL_ERROR);
    })
    .await;
    let error = post(&server).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_may_have_carried_it() {
    let server = Server::start(&["h2"], |stream, acceptor| async move {
        let mut connection = h2::server::handshake(accept(stream, acceptor).await).await.unwrap();
        let request = connection.accept().await.unwrap().unwrap();
        drop(connection);
        drop(request);
    })
    .await;
    let error = post(&server).await.unwrap_err();
    assert!(matches!(error, TransportError::Unreachable { sent: true, .. }), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_told_as_not_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let exception =
        format!("[[exceptions]]\nname = 'test'\nhost = 'push.test'\nport = {port}\ncidrs = ['127.0.0.0/8']");
    let transport = transport(settings(), &exception);
    let error = transport.post(request(&format!("https://push.test:{port}/"))).await.unwrap_err();
    assert_eq!(error, unreachable("connection refused", false));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let elsewhere = Server::answering(201).await;
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.endpoint();
        let server = Server::http2(move |mut exchange| {
            let location = location.clone();
            async move {
                exchange.start(Response::builder().status(status).header("location", location), true);
            }
        })
        .await;
        let configuration = format!("{}{}", server.exception(), elsewhere.exception());
        let transport = transport(settings(), &configuration);
        assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, status);
        assert_eq!(elsewhere.connections(), 0, "{status}");
    }
}

#[tokio::test]
async fn what_no_http_speaker_says_is_an_error() {
    let server = Server::start(&["http/1.1"], |stream, acceptor| async move {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut octets = [0; 4_096];
        let _ = stream.read(&mut octets).await;
        let _ = stream.write_all(b"SMTP \xff\xfe ready\r\n\r\n").await;
    })
    .await;
    assert_eq!(post(&server).await.unwrap_err(), unreachable("the answer is no HTTP", true));
}

#[tokio::test]
async fn the_reason_phrase_stands_in_for_a_body() {
    let server = Server::start(&["http/1.1"], |stream, acceptor| async move {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut octets = [0; 4_096];
        if stream.read(&mut octets).await.is_ok_and(|octets| octets > 0) {
            stream.write_all(b"HTTP/1.1 410 Domain Blocked\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            let _ = stream.read(&mut octets).await;
        }
    })
    .await;
    let answer = post(&server).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (410, &b"Domain Blocked"[..]));
}
