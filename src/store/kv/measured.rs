//! What `benches/` measures of the store and no caller may use: events to the octets of a segment, and back.

use super::records::Record;
use super::records::segment::{SegmentValue, SegmentWriter};
use crate::domain::limits::RECORD_OCTETS_MAX;
use crate::domain::{DeliveryEvent, MessageId};
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
