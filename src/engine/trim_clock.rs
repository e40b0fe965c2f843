//! The time that trimming goes by: that of the clock, unless the clock has jumped ahead. It follows such a jump at a bounded
//! pace, so that a wrong clock takes no history before somebody has had hours to notice. What it has come to is noted in the
//! store: a restart changes nothing. A machine that was really off for long is followed in the same way, and then its
//! history is kept somewhat longer.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Now;
use crate::domain::Timestamp;

/// It gets on at most so many times as fast as time passes: a week of history would be gone after seven hours.
const PACE: u32 = 24;
/// At a start it may get on by this, since nobody knows how much time has passed.
const AT_START: Duration = Duration::from_secs(60);

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct TrimClock {
    /// Where it stands; `None`: nothing is recorded, so any time will do.
    at: Option<Timestamp>,
    looked: Option<Instant>,
}

impl TrimClock {
    /// One that stood there when the process before ended.
    pub(super) fn new(noted: Option<Timestamp>) -> Self {
        Self { at: noted, looked: None }
    }

    /// What time trimming goes by now. Never later than the clock.
    pub(super) fn look(&mut self, now: Now) -> Timestamp {
        let may = self
            .looked
            .replace(now.monotonic)
            .map_or(AT_START, |looked| now.monotonic.saturating_duration_since(looked).saturating_mul(PACE));
        let at = self.at.map_or(now.wall, |at| at.plus(may).min(now.wall));
        self.at = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    /// A script: how far monotonic and wall time go on before each look, in minutes, and where it stands then.
    fn play(noted: Option<Timestamp>, script: &[(u32, i64, i64)]) {
        let began = Instant::now();
        let (mut passed, mut wall) = (Duration::ZERO, 0_i64);
        let mut clock = TrimClock::new(noted);
        for (step, (monotonic, minutes, expected)) in script.iter().enumerate() {
            passed += MINUTE * *monotonic;
            wall += minutes;
            let at = |minutes: i64| Timestamp::from_secs((1_800_000_000 + 60 * minutes).cast_unsigned());
            let now = Now { wall: at(wall), monotonic: began + passed };
            assert_eq!(clock.look(now), at(*expected), "step {step}");
        }
    }

    #[test]
    fn it_is_the_clock_as_long_as_that_goes_on() {
        play(None, &[(0, 0, 0), (1, 1, 1), (1, 1, 2), (60, 60, 62), (1, 20, 82)]);
        play(Some(START), &[(0, 0, 0), (1, 1, 1)]);
    }

    #[test]
    fn it_follows_a_jump_slowly_and_a_step_back_at_once() {
        let year = 365 * 24 * 60;
        play(Some(START), &[(0, 0, 0), (1, 10 * year, 24), (1, 1, 48), (60, 60, 1_488), (1, -10 * year, 61)]);
        // Off for a day: caught up within the hour and a bit.
        play(Some(START), &[(0, 1_440, 1), (60, 60, 1_441), (5, 5, 1_505)]);
    }

    #[test]
    fn a_restart_gains_a_minute_at_most() {
        let mut noted = START;
        for _ in 0..100 {
            let wall = START.plus(MINUTE * 1_000_000);
            let now = Now { wall, monotonic: Instant::now() };
            let at = TrimClock::new(Some(noted)).look(now);
            assert_eq!(at, noted.plus(AT_START));
            noted = at;
        }
    }
}
