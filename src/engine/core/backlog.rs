//! Pages that wait in the store: which of them may be loaded next. Of those that are ready it holds the numbers only.
//!
//! Applications take turns by weight. Each has a room for every group, so that neither an application nor a group stands
//! in another's way; within a room messages take turns. Messages with a rate of their own need little room for long, and
//! have two pages each instead of their part of a room. Of a group whose origin has not answered, or does not any more, one
//! page at a time is in memory, and those of all such together take a part of it only ([`Memory::fits_unheard`]).

mod limits;
mod paced;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{ApplicationId, MessageId, MessageKind, Timestamp};
use crate::store::{GroupId, PageHead, PageKey};

use super::memory::Memory;
use super::turns::Shares;
use limits::{Blocked, Limits, UNHEARD_RANK};
use paced::{PACED_PAGES_MAX, Paced};

/// Broadcasts of one application for one group.
#[derive(Debug, Default)]
struct Room {
    /// Numbers of ready pages by message, in turn.
    ready: BTreeMap<MessageId, BTreeSet<u32>>,
    last_served: Option<MessageId>,
    /// Pages of which something waits in a lane or is under way.
    in_memory: usize,
    /// Others in memory: of these something waits for another attempt only.
    resting: usize,
    /// How it stands among those that may have a page loaded.
    rank: Option<usize>,
}

impl Room {
    /// The next ready page, the messages in turn.
    fn take(&mut self) -> Option<PageKey> {
        let behind = self.last_served.map_or(Bound::Unbounded, Bound::Excluded);
        let after_last = self.ready.range((behind, Bound::Unbounded)).next();
        let message = *after_last.or_else(|| self.ready.first_key_value())?.0;
        let number = take_first(&mut self.ready, message)?;
        Some(PageKey { message, number })
    }

    fn is_unused(&self) -> bool {
        self.ready.is_empty() && self.in_memory == 0 && self.resting == 0
    }
}

#[derive(Debug, Default)]
struct Waiting {
    weight: u32,
    rooms: BTreeMap<GroupId, Room>,
    /// Rooms that may have a page loaded, those with the fewest in memory first.
    open: BTreeSet<(usize, GroupId)>,
    paced: HashMap<MessageId, Paced>,
    /// Those of them that may have a page loaded, those with the fewest in memory first.
    paced_open: BTreeSet<(usize, MessageId)>,
    paced_in_memory: usize,
    /// Ready pages of Sends, by age of their message.
    sends: BTreeMap<PageKey, GroupId>,
}

#[derive(Debug)]
pub(super) struct Backlog {
    limits: Limits,
    applications: HashMap<ApplicationId, Waiting>,
    send_shares: Shares,
    broadcast_shares: Shares,
    /// Heads of those whose time has not come, in order, so that those of one message stand together.
    heads: BTreeMap<PageKey, PageHead>,
    sleeping: BTreeSet<(Timestamp, PageKey)>,
    /// When blocks are over.
    unblocks: BTreeSet<(Timestamp, GroupId)>,
    ready: usize,
}

fn take_first<K: Ord + Copy>(ready: &mut BTreeMap<K, BTreeSet<u32>>, key: K) -> Option<u32> {
    let numbers = ready.get_mut(&key)?;
    let number = numbers.pop_first();
    if numbers.is_empty() {
        ready.remove(&key);
    }
    number
}

impl Backlog {
    pub(super) fn new(pages_max: usize) -> Self {
        Self {
            limits: Limits::new(pages_max),
            applications: HashMap::new(),
            send_shares: Shares::default(),
            broadcast_shares: Shares::default(),
            heads: BTreeMap::new(),
            sleeping: BTreeSet::new(),
            unblocks: BTreeSet::new(),
            ready: 0,
        }
    }

    /// How much an application counts beside others.
    pub(super) fn set_weight(&mut self, application: ApplicationId, weight: u32) {
        self.applications.entry(application).or_default().weight = weight;
    }

    /// See [`Backlog::set_weight`].
    pub(super) fn weight(&self, application: ApplicationId) -> u32 {
        self.applications.get(&application).map_or(1, |of| of.weight)
    }

    /// The message has a rate of its own. To be told before its first page.
    pub(super) fn pace(&mut self, application: ApplicationId, message: MessageId) {
        self.applications.entry(application).or_default().paced.entry(message).or_default();
    }

    /// The message has ended.
    pub(super) fn forget(&mut self, application: ApplicationId, message: MessageId) {
        if let Some(of) = self.applications.get_mut(&application)
            && let Some(paced) = of.paced.remove(&message)
        {
            if let Some(rank) = paced.rank {
                of.paced_open.remove(&(rank, message));
            }
            of.paced_in_memory -= paced.pages();
            self.ready -= paced.ready.values().map(BTreeSet::len).sum::<usize>();
            self.weigh(application);
        }
    }

