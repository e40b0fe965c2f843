//! Subscriptions: storing, naming and changing them.

use std::collections::BTreeMap;

use crate::domain::{
    ApplicationId, ContentEncoding, Endpoint, Subscription, SubscriptionId, SubscriptionKeys, Timestamp,
    VapidKeyId,
};

/// Names subscriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// One, by its id.
    Id(SubscriptionId),
    /// One, by its endpoint.
    Endpoint(Endpoint),
    /// All of a user.
    User(String),
}

/// Which subscriptions a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFilter {
    /// Those of a user.
    User(String),
    /// Those with a topic.
    Topic(String),
    /// All.
    All,
}

/// What `pushsubscriptionchange` replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// By its old endpoint.
    Endpoint(Endpoint),
    /// By its id.
    Id(SubscriptionId),
}

/// A subscription to store; see [`crate::store::Store::subscribe`].
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Whose.
    pub application: ApplicationId,
    /// Where to.
    pub endpoint: Endpoint,
    /// Whom to encrypt for.
    pub keys: SubscriptionKeys,
    /// How.
    pub encoding: ContentEncoding,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// The VAPID key that it was made with; `None`: as stored, or `current_vapid_key` for a new one.
    pub vapid_key: Option<VapidKeyId>,
    /// The application's current key.
    pub current_vapid_key: VapidKeyId,
    /// Empty: as it was.
    pub user_id: String,
    /// Empty: as they were.
    pub topics: Vec<String>,
    /// Empty: as they were.
    pub labels: BTreeMap<String, String>,
    /// Empty: as it was.
    pub locale: String,
    /// Empty: as it was.
    pub time_zone: String,
    /// What it takes the place of.
    pub replaces: Option<Replaces>,
    /// Subscriptions that the application may have; a new one beyond it is refused.
    pub subscriptions_max: Option<u32>,
    /// Only tells what would be stored.
    pub validate_only: bool,
    /// It is one of very many: those that somebody waits for go before it.
    pub bulk: bool,
    /// A page asks: nothing changes hands but what it has the keys of. See [`crate::store::Store::subscribe`].
    pub by_page: bool,
}

impl Subscribe {
    /// Whether it may touch this stored subscription.
    pub(crate) fn may_touch(&self, stored: &Subscription) -> bool {
        !self.by_page || stored.target.user_id == self.user_id || stored.target.keys == self.keys
    }
}

/// What [`crate::store::Store::subscribe`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// As it is now.
    pub subscription: Subscription,
    /// False when an existing one was updated.
    pub created: bool,
    /// One that was removed because this one takes its place.
    pub removed: Option<SubscriptionId>,
}

/// Changes of one subscription: `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionPatch {
    /// The revision that must still hold.
    pub revision: Option<u64>,
    /// The caller's own user; empty removes it.
    pub user_id: Option<String>,
    /// All topics.
    pub topics: Option<Vec<String>>,
    /// Topics to add.
    pub add_topics: Vec<String>,
    /// Topics to remove.
    pub remove_topics: Vec<String>,
    /// All labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// BCP 47; empty removes it.
    pub locale: Option<String>,
    /// IANA name; empty removes it.
    pub time_zone: Option<String>,
    /// When it ends by itself; `Some(None)` removes it.
    pub expires: Option<Option<Timestamp>>,
}
