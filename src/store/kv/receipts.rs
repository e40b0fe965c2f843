//! Receipts: recording and reading them.

use super::backend::Order;
use super::keys;
use super::recording::Recording;
use super::records::Record as _;
use super::records::receipt::ReportsValue;
use super::transaction::{Reader, Rows};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, MessageId, Receipt, Report, SubscriptionId};
use crate::failpoint::failpoint;
use crate::store::{Received, StoreError};

/// Inline deliveries of one message that are looked at for their receipts: a Send has one.
const INLINE_MAX: usize = 64;

impl Writer {
    /// See [`crate::store::Store::receive`]. Receipts share transactions of about [`TRANSACTION_ROWS`].
    pub(crate) fn receive(
        &mut self,
        application: ApplicationId,
        receipts: &[Receipt],
    ) -> Result<Vec<Received>, StoreError> {
        let mut received = Vec::with_capacity(receipts.len());
        let mut recording = Recording::new(self.begin(), application);
        for receipt in receipts {
            let recorded = record(&mut recording, receipt);
            // A record that does not read costs one receipt, not those of others.
            received.push(self.reader.readable(recorded)?.unwrap_or(Received::TooLate));
            if recording.rows() >= TRANSACTION_ROWS {
                recording.finish(self)?;
                recording = Recording::new(self.begin(), application);
            }
        }
        recording.finish(self)?;
        failpoint("receipts-applied");
        Ok(received)
    }
}

fn record(recording: &mut Recording, receipt: &Receipt) -> Result<Received, StoreError> {
    let key = keys::receipt(receipt.message, receipt.delivery);
    let mut reports: ReportsValue = recording.transaction.record(&key)?.unwrap_or_default();
    if reports.has(receipt.report.kind) {
        return Ok(Received::Repeated);
    }
    let Some(recorded) = recording.reported(receipt.message)? else { return Ok(Received::TooLate) };
    recorded.receipt(receipt);
    reports.inline = receipt.inline;
    reports.add(&receipt.report);
    recording.transaction.put(key, &reports);
    Ok(Received::Recorded)
}

/// See [`crate::store::Store::reports`].
pub(crate) fn reports(
    reader: &Reader,
    message: MessageId,
    deliveries: &[Option<SubscriptionId>],
) -> Result<Vec<Vec<Report>>, StoreError> {
    let mut found = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let reports = match delivery {
            Some(id) => {
                let value = reader.record::<ReportsValue>(&keys::receipt(message, *id));
                value.and_then(|value| value.unwrap_or_default().reports())
            }
            None => inline_reports(reader, message),
        };
        found.push(reader.readable(reports)?.unwrap_or_default());
    }
    Ok(found)
}

fn inline_reports(reader: &Reader, message: MessageId) -> Result<Vec<Report>, StoreError> {
    let mut found = Vec::new();
    for row in reader.scan_by(keys::receipts(message), Order::Ascending, INLINE_MAX).take(INLINE_MAX) {
        let value = ReportsValue::from_value(&row?.1)?;
        if value.inline {
            found.extend(value.reports()?);
        }
    }
    Ok(found)
}
