//! The push resource (RFC 8030 section 5): `POST /push/{token}`, checked in autopush's order, so that the same fault hides
//! the same others.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;

use super::Profile;
use super::authorization::Authorizations;
use super::counts::Counters;
use super::fault::Stage;
use super::groups::Groups;
use super::push_headers::PushHeaders;
use super::refusal::{Reason, Refusal};
use super::settings::SandboxSettings;
use super::subscriber::{PushMessage, Subscriber};
use crate::domain::{Clock, Origin};

/// Path of a push resource, before its token.
pub(crate) const PUSH_PATH: &str = "/push/";
/// How much more than allowed is read of a body, so that its sender finishes and sees the answer, in octets.
const REFUSED_BODY_OCTETS_READ_MAX: usize = 64 * 1_024;

/// The push service: what both listeners share.
pub(crate) struct PushService {
    pub(crate) origin: Origin,
    pub(crate) profile: Profile,
    pub(crate) body_octets_max: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) groups: Groups,
    request_timeout: Duration,
    authorizations: Authorizations,
    clock: Arc<dyn Clock>,
    /// Makes message resources of this run differ from those of another.
    instance: u64,
    sequence: AtomicU64,
}

impl PushService {
    pub(crate) fn new(settings: &SandboxSettings, origin: Origin, clock: Arc<dyn Clock>) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            profile: settings.profile,
            body_octets_max: settings.limits.body_octets_max.unwrap_or(settings.profile.body_octets_max()),
            groups: Groups::new(&settings.limits, Arc::clone(&counters), Arc::clone(&clock)),
            counters,
            request_timeout: settings.limits.request_timeout,
            authorizations: Authorizations::new(origin.clone(), settings.limits.authorizations_max),
            clock,
            instance: rand::random(),
            sequence: AtomicU64::new(0),
            origin,
        }
    }

    /// Answers whatever comes.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
    {
        let _open = self.counters.requests.open();
        let (head, body) = request.into_parts();
        // Read before anything is answered: an answer that overtakes its request's body looks like a broken connection.
        let read = read_body(body, self.body_octets_max);
        let body = match tokio::time::timeout(self.request_timeout, read).await {
            Ok(body) => body,
            Err(_) => Err(Refusal::new(Reason::BodyIncomplete, "The request's body did not arrive in time")),
        };
        match self.take(&head, body) {
            Ok(taken) => taken.response(self),
            Err(refusal) => {
                self.counters.count_refusal(refusal.reason);
                refusal.response(self.profile)
            }
        }
    }

    fn take(&self, head: &Parts, body: Result<Bytes, Refusal>) -> Result<Taken, Refusal> {
        let unknown = Refusal::new(Reason::EndpointUnknown, "Invalid endpoint");
        let token = head.uri.path().strip_prefix(PUSH_PATH).ok_or(unknown.clone())?;
        let subscriber = self.groups.find(token).ok_or(unknown)?;
        if head.method != Method::POST {
            return Err(Refusal::new(Reason::MethodNotAllowed, "A push resource takes POST only"));
        }
        subscriber.check(Stage::Token)?;
        self.check_sender(&head.headers, &subscriber)?;
        subscriber.check(Stage::Subscription)?;
        let body = body?;
        let headers = PushHeaders::read(&head.headers, !body.is_empty(), self.profile)?;
        subscriber.check(Stage::Delivery)?;

        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let ttl_seconds = headers.ttl_seconds;
        subscriber.deliver(PushMessage { sequence, headers, body });
        self.counters.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(Taken { sequence, ttl_seconds })
    }

    /// RFC 8292: who sent it, and whether the subscription was made for them.
    fn check_sender(&self, headers: &HeaderMap, subscriber: &impl Subscriber) -> Result<(), Refusal> {
        let sender = self.authorizations.verify(headers, self.clock.now())?;
        let required = subscriber.application_server_key();
        match (sender, required) {
            (None, None) if self.profile == Profile::Mozilla => Ok(()),
            (None, None | Some(_)) => {
                Err(Refusal::new(Reason::AuthorizationMissing, "Missing VAPID public key"))
            }
            (Some(sender), Some(required)) if sender != *required => {
                Err(Refusal::new(Reason::KeyMismatch, "VAPID public key mismatch"))
            }
            (Some(_), None | Some(_)) => Ok(()),
        }
    }
}

impl fmt::Debug for PushService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushService").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// A message that was taken.
struct Taken {
    sequence: u64,
    ttl_seconds: u32,
}

impl Taken {
    /// RFC 8030 section 5: 201 with the message resource and the time to live that was granted.
    fn response(&self, service: &PushService) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::CREATED;
        let location = format!("{}/m/{:016x}{:016x}", service.origin, service.instance, self.sequence);
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response.headers_mut().insert("ttl", HeaderValue::from(self.ttl_seconds));
        response
    }
}

/// All of a body that has at most `octets_max`.
async fn read_body<B: Body<Data = Bytes>>(body: B, octets_max: usize) -> Result<Bytes, Refusal> {
    let mut body = pin!(body);
    let mut octets = 0;
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::new(Reason::BodyIncomplete, "The request's body broke off"));
        };
        let Ok(data) = frame.into_data() else { continue };
        octets += data.len();
        if octets > octets_max + REFUSED_BODY_OCTETS_READ_MAX {
            break;
        }
        if octets > octets_max {
            continue;
        }
        // The usual body comes in one piece, which need not be copied.
        if kept.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        kept.extend_from_slice(&data);
    }
    if octets > octets_max {
        return Err(Refusal::new(Reason::BodyTooLarge, "This message is too large"));
    }
    Ok(kept.freeze())
}
