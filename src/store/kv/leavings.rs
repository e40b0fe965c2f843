//! What a start that did not come to its end leaves beside sled's log, and how it is cleared before sled opens: it was
//! killed, lost power, or found the disk full.
//!
//! sled 0.34.7 writes a snapshot of its page table at each start that read something new: to `snap.LSN.generating`, synced,
//! then renamed to `snap.LSN` (`pagecache/snapshot.rs` `write_snapshot`). At a start it takes of all names that begin with
//! `snap.` the last in order, `.generating` or not (`read_snapshot`), and refuses to open for ever when that is shorter
//! than its checksum or does not match it. A snapshot only shortens a start: the log alone has everything. So one that
//! does not read is taken out of sled's sight.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::aside::set_aside;

/// What sled's snapshots begin with.
const SNAPSHOT: &str = "snap.";
/// What one ends with that was not finished.
const UNFINISHED: &str = ".generating";
/// Octets behind a snapshot's content: its length (8), and the checksum (4) of the content, both little-endian.
const TRAILER: usize = 12;

/// Takes what does not read out of sled's sight: an empty file that was not finished is removed, any other is renamed.
/// Says in the log what was done. Gives the number in the log up to which the latest whole snapshot has everything.
pub(super) fn clear(directory: &Path) -> io::Result<u64> {
    let mut cleared = false;
    let mut stable = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if !text.starts_with(SNAPSHOT) || !entry.file_type()?.is_file() {
            continue;
        }
        let content = fs::read(entry.path())?;
        if is_whole(&content) {
            let number = text.trim_start_matches(SNAPSHOT).trim_end_matches(UNFINISHED);
            stable = stable.max(u64::from_str_radix(number, 16).unwrap_or(0));
            continue;
        }
        let (file, octets) = (&*text, content.len());
        if content.is_empty() && text.ends_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
            tracing::warn!(
                file,
                "removed an empty snapshot that an earlier start did not come to write: the log has everything"
            );
        } else {
            let renamed = set_aside(directory, &name)?;
            tracing::warn!(
                file,
                octets,
                renamed,
                "set an incomplete snapshot aside, which would keep the store from opening: the log has everything. Once the \
                 store has opened, it can be deleted"
            );
        }
        cleared = true;
    }
    if cleared {
        File::open(directory)?.sync_all()?;
    }
    Ok(stable)
}

/// The octets of the largest snapshot: about what the next one takes.
pub(super) fn largest_snapshot(directory: &Path) -> io::Result<u64> {
    let mut largest = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SNAPSHOT) {
            largest = largest.max(entry.metadata()?.len());
        }
    }
    Ok(largest)
}

/// Whether sled reads a snapshot: its content matches its checksum.
fn is_whole(snapshot: &[u8]) -> bool {
    let Some((content, trailer)) = snapshot
        .len()
        .checked_sub(TRAILER)
        .filter(|length| *length > 0)
        .map(|length| snapshot.split_at(length))
    else {
        return false;
    };
    crc32fast::hash(content).to_le_bytes() == trailer[TRAILER - 4..]
}
