//! Attempts under way, as their lanes see them: whether one may start, that it did, and what its end means for others.

use std::time::Duration;

use rand::Rng;

use crate::domain::limits::TTL_ZERO_GRACE;
use crate::domain::{ApplicationId, MessageKind, OriginId, Target, Timestamp};
use crate::engine::attempt::AttemptReport;

use super::gate::{Ended, Hearing, Pass, Silence, wall};
use super::page::{EntryRef, Phase};
use super::{ActiveMessage, Administered, Core, NOWHERE, Now};

/// A lane that has not answered for so long although attempts are under way is silent.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(2);

impl Core {
    pub(super) fn silence(&self) -> Silence {
        Silence { in_flight: self.silent_in_flight, max: (self.settings.max_unsettled / 4).max(1) }
    }

    /// Whether an attempt may start in a lane. If not now, the lane is offered again when it may.
    pub(super) fn pass(&mut self, now: Now, origin: OriginId, kind: MessageKind) -> Pass {
        if origin == NOWHERE {
            return Pass::Go;
        }
        let silence = self.silence();
        let gate = self.gates.of(origin, now.monotonic);
        let pass = gate.pass(now.monotonic, kind, silence);
        match pass {
            Pass::Go | Pass::Full | Pass::NotBefore(_) => {}
            Pass::TooSilent => {
                if !std::mem::replace(&mut gate.waits_for_silence, true) {
                    self.waiting_for_silence.push_back(origin);
                }
            }
            Pass::At(at) => {
                if gate.wake.is_none_or(|wake| at < wake) {
                    if let Some(wake) = gate.wake.replace(at) {
                        self.wakes.remove(&(wake, origin));
                    }
                    self.wakes.insert((at, origin));
                }
            }
        }
        pass
    }

    /// Puts a delivery off without an attempt and without writing anything, at most until its message ends.
    pub(super) fn put_off(&mut self, now: Now, at: EntryRef, message: &ActiveMessage, until: Timestamp) {
        let last_call =
            if message.spec.ttl.is_zero() { message.expires.plus(TTL_ZERO_GRACE) } else { message.expires };
        let due = until.min(last_call).max(now.wall).plus(Duration::from_micros(1));
        self.set_phase(at, Phase::BackingOff(due));
        self.timers.insert((due, at));
        if self.pages.get(&at.page).is_some_and(|page| !page.is_busy()) {
            self.park_if_idle(now, at.page);
        }
    }

    /// Pages that hold nothing but deliveries of a closed lane need not be read; at its time, one will do for a probe.
    fn keep_group(&mut self, now: Now, origin: OriginId, at: EntryRef) {
        let group = self.pages.get(&at.page).map(|page| page.head.group);
        let Some(group) = group.filter(|group| group.has_one_origin()) else { return };
        match self.gates.of(origin, now.monotonic).closed_until(now.monotonic) {
            Some((until, is_broken)) => self.backlog.block(group, wall(now, until), is_broken),
            None => self.backlog.unblock(group),
        }
    }

    /// An attempt starts.
    pub(super) fn begin_flight(
        &mut self,
        now: Now,
        at: EntryRef,
        application: ApplicationId,
        target: &Target,
    ) {
        let origin = target.origin;
        let gate = self.gates.of(origin, now.monotonic);
        let mut flight = gate.started(now.monotonic, origin, (application, target.vapid_key), target.id);
        if gate.is_silent() {
            self.silent_in_flight += 1;
        } else if !std::mem::replace(&mut gate.watched, true) {
            self.silences.insert((now.monotonic + SILENT_AFTER, origin));
        }
        self.sender_starts(now, &mut flight, target);
        self.flights.insert(at, flight);
    }

