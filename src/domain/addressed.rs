//! For whom a message is, as its caller asked for it: what lists of messages show and are searched by. Never an endpoint.

use std::fmt;

use super::SubscriptionId;
use super::limits::ADDRESSED_NAMES_MAX;

/// For whom a message is, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressed {
    /// A stored subscription, and whose it was when the message was accepted; empty: nobody's.
    Subscription {
        /// Which.
        id: SubscriptionId,
        /// Its user.
        user_id: String,
    },
    /// All subscriptions of a user.
    User(String),
    /// A subscription that came with the request.
    Inline,
    /// So many subscriptions, by name.
    Subscriptions(u32),
    /// All subscriptions of these users.
    Users(Listed),
    /// Subscriptions with any of these topics.
    Topics(Listed),
    /// Everyone.
    All,
}

/// A list of names, of which the first few are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The first of them, at most [`ADDRESSED_NAMES_MAX`], in the order of the list.
    pub first: Vec<String>,
    /// How many there are.
    pub count: u32,
}

impl Listed {
    /// What is kept of a list.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        let first = names.iter().take(ADDRESSED_NAMES_MAX).cloned().collect();
        Self { first, count: u32::try_from(names.len()).unwrap_or(u32::MAX) }
    }

    fn others(&self) -> usize {
        (self.count as usize).saturating_sub(self.first.len())
    }
}

impl Addressed {
    /// Whether it names this user, as far as names are kept.
    #[must_use]
    pub fn names_user(&self, user: &str) -> bool {
        match self {
            Self::Subscription { user_id, .. } | Self::User(user_id) => user_id == user,
            Self::Users(listed) => listed.first.iter().any(|name| name == user),
            Self::Inline | Self::Subscriptions(_) | Self::Topics(_) | Self::All => false,
        }
    }
}

/// In words, for people.
impl fmt::Display for Addressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscription { id, user_id } if user_id.is_empty() => f.write_str(&id.name()),
            Self::Subscription { id, user_id } => write!(f, "{} of user {user_id}", id.name()),
            Self::User(user_id) => write!(f, "user {user_id}"),
            Self::Inline => f.write_str("a subscription of the request"),
            Self::Subscriptions(1) => f.write_str("1 subscription"),
            Self::Subscriptions(count) => write!(f, "{count} subscriptions"),
            Self::Users(listed) => names(f, "user", listed),
            Self::Topics(listed) => names(f, "topic", listed),
            Self::All => f.write_str("everyone"),
        }
    }
}

/// `topic news`, `users a, b and 3 more`.
fn names(f: &mut fmt::Formatter<'_>, what: &str, listed: &Listed) -> fmt::Result {
    let plural = if listed.count == 1 { "" } else { "s" };
    write!(f, "{what}{plural} {}", listed.first.join(", "))?;
    match listed.others() {
        0 => Ok(()),
        others => write!(f, " and {others} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(count: usize) -> Listed {
        Listed::of(&(0..count).map(|number| format!("n{number}")).collect::<Vec<_>>())
    }

    #[test]
    fn words_say_whom_it_is_for() {
        let id = SubscriptionId([7; 16]);
        let of = |user: &str| Addressed::Subscription { id, user_id: user.to_owned() }.to_string();
        assert_eq!(of(""), id.name());
        assert_eq!(of("alice"), format!("{} of user alice", id.name()));
        assert_eq!(Addressed::User("alice".to_owned()).to_string(), "user alice");
        assert_eq!(Addressed::Subscriptions(1).to_string(), "1 subscription");
        assert_eq!(Addressed::Subscriptions(2).to_string(), "2 subscriptions");
        assert_eq!(Addressed::Topics(listed(1)).to_string(), "topic n0");
        assert_eq!(Addressed::Topics(listed(2)).to_string(), "topics n0, n1");
        let many = Addressed::Users(listed(ADDRESSED_NAMES_MAX + 3)).to_string();
        assert!(many.starts_with("users n0, n1, ") && many.ends_with("n7 and 3 more"), "{many}");
    }

    #[test]
    fn a_user_is_found_where_it_is_named() {
        let user = |addressed: Addressed| addressed.names_user("n1");
        assert!(user(Addressed::User("n1".to_owned())));
        assert!(user(Addressed::Subscription { id: SubscriptionId([7; 16]), user_id: "n1".to_owned() }));
        assert!(user(Addressed::Users(listed(2))));
        for other in [
            Addressed::User("n2".to_owned()),
            Addressed::Topics(listed(2)),
            Addressed::All,
            Addressed::Inline,
        ] {
            assert!(!user(other));
        }
    }
}
