//! Reading the status log.

use super::backend::Order;
use super::keys;
use super::records::segment::{FeedValue, SegmentValue};
use super::records::{Number, Record};
use super::transaction::Reader;
use super::trim;
use crate::domain::{ApplicationId, MessageId, Timestamp};
use crate::store::{FeedRow, Segment, StoreError};

/// Segments with numbers from `from` to `to`.
pub(crate) fn segments(
    reader: &Reader,
    message: MessageId,
    from: u64,
    to: u64,
    limit: usize,
) -> Result<Vec<Segment>, StoreError> {
    let range = keys::segments(message)
        .starting_at(&keys::segment(message, from))
        .before(&keys::segment(message, to.saturating_add(1)));
    let mut segments = Vec::new();
    for row in reader.scan_by(range, Order::Ascending, limit) {
        if segments.len() >= limit {
            break;
        }
        let (key, value) = row?;
        let segment = SegmentValue::from_value(&value).and_then(|segment| {
            let seq = keys::seq_of(&key).ok_or(StoreError::Corrupt(SegmentValue::KIND))?;
            segment.into_segment(message, seq)
        });
        segments.extend(reader.readable(segment)?);
    }
    Ok(segments)
}

/// Feed rows with numbers from `from` to `to`.
pub(crate) fn rows(
    reader: &Reader,
    application: ApplicationId,
    from: u64,
    to: u64,
    limit: usize,
) -> Result<Vec<FeedRow>, StoreError> {
    let range = keys::feeds(application)
        .starting_at(&keys::feed(application, from))
        .before(&keys::feed(application, to.saturating_add(1)));
    let mut rows = Vec::new();
    for row in reader.scan_by(range, Order::Ascending, limit) {
        if rows.len() >= limit {
            break;
        }
        let (key, value) = row?;
        let row = FeedValue::from_value(&value)
            .and_then(|row| row.into_row(keys::seq_of(&key).ok_or(StoreError::Corrupt(FeedValue::KIND))?));
        rows.extend(reader.readable(row)?);
    }
    Ok(rows)
}

/// See [`crate::store::Store::seq_at`].
pub(crate) fn seq_at(
    reader: &Reader,
    application: ApplicationId,
    time: Timestamp,
) -> Result<u64, StoreError> {
    let range = keys::times(application).before(&keys::time(application, keys::minute(time) + 1));
    // Before the first commit.
    let mut found = 1;
    if let Some(row) = reader.scan_by(range, Order::Descending, 1).next() {
        let (_, value) = row?;
        if let Some(number) = reader.readable(Number::from_value(&value))? {
            found = number.value;
        }
    }
    // What has been trimmed is only missed by who asks for its time.
    let mark = trim::marks(reader, application)?.commits();
    Ok(if time > mark.time() { found.max(mark.from) } else { found })
}
