//! The writer's view of the database: small batches are gathered into larger ones, because each costs sled two writes to
//! its log (`pagecache/mod.rs` `pin_log` rolls the buffer before and after). What is gathered is read as if it were
//! applied, and is applied with the sync at the latest.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::backend::{Backend, Batch, Order, Row, Space};
use super::keys::KeyRange;
use super::writer::TRANSACTION_ROWS;
use crate::failpoint::failpoint;
use crate::store::StoreError;

/// A database for one writer. Others that read the database beside it see what has been applied.
#[derive(Debug)]
pub(crate) struct Gathered {
    database: Arc<dyn Backend>,
    batch: Mutex<Batch>,
}

impl Gathered {
    pub(crate) fn new(database: Arc<dyn Backend>) -> Self {
        Self { database, batch: Mutex::default() }
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply_gathered(&self, batch: &mut Batch) -> Result<(), StoreError> {
        if batch.writes.is_empty() {
            return Ok(());
        }
        self.database.apply(std::mem::take(batch))
    }
}

impl Backend for Gathered {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.batch().writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.database.get(key),
        }
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut batch = self.batch();
        let is_touched = batch.writes.keys().any(|key| *key >= range.from && *key < range.to);
        if is_touched {
            self.apply_gathered(&mut batch)?;
        }
        self.database.scan(range, order, limit)
    }

    fn apply(&self, more: Batch) -> Result<(), StoreError> {
        let mut batch = self.batch();
        if batch.writes.len() + more.writes.len() > TRANSACTION_ROWS {
            self.apply_gathered(&mut batch)?;
        }
        batch.writes.extend(more.writes);
        Ok(())
    }

    fn file_octets(&self) -> Result<u64, StoreError> {
        self.database.file_octets()
    }

    fn space(&self, ahead_octets: u64) -> Result<Option<Space>, StoreError> {
        self.database.space(ahead_octets)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.apply_gathered(&mut self.batch())?;
        failpoint("group-applied");
        self.database.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;

    fn batch(writes: &[(u8, Option<u8>)]) -> Batch {
        let writes = writes.iter().map(|(key, value)| (vec![*key], value.map(|value| vec![value])));
        Batch { writes: writes.collect() }
    }

    fn all(backend: &dyn Backend) -> Vec<Row> {
        let range = KeyRange { from: vec![0], to: vec![255] };
        backend.scan(&range, Order::Ascending, 1_000).unwrap()
    }

    #[test]
    fn what_is_gathered_reads_as_applied_and_is_durable_with_the_sync() {
        let memory = Memory::new();
        let gathered = Gathered::new(Arc::new(memory.clone()));
        gathered.apply(batch(&[(1, Some(1)), (2, Some(2))])).unwrap();
        gathered.apply(batch(&[(1, Some(9)), (2, None)])).unwrap();
        assert_eq!(memory.get(&[1]).unwrap(), None, "it is only gathered");
        assert_eq!(gathered.get(&[1]).unwrap(), Some(vec![9]));
        assert_eq!(gathered.get(&[2]).unwrap(), None);
        gathered.sync().unwrap();
        assert_eq!(all(&memory.crash()), [(vec![1], vec![9])]);
    }

    #[test]
    fn a_scan_sees_what_is_gathered_in_its_range() {
        let memory = Memory::new();
        let gathered = Gathered::new(Arc::new(memory.clone()));
        gathered.apply(batch(&[(7, Some(7))])).unwrap();
        let elsewhere = KeyRange { from: vec![8], to: vec![9] };
        assert!(gathered.scan(&elsewhere, Order::Ascending, 9).unwrap().is_empty());
        assert_eq!(memory.get(&[7]).unwrap(), None, "no need to apply it");
        assert_eq!(all(&gathered), [(vec![7], vec![7])]);
    }

    #[test]
    fn batches_are_applied_whole_and_in_order() {
        let memory = Memory::new();
        let gathered = Gathered::new(Arc::new(memory.clone()));
        let rows: Vec<_> = (0..40).map(|key| (key, Some(1))).collect();
        gathered.apply(batch(&rows)).unwrap();
        assert!(all(&memory).is_empty());
        let more: Vec<_> = (20..60).map(|key| (key, Some(2))).collect();
        gathered.apply(batch(&more)).unwrap();
        assert_eq!(all(&memory).len(), 40, "both would be too many at once");
        assert_eq!(all(&gathered).len(), 60);
    }
}
