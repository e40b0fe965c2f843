//! Makes a data directory of a backup, while no server runs there.
//!
//! The store is made in a directory of its own within the data directory, which no server opens. Only when all of the file was
//! read and its checksum is right is it moved to where a server looks, sled's log last: without that there is no store.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File, TryLockError};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::backend::{Backend as _, Batch, Order};
use super::super::records::{Record as _, SequenceValue};
use super::super::sled::{self, OpenError, Sled};
use super::super::writer::TRANSACTION_ROWS;
use super::super::{Settings, durable, is_known_format, keys};
use super::file::{End, FileError, FileReader, Frame, Head, Write};
use crate::domain::Timestamp;
use crate::store::StoreError;

/// How far the numbers of commits and changes go ahead in a restored store: further than those that the other store gave after
/// its backup. Whoever holds a token of such a number goes on with what happens here, and misses nothing of it.
pub(in super::super) const NUMBERS_AHEAD: u64 = 1 << 40;
/// Where a store is made that is not whole yet; more follows.
const UNFINISHED: &str = "restoring-";
/// Locked by whoever uses the data directory.
const LOCK: &str = "lock";
/// sled's log.
const LOG: &str = "db";
/// Octets of the file that are read at once.
const READ_OCTETS: usize = 1 << 20;

/// Why a backup was not restored. Nothing of it is in the data directory then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is none that can be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its store has a layout that this version does not know.
    #[error("a later version of Fanfare wrote it (store format {0}): restore it with that version")]
    Format(u32),
    /// There is a store in the data directory.
    #[error("the data directory has a store already: restore into another one, or set that one aside (mv)")]
    HasStore,
    /// There is something else in it.
    #[error(
        "the data directory is not empty: it has {0}. Restore into an empty one, or one that is not there yet"
    )]
    NotEmpty(String),
    /// The store could not be made or written.
    #[error(transparent)]
    Store(#[from] OpenError),
}

impl From<io::Error> for RestoreError {
    fn from(error: io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When it was begun.
    pub began: Timestamp,
    /// The instant whose state it has.
    pub time: Timestamp,
    /// The version of the program that wrote it.
    pub program: String,
    /// Octets of the file.
    pub octets: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Records that were read.
    pub records: u64,
    /// Writes that came while they were read.
    pub writes: u64,
    /// The names of the master keys that a server needs to open it. Empty: nothing is sealed.
    pub master_keys: Vec<String>,
}

/// Reads a backup to its end, and says whether it is whole. `tell` is called with the octets that were read.
///
/// # Errors
/// [`RestoreError`].
pub fn check(from: impl Read, tell: impl FnMut(u64)) -> Result<Restored, RestoreError> {
    each(from, tell, |_| Ok(()))
}

/// Makes a data directory of a backup. `tell` is called with the octets that were read. Blocks.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(
    from: impl Read,
    directory: &Path,
    settings: Settings,
    tell: impl FnMut(u64),
) -> Result<Restored, RestoreError> {
    // Before anything is made there.
    unfinished(directory)?;
    durable::make_directory(directory)?;
    let lock = sled::private().create(true).truncate(false).open(directory.join(LOCK))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::InUse,
        TryLockError::Error(error) => OpenError::Directory(error),
    })?;
    unfinished(directory)?.iter().try_for_each(fs::remove_dir_all)?;
    let place = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(directory)?;
    let made = Sled::open(place.path(), settings.cache_octets, settings.free_octets_min)?;
    let restored = each(from, tell, |writes| put(&made, writes))?;
    go_ahead(&made).map_err(OpenError::from)?;
    made.sync().map_err(OpenError::from)?;
    sled::note_records(place.path())?;
    // Closes the files.
    drop(made);
    durable::settle(place.path())?;
    publish(place.path(), directory)?;
    Ok(restored)
}

