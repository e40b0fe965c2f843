//! Pages: deliveries that are planned, attempted and recorded together.

use crate::domain::delivery::PastAttempt;
use crate::domain::{ApplicationId, MessageId, MessageKind, OriginId, SubscriptionId, Target, Timestamp};
use crate::store::owner::{Departure, Owner};

/// Deliveries that are planned together, on pages of their own: those of one origin, or of a share of very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The first group that origins share. Pages of older versions have those before it as well, of one origin each.
    pub const FIRST_SHARED: Self = Self(128);
    /// So many groups are shared.
    const SHARED: u32 = 64;
    /// The first of those that have one origin each.
    const FIRST_OWN: Self = Self(1 << 16);
    /// Origins with a group of their own: the first ones. What waits of a group takes memory, so the others share.
    const OWN_MAX: u32 = 16_384;

    /// That of an origin.
    #[must_use]
    pub fn of(origin: OriginId) -> Self {
        if origin.0 <= Self::OWN_MAX {
            Self(Self::FIRST_OWN.0 + origin.0)
        } else {
            Self(Self::FIRST_SHARED.0 + origin.0 % Self::SHARED)
        }
    }

    /// Whether all its deliveries go to one origin.
    #[must_use]
    pub fn has_one_origin(self) -> bool {
        self < Self::FIRST_SHARED || self.is_own()
    }

    /// Whether it is [`GroupId::of`] one origin only.
    #[must_use]
    pub fn is_own(self) -> bool {
        self >= Self::FIRST_OWN
    }
}

/// Names a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageKey {
    /// Of which message.
    pub message: MessageId,
    /// From 0 on.
    pub number: u32,
}

/// A page to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPage {
    /// The caller numbers pages: from [`crate::store::Plan::next_page`] on.
    pub number: u32,
    /// Lanes it is for.
    pub group: GroupId,
    /// At most [`crate::domain::limits::PAGE_DELIVERIES_MAX`].
    pub entries: Vec<PageEntry>,
    /// When its first attempts are due.
    pub due: Timestamp,
}

/// One delivery of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageEntry {
    /// To a stored subscription, and whose it is: the delivery is for no other user.
    Stored(SubscriptionId, Owner),
    /// To one that is stored nowhere else.
    Inline(Box<Target>),
}

/// What recovery needs to know of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHead {
    /// Whose.
    pub application: ApplicationId,
    /// Which.
    pub key: PageKey,
    /// Lanes it is for.
    pub group: GroupId,
    /// Send or Broadcast.
    pub kind: MessageKind,
    /// When its next attempt is due.
    pub due: Timestamp,
    /// How often it was taken up ([`crate::store::Store::page_taken_up`]) since something of it was recorded.
    pub starts: u32,
}

/// A page and the present targets of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPage {
    /// As recovery sees it.
    pub head: PageHead,
    /// Its deliveries; they keep their places.
    pub entries: Vec<StoredEntry>,
}

/// One delivery of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// To which subscription.
    pub id: SubscriptionId,
    /// Where it stands.
    pub state: EntryState,
    /// As it is now; `None` when it is not there any more, when the delivery is not for it any more, or when the entry is
    /// settled.
    pub target: Option<Target>,
    /// Why the delivery is not for it any more although it is there.
    pub departed: Option<Departure>,
}

/// Where a page's entry stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EntryState {
    /// No attempt has been recorded.
    #[default]
    Waiting,
    /// Attempts failed, another follows.
    Retrying(RetryState),
    /// Its terminal event is recorded.
    Settled,
}

/// An entry under retry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryState {
    /// Attempts made.
    pub attempts: u32,
    /// When the next is due.
    pub due: Timestamp,
    /// The last [`crate::domain::limits::ATTEMPTS_KEPT_MAX`], oldest first.
    pub past: Vec<PastAttempt>,
    /// What the push service said at the last attempt. A page keeps a few different ones; of more it is empty when it is
    /// read again.
    pub detail: String,
}

/// The new state of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUpdate {
    /// Which.
    pub key: PageKey,
    /// All entries, in their places. When every one is settled, the page is removed.
    pub entries: Vec<EntryState>,
    /// When its next attempt is due.
    pub due: Timestamp,
}
