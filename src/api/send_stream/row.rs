//! What a reader has passed of the commit in which it stands.

use std::collections::{HashMap, HashSet};

use crate::domain::MessageId;
use crate::engine::feed::Position;
use crate::store::MessageRecord;

/// The events and ends of one commit that have been passed. Bounded by what one commit holds.
#[derive(Debug, Default)]
pub(super) struct Row {
    seq: u64,
    /// Of each message, the index of the last event in its segment.
    events: HashMap<MessageId, u32>,
    ended: HashSet<MessageId>,
}

impl Row {
    /// An event was passed.
    pub(super) fn pass(&mut self, message: MessageId, seq: u64, index: u32) {
        self.at(seq).events.insert(message, index);
    }

    /// The end of a message was passed.
    pub(super) fn pass_end(&mut self, message: MessageId, seq: u64) {
        self.at(seq).ended.insert(message);
    }

    fn at(&mut self, seq: u64) -> &mut Self {
        if seq != self.seq {
            self.seq = seq;
            self.events.clear();
            self.ended.clear();
        }
        self
    }

    /// Whether a reader at this position has passed that event.
    pub(super) fn has_passed(&self, position: Position, message: MessageId, seq: u64, index: u32) -> bool {
        let here = seq == self.seq && self.events.get(&message).is_some_and(|last| index <= *last);
        here || Self::is_behind(position, seq)
    }

    /// Whether a reader at this position has passed the message's end.
    pub(super) fn has_passed_end(&self, position: Position, record: &MessageRecord) -> bool {
        let here = record.last_seq == self.seq && self.ended.contains(&record.status.id);
        record.status.ended.is_some() && (here || Self::is_behind(position, record.last_seq))
    }

    /// Whether all of a commit lies behind.
    fn is_behind(position: Position, seq: u64) -> bool {
        Position::after(seq) <= position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MessageId = MessageId([1; 16]);
    const B: MessageId = MessageId([2; 16]);

    #[test]
    fn in_the_middle_of_a_commit_each_message_is_told_apart() {
        let mut row = Row::default();
        row.pass(A, 4, 9);
        row.pass(A, 5, 2);
        let here = Position { seq: 5, index: 3 };
        assert!(row.has_passed(here, B, 4, 1), "the commit before");
        assert!(row.has_passed(here, A, 5, 2) && !row.has_passed(here, A, 5, 3));
        assert!(!row.has_passed(here, B, 5, 1) && !row.has_passed(here, A, 6, 1));
        assert!(row.has_passed(Position::after(5), B, 5, 1));
    }
}
