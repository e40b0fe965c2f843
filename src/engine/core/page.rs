//! A page in memory: up to 512 deliveries of one message, and where each stands.

use std::sync::Arc;

use crate::domain::delivery::PastAttempt;
use crate::domain::limits::ATTEMPTS_KEPT_MAX;
use crate::domain::{MessageId, SubscriptionId, Target, Timestamp};
use crate::store::{Departure, EntryState, PageHead, PageKey, RetryState, StoredEntry, StoredPage};

use super::endpoints::EndpointKey;

/// One delivery, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct EntryRef {
    pub(crate) page: PageKey,
    pub(crate) index: u16,
}

impl EntryRef {
    /// The first of all places, and the last.
    pub(super) const MIN: Self = Self { page: PageKey { message: MessageId([0; 16]), number: 0 }, index: 0 };
    pub(super) const MAX: Self =
        Self { page: PageKey { message: MessageId([0xff; 16]), number: u32::MAX }, index: u16::MAX };
}

/// Where a delivery in memory stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits in a lane.
    Queued,
    /// Its POST has begun, or its target is being looked up for it.
    InFlight,
    /// The same, but nobody waits for it: it has been under way for long, or its endpoint is to blame for failures.
    Lingering,
    /// Waits for its next attempt.
    BackingOff(Timestamp),
    /// Its terminal event is known; committed or about to be.
    Settled,
}

impl Phase {
    fn is_busy(self) -> bool {
        match self {
            Self::Queued | Self::InFlight => true,
            Self::Lingering | Self::BackingOff(_) | Self::Settled => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: SubscriptionId,
    pub(super) target: Option<Arc<Target>>,
    /// It is not for its subscription any more. Its target is then still the one that it was planned for, if that is known.
    pub(super) departed: Option<Departure>,
    pub(super) phase: Phase,
    pub(super) attempts: u32,
    pub(super) past: Vec<PastAttempt>,
    /// What the push service said at the last of them.
    pub(super) detail: Box<str>,
    /// When it may be tried again, whatever it waits for beside.
    pub(super) due: Timestamp,
    /// How often in a row the peer refused its stream.
    pub(super) refusals: u32,
    /// Which change of subscriptions its target is as new as.
    pub(super) as_of: u64,
    /// It backs off because this endpoint does, and not for an attempt of its own.
    pub(super) waits_for: Option<EndpointKey>,
}

impl Entry {
    fn load(stored: StoredEntry, as_of: u64) -> Self {
        let target = stored.target.map(Arc::new);
        let (phase, retry) = match stored.state {
            EntryState::Waiting => (Phase::Queued, RetryState::default()),
            EntryState::Retrying(retry) => (Phase::BackingOff(retry.due), retry),
            EntryState::Settled => (Phase::Settled, RetryState::default()),
        };
        let RetryState { attempts, past, detail, due } = retry;
        Self {
            id: stored.id,
            target,
            departed: stored.departed,
            phase,
            attempts,
            past,
            detail: detail.into(),
            due,
            refusals: 0,
            as_of,
            waits_for: None,
        }
    }

    /// Whether a subscription has another user than the delivery was planned for. What was meant for nobody in particular goes
    /// on to whoever has logged in since.
    pub(super) fn is_of_another_user(&self, now: &Target) -> bool {
        let planned = self.target.as_ref().map_or("", |planned| &planned.user_id);
        !planned.is_empty() && planned != now.user_id
    }

    /// Takes note of an attempt that did not end the delivery.
    pub(super) fn remember(&mut self, attempt: PastAttempt) {
        if self.past.len() == ATTEMPTS_KEPT_MAX {
            self.past.remove(0);
        }
        self.past.push(attempt);
    }

    /// What a restart must find, if it happened now: an attempt in flight has not been made, and what it waits for beside its
    /// own time, a lane or a stop, may be over.
    fn to_stored(&self) -> EntryState {
        if self.phase == Phase::Settled {
            return EntryState::Settled;
        }
        if self.attempts == 0 {
            return EntryState::Waiting;
        }
        let (past, detail) = (self.past.clone(), self.detail.to_string());
        EntryState::Retrying(RetryState { attempts: self.attempts, due: self.due, past, detail })
    }
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) head: PageHead,
    pub(super) entries: Vec<Entry>,
    /// Outcomes that are not yet committed.
    pub(super) uncommitted: usize,
    /// Entries that wait in a lane or are under way.
    busy: usize,
    /// Entries that are under way without anybody waiting for them.
    lingering: usize,
    /// It is counted among its group's resting pages: nothing of it is busy.
    pub(super) rests: bool,
}

impl Page {
    pub(super) fn load(stored: StoredPage, as_of: u64) -> Self {
        let entries: Vec<_> = stored.entries.into_iter().map(|entry| Entry::load(entry, as_of)).collect();
        let busy = entries.iter().filter(|entry| entry.phase.is_busy()).count();
        Self { head: stored.head, entries, uncommitted: 0, busy, lingering: 0, rests: false }
    }

    pub(super) fn set_phase(&mut self, index: u16, phase: Phase) {
        if let Some(entry) = self.entries.get_mut(usize::from(index)) {
            let was = std::mem::replace(&mut entry.phase, phase);
            self.busy = self.busy + usize::from(phase.is_busy()) - usize::from(was.is_busy());
            let lingers = |phase| usize::from(phase == Phase::Lingering);
            self.lingering = self.lingering + lingers(phase) - lingers(was);
        }
    }

    pub(super) fn entry_mut(&mut self, index: u16) -> Option<&mut Entry> {
        self.entries.get_mut(usize::from(index))
    }

    /// Whether anything of it waits in a lane, or is under way and waited for.
    pub(super) fn is_busy(&self) -> bool {
        self.busy > 0
    }

    /// How many targets it holds in memory.
    pub(super) fn targets(&self) -> usize {
        self.entries.iter().filter(|entry| entry.target.is_some()).count()
    }

    pub(super) fn stored_entries(&self) -> Vec<EntryState> {
        self.entries.iter().map(Entry::to_stored).collect()
    }

    /// When the next attempt of a delivery that is not settled is due; `None` when all are settled.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let due = |entry: &Entry| match entry.phase {
            Phase::Settled => None,
            Phase::BackingOff(due) => Some(due),
            Phase::Queued | Phase::InFlight | Phase::Lingering => Some(self.head.due),
        };
        self.entries.iter().filter_map(due).min()
    }

    /// When most of what waits is due: the last of those that wait at most twice as long as the first.
    pub(super) fn mostly_due(&self, now: Timestamp) -> Timestamp {
        let first = self.next_due().unwrap_or(now);
        let horizon = first.plus(first.since(now));
        let due = |entry: &Entry| match entry.phase {
            Phase::BackingOff(due) => Some(due),
            Phase::Settled | Phase::Queued | Phase::InFlight | Phase::Lingering => None,
        };
        self.entries.iter().filter_map(due).filter(|due| *due <= horizon).max().unwrap_or(first)
    }

    /// When the page may leave memory until: all that is left to do waits, at least until then.
    pub(super) fn idle_until(&self) -> Option<Timestamp> {
        self.next_due().filter(|_| self.busy == 0 && self.lingering == 0 && self.uncommitted == 0)
    }

    /// Nothing is left to do or to record.
    pub(super) fn is_finished(&self) -> bool {
        self.uncommitted == 0 && self.entries.iter().all(|entry| entry.phase == Phase::Settled)
    }
}
