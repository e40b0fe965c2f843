//! Pages that wait in the store: which of them may be loaded next. Of each it holds the head, no delivery.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{ApplicationId, MessageId, MessageKind, Timestamp};
use crate::store::{GroupId, PageHead, PageKey};

/// Ready pages of one group by class and message: the classes in order of precedence, the messages in turn.
#[derive(Debug, Default)]
struct Group {
    ready: BTreeMap<(MessageKind, MessageId), BTreeSet<u32>>,
    last_served: Option<(MessageKind, MessageId)>,
    /// Of broadcasts: those of Sends are small, and bounded by their targets.
    in_memory: usize,
    /// Others in memory: of these nothing waits in a lane or is under way, only for another attempt.
    resting: usize,
}

impl Group {
    /// The class of what would be loaded next, if there is room for it.
    fn next_kind(&self, pages_max: usize) -> Option<MessageKind> {
        let (kind, _) = *self.ready.first_key_value()?.0;
        (kind == MessageKind::Send || self.in_memory < pages_max).then_some(kind)
    }
}

/// A group whose only origin takes nothing.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    until: Timestamp,
    /// Afterwards one page at a time comes into memory, until it is unblocked: for a probe.
    probe: bool,
    over: bool,
}

#[derive(Debug, Default)]
pub(super) struct Backlog {
    blocked: BTreeMap<GroupId, Blocked>,
    /// In order, so that those of one message stand together.
    heads: BTreeMap<PageKey, PageHead>,
    sleeping: BTreeSet<(Timestamp, PageKey)>,
    groups: BTreeMap<GroupId, Group>,
}

impl Backlog {
    /// Puts a page to wait for its time.
    pub(super) fn add(&mut self, head: PageHead) {
        self.heads.insert(head.key, head);
        self.sleeping.insert((head.due, head.key));
    }

