//! One connection slot: a reqwest client for one origin, with all that must not happen switched off.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::HeaderMap;
use reqwest::{Client, Method, Request, Url, redirect, retry};
use tokio::sync::watch;

use super::body::{RequestBody, Sent};
use super::classify::classify;
use super::dial::{DialError, DialFailures, DialLayer, dial_error};
use crate::transport::TransportError;
use crate::transport::policy::Reach;
use crate::transport::resolver::{GuardedResolver, Lookup};
use crate::transport::settings::HttpSettings;
use crate::transport::tls::{Protocol, Tls};

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
    pub(super) tls: Arc<Tls>,
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) reach: Reach,
    pub(super) roots: Option<Vec<Vec<u8>>>,
    pub(super) https: bool,
}

impl SlotFactory {
    /// Makes a slot. Its connection is opened with the first request: over HTTP/2, which is agreed on within TLS, unless
    /// the origin is known not to.
    pub(super) fn open(&self, fell_back: bool) -> Result<Slot, TransportError> {
        let protocol = if self.https && !fell_back { Protocol::Http2 } else { Protocol::Http1 };
        let tls = self
            .tls
            .client_config(self.roots.as_deref(), protocol)
            .map_err(|_| broken("TLS can't be set up"))?;
        let settings = &self.settings;
        let stream_window = settings.response_body_octets_max.max(STREAM_WINDOW_OCTETS_MIN) as u32;
        let failures = Arc::new(DialFailures::new(None));
        let dial = DialLayer { timeout: settings.connect_timeout, protocol, failures: Arc::clone(&failures) };
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            // Where a request goes is decided here alone.
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .https_only(self.https)
            .dns_resolver(GuardedResolver::new(self.reach.clone(), Arc::clone(&self.lookup)))
            .tls_backend_preconfigured(tls)
            // How often it is sent is decided by the engine alone.
            .retry(retry::never())
            .connector_layer(dial)
            .pool_idle_timeout(settings.idle_timeout)
            // What a stranger may make this server hold.
            .http1_max_headers(HTTP1_HEADERS_MAX)
            .http2_max_header_list_size(settings.response_header_octets_max)
            .http2_initial_stream_window_size(stream_window)
            .http2_initial_connection_window_size(CONNECTION_WINDOW_OCTETS)
            .http2_keep_alive_interval(settings.ping_interval)
            .http2_keep_alive_timeout(settings.ping_timeout);
        // Only so does hyper dial once for all requests that come together; `DialLayer` sees to it that HTTP/2 was
        // agreed on.
        let builder = match protocol {
            Protocol::Http2 => builder.http2_prior_knowledge(),
            Protocol::Http1 => builder.http1_only(),
        };
        let client = builder.build().map_err(|_| broken("the client can't be made"))?;
        Ok(Slot { client, protocol, failures, in_flight: AtomicUsize::new(0) })
    }
}

fn broken(detail: &str) -> TransportError {
    TransportError::Unreachable { detail: detail.to_owned(), sent: false }
}

/// Why a slot gave no answer.
#[derive(Debug)]
pub(super) enum SlotError {
    /// The origin speaks HTTP/1.1 only; nothing was sent.
    Http1Only,
    /// The request that was opening the connection gave up; nothing was sent.
    Abandoned,
    /// The request failed.
    Failed(TransportError),
}

impl From<DialError> for SlotError {
    fn from(failure: DialError) -> Self {
        match failure {
            DialError::Http1Only => Self::Http1Only,
            DialError::TimedOut | DialError::Failed(_) => Self::Failed(classify(&failure, false)),
        }
    }
}

/// One connection, opened with need (or, over HTTP/1.1, as many as there are requests in flight).
#[derive(Debug)]
pub(super) struct Slot {
    client: Client,
    protocol: Protocol,
    failures: Arc<DialFailures>,
    /// Requests in flight.
    pub(super) in_flight: AtomicUsize,
}

impl Slot {
    #[cfg(test)]
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Posts, up to the end of the answer's header.
    pub(super) async fn post(
        &self,
        url: &Url,
        headers: &HeaderMap,
        body: &bytes::Bytes,
        sent: &Sent,
    ) -> Result<reqwest::Response, SlotError> {
        let mut request = Request::new(Method::POST, url.clone());
        *request.headers_mut() = headers.clone();
        *request.body_mut() = Some(reqwest::Body::wrap(RequestBody::new(body.clone(), sent.clone())));
        let mut failures = self.failures.subscribe();
        let answer = tokio::select! {
            biased;
            failure = self.shared_failure(&mut failures, sent) => return Err(failure.into()),
            answer = self.client.execute(request) => answer,
        };
        answer.map_err(|error| match dial_error(&error) {
            Some(failure) => failure.clone().into(),
            // Whatever goes wrong with a dial is a `DialError`: so this is hyper's word that there is none any more.
            None if error.is_connect() => match latest(&mut failures) {
                Some(failure) => failure.into(),
                None => SlotError::Abandoned,
            },
            None => SlotError::Failed(classify(&error, sent.get())),
        })
    }

    /// Ends when the connection that the request waits for could not be opened. Over HTTP/1.1 each request has its own.
    async fn shared_failure(&self, failures: &mut Failures, sent: &Sent) -> DialError {
        if self.protocol == Protocol::Http2 {
            while failures.changed().await.is_ok() {
                if sent.get() {
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
