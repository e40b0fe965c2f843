//! Outcomes on their way into the next commit. One commit of an application is under way at a time: what ends meanwhile
//! goes into the next one, which is how commits grow with load.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::domain::{ApplicationId, DeliveryEvent};
use crate::store::types::PageCommit;
use crate::store::{Commit, MessageCommit, PageKey, PageUpdate};

use super::{Core, Effect, Now};

/// Deliveries of one application that may have ended without an attempt and are not yet synced; 8,192 rows of an event each
/// are as much as one commit should hold. Those that were attempted are bounded by `engine.max_unsettled`.
const ENDS_MAX: usize = 8_192;

#[derive(Debug, Default)]
struct PagePending {
    events: Vec<DeliveryEvent>,
    retrying_change: i32,
}

/// What one application's next commit will hold, and what its present one does.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pages: BTreeMap<PageKey, PagePending>,
    outcomes: usize,
    /// Attempts among them: unsettled until they are committed.
    attempts: usize,
    urgent: bool,
    since: Option<Instant>,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    pages: Vec<(PageKey, usize)>,
    attempts: usize,
    ends: usize,
}

impl Pending {
    pub(super) fn add(
        &mut self,
        now: Now,
        page: PageKey,
        event: DeliveryEvent,
        retrying_change: i32,
        urgent: bool,
        attempted: bool,
    ) {
        let of_page = self.pages.entry(page).or_default();
        of_page.events.push(event);
        of_page.retrying_change += retrying_change;
        self.outcomes += 1;
        self.attempts += usize::from(attempted);
        self.urgent |= urgent;
        self.since.get_or_insert(now.monotonic);
    }

    /// Deliveries that ended without an attempt and are not yet synced.
    fn ends(&self) -> usize {
        self.outcomes - self.attempts + self.under_way.as_ref().map_or(0, |under_way| under_way.ends)
    }

    /// When it is to be committed; `None` while another commit is under way, or there is nothing.
    fn due(&self, settings: &crate::engine::EngineSettings) -> Option<Instant> {
        let since = self.since.filter(|_| self.under_way.is_none())?;
        let at_once = self.urgent || self.outcomes >= settings.commit_outcomes;
        Some(if at_once { since } else { since + settings.commit_interval })
    }
}

impl Core {
    /// How many deliveries of an application may end without an attempt before its next commit is synced.
    pub(super) fn room_for_endings(&self, application: ApplicationId) -> usize {
        ENDS_MAX.saturating_sub(self.pending.get(&application).map_or(0, Pending::ends))
    }

    pub(super) fn next_commit_at(&self) -> Option<Instant> {
        self.pending.values().filter_map(|pending| pending.due(&self.settings)).min()
    }

    pub(super) fn form_commits(&mut self, now: Now) {
        for (application, pending) in &mut self.pending {
            // A server that stops has nothing to wait for.
            let due = |at: Instant| at <= now.monotonic || self.draining;
            if !pending.due(&self.settings).is_some_and(due) {
                continue;
            }
            let mut messages: Vec<MessageCommit> = Vec::new();
            let mut kinds = Vec::new();
            let mut under_way = UnderWay {
                pages: Vec::new(),
                attempts: pending.attempts,
                ends: pending.outcomes - pending.attempts,
            };
            for (key, of_page) in std::mem::take(&mut pending.pages) {
                let Some(page) = self.pages.get_mut(&key) else { continue };
                under_way.pages.push((key, of_page.events.len()));
                page.head.due = page.next_due().unwrap_or(page.head.due);
                let update = PageUpdate { key, entries: page.stored_entries(), due: page.head.due };
                let commit =
                    PageCommit { events: of_page.events, update, retrying_change: of_page.retrying_change };
                if let Some(message) = messages.last_mut().filter(|last| last.message == key.message) {
                    message.pages.push(commit);
                } else {
                    kinds.push(page.head.kind);
                    messages.push(MessageCommit { message: key.message, pages: vec![commit] });
                }
            }
            let urgent = std::mem::take(&mut pending.urgent);
            (pending.outcomes, pending.attempts, pending.since) = (0, 0, None);
            pending.under_way = Some(under_way);
            let commit = Commit { application: *application, urgent, messages };
            self.effects.push(Effect::Commit { commit, kinds });
        }
    }

    /// The commit that was under way is synced: its deliveries are settled.
    pub(super) fn committed(&mut self, now: Now, application: ApplicationId) {
        let Some(pending) = self.pending.get_mut(&application) else { return };
        let Some(under_way) = pending.under_way.take() else { return };
        if pending.since.is_none() {
            self.pending.remove(&application);
        }
        self.unsettled -= under_way.attempts;
        for (key, events) in under_way.pages {
            if let Some(page) = self.pages.get_mut(&key) {
                page.uncommitted -= events;
            }
            self.call_next(key);
            self.park_if_idle(now, key);
        }
        self.release(application);
    }
}
