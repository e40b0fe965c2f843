//! How many lists are made for one caller at once. A list is up to 2 MiB, made before anything of it is sent. So a caller
//! who asks for many waits here, where its calls hold nothing yet, until earlier ones are written.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::layers::method;
use super::rate::Caller;
use super::status::ApiError;

/// How long a list waits for those before it.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Callers that are remembered before it is looked who of them has gone.
const CALLERS_MIN: usize = 1_024;

/// The lists that are being made and written, by caller.
#[derive(Debug)]
struct Lists {
    at_once: usize,
    callers: Mutex<Callers>,
}

#[derive(Debug)]
struct Callers {
    places: HashMap<Caller, Weak<Semaphore>>,
    /// So many, and it is looked who has gone.
    look_at: usize,
}

impl Lists {
    fn of(&self, caller: Caller) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.places.len() >= callers.look_at {
            callers.places.retain(|_, places| places.strong_count() > 0);
            callers.look_at = (2 * callers.places.len()).max(CALLERS_MIN);
        }
        let place = callers.places.entry(caller).or_default();
        place.upgrade().unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(self.at_once));
            *place = Arc::downgrade(&places);
            places
        })
    }
}

/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub(super) struct ListsLayer(Arc<Lists>);

impl ListsLayer {
    /// So many of one caller at once.
    pub(super) fn new(at_once: usize) -> Self {
        let callers = Callers { places: HashMap::new(), look_at: CALLERS_MIN };
        let at_once = at_once.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Lists { at_once, callers: Mutex::new(callers) }))
    }
}

impl<S> Layer<S> for ListsLayer {
    type Service = OneByOne<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OneByOne { inner, lists: Arc::clone(&self.0) }
    }
}

/// See [`ListsLayer`].
#[derive(Clone, Debug)]
pub(super) struct OneByOne<S> {
    inner: S,
    lists: Arc<Lists>,
}

impl<S> Service<Request<Body>> for OneByOne<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // What is inside is asked once it is this call's turn.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        use tower::ServiceExt as _;
        let inner = self.inner.clone();
        let is_list = method(request.uri().path()).starts_with("List");
        let places = is_list.then(|| self.lists.of(Caller::of(&request)));
        Box::pin(async move {
            let Some(places) = places else { return inner.oneshot(request).await };
            // The semaphore is never closed.
            let Ok(Ok(place)) = timeout(WAIT_MAX, places.acquire_owned()).await else {
                return Ok(Status::from(ApiError::TooManyLists).into_http());
            };
            let response = inner.oneshot(request).await?;
            Ok(response.map(|body| Body::new(List { body, _place: place })))
        })
    }
}

/// A list that is being written.
struct List {
    body: Body,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for List {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt as _, Full};
    use tonic::Code;
    use tower::{ServiceBuilder, ServiceExt as _, service_fn};

    use super::*;

    fn request(rpc: &str, caller: &str) -> Request<Body> {
        let mut request =
            Request::builder().uri(format!("/fanfare.v1.PushService/{rpc}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Caller::Named(caller.into()));
        request
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_waits_for_its_own_lists_only() {
        let answering = service_fn(async |_: Request<Body>| {
            Ok::<_, Infallible>(Response::new(Body::new(Full::new(Bytes::from_static(b"a list")))))
        });
        let layer = ListsLayer::new(2);
        let service = ServiceBuilder::new().layer(layer.clone()).service(answering);
        let call = |rpc: &str, caller: &str| service.clone().oneshot(request(rpc, caller));
        let first = call("ListSubscriptions", "a").await.unwrap();
        let second = call("ListMessages", "a").await.unwrap();
        let refused = call("ListSubscriptions", "a").await.unwrap();
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        for (rpc, caller) in [("GetMessage", "a"), ("ListSubscriptions", "b")] {
            assert!(call(rpc, caller).await.unwrap().headers().is_empty(), "{rpc} of {caller}");
        }
        let waiting = tokio::spawn(call("ListSubscriptions", "a"));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.into_body().collect().await.unwrap();
        assert!(waiting.await.unwrap().unwrap().headers().is_empty());
        drop(second);
        for number in 0..2 * CALLERS_MIN {
            drop(call("ListMessages", &number.to_string()).await.unwrap());
        }
        assert!(layer.0.callers.lock().unwrap().places.len() <= CALLERS_MIN);
    }
}
