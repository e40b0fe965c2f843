//! One attempt: encrypt, sign, post, and say what the answer means.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::limits::RECEIPT_TOKEN_CHARS;
use crate::domain::{Clock, EndpointPolicy, MessageKind, Outcome, Target, Timestamp};
use crate::observe::Metrics;
use crate::transport::{Transport, TransportError};
use crate::webpush::encryption::body_octets_max;
use crate::webpush::outcome::{self, Circumstances, Signal, Verdict};
use crate::webpush::request::{self, Authorization, GcmKey, MessageHeaders, PushRequest, PushResponse};
use crate::webpush::vapid::VapidToken;
use crate::webpush::{EncryptError, Encrypted, Ephemeral, PushService, encrypt};

use super::applications::Applications;
use super::changed::Changed;
use super::core::{ActiveMessage, Attempt};
use super::exhaustion::Exhaustion;
use super::receipt_token::{ReceiptTokens, Ticket, UserMark};
use super::tokens::{TokenError, Tokens};

/// What attempts need beside what the store knows.
#[derive(Clone, Debug, Default)]
pub struct AttemptSettings {
    /// The API key for endpoints of the time of GCM; without one they are refused.
    pub gcm_key: Option<GcmKey>,
}

/// What an attempt came to.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(crate) struct AttemptReport {
    /// What it means, by the answer if there was one.
    pub(crate) verdict: Verdict,
    /// Whether another attempt may do better.
    pub(crate) retry: bool,
    pub(crate) http_status: Option<u16>,
    /// From the start of the POST to its answer.
    pub(crate) latency: Option<Duration>,
    /// The push service did not process the request: it does not count.
    pub(crate) refused_stream: bool,
    /// There was no connection for it: its endpoint played no part in what it came to.
    pub(crate) unsent: bool,
    /// This machine lacked what a connection takes: nothing was tried, and nothing is said of endpoint or origin.
    pub(crate) exhausted: bool,
    /// Its subscription changed before the POST, which was not made: it is to be looked up again.
    pub(crate) is_outdated: bool,
}

impl AttemptReport {
    /// The report of an attempt without an answer.
    pub(crate) fn failed(outcome: Outcome, detail: &str, latency: Option<Duration>) -> Self {
        Self {
            verdict: Verdict::without_answer(outcome, detail),
            retry: outcome.is_retryable(),
            http_status: None,
            latency,
            refused_stream: false,
            unsent: false,
            exhausted: false,
            is_outdated: false,
        }
    }

    /// The report of an attempt with an answer.
    fn answered(verdict: Verdict, status: u16, latency: Duration) -> Self {
        let outcome = verdict.outcome;
        Self { verdict, http_status: Some(status), ..Self::failed(outcome, "", Some(latency)) }
    }

    /// Whether it failed in a way that may be its endpoint's or its origin's, and may be over by the next attempt.
    pub(crate) fn fails_endpoint(&self) -> bool {
        !self.unsent
            && (self.refused_stream || (self.verdict.outcome.is_retryable() && self.latency.is_some()))
    }

    fn of_error(error: &TransportError, latency: Duration) -> Self {
        let outcome = match error {
            TransportError::Blocked(_) => Outcome::Blocked,
            TransportError::Unreachable { .. }
            | TransportError::StreamRefused
            | TransportError::Exhausted(_) => Outcome::Unreachable,
            TransportError::TimedOut { .. } => Outcome::TimedOut,
        };
        let refused_stream = matches!(error, TransportError::StreamRefused);
        let unsent = match error {
            TransportError::Unreachable { sent, .. } | TransportError::TimedOut { sent } => !sent,
            TransportError::Exhausted(_) => true,
            TransportError::Blocked(_) | TransportError::StreamRefused => false,
        };
        let exhausted = matches!(error, TransportError::Exhausted(_));
        let report = Self::failed(outcome, &error.to_string(), Some(latency));
        Self { refused_stream, unsent, exhausted, ..report }
    }
}

/// Why no POST was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unprepared {
    #[error("the payload does not fit")]
    TooLarge,
    #[error("encryption: {0}")]
    Encrypt(EncryptError),
    #[error("VAPID: {0}")]
    Token(#[from] TokenError),
    #[error("the receipt token has no place")]
    ReceiptToken,
    #[error("no GCM key is configured")]
    GcmKey,
    #[error("the topic header is malformed")]
    Topic,
    #[error("the message was stopped, or its ttl ran out, before the POST")]
    TooLate,
    #[error("the subscription changed before the POST")]
    Outdated,
}

