//! The store over an ordered key-value [`Backend`]: one writer with group commit, reads beside it. `docs/storage.md`
//! explains the layout and what was measured.
//!
//! A write is a command for the [`writer`], a thread that takes what waits, executes each command as a whole,
//! syncs once for all of them and only then answers. A read runs on tokio's blocking threads and, before it answers,
//! waits until the sync that covers what it may have seen ([`progress`]).

mod ahead;
mod api_tokens;
mod applications;
mod aside;
mod audience;
mod audit;
pub mod backend;
pub mod backup;
pub mod census;
mod changes;
mod clearing;
mod commit;
mod conf;
mod cursor;
mod decide;
mod durable;
mod evidence;
mod fates;
mod feed;
mod gathered;
mod held;
mod index;
mod inline;
mod keyed;
pub mod keys;
mod leavings;
#[doc(hidden)]
pub mod measured;
pub mod memory;
mod messages;
mod origins;
mod pages;
mod progress;
mod queue;
mod reap;
mod receipts;
mod recording;
mod removed;
mod rotation;
pub mod sealing;
mod sequences;
pub mod sled;
mod space;
mod stopping;
mod store;
mod subscriptions;
mod tail;
#[cfg(test)]
mod tests;
mod transaction;
mod trim;
mod unused;
pub mod verify;
mod writer;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rand::rngs::StdRng;
use tokio::sync::{Semaphore, watch};

use self::backend::{Backend, Batch};
use self::backup::Tape;
use self::census::Census;
use self::gathered::Gathered;
use self::inline::Inline;
use self::memory::Memory;
use self::origins::Origins;
use self::progress::Progress;
use self::queue::{Class, Queue};
use self::records::{Mark, Number};
use self::sealing::{Sealed, Sealing};
use self::sequences::Sequences;
use self::sled::{OpenError, Sled};
use self::space::{Reserve, Use};
use self::transaction::{Damage, Reader, Rows, Transaction};
use self::unused::Sweep;
use self::writer::{Job, Writer, submit};
pub(crate) use super::records;
use super::records::Record as _;
use super::{Disk, StoreError};
use crate::domain::Clock;

/// The version of the layout, which every store has once it was opened; one with a later version is not opened. In version 2
/// some values may be sealed, in 3 keys may have HMACs in place of hashes ([`keyed`]), in 4 a message's own row may have its
/// page and its events, and a row of the feed several commits. All of them are read.
const FORMAT: u32 = 4;
/// What the version is stored under.
const FORMAT_NAME: &str = "format";
/// Noted once subscriptions are counted by VAPID key.
const KEYS_COUNTED: &str = "keys_counted";

/// The limits of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Octets of the disk that are left free: below, nothing new is written; of a small disk no more than a quarter. 0
    /// takes no notice of the disk. 64 MiB by default.
    pub free_octets_min: u64,
    /// What sled's cache may hold, in octets; the process takes two to seven times as much. 128 MiB by default.
    pub cache_octets: u64,
    /// Commands of each class that may wait for the writer; who brings another one waits. 1,024 by default.
    pub queue_commands: usize,
    /// Commands at most that share a sync. 64 by default.
    pub group_commands: usize,
    /// Rows after which a group takes no more commands. 512 by default.
    pub group_rows: usize,
    /// Reads that may run at once, long ones each on a blocking thread; others wait. 32 by default.
    pub reads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            free_octets_min: 64 << 20,
            cache_octets: 128 << 20,
            queue_commands: 1_024,
            group_commands: 64,
            group_rows: 512,
            reads: 32,
        }
    }
}

/// A [`super::Store`] over a [`Backend`].
pub struct KvStore {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    reads: Arc<Semaphore>,
    reads_max: u32,
    inline: Inline,
    /// Looks for unused origins.
    sweep: tokio::sync::Mutex<Option<Sweep>>,
}

