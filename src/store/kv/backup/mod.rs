//! Backups of a store that serves, and what is made of them again.
//!
//! The database has no snapshots. So a backup reads all rows as they are, bit by bit, and every batch that is applied from its
//! beginning on is handed to it too ([`tape`]). Both go into the file in the order of reading and applying: whoever writes
//! them down one after the other ends with what the store held at the last of them. That is so because one thread does both by
//! turns, and is handed a batch only once it is applied:
//!
//! * a row that was read before a batch changed it: the batch comes later in the file;
//! * a row that was read after: it has the change already, and the batch, which comes later, makes the same change again.
//!
//! The backup ends right behind a sync of the writer's, before it applies anything else: so the state is one that was durable as
//! a whole, and everything acknowledged up to then is in it.
//!
//! All of this is below sealing and keyed rows: what is sealed in the store is sealed in the file.

mod file;
mod restore;
mod run;
mod tape;
#[cfg(test)]
mod tests;

pub use file::FileError;
pub(super) use restore::NUMBERS_AHEAD;
pub use restore::{RestoreError, Restored, check, restore};
pub(crate) use tape::Tape;

use std::sync::Arc;

use tokio::sync::mpsc;

use self::file::FileWriter;
use self::run::Run;
use super::records::Number;
use super::transaction::Rows as _;
use super::{FORMAT_NAME, KvStore, closed, keys, sealing};
use crate::store::{Backup, BackupError, StoreError};

/// Octets of batches that are held until they are written to the file: what others may write while the backup's caller does not
/// take the next piece. 64 MiB: some twenty seconds of 500 Sends a second.
pub(super) const HELD_OCTETS_MAX: usize = 64 << 20;
/// Pieces that are made before the first is taken.
const PIECES_AHEAD: usize = 4;

impl KvStore {
    /// See [`crate::store::Store::backup`].
    pub(super) async fn begin_backup(&self, held_octets_max: usize) -> Result<Backup, BackupError> {
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| closed())?;
        // As long as it lives the files stay open.
        let reader = self.reader()?;
        let (database, recorder) = self.shared.tape.record(held_octets_max).ok_or(BackupError::Running)?;
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let shared = Arc::clone(&self.shared);
        let began = shared.clock.now();
        let ready = tokio::task::spawn_blocking(move || {
            let format = reader.record::<Number>(&keys::meta(FORMAT_NAME))?.unwrap_or_default().narrow()?;
            let file = FileWriter::new(began, format, sealing::master_keys(&*database)?);
            let store_octets = database.file_octets()?;
            let run = Run { shared, recorder, database, pieces: sender, file };
            Ok::<_, StoreError>((run, reader, store_octets))
        });
        let (run, reader, store_octets) = ready.await.map_err(|_| closed())??;
        tokio::task::spawn_blocking(move || {
            run.run();
            drop(reader);
            drop(permit);
        });
        Ok(Backup::new(pieces, store_octets))
    }
}
