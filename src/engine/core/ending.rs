//! Messages that end before all their deliveries were attempted: a caller cancelled them, a newer one superseded them, or
//! their ttl ran out. Whatever of them waits ends without a POST, in a lane, for a retry or in the store, also while its
//! lane is paused; what is in flight ends by its answer.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{DeliveryState, MessageId, MessageKind, OriginId, Outcome, Stop, Timestamp};
use crate::store::PageKey;

use super::page::{EntryRef, Phase};
use super::settle::Ending;
use super::{ActiveMessage, Core, NOWHERE, Now};

/// Stops of messages that are not known yet: a message may be superseded between its acceptance and its arrival here.
const EARLY_STOPS_MAX: usize = 4_096;

/// Why the deliveries of a message end that are not under way.
#[derive(Clone, Copy, Debug)]
enum Reason {
    Stopped(Stop),
    Expired,
}

impl Reason {
    fn ending(self) -> Ending {
        match self {
            Self::Stopped(stop) => Ending::without_attempt(DeliveryState::Cancelled, stop.outcome()),
            Self::Expired => Ending::without_attempt(DeliveryState::Expired, Outcome::Unspecified),
        }
    }
}

/// What ends, and when more does.
#[derive(Debug, Default)]
pub(super) struct Endings {
    /// When each message is worth nothing any more.
    expiries: BTreeSet<(Timestamp, MessageId)>,
    /// Messages whose waiting deliveries end.
    reasons: HashMap<MessageId, Reason>,
    /// Those of them of which pages may wait in the store.
    in_store: BTreeSet<MessageId>,
    /// Pages in memory with deliveries to end, in turn.
    pages: VecDeque<PageKey>,
    early_stops: VecDeque<(MessageId, Stop)>,
}

impl Endings {
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// A page goes to wait in the store.
    pub(super) fn page_waits(&mut self, message: MessageId) {
        if self.reasons.contains_key(&message) {
            self.in_store.insert(message);
        }
    }

    /// Deliveries of a page come to wait in memory; `true` when they are to end.
    pub(super) fn page_comes(&mut self, page: PageKey) -> bool {
        let ends = self.reasons.contains_key(&page.message);
        if ends {
            self.pages.push_back(page);
        }
        ends
    }
}

impl Core {
    pub(super) fn message_begins(&mut self, now: Now, message: Arc<ActiveMessage>) {
        let id = message.id;
        if let Some(per_second) = message.spec.max_per_second {
            self.pacing.add(id, per_second, now.monotonic);
            self.backlog.pace(message.application.id, id);
        }
        // What a message that had to wait says of its application may be out of date.
        let application = message.application.id;
        let weight = self.administered.get(&application).map_or(message.application.weight, |of| of.weight);
        self.backlog.set_weight(application, weight);
        self.endings.expiries.insert((message.ends_at(), id));
        self.unended.message_begins(application, id, message.waiting);
        self.messages.insert(id, message);
        if let Some(place) = self.endings.early_stops.iter().position(|(of, _)| *of == id)
            && let Some((_, reason)) = self.endings.early_stops.remove(place)
        {
            self.message_stopped(id, reason);
        }
    }

    pub(super) fn message_stopped(&mut self, id: MessageId, reason: Stop) {
        if let Some(message) = self.messages.get(&id) {
            let reason = *message.stop.get_or_init(|| reason);
            self.end_message(id, Reason::Stopped(reason));
            return;
        }
        if self.endings.early_stops.len() == EARLY_STOPS_MAX {
            self.endings.early_stops.pop_front();
        }
        self.endings.early_stops.push_back((id, reason));
    }

    pub(super) fn message_ended(&mut self, id: MessageId) {
        self.forget_pace(id);
        let Some(message) = self.messages.remove(&id) else { return };
        self.backlog.forget(message.application.id, id);
        self.endings.expiries.remove(&(message.ends_at(), id));
        self.unended.message_ended(id);
        self.endings.reasons.remove(&id);
        self.endings.in_store.remove(&id);
    }

    /// From here on, what waits of a message ends. The first reason stays.
    fn end_message(&mut self, id: MessageId, reason: Reason) {
        if self.endings.reasons.contains_key(&id) {
            return;
        }
        self.endings.reasons.insert(id, reason);
        self.endings.in_store.insert(id);
        let of_message = PageKey { message: id, number: 0 }..=PageKey { message: id, number: u32::MAX };
        self.endings.pages.extend(self.pages.range(of_message).map(|(key, _)| *key));
    }

    /// Ends what is to end, as far as commits and memory have room for it.
    pub(super) fn end_deliveries(&mut self, now: Now) {
        while let Some((at, id)) = self.endings.expiries.first().copied() {
            if at > now.wall {
                break;
            }
            self.endings.expiries.remove(&(at, id));
            self.end_message(id, Reason::Expired);
        }
        // Once round: what finds no room keeps its turn.
        for _ in 0..self.endings.pages.len() {
            let Some(key) = self.endings.pages.pop_front() else { break };
            if !self.end_page(now, key) {
                self.endings.pages.push_back(key);
            }
        }
        while let Some(id) = self.endings.in_store.first().copied() {
            let Some(application) = self.messages.get(&id).map(|message| message.application.id) else {
                self.endings.in_store.remove(&id);
                continue;
            };
            let room = self.memory.fits(MessageKind::Broadcast, PAGE_DELIVERIES_MAX);
            if !room || !self.memory.may_grow(application, 0) {
                break;
            }
            match self.backlog.take_of(application, id) {
                Some(head) => self.load_page(head),
                None => {
                    self.endings.in_store.remove(&id);
                }
            }
        }
    }

    /// Ends the deliveries of a page that wait; `false` when there is no room for all of them.
    fn end_page(&mut self, now: Now, key: PageKey) -> bool {
        let Some(reason) = self.endings.reasons.get(&key.message).copied() else { return true };
        let Some(page) = self.pages.get(&key) else { return true };
        let (application, kind) = (page.head.application, page.head.kind);
        let waiting: Vec<(EntryRef, Phase, OriginId)> = (0..)
            .zip(&page.entries)
            .filter(|(_, entry)| matches!(entry.phase, Phase::Queued | Phase::BackingOff(_)))
            .map(|(index, entry)| {
                let origin = entry.target.as_ref().map_or(NOWHERE, |target| target.origin);
                (EntryRef { page: key, index }, entry.phase, origin)
            })
            .collect();
        if waiting.len() > self.room_for_endings(application) {
            return false;
        }
        let mut origins = BTreeSet::new();
        for (at, phase, origin) in waiting {
            if let Phase::BackingOff(due) = phase {
                self.timers.remove(&(due, at));
            }
            origins.insert(origin);
            self.end(now, at, reason.ending());
        }
        for origin in origins {
            if let Some(lane) = self.lanes.get_mut(&origin) {
                lane.forget(kind, application, key.message);
                self.forget_if_idle(origin);
            }
        }
        true
    }
}
