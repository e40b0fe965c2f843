//! The store over an ordered key-value [`Backend`]: one writer with group commit, reads beside it. `docs/storage.md`
//! explains the layout and what was measured.
//!
//! A write is a command for the [`writer`], a thread that takes what waits, executes each command as one atomic batch,
//! syncs once for all of them and only then answers. A read runs on tokio's blocking threads and, before it answers,
//! waits until the sync that covers what it may have seen ([`progress`]).

mod applications;
mod audience;
pub mod backend;
mod commit;
mod cursor;
mod feed;
mod index;
pub mod keys;
pub mod memory;
mod messages;
mod origins;
mod pages;
mod progress;
mod queue;
mod reap;
mod recording;
mod records;
pub mod sled;
mod subscriptions;
mod transaction;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rand::rngs::StdRng;
use tokio::sync::{Semaphore, watch};

use self::backend::Backend;
use self::memory::Memory;
use self::origins::Origins;
use self::pages::{PlanMove, TRANSACTION_PAGES};
use self::progress::Progress;
use self::queue::{Class, Queue};
use self::records::Number;
use self::sled::{OpenError, Sled};
use self::transaction::{Damage, Reader, Rows, Transaction};
use self::writer::{Feed, Job, Writer, submit};
use super::{
    Accepted, ApplicationRecord, AudienceChunk, Commit, FeedRow, ListFilter, MessageRecord, NewMessage,
    OpenMessage, OriginInfo, PageHead, PageKey, PlanStep, Removal, Segment, Selector, Store, StoreError,
    StoredPage, StoredToken, Subscribe, Subscribed, SubscriptionPatch,
};
use crate::domain::{
    ApplicationId, Audience, Clock, MessageId, MessageState, MessageStatus, Origin, OriginId, Subscription,
    SubscriptionId, Target, Timestamp, VapidKey,
};

/// The version of the layout; a store with another one is not opened.
const FORMAT: u32 = 1;

/// The limits of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What sled's cache may hold, in octets; the process takes two to seven times as much. 128 MiB by default.
    pub cache_octets: u64,
    /// Commands of each class that may wait for the writer; who brings another one waits. 1,024 by default.
    pub queue_commands: usize,
    /// Commands at most that share a sync. 64 by default.
    pub group_commands: usize,
    /// Rows after which a group takes no more commands. 512 by default.
    pub group_rows: usize,
    /// Reads that may run at once, each on a blocking thread; others wait. 32 by default.
    pub reads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_octets: 128 << 20,
            queue_commands: 1_024,
            group_commands: 64,
            group_rows: 512,
            reads: 32,
        }
    }
}

/// A [`Store`] over a [`Backend`].
#[derive(Debug)]
pub struct KvStore {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    reads: Arc<Semaphore>,
    reads_max: u32,
}

#[derive(Debug)]
struct Shared {
    /// None when closed.
    reader: Mutex<Option<Reader>>,
    queue: Queue<Job>,
    progress: Progress,
    origins: Arc<Origins>,
    damage: Arc<Damage>,
}

/// Opens or makes a store in a directory, with the machine's randomness. Blocks: up to seconds for a big one.
///
/// # Errors
/// See [`OpenError`].
pub fn open_sled(directory: &Path, clock: Arc<dyn Clock>, settings: Settings) -> Result<KvStore, OpenError> {
    let backend = Sled::open(directory, settings.cache_octets)?;
    KvStore::open(Arc::new(backend), clock, rand::make_rng(), settings)
}

/// An empty store in memory, with the machine's randomness.
///
/// # Errors
/// See [`OpenError`].
pub fn memory(clock: Arc<dyn Clock>) -> Result<KvStore, OpenError> {
    KvStore::open(Arc::new(Memory::new()), clock, rand::make_rng(), Settings::default())
}

