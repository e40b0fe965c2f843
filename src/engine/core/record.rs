//! What a lane's attempts came to in the last minute: counters and a histogram in slots of time, of a fixed size.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Outcome;

/// How much time one slot holds.
const SLOT: Duration = Duration::from_secs(10);
/// So many make a minute.
const SLOTS: usize = 6;
/// Buckets of latency: the first ends at [`FIRST_BUCKET`], each is [`BUCKET_GROWTH`] times as long as the one before it.
/// The last one holds all that is longer, about 40 s.
const BUCKETS: usize = 25;
const FIRST_BUCKET: f64 = 0.000_5;
const BUCKET_GROWTH: f64 = 1.6;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    accepted: u32,
    throttled: u32,
    errors: u32,
    refused: u32,
    attempts: u32,
    latencies: [u32; BUCKETS],
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct Record {
    slots: [Slot; SLOTS],
    /// Which slot is written to, and since when.
    current: usize,
    since: Instant,
}

/// Shares are of the attempts, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LastMinute {
    pub(super) accepted_per_second: f64,
    pub(super) throttled_share: f64,
    pub(super) error_share: f64,
    pub(super) refused_share: f64,
    pub(super) latency_p50: Option<Duration>,
    pub(super) latency_p99: Option<Duration>,
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self { slots: [Slot::default(); SLOTS], current: 0, since: now }
    }

    /// An attempt ended. `latency`: of its answer, if there was one.
    pub(super) fn add(&mut self, now: Instant, outcome: Outcome, latency: Option<Duration>) {
        self.turn(now);
        let Some(slot) = self.slots.get_mut(self.current) else { return };
        slot.attempts += 1;
        slot.accepted += u32::from(outcome == Outcome::Accepted);
        slot.throttled += u32::from(outcome == Outcome::Throttled);
        slot.errors += u32::from(is_error(outcome));
        slot.refused += u32::from(matches!(outcome, Outcome::CredentialsRefused | Outcome::KeyMismatch));
        if let Some(bucket) = latency.and_then(|latency| slot.latencies.get_mut(bucket_of(latency))) {
            *bucket += 1;
        }
    }

    /// Goes on to the slot of the present, emptying those in between.
    fn turn(&mut self, now: Instant) {
        for _ in 0..SLOTS {
            if now.saturating_duration_since(self.since) < SLOT {
                return;
            }
            self.current = (self.current + 1) % SLOTS;
            self.since += SLOT;
            if let Some(slot) = self.slots.get_mut(self.current) {
                *slot = Slot::default();
            }
        }
        self.since = self.since.max(now);
    }

    pub(super) fn last_minute(&mut self, now: Instant) -> LastMinute {
        self.turn(now);
        let sum = |of: fn(&Slot) -> u32| self.slots.iter().map(|slot| f64::from(of(slot))).sum::<f64>();
        let attempts = sum(|slot| slot.attempts).max(1.0);
        let lately = [self.current, (self.current + SLOTS - 1) % SLOTS];
        let accepted: f64 =
            lately.iter().filter_map(|at| self.slots.get(*at)).map(|slot| f64::from(slot.accepted)).sum();
        let time = SLOT + now.saturating_duration_since(self.since);
        LastMinute {
            accepted_per_second: accepted / time.as_secs_f64(),
            throttled_share: sum(|slot| slot.throttled) / attempts,
            error_share: sum(|slot| slot.errors) / attempts,
            refused_share: sum(|slot| slot.refused) / attempts,
            latency_p50: self.latency(0.5),
            latency_p99: self.latency(0.99),
        }
    }

    /// The latency that this share of the answers did not exceed.
    fn latency(&self, share: f64) -> Option<Duration> {
        let mut buckets = [0_u32; BUCKETS];
        for slot in &self.slots {
            for (sum, count) in buckets.iter_mut().zip(slot.latencies) {
                *sum += count;
            }
        }
        let answers: u32 = buckets.iter().sum();
        let wanted = (f64::from(answers) * share).ceil();
        let mut seen = 0.0;
        let mut bound = FIRST_BUCKET;
        for count in buckets {
            seen += f64::from(count);
            if answers > 0 && seen >= wanted {
                return Some(Duration::from_secs_f64(bound));
            }
            bound *= BUCKET_GROWTH;
        }
        None
    }
}

/// Whether it speaks against the origin or the way to it.
pub(super) const fn is_error(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Unavailable | Outcome::Unreachable | Outcome::TimedOut)
}

fn bucket_of(latency: Duration) -> usize {
    let mut bound = FIRST_BUCKET;
    let seconds = latency.as_secs_f64();
    let mut bucket = 0;
    while bucket < BUCKETS - 1 && seconds > bound {
        bound *= BUCKET_GROWTH;
        bucket += 1;
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_the_last_minute_and_forgets() {
        let start = Instant::now();
        let mut record = Record::new(start);
        let millis = Duration::from_millis;
        for index in 0..100 {
            let outcome = match index {
                0..10 => Outcome::Throttled,
                10..30 => Outcome::Unavailable,
                _ => Outcome::Accepted,
            };
            let latency = millis(if index % 10 == 0 { 900 } else { 10 });
            record.add(start + millis(index * 100), outcome, Some(latency));
        }
        record.add(start + millis(9_950), Outcome::TimedOut, None);
        let minute = record.last_minute(start + millis(10_000));
        assert!((minute.accepted_per_second - 7.0).abs() < 1e-9);
        assert!((minute.throttled_share - 10.0 / 101.0).abs() < 1e-9);
        assert!((minute.error_share - 21.0 / 101.0).abs() < 1e-9);
        let (p50, p99) = (minute.latency_p50.unwrap(), minute.latency_p99.unwrap());
        assert!(p50 >= millis(10) && p50 <= millis(16), "{p50:?}");
        assert!(p99 >= millis(900) && p99 <= millis(1_440), "{p99:?}");
        let minute = record.last_minute(start + millis(80_000));
        assert!(minute.accepted_per_second.abs() < 1e-9);
        assert_eq!(minute.latency_p50, None);
    }
}
