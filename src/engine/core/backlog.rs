//! Pages that wait in the store: which of them may be loaded next. Of those that are ready it holds the numbers only.
//!
//! Applications take turns by weight. Each has a room for every group, so that neither an application nor a group stands
//! in another's way; within a room messages take turns. Messages with a rate of their own need little room for long, and
//! have two pages each instead of their part of a room.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{ApplicationId, MessageId, MessageKind, Timestamp};
use crate::store::{GroupId, PageHead, PageKey};

use super::memory::Memory;
use super::turns::Shares;

/// Pages of a message with a rate of its own that are in memory with something to start.
const PACED_PAGES_MAX: usize = 2;

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

/// A message with a rate of its own.
#[derive(Debug, Default)]
struct Paced {
    ready: BTreeMap<GroupId, BTreeSet<u32>>,
    in_memory: usize,
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

/// A group whose only origin takes nothing.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    until: Timestamp,
    /// Afterwards one page at a time comes into memory, until it is unblocked: for a probe.
    probe: bool,
    over: bool,
}

#[derive(Debug)]
pub(super) struct Backlog {
    /// Pages in memory of one room.
    pages_max: usize,
    applications: HashMap<ApplicationId, Waiting>,
    send_shares: Shares,
    broadcast_shares: Shares,
    /// Heads of those whose time has not come, in order, so that those of one message stand together.
    heads: BTreeMap<PageKey, PageHead>,
    sleeping: BTreeSet<(Timestamp, PageKey)>,
    blocked: HashMap<GroupId, Blocked>,
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

/// How many pages of a group may be in memory for one room.
fn pages_max(blocked: &HashMap<GroupId, Blocked>, group: GroupId, pages_max: usize) -> usize {
    match blocked.get(&group) {
        None => pages_max,
        Some(Blocked { over: false, .. }) => 0,
        Some(Blocked { over: true, .. }) => pages_max.min(1),
    }
}

impl Backlog {
    pub(super) fn new(pages_max: usize) -> Self {
        Self {
            pages_max,
            applications: HashMap::new(),
            send_shares: Shares::default(),
            broadcast_shares: Shares::default(),
            heads: BTreeMap::new(),
            sleeping: BTreeSet::new(),
            blocked: HashMap::new(),
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
            of.paced_open.remove(&(paced.in_memory, message));
            of.paced_in_memory -= paced.in_memory;
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
            match self.blocked.get_mut(&group) {
                Some(blocked) if blocked.probe => blocked.over = true,
                Some(_) | None => {
                    self.blocked.remove(&group);
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
        if let Some(earlier) = self.blocked.insert(group, Blocked { until, probe, over: false }) {
            self.unblocks.remove(&(earlier.until, group));
        }
        self.unblocks.insert((until, group));
        self.reopen(group);
    }

    /// The origin of a group takes something again.
    pub(super) fn unblock(&mut self, group: GroupId) {
        if let Some(blocked) = self.blocked.remove(&group) {
            self.unblocks.remove(&(blocked.until, group));
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
            let waits = |paced: &Paced| paced.ready.contains_key(&group);
            let paced = of.paced.iter().filter(|(_, paced)| waits(paced)).map(|(message, _)| *message);
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
        if let Some(room) = of.rooms.get(&group) {
            // It stands there with what it had before, which differs by one.
            for pages in room.in_memory.saturating_sub(1)..=room.in_memory + 1 {
                of.open.remove(&(pages, group));
            }
            let pages_max = pages_max(&self.blocked, group, self.pages_max);
            // A resting page will do for a probe.
            let probes = self.blocked.get(&group).is_some_and(|blocked| blocked.over) && room.resting > 0;
            let loads = room.in_memory < pages_max && room.resting <= 4 * self.pages_max && !probes;
            if loads && !room.ready.is_empty() {
                of.open.insert((room.in_memory, group));
            } else if room.is_unused() {
                of.rooms.remove(&group);
            }
        }
        if let Some(paced) = of.paced.get(&message) {
            for pages in paced.in_memory.saturating_sub(1)..=paced.in_memory + 1 {
                of.paced_open.remove(&(pages, message));
            }
            let waits = paced.ready.keys().any(|group| pages_max(&self.blocked, *group, 1) > 0);
            if paced.in_memory < PACED_PAGES_MAX && waits {
                of.paced_open.insert((paced.in_memory, message));
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
        let pages_max = pages_max(&self.blocked, head.group, self.pages_max);
        if pages_max == 0 {
            return false;
        }
        if let Some(paced) = of.paced.get(&head.key.message) {
            return paced.ready.is_empty()
                && paced.in_memory < PACED_PAGES_MAX
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
            .is_some_and(|room| room.resting > self.pages_max || memory.is_short(room.resting))
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
                paced.in_memory = paced.in_memory.saturating_add_signed(in_memory);
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
        let (key, group) = of.take(application, memory, &self.blocked)?;
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
    fn may_load_paced(&self, application: ApplicationId, memory: &Memory) -> bool {
        !self.paced_open.is_empty() && memory.may_grow(application, self.paced_in_memory)
    }

    fn may_load(&self, application: ApplicationId, memory: &Memory) -> bool {
        let room = self.open.first().is_some_and(|(pages, _)| memory.may_grow(application, *pages));
        room || self.may_load_paced(application, memory)
    }

    fn take(
        &mut self,
        application: ApplicationId,
        memory: &Memory,
        blocked: &HashMap<GroupId, Blocked>,
    ) -> Option<(PageKey, GroupId)> {
        if self.may_load_paced(application, memory) {
            let (_, message) = *self.paced_open.first()?;
            let paced = self.paced.get_mut(&message)?;
            let group = *paced.ready.keys().find(|group| pages_max(blocked, **group, 1) > 0)?;
            let number = take_first(&mut paced.ready, group)?;
            return Some((PageKey { message, number }, group));
        }
        let (_, group) = *self.open.first()?;
        Some((self.rooms.get_mut(&group)?.take()?, group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(kind: MessageKind, message: u8, number: u32, due: u64) -> PageHead {
        PageHead {
            application: ApplicationId(1),
            key: PageKey { message: MessageId([message; 16]), number },
            group: GroupId(1),
            kind,
            due: Timestamp::from_secs(due),
            starts: 0,
        }
    }

    fn take_all(backlog: &mut Backlog) -> Vec<u8> {
        let memory = Memory::new(1_000 * PAGE_DELIVERIES_MAX);
        std::iter::from_fn(|| backlog.take(&memory)).map(|head| head.key.message.0[0]).collect()
    }

    #[test]
    fn sends_first_then_broadcasts_in_turn_when_due() {
        let mut backlog = Backlog::new(3);
        for number in 0..3 {
            backlog.add(head(MessageKind::Broadcast, 1, number, 10));
        }
        backlog.add(head(MessageKind::Broadcast, 2, 0, 10));
        backlog.add(head(MessageKind::Send, 3, 0, 10));
        backlog.add(head(MessageKind::Send, 4, 0, 20));
        backlog.wake(Timestamp::from_secs(9));
        assert_eq!(take_all(&mut backlog), [0; 0]);
        backlog.wake(Timestamp::from_secs(10));
        assert_eq!(backlog.next_due(), Some(Timestamp::from_secs(20)));
        assert_eq!(take_all(&mut backlog), [3, 1, 2, 1], "three broadcasts fit");
        backlog.rest(&head(MessageKind::Broadcast, 1, 0, 10));
        assert_eq!(take_all(&mut backlog), [1]);
        assert_eq!(backlog.len(), 1);
    }

    #[test]
    fn applications_have_rooms_of_their_own_and_turns_by_weight() {
        let mut backlog = Backlog::new(100);
        for (application, weight) in [(1, 1), (2, 3)] {
            backlog.set_weight(ApplicationId(application), weight);
            for number in 0..90 {
                let of = head(MessageKind::Broadcast, u8::try_from(application).unwrap(), number, 0);
                backlog.add(PageHead { application: ApplicationId(application), ..of });
            }
        }
        backlog.wake(Timestamp::from_secs(1));
        let order = take_all(&mut backlog);
        assert_eq!(order.len(), 180);
        let of_first = order[..40].iter().fold(0, |count, message| count + u32::from(*message == 1));
        assert!((9..=11).contains(&of_first), "{of_first} of 40");
    }

    #[test]
    fn a_blocked_group_is_not_loaded_but_for_endings() {
        let mut backlog = Backlog::new(8);
        for number in 0..3 {
            backlog.add(head(MessageKind::Broadcast, 1, number, 0));
        }
        backlog.block(GroupId(1), Timestamp::from_secs(60), true);
        backlog.wake(Timestamp::from_secs(1));
        assert_eq!(take_all(&mut backlog), [0; 0]);
        assert_eq!(backlog.next_due(), Some(Timestamp::from_secs(60)));
        assert!(backlog.take_of(ApplicationId(1), MessageId([1; 16])).is_some());
        backlog.leave(&head(MessageKind::Broadcast, 1, 0, 0), false);
        backlog.wake(Timestamp::from_secs(60));
        assert_eq!(take_all(&mut backlog), [1], "for a probe");
        backlog.unblock(GroupId(1));
        assert_eq!(take_all(&mut backlog), [1]);
        assert_eq!((backlog.len(), backlog.next_due()), (0, None));
    }

    #[test]
    fn a_paced_message_has_two_pages_and_takes_no_room() {
        let mut backlog = Backlog::new(3);
        backlog.pace(ApplicationId(1), MessageId([9; 16]));
        for number in 0..9 {
            backlog.add(head(MessageKind::Broadcast, 9, number, 0));
            backlog.add(head(MessageKind::Broadcast, 1, number, 0));
        }
        backlog.wake(Timestamp::from_secs(1));
        assert_eq!(take_all(&mut backlog), [9, 9, 1, 1, 1]);
        backlog.leave(&head(MessageKind::Broadcast, 9, 0, 0), false);
        assert_eq!(take_all(&mut backlog), [9]);
        backlog.forget(ApplicationId(1), MessageId([9; 16]));
        assert_eq!(backlog.len(), 6);
    }
}
