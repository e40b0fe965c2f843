//! The core in virtual time, with push services that answer after a latency: who starts how much, what is read how often,
//! and how much is held.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::tests::{START, application, message, target};
use super::*;
use crate::domain::{Application, DeliveryState, MessageKind, MessageSpec, Outcome, Target};
use crate::engine::attempt::AttemptReport;
use crate::store::types::EntryState;
use crate::store::{Addressee, Commit, GroupId, PageHead, StoredEntry, StoredPage};

pub(super) const MILLI: Duration = Duration::from_millis(1);

/// How long a page takes to be read, and a commit to be synced.
const STORE: Duration = Duration::from_millis(3);

/// Who is at this origin is not there any more.
const MISSING: OriginId = OriginId(999);

fn settings() -> EngineSettings {
    EngineSettings { max_unsettled: 16, lane_concurrency: 4_096, ..EngineSettings::default() }
}

/// What a push service answers.
type Answer = fn(&World, &Attempt) -> (Duration, Outcome);

/// When an attempt was started, of what and where.
#[derive(Clone, Copy, Debug)]
struct Start {
    at: Duration,
    application: ApplicationId,
    message: MessageId,
    origin: OriginId,
}

/// What comes back to the core, in the order of its time.
pub(super) struct World {
    pub(super) core: Core,
    begin: Now,
    passed: Duration,
    answer: Answer,
    /// By time and number.
    to_come: BinaryHeap<Reverse<(Duration, u64)>>,
    effects: HashMap<u64, Effect>,
    outcomes: HashMap<u64, Outcome>,
    numbers: u64,
    messages: BTreeMap<MessageId, Arc<ActiveMessage>>,
    /// Entries and their origins, without their targets: those are made when they are read.
    pages: BTreeMap<PageKey, StoredPage>,
    origins: HashMap<SubscriptionId, OriginId>,
    subscriptions: u32,
    template: Target,
    starts: Vec<Start>,
    loads: BTreeMap<PageKey, usize>,
    pub(super) ended: BTreeMap<MessageId, BTreeMap<(DeliveryState, Outcome), usize>>,
    largest_commit: usize,
}

impl World {
    pub(super) fn new(settings: EngineSettings, answer: Answer) -> Self {
        Self {
            core: Core::new(settings, OriginNames(Box::new(|_| String::new())), 1),
            begin: Now { wall: START, monotonic: Instant::now() },
            passed: Duration::ZERO,
            answer,
            to_come: BinaryHeap::new(),
            effects: HashMap::new(),
            outcomes: HashMap::new(),
            numbers: 0,
            messages: BTreeMap::new(),
            pages: BTreeMap::new(),
            origins: HashMap::new(),
            subscriptions: 0,
            template: target(0, 0),
            starts: Vec::new(),
            loads: BTreeMap::new(),
            ended: BTreeMap::new(),
            largest_commit: 0,
        }
    }

    fn now(&self) -> Now {
        Now { wall: self.begin.wall.plus(self.passed), monotonic: self.begin.monotonic + self.passed }
    }

    fn input(&mut self, input: Input) {
        self.core.take(self.now(), input);
        self.advance();
    }

    fn advance(&mut self) {
        for effect in self.core.advance(self.now()) {
            let number = self.numbers;
            self.numbers += 1;
            let takes = match &effect {
                Effect::Start(attempt) => {
                    let of = &attempt.message;
                    let (application, message) = (of.application.id, of.id);
                    let origin = attempt.target.origin;
                    self.starts.push(Start { at: self.passed, application, message, origin });
                    let (takes, outcome) = (self.answer)(self, attempt);
                    self.outcomes.insert(number, outcome);
                    takes
                }
                Effect::Load(head) => {
                    *self.loads.entry(head.key).or_default() += 1;
                    STORE
                }
                Effect::Lookup { .. } | Effect::Commit { .. } => STORE,
            };
            self.to_come.push(Reverse((self.passed + takes, number)));
            self.effects.insert(number, effect);
        }
    }

