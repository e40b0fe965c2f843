//! Stops: what is kept back of a sender whose credentials an origin refuses, who is told of it, and how it ends. One
//! attempt now and then finds out whether they are refused still; the first acceptance ends the stop.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{
    ApplicationId, DeliveryEvent, DeliveryState, MessageKind, Outcome, SubscriptionId, Target, Timestamp,
};
use crate::engine::attempt::AttemptReport;
use crate::webpush::outcome::Signal;

use super::gate::{Flight, wall};
use super::page::EntryRef;
use super::sender::{Refusal, Wait};
use super::{Core, Now};

/// Attempts of one delivery that may be refused for its sender's credentials while the sender is not stopped; then it
/// ends FAILED.
const REFUSALS_MAX: usize = 3;
/// What is slowed down is tried this often at first, and this often at last.
const SLOWED_MIN: Duration = Duration::from_secs(1);
const SLOWED_MAX: Duration = Duration::from_secs(60);
/// Of the wait between two attempts of a stopped sender, those with subscriptions that were never accepted, which prove
/// less, wait this part longer.
const STRANGERS_LATER: u32 = 8;
/// How often deliveries of a suspended application are looked at.
const SUSPENDED_WAIT: Duration = Duration::from_secs(300);
/// Deliveries that are told of one stop, and how many of broadcasts are among them; beyond it, of further Sends the
/// earliest are forgotten, and may be told again, and no further ones of broadcasts are told.
const TOLD_MAX: usize = 2_048;
const TOLD_BROADCASTS_MAX: usize = 1_024;
/// Subscriptions that are remembered as accepted until what is read of them says so.
const ACCEPTED_MAX: usize = 16_384;

/// What of a sender is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// What goes to subscriptions that were never accepted: that is slowed down.
    Strangers,
    /// All of it.
    All,
}

/// What is kept back of one sender at one origin, and why.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) extent: Extent,
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    pub(super) since: Timestamp,
    /// When the next attempt is made, and the wait that ends then.
    next: Instant,
    wait: Duration,
    /// The same as wall time, as of when it was settled: it does not tremble with the clocks.
    pub(super) next_attempt: Timestamp,
    told: HashSet<EntryRef>,
    told_sends: VecDeque<EntryRef>,
}

impl Stop {
    pub(super) fn new(extent: Extent, now: Now, first: Duration, report: &AttemptReport) -> Self {
        Self {
            extent,
            outcome: Outcome::CredentialsRefused,
            detail: report.verdict.detail.clone(),
            since: now.wall,
            next: now.monotonic + first,
            wait: first,
            next_attempt: now.wall.plus(first),
            told: HashSet::new(),
            told_sends: VecDeque::new(),
        }
    }

    /// Until when a delivery waits; `None`: it may be attempted. Those whose subscription was accepted before go first.
    pub(super) fn until(&self, known: bool, now: Instant) -> Option<Instant> {
        let until = match (self.extent, known) {
            (Extent::Strangers, true) => return None,
            (Extent::Strangers, false) | (Extent::All, true) => self.next,
            (Extent::All, false) => self.next + self.wait / STRANGERS_LATER,
        };
        (until > now).then_some(until)
    }

    /// An attempt is made to find out: the next one is made after twice the wait.
    fn tries(&mut self, now: Now, max: Duration) {
        self.wait = self.wait.saturating_mul(2).min(max);
        self.next_in(now, self.wait);
    }

    fn next_in(&mut self, now: Now, wait: Duration) {
        self.next = now.monotonic + wait;
        self.next_attempt = now.wall.plus(wait);
    }

    /// Whether a delivery is to be told that it waits for this.
    fn tells(&mut self, at: EntryRef, kind: MessageKind) -> bool {
        if self.told.contains(&at) {
            return false;
        }
        match kind {
            MessageKind::Broadcast if self.told.len() - self.told_sends.len() >= TOLD_BROADCASTS_MAX => {
                return false;
            }
            MessageKind::Broadcast => {}
            MessageKind::Send => self.told_sends.push_back(at),
        }
        if self.told.len() >= TOLD_MAX
            && let Some(earliest) = self.told_sends.pop_front()
        {
            self.told.remove(&earliest);
        }
        self.told.insert(at)
    }
}

/// Subscriptions that were accepted since this process started, by generation: the latest of them.
#[derive(Debug, Default)]
pub(super) struct AcceptedLately {
    set: HashSet<(SubscriptionId, u32)>,
    order: VecDeque<(SubscriptionId, u32)>,
}

