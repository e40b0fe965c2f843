//! Origins have numbers, which are short in records and never change. All of them are in memory too. Those of which nothing
//! is stored any more are forgotten ([`super::unused`]).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

use super::backend::Order;
use super::keys;
use super::records::application::OriginValue;
use super::records::{Number, Record};
use super::transaction::{Reader, Rows, Transaction};
use crate::domain::{Origin, OriginId};
use crate::store::{OriginInfo, StoreError};

/// Origins at most, since each takes some 200 octets of memory.
pub(crate) const ORIGINS_MAX: usize = 1_000_000;

/// The name of the number of the last origin.
const LAST_ORIGIN: &str = "last_origin";

/// The origins that are durable, and those that will be with the next sync.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    known: RwLock<Known>,
    pending: Mutex<Vec<OriginInfo>>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<OriginId, OriginInfo>,
    by_text: HashMap<String, OriginId>,
}

impl Known {
    fn add(&mut self, info: OriginInfo) {
        self.by_text.insert(info.origin.as_str().to_owned(), info.id);
        self.by_id.insert(info.id, info);
    }
}

impl Origins {
    /// All that are stored.
    pub(crate) fn load(reader: &Reader) -> Result<Self, StoreError> {
        let mut known = Known::default();
        for row in reader.scan(keys::origins(), Order::Ascending) {
            let (key, value) = row?;
            let info = OriginValue::from_value(&value).and_then(|origin| {
                origin.into_info(keys::origin_of(&key).ok_or(StoreError::Corrupt(OriginValue::KIND))?)
            });
            if let Some(info) = reader.readable(info)? {
                known.add(info);
            }
        }
        Ok(Self { known: RwLock::new(known), pending: Mutex::default() })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_id.len()
    }

    /// The numbers of all.
    pub(crate) fn ids(&self) -> Vec<OriginId> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_id.keys().copied().collect()
    }

    /// Adds to a transaction what forgets one.
    pub(crate) fn remove(&self, transaction: &mut Transaction, id: OriginId) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(info) = known.by_id.get(&id) else { return };
        transaction.remove(keys::origin(id));
        if known.by_text.get(info.origin.as_str()) == Some(&id) {
            transaction.remove(keys::origin_text(info.origin.as_str()));
        }
    }

    /// Forgets one whose rows were removed.
    pub(crate) fn removed(&self, id: OriginId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Some(info) = known.by_id.remove(&id) else { return };
        if known.by_text.get(info.origin.as_str()) == Some(&id) {
            known.by_text.remove(info.origin.as_str());
        }
    }

    /// By its number.
    pub(crate) fn by_id(&self, id: OriginId) -> Option<OriginInfo> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    /// By what it is.
    pub(crate) fn by_text(&self, origin: &Origin) -> Option<OriginInfo> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.by_text.get(origin.as_str()).and_then(|id| known.by_id.get(id)).cloned()
    }

    /// By what it is, made in this transaction if there is none.
    pub(crate) fn intern(
        &self,
        transaction: &mut Transaction,
        origin: &Origin,
    ) -> Result<OriginInfo, StoreError> {
        if let Some(info) = self.by_text(origin) {
            return Ok(info);
        }
        let text_key = keys::origin_text(origin.as_str());
        if let Some(number) = transaction.record::<Number>(&text_key)? {
            let id = OriginId(number.narrow()?);
            let value: Option<OriginValue> = transaction.record(&keys::origin(id))?;
            return value.ok_or(StoreError::Corrupt(OriginValue::KIND))?.into_info(id);
        }
        let last_key = keys::meta(LAST_ORIGIN);
        let last = transaction.record::<Number>(&last_key)?.unwrap_or_default().narrow()?;
        if self.len() >= ORIGINS_MAX {
            return Err(StoreError::Unavailable("there are too many origins".to_owned()));
        }
        let id = OriginId(last + 1);
        transaction.put(last_key, &Number::new(id.0));
        transaction.put(text_key, &Number::new(id.0));
        transaction.put(keys::origin(id), &OriginValue::new(origin));
        let info = OriginInfo { id, origin: origin.clone() };
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(info.clone());
        Ok(info)
    }

    /// Makes known what was interned and has been synced. A transaction may have been given up: its origins are not
    /// there.
    pub(crate) fn publish(&self, reader: &Reader) {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        for info in pending {
            let stored = reader.record::<Number>(&keys::origin_text(info.origin.as_str()));
            if matches!(stored, Ok(Some(number)) if number.value == u64::from(info.id.0)) {
                self.known.write().unwrap_or_else(PoisonError::into_inner).add(info);
            }
        }
    }
}
