//! The store: what must survive. This module is its contract; `kv` keeps it over any ordered key-value [`kv::Backend`],
//! of which there are two (sled, and memory for tests). A database of another kind implements [`Store`] itself.
//!
//! What every store promises:
//!
//! * **Durable before answered.** When a method that writes returns `Ok`, a crash of the process or of the machine loses
//!   nothing of it. Methods that write are atomic unless they say otherwise: all of it is there after a crash, or nothing.
//! * **Nothing is shown before it is durable.** A read never returns what a crash could still take back; it waits for
//!   the sync that covers what it saw.
//! * **One sequence of commits per application.** Whatever belongs on a status stream (a message's acceptance, its
//!   events, its end) takes the application's next sequence number inside its transaction, so that the order of numbers
//!   is the order of becoming visible, without gaps. [`Store::synced`] tells how far it may be read.
//! * **Writers of different classes share.** Accepts and commits with the outcome of a Send go first, then other
//!   commits, then subscriptions, then those of an import ([`Subscribe::bulk`]), then [`Store::reap`],
//!   [`Store::learn`] and [`Store::trim`].
//! * **A corrupt record is reported and skipped** in lists and scans, and is [`StoreError::Corrupt`] where it was asked
//!   for by name.
//!
//! No type of a backend crosses this line, and nothing here assumes that only one process uses the store.

pub mod backup;
#[cfg(test)]
pub(crate) mod conformance;
mod error;
pub mod held;
pub mod kv;
pub mod owner;
pub(crate) mod records;
mod room;
pub(crate) mod rules;
pub mod types;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::domain::{
    ApiToken, ApiTokenId, ApplicationId, ApplicationSettings, AuditEntry, AuditFilter, MessageId, Origin,
    OriginId, Receipt, Report, Stop, Subscription, SubscriptionId, Target, VapidKey, VapidKeyId,
};

pub use backup::{Backup, BackupError};
pub use error::StoreError;
pub use held::{AcceptedSince, Decided, Decision, DecisionStep, Hold, Share};
pub use owner::{Addressee, Departure, Owner};
pub use room::{Disk, Octets, Room};
pub use types::{
    Accepted, ApplicationRecord, AudienceChunk, AuditListed, AuditRetention, Change, ChangeEvidence,
    ChangeKind, Cleared, Commit, EntryState, Evidence, Evident, FeedEntry, FeedRow, GroupId, Kept, Learned,
    Lesson, ListFilter, MessageCommit, MessageFilter, MessageRecord, MessagesListed, Missing, NewMessage,
    NewPage, OpenMessage, OriginInfo, OriginsTrimmed, PageCommit, PageEntry, PageHead, PageKey, PageUpdate,
    Plan, PlanStep, Received, Recipient, Recipients, Removal, Replaces, Retention, RetryState, Segment,
    Selector, StoredEntry, StoredPage, StoredToken, Subscribe, Subscribed, SubscriptionPatch, Trimmed,
};