    /// A message in pages of these sizes, each for an origin that is a group of its own.
    pub(super) fn add(
        &mut self,
        of: ActiveMessage,
        pages: impl IntoIterator<Item = (usize, u32)>,
    ) -> MessageId {
        let message = Arc::new(of);
        self.messages.insert(message.id, Arc::clone(&message));
        self.input(Input::Message(Arc::clone(&message)));
        for (number, (size, origin)) in (0..).zip(pages) {
            let key = PageKey { message: message.id, number };
            let head = PageHead {
                application: message.application.id,
                key,
                group: GroupId::of(OriginId(origin)),
                kind: message.kind,
                due: self.now().wall,
                starts: 0,
            };
            let mut entries = Vec::new();
            for _ in 0..size {
                self.subscriptions += 1;
                let id = subscription(self.subscriptions);
                self.origins.insert(id, OriginId(origin));
                entries.push(StoredEntry { id, state: EntryState::Waiting, target: None, departed: None });
            }
            self.pages.insert(key, StoredPage { head, entries });
            let page = self.read(key).unwrap();
            self.input(Input::PageWritten { page, as_of: 0 });
        }
        message.id
    }

    fn read(&self, key: PageKey) -> Option<StoredPage> {
        let mut page = self.pages.get(&key)?.clone();
        for entry in page.entries.iter_mut().filter(|entry| entry.state != EntryState::Settled) {
            let origin = self.origins[&entry.id];
            if origin == MISSING {
                continue;
            }
            entry.target = Some(Target { id: entry.id, origin, ..self.template.clone() });
        }
        Some(page)
    }

    /// Lets the next thing happen, at most until then; answers whether there was one.
    fn step(&mut self, until: Duration) -> bool {
        let idle =
            self.core.idle_for(self.now()).map(|idle| self.passed + idle.max(Duration::from_micros(1)));
        let next = self.to_come.peek().map(|Reverse((at, _))| *at);
        let at = idle.into_iter().chain(next).min();
        let Some(at) = at.filter(|at| *at <= until) else {
            self.passed = until;
            return false;
        };
        self.passed = at.max(self.passed);
        if next != Some(at) {
            self.advance();
            return true;
        }
        let Some(Reverse((_, number))) = self.to_come.pop() else { return false };
        match self.effects.remove(&number).unwrap() {
            Effect::Start(attempt) => {
                let outcome = self.outcomes.remove(&number).unwrap();
                let mut report = AttemptReport::failed(outcome, "", Some(MILLI));
                // Without an answer there is no status.
                let answered = matches!(outcome, Outcome::Accepted | Outcome::Unavailable);
                report.http_status = answered.then_some(if outcome == Outcome::Accepted { 201 } else { 500 });
                self.input(Input::AttemptsEnded(vec![(attempt.entry, report)]));
            }
            Effect::Lookup { entry, subscription, .. } => {
                let origin = self.origins[&subscription];
                let target = Some(Target { id: subscription, origin, ..self.template.clone() });
                let found = Addressee { target, departed: None };
                self.input(Input::TargetFound { entry, found, as_of: u64::MAX });
            }
            Effect::Load(head) => {
                let page = self.read(head.key);
                self.input(Input::PageLoaded { head, page, as_of: 0 });
            }
            Effect::Commit { commit, .. } => {
                let application = commit.application;
                let ended = self.record(commit);
                self.input(Input::Committed { application, ended });
            }
        }
        true
    }

    pub(super) fn run_until(&mut self, until: Duration) {
        while self.step(until) {}
    }

    fn run_to_the_end(&mut self) {
        while !self.pages.is_empty() {
            assert!(self.step(Duration::from_secs(100_000)), "nothing is due: {:?}", self.core.load());
        }
    }

