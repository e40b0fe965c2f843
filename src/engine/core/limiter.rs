//! How many requests an origin takes at once, and how many a second: found by trying, without configuration.
//!
//! A lane grows quickly until the origin refuses something for the first time (429, 503, a refused stream). From then on
//! it stays a little below what was refused, and tries more after [`HOLD`](retreat::HOLD): first very little, then faster the longer
//! nothing is refused, so that an origin that takes more is followed and one that does not is hardly bothered.
//!
//! A refusal means the limit that the lane was pressing against when it made the attempt: the rate, if starts waited for
//! it, else the concurrency. After such a step back an interval of observation follows ([`Limiter::observe`]), however
//! many refusals come: those of attempts that were made before the step say nothing new. If attempts made after it are
//! still refused, what was accepted meanwhile is what the origin takes, and the rate is set by it.
//!
//! Refusals that are as frequent at a fraction of the load are not about load (an origin that throttles some subscriptions,
//! for example): then the lane goes back to where it was and expects them for a while.
//!
//! Latency never makes a lane slower, because this machine's own load shows in it; a lane whose latency is far above its
//! own best does not grow. Nor does one beyond [`ENOUGH`] whose attempts are kept waiting here, above all for their
//! encryption: then it is this machine that is slow, and more of them only push each other out of its caches. If they wait
//! here longer than for their answers, fewer would be answered as soon, and the lane goes back.

mod background;
mod growth;
mod retreat;

use std::time::Duration;

use tokio::time::Instant;

use background::Background;
use retreat::{Accused, Observation, Retreat, Series};

/// Concurrency of a lane that begins.
const INITIAL: f64 = 16.0;
/// Attempts a second that are made in any case.
const RATE_MIN: f64 = 1.0;
/// Attempts a second with which a lane begins again that was paused, unless it knows better.
const RATE_RESTART: f64 = 100.0;
/// The interval of observation is twice the latency, within these.
const OBSERVE_MIN: Duration = Duration::from_millis(100);
const OBSERVE_MAX: Duration = Duration::from_secs(2);
/// What a lane may start at once under a rate limit, as time: timers are not exact.
const BURST: Duration = Duration::from_millis(20);
/// Concurrency up to which a lane grows even while this machine is busy, so that none falls far behind another.
const ENOUGH: f64 = 128.0;

/// What an attempt was like when it started; to be given back with its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    started: Instant,
    steps: u32,
    /// How many were in flight, with it.
    in_flight: f64,
    /// The lane pressed against its concurrency, its rate.
    by_concurrency: bool,
    by_rate: bool,
    /// Nothing more could have started beside it.
    pressed: bool,
}

/// How an attempt ended, as far as limits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With an answer that is not about load, after this time.
    Answered(Duration),
    /// As one too many.
    Refused,
    /// Without an answer in time: perhaps too many.
    TimedOut,
    /// Otherwise: it says nothing about load.
    Unknown,
}

/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    max: f64,
    concurrency: f64,
    /// Below these, growth is as fast as before the first refusal.
    known_concurrency: f64,
    known_rate: f64,
    /// Infinite while there is no limit.
    rate: f64,
    tokens: f64,
    filled: Instant,
    steps: u32,
    /// Nothing more is tried before.
    hold_until: Instant,
    /// How long it has grown since the last step back, in seconds.
    grown: f64,
    concurrency_grown: Instant,
    rate_grown: Instant,
    by_rate: Option<Instant>,
    observation: Option<Observation>,
    retreat: Option<Retreat>,
    series: Option<Series>,
    background: Option<Background>,
    accused: Option<Accused>,
    /// How long attempts wait here, over the last hundred or so, in seconds; looked at beyond [`ENOUGH`] only.
    waited: f64,
    latency: Option<Duration>,
    latencies: u32,
    best: Duration,
    next_best: Duration,
    best_since: Instant,
}

impl Limiter {
    /// `max`: requests in flight at most.
    pub(super) fn new(now: Instant, max: usize) -> Self {
        let max = f64::from(u32::try_from(max).unwrap_or(u32::MAX));
        Self {
            max,
            concurrency: INITIAL.min(max),
            known_concurrency: f64::INFINITY,
            known_rate: f64::INFINITY,
            rate: f64::INFINITY,
            tokens: 0.0,
            filled: now,
            steps: 0,
            hold_until: now,
            grown: 0.0,
            concurrency_grown: now,
            rate_grown: now,
            by_rate: None,
            observation: None,
            retreat: None,
            series: None,
            background: None,
            accused: None,
            waited: 0.0,
            latency: None,
            latencies: 0,
            best: Duration::MAX,
            next_best: Duration::MAX,
            best_since: now,
        }
    }

