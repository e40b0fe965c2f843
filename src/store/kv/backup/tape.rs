//! What is applied to the database, handed to a backup too while there is one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::super::backend::{Backend, Batch, Order, Row, Space};
use super::super::keys::KeyRange;
use crate::store::{BackupError, StoreError};

/// What a write takes in memory beside its key and value, about.
const WRITE_OCTETS: usize = 96;

/// Records the batches of a database. There is one recording at a time.
pub(crate) struct Tape {
    /// Not held open by this.
    database: Weak<dyn Backend>,
    recording: Mutex<Option<Recording>>,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").finish_non_exhaustive()
    }
}

struct Recording {
    batches: VecDeque<Batch>,
    octets: usize,
    octets_max: usize,
    /// It had more than `octets_max`: some are lost.
    overflowed: bool,
    /// What comes from now on does not belong to it.
    ended: bool,
}

impl Recording {
    fn push(&mut self, batch: Batch) {
        self.octets += octets(&batch);
        if self.octets > self.octets_max {
            self.overflowed = true;
            self.batches.clear();
        } else {
            self.batches.push_back(batch);
        }
    }
}

fn octets(batch: &Batch) -> usize {
    let of = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| {
        WRITE_OCTETS + key.len() + value.as_ref().map_or(0, Vec::len)
    };
    batch.writes.iter().map(of).sum()
}

impl Tape {
    /// The database with a tape beside it.
    pub(crate) fn over(database: Arc<dyn Backend>) -> (Arc<dyn Backend>, Arc<Self>) {
        let tape = Arc::new(Self { database: Arc::downgrade(&database), recording: Mutex::new(None) });
        (Arc::new(Taped { database, tape: Arc::clone(&tape) }), tape)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Recording>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a recording, which holds at most so many octets. `None`: there is one, or the database is closed.
    pub(super) fn record(self: &Arc<Self>, octets_max: usize) -> Option<(Arc<dyn Backend>, Recorder)> {
        let database = self.database.upgrade()?;
        let mut recording = self.lock();
        if recording.is_some() {
            return None;
        }
        *recording = Some(Recording {
            batches: VecDeque::new(),
            octets: 0,
            octets_max,
            overflowed: false,
            ended: false,
        });
        Some((database, Recorder(Arc::clone(self))))
    }

    /// Ends the recording: what is applied from now on does not belong to it.
    pub(super) fn end(&self) {
        if let Some(recording) = &mut *self.lock() {
            recording.ended = true;
        }
    }
}

/// A recording; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Recorder(Arc<Tape>);

impl Recorder {
    /// What was applied since the last time, in its order.
    pub(super) fn take(&self) -> Result<VecDeque<Batch>, BackupError> {
        let mut recording = self.0.lock();
        let Some(recording) = &mut *recording else { return Ok(VecDeque::new()) };
        if recording.overflowed {
            return Err(BackupError::TooSlow);
        }
        recording.octets = 0;
        Ok(std::mem::take(&mut recording.batches))
    }

    /// See [`Tape::end`].
    pub(super) fn tape(&self) -> Arc<Tape> {
        Arc::clone(&self.0)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

/// A database whose batches are recorded.
#[derive(Debug)]
struct Taped {
    database: Arc<dyn Backend>,
    tape: Arc<Tape>,
}

impl Backend for Taped {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.get(key)
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.database.scan(range, order, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        // Held until it is applied: a recording has a batch as a whole or not at all, and never before readers see it. Only a
        // backup contends for it.
        let mut recording = self.tape.lock();
        match recording.as_mut().filter(|recording| !recording.ended && !recording.overflowed) {
            Some(recording) => {
                let copy = batch.clone();
                self.database.apply(batch)?;
                recording.push(copy);
                Ok(())
            }
            None => self.database.apply(batch),
        }
    }

    fn file_octets(&self) -> Result<u64, StoreError> {
        self.database.file_octets()
    }

    fn space(&self, ahead_octets: u64) -> Result<Option<Space>, StoreError> {
        self.database.space(ahead_octets)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.database.sync()
    }
}