    fn record(&mut self, commit: Commit) -> Vec<MessageId> {
        let mut ended = Vec::new();
        let mut outcomes = 0;
        for of_message in commit.messages {
            for page in of_message.pages {
                outcomes += page.events.len();
                for event in page.events.iter().filter(|event| event.state.is_terminal()) {
                    let ends = self.ended.entry(event.message).or_default();
                    *ends.entry((event.state, event.outcome)).or_default() += 1;
                }
                let stored = self.pages.get_mut(&page.update.key).expect("its page is there");
                stored.head.due = page.update.due;
                for (entry, state) in stored.entries.iter_mut().zip(page.update.entries) {
                    entry.state = state;
                }
                if stored.entries.iter().all(|entry| entry.state == EntryState::Settled) {
                    self.pages.remove(&page.update.key);
                }
            }
            let first = PageKey { message: of_message.message, number: 0 };
            let next = self.pages.range(first..).next();
            if next.is_none_or(|(key, _)| key.message != of_message.message) {
                ended.push(of_message.message);
            }
        }
        self.largest_commit = self.largest_commit.max(outcomes);
        ended
    }

    /// Attempts that each of two applications started in any window of five seconds, as the share of the first; everywhere
    /// or at one origin.
    fn shares(&self, first: ApplicationId, at: Option<u32>, from: Duration, until: Duration) -> Vec<f64> {
        let here = |start: &&Start| at.is_none_or(|origin| start.origin == OriginId(origin));
        let starts: Vec<_> = self.starts.iter().filter(here).collect();
        let mut shares = Vec::new();
        let mut begin = from;
        while begin + Duration::from_secs(5) <= until {
            let window: Vec<_> = starts
                .iter()
                .filter(|start| start.at >= begin && start.at < begin + Duration::from_secs(5))
                .collect();
            let of_first = window.iter().filter(|start| start.application == first).count();
            assert!(window.len() > 1_000, "it is busy all the time");
            shares.push(
                f64::from(u32::try_from(of_first).unwrap()) / f64::from(u32::try_from(window.len()).unwrap()),
            );
            begin += Duration::from_millis(250);
        }
        shares
    }
}

fn subscription(number: u32) -> SubscriptionId {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    SubscriptionId(id)
}

/// Broadcast `id` of an application with this number and weight.
pub(super) fn broadcast(id: u8, number: u32, weight: u32) -> ActiveMessage {
    let message = message(id, MessageKind::Broadcast, Duration::from_secs(100_000));
    let application = Application { id: ApplicationId(number), weight, ..(*application()).clone() };
    ActiveMessage { application: Arc::new(application), ..Arc::into_inner(message).unwrap() }
}

pub(super) fn paced(id: u8, number: u32, per_second: f64) -> ActiveMessage {
    let plain = broadcast(id, number, 1);
    let spec = MessageSpec { max_per_second: Some(per_second), ..(*plain.spec).clone() };
    ActiveMessage { spec: Arc::new(spec), ..plain }
}

fn accepts(_: &World, attempt: &Attempt) -> (Duration, Outcome) {
    // Latencies differ, so that answers come out of order.
    (MILLI * (10 + u32::from(attempt.entry.index % 7)), Outcome::Accepted)
}

/// Shares everywhere, or at one origin.
fn assert_shares(settings: &EngineSettings, weights: [u32; 2], origins: [&[u32]; 2], at: Option<u32>) {
    let mut world = World::new(settings.clone(), accepts);
    for (application, (weight, origins)) in (1..).zip(weights.into_iter().zip(origins)) {
        // Enough at each origin until the end.
        let pages = (0..20 * origins.len()).map(|page| (512, origins[page % origins.len()]));
        world.add(broadcast(u8::try_from(application).unwrap(), application, weight), pages);
    }
    let until = Duration::from_secs(7);
    world.run_until(until);
    let fair = f64::from(weights[0]) / f64::from(weights[0] + weights[1]);
    for share in world.shares(ApplicationId(1), at, Duration::from_millis(500), until) {
        assert!((share / fair - 1.0).abs() < 0.1, "{share} of {fair}, {weights:?} at {origins:?}");
    }
}