    /// How many may be in flight.
    pub(super) fn concurrency(&self) -> usize {
        // It is at least 1 and at most `max`.
        #[allow(clippy::cast_sign_loss, reason = "clamped")]
        let places = self.places() as usize;
        places
    }

    fn places(&self) -> f64 {
        let places = self.observation.map_or(self.concurrency, |observed| observed.places);
        places.min(self.max).max(1.0)
    }

    /// How many may start a second.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate.is_finite().then_some(self.rate)
    }

    /// When the rate lets the next attempt start; `None`: now.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Instant> {
        if self.rate.is_infinite() {
            return None;
        }
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + passed * self.rate).min((self.rate * BURST.as_secs_f64()).max(2.0));
        if self.tokens >= 1.0 {
            return None;
        }
        self.by_rate = Some(now);
        Some(now + Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }

    /// An attempt starts; `in_flight` counts it.
    pub(super) fn started(&mut self, now: Instant, in_flight: usize) -> Ticket {
        let in_flight = f64::from(u32::try_from(in_flight).unwrap_or(u32::MAX));
        if self.rate.is_finite() {
            self.tokens -= 1.0;
        }
        let by_rate = self.is_by_rate(now, BURST.mul_f64(5.0_f64.max(100.0 / self.rate)));
        Ticket {
            started: now,
            steps: self.steps,
            in_flight,
            by_concurrency: in_flight >= self.concurrency.floor() * 0.9,
            by_rate,
            pressed: by_rate || in_flight + 1.0 > self.places(),
        }
    }

    fn is_by_rate(&self, now: Instant, within: Duration) -> bool {
        self.rate.is_finite() && self.by_rate.is_some_and(|at| now.saturating_duration_since(at) <= within)
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, now: Instant, ticket: Ticket, end: End) {
        let end = self.excuse(now, end);
        if let Some(series) = &mut self.series {
            series.answers += f64::from(u8::from(matches!(end, End::Answered(_) | End::Refused)));
            series.refused += f64::from(u8::from(end == End::Refused));
        }
        match end {
            End::Answered(latency) => {
                self.note_latency(now, latency);
                if self.concurrency >= ENOUGH {
                    let waited = now.saturating_duration_since(ticket.started).saturating_sub(latency);
                    self.waited += (waited.as_secs_f64() - self.waited) / 128.0;
                }
                if let Some(observed) = &mut self.observation {
                    observed.accepted += 1.0;
                    observed.pressed = if ticket.pressed { Some(now) } else { observed.pressed };
                    observed.places = (observed.places + 0.25).min(self.concurrency);
                } else {
                    self.grow(now, ticket);
                }
            }
            End::Refused => {
                if let Some(accused) = &mut self.accused {
                    accused.refused += 1.0;
                }
                match &mut self.observation {
                    None => self.step_back(now, ticket),
                    Some(observed) if ticket.steps == self.steps => {
                        observed.refused += 1.0;
                        observed.pressed = if ticket.pressed { Some(now) } else { observed.pressed };
                        observed.places = (observed.places - 1.0).max(1.0);
                    }
                    // It started before the step.
                    Some(_) => {}
                }
            }
            End::TimedOut => {
                if self.observation.is_none() && ticket.steps == self.steps && ticket.by_concurrency {
                    self.step_back(now, ticket);
                }
            }
            End::Unknown => {}
        }
        if self.observation.is_some_and(|observed| observed.until <= now) {
            self.conclude(now);
        }
    }

    /// One of the refusals was not about load: its endpoint refuses while others are taken. Once most of what the lane stepped
    /// back for was of that kind, it goes back to where it was.
    pub(super) fn acquit(&mut self, now: Instant) {
        let Some(accused) = &mut self.accused else { return };
        accused.acquitted += 1.0;
        if accused.acquitted * 2.0 < accused.refused {
            return;
        }
        let Retreat { concurrency, rate, known_concurrency, known_rate, .. } = accused.from;
        self.accused = None;
        self.concurrency = self.concurrency.max(concurrency);
        self.rate = self.rate.max(rate);
        self.known_concurrency = self.known_concurrency.max(known_concurrency);
        self.known_rate = self.known_rate.max(known_rate);
        self.hold_until = now;
        (self.observation, self.retreat, self.series) = (None, None, None);
        self.steps = self.steps.wrapping_add(1);
    }

    /// The origin asked to wait, and the time is over: begin gently, with what is known.
    pub(super) fn restart(&mut self, now: Instant) {
        self.known_concurrency = self.concurrency;
        self.known_rate = self.rate;
        self.concurrency = self.concurrency.min(INITIAL);
        self.rate = (self.rate / 4.0).clamp(RATE_MIN, RATE_RESTART);
        (self.tokens, self.filled) = (1.0, now);
        (self.observation, self.retreat) = (None, None);
        self.steps = self.steps.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
