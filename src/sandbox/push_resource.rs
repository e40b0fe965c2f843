//! The push resource (RFC 8030 section 5): `POST /push/{token}`, checked in autopush's order, so that the same fault hides
//! the same others. `DELETE /m/{id}` is for those that it made.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::Profile;
use super::answer_body::AnswerBody;
use super::browsers::{Browsers, FCM_HOSTS, FCM_PUSH_PATH};
use super::chance::Chance;
use super::connection::Connection;
use super::cors;
use super::counts::Counters;
use super::effect::{Scene, take_effect};
use super::fault::{Fault, Stage};
use super::fault_terms::Delay;
use super::groups::Groups;
use super::origins::OriginServer;
use super::push_headers::PushHeaders;
use super::refusal::{Reason, Refusal};
use super::settings::SandboxSettings;
use super::subscriber::{PushMessage, Subscriber};
use crate::domain::Clock;

/// Path of a push resource, before its token.
pub(crate) const PUSH_PATH: &str = "/push/";
/// Path of a message resource, before its id.
const MESSAGE_PATH: &str = "/m/";
/// How much more than allowed is read of a body, so that its sender finishes and sees the answer, in octets.
const REFUSED_BODY_OCTETS_READ_MAX: usize = 64 * 1_024;

/// The push service: what all origins share.
pub(crate) struct PushService {
    pub(crate) profile: Profile,
    pub(crate) body_octets_max: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) groups: Groups,
    pub(crate) browsers: Arc<Browsers>,
    request_timeout: Duration,
    silence_max: Duration,
    clock: Arc<dyn Clock>,
    chance: Chance,
    sequence: AtomicU64,
}

/// What becomes of a request: an answer, or the end of its stream.
type Answered = Result<Response<AnswerBody>, h2::Error>;

/// A message that passed all checks, and is not taken yet.
struct Checked {
    subscriber: Box<dyn Subscriber>,
    headers: PushHeaders,
    body: Bytes,
    /// What its subscriber does instead of taking it as usual.
    fault: Option<Arc<Fault>>,
}

