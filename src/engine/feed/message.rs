//! The stream of one message.

use std::sync::Arc;

use futures_util::Stream;
use tokio_util::sync::CancellationToken;

use super::log::{Log, OfMessage, Piece};
use super::wake::{Wake, Woken};
use super::{FeedError, Frame, FrameKind, PlacedEvent, Position, Scope, Start, Watch};
use crate::domain::limits::FRAME_EVENTS_MAX;
use crate::domain::{MessageId, MessageKind, MessageStatus, ReportLevel};

pub(super) fn watch(
    log: Arc<Log>,
    watch: Watch,
    message: MessageId,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Frame, FeedError>> + Send {
    async_stream::try_stream! {
        let Watch { start, level, .. } = watch;
        let mut wake = Wake::new(log.join(Scope::Message(message)), stop);
        let record = log.record(message, 0).await?;
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
        loop {
            wake.mark();
            let mut grown = false;
            loop {
                let piece = log.message(message, position).await?;
                let events = take(&piece, &mut position, level, &request_id);
                let read_all = events.len() < FRAME_EVENTS_MAX;
                let at_head = piece.at_head && read_all;
                grown |= !piece.items.is_empty();
                look |= piece.may_end;
                drop(piece);
                if !events.is_empty() {
                    yield Frame { kind: FrameKind::Events(events), position };
                }
                if at_head {
                    break;
                }
            }
            if look {
                let record = log.record(message, position.seq).await?;
                if record.status.ended.is_some() && record.last_seq <= position.seq {
                    yield Frame { kind: FrameKind::Summary(record.status), position };
                    return;
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

/// The events behind `position` that the level tells, at most one frame of them; moves the position behind them.
fn take(
    piece: &Piece<OfMessage>,
    position: &mut Position,
    level: ReportLevel,
    request_id: &Arc<str>,
) -> Vec<PlacedEvent> {
    let from = *position;
    let mut events = Vec::new();
    for (seq, of_commit) in &*piece.items {
        // Indexes count from 1, so that (seq, 0) is before all of them.
        for (index, event) in (1..).zip(of_commit.iter()) {
            let place = Position { seq: *seq, index };
            if place <= from || !level.tells(event.state) {
                continue;
            }
            let (request_id, event) = (Arc::clone(request_id), Arc::clone(event));
            events.push(PlacedEvent { seq: *seq, index, request_id, event });
            *position = place;
            if events.len() == FRAME_EVENTS_MAX {
                return events;
            }
        }
    }
    // Of this message there is nothing else up to here.
    *position = from.max(Position::after(piece.up_to));
    events
}

/// What events of a Send repeat.
pub(super) fn request_id_of(status: &MessageStatus) -> Arc<str> {
    match status.kind {
        MessageKind::Send => status.request_id.as_str().into(),
        MessageKind::Broadcast => "".into(),
    }
}
