//! Applications, and what is stored beside them.

use std::fmt;

use crate::domain::{ApplicationId, ApplicationSettings, Origin, OriginId, Timestamp, VapidKey, VapidKeyId};

/// An origin as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginInfo {
    /// Its number.
    pub id: OriginId,
    /// What it is.
    pub origin: Origin,
}

/// An application as the store knows it. What it leaves unset, the configuration says.
#[derive(Clone, Debug)]
pub struct ApplicationRecord {
    /// Its number.
    pub id: ApplicationId,
    /// What callers name it by.
    pub name: String,
    /// Its VAPID keys, in the order of their numbers.
    pub vapid_keys: Vec<VapidKey>,
    /// The one that browsers are given; `None` as long as there is none.
    pub current_vapid_key: Option<VapidKeyId>,
    /// What was set for it.
    pub settings: ApplicationSettings,
    /// When it was made; 1970 if that is not known.
    pub created: Timestamp,
    /// When its settings were changed last.
    pub updated: Timestamp,
    /// Counts the changes of its settings.
    pub revision: u64,
    /// It has ended, and its data is being cleared away: nobody is to see it any more.
    pub deleted: bool,
}

/// How far [`crate::store::Store::clear_application`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// There is nothing left of it.
    All,
    /// There is more to clear.
    More,
    /// Messages of it have not ended: they are to be stopped, and their ends waited for.
    Waits,
}

/// A signed VAPID token, kept across restarts.
#[derive(Clone)]
pub struct StoredToken {
    /// Whose.
    pub application: ApplicationId,
    /// Signed with which key.
    pub key: VapidKeyId,
    /// For which origin (`aud`).
    pub origin: String,
    /// When it was signed.
    pub issued: Timestamp,
    /// When it ends (`exp`).
    pub expires: Timestamp,
    /// Whether it is the extra one that replaced a refused token.
    pub extra: bool,
    /// The token: a secret.
    pub jwt: String,
}

impl fmt::Debug for StoredToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredToken")
            .field("key", &self.key)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
