//! The gate of a lane: what was learned of an origin, and whether an attempt may start there now.

mod shown;

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{MessageKind, OriginId, Outcome, SubscriptionId, Timestamp};
use crate::engine::attempt::AttemptReport;
use crate::engine::journal::LaneNews;
use crate::observe::LaneChanges;
use crate::webpush::outcome::Scope;

use super::Now;
use super::breaker::{Breaker, Change, Look, Sign};
use super::endpoints::EndpointKey;
use super::limiter::{End, Limiter, Ticket};
use super::record::{Record, is_error};
use super::sender::{SenderKey, Senders};
use super::settle::EXHAUSTED_WAIT;
use super::throttling::Throttling;

/// What waits longer than this leaves the lane, so that its page need not stay in memory.
const WAITS_IN_LANE: Duration = Duration::from_secs(1);
/// How long a throttled sender waits at least, and where the push service names no time.
const SENDER_PAUSE: Duration = Duration::from_secs(1);
/// Attempts at once to an origin that has never answered: many such must not hold all there is.
const NEVER_ANSWERED: usize = 4;
/// The same once a quarter of what silent lanes may hold is taken.
const NEVER_ANSWERED_IN_NEED: usize = 1;

/// Whether an attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Now.
    Go,
    /// When an attempt of this lane has ended.
    Full,
    /// When attempts of lanes that do not answer have ended.
    TooSilent,
    /// Then: soon enough to wait in the lane.
    At(Instant),
    /// Then; until then nothing need be kept in memory for it.
    NotBefore(Instant),
}

/// How much lanes that do not answer hold together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    pub(super) in_flight: usize,
    pub(super) max: usize,
}

/// An attempt under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) origin: OriginId,
    pub(super) sender: SenderKey,
    pub(super) subscription: SubscriptionId,
    pub(super) endpoint: EndpointKey,
    pub(super) place: Place,
    pub(super) started: Instant,
    /// Of the subscription; `None` for one that was given inline.
    pub(super) generation: Option<u32>,
    /// The subscription was accepted there before.
    pub(super) known: bool,
    /// It finds out whether its sender's credentials are refused still.
    pub(super) tries_stop: bool,
    ticket: Ticket,
    is_probe: bool,
}

/// Whose place an attempt under way takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One of the lane's.
    Lane,
    /// None of the lane's any more: others were answered since it started, and it has been under way for long.
    Lingering,
    /// One for those that are to blame for their failures.
    Apart,
}

/// What the end of an attempt means for others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) changes: LaneChanges,
    /// What operators read of it.
    pub(super) news: Option<LaneNews>,
    /// The push service said something.
    pub(super) answered: bool,
}

/// Whether an origin answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// It has never answered.
    Never,
    /// It has, or nothing was asked.
    Heard,
    /// Not for [`super::flight::SILENT_AFTER`], although attempts are under way.
    Silent,
}

#[derive(Debug)]
pub(super) struct Gate {
    pub(super) in_flight: usize,
    /// Those of its attempts under way that take none of its places any more.
    pub(super) lingering: usize,
    /// Of both together, at most.
    under_way_max: usize,
    limiter: Limiter,
    breaker: Breaker,
    /// The push service asked to wait.
    paused_until: Option<Instant>,
    /// This machine lacks what another connection takes.
    exhausted_until: Option<Instant>,
    throttling: Throttling,
    pub(super) senders: Senders,
    record: Record,
    pub(super) last_problem: Option<Outcome>,
    pub(super) hearing: Hearing,
    /// The last answer, or when the first attempt under way started.
    pub(super) heard: Instant,
    /// It is looked at again for silence, for a start, for room among the silent.
    pub(super) watched: bool,
    pub(super) wake: Option<Instant>,
    pub(super) waits_for_silence: bool,
    /// Its place among those that rest.
    pub(super) rests_since: Option<u64>,
}

impl Gate {
    pub(super) fn new(now: Instant, concurrency_max: usize, under_way_max: usize) -> Self {
        Self {
            in_flight: 0,
            lingering: 0,
            under_way_max,
            limiter: Limiter::new(now, concurrency_max),
            breaker: Breaker::default(),
            paused_until: None,
            exhausted_until: None,
            throttling: Throttling::default(),
            senders: Senders::default(),
            record: Record::new(now),
            last_problem: None,
            hearing: Hearing::Never,
            heard: now,
            watched: false,
            wake: None,
            waits_for_silence: false,
            rests_since: None,
        }
    }

