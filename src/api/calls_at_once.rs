//! How many calls are at work at once, until they begin to answer: in all, and of each application or, where its credentials
//! reach all of them, of each caller.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::access::{Principal, Scope};
use super::rate::Caller;
use super::shares::{Holder, Pool};
use super::status::ApiError;

/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub(super) struct CallsLayer(pub(super) Pool);

impl<S> Layer<S> for CallsLayer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Calls { inner, pool: self.0.clone() }
    }
}

/// See [`CallsLayer`].
#[derive(Clone, Debug)]
pub(super) struct Calls<S> {
    inner: S,
    pool: Pool,
}

/// Whose a call is.
fn holder(request: &Request<Body>) -> Holder {
    match request.extensions().get::<Arc<Principal>>().map(|principal| &principal.scope) {
        Some(Scope::Application(name)) => Holder::Application(name.as_str().into()),
        Some(Scope::All) | None => Holder::Caller(Caller::of(request)),
    }
}

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.pool.take(holder(&request)) {
            Err(refused) => {
                let status = Status::from(ApiError::NoPlace(refused));
                Box::pin(std::future::ready(Ok(status.into_http())))
            }
            Ok(place) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let answer = answer.await;
                    drop(place);
                    answer
                })
            }
        }
    }
}
