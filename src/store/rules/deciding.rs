//! What operators decide on many subscriptions.

use super::fate::{Fate, Told, in_state, revived};
use crate::domain::{OriginId, Outcome, Subscription, SubscriptionState, Timestamp};
use crate::store::{ChangeKind, Decision};

/// Whether a decision is about a subscription: for [`Decision::Restore`] as it was when it was removed, for any other as it is
/// stored.
pub(crate) fn is_meant(decision: &Decision, found: &Subscription) -> bool {
    let target = &found.target;
    let at = |wanted: Option<OriginId>| wanted.is_none_or(|wanted| wanted == target.origin);
    let for_any = |wanted: Option<Outcome>, is: Outcome| wanted.is_none_or(|wanted| wanted == is);
    match (decision, target.state) {
        (
            Decision::Release { origin, outcome } | Decision::Discard { origin, outcome },
            SubscriptionState::SetAside(is),
        ) => at(Some(*origin)) && for_any(*outcome, is),
        (Decision::EnableAll { origin, outcome, since, until }, SubscriptionState::Disabled(is)) => {
            at(*origin) && for_any(*outcome, is) && (*since..*until).contains(&found.updated)
        }
        (Decision::Restore { origin, .. }, _) => at(*origin),
        (Decision::Confirm(id), _) => target.id == *id,
        (Decision::Enable(id), SubscriptionState::Disabled(_) | SubscriptionState::SetAside(_)) => {
            target.id == *id
        }
        (
            Decision::Release { .. } | Decision::Discard { .. },
            SubscriptionState::Active | SubscriptionState::Disabled(_),
        )
        | (Decision::EnableAll { .. }, SubscriptionState::Active | SubscriptionState::SetAside(_))
        | (Decision::Enable(_), SubscriptionState::Active) => false,
    }
}

/// What a decision makes of a stored subscription that it was about when it was looked up. `None`: nothing, since it has
/// changed meanwhile.
pub(crate) fn decided(decision: &Decision, old: &Subscription, now: Timestamp) -> Option<Fate> {
    let revive = || Fate::becomes(revived(old, now), Told::of(ChangeKind::Updated));
    match (decision, old.target.state) {
        (Decision::Discard { .. }, SubscriptionState::SetAside(Outcome::Gone)) => {
            Some(Fate::Removed { restorable: true, told: Told::of(ChangeKind::RemovedGone) })
        }
        (Decision::Discard { .. }, SubscriptionState::SetAside(outcome)) => {
            let new = in_state(old, SubscriptionState::Disabled(outcome), now);
            Some(Fate::becomes(new, Told::of(ChangeKind::Disabled)))
        }
        (Decision::Confirm(_), _)
        | (Decision::Release { .. } | Decision::Enable(_), SubscriptionState::SetAside(_))
        | (Decision::Enable(_) | Decision::EnableAll { .. }, SubscriptionState::Disabled(_)) => {
            Some(revive())
        }
        (
            Decision::Release { .. } | Decision::Discard { .. },
            SubscriptionState::Active | SubscriptionState::Disabled(_),
        )
        | (Decision::EnableAll { .. }, SubscriptionState::Active | SubscriptionState::SetAside(_))
        | (Decision::Enable(_), SubscriptionState::Active)
        | (Decision::Restore { .. }, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fate::disabled;
    use super::super::samples::stored;
    use super::*;
    use crate::store::conformance::START;

    fn all(found: &Subscription) -> [Decision; 5] {
        let (origin, outcome, id) = (found.target.origin, None, found.target.id);
        let (since, until) = (START, START.plus(Duration::from_secs(60)));
        [
            Decision::Release { origin, outcome },
            Decision::Discard { origin, outcome },
            Decision::Enable(id),
            Decision::Confirm(id),
            Decision::EnableAll { origin: Some(origin), outcome, since, until },
        ]
    }

    #[test]
    fn mean_what_is_in_the_state_that_they_end() {
        let active = stored(1, "ada");
        let off = disabled(&active, Outcome::Rejected, START);
        let aside = in_state(&active, SubscriptionState::SetAside(Outcome::Gone), START);
        for (found, expected) in [
            (&active, [false, false, false, true, false]),
            (&off, [false, false, true, true, true]),
            (&aside, [true, true, true, true, false]),
        ] {
            let meant = all(found).map(|decision| is_meant(&decision, found));
            assert_eq!(meant, expected, "{:?}", found.target.state);
            let done = all(found).map(|decision| decided(&decision, found, START).is_some());
            assert_eq!(done, expected, "{:?}", found.target.state);
        }
    }

    #[test]
    fn are_narrowed_by_origin_outcome_and_time() {
        let off = disabled(&stored(1, "ada"), Outcome::Rejected, START);
        let (since, until) = (START, START.plus(Duration::from_secs(60)));
        let enable = |origin, outcome, since, until| {
            is_meant(&Decision::EnableAll { origin, outcome, since, until }, &off)
        };
        assert!(enable(None, None, since, until) && enable(None, Some(Outcome::Rejected), since, until));
        assert!(!enable(Some(OriginId(77)), None, since, until));
        assert!(!enable(None, Some(Outcome::Gone), since, until));
        assert!(!enable(None, None, until, until), "until is not in it");
        let restore = |origin| is_meant(&Decision::Restore { origin, since, until }, &off);
        assert!(restore(None) && restore(Some(off.target.origin)) && !restore(Some(OriginId(77))));
    }

    #[test]
    fn discarding_does_what_was_held() {
        let active = stored(1, "ada");
        let discard = Decision::Discard { origin: active.target.origin, outcome: None };
        let held = |outcome| in_state(&active, SubscriptionState::SetAside(outcome), START);
        let gone = decided(&discard, &held(Outcome::Gone), START).unwrap();
        assert_eq!(gone, Fate::Removed { restorable: true, told: Told::of(ChangeKind::RemovedGone) });
        let Some(Fate::Becomes(new, told)) = decided(&discard, &held(Outcome::KeyMismatch), START) else {
            panic!("it is disabled")
        };
        assert_eq!(new.target.state, SubscriptionState::Disabled(Outcome::KeyMismatch));
        assert_eq!(told, Some(Told::of(ChangeKind::Disabled)));
    }
}