    /// Whether an attempt of this class may start. A sixteenth of the places is kept for Sends, and they may go a quarter
    /// beyond what silent lanes hold otherwise.
    pub(super) fn pass(&mut self, now: Instant, kind: MessageKind, silence: Silence) -> Pass {
        if let Some(until) = self.paused_until {
            if until > now {
                return wait_until(now, until);
            }
            self.paused_until = None;
            self.limiter.restart(now);
        }
        if let Some(until) = self.exhausted_until.filter(|until| *until > now) {
            return Pass::At(until);
        }
        match self.breaker.look(now) {
            Look::Until(until) => return Pass::NotBefore(until),
            Look::Probe => return Pass::Go,
            Look::Go => {}
        }
        let is_send = kind == MessageKind::Send;
        let silent_max = if is_send { silence.max + silence.max / 4 } else { silence.max };
        if self.is_silent() && silence.in_flight >= silent_max {
            return Pass::TooSilent;
        }
        let places = self.concurrency(silence).min(self.under_way_max.saturating_sub(self.lingering));
        if self.in_flight >= if is_send { places } else { places - places / 16 } {
            return Pass::Full;
        }
        self.limiter.wait(now).map_or(Pass::Go, Pass::At)
    }

    /// Its attempts count among those of lanes that do not answer.
    pub(super) fn is_silent(&self) -> bool {
        self.hearing != Hearing::Heard
    }

    fn concurrency(&self, silence: Silence) -> usize {
        let most = self.limiter.concurrency();
        if self.hearing != Hearing::Never {
            return most;
        }
        let need = silence.in_flight >= silence.max / 4;
        most.min(if need { NEVER_ANSWERED_IN_NEED } else { NEVER_ANSWERED })
    }

    /// An attempt starts.
    pub(super) fn started(
        &mut self,
        now: Instant,
        origin: OriginId,
        sender: SenderKey,
        subscription: SubscriptionId,
        endpoint: EndpointKey,
        apart: bool,
    ) -> Flight {
        if self.in_flight == 0 {
            self.heard = now;
        }
        let place = if apart { Place::Apart } else { Place::Lane };
        self.in_flight += usize::from(place == Place::Lane);
        let ticket = self.limiter.started(now, self.in_flight);
        let is_probe = !apart && self.breaker.started();
        let (generation, known, tries_stop) = (None, false, false);
        let started = now;
        Flight {
            origin,
            sender,
            subscription,
            endpoint,
            place,
            started,
            generation,
            known,
            tries_stop,
            ticket,
            is_probe,
        }
    }

    /// Takes its place from an attempt that has been under way for long, if others were answered meanwhile.
    pub(super) fn lets_linger(&mut self, flight: &mut Flight) -> bool {
        let lingers = flight.place == Place::Lane && !self.is_silent() && self.heard > flight.started;
        if lingers {
            flight.place = Place::Lingering;
            self.in_flight = self.in_flight.saturating_sub(1);
            self.lingering += 1;
        }
        lingers
    }

    /// When anybody was accepted last.
    pub(super) fn last_accepted(&self) -> Option<Instant> {
        self.throttling.last_accepted()
    }

    /// An endpoint is to blame whose first failure was believed to be the origin's.
    pub(super) fn acquit(&mut self, now: Instant) {
        self.limiter.acquit(now);
    }

    /// The next attempt is to tell whether the origin has come back.
    pub(super) fn wants_probe(&self) -> bool {
        self.probes_since().is_some()
    }

    /// Since when a probe is wanted, if one is.
    pub(super) fn probes_since(&self) -> Option<Instant> {
        match self.breaker {
            Breaker::HalfOpen { probing: false, since, .. } => Some(since),
            Breaker::HalfOpen { probing: true, .. } | Breaker::Closed { .. } | Breaker::Open { .. } => None,
        }
    }

    /// An endpoint refused, `first` since it was accepted or again. Answers when somebody was accepted last of whom an answer
    /// speaks that throttles; `None`: it is most endpoints that refuse.
    pub(super) fn others_accepted(
        &mut self,
        sender: SenderKey,
        scope: Scope,
        first: bool,
    ) -> Option<Instant> {
        if first {
            self.throttling.failed_first();
        }
        if !self.throttling.takes_most() {
            return None;
        }
        match scope {
            Scope::SenderKey => self.throttling.last_accepted_of(sender),
            Scope::Origin | Scope::Subscription => self.throttling.last_accepted(),
        }
    }

