//! What an attempt came to, and what follows from it.

use std::time::Duration;

use rand::Rng;

use crate::domain::delivery::PastAttempt;
use crate::domain::{DeliveryEvent, DeliveryState, MessageKind, Outcome, Timestamp};
use crate::engine::attempt::AttemptReport;
use crate::engine::retry::{Failure, LAST_SECOND};

use super::page::{EntryRef, Phase};
use super::{Core, GONE_MAX, Now};

/// How long a delivery waits whose stream the peer refused; twice as long each time.
const REFUSED_STREAM_WAIT: Duration = Duration::from_millis(50);

/// Refusals of streams in a row that do not count as an attempt; who refuses more cannot be reached.
const REFUSALS_MAX: u32 = 4;

/// How a delivery ends, or goes on.
#[derive(Debug)]
pub(super) struct Ending {
    state: DeliveryState,
    report: Option<AttemptReport>,
    outcome: Outcome,
    next_attempt: Option<Timestamp>,
    /// It waits for its sender's stop: it may go on as soon as that ends.
    for_stop: bool,
}

impl Ending {
    pub(super) fn without_attempt(state: DeliveryState, outcome: Outcome) -> Self {
        Self { state, report: None, outcome, next_attempt: None, for_stop: false }
    }
}

impl Core {
    pub(super) fn attempt_ended(&mut self, now: Now, at: EntryRef, mut report: AttemptReport) {
        let waits = self.end_flight(now, at, &mut report);
        let Some(message) = self.messages.get(&at.page.message).cloned() else { return };
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let Some(entry) = page.entries.get_mut(usize::from(at.index)) else { return };
        if report.refused_stream && entry.refusals < REFUSALS_MAX {
            // The peer never saw it: no attempt was made, nothing is unsettled.
            self.unsettled -= 1;
            let due = now.wall.plus(REFUSED_STREAM_WAIT * (1 << entry.refusals));
            entry.refusals += 1;
            self.set_phase(at, Phase::BackingOff(due));
            self.timers.insert((due, at));
            self.endings.page_comes(at.page);
            return;
        }
        entry.refusals = 0;
        entry.attempts += 1;
        let attempts = entry.attempts;
        let outcome = report.outcome;
        let expires = message.expires;
        let retry = report.retry && !message.spec.ttl.is_zero();
        let stopped = message.stop.get().filter(|_| report.retry);
        let next_attempt = if retry && stopped.is_none() {
            let random = self.random.next_u64();
            let failure = Failure {
                outcome,
                attempts,
                retry_after: report.retry_after,
                now: now.wall,
                expires,
                random,
            };
            match waits {
                // It is worth something until its end: somebody may resume its sender.
                Some(until) => {
                    let latest = expires.minus(LAST_SECOND);
                    (now.wall < latest).then(|| until.min(latest))
                }
                None => self.backoff.next(failure),
            }
        } else {
            None
        };
        let (state, outcome) = match (outcome, next_attempt, stopped) {
            (Outcome::Accepted, ..) => (DeliveryState::Accepted, outcome),
            (.., Some(stop)) => (DeliveryState::Cancelled, stop.outcome()),
            (_, Some(_), None) => (DeliveryState::Retrying, outcome),
            (_, None, None) if report.retry => (DeliveryState::Expired, outcome),
            (_, None, None) => (DeliveryState::Failed, outcome),
        };
        let for_stop = waits.is_some();
        self.end(now, at, Ending { state, report: Some(report), outcome, next_attempt, for_stop });
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
            granted_ttl: report.as_ref().and_then(|report| report.granted_ttl),
            detail: report.map(|report| report.detail).unwrap_or_default(),
            past: Vec::new(),
        };
        if let Some(target) = &entry.target {
            event.subscription = (!target.inline).then_some(target.id);
            event.generation = target.generation;
            event.user_id.clone_from(&target.user_id);
            event.origin = (self.origins.0)(target.origin);
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
            self.endings.delivery_ended(at.page.message);
            event.past = std::mem::take(&mut entry.past);
            self.memory.remove(&page.head, usize::from(entry.target.take().is_some()));
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

    /// Remembers that a subscription is gone until it is removed, so that no attempt starts in between.
    fn note_gone(&mut self, event: &DeliveryEvent) {
        let ended = (event.state, event.outcome) == (DeliveryState::Failed, Outcome::Gone);
        if let (true, Some(subscription)) = (ended && self.gone.len() < GONE_MAX, event.subscription) {
            self.gone.insert(subscription, event.generation);
        }
    }
}
