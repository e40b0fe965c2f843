//! What goes into the engine's state and what comes out of it.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::limits::TTL_ZERO_GRACE;
use crate::domain::{
    Application, ApplicationId, MessageId, MessageKind, MessageSpec, OriginId, Outcome, Stop, SubscriptionId,
    Target, Timestamp,
};
use crate::engine::attempt::AttemptReport;
use crate::engine::health::OriginHealth;
use crate::observe::LaneCounts;
use crate::store::{Addressee, Commit, PageHead, StoredPage};

use super::page::EntryRef;

/// A message that has not ended, as every attempt needs it.
#[derive(Debug)]
pub(crate) struct ActiveMessage {
    pub(crate) application: Arc<Application>,
    pub(crate) id: MessageId,
    pub(crate) kind: MessageKind,
    pub(crate) spec: Arc<MessageSpec>,
    pub(crate) expires: Timestamp,
    /// When this process knew its acceptance to be durable, if its sending started then.
    pub(crate) durable_at: Option<Instant>,
    /// Deliveries of it that had not ended when it was handed in, as far as they can be known before planning.
    pub(crate) waiting: u32,
    /// Set once it was stopped: no attempt of it starts any more. The first reason stays.
    pub(crate) stop: OnceLock<Stop>,
}

impl ActiveMessage {
    /// From when on no attempt of it starts any more.
    pub(crate) fn ends_at(&self) -> Timestamp {
        if self.spec.ttl.is_zero() { self.expires.plus(TTL_ZERO_GRACE) } else { self.expires }
    }
}

/// What the engine is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A message was accepted, or found by recovery.
    Message(Arc<ActiveMessage>),
    /// A message was stopped, which is durable.
    MessageStopped { message: MessageId, reason: Stop },
    /// A page was written, with the targets that were read at `as_of` (see [`Input::SubscriptionChanged`]).
    PageWritten { page: StoredPage, as_of: u64 },
    /// A page was found by recovery.
    PageFound(PageHead),
    /// The answer to [`Effect::Load`]; `None`: it has been settled, or does not read.
    PageLoaded { head: PageHead, page: Option<StoredPage>, as_of: u64 },
    /// The answer to [`Effect::Lookup`].
    TargetFound { entry: EntryRef, found: Addressee, as_of: u64 },
    /// The answers to [`Effect::Start`], as many as came together.
    AttemptsEnded(Vec<(EntryRef, AttemptReport)>),
    /// The answer to [`Effect::Commit`]: it is synced, and these messages ended with it.
    Committed { application: ApplicationId, ended: Vec<MessageId> },
    /// A planning step ended a message that had nothing left to deliver.
    MessageEnded(MessageId),
    /// A subscription was changed; the number counts such changes.
    SubscriptionChanged { subscription: SubscriptionId, change: u64 },
    /// There is evidence against these, of these generations, which has not been acted on: they are not attempted.
    Suspected(Vec<(SubscriptionId, u32, Outcome)>),
    /// Evidence against these was acted on, or is void.
    Reaped { subscriptions: Vec<SubscriptionId>, change: u64 },
    /// An operator wants to see the lanes.
    Health(oneshot::Sender<Vec<OriginHealth>>),
    /// What do the lanes do?
    LaneCounts(oneshot::Sender<Vec<(OriginId, LaneCounts)>>),
    /// An operator lets an application's deliveries go to an origin again that refused its credentials. Answers whether it
    /// was stopped.
    ResumeOrigin { application: ApplicationId, origin: String, answer: oneshot::Sender<bool> },
    /// An application's weight, and whether nothing of it may start.
    ApplicationChanged { application: ApplicationId, weight: u32, suspended: bool },
    /// How many deliveries of an application have not ended?
    Pending { application: ApplicationId, answer: oneshot::Sender<u64> },
    /// Whether the store's disk has no room for what attempts come to: then none starts.
    DiskFull(bool),
    /// Start nothing any more.
    Drain,
}

/// What the engine wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Make an attempt. The delivery is unsettled from here on.
    Start(Attempt),
    /// Look a target up again, and whether the delivery is still for it.
    Lookup { entry: EntryRef, application: ApplicationId, subscription: SubscriptionId },
    /// Read a page and its targets.
    Load(PageHead),
    /// Record outcomes, of messages of these kinds; asked again until it succeeds.
    Commit { commit: Commit, kinds: Vec<MessageKind> },
}

/// An attempt to make.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) entry: EntryRef,
    pub(crate) message: Arc<ActiveMessage>,
    pub(crate) target: Arc<Target>,
    /// 1 for the first.
    pub(crate) number: u32,
    /// Which change of subscriptions its target is as new as.
    pub(crate) as_of: u64,
}

/// The two clocks: wall time for what is stored, monotonic time for waits of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
}
