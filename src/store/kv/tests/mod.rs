//! The conformance suite over both backends, and what is particular to this implementation.

mod copies;
mod damage;
mod durability;
mod feed_rows;
mod files;
mod origins;
mod own_page;
mod reads;
mod sealing;
mod space;
mod spellings;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use super::memory::Memory;
use super::sealing::{MasterKey, Sealing};
use super::sled::OpenError;
use super::{KvStore, Settings, open_sled};
use crate::domain::ManualClock;
use crate::store::Store;
use crate::store::conformance::{Harness, START};

/// A database in memory; ending the store loses what was not synced.
pub(super) struct InMemory {
    memory: Mutex<Memory>,
    pub(super) clock: ManualClock,
    /// Another one for each time that it is opened.
    seed: AtomicU64,
    sealing: Sealing,
}

/// Everything that can be is sealed, under the key of this number.
pub(super) fn sealing(number: u8) -> Sealing {
    Sealing::new(vec![MasterKey::new(&[number; 32])], true, true)
}

impl InMemory {
    pub(super) fn sealed() -> Self {
        Self { sealing: sealing(1), ..Self::new() }
    }

    pub(super) fn new() -> Self {
        let memory = Mutex::new(Memory::new());
        Self { memory, clock: ManualClock::at(START), seed: AtomicU64::new(7), sealing: Sealing::default() }
    }

    pub(super) fn memory(&self) -> Memory {
        self.memory.lock().unwrap().clone()
    }

    /// Loses what was not synced; the store that is open ends.
    fn crash(&self) {
        let left = self.memory().crash();
        *self.memory.lock().unwrap() = left;
    }

    pub(super) fn open_kv(&self) -> KvStore {
        self.open_with(Settings::default())
    }

    fn open_with(&self, settings: Settings) -> KvStore {
        let random = StdRng::seed_from_u64(self.seed.fetch_add(1, Ordering::SeqCst));
        let clock = Arc::new(self.clock.clone());
        KvStore::open_sealed(Arc::new(self.memory()), clock, random, settings, &self.sealing).unwrap()
    }
}

impl Harness for InMemory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.open_kv())
    }

    fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        self.crash();
        drop(store);
        self.open()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

/// sled in a directory of its own; ending the store just drops it.
struct OnDisk {
    directory: TempDir,
    clock: ManualClock,
    sealing: Sealing,
}

impl OnDisk {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: ManualClock::at(START),
            sealing: Sealing::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn try_open(&self) -> Result<KvStore, OpenError> {
        let settings = Settings { cache_octets: 16 << 20, ..Settings::default() };
        open_sled(&self.path(), Arc::new(self.clock.clone()), settings, &self.sealing)
    }
}

impl Harness for OnDisk {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.try_open().unwrap())
    }

    fn reopen(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        drop(store);
        self.open()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

mod memory {
    crate::store::conformance::conformance!(super::super::InMemory::new());
}

mod sled {
    crate::store::conformance::conformance!(super::super::OnDisk::new());
}

mod sealed {
    crate::store::conformance::conformance!(super::super::InMemory::sealed());
}
