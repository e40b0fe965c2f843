//! Acting on evidence of push services.

use super::index;
use super::keys;
use super::records::Number;
use super::records::change::ChangeValue;
use super::removed;
use super::transaction::Rows;
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, Outcome, Subscription, SubscriptionId, SubscriptionState, Timestamp};
use crate::store::{ChangeEvidence, ChangeKind, Removal, StoreError};

/// See [`crate::store::Store::reaper_position`].
pub(crate) fn position(rows: &impl Rows, application: ApplicationId) -> Result<u64, StoreError> {
    let number: Option<Number> = rows.record(&keys::reaper(application))?;
    Ok(number.unwrap_or_default().value)
}

/// What of a list of evidence was done.
#[derive(Debug)]
pub(crate) struct Reaped {
    /// Those that were changed.
    pub(crate) changed: Vec<SubscriptionId>,
    /// How much of the list was looked at.
    pub(crate) done: usize,
}

/// What the change feed says of a removal.
pub(crate) fn evidence(removal: &Removal) -> ChangeEvidence {
    ChangeEvidence { outcome: removal.outcome, http_status: removal.http_status, message: removal.message }
}

/// A subscription as it is when it is not sent to any more.
pub(crate) fn disabled(old: &Subscription, outcome: Outcome, now: Timestamp) -> Subscription {
    in_state(old, SubscriptionState::Disabled(outcome), now)
}

/// A subscription in another state.
pub(crate) fn in_state(old: &Subscription, state: SubscriptionState, now: Timestamp) -> Subscription {
    let mut new = old.clone();
    new.target.state = state;
    new.revision += 1;
    new.updated = now;
    new
}

impl Writer {
    /// Acts on as much of the evidence as goes into one transaction.
    pub(crate) fn reap(
        &mut self,
        application: ApplicationId,
        removals: &[Removal],
    ) -> Result<Reaped, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin();
        let mut reaped = Reaped { changed: Vec::new(), done: 0 };
        let mut changes = Vec::new();
        for removal in removals {
            reaped.done += 1;
            // One that does not read is left alone: the rest of the list must go on.
            let found = index::find(&transaction, application, removal.subscription);
            let found = transaction.reader().readable(found)?.flatten();
            let Some(old) = found.filter(|found| found.target.generation == removal.generation) else {
                continue;
            };
            if removal.outcome == Outcome::Gone {
                index::remove(&mut transaction, application, &old)?;
                // No push service was asked about one whose own expiry had passed.
                let expired =
                    removal.http_status.is_none() && old.target.expires.is_some_and(|end| end <= now);
                let kind = if expired {
                    ChangeKind::RemovedExpired
                } else {
                    removed::keep(&mut transaction, application, &old, now);
                    ChangeKind::RemovedGone
                };
                changes.push(ChangeValue::new(kind, &old).with_evidence(evidence(removal)));
            } else if old.target.state == SubscriptionState::Active {
                let new = disabled(&old, removal.outcome, now);
                index::store(&mut transaction, application, Some(&old), &new)?;
                changes.push(ChangeValue::new(ChangeKind::Disabled, &new).with_evidence(evidence(removal)));
            } else {
                continue;
            }
            reaped.changed.push(removal.subscription);
            if transaction.rows() + changes.len() >= TRANSACTION_ROWS {
                break;
            }
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok(reaped)
    }

    /// Moves the reaper's position, never back.
    pub(crate) fn move_reaper(
        &mut self,
        application: ApplicationId,
        position_to: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        if position_to > position(&transaction, application)? {
            transaction.put(keys::reaper(application), &Number::new(position_to));
            self.apply(transaction)?;
        }
        Ok(())
    }
}