impl KvStore {
    /// Opens what the backend holds. Blocks. Identifiers and secrets come out of `random`.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
        random: StdRng,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let damage = Arc::new(Damage::default());
        let reader = Reader::new(backend, Arc::clone(&damage));
        check_format(&reader)?;
        // What a crash left in memory of the kernel is shown from now on.
        reader.backend().sync()?;
        let origins = Arc::new(Origins::load(&reader)?);
        let feeds = Feed::load(&reader)?;
        let shared = Arc::new(Shared {
            reader: Mutex::new(Some(reader.clone())),
            queue: Queue::new(settings.queue_commands),
            progress: Progress::new(feeds.iter().map(|(application, feed)| (*application, feed.seq))),
            origins: Arc::clone(&origins),
            damage,
        });
        let writer = Writer::new(reader, clock, random, origins, feeds);
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || writer.run(&shared.queue, &shared.progress, settings)
        })?;
        let reads_max = u32::try_from(settings.reads.max(1)).unwrap_or(u32::MAX);
        Ok(Self {
            shared,
            writer: Mutex::new(Some(thread)),
            reads: Arc::new(Semaphore::new(reads_max as usize)),
            reads_max,
        })
    }

    /// How many corrupt records reads have passed over, each as often as it was met.
    #[must_use]
    pub fn corrupt_records(&self) -> u64 {
        self.shared.damage.records()
    }

    /// Has the writer do something, and waits for it.
    async fn write<T: Send + 'static>(
        &self,
        class: Class,
        command: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = submit(&self.shared.queue, class, command).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Reads beside the writer, and waits until what was read is durable.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let noted = move |reader: &Reader| Ok((read(reader), shared.progress.seen()));
        let (result, seen) = self.read_synced(noted).await?;
        self.shared.progress.wait(seen).await?;
        result
    }

    /// Reads beside the writer what is known to be durable.
    async fn read_synced<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| closed())?;
        let reader = self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reader = reader.ok_or_else(closed)?;
        let ran = tokio::task::spawn_blocking(move || {
            let result = read(&reader);
            // The last of them closes the files; before the permit says so.
            drop(reader);
            drop(permit);
            result
        });
        ran.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a read ended early".to_owned())))
    }

    /// Ends the writer when it has done what waits.
    fn end_writer(&self) -> Option<JoinHandle<()>> {
        self.shared.queue.close();
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for KvStore {
    /// Finishes what waits, so that the files can be opened again at once. [`Store::close`] does not block.
    fn drop(&mut self) {
        if let Some(writer) = self.end_writer() {
            // A panic in it has been told by its hook.
            let _ = writer.join();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

/// Notes the layout's version in a new store, and refuses another one.
fn check_format(reader: &Reader) -> Result<(), OpenError> {
    let key = keys::meta("format");
    match reader.record::<Number>(&key)? {
        Some(number) if number.value == u64::from(FORMAT) => Ok(()),
        Some(number) => {
            let found = number.narrow().unwrap_or(u32::MAX);
            Err(OpenError::Format { found, known: FORMAT })
        }
        None => {
            let mut transaction = Transaction::new(reader.clone());
            transaction.put(key, &Number::new(FORMAT));
            Ok(reader.backend().apply(transaction.into_batch())?)
        }
    }
}

#[async_trait]
impl Store for KvStore {
    async fn application(&self, name: &str) -> Result<ApplicationRecord, StoreError> {
        let name = name.to_owned();
        let wanted = name.clone();
        match self.read(move |reader| applications::by_name(reader, &wanted)).await? {
            Some(application) => Ok(application),
            None => self.write(Class::Record, move |writer| writer.application(&name)).await,
        }
    }

    async fn applications(&self) -> Result<Vec<ApplicationRecord>, StoreError> {
        self.read(applications::all).await
    }

    async fn add_vapid_key(
        &self,
        application: ApplicationId,
        key: VapidKey,
        make_current: bool,
    ) -> Result<VapidKey, StoreError> {
        self.write(Class::Record, move |writer| writer.add_vapid_key(application, key, make_current)).await
    }

    async fn vapid_tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        self.read(applications::tokens).await
    }

    async fn put_vapid_token(&self, token: StoredToken) -> Result<(), StoreError> {
        self.write(Class::Record, move |writer| writer.put_vapid_token(token)).await
    }

    async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let name = name.to_owned();
        let wanted = name.clone();
        match self.read(move |reader| applications::secret(reader, &wanted)).await? {
            Some(secret) => Ok(secret),
            None => self.write(Class::Record, move |writer| writer.secret(&name)).await,
        }
    }

    async fn intern_origin(&self, origin: &Origin) -> Result<OriginInfo, StoreError> {
        if let Some(info) = self.shared.origins.by_text(origin) {
            return Ok(info);
        }
        let origin = origin.clone();
        // An accept may wait for it.
        self.write(Class::Urgent, move |writer| writer.intern_origin(&origin)).await
    }

    fn origin(&self, id: OriginId) -> Option<OriginInfo> {
        self.shared.origins.by_id(id)
    }

    async fn subscribe(&self, subscribe: Subscribe) -> Result<Subscribed, StoreError> {
        self.write(Class::Record, move |writer| writer.subscribe(subscribe)).await
    }

    async fn subscription(
        &self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<Option<Subscription>, StoreError> {
        let selector = selector.clone();
        self.read(move |reader| subscriptions::selected(reader, application, &selector)).await
    }

    async fn unsubscribe(
        &self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let mut removed = Vec::new();
        loop {
            let selector = selector.clone();
            let all = matches!(selector, Selector::User(_));
            let after = removed.last().copied();
            let some = self
                .write(Class::Record, move |writer| writer.unsubscribe(application, &selector, after))
                .await?;
            if some.is_empty() {
                return Ok(removed);
            }
            removed.extend(some);
            if !all {
                return Ok(removed);
            }
        }
    }

    async fn update_subscription(
        &self,
        application: ApplicationId,
        selector: &Selector,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, StoreError> {
        let selector = selector.clone();
        self.write(Class::Record, move |writer| writer.update_subscription(application, &selector, patch))
            .await
    }

    async fn list_subscriptions(
        &self,
        application: ApplicationId,
        filter: &ListFilter,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        let filter = filter.clone();
        self.read(move |reader| subscriptions::list(reader, application, &filter, after, limit)).await
    }

    async fn targets(
        &self,
        application: ApplicationId,
        ids: &[SubscriptionId],
    ) -> Result<Vec<Option<Target>>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |reader| subscriptions::targets(reader, application, &ids)).await
    }

    async fn reap(
        &self,
        application: ApplicationId,
        removals: Vec<Removal>,
        position: u64,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let mut rest = removals;
        let mut changed = Vec::new();
        while !rest.is_empty() {
            let (reaped, list) =
                self.write(Class::Reap, move |writer| Ok((writer.reap(application, &rest)?, rest))).await?;
            rest = list;
            rest.drain(..reaped.done);
            changed.extend(reaped.changed);
        }
        self.write(Class::Reap, move |writer| writer.move_reaper(application, position)).await?;
        Ok(changed)
    }

    async fn reaper_position(&self, application: ApplicationId) -> Result<u64, StoreError> {
        self.read(move |reader| reap::position(reader, application)).await
    }

    async fn accept(&self, message: NewMessage) -> Result<Accepted, StoreError> {
        self.write(Class::Urgent, move |writer| writer.accept(message)).await
    }

    async fn request(
        &self,
        application: ApplicationId,
        request_id: &str,
    ) -> Result<Option<(MessageId, [u8; 32])>, StoreError> {
        let request_id = request_id.to_owned();
        self.read(move |reader| messages::request(reader, application, &request_id)).await
    }

    async fn message(
        &self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageRecord>, StoreError> {
        self.read(move |reader| messages::find(reader, application, message)).await
    }

    async fn list_messages(
        &self,
        application: ApplicationId,
        states: &[MessageState],
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageStatus>, StoreError> {
        let states = states.to_vec();
        self.read(move |reader| messages::list(reader, application, &states, before, limit)).await
    }

    async fn estimate(&self, application: ApplicationId, audience: &Audience) -> Result<u32, StoreError> {
        let audience = audience.clone();
        self.read(move |reader| messages::estimate(reader, application, &audience)).await
    }

    async fn open_messages(&self) -> Result<Vec<OpenMessage>, StoreError> {
        self.read(messages::open).await
    }

    async fn audience(
        &self,
        application: ApplicationId,
        message: MessageId,
        cursor: &[u8],
        limit: usize,
    ) -> Result<AudienceChunk, StoreError> {
        let cursor = cursor.to_vec();
        self.read(move |reader| audience::read(reader, application, message, &cursor, limit)).await
    }

    async fn plan(&self, step: PlanStep) -> Result<bool, StoreError> {
        let PlanStep { application, message, kind, pages, cursor, missing, done } = step;
        // All are queued before the first is answered: they leave the queue in this order and share syncs.
        let mut answers = Vec::new();
        let mut rest = pages.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<_> = rest.by_ref().take(TRANSACTION_PAGES).collect();
            let write = move |writer: &mut Writer| writer.write_pages(application, message, kind, &some);
            answers.push(submit(&self.shared.queue, Class::Commit, write).await?);
        }
        for answer in answers {
            answer.await.unwrap_or_else(|_| Err(closed()))?;
        }
        let step = PlanMove { cursor, missing, done };
        self.write(Class::Commit, move |writer| writer.move_plan(application, message, step)).await
    }

    async fn page_heads(&self) -> Result<Vec<PageHead>, StoreError> {
        self.read(pages::heads).await
    }

    async fn page(&self, application: ApplicationId, key: PageKey) -> Result<Option<StoredPage>, StoreError> {
        self.read(move |reader| pages::read(reader, application, key)).await
    }

    async fn page_ids(&self, key: PageKey) -> Result<Vec<SubscriptionId>, StoreError> {
        self.read(move |reader| pages::ids(reader, key)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Vec<MessageId>, StoreError> {
        let class = if commit.urgent { Class::Urgent } else { Class::Commit };
        self.write(class, move |writer| writer.commit(&commit)).await
    }

    fn synced(&self, application: ApplicationId) -> watch::Receiver<u64> {
        self.shared.progress.feed(application)
    }

    async fn segments(
        &self,
        application: ApplicationId,
        message: MessageId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Segment>, StoreError> {
        let to = *self.synced(application).borrow();
        self.read_synced(move |reader| feed::segments(reader, message, from, to, limit)).await
    }

    async fn feed(
        &self,
        application: ApplicationId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<FeedRow>, StoreError> {
        let to = *self.synced(application).borrow();
        self.read_synced(move |reader| feed::rows(reader, application, from, to, limit)).await
    }

    async fn seq_at(&self, application: ApplicationId, time: Timestamp) -> Result<u64, StoreError> {
        self.read(move |reader| feed::seq_at(reader, application, time)).await
    }

    async fn close(&self) {
        let writer = self.end_writer();
        if let Some(writer) = writer {
            // A panic in it has been told by its hook.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        // Reads that have begun end; later ones are refused.
        let ended = self.reads.acquire_many(self.reads_max).await;
        self.reads.close();
        let reader = self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        // sled writes what is left when it goes.
        let _ = tokio::task::spawn_blocking(move || drop(reader)).await;
        drop(ended);
    }
}
