//! What an origin did, second by second: requests, answers, and the time that requests were open.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use super::control_json::SecondLine;

/// Seconds that are remembered.
const SECONDS_MAX: usize = 120;

/// The figures of the last seconds. Owned by whoever counts, so it has no locks.
#[derive(Debug)]
pub(crate) struct Seconds {
    start: Instant,
    /// Up to when the open requests' time is counted.
    counted: Instant,
    lines: VecDeque<SecondLine>,
    busy_micros: u64,
}

impl Seconds {
    /// `start` is the beginning of second 0.
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, counted: start, lines: VecDeque::new(), busy_micros: 0 }
    }

    /// Counts the time of the requests that were open until `now`, and gives the line of that second to count on.
    pub(crate) fn at(&mut self, now: Instant, open: u64) -> &mut SecondLine {
        if open > 0 {
            self.count_open(now, open);
        }
        self.counted = self.counted.max(now);
        let second = self.second(now);
        self.line(second, open)
    }

    /// Microseconds that requests were open, one by one, up to the last call of [`Seconds::at`].
    pub(crate) fn busy_micros(&self) -> u64 {
        self.busy_micros
    }

    /// Those that are remembered and had anything.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &SecondLine> {
        self.lines.iter()
    }

    fn count_open(&mut self, now: Instant, open: u64) {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.busy_micros += micros(now.saturating_duration_since(self.counted)) * open;
        // What is older has left the window.
        let window = Duration::from_secs(SECONDS_MAX as u64);
        let mut from = self.counted.max(now.checked_sub(window).unwrap_or(self.start));
        while from < now {
            let second = self.second(from);
            let end = now.min(self.start + Duration::from_secs(second + 1));
            self.line(second, open).busy_micros += micros(end - from) * open;
            from = end;
        }
    }

    fn second(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_secs()
    }

    fn line(&mut self, second: u64, open: u64) -> &mut SecondLine {
        // Time does not go back: what comes late is counted in the latest second.
        let new = self.lines.back().is_none_or(|last| last.second < second);
        if new {
            if self.lines.len() >= SECONDS_MAX {
                self.lines.pop_front();
            }
            self.lines.push_back(SecondLine { second, peak: open, ..SecondLine::default() });
        }
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn open_time_is_shared_out_to_the_seconds_it_lasted() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut seconds = Seconds::new(start);
        seconds.at(at(500), 0).requests += 1;
        // Two open for 1.75 s, then one for 0.25 s.
        seconds.at(at(2_250), 2).taken += 1;
        seconds.at(at(2_500), 1);
        let busy: Vec<_> = seconds.lines().map(|line| (line.second, line.busy_micros)).collect();
        assert_eq!(busy, [(0, 1_000_000), (1, 2_000_000), (2, 750_000)]);
        assert_eq!(seconds.busy_micros(), 3_750_000);
        let lines: Vec<_> = seconds.lines().map(|line| (line.requests, line.taken)).collect();
        assert_eq!(lines, [(1, 0), (0, 0), (0, 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_seconds_are_remembered() {
        let start = Instant::now();
        let mut seconds = Seconds::new(start);
        seconds.at(start, 0);
        seconds.at(start + Duration::from_secs(100_000), 1);
        assert_eq!(seconds.busy_micros(), 100_000_000_000);
        assert!(seconds.lines().count() <= SECONDS_MAX);
        assert_eq!(seconds.lines().map(|line| line.busy_micros).max(), Some(1_000_000));
    }
}
