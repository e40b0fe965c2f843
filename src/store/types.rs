//! What goes into and comes out of a [`super::Store`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::owner::{Departure, Owner};
use crate::domain::delivery::PastAttempt;
use crate::domain::{
    ApplicationId, ApplicationSettings, Audience, ContentEncoding, DeliveryEvent, Endpoint, MessageId,
    MessageKind, MessageSpec, MessageStatus, Origin, OriginId, Outcome, Receipt, Stop, Subscription,
    SubscriptionId, SubscriptionKeys, Target, Timestamp, VapidKey, VapidKeyId,
};

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

/// How far [`super::Store::clear_application`] has come.
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

/// A subscription to store; see [`super::Store::subscribe`].
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
    /// A page asks: nothing changes hands but what it has the keys of. See [`super::Store::subscribe`].
    pub by_page: bool,
}

impl Subscribe {
    /// Whether it may touch this stored subscription.
    pub(crate) fn may_touch(&self, stored: &Subscription) -> bool {
        !self.by_page || stored.target.user_id == self.user_id || stored.target.keys == self.keys
    }
}

/// What [`super::Store::subscribe`] did.
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

/// Evidence against a subscription, for [`super::Store::reap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Against which.
    pub subscription: SubscriptionId,
    /// The generation that the attempt used.
    pub generation: u32,
    /// `Gone` removes, anything else disables.
    pub outcome: Outcome,
    /// The answer's status, if there was one.
    pub http_status: Option<u16>,
    /// Whose attempt it was.
    pub message: MessageId,
}

/// Evidence, and where it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evident {
    /// The number of its commit.
    pub seq: u64,
    /// When that was made. Never falls from one commit to the next.
    pub time: Timestamp,
    /// The evidence.
    pub removal: Removal,
}

/// Evidence that recorded events hold; see [`super::Store::evidence`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// In the order of the log.
    pub evident: Vec<Evident>,
    /// Everything up to this sequence number has been looked at.
    pub position: u64,
}

/// Something that an attempt taught about one subscription; see [`super::Store::learn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// About which.
    pub subscription: SubscriptionId,
    /// The generation that the attempt used: about another one it says nothing.
    pub generation: u32,
    /// What.
    pub learned: Learned,
}

/// What can be learned of a subscription without an end to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Bodies above so many octets are refused.
    BodyOctetsMax(u32),
    /// It was refused in a way that proves nothing once. On [`crate::domain::limits::REFUSED_DAYS_MAX`] distinct days without
    /// an acceptance in between it is disabled.
    Refused(Removal),
    /// It was accepted: earlier refusals are void, and the time is noted, at most once in
    /// [`crate::domain::limits::ACCEPTED_NOTED_EVERY`].
    Accepted,
}

/// One entry of an application's change feed: what became of a subscription, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number in the application's sequence of changes, which is not that of commits.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: ChangeKind,
    /// As it is after the change; as it last was when it was removed. Secrets must not outlive it: its endpoint is cut to
    /// the origin, and its keys are zeros.
    pub subscription: Subscription,
    /// Why, when a push service caused it.
    pub evidence: Option<ChangeEvidence>,
    /// For [`ChangeKind::Replaced`]: what took its place.
    pub replacement: Option<SubscriptionId>,
}

/// What became of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was stored.
    Added,
    /// Fields, keys or endpoint; or it is active again.
    Updated,
    /// Removed, because one that was there already replaces it.
    Replaced,
    /// It is not sent to any more.
    Disabled,
    /// A caller removed it.
    RemovedByCaller,
    /// A push service said that it has ended.
    RemovedGone,
    /// Its own expiry had passed.
    RemovedExpired,
    /// It is not sent to until an operator decides: too many of its push service were to go at once.
    SetAside,
}

/// Why a push service's answer changed a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeEvidence {
    /// What the answer meant.
    pub outcome: Outcome,
    /// Its status.
    pub http_status: Option<u16>,
    /// Whose attempt it was.
    pub message: MessageId,
}

/// From where on an application's log is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The lowest sequence number of commits that can be read.
    pub commits_from: u64,
    /// When the one before it was made, which has been trimmed; 1970 when none has.
    pub commits_time: Timestamp,
    /// The lowest number of the change feed that can be read.
    pub changes_from: u64,
    /// As `commits_time`.
    pub changes_time: Timestamp,
}

/// How long what is kept for; see [`super::Store::trim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events of a message, from its end on.
    pub events: std::time::Duration,
    /// A message with its counts, from its end on. At least as long as `events`.
    pub messages: std::time::Duration,
    /// Entries of the change feed.
    pub changes: std::time::Duration,
    /// Subscriptions that evidence removed.
    pub removed: std::time::Duration,
}

/// What a step of trimming did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Messages whose events went.
    pub events_of: usize,
    /// Messages that went.
    pub messages: usize,
    /// Rows that went.
    pub rows: usize,
    /// More can be trimmed at once.
    pub more: bool,
}

/// Who gets a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Looked up already: a Send's.
    Targets(Vec<Target>),
    /// To be planned: a Broadcast's.
    Audience(Audience),
}

