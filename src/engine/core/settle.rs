//! What an attempt came to, and what follows from it.

use std::time::Duration;

use rand::Rng;

use crate::domain::delivery::PastAttempt;
use crate::domain::{DeliveryEvent, DeliveryState, MessageKind, Outcome, SubscriptionId, Timestamp};
use crate::engine::attempt::AttemptReport;
use crate::engine::retry::{Failure, LAST_SECOND};

use super::endpoints::Endpoints;
use super::page::{EntryRef, Phase};
use super::{Core, GONE_MAX, Now};

/// How long a delivery waits whose stream the peer refused; twice as long each time.
const REFUSED_STREAM_WAIT: Duration = Duration::from_millis(50);

/// How long a delivery waits for which this machine had no connection, and its lane with it.
pub(super) const EXHAUSTED_WAIT: Duration = Duration::from_secs(1);

/// Refusals of streams in a row that do not count as an attempt; who refuses more cannot be reached.
const REFUSALS_MAX: u32 = 4;

/// How a delivery ends, or goes on.
#[derive(Debug)]
pub(super) struct Ending {
    state: DeliveryState,
    report: Option<AttemptReport>,
    outcome: Outcome,
    next_attempt: Option<Timestamp>,
    /// What the event says where there is no report to say it.
    detail: &'static str,
    /// It waits for its sender's stop: it may go on as soon as that ends.
    for_stop: bool,
}

impl Ending {
    pub(super) fn without_attempt(state: DeliveryState, outcome: Outcome) -> Self {
        Self { state, report: None, outcome, next_attempt: None, detail: "", for_stop: false }
    }

    pub(super) fn saying(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }
}

impl Core {
    pub(super) fn attempt_ended(&mut self, now: Now, at: EntryRef, mut report: AttemptReport) {
        let waits = self.end_flight(now, at, &mut report);
        let Some(message) = self.messages.get(&at.page.message).cloned() else { return };
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let Some(entry) = page.entries.get_mut(usize::from(at.index)) else { return };
        let endpoint = entry.target.as_deref().map(Endpoints::key).filter(|_| report.fails_endpoint());
        let failures = endpoint.map_or(0, |endpoint| self.endpoints.failures(endpoint));
        let is_to_blame = endpoint.is_some_and(|endpoint| self.endpoints.is_to_blame(endpoint));
        let refused = report.refused_stream && entry.refusals < REFUSALS_MAX && !is_to_blame;
        if refused || report.is_outdated || report.exhausted {
            // The peer never saw it: no attempt was made, nothing is unsettled.
            self.unsettled -= 1;
            let wait =
                if report.exhausted { EXHAUSTED_WAIT } else { REFUSED_STREAM_WAIT * (1 << entry.refusals) };
            let due = now.wall.plus(wait);
            entry.refusals += u32::from(refused);
            self.set_phase(at, Phase::BackingOff(due));
            self.timers.insert((due, at));
            self.endings.page_comes(at.page);
            return;
        }
        entry.refusals = 0;
        entry.attempts += 1;
        let attempts = entry.attempts;
        let outcome = report.verdict.outcome;
        let expires = message.expires;
        let retry = report.retry && !message.spec.ttl.is_zero();
        let stopped = message.stop.get().filter(|_| report.retry);
        let failure = Failure {
            outcome,
            // An endpoint that keeps failing backs off across messages.
            attempts: attempts.max(failures),
            retry_after: report.verdict.retry_after,
            now: now.wall,
            expires,
            random: self.random.next_u64(),
        };
        let next_attempt = match waits {
            _ if !retry || stopped.is_some() => None,
            // It is worth something until its end: somebody may resume its sender.
            Some(until) => {
                let latest = expires.minus(LAST_SECOND);
                (now.wall < latest).then(|| until.min(latest))
            }
            None => self.backoff.next(failure),
        };
        if let Some(endpoint) = endpoint {
            let until =
                next_attempt.or_else(|| self.backoff.next(Failure { expires: Timestamp::MAX, ..failure }));
            let asked = report.verdict.retry_after.is_some_and(|asked| !asked.is_zero());
            self.endpoints.back_off(now.wall, endpoint, until.unwrap_or(now.wall), asked);
        }
        let (state, outcome) = match (outcome, next_attempt, stopped) {
            (Outcome::Accepted, ..) => (DeliveryState::Accepted, outcome),
            (.., Some(stop)) => (DeliveryState::Cancelled, stop.outcome()),
            (_, Some(_), None) => (DeliveryState::Retrying, outcome),
            (_, None, None) if report.retry => (DeliveryState::Expired, outcome),
            (_, None, None) => (DeliveryState::Failed, outcome),
        };
        let for_stop = waits.is_some();
        self.end(
            now,
            at,
            Ending { state, report: Some(report), outcome, next_attempt, detail: "", for_stop },
        );
        if state == DeliveryState::Retrying
            && let Some(endpoint) = endpoint.filter(|endpoint| self.endpoints.keeps_failing(*endpoint))
        {
            self.waits_for(at, endpoint);
            self.collapse(now, at, &message, endpoint);
        }
    }