#[test]
fn applications_share_the_unsettled_bound_by_weight() {
    for weights in [[1, 1], [1, 3]] {
        assert_shares(&settings(), weights, [&[1, 2], &[1, 2]], None);
        // Many lanes are no advantage.
        assert_shares(&settings(), weights, [&[1], &[2, 3, 4, 5, 6, 7]], None);
    }
    assert_shares(&settings(), [3, 1], [&[1, 2, 3], &[4]], None);
}

#[test]
fn applications_share_a_lane_by_weight() {
    let settings = EngineSettings { max_unsettled: 4_096, lane_concurrency: 16, ..settings() };
    for weights in [[1, 1], [1, 3]] {
        assert_shares(&settings, weights, [&[1], &[1]], None);
        // What one of them has in other lanes changes nothing here.
        assert_shares(&settings, weights, [&[1], &[1, 2, 3, 4, 5, 6]], Some(1));
    }
}

#[test]
fn a_small_broadcast_is_not_stuck_behind_a_huge_one() {
    for at in [Duration::ZERO, Duration::from_secs(2)] {
        let mut world = World::new(settings(), accepts);
        let huge = world.add(broadcast(1, 1, 1), (0..200).map(|_| (512, 1)));
        world.run_until(at);
        let small = world.add(broadcast(2, 1, 1), [(512, 1)]);
        while world.ended.get(&small).is_none_or(|ends| ends.values().sum::<usize>() != 512) {
            assert!(world.step(Duration::from_secs(100)));
        }
        let between = world.starts.iter().filter(|start| start.message == huge && start.at >= at).count();
        // The page that was next to leave memory, and turns of the other seven.
        assert!(between <= 3 * 512, "{between} of the huge one at {at:?}");
        assert!(world.loads.values().all(|loads| *loads == 1));
    }
}

#[test]
fn a_paced_message_keeps_its_rate_and_leaves_the_lane_to_others() {
    let mut world = World::new(settings(), accepts);
    let slow = world.add(paced(1, 1, 40.0), (0..6).map(|page| (200, 1 + page % 3)));
    let fast = world.add(broadcast(2, 1, 1), (0..12).map(|page| (512, 1 + page % 3)));
    for second in 1..=6_usize {
        world.run_until(Duration::from_secs(second.try_into().unwrap()));
        let count = |of| world.starts.iter().filter(|start| start.message == of).count();
        assert!((40 * second..=40 * second + 5).contains(&count(slow)), "{} in {second} s", count(slow));
        assert!(count(fast) >= 580 * second, "{} in {second} s", count(fast));
        let in_memory = world.core.pages.keys().filter(|key| key.message == slow).count();
        // Two, and at first one for each origin that has not answered yet.
        assert!(in_memory <= if second == 1 { 5 } else { 4 }, "{in_memory} pages");
    }
    world.run_to_the_end();
    assert_eq!(world.ended[&slow].values().sum::<usize>(), 1_200);
}

#[test]
fn retries_of_a_paced_message_count() {
    fn fails_first(world: &World, attempt: &Attempt) -> (Duration, Outcome) {
        let outcome = if attempt.number == 1 { Outcome::Unavailable } else { Outcome::Accepted };
        (accepts(world, attempt).0, outcome)
    }
    let mut world = World::new(settings(), fails_first);
    world.add(paced(1, 1, 40.0), [(200, 1), (200, 2)]);
    world.run_to_the_end();
    assert_eq!(world.starts.len(), 800);
    for window in world.starts.windows(46) {
        assert!(window[45].at >= window[0].at + Duration::from_secs(1), "{window:?}");
    }
}

#[test]
fn what_ends_without_an_attempt_makes_no_huge_commit_and_stops_nobody() {
    let mut world = World::new(EngineSettings { max_pages_per_group: 100, ..settings() }, accepts);
    let gone = world.add(broadcast(1, 1, 1), (0..60).map(|_| (512, MISSING.0)));
    let other = world.add(broadcast(2, 2, 1), [(512, 1)]);
    world.run_to_the_end();
    assert_eq!(world.ended[&gone], [((DeliveryState::Failed, Outcome::NotFound), 60 * 512)].into());
    assert_eq!(world.ended[&other].values().sum::<usize>(), 512);
    assert!(world.largest_commit <= 8_192, "{}", world.largest_commit);
}