impl AcceptedLately {
    fn add(&mut self, subscription: (SubscriptionId, u32)) {
        if !self.set.insert(subscription) {
            return;
        }
        self.order.push_back(subscription);
        if self.order.len() > ACCEPTED_MAX
            && let Some(earliest) = self.order.pop_front()
        {
            self.set.remove(&earliest);
        }
    }
}

/// What an answer says of its sender's credentials.
enum Said {
    Good,
    Refused { clear: bool },
    Nothing,
}

fn said(report: &AttemptReport) -> Said {
    if report.verdict.outcome == Outcome::Accepted {
        Said::Good
    } else if report.verdict.outcome == Outcome::CredentialsRefused {
        Said::Refused { clear: true }
    } else if report.verdict.signal == Some(Signal::KeyOrSubscription) {
        Said::Refused { clear: false }
    } else {
        Said::Nothing
    }
}

impl Core {
    /// Whether the push service has accepted a message for this subscription, as it is now, before.
    pub(super) fn was_accepted(&self, target: &Target) -> bool {
        target.accepted_last != Timestamp::default()
            || self.accepted_lately.set.contains(&(target.id, target.generation))
    }

    /// Until when this delivery may not be attempted although its lane may: its sender is paused or stopped. Whoever waits
    /// for a stop is told so.
    pub(super) fn sender_waits(
        &mut self,
        now: Now,
        at: EntryRef,
        application: ApplicationId,
        target: &Target,
    ) -> Option<Timestamp> {
        if self.administered.get(&application).is_some_and(|of| of.suspended) {
            return Some(wall(now, now.monotonic + SUSPENDED_WAIT));
        }
        let (sender, known) = ((application, target.vapid_key), self.was_accepted(target));
        let senders = &mut self.gates.of(target.origin, now.monotonic).senders;
        match senders.wait(sender, known, now.monotonic)? {
            Wait::Paused(until) => Some(wall(now, until)),
            Wait::Stopped(until) => {
                let until = wall(now, until);
                let kind = self.pages.get(&at.page).map(|page| page.head.kind);
                if let (Some(stop), Some(kind)) = (senders.stop_of_mut(sender), kind)
                    && stop.tells(at, kind)
                {
                    let (outcome, detail) = (stop.outcome, stop.detail.clone());
                    self.tell_of_wait(now, at, outcome, detail, until);
                }
                Some(until)
            }
        }
    }

    /// Notes for the next commit that a delivery waits, which changes nothing of how it stands.
    fn tell_of_wait(&mut self, now: Now, at: EntryRef, outcome: Outcome, detail: String, until: Timestamp) {
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let (application, kind) = (page.head.application, page.head.kind);
        let Some(entry) = page.entries.get(usize::from(at.index)) else { return };
        let Some(target) = &entry.target else { return };
        let state = if entry.attempts > 0 { DeliveryState::Retrying } else { DeliveryState::Pending };
        let event = DeliveryEvent {
            message: at.page.message,
            subscription: (!target.inline).then_some(target.id),
            generation: target.generation,
            user_id: target.user_id.clone(),
            origin: target.endpoint.origin().as_str().to_owned(),
            state,
            outcome,
            attempt: entry.attempts,
            http_status: None,
            time: now.wall,
            next_attempt: Some(until),
            latency: None,
            granted_ttl: None,
            detail,
            past: Vec::new(),
        };
        page.uncommitted += 1;
        let pending = self.pending.entry(application).or_default();
        pending.add(now, at.page, event, 0, kind == MessageKind::Send, false);
    }

    /// An attempt starts: whether its subscription was accepted before, and whether it is what tries a stop.
    pub(super) fn sender_starts(&mut self, now: Now, flight: &mut Flight, target: &Target) {
        flight.known = self.was_accepted(target);
        flight.generation = (!target.inline).then_some(target.generation);
        let (max, known) = (self.settings.stopped_retry_max, flight.known);
        let senders = &mut self.gates.of(flight.origin, now.monotonic).senders;
        let Some(stop) = senders.stop_of_mut(flight.sender) else { return };
        match stop.extent {
            Extent::Strangers if known => return,
            Extent::Strangers => stop.tries(now, SLOWED_MAX),
            Extent::All => stop.tries(now, max),
        }
        flight.tries_stop = true;
    }

