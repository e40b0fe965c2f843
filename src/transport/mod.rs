//! The way to the push services: one POST for one attempt, and what came of it.
//!
//! [`Transport`] is what the engine knows. [`HttpTransport`] is the real one; [`scripted`] answers in tests. An endpoint
//! is a stranger's URL, so every request passes three gates: [`HostPolicy`] (or what an application has chosen of it)
//! judges scheme, host and port (and hosts that are addresses), and the rule by which it lets the request pass is the one
//! that the connection is dialled and kept by; [`resolver`] judges every address a name resolves to and hands the connector just those; and
//! there are neither redirects nor proxies from the environment that could lead elsewhere. See `docs/security.md`.

pub mod address;
mod exceptions;
mod http;
pub mod policy;
pub mod resolver;
pub mod scripted;
pub mod settings;
mod tls;

use std::fmt;

use async_trait::async_trait;
use tokio::runtime::Handle;

pub use http::{HttpTransport, StartError};
pub use policy::{HostPolicy, PolicyError};
pub use settings::{ExceptionSettings, HttpSettings, Profile, PushServicesSettings};

use crate::domain::{Endpoint, EndpointPolicy, Origin, Refusal};
use crate::webpush::push_service::PushService;
use crate::webpush::request::{PushRequest, PushResponse};

/// Posts requests.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Posts one request and waits for the answer, whatever its status. Ends within a deadline of its own, which covers
    /// waiting for a connection and for its stream too; a caller that drops the future gives the request up.
    ///
    /// An answer counts from its status on: a body that is too large, too slow or breaks off is cut where it ends. So a
    /// 2xx says that the push service took the message, whatever becomes of the rest.
    ///
    /// # Errors
    /// When there is no answer: see [`TransportError`].
    async fn post(&self, request: PushRequest) -> Result<PushResponse, TransportError>;

    /// Connections to an origin that are open now, as far as this side knows: one that the push service closed while it
    /// was idle counts until the next request or until it is closed here too. Cheap.
    fn connections(&self, origin: &Origin) -> usize;

    /// Whose manners the service behind an endpoint has, to a sender under this policy (`None`: under the transport's own).
    /// Cheap.
    fn service(&self, endpoint: &Endpoint, _policy: Option<&dyn EndpointPolicy>) -> PushService {
        PushService::of(endpoint)
    }

    /// Where a task that posts many requests to this origin had better run, beside its connections; `None`: anywhere. What
    /// runs there must not keep the thread for long.
    fn runtime(&self, _origin: &Origin) -> Option<&Handle> {
        None
    }
}

/// Why there is no answer. Nothing of the endpoint but what its origin tells is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// A place that this server may not post to. Nothing was sent.
    #[error("blocked: {0}")]
    Blocked(Refusal),
    /// Name lookup, TCP, TLS or HTTP failed.
    #[error("unreachable: {detail}")]
    Unreachable {
        /// What failed, in fixed words.
        detail: String,
        /// Whether the push service may have got the message. If not, it never will: the request was withdrawn.
        sent: bool,
    },
    /// The deadline passed.
    #[error("timed out")]
    TimedOut {
        /// Whether the push service may have got the message. If not, it never will: the request was withdrawn.
        sent: bool,
    },
    /// This machine lacks what a connection takes: descriptors, or a place for a lookup. Nothing was sent, and nothing is said
    /// of the push service.
    #[error("not tried: {0}")]
    Exhausted(&'static str),
    /// The push service says that it did not process the request (HTTP/2 `REFUSED_STREAM` or `GOAWAY`, RFC 9113
    /// section 8.7): it may be sent again without counting as an attempt.
    #[error("the push service refused the stream")]
    StreamRefused,
}