    /// When the next page becomes ready.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let blocked = self.blocked.values().filter(|blocked| !blocked.over).map(|blocked| blocked.until);
        self.sleeping.first().map(|(due, _)| *due).into_iter().chain(blocked).min()
    }

    /// Nothing of a group is loaded until then; afterwards, for a probe, one page at a time until it is unblocked.
    pub(super) fn block(&mut self, group: GroupId, until: Timestamp, probe: bool) {
        self.blocked.insert(group, Blocked { until, probe, over: false });
    }

    /// A probe of a group came through.
    pub(super) fn unblock(&mut self, group: GroupId) {
        if self.blocked.get(&group).is_some_and(|blocked| blocked.probe) {
            self.blocked.remove(&group);
        }
    }

    /// How many pages of a group may be in memory.
    fn pages_max(&self, group: GroupId, pages_max: usize) -> usize {
        match self.blocked.get(&group) {
            None => pages_max,
            Some(Blocked { over: false, .. }) => 0,
            Some(Blocked { over: true, .. }) => pages_max.min(1),
        }
    }

    /// All pages of an application that sleep are ready at once.
    pub(super) fn hasten(&mut self, application: ApplicationId, now: Timestamp) {
        let early = |(due, key): &(Timestamp, PageKey)| {
            *due > now && self.heads.get(key).is_some_and(|head| head.application == application)
        };
        let sleeping: Vec<_> = self.sleeping.iter().copied().filter(early).collect();
        for (due, key) in sleeping {
            self.sleeping.remove(&(due, key));
            self.sleeping.insert((now, key));
            if let Some(head) = self.heads.get_mut(&key) {
                head.due = now;
            }
        }
    }

    /// Makes those ready whose time has come.
    pub(super) fn wake(&mut self, now: Timestamp) {
        self.blocked.retain(|_, blocked| {
            blocked.over = blocked.until <= now;
            !blocked.over || blocked.probe
        });
        while let Some((due, key)) = self.sleeping.first().copied() {
            if due > now {
                break;
            }
            self.sleeping.remove(&(due, key));
            if let Some(head) = self.heads.get(&key) {
                let group = self.groups.entry(head.group).or_default();
                group.ready.entry((head.kind, key.message)).or_default().insert(key.number);
            }
        }
    }

    /// Whether a new page may come into memory without overtaking one that waits.
    pub(super) fn has_room(&self, head: &PageHead, pages_max: usize) -> bool {
        let pages_max = self.pages_max(head.group, pages_max);
        head.kind == MessageKind::Send
            || self
                .groups
                .get(&head.group)
                .is_none_or(|group| group.in_memory < pages_max && group.ready.is_empty())
                && pages_max > 0
    }

    /// A page has come into memory.
    pub(super) fn enter(&mut self, head: &PageHead) {
        if head.kind == MessageKind::Broadcast {
            self.groups.entry(head.group).or_default().in_memory += 1;
        }
    }

    /// All that is left of a page in memory waits for another attempt: it makes room for a fresh one.
    pub(super) fn rest(&mut self, head: &PageHead) {
        self.count(head, |group| {
            group.in_memory = group.in_memory.saturating_sub(1);
            group.resting += 1;
        });
    }

    /// Something of a resting page is to be attempted again.
    pub(super) fn resume(&mut self, head: &PageHead) {
        self.count(head, |group| {
            group.resting = group.resting.saturating_sub(1);
            group.in_memory += 1;
        });
    }

    /// Whether as many pages of a group rest as may: a group whose origin is broken must not fill the memory.
    pub(super) fn rests_too_many(&self, head: &PageHead, pages_max: usize) -> bool {
        self.groups.get(&head.group).is_some_and(|group| group.resting > pages_max)
    }

    /// A page has left memory.
    pub(super) fn leave(&mut self, head: &PageHead, resting: bool) {
        self.count(head, |group| {
            let counter = if resting { &mut group.resting } else { &mut group.in_memory };
            *counter = counter.saturating_sub(1);
        });
    }

    fn count(&mut self, head: &PageHead, change: impl FnOnce(&mut Group)) {
        let Some(group) = self.groups.get_mut(&head.group) else { return };
        if head.kind == MessageKind::Broadcast {
            change(group);
        }
        if group.in_memory == 0 && group.resting == 0 && group.ready.is_empty() {
            self.groups.remove(&head.group);
        }
    }

    /// The next page to load, of any group with room, and counts it as in memory. Sends go first; broadcasts take turns.
    pub(super) fn take(&mut self, pages_max: usize) -> Option<PageHead> {
        let precedence = |(id, group): (&GroupId, &Group)| {
            Some((group.next_kind(self.pages_max(*id, pages_max))?, group.in_memory, *id))
        };
        let (_, _, id) = self.groups.iter().filter_map(precedence).min()?;
        let group = self.groups.get_mut(&id)?;
        let first = *group.ready.first_key_value()?.0;
        let after_last = group.last_served.filter(|last| last.0 == first.0).and_then(|last| {
            let behind = (std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded);
            group.ready.range(behind).next().map(|(turn, _)| *turn).filter(|turn| turn.0 == first.0)
        });
        let turn = after_last.unwrap_or(first);
        let numbers = group.ready.get_mut(&turn)?;
        let number = numbers.pop_first()?;
        if numbers.is_empty() {
            group.ready.remove(&turn);
        }
        group.last_served = Some(turn);
        if turn.0 == MessageKind::Broadcast {
            group.in_memory += 1;
        }
        self.heads.remove(&PageKey { message: turn.1, number })
    }

    /// Takes a page of a message out, whatever its time and its group's room, and counts it as in memory.
    pub(super) fn take_of(&mut self, message: MessageId) -> Option<PageHead> {
        let of_message = PageKey { message, number: 0 }..=PageKey { message, number: u32::MAX };
        let (key, head) = self.heads.range(of_message).next().map(|(key, head)| (*key, *head))?;
        self.heads.remove(&key);
        self.sleeping.remove(&(head.due, key));
        if let Some(group) = self.groups.get_mut(&head.group)
            && let Some(numbers) = group.ready.get_mut(&(head.kind, message))
        {
            numbers.remove(&key.number);
            if numbers.is_empty() {
                group.ready.remove(&(head.kind, message));
            }
        }
        self.enter(&head);
        Some(head)
    }

    /// Pages that wait.
    pub(super) fn len(&self) -> usize {
        self.heads.len()
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

    #[test]
    fn sends_first_then_broadcasts_in_turn_when_due() {
        let mut backlog = Backlog::default();
        for number in 0..3 {
            backlog.add(head(MessageKind::Broadcast, 1, number, 10));
        }
        backlog.add(head(MessageKind::Broadcast, 2, 0, 10));
        backlog.add(head(MessageKind::Send, 3, 0, 10));
        backlog.add(head(MessageKind::Send, 4, 0, 20));
        backlog.wake(Timestamp::from_secs(9));
        assert_eq!(backlog.take(8), None);
        backlog.wake(Timestamp::from_secs(10));
        assert_eq!(backlog.next_due(), Some(Timestamp::from_secs(20)));
        let mut order = Vec::new();
        while let Some(head) = backlog.take(3) {
            order.push(head.key.message.0[0]);
        }
        assert_eq!(order, [3, 1, 2, 1], "three broadcasts fit");
        backlog.rest(&head(MessageKind::Broadcast, 1, 0, 10));
        assert_eq!(backlog.take(3).map(|head| head.key.message.0[0]), Some(1));
        assert_eq!(backlog.len(), 1);
    }
}
