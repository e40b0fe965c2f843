//! A push service for one machine: what Fanfare is developed and tested against, and what `fanfare demo` sends to.
//!
//! It is real: RFC 8030 over HTTPS with HTTP/2, VAPID verified as Mozilla's does, true status codes. Its synthetic
//! subscribers have a key pair and an authentication secret each, decrypt what they are sent, and tell its SHA-256.
//!
//! ```text
//! listener ─► push_resource ─► authorization, push_headers, fault ─► Subscriber ─► received, counts
//!                                                                   (groups, synthetic_keys)
//! control (HTTP and JSON) ─► groups, received, counts
//! ```
//!
//! # The control API
//!
//! Plain HTTP and JSON; [`control_json`] has the types. Lists are one JSON object a line. A refused call answers
//! `{"error": "…"}`.
//!
//! | call | |
//! |---|---|
//! | `GET /` | [`About`](control_json::About): the origin of all endpoints |
//! | `GET /ca.pem` | the certificate to trust |
//! | `GET /counts` | [`Counts`](control_json::Counts): answers by status and reason, duplicates, connections |
//! | `POST /groups` | makes a group of a [`NewGroup`](control_json::NewGroup), answers its [`GroupStatus`](control_json::GroupStatus) |
//! | `GET /groups/{group}` | its [`GroupStatus`](control_json::GroupStatus) |
//! | `GET /groups/{group}/subscriptions?from=0&count=100` | what `JSON.stringify(subscription)` gives in each browser, in the order of the indices; all without `count` |
//! | `GET /groups/{group}/received` | a [`ReceivedLine`](control_json::ReceivedLine) for each message answered 201, those of one subscriber in their order; at the end [`ReceivedLeftOut`](control_json::ReceivedLeftOut) if the sandbox could not remember all |
//! | `GET /groups/{group}/faults` | a [`FaultLine`](control_json::FaultLine) for each subscriber with a fault |
//! | `PUT /groups/{group}/faults` | changes the [`FaultShares`]; faults begin anew |
//! | `POST /groups/{group}/subscribers/{index}/faults` | gives one subscriber a [`Fault`] whatever the shares say; `null` for none |
//!
//! ```text
//! curl -H 'Content-Type: application/json' -d '{"count": 3, "application_server_key": "B…", "faults": {"gone": 0.1}}' \
//!     http://127.0.0.1:PORT/groups
//! ```

mod authorization;
mod certificates;
mod control;
pub mod control_json;
mod counts;
mod fault;
mod groups;
mod listener;
mod push_headers;
mod push_resource;
mod received;
mod refusal;
mod settings;
mod subscriber;
mod synthetic_keys;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use fault::{Fault, FaultError, FaultShares};
pub use settings::{Profile, SandboxLimits, SandboxSettings};

use crate::domain::{Clock, Origin};
use certificates::Certificates;
use control::Control;
use listener::Listener;
use push_resource::PushService;

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Nothing protects it, so it stays on the machine unless it is told otherwise.
    #[error(
        "{0} is not a loopback address; the sandbox is for one machine unless non-loopback addresses are allowed"
    )]
    NotLoopback(SocketAddr),
    /// A limit of zero, or one that the protocol does not allow.
    #[error("the limit {0}")]
    Limit(&'static str),
    /// No endpoint can have this host.
    #[error("{0:?} is not a host name or IP address")]
    PublicHost(String),
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make the certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS does not take the certificate.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Where a sandbox listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxAddresses {
    /// Push messages.
    pub push: SocketAddr,
    /// The control API.
    pub control: SocketAddr,
    /// The origin of all endpoints, and the `aud` that VAPID tokens must have.
    pub push_origin: Origin,
}

/// A running push service. Dropped, it stops too, but nobody waits for it.
pub struct Sandbox {
    addresses: SandboxAddresses,
    authority_pem: Option<Arc<str>>,
    stop: DropGuard,
    push: JoinHandle<()>,
    control: JoinHandle<()>,
}

impl Sandbox {
    /// Binds both listeners and serves them on the current tokio runtime.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub async fn start(settings: SandboxSettings, clock: Arc<dyn Clock>) -> Result<Self, SandboxError> {
        check(&settings)?;
        let push = bind(settings.push_address).await?;
        let control = bind(settings.control_address).await?;
        let addresses = SandboxAddresses {
            push_origin: origin(&settings, push.0.port())?,
            push: push.0,
            control: control.0,
        };
        let certificates =
            if settings.https { Some(Certificates::make(&settings.public_host, clock.now())?) } else { None };
        let tls = certificates.as_ref().map(|made| TlsAcceptor::from(Arc::clone(&made.server)));
        let authority_pem: Option<Arc<str>> = certificates.map(|made| made.authority_pem.into());

        let service = Arc::new(PushService::new(&settings, addresses.push_origin.clone(), clock));
        let stop = CancellationToken::new();
        let push = Listener {
            socket: push.1,
            tls,
            limits: settings.limits.clone(),
            open: Arc::clone(&service.counters.connections),
        };
        let control =
            Listener { socket: control.1, tls: None, limits: settings.limits, open: Arc::default() };
        let calls =
            control::router(Control { service: Arc::clone(&service), authority_pem: authority_pem.clone() });
        let answers = service_fn(move |request| {
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        });
        Ok(Self {
            addresses,
            authority_pem,
            push: tokio::spawn(push.serve(answers, stop.clone())),
            control: tokio::spawn(control.serve(TowerToHyperService::new(calls), stop.clone())),
            stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &SandboxAddresses {
        &self.addresses
    }

    /// The certificate to trust, in PEM; none where it speaks plain HTTP.
    #[must_use]
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority_pem.as_deref()
    }

    /// Stops: no new connections; open requests have [`SandboxLimits::shutdown_timeout`] to end.
    pub async fn shutdown(self) {
        let Self { stop, push, control, .. } = self;
        drop(stop);
        let (push, control) = tokio::join!(push, control);
        if push.is_err() || control.is_err() {
            tracing::error!("a listener of the sandbox panicked");
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn check(settings: &SandboxSettings) -> Result<(), SandboxError> {
    for address in [settings.push_address, settings.control_address] {
        if !address.ip().is_loopback() && !settings.allow_non_loopback {
            return Err(SandboxError::NotLoopback(address));
        }
    }
    let limits = &settings.limits;
    // hyper's smallest buffer for an HTTP/1.1 header section.
    if limits.header_octets_max < 8_192 {
        return Err(SandboxError::Limit("header_octets_max must be at least 8192"));
    }
    if limits.connections_max == 0 || limits.connections_max > tokio::sync::Semaphore::MAX_PERMITS {
        return Err(SandboxError::Limit("connections_max must be at least 1, and not absurdly large"));
    }
    if limits.concurrent_streams_max == 0 {
        return Err(SandboxError::Limit("concurrent_streams_max must be at least 1"));
    }
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<(SocketAddr, TcpListener), SandboxError> {
    let error = |error| SandboxError::Bind { address, error };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    Ok((listener.local_addr().map_err(error)?, listener))
}

fn origin(settings: &SandboxSettings, port: u16) -> Result<Origin, SandboxError> {
    let host = &settings.public_host;
    let scheme = if settings.https { "https" } else { "http" };
    let text = if host.contains(':') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    // What a URL parser would read differently (paths, user names) is not a host.
    Origin::parse(&text)
        .filter(|origin| origin.host().trim_matches(['[', ']']) == host && origin.port() == port)
        .ok_or_else(|| SandboxError::PublicHost(host.clone()))
}
