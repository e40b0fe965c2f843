//! What is stored, by kind of record: for operators, who want to know what fills the disk.

use super::backend::Order;
use super::keys;
use super::transaction::Reader;
use crate::store::StoreError;

/// All rows of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KindCensus {
    /// What `docs/storage.md` calls it.
    pub kind: &'static str,
    /// How many rows there are.
    pub rows: u64,
    /// Octets of their keys.
    pub key_octets: u64,
    /// Octets of their values.
    pub value_octets: u64,
}

/// What a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// By kind, in the order of keys; kinds without rows are left out.
    pub kinds: Vec<KindCensus>,
    /// Octets of the files, which also hold what has been removed and not been written over; 0 in memory.
    pub file_octets: u64,
}

impl Census {
    /// Octets of all keys and values.
    #[must_use]
    pub fn live_octets(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.key_octets + kind.value_octets).sum()
    }
}

/// Reads every row.
pub(crate) fn take(reader: &Reader) -> Result<Census, StoreError> {
    let mut kinds = Vec::new();
    for (kind, range) in keys::kinds() {
        let mut census = KindCensus { kind, rows: 0, key_octets: 0, value_octets: 0 };
        for row in reader.scan(range, Order::Ascending) {
            let (key, value) = row?;
            census.rows += 1;
            census.key_octets += key.len() as u64;
            census.value_octets += value.len() as u64;
        }
        if census.rows > 0 {
            kinds.push(census);
        }
    }
    Ok(Census { kinds, file_octets: reader.backend().file_octets()? })
}