impl Unprepared {
    pub(super) fn report(&self) -> AttemptReport {
        let outcome = match self {
            // The core ends it: there is no time for a retry, or it is stopped.
            Self::TooLate => {
                return AttemptReport {
                    retry: true,
                    ..AttemptReport::failed(Outcome::Unspecified, "", None)
                };
            }
            Self::Outdated => {
                return AttemptReport {
                    is_outdated: true,
                    ..AttemptReport::failed(Outcome::Unspecified, "", None)
                };
            }
            Self::TooLarge => Outcome::TooLarge,
            Self::GcmKey => Outcome::Blocked,
            // Nothing can be signed while the store cannot keep the token.
            Self::Token(TokenError::Store(_)) => Outcome::Unavailable,
            // Its key was removed: nobody can sign for this subscription any more.
            Self::Token(TokenError::NoKey) => Outcome::KeyMismatch,
            Self::Token(TokenError::Sign(_)) | Self::Encrypt(_) | Self::ReceiptToken | Self::Topic => {
                Outcome::Internal
            }
        };
        if outcome == Outcome::Internal {
            tracing::error!(error = %self, "an attempt could not be prepared");
        }
        AttemptReport::failed(outcome, "", None)
    }
}

/// Makes attempts.
#[derive(Debug)]
pub(crate) struct Attempter {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) applications: Applications,
    pub(super) tokens: Arc<Tokens>,
    pub(super) receipt_tokens: ReceiptTokens,
    /// Subscriptions that callers changed lately.
    pub(super) changed: Arc<Changed>,
    /// How long after a message's ttl receipts are taken.
    pub(super) receipt_window: Duration,
    pub(super) settings: AttemptSettings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) exhaustion: Exhaustion,
}

/// The token must be signed first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsigned;

/// What is left of an attempt once its payload is encrypted: the rest is made by whoever posts it, so that what all
/// requests share (the token's value above all) is counted up and down by one processor.
#[derive(Debug)]
pub(super) struct Prepared {
    /// None for a message without a payload.
    encrypted: Option<Encrypted>,
    /// None for a service that takes none.
    token: Option<Arc<VapidToken>>,
}

impl Attempter {
    /// Makes one attempt.
    pub(super) async fn attempt(&self, attempt: &Attempt) -> AttemptReport {
        let prepared = match self.token(attempt).await {
            Ok(token) => self.prepare(attempt, token),
            Err(unprepared) => Err(unprepared),
        };
        match prepared {
            Ok(prepared) => self.deliver(attempt, prepared).await,
            Err(unprepared) => unprepared.report(),
        }
    }

    /// The token that an attempt takes, `None` if it takes none.
    pub(super) async fn token(&self, attempt: &Attempt) -> Result<Option<Arc<VapidToken>>, Unprepared> {
        let target = &*attempt.target;
        if PushService::of(&target.endpoint) == PushService::Gcm {
            return Ok(None);
        }
        let at = (target.origin, target.endpoint.origin());
        Ok(Some(self.tokens.get(attempt.message.application.id, target.vapid_key, at).await?))
    }

    /// The same without waiting.
    pub(super) fn token_at_hand(&self, attempt: &Attempt) -> Result<Option<Arc<VapidToken>>, Unsigned> {
        let target = &*attempt.target;
        if PushService::of(&target.endpoint) == PushService::Gcm {
            return Ok(None);
        }
        let key = (attempt.message.application.id, target.vapid_key, target.origin);
        self.tokens.at_hand(key).map(Some).ok_or(Unsigned)
    }

    /// Encrypts a message that is still to be posted.
    pub(super) fn prepare(
        &self,
        attempt: &Attempt,
        token: Option<Arc<VapidToken>>,
    ) -> Result<Prepared, Unprepared> {
        if !self.may_post(&attempt.message) {
            return Err(Unprepared::TooLate);
        }
        Ok(Prepared { encrypted: self.encrypt(&attempt.message, &attempt.target)?, token })
    }

