//! Attempts under way, as their lanes see them: whether one may start, that it did, and what its end means for others.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;

use crate::domain::limits::TTL_ZERO_GRACE;
use crate::domain::{ApplicationId, DeliveryState, MessageKind, OriginId, Outcome, Target, Timestamp};
use crate::engine::attempt::AttemptReport;
use crate::store::{GroupId, StoredPage};

use super::endpoints::{EndpointKey, Endpoints, Standing};
use super::gate::{Ended, Flight, Hearing, Pass, Place, Silence, wall};
use super::page::{Entry, EntryRef, Phase};
use super::settle::Ending;
use super::{ActiveMessage, Administered, Core, NOWHERE, Now};

/// A lane that has not answered for so long although attempts are under way is silent.
pub(super) const SILENT_AFTER: Duration = Duration::from_secs(2);

/// An attempt that is under way for so long while others of its lane are answered keeps nobody waiting any more.
const LINGERS_AFTER: Duration = Duration::from_secs(3);
/// How often attempts under way are looked at for it.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How long an endpoint waits that is to blame while its lane waits for a probe.
const NOT_A_PROBE: Duration = Duration::from_secs(2);

/// How long a probe waits for a subscription that was accepted before, and how long the others wait meanwhile.
const KNOWN_PROBE_WAIT: Duration = Duration::from_secs(2);
const NOT_THE_PROBE: Duration = Duration::from_secs(1);

/// How long a delivery waits for a place apart, if none becomes free before.
const PLACE_WAIT: Duration = Duration::from_secs(5);

/// Lanes that wait until fewer attempts are under way in those that do not answer.
#[derive(Debug, Default)]
pub(super) struct SilentLanes {
    /// Nothing has failed there yet: they may well answer, and go first.
    untried: VecDeque<OriginId>,
    tried: VecDeque<OriginId>,
}

impl SilentLanes {
    fn push(&mut self, origin: OriginId, has_failed: bool) {
        if has_failed { &mut self.tried } else { &mut self.untried }.push_back(origin);
    }

