//! The transport against real listeners: what it sends, what it makes of answers, and where it does not go.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod answers;
mod connections;
mod exhausted;
mod guard;
mod hostile;
mod interim;
mod lifetime;
mod name_servers;
mod server;
mod streams;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fanfare::domain::Endpoint;
use fanfare::transport::resolver::Lookup;
use fanfare::transport::{HostPolicy, HttpSettings, HttpTransport, PushServicesSettings};
use fanfare::webpush::request::PushRequest;
use http::{HeaderMap, HeaderValue};

/// A resolver with the same answers for every name.
#[derive(Clone, Debug)]
pub(crate) struct Scripted(Vec<IpAddr>);

impl Scripted {
    pub(crate) fn new(addresses: &[&str]) -> Arc<Self> {
        Arc::new(Self(addresses.iter().map(|text| text.parse().unwrap()).collect()))
    }
}

#[async_trait::async_trait]
impl Lookup for Scripted {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

/// Long enough never to pass in a test that does not mean it to. No name is remembered.
pub(crate) fn settings() -> HttpSettings {
    HttpSettings {
        deadline: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(60),
        dns_cache_age_max: Duration::ZERO,
        ..HttpSettings::default()
    }
}

pub(crate) fn policy(configuration: &str) -> Arc<HostPolicy> {
    let settings: PushServicesSettings = toml::from_str(configuration).unwrap();
    Arc::new(HostPolicy::new(&settings).unwrap())
}

/// A transport under this `[push_services]`, to which every name is 127.0.0.1.
pub(crate) fn transport(settings: HttpSettings, configuration: &str) -> Arc<HttpTransport> {
    let lookup = Scripted::new(&["127.0.0.1"]);
    Arc::new(HttpTransport::with_lookup(settings, policy(configuration), lookup).unwrap())
}

pub(crate) fn request(endpoint: &str) -> PushRequest {
    let mut headers = HeaderMap::new();
    headers.insert("ttl", HeaderValue::from_static("60"));
    headers.insert("content-encoding", HeaderValue::from_static("aes128gcm"));
    let endpoint = Endpoint::parse(endpoint, true).unwrap();
    PushRequest { endpoint, headers, body: Bytes::from_static(b"ciphertext"), policy: None }
}
