//! What operators decide on many subscriptions. Those that are meant are looked up beside the writer; the writer looks at
//! each again.

use super::backend::{Order, Row};
use super::fates::Done;
use super::index;
use super::keys::{self, KeyRange};
use super::records::Record as _;
use super::records::change::ChangeValue;
use super::records::subscription::SubscriptionValue;
use super::removed;
use super::transaction::Reader;
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, SubscriptionId};
use crate::store::held::{Decided, Decision, DecisionStep};
use crate::store::rules::deciding;
use crate::store::{ChangeKind, StoreError};

/// Rows that one step looks at, whatever comes of them.
const STEP_ROWS: usize = 8_192;

/// Those that a step of a decision is about, and where the next one begins.
pub(crate) fn meant(
    reader: &Reader,
    application: ApplicationId,
    decision: &Decision,
    step: &DecisionStep,
) -> Result<Decided, StoreError> {
    if let Decision::Enable(id) | Decision::Confirm(id) = decision {
        let found = index::find(reader, application, *id)?.ok_or(StoreError::NotFound)?;
        let meant = deciding::is_meant(decision, &found).then_some(*id);
        return Ok(Decided { subscriptions: meant.into_iter().collect(), ..Decided::default() });
    }
    let mut range = range(application, decision);
    if !step.cursor.is_empty() {
        range = range.after(&step.cursor);
    }
    let mut decided = Decided::default();
    for (looked, row) in reader.scan(range, Order::Ascending).enumerate() {
        let (key, value) = row?;
        if let Some(id) = is_meant(reader, application, decision, &(key.clone(), value))? {
            decided.subscriptions.push(id);
        }
        if decided.subscriptions.len() >= step.limit.max(1) || looked + 1 >= STEP_ROWS {
            decided.next = Some(key);
            break;
        }
    }
    if let (Decision::Restore { .. }, true) = (decision, step.validate_only) {
        pass_over_stored(reader, application, &mut decided)?;
    }
    Ok(decided)
}

/// Where those stand that may be meant.
fn range(application: ApplicationId, decision: &Decision) -> KeyRange {
    match decision {
        Decision::Release { origin, outcome } | Decision::Discard { origin, outcome } => {
            keys::all_set_aside(application, *origin, *outcome)
        }
        Decision::Restore { since, until, .. } => keys::removed_between(application, *since, *until),
        Decision::Enable(_) | Decision::Confirm(_) | Decision::EnableAll { .. } => {
            keys::subscriptions(application)
        }
    }
}

fn is_meant(
    reader: &Reader,
    application: ApplicationId,
    decision: &Decision,
    (key, value): &Row,
) -> Result<Option<SubscriptionId>, StoreError> {
    let Some(id) = keys::subscription_of(key) else { return Ok(None) };
    let meant = match decision {
        // The range has those that are meant and no others.
        Decision::Release { .. }
        | Decision::Discard { .. }
        | Decision::Enable(_)
        | Decision::Confirm(_)
        | Decision::Restore { origin: None, .. } => true,
        Decision::Restore { .. } => {
            let found = reader.readable(removed::find(reader, application, id))?.flatten();
            found.is_some_and(|(removed, _)| deciding::is_meant(decision, &removed))
        }
        Decision::EnableAll { .. } => {
            let read = SubscriptionValue::from_value(value).and_then(|value| value.into_subscription(id));
            reader.readable(read)?.is_some_and(|found| deciding::is_meant(decision, &found))
        }
    };
    Ok(meant.then_some(id))
}

/// Counts those apart whose endpoint is stored again.
fn pass_over_stored(
    reader: &Reader,
    application: ApplicationId,
    decided: &mut Decided,
) -> Result<(), StoreError> {
    let mut left = Vec::with_capacity(decided.subscriptions.len());
    for id in decided.subscriptions.drain(..) {
        let found = reader.readable(removed::find(reader, application, id))?.flatten();
        let stored = match found {
            Some((removed, _)) => index::find_by_endpoint(reader, application, &removed.target.endpoint)?,
            None => None,
        };
        match stored {
            Some(_) => decided.passed_over += 1,
            None => left.push(id),
        }
    }
    decided.subscriptions = left;
    Ok(())
}

impl Writer {
    /// Does a decision to as many of these as go into one transaction.
    pub(crate) fn decide(
        &mut self,
        application: ApplicationId,
        decision: &Decision,
        subscriptions: &[SubscriptionId],
    ) -> Result<Done, StoreError> {
        if let Decision::Restore { .. } = decision {
            return self.restore(application, subscriptions);
        }
        self.each(
            application,
            subscriptions,
            |id| *id,
            |_, old, _, now| Ok(deciding::decided(decision, old, now)),
        )
    }

    /// Brings as many back as go into one transaction.
    fn restore(
        &mut self,
        application: ApplicationId,
        subscriptions: &[SubscriptionId],
    ) -> Result<Done, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin();
        let mut done = Done::default();
        let mut changes = Vec::new();
        for id in subscriptions {
            done.done += 1;
            let restored = removed::restore(&mut transaction, application, *id, now)?;
            let Some(restored) = restored else { continue };
            changes.push(ChangeValue::new(ChangeKind::Added, &restored));
            done.changed.push(*id);
            if transaction.rows() + changes.len() >= TRANSACTION_ROWS {
                break;
            }
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok(done)
    }
}
