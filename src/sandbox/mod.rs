//! A push service for one machine: what Fanfare is developed and tested against, and what `fanfare demo` sends to.
//!
//! It is real: RFC 8030 over HTTPS with HTTP/2, VAPID verified as Mozilla's does, true status codes. Its synthetic
//! subscribers have a key pair and an authentication secret each, decrypt what they are sent, and tell its SHA-256.
//!
//! ```text
//! listener ─► push_resource ─► gate ─► authorization, push_headers, fault ─► Subscriber ─► records, received, counts
//! (origins, port)                      effect ◄───────────────────┘          (groups, synthetic_keys)
//!                                                                            (browsers ◄─ WebSocket)
//! control (HTTP and JSON) ─► origins, groups, received, counts
//! ```
//!
//! The control API is described, with examples, in `docs/sandbox.md`; [`control_json`] has its types.

mod answer_body;
pub(crate) mod authorization;
pub(crate) mod browsers;
mod certificates;
mod chance;
mod connection;
mod control;
pub mod control_json;
mod cors;
mod counts;
mod effect;
mod fault;
mod fault_shares;
mod fault_terms;
mod gate;
mod groups;
mod listener;
mod origin_settings;
mod origins;
mod port;
pub(crate) mod push_headers;
mod push_resource;
mod received;
mod records;
mod refusal;
mod seconds;
mod settings;
mod subscriber;
mod synthetic_keys;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use browsers::AUTOPUSH_PATH;
pub(crate) use certificates::Certificates;
pub use fault::Fault;
pub use fault_shares::{FaultError, FaultShares};
pub use fault_terms::{Delay, RetryAfter, Truncation, When};
pub use origin_settings::{ConcurrencyLimit, OriginSettings, OriginSettingsError, RateLimit, Reach};
pub use settings::{Profile, SandboxLimits, SandboxSettings};

use crate::domain::{Clock, Origin};
use browsers::{BrowserRoutes, CHECKIN_PATH, FCM_HOSTS, REGISTER_PATH};
use control::Control;
use listener::{Connections, Counted};
use origin_settings::Manner;
use origins::{Origins, OriginsError};
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
    /// Chromium takes nothing else.
    #[error("Chromium's push back end needs HTTPS")]
    ChromiumNeedsHttps,
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
    /// Not all origins could be made.
    #[error("cannot make the origins: {0}")]
    Origins(String),
    /// TLS does not take the certificate.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Where a sandbox listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxAddresses {
    /// Push messages to origin 0.
    pub push: SocketAddr,
    /// The control API.
    pub control: SocketAddr,
    /// Browsers, by plain WebSocket and HTTP.
    pub browser: SocketAddr,
    /// Where it stands in for Chromium's push back end, if it does.
    pub chromium: Option<ChromiumAddresses>,
    /// Origin 0, and the `aud` that its VAPID tokens must have.
    pub push_origin: Origin,
}

/// Where a sandbox stands in for Chromium's push back end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChromiumAddresses {
    /// MCS, over TLS.
    pub mcs: SocketAddr,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) that it shows there.
    pub spki_sha256: [u8; 32],
    /// The hosts of Chromium's endpoints.
    pub origins: Vec<FcmOrigin>,
}

impl ChromiumAddresses {
    /// What Chromium must be started with to use it, `browser` being [`SandboxAddresses::browser`].
    #[must_use]
    pub fn arguments(&self, browser: SocketAddr) -> Vec<String> {
        vec![
            format!("--gcm-checkin-url=http://{browser}{CHECKIN_PATH}"),
            format!("--gcm-registration-url=http://{browser}{REGISTER_PATH}"),
            format!("--gcm-mcs-endpoint=https://localhost:{}", self.mcs.port()),
            format!("--ignore-certificate-errors-spki-list={}", STANDARD.encode(self.spki_sha256)),
        ]
    }
}

/// A host that is compiled into Chromium, and where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FcmOrigin {
    /// Of the endpoints, which have port 443.
    pub host: &'static str,
    /// Where it is to be dialled instead.
    pub address: SocketAddr,
}

/// A running push service. Dropped, it stops too, but nobody waits for it.
pub struct Sandbox {
    addresses: SandboxAddresses,
    authority_pem: Option<Arc<str>>,
    stop: DropGuard,
    origins: Arc<Origins>,
    push: Arc<Connections>,
    /// Plain HTTP.
    plain: Arc<Connections>,
    /// Of the control API and of browsers.
    accepting: Vec<JoinHandle<()>>,
    /// Browsers' connections.
    browsers: TaskTracker,
}

