//! The breaker of a lane: an origin that cannot be reached, or only fails, is left alone and probed now and then.

use std::time::Duration;

use tokio::time::Instant;

use super::endpoints::{Distinct, EndpointKey};

/// Attempts in a row without any answer after which it opens, to as many different endpoints; or as many in a row for which
/// there was no connection.
const UNANSWERED_MAX: u32 = 5;
/// Answers in a row that say the service has failed (5xx), from how many different endpoints, and the time they must have
/// lasted: a moment's overload is the [limiter](super::limiter)'s.
const FAILED_MAX: u32 = 20;
const FAILED_ENDPOINTS: usize = 8;
const FAILED_FOR: Duration = Duration::from_secs(2);
/// How long it is open the first time and at most; twice as long each time. Up to a quarter is taken off at random.
const OPEN_FIRST: Duration = Duration::from_secs(1);
const OPEN_MAX: Duration = Duration::from_secs(60);
/// How long others wait at least and at most while a probe is under way; in between, a quarter of the last opening.
const PROBE_WAIT_MIN: Duration = Duration::from_millis(250);
const PROBE_WAIT_MAX: Duration = Duration::from_secs(5);

/// How an attempt ended, as far as the breaker goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The service answered, whatever it said of this delivery.
    Lives,
    /// It answered that it has failed.
    Failed,
    /// No answer came.
    Unanswered,
    /// No request was made.
    None,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Attempts are made.
    Closed { run: Run },
    /// None are, until then; the how many-th time in a row.
    Open { until: Instant, times: u32 },
    /// One is made at a time, to see whether the service has come back; `since` when none was under way.
    HalfOpen { probing: bool, times: u32, since: Instant },
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Anything.
    Go,
    /// One attempt.
    Probe,
    /// Nothing before.
    Until(Instant),
}

/// What a sign changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Opened,
    Closed,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { run: Run::default() }
    }
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    unconnected: u32,
    unanswered: u32,
    failed: u32,
    failing_since: Option<Instant>,
    /// Of those that had a connection.
    endpoints: Distinct,
}

impl Run {
    fn wears_out(&self, now: Instant) -> bool {
        let long = self.failing_since.is_some_and(|since| now.saturating_duration_since(since) >= FAILED_FOR);
        let endpoints = self.endpoints.count();
        self.unconnected >= UNANSWERED_MAX
            || (self.unconnected + self.unanswered >= UNANSWERED_MAX
                && endpoints + self.unconnected as usize >= UNANSWERED_MAX as usize)
            || (self.failed >= FAILED_MAX && endpoints >= FAILED_ENDPOINTS && long)
    }
}

impl Breaker {
    /// Whether an attempt may be made. An opening that is over becomes half-open.
    pub(super) fn look(&mut self, now: Instant) -> Look {
        if let Self::Open { until, times } = *self
            && until <= now
        {
            *self = Self::HalfOpen { probing: false, times, since: now };
        }
        match *self {
            Self::Closed { .. } => Look::Go,
            Self::Open { until, .. } => Look::Until(until),
            Self::HalfOpen { probing: false, .. } => Look::Probe,
            Self::HalfOpen { probing: true, times, .. } => {
                Look::Until(now + (open_time(times) / 4).clamp(PROBE_WAIT_MIN, PROBE_WAIT_MAX))
            }
        }
    }

    /// Whether it is open for the first time in a row.
    pub(super) fn has_opened_now(&self) -> bool {
        matches!(self, Self::Open { times: 1, .. })
    }

    /// An attempt started; answers whether it is the probe.
    pub(super) fn started(&mut self) -> bool {
        if let Self::HalfOpen { probing, .. } = self {
            return !std::mem::replace(probing, true);
        }
        false
    }

    /// An attempt ended, which was the probe or not. `endpoint`: to which, if there was a connection for it. `random` is
    /// uniform.
    pub(super) fn ended(
        &mut self,
        now: Instant,
        sign: Sign,
        endpoint: Option<EndpointKey>,
        was_probe: bool,
        random: u64,
    ) -> Change {
        match self {
            Self::Closed { run } => {
                match (sign, endpoint) {
                    (Sign::Lives, _) => *self = Self::default(),
                    (Sign::None, _) => {}
                    (Sign::Unanswered, None) => run.unconnected += 1,
                    (Sign::Unanswered, Some(endpoint)) => {
                        run.unanswered += 1;
                        run.endpoints.add(endpoint);
                    }
                    (Sign::Failed, endpoint) => {
                        (run.unconnected, run.unanswered) = (0, 0);
                        run.failed += 1;
                        run.failing_since.get_or_insert(now);
                        if let Some(endpoint) = endpoint {
                            run.endpoints.add(endpoint);
                        }
                    }
                }
                if self.is_worn_out(now) {
                    *self = Self::open(now, 1, random);
                    return Change::Opened;
                }
                Change::Nothing
            }
            Self::Open { times, .. } | Self::HalfOpen { times, .. } => {
                let times = *times;
                match sign {
                    Sign::Lives => {
                        *self = Self::default();
                        return Change::Closed;
                    }
                    // The service answered nothing, or something, before it broke: only a probe tells of the present.
                    Sign::Failed | Sign::Unanswered if was_probe => {
                        *self = Self::open(now, times.saturating_add(1), random);
                        return Change::Opened;
                    }
                    Sign::None if was_probe => *self = Self::HalfOpen { probing: false, times, since: now },
                    Sign::Failed | Sign::Unanswered | Sign::None => {}
                }
                Change::Nothing
            }
        }
    }

