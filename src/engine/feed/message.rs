//! The stream of one message.

use std::sync::Arc;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::log::{Log, OfMessage, Piece};
use super::wake::{Wake, Woken};
use super::{FeedError, Frame, FrameKind, Position, ReceiptTime, Scope, Start, Watch};
use crate::domain::{MessageId, MessageKind, MessageStatus, ReportLevel};
use crate::store::MessageRecord;

pub(super) fn watch(
    log: Arc<Log>,
    watch: Watch,
    (message, known): (MessageId, Option<MessageRecord>),
    receipt_time: ReceiptTime,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Frame, FeedError>> + Send {
    async_stream::try_stream! {
        let Watch { start, level, receipts, .. } = watch;
        let mut wake = Wake::new(log.join(Scope::Message(message)), stop);
        let record = match known {
            Some(record) => record,
            None => log.record(message, 0).await?,
        };
        let request_id = request_id_of(&record.status);
        let mut position = match start {
            Start::After(position) => position,
            Start::Beginning | Start::Time(_) | Start::Now => Position::after(record.accepted_seq),
        };
        if record.trimmed && position.seq < record.last_seq {
            Err(log.trimmed().await?)?;
        }
        let mut told = record.status.counts;
        let first = match start {
            Start::After(_) => FrameKind::Progress(Some(record.status)),
            Start::Beginning | Start::Time(_) | Start::Now => FrameKind::Accepted(record.status),
        };
        yield Frame { kind: first, position };
        if level == ReportLevel::Accepted {
            return;
        }
        let mut look = true;
        // Set once all deliveries have ended and only receipts are waited for.
        let mut ended = None;
        loop {
            wake.mark();
            let mut grown = false;
            loop {
                let piece = match (log.message(message, position).await, ended.take()) {
                    // Its events have gone: no receipt is taken any more.
                    (Err(FeedError::Trimmed { .. }), Some(known)) => {
                        // Not as it was remembered: receipts may have come since.
                        let now = log.store.message(log.application, message).await?;
                        let status = now.map_or(known, |record| record.status);
                        yield Frame { kind: FrameKind::Summary(status), position };
                        return;
                    }
                    (piece, status) => {
                        ended = status;
                        piece?
                    }
                };
                let (taken, read_all) = take(&piece, &mut position, (level, receipts), &request_id);
                let at_head = piece.at_head && read_all;
                grown |= !piece.items.is_empty();
                look |= piece.may_end;
                drop(piece);
                if let Some(kind) = taken {
                    yield Frame { kind, position };
                }
                if at_head {
                    break;
                }
            }
            if look {
                let record = log.record(message, position.seq).await?;
                if record.status.ended.is_some() && record.last_seq <= position.seq {
                    if !receipts || record.trimmed || receipt_time.until(&record.status).is_none() {
                        yield Frame { kind: FrameKind::Summary(record.status), position };
                        return;
                    }
                    ended = Some(record.status.clone());
                }
                // While its audience is read, its counts change without events.
                look = record.status.counts.targets_estimated;
                grown |= record.status.counts != told;
            }
            match wake.wait(grown || look).await? {
                Woken::Grown => {}
                Woken::ProgressDue | Woken::HeartbeatDue => {
                    look = true;
                    let record = log.record(message, position.seq).await?;
                    told = record.status.counts;
                    yield Frame { kind: FrameKind::Progress(Some(record.status)), position };
                }
            }
        }
    }
}

/// What lies behind `position` that the caller wants (events of a level, receipts or not), at most one frame of one kind,
/// and whether that was all of the piece; moves the position behind it.
fn take(
    piece: &Piece<OfMessage>,
    position: &mut Position,
    (level, receipts): (ReportLevel, bool),
    request_id: &Arc<str>,
) -> (Option<FrameKind>, bool) {
    let from = *position;
    let mut batch = Batch::default();
    for (seq, of_commit) in &*piece.items {
        // Indexes count from 1, so that (seq, 0) is before all of them; receipts come behind the events.
        let mut here = Position { seq: *seq, index: 0 };
        for event in &*of_commit.events {
            here.index += 1;
            if here > from && level.tells(event.state) {
                if !batch.takes_event(here, request_id, event) {
                    return (batch.into_frame(), false);
                }
                *position = here;
            }
        }
        for receipt in &*of_commit.receipts {
            here.index += 1;
            if here > from && receipts {
                if !batch.takes_receipt(here, request_id, receipt) {
                    return (batch.into_frame(), false);
                }
                *position = here;
            }
        }
    }
    // Of this message there is nothing else up to here.
    *position = from.max(Position::after(piece.up_to));
    (batch.into_frame(), true)
}

/// What events of a Send repeat.
pub(super) fn request_id_of(status: &MessageStatus) -> Arc<str> {
    match status.kind {
        MessageKind::Send => status.request_id.as_str().into(),
        MessageKind::Broadcast => "".into(),
    }
}