    /// An attempt ended. `speaks`: its
    /// endpoint is not to blame, so that its failure says something of the origin.
    pub(super) fn ended(
        &mut self,
        now: Now,
        flight: &Flight,
        report: &AttemptReport,
        speaks: bool,
        pause_max: Duration,
        random: u64,
    ) -> Ended {
        match flight.place {
            Place::Lane => self.in_flight = self.in_flight.saturating_sub(1),
            Place::Lingering => self.lingering = self.lingering.saturating_sub(1),
            Place::Apart => {}
        }
        let sign = sign_of(report);
        let answered = sign == Sign::Lives || sign == Sign::Failed;
        if answered {
            self.heard = now.monotonic;
        }
        let endpoint = (!report.unsent).then_some(flight.endpoint);
        let heeded = if speaks || sign == Sign::Lives { sign } else { Sign::None };
        let change = self.breaker.ended(now.monotonic, heeded, endpoint, flight.is_probe, random);
        let mut changes = LaneChanges {
            broken: u64::from(change == Change::Opened),
            mended: u64::from(change == Change::Closed),
            ..LaneChanges::default()
        };
        let mut news = match change {
            // One line for all the time that it is broken.
            Change::Opened => self.breaker.has_opened_now().then_some(LaneNews::Broken),
            Change::Closed => Some(LaneNews::Mended),
            Change::Nothing => None,
        };
        if change == Change::Closed {
            self.limiter.restart(now.monotonic);
        }
        let end = match end_of(report) {
            End::Refused | End::TimedOut if !speaks => End::Unknown,
            end @ (End::Answered(_) | End::Refused | End::TimedOut | End::Unknown) => end,
        };
        self.limiter.ended(now.monotonic, flight.ticket, end);
        if report.exhausted {
            self.exhausted_until = Some(now.monotonic + EXHAUSTED_WAIT);
        }
        if report.refused_stream || report.exhausted {
            return Ended { changes, news, answered };
        }
        if report.verdict.outcome == Outcome::Accepted {
            self.throttling.accepted(now.monotonic, flight.sender);
        }
        self.heed_sender(now, flight, report, speaks, &mut changes, pause_max);
        if let (true, Scope::Origin, Some(wait)) = (speaks, report.verdict.scope, report.verdict.retry_after)
            && report.retry
            && self.throttling.means_all(flight.endpoint)
        {
            let until = now.monotonic + wait.min(pause_max);
            if self.paused_until.is_none_or(|earlier| earlier < until) {
                if self.paused_until.is_none() {
                    (changes.paused, news) = (1, Some(LaneNews::Paused));
                }
                self.paused_until = Some(until);
            }
        }
        let latency = report.latency.filter(|_| report.http_status.is_some());
        self.record.add(now.monotonic, report.verdict.outcome, latency);
        if is_problem(report.verdict.outcome) {
            self.last_problem = Some(report.verdict.outcome);
        }
        Ended { changes, news, answered }
    }

    /// What an answer asks of its sender; what it says of its credentials is heeded before (`stops`).
    fn heed_sender(
        &mut self,
        now: Now,
        flight: &Flight,
        report: &AttemptReport,
        speaks: bool,
        changes: &mut LaneChanges,
        pause_max: Duration,
    ) {
        let throttled =
            report.verdict.scope == Scope::SenderKey && report.verdict.outcome == Outcome::Throttled;
        if throttled && speaks && self.throttling.means_sender(flight.sender, flight.endpoint) {
            let wait = report.verdict.retry_after.unwrap_or_default().max(SENDER_PAUSE).min(pause_max);
            let paused = self.senders.paused_until(flight.sender, now.monotonic);
            changes.senders_paused = u64::from(paused.is_none());
            self.senders.pause(flight.sender, now.monotonic, wait);
        }
    }

    /// Until when nothing starts at all, and whether because it is broken.
    pub(super) fn closed_until(&self, now: Instant) -> Option<(Instant, bool)> {
        match self.breaker {
            Breaker::Open { until, .. } => Some((until, true)),
            Breaker::HalfOpen { .. } => Some((now, true)),
            Breaker::Closed { .. } => {
                self.paused_until.filter(|until| *until > now).map(|until| (until, false))
            }
        }
    }
}

/// A moment of this process, as wall time.
pub(super) fn wall(now: Now, at: Instant) -> Timestamp {
    now.wall.plus(at.saturating_duration_since(now.monotonic))
}

fn wait_until(now: Instant, until: Instant) -> Pass {
    if until > now + WAITS_IN_LANE { Pass::NotBefore(until) } else { Pass::At(until) }
}

fn is_problem(outcome: Outcome) -> bool {
    is_error(outcome) || matches!(outcome, Outcome::Throttled | Outcome::CredentialsRefused)
}

fn sign_of(report: &AttemptReport) -> Sign {
    let answered = report.http_status.is_some();
    if report.exhausted {
        Sign::None
    } else if report.refused_stream {
        Sign::Lives
    } else if answered && report.verdict.outcome == Outcome::Unavailable {
        Sign::Failed
    } else if matches!(report.verdict.outcome, Outcome::Unreachable | Outcome::TimedOut) {
        Sign::Unanswered
    } else if answered {
        Sign::Lives
    } else {
        Sign::None
    }
}

fn end_of(report: &AttemptReport) -> End {
    // One sender's limit is not the lane's.
    let refused = (report.verdict.outcome == Outcome::Throttled && report.verdict.scope != Scope::SenderKey)
        || report.http_status == Some(503)
        || report.refused_stream;
    match report.latency {
        _ if refused => End::Refused,
        _ if report.verdict.outcome == Outcome::TimedOut => End::TimedOut,
        Some(latency) if report.http_status.is_some() => End::Answered(latency),
        Some(_) | None => End::Unknown,
    }
}
