//! Opening a connection: a layer around reqwest's connector that bounds it in time, sees which protocol was agreed on,
//! and tells all requests that wait for the connection when it fails (hyper would let each of them dial in turn).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use tokio::sync::watch;
use tower::{Layer, Service};

use super::classify::classify;
use crate::transport::TransportError;
use crate::transport::tls::Protocol;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a connection is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DialError {
    /// Name lookup, TCP and TLS took too long together.
    #[error("no connection in time")]
    TimedOut,
    /// HTTP/2 was offered, and not taken.
    #[error("the push service speaks HTTP/1.1 only")]
    Http1Only,
    /// It failed.
    #[error(transparent)]
    Failed(TransportError),
}

/// The failed dial that an error tells of.
pub(super) fn dial_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a DialError> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// The failures of one slot's dials, the latest of them.
pub(super) type DialFailures = watch::Sender<Option<DialError>>;

/// Wraps the connector of one slot.
#[derive(Clone, Debug)]
pub(super) struct DialLayer {
    pub(super) timeout: Duration,
    pub(super) protocol: Protocol,
    pub(super) failures: Arc<DialFailures>,
}

impl<S> Layer<S> for DialLayer {
    type Service = Dial<S>;

    fn layer(&self, connector: S) -> Dial<S> {
        Dial { connector, layer: self.clone() }
    }
}

/// The wrapped connector.
#[derive(Clone, Debug)]
pub(super) struct Dial<S> {
    connector: S,
    layer: DialLayer,
}

impl<S, T> Service<T> for Dial<S>
where
    S: Service<T, Error = BoxError>,
    S::Response: Connection + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, destination: T) -> Self::Future {
        let connecting = self.connector.call(destination);
        let DialLayer { timeout, protocol, failures } = self.layer.clone();
        Box::pin(async move {
            let failure = match tokio::time::timeout(timeout, connecting).await {
                Ok(Ok(connection)) => {
                    if protocol == Protocol::Http1 || connection.connected().is_negotiated_h2() {
                        return Ok(connection);
                    }
                    DialError::Http1Only
                }
                Ok(Err(error)) => DialError::Failed(classify(error.as_ref(), false)),
                Err(_) => DialError::TimedOut,
            };
            failures.send_replace(Some(failure.clone()));
            Err(failure.into())
        })
    }
}
