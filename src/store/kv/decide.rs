//! What operators decide on many subscriptions. Those that are meant are looked up beside the writer; the writer looks at
//! each again.

use super::backend::{Order, Row};
use super::index;
use super::keys::{self, KeyRange};
use super::reap;
use super::records::Record as _;
use super::records::change::ChangeValue;
use super::records::subscription::SubscriptionValue;
use super::removed;
use super::transaction::{Reader, Transaction};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{
    ApplicationId, OriginId, Outcome, Subscription, SubscriptionId, SubscriptionState, Timestamp,
};
use crate::store::held::{Decided, Decision, DecisionStep};
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
        let idle =
            found.target.state != SubscriptionState::Active || matches!(decision, Decision::Confirm(_));
        return Ok(Decided {
            subscriptions: idle.then_some(*id).into_iter().collect(),
            ..Decided::default()
        });
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
    let at = |wanted: &Option<OriginId>, is: OriginId| wanted.is_none_or(|wanted| wanted == is);
    let meant = match decision {
        Decision::Release { .. }
        | Decision::Discard { .. }
        | Decision::Enable(_)
        | Decision::Confirm(_)
        | Decision::Restore { origin: None, .. } => true,
        Decision::Restore { origin, .. } => {
            let found = reader.readable(removed::find(reader, application, id))?.flatten();
            found.is_some_and(|(removed, _)| at(origin, removed.target.origin))
        }
        Decision::EnableAll { origin, outcome, since, until } => {
            let read = SubscriptionValue::from_value(value).and_then(|value| value.into_subscription(id));
            reader.readable(read)?.is_some_and(|found| {
                at(origin, found.target.origin)
                    && is_disabled(&found, *outcome)
                    && (*since..*until).contains(&found.updated)
            })
        }
    };
    Ok(meant.then_some(id))
}

fn is_disabled(subscription: &Subscription, wanted: Option<Outcome>) -> bool {
    match subscription.target.state {
        SubscriptionState::Disabled(outcome) => wanted.is_none_or(|wanted| wanted == outcome),
        SubscriptionState::Active | SubscriptionState::SetAside(_) => false,
    }
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

/// What of a list was done.
#[derive(Debug)]
pub(crate) struct Done {
    /// Those that were changed.
    pub(crate) changed: Vec<SubscriptionId>,
    /// How much of the list was looked at.
    pub(crate) done: usize,
}

impl Writer {
    /// Does a decision to as many of these as go into one transaction.
    pub(crate) fn decide(
        &mut self,
        application: ApplicationId,
        decision: &Decision,
        subscriptions: &[SubscriptionId],
    ) -> Result<Done, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin();
        let mut done = Done { changed: Vec::new(), done: 0 };
        let mut changes = Vec::new();
        for id in subscriptions {
            done.done += 1;
            let change = if let Decision::Restore { .. } = decision {
                removed::restore(&mut transaction, application, *id, now)?
                    .map(|restored| ChangeValue::new(ChangeKind::Added, &restored))
            } else {
                let found = index::find(&transaction, application, *id);
                let Some(old) = transaction.reader().readable(found)?.flatten() else { continue };
                match (decision, old.target.state) {
                    (Decision::Discard { .. }, SubscriptionState::SetAside(outcome)) => {
                        Some(discard(&mut transaction, application, &old, outcome, now)?)
                    }
                    (Decision::Confirm(_), _)
                    | (Decision::Release { .. } | Decision::Enable(_), SubscriptionState::SetAside(_))
                    | (Decision::Enable(_) | Decision::EnableAll { .. }, SubscriptionState::Disabled(_)) => {
                        let new = revived(&old, now);
                        index::store(&mut transaction, application, Some(&old), &new)?;
                        Some(ChangeValue::new(ChangeKind::Updated, &new))
                    }
                    (_, _) => None,
                }
            };
            let Some(change) = change else { continue };
            changes.push(change);
            done.changed.push(*id);
            if transaction.rows() + changes.len() >= TRANSACTION_ROWS {
                break;
            }
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok(done)
    }
}

/// A subscription that is sent to again. What was said against it is void: it is the next generation. Its keys are the same,
/// so what was learned of it stays.
pub(crate) fn revived(old: &Subscription, now: Timestamp) -> Subscription {
    let mut new = reap::in_state(old, SubscriptionState::Active, now);
    new.target.generation += 1;
    (new.target.refused_days, new.target.refused_last) = (0, Timestamp::default());
    new
}

/// Does what was held.
fn discard(
    transaction: &mut Transaction,
    application: ApplicationId,
    old: &Subscription,
    outcome: Outcome,
    now: Timestamp,
) -> Result<ChangeValue, StoreError> {
    if outcome == Outcome::Gone {
        index::remove(transaction, application, old)?;
        removed::keep(transaction, application, old, now);
        return Ok(ChangeValue::new(ChangeKind::RemovedGone, old));
    }
    let new = reap::in_state(old, SubscriptionState::Disabled(outcome), now);
    index::store(transaction, application, Some(old), &new)?;
    Ok(ChangeValue::new(ChangeKind::Disabled, &new))
}
