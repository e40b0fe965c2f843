//! Whose a delivery is: the user that a subscription had when the delivery was planned, and what may have become of the
//! subscription since.

use sha2::{Digest as _, Sha256};

use crate::domain::Target;

/// Octets of an [`Owner`].
pub const OWNER_OCTETS: usize = 8;

/// The user of a subscription, as a page of deliveries notes it: the head of the hash of the caller's user id, so that a
/// page stays small and holds nothing about anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner(pub [u8; OWNER_OCTETS]);

impl Owner {
    /// A subscription without a user; also where a page does not say, because it was written before pages did.
    pub const NOBODY: Self = Self([0; OWNER_OCTETS]);

    /// The owner of a subscription with this user; empty for none.
    #[must_use]
    pub fn of(user_id: &str) -> Self {
        if user_id.is_empty() {
            return Self::NOBODY;
        }
        let mut head = [0; OWNER_OCTETS];
        head.copy_from_slice(&Sha256::digest(user_id.as_bytes())[..OWNER_OCTETS]);
        Self(head)
    }

    /// Whether a delivery that was planned for this owner is for a subscription that has this user now. What was meant for
    /// nobody in particular goes on to whoever has logged in since; anything else is for its user alone.
    #[must_use]
    pub fn is_still(self, user_id: &str) -> bool {
        self == Self::NOBODY || self == Self::of(user_id)
    }
}

/// Why a delivery is not for its subscription any more although that is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It has another user than it had when the delivery was planned, or none.
    OtherUser,
    /// It is in none of the message's topics any more, or joined them after the message had started.
    LeftTopics,
}

impl Departure {
    /// What the delivery's event says.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::OtherUser => "the subscription belongs to another user now",
            Self::LeftTopics => "the subscription has left the message's topics",
        }
    }
}

/// What a planned delivery finds of its subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressee {
    /// As it is now; `None` when it is not there any more.
    pub target: Option<Target>,
    /// Why the delivery is not for it any more although it is there.
    pub departed: Option<Departure>,
}

impl Addressee {
    /// The same for a delivery that was planned for `owner`.
    #[must_use]
    pub fn if_of(self, owner: Owner) -> Self {
        match &self.target {
            Some(target) if !owner.is_still(&target.user_id) => {
                Self { departed: Some(Departure::OtherUser), ..self }
            }
            Some(_) | None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_a_user_is_for_nobody_else() {
        let alice = Owner::of("alice");
        assert!(alice.is_still("alice"));
        for other in ["bob", "", "Alice", "alice "] {
            assert!(!alice.is_still(other), "{other:?}");
        }
        assert_eq!(Owner::of(""), Owner::NOBODY);
        assert!(Owner::NOBODY.is_still("") && Owner::NOBODY.is_still("bob"), "meant for whoever it is");
    }
}
