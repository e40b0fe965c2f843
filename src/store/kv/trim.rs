//! Trimming: what is too old goes, in steps of a few rows. Low marks first, so that a reader that misses something finds out
//! why; then the rows. Commits go by their age but not before the reaper has seen them. A message that has ended passes
//! through indexes by age: REMEMBERED while its `request_id` must not be forgotten, FINISHED until its events go, TRIMMED
//! until the rest goes. Everything is looked up beside the writer; nothing of it changes any more.

use std::time::Duration;

use super::applications;
use super::backend::Order;
use super::keys::{self, KeyRange};
use super::reap;
use super::records::application::VapidTokenValue;
use super::records::change::ChangeTime;
use super::records::feed::FeedTimes;
use super::records::kept::{KeptValue, MarkValue};
use super::records::message::{DoneValue, RequestValue, StateValue};
use super::records::{Mark, Number, Record as _};
use super::transaction::{Reader, Rows};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, MessageId, Timestamp};
use crate::failpoint::failpoint;
use crate::store::{Kept, StoreError};

/// The name of the row with the time that trimming has come to, in microseconds.
const TRIM_TIME: &str = "trim time";
/// Rows that a scan looks at for one step.
const STEP_ROWS: usize = TRANSACTION_ROWS - 10;
/// Messages of one step: some rows each.
const STEP_MESSAGES: usize = STEP_ROWS / 3;
/// Segments may be long: so many are fetched at once.
const SEGMENTS_AT_ONCE: usize = 8;
/// When a message with late receipts is looked at again.
const RECEIPTS_WAIT: Duration = Duration::from_secs(3_600);

/// See [`crate::store::Store::kept`].
pub(crate) fn kept(rows: &impl Rows, application: ApplicationId) -> Result<Kept, StoreError> {
    Ok(marks(rows, application)?.to_kept())
}

/// The low marks of an application.
pub(crate) fn marks(rows: &impl Rows, application: ApplicationId) -> Result<KeptValue, StoreError> {
    Ok(rows.record(&keys::kept(application))?.unwrap_or_default())
}

/// Which log a low mark is of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Log {
    Commits,
    Changes,
}

/// The oldest rows of a log, which are to go.
#[derive(Debug)]
pub(crate) struct Aged {
    log: Log,
    mark: MarkValue,
    rows: Vec<Vec<u8>>,
    /// There may be others.
    pub(crate) more: bool,
}

impl Aged {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What of the commits up to `until` is to go.
pub(crate) fn aged_commits(
    reader: &Reader,
    application: ApplicationId,
    until: Timestamp,
) -> Result<Aged, StoreError> {
    let mark = marks(reader, application)?.commits();
    let seen = reap::position(reader, application)?;
    let span_of = |value: &[u8]| FeedTimes::from_value(value).map(|times| (times.commits(), times.last()));
    let range = keys::feeds(application);
    let mut aged = aged(reader, (Log::Commits, range, mark), (seen, until), span_of)?;
    // The minute of the mark itself may have more.
    let minute = keys::minute(aged.mark.time());
    let times = keys::times(application).before(&keys::time(application, minute));
    for row in reader.scan_by(times, Order::Ascending, STEP_ROWS).take(STEP_ROWS) {
        aged.rows.push(row?.0);
    }
    Ok(aged)
}

/// What of the changes up to `until` is to go.
pub(crate) fn aged_changes(
    reader: &Reader,
    application: ApplicationId,
    until: Timestamp,
) -> Result<Aged, StoreError> {
    let mark = marks(reader, application)?.changes();
    let span_of = |value: &[u8]| ChangeTime::from_value(value).map(|change| (1, change.time()));
    aged(reader, (Log::Changes, keys::changes(application), mark), (u64::MAX, until), span_of)
}

/// The rows of a log up to a number and a time; `span_of` tells how many numbers a row has, and the time of its last one.
fn aged(
    reader: &Reader,
    (log, range, mark): (Log, KeyRange, MarkValue),
    (last, until): (u64, Timestamp),
    span_of: impl Fn(&[u8]) -> Result<(u64, Timestamp), StoreError>,
) -> Result<Aged, StoreError> {
    let mut aged = Aged { log, mark, rows: Vec::new(), more: false };
    for row in reader.scan_by(range, Order::Ascending, STEP_ROWS) {
        let (key, value) = row?;
        let seq = keys::seq_of(&key).unwrap_or_default();
        // One below the mark was left by a crash. Times never fall: one that does not read is as old as the one before.
        if seq >= aged.mark.from {
            let span = reader.readable(span_of(&value))?;
            let (numbers, time) = span.unwrap_or((1, aged.mark.time()));
            let seq = seq.saturating_add(numbers - 1);
            if time > until || seq > last {
                break;
            }
            aged.mark = MarkValue::behind(seq, time);
        }
        aged.rows.push(key);
        aged.more = aged.rows.len() >= STEP_ROWS;
        if aged.more {
            break;
        }
    }
    Ok(aged)
}

/// A row of an index by age.
#[derive(Debug)]
struct Ended {
    key: Vec<u8>,
    message: MessageId,
    value: Vec<u8>,
}

/// The rows of an index by age whose time is at most `until`, and whether there may be others.
fn due(
    reader: &Reader,
    range: KeyRange,
    until: Timestamp,
    limit: usize,
) -> Result<(Vec<Ended>, bool), StoreError> {
    let mut due = Vec::new();
    for row in reader.scan_by(range, Order::Ascending, limit) {
        let (key, value) = row?;
        let (Some(time), Some(message)) = (keys::aged_at(&key), keys::message_of(&key)) else { continue };
        if time > until {
            break;
        }
        due.push(Ended { key, message, value });
        if due.len() >= limit {
            return Ok((due, true));
        }
    }
    Ok((due, false))
}

/// Rows to write together: keys to remove, and marks to put.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    pub(crate) remove: Vec<Vec<u8>>,
    put: Vec<Vec<u8>>,
    pub(crate) more: bool,
}

