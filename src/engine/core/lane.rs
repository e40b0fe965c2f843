//! A lane: what waits for one origin, by class, application and message. Whether any of it may start says its
//! [gate](super::gate).

use std::collections::{HashMap, VecDeque};

use crate::domain::{ApplicationId, MessageId, MessageKind, OriginId};

use super::page::EntryRef;
use super::turns::{Shares, Turns};

/// Deliveries of one message that are started in a row before the application's next message has its turn: long enough
/// that a commit touches few messages, short enough that a small broadcast is not stuck behind a big one.
pub(super) const RUN: u32 = 64;

/// Starts in a row without being refused after which a lane counts as one that has room for all.
const UNCROWDED_AFTER: u32 = 64;

/// What waits of one message; nothing of it starts while it is set aside.
#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<EntryRef>,
    aside: bool,
}

/// What waits of one application.
#[derive(Debug, Default)]
struct Line {
    messages: HashMap<MessageId, Waiting>,
    /// Those of the messages that are not set aside, in turn.
    turns: VecDeque<MessageId>,
    /// How many of the first message's were taken in this turn.
    run: u32,
    /// Those that were brought back: what may start now of a message with a rate of its own does not wait for the runs of
    /// others. They have every second start at most.
    brought_back: VecDeque<MessageId>,
    /// The last start was of one that was brought back.
    interrupted: bool,
    /// It stands among the [`Turns`].
    offered: bool,
    /// It starts nothing until it is released.
    held: bool,
}

impl Line {
    /// Whether one that was brought back is next.
    fn interrupts(&self) -> bool {
        !self.brought_back.is_empty() && (!self.interrupted || self.turns.is_empty())
    }

    fn next(&self) -> Option<MessageId> {
        if self.interrupts() { self.brought_back.front().copied() } else { self.turns.front().copied() }
    }

    fn pop(&mut self) -> Option<EntryRef> {
        self.interrupted = self.interrupts();
        let message = if self.interrupted { self.brought_back.front() } else { self.turns.front() };
        let message = *message?;
        let waiting = self.messages.get_mut(&message)?;
        let entry = waiting.entries.pop_front();
        if waiting.entries.is_empty() {
            self.messages.remove(&message);
        }
        if self.interrupted {
            self.brought_back.rotate_left(1);
        } else {
            self.run += 1;
            if self.run >= RUN {
                self.run = 0;
                self.turns.rotate_left(1);
            }
        }
        self.drop_stale();
        entry
    }

    /// Takes the next message out of the turns.
    fn set_aside(&mut self) {
        let message = if self.interrupts() {
            self.brought_back.pop_front()
        } else {
            self.run = 0;
            self.turns.pop_front()
        };
        if let Some(waiting) = message.and_then(|message| self.messages.get_mut(&message)) {
            waiting.aside = true;
        }
        self.drop_stale();
    }

    /// The first of the turns are always messages of which something waits.
    fn drop_stale(&mut self) {
        while self.turns.front().is_some_and(|message| !self.messages.contains_key(message)) {
            self.run = 0;
            self.turns.pop_front();
        }
        while self.brought_back.front().is_some_and(|message| !self.messages.contains_key(message)) {
            self.brought_back.pop_front();
        }
    }

    fn may_start(&self) -> bool {
        !self.held && self.next().is_some()
    }
}

/// What waits of one class.
#[derive(Debug, Default)]
struct Queue {
    lines: HashMap<ApplicationId, Line>,
    /// Of what this lane can start.
    shares: Shares,
    /// Above 0: the lane had no room when something was to start. Then its room is what applications compete for, and it
    /// offers one turn at a time, to whom it owes it; otherwise it has room for all that wait.
    crowded: u32,
    /// Lines that are offered.
    offered: usize,
    len: usize,
}

impl Queue {
    /// Has the line of an application among the turns, if it may start something.
    fn offer_line(
        &mut self,
        kind: MessageKind,
        application: ApplicationId,
        origin: OriginId,
        turns: &mut Turns,
    ) {
        if let Some(line) = self.lines.get_mut(&application)
            && line.may_start()
            && !line.offered
        {
            line.offered = true;
            self.offered += 1;
            let others_wait = self.crowded > 0 && self.shares.in_order().nth(1).is_some();
            turns.offer(kind, application, origin, others_wait);
        }
    }

