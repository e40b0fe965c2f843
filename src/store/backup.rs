//! A backup that is being made: the octets of its file, piece by piece.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::StoreError;
use crate::domain::Timestamp;

/// Why there is no backup, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another one is being made.
    #[error("another backup is being made")]
    Running,
    /// Whoever takes the pieces was slower than those who wrote meanwhile: what they wrote is held only up to a bound.
    #[error("the backup was given up: it was taken slower than others wrote")]
    TooSlow,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A part of a backup.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// The next octets of its file.
    Octets(Bytes),
    /// It is whole.
    End(Summary),
}

impl std::fmt::Debug for Piece {
    /// Without what is stored.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Octets(octets) => write!(f, "Octets({})", octets.len()),
            Self::End(summary) => summary.fmt(f),
        }
    }
}

/// What a whole backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The instant whose state it has: everything that was acknowledged before is there.
    pub time: Timestamp,
    /// Octets of its file.
    pub octets: u64,
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
    /// Records that were read.
    pub records: u64,
    /// Writes that came while they were read, and follow them.
    pub writes: u64,
    /// The names of the master keys that its values are sealed with. Empty: nothing is sealed.
    pub master_keys: Vec<String>,
}

/// A backup under way. It ends when this is dropped.
#[derive(Debug)]
pub struct Backup {
    pieces: mpsc::Receiver<Result<Piece, BackupError>>,
    store_octets: u64,
}

impl Backup {
    /// Of pieces that come here, in a store whose files take so many octets; 0 when it has none.
    pub(crate) fn new(pieces: mpsc::Receiver<Result<Piece, BackupError>>, store_octets: u64) -> Self {
        Self { pieces, store_octets }
    }

    /// Octets of the store's files, which also hold what was removed: about the most that the backup may take. 0: not known.
    #[must_use]
    pub fn store_octets(&self) -> u64 {
        self.store_octets
    }

    /// The next piece. After [`Piece::End`], and after an error, none follows.
    ///
    /// # Errors
    /// [`BackupError`]; also when it ended early.
    pub async fn next(&mut self) -> Result<Piece, BackupError> {
        let early = || StoreError::Unavailable("the backup ended early".to_owned());
        self.pieces.recv().await.unwrap_or_else(|| Err(early().into()))
    }
}
