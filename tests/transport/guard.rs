//! Where requests do not go: a listener on loopback gets no connection, however the endpoint names it.

use std::process::Command;

use fanfare::domain::{EndpointPolicy as _, HostChoice, HostProfile, Origin, Refusal};
use fanfare::transport::{HttpTransport, Transport as _, TransportError};
use fanfare::webpush::request::PushRequest;
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

/// A proxy that answers CONNECT so.
async fn proxy_that_refuses(answer: &'static str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn what_the_egress_proxy_refuses_is_told_as_its_word() {
    for (answer, told) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n", "answered 407"),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "refused the connection"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "refused the connection"),
        ("", "closed the connection"),
    ] {
        let url = proxy_that_refuses(answer).await;
        let settings = fanfare::transport::HttpSettings { egress_proxy: Some(url.into()), ..settings() };
        let transport = transport(settings, "profile = 'any_public_host'");
        let error = transport.post(request("https://push.example.net/x")).await.unwrap_err();
        let TransportError::Unreachable { detail, sent } = &error else { panic!("{error}") };
        assert!(detail.starts_with("a proxy on the way") && detail.contains(told), "{answer}: {error}");
        assert!(!sent);
    }
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

/// A client certificate by its own authority, and its key, as PEM files.
fn client_certificate() -> (tempfile::NamedTempFile, tempfile::NamedTempFile) {
    use std::io::Write as _;
    let made = rcgen::generate_simple_self_signed(["client.test".to_owned()]).unwrap();
    let file = |text: String| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    };
    (file(made.cert.pem()), file(made.signing_key.serialize_pem()))
}

#[tokio::test]
async fn an_exception_is_shown_its_client_certificate() {
    let (certificate, key) = client_certificate();
    let server = Server::demanding_client(certificate.path()).await;
    let own = format!(
        "client_certificate = '{}'\nclient_key = '{}'\n",
        certificate.path().display(),
        key.path().display()
    );
    let shown = transport(settings(), &format!("{}{own}", server.exception()));
    assert_eq!(shown.post(request(&server.endpoint())).await.unwrap().status, 201);
    let without = transport(settings(), &server.exception());
    assert!(matches!(
        without.post(request(&server.endpoint())).await.unwrap_err(),
        TransportError::Unreachable { .. }
    ));
    let (_, foreign) = client_certificate();
    let mismatched = own.replace(&key.path().display().to_string(), &foreign.path().display().to_string());
    let settings: fanfare::transport::PushServicesSettings =
        toml::from_str(&format!("{}{mismatched}", server.exception())).unwrap();
    let error = fanfare::transport::HostPolicy::new(&settings).unwrap_err().to_string();
    assert!(error.contains("client_key"), "{error}");
}

/// A proxy that takes CONNECT to anything and leads to this address; tells what was asked for.
async fn proxy(to: std::net::SocketAddr) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:secret@localhost:{}", listener.local_addr().unwrap().port());
    let (asked, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while stream.read_line(&mut head).await.is_ok_and(|octets| octets > 2) {}
                asked.send(head).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = tokio::net::TcpStream::connect(to).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (url, told)
}