impl Moved {
    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty()
    }
}

/// Messages whose `request_id` may be forgotten: from now on they only wait for their age.
pub(crate) fn forgettable(
    reader: &Reader,
    application: ApplicationId,
    now: Timestamp,
) -> Result<Moved, StoreError> {
    let (due, more) = due(reader, keys::remembered_of(application), now, STEP_MESSAGES)?;
    let mut moved = Moved { more, ..Moved::default() };
    for Ended { key, message, value } in due {
        let ended = reader.readable(Number::from_value(&value))?.map_or(now.as_micros(), |ended| ended.value);
        moved.put.push(keys::finished(application, Timestamp::from_micros(ended), message));
        moved.remove.push(key);
    }
    Ok(moved)
}

/// Messages whose events are to go.
#[derive(Debug, Default)]
pub(crate) struct Eventless {
    /// Which are to be marked first, each with the last commit that it had when it was looked at.
    messages: Vec<(MessageId, u64)>,
    /// Their segments and receipts, and those of which nothing else is left.
    moved: Moved,
}

impl Eventless {
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.moved.is_empty()
    }

    pub(crate) fn more(&self) -> bool {
        self.moved.more
    }
}

/// Messages that ended at `until` at the latest, and whose commits have gone from the feed: whoever follows that is never
/// told of events that are not there.
pub(crate) fn eventless(
    reader: &Reader,
    application: ApplicationId,
    until: Timestamp,
) -> Result<Eventless, StoreError> {
    let kept_from = marks(reader, application)?.commits().from;
    let (due, more) = due(reader, keys::finished_of(application), until, STEP_MESSAGES)?;
    let mut found = Eventless::default();
    found.moved.more = more;
    for Ended { key, message, .. } in due {
        let done = reader.record::<DoneValue>(&keys::done(application, message));
        let done = reader.readable(done)?.flatten();
        let state = done.as_ref().and_then(|done| done.state.as_ref());
        if state.is_some_and(|state| state.last_seq >= kept_from) {
            found.moved.more = false;
            break;
        }
        let last = state.map_or(0, StateValue::last_commit);
        if last >= kept_from {
            // Late receipts: it waits for their age, and nobody else for it.
            found.moved.put.push(keys::finished(application, until.plus(RECEIPTS_WAIT), message));
            found.moved.remove.push(key);
            continue;
        }
        found.messages.push((message, last));
        let segments = reader.scan_by(keys::segments(message), Order::Ascending, SEGMENTS_AT_ONCE);
        for row in segments.chain(reader.scan(keys::receipts(message), Order::Ascending)) {
            found.moved.remove.push(row?.0);
            if found.moved.remove.len() >= STEP_ROWS {
                found.moved.more = true;
                return Ok(found);
            }
        }
        let ended = done.map_or(until, |done| Timestamp::from_micros(done.ended));
        found.moved.put.push(keys::trimmed(application, ended, message));
        found.moved.remove.push(key);
    }
    Ok(found)
}

/// Messages whose events went, that ended at `until` at the latest: they go. With their number.
pub(crate) fn obsolete(
    reader: &Reader,
    application: ApplicationId,
    until: Timestamp,
) -> Result<(usize, Moved), StoreError> {
    let (due, more) = due(reader, keys::trimmed_of(application), until, STEP_MESSAGES)?;
    let mut moved = Moved { more, ..Moved::default() };
    let messages = due.len();
    for Ended { key, message, .. } in due {
        let done_key = keys::done(application, message);
        let done = reader.readable(reader.record::<DoneValue>(&done_key))?.flatten();
        let request_id =
            done.and_then(|done| done.header).map(|header| header.request_id).unwrap_or_default();
        if !request_id.is_empty() {
            let request_key = keys::request(application, &request_id);
            let request = reader.readable(reader.record::<RequestValue>(&request_key))?.flatten();
            let used = request.map(|request| request.parts()).transpose();
            if reader.readable(used)?.flatten().is_some_and(|(used, _)| used == message) {
                moved.remove.push(request_key);
            }
        }
        moved.remove.extend([done_key, key]);
    }
    Ok((messages, moved))
}