/// A message to accept.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Whose.
    pub application: ApplicationId,
    /// Send or Broadcast.
    pub kind: MessageKind,
    /// What and how.
    pub spec: Arc<MessageSpec>,
    /// To whom.
    pub recipients: Recipients,
    /// The caller's key for the request; empty for none.
    pub request_id: String,
    /// Of the request in canonical form; compared when the `request_id` comes again.
    pub request_hash: [u8; 32],
    /// What to show as number of targets until planning is done; see [`super::Store::estimate`].
    pub targets_estimate: u32,
    /// When its sending starts; `None`: at once. Its ttl counts from then.
    pub start: Option<Timestamp>,
    /// Of application, collapse key and recipient or audience: of messages with the same, only the one that started last
    /// is delivered. See [`super::Store::begin`].
    pub collapse: Option<[u8; 16]>,
}

/// What [`super::Store::accept`] did.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// As it stands.
    pub record: MessageRecord,
    /// True when it was accepted earlier, under the same `request_id`.
    pub replayed: bool,
    /// The pages that were written with it, for the engine to start at once. Empty when replayed.
    pub pages: Vec<StoredPage>,
    /// The older message that this one superseded as it started.
    pub superseded: Option<MessageId>,
}

/// A message and its place in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// As it stands.
    pub status: MessageStatus,
    /// The sequence number of its acceptance.
    pub accepted_seq: u64,
    /// The highest sequence number that concerns its deliveries so far: of its end, once it has ended. Receipts may follow.
    pub last_seq: u64,
    /// Its events were trimmed: only the counts are left.
    pub trimmed: bool,
}

/// What [`super::Store::list_messages`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessagesListed {
    /// Newest first.
    pub messages: Vec<MessageStatus>,
    /// Where to go on: what is older than this was not looked at. `None`: nothing is.
    pub next: Option<MessageId>,
}

/// A message that has not ended.
#[derive(Clone, Debug)]
pub struct OpenMessage {
    /// Whose.
    pub application: ApplicationId,
    /// As it stands.
    pub status: MessageStatus,
    /// What and how.
    pub spec: Arc<MessageSpec>,
    /// How far planning has come; `None` when it is done.
    pub plan: Option<Plan>,
    /// Set: nothing of it is attempted any more.
    pub stop: Option<Stop>,
}

/// How far the planning of a message has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Everything before it is in pages. Empty: nothing yet.
    pub cursor: Vec<u8>,
    /// The first page that may hold targets from behind the cursor: those from here on were written after it moved last.
    pub first_page: u32,
    /// The number of the next page.
    pub next_page: u32,
}

/// A member of a list that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No such subscription.
    Subscription(SubscriptionId),
    /// A user without subscriptions.
    User(String),
    /// A subscription that the message is not for any more.
    Departed(SubscriptionId, Departure),
}

/// A piece of an audience.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceChunk {
    /// Who is there.
    pub targets: Vec<Target>,
    /// Who was listed and is not there.
    pub missing: Vec<Missing>,
    /// Where to go on.
    pub cursor: Vec<u8>,
    /// Nothing follows.
    pub done: bool,
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
    /// The caller numbers pages: from [`Plan::next_page`] on.
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

/// A step of planning; see [`super::Store::plan`].
#[derive(Clone, Debug)]
pub struct PlanStep {
    /// Whose.
    pub application: ApplicationId,
    /// Of which message.
    pub message: MessageId,
    /// Send or Broadcast.
    pub kind: MessageKind,
    /// Written first. Each counts into the message's targets when it is written.
    pub pages: Vec<NewPage>,
    /// Where the cursor moves once they are written; `None`: it stays.
    pub cursor: Option<Vec<u8>>,
    /// Terminal events of members that get no page: listed and not there (NOT_FOUND), or of a message that was stopped or
    /// has expired. Recorded in the transaction that moves the cursor.
    pub ended: Vec<DeliveryEvent>,
    /// The audience has been read through: `targets` is exact from here on.
    pub done: bool,
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
    /// How often it was taken up ([`super::Store::page_taken_up`]) since something of it was recorded.
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

/// Outcomes to record; see [`super::Store::commit`].
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose.
    pub application: ApplicationId,
    /// A Send's outcome is in it: it goes ahead of others.
    pub urgent: bool,
    /// By message.
    pub messages: Vec<MessageCommit>,
}

/// Outcomes of one message.
#[derive(Clone, Debug)]
pub struct MessageCommit {
    /// Which.
    pub message: MessageId,
    /// By page.
    pub pages: Vec<PageCommit>,
}

/// Outcomes of one page: in one transaction.
#[derive(Clone, Debug)]
pub struct PageCommit {
    /// What happened, in order; at most a few per delivery.
    pub events: Vec<DeliveryEvent>,
    /// How the page stands with these events in it.
    pub update: PageUpdate,
    /// By how much the number of deliveries under retry changes.
    pub retrying_change: i32,
}

/// What became of a receipt; see [`super::Store::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is in the log, and counts.
    Recorded,
    /// Its delivery had one of its kind before.
    Repeated,
    /// Its message is not there any more, or its events have gone.
    TooLate,
}

/// Events that one commit recorded for one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The commit's number in the application's sequence.
    pub seq: u64,
    /// In order; an event's place is (`seq`, its index here).
    pub events: Vec<DeliveryEvent>,
    /// In order, behind the events: their indexes go on.
    pub receipts: Vec<Receipt>,
}

/// What one commit did, for readers of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// The commit's number.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// In order.
    pub entries: Vec<FeedEntry>,
}

/// One thing that a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEntry {
    /// A message was accepted.
    Accepted(MessageId),
    /// A segment was written for a message: of events, receipts or both.
    Events(MessageId),
    /// A message ended; its events come before.
    Ended(MessageId),
}
