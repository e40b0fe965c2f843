//! What recorded events prove of subscriptions, and what attempts teach about them.

use super::fate::{Fate, Told, disabled, in_state};
use crate::domain::limits::REFUSED_DAYS_MAX;
use crate::domain::{DeliveryEvent, DeliveryState, Outcome, Subscription, SubscriptionState, Timestamp};
use crate::store::{ChangeKind, Learned, Lesson, Removal};

/// What an event proves against its subscription.
pub(crate) fn proven(event: &DeliveryEvent) -> Option<Removal> {
    let against = matches!(event.outcome, Outcome::Gone | Outcome::KeyMismatch);
    let subscription = event.subscription.filter(|_| against && event.state == DeliveryState::Failed)?;
    Some(Removal {
        subscription,
        generation: event.generation,
        outcome: event.outcome,
        http_status: event.http_status,
        message: event.message,
    })
}

/// What evidence makes of its subscription. `None`: nothing, since it is about another generation, or the subscription is not
/// sent to anyway.
pub(crate) fn reaped(old: &Subscription, removal: &Removal, now: Timestamp) -> Option<Fate> {
    if old.target.generation != removal.generation {
        return None;
    }
    if removal.outcome == Outcome::Gone {
        // No push service was asked about one whose own expiry had passed.
        let expired = removal.http_status.is_none() && old.target.expires.is_some_and(|end| end <= now);
        let kind = if expired { ChangeKind::RemovedExpired } else { ChangeKind::RemovedGone };
        return Some(Fate::Removed { restorable: !expired, told: Told::because(kind, removal) });
    }
    let told = Told::because(ChangeKind::Disabled, removal);
    let is_active = old.target.state == SubscriptionState::Active;
    is_active.then(|| Fate::becomes(disabled(old, removal.outcome, now), told))
}

/// Whether evidence can set its subscription aside.
pub(crate) fn may_be_set_aside(old: &Subscription, removal: &Removal) -> bool {
    old.target.generation == removal.generation && old.target.state == SubscriptionState::Active
}

/// What becomes of a subscription that is set aside.
pub(crate) fn set_aside(old: &Subscription, removal: &Removal, now: Timestamp) -> Fate {
    let new = in_state(old, SubscriptionState::SetAside(removal.outcome), now);
    Fate::becomes(new, Told::because(ChangeKind::SetAside, removal))
}

/// What an attempt teaches about its subscription. `None`: it is about another generation, or no news. Callers see only that
/// it is disabled: revision and time of change are theirs.
pub(crate) fn taught(old: &Subscription, lesson: &Lesson, now: Timestamp) -> Option<Fate> {
    if old.target.generation != lesson.generation {
        return None;
    }
    let mut new = old.clone();
    let target = &mut new.target;
    match &lesson.learned {
        Learned::BodyOctetsMax(octets) => {
            let known = target.body_octets_max;
            target.body_octets_max = if known == 0 { *octets } else { known.min(*octets) };
        }
        Learned::Accepted => {
            (target.refused_days, target.refused_last) = (0, Timestamp::default());
            if target.acceptance_is_news(now) {
                target.accepted_last = now;
            }
        }
        Learned::Refused(removal) => {
            let same_day = target.refused_days > 0 && day(now) <= day(target.refused_last);
            if same_day || target.state != SubscriptionState::Active {
                return None;
            }
            target.refused_days += 1;
            target.refused_last = now;
            if target.refused_days >= REFUSED_DAYS_MAX {
                let new = disabled(&new, removal.outcome, now);
                return Some(Fate::becomes(new, Told::because(ChangeKind::Disabled, removal)));
            }
        }
    }
    (new != *old).then(|| Fate::Becomes(Box::new(new), None))
}

