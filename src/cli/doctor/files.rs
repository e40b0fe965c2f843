//! The files that the configuration names, and their modes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::finding::Finding;
use super::finding::Severity::{Hint, Serious, Warning};
use crate::config::{Config, mode_open_to_others};
use crate::domain::{Clock as _, SystemClock};
use crate::store::{Octets, kv};

/// Settings whose values are secrets, as they stand in a file.
const SECRETS: [&str; 3] = ["master_key", "api_key", "egress_proxy"];
/// Beside the configuration: where the unit (`packaging/systemd`) has its secrets from.
const ENVIRONMENT_FILE: &str = "environment";
/// So many reserves, and one in so many parts of what the store takes, had better be free.
const LOW: u64 = 4;
const SMALL_SHARE: u64 = 10;
/// What clocks may differ by between two machines on one disk.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// `config_file`: where the configuration was read from.
pub(super) fn look(config: &Config, config_file: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    data_directory(&config.store.data_dir, config.store.free_octets_min, &mut findings);
    let exceptions =
        config.push_services.exceptions.iter().filter_map(|exception| exception.client_key.as_deref());
    let keys = [
        ("store.sealing.master_key_file", config.store.sealing.master_key_file.as_deref()),
        ("server.tls.private_key", config.server.tls.private_key.as_deref()),
    ];
    let keys = keys.into_iter().filter_map(|(setting, path)| Some((setting, path?)));
    for (setting, path) in keys.chain(exceptions.map(|path| ("push_services.exceptions.client_key", path))) {
        if let Some(mode) = mode_open_to_others(path) {
            findings.push(Finding::new(
                Serious,
                "key-file-open",
                format!("{} ({setting}) has mode {mode:04o}", path.display()),
                "Other users of this machine may read the key, and with it do what only the server should.",
                format!("chmod 600 {}, owned by whom the server runs as.", path.display()),
            ));
        }
    }
    if let Some(path) = config_file.map(|path| path.with_file_name(ENVIRONMENT_FILE))
        && let Some(mode) = mode_open_to_others(&path)
    {
        findings.push(Finding::new(
            Serious,
            "environment-file-open",
            format!(
                "{}, from which systemd sets the server's variables, has mode {mode:04o}",
                path.display()
            ),
            "Other users of this machine may read the secrets in it.",
            format!("chmod 600 {}, owned by root.", path.display()),
        ));
    }
    if let Some(path) = config_file
        && let (Some(mode), Ok(text)) = (mode_open_to_others(path), std::fs::read_to_string(path))
    {
        let is_set = |name: &&&str| {
            let sets = |line: &str| {
                line.trim_start().strip_prefix(**name).is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            text.lines().any(sets)
        };
        let secrets: Vec<_> = SECRETS.iter().filter(is_set).copied().collect();
        if !secrets.is_empty() {
            findings.push(Finding::new(
                Serious,
                "config-file-open",
                format!("{} has mode {mode:04o} and sets {}", path.display(), secrets.join(", ")),
                "Other users of this machine may read these secrets.",
                format!("chmod 600 {}, or put them into the environment.", path.display()),
            ));
        }
    }
    findings
}

/// How much room the disk has, and what the store takes of it.
fn room(directory: &Path, free_octets_min: u64) -> Option<Finding> {
    let disk = kv::disk(directory, free_octets_min).ok()?;
    let (free, taken) = (disk.free_octets?, Octets(disk.file_octets));
    let told = format!("the store takes {taken} on disk and can grow by {}", Octets(free));
    let mend = "Free some, or give the data directory a larger disk; docs/storage.md tells what is kept for how long.";
    Some(if disk.missing_octets > 0 {
        Finding::new(
            Serious,
            "disk-full",
            format!("{told}: {} too little", Octets(disk.missing_octets)),
            "With less than store.free_octets_min the server does not start, and takes nothing new while it runs.",
            mend,
        )
    } else if free < free_octets_min.saturating_mul(LOW) || free < disk.file_octets / SMALL_SHARE {
        Finding::new(
            Warning,
            "disk-low",
            told,
            "With less than store.free_octets_min the server takes nothing new, and the store's file does not shrink.",
            mend,
        )
    } else {
        Finding::new(
            Hint,
            "disk",
            told,
            "What was removed makes room in the file, which does not shrink.",
            "Watch fanfare_disk_free_octets and fanfare_store_file_octets (docs/metrics.md).",
        )
    })
}

fn data_directory(directory: &Path, free_octets_min: u64, findings: &mut Vec<Finding>) {
    let Ok(about) = std::fs::metadata(directory) else { return };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        findings.push(Finding::new(
            Serious,
            "data-directory-open",
            format!("{} has mode {mode:04o}", directory.display()),
            "Other users of this machine could read all that is stored: keys, endpoints, messages.",
            format!(
                "chmod 700 {}, as each start of the server does; think of who may have copied it.",
                directory.display()
            ),
        ));
    }
    if let Some(finding) = room(directory, free_octets_min) {
        findings.push(finding);
    }
    let newest = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let newest = newest.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max();
    let now = SystemTime::UNIX_EPOCH + Duration::from_micros(SystemClock.now().as_micros());
    let ahead = newest.and_then(|newest| newest.duration_since(now).ok());
    if let Some(ahead) = ahead.filter(|ahead| *ahead > CLOCK_SLACK) {
        findings.push(Finding::new(
            Warning,
            "clock",
            format!(
                "the data directory was written {} in the future, by this machine's clock",
                humantime::format_duration(Duration::from_secs(ahead.as_secs()))
            ),
            "The clock was set back, or is wrong: push services refuse tokens of another time, and messages expire early \
             or late.",
            "Let the machine take its time from NTP.",
        ));
    }
}