    fn pop(&mut self) -> Option<OriginId> {
        self.untried.pop_front().or_else(|| self.tried.pop_front())
    }
}

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
                    self.waiting_for_silence.push(origin, gate.last_problem.is_some());
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

    /// Whether its endpoint may be sent to.
    pub(super) fn standing(&mut self, now: Now, target: &Target) -> Standing {
        // An eighth of all places, at most, is for those that are to blame.
        let apart_max = (self.settings.max_unsettled / 8).max(1);
        let standing = self.endpoints.standing(now.wall, Endpoints::key(target), target.origin, apart_max);
        if standing == Standing::Apart && self.gates.of(target.origin, now.monotonic).wants_probe() {
            // What becomes of it would not tell whether the origin has come back.
            return Standing::Waits(now.wall.plus(NOT_A_PROBE));
        }
        standing
    }

    /// Until when a delivery leaves the probe to a subscription that was accepted before: what becomes of another one tells
    /// less of the origin. Whether one comes is not known, so that it is not waited for long.
    pub(super) fn leaves_probe_to_known(&mut self, now: Now, target: &Target) -> Option<Timestamp> {
        let gate = self.gates.get(target.origin)?;
        let waits = gate.last_accepted().is_some()
            && gate.probes_since().is_some_and(|since| now.monotonic < since + KNOWN_PROBE_WAIT);
        (waits && !self.was_accepted(target)).then(|| now.wall.plus(NOT_THE_PROBE))
    }

    /// Puts a delivery off until a place apart is free.
    pub(super) fn wait_for_place(
        &mut self,
        now: Now,
        at: EntryRef,
        message: &ActiveMessage,
        origin: OriginId,
    ) {
        self.put_off(now, at, message, now.wall.plus(PLACE_WAIT));
        self.endpoints.wait_for_place(origin, at);
    }

    /// Puts a delivery off until its endpoint may be tried again. Of those that wait with the same collapse key only the newest
    /// goes on, as at the push service.
    pub(super) fn wait_for_endpoint(
        &mut self,
        now: Now,
        at: EntryRef,
        message: &ActiveMessage,
        target: &Target,
        until: Timestamp,
    ) {
        let endpoint = Endpoints::key(target);
        if self.collapse(now, at, message, endpoint) {
            self.put_off(now, at, message, until);
            self.waits_for(at, endpoint);
        }
    }

    /// Ends what waits for the same endpoint with the same collapse key and is older. Answers whether this delivery goes on.
    pub(super) fn collapse(
        &mut self,
        now: Now,
        at: EntryRef,
        message: &ActiveMessage,
        endpoint: EndpointKey,
    ) -> bool {
        while let Some(older) = self.collapses_with(endpoint, at, message) {
            if let Some(entry) = self.entry(older)
                && let Phase::BackingOff(due) = entry.phase
            {
                self.timers.remove(&(due, older));
            }
            self.end(now, older, Ending::without_attempt(DeliveryState::Cancelled, Outcome::Superseded));
            if older == at {
                return false;
            }
        }
        true
    }

    /// A delivery that backs off is looked at as soon as its endpoint is accepted.
    pub(super) fn waits_for(&mut self, at: EntryRef, endpoint: EndpointKey) {
        if let Some(entry) = self.pages.get_mut(&at.page).and_then(|page| page.entry_mut(at.index)) {
            entry.waits_for = Some(endpoint);
            self.endpoints.wait(endpoint, at);
        }
    }

    /// The older one of this delivery and of one that waits for the same endpoint with the same collapse key.
    fn collapses_with(
        &self,
        endpoint: EndpointKey,
        at: EntryRef,
        message: &ActiveMessage,
    ) -> Option<EntryRef> {
        let topic = message.spec.topic_header.as_ref()?;
        let same = |other: &EntryRef| {
            self.messages.get(&other.page.message).is_some_and(|of| {
                of.id != message.id
                    && of.application.id == message.application.id
                    && of.spec.topic_header.as_ref() == Some(topic)
            })
        };
        let other = self.endpoints.waiting_for(endpoint).find(same)?;
        // Messages are numbered in the order of their acceptance.
        Some(if other.page.message < at.page.message { other } else { at })
    }

    fn entry(&self, at: EntryRef) -> Option<&Entry> {
        self.pages.get(&at.page)?.entries.get(usize::from(at.index))
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

    /// An attempt starts, apart from others of its lane or not.
    pub(super) fn begin_flight(
        &mut self,
        now: Now,
        at: EntryRef,
        application: ApplicationId,
        target: &Target,
        apart: bool,
    ) {
        let (origin, endpoint) = (target.origin, Endpoints::key(target));
        let gate = self.gates.of(origin, now.monotonic);
        let sender = (application, target.vapid_key);
        let mut flight = gate.started(now.monotonic, origin, sender, target.id, endpoint, apart);
        self.endpoints.started(endpoint, origin, apart);
        self.next_sweep.get_or_insert(now.monotonic + SWEEP_EVERY);
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
        self.next_sweep = self.next_sweep.filter(|_| !self.flights.is_empty());
        let waits = self.heed_credentials(now, at, &flight, report);
        let (origin, random) = (flight.origin, self.random.next_u64());
        let speaks = self.endpoint_ended(now, &flight, report);
        let gate = self.gates.of(origin, now.monotonic);
        let was_silent = gate.is_silent();
        let Ended { changes, news, answered } =
            gate.ended(now, &flight, report, speaks, self.settings.retry_max, random);
        let (closed_until, last_problem) = (gate.closed_until(now.monotonic), gate.last_problem);
        if was_silent && flight.place == Place::Lane {
            self.silent_in_flight = self.silent_in_flight.saturating_sub(1);
        }
        if was_silent && answered {
            gate.hearing = Hearing::Heard;
            self.silent_in_flight = self.silent_in_flight.saturating_sub(gate.in_flight);
            if gate.in_flight > 0 && !std::mem::replace(&mut gate.watched, true) {
                self.silences.insert((now.monotonic + SILENT_AFTER, origin));
            }
            self.hear(origin, true);
        } else if was_silent {
            self.hear(origin, false);
        }
        self.keep_group(now, origin, at);
        if let Some(news) = news {
            let pause = closed_until.map(|(until, _)| until.saturating_duration_since(now.monotonic));
            let name = (self.origins.0)(origin);
            self.lane_journal.tell(now.monotonic, &name, news, pause, last_problem);
        }
        self.lane_changes.add(changes);
        self.offer_turn(origin);
        self.offer_to_silent();
        if !self.lanes.contains_key(&origin) {
            self.gates.rest(origin);
        }
        waits
    }

    /// What the end of an attempt means for its endpoint. Answers whether it says something of the origin: a failure does
    /// not of which the endpoint is to blame.
    fn endpoint_ended(&mut self, now: Now, flight: &Flight, report: &AttemptReport) -> bool {
        let apart = flight.place == Place::Apart;
        if let Some(next) = self.endpoints.ended(flight.endpoint, flight.origin, apart) {
            self.hasten_entry(now, next);
        }
        if report.verdict.outcome == Outcome::Accepted {
            self.forgive_endpoint(now, flight.endpoint);
            return true;
        }
        if !report.fails_endpoint() {
            return true;
        }
        let was_to_blame = self.endpoints.is_to_blame(flight.endpoint);
        let first = self.endpoints.failures(flight.endpoint) == 0;
        let gate = self.gates.of(flight.origin, now.monotonic);
        // Who is silent while others are accepted is so for reasons of its own; a refusal may mean the moment's load.
        let is_silent = report.http_status.is_none() && !report.refused_stream;
        let others = if is_silent {
            gate.last_accepted()
        } else {
            gate.others_accepted(flight.sender, report.verdict.scope, first)
        };
        let (at, since) = (now.monotonic, is_silent.then_some(flight.started));
        let speaks = self.endpoints.failed(at, flight.endpoint, others, since);
        if !speaks && !was_to_blame && self.endpoints.failures(flight.endpoint) > 1 {
            gate.acquit(at);
        }
        speaks
    }

    /// Forgets an endpoint's failures: what waits for it looks at once whether it may go.
    pub(super) fn forgive_endpoint(&mut self, now: Now, endpoint: EndpointKey) {
        for at in self.endpoints.forgive(endpoint) {
            self.hasten_entry(now, at);
        }
    }

    /// Attempts that have been under way for long while others of their lane were answered hold neither a place of the lane
    /// nor their page's place in memory: a few endpoints that never answer must not use them up.
    pub(super) fn sweep_flights(&mut self, now: Now) {
        if self.next_sweep.is_none_or(|at| at > now.monotonic) {
            return;
        }
        self.next_sweep = (!self.flights.is_empty()).then_some(now.monotonic + SWEEP_EVERY);
        let long = |flight: &Flight| flight.started + LINGERS_AFTER <= now.monotonic;
        let mut lingering = Vec::new();
        for (at, flight) in self.flights.iter_mut().filter(|(_, flight)| long(flight)) {
            let gate = self.gates.of(flight.origin, now.monotonic);
            if gate.lets_linger(flight) {
                lingering.push((*at, flight.origin));
            }
        }
        for (at, origin) in lingering {
            self.set_phase(at, Phase::Lingering);
            self.offer_turn(origin);
        }
    }

    /// A delivery that waits for its endpoint looks at once whether it may go.
    fn hasten_entry(&mut self, now: Now, at: EntryRef) {
        let page = self.pages.get_mut(&at.page);
        let Some(entry) = page.and_then(|page| page.entries.get_mut(usize::from(at.index))) else { return };
        entry.waits_for = None;
        if let Phase::BackingOff(due) = entry.phase {
            self.timers.remove(&(due, at));
            self.set_phase(at, Phase::BackingOff(now.wall));
            self.timers.insert((now.wall, at));
        }
    }

    /// An origin answers, or does not any more: that decides how much of what waits for it may be in memory.
    fn hear(&mut self, origin: OriginId, heard: bool) {
        let group = GroupId::of(origin);
        if group.is_own() && self.backlog.hear(group, heard) {
            self.memory.hear(group, heard);
        }
    }

    /// Of a page whose origin this process has not asked yet, its targets tell whether it answered an earlier one.
    pub(super) fn presume_heard(&mut self, page: &StoredPage) {
        let head = &page.head;
        if head.kind == MessageKind::Send || !head.group.is_own() || self.backlog.hears(head.group) {
            return;
        }
        let mut targets = page.entries.iter().filter_map(|entry| entry.target.as_ref());
        let Some(first) = targets.clone().next() else { return };
        let untried = self.gates.get(first.origin).is_none_or(|gate| gate.last_problem.is_none());
        if untried && targets.any(|target| self.was_accepted(target)) {
            self.backlog.presume(head.group);
        }
    }

    /// Lanes that waited for room among the silent, as many as there is room for.
    fn offer_to_silent(&mut self) {
        let silence = self.silence();
        let mut room = silence.max.saturating_sub(silence.in_flight);
        while room > 0
            && let Some(origin) = self.waiting_for_silence.pop()
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
                self.hear(origin, false);
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