impl Sandbox {
    /// As [`Self::start_with_site`], without a site.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub async fn start(settings: SandboxSettings, clock: Arc<dyn Clock>) -> Result<Self, SandboxError> {
        Self::start_with_site(settings, clock, Router::new()).await
    }

    /// Binds all listeners and serves them on the current tokio runtime. The site is at `browser_address`, a secure context.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub async fn start_with_site(
        settings: SandboxSettings,
        clock: Arc<dyn Clock>,
        site: Router,
    ) -> Result<Self, SandboxError> {
        check(&settings)?;
        let mut hosts = vec![settings.public_host.as_str()];
        hosts.extend(FCM_HOSTS.iter().filter(|_| settings.chromium));
        let certificates = if settings.https { Some(Certificates::make(&hosts, clock.now())?) } else { None };
        let tls = certificates.as_ref().map(|made| TlsAcceptor::from(Arc::clone(&made.server)));

        let stop = CancellationToken::new();
        // What fails below stops what was begun.
        let guard = stop.clone().drop_guard();
        let service = Arc::new(PushService::new(&settings, clock));
        let push = Arc::new(Connections::new(tls, settings.limits.clone(), stop.clone()));
        let origins = Arc::new(Origins::new(settings.clone(), Arc::clone(&push), Arc::clone(&service)));
        let first = origins.make_first().await?;
        if settings.origins > 1 {
            origins.make(settings.origins - 1, &OriginSettings::default()).await?;
        }

        let mut fcm = Vec::new();
        for host in FCM_HOSTS.iter().filter(|_| settings.chromium) {
            if let Some(origin) = Origin::parse(&format!("https://{host}")) {
                fcm.push(FcmOrigin { host, address: origins.make_named(origin).await?.address() });
            }
        }
        let control_socket = bind(settings.control_address).await?;
        let browser_socket = bind(settings.browser_address).await?;
        let mut addresses = SandboxAddresses {
            push_origin: first.origin.clone(),
            push: first.address(),
            control: control_socket.0,
            browser: browser_socket.0,
            chromium: None,
        };
        let browsers = TaskTracker::new();
        let routes = BrowserRoutes {
            browsers: Arc::clone(&service.browsers),
            origin: first.origin.clone(),
            stop: stop.clone(),
            tasks: browsers.clone(),
            room: Arc::new(Semaphore::new(settings.limits.connections_max)),
        };
        let mut accepting = Vec::new();
        if let Some(made) = certificates.as_ref().filter(|_| settings.chromium) {
            let (mcs, socket) = bind(SocketAddr::new(settings.browser_address.ip(), 0)).await?;
            let mut tls = ServerConfig::clone(&made.server);
            // It is not HTTP.
            tls.alpn_protocols.clear();
            let tls = TlsAcceptor::from(Arc::new(tls));
            accepting.push(tokio::spawn(browsers::listen(socket, tls, routes.clone())));
            addresses.chromium = Some(ChromiumAddresses { mcs, spki_sha256: made.spki_sha256, origins: fcm });
        }
        let pages = browsers::router(routes, site, settings.chromium);
        let authority_pem: Option<Arc<str>> = certificates.map(|made| made.authority_pem.into());
        let calls = control::router(Control {
            service,
            origins: Arc::clone(&origins),
            authority_pem: authority_pem.clone(),
            stop: stop.clone(),
        });
        let plain = Arc::new(Connections::new(None, settings.limits, stop.clone()));
        for (socket, router) in [(control_socket.1, calls), (browser_socket.1, pages)] {
            let (_, always) = watch::channel(Manner::default());
            let accept = Arc::clone(&plain).accept(
                socket,
                stop.clone(),
                always,
                Counted::default(),
                move |connection| {
                    // Whoever connects here may be idle.
                    connection.request();
                    TowerToHyperService::new(router.clone())
                },
            );
            accepting.push(tokio::spawn(accept));
        }
        Ok(Self { addresses, authority_pem, stop: guard, origins, push, plain, accepting, browsers })
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
        let Self { stop, origins, push, plain, accepting, browsers, .. } = self;
        drop(stop);
        for accepting in accepting {
            if accepting.await.is_err() {
                tracing::error!("a listener of the sandbox panicked");
            }
        }
        origins.release().await;
        browsers.close();
        tokio::join!(push.end(), plain.end(), browsers.wait());
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn check(settings: &SandboxSettings) -> Result<(), SandboxError> {
    for address in [settings.push_address, settings.control_address, settings.browser_address] {
        if !address.ip().is_loopback() && !settings.allow_non_loopback {
            return Err(SandboxError::NotLoopback(address));
        }
    }
    if settings.chromium && !settings.https {
        return Err(SandboxError::ChromiumNeedsHttps);
    }
    let limits = &settings.limits;
    // hyper's smallest buffer for an HTTP/1.1 header section.
    if limits.header_octets_max < 8_192 {
        return Err(SandboxError::Limit("header_octets_max must be at least 8192"));
    }
    if limits.connections_max == 0 || limits.connections_max > tokio::sync::Semaphore::MAX_PERMITS {
        return Err(SandboxError::Limit("connections_max must be at least 1, and not absurdly large"));
    }
    if settings.origins == 0 || settings.origins as usize > limits.origins_max {
        return Err(SandboxError::Limit("origins must be at least 1, and at most origins_max"));
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

impl From<OriginsError> for SandboxError {
    fn from(error: OriginsError) -> Self {
        match error {
            OriginsError::Sandbox(error) => error,
            OriginsError::Empty
            | OriginsError::TooMany(_)
            | OriginsError::Unknown(_)
            | OriginsError::Settings(_)
            | OriginsError::Port { .. } => Self::Origins(error.to_string()),
        }
    }
}
