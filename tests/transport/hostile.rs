//! The table of hostile endpoints against real listeners on loopback: none gets a single byte. And push services that never
//! come to an end.

#[path = "../hostile/table.rs"]
mod table;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::domain::{Endpoint, Origin, Refusal};
use fanfare::transport::resolver::Lookup;
use fanfare::transport::{HttpSettings, HttpTransport, Transport as _, TransportError};
use fanfare::webpush::PushService;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use self::table::{Gate, friendly, hostile};
use crate::server::{HOST, Server, accept, accept_http2, read_to_headers};
use crate::{policy, request, settings, transport};

/// A listener that only counts, on 127.0.0.1 and ::1, both on one port.
struct Inside {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Inside {
    async fn listen() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind(("::1", port)).await.unwrap();
        let connections = Arc::<AtomicUsize>::default();
        for listener in [first, second] {
            let connections = Arc::clone(&connections);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    connections.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { port, connections }
    }
}

/// A resolver with an answer for each name.
#[derive(Debug)]
struct Names(HashMap<String, Vec<IpAddr>>);

#[async_trait::async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.0.get(host.trim_end_matches('.')).cloned().ok_or(std::io::ErrorKind::NotFound.into())
    }
}

#[tokio::test]
async fn no_hostile_endpoint_gets_a_byte_to_loopback() {
    let inside = Inside::listen().await;
    let rows = hostile(inside.port);
    assert!(rows.len() >= 150, "{} rows", rows.len());

    // The most generous configuration short of an exception: any public host, and each of these by name and port.
    let origin = |endpoint: &str| Endpoint::parse(endpoint, true).ok().map(|parsed| parsed.origin().clone());
    let listed: Vec<String> = rows
        .iter()
        .filter(|row| matches!(row.gate, Gate::Address | Gate::Dial))
        .map(|row| {
            let origin = origin(&row.endpoint).unwrap_or_else(|| panic!("{} is no URL", row.endpoint));
            format!("'{}:{}'", origin.host(), origin.port())
        })
        .collect();
    let generous = format!("profile = 'any_public_host'\nhosts = [{}]", listed.join(", "));
    let names = rows.iter().filter(|row| row.gate == Gate::Dial);
    let names = names.map(|row| (origin(&row.endpoint).unwrap().host().to_owned(), row.answers.clone()));
    let names = Arc::new(Names(names.collect()));
    let of = |configuration: &str| {
        let lookup = Arc::clone(&names) as Arc<dyn Lookup>;
        HttpTransport::with_lookup(HttpSettings::default(), policy(configuration), lookup).unwrap()
    };
    let (generous, known, listed_only) = (of(&generous), of(""), of("profile = 'listed_only'"));

    let mut figures = std::collections::BTreeMap::<String, usize>::new();
    for row in &rows {
        *figures.entry(format!("{:?}", row.gate).to_lowercase()).or_default() += 1;
        let refusal = match row.gate {
            Gate::Url => {
                assert!(Endpoint::parse(&row.endpoint, true).is_err(), "{} is an endpoint", row.endpoint);
                continue;
            }
            Gate::Scheme => Refusal::HttpNotAllowed,
            Gate::Host => Refusal::HostNotAllowed,
            Gate::Port => Refusal::PortNotAllowed,
            Gate::Path => {
                let endpoint = Endpoint::parse(&row.endpoint, true).unwrap();
                Refusal::PathNotKnown(PushService::of(&endpoint).paths())
            }
            Gate::Address | Gate::Dial => Refusal::AddressNotAllowed,
        };
        let judge = if row.gate == Gate::Host { &known } else { &generous };
        let refused = judge.post(request(&row.endpoint)).await.unwrap_err();
        assert_eq!(refused, TransportError::Blocked(refusal), "{}", row.endpoint);
        for stricter in [&known, &listed_only] {
            let refused = stricter.post(request(&row.endpoint)).await.unwrap_err();
            assert!(matches!(refused, TransportError::Blocked(_)), "{}: {refused}", row.endpoint);
        }
    }
    // Whatever was dialled has arrived by now: this one arrives after it.
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
    let exception = format!(
        "[[exceptions]]\nname = 'a'\nhost = 'inside.example'\nport = {}\ncidrs = ['127.0.0.0/8']",
        inside.port
    );
    let endpoint = format!("https://inside.example:{}/x", inside.port);
    let allowed = tokio::time::timeout(Duration::from_secs(5), of(&exception).post(request(&endpoint))).await;
    drop(allowed);
    assert!(inside.connections.load(Ordering::SeqCst) > 0, "the listener counts");
    println!("{}", serde_json::json!({"hostile": rows.len(), "by_gate": figures, "connections": 0}));
}

