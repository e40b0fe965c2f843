//! What a process has used, as Linux's `/proc` tells.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use crate::observe::CpuTime;

/// Starts the names of the threads that write the store: its own and sled's.
const STORE_THREADS: [&str; 3] = ["store-writer", "sled", "log flusher"];

/// What a process has used since its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    /// Of all threads.
    pub(super) cpu: CpuTime,
    /// The part of the threads that write the store, of those that live.
    pub(super) store: Duration,
    /// Octets that it made the disk write.
    pub(super) written: u64,
    /// How often a thread gave its processor away to wait, of the threads that live.
    pub(super) switches: u64,
}

impl Usage {
    /// Of a process by its id.
    pub(super) fn of(process: u32) -> anyhow::Result<Self> {
        let cpu = CpuTime::of(Some(process)).context("/proc/PID/stat does not read: this needs Linux")?;
        Ok(Self {
            cpu,
            store: store_time(process)?,
            written: written(process)?,
            switches: switches(process)?,
        })
    }

    /// What was used in between.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.since(before.cpu),
            store: self.store.saturating_sub(before.store),
            written: self.written.saturating_sub(before.written),
            switches: self.switches.saturating_sub(before.switches),
        }
    }
}

/// A count, to reckon with. None is so large that it would lose precision.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(super) fn number(count: impl TryInto<u64>) -> f64 {
    count.try_into().map_or(0.0, |count: u64| count as f64)
}

/// The most that a process's resident set has been since [`forget_resident_peak`], in octets.
pub(super) fn resident_peak(process: u32) -> anyhow::Result<u64> {
    let status = read(process, "status")?;
    let kilobytes =
        fields(&status).get("VmHWM").and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    Ok(kilobytes.context("/proc/PID/status has no VmHWM")? * 1_024)
}

/// Lets [`resident_peak`] begin anew.
pub(super) fn forget_resident_peak(process: u32) -> anyhow::Result<()> {
    Ok(fs::write(format!("/proc/{process}/clear_refs"), "5")?)
}

fn read(process: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{process}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read {path}: this needs Linux"))
}

/// To the nanosecond: `/proc/PID/task/TID/schedstat` begins with the time on a processor.
fn store_time(process: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = task?.path();
        // A thread may end meanwhile.
        let (Ok(name), Ok(time)) =
            (fs::read_to_string(path.join("comm")), fs::read_to_string(path.join("schedstat")))
        else {
            continue;
        };
        if STORE_THREADS.iter().any(|one| name.starts_with(one)) {
            nanos += time.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// Voluntary context switches of all threads.
fn switches(process: u32) -> anyhow::Result<u64> {
    let mut switches = 0;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile.
        let Ok(status) = fs::read_to_string(task?.path().join("status")) else { continue };
        let count =
            fields(&status).get("voluntary_ctxt_switches").and_then(|count| count.parse::<u64>().ok());
        switches += count.context("/proc/PID/task/TID/status has no voluntary_ctxt_switches")?;
    }
    Ok(switches)
}

fn written(process: u32) -> anyhow::Result<u64> {
    let io = read(process, "io")?;
    fields(&io)
        .get("write_bytes")
        .and_then(|value| value.parse().ok())
        .context("/proc/PID/io has no write_bytes")
}

/// Lines of `name: value`.
fn fields(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_used_some() {
        assert!(Usage::of(std::process::id()).is_ok());
        assert!(resident_peak(std::process::id()).unwrap() > 0);
    }
}
