//! The settings of this module, as the configuration file spells them. Each has a default; unknown keys are errors.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// `[push_services]`: where the server may post to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushServicesSettings {
    /// Which hosts are allowed besides the listed ones.
    pub profile: Profile,
    /// Allowed besides: `host`, `.suffix` (all names below), or either with `:port` instead of 443.
    pub hosts: Vec<String>,
    /// Self-hosted push services, each with its own rules; the only way to a private address.
    pub exceptions: Vec<ExceptionSettings>,
}

pub use crate::domain::HostProfile as Profile;

use super::resolver::{LOOKUP_PLACES, LOOKUP_SOCKETS_MAX, NameBounds};
use crate::webpush::push_service::PushService;

/// `[[push_services.exceptions]]`: a self-hosted push service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionSettings {
    /// What the operator calls it.
    pub name: String,
    /// Its endpoints' host: a name or an address.
    pub host: String,
    /// Its endpoints' port.
    #[serde(default = "https_port")]
    pub port: u16,
    /// The networks in which its addresses lie; all of them must. Empty: they must be public.
    #[serde(default)]
    pub cidrs: Vec<IpNet>,
    /// A PEM file with the only certificates that it is trusted by. Absent: those of the system.
    #[serde(default)]
    pub root_certificate: Option<PathBuf>,
    /// A PEM file with the certificate that this server shows it (mTLS), and those that lead to its root. Needs
    /// `client_key`.
    #[serde(default)]
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with that certificate's private key.
    #[serde(default)]
    pub client_key: Option<PathBuf>,
    /// Where it is dialled, whatever its name resolves to. Excludes `cidrs`. The port must be the exception's own,
    /// unless that is 443.
    #[serde(default)]
    pub connect_to: Option<SocketAddr>,
    /// Whether its endpoints may be `http` too. On loopback only.
    #[serde(default)]
    pub allow_http: bool,
    /// Whose answers it gives, and whose requests it wants, where its host does not tell: of a stand-in, in tests.
    #[serde(default)]
    pub service: Option<Manners>,
}

/// A push service that another one may stand in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manners {
    /// Firebase Cloud Messaging.
    Fcm,
    /// Mozilla's autopush.
    Mozilla,
    /// Apple.
    Apple,
    /// Windows Notification Service.
    Wns,
}

impl From<Manners> for PushService {
    fn from(manners: Manners) -> Self {
        match manners {
            Manners::Fcm => Self::Fcm,
            Manners::Mozilla => Self::Mozilla,
            Manners::Apple => Self::Apple,
            Manners::Wns => Self::Wns,
        }
    }
}

/// Where a name server is asked: written as an address, with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NameServer(pub SocketAddr);

/// The port of name servers.
const DNS_PORT: u16 = 53;

impl TryFrom<String> for NameServer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bare = || text.parse().map(|address: IpAddr| SocketAddr::new(address, DNS_PORT));
        text.parse().or_else(|_| bare()).map(Self).map_err(|_| {
            format!("{text:?} is no address of a name server, like 192.0.2.53, 127.0.0.1:5353 or [2001:db8::53]:53")
        })
    }
}

const fn https_port() -> u16 {
    443
}

/// `[transport]`: connections, limits and timeouts of requests to push services.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// HTTP/2 connections to one origin; each is opened when those before it are full. 1 to 64.
    pub connections_per_origin_max: usize,
    /// Requests in flight on one HTTP/2 connection: what push services take at once. Where a peer takes fewer, the
    /// others wait for its streams. 1 to 10,000.
    pub requests_per_connection_max: usize,
    /// Connections to one origin that speaks HTTP/1.1 only; each carries one request. 1 to 1,024.
    pub http1_connections_per_origin_max: usize,
    /// Origins whose connections are kept. Beyond it, those idle for longest are dropped; those with requests in
    /// flight never are. 1 to 1,000,000.
    pub origins_max: usize,
    /// How long the HTTP/2 connection of an idle origin is kept. One over HTTP/1.1 is kept for `surplus_timeout`.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// A connection beside others is closed when they would have been enough for so long, at the latest for twice as
    /// long.
    #[serde(with = "humantime_serde")]
    pub surplus_timeout: Duration,
    /// A proxy (`http://[user:password@]host:port`) that all push services but the exceptions are reached through, by
    /// CONNECT. It looks names up and dials, so it must refuse what is not public.
    pub egress_proxy: Option<SecretString>,
    /// The name servers that are asked, each an address with or without a port (53); those before others if they answer
    /// fast. None: those of `/etc/resolv.conf`. `/etc/hosts` goes before both. Search domains are for exceptions with networks and for
    /// the egress proxy.
    pub name_servers: Vec<NameServer>,
    /// How long the addresses of a name are remembered; zero: not at all. They are judged each time.
    #[serde(with = "humantime_serde")]
    pub dns_cache_age_max: Duration,
    /// How long it is remembered that a name has no address or that nobody answers for it, the first time; twice as long
    /// each time in a row, at most `dns_failure_age_max`. A zone whose names are never answered is left alone for as long.
    #[serde(with = "humantime_serde")]
    pub dns_failure_age_min: Duration,
    /// See `dns_failure_age_min`.
    #[serde(with = "humantime_serde")]
    pub dns_failure_age_max: Duration,
    /// Names that something is remembered of. 1 to 1,000,000.
    pub dns_cache_names_max: usize,
    /// A lookup is given up after this.
    #[serde(with = "humantime_serde")]
    pub dns_timeout: Duration,
    /// Lookups at once; as many that are slow go on beside them. One that is not answered holds up to six sockets. 1 to
    /// 10,000.
    pub dns_lookups_max: usize,
    /// Lookups at once in one zone (the last two labels of a name, or three below one like co.uk), but for names that have
    /// answered within the last hour. 1 to 10,000.
    pub dns_lookups_per_zone_max: usize,
    /// Bounds name lookup, TCP and TLS together.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Bounds everything from waiting for a connection to the answer's last octet.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// How long an HTTP/2 connection with requests in flight may say nothing before it is probed by PING.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
    /// How long the answer to a PING may take before the connection counts as dead.
    #[serde(with = "humantime_serde")]
    pub ping_timeout: Duration,
    /// What is read of an answer's body, in octets; the rest is cut off and its stream reset.
    pub response_body_octets_max: usize,
    /// An answer's header fields, in octets as HTTP/2 counts them (RFC 9113 section 6.5.2); more is an error. Over
    /// HTTP/1.1 hyper reads up to 100 fields and about 400 KiB before this is looked at.
    pub response_header_octets_max: u32,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections_per_origin_max: 12,
            requests_per_connection_max: 100,
            http1_connections_per_origin_max: 64,
            origins_max: 4_096,
            idle_timeout: Duration::from_secs(90),
            surplus_timeout: Duration::from_secs(15),
            egress_proxy: None,
            name_servers: Vec::new(),
            dns_cache_age_max: Duration::from_secs(10),
            dns_failure_age_min: Duration::from_secs(5),
            dns_failure_age_max: Duration::from_secs(60),
            dns_cache_names_max: 4_096,
            dns_timeout: Duration::from_secs(5),
            dns_lookups_max: 64,
            dns_lookups_per_zone_max: 8,
            connect_timeout: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            ping_interval: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(10),
            response_body_octets_max: 16 * 1024,
            response_header_octets_max: 16 * 1024,
        }
    }
}

