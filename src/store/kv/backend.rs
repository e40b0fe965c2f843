//! What the store needs of a database: ordered keys, atomic batches, and a sync.

use std::collections::BTreeMap;
use std::fmt;

use super::keys::KeyRange;
use crate::store::StoreError;

/// Key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Which end of a range a scan starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Writes that are applied together. The last write of a key counts.
#[derive(Clone, Default)]
pub struct Batch {
    /// By key; `None` removes.
    pub writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} rows)", self.writes.len())
    }
}

/// The disk that a database is on, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The size of the file system.
    pub total_octets: u64,
    /// What the database may grow by: free on the file system, or allocated to it already.
    pub free_octets: u64,
    /// Of that, what nobody else can take.
    pub certain_octets: u64,
    /// What its files take.
    pub file_octets: u64,
}

/// An ordered key-value database. All methods block; errors are [`StoreError::Unavailable`], and after one of `apply` or
/// `sync` the store takes no more writes, since nobody knows what is on the disk.
pub trait Backend: Send + Sync + fmt::Debug + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows of a range. Not a snapshot: rows that change meanwhile may come or not.
    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Applies a batch: readers may see it at once and in part, but after a crash all of it is there or nothing, and
    /// none without those applied before it.
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Octets of its files; 0 when it has none.
    fn file_octets(&self) -> Result<u64, StoreError>;

    /// Sees that so many octets are allocated ahead of what the database takes, as far as the disk has them, and measures
    /// it. `None`: it has no disk.
    fn space(&self, ahead_octets: u64) -> Result<Option<Space>, StoreError>;

    /// Returns when everything that was applied before is durable, also against loss of power.
    fn sync(&self) -> Result<(), StoreError>;
}
