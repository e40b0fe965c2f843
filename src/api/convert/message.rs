//! Messages as they stand.

use super::caller::{caller, recipients};
use super::delivery::{count, outcome};
use super::receipt;
use super::time::timestamp;
use crate::domain::{DeliveryCounts, MessageKind, MessageState, MessageStatus};
use crate::proto::v1;

/// A message as it stands, with where it comes from, as callers ask for it; `display_name` tells what the token of a name is
/// called.
pub(crate) fn shown(
    application: &str,
    message: &MessageStatus,
    display_name: impl Fn(&str) -> String,
) -> v1::MessageStatus {
    let by = message.caller.as_ref();
    v1::MessageStatus {
        kind: kind(message.kind).into(),
        recipients: message.addressed.as_deref().map(recipients),
        caller: by.map(|by| caller(by, display_name(&by.name))),
        ..status(application, message)
    }
}

/// A message as it stands, as frames tell it; `application` is its name.
pub(crate) fn status(application: &str, status: &MessageStatus) -> v1::MessageStatus {
    let outcomes = status.outcomes.iter().filter(|(_, number)| **number > 0);
    v1::MessageStatus {
        name: status.id.name(),
        application: application.to_owned(),
        state: state(status.state).into(),
        counts: Some(counts(&status.counts)),
        outcomes: outcomes
            .map(|(what, number)| v1::OutcomeCount { outcome: outcome(*what).into(), count: count(*number) })
            .collect(),
        receipts: status.requests_receipts.then(|| receipt::counts(status.receipts)),
        labels: status.labels.clone(),
        note: status.note.clone(),
        request_id: status.request_id.clone(),
        create_time: Some(timestamp(status.created)),
        send_time: status.start.map(timestamp),
        expire_time: Some(timestamp(status.expires)),
        end_time: status.ended.map(timestamp),
        kind: v1::MessageKind::Unspecified.into(),
        recipients: None,
        caller: None,
    }
}

fn kind(kind: MessageKind) -> v1::MessageKind {
    match kind {
        MessageKind::Send => v1::MessageKind::Send,
        MessageKind::Broadcast => v1::MessageKind::Broadcast,
    }
}

/// The kind that a filter names; unspecified is none.
pub(crate) fn read_kind(kind: v1::MessageKind) -> Option<MessageKind> {
    match kind {
        v1::MessageKind::Unspecified => None,
        v1::MessageKind::Send => Some(MessageKind::Send),
        v1::MessageKind::Broadcast => Some(MessageKind::Broadcast),
    }
}

/// What validate_only answers with: no name, and how many it would reach.
pub(crate) fn dry_run(application: &str, targets: u32, estimated: bool) -> v1::MessageStatus {
    let counts = DeliveryCounts {
        targets,
        targets_estimated: estimated,
        pending: targets,
        ..DeliveryCounts::default()
    };
    v1::MessageStatus {
        application: application.to_owned(),
        counts: Some(self::counts(&counts)),
        ..v1::MessageStatus::default()
    }
}

/// The counts of several messages together: no name.
pub(crate) fn total(application: &str, counts: &DeliveryCounts) -> v1::MessageStatus {
    v1::MessageStatus {
        application: application.to_owned(),
        counts: Some(self::counts(counts)),
        ..v1::MessageStatus::default()
    }
}

fn counts(counts: &DeliveryCounts) -> v1::DeliveryCounts {
    v1::DeliveryCounts {
        targets: count(counts.targets),
        targets_estimated: counts.targets_estimated,
        pending: count(counts.pending),
        retrying: count(counts.retrying),
        accepted: count(counts.accepted),
        failed: count(counts.failed),
        expired: count(counts.expired),
        cancelled: count(counts.cancelled),
    }
}

fn state(state: MessageState) -> v1::MessageState {
    match state {
        MessageState::Scheduled => v1::MessageState::Scheduled,
        MessageState::Sending => v1::MessageState::Sending,
        MessageState::Cancelling => v1::MessageState::Cancelling,
        MessageState::Done => v1::MessageState::Done,
        MessageState::Cancelled => v1::MessageState::Cancelled,
    }
}

/// The state that a filter names; unspecified is none.
pub(crate) fn read_state(state: v1::MessageState) -> Option<MessageState> {
    match state {
        v1::MessageState::Unspecified => None,
        v1::MessageState::Scheduled => Some(MessageState::Scheduled),
        v1::MessageState::Sending => Some(MessageState::Sending),
        v1::MessageState::Cancelling => Some(MessageState::Cancelling),
        v1::MessageState::Done => Some(MessageState::Done),
        v1::MessageState::Cancelled => Some(MessageState::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_round_trip() {
        for number in 0..=5 {
            let given = v1::MessageState::try_from(number).expect("a state");
            match read_state(given) {
                Some(read) => assert_eq!(state(read), given),
                None => assert_eq!(given, v1::MessageState::Unspecified),
            }
        }
        assert!(v1::MessageState::try_from(6).is_err(), "a new state: test it too");
    }
}
