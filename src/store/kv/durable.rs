//! What makes the store's files durable beside sled's log: the names of directories, what an earlier process left in the
//! kernel's memory, and the files in `blobs`.
//!
//! sled 0.34.7 keeps a page of its tree that is larger than 128 KiB in a file of its own (`pagecache/blob_io.rs`
//! `write_blob`), and syncs neither the file nor its name. A page holds up to 16 rows, so rows far smaller than that make
//! such pages.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Where sled keeps large pages.
pub(super) const BLOBS: &str = "blobs";
/// The times of a directory are told as coarsely as this: one that was listed so soon after its last change may have
/// changed since without another time.
const TIME_STEP: Duration = Duration::from_millis(50);

/// Makes a directory and those above it that are missing, private to their owner, each with a durable name.
pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    let made = directory.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let made: Vec<&Path> = made.collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for directory in made.iter().rev().chain([&directory]) {
        let above = match directory.parent() {
            Some(above) if above.as_os_str().is_empty() => Path::new("."),
            Some(above) => above,
            None => continue,
        };
        match File::open(above) {
            // One that may be passed and not be read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            opened => opened?.sync_all()?,
        }
    }
    Ok(())
}

/// Syncs all that is there. sled takes what it reads at a start for durable, and an earlier process may have been killed
/// before its sync.
pub(super) fn settle(directory: &Path) -> io::Result<()> {
    for directory in [directory.join(BLOBS), directory.to_owned()] {
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// The files in `blobs`, of which the new ones are synced.
#[derive(Debug)]
pub(super) struct Blobs {
    path: PathBuf,
    directory: File,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Those that need no sync any more.
    settled: BTreeSet<OsString>,
    /// Those that were synced once: a reader of the database may still have been writing one.
    synced: BTreeSet<OsString>,
    /// The directory's time of change when it was listed; `None` when that may not tell of the next change.
    changed: Option<SystemTime>,
}

impl Blobs {
    /// Those of a database that is open. All that are there are settled.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(BLOBS);
        let opened = File::open(&path)?;
        let blobs = Self { path, directory: opened, seen: Mutex::default() };
        blobs.sync()?;
        // The names of those that sled removed when it opened.
        blobs.directory.sync_all()?;
        Ok(blobs)
    }

    /// Makes all that were complete before durable. Costs one system call when there are no new ones.
    #[expect(clippy::disallowed_methods, reason = "it is compared with the times of files")]
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        let changed = self.directory.metadata()?.modified()?;
        if seen.changed == Some(changed) && seen.synced.is_empty() {
            return Ok(());
        }
        let listed = self.list()?;
        let mut synced = BTreeSet::new();
        for name in &listed {
            if seen.settled.contains(name) {
                continue;
            }
            match File::open(self.path.join(name)) {
                // sled removed it meanwhile: its page has been written anew, and that is durable.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?.sync_all()?,
            }
            if seen.synced.remove(name) {
                seen.settled.insert(name.clone());
            } else {
                synced.insert(name.clone());
            }
        }
        if !synced.is_empty() {
            self.directory.sync_all()?;
        }
        seen.settled.retain(|name| listed.contains(name));
        seen.synced = synced;
        let is_long_ago = now.duration_since(changed).is_ok_and(|since| since > TIME_STEP);
        seen.changed = is_long_ago.then_some(changed);
        Ok(())
    }

    fn list(&self) -> io::Result<BTreeSet<OsString>> {
        fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name())).collect()
    }
}
