//! What `benches/` measures of the store and no caller may use: events to the octets of a segment, and back; values to what is
//! sealed of them, and back.

use super::keys;
use super::records::Record;
use super::records::segment::{SegmentValue, SegmentWriter};
use super::sealing::{MASTER_KEY_OCTETS, MasterKey, Sealing};
use crate::domain::limits::RECORD_OCTETS_MAX;
use crate::domain::{ApplicationId, DeliveryEvent, MessageId, SubscriptionId};
use crate::store::StoreError;

/// The segments of these events, as one commit writes them.
#[must_use]
pub fn encode_segments(events: &[DeliveryEvent]) -> Vec<Vec<u8>> {
    let mut writer = SegmentWriter::new(RECORD_OCTETS_MAX);
    for event in events {
        writer.add(event);
    }
    writer.finish().iter().map(Record::to_value).collect()
}

/// The events of one segment.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_segment(message: MessageId, value: &[u8]) -> Result<Vec<DeliveryEvent>, StoreError> {
    Ok(SegmentValue::from_value(value)?.into_segment(message, 1)?.events)
}

/// Seals the values of one row.
#[derive(Debug)]
pub struct RowSealer {
    sealing: Sealing,
    row: Vec<u8>,
}

impl RowSealer {
    /// Of a subscription's row.
    #[must_use]
    pub fn new() -> Self {
        let sealing = Sealing::new(vec![MasterKey::new(&[1; MASTER_KEY_OCTETS])], true, true);
        Self { sealing, row: keys::subscription(ApplicationId(1), SubscriptionId([7; 16])) }
    }

    /// A value as it is stored.
    #[must_use]
    pub fn seal(&self, value: &[u8]) -> Vec<u8> {
        self.sealing.sealed(&self.row, value).unwrap_or_default()
    }

    /// A stored value as it was.
    pub fn open(&self, value: &mut Vec<u8>) {
        self.sealing.open(&self.row, value);
    }
}

impl Default for RowSealer {
    fn default() -> Self {
        Self::new()
    }
}
