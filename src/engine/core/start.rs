//! Which delivery is attempted next.

use std::sync::Arc;

use crate::domain::limits::TTL_ZERO_GRACE;
use crate::domain::{
    ApplicationId, DeliveryState, MessageKind, OriginId, Outcome, SubscriptionState, Target,
};
use crate::store::{Addressee, Departure, PageHead};

use super::endpoints::Standing;
use super::gate::{Pass, wall};
use super::lane::Lane;
use super::page::{EntryRef, Phase};
use super::pages::enqueue;
use super::settle::Ending;
use super::{ActiveMessage, Attempt, Core, Effect, NOWHERE, Now};

/// What is said of a subscription that is set aside.
const SET_ASIDE: &str = "it is set aside: its push service refused so many at once that an operator has to decide (fanfare origins)";
/// What is said of a subscription that waits to be disabled.
const SUSPECTED: &str = "its push service said a moment ago that it belongs to another VAPID key";

impl Core {
    /// Applications take turns by weight, and their lanes one attempt each; all Sends before any broadcast, for which a
    /// sixteenth of the unsettled bound is kept free as well.
    pub(super) fn start_attempts(&mut self, now: Now) {
        let max = if self.disk_full { 0 } else { self.settings.max_unsettled };
        self.start_class(now, MessageKind::Send, max);
        self.start_class(now, MessageKind::Broadcast, max - max / 16);
    }

    fn start_class(&mut self, now: Now, kind: MessageKind, max_unsettled: usize) {
        while self.unsettled < max_unsettled {
            let Some((application, origin)) = self.turns.next(kind) else { break };
            let may_end = self.room_for_endings(application) > 0;
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            if !lane.take_turn(kind, application) {
                lane.offer(kind, origin, &mut self.turns);
                continue;
            }
            let pass = self.pass(now, origin, kind);
            let Some(lane) = self.lanes.get_mut(&origin) else { continue };
            let (Pass::Go | Pass::NotBefore(_)) = pass else {
                // It is offered again when something may start.
                lane.is_crowded(kind);
                continue;
            };
            if !may_end {
                lane.hold(application);
                self.held.entry(application).or_default().push(origin);
                lane.offer(kind, origin, &mut self.turns);
                continue;
            }
            if let Some(message) = lane.next_message(kind, application)
                && self.pacing.must_wait(message, now.monotonic)
                && self.messages.get(&message).is_some_and(|message| !is_too_late(now, message, true))
            {
                lane.set_aside(kind, application);
                self.pacing.wait(message, origin, now.monotonic);
                lane.offer_for(kind, application, origin, &mut self.turns);
                continue;
            }
            let entry = lane.pop(kind, application);
            lane.offer_for(kind, application, origin, &mut self.turns);
            if let Some(entry) = entry
                && let Some(weight) = self.start(now, entry, pass)
            {
                self.turns.charge(kind, application, weight);
                if let Some(lane) = self.lanes.get_mut(&origin) {
                    lane.charge(kind, application, weight, origin, &mut self.turns);
                }
            }
            self.forget_if_idle(origin);
        }
    }

    /// Lanes that held an application back may go on.
    pub(super) fn release(&mut self, application: ApplicationId) {
        for origin in self.held.remove(&application).unwrap_or_default() {
            if let Some(lane) = self.lanes.get_mut(&origin) {
                lane.release(application);
            }
            self.offer_turn(origin);
        }
    }

    /// Attempts a delivery, unless there is a reason to end it without. Answers the weight of the application that an
    /// attempt was started for.
    fn start(&mut self, now: Now, at: EntryRef, pass: Pass) -> Option<u32> {
        let message = self.messages.get(&at.page.message).cloned()?;
        let page = self.pages.get_mut(&at.page)?;
        let application = page.head.application;
        let entry = page.entries.get_mut(usize::from(at.index))?;
        if entry.phase != Phase::Queued {
            // It was ended while it stood in its lane.
            return None;
        }
        let (id, as_of, number) = (entry.id, entry.as_of, entry.attempts + 1);
        let (target, departed) = (entry.target.clone(), entry.departed);
        if self.fails_condemned(now, at) {
            return None;
        }
        let inline = target.as_ref().is_some_and(|target| target.inline);
        if !inline && departed.is_none() && self.is_stale(id, as_of) {
            self.set_phase(at, Phase::InFlight);
            self.effects.push(Effect::Lookup { entry: at, application, subscription: id });
            return None;
        }
        if let Some(ending) = self.why_none(now, &message, number, (target.as_deref(), departed)) {
            self.end(now, at, ending);
            return None;
        }
        let target = target?;
        if let Pass::NotBefore(until) = pass {
            self.put_off(now, at, &message, wall(now, until));
            return None;
        }
        if let Some(until) = self.sender_waits(now, at, application, &target) {
            self.put_off(now, at, &message, until);
            return None;
        }
        if let Some(until) = self.leaves_probe_to_known(now, &target) {
            self.put_off(now, at, &message, until);
            return None;
        }
        let apart = match self.standing(now, &target) {
            Standing::Waits(until) => {
                self.wait_for_endpoint(now, at, &message, &target, until);
                return None;
            }
            Standing::Crowded => {
                self.wait_for_place(now, at, &message, target.origin);
                return None;
            }
            Standing::Apart => true,
            Standing::Sound => false,
        };
        self.set_phase(at, if apart { Phase::Lingering } else { Phase::InFlight });
        self.unsettled += 1;
        self.unsettled_peak = self.unsettled_peak.max(self.unsettled);
        self.begin_flight(now, at, application, &target, apart);
        self.pacing.started(message.id, now.monotonic);
        let weight = self.backlog.weight(application);
        self.effects.push(Effect::Start(Attempt { entry: at, message, target, number, as_of }));
        Some(weight)
    }

