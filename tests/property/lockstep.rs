//! A store that does its work while the whole engine waits, and lets seeded time pass before and after: a history depends
//! on nothing but its seed. What the store says is told to the [`Witness`] at once, before the engine hears of it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use async_trait::async_trait;
use fanfare::domain::{
    ApiToken, ApiTokenId, ApplicationId, ApplicationSettings, Audience, AuditEntry, AuditFilter, MessageId,
    Origin, OriginId, Receipt, Report, Stop, Subscription, SubscriptionId, Target, Timestamp, VapidKey,
    VapidKeyId,
};
use fanfare::store::{
    Accepted, AcceptedSince, Addressee, ApplicationRecord, AudienceChunk, AuditListed, AuditRetention,
    Backup, BackupError, Change, Cleared, Commit, Decided, Decision, DecisionStep, Disk, Evidence, FeedRow,
    Hold, Kept, Lesson, ListFilter, MessageFilter, MessageRecord, MessagesListed, NewMessage, OpenMessage,
    OriginInfo, OriginsTrimmed, PageHead, PageKey, PlanStep, Received, Removal, Retention, Segment, Selector,
    Share, Store, StoreError, StoredPage, StoredToken, Subscribe, Subscribed, SubscriptionPatch, Trimmed,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::clock::PacedClock;
use super::witness::Witness;

/// See the [module's documentation](self).
#[derive(Debug)]
pub(crate) struct Lockstep {
    inner: Arc<dyn Store>,
    clock: Arc<PacedClock>,
    witness: Arc<Witness>,
    random: Mutex<StdRng>,
    /// Of a hundred calls, so many take time.
    slow: u32,
    slowed: Slowed,
}

/// Methods that a test makes slow, by name: each waits so long before it does anything.
pub(crate) type Slowed = Arc<Mutex<BTreeMap<&'static str, Duration>>>;

/// Where the store's reads run.
fn reads() -> &'static Runtime {
    static READS: OnceLock<Runtime> = OnceLock::new();
    READS.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread for what the store answers; its reads do not run in the runtime of the engine.
pub(crate) fn wait<T>(clock: &PacedClock, call: impl Future<Output = T>) -> T {
    clock.held(|| {
        let _entered = reads().enter();
        let mut call = pin!(tokio::task::unconstrained(call));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match call.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(done) => return done,
                Poll::Pending => thread::park(),
            }
        }
    })
}

impl Lockstep {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        clock: Arc<PacedClock>,
        witness: Arc<Witness>,
        seed: u64,
        slow: u32,
        slowed: Slowed,
    ) -> Self {
        Self { inner, clock, witness, random: Mutex::new(StdRng::seed_from_u64(seed)), slow, slowed }
    }

    async fn pause(&self) {
        let pause = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            if random.random_range(0..100) >= self.slow {
                return;
            }
            *[1, 1, 3, 12, 40, 300, 2_500].get(random.random_range(0..7_usize)).unwrap()
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    async fn call<T>(&self, name: &str, call: impl Future<Output = T>, told: impl FnOnce(&T)) -> T {
        let slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if let Some(slowed) = slowed {
            tokio::time::sleep(slowed).await;
        }
        self.pause().await;
        let done = wait(&self.clock, call);
        told(&done);
        self.pause().await;
        done
    }
}

/// Methods that nobody needs to be told of.
macro_rules! store {
    ($($(async fn $name:ident(&self $(, $argument:ident: $of:ty)*) -> $answer:ty;)* => $($rest:tt)*)?) => {$(
        #[async_trait]
        impl Store for Lockstep {
            $(async fn $name(&self, $($argument: $of),*) -> $answer {
                self.call(stringify!($name), self.inner.$name($($argument),*), |_| ()).await
            })*
            $($rest)*
        }
    )?};
}

