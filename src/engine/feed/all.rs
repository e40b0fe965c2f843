//! The stream of all messages of an application.

use std::sync::Arc;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::log::{Entry, Log, Piece, Row};
use super::message::request_id_of;
use super::wake::{Wake, Woken};
use super::{FeedError, Frame, FrameKind, Position, Scope, Start, Watch};
use crate::domain::{ReportLevel, Timestamp};
use crate::store::MessageRecord;

pub(super) fn watch(
    log: Arc<Log>,
    watch: Watch,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Frame, FeedError>> + Send {
    async_stream::try_stream! {
        let Watch { application, start, level, receipts, .. } = watch;
        let mut wake = Wake::new(log.join(Scope::All), stop);
        let mut since = Timestamp::default();
        let mut position = match start {
            Start::After(position) => position,
            Start::Beginning => oldest(&log).await?,
            Start::Now => Position::after(*log.store.synced(application).borrow()),
            Start::Time(time) => {
                since = time;
                let first = log.store.seq_at(application, time).await?.saturating_sub(1);
                Position::after(first).max(oldest(&log).await?)
            }
        };
        yield Frame { kind: FrameKind::Progress(None), position };
        loop {
            wake.mark();
            loop {
                let piece = log.all(position).await?;
                let (frame, whole) = next_frame(&log, &piece, &mut position, since, (level, receipts)).await?;
                let at_head = piece.at_head && whole;
                drop(piece);
                if let Some(kind) = frame {
                    yield Frame { kind, position };
                }
                if at_head {
                    break;
                }
            }
            match wake.wait(false).await? {
                Woken::Grown => {}
                Woken::ProgressDue | Woken::HeartbeatDue => {
                    // Everything up to the head has been told, whomever it concerned.
                    yield Frame { kind: FrameKind::Progress(None), position };
                }
            }
        }
    }
}

/// Before the oldest commit that is kept.
async fn oldest(log: &Log) -> Result<Position, FeedError> {
    let kept = log.store.kept(log.application).await?;
    Ok(Position::after(kept.commits_from.saturating_sub(1)))
}

/// A message that the log tells of was there: if it is not, it was trimmed meanwhile.
async fn found(log: &Log, record: Result<MessageRecord, FeedError>) -> Result<MessageRecord, FeedError> {
    match record {
        Err(FeedError::MessageNotFound) => Err(log.trimmed().await?),
        record => record,
    }
}

/// The next frame behind `position`, if the piece has one, and whether that was all of the piece; moves the position behind
/// it. Items are counted through a commit: one for each acceptance and end, one for each event and each
/// receipt.
async fn next_frame(
    log: &Log,
    piece: &Piece<Row>,
    position: &mut Position,
    since: Timestamp,
    (level, receipts): (ReportLevel, bool),
) -> Result<(Option<FrameKind>, bool), FeedError> {
    let from = *position;
    let mut batch = Batch::default();
    for row in piece.items.iter().filter(|row| row.time >= since) {
        let mut here = Position { seq: row.seq, index: 0 };
        for entry in &row.entries {
            let (message, accepted) = match entry {
                Entry::Events(_, None) => continue,
                Entry::Events(message, Some(of_commit)) => {
                    let request_id = request_id_of(&found(log, log.any_record(*message).await).await?.status);
                    let mut place = Position { seq: row.seq, index: 0 };
                    for event in &*of_commit.events {
                        (here.index, place.index) = (here.index + 1, place.index + 1);
                        if here <= from || !level.tells(event.state) {
                            continue;
                        }
                        if !batch.takes_event(place, &request_id, event) {
                            return Ok((batch.into_frame(), false));
                        }
                        *position = here;
                    }
                    for receipt in &*of_commit.receipts {
                        (here.index, place.index) = (here.index + 1, place.index + 1);
                        if here <= from || !receipts {
                            continue;
                        }
                        if !batch.takes_receipt(place, &request_id, receipt) {
                            return Ok((batch.into_frame(), false));
                        }
                        *position = here;
                    }
                    continue;
                }
                Entry::Accepted(message) => (*message, true),
                Entry::Ended(message) => (*message, false),
            };
            if !batch.is_empty() {
                return Ok((batch.into_frame(), false));
            }
            here.index += 1;
            if here > from {
                let status = found(log, log.record(message, row.seq).await).await?.status;
                *position = here;
                let kind = if accepted { FrameKind::Accepted(status) } else { FrameKind::Summary(status) };
                return Ok((Some(kind), false));
            }
        }
    }
    *position = from.max(Position::after(piece.up_to));
    Ok((batch.into_frame(), true))
}
