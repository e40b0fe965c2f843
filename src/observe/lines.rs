//! How many lines of one kind the log takes: what thousands cause at once is told of a few of them, and counted.

use std::time::Duration;

use tokio::time::Instant;

/// Lines of a kind in [`PERIOD`], at most.
const LINES_MAX: u32 = 30;
/// The time that they are counted in.
const PERIOD: Duration = Duration::from_secs(10);

/// Lines of one kind.
#[derive(Debug, Default)]
pub struct Lines {
    since: Option<Instant>,
    written: u32,
    left_out: u32,
}

impl Lines {
    /// Whether there is room for another line, and how many were left out before it. `None`: it is left out.
    pub fn room(&mut self, now: Instant) -> Option<u32> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= PERIOD) {
            (self.since, self.written) = (Some(now), 0);
        }
        if self.written == LINES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_bounded_and_what_is_left_out_is_counted() {
        let start = Instant::now();
        let mut lines = Lines::default();
        let written = (0..100).filter_map(|_| lines.room(start)).collect::<Vec<_>>();
        assert_eq!(written, vec![0; LINES_MAX as usize]);
        assert_eq!(lines.room(start + PERIOD / 2), None);
        assert_eq!(lines.room(start + PERIOD), Some(101 - LINES_MAX));
        assert_eq!(lines.room(start + PERIOD), Some(0));
    }
}
