//! How many calls one caller may begin in a second. Whoever makes more is refused before anything is done for it, with the
//! time to wait: what all callers share ([`super::server::ServerSettings::calls_max`]) is left to the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, Service};

use super::authenticate::HEALTH;
use super::status::ApiError;

/// Callers that are remembered; beyond it those with nothing to pay back are forgotten first, then all.
const CALLERS_MAX: usize = 16_384;
/// What may have been saved up: a second's worth, and at least one.
const BURST: Duration = Duration::from_secs(1);

/// Who calls, as limits know it. Whatever finds out who a caller is puts this among the request's extensions; else it is the
/// address that the call comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Somebody with a name of its own.
    Named(Arc<str>),
    /// Whoever is at this address.
    At(IpAddr),
    /// Where a call comes from is not known.
    Unknown,
}

impl Caller {
    /// Of a request.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        let extensions = request.extensions();
        let address = || extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        extensions
            .get::<Self>()
            .cloned()
            .or_else(|| address().map(|address| Self::At(address.ip())))
            .unwrap_or(Self::Unknown)
    }
}

/// The time at which everything that somebody did will have been paid for (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug)]
pub(super) struct Paid(Instant);

impl Paid {
    /// Of somebody who has done nothing.
    pub(super) fn new(now: Instant) -> Self {
        Self(now)
    }

    /// Takes one more, which costs `interval`, or says how long to wait.
    pub(super) fn take(&mut self, interval: Duration, now: Instant) -> Result<(), Duration> {
        let next = self.0.max(now) + interval;
        match next.saturating_duration_since(now + BURST.max(interval)) {
            Duration::ZERO => {
                self.0 = next;
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Gives back what was taken for nothing.
    pub(super) fn give_back(&mut self, interval: Duration) {
        self.0 = self.0.checked_sub(interval).unwrap_or(self.0);
    }
}

/// Keeps the rate of each caller.
#[derive(Debug)]
struct Rates {
    /// What a call costs.
    interval: Duration,
    paid: Mutex<HashMap<Caller, Paid>>,
}

impl Rates {
    fn new(per_second_max: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second_max.max(1), paid: Mutex::default() }
    }

    /// Begins a call, or says how long to wait.
    fn begin(&self, caller: Caller, now: Instant) -> Result<(), Duration> {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= CALLERS_MAX && !paid.contains_key(&caller) {
            paid.retain(|_, paid| paid.0 > now);
            if paid.len() >= CALLERS_MAX {
                paid.clear();
            }
        }
        paid.entry(caller).or_insert(Paid::new(now)).take(self.interval, now)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct RateLayer(Arc<Rates>);

impl RateLayer {
    pub(super) fn new(per_second_max: u32) -> Self {
        Self(Arc::new(Rates::new(per_second_max)))
    }
}

impl<S> Layer<S> for RateLayer {
    type Service = Rate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Rate { inner, rates: Arc::clone(&self.0) }
    }
}

/// See [`RateLayer`].
#[derive(Clone, Debug)]
pub(super) struct Rate<S> {
    inner: S,
    rates: Arc<Rates>,
}

impl<S> Service<Request<Body>> for Rate<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // Whoever watches over the server must not be kept from it by its neighbours.
        let exempt = request.uri().path().starts_with(HEALTH);
        match self.rates.begin(Caller::of(&request), Instant::now()) {
            Err(wait) if !exempt => {
                let status = Status::from(ApiError::TooManyCallsOfCaller(wait));
                Either::Right(ready(Ok(status.into_http())))
            }
            Ok(()) | Err(_) => Either::Left(self.inner.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Caller {
        Caller::Named(name.into())
    }

    #[test]
    fn a_caller_has_its_rate_and_no_other_callers() {
        let rates = Rates::new(10);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        for _ in 0..10 {
            assert_eq!(rates.begin(named("a"), start), Ok(()));
        }
        assert_eq!(rates.begin(named("a"), start), Err(Duration::from_millis(100)));
        assert_eq!(rates.begin(named("b"), start), Ok(()), "another caller");
        // What is refused costs nothing.
        assert_eq!(rates.begin(named("a"), at(60)), Err(Duration::from_millis(40)));
        assert_eq!(rates.begin(named("a"), at(100)), Ok(()));
        assert_eq!(rates.begin(named("a"), at(100)), Err(Duration::from_millis(100)));
        // An hour's rest is worth a second.
        let begun = (0..20).filter(|_| rates.begin(named("a"), at(3_600_000)).is_ok()).count();
        assert_eq!(begun, 10);
    }

    #[test]
    fn callers_are_remembered_in_bounded_number() {
        let rates = Rates::new(1);
        let now = Instant::now();
        for number in 0..3 * CALLERS_MAX {
            let _ = rates.begin(named(&number.to_string()), now);
        }
        assert!(rates.paid.lock().unwrap().len() <= CALLERS_MAX);
    }

    #[test]
    fn who_a_caller_is_says_the_extension_before_the_address() {
        let mut request = Request::new(());
        assert_eq!(Caller::of(&request), Caller::Unknown);
        let address = "192.0.2.7:4000".parse().unwrap();
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr: Some(address) });
        assert_eq!(Caller::of(&request), Caller::At(address.ip()));
        request.extensions_mut().insert(named("a"));
        assert_eq!(Caller::of(&request), named("a"));
    }

    /// By the answer: RESOURCE_EXHAUSTED with its reason and the time to wait.
    #[tokio::test]
    async fn whoever_is_too_fast_is_told_when_to_come_again() {
        use tonic_types::StatusExt as _;
        use tower::{ServiceBuilder, ServiceExt as _, service_fn};
        let answering = service_fn(async |_: Request<Body>| {
            Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
        });
        let service = ServiceBuilder::new().layer(RateLayer::new(1)).service(answering);
        let call = |path: &str| {
            let request = Request::builder().uri(path.to_owned()).body(Body::empty()).unwrap();
            service.clone().oneshot(request)
        };
        assert!(call("/fanfare.v1.PushService/Send").await.unwrap().headers().is_empty());
        let refused = call("/fanfare.v1.PushService/Send").await.unwrap();
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "RATE_LIMITED");
        assert!(details.retry_info().unwrap().retry_delay.unwrap() <= Duration::from_secs(1));
        assert!(call("/grpc.health.v1.Health/Check").await.unwrap().headers().is_empty());
    }
}
