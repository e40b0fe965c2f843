//! What stands between a connection and the service, beside what tower and tower-http bring.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::{BoxError, Layer, Service};

use super::Api;
use super::access::rpc_at;
use super::call_log::{CallLog, CallNotes};
use super::status::ApiError;
use crate::domain::limits::{LIST_REQUEST_OCTETS_MAX, REQUEST_OCTETS_MAX};
use crate::proto::v1::admin_service_server::AdminServiceServer;
use crate::proto::v1::push_service_server::PushServiceServer;

/// Health, reflection, and what does not exist.
pub const OTHER_METHOD: &str = "other";

/// Told of every call: for metrics.
pub trait CallObserver: fmt::Debug + Send + Sync + 'static {
    /// A call begins. `method` is the name of one of [`super::access::RPCS`], or [`OTHER_METHOD`].
    fn started(&self, method: &'static str);
    /// It has ended: a stream with its last frame; one that the caller left, as CANCELLED.
    fn finished(&self, method: &'static str, code: Code, elapsed: Duration);
}

/// Observes nothing.
impl CallObserver for () {
    fn started(&self, _: &'static str) {}
    fn finished(&self, _: &'static str, _: Code, _: Duration) {}
}

/// The name that a call is observed by.
pub(super) fn method(path: &str) -> &'static str {
    rpc_at(path).map_or(OTHER_METHOD, |rpc| rpc.name)
}

/// One call under observation. Dropped before it is finished, it counts as cancelled.
#[derive(Debug)]
struct Call {
    layer: ObserveLayer,
    notes: CallNotes,
    method: &'static str,
    started: Instant,
    finished: bool,
}

impl Call {
    fn start(layer: ObserveLayer, method: &'static str) -> Self {
        layer.observer.started(method);
        Self { layer, notes: CallNotes::default(), method, started: Instant::now(), finished: false }
    }

    fn finish(&mut self, code: Code) {
        if !self.finished {
            self.finished = true;
            let elapsed = self.started.elapsed();
            self.layer.observer.finished(self.method, code, elapsed);
            self.layer.log.ended(self.method, &self.notes, code, elapsed);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish(Code::Cancelled);
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// Tells a [`CallObserver`] and the log of calls.
#[derive(Clone, Debug)]
pub(super) struct ObserveLayer {
    pub(super) observer: Arc<dyn CallObserver>,
    pub(super) log: CallLog,
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe { inner, layer: self.clone() }
    }
}

/// See [`ObserveLayer`].
#[derive(Clone, Debug)]
pub(super) struct Observe<S> {
    inner: S,
    layer: ObserveLayer,
}

impl<S, B> Service<Request<Body>> for Observe<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut call = Call::start(self.layer.clone(), method(request.uri().path()));
        request.extensions_mut().insert(call.notes.clone());
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            if let Some(code) = code(response.headers()) {
                call.finish(code);
            }
            Ok(response.map(|body| Body::new(Observed { body: Body::new(body), call })))
        })
    }
}

/// The body of an observed call.
struct Observed {
    body: Body,
    call: Call,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.finish(code(trailers).unwrap_or(Code::Unknown));
                }
            }
            Some(Err(status)) => self.call.finish(status.code()),
            None => self.call.finish(Code::Unknown),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the layers inside refuse, as an answer: too slow, or a bug.
#[expect(clippy::unnecessary_wraps, reason = "the shape that MapResultLayer takes")]
pub(super) fn answer_errors<B>(result: Result<Response<B>, BoxError>) -> Result<Response<Body>, BoxError>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let error = match result {
        Ok(response) => return Ok(response.map(Body::new)),
        Err(error) => error,
    };
    let status = if error.is::<tower::timeout::error::Elapsed>() {
        Status::deadline_exceeded("the server did not answer in the time that it allows itself")
    } else {
        ApiError::Internal(error.to_string()).into()
    };
    Ok(status.into_http())
}

/// A handler that panicked answers INTERNAL; what it said goes to the log, by the panic hook.
pub(super) fn answer_panic(_: Box<dyn std::any::Any + Send + 'static>) -> Response<Body> {
    Status::from(ApiError::Internal("a handler panicked".to_owned())).into_http()
}

/// The service twice: tonic limits requests for a whole service, and only requests with lists may be large.
#[derive(Clone, Debug)]
pub(super) struct SizedService {
    small: PushServiceServer<Api>,
    large: PushServiceServer<Api>,
}

impl SizedService {
    pub(super) fn new(api: Api, answer_octets_max: usize) -> Self {
        let of = |request_octets_max| {
            PushServiceServer::new(api.clone())
                .max_decoding_message_size(request_octets_max)
                .max_encoding_message_size(answer_octets_max)
        };
        Self { small: of(REQUEST_OCTETS_MAX), large: of(LIST_REQUEST_OCTETS_MAX) }
    }
}

/// The service of those who run Fanfare.
pub(super) fn admin_service(api: Api, answer_octets_max: usize) -> AdminServiceServer<Api> {
    AdminServiceServer::new(api)
        .max_decoding_message_size(REQUEST_OCTETS_MAX)
        .max_encoding_message_size(answer_octets_max)
}

impl NamedService for SizedService {
    const NAME: &'static str = PushServiceServer::<Api>::NAME;
}

impl Service<Request<Body>> for SizedService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match method(request.uri().path()) {
            "Broadcast" | "ImportSubscriptions" => self.large.call(request),
            _ => self.small.call(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Log(Mutex<Vec<(&'static str, Option<Code>)>>);

    impl CallObserver for Log {
        fn started(&self, method: &'static str) {
            self.0.lock().unwrap().push((method, None));
        }
        fn finished(&self, method: &'static str, code: Code, _: Duration) {
            self.0.lock().unwrap().push((method, Some(code)));
        }
    }

    #[test]
    fn a_call_is_finished_once_and_cancelled_when_it_is_left() {
        let log = Arc::new(Log::default());
        let layer =
            ObserveLayer { observer: Arc::clone(&log) as Arc<dyn CallObserver>, log: CallLog::default() };
        let mut call = Call::start(layer.clone(), "Send");
        call.finish(Code::Ok);
        drop(call);
        drop(Call::start(layer, "Broadcast"));
        assert_eq!(
            *log.0.lock().unwrap(),
            [
                ("Send", None),
                ("Send", Some(Code::Ok)),
                ("Broadcast", None),
                ("Broadcast", Some(Code::Cancelled))
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_is_told_so() {
        use tower::util::MapResultLayer;
        use tower::{ServiceBuilder, ServiceExt, service_fn};
        let stuck = service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, BoxError>>());
        let service = ServiceBuilder::new()
            .layer(MapResultLayer::new(answer_errors))
            .timeout(Duration::from_secs(30))
            .service(stuck);
        let answer = service.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(code(answer.headers()), Some(Code::DeadlineExceeded));
    }

    /// A bug in one handler ends one call, as INTERNAL.
    #[tokio::test]
    async fn a_panic_is_answered() {
        use tower::{ServiceBuilder, ServiceExt, service_fn};
        async fn broken(_: Request<Body>) -> Result<Response<Body>, BoxError> {
            panic!("a bug")
        }
        let service = ServiceBuilder::new()
            .layer(tower_http::catch_panic::CatchPanicLayer::custom(answer_panic))
            .service(service_fn(broken));
        let answer = service.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(code(answer.headers()), Some(Code::Internal));
    }
}