#[test]
fn friendly_endpoints_pass() {
    use fanfare::domain::{EndpointPolicy as _, PassedBy};
    let policy = policy("");
    assert!(friendly().count() >= 15);
    for endpoint in friendly() {
        let judged = policy.check(&Endpoint::parse(endpoint, false).expect(endpoint));
        assert_eq!(judged, Ok(PassedBy::Hosts), "{endpoint}");
    }
}

/// Answers 127.0.0.1 first, and 127.0.0.2 from then on.
#[derive(Debug, Default)]
struct Rebinding(AtomicUsize);

#[async_trait::async_trait]
impl Lookup for Rebinding {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let times = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(vec![if times == 0 { [127, 0, 0, 1] } else { [127, 0, 0, 2] }.into()])
    }
}

#[tokio::test]
async fn what_is_dialled_is_what_was_judged_however_the_name_changes() {
    let server = Server::answering(201).await;
    let port = server.address.port();
    let other = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    // Only the first answer may be dialled.
    let exception = server.exception().replace("127.0.0.0/8", "127.0.0.1/32");
    let rebinding = Arc::new(Rebinding::default());
    let transport =
        HttpTransport::with_lookup(settings(), policy(&exception), Arc::clone(&rebinding) as _).unwrap();
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    assert_eq!(rebinding.0.load(Ordering::SeqCst), 1, "looked up once, for the judge and for the dial");

    // A connection of its own, with the second answer.
    let fresh =
        HttpTransport::with_lookup(settings(), policy(&exception), Arc::clone(&rebinding) as _).unwrap();
    let refused = fresh.post(request(&server.endpoint())).await.unwrap_err();
    assert_eq!(refused, TransportError::Blocked(Refusal::AddressNotAllowed));
    let nobody = tokio::time::timeout(Duration::from_millis(50), other.accept()).await;
    assert!(nobody.is_err(), "somebody dialled 127.0.0.2");
}

#[tokio::test]
async fn what_is_remembered_of_a_name_is_judged_again() {
    let server = Server::answering(201).await;
    let inside = server.exception();
    // Two ports of one name, of which only one may reach loopback.
    let (port, other_port) = (server.address.port(), server.address.port() ^ 1);
    let other = format!("https://{HOST}:{other_port}/x");
    let elsewhere = inside
        .replace("'test'", "'other'")
        .replace(&format!("port = {port}"), &format!("port = {other_port}"))
        .replace("127.0.0.0/8", "10.0.0.0/8");
    let listed = format!("{inside}{elsewhere}");
    let lookup = Arc::new(Rebinding::default());
    let settings = HttpSettings { dns_cache_age_max: Duration::from_secs(60), ..settings() };
    let transport = HttpTransport::with_lookup(settings, policy(&listed), Arc::clone(&lookup) as _).unwrap();
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    let refused = transport.post(request(&other)).await.unwrap_err();
    assert_eq!(refused, TransportError::Blocked(Refusal::AddressNotAllowed));
    assert_eq!(lookup.0.load(Ordering::SeqCst), 1, "looked up once");
}

