//! Pages on their way into memory and out of it: a page is written, found, read, rests and leaves.

use std::collections::HashMap;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{ApplicationId, MessageKind, OriginId, Timestamp};
use crate::store::{PageHead, PageKey, StoredPage};

use super::lane::Lane;
use super::page::{EntryRef, Page, Phase};
use super::turns::Turns;
use super::{Core, Effect, NOWHERE, Now};

impl Core {
    /// A page whose message is not known cannot be attempted: it would take its group's room for nothing.
    fn is_known(&self, head: &PageHead) -> bool {
        let known = self.messages.contains_key(&head.key.message);
        if !known {
            tracing::error!(message_id = %head.key.message, page = head.key.number, "a page waits whose message is not known");
        }
        known
    }

    /// Recovery found one.
    pub(super) fn page_found(&mut self, head: PageHead) {
        let taken_up = self.pages.contains_key(&head.key) || self.loading.contains(&head.key);
        if !taken_up && self.is_known(&head) {
            self.wait_in_store(head);
        }
    }

    /// Planning wrote one: it is taken into memory at once if there is room.
    pub(super) fn page_written(&mut self, page: StoredPage, as_of: u64) {
        if !self.is_known(&page.head) {
            return;
        }
        self.presume_heard(&page);
        let (head, targets) = (page.head, page.entries.len());
        let fits =
            self.memory.fits(head.kind, targets) && self.backlog.has_room(&head, targets, &self.memory);
        if fits {
            self.backlog.enter(&head);
            self.admit(page, as_of);
        } else {
            self.wait_in_store(head);
        }
    }

    fn wait_in_store(&mut self, head: PageHead) {
        self.endings.page_waits(head.key.message);
        self.backlog.add(head);
    }

    /// Has as many read as there is room for.
    pub(super) fn load_pages(&mut self) {
        while let Some(head) = self.backlog.take(&self.memory) {
            self.load_page(head);
        }
    }

    /// Has a page read that was taken out of the backlog.
    pub(super) fn load_page(&mut self, head: PageHead) {
        let heard = self.backlog.hears(head.group);
        self.memory.page_in(&head, PAGE_DELIVERIES_MAX, PAGE_DELIVERIES_MAX, heard);
        self.loading.insert(head.key);
        self.effects.push(Effect::Load(head));
    }

    /// One was read; `None`: it is not there any more.
    pub(super) fn page_loaded(&mut self, head: &PageHead, page: Option<StoredPage>, as_of: u64) {
        self.loading.remove(&head.key);
        let heard = self.backlog.hears(head.group);
        self.memory.page_out(head, PAGE_DELIVERIES_MAX, PAGE_DELIVERIES_MAX, heard);
        match page {
            Some(page) => {
                self.presume_heard(&page);
                self.admit(page, as_of);
            }
            None => self.backlog.leave(head, false),
        }
    }

    /// Takes a page into memory: each delivery that is not settled goes to its lane or to its timer.
    fn admit(&mut self, stored: StoredPage, as_of: u64) {
        let PageHead { application, key, kind, .. } = stored.head;
        let page = Page::load(stored, as_of);
        let heard = self.backlog.hears(page.head.group);
        self.memory.page_in(&page.head, page.entries.len(), page.targets(), heard);
        if self.endings.page_comes(key) {
            self.pages.insert(key, page);
            return;
        }
        self.careful.page_comes(&page.head);
        for (index, entry) in (0..).zip(&page.entries) {
            let at = EntryRef { page: key, index };
            match entry.phase {
                Phase::Settled | Phase::InFlight | Phase::Lingering => {}
                Phase::BackingOff(due) => {
                    self.timers.insert((due, at));
                }
                Phase::Queued if !self.careful.may_go(at) => {}
                Phase::Queued => {
                    let origin = entry.target.as_ref().map_or(NOWHERE, |target| target.origin);
                    enqueue(&mut self.lanes, &mut self.turns, origin, kind, application, at);
                }
            }
        }
        self.pages.insert(key, page);
    }

    /// Changes where a delivery stands, and with it whether its page is busy or rests.
    pub(super) fn set_phase(&mut self, at: EntryRef, phase: Phase) {
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        page.set_phase(at.index, phase);
        if let Some(endpoint) =
            page.entries.get_mut(usize::from(at.index)).and_then(|entry| entry.waits_for.take())
        {
            self.endpoints.forget(endpoint, at);
        }
        if page.is_busy() == page.rests {
            page.rests = !page.rests;
            if page.rests {
                self.backlog.rest(&page.head);
                self.idle.push(at.page);
            } else {
                self.backlog.resume(&page.head);
            }
        }
    }

    /// Lets a page go that is finished, that waits for long, or that is one too many of those that wait; the store knows
    /// all about it.
    pub(super) fn park_if_idle(&mut self, now: Now, key: PageKey) {
        let Some(page) = self.pages.get(&key) else { return };
        if page.is_finished() {
            self.remove_page(key);
            return;
        }
        let Some(due) = page.idle_until() else { return };
        let soon = now.wall.plus(self.settings.park_after);
        if due <= soon && !self.backlog.rests_too_many(&page.head, &self.memory) {
            return;
        }
        // It is read again when most of it is due, and not at once, but while its message is worth it.
        let ends = self.messages.get(&key.message).map_or(Timestamp::MAX, |message| message.ends_at());
        let wake = page.mostly_due(now.wall).max(soon).min(ends.minus(self.settings.park_after));
        if let Some(mut head) = self.remove_page(key) {
            head.due = wake.max(due);
            self.wait_in_store(head);
        }
    }

    /// Lets pages go of which nothing is busy any more, without a commit having told so.
    pub(super) fn park_idle(&mut self, now: Now) {
        for key in std::mem::take(&mut self.idle) {
            self.park_if_idle(now, key);
        }
    }

    fn remove_page(&mut self, key: PageKey) -> Option<PageHead> {
        let page = self.pages.remove(&key)?;
        self.careful.page_goes(key);
        let heard = self.backlog.hears(page.head.group);
        self.memory.page_out(&page.head, page.entries.len(), page.targets(), heard);
        for (index, entry) in (0..).zip(&page.entries) {
            let at = EntryRef { page: key, index };
            if let Phase::BackingOff(due) = entry.phase {
                self.timers.remove(&(due, at));
            }
            if let Some(endpoint) = entry.waits_for {
                self.endpoints.forget(endpoint, at);
            }
        }
        self.backlog.leave(&page.head, page.rests);
        Some(page.head)
    }
}

/// Puts a delivery into its lane, and the lane among those with something to start.
pub(super) fn enqueue(
    lanes: &mut HashMap<OriginId, Lane>,
    turns: &mut Turns,
    origin: OriginId,
    kind: MessageKind,
    application: ApplicationId,
    entry: EntryRef,
) {
    let lane = lanes.entry(origin).or_default();
    lane.push(kind, application, entry);
    lane.offer_for(kind, application, origin, turns);
}