/// See [`crate::store::Store::trim_time`].
pub(crate) fn noted_time(reader: &Reader) -> Result<Option<Timestamp>, StoreError> {
    if let Some(noted) = reader.record::<Number>(&keys::meta(TRIM_TIME))? {
        return Ok(Some(Timestamp::from_micros(noted.value)));
    }
    let mut newest = None;
    for application in applications::ids(reader)? {
        if let Some(row) = reader.scan_by(keys::feeds(application), Order::Descending, 1).next() {
            let times = reader.readable(FeedTimes::from_value(&row?.1))?;
            newest = newest.max(times.map(|times| times.last()));
        }
        if let Some(row) = reader.scan_by(keys::changes(application), Order::Descending, 1).next() {
            newest = newest.max(reader.readable(ChangeTime::from_value(&row?.1))?.map(ChangeTime::time));
        }
    }
    Ok(newest)
}

/// VAPID tokens that have expired: of origins to which nothing is sent any more, since others are replaced before.
pub(crate) fn expired_tokens(reader: &Reader, now: Timestamp) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    for row in reader.scan(keys::vapid_tokens(), Order::Ascending) {
        let (key, value) = row?;
        let expires = VapidTokenValue::from_value(&value).map(|token| token.expires());
        // One that does not read is of no use.
        if reader.readable(expires)?.is_none_or(|expires| expires <= now) {
            moved.remove.push(key);
            moved.more = moved.remove.len() >= STEP_ROWS;
        }
        if moved.more {
            break;
        }
    }
    Ok(moved)
}

impl Writer {
    /// See [`crate::store::Store::note_trim_time`].
    pub(crate) fn note_trim_time(&mut self, time: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        transaction.put(keys::meta(TRIM_TIME), &Number::new(time.as_micros()));
        self.apply(transaction)
    }

    /// Raises a low mark, and then removes what is below. Returns how many rows went.
    pub(crate) fn trim_log(&mut self, application: ApplicationId, aged: Aged) -> Result<usize, StoreError> {
        let mut kept = marks(&self.reader, application)?;
        let mark = match aged.log {
            Log::Commits => &mut kept.commits,
            Log::Changes => &mut kept.changes,
        };
        if mark.is_none_or(|mark| mark.from < aged.mark.from) {
            *mark = Some(aged.mark);
            let mut transaction = self.begin();
            transaction.put(keys::kept(application), &kept);
            self.apply(transaction)?;
        }
        failpoint("log-marked");
        self.remove_rows(aged.rows)
    }

    /// Marks messages as trimmed, and then removes their segments. Returns how many messages and rows it were.
    pub(crate) fn trim_events(
        &mut self,
        application: ApplicationId,
        eventless: Eventless,
    ) -> Result<(usize, usize), StoreError> {
        let mut transaction = self.begin();
        let mut sequence = self.commits.get(application);
        let mut marked = 0;
        for (message, last) in eventless.messages {
            let key = keys::done(application, message);
            let done = transaction.record::<DoneValue>(&key);
            let Some(mut done) = self.reader.readable(done)?.flatten().filter(|done| !done.trimmed) else {
                continue;
            };
            if done.state.as_ref().is_some_and(|state| state.last_commit() != last) {
                // A receipt came since it was looked at: its rows are not among those that would go. The next step sees it.
                return Ok((0, 0));
            }
            done.trimmed = true;
            if let Some(state) = &mut done.state {
                sequence.log_octets =
                    sequence.log_octets.saturating_sub(std::mem::take(&mut state.log_octets));
            }
            done.forget_segment();
            transaction.put(key, &done);
            marked += 1;
        }
        if marked > 0 {
            transaction.put(keys::sequence(application), &sequence.to_record());
            self.apply(transaction)?;
            self.commits.set(application, sequence);
        }
        failpoint("events-marked");
        let moved = self.move_rows(eventless.moved)?;
        failpoint("events-trimmed");
        Ok((marked, moved))
    }

    /// Removes rows and puts marks, together. Returns how many rows went.
    pub(crate) fn move_rows(&mut self, moved: Moved) -> Result<usize, StoreError> {
        let mut transaction = self.begin();
        let rows = moved.remove.len();
        for key in moved.remove {
            transaction.remove(key);
        }
        for key in moved.put {
            transaction.put(key, &Mark {});
        }
        self.apply(transaction)?;
        Ok(rows)
    }

    /// Removes rows, in as many transactions as they take.
    fn remove_rows(&mut self, rows: Vec<Vec<u8>>) -> Result<usize, StoreError> {
        let removed = rows.len();
        for keys in rows.chunks(TRANSACTION_ROWS) {
            let mut transaction = self.begin();
            for key in keys {
                transaction.remove(key.clone());
            }
            self.apply(transaction)?;
        }
        Ok(removed)
    }
}