/// Days since 1970, of 24 hours, in UTC.
fn day(time: Timestamp) -> u64 {
    time.as_secs() / (24 * 3_600)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::{against, stored};
    use super::*;
    use crate::domain::MessageId;
    use crate::store::conformance::{START, event, stranger};

    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn lesson(old: &Subscription, learned: Learned) -> Lesson {
        Lesson { subscription: old.target.id, generation: old.target.generation, learned }
    }

    /// What a fate makes of it, and whether that is told.
    fn becomes(fate: Option<Fate>) -> (Subscription, Option<ChangeKind>) {
        match fate.unwrap() {
            Fate::Becomes(new, told) => (*new, told.map(|told| told.kind)),
            Fate::Removed { .. } => panic!("it is removed"),
        }
    }

    #[test]
    fn only_failures_that_say_so_prove_something() {
        let message = MessageId([1; 16]);
        for (state, outcome, proves) in [
            (DeliveryState::Failed, Outcome::Gone, true),
            (DeliveryState::Failed, Outcome::KeyMismatch, true),
            (DeliveryState::Failed, Outcome::Rejected, false),
            (DeliveryState::Expired, Outcome::Gone, false),
            (DeliveryState::Accepted, Outcome::Accepted, false),
        ] {
            let event = event(message, stranger(0, 0), state, outcome);
            assert_eq!(proven(&event).is_some(), proves, "{state:?} {outcome:?}");
            assert_eq!(proven(&DeliveryEvent { subscription: None, ..event }), None, "given inline");
        }
    }

    #[test]
    fn what_is_gone_goes_and_can_come_back_unless_it_had_expired() {
        let mut old = stored(1, "ada");
        let reap = |old: &Subscription, status| reaped(old, &against(old, Outcome::Gone, status), START);
        let kind = |fate| match fate {
            Some(Fate::Removed { restorable, told }) => Some((restorable, told.kind)),
            Some(Fate::Becomes(..)) | None => None,
        };
        assert_eq!(kind(reap(&old, Some(410))), Some((true, ChangeKind::RemovedGone)));
        assert_eq!(kind(reap(&old, None)), Some((true, ChangeKind::RemovedGone)));
        old.target.expires = Some(START);
        assert_eq!(kind(reap(&old, None)), Some((false, ChangeKind::RemovedExpired)));
        assert_eq!(kind(reap(&old, Some(410))), Some((true, ChangeKind::RemovedGone)), "it was asked");
        old.target.expires = Some(START.plus(DAY));
        assert_eq!(kind(reap(&old, None)), Some((true, ChangeKind::RemovedGone)));
    }

    #[test]
    fn other_evidence_disables_what_is_active_and_of_this_generation() {
        let old = stored(1, "ada");
        let removal = against(&old, Outcome::KeyMismatch, Some(403));
        let (new, told) = becomes(reaped(&old, &removal, START));
        assert_eq!(new.target.state, SubscriptionState::Disabled(Outcome::KeyMismatch));
        assert_eq!(told, Some(ChangeKind::Disabled));
        assert_eq!(reaped(&new, &removal, START), None, "it is disabled already");
        let earlier = Removal { generation: 0, ..removal };
        assert_eq!(reaped(&old, &earlier, START), None);
        assert!(may_be_set_aside(&old, &removal));
        assert!(!may_be_set_aside(&old, &earlier) && !may_be_set_aside(&new, &removal));
        let (aside, told) = becomes(Some(set_aside(&old, &removal, START)));
        assert_eq!(aside.target.state, SubscriptionState::SetAside(Outcome::KeyMismatch));
        assert_eq!(told, Some(ChangeKind::SetAside));
    }

    #[test]
    fn refusals_on_distinct_days_disable_and_an_acceptance_voids_them() {
        let mut now = START;
        let mut old = stored(1, "ada");
        let refused =
            |old: &Subscription| lesson(old, Learned::Refused(against(old, Outcome::Rejected, Some(400))));
        for day in 1..REFUSED_DAYS_MAX {
            let (new, told) = becomes(taught(&old, &refused(&old), now));
            assert_eq!((new.target.refused_days, told), (day, None));
            assert_eq!((new.revision, new.updated), (old.revision, old.updated), "callers see nothing");
            assert_eq!(taught(&new, &refused(&new), now), None, "once a day");
            old = new;
            now = now.plus(DAY);
        }
        let (accepted, _) = becomes(taught(&old, &lesson(&old, Learned::Accepted), now));
        assert_eq!((accepted.target.refused_days, accepted.target.accepted_last), (0, now));
        assert_eq!(taught(&accepted, &lesson(&accepted, Learned::Accepted), now), None, "no news");
        let (new, told) = becomes(taught(&old, &refused(&old), now));
        assert_eq!(new.target.state, SubscriptionState::Disabled(Outcome::Rejected));
        assert_eq!(told, Some(ChangeKind::Disabled));
        assert_eq!(taught(&new, &refused(&new), now.plus(DAY)), None, "it is disabled already");
    }

    #[test]
    fn the_smallest_limit_of_bodies_stays() {
        let old = stored(1, "ada");
        let limit =
            |old: &Subscription, octets| taught(old, &lesson(old, Learned::BodyOctetsMax(octets)), START);
        let (first, _) = becomes(limit(&old, 3_000));
        let (second, _) = becomes(limit(&first, 2_000));
        assert_eq!((first.target.body_octets_max, second.target.body_octets_max), (3_000, 2_000));
        assert_eq!(limit(&second, 2_500), None);
        let earlier = Lesson { generation: 0, ..lesson(&old, Learned::BodyOctetsMax(100)) };
        assert_eq!(taught(&old, &earlier, START), None);
    }
}
