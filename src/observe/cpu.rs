//! CPU time of a process.

use std::time::Duration;

/// How much CPU time a process has used since its start, all threads together, those that have ended included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In the program itself.
    pub user: Duration,
    /// In the kernel, for it.
    pub system: Duration,
}

/// Linux's USER_HZ, the unit of `/proc/PID/stat`, on every architecture that Rust runs on.
pub(super) const TICKS_PER_SECOND: u32 = 100;

impl CpuTime {
    /// Of a process by its id; `None` where the system does not tell, or when it has ended.
    #[must_use]
    pub fn of(process: Option<u32>) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{}/stat", process?)).ok()?)
    }

    /// proc(5): `pid (name) state …`, where the name may hold anything. utime and stime are fields 14 and 15.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next =
            || Some(Duration::from_millis(ticks.next()?.ok()? * 1_000 / u64::from(TICKS_PER_SECOND)));
        Some(Self { user: next()?, system: next()? })
    }

    /// Both together.
    #[must_use]
    pub fn total(self) -> Duration {
        self.user + self.system
    }

    /// What was used in between.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "42 (a) b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 4 0 12345 1000 200";
        let (user, system) = (Duration::from_millis(2_500), Duration::from_millis(500));
        assert_eq!(CpuTime::parse(stat), Some(CpuTime { user, system }));
        assert_eq!(CpuTime::parse("42 (a) R 1"), None);
        assert_eq!(CpuTime::parse(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_used_some() {
        assert!(CpuTime::of(Some(std::process::id())).is_some());
        assert_eq!(CpuTime::of(None), None);
    }
}
