//! Calls whose request has not arrived. A caller who opens calls and never ends their requests would take all the places
//! that calls under way have; so a request is waited for here, where there is room for many, and where the one that has
//! kept waiting for longest gives way. An honest request is complete within a round trip.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::layers::{OTHER_METHOD, method};
use super::status::ApiError;
use crate::domain::limits::LIST_REQUEST_OCTETS_MAX;

/// What all requests that are arriving may hold, in octets.
const OCTETS_MAX: usize = 64 * 1024 * 1024;
/// More of one request is left for the service, which refuses it.
const REQUEST_OCTETS_MAX: usize = LIST_REQUEST_OCTETS_MAX + 1024;
/// The RPCs that answer before their requests are complete.
const STREAMING: [&str; 2] = ["ImportSubscriptions", "SendStream"];

/// The requests that are arriving, in the order in which they began.
#[derive(Debug)]
struct Arrivals {
    calls_max: usize,
    octets_max: usize,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    octets: usize,
    arriving: BTreeMap<u64, Arriving>,
}

#[derive(Debug)]
struct Arriving {
    octets: usize,
    /// Dropped when the request must give way.
    _place: oneshot::Sender<Infallible>,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>) -> Arrival {
        let (place, gives_way) = oneshot::channel();
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.arriving.insert(number, Arriving { octets: 0, _place: place });
        state.make_room(self);
        Arrival { arrivals: Arc::clone(self), number, gives_way }
    }
}

impl State {
    fn make_room(&mut self, bounds: &Arrivals) {
        while self.arriving.len() > bounds.calls_max || self.octets > bounds.octets_max {
            let Some((_, oldest)) = self.arriving.pop_first() else { return };
            self.octets -= oldest.octets;
        }
    }
}

/// One request that is arriving. Dropped, it has arrived, or is given up.
#[derive(Debug)]
struct Arrival {
    arrivals: Arc<Arrivals>,
    number: u64,
    gives_way: oneshot::Receiver<Infallible>,
}

impl Arrival {
    fn hold(&self, octets: usize) {
        let mut state = self.arrivals.lock();
        if let Some(arriving) = state.arriving.get_mut(&self.number) {
            arriving.octets += octets;
            state.octets += octets;
        }
        state.make_room(&self.arrivals);
    }

    /// Reads a body to its end.
    async fn read(mut self, body: Body) -> Result<Arrived, Status> {
        let timeout = tokio::time::sleep(self.arrivals.timeout);
        tokio::pin!(timeout);
        let mut arrived = Arrived { frames: VecDeque::new(), rest: Some(body) };
        let mut octets = 0;
        while let Some(rest) = arrived.rest.as_mut().filter(|_| octets <= REQUEST_OCTETS_MAX) {
            let frame = tokio::select! {
                biased;
                _ = &mut self.gives_way => return Err(ApiError::TooManyCalls.into()),
                frame = rest.frame() => frame,
                () = &mut timeout => {
                    return Err(Status::new(Code::DeadlineExceeded, "the request did not arrive in time"));
                }
            };
            match frame {
                None => arrived.rest = None,
                Some(frame) => {
                    let frame = frame?;
                    let more = frame.data_ref().map_or(0, Bytes::len);
                    octets += more;
                    self.hold(more);
                    arrived.frames.push_back(frame);
                }
            }
        }
        Ok(arrived)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut state = self.arrivals.lock();
        if let Some(arriving) = state.arriving.remove(&self.number) {
            state.octets -= arriving.octets;
        }
    }
}

/// A body that has arrived, up to what is too much.
struct Arrived {
    frames: VecDeque<Frame<Bytes>>,
    rest: Option<Body>,
}

impl HttpBody for Arrived {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct ArrivalLayer(Arc<Arrivals>);

impl ArrivalLayer {
    /// With room for so many, each of which has so long.
    pub(super) fn new(calls_max: usize, timeout: Duration) -> Self {
        Self(Arc::new(Arrivals { calls_max, octets_max: OCTETS_MAX, timeout, state: Mutex::default() }))
    }
}

impl<S> Layer<S> for ArrivalLayer {
    type Service = Arrive<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Arrive { inner, arrivals: Arc::clone(&self.0) }
    }
}

/// See [`ArrivalLayer`].
#[derive(Clone, Debug)]
pub(super) struct Arrive<S> {
    inner: S,
    arrivals: Arc<Arrivals>,
}

