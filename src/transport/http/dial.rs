//! Opening a connection: a layer around reqwest's connector that bounds it in time, sees which protocol was agreed on,
//! and tells all requests that wait for the connection when it fails (hyper would let each of them dial in turn).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use tokio::sync::watch;
use tower::{Layer, Service};

use super::classify::classify;
use super::lock;
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

/// What is known of one slot's connection. Hyper keeps it to itself, so it is put together from dials and from how
/// requests end: one that the peer closed while it was idle counts as open until it is tried again.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Connections that were opened so far, one after the other.
    opened: AtomicUsize,
    /// How many of them have ended.
    ended: AtomicUsize,
    /// The latest dial that failed.
    failed: watch::Sender<Option<DialError>>,
}

impl Line {
    pub(super) fn is_open(&self) -> bool {
        self.ended.load(Ordering::Acquire) < self.opened.load(Ordering::Acquire)
    }

    /// Which connection a request that starts now goes over: the one that is open, or the next.
    pub(super) fn current(&self) -> usize {
        self.opened.load(Ordering::Acquire) + usize::from(!self.is_open())
    }

    /// This connection, and so all before it, carries no further request. There may be a later one already.
    pub(super) fn ended(&self, connection: usize) {
        self.ended.fetch_max(connection.min(self.opened.load(Ordering::Acquire)), Ordering::AcqRel);
    }

    /// The failures of dials from now on.
    pub(super) fn failures(&self) -> watch::Receiver<Option<DialError>> {
        self.failed.subscribe()
    }

    pub(super) fn dialled(&self) {
        self.opened.fetch_add(1, Ordering::AcqRel);
    }

    /// Hyper dials when it has no connection that can be used.
    fn dial_failed(&self, failure: DialError) {
        self.ended(usize::MAX);
        self.failed.send_replace(Some(failure));
    }
}

/// Wraps the connector of one slot.
#[derive(Clone, Debug)]
pub(super) struct DialLayer {
    pub(super) timeout: Duration,
    pub(super) protocol: Protocol,
    pub(super) line: Arc<Line>,
}

impl<S> Layer<S> for DialLayer {
    type Service = Dial<S>;

    fn layer(&self, connector: S) -> Dial<S> {
        Dial { connector: Arc::new(Mutex::new(connector)), layer: self.clone() }
    }
}

/// The wrapped connector. Hyper and reqwest clone it several times for each request, though hardly any dials: so what
/// they clone is a reference.
#[derive(Debug)]
pub(super) struct Dial<S> {
    connector: Arc<Mutex<S>>,
    layer: DialLayer,
}

impl<S> Clone for Dial<S> {
    fn clone(&self) -> Self {
        Self { connector: Arc::clone(&self.connector), layer: self.layer.clone() }
    }
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
        lock(&self.connector).poll_ready(context)
    }

    fn call(&mut self, destination: T) -> Self::Future {
        let connecting = lock(&self.connector).call(destination);
        let DialLayer { timeout, protocol, line } = self.layer.clone();
        Box::pin(async move {
            let failure = match tokio::time::timeout(timeout, connecting).await {
                Ok(Ok(connection)) => {
                    if protocol == Protocol::Http1 || connection.connected().is_negotiated_h2() {
                        line.dialled();
                        return Ok(connection);
                    }
                    DialError::Http1Only
                }
                Ok(Err(error)) => DialError::Failed(classify(error.as_ref(), false)),
                Err(_) => DialError::TimedOut,
            };
            line.dial_failed(failure.clone());
            Err(failure.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_late_says_nothing_about_a_newer_connection() {
        let line = Line::default();
        let first = line.current();
        assert!(!line.is_open());
        line.dialled();
        assert!(line.is_open());
        assert_eq!(line.current(), first);
        line.ended(first);
        assert!(!line.is_open());
        line.dialled();
        line.ended(first);
        assert!(line.is_open());
        line.dial_failed(DialError::TimedOut);
        assert!(!line.is_open());
    }
}
