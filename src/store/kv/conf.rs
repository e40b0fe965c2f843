//! `conf`, in which sled notes how its log is laid out. sled 0.34.7 writes it when it opens a new directory, and never
//! syncs it (`config.rs` `write_config`). At every later start it reads it before anything else, and refuses for ever what
//! it cannot parse, as an unsynced file is after a loss of power: zeroes, or a part of it.
//!
//! It is the one file whose content the log does not have. But the server opens sled in one way only, so there is one
//! content; this file is its copy. It is written and synced before sled looks for it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::aside::set_aside;
use super::sled::private;

/// Its name.
const CONF: &str = "conf";
/// Under which it is written, until it is synced.
const CONF_NEW: &str = "conf.new";
/// What it says for sled 0.34 with its defaults.
const CONTENT: &str = "segment_size: 524288\nuse_compression: false\nversion: 0.34\n";
/// Octets of the checksum behind the content: CRC-32, little-endian.
const CHECKSUM: usize = 4;
/// sled takes a file of so many octets for none.
const EMPTY_OCTETS: usize = 8;

/// Sees that it is whole and synced, and says in the log what was done. One that is whole and says something else is
/// left to sled, which refuses it in words.
pub(super) fn restore(directory: &Path) -> io::Result<()> {
    let path = directory.join(CONF);
    let found = match fs::read(&path) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if found.as_deref().is_some_and(is_whole) {
        // An earlier version's may still be unsynced.
        return File::open(&path)?.sync_all();
    }
    // Without a log this is a new directory, or one whose first start did not come far.
    let is_new = !directory.join("db").try_exists()?;
    match found.map(|found| found.len()) {
        Some(octets) if octets > EMPTY_OCTETS => {
            let renamed = set_aside(directory, OsStr::new(CONF))?;
            tracing::warn!(
                octets,
                renamed,
                "wrote sled's file `conf` anew and set the damaged one aside, which would keep the store from opening: its \
                 content is always the same. Once the store has opened, the damaged one can be deleted"
            );
        }
        Some(octets) if !is_new => {
            tracing::warn!(
                octets,
                "wrote sled's file `conf` anew, which was empty: its content is always the same"
            );
        }
        None if !is_new => {
            tracing::warn!(
                "wrote sled's file `conf` anew, which was missing: its content is always the same"
            );
        }
        Some(_) | None => {}
    }
    let new = directory.join(CONF_NEW);
    let mut file = private().create(true).truncate(true).open(&new)?;
    file.write_all(CONTENT.as_bytes())?;
    file.write_all(&crc32fast::hash(CONTENT.as_bytes()).to_le_bytes())?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(directory)?.sync_all()
}

/// Whether its content matches its checksum.
fn is_whole(conf: &[u8]) -> bool {
    conf.split_last_chunk::<CHECKSUM>().is_some_and(|(content, checksum)| {
        conf.len() > EMPTY_OCTETS && crc32fast::hash(content).to_le_bytes() == *checksum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_sled_writes() {
        let (of_sled, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(sled::Config::new().path(of_sled.path()).open().unwrap());
        restore(ours.path()).unwrap();
        let read = |directory: &Path| fs::read(directory.join(CONF)).unwrap();
        assert_eq!(read(ours.path()), read(of_sled.path()));
        assert!(is_whole(&read(of_sled.path())));
    }
}
