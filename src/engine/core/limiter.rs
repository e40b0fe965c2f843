//! How many requests an origin takes at once, and how many a second: found by trying, without configuration.
//!
//! A lane grows quickly until the origin refuses something for the first time (429, 503, a refused stream). From then on
//! it stays a little below what was refused, and tries more after [`HOLD`]: first very little, then faster the longer
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

use std::time::Duration;

use tokio::time::Instant;

/// Concurrency of a lane that begins.
const INITIAL: f64 = 16.0;
/// Concurrency below which it is the rate that says what an origin takes.
const CONCURRENCY_MIN: f64 = 8.0;
/// Attempts a second that are made in any case.
const RATE_MIN: f64 = 1.0;
/// Attempts a second with which a lane begins again that was paused, unless it knows better.
const RATE_RESTART: f64 = 100.0;
/// What is left of a limit after a refusal.
const STEP_BACK: f64 = 0.95;
/// How long nothing more is tried after a refusal.
const HOLD: Duration = Duration::from_secs(2);
/// Growth a second after that, and how long it takes to double.
const GROWTH: f64 = 0.02;
const GROWTH_DOUBLES: f64 = 1.0;
/// No growth is faster than doubling in these times, in seconds: while nothing was refused yet, and afterwards.
const START_DOUBLES: f64 = 0.05;
const PROBE_DOUBLES: f64 = 0.5;
/// The interval of observation is twice the latency, within these.
const OBSERVE_MIN: Duration = Duration::from_millis(100);
const OBSERVE_MAX: Duration = Duration::from_secs(2);
/// What was accepted in less time than this tells no rate.
const PRESSED_MIN: Duration = Duration::from_millis(10);
/// What a lane may start at once under a rate limit, as time: timers are not exact.
const BURST: Duration = Duration::from_millis(20);
/// A rate limit is forgotten when concurrency alone has limited the lane for so long.
const RATE_FORGOTTEN: Duration = Duration::from_secs(10);
/// A refusal was provoked if the lane had grown by this since the last one; else it may not be about load.
const PROVOKED: f64 = 1.04;
/// So many in a row that were not provoked are not about load.
const UNPROVOKED_MAX: u32 = 4;
/// How long steps back may be taken back.
const ACCUSED_FOR: Duration = Duration::from_secs(120);
/// How long refusals that are not about load are expected.
const BACKGROUND_EXPECTED: Duration = Duration::from_secs(30);
/// Who refuses a larger share takes too much on, whatever the load.
const BACKGROUND_MAX: f64 = 0.35;
/// How many of them in a row.
const ALLOWANCE_MAX: f64 = 30.0;
/// How long the best latency is remembered, at least.
const BASELINE: Duration = Duration::from_secs(30);
/// The latency up to which a lane grows: so many times its best, and this on top.
const LATENCY_FACTOR: u32 = 4;
const LATENCY_SLACK: Duration = Duration::from_millis(20);
/// Concurrency up to which a lane grows even while this machine is busy, so that none falls far behind another.
const ENOUGH: f64 = 128.0;
/// Beyond it a lane grows while attempts wait here for this part of what their answers take, at most.
const WAITING_SHARE: f64 = 0.5;
/// How long it takes a lane to halve, in seconds, whose attempts wait here longer than for their answers.
const WAITING_HALVES: f64 = 0.5;

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

/// What happened since the last step back.
#[derive(Clone, Copy, Debug)]
struct Observation {
    since: Instant,
    until: Instant,
    accepted: f64,
    /// Of attempts that started after the step.
    refused: f64,
    /// When the last one ended that was all that could start: until then, what was accepted is what the origin takes, and not
    /// what there was to do.
    pressed: Option<Instant>,
    /// Places that may be used meanwhile: one less for each refusal, a quarter more for each acceptance.
    places: f64,
}

/// Steps back in a row, and from where.
#[derive(Clone, Copy, Debug)]
struct Retreat {
    steps: u32,
    concurrency: f64,
    known_concurrency: f64,
    rate: f64,
    known_rate: f64,
    /// Of the first interval of observation.
    share_refused: f64,
    answers_per_second: f64,
}

/// Refusals that the lane stepped back for.
#[derive(Clone, Copy, Debug)]
struct Accused {
    since: Instant,
    /// From where.
    from: Retreat,
    refused: f64,
    /// Of endpoints that refuse whatever the load is, as turned out.
    acquitted: f64,
}

/// Refusals in a row that were not provoked.
#[derive(Clone, Copy, Debug)]
struct Series {
    from: Retreat,
    unprovoked: u32,
    answers: f64,
    refused: f64,
}

/// Refusals that are expected whatever the load.
#[derive(Clone, Copy, Debug)]
struct Background {
    share: f64,
    /// Then it is looked at again.
    until: Instant,
    /// So many are excused; twice the share is added for each answer.
    allowance: f64,
    answers: f64,
    refused: f64,
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

