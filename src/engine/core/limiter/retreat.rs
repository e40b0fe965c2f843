//! Steps back after a refusal, and the interval of observation that follows each.

use std::time::Duration;

use tokio::time::Instant;

use super::{Limiter, OBSERVE_MAX, OBSERVE_MIN, RATE_MIN, Ticket};

/// Concurrency below which it is the rate that says what an origin takes.
const CONCURRENCY_MIN: f64 = 8.0;
/// What is left of a limit after a refusal.
const STEP_BACK: f64 = 0.95;
/// How long nothing more is tried after a refusal.
const HOLD: Duration = Duration::from_secs(2);
/// What was accepted in less time than this tells no rate.
const PRESSED_MIN: Duration = Duration::from_millis(10);
/// A refusal was provoked if the lane had grown by this since the last one; else it may not be about load.
const PROVOKED: f64 = 1.04;
/// So many in a row that were not provoked are not about load.
const UNPROVOKED_MAX: u32 = 4;
/// How long steps back may be taken back.
const ACCUSED_FOR: Duration = Duration::from_secs(120);
/// Who refuses a larger share takes too much on, whatever the load.
const BACKGROUND_MAX: f64 = 0.35;

/// What happened since the last step back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    pub(super) since: Instant,
    pub(super) until: Instant,
    pub(super) accepted: f64,
    /// Of attempts that started after the step.
    pub(super) refused: f64,
    /// When the last one ended that was all that could start: until then, what was accepted is what the origin takes, and not
    /// what there was to do.
    pub(super) pressed: Option<Instant>,
    /// Places that may be used meanwhile: one less for each refusal, a quarter more for each acceptance.
    pub(super) places: f64,
}

/// Steps back in a row, and from where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retreat {
    pub(super) steps: u32,
    pub(super) concurrency: f64,
    pub(super) known_concurrency: f64,
    pub(super) rate: f64,
    pub(super) known_rate: f64,
    /// Of the first interval of observation.
    pub(super) share_refused: f64,
    pub(super) answers_per_second: f64,
}

/// Refusals that the lane stepped back for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accused {
    pub(super) since: Instant,
    /// From where.
    pub(super) from: Retreat,
    pub(super) refused: f64,
    /// Of endpoints that refuse whatever the load is, as turned out.
    pub(super) acquitted: f64,
}

/// Refusals in a row that were not provoked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    pub(super) from: Retreat,
    pub(super) unprovoked: u32,
    pub(super) answers: f64,
    pub(super) refused: f64,
}

impl Limiter {
    /// One was refused as one too many: a little less is tried from here on.
    pub(super) fn step_back(&mut self, now: Instant, ticket: Ticket) {
        let before = Retreat {
            steps: 0,
            concurrency: self.concurrency,
            known_concurrency: self.known_concurrency,
            rate: self.rate,
            known_rate: self.known_rate,
            share_refused: 0.0,
            answers_per_second: 0.0,
        };
        let provoked = self.concurrency >= self.known_concurrency * PROVOKED
            || (self.rate.is_finite() && self.rate >= self.known_rate * PROVOKED)
            || self.known_concurrency.is_infinite();
        let series = self.series.filter(|_| !provoked);
        let mut series = series.unwrap_or(Series { from: before, unprovoked: 0, answers: 1.0, refused: 1.0 });
        series.unprovoked += u32::from(!provoked);
        let share = series.refused / series.answers;
        if series.unprovoked >= UNPROVOKED_MAX && share < BACKGROUND_MAX {
            return self.expect_background(now, series.from, share);
        }
        self.series = Some(series);
        self.retreat = Some(before);
        let accused = self.accused.filter(|accused| now < accused.since + ACCUSED_FOR);
        let accused = accused.unwrap_or(Accused { since: now, from: before, refused: 1.0, acquitted: 0.0 });
        self.accused = Some(accused);
        if ticket.by_rate && !ticket.by_concurrency {
            self.rate = (self.rate * STEP_BACK).max(RATE_MIN);
        } else {
            let refused_at = self.concurrency.min(ticket.in_flight);
            let least = CONCURRENCY_MIN.min(self.concurrency);
            self.concurrency = (refused_at * STEP_BACK).max(least);
        }
        self.observe(now);
    }

    /// Begins an interval of observation.
    fn observe(&mut self, now: Instant) {
        self.steps = self.steps.wrapping_add(1);
        self.known_concurrency = self.concurrency;
        self.known_rate = self.rate;
        self.grown = 0.0;
        let latency = self.latency.unwrap_or_default();
        self.hold_until = now + HOLD.max(latency.saturating_mul(4).min(HOLD * 5));
        let until = now + latency.saturating_mul(2).clamp(OBSERVE_MIN, OBSERVE_MAX);
        let places = self.concurrency;
        self.observation =
            Some(Observation { since: now, until, accepted: 0.0, refused: 0.0, pressed: None, places });
    }

    /// An interval of observation is over: was the step enough?
    pub(super) fn conclude(&mut self, now: Instant) {
        let Some(observed) = self.observation.take() else { return };
        let few = observed.refused < 2.0 && observed.refused * 10.0 <= observed.accepted;
        let (Some(pressed), false) = (observed.pressed, few) else {
            self.retreat = None;
            return;
        };
        let Some(mut retreat) = self.retreat else { return };
        let interval = now.saturating_duration_since(observed.since);
        let to_the_end = now.saturating_duration_since(pressed) <= interval / 4;
        let pressed = pressed.saturating_duration_since(observed.since).max(PRESSED_MIN);
        let seconds = if to_the_end { interval } else { pressed }.as_secs_f64();
        let answers = observed.accepted + observed.refused;
        let (share, answers_per_second) = (observed.refused / answers, answers / seconds);
        if retreat.steps == 0 {
            (retreat.share_refused, retreat.answers_per_second) = (share, answers_per_second);
        }
        retreat.steps += 1;
        let as_before = share >= retreat.share_refused * 0.6 && share < BACKGROUND_MAX;
        if retreat.steps >= 3 && as_before && answers_per_second <= retreat.answers_per_second * 0.8 {
            return self.expect_background(now, retreat, share);
        }
        let least = (retreat.concurrency / 2.0).max(CONCURRENCY_MIN).min(self.concurrency);
        self.concurrency = observed.places.max(least);
        self.rate = self.rate.min(observed.accepted / seconds * STEP_BACK).max(RATE_MIN);
        (self.tokens, self.filled) = (self.tokens.min(1.0), now);
        self.retreat = Some(retreat);
        self.observe(now);
    }
}
