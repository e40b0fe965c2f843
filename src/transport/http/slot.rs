//! One connection slot: a reqwest client for one origin, with all that must not happen switched off.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use reqwest::{Client, Method, Proxy, Request, Url, redirect, retry};
use rustls::ClientConfig;
use tokio::sync::watch;

use super::body::{Departure, RequestBody};
use super::classify::{classify, ends_connection};
use super::dial::{DialError, DialLayer, Line, dial_error};
use super::unsent;
use crate::transport::TransportError;
use crate::transport::exceptions::Reach;
use crate::transport::resolver::{GuardedResolver, Lookup, ProxyResolver};
use crate::transport::settings::HttpSettings;
use crate::transport::tls::{Protocol, offer};
use crate::webpush::request::PushRequest;

/// How this server names itself.
const USER_AGENT: &str = concat!("fanfare/", env!("CARGO_PKG_VERSION"));
/// What a push service may send ahead on one connection before it is read, in octets.
const CONNECTION_WINDOW_OCTETS: u32 = 1024 * 1024;
/// The smallest such window of one stream, in octets.
const STREAM_WINDOW_OCTETS_MIN: usize = 16 * 1024;
/// Header fields of an HTTP/1.1 answer.
const HTTP1_HEADERS_MAX: usize = 100;

/// Makes the slots of one origin.
#[derive(Debug)]
pub(super) struct SlotFactory {
    pub(super) settings: Arc<HttpSettings>,
    pub(super) tls: ClientConfig,
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) way: Way,
    pub(super) https: bool,
}

/// How an origin is reached.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// Its addresses are dialled, as far as they may be.
    Direct(Reach),
    /// The proxy is asked to dial.
    Proxy(EgressProxy),
}

/// The operator's proxy.
#[derive(Clone)]
pub(super) struct EgressProxy {
    host: Box<str>,
    proxy: Arc<Proxy>,
}

impl EgressProxy {
    pub(super) fn new(url: Url) -> Result<Self, reqwest::Error> {
        let host = url.host_str().unwrap_or_default().into();
        Ok(Self { host, proxy: Arc::new(Proxy::all(url)?) })
    }
}

// The proxy's password stays out of it.
impl std::fmt::Debug for EgressProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EgressProxy({})", self.host)
    }
}

impl SlotFactory {
    /// What slots speak: HTTP/2, which is agreed on within TLS, unless the origin is known not to.
    pub(super) fn protocol(&self, fell_back: bool) -> Protocol {
        if self.https && !fell_back { Protocol::Http2 } else { Protocol::Http1 }
    }

    /// Makes a slot. Its connection is opened with the first request.
    pub(super) fn open(&self, protocol: Protocol) -> Result<Slot, TransportError> {
        let settings = &self.settings;
        let stream_window = settings.response_body_octets_max.max(STREAM_WINDOW_OCTETS_MIN) as u32;
        let line = Arc::new(Line::default());
        let dial = DialLayer { timeout: settings.connect_timeout, protocol, line: Arc::clone(&line) };
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            // Where a request goes is decided here alone: without proxies of the environment, redirects, referers.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .https_only(self.https)
            .tls_backend_preconfigured(offer(&self.tls, protocol))
            // How often it is sent is decided by the engine alone.
            .retry(retry::never())
            .connector_layer(dial)
            // What a stranger may make this server hold.
            .http1_max_headers(HTTP1_HEADERS_MAX)
            .http2_max_header_list_size(settings.response_header_octets_max)
            .http2_initial_stream_window_size(stream_window)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_OCTETS)
            .http2_keep_alive_interval(settings.ping_interval)
            .http2_keep_alive_timeout(settings.ping_timeout);
        let lookup = Arc::clone(&self.lookup);
        let builder = match &self.way {
            Way::Direct(reach) => builder.dns_resolver(GuardedResolver::new(reach.clone(), lookup)),
            Way::Proxy(EgressProxy { host, proxy }) => {
                builder.proxy(Proxy::clone(proxy)).dns_resolver(ProxyResolver::new(host, lookup))
            }
        };
        // Only so does hyper dial once for all requests that come together; `DialLayer` sees to it that HTTP/2 was
        // agreed on.
        let builder = match protocol {
            Protocol::Http2 => builder.http2_prior_knowledge().pool_idle_timeout(settings.idle_timeout),
            // Hyper takes the one used last, so that those beyond the need fall idle.
            Protocol::Http1 => builder.http1_only().pool_idle_timeout(settings.surplus_timeout),
        };
        let client = builder.build().map_err(|_| unsent("the client can't be made"))?;
        Ok(Slot { client, protocol, line, in_flight: AtomicUsize::new(0), answers: AtomicU64::new(0) })
    }
}

