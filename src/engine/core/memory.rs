//! How much of the bound on targets in memory is used, and by whom.

use std::collections::{BTreeMap, HashMap};

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{ApplicationId, EngineLoad, MessageKind};
use crate::store::{GroupId, PageHead};

#[derive(Debug)]
pub(super) struct Memory {
    targets_max: usize,
    /// Targets in memory, and what is reserved for pages that are being read.
    targets: usize,
    held: HashMap<(ApplicationId, MessageKind), usize>,
    targets_peak: usize,
    /// Of broadcasts; Sends are small.
    pages: usize,
    pages_peak: usize,
    /// Deliveries on them, also those that have ended: they keep their place while their page is there.
    entries: usize,
    /// Targets of broadcasts, of each group with one origin, by application.
    groups: HashMap<GroupId, BTreeMap<ApplicationId, usize>>,
    /// Targets of the groups whose origin does not answer, by application and together.
    unheard_by_application: HashMap<ApplicationId, usize>,
    unheard: usize,
}

impl Memory {
    pub(super) fn new(targets_max: usize) -> Self {
        Self {
            targets_max,
            targets: 0,
            held: HashMap::new(),
            targets_peak: 0,
            pages: 0,
            pages_peak: 0,
            entries: 0,
            groups: HashMap::new(),
            unheard_by_application: HashMap::new(),
            unheard: 0,
        }
    }

    /// A page comes into memory, with so many deliveries, of which so many have targets. `heard`, here and below: whether the
    /// origin of its group answers, which [`Backlog`](super::backlog::Backlog) knows.
    pub(super) fn page_in(&mut self, head: &PageHead, entries: usize, targets: usize, heard: bool) {
        if head.kind == MessageKind::Broadcast {
            self.pages += 1;
            self.entries += entries;
        }
        self.pages_peak = self.pages_peak.max(self.pages);
        self.add(head, targets, heard);
    }

    /// A page leaves memory, with so many deliveries, of which so many have targets.
    pub(super) fn page_out(&mut self, head: &PageHead, entries: usize, targets: usize, heard: bool) {
        if head.kind == MessageKind::Broadcast {
            self.pages -= 1;
            self.entries -= entries;
        }
        self.remove(head, targets, heard);
    }

    /// The origin of a group answers now, or does not any more, which is news.
    pub(super) fn hear(&mut self, group: GroupId, heard: bool) {
        for (application, targets) in self.groups.get(&group).cloned().unwrap_or_default() {
            self.count_unheard(application, targets.cast_signed() * if heard { -1 } else { 1 });
        }
    }

    fn count_unheard(&mut self, application: ApplicationId, change: isize) {
        self.unheard = self.unheard.saturating_add_signed(change);
        let of = self.unheard_by_application.entry(application).or_default();
        *of = of.saturating_add_signed(change);
        if *of == 0 {
            self.unheard_by_application.remove(&application);
        }
    }

    fn count_group(&mut self, head: &PageHead, change: isize, heard: bool) {
        if change == 0 || head.kind == MessageKind::Send || !head.group.is_own() {
            return;
        }
        let of_group = self.groups.entry(head.group).or_default();
        let of = of_group.entry(head.application).or_default();
        *of = of.saturating_add_signed(change);
        if *of == 0 {
            of_group.remove(&head.application);
            if of_group.is_empty() {
                self.groups.remove(&head.group);
            }
        }
        if !heard {
            self.count_unheard(head.application, change);
        }
    }

    /// A page that is there has so many targets more.
    pub(super) fn add(&mut self, head: &PageHead, targets: usize, heard: bool) {
        self.targets += targets;
        *self.held.entry((head.application, head.kind)).or_default() += targets;
        self.count_group(head, targets.cast_signed(), heard);
        self.targets_peak = self.targets_peak.max(self.targets);
    }

    /// A page that is there has so many targets less.
    pub(super) fn remove(&mut self, head: &PageHead, targets: usize, heard: bool) {
        self.targets -= targets;
        self.count_group(head, -targets.cast_signed(), heard);
        let of = (head.application, head.kind);
        if let Some(held) = self.held.get_mut(&of) {
            *held -= targets;
            if *held == 0 {
                self.held.remove(&of);
            }
        }
    }

    /// How full it is.
    pub(super) fn fill(&self, load: &mut EngineLoad) {
        load.targets_in_memory = self.targets;
        load.targets_in_memory_peak = self.targets_peak;
        load.pages_in_memory = self.pages;
        load.pages_in_memory_peak = self.pages_peak;
    }

    /// Whether there is room at all. A sixteenth is kept for Sends, but a page that is alone always fits; deliveries that
    /// have ended and whose page is there may be three times as many as others, and pages as many as a quarter of targets.
    pub(super) fn fits(&self, kind: MessageKind, targets: usize) -> bool {
        let max = match kind {
            MessageKind::Send => self.targets_max,
            MessageKind::Broadcast => self.broadcasts_max(),
        };
        let pages_fit = kind == MessageKind::Send
            || (self.pages < (self.targets_max / 4).max(1) && self.entries < 4 * self.targets_max);
        pages_fit && (self.targets + targets <= max || self.targets == 0)
    }

    /// Whether another page may come of a group whose origin does not answer. All such take a quarter together, and an
    /// application at most three times of what of it is free.
    pub(super) fn fits_unheard(&self, application: ApplicationId) -> bool {
        let free = (self.targets_max / 4).saturating_sub(self.unheard);
        match self.unheard_by_application.get(&application) {
            Some(held) => held + PAGE_DELIVERIES_MAX <= 3 * free.saturating_sub(PAGE_DELIVERIES_MAX),
            None => free >= PAGE_DELIVERIES_MAX || self.unheard == 0,
        }
    }

