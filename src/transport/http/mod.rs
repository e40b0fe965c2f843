//! Posting over HTTPS with reqwest: HTTP/2 where it is agreed on, HTTP/1.1 else.
//!
//! [`origins`] keeps the connections, [`slot`] is one of them, [`dial`] opens it, [`classify`] says what an error means.

mod body;
mod classify;
mod dial;
mod origins;
mod slot;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use http::HeaderMap;
use reqwest::Url;
use tokio::time::{Instant, timeout_at};

use self::body::Sent;
use self::origins::{Bounds, Lease, Origins};
use self::slot::{SlotError, SlotFactory};
use super::policy::{HostPolicy, Reach};
use super::resolver::{Lookup, SystemLookup};
use super::settings::HttpSettings;
use super::tls::Tls;
use super::{Transport, TransportError};
use crate::domain::{EndpointPolicy as _, Origin};
use crate::webpush::request::{PushRequest, PushResponse};

/// What HTTP/2 counts for each header field besides its octets (RFC 9113 section 6.5.2).
const HEADER_OVERHEAD_OCTETS: usize = 32;

/// Why the transport can't start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A setting is out of its range.
    #[error("{0}")]
    Setting(String),
}

/// The transport over the network.
#[derive(Debug)]
pub struct HttpTransport {
    settings: Arc<HttpSettings>,
    policy: Arc<HostPolicy>,
    lookup: Arc<dyn Lookup>,
    tls: Arc<Tls>,
    origins: Origins,
}

impl HttpTransport {
    /// Reads the system's root certificates; opens nothing. Needs a tokio runtime from the first [`Transport::post`] on.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(settings: HttpSettings, policy: Arc<HostPolicy>) -> Result<Self, StartError> {
        Self::with_lookup(settings, policy, Arc::new(SystemLookup::default()))
    }

    /// Like [`Self::new`], with another resolver of names.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn with_lookup(
        settings: HttpSettings,
        policy: Arc<HostPolicy>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, StartError> {
        settings.validate().map_err(StartError::Setting)?;
        let origins = Origins::new(Bounds {
            slots_per_origin: settings.connections_per_origin_max,
            requests_per_slot: settings.requests_per_connection_max,
            origins: settings.origins_max,
            idle: settings.idle_timeout,
        });
        Ok(Self { settings: Arc::new(settings), policy, lookup, tls: Arc::new(Tls::new()), origins })
    }

    fn slot_factory(&self, origin: &Origin) -> SlotFactory {
        let exception = self.policy.exception(origin);
        SlotFactory {
            settings: Arc::clone(&self.settings),
            tls: Arc::clone(&self.tls),
            lookup: Arc::clone(&self.lookup),
            reach: exception.map_or(Reach::Public, |exception| exception.reach().clone()),
            roots: exception.and_then(|exception| exception.roots().map(<[_]>::to_vec)),
            https: origin.is_https(),
        }
    }

    /// Up to the end of the answer's header.
    async fn send(
        &self,
        request: &PushRequest,
        sent: &Sent,
    ) -> Result<(reqwest::Response, Lease), TransportError> {
        let url = Url::parse(request.endpoint.expose()).map_err(|_| TransportError::Unreachable {
            detail: "the endpoint is no URL".into(),
            sent: false,
        })?;
        let origin = request.endpoint.origin();
        let connections = self.origins.get(origin, || self.slot_factory(origin));
        loop {
            let slot = connections.lease().await?;
            match slot.post(&url, &request.headers, &request.body, sent).await {
                Ok(response) => return Ok((response, slot)),
                Err(SlotError::Failed(error)) => return Err(error),
                // At most once: slots over HTTP/1.1 do not end so.
                Err(SlotError::Http1Only) => connections.fall_back_to_http1(),
                // Each time another request gave up; the deadline bounds it.
                Err(SlotError::Abandoned) => {}
            }
        }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn post(&self, request: PushRequest) -> Result<PushResponse, TransportError> {
        self.policy.check(&request.endpoint).map_err(TransportError::Blocked)?;
        let deadline = Instant::now() + self.settings.deadline;
        let sent = Sent::default();
        let (mut response, _slot) = timeout_at(deadline, self.send(&request, &sent))
            .await
            .map_err(|_| TransportError::TimedOut { sent: sent.get() })??;
        if header_octets(response.headers()) > self.settings.response_header_octets_max as usize {
            let detail = "the answer's header fields are too large".into();
            return Err(TransportError::Unreachable { detail, sent: true });
        }
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        let reading = body::read(&mut response, self.settings.response_body_octets_max, &mut body);
        // At the deadline the body is what has come of it, like one that breaks off.
        let _ = timeout_at(deadline, reading).await;
        // Over HTTP/1.1 a service may say in the status line what it says nowhere else.
        if let Some(phrase) =
            response.extensions().get::<hyper::ext::ReasonPhrase>().filter(|_| body.is_empty())
        {
            let phrase = phrase.as_bytes();
            body.extend_from_slice(&phrase[..phrase.len().min(self.settings.response_body_octets_max)]);
        }
        Ok(PushResponse { status, headers, body: body.freeze() })
    }

    fn connections(&self, origin: &Origin) -> usize {
        self.origins.open(origin)
    }
}

fn header_octets(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_OCTETS).sum()
}