    fn offer(&mut self, kind: MessageKind, origin: OriginId, turns: &mut Turns) {
        if self.crowded == 0 {
            let applications: Vec<_> = self.shares.in_order().collect();
            for application in applications {
                self.offer_line(kind, application, origin, turns);
            }
        } else if self.offered == 0
            && let Some(application) = self.shares.first()
        {
            self.offer_line(kind, application, origin, turns);
        }
    }

    /// Counts an application in or out of those that have something to start.
    fn weigh(&mut self, application: ApplicationId) {
        match self.lines.get(&application) {
            Some(line) if line.may_start() => self.shares.join(application),
            Some(line) if line.messages.is_empty() => {
                self.offered -= usize::from(line.offered);
                self.lines.remove(&application);
                self.shares.forget(application);
            }
            Some(_) => self.shares.leave(application),
            None => {}
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    classes: [Queue; 2],
}

impl Lane {
    fn class(&mut self, kind: MessageKind) -> &mut Queue {
        &mut self.classes[kind as usize]
    }

    pub(super) fn push(&mut self, kind: MessageKind, application: ApplicationId, entry: EntryRef) {
        let queue = self.class(kind);
        queue.len += 1;
        let line = queue.lines.entry(application).or_default();
        let message = entry.page.message;
        line.messages
            .entry(message)
            .or_insert_with(|| {
                line.turns.push_back(message);
                Waiting::default()
            })
            .entries
            .push_back(entry);
        queue.weigh(application);
    }

    /// The message of an application that would start something next.
    pub(super) fn next_message(&self, kind: MessageKind, application: ApplicationId) -> Option<MessageId> {
        self.classes[kind as usize].lines.get(&application)?.next()
    }

    pub(super) fn pop(&mut self, kind: MessageKind, application: ApplicationId) -> Option<EntryRef> {
        let queue = self.class(kind);
        let entry = queue.lines.get_mut(&application)?.pop()?;
        queue.len -= 1;
        queue.weigh(application);
        Some(entry)
    }

    /// Puts the lane among those with something to start, for each application that has or for the one whose turn it is.
    pub(super) fn offer(&mut self, kind: MessageKind, origin: OriginId, turns: &mut Turns) {
        self.class(kind).offer(kind, origin, turns);
    }

    /// The same when only what this application has may have changed.
    pub(super) fn offer_for(
        &mut self,
        kind: MessageKind,
        application: ApplicationId,
        origin: OriginId,
        turns: &mut Turns,
    ) {
        let queue = self.class(kind);
        if queue.crowded > 0 {
            queue.offer(kind, origin, turns);
        } else {
            queue.offer_line(kind, application, origin, turns);
        }
    }

    /// A turn of an application was taken out. Answers whether it is the application's turn indeed.
    pub(super) fn take_turn(&mut self, kind: MessageKind, application: ApplicationId) -> bool {
        let queue = self.class(kind);
        let Some(line) = queue.lines.get_mut(&application) else { return false };
        if !std::mem::take(&mut line.offered) {
            return false;
        }
        queue.offered -= 1;
        line.may_start() && (queue.crowded == 0 || queue.shares.first() == Some(application))
    }

    /// It had no room when something was to start. It is to be offered when it has.
    pub(super) fn is_crowded(&mut self, kind: MessageKind) {
        self.class(kind).crowded = UNCROWDED_AFTER;
    }

    /// An attempt of the application was started.
    pub(super) fn charge(
        &mut self,
        kind: MessageKind,
        application: ApplicationId,
        weight: u32,
        origin: OriginId,
        turns: &mut Turns,
    ) {
        let queue = self.class(kind);
        if queue.lines.contains_key(&application) {
            queue.shares.charge(application, weight);
        }
        if queue.crowded > 0 {
            queue.crowded -= 1;
            queue.offer(kind, origin, turns);
        }
    }

    /// Nothing of the application starts here until it is released.
    pub(super) fn hold(&mut self, application: ApplicationId) {
        self.set_held(application, true);
    }

    /// The opposite of [`Lane::hold`]; to be offered then.
    pub(super) fn release(&mut self, application: ApplicationId) {
        self.set_held(application, false);
    }

    fn set_held(&mut self, application: ApplicationId, held: bool) {
        for queue in &mut self.classes {
            if let Some(line) = queue.lines.get_mut(&application) {
                line.held = held;
                queue.weigh(application);
            }
        }
    }

    /// Nothing of the message that is next of an application starts here until it is brought back.
    pub(super) fn set_aside(&mut self, kind: MessageKind, application: ApplicationId) {
        let queue = self.class(kind);
        if let Some(line) = queue.lines.get_mut(&application) {
            line.set_aside();
            queue.weigh(application);
        }
    }

    /// The opposite of [`Lane::set_aside`]; to be offered then.
    pub(super) fn bring_back(&mut self, kind: MessageKind, application: ApplicationId, message: MessageId) {
        let queue = self.class(kind);
        if let Some(line) = queue.lines.get_mut(&application)
            && line.messages.get_mut(&message).is_some_and(|of| std::mem::take(&mut of.aside))
        {
            line.brought_back.push_back(message);
            queue.weigh(application);
        }
    }

    /// Takes out all that waits of a message.
    pub(super) fn forget(&mut self, kind: MessageKind, application: ApplicationId, message: MessageId) {
        let queue = self.class(kind);
        if let Some(line) = queue.lines.get_mut(&application)
            && let Some(waiting) = line.messages.remove(&message)
        {
            queue.len -= waiting.entries.len();
            line.drop_stale();
            queue.weigh(application);
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.classes.iter().map(|queue| queue.len).sum()
    }

    /// Nothing waits: it may be forgotten.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PageKey;

    #[test]
    fn messages_take_turns_and_sends_have_their_own_queue() {
        let (big, small) = (MessageId([1; 16]), MessageId([2; 16]));
        let application = ApplicationId(1);
        let entry = |message, index| EntryRef { page: PageKey { message, number: 0 }, index };
        let mut lane = Lane::default();
        for index in 0..200 {
            lane.push(MessageKind::Broadcast, application, entry(big, index));
        }
        lane.push(MessageKind::Broadcast, application, entry(small, 0));
        lane.push(MessageKind::Send, application, entry(small, 1));
        assert_eq!(lane.pop(MessageKind::Send, application), Some(entry(small, 1)));
        let order: Vec<_> = std::iter::from_fn(|| lane.pop(MessageKind::Broadcast, application)).collect();
        assert_eq!(order.len(), 201);
        assert_eq!(order.iter().position(|entry| entry.page.message == small), Some(RUN as usize));
        assert!(lane.is_empty());
    }

    #[test]
    fn a_message_set_aside_is_passed_over_until_it_is_brought_back() {
        let (paced, other) = (MessageId([1; 16]), MessageId([2; 16]));
        let (kind, application) = (MessageKind::Broadcast, ApplicationId(1));
        let entry = |message, index| EntryRef { page: PageKey { message, number: 0 }, index };
        let mut lane = Lane::default();
        lane.push(kind, application, entry(paced, 0));
        lane.push(kind, application, entry(other, 0));
        assert_eq!(lane.next_message(kind, application), Some(paced));
        lane.set_aside(kind, application);
        lane.push(kind, application, entry(paced, 1));
        assert_eq!(lane.pop(kind, application), Some(entry(other, 0)));
        assert_eq!((lane.pop(kind, application), lane.len()), (None, 2));
        for index in 1..9 {
            lane.push(kind, application, entry(other, index));
        }
        assert_eq!(lane.pop(kind, application), Some(entry(other, 1)));
        lane.bring_back(kind, application, paced);
        assert_eq!(lane.pop(kind, application), Some(entry(paced, 0)), "in the middle of a run");
        assert_eq!(lane.pop(kind, application), Some(entry(other, 2)), "every second one");
        assert_eq!(lane.pop(kind, application), Some(entry(paced, 1)));
        assert_eq!(lane.pop(kind, application), Some(entry(other, 3)));
    }
}