/// See the [module's documentation](self) for what holds for all methods.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    // ---------------------------------------------------------------- applications and keys

    /// The application of that name, made if there is none: without keys.
    async fn application(&self, name: &str) -> Result<ApplicationRecord, StoreError>;

    /// All applications, in the order of their ids; those too whose data is being cleared away.
    async fn applications(&self) -> Result<Vec<ApplicationRecord>, StoreError>;

    /// Makes an application with its first VAPID key. [`StoreError::AlreadyExists`]: there is one of that name.
    async fn create_application(
        &self,
        name: &str,
        settings: ApplicationSettings,
        key: VapidKey,
    ) -> Result<ApplicationRecord, StoreError>;

    /// Changes what is set for an application. Errors: [`StoreError::NotFound`]; [`StoreError::RevisionMismatch`] when
    /// `revision` is not the present one.
    async fn update_application(
        &self,
        application: ApplicationId,
        settings: ApplicationSettings,
        revision: u64,
    ) -> Result<ApplicationRecord, StoreError>;

    /// Ends an application: its name is free from here on, and never leads to this one again. Says whether it was there.
    async fn delete_application(&self, application: ApplicationId) -> Result<bool, StoreError>;

    /// Does a bounded step of clearing the data of an application away that was deleted. Repeat it until it says
    /// [`Cleared::All`].
    async fn clear_application(&self, application: ApplicationId) -> Result<Cleared, StoreError>;

    /// How many subscriptions an application has.
    async fn subscription_count(&self, application: ApplicationId) -> Result<u64, StoreError>;

    /// How many active subscriptions were made with each of these VAPID keys.
    async fn vapid_key_counts(
        &self,
        application: ApplicationId,
        keys: &[VapidKeyId],
    ) -> Result<Vec<u64>, StoreError>;

    /// Makes one of an application's VAPID keys the current one. Errors: [`StoreError::NotFound`], also for one that is
    /// retired.
    async fn set_current_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
    ) -> Result<VapidKey, StoreError>;

    /// Destroys the private half of a VAPID key and the tokens that were signed with it; one that is retired stays as it
    /// is. Unless `force`, [`StoreError::StillInUse`] when active subscriptions were made with it. Errors:
    /// [`StoreError::NotFound`], also for the current key.
    async fn retire_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
        force: bool,
    ) -> Result<VapidKey, StoreError>;

    /// Removes a VAPID key and the tokens that were signed with it, and never gives its number again. Errors:
    /// [`StoreError::StillInUse`] when active subscriptions were made with it; [`StoreError::NotFound`], also for the
    /// current key.
    async fn remove_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKeyId,
    ) -> Result<VapidKey, StoreError>;

    /// Disables ([`crate::domain::Outcome::KeyMismatch`]) those of the at most 64 active subscriptions behind `after` that
    /// were made with a key that is retired or removed. Returns them, and where to go on; `None` at the end, and as soon as
    /// none is left, for which no subscription is read.
    async fn disable_orphans(
        &self,
        application: ApplicationId,
        after: Option<SubscriptionId>,
    ) -> Result<(Vec<SubscriptionId>, Option<SubscriptionId>), StoreError>;

    /// Adds a VAPID key and gives it the next number; with `make_current`, or as the first key, it becomes the current
    /// one. A key with the same public half is not added again: its number is returned.
    async fn add_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKey,
        make_current: bool,
    ) -> Result<VapidKey, StoreError>;

    /// VAPID tokens that were kept with [`Store::put_vapid_token`], of all applications.
    async fn vapid_tokens(&self) -> Result<Vec<StoredToken>, StoreError>;

    /// Keeps a signed token, in place of an earlier one for the same application, key and origin. Durable before it is
    /// used, so that a restart does not sign anew (push services count that).
    async fn put_vapid_token(&self, token: StoredToken) -> Result<(), StoreError>;

    /// 32 octets of this store's own, made at random when first asked for under this name and the same ever after.
    async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError>;

    // ---------------------------------------------------------------- API tokens

    /// Keeps a token, in place of an earlier one with the same identifier.
    async fn put_api_token(&self, token: ApiToken) -> Result<(), StoreError>;

    /// All tokens, expired ones too, in the order of their identifiers.
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError>;

    /// Notes when a token was last used; of one that is not there, nothing.
    async fn api_token_used(&self, id: ApiTokenId, time: crate::domain::Timestamp) -> Result<(), StoreError>;

    /// Removes a token; says whether it was there.
    async fn remove_api_token(&self, id: ApiTokenId) -> Result<bool, StoreError>;

    // ---------------------------------------------------------------- audit log

    /// Adds an entry to the audit log, as of now. What it tells of has been done already, so it is written also where nothing
    /// new is ([`Store::disk`]).
    async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// Entries of the audit log that a filter takes, newest first, with lower numbers than `before`, at most `limit`. A call
    /// looks at a bounded number of entries, whatever comes of them, as [`Store::list_messages`] does.
    async fn audit_entries(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<AuditListed, StoreError>;

    /// Does a bounded step of removing what is too old or too much of the audit log, the oldest entries first.
    async fn trim_audit(&self, retention: AuditRetention) -> Result<Trimmed, StoreError>;

    // ---------------------------------------------------------------- subscriptions

    /// The number of an origin, made if there is none: 1 for the first, and so on. It may be forgotten as long as nothing is
    /// stored of it ([`Store::trim_origins`]).
    async fn intern_origin(&self, origin: &Origin) -> Result<OriginInfo, StoreError>;

    /// An origin by its number; `None` for a number that was never given or is forgotten. Answers from memory.
    fn origin(&self, id: OriginId) -> Option<OriginInfo>;

    /// An origin that has a number; `None` for one that has none (any more). Answers from memory.
    fn known_origin(&self, origin: &Origin) -> Option<OriginInfo>;

    /// Stores a subscription, or updates the one with the same endpoint: same name, and if endpoint, keys, encoding or
    /// VAPID key changed, the next generation; active again in any case, and if it was not, the next generation too. Fields of [`Subscribe`] that are empty stay as they
    /// were, unless `user_id` is given and differs from the stored one: then nothing of the former user stays.
    ///
    /// With `replaces`: the subscription named there gets the new endpoint and keys and keeps its name; if the new
    /// endpoint is stored already, that one stays, takes over what it lacks (user, topics, labels, locale, time zone), and
    /// the replaced one is removed. An unknown `replaces` is passed over.
    ///
    /// With `by_page`: what is not `user_id`'s is touched only with the very keys that are stored, which the browser has
    /// and who merely knows its endpoint has not. Otherwise a stored endpoint is [`StoreError::NotOwn`], and `replaces` is
    /// passed over.
    ///
    /// With `validate_only` nothing is stored: the answer is what would be, with an identifier of its own if it would be
    /// new.
    async fn subscribe(&self, subscribe: Subscribe) -> Result<Subscribed, StoreError>;

    /// One subscription. `Selector::User` is answered with the first of the user's.
    async fn subscription(
        &self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<Option<Subscription>, StoreError>;

    /// Removes what the selector names and says what was removed. What evidence had removed before and the selector names
    /// (by its id, endpoint or user) is forgotten too: it can not be restored. A user's many subscriptions are removed in several
    /// transactions; each is atomic.
    async fn unsubscribe(
        &self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<Vec<SubscriptionId>, StoreError>;

    /// Changes fields of one subscription. Errors: [`StoreError::NotFound`],
    /// [`StoreError::RevisionMismatch`], [`StoreError::TooManyTopics`].
    async fn update_subscription(
        &self,
        application: ApplicationId,
        selector: &Selector,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, StoreError>;

    /// Subscriptions in the order of their ids, after `after`, at most `limit`.
    async fn list_subscriptions(
        &self,
        application: ApplicationId,
        filter: &ListFilter,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError>;

    /// The present targets of these subscriptions, in the order asked; `None` for what is not there.
    async fn targets(
        &self,
        application: ApplicationId,
        ids: &[SubscriptionId],
    ) -> Result<Vec<Option<Target>>, StoreError>;

    /// What a delivery of a message finds of its subscription now: its present target, unless it has left the message's
    /// topics meanwhile. Whose it was when the delivery was planned is compared by the caller ([`Addressee::if_of`]).
    async fn addressee(
        &self,
        application: ApplicationId,
        message: MessageId,
        subscription: SubscriptionId,
    ) -> Result<Addressee, StoreError>;

    /// Evidence against subscriptions among the events recorded with sequence numbers from `from` on, out of at most
    /// `commits` commits: events that ended FAILED with GONE or KEY_MISMATCH. Segments without any are not read.
    async fn evidence(
        &self,
        application: ApplicationId,
        from: u64,
        commits: usize,
    ) -> Result<Evidence, StoreError>;

    /// Notes what attempts taught about subscriptions; what concerns another generation, or changes nothing, is passed over.
    /// Returns those that were disabled. May be lost in a crash of the caller without harm: it is learned again.
    async fn learn(
        &self,
        application: ApplicationId,
        lessons: Vec<Lesson>,
    ) -> Result<Vec<SubscriptionId>, StoreError>;

    /// Entries of the change feed with numbers from `from` on, at most `limit` of them. Each change of a subscription is
    /// written in its own transaction.
    async fn changes(
        &self,
        application: ApplicationId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Change>, StoreError>;

    /// The highest number of the change feed that may be read, and word of each rise.
    fn changes_synced(&self, application: ApplicationId) -> watch::Receiver<u64>;

    /// A number at or before the first change at or after `time`.
    async fn change_at(
        &self,
        application: ApplicationId,
        time: crate::domain::Timestamp,
    ) -> Result<u64, StoreError>;

    /// Acts on evidence of push services. What is removed is kept for [`Retention::removed`], to be restored. Removes ([`crate::domain::Outcome::Gone`]) or disables (any other outcome) each
    /// subscription whose generation is still the one that the evidence is about, and moves the reaper's position to
    /// `position`. In transactions of a few subscriptions each, the position last: repeating it does no harm. Returns
    /// those that were changed.
    async fn reap(
        &self,
        application: ApplicationId,
        removals: Vec<Removal>,
        position: u64,
    ) -> Result<Vec<SubscriptionId>, StoreError>;

    /// Acts on evidence against so many that it is no proof: sets each subscription aside whose generation is still the one
    /// that the evidence is about, whole and with its name. With `share`, what is held of the kind at its origin is held from
    /// now on, and why; without, only where it is held already. In transactions of a few subscriptions each: repeating it
    /// does no harm. Returns those that were changed.
    async fn set_aside(
        &self,
        application: ApplicationId,
        removals: Vec<Removal>,
        share: Option<Share>,
    ) -> Result<Vec<SubscriptionId>, StoreError>;

    /// How many distinct stored subscriptions were accepted at an origin, by the events in the log.
    async fn accepted_since(
        &self,
        application: ApplicationId,
        sought: AcceptedSince,
    ) -> Result<usize, StoreError>;

    /// What is held, of all applications; also where an operator has decided and not all is done.
    async fn holds(&self) -> Result<Vec<Hold>, StoreError>;

    /// Does a bounded step of what an operator decided. Those that are active again are so in the next generation: what was
    /// said against the former one is void. In transactions of a few subscriptions each: repeating it does no harm.
    /// [`StoreError::NotFound`]: there is no such subscription ([`Decision::Enable`]).
    async fn decide(
        &self,
        application: ApplicationId,
        decision: Decision,
        step: DecisionStep,
    ) -> Result<Decided, StoreError>;

    /// The sequence number up to which [`Store::reap`] has been done.
    async fn reaper_position(&self, application: ApplicationId) -> Result<u64, StoreError>;

    // ---------------------------------------------------------------- messages

    /// Accepts a message. With a `request_id` that was seen before: the earlier message, `replayed`, if the request is
    /// the same, else [`StoreError::RequestIdReused`]; decided inside the transaction, so of racing calls one wins, and before
    /// anything else is looked at. [`Recipients::Named`] are looked up in the same transaction: [`StoreError::NotFound`] when
    /// there are none. Targets are written as pages with it.
    async fn accept(&self, message: NewMessage) -> Result<Accepted, StoreError>;

    /// Begins a message whose `start` has come: it is SENDING from here on, and its audience is those who have joined by now.
    /// If it has a collapse key, the message that started last with the same one is stopped in the same transaction
    /// ([`Stop::Superseded`]) and returned. [`Store::accept`] does the same for a message without `start`. Begun already, or
    /// ended: nothing happens.
    async fn begin(
        &self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageId>, StoreError>;

    /// Stops a message: CANCELLING from here on, and CANCELLED when its last delivery has ended. The first reason stays; a
    /// message that has ended stays as it is. `None`: there is no such message.
    async fn stop(
        &self,
        application: ApplicationId,
        message: MessageId,
        reason: Stop,
    ) -> Result<Option<MessageRecord>, StoreError>;

    /// The message that a `request_id` was used for, with the hash of that request.
    async fn request(
        &self,
        application: ApplicationId,
        request_id: &str,
    ) -> Result<Option<(MessageId, [u8; 32])>, StoreError>;

    /// A message as it stands, and the sequence numbers of its acceptance and of its end.
    async fn message(
        &self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageRecord>, StoreError>;

    /// Messages that a filter takes, newest first, older than `before`, at most `limit`. A call looks at a bounded number of
    /// messages, whatever comes of them: of what is rare it may find few or none before [`MessagesListed::next`].
    async fn list_messages(
        &self,
        application: ApplicationId,
        filter: &MessageFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<MessagesListed, StoreError>;

    /// How many subscriptions an audience has about now, from counters, never from a scan; exact for lists of
    /// subscriptions.
    async fn estimate(
        &self,
        application: ApplicationId,
        audience: &crate::domain::Audience,
    ) -> Result<u32, StoreError>;

    /// All messages that have not ended, for recovery.
    async fn open_messages(&self) -> Result<Vec<OpenMessage>, StoreError>;

    // ---------------------------------------------------------------- planning

    /// The next at most `limit` members of a message's audience, from `cursor` on (empty: from the start): those who
    /// had joined when the message was accepted and still exist. Each subscription comes once.
    async fn audience(
        &self,
        application: ApplicationId,
        message: MessageId,
        cursor: &[u8],
        limit: usize,
    ) -> Result<AudienceChunk, StoreError>;

    /// Writes pages, and then, in the last transaction, what the step says of the cursor. Not atomic as a whole: after a
    /// crash the first pages may be there without the cursor, which is what [`Plan::first_page`] is for. When the plan
    /// becomes done and nothing is left to deliver, the message ends here; `true` tells so.
    async fn plan(&self, step: PlanStep) -> Result<bool, StoreError>;

    /// The pages that are not settled, for recovery: heads, not bodies.
    async fn page_heads(&self) -> Result<Vec<PageHead>, StoreError>;

    /// The pages of one message that are not settled, with numbers from `from` on, in order, at most `limit`.
    async fn message_pages(
        &self,
        application: ApplicationId,
        message: MessageId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<PageKey>, StoreError>;

    /// A page with the present targets of its entries, as far as its deliveries are still for them ([`Departure`]); `None`
    /// when it has been settled.
    async fn page(&self, application: ApplicationId, key: PageKey) -> Result<Option<StoredPage>, StoreError>;

    /// Notes that these pages of an application were taken up by a recovery; a commit of a page voids it. A page that is taken up again and again
    /// may be what ends the process. In transactions of a few pages each; those that are settled are passed over.
    async fn page_taken_up(&self, application: ApplicationId, keys: Vec<PageKey>) -> Result<(), StoreError>;

    /// The subscriptions of a page, without looking them up; empty when it has been settled.
    async fn page_ids(
        &self,
        application: ApplicationId,
        key: PageKey,
    ) -> Result<Vec<SubscriptionId>, StoreError>;

    // ---------------------------------------------------------------- recording and reading

    /// Records outcomes. All that concerns one page is in one transaction: its events, its new state, the counters, and
    /// the end of the message when that was its last delivery. Returns the messages that ended.
    ///
    /// A page whose outcomes do not fit its stored state, or whose record does not read, is reported and passed over: the
    /// others of the commit are recorded. Outcomes for a page that has been settled are dropped.
    ///
    /// Shared, because the caller keeps it for another try.
    async fn commit(&self, commit: Arc<Commit>) -> Result<Vec<MessageId>, StoreError>;

    /// Records what browsers reported, and says what became of each. Of each kind the first one of a delivery counts; one
    /// whose message is not there, or has been trimmed, does not. In transactions of a few receipts each.
    async fn receive(
        &self,
        application: ApplicationId,
        receipts: Vec<Receipt>,
    ) -> Result<Vec<Received>, StoreError>;

    /// What was reported of these deliveries of a message, for each in the order of the kinds. `None` stands for the
    /// inline ones, which no name tells apart.
    async fn reports(
        &self,
        message: MessageId,
        deliveries: Vec<Option<SubscriptionId>>,
    ) -> Result<Vec<Vec<Report>>, StoreError>;

    /// The highest sequence number that may be read, and word of each rise.
    fn synced(&self, application: ApplicationId) -> watch::Receiver<u64>;

    /// Segments of a message with sequence numbers from `from` on, at most `limit` of them.
    async fn segments(
        &self,
        application: ApplicationId,
        message: MessageId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Segment>, StoreError>;

    /// Rows of an application's feed with sequence numbers from `from` on, at most `limit` of them.
    async fn feed(
        &self,
        application: ApplicationId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<FeedRow>, StoreError>;

    /// A sequence number at or before the first commit at or after `time`: where a reader starts that then compares
    /// times.
    async fn seq_at(
        &self,
        application: ApplicationId,
        time: crate::domain::Timestamp,
    ) -> Result<u64, StoreError>;

    /// From where on the log of an application is kept.
    async fn kept(&self, application: ApplicationId) -> Result<Kept, StoreError>;

    /// Does a bounded step of trimming, and says whether more is to be done. Finished messages only: first their events,
    /// later the messages; none whose `request_id` is still to be remembered; no commit that the reaper has not seen. And
    /// VAPID tokens that have expired. The new low mark ([`Store::kept`]) is durable before a row goes.
    async fn trim(&self, retention: Retention) -> Result<Trimmed, StoreError>;

    /// Does a bounded step of forgetting origins of which nothing is stored: no subscription, none that can be restored, no
    /// recipient that came with a message that is open, and nothing that is held. Begins with at least `many` origins known, and
    /// then goes on, reading or removing about `rows` rows each time, until it answers that there is no more. An origin that
    /// is brought again has another number. One that came while it went on stays.
    async fn trim_origins(&self, many: usize, rows: usize) -> Result<OriginsTrimmed, StoreError>;

    /// The time that was noted by [`Store::note_trim_time`]; in a store where none was, the time of the newest entry of its
    /// logs. `None` in an empty one.
    async fn trim_time(&self) -> Result<Option<crate::domain::Timestamp>, StoreError>;

    /// Notes the time that trimming has come to, so that it goes on from there after a restart.
    async fn note_trim_time(&self, time: crate::domain::Timestamp) -> Result<(), StoreError>;

    /// Octets of the log that is kept (events of messages, ended or not), for admission. Answers from memory.
    fn log_octets(&self) -> u64;

    /// The disk that it is on, as it was looked at last, at most a second ago; and word of every other [`Disk::room`].
    /// While that is not [`Room::Enough`], methods that bring something new are [`StoreError::DiskFull`]; those that end what there is
    /// ([`Store::commit`], [`Store::stop`], [`Store::unsubscribe`], [`Store::remove_api_token`]) are with [`Room::None`].
    fn disk(&self) -> watch::Receiver<Disk>;

    /// Begins a backup: all that is stored, of all applications, as it is at one instant, which is the backup's end. Others read
    /// and write on meanwhile. One at a time.
    async fn backup(&self) -> Result<Backup, BackupError>;

    /// Returns when the store can write no more: its disk is full or failing, or a write was lost. It is to be opened
    /// again.
    async fn failed(&self);

    /// Finishes what was asked for, refuses what comes after, and closes the files.
    async fn close(&self);
}
