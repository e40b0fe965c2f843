//! The audit log: one sequence of entries for the whole store. How many octets they are is kept beside the last number.

use super::backend::Order;
use super::keys;
use super::records::audit::AuditValue;
use super::records::{Record as _, SequenceValue};
use super::transaction::{Reader, Rows, Transaction};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{AuditEntry, AuditFilter, Timestamp};
use crate::store::{AuditListed, AuditRetention, StoreError, Trimmed};

/// The name of the row that says how far the log is, and how many octets it has.
pub(crate) const AUDIT_LOG: &str = "audit log";
/// Entries that one list looks at, whatever comes of them.
const LIST_ROWS: usize = 2_048;
/// Entries that are fetched at once.
const PIECE_ROWS: usize = 128;

fn log(rows: &impl Rows) -> Result<SequenceValue, StoreError> {
    Ok(rows.record(&keys::meta(AUDIT_LOG))?.unwrap_or_default())
}

/// Adds an entry, as of now. A clock that was set back does not take the times out of order.
pub(crate) fn add(
    transaction: &mut Transaction,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let mut log = log(transaction)?;
    log.last += 1;
    log.time = log.time.max(now.as_micros());
    let value = AuditValue::new(entry, Timestamp::from_micros(log.time));
    log.log_octets += transaction.put(keys::audit(log.last), &value) as u64;
    transaction.put(keys::meta(AUDIT_LOG), &log);
    Ok(())
}

/// See [`crate::store::Store::audit_entries`].
pub(crate) fn list(
    reader: &Reader,
    filter: &AuditFilter,
    before: Option<u64>,
    limit: usize,
) -> Result<AuditListed, StoreError> {
    let range = keys::audits().before(&keys::audit(before.unwrap_or(u64::MAX)));
    let mut listed = AuditListed::default();
    for (looked, row) in (1..).zip(reader.scan_by(range, Order::Descending, PIECE_ROWS)) {
        let (key, value) = row?;
        let Some(number) = keys::seq_of(&key) else { continue };
        let entry = reader.readable(AuditValue::from_value(&value).and_then(AuditValue::into_entry))?;
        if let Some(entry) = entry {
            if filter.since.is_some_and(|since| entry.time < since) {
                // All others are older still.
                return Ok(listed);
            }
            if filter.takes(&entry) {
                listed.entries.push((number, entry));
            }
        }
        if listed.entries.len() >= limit || looked >= LIST_ROWS {
            listed.next = Some(number);
            break;
        }
    }
    Ok(listed)
}

/// The oldest entries, which are to go, with their octets.
#[derive(Debug, Default)]
pub(crate) struct Outdated {
    rows: Vec<Vec<u8>>,
    octets: u64,
    more: bool,
}

impl Outdated {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Which entries are to go now, at most those of one transaction.
pub(crate) fn outdated(
    reader: &Reader,
    now: Timestamp,
    retention: AuditRetention,
) -> Result<Outdated, StoreError> {
    let until = now.minus(retention.age);
    let mut surplus = log(reader)?.log_octets.saturating_sub(retention.octets_max);
    let mut outdated = Outdated::default();
    for row in reader.scan_by(keys::audits(), Order::Ascending, TRANSACTION_ROWS) {
        let (key, value) = row?;
        // One that does not read is as old as the one before.
        let time = reader.readable(AuditValue::from_value(&value))?.map(|value| value.time());
        if surplus == 0 && time.is_some_and(|time| time > until) {
            break;
        }
        surplus = surplus.saturating_sub(value.len() as u64);
        outdated.octets += value.len() as u64;
        outdated.rows.push(key);
        if outdated.rows.len() >= TRANSACTION_ROWS - 1 {
            outdated.more = true;
            break;
        }
    }
    Ok(outdated)
}

impl Writer {
    /// See [`crate::store::Store::audit`].
    pub(crate) fn audit(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        add(&mut transaction, self.clock.now(), entry)?;
        self.apply(transaction)
    }

    /// Removes entries, which are the oldest still.
    pub(crate) fn trim_audit(&mut self, outdated: Outdated) -> Result<Trimmed, StoreError> {
        let Outdated { rows, octets, more } = outdated;
        let mut transaction = self.begin();
        let mut log = log(&transaction)?;
        log.log_octets = log.log_octets.saturating_sub(octets);
        transaction.put(keys::meta(AUDIT_LOG), &log);
        let trimmed = Trimmed { rows: rows.len(), more, ..Trimmed::default() };
        for key in rows {
            transaction.remove(key);
        }
        self.apply(transaction)?;
        Ok(trimmed)
    }
}
