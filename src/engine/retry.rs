//! When a failed attempt is followed by another: a pure function.

use std::time::Duration;

use crate::domain::Timestamp;

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// Attempts made so far, this one included: at least 1.
    pub(crate) attempts: u32,
    /// What the push service asked for.
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
    /// Any wait at most.
    pub(crate) max: Duration,
}

impl Backoff {
    /// When to try again; `None` when that would be too late.
    ///
    /// Without a word of the push service: exponential, the upper half of it jittered, so that a burst of failures comes
    /// back spread out but never at once. With Retry-After: not before it, and up to an eighth later, for the same reason.
    pub(crate) fn next(&self, failure: Failure) -> Option<Timestamp> {
        let doublings = failure.attempts.saturating_sub(1).min(20);
        let step = self.base.saturating_mul(1 << doublings).min(self.max);
        let (least, spread) = match failure.retry_after {
            Some(asked) => (asked.min(self.max), asked.min(self.max) / 8),
            None => (step / 2, step / 2),
        };
        let spread = u64::try_from(spread.as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(failure.random % spread.saturating_add(1));
        let due = failure.now.plus(least).plus(jitter);
        // Whoever starts within the last second would have to write TTL: 0.
        (due.plus(Duration::from_secs(1)) <= failure.expires).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(2), max: Duration::from_secs(600) };

    fn failure(attempts: u32, random: u64) -> Failure {
        let now = Timestamp::from_secs(1_800_000_000);
        Failure { attempts, retry_after: None, now, expires: Timestamp::MAX, random }
    }

    #[test]
    fn grows_and_stays_below_the_maximum() {
        for (attempts, least, most) in
            [(1, 1, 2), (2, 2, 4), (3, 4, 8), (9, 256, 512), (10, 300, 600), (99, 300, 600)]
        {
            for random in [0, 1, u64::MAX / 2, u64::MAX] {
                let failure = failure(attempts, random);
                let wait = BACKOFF.next(failure).unwrap().since(failure.now);
                assert!(
                    wait >= Duration::from_secs(least) && wait <= Duration::from_secs(most),
                    "{attempts} {wait:?}"
                );
            }
        }
    }

    #[test]
    fn does_what_the_service_asks_within_the_maximum() {
        let asked = Failure { retry_after: Some(Duration::from_secs(120)), ..failure(1, u64::MAX) };
        let wait = BACKOFF.next(asked).unwrap().since(asked.now);
        assert!(wait >= Duration::from_secs(120) && wait <= Duration::from_secs(135), "{wait:?}");
        let absurd = Failure { retry_after: Some(Duration::from_secs(1 << 40)), ..failure(1, 0) };
        assert_eq!(BACKOFF.next(absurd).unwrap().since(absurd.now), Duration::from_secs(600));
    }

    proptest! {
        #[test]
        fn never_past_the_end(attempts in 1..100_u32, left in 0..5_000_u64, asked in proptest::option::of(0..10_000_u64), random: u64) {
            let mut failure = failure(attempts, random);
            failure.expires = failure.now.plus(Duration::from_secs(left));
            failure.retry_after = asked.map(Duration::from_secs);
            if let Some(due) = BACKOFF.next(failure) {
                prop_assert!(due >= failure.now && due < failure.expires);
            }
        }
    }
}
