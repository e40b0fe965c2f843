//! Entries of the change feed.

use super::delivery::outcome;
use super::subscription::subscription;
use super::time::timestamp;
use crate::domain::{Application, SubscriptionId};
use crate::proto::v1;
use crate::store::{Change, ChangeKind};

/// One entry.
pub(crate) fn change(application: &Application, change: &Change) -> v1::SubscriptionChange {
    v1::SubscriptionChange {
        subscription: Some(subscription(application, &change.subscription)),
        kind: kind(change.kind).into(),
        change_time: Some(timestamp(change.time)),
        evidence: change.evidence.map(|evidence| v1::ChangeEvidence {
            outcome: outcome(evidence.outcome).into(),
            http_status: evidence.http_status.map(i32::from),
            message: evidence.message.name(),
        }),
        replacement: change.replacement.map(SubscriptionId::name).unwrap_or_default(),
    }
}

fn kind(kind: ChangeKind) -> v1::ChangeKind {
    match kind {
        ChangeKind::Added => v1::ChangeKind::Added,
        ChangeKind::Updated => v1::ChangeKind::Updated,
        ChangeKind::Replaced => v1::ChangeKind::Replaced,
        ChangeKind::Disabled => v1::ChangeKind::Disabled,
        ChangeKind::RemovedByCaller => v1::ChangeKind::RemovedByCaller,
        ChangeKind::RemovedGone => v1::ChangeKind::RemovedGone,
        ChangeKind::RemovedExpired => v1::ChangeKind::RemovedExpired,
        ChangeKind::SetAside => v1::ChangeKind::Held,
    }
}