    fn broadcasts_max(&self) -> usize {
        self.targets_max - self.targets_max / 16
    }

    /// Whether another broadcast's page may come of an application, of which so many pages are in memory in the same room.
    /// Each takes less the less is free: an application at most three times of what is free, a room as much as is free.
    /// So whoever comes finds room, however many came before; the last sixteenth is for applications that hold nothing.
    pub(super) fn may_grow(&self, application: ApplicationId, pages_of_room: usize) -> bool {
        let Some(held) = self.held.get(&(application, MessageKind::Broadcast)) else { return true };
        let free = self.broadcasts_max().saturating_sub(self.targets + PAGE_DELIVERIES_MAX);
        let modest = held + PAGE_DELIVERIES_MAX <= 3 * free;
        let least = pages_of_room == 0 && free >= self.targets_max / 8;
        let grows = least || (modest && pages_of_room * PAGE_DELIVERIES_MAX <= free);
        grows && free >= self.targets_max / 16
    }

    /// The same for so many targets of a Send: broadcasts do not count against them.
    pub(super) fn may_send(&self, application: ApplicationId, targets: usize) -> bool {
        let Some(held) = self.held.get(&(application, MessageKind::Send)) else { return true };
        held + targets <= 3 * self.targets_max.saturating_sub(self.targets + targets)
    }

    /// Whether what rests, so many pages of a room, takes what others could use.
    pub(super) fn is_short(&self, pages_of_room: usize) -> bool {
        pages_of_room * PAGE_DELIVERIES_MAX > self.targets_max.saturating_sub(self.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MessageId, OriginId, Timestamp};
    use crate::store::PageKey;

    const PAGE: usize = PAGE_DELIVERIES_MAX;

    fn head(application: u32, kind: MessageKind) -> PageHead {
        let key = PageKey { message: MessageId([1; 16]), number: 0 };
        let (application, due) = (ApplicationId(application), Timestamp::default());
        PageHead { application, key, group: GroupId(0), kind, due, starts: 0 }
    }

    /// Lets an application fill what it may, page by page, over so many rooms.
    fn fill(memory: &mut Memory, application: u32, rooms: usize) -> usize {
        let head = head(application, MessageKind::Broadcast);
        let mut pages = 0;
        while memory.fits(head.kind, PAGE) && memory.may_grow(head.application, pages / rooms) {
            memory.page_in(&head, PAGE, PAGE, true);
            pages += 1;
        }
        pages
    }

    #[test]
    fn whoever_comes_later_finds_room() {
        for rooms in [1, 8, 64, 200] {
            let mut memory = Memory::new(128 * PAGE);
            assert!(fill(&mut memory, 1, rooms) >= 60, "one alone may take most of it");
            for application in 2..6 {
                assert!(fill(&mut memory, application, rooms) >= 1, "{application} with {rooms} rooms");
            }
            let send = head(1, MessageKind::Send);
            assert!(memory.fits(send.kind, PAGE) && memory.may_send(send.application, PAGE));
            while memory.fits(send.kind, 1) && memory.may_send(send.application, 1) {
                memory.page_in(&send, 1, 1, true);
            }
            assert!(memory.fits(send.kind, 1) && memory.may_send(ApplicationId(2), 1), "{rooms}");
        }
    }

    #[test]
    fn even_the_least_memory_holds_a_page() {
        let mut memory = Memory::new(PAGE);
        assert_eq!(fill(&mut memory, 1, 1), 1);
        assert!(!memory.fits(MessageKind::Send, 1));
        memory.page_out(&head(1, MessageKind::Broadcast), PAGE, PAGE, true);
        assert!(memory.fits(MessageKind::Send, 1));
        let mut load = EngineLoad::default();
        memory.fill(&mut load);
        assert_eq!((load.targets_in_memory, load.targets_in_memory_peak), (0, PAGE));
        assert_eq!((load.pages_in_memory, load.pages_in_memory_peak), (0, 1));
    }

    #[test]
    fn groups_that_do_not_answer_take_a_quarter_together() {
        let mut memory = Memory::new(128 * PAGE);
        let of = |application, origin| PageHead {
            group: GroupId::of(OriginId(origin)),
            ..head(application, MessageKind::Broadcast)
        };
        let fill = |memory: &mut Memory, application| {
            let mut pages = 0;
            while memory.fits_unheard(ApplicationId(application)) {
                memory.page_in(&of(application, pages), PAGE, PAGE, false);
                pages += 1;
            }
            pages
        };
        assert_eq!(fill(&mut memory, 1), 24);
        let others: Vec<_> = (2..5).map(|application| fill(&mut memory, application)).collect();
        assert_eq!(others, [6, 1, 1], "whoever comes later finds room");
        assert!(!memory.fits_unheard(ApplicationId(6)));
        memory.hear(GroupId::of(OriginId(0)), true);
        assert!(memory.fits_unheard(ApplicationId(6)));
        memory.hear(GroupId::of(OriginId(0)), false);
        assert!(!memory.fits_unheard(ApplicationId(6)));
        for application in 1..5 {
            memory.page_out(&of(application, 0), PAGE, PAGE, false);
        }
        assert!(memory.fits_unheard(ApplicationId(6)));
    }
}