    /// How a delivery ends that is not to be attempted.
    fn why_none(
        &self,
        now: Now,
        message: &ActiveMessage,
        number: u32,
        (target, departed): (Option<&Target>, Option<Departure>),
    ) -> Option<Ending> {
        if is_too_late(now, message, number == 1) {
            return Some(Ending::without_attempt(DeliveryState::Expired, Outcome::Unspecified));
        }
        let (outcome, detail) = match (target, departed) {
            (_, Some(departed)) => (Outcome::NotFound, departed.detail()),
            (Some(target), None) => self.why_not(now, target)?,
            (None, None) => (Outcome::NotFound, ""),
        };
        Some(Ending::without_attempt(DeliveryState::Failed, outcome).saying(detail))
    }

    /// Why a subscription is not attempted, and what there is to say of it.
    fn why_not(&self, now: Now, target: &Target) -> Option<(Outcome, &'static str)> {
        if target.expires.is_some_and(|expires| expires <= now.wall) {
            return Some((Outcome::Gone, "the subscription's own expiry has passed"));
        }
        match target.state {
            SubscriptionState::Active => {}
            SubscriptionState::Disabled(_) => return Some((Outcome::Disabled, "")),
            SubscriptionState::SetAside(outcome) => return Some((outcome, SET_ASIDE)),
        }
        let (generation, outcome) = self.gone.get(&target.id)?;
        if target.generation > *generation {
            return None;
        }
        // Only what a push service says is evidence: that it is about to be disabled is none.
        Some(if *outcome == Outcome::Gone { (Outcome::Gone, "") } else { (Outcome::Disabled, SUSPECTED) })
    }

    pub(super) fn target_found(&mut self, at: EntryRef, found: Addressee, as_of: u64) {
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        let Some(entry) = page.entries.get_mut(usize::from(at.index)) else { return };
        let Addressee { target, departed } = found;
        let handed_on = target.as_ref().is_some_and(|now| entry.is_of_another_user(now));
        entry.departed = if handed_on { Some(Departure::OtherUser) } else { departed };
        if entry.departed.is_none() {
            let heard = self.backlog.hears(page.head.group);
            self.memory.remove(&page.head, usize::from(entry.target.is_some()), heard);
            self.memory.add(&page.head, usize::from(target.is_some()), heard);
            entry.target = target.map(Arc::new);
        }
        entry.as_of = as_of;
        let origin = entry.target.as_ref().map_or(NOWHERE, |target| target.origin);
        self.set_phase(at, Phase::Queued);
        if !self.endings.page_comes(at.page) {
            self.enqueue(origin, at);
        }
    }

    /// Retries and pauses whose time has come.
    pub(super) fn fire_timers(&mut self, now: Now) {
        while let Some((due, at)) = self.timers.first().copied() {
            if due > now.wall {
                break;
            }
            self.timers.remove(&(due, at));
            let Some(page) = self.pages.get(&at.page) else { continue };
            let target = page.entries.get(usize::from(at.index)).and_then(|entry| entry.target.as_ref());
            let origin = target.map_or(NOWHERE, |target| target.origin);
            self.set_phase(at, Phase::Queued);
            self.enqueue(origin, at);
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
            lane.offer(MessageKind::Send, origin, &mut self.turns);
            lane.offer(MessageKind::Broadcast, origin, &mut self.turns);
        }
    }

    pub(super) fn enqueue(&mut self, origin: OriginId, at: EntryRef) {
        if !self.careful.may_go(at) {
            return;
        }
        let Some(page) = self.pages.get(&at.page) else { return };
        let PageHead { kind, application, .. } = page.head;
        enqueue(&mut self.lanes, &mut self.turns, origin, kind, application, at);
    }
}

/// Whether a message is worth no attempt any more. With ttl 0 there is one attempt, if it starts soon.
fn is_too_late(now: Now, message: &ActiveMessage, first_attempt: bool) -> bool {
    if message.spec.ttl.is_zero() {
        return !first_attempt || now.wall > message.expires.plus(TTL_ZERO_GRACE);
    }
    now.wall >= message.expires
}