    /// Heeds what an answer says of its sender's credentials, before anything else is made of it. Answers until when the
    /// delivery waits if it waits for a stop.
    pub(super) fn heed_credentials(
        &mut self,
        now: Now,
        at: EntryRef,
        flight: &Flight,
        report: &mut AttemptReport,
    ) -> Option<Timestamp> {
        let (origin, sender) = (flight.origin, flight.sender);
        let senders = &mut self.gates.of(origin, now.monotonic).senders;
        if report.refused_stream || report.http_status.is_none() {
            // Nobody has looked at the credentials.
            if let Some(stop) =
                senders.stop_of_mut(sender).filter(|_| flight.tries_stop && report.refused_stream)
            {
                stop.next_in(now, Duration::ZERO);
            }
            return None;
        }
        match said(report) {
            Said::Good => {
                let ended = senders.accepted(sender, flight.subscription, flight.tries_stop, now.monotonic);
                if let Some(generation) = flight.generation.filter(|_| !flight.known) {
                    self.accepted_lately.add((flight.subscription, generation));
                }
                if let Some(extent) = ended {
                    self.stop_ended(now, at, flight, extent);
                }
                None
            }
            Said::Refused { clear } => {
                let refusal = Refusal { subscription: flight.subscription, known: flight.known, clear };
                let extent = senders.refused(sender, refusal, now.monotonic);
                if clear || extent.is_some() {
                    report.verdict.outcome = Outcome::CredentialsRefused;
                }
                if let Some(extent) = extent {
                    self.stop(now, at, flight, extent, report);
                }
                self.refused(now, at, flight, report)
            }
            Said::Nothing => None,
        }
    }

    /// What becomes of a delivery that was refused for its sender's credentials: it waits for a stop, if there is one of all
    /// that the sender sends. Else it fails alone, after a few attempts.
    fn refused(
        &mut self,
        now: Now,
        at: EntryRef,
        flight: &Flight,
        report: &mut AttemptReport,
    ) -> Option<Timestamp> {
        let page = self.pages.get(&at.page);
        let kind = page.map(|page| page.head.kind);
        let entry = page.and_then(|page| page.entries.get(usize::from(at.index)));
        let earlier = entry.map_or(0, |entry| {
            entry.past.iter().filter(|past| past.outcome == Outcome::CredentialsRefused).count()
        });
        let senders = &mut self.gates.of(flight.origin, now.monotonic).senders;
        let stop = senders.stop_of_mut(flight.sender).filter(|stop| stop.extent == Extent::All);
        if let Some(stop) = stop {
            (report.verdict.outcome, report.retry) = (Outcome::CredentialsRefused, true);
            stop.detail.clone_from(&report.verdict.detail);
            if let Some(kind) = kind {
                // The event of this attempt tells it.
                stop.tells(at, kind);
            }
            return Some(stop.next_attempt);
        }
        if report.verdict.outcome == Outcome::CredentialsRefused {
            report.retry = earlier + 1 < REFUSALS_MAX;
        }
        None
    }

    fn stop(&mut self, now: Now, at: EntryRef, flight: &Flight, extent: Extent, report: &AttemptReport) {
        let first = match extent {
            Extent::Strangers => SLOWED_MIN,
            Extent::All => self.settings.stopped_retry_min,
        };
        let senders = &mut self.gates.of(flight.origin, now.monotonic).senders;
        if !senders.stop(flight.sender, extent, now, first, report) {
            return;
        }
        let (origin, detail) = ((self.origins.0)(flight.origin), &report.verdict.detail);
        let application = self.messages.get(&at.page.message).map(|of| of.application.name.clone());
        match extent {
            Extent::Strangers => {
                self.lane_changes.slowed += 1;
                tracing::warn!(
                    origin,
                    application,
                    detail,
                    "the push service refuses the application's credentials, and has accepted nothing of it: it is tried \
                     now and then"
                );
            }
            Extent::All => {
                self.lane_changes.stopped += 1;
                tracing::error!(
                    origin,
                    application,
                    detail,
                    next_attempt = ?first,
                    "the push service refuses the application's credentials: nothing of it is sent there but one attempt \
                     now and then, until one is accepted or it is resumed"
                );
            }
        }
    }

    fn stop_ended(&mut self, now: Now, at: EntryRef, flight: &Flight, extent: Extent) {
        if extent == Extent::All {
            self.lane_changes.resumed += 1;
        }
        let origin = (self.origins.0)(flight.origin);
        let application = self.messages.get(&at.page.message).map(|of| of.application.name.clone());
        tracing::info!(origin, application, "the push service takes the application's credentials again");
        self.hasten(now, flight.sender.0, |target| target.origin == flight.origin);
    }

    /// What a delivery waited for that ends without an attempt: the outcome and detail of its sender's stop, if it has one.
    pub(super) fn stop_of(&self, application: ApplicationId, target: &Target) -> Option<(Outcome, String)> {
        let gate = self.gates.get(target.origin)?;
        let stop = gate.senders.stop_of((application, target.vapid_key))?;
        Some((stop.outcome, stop.detail.clone()))
    }
}
