//! Wall time that follows tokio's paused time, jumps when it is told to, and stands still while the store works.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare::domain::{Clock, Timestamp};
use tokio::time::Instant;

/// When every history begins.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Wall time of one history.
#[derive(Debug)]
pub(crate) struct PacedClock {
    pace: Mutex<Pace>,
    /// The latest time before it was set, ever.
    latest: AtomicU64,
    /// What it showed last, and how often in a row.
    shown: Mutex<(Timestamp, u32)>,
}

/// Who asks so often without any time passing will ask for ever.
const SHOWN_MAX: u32 = 200_000;

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// It stands.
    Held(Timestamp),
    /// It was `.0` at `.1`, and goes on with it.
    Running(Timestamp, Instant),
}

impl PacedClock {
    pub(crate) fn new() -> Self {
        Self { pace: Mutex::new(Pace::Held(START)), latest: AtomicU64::new(0), shown: Mutex::default() }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the time of the runtime that calls.
    pub(crate) fn run(&self) {
        let now = self.now();
        *self.pace() = Pace::Running(now, Instant::now());
    }

    /// Stands still from now on.
    pub(crate) fn hold(&self) {
        let now = self.now();
        *self.pace() = Pace::Held(now);
    }

    /// Stands still during `work`, which may ask for the time on any thread.
    pub(crate) fn held<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = *self.pace();
        self.hold();
        let done = work();
        *self.pace() = before;
        done
    }

    /// The latest time that it has shown.
    pub(crate) fn latest(&self) -> Timestamp {
        self.now().max(Timestamp::from_micros(self.latest.load(Ordering::SeqCst)))
    }

    /// Somebody sets it while it stands.
    pub(crate) fn jump(&self, forward: bool, by: Duration) {
        let now = self.now();
        self.latest.fetch_max(now.as_micros(), Ordering::SeqCst);
        *self.pace() = Pace::Held(if forward { now.plus(by) } else { now.minus(by) });
    }
}

impl Clock for PacedClock {
    fn now(&self) -> Timestamp {
        let now = match *self.pace() {
            Pace::Held(now) => now,
            Pace::Running(wall, since) => wall.plus(since.elapsed()),
        };
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = (now, if shown.0 == now { shown.1 + 1 } else { 0 });
        assert!(shown.1 < SHOWN_MAX, "no time passes: somebody spins");
        now
    }
}
