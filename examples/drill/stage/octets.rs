//! How much memory a process takes, and how much a directory.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// What the kernel tells of a process in kibibytes, in octets.
pub(crate) fn status_octets(process: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kibibytes.with_context(|| format!("no {field}"))?.trim().parse::<u64>()? * 1024)
}

/// What the files of a directory take.
pub(crate) fn directory_octets(directory: &Path) -> std::io::Result<u64> {
    let mut octets = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        octets += if about.is_dir() { directory_octets(&entry.path())? } else { about.len() };
    }
    Ok(octets)
}

/// The size of a directory's largest file.
pub(crate) fn largest_file_octets(directory: &Path) -> std::io::Result<u64> {
    let mut largest = 0;
    for entry in fs::read_dir(directory)? {
        largest = largest.max(entry?.metadata()?.len());
    }
    Ok(largest)
}
