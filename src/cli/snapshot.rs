//! The store of a running server, for commands that look into a data directory: a backup of it, restored into a directory that
//! goes away with the command.

use std::fs::File;

use anyhow::Context as _;
use tempfile::TempDir;

use super::connection::Connection;
use super::failure::Failure;
use super::{backup, vapid};
use crate::store::kv::backup::restore;
use crate::store::kv::{KvStore, Settings};

/// An open store, and the directory that it is in.
pub(super) struct Snapshot {
    pub(super) store: KvStore,
    /// Removed with this, which comes last.
    _directory: TempDir,
}

/// Takes it. It is for its owner only, below `TMPDIR`, and takes the room of the backup and of the store for as long. If values are
/// sealed, the environment or its configuration must have the master key.
pub(super) async fn take(connection: &Connection) -> Result<Snapshot, Failure> {
    // It is made for its owner only.
    let directory = tempfile::Builder::new().prefix("fanfare-snapshot-").tempdir();
    let directory = directory.context("cannot make a temporary directory (TMPDIR)")?;
    let file = directory.path().join("backup");
    let mut out = File::create_new(&file).context("cannot write into the temporary directory (TMPDIR)")?;
    backup::take(connection, &mut out, "the temporary directory (TMPDIR)").await?;
    drop(out);
    let data = directory.path().join("data");
    let restored = tokio::task::spawn_blocking({
        let data = data.clone();
        move || {
            let from = File::open(&file).context("cannot read the temporary directory (TMPDIR)")?;
            restore(from, &data, Settings::default(), |_| ())?;
            std::fs::remove_file(&file).context("cannot write into the temporary directory (TMPDIR)")
        }
    });
    restored.await.map_err(anyhow::Error::from)??;
    Ok(Snapshot { store: vapid::open(Some(data)).await?, _directory: directory })
}
