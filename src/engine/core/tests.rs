//! The core driven through random histories, with a store and push services that are simulated here: outcomes in any
//! order, delays, changes of subscriptions, crashes. After every step the bounds hold; at the end every delivery has
//! exactly one terminal event.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::{Rng, RngExt};

use super::*;
use crate::domain::{
    ContentEncoding, DeliveryState, Endpoint, MessageDefaults, Outcome, Padding, SubscriptionKeys,
    SubscriptionState, Urgency, VapidKeyId,
};
use crate::engine::health::OriginState;
use crate::store::types::EntryState;
use crate::store::{GroupId, StoredEntry};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);

fn settings() -> EngineSettings {
    EngineSettings {
        max_unsettled: 32,
        max_targets_in_memory: 3 * PAGE_DELIVERIES_MAX,
        max_pages_per_group: 2,
        lane_concurrency: 8,
        commit_outcomes: 16,
        ..EngineSettings::default()
    }
}

fn application() -> Arc<Application> {
    let defaults =
        MessageDefaults { ttl: Duration::from_secs(60), urgency: Urgency::Normal, padding: Padding::None };
    Arc::new(Application {
        id: ApplicationId(1),
        name: "default".to_owned(),
        contact: "mailto:ops@example.com".to_owned(),
        weight: 1,
        defaults,
        vapid_keys: Vec::new(),
        current_vapid_key: VapidKeyId(1),
    })
}

fn message(id: u8, kind: MessageKind, ttl: Duration) -> Arc<ActiveMessage> {
    let spec = MessageSpec {
        payload: crate::domain::Payload::default(),
        ttl,
        urgency: Urgency::Normal,
        topic_header: None,
        padding: Padding::None,
        max_per_second: None,
        labels: BTreeMap::new(),
        note: String::new(),
    };
    let id = MessageId([id; 16]);
    Arc::new(ActiveMessage {
        application: application(),
        id,
        kind,
        spec: Arc::new(spec),
        expires: START.plus(ttl),
        durable_at: None,
        stop: OnceLock::new(),
    })
}

fn target(number: u32, origin: u32) -> Target {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    Target {
        id: SubscriptionId(id),
        inline: false,
        generation: 1,
        endpoint: Endpoint::parse("https://push.example.net/p", false).unwrap(),
        origin: OriginId(origin),
        keys: SubscriptionKeys { p256dh: [4; 65], auth: [0; 16] },
        encoding: ContentEncoding::Aes128Gcm,
        vapid_key: VapidKeyId(1),
        subscribed: START,
        expires: None,
        state: SubscriptionState::Active,
        user_id: String::new(),
        body_octets_max: 0,
    }
}

