//! sled as a [`Backend`]. `docs/storage.md` tells what was measured; what rules this file is:
//!
//! * One tree. `Tree::apply_batch` reserves a batch manifest in the log before its writes and fills in the last log
//!   number behind them (sled 0.34.7, `tree.rs` `apply_batch`, `pagecache` `RecoveryGuard::seal_batch`); recovery that
//!   meets a manifest whose last number is missing stops in front of it (`pagecache/iterator.rs`). So a batch is atomic
//!   after a crash, and never there without the ones before. Batches of two trees would be two manifests.
//! * `flush` is no fsync on Linux (`pagecache/iobuf.rs`: `sync_file_range`), so the file is synced through a handle of
//!   our own. `flush_async` deadlocks and is not called.
//! * A page of its tree that exceeds 128 KiB is a file in `blobs`, which sled does not sync (`durable.rs`). Values stay
//!   below 64 KiB, but up to 16 share a page.
//! * sled takes what it wrote for stable as soon as `sync_file_range` has returned. The header of each new segment of its log
//!   tells up to where that is; recovery does not look behind the segment in which it is, and segments whose pages were all
//!   written anew before that segment are overwritten. Both are right after a loss of power only if what is before the
//!   segment that a header tells has really been synced. A batch is stable only as a whole, so no header that is written
//!   within one tells of more than what was before it. So it suffices that no batch begins in another segment than the one
//!   that the last sync came to: there is a sync in front of such a batch, also within a group
//!   ([`Sled::has_begun_segment`]). And sled has no thread of its own that moves pages while nobody syncs.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use super::ahead::{self, Ahead};
use super::backend::{Backend, Batch, Order, Row, Space};
use super::durable::{self, Blobs};
use super::keys::KeyRange;
use super::{conf, leavings, space, tail};
use crate::domain::{Clock as _, SystemClock, Timestamp};
use crate::store::{Octets, StoreError};

/// Why a directory of sled's does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, read or written.
    #[error("the data directory cannot be used: {0}")]
    Directory(#[from] io::Error),
    /// Another process has it open.
    #[error("the data directory is in use by another process")]
    InUse,
    /// The disk has less free than the reserve. Nothing was changed.
    #[error(
        "the disk is full: {} are free, and {} must be (store.free_octets_min): free at least {} more. Nothing was changed",
        Octets(*free), Octets(*needed), Octets(needed.saturating_sub(*free))
    )]
    DiskFull {
        /// Octets that are free.
        free: u64,
        /// Octets that must be.
        needed: u64,
    },
    /// sled refuses its files: set the directory aside and restore a backup.
    #[error("the database does not open: {0}")]
    Database(String),
    /// It was written by a later version, or is not this server's.
    #[error("the data has format {found}, this version reads format {known}")]
    Format {
        /// What is there.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// Values are sealed under master keys that were not given.
    #[error(
        "its records are sealed under master key {missing}, which is not given{}: put it into store.sealing, after the \
         current one if it is a former key",
        if given.is_empty() { String::new() } else { format!(" (given: {given})") }
    )]
    MasterKeyMissing {
        /// The keys' names.
        missing: String,
        /// Those of the keys that were given.
        given: String,
    },
    /// It opened, but what is needed first does not read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sled database in a directory of its own.
pub struct Sled {
    // In the order in which they go.
    db: sled::Db,
    log: LogFile,
    blobs: Blobs,
    ahead: Ahead,
    /// The log number up to which all is synced: sled's own position, an octet for an octet.
    synced: AtomicI64,
    /// Locked as long as it is open: sled's own lock can only be told from other errors by its text.
    _lock: File,
}

/// sled's log file, to sync it.
struct LogFile(File);

impl Drop for LogFile {
    /// Threads of sled's pool hold its lock for a moment longer than the database; waits for them, so that the directory
    /// can be opened again at once.
    fn drop(&mut self) {
        // Without it, opening again may be too early, and says so.
        let _ = self.0.lock();
    }
}

impl fmt::Debug for Sled {
    /// sled's own prints all that is stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sled").finish_non_exhaustive()
    }
}

