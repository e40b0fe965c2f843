//! A lane: what waits for one origin. Whether any of it may start says its [gate](super::gate).

use std::collections::VecDeque;

use crate::domain::{MessageId, MessageKind, OriginId};

use super::page::EntryRef;

/// Deliveries of one message that are started in a row before the next message has its turn: long enough that a commit
/// touches few messages, short enough that a small broadcast is not stuck behind a big one.
const RUN: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct Lane {
    sends: VecDeque<EntryRef>,
    /// By message, in turn.
    broadcasts: VecDeque<(MessageId, VecDeque<EntryRef>)>,
    /// How many of the first message's were started in this turn.
    run: u32,
    /// Whether it stands among the lanes with something to start, by class.
    has_turn: [bool; 2],
}

impl Lane {
    pub(super) fn push(&mut self, kind: MessageKind, entry: EntryRef) {
        match kind {
            MessageKind::Send => self.sends.push_back(entry),
            MessageKind::Broadcast => {
                let message = entry.page.message;
                match self.broadcasts.iter_mut().find(|(of, _)| *of == message) {
                    Some((_, queue)) => queue.push_back(entry),
                    None => self.broadcasts.push_back((message, VecDeque::from([entry]))),
                }
            }
        }
    }

    pub(super) fn pop(&mut self, kind: MessageKind) -> Option<EntryRef> {
        match kind {
            MessageKind::Send => self.sends.pop_front(),
            MessageKind::Broadcast => self.pop_broadcast(),
        }
    }

    fn pop_broadcast(&mut self) -> Option<EntryRef> {
        let (_, queue) = self.broadcasts.front_mut()?;
        let entry = queue.pop_front();
        self.run += 1;
        let empty = queue.is_empty();
        if empty || self.run == RUN {
            self.run = 0;
            let turn = self.broadcasts.pop_front();
            self.broadcasts.extend(turn.filter(|_| !empty));
        }
        entry
    }

    /// Puts the lane among those with something to start, if it has and is not among them yet.
    pub(super) fn offer(&mut self, kind: MessageKind, origin: OriginId, turns: &mut VecDeque<OriginId>) {
        if self.has(kind) && !std::mem::replace(&mut self.has_turn[kind as usize], true) {
            turns.push_back(origin);
        }
    }

    /// It has been taken out of them.
    pub(super) fn take_turn(&mut self, kind: MessageKind) {
        self.has_turn[kind as usize] = false;
    }

    pub(super) fn has(&self, kind: MessageKind) -> bool {
        match kind {
            MessageKind::Send => !self.sends.is_empty(),
            MessageKind::Broadcast => !self.broadcasts.is_empty(),
        }
    }

    /// Nothing waits: it may be forgotten.
    pub(super) fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.broadcasts.is_empty()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.sends.len() + self.broadcasts.iter().map(|(_, queue)| queue.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PageKey;

    #[test]
    fn messages_take_turns_and_sends_have_their_own_queue() {
        let (big, small) = (MessageId([1; 16]), MessageId([2; 16]));
        let entry = |message, index| EntryRef { page: PageKey { message, number: 0 }, index };
        let mut lane = Lane::default();
        for index in 0..200 {
            lane.push(MessageKind::Broadcast, entry(big, index));
        }
        lane.push(MessageKind::Broadcast, entry(small, 0));
        lane.push(MessageKind::Send, entry(small, 1));
        assert_eq!(lane.pop(MessageKind::Send), Some(entry(small, 1)));
        let order: Vec<_> = std::iter::from_fn(|| lane.pop(MessageKind::Broadcast)).collect();
        assert_eq!(order.len(), 201);
        assert_eq!(order.iter().position(|entry| entry.page.message == small), Some(RUN as usize));
        assert!(lane.is_empty());
    }
}
