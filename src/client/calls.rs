//! What the stubs call over: a channel that adds the token, keeps deadlines, and repeats unary calls that may be.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status, TimeoutExpired};
use tower::Service;

use super::error::Error;
use super::pause::jittered;
use super::rules::{RetryPolicy, Rule, rule_of};

/// Largest answer taken, in octets: a full page of subscriptions with all their topics and labels.
pub(super) const ANSWER_OCTETS_MAX: usize = 64 << 20;
const GRPC_TIMEOUT: &str = "grpc-timeout";
const GRPC_STATUS: &str = "grpc-status";

/// The connection beneath the stubs, also for those of other services of the server, such as `grpc.health.v1`.
///
/// Calls of the contract have the deadlines and retries of `clients/service-config.json`.
#[derive(Clone)]
pub struct Calls {
    channel: Channel,
    authorization: Option<HeaderValue>,
    limit: Option<Duration>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Calls {
    /// # Errors
    /// The token has characters that no header may have.
    pub(super) fn new(channel: Channel, token: &str) -> Result<Self, Error> {
        let mut authorization = None;
        if !token.is_empty() {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let mut value =
                value.map_err(|_| Error::local("the token must have only visible ASCII characters"))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        Ok(Self { channel, authorization, limit: None })
    }

    /// Calls from now on end after so long at the latest.
    pub(super) fn within(&self, limit: Option<Duration>) -> Self {
        Self { limit, ..self.clone() }
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    async fn attempt(mut self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        poll_fn(|context| self.channel.poll_ready(context)).await.map_err(status_of)?;
        self.channel.call(request).await.map_err(status_of)
    }

    /// A call with one request and one answer, which is there in full at the end.
    async fn unary(
        self,
        head: http::request::Parts,
        body: Body,
        policy: Option<RetryPolicy>,
    ) -> Result<http::Response<Body>, Status> {
        let body = body.collect().await?.to_bytes();
        let mut pause = policy.map(|policy| policy.initial_backoff).unwrap_or_default();
        let mut attempts_left = policy.map_or(1, |policy| policy.max_attempts);
        loop {
            attempts_left = attempts_left.saturating_sub(1);
            let request = http::Request::from_parts(head.clone(), Body::new(Full::new(body.clone())));
            let answered = self.clone().attempt(request).await;
            let Some(policy) = policy.filter(|_| attempts_left > 0 && is_unavailable(&answered)) else {
                return in_full(answered?).await;
            };
            sleep(jittered(pause)).await;
            pause = pause.mul_f64(policy.backoff_multiplier).min(policy.max_backoff);
        }
    }
}

type Answered = Result<http::Response<Body>, Status>;

impl Service<http::Request<Body>> for Calls {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Answered> + Send>>;

    // Each attempt waits for the channel itself.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let calls = self.clone();
        let (mut head, body) = request.into_parts();
        if let Some(value) = &self.authorization {
            head.headers.insert(AUTHORIZATION, value.clone());
        }
        let rule = rule_of(head.uri.path());
        let limit = self.limit.into_iter().chain(rule.map(|rule| rule.timeout)).min();
        if let Some(limit) = limit {
            announce(&mut head.headers, limit);
        }
        let deadline = limit.map(|limit| Instant::now() + limit);
        Box::pin(async move {
            let answered = async move {
                match rule {
                    Some(Rule { retry_policy, .. }) => calls.unary(head, body, retry_policy).await,
                    None => calls.attempt(http::Request::from_parts(head, body)).await,
                }
            };
            match deadline {
                Some(deadline) => timeout_at(deadline, answered)
                    .await
                    .unwrap_or_else(|_| Err(Status::from(Error::deadline_exceeded()))),
                None => answered.await,
            }
        })
    }
}

/// Tells the server of the deadline, unless the caller has told it of another.
fn announce(headers: &mut HeaderMap, limit: Duration) {
    // At most eight digits, which are three years in seconds.
    let text = match u64::try_from(limit.as_millis()) {
        Ok(millis) if millis < 100_000_000 => format!("{millis}m"),
        Ok(_) | Err(_) => format!("{}S", limit.as_secs().min(99_999_999)),
    };
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.entry(GRPC_TIMEOUT).or_insert(value);
    }
}

/// As gRPC has it: what was answered with more than a status is not repeated.
fn is_unavailable(answered: &Answered) -> bool {
    match answered {
        Ok(response) => {
            let status = response.headers().get(GRPC_STATUS);
            status.is_some_and(|status| Code::from_bytes(status.as_bytes()) == Code::Unavailable)
        }
        // Nothing was answered: there is no connection, or it broke.
        Err(status) => status.code() != Code::DeadlineExceeded,
    }
}

/// So that the deadline holds for all of the answer.
async fn in_full(response: http::Response<Body>) -> Answered {
    let (head, body) = response.into_parts();
    // Five octets stand before a message.
    let collected = Limited::new(body, ANSWER_OCTETS_MAX + 5).collect().await.map_err(Status::from_error)?;
    Ok(http::Response::from_parts(head, Body::new(collected.map_err(|never| match never {}))))
}

fn status_of(error: tonic::transport::Error) -> Status {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<TimeoutExpired>() {
            return Error::deadline_exceeded().into();
        }
        cause = error.source();
    }
    Status::from_error(Box::new(error))
}

#[cfg(test)]
mod tests;