impl Sled {
    /// Opens or makes the database in `directory`, which is made private to its owner. Not when less than
    /// `free_octets_min` is free on the disk, or a quarter of a small disk; with 0 however little there is.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(directory: &Path, cache_octets: u64, free_octets_min: u64) -> Result<Self, OpenError> {
        // sled writes when it opens: a snapshot, and the end of its log. What fails there may fail for good.
        check_room(directory, free_octets_min)?;
        durable::make_directory(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        let lock = private().create(true).truncate(false).open(directory.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse,
            TryLockError::Error(error) => OpenError::Directory(error),
        })?;
        // sled would panic.
        if SystemClock.now() == Timestamp::default() {
            return Err(OpenError::Database(
                "the machine's clock says a time before 1970: set it".to_owned(),
            ));
        }
        let stable = leavings::clear(directory)?;
        conf::restore(directory)?;
        durable::settle(directory)?;
        tail::mend(directory, stable)?;
        let config = sled::Config::new().path(directory).cache_capacity(cache_octets).flush_every_ms(None);
        // sled panics on some damaged files instead of returning an error.
        let db = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| OpenError::Database("its files are damaged".to_owned()))?
            .map_err(|error| OpenError::Database(error.to_string()))?;
        let file = OpenOptions::new().write(true).open(directory.join("db"))?;
        let synced = AtomicI64::new(written(&db));
        // The names of new files are durable only when their directory is.
        file.sync_all()?;
        let blobs = Blobs::open(directory)?;
        File::open(directory)?.sync_all()?;
        make_private(directory)?;
        Ok(Self { db, log: LogFile(file), blobs, ahead: Ahead::default(), synced, _lock: lock })
    }

    /// Whether sled has begun a segment of its log behind the one that the last sync came to. It costs a look at the list of
    /// segments, which has one for each 512 KiB of the log. What is not seen is a reader that begins one in the microseconds
    /// between this look and the batch.
    fn has_begun_segment(&self) -> bool {
        let synced = self.synced.load(Ordering::Relaxed);
        // Also of what is only reserved, and what readers wrote: they merge and split pages.
        self.db.context.pagecache.log.iter_from(synced).segments.len() > 1
    }
}

/// The log number up to which sled has handed its log to the system.
fn written(db: &sled::Db) -> i64 {
    db.context.pagecache.log.stable_offset() + 1
}

/// Refuses a disk without the reserve, or without room for another snapshot.
fn check_room(directory: &Path, free_octets_min: u64) -> Result<(), OpenError> {
    if free_octets_min == 0 {
        return Ok(());
    }
    // What is not there yet will be on the disk of what is above it.
    let Some(there) = directory.ancestors().find(|path| path.is_dir()) else { return Ok(()) };
    let log = File::open(directory.join("db")).ok();
    let found = ahead::measure(&File::open(there)?, log.as_ref())?;
    let needed = space::reserve(free_octets_min, found.total_octets);
    if found.free_octets < needed {
        return Err(OpenError::DiskFull { free: found.free_octets, needed });
    }
    // The next snapshot is about as large as the last; what is allocated to the log is no room for it.
    let snapshot = if log.is_some() { leavings::largest_snapshot(directory)?.saturating_mul(2) } else { 0 };
    if found.certain_octets < snapshot {
        return Err(OpenError::DiskFull { free: found.certain_octets, needed: snapshot });
    }
    Ok(())
}

/// Opens files that are written, and made for nobody but their owner.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Takes from all others what the directory holds: the process's umask decided when the files were made. Their directory
/// is closed to others anyway; copies of the files are not.
fn make_private(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            make_private(&entry.path())?;
        }
        if kind.is_dir() || kind.is_file() {
            let mode = if kind.is_dir() { 0o700 } else { 0o600 };
            match fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)) {
                // sled removes old snapshots beside this.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                set => set?,
            }
        }
    }
    Ok(())
}

/// A file that stands beside sled's once the store has its first records. sled opens a damaged log as if it were empty:
/// a store without records beside this file is not a new one.
pub(super) const RECORDS_FILE: &str = "has-records";

