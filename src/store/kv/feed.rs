//! Reading the status log.

use super::backend::Order;
use super::keys;
use super::records::feed::FeedValue;
use super::records::message::DoneValue;
use super::records::segment::SegmentValue;
use super::records::{Number, Record};
use super::transaction::{Reader, Rows};
use super::trim;
use crate::domain::{ApplicationId, MessageId, Timestamp};
use crate::store::{FeedRow, Segment, StoreError};

/// The value of a segment: its row's, or what the row of its message keeps.
pub(crate) fn segment(
    rows: &impl Rows,
    application: ApplicationId,
    message: MessageId,
    seq: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    if let Some(value) = rows.value(&keys::segment(message, seq))? {
        return Ok(Some(value));
    }
    let done: Option<DoneValue> = rows.record(&keys::done(application, message))?;
    let kept = done.as_ref().and_then(DoneValue::segment).filter(|(of, _)| *of == seq);
    Ok(kept.map(|(_, value)| value.to_vec()))
}

/// Segments with numbers from `from` to `to`.
pub(crate) fn segments(
    reader: &Reader,
    application: ApplicationId,
    message: MessageId,
    (from, to): (u64, u64),
    limit: usize,
) -> Result<Vec<Segment>, StoreError> {
    let range = keys::segments(message)
        .starting_at(&keys::segment(message, from))
        .before(&keys::segment(message, to.saturating_add(1)));
    let mut segments = Vec::new();
    let done = reader.readable(reader.record::<DoneValue>(&keys::done(application, message)))?.flatten();
    // It is the first.
    if let Some((seq, value)) = done.as_ref().and_then(DoneValue::segment)
        && (from..=to).contains(&seq)
        && limit > 0
    {
        let segment = SegmentValue::from_value(value).and_then(|segment| segment.into_segment(message, seq));
        segments.extend(reader.readable(segment)?);
    }
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
    let all = keys::feeds(application);
    // What has number `from` may stand in a row that begins before it.
    let until = all.clone().before(&keys::feed(application, from.saturating_add(1)));
    let begins = match reader.scan_by(until, Order::Descending, 1).next() {
        Some(row) => row?.0,
        None => keys::feed(application, from),
    };
    let range = all.starting_at(&begins).before(&keys::feed(application, to.saturating_add(1)));
    let mut rows = Vec::new();
    for row in reader.scan_by(range, Order::Ascending, limit) {
        if rows.len() >= limit {
            break;
        }
        let (key, value) = row?;
        let commits = FeedValue::from_value(&value)
            .and_then(|row| row.into_rows(keys::seq_of(&key).ok_or(StoreError::Corrupt(FeedValue::KIND))?));
        let commits = reader.readable(commits)?.into_iter().flatten();
        rows.extend(commits.filter(|commit| (from..=to).contains(&commit.seq)));
    }
    rows.truncate(limit);
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