/// A store, push services and a clock; and the core between them.
struct World {
    core: Core,
    random: StdRng,
    wall: Timestamp,
    monotonic: Instant,
    messages: Vec<Arc<ActiveMessage>>,
    targets: BTreeMap<SubscriptionId, Target>,
    pages: BTreeMap<PageKey, StoredPage>,
    terminal: BTreeSet<(MessageId, SubscriptionId)>,
    todo: Vec<Effect>,
    changes: u64,
    posts: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            core: Core::new(settings(), OriginNames(Box::new(|_| String::new())), seed),
            random: StdRng::seed_from_u64(seed),
            wall: START,
            monotonic: Instant::now(),
            messages: Vec::new(),
            targets: BTreeMap::new(),
            pages: BTreeMap::new(),
            terminal: BTreeSet::new(),
            todo: Vec::new(),
            changes: 0,
            posts: 0,
        }
    }

    fn now(&self) -> Now {
        Now { wall: self.wall, monotonic: self.monotonic }
    }

    fn pass(&mut self, time: Duration) {
        self.wall = self.wall.plus(time);
        self.monotonic += time;
    }

    fn input(&mut self, input: Input) {
        self.core.take(self.now(), input);
        let effects = self.core.advance(self.now());
        self.todo.extend(effects);
        let gauges = self.core.load();
        assert!(gauges.unsettled <= settings().max_unsettled, "{gauges:?}");
        assert!(gauges.targets_in_memory <= settings().max_targets_in_memory, "{gauges:?}");
    }

    /// A message to `count` new subscriptions, in pages, over a few origins.
    fn add_message(&mut self, kind: MessageKind, ttl: Duration, count: u32) {
        let message = message(u8::try_from(self.messages.len() + 1).unwrap(), kind, ttl);
        self.messages.push(Arc::clone(&message));
        self.input(Input::Message(Arc::clone(&message)));
        let first = u32::try_from(self.targets.len()).unwrap();
        let targets: Vec<_> = (first..first + count).map(|number| target(number, number % 3)).collect();
        self.targets.extend(targets.iter().map(|target| (target.id, target.clone())));
        for (number, chunk) in (0..).zip(targets.chunks(PAGE_DELIVERIES_MAX)) {
            let key = PageKey { message: message.id, number };
            let head =
                PageHead { application: ApplicationId(1), key, group: GroupId(0), kind, due: self.wall };
            let entry = |target: &Target| StoredEntry {
                id: target.id,
                state: EntryState::Waiting,
                target: Some(target.clone()),
            };
            let page = StoredPage { head, entries: chunk.iter().map(entry).collect() };
            self.pages.insert(key, page.clone());
            self.input(Input::PageWritten { page, as_of: self.changes });
        }
    }

    fn remaining(&self) -> usize {
        let unsettled = |page: &StoredPage| {
            page.entries.iter().filter(|entry| entry.state != EntryState::Settled).count()
        };
        self.pages.values().map(unsettled).sum()
    }

    /// Does one of the things that wait, or lets time pass when there is none.
    fn step(&mut self) {
        if self.todo.is_empty() {
            let idle = self.core.idle_for(self.now()).expect("something is due while deliveries remain");
            self.pass(idle.max(Duration::from_micros(1)));
            let effects = self.core.advance(self.now());
            self.todo.extend(effects);
            return;
        }
        let effect = self.todo.swap_remove(self.random.random_range(0..self.todo.len()));
        match effect {
            Effect::Start(attempt) => {
                self.posts += 1;
                let micros = self.random.random_range(0..2_000_000);
                self.pass(Duration::from_micros(micros / 100));
                let report = self.report();
                self.input(Input::AttemptEnded { entry: attempt.entry, report });
            }
            Effect::Lookup { entry, subscription, .. } => {
                let target = self.targets.get(&subscription).cloned();
                self.input(Input::TargetFound { entry, target, as_of: self.changes });
            }
            Effect::Load(head) => {
                let page = self.pages.get(&head.key).cloned().map(|mut page| {
                    for entry in &mut page.entries {
                        let settled = entry.state == EntryState::Settled;
                        entry.target = self.targets.get(&entry.id).filter(|_| !settled).cloned();
                    }
                    page
                });
                self.input(Input::PageLoaded { head, page, as_of: self.changes });
            }
            Effect::Commit { commit, .. } => {
                let application = commit.application;
                self.record(commit);
                self.input(Input::Committed { application, ended: Vec::new() });
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
        if outcome == Outcome::Throttled {
            report.throttle = super::super::attempt::Throttle::Origin;
            report.retry_after = Some(Duration::from_secs(self.random.random_range(0..30)));
        }
        report
    }

    fn record(&mut self, commit: Commit) {
        for message in commit.messages {
            for page in message.pages {
                for event in &page.events {
                    let delivery = (event.message, event.subscription.unwrap());
                    if event.state.is_terminal() {
                        assert!(self.terminal.insert(delivery), "two terminal events: {event:?}");
                    } else {
                        assert_eq!(event.state, DeliveryState::Retrying);
                        assert!(!self.terminal.contains(&delivery), "an event after the terminal one");
                    }
                }
                let stored = self.pages.get_mut(&page.update.key).expect("its page is there");
                stored.head.due = page.update.due;
                for (entry, state) in stored.entries.iter_mut().zip(page.update.entries) {
                    let settled = self.terminal.contains(&(page.update.key.message, entry.id));
                    assert_eq!(state == EntryState::Settled, settled, "state and events tell the same");
                    entry.state = state;
                }
                if stored.entries.iter().all(|entry| entry.state == EntryState::Settled) {
                    self.pages.remove(&page.update.key);
                }
            }
        }
    }

    /// The process dies; another starts on what was recorded.
    fn crash(&mut self) {
        self.todo.clear();
        let seed = self.random.next_u64();
        self.core = Core::new(settings(), OriginNames(Box::new(|_| String::new())), seed);
        for message in self.messages.clone() {
            self.input(Input::Message(message));
        }
        for head in self.pages.values().map(|page| page.head).collect::<Vec<_>>() {
            self.input(Input::PageFound(head));
        }
    }

    fn change_a_subscription(&mut self) {
        let index = self.random.random_range(0..self.targets.len());
        let Some(id) = self.targets.keys().nth(index).copied() else { return };
        if self.random.random_range(0..2) == 0 {
            self.targets.remove(&id);
        } else if let Some(target) = self.targets.get_mut(&id) {
            target.generation += 1;
            target.origin = OriginId((target.origin.0 + 1) % 3);
        }
        self.changes += 1;
        self.input(Input::SubscriptionChanged { subscription: id, change: self.changes });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_delivery_ends_exactly_once(seed: u64, crashes in 0..4_usize, count in 1..900_u32) {
        let mut world = World::new(seed);
        world.add_message(MessageKind::Broadcast, Duration::from_secs(600), count);
        world.add_message(MessageKind::Send, Duration::from_secs(60), 1 + count / 100);
        world.add_message(MessageKind::Broadcast, Duration::ZERO, 1 + count / 10);
        let targets: usize = world.targets.len();
        let crash_at: Vec<_> = (0..crashes).map(|_| world.random.random_range(0..4 * targets)).collect();
        let mut steps = 0;
        while world.remaining() > 0 {
            if crash_at.contains(&steps) {
                world.crash();
            }
            if steps % 50 == 0 && !world.targets.is_empty() {
                world.change_a_subscription();
            }
            world.step();
            steps += 1;
            prop_assert!(steps < 1_000_000, "it does not come to an end: {:?}", world.core.load());
        }
        prop_assert_eq!(world.terminal.len(), targets);
        prop_assert!(world.pages.is_empty());
        while !world.todo.is_empty() {
            world.step();
        }
        if crashes == 0 {
            let gauges = world.core.load();
            prop_assert_eq!((gauges.unsettled, gauges.targets_in_memory), (0, 0));
        }
    }
}

#[test]
fn draining_starts_nothing_and_records_what_ended() {
    let mut world = World::new(1);
    world.add_message(MessageKind::Broadcast, Duration::from_secs(600), 100);
    world.input(Input::Drain);
    let started = world.todo.iter().filter(|effect| matches!(effect, Effect::Start(_))).count();
    assert!(started > 0);
    assert!(!world.core.is_drained());
    while !world.todo.is_empty() {
        world.step();
    }
    assert!(world.core.is_drained());
    assert_eq!(world.posts, started);
}

#[test]
fn a_paused_lane_waits_and_another_goes_on() {
    let mut world = World::new(1);
    world.add_message(MessageKind::Broadcast, Duration::from_secs(600), 60);
    let entry = world.todo.iter().find_map(|effect| match effect {
        Effect::Start(attempt) if attempt.target.origin == OriginId(0) => Some(attempt.entry),
        Effect::Start(_) | Effect::Lookup { .. } | Effect::Load(_) | Effect::Commit { .. } => None,
    });
    let mut report = AttemptReport::failed(Outcome::Throttled, "", None);
    report.throttle = super::super::attempt::Throttle::Origin;
    report.retry_after = Some(Duration::from_secs(30));
    world.todo.clear();
    world.input(Input::AttemptEnded { entry: entry.unwrap(), report });
    let starts = |world: &World| {
        let origin_of = |effect: &Effect| match effect {
            Effect::Start(attempt) => Some(attempt.target.origin.0),
            Effect::Lookup { .. } | Effect::Load(_) | Effect::Commit { .. } => None,
        };
        world.todo.iter().filter_map(origin_of).collect::<Vec<_>>()
    };
    assert!(starts(&world).is_empty(), "origin 0 is paused, the others are full");
    world.pass(Duration::from_secs(40));
    let effects = world.core.advance(world.now());
    world.todo.extend(effects);
    assert!(starts(&world).contains(&0), "{:?}", starts(&world));
}

fn health(world: &mut World) -> Vec<OriginHealth> {
    let (answer, mut answered) = oneshot::channel();
    world.input(Input::Health(answer));
    answered.try_recv().unwrap()
}

#[test]
fn operators_see_each_lane() {
    let mut world = World::new(1);
    world.core = Core::new(settings(), OriginNames(Box::new(|origin| format!("https://{}", origin.0))), 1);
    world.add_message(MessageKind::Broadcast, Duration::from_secs(600), 60);
    let Effect::Start(attempt) = world.todo.remove(0) else { panic!("an attempt starts") };
    let mut report = AttemptReport::failed(Outcome::Throttled, "", Some(Duration::from_millis(1)));
    report.throttle = super::super::attempt::Throttle::Origin;
    report.retry_after = Some(Duration::from_secs(30));
    world.input(Input::AttemptEnded { entry: attempt.entry, report });
    let all = health(&mut world);
    assert_eq!(all.len(), 3);
    let name = format!("https://{}", attempt.target.origin.0);
    let one = all.iter().find(|one| one.origin == name).unwrap();
    assert_eq!(
        (one.state, one.paused_until),
        (OriginState::Paused, Some(START.plus(Duration::from_secs(30))))
    );
    assert!(one.throttled_share > 0.99);
    assert_eq!(one.last_problem, Some(Outcome::Throttled));
    assert_eq!(one.in_flight + one.queued + 1, 20);
    assert!(all.iter().filter(|one| one.origin != name).all(|one| one.state == OriginState::Open));
}
