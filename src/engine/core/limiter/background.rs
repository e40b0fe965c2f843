//! Refusals that are as frequent at a fraction of the load: those are not about load, and are expected for a while.

use std::time::Duration;

use tokio::time::Instant;

use super::retreat::Retreat;
use super::{End, Limiter};

/// How long refusals that are not about load are expected.
const BACKGROUND_EXPECTED: Duration = Duration::from_secs(30);
/// How many refusals in a row are excused at most.
const ALLOWANCE_MAX: f64 = 30.0;

/// Refusals that are expected whatever the load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Background {
    share: f64,
    /// Then it is looked at again.
    until: Instant,
    /// So many are excused; twice the share is added for each answer.
    allowance: f64,
    answers: f64,
    refused: f64,
}

impl Limiter {
    /// Stepping back did not help: this share is refused whatever the load is.
    pub(super) fn expect_background(&mut self, now: Instant, from: Retreat, share: f64) {
        (self.concurrency, self.rate) = (from.concurrency, from.rate);
        (self.known_concurrency, self.known_rate) = (from.known_concurrency, from.known_rate);
        self.hold_until = now;
        self.background = Some(Background::new(now, share));
        (self.retreat, self.series) = (None, None);
    }

    /// A refusal that is expected whatever the load says nothing.
    pub(super) fn excuse(&mut self, now: Instant, end: End) -> End {
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