    /// Puts a page to wait for its time.
    pub(super) fn add(&mut self, head: PageHead) {
        self.heads.insert(head.key, head);
        self.sleeping.insert((head.due, head.key));
    }

    /// When the next page becomes ready.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let page = self.sleeping.first().map(|(due, _)| *due);
        let group = self.unblocks.first().map(|(until, _)| *until);
        page.into_iter().chain(group).min()
    }

    /// Makes those ready whose time has come.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some((until, group)) = self.unblocks.first().copied().filter(|(until, _)| *until <= now) {
            self.unblocks.remove(&(until, group));
            match self.limits.blocked.get_mut(&group) {
                Some(blocked) if blocked.probe => blocked.over = true,
                Some(_) | None => {
                    self.limits.blocked.remove(&group);
                }
            }
            self.reopen(group);
        }
        while let Some((due, key)) = self.sleeping.first().copied().filter(|(due, _)| *due <= now) {
            self.sleeping.remove(&(due, key));
            if let Some(head) = self.heads.remove(&key) {
                self.make_ready(&head);
            }
        }
    }

    fn make_ready(&mut self, head: &PageHead) {
        let PageKey { message, number } = head.key;
        let of = self.applications.entry(head.application).or_default();
        self.ready += 1;
        match (head.kind, of.paced.get_mut(&message)) {
            (MessageKind::Send, _) => {
                of.sends.insert(head.key, head.group);
                self.send_shares.join(head.application);
                return;
            }
            (MessageKind::Broadcast, Some(paced)) => paced.ready.entry(head.group).or_default(),
            (MessageKind::Broadcast, None) => {
                of.rooms.entry(head.group).or_default().ready.entry(message).or_default()
            }
        }
        .insert(number);
        self.open(head.application, head.group, message);
    }

    /// Nothing of a group is loaded until then; afterwards, for a probe, one page of a room at a time until it is unblocked.
    pub(super) fn block(&mut self, group: GroupId, until: Timestamp, probe: bool) {
        if let Some(earlier) = self.limits.blocked.insert(group, Blocked { until, probe, over: false }) {
            self.unblocks.remove(&(earlier.until, group));
        }
        self.unblocks.insert((until, group));
        self.reopen(group);
    }

    /// The origin of a group takes something again.
    pub(super) fn unblock(&mut self, group: GroupId) {
        if let Some(blocked) = self.limits.blocked.remove(&group) {
            self.unblocks.remove(&(blocked.until, group));
            self.reopen(group);
        }
    }

    /// Whether the origin of a group answers. Of those that share a group some may.
    pub(super) fn hears(&self, group: GroupId) -> bool {
        self.limits.hears(group)
    }

    /// The origin of a group of its own answers, or does not. Says whether that is news.
    pub(super) fn hear(&mut self, group: GroupId, heard: bool) -> bool {
        let was_presumed = self.limits.presumed.remove(&group);
        let is_news = if heard { self.limits.heard.insert(group) } else { self.limits.heard.remove(&group) };
        if is_news || was_presumed {
            self.reopen(group);
        }
        is_news
    }

    /// The origin of a group has accepted something before.
    pub(super) fn presume(&mut self, group: GroupId) {
        if !self.limits.hears(group) && self.limits.presumed.insert(group) {
            self.reopen(group);
        }
    }

    /// All pages of an application that sleep are ready at once.
    pub(super) fn hasten(&mut self, application: ApplicationId, now: Timestamp) {
        for head in self.heads.values_mut().filter(|head| head.application == application && head.due > now) {
            self.sleeping.remove(&(head.due, head.key));
            self.sleeping.insert((now, head.key));
            head.due = now;
        }
    }

    /// Finds out what of a group may be loaded.
    fn reopen(&mut self, group: GroupId) {
        let mut concerned = Vec::new();
        for (application, of) in &self.applications {
            let concerns = |of: &Paced| of.ready.contains_key(&group) || of.in_memory.contains_key(&group);
            let paced = of.paced.iter().filter(|(_, paced)| concerns(paced)).map(|(message, _)| *message);
            concerned.extend(paced.map(|message| (*application, message)));
            if of.rooms.contains_key(&group) {
                concerned.push((*application, MessageId([0; 16])));
            }
        }
        for (application, message) in concerned {
            self.open(application, group, message);
        }
    }

    /// Puts a room and a paced message where they belong after a change.
    fn open(&mut self, application: ApplicationId, group: GroupId, message: MessageId) {
        let Some(of) = self.applications.get_mut(&application) else { return };
        let limits = &self.limits;
        if let Some(room) = of.rooms.get_mut(&group) {
            if let Some(rank) = room.rank.take() {
                of.open.remove(&(rank, group));
            }
            let has_room = room.in_memory < limits.pages_max(group) && room.resting <= 4 * limits.pages_max;
            if has_room && limits.loads_beside(group, room.resting) && !room.ready.is_empty() {
                let rank = room.in_memory + limits.rank(group);
                room.rank = Some(rank);
                of.open.insert((rank, group));
            } else if room.is_unused() {
                of.rooms.remove(&group);
            }
        }
        if let Some(paced) = of.paced.get_mut(&message) {
            if let Some(rank) = paced.rank.take() {
                of.paced_open.remove(&(rank, message));
            }
            if let Some(next) = paced.next(limits) {
                let rank = paced.pages() + limits.rank(next);
                paced.rank = Some(rank);
                of.paced_open.insert((rank, message));
            }
        }
        self.weigh(application);
    }

    /// Counts an application in or out of those that have a broadcast's page to load.
    fn weigh(&mut self, application: ApplicationId) {
        let Some(of) = self.applications.get(&application) else { return };
        if of.open.is_empty() && of.paced_open.is_empty() {
            self.broadcast_shares.leave(application);
        } else {
            self.broadcast_shares.join(application);
        }
    }

    /// Whether a new page may come into memory without overtaking one that waits.
    pub(super) fn has_room(&self, head: &PageHead, targets: usize, memory: &Memory) -> bool {
        if head.kind == MessageKind::Send {
            return memory.may_send(head.application, targets);
        }
        let Some(of) = self.applications.get(&head.application) else { return true };
        let pages_max = self.limits.pages_max(head.group);
        if pages_max == 0 || !(self.limits.hears(head.group) || memory.fits_unheard(head.application)) {
            return false;
        }
        if let Some(paced) = of.paced.get(&head.key.message) {
            return paced.ready.is_empty()
                && paced.pages() < PACED_PAGES_MAX
                && memory.may_grow(head.application, of.paced_in_memory);
        }
        let Some(room) = of.rooms.get(&head.group) else { return memory.may_grow(head.application, 0) };
        room.ready.is_empty()
            && room.in_memory < pages_max
            && memory.may_grow(head.application, room.in_memory)
    }

    /// A page has come into memory.
    pub(super) fn enter(&mut self, head: &PageHead) {
        self.count(head, 1, 0);
        let of = self.applications.get_mut(&head.application);
        if let Some(room) = of.and_then(|of| of.rooms.get_mut(&head.group)) {
            room.last_served = Some(head.key.message);
        }
    }

    /// All that is left of a page in memory waits for another attempt: it makes room for a fresh one.
    pub(super) fn rest(&mut self, head: &PageHead) {
        self.count(head, -1, 1);
    }

    /// Something of a resting page is to be attempted again.
    pub(super) fn resume(&mut self, head: &PageHead) {
        self.count(head, 1, -1);
    }

    /// Whether more pages of a room rest than may: a group whose origin is broken must not fill the memory.
    pub(super) fn rests_too_many(&self, head: &PageHead, memory: &Memory) -> bool {
        let of = self.applications.get(&head.application);
        of.and_then(|of| of.rooms.get(&head.group))
            .is_some_and(|room| room.resting > self.limits.pages_max || memory.is_short(room.resting))
    }

    /// A page has left memory.
    pub(super) fn leave(&mut self, head: &PageHead, resting: bool) {
        if resting { self.count(head, 0, -1) } else { self.count(head, -1, 0) }
    }

    fn count(&mut self, head: &PageHead, in_memory: isize, resting: isize) {
        if head.kind == MessageKind::Send {
            return;
        }
        let of = self.applications.entry(head.application).or_default();
        let room = of.rooms.entry(head.group).or_default();
        room.resting = room.resting.saturating_add_signed(resting);
        match of.paced.get_mut(&head.key.message) {
            Some(paced) => {
                let pages = paced.in_memory.entry(head.group).or_default();
                *pages = pages.saturating_add_signed(in_memory);
                if *pages == 0 {
                    paced.in_memory.remove(&head.group);
                }
                of.paced_in_memory = of.paced_in_memory.saturating_add_signed(in_memory);
            }
            None => room.in_memory = room.in_memory.saturating_add_signed(in_memory),
        }
        self.open(head.application, head.group, head.key.message);
    }

    /// The next page to load, if there is room for it, and counts it as in memory. Sends go first; applications take turns.
    pub(super) fn take(&mut self, memory: &Memory) -> Option<PageHead> {
        if memory.fits(MessageKind::Send, PAGE_DELIVERIES_MAX) {
            let next = self.send_shares.in_order().find(|of| memory.may_send(*of, PAGE_DELIVERIES_MAX));
            if let Some(application) = next {
                return self.take_send(application);
            }
        }
        if !memory.fits(MessageKind::Broadcast, PAGE_DELIVERIES_MAX) {
            return None;
        }
        let applications = &self.applications;
        let may_load = |application: &ApplicationId| {
            applications.get(application).is_some_and(|of| of.may_load(*application, memory))
        };
        let application = self.broadcast_shares.in_order().find(may_load)?;
        let of = self.applications.get_mut(&application)?;
        let (key, group) = of.take(application, memory, &self.limits)?;
        let weight = of.weight;
        Some(self.taken(application, key, group, MessageKind::Broadcast, weight))
    }

    fn take_send(&mut self, application: ApplicationId) -> Option<PageHead> {
        let of = self.applications.get_mut(&application)?;
        let (key, group) = of.sends.pop_first()?;
        let weight = of.weight;
        if of.sends.is_empty() {
            self.send_shares.leave(application);
        }
        Some(self.taken(application, key, group, MessageKind::Send, weight))
    }

    fn taken(
        &mut self,
        application: ApplicationId,
        key: PageKey,
        group: GroupId,
        kind: MessageKind,
        weight: u32,
    ) -> PageHead {
        match kind {
            MessageKind::Send => self.send_shares.charge(application, weight),
            MessageKind::Broadcast => self.broadcast_shares.charge(application, weight),
        }
        self.ready -= 1;
        // Its time has come; when is of no interest any more.
        let head = PageHead { application, key, group, kind, due: Timestamp::default(), starts: 0 };
        self.enter(&head);
        head
    }

    /// Takes a page of a message out, whatever its time and its group's room, and counts it as in memory.
    pub(super) fn take_of(&mut self, application: ApplicationId, message: MessageId) -> Option<PageHead> {
        let of_message = PageKey { message, number: 0 }..=PageKey { message, number: u32::MAX };
        if let Some((key, head)) =
            self.heads.range(of_message.clone()).next().map(|(key, head)| (*key, *head))
        {
            self.heads.remove(&key);
            self.sleeping.remove(&(head.due, key));
            self.enter(&head);
            return Some(head);
        }
        let of = self.applications.get_mut(&application)?;
        let weight = of.weight;
        if let Some((key, group)) = of.sends.range(of_message).next().map(|(key, group)| (*key, *group)) {
            of.sends.remove(&key);
            if of.sends.is_empty() {
                self.send_shares.leave(application);
            }
            return Some(self.taken(application, key, group, MessageKind::Send, weight));
        }
        let paced = of.paced.get_mut(&message).and_then(|paced| {
            let group = *paced.ready.first_key_value()?.0;
            Some((take_first(&mut paced.ready, group)?, group))
        });
        let mut rooms = of.rooms.iter_mut();
        let (number, group) = paced.or_else(|| {
            rooms.find_map(|(group, room)| Some((take_first(&mut room.ready, message)?, *group)))
        })?;
        Some(self.taken(application, PageKey { message, number }, group, MessageKind::Broadcast, weight))
    }

    /// Pages that wait.
    pub(super) fn len(&self) -> usize {
        self.heads.len() + self.ready
    }
}

