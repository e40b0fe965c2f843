//! Pages that may be what ends the process: each was started again and again, and nothing of it was ever recorded. Their
//! deliveries go one by one, each recorded before the next, so that the next start knows which one it was; and when that
//! does not help either, the first one fails.

use std::collections::HashMap;

use crate::domain::{DeliveryState, Outcome};
use crate::store::{PageHead, PageKey};

use super::page::{EntryRef, Phase};
use super::settle::Ending;
use super::{Core, NOWHERE, Now};

/// Starts of a page without progress after which its deliveries go one by one.
const CAREFUL_STARTS: u32 = 3;
/// Starts of a page without progress after which its first delivery fails without an attempt.
const CONDEMNED_STARTS: u32 = 6;

/// Whose turn it is in a page.
#[derive(Debug)]
struct Turn {
    entry: Option<u16>,
    /// Whoever has the first turn fails.
    condemned: bool,
}

/// Such pages, those in memory.
#[derive(Debug, Default)]
pub(super) struct Careful {
    pages: HashMap<PageKey, Turn>,
}

impl Careful {
    /// A page comes into memory.
    pub(super) fn page_comes(&mut self, head: &PageHead) {
        if head.starts >= CAREFUL_STARTS {
            tracing::warn!(message_id = %head.key.message, page = head.key.number, starts = head.starts,
                "a page made no progress in so many starts: its deliveries go one by one");
            let condemned = head.starts >= CONDEMNED_STARTS;
            self.pages.insert(head.key, Turn { entry: None, condemned });
        }
    }

    /// A page leaves memory.
    pub(super) fn page_goes(&mut self, key: PageKey) {
        self.pages.remove(&key);
    }

    /// Whether a delivery may go to its lane; it has the turn then. If not, it will be called.
    pub(super) fn may_go(&mut self, at: EntryRef) -> bool {
        self.pages.get_mut(&at.page).is_none_or(|turn| *turn.entry.get_or_insert(at.index) == at.index)
    }
}

impl Core {
    /// Whether a delivery fails because its page ended the process too often.
    pub(super) fn fails_condemned(&mut self, now: Now, at: EntryRef) -> bool {
        let condemned =
            self.careful.pages.get_mut(&at.page).is_some_and(|turn| std::mem::take(&mut turn.condemned));
        if condemned {
            tracing::error!(message_id = %at.page.message, page = at.page.number, entry = at.index,
                "a delivery seems to end the process: it fails without an attempt");
            self.end(now, at, Ending::without_attempt(DeliveryState::Failed, Outcome::Internal));
        }
        condemned
    }

    /// Something of a page was recorded: the next delivery has its turn.
    pub(super) fn call_next(&mut self, key: PageKey) {
        let Some(turn) = self.careful.pages.get_mut(&key) else { return };
        let Some(page) = self.pages.get(&key) else { return };
        let phase = |index: u16| page.entries.get(usize::from(index)).map(|entry| entry.phase);
        let busy = turn.entry.is_some_and(|index| {
            matches!(phase(index), Some(Phase::Queued | Phase::InFlight | Phase::Lingering))
        });
        if busy || page.uncommitted > 0 {
            return;
        }
        let next = (0..).zip(&page.entries).find(|(_, entry)| entry.phase == Phase::Queued);
        turn.entry = next.map(|(index, _)| index);
        let Some((index, entry)) = next else { return };
        let origin = entry.target.as_ref().map_or(NOWHERE, |target| target.origin);
        self.enqueue(origin, EntryRef { page: key, index });
    }
}
