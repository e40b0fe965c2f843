//! What becomes of one stored subscription, and what the change feed says of it.

use crate::domain::{Outcome, Subscription, SubscriptionState, Timestamp};
use crate::store::{ChangeEvidence, ChangeKind, Removal};

/// What becomes of a stored subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is so from now on. What is not told is no change that callers see.
    Becomes(Box<Subscription>, Option<Told>),
    /// It is removed. If it is restorable, it is kept for a while as it was, so that an operator can bring it back.
    Removed { restorable: bool, told: Told },
}

impl Fate {
    /// It is so from now on, and the change feed says it.
    pub(crate) fn becomes(new: Subscription, told: Told) -> Self {
        Self::Becomes(Box::new(new), Some(told))
    }
}

/// What the change feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: ChangeKind,
    /// Why, when a push service caused it.
    pub(crate) evidence: Option<ChangeEvidence>,
}

impl Told {
    /// No push service caused it.
    pub(crate) const fn of(kind: ChangeKind) -> Self {
        Self { kind, evidence: None }
    }

    /// This evidence caused it.
    pub(crate) const fn because(kind: ChangeKind, removal: &Removal) -> Self {
        let Removal { outcome, http_status, message, .. } = *removal;
        Self { kind, evidence: Some(ChangeEvidence { outcome, http_status, message }) }
    }
}

/// A subscription in another state.
pub(crate) fn in_state(old: &Subscription, state: SubscriptionState, now: Timestamp) -> Subscription {
    let mut new = old.clone();
    new.target.state = state;
    new.revision += 1;
    new.updated = now;
    new
}

/// A subscription as it is when it is not sent to any more.
pub(crate) fn disabled(old: &Subscription, outcome: Outcome, now: Timestamp) -> Subscription {
    in_state(old, SubscriptionState::Disabled(outcome), now)
}

/// A subscription that is sent to again. What was said against it is void: it is the next generation. Its keys are the same,
/// so what was learned of it stays.
pub(crate) fn revived(old: &Subscription, now: Timestamp) -> Subscription {
    let mut new = in_state(old, SubscriptionState::Active, now);
    new.target.generation += 1;
    (new.target.refused_days, new.target.refused_last) = (0, Timestamp::default());
    new
}

/// A subscription that evidence had removed, as it is when it comes back. What was said against it is void.
pub(crate) fn restored(removed: &Subscription, now: Timestamp) -> Subscription {
    let mut new = removed.clone();
    new.target.generation += 1;
    new.revision += 1;
    new.updated = now;
    new
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::stored;
    use super::*;
    use crate::store::conformance::START;

    #[test]
    fn a_state_changes_nothing_else() {
        let old = stored(1, "ada");
        let later = START.plus(Duration::from_secs(5));
        let new = disabled(&old, Outcome::Gone, later);
        assert_eq!(new.target.state, SubscriptionState::Disabled(Outcome::Gone));
        assert_eq!((new.revision, new.updated), (old.revision + 1, later));
        let mut same = new;
        (same.target.state, same.revision, same.updated) = (old.target.state, old.revision, old.updated);
        assert_eq!(same, old);
    }

    #[test]
    fn who_is_revived_or_restored_begins_anew_and_keeps_what_was_learned() {
        let mut old = disabled(&stored(1, "ada"), Outcome::Rejected, START);
        (old.target.refused_days, old.target.refused_last) = (2, START);
        (old.target.body_octets_max, old.target.accepted_last) = (3_000, START);
        let new = revived(&old, START);
        assert_eq!(new.target.state, SubscriptionState::Active);
        assert_eq!(new.target.generation, old.target.generation + 1);
        assert_eq!((new.target.refused_days, new.target.refused_last), (0, Timestamp::default()));
        assert_eq!((new.target.body_octets_max, new.target.accepted_last), (3_000, START));
        let back = restored(&old, START);
        assert_eq!((back.target.generation, back.revision), (old.target.generation + 1, old.revision + 1));
        assert_eq!((back.target.state, back.topics), (old.target.state, old.topics));
    }
}
