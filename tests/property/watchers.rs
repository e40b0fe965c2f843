//! Those who watch: each reads a few frames, goes away, and comes back with its last position. What it has read is what the
//! log says, without a gap and without a duplicate, whatever happened in between.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare::domain::{DeliveryEvent, MessageId, ReportLevel};
use fanfare::engine::feed::{FeedError, FrameKind, PlacedEvent, Position, Scope, Start, Watch};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::ledger::{Ledger, What};
use super::server::Server;

/// Frames at most when one reads to the end.
const ALL: usize = 100_000;
/// Longer than heartbeats are apart: a stream that says nothing for so long is stuck.
const SILENCE: Duration = Duration::from_secs(60);

/// One for each message, and one for everything.
#[derive(Debug, Default)]
pub(crate) struct Watchers(BTreeMap<Option<MessageId>, Watcher>);

#[derive(Debug, Default)]
struct Watcher {
    /// Where it began, and how far it has come.
    from: Option<Position>,
    position: Position,
    /// Each with its commit.
    seen: Vec<(u64, What)>,
    /// It was told that its message has ended.
    ended: bool,
}

impl Watchers {
    /// Reads so many frames, or as many as there are.
    pub(crate) fn read(&mut self, server: &Server, message: Option<MessageId>, frames: usize) {
        let watcher = self.0.entry(message).or_default();
        if !server.run(watcher.read(server, message, frames)) {
            // What comes next was trimmed: one begins anew.
            *watcher = Watcher::default();
        }
    }

    /// Everybody reads to the end.
    pub(crate) fn read_all(&mut self, server: &Server) {
        self.0.entry(None).or_default();
        let all: Vec<_> = self.0.keys().copied().collect();
        for message in all {
            self.read(server, message, ALL);
        }
    }

    pub(crate) fn check(&self, ledger: &Ledger) {
        for (message, watcher) in &self.0 {
            let Some(from) = watcher.from else { continue };
            let scope = message.map_or(Scope::All, Scope::Message);
            assert_eq!(
                watcher.seen,
                ledger.between(scope, from, watcher.position),
                "what {scope:?} was told"
            );
            if let Some(told) = message.filter(|_| watcher.ended).map(|message| &ledger.messages()[&message])
            {
                assert!(told.ended);
                let rest = ledger.between(scope, watcher.position, Position::after(u64::MAX));
                assert!(rest.is_empty(), "after the summary: {rest:?}");
            }
        }
    }
}

impl Watcher {
    /// Answers whether what comes next is still kept.
    async fn read(&mut self, server: &Server, message: Option<MessageId>, frames: usize) -> bool {
        let watch = Watch {
            application: server.application.id,
            scope: message.map_or(Scope::All, Scope::Message),
            start: self.from.map_or(Start::Beginning, |_| Start::After(self.position)),
            level: ReportLevel::Attempts,
            receipts: false,
        };
        let mut stream = server.engine.watch(watch);
        for number in 0..frames {
            let next = timeout(SILENCE, stream.next()).await.expect("a heartbeat");
            let frame = match next {
                Some(Ok(frame)) => frame,
                Some(Err(FeedError::Trimmed { .. } | FeedError::MessageNotFound)) => return false,
                Some(Err(error)) => panic!("{error}"),
                None => {
                    assert!(self.ended, "it ends without a summary");
                    return true;
                }
            };
            assert!(frame.position >= self.position, "a token goes back");
            self.from.get_or_insert(frame.position);
            self.position = frame.position;
            match frame.kind {
                FrameKind::Events(events) => {
                    let told = |of: PlacedEvent| {
                        (of.seq, What::Event(of.index, Box::new(DeliveryEvent::clone(&of.event))))
                    };
                    self.seen.extend(events.into_iter().map(told));
                }
                FrameKind::Accepted(status) if message.is_none() => {
                    self.seen.push((frame.position.seq, What::Accepted(status.id)));
                }
                FrameKind::Summary(status) if message.is_none() => {
                    self.seen.push((frame.position.seq, What::Ended(status.id)));
                }
                FrameKind::Summary(_) => self.ended = true,
                // A heartbeat after the first frame: everything that can be read was told.
                FrameKind::Progress(None) if frames == ALL && number > 0 => return true,
                FrameKind::Accepted(_) | FrameKind::Progress(_) | FrameKind::Receipts(_) => {}
            }
        }
        true
    }
}