/// Run by the next test, in a process whose system trusts the certificate of this server.
#[tokio::test]
async fn posts_through_the_egress_proxy() {
    let Ok(directory) = std::env::var("GUARD_TEST_ROOTS") else { return };
    let server = Server::answering(201).await;
    std::fs::copy(server.certificate(), std::path::Path::new(&directory).join("roots.pem")).unwrap();
    let (url, mut asked) = proxy(server.address).await;
    let listed = format!("hosts = ['{HOST}:{}']", server.address.port());
    let settings = fanfare::transport::HttpSettings { egress_proxy: Some(url.into()), ..settings() };
    assert!(!format!("{settings:?}").contains("secret"));
    // The name itself resolves to where it must not go: only the proxy may be dialled.
    let transport = transport(settings, &listed);
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    let head = asked.recv().await.unwrap();
    let connect = format!("CONNECT {HOST}:{} HTTP/1.1\r\n", server.address.port());
    assert!(head.starts_with(&connect), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic dxnlcjpzzwnyzxq="), "{head}");
    // What can be judged here still is.
    for hostile in ["https://127.0.0.1/x", "https://push.example.net/x", "https://fcm.googleapis.com:22/x"] {
        let error = transport.post(request(hostile)).await.unwrap_err();
        assert!(matches!(error, TransportError::Blocked(_)), "{hostile}: {error}");
    }
    assert!(asked.try_recv().is_err());
    println!("through the proxy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_egress_proxy_is_used_for_all_but_exceptions() {
    // The system's certificates are read when the transport is made: where to is said in the environment.
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "guard::posts_through_the_egress_proxy", "--nocapture"]);
    child.env("GUARD_TEST_ROOTS", directory.path()).env("SSL_CERT_FILE", directory.path().join("roots.pem"));
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("through the proxy"), "{text}");

    let server = Server::answering(201).await;
    let (url, mut asked) = proxy(server.address).await;
    let settings = fanfare::transport::HttpSettings { egress_proxy: Some(url.into()), ..settings() };
    let direct = transport(settings, &server.exception());
    assert_eq!(direct.post(request(&server.endpoint())).await.unwrap().status, 201);
    assert!(asked.try_recv().is_err(), "an exception is dialled directly");
}

/// A push service that wants a client certificate, as an exception at `https://push.test/`, and the files it needs.
struct Mutual {
    server: Server,
    configuration: String,
    _files: (tempfile::NamedTempFile, tempfile::NamedTempFile),
}

impl Mutual {
    async fn start() -> Self {
        let (certificate, key) = client_certificate();
        let server = Server::demanding_client(certificate.path()).await;
        let configuration = format!(
            "[[exceptions]]\nname = 'intranet'\nhost = '{HOST}'\nconnect_to = '{}'\nclient_certificate = '{}'\n\
             client_key = '{}'\n{}",
            server.address,
            certificate.path().display(),
            key.path().display(),
            server.root()
        );
        Self { server, configuration, _files: (certificate, key) }
    }
}

/// What an application posts that has chosen so.
fn chosen(policy: &fanfare::transport::HostPolicy, choice: &HostChoice) -> PushRequest {
    let own = policy.chosen(choice).unwrap();
    PushRequest { policy: Some(own), ..request(&format!("https://{HOST}/push")) }
}

#[tokio::test]
async fn an_exception_is_dialled_only_for_applications_that_may_use_it() {
    let Mutual { server, configuration, _files } = Mutual::start().await;
    let policy = policy(&configuration);
    let lookup = Scripted::new(&["127.0.0.1"]);
    let transport = HttpTransport::with_lookup(settings(), policy.clone(), lookup).unwrap();
    let may = HostChoice { exceptions: vec!["intranet".into()], ..HostChoice::default() };
    // Its name passes by each of these, and the exception does not belong to it.
    let by_profile = HostChoice { profile: Some(HostProfile::AnyPublicHost), ..HostChoice::default() };
    let by_list = HostChoice { extra_hosts: vec![HOST.into()], ..HostChoice::default() };
    let below = HostChoice { extra_hosts: vec![".test".into()], ..HostChoice::default() };
    for _ in 0..2 {
        for choice in [&by_profile, &by_list, &below] {
            let refused = transport.post(chosen(&policy, choice)).await;
            assert_eq!(refused.unwrap_err(), BLOCKED, "{choice:?}");
        }
        // Once there is a connection, it is not shared either.
        assert_eq!(transport.post(chosen(&policy, &may)).await.unwrap().status, 201);
        // An application that has chosen nothing has the server's own policy.
        assert_eq!(transport.post(request(&format!("https://{HOST}/push"))).await.unwrap().status, 201);
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(transport.connections(&Origin::parse(&format!("https://{HOST}")).unwrap()), 1);
}
