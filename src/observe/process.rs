//! What this process uses of the machine, read from `/proc` at each scrape. The names are those that Prometheus' own clients
//! give it, without our prefix: dashboards and alerts of other programs know them. What the system does not tell is left out.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::cpu::{CpuTime, TICKS_PER_SECOND};
use crate::open_files;

/// Reads them when it is asked.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut shown = Shown(encoder);
        if let Some(cpu) = CpuTime::of(Some(std::process::id())) {
            let help = "CPU time used, in the program and in the kernel for it";
            shown.add(
                "process_cpu",
                help,
                Some(Unit::Seconds),
                ConstCounter::new(cpu.total().as_secs_f64()),
            )?;
        }
        let status = read("/proc/self/status");
        if let Some(resident) = kibibytes(&status, "VmRSS:") {
            let help = "Memory that is in use";
            shown.add("process_resident_memory", help, Some(Unit::Bytes), ConstGauge::new(resident))?;
        }
        if let Some(size) = kibibytes(&status, "VmSize:") {
            let help = "Address space that is reserved";
            shown.add("process_virtual_memory", help, Some(Unit::Bytes), ConstGauge::new(size))?;
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // Reading the directory takes one.
            let open = open.count().saturating_sub(1) as u64;
            shown.add("process_open_fds", "File descriptors that are open", None, ConstGauge::new(open))?;
        }
        if let Some(limit) = open_files::limit() {
            let help = "File descriptors that may be open";
            shown.add("process_max_fds", help, None, ConstGauge::new(limit))?;
        }
        if let Some(started) = started(&read("/proc/self/stat"), &read("/proc/stat")) {
            let help = "When the process started, since 1970";
            shown.add("process_start_time", help, Some(Unit::Seconds), ConstGauge::new(started))?;
        }
        Ok(())
    }
}

struct Shown<'a>(DescriptorEncoder<'a>);

impl Shown<'_> {
    fn add(&mut self, name: &str, help: &str, unit: Option<Unit>, metric: impl EncodeMetric) -> fmt::Result {
        let encoder =
            self.0.encode_descriptor(name, &format!("{help}."), unit.as_ref(), metric.metric_type())?;
        metric.encode(encoder)
    }
}

/// A file of `/proc`; empty where there is none.
fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// A line of `/proc/PID/status`, in octets.
fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// proc(5): field 22 of `/proc/PID/stat` counts ticks from the machine's start, which `btime` in `/proc/stat` tells. Seconds
/// since 1970.
fn started(own: &str, machine: &str) -> Option<f64> {
    let (_, fields) = own.rsplit_once(')')?;
    let ticks: f64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let boot = machine.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(boot.trim().parse::<f64>().ok()? + ticks / f64::from(TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_start_are_read() {
        let status = "Name:\tfanfare\nVmSize:\t  204800 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1_234 * 1_024));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        let own = "42 (a) b) R 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 7 20 0 4 0 12345 1000 200";
        assert_eq!(started(own, "cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_123.45));
        assert_eq!(started("", ""), None);
    }
}
