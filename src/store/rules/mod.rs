//! What becomes of what is stored: pure functions over the types of [`crate::domain`] and [`crate::store`]. They know no
//! database, no clock and no randomness, so that every store keeps to the same rules and each rule is tested without one. A
//! store looks up what a rule asks for and writes what it says.

pub(crate) mod audience;
pub(crate) mod deciding;
pub(crate) mod evidence;
pub(crate) mod fate;
pub(crate) mod holds;
pub(crate) mod orphans;
pub(crate) mod paging;
pub(crate) mod patching;
pub(crate) mod replay;
pub(crate) mod subscribing;
pub(crate) mod vapid_keys;

#[cfg(test)]
pub(crate) mod samples {
    //! What tests of the rules begin with.

    use super::subscribing::Place;
    use crate::domain::{ApplicationId, MessageId, OriginId, Outcome, Subscription, SubscriptionId};
    use crate::store::conformance::{START, browser, names};
    use crate::store::{Removal, Subscribe};

    /// A request with everything that a caller may keep beside a subscription.
    pub(crate) fn full(number: u32, user: &str) -> Subscribe {
        Subscribe {
            user_id: user.to_owned(),
            topics: names(&["news", "sport"]),
            labels: [("tier".to_owned(), "gold".to_owned())].into(),
            locale: "de".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            ..browser(ApplicationId(1), number)
        }
    }

    /// What is stored after a first such request.
    pub(crate) fn stored(number: u32, user: &str) -> Subscription {
        let id = || SubscriptionId([number as u8; 16]);
        Place::default().taken(&full(number, user), OriginId(1), START, id).new
    }

    /// Evidence against it.
    pub(crate) fn against(
        subscription: &Subscription,
        outcome: Outcome,
        http_status: Option<u16>,
    ) -> Removal {
        Removal {
            subscription: subscription.target.id,
            generation: subscription.target.generation,
            outcome,
            http_status,
            message: MessageId([9; 16]),
        }
    }
}
