//! What happened to browsers: a bounded log that can be followed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::sandbox::control_json::{BrowserEvent, BrowserEventKind};

/// The last events.
#[derive(Debug)]
pub(crate) struct Events {
    lines: Mutex<VecDeque<BrowserEvent>>,
    lines_max: usize,
    /// The number of the next event.
    next: watch::Sender<u64>,
}

impl Events {
    /// That keeps so many, at least one.
    pub(crate) fn new(lines_max: usize) -> Self {
        Self { lines: Mutex::default(), lines_max: lines_max.max(1), next: watch::Sender::new(0) }
    }

    /// Writes one; the oldest goes where there are too many.
    pub(crate) fn write(&self, time: Timestamp, user_agent: Uuid, kind: BrowserEventKind, about: About<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.next.borrow();
        if lines.len() >= self.lines_max {
            lines.pop_front();
        }
        lines.push_back(BrowserEvent {
            number,
            time_micros: time.as_micros(),
            user_agent: user_agent.simple().to_string(),
            event: kind,
            channel: about.channel.map(|channel| channel.hyphenated().to_string()),
            message: about.message.map(str::to_owned),
            code: about.code,
        });
        self.next.send_replace(number + 1);
    }

    /// Those from a number on that are still kept, at most `count`.
    pub(crate) fn read(&self, from: u64, count: usize) -> Vec<BrowserEvent> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = lines.partition_point(|line| line.number < from);
        lines.range(skipped..).take(count).cloned().collect()
    }

    /// Waits until there is an event of this number or a later one.
    pub(crate) async fn reach(&self, number: u64) {
        // The sender is here, so it is not closed.
        let _ = self.next.subscribe().wait_for(|next| *next > number).await;
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct About<'a> {
    pub(crate) channel: Option<Uuid>,
    /// The id of a message.
    pub(crate) message: Option<&'a str>,
    /// What the browser said of it.
    pub(crate) code: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_are_kept_and_keep_their_numbers() {
        let events = Events::new(3);
        for _ in 0..5 {
            events.write(
                Timestamp::from_secs(1),
                Uuid::from_u128(1),
                BrowserEventKind::Connected,
                About::default(),
            );
        }
        let numbers =
            |from, count| events.read(from, count).iter().map(|line| line.number).collect::<Vec<_>>();
        assert_eq!(numbers(0, 9), [2, 3, 4]);
        assert_eq!(numbers(3, 1), [3]);
        assert!(numbers(5, 9).is_empty());
        events.reach(4).await;
    }
}