struct Shared {
    /// None when closed.
    reader: Mutex<Option<Reader>>,
    queue: Queue<Job>,
    progress: Progress,
    /// As it was at the last look.
    disk: watch::Sender<Disk>,
    origins: Arc<Origins>,
    damage: Arc<Damage>,
    tape: Arc<Tape>,
    /// When master keys were given.
    sealed: Option<Arc<Sealed>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for KvStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvStore").finish_non_exhaustive()
    }
}

/// Opens or makes a store in a directory, with the machine's randomness. Blocks: up to seconds for a big one.
///
/// # Errors
/// See [`OpenError`].
pub fn open_sled(
    directory: &Path,
    clock: Arc<dyn Clock>,
    settings: Settings,
    sealing: &Sealing,
) -> Result<KvStore, OpenError> {
    let backend = Sled::open(directory, settings.cache_octets, settings.free_octets_min)?;
    let noted = sled::has_records(directory)?;
    if noted && backend.get(&keys::meta(FORMAT_NAME))?.is_none() {
        return Err(OpenError::Database("its records are gone".to_owned()));
    }
    let store = KvStore::open_sealed(Arc::new(backend), clock, rand::make_rng(), settings, sealing)?;
    if !noted {
        sled::note_records(directory)?;
    }
    Ok(store)
}

