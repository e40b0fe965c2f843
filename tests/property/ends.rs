//! What must have come of every message once everything has ended.

use fanfare::domain::{Audience, DeliveryState, Outcome, SubscriptionId, Timestamp};
use fanfare::store::{Recipient, Recipients};

use super::ledger::{Ledger, Told};
use super::witness::{Member, Message, Witness};

/// Nothing is lost: each accepted message has ended, and each of its recipients has one terminal event.
pub(crate) fn assert_all_ended(ledger: &Ledger, witness: &Witness) {
    let members = witness.members();
    for (id, message) in witness.messages() {
        let told = &ledger.messages()[&id];
        assert!(told.ended, "{id} does not end: {message:?}");
        for event in told.last.values() {
            assert!(event.state.is_terminal(), "a delivery does not end: {event:?}");
            let gone = (event.state, event.outcome) == (DeliveryState::Failed, Outcome::Gone);
            let against = event.subscription.and_then(|id| members.get(&id)).filter(|_| gone);
            let removed = against.is_none_or(|of| of.until.is_some() || of.generation != event.generation);
            assert!(removed, "it is gone and still there: {event:?}");
        }
        match &message.recipients {
            Recipients::Named { recipient: Recipient::Subscription(to), .. } => {
                assert_eq!(reached(told), [*to], "the recipient of {id}");
            }
            Recipients::Named { .. } | Recipients::Targets(_) => panic!("no history sends in this way"),
            Recipients::Audience(Audience::Subscriptions(ids)) => {
                assert_eq!(reached(told), *ids, "the recipients of {id}");
            }
            Recipients::Audience(audience) => {
                let reached = reached(told);
                for (subscription, member) in &members {
                    let must = belongs(member, audience, &message);
                    assert!(!must || reached.contains(subscription), "{id} has lost {member:?}: {message:?}");
                }
                let late = |of: &&SubscriptionId| {
                    message.begun.is_some_and(|begun| joined_later(&members[of], begun))
                };
                assert_eq!(reached.iter().find(late), None, "one who joined later is reached by {id}");
            }
        }
    }
}

fn reached(told: &Told) -> Vec<SubscriptionId> {
    let mut reached: Vec<_> = told.last.keys().filter_map(|(subscription, _)| *subscription).collect();
    reached.sort();
    reached
}

/// Whether a subscription is there only since a moment, by count and by wall time.
fn joined_later(member: &Member, (tick, time): (u64, Timestamp)) -> bool {
    member.first > tick && member.created > time && member.topics.values().all(|since| *since > time)
}

/// Whether a subscription was in the audience from before the message began until it had ended.
fn belongs(member: &Member, audience: &Audience, message: &Message) -> bool {
    let (Some((begun, time)), Some(ended)) = (message.begun, message.ended) else { return false };
    let there = member.since < begun && member.until.is_none_or(|until| until > ended);
    there
        && match audience {
            Audience::All => member.created < time,
            Audience::Topics(topics) => {
                topics.iter().any(|topic| member.topics.get(topic).is_some_and(|since| *since < time))
            }
            Audience::Users(users) => users.contains(&member.user_id) && member.created < time,
            Audience::Subscriptions(ids) => ids.is_empty(),
        }
}