#[tokio::test]
async fn nothing_that_an_answer_says_leads_inside() {
    let inside = Inside::listen().await;
    let target = format!("https://127.0.0.1:{}/x", inside.port);
    for status in [300, 301, 302, 303, 307, 308, 401, 407, 421, 426, 201] {
        let to = target.clone();
        let server = Server::http2(move |mut exchange| {
            let response = http::Response::builder()
                .status(status)
                .header("location", &to)
                .header("content-location", &to)
                .header("refresh", format!("0; url={to}"))
                .header("link", format!("<{to}>; rel=preload"))
                .header("alt-svc", format!("h2=\"{}\"; ma=60", to.trim_start_matches("https://")))
                .header("proxy-authenticate", "Basic")
                .header("www-authenticate", "Basic");
            async move { drop(exchange.start(response, true)) }
        })
        .await;
        let transport = transport(settings(), &server.exception());
        for _ in 0..2 {
            assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, status);
        }
        assert_eq!(server.connections(), 1);
    }
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}

/// What one connection's buffers hold on both sides, in octets: a service that is not read from gets rid of no more.
const BUFFERED_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Writes a piece again and again until it is not taken any more; gives how many octets were.
async fn write_endlessly(mut to: impl AsyncWrite + Unpin, piece: &[u8]) -> usize {
    let mut octets = 0;
    while to.write_all(piece).await.is_ok() {
        octets += piece.len();
        assert!(octets < BUFFERED_OCTETS_MAX, "everything is taken");
    }
    octets
}

#[tokio::test]
async fn endless_headers_are_cut() {
    let (written, mut told) = tokio::sync::mpsc::unbounded_channel();
    let http1 = written.clone();
    let http1 = Server::start(&["http/1.1"], move |stream, acceptor| {
        let written = http1.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut octets = [0; 4_096];
            if !stream.read(&mut octets).await.is_ok_and(|octets| octets > 0) {
                return;
            }
            stream.write_all(b"HTTP/1.1 201 Created\r\n").await.unwrap();
            let piece = format!("x-endless: {}\r\n", "x".repeat(1_000));
            written.send(write_endlessly(stream, piece.as_bytes()).await).unwrap();
        }
    })
    .await;
    // A HEADERS frame without END_HEADERS, and CONTINUATION without end (CVE-2024-27316).
    let http2 = Server::start(&["h2"], move |stream, acceptor| {
        let written = written.clone();
        async move {
            let mut stream = accept_http2(stream, acceptor).await;
            read_to_headers(&mut stream).await;
            stream.write_all(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88]).await.unwrap();
            // A literal field without indexing: 1 octet of name, 1,000 of value.
            let mut piece = vec![0, 3, 238, 9, 0, 0, 0, 0, 1, 0, 1, b'x', 0x7f, 0xe9, 0x06];
            piece.resize(9 + 1_006, b'x');
            written.send(write_endlessly(stream, &piece).await).unwrap();
        }
    })
    .await;
    for server in [http1, http2] {
        let transport = transport(settings(), &server.exception());
        let error = transport.post(request(&server.endpoint())).await.unwrap_err();
        assert!(matches!(error, TransportError::Unreachable { sent: true, .. }), "{error}");
        assert!(told.recv().await.unwrap() < BUFFERED_OCTETS_MAX);
    }
}

#[tokio::test]
async fn a_header_that_trickles_ends_at_the_deadline() {
    let server = Server::start(&["http/1.1"], |stream, acceptor| async move {
        let mut stream = accept(stream, acceptor).await;
        // The first connection is given up: it was to be one of HTTP/2.
        if !stream.read(&mut [0; 4_096]).await.is_ok_and(|octets| octets > 0) {
            return;
        }
        for octet in b"HTTP/1.1 201 Created\r\nx: ".iter().chain(std::iter::repeat(&b'x')) {
            if stream.write_all(&[*octet]).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let settings = HttpSettings { deadline: Duration::from_secs(3), ..settings() };
    let error = transport(settings, &server.exception()).post(request(&server.endpoint())).await.unwrap_err();
    assert_eq!(error, TransportError::TimedOut { sent: true });
}

#[test]
fn an_origin_is_written_as_it_is_read() {
    for row in hostile(4_433) {
        let Ok(endpoint) = Endpoint::parse(&row.endpoint, true) else { continue };
        assert_eq!(
            Origin::parse(endpoint.origin().as_str()).as_ref(),
            Some(endpoint.origin()),
            "{}",
            row.endpoint
        );
    }
}