impl PushService {
    pub(crate) fn new(settings: &SandboxSettings, clock: Arc<dyn Clock>) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            profile: settings.profile,
            body_octets_max: settings.limits.body_octets_max.unwrap_or(settings.profile.body_octets_max()),
            groups: Groups::new(&settings.limits, Arc::clone(&counters), Arc::clone(&clock)),
            browsers: Arc::new(Browsers::new(&settings.limits, Arc::clone(&clock))),
            counters,
            request_timeout: settings.limits.request_timeout,
            silence_max: settings.limits.silence_max,
            clock,
            chance: Chance::new(settings.seed),
            sequence: AtomicU64::new(0),
        }
    }

    /// Answers whatever comes.
    ///
    /// # Errors
    /// The stream is to be reset, which somebody ordered.
    pub(crate) async fn answer<B>(
        &self,
        origin: &OriginServer,
        connection: &Arc<Connection>,
        request: Request<B>,
    ) -> Answered
    where
        B: Body<Data = Bytes>,
    {
        let _open = self.counters.requests.open();
        connection.request();
        let page = if self.profile == Profile::Mozilla { cors::page_of(request.headers()) } else { None };
        let mut answered = match page.as_ref().and_then(|_| cors::preflight(&request)) {
            Some(allowed) => Ok(allowed),
            None => self.admit(origin, connection, request).await,
        };
        if let Ok(answer) = &mut answered {
            self.counters.count_status(answer.status());
            if let Some(page) = page {
                cors::open(answer.headers_mut(), page);
            }
        }
        answered
    }

    /// The limits of the origin, then its own fault, then everything else.
    async fn admit<B>(
        &self,
        origin: &OriginServer,
        connection: &Arc<Connection>,
        request: Request<B>,
    ) -> Answered
    where
        B: Body<Data = Bytes>,
    {
        let (head, body) = request.into_parts();
        let mut admission = match origin.gate.enter(|| self.chance.draw()) {
            Ok(admission) => admission,
            Err(excess) => {
                let _ = self.read(body).await;
                return self.act(&excess, None, origin, connection).await;
            }
        };
        let body = self.read(body).await;
        self.wait(admission.delay).await;
        let fault = admission.fault.take();
        if let Some(fault) = fault.as_ref().filter(|fault| !fault.takes()) {
            return self.act(fault, None, origin, connection).await;
        }
        let mut checked = match self.check(origin, &head, body) {
            Err(refusal) => return Ok(self.refuse(origin, &refusal)),
            Ok(Passed::Deletion) => return Ok(no_content()),
            Ok(Passed::Message(checked)) => checked,
        };
        let answered = match fault.or_else(|| checked.fault.take()) {
            None => Ok(self.take(origin, checked)),
            Some(fault) => self.act(&fault, Some(checked), origin, connection).await,
        };
        admission.taken = answered.as_ref().is_ok_and(|answer| answer.status().is_success());
        answered
    }

    /// Does what a fault says, with a message that it may take.
    async fn act(
        &self,
        fault: &Fault,
        checked: Option<Checked>,
        origin: &OriginServer,
        connection: &Arc<Connection>,
    ) -> Answered {
        self.counters.count_fault(fault);
        if let Some(refusal) = fault.refusal() {
            return Ok(self.refuse(origin, &refusal));
        }
        self.wait(fault.delay()).await;
        let usual = checked.filter(|_| fault.takes()).map(|checked| self.take(origin, checked));
        let scene = Scene { connection, now: self.clock.now(), silence_max: self.silence_max };
        take_effect(fault, usual, scene).await
    }

    /// Reads before anything is answered: an answer that overtakes its request's body looks like a broken connection.
    async fn read<B: Body<Data = Bytes>>(&self, body: B) -> Result<Bytes, Refusal> {
        match tokio::time::timeout(self.request_timeout, read_body(body, self.body_octets_max)).await {
            Ok(body) => body,
            Err(_) => Err(Refusal::new(Reason::BodyIncomplete, "The request's body did not arrive in time")),
        }
    }

    async fn wait(&self, delay: Delay) {
        if delay != Delay::default() {
            tokio::time::sleep(delay.pick(self.chance.draw())).await;
        }
    }

    fn refuse(&self, origin: &OriginServer, refusal: &Refusal) -> Response<AnswerBody> {
        self.counters.count_refusal(refusal.reason);
        let of_fcm = if FCM_HOSTS.contains(&origin.origin.host()) { refusal.fcm_response() } else { None };
        of_fcm.unwrap_or_else(|| refusal.response(self.profile))
    }

    /// Everything that is looked at before a message is taken.
    fn check(
        &self,
        origin: &OriginServer,
        head: &Parts,
        body: Result<Bytes, Refusal>,
    ) -> Result<Passed, Refusal> {
        let unknown = Refusal::new(Reason::EndpointUnknown, "Invalid endpoint");
        let path = head.uri.path();
        if let Some(id) = path.strip_prefix(MESSAGE_PATH) {
            if head.method != Method::DELETE {
                return Err(unknown);
            }
            if !self.made(id) {
                return Err(match self.profile {
                    Profile::Strict => unknown,
                    Profile::Mozilla => Refusal::new(Reason::MessageIdInvalid, "Invalid message ID"),
                });
            }
            self.browsers.delete(id);
            return Ok(Passed::Deletion);
        }
        let not_allowed = Refusal::new(Reason::MethodNotAllowed, "A push resource takes POST only");
        let is_post = head.method == Method::POST;
        // autopush looks at the method before the token.
        if !is_post && self.profile == Profile::Mozilla && path.starts_with(PUSH_PATH) {
            return Err(not_allowed);
        }
        let token =
            path.strip_prefix(PUSH_PATH).or(path.strip_prefix(FCM_PUSH_PATH)).ok_or(unknown.clone())?;
        let subscriber = self.find(token, origin).ok_or(unknown)?;
        if !is_post {
            return Err(not_allowed);
        }
        self.fault(&*subscriber, Stage::Token)?;
        self.check_sender(origin, &head.headers, &*subscriber)?;
        if subscriber.is_gone() {
            return Err(Refusal::new(Reason::SubscriptionGone, "No such subscription"));
        }
        self.fault(&*subscriber, Stage::Subscription)?;
        let body = body?;
        let headers = PushHeaders::read(&head.headers, !body.is_empty(), self.profile)?;
        let fault = self.fault(&*subscriber, Stage::Delivery)?;
        Ok(Passed::Message(Checked { subscriber, headers, body, fault }))
    }

    /// Whom a push resource belongs to. Those of browsers are at every origin, since Chromium calls them by another host.
    fn find(&self, token: &str, origin: &OriginServer) -> Option<Box<dyn Subscriber>> {
        if let Some(synthetic) = self.groups.find(token, origin.number) {
            return Some(Box::new(synthetic));
        }
        Some(Box::new(self.browsers.find(token)?))
    }

    /// The fault that acts at a stage; refused at once where it is no more than that.
    fn fault(&self, subscriber: &dyn Subscriber, stage: Stage) -> Result<Option<Arc<Fault>>, Refusal> {
        let Some(fault) = subscriber.check(stage, &|| self.chance.draw()) else { return Ok(None) };
        match fault.refusal() {
            None => Ok(Some(fault)),
            Some(refusal) => {
                self.counters.count_fault(&fault);
                Err(refusal)
            }
        }
    }

    /// RFC 8292: who sent it, and whether the subscription was made for them.
    fn check_sender(
        &self,
        origin: &OriginServer,
        headers: &HeaderMap,
        subscriber: &dyn Subscriber,
    ) -> Result<(), Refusal> {
        let sender = origin.authorizations.verify(headers, self.clock.now())?;
        let required = subscriber.server_key();
        match (sender, required) {
            (None, None) if self.profile == Profile::Mozilla => Ok(()),
            (None, None | Some(_)) => {
                Err(Refusal::new(Reason::AuthorizationMissing, "Missing VAPID public key"))
            }
            (Some(sender), Some(required)) if !required.is(&sender) => {
                Err(Refusal::new(Reason::KeyMismatch, "VAPID public key mismatch"))
            }
            (Some(_), None | Some(_)) => Ok(()),
        }
    }

    /// Takes a message. RFC 8030 section 5: 201 with the message resource and the time to live that was granted.
    fn take(&self, origin: &OriginServer, checked: Checked) -> Response<AnswerBody> {
        let Checked { subscriber, headers, body, .. } = checked;
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let ttl_seconds = headers.ttl_seconds;
        subscriber.deliver(PushMessage { sequence, headers, body });

        let mut response = Response::new(AnswerBody::default());
        *response.status_mut() = StatusCode::CREATED;
        let location = format!("{}{MESSAGE_PATH}{}", origin.origin, self.browsers.message_id(sequence));
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response.headers_mut().insert("ttl", HeaderValue::from(ttl_seconds));
        response
    }

    /// Whether a message resource was made in this run.
    fn made(&self, id: &str) -> bool {
        self.browsers.sequence_of(id).is_some_and(|sequence| sequence < self.sequence.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for PushService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushService").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What passed all checks.
enum Passed {
    /// A message resource is deleted; as with Mozilla's, whether or not there is anything left to delete.
    Deletion,
    /// A message can be taken.
    Message(Checked),
}

fn no_content() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
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