/// Reads a backup and gives what it writes, in order.
fn each(
    from: impl Read,
    mut tell: impl FnMut(u64),
    mut put: impl FnMut(Vec<Write>) -> Result<(), RestoreError>,
) -> Result<Restored, RestoreError> {
    let mut file = FileReader::new(BufReader::with_capacity(READ_OCTETS, from))?;
    let head = match file.next()? {
        Frame::Head(head) => head,
        Frame::Writes(_) | Frame::End(_) => return Err(FileError::NoBackup.into()),
    };
    if !is_known_format(head.store_format.into()) {
        return Err(RestoreError::Format(head.store_format));
    }
    loop {
        match file.next()? {
            Frame::Writes(writes) => put(writes)?,
            Frame::End(end) => return Ok(restored(head, &end, &file)),
            Frame::Head(_) => return Err(FileError::Damaged(file.octets()).into()),
        }
        tell(file.octets());
    }
}

fn restored<R: Read>(head: Head, end: &End, file: &FileReader<R>) -> Restored {
    let Head { began, store_format: _, master_keys, program } = head;
    Restored {
        began: Timestamp::from_micros(began),
        time: Timestamp::from_micros(end.time),
        program,
        octets: file.octets(),
        sha256: file.sha256(),
        records: end.records,
        writes: end.writes,
        master_keys,
    }
}

/// In steps as small as those of a server: sled is tried with no others.
fn put(store: &Sled, writes: Vec<Write>) -> Result<(), RestoreError> {
    let mut writes = writes.into_iter().peekable();
    while writes.peek().is_some() {
        let some: BTreeMap<_, _> = writes.by_ref().take(TRANSACTION_ROWS).collect();
        store.apply(Batch { writes: some }).map_err(OpenError::from)?;
    }
    Ok(())
}

/// Takes the numbers of all applications ahead.
fn go_ahead(store: &Sled) -> Result<(), StoreError> {
    for (key, _) in store.scan(&keys::applications(), Order::Ascending, usize::MAX)? {
        let Some(application) = keys::application_of(&key) else { continue };
        let mut batch = Batch::default();
        for key in [keys::sequence(application), keys::change_sequence(application)] {
            let value = store
                .get(&key)?
                .map_or_else(|| Ok(SequenceValue::default()), |value| SequenceValue::from_value(&value));
            let mut value = value?;
            value.last = value.last.saturating_add(NUMBERS_AHEAD);
            batch.writes.insert(key, Some(value.to_value()));
        }
        store.apply(batch)?;
    }
    Ok(())
}

/// What restores left that were ended early. Nothing else may be in the directory, which need not be there.
fn unfinished(directory: &Path) -> Result<Vec<PathBuf>, RestoreError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    if directory.join(LOG).try_exists()? {
        return Err(RestoreError::HasStore);
    }
    let mut unfinished = Vec::new();
    for entry in entries {
        let entry = entry?;
        match entry.file_name().to_string_lossy() {
            name if name.starts_with(UNFINISHED) => unfinished.push(entry.path()),
            // What file systems keep in their topmost directory is nobody's.
            name if name == LOCK || name == "lost+found" => {}
            name => return Err(RestoreError::NotEmpty(name.into_owned())),
        }
    }
    Ok(unfinished)
}

/// Moves a whole store to where a server looks for it.
fn publish(from: &Path, to: &Path) -> io::Result<()> {
    let entries: io::Result<Vec<DirEntry>> = fs::read_dir(from)?.collect();
    let mut entries = entries?;
    entries.retain(|entry| entry.file_name() != LOCK);
    // The mark that there are records goes first: a server that finds them missing says so. The log goes last.
    entries.sort_by_key(|entry| match entry.file_name() {
        name if name == LOG => 2,
        name if name == sled::RECORDS_FILE => 0,
        _ => 1,
    });
    for entry in entries {
        if entry.file_name() == LOG {
            // What was moved before is there for good.
            File::open(to)?.sync_all()?;
        }
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    File::open(to)?.sync_all()
}
