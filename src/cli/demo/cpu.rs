//! CPU time of a process.

use std::time::Duration;

/// How much CPU time a process has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CpuTime(Duration);

/// Linux's USER_HZ, the unit of `/proc/PID/stat`, on every architecture that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

impl CpuTime {
    /// Of a process by its id; `None` where the system does not tell, or when it has ended.
    pub(super) fn of(process: Option<u32>) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{}/stat", process?)).ok()?)
    }

    /// proc(5): `pid (name) state …`, where the name may hold anything. utime and stime are fields 14 and 15.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(Self(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND)))
    }

    /// What was used in between.
    pub(super) fn since(self, before: Self) -> Duration {
        self.0.saturating_sub(before.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "42 (a) b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 4 0 12345 1000 200";
        assert_eq!(CpuTime::parse(stat), Some(CpuTime(Duration::from_secs(3))));
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
