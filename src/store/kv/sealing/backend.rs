//! The place where values are sealed and opened: between the database and everything that reads and writes rows.

use std::sync::Arc;

use super::super::backend::{Backend, Batch, Order, Row, Space};
use super::super::keys::{self, KeyRange};
use super::super::records::{Record, SealingValue};
use super::super::sled::OpenError;
use super::{Fingerprint, Sealing};
use crate::store::StoreError;

/// What the keys are noted under that values are sealed with.
pub(in super::super) const SEALING_NAME: &str = "sealing";

/// A database in which some values are sealed.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(super) database: Arc<dyn Backend>,
    pub(super) sealing: Sealing,
}

impl Backend for Sealed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut value = self.database.get(key)?;
        if let Some(value) = &mut value {
            self.sealing.open(key, value);
        }
        Ok(value)
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.database.scan(range, order, limit)?;
        for (key, value) in &mut rows {
            self.sealing.open(key, value);
        }
        Ok(rows)
    }

    fn apply(&self, mut batch: Batch) -> Result<(), StoreError> {
        for (key, value) in &mut batch.writes {
            if let (Some(value), Some(master)) = (value, self.sealing.wanted(key)) {
                let refused = || StoreError::Unavailable("a value could not be sealed".to_owned());
                *value = master.seal(key, value).ok_or_else(refused)?;
            }
        }
        self.database.apply(batch)
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

/// What is noted of the keys.
pub(super) fn noted(database: &dyn Backend) -> Result<SealingValue, StoreError> {
    let value = database.get(&keys::meta(SEALING_NAME))?;
    value.map_or_else(|| Ok(SealingValue::default()), |value| SealingValue::from_value(&value))
}

/// The names of the keys that are noted.
pub(crate) fn master_keys(database: &dyn Backend) -> Result<Vec<String>, StoreError> {
    Ok(noted(database)?.fingerprints.iter().map(|octets| name(octets)).collect())
}

fn name(octets: &[u8]) -> String {
    Fingerprint(octets.try_into().unwrap_or_default()).to_string()
}

/// The database as it is to be used, and the sealing of it if there is any.
type Admitted = (Arc<dyn Backend>, Option<Arc<Sealed>>);

/// Checks that every key is given that values are sealed with, notes the current one before anything is sealed with it,
/// and puts the sealing before the database. Without keys it is the database itself.
pub(crate) fn admit(database: Arc<dyn Backend>, sealing: &Sealing) -> Result<Admitted, OpenError> {
    let mut known = noted(&*database)?;
    let is_given = |fingerprint: &[u8]| sealing.keys.iter().any(|key| key.fingerprint.0 == *fingerprint);
    let missing: Vec<_> = known.fingerprints.iter().filter(|noted| !is_given(noted)).collect();
    if !missing.is_empty() {
        return Err(OpenError::MasterKeyMissing {
            missing: missing.into_iter().map(|octets| name(octets)).collect::<Vec<_>>().join(", "),
            given: sealing.keys.iter().map(|key| key.fingerprint.to_string()).collect::<Vec<_>>().join(", "),
        });
    }
    if sealing.keys.is_empty() {
        return Ok((database, None));
    }
    if let Some(current) = sealing.current()
        && !known.fingerprints.iter().any(|noted| *noted == current.fingerprint.0)
    {
        known.fingerprints.push(current.fingerprint.0.to_vec());
        let mut batch = Batch::default();
        batch.writes.insert(keys::meta(SEALING_NAME), Some(known.to_value()));
        database.apply(batch)?;
        database.sync()?;
    }
    let sealed = Arc::new(Sealed { database, sealing: sealing.clone() });
    Ok((Arc::clone(&sealed) as Arc<dyn Backend>, Some(sealed)))
}
