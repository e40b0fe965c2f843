//! Whom a message is for, and what a planned delivery finds of its subscription.

use crate::domain::{Subscription, SubscriptionId, SubscriptionState, Target, Timestamp};
use crate::store::{Addressee, Departure, Missing, Owner};

/// Whether a member joined too late: who joins once a message has begun is not part of it.
pub(crate) fn is_late(joined: Timestamp, began: Timestamp) -> bool {
    joined > began
}

/// Whether a member of topics, or of everyone, is sent to. Who is named in a list is told of instead.
pub(crate) fn is_sent_to(target: &Target) -> bool {
    target.state == SubscriptionState::Active
}

/// Whether a subscription is in one of these topics, and was when the message began.
pub(crate) fn is_in(subscription: &Subscription, topics: &[String], began: Timestamp) -> bool {
    let since = |topic| subscription.topics.get(topic);
    topics.iter().filter_map(since).any(|since| !is_late(*since, began))
}

/// What a delivery of a message to these topics finds of its subscription.
pub(crate) fn addressee(found: Option<Subscription>, topics: &[String], began: Timestamp) -> Addressee {
    let Some(found) = found else { return Addressee::default() };
    let departed = (!is_in(&found, topics, began)).then_some(Departure::LeftTopics);
    Addressee { target: Some(found.target), departed }
}

/// What becomes of a subscription that a list names, with whose it was when it was named: a target, also when it is disabled,
/// which its event will tell; or missing.
pub(crate) fn named(id: SubscriptionId, owner: Owner, target: Option<Target>) -> Result<Target, Missing> {
    match (Addressee { target, departed: None }).if_of(owner) {
        Addressee { departed: Some(why), .. } => Err(Missing::Departed(id, why)),
        Addressee { target: Some(target), .. } => Ok(target),
        Addressee { target: None, .. } => Err(Missing::Subscription(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fate::disabled;
    use super::super::samples::stored;
    use super::*;
    use crate::domain::Outcome;
    use crate::store::conformance::{START, names};

    #[test]
    fn who_left_the_topics_or_joined_later_is_told() {
        let found = stored(1, "ada");
        let before = Timestamp::from_micros(START.as_micros() - 1);
        let find = |topics: &[&str], began| addressee(Some(found.clone()), &names(topics), began).departed;
        assert_eq!(find(&["news"], START), None);
        assert_eq!(find(&["music", "sport"], START), None, "one of them will do");
        assert_eq!(find(&["music"], START), Some(Departure::LeftTopics));
        assert_eq!(find(&["news"], before), Some(Departure::LeftTopics));
        assert_eq!(addressee(None, &names(&["news"]), START), Addressee::default());
    }

    #[test]
    fn who_is_named_is_who_it_was_then() {
        let (ada, id) = (stored(1, "ada").target, stored(1, "ada").target.id);
        let named = |owner, target| named(id, owner, target);
        assert_eq!(named(Owner::of("ada"), Some(ada.clone())), Ok(ada.clone()));
        assert_eq!(named(Owner::NOBODY, Some(ada.clone())), Ok(ada.clone()));
        let departed = Missing::Departed(id, Departure::OtherUser);
        assert_eq!(named(Owner::of("bob"), Some(ada)), Err(departed));
        assert_eq!(named(Owner::of("ada"), None), Err(Missing::Subscription(id)));
        let off = disabled(&stored(1, "ada"), Outcome::Gone, START).target;
        assert!(!is_sent_to(&off));
        assert_eq!(named(Owner::of("ada"), Some(off.clone())), Ok(off), "its event tells");
    }
}