    fn is_worn_out(&self, now: Instant) -> bool {
        let Self::Closed { run } = self else { return false };
        run.wears_out(now)
    }

    fn open(now: Instant, times: u32, random: u64) -> Self {
        let time = open_time(times);
        let quarter = u64::try_from(time.as_micros() / 4).unwrap_or(u64::MAX);
        let until = now + time.saturating_sub(Duration::from_micros(random % quarter.saturating_add(1)));
        Self::Open { until, times }
    }
}

fn open_time(times: u32) -> Duration {
    OPEN_FIRST.saturating_mul(1 << times.saturating_sub(1).min(10)).min(OPEN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as it is handed in")]
    fn endpoint(number: u64) -> Option<EndpointKey> {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        Some(crate::domain::SubscriptionId(id))
    }

    fn after_unanswered(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..UNANSWERED_MAX {
            assert_eq!(breaker.ended(now, Sign::Unanswered, None, false, 0), Change::Nothing);
        }
        assert_eq!(breaker.ended(now, Sign::Unanswered, None, false, 0), Change::Opened);
        breaker
    }

    #[test]
    fn opens_for_longer_each_time_and_closes_with_an_answer() {
        let mut now = Instant::now();
        let mut breaker = after_unanswered(now);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let until = now + Duration::from_secs(seconds);
            assert_eq!(breaker.look(until - Duration::from_millis(1)), Look::Until(until));
            now = until;
            assert_eq!(breaker.look(now), Look::Probe);
            assert!(breaker.started());
            assert!(matches!(breaker.look(now), Look::Until(later) if later > now), "one probe at a time");
            assert!(!breaker.started());
            assert_eq!(breaker.ended(now, Sign::Unanswered, None, false, 0), Change::Nothing, "from before");
            assert_eq!(breaker.ended(now, Sign::Unanswered, None, true, 0), Change::Opened);
        }
        assert_eq!(breaker.ended(now, Sign::Lives, None, false, 0), Change::Closed);
        assert_eq!(breaker.look(now), Look::Go);
        assert_eq!(after_unanswered(now).look(now), Look::Until(now + OPEN_FIRST), "it begins anew");
    }

    #[test]
    fn a_moments_failures_do_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for millis in 0..1_000 {
            let at = now + Duration::from_millis(millis);
            let endpoint = endpoint(millis % 100);
            assert_eq!(breaker.ended(at, Sign::Failed, endpoint, false, 0), Change::Nothing);
        }
        assert_eq!(breaker.ended(now + FAILED_FOR, Sign::Failed, endpoint(1), false, 0), Change::Opened);
    }

    #[test]
    fn a_few_endpoints_do_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for second in 0..1_000 {
            let (at, of) = (now + Duration::from_secs(second), endpoint(second % 4));
            assert_eq!(breaker.ended(at, Sign::Failed, of, false, 0), Change::Nothing);
            assert_eq!(breaker.ended(at, Sign::Unanswered, of, false, 0), Change::Nothing);
        }
        for number in 0..UNANSWERED_MAX {
            let expected = if number + 1 < UNANSWERED_MAX { Change::Nothing } else { Change::Opened };
            let endpoint = endpoint(u64::from(number));
            assert_eq!(breaker.ended(now, Sign::Unanswered, endpoint, false, 0), expected);
        }
    }

    #[test]
    fn a_probe_that_was_not_made_makes_room_for_another() {
        let now = Instant::now();
        let mut breaker = after_unanswered(now);
        let later = now + OPEN_MAX;
        assert_eq!(breaker.look(later), Look::Probe);
        assert!(breaker.started());
        breaker.ended(later, Sign::None, None, true, 0);
        assert_eq!(breaker.look(later), Look::Probe);
    }

    #[test]
    fn jitter_takes_off_a_quarter_at_most() {
        let now = Instant::now();
        for random in [0, 1, u64::MAX / 3, u64::MAX] {
            let Breaker::Open { until, .. } = Breaker::open(now, 3, random) else { panic!("it is open") };
            assert!(until - now >= Duration::from_secs(3) && until - now <= Duration::from_secs(4));
        }
    }
}
