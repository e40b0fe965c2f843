//! Who may call, and what: roles, and the API tokens that carry them.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::Timestamp;
use super::ids::{ApiTokenId, ApplicationId};

/// What callers may do. Which RPC needs which role is in one table: [`crate::api::access`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Sends, cancels, and sees what became of messages.
    Publisher,
    /// Keeps subscriptions.
    Subscriber,
    /// Reads everything.
    Reader,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Publisher, Self::Subscriber, Self::Reader];

    /// As it is written in configurations, logs and errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Publisher => "publisher",
            Self::Subscriber => "subscriber",
            Self::Reader => "reader",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of roles.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// Every role.
    #[must_use]
    pub fn all() -> Self {
        Role::ALL.into_iter().collect()
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Who called, for those who look later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledBy {
    /// `apiTokens/{id}`, `certificate {subject alternative name}`, or that nobody was asked: `anonymous`. Never a secret.
    pub name: Arc<str>,
    /// Where the connection came from; `None` if that is not known.
    pub address: Option<IpAddr>,
}

/// A bearer token as it is kept: what it says, without what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name.
    pub id: ApiTokenId,
    /// Whose it is; `None`: it is for all applications.
    pub application: Option<ApplicationId>,
    /// At least one.
    pub roles: Roles,
    /// What people call it; may be empty.
    pub display_name: String,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// When it ends; `None`: never.
    pub expires: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to the hour.
    pub last_used: Option<Timestamp>,
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken").field("id", &self.id).field("roles", &self.roles).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let two: Roles = [Role::Reader, Role::Publisher].into_iter().collect();
        assert_eq!(two.iter().collect::<Vec<_>>(), [Role::Publisher, Role::Reader]);
        assert!(!two.has(Role::Admin));
        assert_eq!(Roles::all().iter().collect::<Vec<_>>(), Role::ALL);
        assert!(Roles::default().is_empty());
    }
}
