//! Makes a backup: reads all rows and takes what is written meanwhile, by turns, on a thread of its own.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::super::backend::{Backend, Order};
use super::super::queue::Class;
use super::super::writer::after_sync;
use super::super::{Shared, closed, keys};
use super::file::{FileWriter, PIECE_OCTETS};
use super::tape::Recorder;
use crate::domain::Timestamp;
use crate::store::backup::{Piece, Summary};
use crate::store::{BackupError, StoreError};

/// Rows that are read at once: of at most 64 KiB each.
const READ_ROWS: usize = 64;

/// See the [module's documentation](self).
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) recorder: Recorder,
    /// Without sealing.
    pub(super) database: Arc<dyn Backend>,
    pub(super) pieces: mpsc::Sender<Result<Piece, BackupError>>,
    pub(super) file: FileWriter,
}

impl Run {
    /// Blocks until it is made, or nobody takes it any more.
    pub(super) fn run(mut self) {
        let made = self.make();
        let Self { recorder, pieces, .. } = self;
        // Another one may begin before this one's end is told.
        drop(recorder);
        // Whoever asked may have gone.
        let _ = pieces.blocking_send(made.map(Piece::End));
    }

    fn make(&mut self) -> Result<Summary, BackupError> {
        let mut rest = Some(keys::everything());
        while let Some(range) = rest.take() {
            self.replay()?;
            let rows = self.database.scan(&range, Order::Ascending, READ_ROWS)?;
            if let Some((last, _)) = rows.last().filter(|_| rows.len() == READ_ROWS) {
                rest = Some(range.after(last));
            }
            for (key, value) in &rows {
                self.file.record(key, value);
            }
            self.hand_out(PIECE_OCTETS)?;
        }
        self.replay()?;
        let time = self.end()?;
        self.replay()?;
        let summary = self.file.finish(time);
        self.hand_out(1)?;
        Ok(summary)
    }

    /// Adds what was written since the last time.
    fn replay(&mut self) -> Result<(), BackupError> {
        for batch in self.recorder.take()? {
            for (key, value) in &batch.writes {
                self.file.write(key, value.as_deref());
            }
            self.hand_out(PIECE_OCTETS)?;
        }
        Ok(())
    }

    /// Hands octets out as long as there are so many.
    fn hand_out(&mut self, octets_min: usize) -> Result<(), BackupError> {
        while let Some(octets) = self.file.take(octets_min) {
            let taken = self.pieces.blocking_send(Ok(Piece::Octets(octets)));
            taken.map_err(|_| StoreError::Unavailable("nobody takes the backup any more".to_owned()))?;
        }
        Ok(())
    }

    /// Ends the recording behind a sync of the writer's, and says when that was.
    fn end(&self) -> Result<Timestamp, BackupError> {
        let (sender, ended) = oneshot::channel();
        let (tape, clock) = (self.recorder.tape(), Arc::clone(&self.shared.clock));
        let end = move |durable: bool| {
            tape.end();
            // As above.
            let _ = sender.send(durable.then(|| clock.now()));
        };
        let ended = Handle::current().block_on(async {
            after_sync(&self.shared.queue, Class::Record, end).await?;
            ended.await.map_err(|_| closed())
        });
        let lost = || StoreError::Unavailable("what was written is not durable".to_owned());
        Ok(ended?.ok_or_else(lost)?)
    }
}
