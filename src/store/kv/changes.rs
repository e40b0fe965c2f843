//! The change feed: what became of subscriptions, in a sequence of its own for each application.

use super::backend::Order;
use super::keys;
use super::records::Record as _;
use super::records::change::{ChangeTime, ChangeValue};
use super::transaction::{Reader, Transaction};
use super::trim;
use super::writer::Writer;
use crate::domain::{ApplicationId, Timestamp};
use crate::store::{Change, StoreError};

/// Changes with numbers from `from` to `to`.
pub(crate) fn read(
    reader: &Reader,
    application: ApplicationId,
    from: u64,
    to: u64,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let range = keys::changes(application)
        .starting_at(&keys::change(application, from))
        .before(&keys::change(application, to.saturating_add(1)));
    let mut changes = Vec::new();
    for row in reader.scan_by(range, Order::Ascending, limit) {
        if changes.len() >= limit {
            break;
        }
        let (key, value) = row?;
        let change = ChangeValue::from_value(&value).and_then(|change| {
            change.into_change(keys::seq_of(&key).ok_or(StoreError::Corrupt(ChangeValue::KIND))?)
        });
        changes.extend(reader.readable(change)?);
    }
    Ok(changes)
}

/// See [`crate::store::Store::change_at`]. The times of changes never fall, so it is found by halving.
pub(crate) fn at(
    reader: &Reader,
    application: ApplicationId,
    time: Timestamp,
    to: u64,
) -> Result<u64, StoreError> {
    let mark = trim::marks(reader, application)?.changes();
    if time <= mark.time() {
        // Who asks for what has been trimmed is led there, to find out.
        return Ok(mark.from.saturating_sub(1));
    }
    let (mut from, mut end) = (mark.from, to.saturating_add(1));
    while from < end {
        let middle = from + (end - from) / 2;
        match next(reader, application, middle, end)? {
            Some((seq, made)) if made < time => from = seq + 1,
            Some(_) | None => end = middle,
        }
    }
    Ok(from)
}

/// The first change from `from` on and before `end` that reads: its number and its time.
fn next(
    reader: &Reader,
    application: ApplicationId,
    from: u64,
    end: u64,
) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let range = keys::changes(application)
        .starting_at(&keys::change(application, from))
        .before(&keys::change(application, end));
    for row in reader.scan_by(range, Order::Ascending, 1) {
        let (key, value) = row?;
        if let (Some(seq), Some(made)) =
            (keys::seq_of(&key), reader.readable(ChangeTime::from_value(&value))?)
        {
            return Ok(Some((seq, made.time())));
        }
    }
    Ok(None)
}

impl Writer {
    /// Applies a transaction that changes subscriptions, and tells of it.
    pub(crate) fn apply_with_changes(
        &mut self,
        mut transaction: Transaction,
        application: ApplicationId,
        changes: Vec<ChangeValue>,
    ) -> Result<(), StoreError> {
        if changes.is_empty() {
            return self.apply(transaction);
        }
        let mut sequence = self.changes.get(application);
        // A clock that was set back must not take the times out of order.
        sequence.time = self.clock.now().max(sequence.time);
        for change in changes {
            sequence.seq += 1;
            transaction.put(keys::change(application, sequence.seq), &change.at(sequence.time));
        }
        transaction.put(keys::change_sequence(application), &sequence.to_record());
        self.apply(transaction)?;
        self.changes.grow(application, sequence);
        Ok(())
    }
}
