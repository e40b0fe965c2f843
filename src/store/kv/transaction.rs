//! Reading rows and putting writes together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::backend::{Backend, Batch, Order, Row};
use super::keys::KeyRange;
use super::records::Record;
use crate::store::StoreError;

/// Rows that a scan fetches at once.
const SCAN_ROWS: usize = 256;

/// Looks rows up.
pub(crate) trait Rows {
    /// The value of a key.
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The record of a key.
    fn record<R: Record>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        self.value(key)?.map(|value| R::from_value(&value)).transpose()
    }
}

/// Reads the backend.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    backend: Arc<dyn Backend>,
    damage: Arc<Damage>,
}

/// What scans passed over.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    records: AtomicU64,
    kinds: Mutex<BTreeSet<&'static str>>,
}

impl Damage {
    /// How many corrupt records were met, each as often as it was met.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    fn note(&self, kind: &'static str) {
        self.records.fetch_add(1, Ordering::Relaxed);
        if self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(kind) {
            tracing::error!(kind, "a corrupt record was passed over; more of this kind are only counted");
        }
    }
}

impl Reader {
    pub(crate) fn new(backend: Arc<dyn Backend>, damage: Arc<Damage>) -> Self {
        Self { backend, damage }
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The rows of a range, fetched in pieces.
    pub(crate) fn scan(&self, range: KeyRange, order: Order) -> Scan {
        self.scan_by(range, order, SCAN_ROWS)
    }

    /// The rows of a range, fetched `piece` at a time.
    pub(crate) fn scan_by(&self, range: KeyRange, order: Order, piece: usize) -> Scan {
        Scan { reader: self.clone(), rest: Some(range), order, piece: piece.max(1), rows: VecDeque::new() }
    }

    /// What a scan goes on with: nothing, after a note, for a corrupt record.
    pub(crate) fn readable<T>(&self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Corrupt(kind)) => {
                self.damage.note(kind);
                Ok(None)
            }
            Err(
                error @ (StoreError::Unavailable(_)
                | StoreError::DiskFull { .. }
                | StoreError::NotFound
                | StoreError::RequestIdReused(_)
                | StoreError::TooManyTopics
                | StoreError::RevisionMismatch
                | StoreError::AlreadyExists
                | StoreError::StillInUse
                | StoreError::TooManySubscriptions
                | StoreError::NotOwn
                | StoreError::TooManyTargets(_)),
            ) => Err(error),
        }
    }
}

impl Rows for Reader {
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.backend.get(key)
    }
}

/// The rows of a range, one by one; ends after an error.
#[derive(Debug)]
pub(crate) struct Scan {
    reader: Reader,
    rest: Option<KeyRange>,
    order: Order,
    piece: usize,
    rows: VecDeque<Row>,
}

impl Iterator for Scan {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.is_empty() {
            let range = self.rest.take()?;
            match self.reader.backend.scan(&range, self.order, self.piece) {
                Ok(rows) => self.rows = rows.into(),
                Err(error) => return Some(Err(error)),
            }
            if let Some((last, _)) = self.rows.back().filter(|_| self.rows.len() == self.piece) {
                self.rest = Some(match self.order {
                    Order::Ascending => range.after(last),
                    Order::Descending => range.before(last),
                });
            }
        }
        self.rows.pop_front().map(Ok)
    }
}

/// Writes that will be applied together, over what is stored.
#[derive(Debug)]
pub(crate) struct Transaction {
    reader: Reader,
    batch: Batch,
}

impl Transaction {
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader, batch: Batch::default() }
    }

    /// Returns the octets of the value.
    pub(crate) fn put<R: Record>(&mut self, key: Vec<u8>, record: &R) -> usize {
        let value = record.to_value();
        let octets = value.len();
        self.batch.writes.insert(key, Some(value));
        octets
    }

    /// A value as it is.
    pub(crate) fn put_value(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.batch.writes.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.batch.writes.insert(key, None);
    }

    /// Removes a row that may not be there, which then takes no place in a batch.
    pub(crate) fn remove_stored(&mut self, key: Vec<u8>) -> Result<(), StoreError> {
        if self.value(&key)?.is_some() {
            self.remove(key);
        }
        Ok(())
    }

    /// What it writes: by key; `None` removes.
    pub(crate) fn writes(&self) -> &BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        &self.batch.writes
    }

    /// How many rows it writes.
    pub(crate) fn rows(&self) -> usize {
        self.batch.writes.len()
    }

    /// The octets of its keys and values.
    pub(crate) fn octets(&self) -> u64 {
        let of = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
        self.batch.writes.iter().map(of).sum::<usize>() as u64
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }
}

impl Rows for Transaction {
    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.batch.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.reader.value(key),
        }
    }
}