impl<S> Service<Request<Body>> for Arrive<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // What is inside is asked once the request is here: a place that is taken now is taken for as long.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        use tower::ServiceExt as _;
        let inner = self.inner.clone();
        let method = method(request.uri().path());
        let waits = method != OTHER_METHOD && !STREAMING.contains(&method);
        let arrival = waits.then(|| self.arrivals.enter());
        Box::pin(async move {
            let Some(arrival) = arrival else { return inner.oneshot(request).await };
            let (parts, body) = request.into_parts();
            match arrival.read(body).await {
                Ok(arrived) => inner.oneshot(Request::from_parts(parts, Body::new(arrived))).await,
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use http_body_util::StreamBody;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::ReceiverStream;
    use tower::{ServiceBuilder, ServiceExt as _, service_fn};

    use super::*;

    const PATH: &str = "/fanfare.v1.PushService/Subscribe";

    /// Answers with the body that came.
    async fn echo(request: Request<Body>) -> Result<Response<Body>, Infallible> {
        Ok(Response::new(request.into_body()))
    }

    fn call(layer: &ArrivalLayer, path: &str, body: Body) -> tokio::task::JoinHandle<Result<Vec<u8>, Code>> {
        let service = ServiceBuilder::new().layer(layer.clone()).service(service_fn(echo));
        let request = Request::builder().uri(path).body(body).unwrap();
        tokio::spawn(async move {
            let answer = service.oneshot(request).await.unwrap();
            match Status::from_header_map(answer.headers()) {
                Some(status) => Err(status.code()),
                None => Ok(answer.into_body().collect().await.unwrap().to_bytes().to_vec()),
            }
        })
    }

    /// A body that ends when its sender is dropped.
    fn endless() -> (mpsc::Sender<Bytes>, Body) {
        let (sender, octets) = mpsc::channel(4);
        let frames = ReceiverStream::new(octets).map(|octets| Ok::<_, Infallible>(Frame::data(octets)));
        (sender, Body::new(StreamBody::new(frames)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_waits_for_longest_gives_way() {
        let layer = ArrivalLayer::new(2, Duration::from_secs(10));
        let (first_sender, first) = endless();
        let (second_sender, second) = endless();
        let (third_sender, third) = endless();
        let first = call(&layer, PATH, first);
        let second = call(&layer, PATH, second);
        tokio::task::yield_now().await;
        // Whoever is complete takes nobody's place for long.
        assert_eq!(layer.0.lock().arriving.len(), 2);
        second_sender.send(Bytes::from_static(b"so far")).await.unwrap();
        let third = call(&layer, PATH, third);
        assert_eq!(first.await.unwrap(), Err(Code::ResourceExhausted));
        assert!(first_sender.is_closed());
        second_sender.send(Bytes::from_static(b", and the rest")).await.unwrap();
        drop(second_sender);
        assert_eq!(second.await.unwrap(), Ok(b"so far, and the rest".to_vec()));
        assert_eq!(third.await.unwrap(), Err(Code::DeadlineExceeded), "after ten seconds");
        drop(third_sender);
        let state = layer.0.lock();
        assert_eq!((state.arriving.len(), state.octets), (0, 0));
    }

    #[tokio::test]
    async fn what_they_hold_together_is_bounded() {
        let arrivals = Arrivals {
            calls_max: 10,
            octets_max: 10,
            timeout: Duration::from_secs(60),
            state: Mutex::default(),
        };
        let layer = ArrivalLayer(Arc::new(arrivals));
        let (sender, body) = endless();
        let greedy = call(&layer, PATH, body);
        sender.send(Bytes::from_static(b"12345678")).await.unwrap();
        while layer.0.lock().octets < 8 {
            tokio::task::yield_now().await;
        }
        let modest = call(&layer, PATH, Body::new(http_body_util::Full::new(Bytes::from_static(b"abc"))));
        assert_eq!(modest.await.unwrap(), Ok(b"abc".to_vec()));
        assert_eq!(greedy.await.unwrap(), Err(Code::ResourceExhausted));
    }

    #[tokio::test(start_paused = true)]
    async fn too_much_and_what_streams_are_passed_on() {
        let layer = ArrivalLayer::new(1, Duration::from_secs(10));
        let large = vec![7; REQUEST_OCTETS_MAX + 1];
        let (sender, body) = endless();
        let passed = call(&layer, PATH, body);
        sender.send(large.clone().into()).await.unwrap();
        sender.send(Bytes::from_static(b"and more")).await.unwrap();
        drop(sender);
        assert_eq!(passed.await.unwrap().unwrap().len(), large.len() + 8);

        let (sender, body) = endless();
        let streaming = call(&layer, "/fanfare.v1.PushService/SendStream", body);
        tokio::time::sleep(Duration::from_secs(60)).await;
        sender.send(Bytes::from_static(b"late")).await.unwrap();
        drop(sender);
        assert_eq!(streaming.await.unwrap(), Ok(b"late".to_vec()));
    }
}
