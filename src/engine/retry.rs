//! When a failed attempt is followed by another: a pure function.

use std::time::Duration;

use crate::domain::{Outcome, Timestamp};

/// Who is throttled without being told for how long waits as if it had failed this many times more.
const THROTTLED_DOUBLINGS: u32 = 2;
/// Due times are rounded up to this part of the wait, so that deliveries of a page come due together.
const GRAINS: u32 = 8;
/// No retry is put into the last second: its answer would come when the message is worth nothing any more.
pub(crate) const LAST_SECOND: Duration = Duration::from_secs(1);

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// What the attempt came to.
    pub(crate) outcome: Outcome,
    /// Attempts made so far, this one included: at least 1.
    pub(crate) attempts: u32,
    /// What the push service asked for, a date made into seconds.
    pub(crate) retry_after: Option<Duration>,
    /// When it failed.
    pub(crate) now: Timestamp,
    /// When the message is worth nothing any more.
    pub(crate) expires: Timestamp,
    /// Uniformly random.
    pub(crate) random: u64,
}

/// Waits grow by powers of two from `base` to `max`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The first wait at most.
    pub(crate) base: Duration,
    /// Any wait at most, but for the rounding.
    pub(crate) max: Duration,
}

impl Backoff {
    /// When to try again; `None` when that would be too late: the end of the message has come, or the push service asked for
    /// more than is left. A wait of our own that would reach beyond the end is cut off there.
    ///
    /// Without a word of the push service: exponential with full jitter, so that a burst of failures comes back spread over
    /// the whole wait. With Retry-After: not before it, at most `max`, and up to an eighth later, for the same reason, or
    /// as much later as without it where it asks for less: 0, or a date that has passed, would be no wait at all. Then
    /// rounded up to an eighth of the wait.
    pub(crate) fn next(&self, failure: Failure) -> Option<Timestamp> {
        let more = if failure.outcome == Outcome::Throttled { THROTTLED_DOUBLINGS } else { 0 };
        let doublings = failure.attempts.saturating_sub(1).saturating_add(more).min(20);
        let step = self.base.saturating_mul(1 << doublings).min(self.max);
        let asked = failure.retry_after.map(|asked| asked.min(self.max));
        let (least, spread, wait) = asked.map_or((Duration::ZERO, step, step), |asked| {
            let shorter = asked < step;
            (asked, if shorter { step } else { asked / GRAINS }, asked.max(step))
        });
        let jitter = 1 + failure.random % micros(spread).max(1);
        let earliest = failure.now.plus(least);
        let due = earliest.plus(Duration::from_micros(jitter));
        let latest = failure.expires.minus(LAST_SECOND);
        let rounded = due.as_micros().checked_next_multiple_of(micros(wait / GRAINS).max(1));
        let in_time = failure.now < latest && earliest <= latest;
        in_time.then(|| rounded.map_or(latest, Timestamp::from_micros).min(latest))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(2), max: Duration::from_secs(600) };

    fn failure(attempts: u32, random: u64) -> Failure {
        let now = Timestamp::from_micros(1_800_000_000_123_456);
        let outcome = Outcome::Unavailable;
        Failure { outcome, attempts, retry_after: None, now, expires: Timestamp::MAX, random }
    }

    fn wait(failure: Failure) -> Duration {
        BACKOFF.next(failure).unwrap().since(failure.now)
    }

    #[test]
    fn grows_and_stays_below_the_maximum() {
        for (attempts, step) in [(1, 2), (2, 4), (3, 8), (9, 512), (10, 600), (99, 600)] {
            let step = Duration::from_secs(step);
            for random in [0, 1, u64::MAX / 2, u64::MAX] {
                let wait = wait(failure(attempts, random));
                assert!(!wait.is_zero() && wait <= step + step / GRAINS, "{attempts} {wait:?}");
            }
        }
        let throttled = Failure { outcome: Outcome::Throttled, ..failure(1, 7_999_999) };
        assert!(wait(throttled) >= Duration::from_secs(8), "four times as long at most");
    }

    #[test]
    fn jitter_is_full_and_due_times_meet() {
        let now = failure(1, 0).now;
        let dues: Vec<_> =
            (0..1_000_u64).map(|part| BACKOFF.next(failure(4, part * 16_000)).unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = dues.iter().collect();
        assert!((8..=9).contains(&distinct.len()), "{distinct:?}");
        let early = dues.iter().filter(|due| due.since(now) <= Duration::from_secs(8)).count();
        assert!((400..=600).contains(&early), "half of them in the first half: {early}");
    }

    #[test]
    fn does_what_the_service_asks_within_the_maximum() {
        let asked = Failure { retry_after: Some(Duration::from_secs(120)), ..failure(1, u64::MAX) };
        let waits = wait(asked);
        assert!(waits >= Duration::from_secs(120) && waits <= Duration::from_secs(150), "{waits:?}");
        let absurd = Failure { retry_after: Some(Duration::from_secs(1 << 40)), ..failure(1, 0) };
        let waits = wait(absurd);
        assert!(waits >= Duration::from_secs(600) && waits <= Duration::from_secs(675), "{waits:?}");
    }

    #[test]
    fn the_last_one_is_made_at_the_end() {
        let ends_in = |left: u64, retry_after: Option<u64>| {
            let failure = failure(9, u64::MAX);
            let expires = failure.now.plus(Duration::from_secs(left));
            let retry_after = retry_after.map(Duration::from_secs);
            BACKOFF.next(Failure { retry_after, expires, ..failure }).map(|due| expires.since(due))
        };
        // The wait would be some minutes.
        assert_eq!(ends_in(60, None), Some(LAST_SECOND));
        assert_eq!(ends_in(2, None), Some(LAST_SECOND));
        assert_eq!(ends_in(60, Some(59)), Some(LAST_SECOND), "not before the service asks for");
        for (left, asked) in [(1, None), (0, None), (60, Some(60)), (60, Some(3_600))] {
            assert_eq!(ends_in(left, asked), None, "{left} {asked:?}");
        }
    }

    proptest! {
        #[test]
        fn never_past_the_end(attempts in 1..100_u32, left in 0..5_000_u64, asked in proptest::option::of(0..10_000_u64), random: u64) {
            let mut failure = failure(attempts, random);
            failure.expires = failure.now.plus(Duration::from_secs(left));
            failure.retry_after = asked.map(Duration::from_secs);
            if let Some(due) = BACKOFF.next(failure) {
                prop_assert!(due > failure.now && due.plus(LAST_SECOND) <= failure.expires);
                prop_assert!(due.since(failure.now) >= failure.retry_after.unwrap_or_default().min(BACKOFF.max));
            }
        }
    }
}