impl HttpSettings {
    /// Requests that one origin can have in flight; more wait, and their waiting counts towards the deadline.
    #[must_use]
    pub const fn requests_per_origin_max(&self) -> usize {
        self.connections_per_origin_max * self.requests_per_connection_max
    }

    /// Sockets that lookups of names hold at most.
    #[must_use]
    pub const fn lookup_sockets_max(&self) -> usize {
        self.dns_lookups_max.saturating_mul(LOOKUP_PLACES * LOOKUP_SOCKETS_MAX)
    }

    /// Refuses what can't work.
    ///
    /// # Errors
    /// The first such setting, with what it must be.
    pub fn validate(&self) -> Result<(), String> {
        match self.problems().into_iter().next() {
            Some((key, why)) => Err(format!("transport.{key} {why}")),
            None => Ok(()),
        }
    }

    /// What can't work: each setting, with what it must be.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let ranges = [
            ("connections_per_origin_max", self.connections_per_origin_max, 1, 64),
            ("requests_per_connection_max", self.requests_per_connection_max, 1, 10_000),
            ("http1_connections_per_origin_max", self.http1_connections_per_origin_max, 1, 1_024),
            ("origins_max", self.origins_max, 1, 1_000_000),
            ("dns_cache_names_max", self.dns_cache_names_max, 1, 1_000_000),
            ("dns_lookups_max", self.dns_lookups_max, 1, 10_000),
            ("dns_lookups_per_zone_max", self.dns_lookups_per_zone_max, 1, 10_000),
            ("response_body_octets_max", self.response_body_octets_max, 0, 1024 * 1024),
            ("response_header_octets_max", self.response_header_octets_max as usize, 1_024, 1024 * 1024),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                problems.push((name, format!("must be {least} to {most}")));
            }
        }
        let durations = [
            ("idle_timeout", self.idle_timeout),
            ("surplus_timeout", self.surplus_timeout),
            ("dns_failure_age_min", self.dns_failure_age_min),
            ("dns_failure_age_max", self.dns_failure_age_max),
            ("dns_timeout", self.dns_timeout),
            ("connect_timeout", self.connect_timeout),
            ("deadline", self.deadline),
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
        ];
        for (name, value) in durations {
            if value.is_zero() || value > Duration::from_secs(3_600) {
                problems.push((name, "must be above zero and at most an hour".to_owned()));
            }
        }
        if self.dns_cache_age_max > Duration::from_secs(3_600) {
            problems.push(("dns_cache_age_max", "must be at most an hour".to_owned()));
        }
        if self.egress_proxy.is_some() && self.proxy_url().is_none() {
            problems.push(("egress_proxy", "must be http://[user:password@]host:port".to_owned()));
        }
        problems
    }

    /// How names are looked up.
    pub(crate) fn name_bounds(&self) -> NameBounds {
        NameBounds {
            age_max: self.dns_cache_age_max,
            failure_age: (self.dns_failure_age_min, self.dns_failure_age_max.max(self.dns_failure_age_min)),
            names_max: self.dns_cache_names_max,
            timeout: self.dns_timeout,
            lookups_max: self.dns_lookups_max,
            lookups_per_zone_max: self.dns_lookups_per_zone_max,
        }
    }

    /// The egress proxy, if there is one and it can be one.
    pub(crate) fn proxy_url(&self) -> Option<url::Url> {
        let url = url::Url::parse(self.egress_proxy.as_ref()?.expose_secret()).ok()?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        (url.scheme() == "http" && url.has_host() && bare).then_some(url)
    }
}
