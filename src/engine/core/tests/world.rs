//! A store, push services and a clock that are simulated, with the core between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::time::Instant;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{
    ApplicationId, DeliveryEvent, DeliveryState, MessageId, MessageKind, OriginId, Outcome, Stop,
    SubscriptionId, Target, Timestamp,
};
use crate::engine::attempt::AttemptReport;
use crate::engine::core::{ActiveMessage, Attempt, Core, Effect, Input, Now, OriginNames};
use crate::engine::settings::EngineSettings;
use crate::store::types::EntryState;
use crate::store::{Addressee, Commit, Departure, GroupId, PageHead, PageKey, StoredEntry, StoredPage};
use crate::webpush::outcome::Scope;

use super::fixtures::{START, message, planned_user, settings, target, throttled};

/// A store, push services and a clock; and the core between them.
pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) settings: EngineSettings,
    pub(crate) random: StdRng,
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
    pub(crate) messages: Vec<Arc<ActiveMessage>>,
    pub(crate) targets: BTreeMap<SubscriptionId, Target>,
    pub(crate) pages: BTreeMap<PageKey, StoredPage>,
    pub(crate) terminal: BTreeMap<(MessageId, SubscriptionId), DeliveryEvent>,
    /// Events before the terminal one, in order.
    pub(crate) told: Vec<DeliveryEvent>,
    /// Stops that are durable.
    pub(crate) stopped: BTreeMap<MessageId, Stop>,
    /// By how much commits changed the number of deliveries under retry.
    pub(crate) retrying: BTreeMap<MessageId, i32>,
    /// Deliveries whose POST has begun and whose outcome is not recorded; one stands here twice when it is tried again
    /// before its first outcome is.
    pub(crate) unsettled: Vec<(MessageId, SubscriptionId)>,
    /// What recorded events prove, until it is acted on.
    pub(crate) proofs: Vec<crate::store::Removal>,
    pub(crate) todo: Vec<Effect>,
    pub(crate) changes: u64,
    pub(crate) posts: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(settings(), seed)
    }

    pub(crate) fn with(settings: EngineSettings, seed: u64) -> Self {
        Self {
            core: Core::new(settings.clone(), OriginNames(Box::new(|_| String::new())), seed),
            settings,
            random: StdRng::seed_from_u64(seed),
            wall: START,
            monotonic: Instant::now(),
            messages: Vec::new(),
            targets: BTreeMap::new(),
            pages: BTreeMap::new(),
            terminal: BTreeMap::new(),
            told: Vec::new(),
            stopped: BTreeMap::new(),
            retrying: BTreeMap::new(),
            unsettled: Vec::new(),
            proofs: Vec::new(),
            todo: Vec::new(),
            changes: 0,
            posts: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: self.wall, monotonic: self.monotonic }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.wall = self.wall.plus(time);
        self.monotonic += time;
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.core.take(self.now(), input);
        self.advance();
        let gauges = self.core.load();
        assert!(gauges.unsettled <= self.settings.max_unsettled, "{gauges:?}");
        assert!(gauges.targets_in_memory <= self.settings.max_targets_in_memory, "{gauges:?}");
        assert_eq!(
            self.core.unended.of(ApplicationId(1)),
            gauges.waiting_deliveries,
            "there is one application"
        );
    }

    /// Takes over what the core wants done, and checks that no attempt starts that must not.
    pub(crate) fn advance(&mut self) {
        for effect in self.core.advance(self.now()) {
            if let Effect::Start(attempt) = &effect {
                let message = &attempt.message;
                assert!(!self.stopped.contains_key(&message.id), "an attempt of a message that was stopped");
                assert!(self.wall <= message.ends_at(), "an attempt of a message out of time");
                let delivery = (message.id, attempt.target.id);
                let user = planned_user(attempt.target.id);
                assert_eq!(attempt.target.user_id, user, "an attempt for somebody else");
                let now = self.targets.get(&attempt.target.id);
                assert!(now.is_none_or(|now| now.user_id == user), "it has changed hands");
                assert!(!self.terminal.contains_key(&delivery), "an attempt after the end");
                self.unsettled.push(delivery);
                assert!(self.unsettled.len() <= self.settings.max_unsettled);
            }
            self.todo.push(effect);
        }
    }

    pub(crate) fn is_settled(&mut self, delivery: (MessageId, SubscriptionId)) {
        if let Some(place) = self.unsettled.iter().position(|of| *of == delivery) {
            self.unsettled.swap_remove(place);
        }
    }

    /// Stops a message, which is durable at once.
    pub(crate) fn stop(&mut self, message: MessageId, reason: Stop) {
        let reason = *self.stopped.entry(message).or_insert(reason);
        self.input(Input::MessageStopped { message, reason });
    }

    /// Does what was proved against subscriptions, as the reaper does.
    pub(crate) fn reap(&mut self) {
        let proofs = std::mem::take(&mut self.proofs);
        for proof in &proofs {
            let of_it = self.targets.get(&proof.subscription);
            if of_it.is_some_and(|target| target.generation == proof.generation) {
                assert_eq!(proof.outcome, Outcome::Gone, "only proof removes");
                self.targets.remove(&proof.subscription);
            }
        }
        self.changes += 1;
        let subscriptions = proofs.iter().map(|proof| proof.subscription).collect();
        self.input(Input::Reaped { subscriptions, change: self.changes });
    }

    /// How the deliveries of a message ended.
    pub(crate) fn ends(&self, message: MessageId) -> BTreeMap<(DeliveryState, Outcome), usize> {
        let mut ends = BTreeMap::new();
        for event in self.terminal.values().filter(|event| event.message == message) {
            *ends.entry((event.state, event.outcome)).or_default() += 1;
        }
        ends
    }

    /// An origin asks whomever it is asked for to wait for half a minute, until nothing more starts there.
    pub(crate) fn throttle(&mut self, origin: OriginId) {
        let is_its = |effect: &Effect| match effect {
            Effect::Start(attempt) => attempt.target.origin == origin,
            Effect::Lookup { .. } | Effect::Load(_) | Effect::Commit { .. } => false,
        };
        while let Some(place) = self.todo.iter().position(is_its) {
            let Effect::Start(attempt) = self.todo.remove(place) else { return };
            let mut report = throttled(Duration::from_secs(30));
            (report.http_status, report.latency) = (Some(503), Some(Duration::from_millis(1)));
            self.input(Input::AttemptsEnded(vec![(attempt.entry, report)]));
        }
    }

    /// Takes the attempts out that were started and not answered.
    pub(crate) fn take_starts(&mut self) -> Vec<Attempt> {
        let mut starts = Vec::new();
        for effect in std::mem::take(&mut self.todo) {
            match effect {
                Effect::Start(attempt) => starts.push(attempt),
                Effect::Lookup { .. } | Effect::Load(_) | Effect::Commit { .. } => self.todo.push(effect),
            }
        }
        starts
    }

    /// Does everything that can be done without letting time pass.
    pub(crate) fn settle(&mut self) {
        while !self.todo.is_empty() {
            self.step();
        }
    }

    /// A message to `count` new subscriptions, in pages, over a few origins.
    pub(crate) fn add_message(&mut self, kind: MessageKind, ttl: Duration, count: u32) {
        self.add_message_to(kind, ttl, count, 3, GroupId::FIRST_SHARED);
    }

    /// The same over so many origins, planned as one group.
    pub(crate) fn add_message_to(
        &mut self,
        kind: MessageKind,
        ttl: Duration,
        count: u32,
        origins: u32,
        group: GroupId,
    ) {
        let first = u32::try_from(self.targets.len()).unwrap();
        let targets: Vec<_> = (first..first + count).map(|number| target(number, number % origins)).collect();
        self.add_message_for(kind, ttl, &targets, group);
    }

    /// A message to these, planned as one group.
    pub(crate) fn add_message_for(
        &mut self,
        kind: MessageKind,
        ttl: Duration,
        targets: &[Target],
        group: GroupId,
    ) {
        let id = u8::try_from(self.messages.len() + 1).unwrap();
        let mut message = message(id, kind, ttl);
        if let Some(message) = Arc::get_mut(&mut message) {
            message.expires = self.wall.plus(ttl);
            message.waiting = u32::try_from(targets.len()).unwrap();
        }
        self.messages.push(Arc::clone(&message));
        self.input(Input::Message(Arc::clone(&message)));
        self.add_pages(&message, targets, group);
    }

    /// Plans a message that is known to these targets.
    pub(crate) fn add_pages(&mut self, message: &ActiveMessage, targets: &[Target], group: GroupId) {
        let kind = message.kind;
        self.targets.extend(targets.iter().map(|target| (target.id, target.clone())));
        for (number, chunk) in (0..).zip(targets.chunks(PAGE_DELIVERIES_MAX)) {
            let key = PageKey { message: message.id, number };
            let head =
                PageHead { application: ApplicationId(1), key, group, kind, due: self.wall, starts: 0 };
            let entry = |target: &Target| StoredEntry {
                id: target.id,
                state: EntryState::Waiting,
                target: Some(target.clone()),
                departed: None,
            };
            let page = StoredPage { head, entries: chunk.iter().map(entry).collect() };
            self.pages.insert(key, page.clone());
            self.input(Input::PageWritten { page, as_of: self.changes });
        }
    }

    pub(crate) fn remaining(&self) -> usize {
        let unsettled = |page: &StoredPage| {
            page.entries.iter().filter(|entry| entry.state != EntryState::Settled).count()
        };
        self.pages.values().map(unsettled).sum()
    }

    /// Does one of the things that wait, or lets time pass when there is none.
    pub(crate) fn step(&mut self) {
        if self.todo.is_empty() {
            let idle = self.core.idle_for(self.now()).expect("something is due while deliveries remain");
            self.pass(idle.max(Duration::from_micros(1)));
            self.advance();
            return;
        }
        let effect = self.todo.swap_remove(self.random.random_range(0..self.todo.len()));
        match effect {
            Effect::Start(attempt) => {
                self.posts += 1;
                let micros = self.random.random_range(0..2_000_000);
                self.pass(Duration::from_micros(micros / 100));
                let report = self.report();
                if report.refused_stream || report.is_outdated {
                    self.is_settled((attempt.message.id, attempt.target.id));
                }
                self.input(Input::AttemptsEnded(vec![(attempt.entry, report)]));
            }
            Effect::Lookup { entry, subscription, .. } => {
                let found = Addressee { target: self.targets.get(&subscription).cloned(), departed: None };
                self.input(Input::TargetFound { entry, found, as_of: self.changes });
            }
            Effect::Load(head) => {
                let page = self.pages.get(&head.key).cloned().map(|mut page| {
                    for entry in &mut page.entries {
                        let settled = entry.state == EntryState::Settled;
                        let found = self.targets.get(&entry.id).filter(|_| !settled);
                        let (its, others): (Vec<_>, Vec<_>) =
                            found.into_iter().partition(|target| target.user_id == planned_user(entry.id));
                        entry.target = its.first().copied().cloned();
                        entry.departed = others.first().map(|_| Departure::OtherUser);
                    }
                    page
                });
                self.input(Input::PageLoaded { head, page, as_of: self.changes });
            }
            Effect::Commit { commit, .. } => {
                let application = commit.application;
                let ended = self.record(commit);
                self.input(Input::Committed { application, ended });
            }
        }
    }

    fn report(&mut self) -> AttemptReport {
        let outcome = match self.random.random_range(0..10) {
            0 => Outcome::Unavailable,
            1 => Outcome::TimedOut,
            2 => Outcome::Throttled,
            3 => Outcome::Gone,
            4 => Outcome::Rejected,
            _ => Outcome::Accepted,
        };
        let mut report = AttemptReport::failed(outcome, "", Some(Duration::from_millis(1)));
        report.refused_stream = self.random.random_range(0..20) == 0;
        report.is_outdated = self.random.random_range(0..40) == 0;
        if outcome == Outcome::Throttled {
            report.verdict.scope = Scope::Origin;
            report.verdict.retry_after = Some(Duration::from_secs(self.random.random_range(0..30)));
        }
        report
    }

    /// Records a commit as a store does, and returns the messages that ended with it.
    fn record(&mut self, commit: Commit) -> Vec<MessageId> {
        let mut ended = Vec::new();
        for message in commit.messages {
            let id = message.message;
            for page in message.pages {
                *self.retrying.entry(id).or_default() += page.retrying_change;
                for event in page.events {
                    let delivery = (event.message, event.subscription.unwrap());
                    self.is_settled(delivery);
                    let user = planned_user(delivery.1);
                    assert!(event.user_id.is_empty() || event.user_id == user, "it tells of somebody else");
                    self.proofs.extend(crate::engine::reap::evidence(&event));
                    assert!(
                        !self.terminal.contains_key(&delivery),
                        "an event after the terminal one: {event:?}"
                    );
                    if event.state.is_terminal() {
                        self.terminal.insert(delivery, event);
                    } else {
                        self.told.push(event);
                    }
                }
                let stored = self.pages.get_mut(&page.update.key).expect("its page is there");
                stored.head.due = page.update.due;
                stored.head.starts = 0;
                for (entry, state) in stored.entries.iter_mut().zip(page.update.entries) {
                    let settled = self.terminal.contains_key(&(page.update.key.message, entry.id));
                    assert_eq!(state == EntryState::Settled, settled, "state and events tell the same");
                    entry.state = state;
                }
                if stored.entries.iter().all(|entry| entry.state == EntryState::Settled) {
                    self.pages.remove(&page.update.key);
                }
            }
            let of_message = PageKey { message: id, number: 0 }..=PageKey { message: id, number: u32::MAX };
            let entries = self.pages.range(of_message).flat_map(|(_, page)| &page.entries);
            let states: Vec<_> = entries.map(|entry| &entry.state).collect();
            let retrying = states.iter().filter(|state| matches!(state, EntryState::Retrying(_))).count();
            assert_eq!(self.retrying[&id], i32::try_from(retrying).unwrap(), "counters reconcile");
            if states.is_empty() {
                ended.push(id);
            }
        }
        ended
    }

    /// The process dies; another starts on what was recorded.
    pub(crate) fn crash(&mut self) {
        assert!(self.unsettled.len() <= settings().max_unsettled, "that many may be posted twice");
        self.unsettled.clear();
        self.todo.clear();
        let seed = self.random.next_u64();
        self.core = Core::new(self.settings.clone(), OriginNames(Box::new(|_| String::new())), seed);
        let open: BTreeSet<_> = self.pages.keys().map(|key| key.message).collect();
        for message in self.messages.clone().iter().filter(|message| open.contains(&message.id)) {
            let (id, kind, spec) = (message.id, message.kind, Arc::clone(&message.spec));
            let (application, expires) = (Arc::clone(&message.application), message.expires);
            let of_message = PageKey { message: id, number: 0 }..=PageKey { message: id, number: u32::MAX };
            let entries = self.pages.range(of_message).flat_map(|(_, page)| &page.entries);
            let waiting = entries.filter(|entry| entry.state != EntryState::Settled).count();
            let fresh = ActiveMessage {
                application,
                id,
                kind,
                spec,
                expires,
                durable_at: None,
                waiting: u32::try_from(waiting).unwrap(),
                stop: OnceLock::new(),
            };
            self.input(Input::Message(Arc::new(fresh)));
            if let Some(reason) = self.stopped.get(&id).copied() {
                self.input(Input::MessageStopped { message: id, reason });
            }
        }
        for head in self.pages.values().map(|page| page.head).collect::<Vec<_>>() {
            self.input(Input::PageFound(head));
        }
    }

    pub(crate) fn change_a_subscription(&mut self) {
        let index = self.random.random_range(0..self.targets.len());
        let Some(id) = self.targets.keys().nth(index).copied() else { return };
        let kind = self.random.random_range(0..3);
        match self.targets.get_mut(&id) {
            Some(_) if kind == 0 => {
                self.targets.remove(&id);
            }
            Some(target) if kind == 1 => "somebody else".clone_into(&mut target.user_id),
            Some(target) => {
                target.generation += 1;
                target.origin = OriginId((target.origin.0 + 1) % 3);
            }
            None => {}
        }
        self.changes += 1;
        self.input(Input::SubscriptionChanged { subscription: id, change: self.changes });
    }
}