    // ------------------------------------------------------------ growth

    fn grow(&mut self, now: Instant, ticket: Ticket) {
        let latency = self.latency.unwrap_or_default();
        let slow = latency > self.best.saturating_mul(LATENCY_FACTOR).saturating_add(LATENCY_SLACK);
        if ticket.by_rate {
            if !slow {
                self.grow_rate(now, latency);
            }
        } else if ticket.by_concurrency {
            let waited = if self.concurrency < ENOUGH { 0.0 } else { self.waited };
            let answered = latency.as_secs_f64();
            if waited > answered {
                let passed = self.since_concurrency_grew(now, latency);
                self.concurrency = (self.concurrency * (-passed / WAITING_HALVES).exp2()).max(ENOUGH);
            } else if !slow && waited <= answered * WAITING_SHARE {
                self.grow_concurrency(now, latency);
            }
        }
    }

    fn grow_rate(&mut self, now: Instant, latency: Duration) {
        let longest = OBSERVE_MIN.max(latency).max(Duration::from_secs_f64(1.5 / self.rate));
        let passed = now.saturating_duration_since(self.rate_grown).min(longest).as_secs_f64();
        self.rate_grown = now;
        let growth = self.growth(now, passed, self.rate < self.known_rate);
        // One request more for each that was taken, at most.
        let most = self.rate + 1.0 / longest.as_secs_f64();
        self.rate = (self.rate * growth).min(most);
    }

    fn grow_concurrency(&mut self, now: Instant, latency: Duration) {
        let passed = self.since_concurrency_grew(now, latency);
        let growth = self.growth(now, passed, self.concurrency < self.known_concurrency);
        self.concurrency = (self.concurrency * growth).min(self.concurrency + 1.0).min(self.max);
        if self.rate.is_finite() && !self.is_by_rate(now, RATE_FORGOTTEN) {
            self.rate = f64::INFINITY;
        }
    }

    /// In seconds; it changes now.
    fn since_concurrency_grew(&mut self, now: Instant, latency: Duration) -> f64 {
        let passed = now.saturating_duration_since(self.concurrency_grown);
        self.concurrency_grown = now;
        passed.min(OBSERVE_MIN.max(latency)).as_secs_f64()
    }

    /// By what a limit grows in this time, in seconds.
    fn growth(&mut self, now: Instant, passed: f64, quickly: bool) -> f64 {
        if quickly {
            return (passed / START_DOUBLES).exp2();
        }
        if now < self.hold_until {
            return 1.0;
        }
        self.grown += passed;
        let speed = GROWTH * (self.grown / GROWTH_DOUBLES).exp2();
        (passed * speed.min(std::f64::consts::LN_2 / PROBE_DOUBLES)).exp()
    }

    fn note_latency(&mut self, now: Instant, latency: Duration) {
        let smooth = self.latency.map_or(latency, |smooth| (smooth * 15 + latency) / 16);
        self.latency = Some(smooth);
        if now.saturating_duration_since(self.best_since) > BASELINE {
            (self.best, self.next_best, self.best_since) = (self.next_best, Duration::MAX, now);
        }
        // The first few are no average.
        self.latencies = self.latencies.saturating_add(1);
        if self.latencies > 16 {
            self.best = self.best.min(smooth);
            self.next_best = self.next_best.min(smooth);
        }
    }

    // ------------------------------------------------------------ steps back

