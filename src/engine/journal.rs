//! What operators read in the log of messages and of lanes: a line when something begins or ends. Nothing is in it that
//! a sender may have written: a note or `request_id` may be anything, also about a person. `log.filter` has it under the
//! targets `fanfare::messages` and `fanfare::lanes`.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{ApplicationId, MessageId, MessageKind, MessageStatus, Outcome};
use crate::observe::Lines;
use crate::store::Store;

/// The target of lines about messages.
const MESSAGES: &str = "fanfare::messages";
/// The target of lines about lanes.
const LANES: &str = "fanfare::lanes";

/// Whether anybody reads of messages of this kind. Broadcasts are told of with `info`. There may be thousands of Sends in a
/// second: they take `debug`.
pub(super) fn is_read(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Send => tracing::enabled!(target: MESSAGES, tracing::Level::DEBUG),
        MessageKind::Broadcast => tracing::enabled!(target: MESSAGES, tracing::Level::INFO),
    }
}

/// Writes a line about a message at the level of its kind.
macro_rules! line {
    ($kind:expr, $($fields:tt)*) => {
        match $kind {
            MessageKind::Send => tracing::debug!(target: MESSAGES, $($fields)*),
            MessageKind::Broadcast => tracing::info!(target: MESSAGES, $($fields)*),
        }
    };
}

/// A message is durable.
pub(super) fn accepted(application: &str, message: &MessageStatus) {
    if !is_read(message.kind) {
        return;
    }
    let (id, targets) = (message.id, message.counts.targets);
    let starts_in = message.start.map(|start| start.since(message.created));
    let caller = message.caller.as_ref().map(|caller| &*caller.name);
    line!(message.kind, message_id = %id, application, caller, targets, ?starts_in, "accepted");
}

/// Messages have ended, and it is durable.
pub(super) async fn ended(
    store: &dyn Store,
    application: ApplicationId,
    messages: &[(MessageId, MessageKind)],
) {
    for (id, kind) in messages {
        if !is_read(*kind) {
            continue;
        }
        // It may have been trimmed since.
        let Ok(Some(record)) = store.message(application, *id).await else { continue };
        let MessageStatus { state, counts, outcomes, created, ended, .. } = record.status;
        let took = ended.map(|ended| ended.since(created));
        let failures: Vec<_> = outcomes
            .iter()
            .filter(|(outcome, _)| **outcome != Outcome::Accepted)
            .map(|(outcome, count)| format!("{outcome:?} {count}"))
            .collect();
        line!(
            *kind,
            message_id = %id,
            ?state,
            targets = counts.targets,
            accepted = counts.accepted,
            failed = counts.failed,
            expired = counts.expired,
            cancelled = counts.cancelled,
            failures = failures.join(", "),
            ?took,
            "ended"
        );
    }
}

/// What became of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneNews {
    /// Its push service cannot be reached, or only fails.
    Broken,
    /// It answers again.
    Mended,
    /// It asked for a pause.
    Paused,
}

/// Writes lines about lanes, no more than can be read.
#[derive(Debug, Default)]
pub(super) struct LaneJournal(Lines);

impl LaneJournal {
    /// Tells of a lane, until when nothing is posted there but probes, and its last problem.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        origin: &str,
        news: LaneNews,
        pause: Option<Duration>,
        problem: Option<Outcome>,
    ) {
        let Some(left_out) = self.0.room(now) else { return };
        if left_out > 0 {
            tracing::warn!(target: LANES, left_out, "more lanes broke, mended or paused than there are lines for");
        }
        match news {
            LaneNews::Broken => tracing::warn!(
                target: LANES, origin, ?problem, probe_in = ?pause,
                "the push service cannot be reached, or only fails: its deliveries wait, and one is tried now and then"
            ),
            LaneNews::Mended => tracing::info!(target: LANES, origin, "the push service answers again"),
            LaneNews::Paused => tracing::info!(
                target: LANES, origin, ?problem, ?pause,
                "the push service asked for a pause: its deliveries wait"
            ),
        }
    }
}