impl Waiting {
    fn may_load(&self, application: ApplicationId, memory: &Memory) -> bool {
        self.next_paced(application, memory).is_some() || self.next_room(application, memory).is_some()
    }

    /// The message with a rate of its own that may have a page loaded next.
    fn next_paced(&self, application: ApplicationId, memory: &Memory) -> Option<MessageId> {
        let (rank, message) = *self.paced_open.first()?;
        let fits = rank < UNHEARD_RANK || memory.fits_unheard(application);
        (fits && memory.may_grow(application, self.paced_in_memory)).then_some(message)
    }

    /// The room that may have a page loaded next: one that is heard, if there is one.
    fn next_room(&self, application: ApplicationId, memory: &Memory) -> Option<GroupId> {
        let heard = self.open.first().filter(|(rank, _)| *rank < UNHEARD_RANK);
        if let Some((pages, group)) = heard
            && memory.may_grow(application, *pages)
        {
            return Some(*group);
        }
        let (rank, group) = self.open.range((UNHEARD_RANK, GroupId(0))..).next()?;
        let may_grow = memory.fits_unheard(application) && memory.may_grow(application, rank % UNHEARD_RANK);
        may_grow.then_some(*group)
    }

    fn take(
        &mut self,
        application: ApplicationId,
        memory: &Memory,
        limits: &Limits,
    ) -> Option<(PageKey, GroupId)> {
        if let Some(message) = self.next_paced(application, memory) {
            let paced = self.paced.get_mut(&message)?;
            let group = paced.next(limits)?;
            let number = take_first(&mut paced.ready, group)?;
            return Some((PageKey { message, number }, group));
        }
        let group = self.next_room(application, memory)?;
        Some((self.rooms.get_mut(&group)?.take()?, group))
    }
}

#[cfg(test)]
mod tests;