    /// The lane's share of an attempt ends with the answer. It may say more than one answer tells: then the report is
    /// changed. Answers until when the delivery waits, if it waits for a stop.
    pub(super) fn end_flight(
        &mut self,
        now: Now,
        at: EntryRef,
        report: &mut AttemptReport,
    ) -> Option<Timestamp> {
        let flight = self.flights.remove(&at)?;
        let waits = self.heed_credentials(now, at, &flight, report);
        let (origin, random) = (flight.origin, self.random.next_u64());
        let gate = self.gates.of(origin, now.monotonic);
        let was_silent = gate.is_silent();
        let Ended { changes, answered } = gate.ended(now, &flight, report, self.settings.retry_max, random);
        if was_silent {
            self.silent_in_flight = self.silent_in_flight.saturating_sub(1);
        }
        if was_silent && answered {
            gate.hearing = Hearing::Heard;
            self.silent_in_flight = self.silent_in_flight.saturating_sub(gate.in_flight);
            if gate.in_flight > 0 && !std::mem::replace(&mut gate.watched, true) {
                self.silences.insert((now.monotonic + SILENT_AFTER, origin));
            }
        }
        self.keep_group(now, origin, at);
        self.lane_changes.add(changes);
        self.offer_turn(origin);
        self.offer_to_silent();
        if !self.lanes.contains_key(&origin) {
            self.gates.rest(origin);
        }
        waits
    }

    /// Lanes that waited for room among the silent, as many as there is room for.
    fn offer_to_silent(&mut self) {
        let silence = self.silence();
        let mut room = silence.max.saturating_sub(silence.in_flight);
        while room > 0
            && let Some(origin) = self.waiting_for_silence.pop_front()
        {
            room -= 1;
            self.gates.forget_wait(origin);
            self.offer_turn(origin);
        }
    }

    /// Lanes whose time to start something has come, and those that have not answered for long.
    pub(super) fn fire_wakes(&mut self, now: Now) {
        while let Some((at, origin)) = self.wakes.first().copied().filter(|(at, _)| *at <= now.monotonic) {
            self.wakes.remove(&(at, origin));
            self.gates.of(origin, now.monotonic).wake = None;
            self.offer_turn(origin);
            if !self.lanes.contains_key(&origin) {
                self.gates.rest(origin);
            }
        }
        while let Some((at, origin)) = self.silences.first().copied().filter(|(at, _)| *at <= now.monotonic) {
            self.silences.remove(&(at, origin));
            let gate = self.gates.of(origin, now.monotonic);
            gate.watched = false;
            let silent_from = gate.heard + SILENT_AFTER;
            if gate.is_silent() || gate.in_flight == 0 {
                if !self.lanes.contains_key(&origin) {
                    self.gates.rest(origin);
                }
            } else if silent_from <= now.monotonic {
                gate.hearing = Hearing::Silent;
                self.silent_in_flight += gate.in_flight;
            } else {
                gate.watched = true;
                self.silences.insert((silent_from, origin));
            }
        }
    }

    /// Lets the deliveries of a stopped application go again, and forgets what spoke against it; answers whether it was
    /// stopped.
    pub(super) fn resume_origin(&mut self, now: Now, application: ApplicationId, origin: &str) -> bool {
        let found = self.gates.iter_mut().find(|(id, _)| (self.origins.0)(*id) == origin);
        let Some((id, true)) = found.map(|(id, gate)| (id, gate.senders.forget(application))) else {
            return false;
        };
        self.hasten(now, application, |target| target.origin == id);
        true
    }

    /// An application weighs otherwise, or may start nothing, or may again.
    pub(super) fn application_changed(
        &mut self,
        now: Now,
        application: ApplicationId,
        weight: u32,
        suspended: bool,
    ) {
        self.backlog.set_weight(application, weight);
        let before = self.administered.insert(application, Administered { weight, suspended });
        if !suspended && before.is_some_and(|before| before.suspended) {
            self.hasten(now, application, |_| true);
        }
    }

    /// What waits of an application, for such targets, looks at once whether it may go.
    pub(super) fn hasten(&mut self, now: Now, application: ApplicationId, such: impl Fn(&Target) -> bool) {
        let waits = |at: &EntryRef| {
            self.pages.get(&at.page).is_some_and(|page| {
                let entry = page.entries.get(usize::from(at.index));
                let target = entry.and_then(|entry| entry.target.as_ref());
                page.head.application == application && target.is_some_and(|target| such(target))
            })
        };
        let waiting: Vec<_> = self.timers.iter().copied().filter(|(_, at)| waits(at)).collect();
        for (due, at) in waiting {
            self.timers.remove(&(due, at));
            self.set_phase(at, Phase::BackingOff(now.wall));
            self.timers.insert((now.wall, at));
        }
        self.backlog.hasten(application, now.wall);
    }
}
