//! Posting over HTTPS with reqwest: HTTP/2 where it is agreed on, HTTP/1.1 else.
//!
//! [`origins`] keeps the [`connections`] of all origins, [`slot`] is one of them, [`dial`] opens it, [`classify`] says
//! what an error means. All that belongs to a connection runs on one of the [`threads`].

mod body;
mod classify;
mod connections;
mod dial;
mod origins;
mod slot;
mod threads;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use self::body::Departure;
use self::connections::{Bounds, Lease};
use self::origins::Origins;
use self::slot::{EgressProxy, SlotError, SlotFactory, Way};
use self::threads::ConnectionThreads;
use super::exceptions::Reach;
use super::policy::HostPolicy;
use super::resolver::{Lookup, Names, SystemLookup};
use super::settings::HttpSettings;
use super::tls::Tls;
use super::{Transport, TransportError};
use crate::domain::{Endpoint, EndpointPolicy, Origin, PassedBy};
use crate::webpush::push_service::PushService;
use crate::webpush::request::{PushRequest, PushResponse};

/// What HTTP/2 counts for each header field besides its octets (RFC 9113 section 6.5.2).
const HEADER_OVERHEAD_OCTETS: usize = 32;

/// How long an answer's body is waited for once its header has come: the status has told the outcome, and whoever
/// waits holds a place.
const BODY_PATIENCE: Duration = Duration::from_secs(5);

/// What the locks here guard is whole after every statement, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why the transport can't start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A setting is out of its range.
    #[error("{0}")]
    Setting(String),
    /// The TLS library does not work.
    #[error("TLS can't be set up")]
    Tls,
    /// The client does not take the egress proxy.
    #[error("transport.egress_proxy can't be used")]
    Proxy,
    /// The system gives no threads for connections.
    #[error("no threads for connections can be had")]
    Thread,
}

/// The transport over the network.
#[derive(Debug)]
pub struct HttpTransport {
    settings: Arc<HttpSettings>,
    policy: Arc<HostPolicy>,
    lookup: Arc<dyn Lookup>,
    tls: Tls,
    proxy: Option<EgressProxy>,
    origins: Arc<Origins>,
    threads: ConnectionThreads,
}

