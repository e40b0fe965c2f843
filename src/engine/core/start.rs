//! Which delivery is attempted next.

use std::sync::Arc;

use crate::domain::limits::TTL_ZERO_GRACE;
use crate::domain::{DeliveryState, MessageKind, OriginId, Outcome, SubscriptionState, Target};

use super::gate::{Pass, wall};
use super::lane::Lane;
use super::page::{EntryRef, Phase};
use super::settle::Ending;
use super::{ActiveMessage, Attempt, Core, Effect, NOWHERE, Now, enqueue};

impl Core {
    /// Lanes take turns, one attempt each; all Sends before any broadcast, for which a sixteenth of the unsettled bound is
    /// kept free as well.
    pub(super) fn start_attempts(&mut self, now: Now) {
        let max = self.settings.max_unsettled;
        self.start_class(now, MessageKind::Send, max);
        self.start_class(now, MessageKind::Broadcast, max - max / 16);
    }

    fn start_class(&mut self, now: Now, kind: MessageKind, max_unsettled: usize) {
        while self.unsettled < max_unsettled {
            let turns = match kind {
                MessageKind::Send => &mut self.send_turns,
                MessageKind::Broadcast => &mut self.broadcast_turns,
            };
            let Some(origin) = turns.pop_front() else { break };
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            lane.take_turn(kind);
            // A lane where nothing may start is offered again when something may.
            let pass = self.pass(now, origin, kind);
            let (Pass::Go | Pass::NotBefore(_)) = pass else { continue };
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            let entry = lane.pop(kind);
            let turns = match kind {
                MessageKind::Send => &mut self.send_turns,
                MessageKind::Broadcast => &mut self.broadcast_turns,
            };
            lane.offer(kind, origin, turns);
            if let Some(entry) = entry {
                self.start(now, origin, entry, pass);
            }
            self.forget_if_idle(origin);
        }
    }

    /// Attempts a delivery, unless there is a reason to end it without.
    fn start(&mut self, now: Now, origin: OriginId, at: EntryRef, pass: Pass) {
        let Some(message) = self.messages.get(&at.page.message).cloned() else { return };
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let application = page.head.application;
        let Some(entry) = page.entries.get_mut(usize::from(at.index)) else { return };
        let (id, as_of, number) = (entry.id, entry.as_of, entry.attempts + 1);
        let target = entry.target.clone();
        let inline = target.as_ref().is_some_and(|target| target.inline);
        if !inline && self.is_stale(id, as_of) {
            self.set_phase(at, Phase::InFlight);
            self.effects.push(Effect::Lookup { entry: at, application, subscription: id });
            return;
        }
        if is_too_late(now, &message, number == 1) {
            return self.end(now, at, Ending::without_attempt(DeliveryState::Expired, Outcome::Unspecified));
        }
        let Some(target) = target else {
            return self.end(now, at, Ending::without_attempt(DeliveryState::Failed, Outcome::NotFound));
        };
        if let Some(outcome) = self.why_not(now, &target) {
            return self.end(now, at, Ending::without_attempt(DeliveryState::Failed, outcome));
        }
        if let Pass::NotBefore(until) = pass {
            let until = wall(now, until);
            self.close_group(now, origin, at, until);
            return self.put_off(now, at, &message, until);
        }
        if let Some(until) = self.sender_waits(now, application, &target) {
            return self.put_off(now, at, &message, until);
        }
        self.set_phase(at, Phase::InFlight);
        self.unsettled += 1;
        self.begin_flight(now, at, application, &target);
        self.effects.push(Effect::Start(Attempt { entry: at, message, target, number }));
    }

    /// Why a subscription is not attempted.
    fn why_not(&self, now: Now, target: &Target) -> Option<Outcome> {
        let gone = self.gone.get(&target.id).is_some_and(|generation| target.generation <= *generation);
        if gone || target.expires.is_some_and(|expires| expires <= now.wall) {
            return Some(Outcome::Gone);
        }
        match target.state {
            SubscriptionState::Active => None,
            SubscriptionState::Disabled(_) => Some(Outcome::Disabled),
        }
    }

    pub(super) fn target_found(&mut self, at: EntryRef, target: Option<Target>, as_of: u64) {
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let kind = page.head.kind;
        let Some(entry) = page.entries.get_mut(usize::from(at.index)) else { return };
        self.targets_in_memory -= usize::from(entry.target.is_some());
        self.targets_in_memory += usize::from(target.is_some());
        entry.target = target.map(Arc::new);
        entry.as_of = as_of;
        let origin = entry.target.as_ref().map_or(NOWHERE, |target| target.origin);
        self.set_phase(at, Phase::Queued);
        self.enqueue(origin, kind, at);
    }

    /// Retries and pauses whose time has come.
    pub(super) fn fire_timers(&mut self, now: Now) {
        while let Some((due, at)) = self.timers.first().copied() {
            if due > now.wall {
                break;
            }
            self.timers.remove(&(due, at));
            let Some(page) = self.pages.get(&at.page) else { continue };
            let kind = page.head.kind;
            let target = page.entries.get(usize::from(at.index)).and_then(|entry| entry.target.as_ref());
            let origin = target.map_or(NOWHERE, |target| target.origin);
            self.set_phase(at, Phase::Queued);
            self.enqueue(origin, kind, at);
        }
    }

    /// Forgets a lane with nothing to do.
    pub(super) fn forget_if_idle(&mut self, origin: OriginId) {
        if self.lanes.get(&origin).is_some_and(Lane::is_empty) {
            self.lanes.remove(&origin);
            self.gates.rest(origin);
        }
    }

    /// A lane may have become able to start something.
    pub(super) fn offer_turn(&mut self, origin: OriginId) {
        if let Some(lane) = self.lanes.get_mut(&origin) {
            lane.offer(MessageKind::Send, origin, &mut self.send_turns);
            lane.offer(MessageKind::Broadcast, origin, &mut self.broadcast_turns);
        }
    }

    pub(super) fn enqueue(&mut self, origin: OriginId, kind: MessageKind, at: EntryRef) {
        enqueue(&mut self.lanes, &mut self.send_turns, &mut self.broadcast_turns, origin, kind, at);
    }
}

/// Whether a message is worth no attempt any more: a remainder under a second would have to be written as `TTL: 0`, which
/// means something else. With ttl 0 there is one attempt, if it starts soon.
fn is_too_late(now: Now, message: &ActiveMessage, first_attempt: bool) -> bool {
    if message.spec.ttl.is_zero() {
        return !first_attempt || now.wall > message.expires.plus(TTL_ZERO_GRACE);
    }
    now.wall.plus(std::time::Duration::from_secs(1)) > message.expires
}