store! {
    async fn application(&self, name: &str) -> Result<ApplicationRecord, StoreError>;
    async fn applications(&self) -> Result<Vec<ApplicationRecord>, StoreError>;
    async fn create_application(&self, name: &str, settings: ApplicationSettings, key: VapidKey) -> Result<ApplicationRecord, StoreError>;
    async fn update_application(&self, application: ApplicationId, settings: ApplicationSettings, revision: u64) -> Result<ApplicationRecord, StoreError>;
    async fn delete_application(&self, application: ApplicationId) -> Result<bool, StoreError>;
    async fn trim_origins(&self, many: usize, rows: usize) -> Result<OriginsTrimmed, StoreError>;
    async fn clear_application(&self, application: ApplicationId) -> Result<Cleared, StoreError>;
    async fn subscription_count(&self, application: ApplicationId) -> Result<u64, StoreError>;
    async fn vapid_key_counts(&self, application: ApplicationId, keys: &[VapidKeyId]) -> Result<Vec<u64>, StoreError>;
    async fn set_current_vapid_key(&self, application: ApplicationId, key: VapidKeyId) -> Result<VapidKey, StoreError>;
    async fn retire_vapid_key(&self, application: ApplicationId, key: VapidKeyId, force: bool) -> Result<VapidKey, StoreError>;
    async fn remove_vapid_key(&self, application: ApplicationId, key: VapidKeyId) -> Result<VapidKey, StoreError>;
    async fn disable_orphans(&self, application: ApplicationId, after: Option<SubscriptionId>) -> Result<(Vec<SubscriptionId>, Option<SubscriptionId>), StoreError>;
    async fn add_vapid_key(&self, application: ApplicationId, key: VapidKey, make_current: bool) -> Result<VapidKey, StoreError>;
    async fn vapid_tokens(&self) -> Result<Vec<StoredToken>, StoreError>;
    async fn put_vapid_token(&self, token: StoredToken) -> Result<(), StoreError>;
    async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError>;
    async fn put_api_token(&self, token: ApiToken) -> Result<(), StoreError>;
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError>;
    async fn api_token_used(&self, id: ApiTokenId, time: Timestamp) -> Result<(), StoreError>;
    async fn remove_api_token(&self, id: ApiTokenId) -> Result<bool, StoreError>;
    async fn audit(&self, entry: AuditEntry) -> Result<(), StoreError>;
    async fn audit_entries(&self, filter: &AuditFilter, before: Option<u64>, limit: usize) -> Result<AuditListed, StoreError>;
    async fn trim_audit(&self, retention: AuditRetention) -> Result<Trimmed, StoreError>;
    async fn intern_origin(&self, origin: &Origin) -> Result<OriginInfo, StoreError>;
    async fn subscription(&self, application: ApplicationId, selector: &Selector) -> Result<Option<Subscription>, StoreError>;
    async fn update_subscription(&self, application: ApplicationId, selector: &Selector, patch: SubscriptionPatch) -> Result<Subscription, StoreError>;
    async fn list_subscriptions(&self, application: ApplicationId, filter: &ListFilter, after: Option<SubscriptionId>, limit: usize) -> Result<Vec<Subscription>, StoreError>;
    async fn targets(&self, application: ApplicationId, ids: &[SubscriptionId]) -> Result<Vec<Option<Target>>, StoreError>;
    async fn addressee(&self, application: ApplicationId, message: MessageId, subscription: SubscriptionId) -> Result<Addressee, StoreError>;
    async fn receive(&self, application: ApplicationId, receipts: Vec<Receipt>) -> Result<Vec<Received>, StoreError>;
    async fn reports(&self, message: MessageId, deliveries: Vec<Option<SubscriptionId>>) -> Result<Vec<Vec<Report>>, StoreError>;
    async fn evidence(&self, application: ApplicationId, from: u64, commits: usize) -> Result<Evidence, StoreError>;
    async fn changes(&self, application: ApplicationId, from: u64, limit: usize) -> Result<Vec<Change>, StoreError>;
    async fn change_at(&self, application: ApplicationId, time: Timestamp) -> Result<u64, StoreError>;
    async fn accepted_since(&self, application: ApplicationId, sought: AcceptedSince) -> Result<usize, StoreError>;
    async fn holds(&self) -> Result<Vec<Hold>, StoreError>;
    async fn decide(&self, application: ApplicationId, decision: Decision, step: DecisionStep) -> Result<Decided, StoreError>;
    async fn reaper_position(&self, application: ApplicationId) -> Result<u64, StoreError>;
    async fn request(&self, application: ApplicationId, request_id: &str) -> Result<Option<(MessageId, [u8; 32])>, StoreError>;
    async fn message(&self, application: ApplicationId, message: MessageId) -> Result<Option<MessageRecord>, StoreError>;
    async fn list_messages(&self, application: ApplicationId, filter: &MessageFilter, before: Option<MessageId>, limit: usize) -> Result<MessagesListed, StoreError>;
    async fn estimate(&self, application: ApplicationId, audience: &Audience) -> Result<u32, StoreError>;
    async fn open_messages(&self) -> Result<Vec<OpenMessage>, StoreError>;
    async fn audience(&self, application: ApplicationId, message: MessageId, cursor: &[u8], limit: usize) -> Result<AudienceChunk, StoreError>;
    async fn page_heads(&self) -> Result<Vec<PageHead>, StoreError>;
    async fn message_pages(&self, application: ApplicationId, message: MessageId, from: u32, limit: usize) -> Result<Vec<PageKey>, StoreError>;
    async fn page(&self, application: ApplicationId, key: PageKey) -> Result<Option<StoredPage>, StoreError>;
    async fn page_taken_up(&self, application: ApplicationId, keys: Vec<PageKey>) -> Result<(), StoreError>;
    async fn page_ids(&self, application: ApplicationId, key: PageKey) -> Result<Vec<SubscriptionId>, StoreError>;
    async fn segments(&self, application: ApplicationId, message: MessageId, from: u64, limit: usize) -> Result<Vec<Segment>, StoreError>;
    async fn feed(&self, application: ApplicationId, from: u64, limit: usize) -> Result<Vec<FeedRow>, StoreError>;
    async fn seq_at(&self, application: ApplicationId, time: Timestamp) -> Result<u64, StoreError>;
    async fn kept(&self, application: ApplicationId) -> Result<Kept, StoreError>;
    async fn trim(&self, retention: Retention) -> Result<Trimmed, StoreError>;
    async fn trim_time(&self) -> Result<Option<Timestamp>, StoreError>;
    async fn note_trim_time(&self, time: Timestamp) -> Result<(), StoreError>;
    async fn backup(&self) -> Result<Backup, BackupError>;
    =>
    async fn subscribe(&self, subscribe: Subscribe) -> Result<Subscribed, StoreError> {
        let asked = subscribe.clone();
        self.call("subscribe", self.inner.subscribe(subscribe), |done| {
            if let Ok(done) = done {
                self.witness.subscribed(&asked, done);
            }
        }).await
    }

    async fn unsubscribe(&self, application: ApplicationId, selector: &Selector) -> Result<Vec<SubscriptionId>, StoreError> {
        self.call("unsubscribe", self.inner.unsubscribe(application, selector), |removed| {
            self.witness.unsubscribed(removed.as_deref().unwrap_or_default());
        }).await
    }

    async fn reap(&self, application: ApplicationId, removals: Vec<Removal>, position: u64) -> Result<Vec<SubscriptionId>, StoreError> {
        let asked = removals.clone();
        self.call("reap", self.inner.reap(application, removals, position), |changed| {
            match changed {
                Ok(changed) => self.witness.reaped(&asked, changed),
                Err(_) => self.witness.reaped_in_part(&asked),
            }
        }).await
    }

    async fn set_aside(&self, application: ApplicationId, removals: Vec<Removal>, share: Option<Share>) -> Result<Vec<SubscriptionId>, StoreError> {
        self.call("set_aside", self.inner.set_aside(application, removals, share), |aside| {
            self.witness.disabled(aside.as_deref().unwrap_or_default());
        }).await
    }

    async fn learn(&self, application: ApplicationId, lessons: Vec<Lesson>) -> Result<Vec<SubscriptionId>, StoreError> {
        self.call("learn", self.inner.learn(application, lessons), |disabled| {
            self.witness.disabled(disabled.as_deref().unwrap_or_default());
        }).await
    }

    async fn accept(&self, message: NewMessage) -> Result<Accepted, StoreError> {
        let asked = message.clone();
        self.call("accept", self.inner.accept(message), |done| {
            if let Ok(done) = done {
                self.witness.accepted(&asked, done);
            }
        }).await
    }

    async fn begin(&self, application: ApplicationId, message: MessageId) -> Result<Option<MessageId>, StoreError> {
        self.call("begin", self.inner.begin(application, message), |done| {
            if let Ok(superseded) = done {
                self.witness.begun(message, *superseded);
            }
        }).await
    }

    async fn stop(&self, application: ApplicationId, message: MessageId, reason: Stop) -> Result<Option<MessageRecord>, StoreError> {
        self.call("stop", self.inner.stop(application, message, reason), |done| {
            if matches!(done, Ok(Some(_))) {
                self.witness.stopped(message);
            }
        }).await
    }

    async fn plan(&self, step: PlanStep) -> Result<bool, StoreError> {
        let (message, events) = (step.message, step.ended.clone());
        self.call("plan", self.inner.plan(step), |done| {
            if let Ok(ended) = done {
                self.witness.recorded(&events, ended.then_some(message).as_slice());
            }
        }).await
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<Vec<MessageId>, StoreError> {
        let pages = commit.messages.iter().flat_map(|message| &message.pages);
        let events: Vec<_> = pages.flat_map(|page| &page.events).cloned().collect();
        self.call("commit", self.inner.commit(commit), |done| {
            if let Ok(ended) = done {
                self.witness.recorded(&events, ended);
            }
        }).await
    }

    fn origin(&self, id: OriginId) -> Option<OriginInfo> {
        self.inner.origin(id)
    }

    fn known_origin(&self, origin: &Origin) -> Option<OriginInfo> {
        self.inner.known_origin(origin)
    }

    fn changes_synced(&self, application: ApplicationId) -> watch::Receiver<u64> {
        self.inner.changes_synced(application)
    }

    fn synced(&self, application: ApplicationId) -> watch::Receiver<u64> {
        self.inner.synced(application)
    }

    fn disk(&self) -> watch::Receiver<Disk> {
        self.inner.disk()
    }

    fn log_octets(&self) -> u64 {
        self.inner.log_octets()
    }

    async fn failed(&self) {
        self.inner.failed().await;
    }

    async fn close(&self) {
        wait(&self.clock, self.inner.close());
    }
}
