//! Where requests do not go: a listener on loopback gets no connection, however the endpoint names it.

use std::process::Command;

use fanfare::domain::Refusal;
use fanfare::transport::{HttpTransport, Transport as _, TransportError};
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::server::{HOST, Server};
use crate::{Scripted, policy, request, settings, transport};

const BLOCKED: TransportError = TransportError::Blocked(Refusal::AddressNotAllowed);

#[tokio::test]
async fn a_name_with_a_private_answer_is_blocked() {
    let server = Server::answering(201).await;
    let listed = format!("hosts = ['{HOST}:{}']", server.address.port());
    for answers in [
        &["127.0.0.1"][..],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["10.0.0.1"],
        &["169.254.169.254"],
    ] {
        let lookup = Scripted::new(answers);
        let transport = HttpTransport::with_lookup(settings(), policy(&listed), lookup).unwrap();
        assert_eq!(transport.post(request(&server.endpoint())).await.unwrap_err(), BLOCKED, "{answers:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_turns_bad_after_the_first_is_blocked_at_the_next_connection() {
    #[derive(Debug, Default)]
    struct Turning(std::sync::atomic::AtomicUsize);
    #[async_trait::async_trait]
    impl fanfare::transport::resolver::Lookup for Turning {
        async fn lookup(&self, _host: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            let times = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(vec![if times == 0 { [127, 0, 0, 1] } else { [127, 0, 0, 2] }.into()])
        }
    }
    // Each connection ends with its first answer.
    let server = Server::start(&["h2"], |stream, acceptor| async move {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        respond.send_response(http::Response::builder().status(201).body(()).unwrap(), true).unwrap();
        connection.graceful_shutdown();
        while connection.accept().await.is_some() {}
    })
    .await;
    let exception = server.exception().replace("127.0.0.0/8", "127.0.0.1/32");
    let lookup = std::sync::Arc::new(Turning::default());
    let transport = HttpTransport::with_lookup(settings(), policy(&exception), lookup).unwrap();
    let mut last = transport.post(request(&server.endpoint())).await;
    assert_eq!(last.as_ref().unwrap().status, 201);
    // The GOAWAY may still be under way when the next request leaves: that one is refused, and the next dials.
    while !matches!(last, Err(TransportError::Blocked(_))) {
        last = transport.post(request(&server.endpoint())).await;
        assert!(last.is_err(), "{last:?}");
    }
    assert_eq!(last.unwrap_err(), BLOCKED);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_address_as_host_is_blocked_in_every_notation() {
    let server = Server::answering(201).await;
    let port = server.address.port();
    let listed = format!(
        "profile = 'any_public_host'\nhosts = ['127.0.0.1:{port}', '[::1]:{port}', '[::ffff:7f00:1]:{port}', \
         '0.0.0.0:{port}', 'localhost:{port}']"
    );
    let transport = HttpTransport::new(settings(), policy(&listed)).unwrap();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "localhost",
        "LOCALHOST",
    ] {
        let endpoint = format!("https://{host}:{port}/push");
        assert_eq!(transport.post(request(&endpoint)).await.unwrap_err(), BLOCKED, "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_exception_reaches_an_address_by_its_own_certificate_only() {
    let server = Server::answering(201).await;
    let port = server.address.port();
    let exception =
        format!("[[exceptions]]\nname = 'a'\nhost = '127.0.0.1'\nport = {port}\ncidrs = ['127.0.0.0/8']\n");
    let endpoint = format!("https://127.0.0.1:{port}/push");
    let trusting = transport(settings(), &format!("{exception}{}", server.root()));
    assert_eq!(trusting.post(request(&endpoint)).await.unwrap().status, 201);

    let other = Server::answering(201).await;
    for configuration in [exception.clone(), format!("{exception}{}", other.root())] {
        let error = transport(settings(), &configuration).post(request(&endpoint)).await.unwrap_err();
        let TransportError::Unreachable { detail, sent: false } = error else { panic!("{error}") };
        assert!(detail.starts_with("TLS: the certificate"), "{detail}");
    }
    assert_eq!(server.seen.borrow().requests, 1);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Server::answering(201).await;
    let exception = server.exception().replace(HOST, "other.test");
    let endpoint = server.endpoint().replace(HOST, "other.test");
    let error = transport(settings(), &exception).post(request(&endpoint)).await.unwrap_err();
    let detail = "TLS: the certificate is for another name".to_owned();
    assert_eq!(error, TransportError::Unreachable { detail, sent: false });
}

#[tokio::test]
async fn connect_to_overrides_the_name() {
    let server = Server::answering(201).await;
    let exception = format!(
        "[[exceptions]]\nname = 'a'\nhost = '{HOST}'\nconnect_to = '{}'\n{}",
        server.address,
        server.root()
    );
    let lookup = Scripted::new(&["192.0.2.1"]);
    let transport = HttpTransport::with_lookup(settings(), policy(&exception), lookup).unwrap();
    let answer = transport.post(request(&format!("https://{HOST}/push"))).await.unwrap();
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn http_is_spoken_where_an_exception_allows_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(|_| async {
            http::Response::builder().status(201).body(Empty::<bytes::Bytes>::new())
        });
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await
            .unwrap();
    });
    let exception =
        format!("[[exceptions]]\nname = 'a'\nhost = 'localhost'\nport = {port}\ncidrs = ['127.0.0.0/8']\n");
    let endpoint = format!("http://localhost:{port}/push");
    let refused = transport(settings(), &exception).post(request(&endpoint)).await.unwrap_err();
    assert_eq!(refused, TransportError::Blocked(Refusal::HttpNotAllowed));
    let allowed = transport(settings(), &format!("{exception}allow_http = true"));
    assert_eq!(allowed.post(request(&endpoint)).await.unwrap().status, 201);
}

/// Run by the next test, in a process with proxies in its environment.
#[tokio::test]
async fn posts_directly() {
    let server = Server::answering(201).await;
    let transport = transport(settings(), &server.exception());
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_from_the_environment_are_ignored() {
    let proxy = Server::start(&[], |_, _| async {}).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "guard::posts_directly"]);
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        let url = format!("http://{}", proxy.address);
        child.env(name, &url).env(name.to_uppercase(), &url);
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.connections(), 0);
}
