//! Bringing what was stored before to the present key and policy, row by row, while the store serves.

use std::sync::Arc;

use super::super::KvStore;
use super::super::backend::Order;
use super::super::keys;
use super::super::queue::Class;
use super::super::records::SealingValue;
use super::super::writer::{TRANSACTION_ROWS, Writer};
use super::backend::{SEALING_NAME, Sealed, noted};
use super::{Sealing, sealed_under};
use crate::store::StoreError;

/// Rows that are looked at in one go. Those of the log have up to 64 KiB.
const LOOK_ROWS: usize = 256;

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Resealed {
    /// Rows that were looked at.
    pub rows: u64,
    /// Those that were stored otherwise than they are to be, and were written anew.
    pub rewritten: u64,
    /// Those that do not open, and were left as they are.
    pub damaged: u64,
}

/// Where to go on: the rest of a range, and those after it.
type Rest = Vec<keys::KeyRange>;

impl Sealed {
    /// The next rows, and where to go on: how many there were, and the keys of those that are to be written anew.
    fn stale(&self, mut rest: Rest) -> Result<(u64, Vec<Vec<u8>>, Rest), StoreError> {
        let Some(range) = rest.pop() else { return Ok((0, Vec::new(), rest)) };
        let rows = self.database.scan(&range, Order::Ascending, LOOK_ROWS)?;
        if let Some((last, _)) = rows.last().filter(|_| rows.len() == LOOK_ROWS) {
            rest.push(range.after(last));
        }
        let looked = rows.len() as u64;
        let is_stale = |(key, value): &(Vec<u8>, Vec<u8>)| self.sealing.is_stale(key, value);
        let stale = rows.into_iter().filter(is_stale).map(|(key, _)| key).collect();
        Ok((looked, stale, rest))
    }
}

impl KvStore {
    /// Whether what was stored before may be sealed otherwise than now: then [`Self::reseal`] is due.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_reseal_due(&self) -> Result<bool, StoreError> {
        match &self.shared.sealed {
            Some(sealed) => Ok(!self.is_sealed_as(&sealed.sealing).await?),
            None => Ok(false),
        }
    }

    /// Whether everything is known to be stored as this sealing would have it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_sealed_as(&self, sealing: &Sealing) -> Result<bool, StoreError> {
        let policy = sealing.policy();
        self.read(move |reader| Ok(noted(reader.backend())?.policy == policy)).await
    }

    /// How many rows [`Self::reseal`] would write anew.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn stale_rows(&self) -> Result<u64, StoreError> {
        let Some(sealed) = self.shared.sealed.clone() else { return Ok(0) };
        let (mut rest, mut all) = (keys::secret_ranges(), 0);
        while !rest.is_empty() {
            let sealed = Arc::clone(&sealed);
            let (_, stale, next) = self.read_synced(move |_| sealed.stale(rest)).await?;
            (rest, all) = (next, all + stale.len() as u64);
        }
        Ok(all)
    }

    /// Writes anew what is sealed otherwise than it is to be, or not at all; then former keys are needed no more.
    /// May be broken off at any time and begun again: what is done is passed over. The store serves on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reseal(&self, mut tell: impl FnMut(&Resealed)) -> Result<Resealed, StoreError> {
        let mut done = Resealed::default();
        let Some(sealed) = self.shared.sealed.clone() else { return Ok(done) };
        let mut rest = keys::secret_ranges();
        while !rest.is_empty() {
            let look = Arc::clone(&sealed);
            let (looked, stale, next) = self.read_synced(move |_| look.stale(rest)).await?;
            rest = next;
            done.rows += looked;
            for some in stale.chunks(TRANSACTION_ROWS) {
                let some = some.to_vec();
                let (rewritten, damaged) =
                    self.write(Class::Reap, move |writer| writer.rewrite(some)).await?;
                done.rewritten += rewritten;
                done.damaged += damaged;
                tell(&done);
            }
        }
        let current = sealed.sealing.current().map(|key| key.fingerprint.0.to_vec());
        let value =
            SealingValue { fingerprints: current.into_iter().collect(), policy: sealed.sealing.policy() };
        self.write(Class::Reap, move |writer| {
            let mut transaction = writer.begin();
            transaction.put(keys::meta(SEALING_NAME), &value);
            writer.apply(transaction)
        })
        .await?;
        Ok(done)
    }
}

impl Writer {
    /// Writes rows as they are, which seals them as they are to be. Answers how many, and how many do not open.
    fn rewrite(&mut self, rows: Vec<Vec<u8>>) -> Result<(u64, u64), StoreError> {
        let mut transaction = self.begin();
        let mut damaged = 0;
        for key in rows {
            // It may have been written or removed meanwhile.
            let Some(value) = self.reader.backend().get(&key)? else { continue };
            if sealed_under(&value).is_some() {
                damaged += 1;
                continue;
            }
            transaction.put_value(key, value);
        }
        let rewritten = transaction.rows() as u64;
        self.apply(transaction)?;
        Ok((rewritten, damaged))
    }
}