#[test]
fn pages_of_a_broken_origin_are_read_for_probes_only() {
    fn broken_at_first(world: &World, attempt: &Attempt) -> (Duration, Outcome) {
        let broken = world.passed < Duration::from_secs(100) && attempt.target.origin == OriginId(1);
        (MILLI, if broken { Outcome::Unreachable } else { Outcome::Accepted })
    }
    let mut world = World::new(settings(), broken_at_first);
    let broken = world.add(broadcast(1, 1, 1), (0..40).map(|_| (512, 1)));
    let healthy = world.add(broadcast(2, 1, 1), (0..20).map(|_| (512, 2)));
    world.run_until(Duration::from_secs(99));
    assert_eq!(world.ended[&healthy].values().sum::<usize>(), 20 * 512);
    let loads = |world: &World| -> usize {
        world.loads.iter().filter(|(key, _)| key.message == broken).map(|(_, loads)| loads).sum()
    };
    let probes = usize::try_from(world.core.take_lane_changes().broken).unwrap();
    assert!(loads(&world) <= probes, "{} for {probes} probes", loads(&world));
    world.run_to_the_end();
    assert_eq!(world.ended[&broken].values().sum::<usize>(), 40 * 512);
    assert!(loads(&world) <= 40 + probes, "{}", loads(&world));
}

#[test]
fn a_page_is_read_once_for_each_round_of_retries() {
    fn fails_first(_: &World, attempt: &Attempt) -> (Duration, Outcome) {
        (MILLI, if attempt.number <= 2 { Outcome::Unavailable } else { Outcome::Accepted })
    }
    let mut world = World::new(settings(), fails_first);
    world.add(broadcast(1, 1, 1), (0..24).map(|_| (512, 1)));
    world.run_to_the_end();
    // The breaker opens as well, when nothing but failures is left: each time a page is read for the probe.
    let probes = usize::try_from(world.core.take_lane_changes().broken).unwrap();
    let loads: usize = world.loads.values().sum();
    assert!(loads <= 3 * 24 + probes, "{loads} {probes} {:?}", world.loads);
}

#[test]
fn an_application_that_comes_finds_room_in_a_full_memory() {
    fn hangs(world: &World, attempt: &Attempt) -> (Duration, Outcome) {
        if attempt.message.application.id == ApplicationId(1) {
            return (Duration::from_secs(30), Outcome::TimedOut);
        }
        accepts(world, attempt)
    }
    let settings = EngineSettings { max_unsettled: 4_096, lane_concurrency: 8, ..EngineSettings::default() };
    let mut world = World::new(settings, hangs);
    world.add(broadcast(1, 1, 1), (0..600).map(|page| (512, page % 100)));
    for application in 2..6_u8 {
        let id = world.add(broadcast(application, application.into(), 1), [(64, 200)]);
        let until = world.passed + Duration::from_secs(1);
        world.run_until(until);
        assert_eq!(world.ended[&id].values().sum::<usize>(), 64, "{:?}", world.core.load());
    }
}

#[test]
fn a_huge_broadcast_holds_no_more_in_memory_than_a_big_one() {
    let peaks = |pages: u32| {
        let mut world = World::new(EngineSettings { max_unsettled: 256, ..settings() }, accepts);
        world.add(broadcast(1, 1, 1), (0..pages).map(|_| (512, 1)));
        world.run_to_the_end();
        let load = world.core.load();
        assert_eq!((load.targets_in_memory, load.pages_in_memory, load.unsettled), (0, 0, 0));
        (load.targets_in_memory_peak, load.pages_in_memory_peak, load.unsettled_peak)
    };
    assert_eq!(peaks(16), peaks(48));
}