    /// Posts what was prepared, unless it has become too late for it.
    pub(super) async fn deliver(&self, attempt: &Attempt, prepared: Prepared) -> AttemptReport {
        if !self.may_post(&attempt.message) {
            return Unprepared::TooLate.report();
        }
        if self.is_outdated(attempt) {
            return Unprepared::Outdated.report();
        }
        let Prepared { encrypted, token } = prepared;
        let policy = self.policy(&attempt.message);
        let service = self.transport.service(&attempt.target.endpoint, policy.as_deref());
        let request = match self.request(attempt, policy, service, encrypted, token.as_deref()) {
            Ok(request) => request,
            Err(unprepared) => return unprepared.report(),
        };
        let (report, refused) = self.post(request, service, attempt).await;
        let Some(token) = token.filter(|_| refused) else { return report };
        // Rare, and large: its place is not in every attempt's future.
        match Box::pin(self.deliver_again(attempt, service, &token)).await {
            Ok(Some(again)) => again,
            Ok(None) => report,
            Err(unprepared) => unprepared.report(),
        }
    }

    /// Once more with another token, if there is one and still time.
    async fn deliver_again(
        &self,
        attempt: &Attempt,
        service: PushService,
        refused: &VapidToken,
    ) -> Result<Option<AttemptReport>, Unprepared> {
        let (message, target) = (&*attempt.message, &*attempt.target);
        match self.sign_again(message, target, refused).await? {
            Some(token) if self.may_post(message) && !self.is_outdated(attempt) => {
                let encrypted = self.encrypt(message, target)?;
                let policy = self.policy(message);
                let request = self.request(attempt, policy, service, encrypted, Some(&token))?;
                Ok(Some(self.post(request, service, attempt).await.0))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Whether a message is still to be posted: waiting, above all for a store that is slow to keep a token, may have taken
    /// what was left of the ttl, and a caller may have stopped the message meanwhile.
    fn may_post(&self, message: &ActiveMessage) -> bool {
        message.stop.get().is_none() && self.clock.now() < message.ends_at()
    }

    /// Where the sender may post to, as it is now: the message may be older than the choice. `None`: as the server may.
    fn policy(&self, message: &ActiveMessage) -> Option<Arc<dyn EndpointPolicy>> {
        self.applications.by_id(message.application.id).and_then(|of| of.policy.clone())
    }

    /// Whether a caller changed the subscription since it was read: it may be somebody else's by now. From the moment that
    /// the caller is told, nothing is posted to what it was before.
    fn is_outdated(&self, attempt: &Attempt) -> bool {
        !attempt.target.inline && self.changed.is_since(attempt.target.id, attempt.as_of)
    }

    /// A token that was refused is signed once more: it may be our clock, or theirs.
    async fn sign_again(
        &self,
        message: &ActiveMessage,
        target: &Target,
        refused: &VapidToken,
    ) -> Result<Option<Arc<VapidToken>>, TokenError> {
        let at = (target.origin, target.endpoint.origin());
        self.tokens.after_refusal(message.application.id, target.vapid_key, at, refused).await
    }

    fn request(
        &self,
        attempt: &Attempt,
        policy: Option<Arc<dyn EndpointPolicy>>,
        service: PushService,
        encrypted: Option<Encrypted>,
        token: Option<&VapidToken>,
    ) -> Result<PushRequest, Unprepared> {
        let (message, endpoint) = (&*attempt.message, attempt.target.endpoint.clone());
        let authorization = match token {
            Some(token) => Authorization::Vapid(token),
            None => Authorization::Gcm(self.settings.gcm_key.as_ref().ok_or(Unprepared::GcmKey)?),
        };
        let spec = &message.spec;
        let headers =
            MessageHeaders::new(spec.urgency, spec.topic_header.as_deref()).map_err(|_| Unprepared::Topic)?;
        let ttl = remaining_ttl(message, self.clock.now());
        let mut request = request::build(endpoint, service, encrypted, ttl, &headers, authorization);
        request.policy = policy;
        Ok(request)
    }

    /// `None`: there is nothing to encrypt.
    fn encrypt(&self, message: &ActiveMessage, target: &Target) -> Result<Option<Encrypted>, Unprepared> {
        let spec = &message.spec;
        if spec.payload.0.is_empty() {
            return Ok(None);
        }
        let payload = match spec.receipt_token_at {
            Some(at) => Cow::Owned(self.with_token(message, target, at).ok_or(Unprepared::ReceiptToken)?),
            None => Cow::Borrowed(&*spec.payload.0),
        };
        let body_max = body_octets_max(target.body_octets_max);
        let ephemeral = Ephemeral::fresh()?;
        Ok(Some(encrypt(&target.keys, target.encoding, &payload, spec.padding, body_max, ephemeral)?))
    }

    /// The payload with the delivery's own receipt token.
    fn with_token(&self, message: &ActiveMessage, target: &Target, at: u32) -> Option<Vec<u8>> {
        let token = self.receipt_tokens.make(&Ticket {
            application: message.application.id,
            message: message.id,
            delivery: target.id,
            inline: target.inline,
            user: UserMark::of(&target.user_id),
            expires: message.expires.plus(self.receipt_window),
        })?;
        let mut payload = message.spec.payload.0.to_vec();
        let at = at as usize;
        payload.get_mut(at..at + RECEIPT_TOKEN_CHARS)?.copy_from_slice(token.as_bytes());
        Some(payload)
    }

    /// Posts and judges; tells also whether the VAPID token was refused.
    fn post(
        &self,
        request: PushRequest,
        service: PushService,
        attempt: &Attempt,
    ) -> impl Future<Output = (AttemptReport, bool)> + Send {
        let body_octets = request.body.len();
        let started = Instant::now();
        let message = &attempt.message;
        if let (1, MessageKind::Send, Some(durable_at)) = (attempt.number, message.kind, message.durable_at) {
            self.metrics.send_started(started - durable_at);
        }
        // Before anything waits, so that the request is in this future alone.
        let answer = self.transport.post(request);
        async move { self.judge(answer.await, started.elapsed(), service, body_octets, attempt) }
    }

    /// What an answer means, and whether the VAPID token was refused.
    fn judge(
        &self,
        answer: Result<PushResponse, TransportError>,
        latency: Duration,
        service: PushService,
        body_octets: usize,
        attempt: &Attempt,
    ) -> (AttemptReport, bool) {
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let report = AttemptReport::of_error(&error, latency);
                if report.exhausted {
                    self.exhaustion.met(&error, &self.metrics);
                } else {
                    self.metrics.attempt_ended(service, report.verdict.outcome, latency);
                }
                return (report, false);
            }
        };
        let now = self.clock.now();
        let circumstances = Circumstances {
            service,
            subscription_age: now.since(attempt.target.subscribed),
            attempt: attempt.number,
            body_octets,
            now,
        };
        let verdict = outcome::classify(&response, &circumstances);
        self.metrics.attempt_ended(service, verdict.outcome, latency);
        let origin = attempt.target.endpoint.origin();
        let application = &attempt.message.application.name;
        match verdict.signal {
            Some(Signal::DomainBlocked) => {
                tracing::error!(%origin, application, "the push service has blocked the sender");
            }
            Some(Signal::Redirected) => {
                tracing::error!(%origin, "a push service redirects, which is not followed");
            }
            Some(
                Signal::Suspect
                | Signal::KeyOrSubscription
                | Signal::SignAgain
                | Signal::YoungSubscription
                | Signal::Proxy,
            )
            | None => {}
        }
        let refused = verdict.outcome == Outcome::CredentialsRefused;
        if refused {
            // What it proves of the sender is for the core to say, aloud.
            tracing::debug!(%origin, application, detail = verdict.detail, "the push service refuses the VAPID token");
        }
        (AttemptReport::answered(verdict, response.status, latency), refused)
    }
}

impl From<EncryptError> for Unprepared {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::TooLarge(_) => Self::TooLarge,
            EncryptError::SubscriptionKey | EncryptError::Library => Self::Encrypt(error),
        }
    }
}

/// What is left of the ttl, rounded up to whole seconds: waiting and retrying here count, but what starts at once is sent
/// with the ttl that was asked for. Never more than that, and never 0 for a message with a ttl, for which 0 would mean
/// something else.
fn remaining_ttl(message: &ActiveMessage, now: Timestamp) -> u32 {
    let left = message.expires.since(now).min(message.spec.ttl);
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let least = u32::from(!message.spec.ttl.is_zero());
    u32::try_from(seconds).unwrap_or(u32::MAX).max(least)
}
