//! Memory as a [`Backend`], for tests: it forgets in a crash what was not synced, and it lets a test watch, hold and
//! fail syncs.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::backend::{Backend, Batch, Order, Row, Space};
use super::keys::KeyRange;
use crate::store::StoreError;

/// A database in memory. Clones are the same database.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Word of released holds.
    released: Condvar,
    /// How many syncs have begun.
    begun: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the writes since the last sync replaced, oldest first.
    undo: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    syncs: u64,
    held: bool,
    failing: bool,
    /// So many syncs still end; the next one is a crash.
    syncs_left: Option<u64>,
    crashed: bool,
    /// The disk that it pretends to be on.
    space: Option<Space>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({} rows, {} unsynced)", self.rows.len(), self.undo.len())
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::from_state(State::default())
    }
}

impl Memory {
    /// An empty database.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn from_state(state: State) -> Self {
        let begun = watch::Sender::new(0);
        Self(Arc::new(Shared { state: Mutex::new(state), released: Condvar::new(), begun }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.lock();
        if state.crashed { Err(StoreError::Unavailable("it crashed".to_owned())) } else { Ok(state) }
    }

    /// Ends this database as a loss of power would, and returns what is left of it: everything up to the last sync.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = self.lock();
        state.crashed = true;
        self.0.released.notify_all();
        let mut rows = std::mem::take(&mut state.rows);
        for (key, value) in std::mem::take(&mut state.undo).into_iter().rev() {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Self::from_state(State { rows, ..State::default() })
    }

    /// Lets `syncs` more syncs end. In the next one it crashes: what is left then is for [`Memory::crash`] to tell.
    pub fn crash_after(&self, syncs: u64) {
        self.lock().syncs_left = Some(syncs);
    }

    /// How many syncs have ended.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// How many syncs have begun, and word of each.
    #[must_use]
    pub fn syncs_begun(&self) -> watch::Receiver<u64> {
        self.0.begun.subscribe()
    }

    /// A sync that has begun does not end as long as the hold lives.
    #[must_use]
    pub fn hold_syncs(&self) -> SyncHold {
        self.lock().held = true;
        SyncHold(self.clone())
    }

    /// With `true`, syncs fail.
    pub fn fail_syncs(&self, fail: bool) {
        self.lock().failing = fail;
    }

    /// From now on it pretends to be on a disk like this.
    pub fn set_space(&self, space: Space) {
        self.lock().space = Some(space);
    }

    /// Overwrites the value of every row whose key starts with `prefix`, as a damaged disk might.
    pub fn damage(&self, prefix: &[u8], value: &[u8]) {
        let mut state = self.lock();
        for (_, damaged) in state.rows.iter_mut().filter(|(key, _)| key.starts_with(prefix)) {
            *damaged = value.to_vec();
        }
    }

    /// How many rows have a key that starts with `prefix`.
    #[must_use]
    pub fn rows(&self, prefix: &[u8]) -> usize {
        self.lock().rows.keys().filter(|key| key.starts_with(prefix)).count()
    }
}

/// Holds the syncs of a [`Memory`].
#[derive(Debug)]
pub struct SyncHold(Memory);

impl Drop for SyncHold {
    fn drop(&mut self) {
        self.0.lock().held = false;
        self.0.0.released.notify_all();
    }
}

impl Backend for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.alive()?.rows.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, order: Order, limit: usize) -> Result<Vec<Row>, StoreError> {
        let state = self.alive()?;
        if range.from >= range.to {
            return Ok(Vec::new());
        }
        let rows = state.rows.range::<Vec<u8>, _>(&range.from..&range.to);
        let copy = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match order {
            Order::Ascending => rows.take(limit).map(copy).collect(),
            Order::Descending => rows.rev().take(limit).map(copy).collect(),
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.alive()?;
        for (key, value) in batch.writes {
            let former = match value {
                Some(value) => state.rows.insert(key.clone(), value),
                None => state.rows.remove(&key),
            };
            state.undo.push((key, former));
        }
        Ok(())
    }

    fn file_octets(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn space(&self, _ahead_octets: u64) -> Result<Option<Space>, StoreError> {
        Ok(self.lock().space)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.0.begun.send_modify(|begun| *begun += 1);
        let mut state = self
            .0
            .released
            .wait_while(self.lock(), |state| state.held && !state.crashed)
            .unwrap_or_else(PoisonError::into_inner);
        match &mut state.syncs_left {
            Some(0) => state.crashed = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if state.crashed || state.failing {
            return Err(StoreError::Unavailable("it does not sync".to_owned()));
        }
        state.undo.clear();
        state.syncs += 1;
        Ok(())
    }
}
