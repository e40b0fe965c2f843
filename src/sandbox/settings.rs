//! What a sandbox is told at its start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How strict the push service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// To the letter of RFC 8030 and RFC 8292: at most 4,096 octets of body, a bad or repeated `TTL`, `Topic` or
    /// `Urgency` is 400, VAPID is required.
    #[default]
    Strict,
    /// As lenient as Mozilla's autopush: at most 5,630 octets, `Urgency` is not read, the first of repeated headers
    /// counts, VAPID is required only of subscriptions made with an application server key, `aesgcm` needs no `Crypto-Key`,
    /// 404 has no body, pages of any origin may post (CORS).
    Mozilla,
}

impl Profile {
    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Mozilla => "mozilla",
        }
    }

    /// By its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Strict, Self::Mozilla].into_iter().find(|profile| profile.as_str() == name)
    }

    /// Largest body it takes, in octets.
    #[must_use]
    pub const fn body_octets_max(self) -> usize {
        match self {
            Self::Strict => crate::domain::limits::BODY_OCTETS_MAX,
            // autopush's `max_data_bytes`.
            Self::Mozilla => 5_630,
        }
    }
}

/// Settings of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSettings {
    /// Where push messages are posted to. Port 0 takes a free one.
    pub push_address: SocketAddr,
    /// Where the control API listens, by plain HTTP. Port 0 takes a free one.
    pub control_address: SocketAddr,
    /// Where browsers connect, by plain WebSocket and HTTP. Port 0 takes a free one.
    pub browser_address: SocketAddr,
    /// Whether it stands in for Chromium's push back end too, on further free ports. Needs HTTPS.
    pub chromium: bool,
    /// HTTPS under a certificate authority made at start; else plain HTTP.
    pub https: bool,
    /// The host in endpoints, a DNS name or an IP address without brackets. The certificate is for it too, beside
    /// `localhost`, `127.0.0.1` and `::1`.
    pub public_host: String,
    /// Whether it may listen on other addresses than loopback ones. Nothing protects the control API.
    pub allow_non_loopback: bool,
    /// How strict it is.
    pub profile: Profile,
    /// Origins in all: the one at `push_address`, and others on free ports of the same address. Default 1; more can be made
    /// while it runs.
    pub origins: u32,
    /// What makes the chance in faults and delays repeatable.
    pub seed: u64,
    /// What bounds it.
    pub limits: SandboxLimits,
}

impl Default for SandboxSettings {
    /// Free loopback ports, HTTPS for `localhost`, strict.
    fn default() -> Self {
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            push_address: loopback,
            control_address: loopback,
            browser_address: loopback,
            chromium: false,
            https: true,
            public_host: "localhost".to_owned(),
            allow_non_loopback: false,
            profile: Profile::default(),
            origins: 1,
            seed: 0,
            limits: SandboxLimits::default(),
        }
    }
}

/// Limits of a sandbox. What is refused for one of them is told so, but for connections, which wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Origins, each a port and about 2 KiB, 10 KiB with the figures of its last two minutes. Default 10,000.
    pub origins_max: usize,
    /// Open connections to each listener; further ones wait. Default 1,024.
    pub connections_max: usize,
    /// HTTP/2 streams of one connection. Default 256.
    pub concurrent_streams_max: u32,
    /// Header section of a request, in octets, from 8,192 on. Default 16,384.
    pub header_octets_max: u32,
    /// Body of a push message, in octets; by default what the profile says.
    pub body_octets_max: Option<usize>,
    /// Time for a TLS handshake, for the first request, for an HTTP/1.1 header section and for a request's body. Default
    /// 30 s.
    pub request_timeout: Duration,
    /// How long a request is held that is never answered. Default 10 min.
    pub silence_max: Duration,
    /// Time for open requests to end at shutdown. Default 5 s.
    pub shutdown_timeout: Duration,
    /// Groups of synthetic subscribers. Default 1,024.
    pub groups_max: usize,
    /// Synthetic subscribers in all groups, four octets each once something arrived. Default 20 million.
    pub subscribers_max: usize,
    /// Subscribers with a fault of their own, in one group. Default 100,000.
    pub own_faults_max: usize,
    /// Received messages that are remembered, in all groups, about 100 octets each. Later ones are only counted.
    /// Default 1 million.
    pub received_lines_max: usize,
    /// Received messages among which duplicates are looked for, in all groups, four octets each once something arrived.
    /// Default 100 million.
    pub remembered_max: usize,
    /// Verified `Authorization` headers that are remembered. Default 4,096.
    pub authorizations_max: usize,
    /// Browsers that are known; the one that is away for longest is forgotten for a new one. Default 256.
    pub user_agents_max: usize,
    /// Subscriptions of one browser. Default 256.
    pub channels_max: usize,
    /// Messages that one browser has not acknowledged, each up to the body's limit; beyond it the browser is forgotten, for
    /// they are kept in memory. Default 10,000.
    pub waiting_messages_max: usize,
    /// Messages from the time when a Firefox was away that it is sent once it is back; where there are more it is forgotten,
    /// as by autopush (`msg_limit`). Default 150.
    pub stored_messages_max: usize,
    /// Events of browsers that are kept, about 200 octets each. Default 10,000.
    pub browser_events_max: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            origins_max: 10_000,
            connections_max: 1_024,
            concurrent_streams_max: 256,
            header_octets_max: 16 * 1_024,
            body_octets_max: None,
            request_timeout: Duration::from_secs(30),
            silence_max: Duration::from_secs(600),
            shutdown_timeout: Duration::from_secs(5),
            groups_max: 1_024,
            subscribers_max: 20_000_000,
            own_faults_max: 100_000,
            received_lines_max: 1_000_000,
            remembered_max: 100_000_000,
            authorizations_max: 4_096,
            user_agents_max: 256,
            channels_max: 256,
            waiting_messages_max: 10_000,
            stored_messages_max: 150,
            browser_events_max: 10_000,
        }
    }
}
