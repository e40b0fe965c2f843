//! Reads of a few rows, which are nearly always in sled's cache, run where they are asked for: a blocking thread would cost
//! two changes of thread, several times what the read itself takes. What such a read may take is bounded by what the last
//! ones took: one that was slow sends the next ones to blocking threads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a read may hold its caller's thread for. Longer ones wait for the disk, or for a batch that is being applied.
const READ_MAX: Duration = Duration::from_millis(1);
/// Reads that run on blocking threads after one that took longer.
const AWAY: u32 = 64;
/// Rows, or segments, up to which a read is of a few.
pub(crate) const FEW: usize = 8;

/// Whether reads are fast at present.
#[derive(Debug, Default)]
pub(crate) struct Inline {
    /// Reads that are still to run on blocking threads.
    away: AtomicU32,
}

impl Inline {
    /// Whether the next read may run on its caller's thread.
    pub(crate) fn may(&self) -> bool {
        self.away.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |away| away.checked_sub(1)).is_err()
    }

    /// Runs it, and notes how long it took.
    pub(crate) fn run<T>(&self, read: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let answer = read();
        if began.elapsed() > READ_MAX {
            self.away.store(AWAY, Ordering::Relaxed);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_read_sends_the_next_ones_away() {
        let inline = Inline::default();
        assert!(inline.may());
        inline.run(|| ());
        assert!(inline.may());
        inline.run(|| std::thread::sleep(READ_MAX * 2));
        let away = (0..2 * AWAY).take_while(|_| !inline.may()).count();
        assert_eq!(away, AWAY as usize);
        assert!(inline.may());
    }
}