    fn step_back(&mut self, now: Instant, ticket: Ticket) {
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
    fn conclude(&mut self, now: Instant) {
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

    /// Stepping back did not help: this share is refused whatever the load is.
    fn expect_background(&mut self, now: Instant, from: Retreat, share: f64) {
        (self.concurrency, self.rate) = (from.concurrency, from.rate);
        (self.known_concurrency, self.known_rate) = (from.known_concurrency, from.known_rate);
        self.hold_until = now;
        self.background = Some(Background::new(now, share));
        (self.retreat, self.series) = (None, None);
    }

    /// A refusal that is expected whatever the load says nothing.
    fn excuse(&mut self, now: Instant, end: End) -> End {
        let Some(background) = &mut self.background else { return end };
        let expected = background.share * background.answers;
        if background.refused > expected * 1.5 + 5.0 {
            // It follows the load after all.
            self.background = None;
            return end;
        }
        if now >= background.until {
            if background.refused < expected / 2.0 {
                self.background = None;
                return end;
            }
            *background = Background::new(now, background.share);
        }
        background.answers += 1.0;
        background.allowance = (background.allowance + background.share * 2.0).min(ALLOWANCE_MAX);
        if end != End::Refused {
            return end;
        }
        background.refused += 1.0;
        if background.allowance < 1.0 {
            return end;
        }
        background.allowance -= 1.0;
        End::Unknown
    }
}

impl Background {
    fn new(now: Instant, share: f64) -> Self {
        let until = now + BACKGROUND_EXPECTED;
        Self { share, until, allowance: ALLOWANCE_MAX, answers: 0.0, refused: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const MAX: usize = 1_024;
    const SEEDS: u64 = 2;

    /// What a simulated origin takes.
    #[derive(Clone, Copy, Debug)]
    enum Takes {
        AtOnce(usize),
        /// A second, and at once after a rest.
        Rate(f64, f64),
        Everything,
        /// All but this share, whatever the load.
        Share(f64),
        Nothing,
    }

    /// An origin and a lane with more to do than it may, in virtual time.
    struct World {
        limiter: Limiter,
        random: StdRng,
        takes: Takes,
        millis: std::ops::Range<f64>,
        /// What this machine works for each attempt before it leaves, and until when it has its hands full.
        work: Duration,
        busy: Instant,
        now: Instant,
        /// Ends by time: (when, number).
        ends: BinaryHeap<Reverse<(Instant, u64)>>,
        flights: std::collections::BTreeMap<u64, (Ticket, End)>,
        started: u64,
        working: usize,
        tokens: f64,
        filled: Instant,
        accepted: u32,
        refused: u32,
    }

    impl World {
        fn new(seed: u64, takes: Takes, millis: std::ops::Range<f64>) -> Self {
            let now = Instant::now();
            let tokens = if let Takes::Rate(_, burst) = takes { burst } else { 0.0 };
            Self {
                limiter: Limiter::new(now, MAX),
                random: StdRng::seed_from_u64(seed),
                takes,
                millis,
                work: Duration::ZERO,
                busy: now,
                now,
                ends: BinaryHeap::new(),
                flights: std::collections::BTreeMap::new(),
                started: 0,
                working: 0,
                tokens,
                filled: now,
                accepted: 0,
                refused: 0,
            }
        }

        fn is_taken(&mut self) -> bool {
            match self.takes {
                Takes::AtOnce(most) => self.working < most,
                Takes::Rate(rate, burst) => {
                    let passed = (self.now - self.filled).as_secs_f64();
                    self.filled = self.now;
                    self.tokens = (self.tokens + passed * rate).min(burst);
                    let taken = self.tokens >= 1.0;
                    self.tokens -= f64::from(u8::from(taken));
                    taken
                }
                Takes::Everything => true,
                Takes::Share(share) => self.random.random_range(0.0..1.0) >= share,
                Takes::Nothing => false,
            }
        }

        fn start(&mut self) {
            let ticket = self.limiter.started(self.now, self.flights.len() + 1);
            let taken = self.is_taken();
            let millis = if taken { self.random.random_range(self.millis.clone()) } else { 1.0 };
            let latency = Duration::from_secs_f64(millis / 1_000.0);
            self.working += usize::from(taken);
            let end = if taken { End::Answered(latency) } else { End::Refused };
            self.started += 1;
            self.busy = self.busy.max(self.now) + self.work;
            self.flights.insert(self.started, (ticket, end));
            self.ends.push(Reverse((self.busy + latency, self.started)));
        }

        /// Lets time pass; answers what was accepted a second, and the share that was refused.
        fn run(&mut self, seconds: f64) -> (f64, f64) {
            let until = self.now + Duration::from_secs_f64(seconds);
            let before = (self.accepted, self.refused);
            while self.now < until {
                let mut wake = until;
                while self.flights.len() < self.limiter.concurrency() {
                    match self.limiter.wait(self.now) {
                        None => self.start(),
                        Some(at) => {
                            // A timer of a busy process is late by some milliseconds, now and then by many.
                            let late = if self.random.random_range(0..100) == 0 { 15.0 } else { 1.5 };
                            let late = self.random.random_range(0.0..late);
                            wake = at + Duration::from_secs_f64(late / 1_000.0);
                            break;
                        }
                    }
                }
                let end = self.ends.peek().map_or(until, |Reverse((at, _))| *at);
                self.now = end.min(wake).max(self.now + Duration::from_micros(1));
                while let Some(Reverse((at, number))) = self.ends.peek().copied()
                    && at <= self.now
                {
                    self.ends.pop();
                    let (ticket, end) = self.flights.remove(&number).unwrap();
                    match end {
                        End::Answered(_) => {
                            self.accepted += 1;
                            self.working -= 1;
                        }
                        End::Refused | End::TimedOut | End::Unknown => self.refused += 1,
                    }
                    self.limiter.ended(self.now, ticket, end);
                }
            }
            let accepted = f64::from(self.accepted - before.0);
            let refused = f64::from(self.refused - before.1);
            (accepted / seconds, refused / (accepted + refused))
        }
    }

    /// At least 85 % of what is allowed, less than 2 % refused: from the start, and 10 s after the limit changed.
    fn adapts(takes: [Takes; 3], allowed: [f64; 3], millis: std::ops::Range<f64>) {
        let mut missed = Vec::new();
        for seed in 0..SEEDS {
            let mut world = World::new(seed, takes[0], millis.clone());
            for (takes, allowed) in takes.into_iter().zip(allowed) {
                world.takes = takes;
                let (_, refused_at_first) = world.run(10.0);
                let (rate, refused) = world.run(10.0);
                if rate < 0.85 * allowed || refused >= 0.02 || refused_at_first >= 0.06 {
                    missed.push(format!(
                        "{takes:?} {millis:?} seed {seed}: {rate:.0}/s of {allowed}, {refused:.4} refused, at first \
                         {refused_at_first:.4}\n"
                    ));
                }
            }
        }
        assert!(missed.is_empty(), "{}", missed.concat());
    }

    #[test]
    fn finds_how_many_are_taken_at_once() {
        for millis in [10.0..15.0, 80.0..120.0, 50.0..500.0] {
            let per_second = 1_000.0 / f64::midpoint(millis.start, millis.end);
            let takes = [Takes::AtOnce(50), Takes::AtOnce(100), Takes::AtOnce(50)];
            adapts(takes, [50.0, 100.0, 50.0].map(|most| most * per_second), millis.clone());
            let takes = [Takes::AtOnce(50), Takes::AtOnce(25), Takes::AtOnce(50)];
            adapts(takes, [50.0, 25.0, 50.0].map(|most| most * per_second), millis);
        }
    }

    #[test]
    fn finds_how_many_are_taken_a_second() {
        for (millis, burst) in [(1.0..5.0, 0.1), (1.0..5.0, 0.04), (1.0..5.0, 1.0), (20.0..60.0, 0.1)] {
            let takes = |rate: f64| Takes::Rate(rate, rate * burst);
            adapts([500.0, 1_000.0, 500.0].map(takes), [500.0, 1_000.0, 500.0], millis.clone());
            adapts([500.0, 250.0, 500.0].map(takes), [500.0, 250.0, 500.0], millis);
        }
    }

    #[test]
    fn does_not_slow_who_takes_everything() {
        for seed in 0..5 {
            let mut world = World::new(seed, Takes::Everything, 1.5..2.5);
            world.run(0.5);
            assert_eq!(world.limiter.concurrency(), MAX);
            assert_eq!(world.limiter.rate(), None);
        }
    }

    #[test]
    fn has_no_more_in_flight_than_a_busy_machine_can_feed() {
        for (millis, most) in [(1.0..2.0, 160), (10.0..15.0, 512), (40.0..50.0, MAX)] {
            let mut world = World::new(1, Takes::Everything, millis.clone());
            world.work = Duration::from_micros(50);
            world.run(1.0);
            let (rate, _) = world.run(1.0);
            let concurrency = world.limiter.concurrency();
            assert!(rate > 0.98 * 20_000.0, "{millis:?} {rate} {concurrency}");
            assert!(concurrency <= most, "{millis:?} {concurrency}");
        }
    }

    #[test]
    fn refusals_that_are_not_about_load_do_not_slow_for_long() {
        for share in [0.01, 0.03, 0.1, 0.3] {
            let mut world = World::new(1, Takes::Share(share), 80.0..120.0);
            world.run(20.0);
            let (rate, _) = world.run(25.0);
            assert!(
                rate > 0.8 * 10.0 * f64::from(u16::try_from(MAX).unwrap()) * (1.0 - share),
                "{share} {rate} {:?}",
                world.limiter
            );
        }
    }

    #[test]
    fn who_takes_nothing_is_hardly_bothered_and_found_again() {
        let mut world = World::new(1, Takes::Nothing, 1.0..5.0);
        world.run(10.0);
        let refused = world.refused;
        world.run(20.0);
        assert!(world.refused - refused < 20 * 20, "{} {:?}", world.refused - refused, world.limiter);
        world.takes = Takes::Rate(500.0, 50.0);
        world.run(15.0);
        let (rate, refused) = world.run(20.0);
        assert!(rate > 425.0 && refused < 0.02, "{rate} {refused}");
    }

    #[test]
    fn begins_gently_after_a_pause() {
        let mut world = World::new(1, Takes::Rate(500.0, 50.0), 1.0..5.0);
        world.run(10.0);
        world.now += Duration::from_secs(30);
        world.limiter.restart(world.now);
        let (rate, _) = world.run(0.05);
        assert!(rate <= 200.0, "{rate}");
        let (_, refused) = world.run(2.0);
        let (rate, _) = world.run(5.0);
        assert!(rate > 425.0 && refused < 0.02, "{rate} {refused} {:?}", world.limiter);
    }
}