/// Why a slot gave no answer.
#[derive(Debug)]
pub(super) enum SlotError {
    /// The origin speaks HTTP/1.1 only; nothing was sent.
    Http1Only,
    /// The request that was opening the connection gave up; nothing was sent.
    Abandoned,
    /// No connection could be opened; nothing was sent.
    NoConnection(TransportError),
    /// The connection was open and ended before the request left; nothing was sent.
    NotSent(TransportError),
    /// The request failed.
    Failed(TransportError),
}

impl From<DialError> for SlotError {
    fn from(failure: DialError) -> Self {
        match failure {
            DialError::Http1Only => Self::Http1Only,
            DialError::TimedOut | DialError::Failed(_) => Self::NoConnection(classify(&failure, false)),
        }
    }
}

/// One connection, opened with need (or, over HTTP/1.1, as many as there are requests in flight).
#[derive(Debug)]
pub(super) struct Slot {
    client: Client,
    protocol: Protocol,
    line: Arc<Line>,
    /// Requests in flight.
    in_flight: AtomicUsize,
    /// Answers that came.
    answers: AtomicU64,
}

impl Slot {
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// As if its connection had been opened.
    #[cfg(test)]
    pub(super) fn dialled(&self) {
        self.line.dialled();
    }

    /// Requests that have a place on it.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many answers have come.
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Whether a request that comes now need not wait for a dial, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.line.is_open()
    }

    /// Open connections, as far as is known. Over HTTP/1.1 at least one for each request in flight.
    pub(super) fn connections(&self) -> usize {
        match self.protocol {
            Protocol::Http2 => usize::from(self.is_open()),
            Protocol::Http1 if self.is_open() => self.in_flight().max(1),
            Protocol::Http1 => 0,
        }
    }

    /// Posts, up to the end of the answer's header.
    pub(super) async fn post(
        &self,
        push: &PushRequest,
        departure: &Departure,
    ) -> Result<reqwest::Response, SlotError> {
        let execution = self.client.execute(self.request(push, departure)?);
        let connection = self.line.current();
        let mut failures = self.line.failures();
        let answer = tokio::select! {
            biased;
            failure = self.shared_failure(&mut failures, departure) => return Err(failure.into()),
            answer = execution => answer,
        };
        if answer.is_ok() {
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
        answer.map_err(|error| match dial_error(&error) {
            Some(failure) => failure.clone().into(),
            // Whatever goes wrong with a dial is a `DialError`: so this is hyper's word that there is none any more.
            None if error.is_connect() => match latest(&mut failures) {
                Some(failure) => failure.into(),
                None => SlotError::Abandoned,
            },
            None => self.failed(&error, connection, departure),
        })
    }

    fn request(&self, push: &PushRequest, departure: &Departure) -> Result<Request, SlotError> {
        let url = Url::parse(push.endpoint.expose())
            .map_err(|_| SlotError::Failed(unsent("the endpoint is no URL")))?;
        let mut request = Request::new(Method::POST, url);
        *request.headers_mut() = push.headers.clone();
        let body = RequestBody::new(push.body.clone(), self.protocol, departure);
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        Ok(request)
    }

    /// What a request's error says about the request and its connection.
    fn failed(&self, error: &reqwest::Error, connection: usize, departure: &Departure) -> SlotError {
        let ended = ends_connection(error);
        if ended && self.protocol == Protocol::Http2 {
            self.line.ended(connection);
        }
        let sent = !departure.withdraw();
        let error = classify(error, sent);
        if ended && !sent && error != TransportError::StreamRefused {
            SlotError::NotSent(error)
        } else {
            SlotError::Failed(error)
        }
    }

    /// Ends when the connection that the request waits for could not be opened. Over HTTP/1.1 each request has its own.
    async fn shared_failure(&self, failures: &mut Failures, departure: &Departure) -> DialError {
        if self.protocol == Protocol::Http2 {
            while failures.changed().await.is_ok() {
                if departure.has_left() {
                    break;
                }
                if let Some(failure) = failures.borrow_and_update().clone() {
                    return failure;
                }
            }
        }
        std::future::pending().await
    }
}

/// One request's view of its slot's failed dials.
type Failures = watch::Receiver<Option<DialError>>;

/// The last failure that was not looked at yet.
fn latest(failures: &mut Failures) -> Option<DialError> {
    failures
        .has_changed()
        .is_ok_and(|changed| changed)
        .then(|| failures.borrow_and_update().clone())
        .flatten()
}