/// Whether [`note_records`] was called for this directory.
pub(crate) fn has_records(directory: &Path) -> io::Result<bool> {
    directory.join(RECORDS_FILE).try_exists()
}

/// Notes for good that the store in this directory has records, which are synced.
pub(crate) fn note_records(directory: &Path) -> io::Result<()> {
    private().create(true).truncate(true).open(directory.join(RECORDS_FILE))?.sync_all()?;
    File::open(directory)?.sync_all()
}

fn unavailable(error: impl fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

impl Backend for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get(key).map_err(unavailable)?.map(|value| value.to_vec()))
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        if range.from >= range.to {
            return Ok(Vec::new());
        }
        let iter = self.db.range::<&[u8], _>(range.from.as_slice()..range.to.as_slice());
        let copy = |row: sled::Result<(sled::IVec, sled::IVec)>| {
            row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(unavailable)
        };
        match order {
            Order::Ascending => iter.take(limit).map(copy).collect(),
            Order::Descending => iter.rev().take(limit).map(copy).collect(),
        }
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        if self.has_begun_segment() {
            self.sync()?;
        }
        let mut writes = sled::Batch::default();
        for (key, value) in batch.writes {
            match value {
                Some(value) => writes.insert(key, value),
                None => writes.remove(key),
            }
        }
        self.db.apply_batch(writes).map_err(unavailable)
    }

    fn file_octets(&self) -> Result<u64, StoreError> {
        self.db.size_on_disk().map_err(unavailable)
    }

    fn space(&self, ahead_octets: u64) -> Result<Option<Space>, StoreError> {
        self.ahead.keep(&self.log.0, ahead_octets).map(Some).map_err(unavailable)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(unavailable)?;
        let written = written(&self.db);
        self.blobs.sync().map_err(unavailable)?;
        self.log.0.sync_data().map_err(unavailable)?;
        self.synced.fetch_max(written, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};

    use super::*;

    /// Pages that each have a large row, of which a small one is written.
    const PAGES: u16 = 200;

    fn batch(rows: impl IntoIterator<Item = (u16, u8, usize)>) -> Batch {
        let row = |(page, row, octets): (u16, u8, usize)| {
            let [high, low] = page.to_be_bytes();
            (vec![high, low, row], Some(vec![row; octets]))
        };
        Batch { writes: rows.into_iter().map(row).collect() }
    }

    /// The log number in front of which recovery does not look, by what the headers of the log tell.
    fn trusted(log: &File) -> i64 {
        let headers = tail::headers(log).unwrap();
        let stable = headers.values().map(|(header, _)| header.stable).max().unwrap_or_default();
        i64::try_from(stable / tail::SEGMENT * tail::SEGMENT).unwrap()
    }

    #[test]
    fn no_header_of_the_log_tells_of_more_than_is_synced() {
        let directory = tempfile::tempdir().unwrap();
        let sled = Sled::open(directory.path(), 64 << 20, 0).unwrap();
        let log = File::open(directory.path().join("db")).unwrap();
        for first in (0..PAGES).step_by(8) {
            sled.apply(batch((first..first + 8).map(|page| (page, 0, 20_000)))).unwrap();
            sled.sync().unwrap();
        }
        let mut random = StdRng::seed_from_u64(18);
        let before = written(&sled.db);
        for group in 0..30 {
            for _ in 0..random.random_range(1..8) {
                // A few octets, for which sled now and then writes whole pages.
                let mut row = |_| (random.random_range(0..PAGES), random.random_range(1..4), 40);
                sled.apply(batch((0..60).map(&mut row))).unwrap();
                if random.random_bool(0.5) {
                    // What was handed to the system counts as stable, and is not synced.
                    sled.db.flush().unwrap();
                }
                let (trusted, synced) = (trusted(&log), sled.synced.load(Ordering::Relaxed));
                assert!(trusted <= synced, "group {group}: {trusted} is trusted, {synced} synced");
            }
            sled.sync().unwrap();
            assert!(!sled.has_begun_segment(), "what is synced needs no other sync");
        }
        let segments = (written(&sled.db) - before) / i64::try_from(tail::SEGMENT).unwrap();
        assert!(segments > 10, "{segments} segments are too few to tell");
    }
}
