//! Names from a name server on loopback that answers for some of them and is silent for others.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::domain::Refusal;
use fanfare::transport::resolver::{Lookup as _, SystemLookup};
use fanfare::transport::settings::NameServer;
use fanfare::transport::{HttpSettings, HttpTransport, Transport as _, TransportError};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::server::{HOST, Server};
use crate::{policy, request, settings};

/// A name server. What ends with `silent.test` it never answers; `rebinding.test` is 127.0.0.1, and once that is said 8.8.8.8;
/// what begins with `none` does not exist; all other names are 127.0.0.1.
struct Names {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    rebound: Arc<AtomicBool>,
}

/// Of a lookup.
const TIMEOUT: Duration = Duration::from_secs(5);

const HEADER_OCTETS: usize = 12;
const NXDOMAIN: u8 = 3;
const TYPE_A: [u8; 2] = [0, 1];

impl Names {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::<AtomicUsize>::default();
        let rebound = Arc::<AtomicBool>::default();
        let (counted, turned) = (Arc::clone(&asked), Arc::clone(&rebound));
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((octets, from)) = socket.recv_from(&mut query).await {
                counted.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = answer(&query[..octets], turned.load(Ordering::SeqCst)) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        Self { address, asked, rebound }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// RFC 1035 section 4.1: the header and the question again, then the answer.
fn answer(query: &[u8], rebound: bool) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = HEADER_OCTETS;
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let question = &query[HEADER_OCTETS..at + 5];
    let name = labels.join(".");
    if name.ends_with("silent.test") {
        return None;
    }
    let is_a = question[question.len() - 4..question.len() - 2] == TYPE_A;
    let code = if name.starts_with("none") { NXDOMAIN } else { 0 };
    let answers = u8::from(is_a && code == 0);
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    answer.extend(question);
    if answers > 0 {
        let turned = rebound && name == "rebinding.test";
        let address = if turned { Ipv4Addr::new(8, 8, 8, 8) } else { Ipv4Addr::LOCALHOST };
        // The name by a pointer to the question, A, IN, a ttl of a minute, four octets.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

fn by(names: &Names) -> HttpSettings {
    HttpSettings { name_servers: vec![NameServer(names.address)], dns_timeout: TIMEOUT, ..settings() }
}

#[tokio::test]
async fn a_name_is_asked_for_where_the_settings_say_and_judged_by_what_is_dialled() {
    let names = Names::start().await;
    let server = Server::answering(201).await;
    let port = server.address.port();
    let rebinding = server.exception().replace(HOST, "rebinding.test").replace("'test'", "'rebinding'");
    let rebinding = rebinding.replace("127.0.0.0/8", "127.0.0.1/32").replace(&server.root(), "");
    let configuration = format!(
        "profile = 'any_public_host'\nhosts = ['private.test:{port}']\n{}{rebinding}",
        server.exception()
    );
    let transport = HttpTransport::new(by(&names), policy(&configuration)).unwrap();
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    assert!(names.asked() > 0);

    let private = transport.post(request(&format!("https://private.test:{port}/x"))).await.unwrap_err();
    assert_eq!(private, TransportError::Blocked(Refusal::AddressNotAllowed));
    let none = transport.post(request("https://none.test/x")).await.unwrap_err();
    assert!(matches!(none, TransportError::Unreachable { sent: false, .. }), "{none}");

    // Its first answer may be dialled (its certificate is another's), its second may not.
    let endpoint = format!("https://rebinding.test:{port}/x");
    let dialled = transport.post(request(&endpoint)).await.unwrap_err();
    assert!(
        matches!(&dialled, TransportError::Unreachable { detail, .. } if detail.starts_with("TLS")),
        "{dialled}"
    );
    names.rebound.store(true, Ordering::SeqCst);
    let refused = transport.post(request(&endpoint)).await.unwrap_err();
    assert_eq!(refused, TransportError::Blocked(Refusal::AddressNotAllowed));
}

#[tokio::test]
async fn the_hosts_file_goes_before_name_servers() {
    let names = Names::start().await;
    let lookup = SystemLookup::new(&[names.address], Duration::from_secs(2));
    let found = lookup.lookup("localhost").await.unwrap();
    assert!(!found.is_empty() && found.iter().all(std::net::IpAddr::is_loopback), "{found:?}");
    assert_eq!(names.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_never_answered_hold_nobody_up() {
    let names = Names::start().await;
    let server = Server::answering(201).await;
    let configuration = format!("profile = 'any_public_host'\n{}", server.exception());
    let transport = Arc::new(HttpTransport::new(by(&names), policy(&configuration)).unwrap());
    let mut silent = JoinSet::new();
    for number in 0..400 {
        let transport = Arc::clone(&transport);
        let endpoint = format!("https://n{number}.silent.test/x");
        silent.spawn(async move {
            let error = transport.post(request(&endpoint)).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    TransportError::Unreachable { sent: false, .. } | TransportError::Exhausted(_)
                ),
                "{error}"
            );
        });
    }
    while names.asked() < 8 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    assert_eq!(transport.post(request(&server.endpoint())).await.unwrap().status, 201);
    assert!(began.elapsed() < TIMEOUT / 2, "{:?}", began.elapsed());
    silent.join_all().await;
    // Their zone is left alone.
    let asked = names.asked();
    let began = Instant::now();
    for number in 400..500 {
        let endpoint = format!("https://n{number}.silent.test/x");
        transport.post(request(&endpoint)).await.unwrap_err();
    }
    assert!(began.elapsed() < 2 * TIMEOUT, "{:?}", began.elapsed());
    assert!(names.asked() <= asked + 12, "one looks whether they have come back");
}
