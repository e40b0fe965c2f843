//! Disk space of the log: how much there is, and how much is kept allocated beyond the log's end, so that what was begun can
//! be recorded whatever else fills the disk. sled fails for good with the first write that finds no room.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;

use super::backend::Space;

/// Octets in one of `st_blocks`, by POSIX.
const BLOCK: u64 = 512;
/// The least that is allocated at once.
const STEP: u64 = 256 << 10;

/// What is allocated beyond the log's end.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<Allocated>);

#[derive(Clone, Copy, Debug, Default)]
struct Allocated {
    /// Up to where.
    end: u64,
    /// The log's length when it was looked at last.
    length: u64,
    /// The file system cannot: free space has to do.
    unable: bool,
}

impl Allocated {
    /// Allocates up to `end`, or as far as is granted.
    fn grow_to(&mut self, log: &File, end: u64) {
        let mut more = end - self.end;
        while !self.unable && self.end < end && more > 0 {
            match fallocate(log, FallocateFlags::KEEP_SIZE, self.end, more) {
                Ok(()) => self.end += more,
                Err(Errno::INTR) => {}
                Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) if more >= 2 * STEP => more /= 2,
                Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => return,
                Err(error) => {
                    tracing::debug!(%error, "nothing can be allocated ahead on this file system");
                    self.unable = true;
                }
            }
            more = more.min(end.saturating_sub(self.end));
        }
    }
}

impl Ahead {
    /// Sees that `wanted` octets beyond the log's end are allocated, as far as the disk has them, and measures.
    pub(super) fn keep(&self, log: &File, wanted: u64) -> io::Result<Space> {
        let mut allocated = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let length = log.metadata()?.len();
        if length < allocated.length {
            // sled cut free segments off, and with them what was allocated behind.
            allocated.end = length;
        }
        allocated.length = length;
        allocated.end = allocated.end.max(length);
        // In steps of a quarter: each is a change of the file system.
        if allocated.end - length < wanted - wanted / 4 {
            allocated.grow_to(log, length + wanted);
        }
        let ahead = allocated.end - length;
        let about = log.metadata()?;
        let disk = fstatvfs(log)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok(Space {
            total_octets: disk.f_blocks.saturating_mul(disk.f_frsize),
            free_octets: free.saturating_add(ahead),
            certain_octets: if allocated.unable { free } else { ahead },
            file_octets: (about.blocks() * BLOCK).saturating_sub(ahead),
        })
    }
}

/// Measures without allocating: before the log is opened, or when there is none yet.
pub(super) fn measure(directory: &File, log: Option<&File>) -> io::Result<Space> {
    let disk = fstatvfs(directory)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let about = log.map(File::metadata).transpose()?;
    let taken = about.as_ref().map_or(0, |about| about.blocks() * BLOCK);
    // What an earlier run allocated ahead; a log that another program has copied may have holes instead.
    let ahead = taken.saturating_sub(about.map_or(0, |about| about.len()));
    Ok(Space {
        total_octets: disk.f_blocks.saturating_mul(disk.f_frsize),
        free_octets: free.saturating_add(ahead),
        certain_octets: free,
        file_octets: taken - ahead,
    })
}