    /// Notes the event of a delivery for the next commit. A terminal state, or [`DeliveryState::Retrying`] with the time of
    /// the next attempt.
    pub(super) fn end(&mut self, now: Now, at: EntryRef, ending: Ending) {
        let stop = self.why_it_waited(at, &ending);
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let (application, kind) = (page.head.application, page.head.kind);
        page.uncommitted += 1;
        let Some(entry) = page.entries.get_mut(usize::from(at.index)) else { return };
        let was_retrying = entry.attempts > u32::from(ending.report.is_some());
        let report = ending.report;
        let attempted = report.is_some();
        let mut event = DeliveryEvent {
            message: at.page.message,
            subscription: Some(entry.id),
            generation: 0,
            user_id: String::new(),
            origin: String::new(),
            state: ending.state,
            outcome: ending.outcome,
            attempt: entry.attempts,
            http_status: report.as_ref().and_then(|report| report.http_status),
            time: now.wall,
            next_attempt: ending.next_attempt,
            latency: report.as_ref().and_then(|report| report.latency),
            granted_ttl: report.as_ref().and_then(|report| report.verdict.granted_ttl),
            detail: report.map_or_else(|| ending.detail.to_owned(), |report| report.verdict.detail),
            past: Vec::new(),
        };
        if let Some(target) = &entry.target {
            event.subscription = (!target.inline).then_some(target.id);
            event.generation = target.generation;
            event.user_id.clone_from(&target.user_id);
            target.endpoint.origin().as_str().clone_into(&mut event.origin);
        }
        if (ending.state, attempted) == (DeliveryState::Expired, false) {
            // The ttl ran out while it waited: the outcome is the last attempt's, or that of those it waited for.
            if let Some(last) = entry.past.last() {
                event.outcome = last.outcome;
                event.detail.push_str(&entry.detail);
            } else if let Some((outcome, detail)) = stop {
                (event.outcome, event.detail) = (outcome, detail);
            }
        }
        let is_retrying = ending.state == DeliveryState::Retrying;
        if let (true, Some(due)) = (is_retrying, ending.next_attempt) {
            entry.remember(PastAttempt {
                attempt: event.attempt,
                outcome: event.outcome,
                http_status: event.http_status,
                time: event.time,
            });
            entry.detail = event.detail.as_str().into();
            entry.due = if ending.for_stop { now.wall } else { due };
            self.set_phase(at, Phase::BackingOff(due));
            self.timers.insert((due, at));
        } else {
            self.unended.delivery_ended(at.page.message);
            event.past = std::mem::take(&mut entry.past);
            let heard = self.backlog.hears(page.head.group);
            self.memory.remove(&page.head, usize::from(entry.target.take().is_some()), heard);
            self.set_phase(at, Phase::Settled);
            self.note_gone(&event);
        }
        let urgent = kind == MessageKind::Send;
        let retrying_change = i32::from(is_retrying) - i32::from(was_retrying);
        let pending = self.pending.entry(application).or_default();
        pending.add(now, at.page, event, retrying_change, urgent, attempted);
    }

    /// Of a delivery that expires: what its sender's stop says, if it waited for one.
    fn why_it_waited(&self, at: EntryRef, ending: &Ending) -> Option<(Outcome, String)> {
        if ending.state != DeliveryState::Expired || ending.report.is_some() {
            return None;
        }
        let page = self.pages.get(&at.page)?;
        let target = page.entries.get(usize::from(at.index))?.target.as_deref()?;
        self.stop_of(page.head.application, target)
    }

    /// Remembers evidence against a subscription until it is acted on, so that no attempt starts in between.
    fn note_gone(&mut self, event: &DeliveryEvent) {
        let against = matches!(event.outcome, Outcome::Gone | Outcome::KeyMismatch);
        if let (true, DeliveryState::Failed, Some(subscription)) = (against, event.state, event.subscription)
        {
            self.suspect(subscription, event.generation, event.outcome);
        }
    }

    /// See [`super::Input::Suspected`].
    pub(super) fn suspect(&mut self, subscription: SubscriptionId, generation: u32, outcome: Outcome) {
        let known = self.gone.get(&subscription).map(|(known, _)| *known);
        // Those that do not fit are attempted again, and found again.
        if known.map_or(self.gone.len() < GONE_MAX, |known| known < generation) {
            self.gone.insert(subscription, (generation, outcome));
        }
    }
}