impl HttpTransport {
    /// Reads the system's root certificates; opens nothing. Starts the threads on which connections will live.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(settings: HttpSettings, policy: Arc<HostPolicy>) -> Result<Self, StartError> {
        let name_servers: Vec<_> = settings.name_servers.iter().map(|server| server.0).collect();
        let lookup = SystemLookup::new(&name_servers, settings.dns_timeout);
        Self::with_lookup(settings, policy, Arc::new(lookup))
    }

    /// Like [`Self::new`], with another resolver of names.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn with_lookup(
        settings: HttpSettings,
        policy: Arc<HostPolicy>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, StartError> {
        settings.validate().map_err(StartError::Setting)?;
        let origins = Arc::new(Origins::new(Bounds {
            slots_per_origin: settings.connections_per_origin_max,
            requests_per_slot: settings.requests_per_connection_max,
            http1_per_origin: settings.http1_connections_per_origin_max,
            origins: settings.origins_max,
            idle: settings.idle_timeout,
            surplus: settings.surplus_timeout,
        }));
        let tls = Tls::new().map_err(|_| StartError::Tls)?;
        let proxy = match settings.proxy_url() {
            Some(url) => Some(EgressProxy::new(url).map_err(|_| StartError::Proxy)?),
            None => None,
        };
        let lookup = Names::new(lookup, settings.name_bounds());
        let threads = ConnectionThreads::start().map_err(|_| StartError::Thread)?;
        Ok(Self {
            settings: Arc::new(settings),
            policy,
            lookup: Arc::new(lookup),
            tls,
            proxy,
            origins,
            threads,
        })
    }

    fn slot_factory(&self, origin: &Origin, passed: PassedBy) -> Result<SlotFactory, TransportError> {
        let exception = self.policy.dialled_by(origin, passed).map_err(TransportError::Blocked)?;
        Ok(SlotFactory {
            settings: Arc::clone(&self.settings),
            tls: self.tls.of_origin(exception.as_deref()).map_err(|_| unsent("TLS can't be set up"))?,
            lookup: Arc::clone(&self.lookup),
            way: match (exception, &self.proxy) {
                (Some(exception), _) => Way::Direct(exception.reach().clone()),
                (None, Some(proxy)) => Way::Proxy(proxy.clone()),
                (None, None) => Way::Direct(Reach::Public),
            },
            https: origin.is_https(),
        })
    }

    /// Up to the end of the answer's header.
    async fn send(
        &self,
        request: &PushRequest,
        passed: PassedBy,
        last: &mut Option<Try>,
    ) -> Result<reqwest::Response, TransportError> {
        let origin = request.endpoint.origin();
        let connections = self.origins.get(origin, passed, || self.slot_factory(origin, passed))?;
        let mut tried_again = false;
        loop {
            // The place of the one before is given back first.
            *last = None;
            let lease = connections.lease().await?;
            let Try { departure, lease } = last.insert(Try { departure: Departure::default(), lease });
            let slot = lease.slot();
            match slot.post(request, departure).await {
                Ok(response) => return Ok(response),
                // At most once: slots over HTTP/1.1 do not end so.
                Err(SlotError::Http1Only) => connections.fall_back_to_http1(),
                // Each time another request gave up; the deadline bounds it.
                Err(SlotError::Abandoned) => {}
                // Each time there is one slot less to choose.
                Err(SlotError::NoConnection(_)) if connections.do_without(slot) => {}
                // The push service closed the connection just then. Twice in a row, and it closes all of them.
                Err(SlotError::NotSent(_)) if !tried_again => tried_again = true,
                Err(
                    SlotError::NoConnection(error) | SlotError::NotSent(error) | SlotError::Failed(error),
                ) => return Err(error),
            }
        }
    }

    /// One request and its answer, within the deadline.
    async fn exchange(
        &self,
        request: &PushRequest,
        passed: PassedBy,
    ) -> Result<PushResponse, TransportError> {
        let deadline = Instant::now() + self.settings.deadline;
        let mut timer = pin!(sleep_until(deadline));
        let mut last = None;
        let sent = tokio::select! {
            biased;
            sent = self.send(request, passed, &mut last) => Some(sent),
            () = timer.as_mut() => None,
        };
        let Some(sent) = sent else {
            return Err(last.map_or(TransportError::TimedOut { sent: false }, Try::timed_out));
        };
        let mut response = sent?;
        if header_octets(response.headers()) > self.settings.response_header_octets_max as usize {
            let detail = "the answer's header fields are too large".into();
            return Err(TransportError::Unreachable { detail, sent: true });
        }
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        // Most answers have none.
        if response.content_length() != Some(0) {
            let reading = body::read(&mut response, self.settings.response_body_octets_max, &mut body);
            timer.as_mut().reset(deadline.min(Instant::now() + BODY_PATIENCE));
            // Then the body is what has come of it, like one that breaks off.
            tokio::select! {
                biased;
                () = reading => {}
                () = timer => {}
            }
        }
        // Over HTTP/1.1 a service may say in the status line what it says nowhere else.
        if let Some(phrase) =
            response.extensions().get::<hyper::ext::ReasonPhrase>().filter(|_| body.is_empty())
        {
            let phrase = phrase.as_bytes();
            body.extend_from_slice(&phrase[..phrase.len().min(self.settings.response_body_octets_max)]);
        }
        Ok(PushResponse { status, headers, body: body.freeze() })
    }
}

/// One way that a request goes: the place that it holds on a connection, and whether it has left.
#[derive(Debug)]
struct Try {
    departure: Departure,
    lease: Lease,
}

impl Try {
    /// What the deadline means now. From here on the body leaves no more, if it has not.
    fn timed_out(self) -> TransportError {
        let sent = !self.departure.withdraw();
        self.lease.gave_up(sent);
        TransportError::TimedOut { sent }
    }
}

fn unsent(detail: &str) -> TransportError {
    TransportError::Unreachable { detail: detail.to_owned(), sent: false }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn post(&self, request: PushRequest) -> Result<PushResponse, TransportError> {
        let policy: &dyn EndpointPolicy = request.policy.as_deref().unwrap_or(&*self.policy);
        let passed = policy.check(&request.endpoint).map_err(TransportError::Blocked)?;
        let thread = self.threads.of(request.endpoint.origin());
        thread.wrap(self.exchange(&request, passed)).await
    }

    fn connections(&self, origin: &Origin) -> usize {
        self.policy.passages(origin).into_iter().map(|passed| self.origins.connections(origin, passed)).sum()
    }

    fn service(&self, endpoint: &Endpoint, policy: Option<&dyn EndpointPolicy>) -> PushService {
        let exception = policy.unwrap_or(&*self.policy).exception(endpoint.origin());
        self.policy.service(endpoint, exception)
    }

    fn runtime(&self, origin: &Origin) -> Option<&Handle> {
        Some(self.threads.of(origin).runtime())
    }
}

fn header_octets(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_OCTETS).sum()
}