/// The disk that a data directory is on, which need not be there yet. Nothing is opened or changed.
///
/// # Errors
/// The system's.
pub fn disk(directory: &Path, free_octets_min: u64) -> io::Result<Disk> {
    let Some(there) = directory.ancestors().find(|path| path.is_dir()) else { return Ok(Disk::default()) };
    let log = File::open(directory.join("db")).ok();
    Ok(space::judge_free(ahead::measure(&File::open(there)?, log.as_ref())?, free_octets_min))
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
        Self::open_sealed(backend, clock, random, settings, &Sealing::default())
    }

    /// The same, with what is to be sealed.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_sealed(
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
        mut random: StdRng,
        settings: Settings,
        sealing: &Sealing,
    ) -> Result<Self, OpenError> {
        let damage = Arc::new(Damage::default());
        let (backend, tape) = Tape::over(backend);
        check_format(&Reader::new(Arc::clone(&backend), Arc::clone(&damage)))?;
        let (backend, sealed) = sealing::admit(backend, sealing)?;
        note_format(&*backend)?;
        let keying = keyed::admit(&backend, sealing.seals_subscriptions(), &mut random)?;
        let reader = Reader::new(keying.over(Arc::clone(&backend)), Arc::clone(&damage));
        count_keys(&reader)?;
        // What a crash left in memory of the kernel is shown from now on.
        reader.backend().sync()?;
        let origins = Arc::new(Origins::load(&reader)?);
        let commits = Sequences::load(&reader, keys::sequences())?;
        let changes = Sequences::load(&reader, keys::change_sequences())?;
        let mut reserve = Reserve::new(settings.free_octets_min, watch::Sender::default());
        reserve.look(reader.backend());
        let shared = Arc::new(Shared {
            reader: Mutex::new(Some(reader)),
            queue: Queue::new(settings.queue_commands),
            progress: Progress::new(&commits, &changes),
            disk: reserve.told(),
            origins: Arc::clone(&origins),
            damage: Arc::clone(&damage),
            tape,
            sealed,
            clock: Arc::clone(&clock),
        });
        let gathered = Reader::new(keying.over(Arc::new(Gathered::new(backend))), damage);
        let writer = Writer::new(gathered, clock, random, origins, commits, changes, reserve);
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
            inline: Inline::default(),
            sweep: tokio::sync::Mutex::default(),
        })
    }

    /// How many corrupt records reads have passed over, each as often as it was met.
    #[must_use]
    pub fn corrupt_records(&self) -> u64 {
        self.shared.damage.records()
    }

    /// Counts all that is stored. Reads every row: seconds for a big store, during which it serves on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn census(&self) -> Result<Census, StoreError> {
        self.read(census::take).await
    }

    /// Has the writer do something that brings something new, and waits for it.
    async fn write<T: Send + 'static>(
        &self,
        class: Class,
        command: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = submit(&self.shared.queue, class, Use::Begins, command).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Has the writer do something that ends what there is, for which the reserve of the disk may be taken, and waits for
    /// it.
    async fn write_end<T: Send + 'static>(
        &self,
        class: Class,
        command: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let answer = submit(&self.shared.queue, class, Use::Ends, command).await?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Reads beside the writer, and waits until what was read is durable.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (result, seen) = self.read_synced(self.noted(read)).await?;
        self.shared.progress.wait(seen).await?;
        result
    }

    /// The same for what reads a few rows.
    async fn read_few<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (result, seen) = self.read_few_synced(self.noted(read)).await?;
        self.shared.progress.wait(seen).await?;
        result
    }

    /// Notes what a read may have seen.
    fn noted<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> impl FnOnce(&Reader) -> Result<(Result<T, StoreError>, u64), StoreError> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |reader| Ok((read(reader), shared.progress.seen()))
    }

    /// Reads beside the writer what is known to be durable, on a blocking thread.
    async fn read_synced<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| closed())?;
        let reader = self.reader()?;
        let ran = tokio::task::spawn_blocking(move || {
            let result = read(&reader);
            // The last of them closes the files; before the permit says so.
            drop(reader);
            drop(permit);
            result
        });
        ran.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a read ended early".to_owned())))
    }

    /// The same for what reads a few rows: on this thread, while such reads are fast.
    async fn read_few_synced<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let here = self.inline.may().then(|| Arc::clone(&self.reads).try_acquire_owned());
        let Some(Ok(permit)) = here else { return self.read_synced(read).await };
        let reader = self.reader()?;
        let result = self.inline.run(|| read(&reader));
        // As above.
        drop(reader);
        drop(permit);
        result
    }

    fn reader(&self) -> Result<Reader, StoreError> {
        self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)
    }

    /// Finishes what waits, refuses what comes, and closes the files when the last read has ended.
    async fn shut(&self) {
        if let Some(writer) = self.end_writer() {
            // A panic in it has been told by its hook.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        let ended = self.reads.acquire_many(self.reads_max).await;
        self.reads.close();
        let reader = self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        // sled writes what is left when it goes.
        let _ = tokio::task::spawn_blocking(move || drop(reader)).await;
        drop(ended);
    }

    /// Ends the writer when it has done what waits.
    fn end_writer(&self) -> Option<JoinHandle<()>> {
        self.shared.queue.close();
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for KvStore {
    /// Finishes what waits, so that the files can be opened again at once; blocks for it, unlike
    /// [`super::Store::close`].
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

fn is_known_format(number: u64) -> bool {
    (1..=u64::from(FORMAT)).contains(&number)
}

/// Refuses a layout that this version does not know.
fn check_format(reader: &Reader) -> Result<(), OpenError> {
    match reader.record::<Number>(&keys::meta(FORMAT_NAME))? {
        Some(number) if !is_known_format(number.value) => {
            let found = number.narrow().unwrap_or(u32::MAX);
            Err(OpenError::Format { found, known: FORMAT })
        }
        Some(_) | None => Ok(()),
    }
}

/// Notes the layout's version before anything is written in it: an earlier version would not find all of it.
fn note_format(backend: &dyn Backend) -> Result<(), StoreError> {
    let (key, value) = (keys::meta(FORMAT_NAME), Number::new(FORMAT).to_value());
    if backend.get(&key)?.as_ref() == Some(&value) {
        return Ok(());
    }
    let mut batch = Batch::default();
    batch.writes.insert(key, Some(value));
    backend.apply(batch)
}

/// Counts subscriptions by VAPID key, once.
fn count_keys(reader: &Reader) -> Result<(), OpenError> {
    let noted = keys::meta(KEYS_COUNTED);
    if reader.record::<Mark>(&noted)?.is_none() {
        let mut transaction = Transaction::new(reader.clone());
        index::count_by_key(reader, &mut transaction)?;
        transaction.put(noted, &Mark {});
        reader.backend().apply(transaction.into_batch())?;
    }
    Ok(())
}
