//! Messages: accepting, reading and planning them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pages::{NewPage, StoredPage};
use crate::domain::{
    Addressed, ApplicationId, Audience, CalledBy, DeliveryEvent, Listed, MessageId, MessageKind, MessageSpec,
    MessageState, MessageStatus, Stop, SubscriptionId, Target, Timestamp,
};
use crate::store::owner::Departure;

/// Who gets a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// As a Send's caller named it: looked up by [`crate::store::Store::accept`], in the same command.
    Named {
        /// Whom.
        recipient: Recipient,
        /// How many targets a message may have. One with more is refused: [`crate::store::StoreError::TooManyTargets`].
        targets_max: u32,
        /// How many deliveries may wait beside those that do. A message with more is refused in the same way.
        room: u32,
    },
    /// Looked up already.
    Targets(Vec<Target>),
    /// To be planned: a Broadcast's.
    Audience(Audience),
}

impl Recipients {
    /// What is noted of them with a message of this kind.
    pub(crate) fn addressed(&self, kind: MessageKind) -> Addressed {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let target = |target: &Target| {
            if target.inline {
                Addressed::Inline
            } else {
                Addressed::Subscription { id: target.id, user_id: target.user_id.clone() }
            }
        };
        match self {
            // Whose it is, is known when it has been looked up.
            Self::Named { recipient: Recipient::Subscription(id), .. } => {
                Addressed::Subscription { id: *id, user_id: String::new() }
            }
            Self::Named { recipient: Recipient::User(user), .. } => Addressed::User(user.clone()),
            Self::Named { recipient: Recipient::Inline(_), .. } => Addressed::Inline,
            Self::Targets(targets) => match &targets[..] {
                [one] => target(one),
                targets => Addressed::Subscriptions(count(targets.len())),
            },
            Self::Audience(Audience::Users(users)) => match (kind, &users[..]) {
                // One that waits for its start.
                (MessageKind::Send, [user]) => Addressed::User(user.clone()),
                (MessageKind::Send | MessageKind::Broadcast, users) => Addressed::Users(Listed::of(users)),
            },
            Self::Audience(Audience::Subscriptions(ids)) => Addressed::Subscriptions(count(ids.len())),
            Self::Audience(Audience::Topics(topics)) => Addressed::Topics(Listed::of(topics)),
            Self::Audience(Audience::All) => Addressed::All,
        }
    }
}

/// Whom a Send is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A subscription that is stored.
    Subscription(SubscriptionId),
    /// All subscriptions that a user has, those that are disabled too.
    User(String),
    /// A subscription that came with the request and is not stored. Its origin is interned with the message.
    Inline(Box<Target>),
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
    /// What to show as number of targets until planning is done; see [`crate::store::Store::estimate`]. What is
    /// looked up with the message is counted instead.
    pub targets_estimate: u32,
    /// When its sending starts; `None`: at once. Its ttl counts from then.
    pub start: Option<Timestamp>,
    /// Of application, collapse key and recipient or audience: of messages with the same, only the one that started last
    /// is delivered. See [`crate::store::Store::begin`].
    pub collapse: Option<[u8; 16]>,
    /// Who sends it. Of a Broadcast it goes into the audit log too, in the same transaction.
    pub caller: Option<CalledBy>,
}

/// What [`crate::store::Store::accept`] did.
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

/// Which messages are asked for. The default takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only those in one of these states; empty: in any.
    pub states: Vec<MessageState>,
    /// Only of this kind.
    pub kind: Option<MessageKind>,
    /// Only of callers with one of these names; `None`: of all.
    pub callers: Option<BTreeSet<Arc<str>>>,
    /// Only those whose note has this text in it, in lower case: the case of letters does not matter. Empty: all.
    pub note: String,
    /// Only those that name this user: [`Addressed::names_user`].
    pub user_id: Option<String>,
    /// Only those that were accepted from this time on.
    pub since: Option<Timestamp>,
    /// Only those that were accepted before this time.
    pub until: Option<Timestamp>,
}

impl MessageFilter {
    /// All that are in one of these states.
    #[must_use]
    pub fn of_states(states: &[MessageState]) -> Self {
        Self { states: states.to_vec(), ..Self::default() }
    }

    /// Whether a message is one of them.
    #[must_use]
    pub fn takes(&self, status: &MessageStatus) -> bool {
        let Self { states, kind, callers, note, user_id, since, until } = self;
        let by = |names: &BTreeSet<Arc<str>>| {
            status.caller.as_ref().is_some_and(|caller| names.contains(&caller.name))
        };
        let names = |user: &String| status.addressed.as_ref().is_some_and(|of| of.names_user(user));
        (states.is_empty() || states.contains(&status.state))
            && kind.is_none_or(|kind| kind == status.kind)
            && status.created.is_within(*since, *until)
            && callers.as_ref().is_none_or(by)
            && user_id.as_ref().is_none_or(names)
            && (note.is_empty() || status.note.to_lowercase().contains(note))
    }
}

/// What [`crate::store::Store::list_messages`] found.
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

/// A step of planning; see [`crate::store::Store::plan`].
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
