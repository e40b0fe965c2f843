//! What has been synced, and who waits to hear of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::sequences::Sequences;
use crate::domain::ApplicationId;
use crate::store::StoreError;

/// Groups of commands share a sync. A read that may have seen what a group wrote waits until that group is synced.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The last group that may have been applied, in part or as a whole.
    applied: AtomicU64,
    synced: watch::Sender<Synced>,
    /// How far each application's sequence of commits may be read.
    pub(crate) commits: Published,
    /// How far each application's change feed may be read.
    pub(crate) changes: Published,
    log_octets: AtomicU64,
}

/// Numbers that may be read up to, and who waits for their rise.
#[derive(Debug, Default)]
pub(crate) struct Published(Mutex<HashMap<ApplicationId, watch::Sender<u64>>>);

impl Published {
    /// With what is durable already.
    fn new(last: impl Iterator<Item = (ApplicationId, u64)>) -> Self {
        Self(Mutex::new(last.map(|(id, seq)| (id, watch::Sender::new(seq))).collect()))
    }

    /// An application's may be read up to `seq`.
    pub(crate) fn publish(&self, application: ApplicationId, seq: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(application).or_default().send_replace(seq);
    }

    /// How far an application's may be read.
    pub(crate) fn of(&self, application: ApplicationId) -> watch::Receiver<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(application).or_default().subscribe()
    }
}

#[derive(Clone, Copy, Debug)]
struct Synced {
    /// The last group that is durable.
    group: u64,
    /// No later one will be.
    failed: bool,
}

impl Progress {
    /// With the sequence numbers that are durable already.
    pub(crate) fn new(commits: &Sequences, changes: &Sequences) -> Self {
        Self {
            applied: AtomicU64::new(0),
            synced: watch::Sender::new(Synced { group: 0, failed: false }),
            commits: Published::new(commits.last()),
            changes: Published::new(changes.last()),
            log_octets: AtomicU64::new(commits.log_octets()),
        }
    }

    /// Begins a group: to be called before anything of it is applied.
    pub(crate) fn begin(&self) -> u64 {
        self.applied.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The group is durable.
    pub(crate) fn synced(&self, group: u64) {
        self.synced.send_modify(|synced| synced.group = group);
    }

    /// It is not known whether the last group is durable, and there will be no other.
    pub(crate) fn fail(&self) {
        self.synced.send_modify(|synced| synced.failed = true);
    }

    /// Whether [`Progress::fail`] was called.
    pub(crate) fn has_failed(&self) -> bool {
        self.synced.borrow().failed
    }

    /// Waits for [`Progress::fail`].
    pub(crate) async fn failed(&self) {
        // The sender lives as long as this.
        let _ = self.synced.subscribe().wait_for(|synced| synced.failed).await;
    }

    /// What a read that ends now may have seen.
    pub(crate) fn seen(&self) -> u64 {
        self.applied.load(Ordering::SeqCst)
    }

    /// Waits until all that a read saw is durable.
    pub(crate) async fn wait(&self, seen: u64) -> Result<(), StoreError> {
        let mut synced = self.synced.subscribe();
        let ended = synced.wait_for(|synced| synced.group >= seen || synced.failed).await;
        match ended {
            Ok(synced) if synced.group >= seen => Ok(()),
            Ok(_) | Err(_) => Err(StoreError::Unavailable("what was read is not durable".to_owned())),
        }
    }

    /// So much of the log is kept.
    pub(crate) fn set_log_octets(&self, octets: u64) {
        self.log_octets.store(octets, Ordering::Relaxed);
    }

    /// How much of the log is kept.
    pub(crate) fn log_octets(&self) -> u64 {
        self.log_octets.load(Ordering::Relaxed)
    }
}
