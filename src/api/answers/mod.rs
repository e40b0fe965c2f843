//! What answers may hold in memory. A caller who does not read keeps what was made for it: so each answer is handed to HTTP in
//! small parts, and counts, until it is written, for its connection, its caller and all together ([`ledger`]). Where that is
//! more than there may be, the answer that has not moved for longest gives way; one that does not move at all is given up
//! after a time. What HTTP has taken by then, a part or two, goes with the connection: it is closed if that is too much.

mod answer;
pub(super) mod ledger;

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Bytes};
use tokio::time::{Instant, interval};
use tonic::body::Body;
use tower::{BoxError, Layer, Service};

use super::connections::Peer;
use super::rate::Caller;
use answer::{Answer, AnswerBody};
use ledger::Ledger;

/// How often it is looked for answers that do not move, in parts of the time that they have.
const LOOKS: u32 = 8;

/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub(super) struct AnswersLayer(pub(super) Arc<Ledger>);

impl<S> Layer<S> for AnswersLayer {
    type Service = Answers<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Answers { inner, ledger: Arc::clone(&self.0) }
    }
}

/// See [`AnswersLayer`].
#[derive(Clone, Debug)]
pub(super) struct Answers<S> {
    inner: S,
    ledger: Arc<Ledger>,
}

impl<S, B> Service<Request<Body>> for Answers<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ledger = Arc::clone(&self.ledger);
        let peer = request.extensions().get::<Peer>().cloned();
        let response = self.inner.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            // The inner layer knows who called; where it did not run, the address stands for the caller.
            let named = response.extensions_mut().remove::<Caller>();
            let address = || peer.as_ref().and_then(|peer| peer.tcp.remote_addr());
            let caller = named.or_else(|| address().map(|address| Caller::At(address.ip())));
            let connection = peer.map(|peer| peer.connection);
            let is_grpc = is_grpc(response.headers());
            Ok(response.map(|body| {
                if body.is_end_stream() {
                    return Body::new(body);
                }
                let (caller, body) = (caller.unwrap_or(Caller::Unknown), Body::new(body));
                let answer = Answer::new(ledger, caller, connection, body, is_grpc);
                Body::new(AnswerBody(Arc::new(answer)))
            }))
        })
    }
}

/// Not gRPC-Web, whose trailers stand in its body.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value == b"application/grpc" || value.starts_with(b"application/grpc+")
    })
}

/// Gives up answers that do not move, for as long as there is a server.
pub(super) async fn give_up_stalled(ledger: Weak<Ledger>, timeout: Duration) {
    let mut looks = interval((timeout / LOOKS).max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(ledger) = ledger.upgrade() else { return };
        ledger.sweep(Instant::now());
    }
}

#[cfg(test)]
mod tests;
