//! Subscriptions that are set aside because evidence was against too many at once, and why. A row for each, and one for
//! each application, origin and outcome, which counts them. The counts change where the subscription changes.

use super::backend::Order;
use super::fates::Done;
use super::keys;
use super::records::held::HeldValue;
use super::records::{Mark, Record as _};
use super::transaction::{Reader, Rows as _, Transaction};
use super::writer::Writer;
use crate::domain::{ApplicationId, OriginId, Outcome, Subscription, SubscriptionState, Timestamp};
use crate::store::held::{Hold, Share};
use crate::store::rules::evidence;
use crate::store::rules::holds::{self, Held};
use crate::store::{Removal, StoreError};

/// Where a subscription that is set aside is counted.
fn place(subscription: &Subscription) -> Option<(OriginId, Outcome)> {
    match subscription.target.state {
        SubscriptionState::SetAside(outcome) => Some((subscription.target.origin, outcome)),
        SubscriptionState::Active | SubscriptionState::Disabled(_) => None,
    }
}

/// Keeps rows and counts in step with a subscription.
pub(crate) fn change_set_aside(
    transaction: &mut Transaction,
    application: ApplicationId,
    old: Option<&Subscription>,
    new: Option<&Subscription>,
) -> Result<(), StoreError> {
    let (was, is) = (old.and_then(place), new.and_then(place));
    if was == is {
        return Ok(());
    }
    if let (Some((origin, outcome)), Some(old)) = (was, old) {
        transaction.remove(keys::set_aside(application, origin, outcome, old.target.id));
        let key = keys::held(application, origin, outcome);
        let mut held: HeldValue = transaction.record(&key)?.unwrap_or_default();
        held.subscriptions = held.subscriptions.saturating_sub(1);
        if held.subscriptions == 0 && held.until == 0 {
            transaction.remove(key);
        } else {
            transaction.put(key, &held);
        }
    }
    if let (Some((origin, outcome)), Some(new)) = (is, new) {
        transaction.put(keys::set_aside(application, origin, outcome, new.target.id), &Mark {});
        let key = keys::held(application, origin, outcome);
        let mut held: HeldValue = transaction.record(&key)?.unwrap_or_default();
        held.subscriptions += 1;
        transaction.put(key, &held);
    }
    Ok(())
}

/// See [`crate::store::Store::holds`].
pub(crate) fn all(reader: &Reader) -> Result<Vec<Hold>, StoreError> {
    let mut holds = Vec::new();
    for row in reader.scan(keys::all_held(), Order::Ascending) {
        let (key, value) = row?;
        let Some((application, origin, number)) = keys::held_of(&key) else { continue };
        let Some(held) = reader.readable(HeldValue::from_value(&value))? else { continue };
        let Some(outcome) = Outcome::from_number(number) else { continue };
        holds.push(Hold {
            application,
            origin,
            outcome,
            since: Timestamp::from_micros(held.since),
            until: Timestamp::from_micros(held.until),
            share: Share { refused: held.refused, answered: held.answered },
            subscriptions: held.subscriptions,
        });
    }
    Ok(holds)
}

impl Writer {
    /// Sets as many aside as go into one transaction. With `share`, that begins a hold, or renews it; without, only what a
    /// hold is still in force for.
    pub(crate) fn set_aside(
        &mut self,
        application: ApplicationId,
        removals: &[Removal],
        share: Option<Share>,
    ) -> Result<Done, StoreError> {
        let id_of = |removal: &Removal| removal.subscription;
        self.each(application, removals, id_of, |transaction, old, removal, now| {
            if !evidence::may_be_set_aside(old, removal) {
                return Ok(None);
            }
            let place = (application, old.target.origin, removal.outcome);
            let held = hold(transaction, place, share, now)?;
            Ok(held.then(|| evidence::set_aside(old, removal, now)))
        })
    }

    /// Lets further evidence at an origin be judged afresh.
    pub(crate) fn lift_holds(
        &mut self,
        application: ApplicationId,
        origin: OriginId,
        outcome: Option<Outcome>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        for outcome in Outcome::ALL.into_iter().filter(|of| outcome.is_none_or(|only| only == *of)) {
            let key = keys::held(application, origin, outcome);
            let Some(mut held) = transaction.record::<HeldValue>(&key)? else { continue };
            held.until = 0;
            if held.subscriptions == 0 {
                transaction.remove(key);
            } else {
                transaction.put(key, &held);
            }
        }
        self.apply(transaction)
    }
}

/// Whether evidence of this kind is held: it is from now on with `share`.
fn hold(
    transaction: &mut Transaction,
    (application, origin, outcome): (ApplicationId, OriginId, Outcome),
    share: Option<Share>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = keys::held(application, origin, outcome);
    let mut held: HeldValue = transaction.record(&key)?.unwrap_or_default();
    match holds::held(Timestamp::from_micros(held.until), share, now) {
        Held::No => Ok(false),
        Held::Still => Ok(true),
        Held::From { since, until, share } => {
            (held.since, held.until) = (since.as_micros(), until.as_micros());
            (held.refused, held.answered) = (share.refused, share.answered);
            transaction.put(key, &held);
            Ok(true)
        }
    }
}
