//! The stand-in for Chromium's push back end, as Chromium speaks to it: check-in, registration, MCS over TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use fanfare::domain::Clock;
use fanfare::domain::Origin;
use fanfare::sandbox::control_json::UserAgentStatus;
use fanfare::sandbox::{SandboxError, SandboxSettings};
use prost::Message;
use reqwest::Certificate;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{Harness, Sender};

const VERSION: u8 = 41;
const HEARTBEAT_PING: u8 = 0;
const HEARTBEAT_ACK: u8 = 1;
const LOGIN_REQUEST: u8 = 2;
const LOGIN_RESPONSE: u8 = 3;
const IQ_STANZA: u8 = 7;
const DATA_MESSAGE: u8 = 8;

const SUBTYPE: &str = "wp:http://localhost:1/#0-V2";
const DEVICE: (&str, &str) = ("4711", "815");

#[derive(Clone, PartialEq, prost::Message)]
struct Checkin {
    #[prost(int64, optional, tag = "2")]
    asked_id: Option<i64>,
    #[prost(fixed64, optional, tag = "7")]
    android_id: Option<u64>,
    #[prost(fixed64, optional, tag = "8")]
    security_token: Option<u64>,
    #[prost(fixed64, optional, tag = "13")]
    asked_token: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Login {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "3")]
    user: String,
    #[prost(string, tag = "5")]
    auth_token: String,
    #[prost(string, repeated, tag = "10")]
    received: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LoginAnswer {
    #[prost(message, optional, tag = "3")]
    error: Option<()>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Stanza {
    #[prost(string, tag = "3")]
    from: String,
    #[prost(string, tag = "5")]
    category: String,
    #[prost(message, repeated, tag = "7")]
    data: Vec<Pair>,
    #[prost(string, tag = "9")]
    persistent_id: String,
    #[prost(int32, tag = "10")]
    last_stream_id_received: i32,
    #[prost(bytes = "vec", optional, tag = "21")]
    raw_data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

async fn harness() -> Harness {
    Harness::start(SandboxSettings { chromium: true, ..SandboxSettings::default() }).await
}

fn url(harness: &Harness, path: &str) -> String {
    format!("http://{}{path}", harness.sandbox.addresses().browser)
}

/// Registers or unregisters; gives what is answered.
async fn register(harness: &Harness, more: &str) -> String {
    let key = harness.sender.public();
    let form = format!(
        "app=org.chromium.linux&X-subtype=wp%3Ahttp%3A%2F%2Flocalhost%3A1%2F%230-V2&sender={key}{more}"
    );
    let request = harness
        .client
        .post(url(harness, "/fcm/register"))
        .header("authorization", format!("AidLogin {}:{}", DEVICE.0, DEVICE.1))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    request.send().await.unwrap().text().await.unwrap()
}

/// A connection.
struct Mcs {
    stream: TlsStream<TcpStream>,
    read: BytesMut,
}

impl Mcs {
    /// Connects without a word.
    async fn open(harness: &Harness) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = harness.sandbox.authority_pem().unwrap().as_bytes();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(authority).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = harness.sandbox.addresses().chromium.as_ref().unwrap().mcs;
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        Self { stream, read: BytesMut::new() }
    }

    /// Connects and logs in, having these messages already.
    async fn login(harness: &Harness, received: &[&str]) -> Self {
        let mut mcs = Self::open(harness).await;
        assert!(mcs.log_in(received).await);
        mcs
    }

    /// Gives whether the login is taken.
    async fn log_in(&mut self, received: &[&str]) -> bool {
        self.stream.write_u8(VERSION).await.unwrap();
        let login = Login {
            id: "chrome".to_owned(),
            user: DEVICE.0.to_owned(),
            auth_token: DEVICE.1.to_owned(),
            received: received.iter().map(|&id| id.to_owned()).collect(),
        };
        self.say(LOGIN_REQUEST, &login).await;
        assert_eq!(self.stream.read_u8().await.unwrap(), VERSION);
        let (tag, body) = self.hear().await;
        assert_eq!(tag, LOGIN_RESPONSE);
        LoginAnswer::decode(body).unwrap().error.is_none()
    }

    async fn say(&mut self, tag: u8, message: &impl Message) {
        let mut octets = vec![tag];
        message.encode_length_delimited(&mut octets).unwrap();
        self.stream.write_all(&octets).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn hear(&mut self) -> (u8, BytesMut) {
        loop {
            if self.read.len() > 1
                && let Ok(len) = prost::decode_length_delimiter(&self.read[1..])
                && self.read.len() > prost::length_delimiter_len(len) + len
            {
                let tag = self.read.get_u8();
                self.read.advance(prost::length_delimiter_len(len));
                return (tag, self.read.split_to(len));
            }
            let read = self.stream.read_buf(&mut self.read);
            let octets = tokio::time::timeout(Duration::from_secs(10), read).await.expect("silence").unwrap();
            assert_ne!(octets, 0, "the connection ended");
        }
    }

    async fn message(&mut self) -> Stanza {
        let (tag, body) = self.hear().await;
        assert_eq!(tag, DATA_MESSAGE);
        Stanza::decode(body).unwrap()
    }

    /// A heartbeat and its answer: what was said before has been heard.
    async fn beat(&mut self) {
        self.say(HEARTBEAT_PING, &Stanza::default()).await;
        assert_eq!(self.hear().await.0, HEARTBEAT_ACK);
    }
}

/// Messages that wait for the only browser.
async fn waiting(harness: &Harness) -> u64 {
    let status: UserAgentStatus =
        serde_json::from_str(harness.get("/user-agents").await.text.trim()).unwrap();
    status.waiting
}

#[tokio::test]
async fn a_browser_is_who_it_was() {
    let harness = harness().await;
    let check_in = async |request: Checkin| {
        let request = harness.client.post(url(&harness, "/fcm/checkin")).body(request.encode_to_vec());
        Checkin::decode(request.send().await.unwrap().bytes().await.unwrap()).unwrap()
    };
    let first = check_in(Checkin { asked_id: Some(0), ..Checkin::default() }).await;
    assert!(first.android_id > Some(0) && first.security_token > Some(0));
    let again = Checkin {
        asked_id: first.android_id.map(|id| i64::try_from(id).unwrap()),
        asked_token: first.security_token,
        ..Checkin::default()
    };
    let again = check_in(again).await;
    assert_eq!((again.android_id, again.security_token), (first.android_id, first.security_token));
    assert_ne!(check_in(Checkin::default()).await.android_id, first.android_id);
    let bad = harness.client.post(url(&harness, "/fcm/checkin")).body(vec![255; 9]).send().await.unwrap();
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn messages_come_over_mcs_until_they_are_acknowledged() {
    let harness = harness().await;
    let token = register(&harness, "").await.strip_prefix("token=").unwrap().to_owned();
    let endpoint = format!("{}/fcm/send/{token}", harness.origin());
    let post = async |body: &[u8]| {
        let mut headers = harness.good_headers();
        if !body.is_empty() {
            headers.insert("content-encoding", "aes128gcm".parse().unwrap());
        }
        let answer = harness.post(&endpoint, headers, body.to_vec()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    };
    post(b"sent before it connected").await;
    let mut mcs = Mcs::login(&harness, &[]).await;
    let first = mcs.message().await;
    assert_eq!(first.category, "org.chromium.linux");
    assert_eq!(first.from, harness.sender.public());
    assert_eq!(first.raw_data.as_deref(), Some(&b"sent before it connected"[..]));
    let pairs: Vec<_> = first.data.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
    assert_eq!(pairs, [("subtype", SUBTYPE), ("content-encoding", "aes128gcm")]);
    post(b"").await;
    let empty = mcs.message().await;
    assert_eq!((empty.raw_data, empty.data.len()), (None, 1));

    // The login's answer was the first of the stream, so this is the first message.
    mcs.say(IQ_STANZA, &Stanza { last_stream_id_received: 2, ..Stanza::default() }).await;
    mcs.beat().await;
    assert_eq!(waiting(&harness).await, 1);
    drop(mcs);
    let mut mcs = Mcs::login(&harness, &[]).await;
    assert_eq!(mcs.message().await.persistent_id, empty.persistent_id);
    drop(mcs);
    let mut mcs = Mcs::login(&harness, &[&empty.persistent_id]).await;
    mcs.beat().await;
    assert_eq!(waiting(&harness).await, 0);

    assert_eq!(register(&harness, "&delete=true").await, format!("deleted={SUBTYPE}"));
    let gone = harness.post(&endpoint, harness.good_headers(), Vec::new()).await;
    assert_eq!(gone.refusal(), (410, Some(106)));
}

/// Chromium often gives up its first connection for another one, and is heard on both.
#[tokio::test]
async fn the_connection_that_was_made_last_counts_whichever_logs_in_last() {
    let harness = harness().await;
    let token = register(&harness, "").await.strip_prefix("token=").unwrap().to_owned();
    let mut older = Mcs::open(&harness).await;
    let mut newer = Mcs::login(&harness, &[]).await;
    assert!(!older.log_in(&[]).await);
    drop(older);
    let endpoint = format!("{}/fcm/send/{token}", harness.origin());
    assert_eq!(harness.post(&endpoint, harness.good_headers(), Vec::new()).await.status, 201);
    newer.message().await;
}

#[tokio::test]
async fn endpoints_are_at_the_hosts_that_are_compiled_into_chromium() {
    let harness = harness().await;
    let token = register(&harness, "").await.strip_prefix("token=").unwrap().to_owned();
    let trusted = Certificate::from_pem(harness.sandbox.authority_pem().unwrap().as_bytes()).unwrap();
    for origin in &harness.sandbox.addresses().chromium.as_ref().unwrap().origins {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted.clone()]);
        let client = client.resolve(origin.host, origin.address).build().unwrap();
        let audience = Origin::parse(&format!("https://{}", origin.host)).unwrap();
        for (audience, status) in [(&audience, 201), (harness.origin(), 401)] {
            let request = client
                .post(format!("https://{}:{}/fcm/send/{token}", origin.host, origin.address.port()))
                .header("ttl", "60")
                .header("authorization", harness.sender.token(audience, harness.clock.now()));
            assert_eq!(
                request.send().await.unwrap().status(),
                status,
                "{} at {}",
                audience.as_str(),
                origin.host
            );
        }
    }
}

#[tokio::test]
async fn at_those_hosts_refusals_are_those_of_fcm() {
    let harness = harness().await;
    let token = register(&harness, "").await.strip_prefix("token=").unwrap().to_owned();
    let trusted = Certificate::from_pem(harness.sandbox.authority_pem().unwrap().as_bytes()).unwrap();
    let origin = &harness.sandbox.addresses().chromium.as_ref().unwrap().origins[0];
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]);
    let client = client.resolve(origin.host, origin.address).build().unwrap();
    let audience = Origin::parse(&format!("https://{}", origin.host)).unwrap();
    let post = async |sender: &Sender, token: &str, octets: usize| {
        let url = format!("https://{}:{}/fcm/send/{token}", origin.host, origin.address.port());
        let request = client.post(url).header("ttl", "60").header("content-encoding", "aes128gcm");
        let request = request.header("authorization", sender.token(&audience, harness.clock.now()));
        let answer = request.body(vec![0; octets]).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let own = &harness.sender;
    for (answer, status, text) in [
        (post(&Sender::new(), &token, 10).await, 403, "do not correspond to the credentials"),
        (post(own, &token, 4_097).await, 400, "must be less than 4096 bytes"),
        (post(own, "x", 10).await, 404, "A valid push subscription endpoint"),
    ] {
        assert!(answer.0 == status && answer.1.contains(text), "{answer:?}");
    }
    register(&harness, "&delete=true").await;
    assert_eq!(
        post(own, &token, 10).await,
        (410, "push subscription has unsubscribed or expired.\n".to_owned())
    );
}

#[tokio::test]
async fn strangers_are_refused() {
    let harness = harness().await;
    let answer = harness
        .client
        .post(url(&harness, "/fcm/register"))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = answer.body("X-subtype=wp:x").send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "Error=AUTHENTICATION_FAILED");
    assert_eq!(register(&harness, "A").await, "Error=INVALID_SENDER");

    let without = Harness::strict().await;
    assert_eq!(without.client.post(url(&without, "/fcm/checkin")).send().await.unwrap().status(), 404);
    let plain = SandboxSettings { chromium: true, https: false, ..SandboxSettings::default() };
    let refused = fanfare::sandbox::Sandbox::start(plain, Arc::new(fanfare::domain::SystemClock)).await;
    assert!(matches!(refused, Err(SandboxError::ChromiumNeedsHttps)));
}
