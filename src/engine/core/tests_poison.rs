//! What some bad endpoints of an origin do to the others: nothing, in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use super::tests::{START, World, message, target};
use super::*;
use crate::domain::{DeliveryState, MessageKind, Outcome, Target};
use crate::engine::attempt::AttemptReport;
use crate::store::GroupId;
use crate::webpush::outcome::Scope;

const SECOND: Duration = Duration::from_secs(1);
const TTL: Duration = Duration::from_secs(600);
/// What the origin takes for an answer.
const LATENCY: Duration = Duration::from_millis(5);

/// What an endpoint does, and after how long.
type Conduct = fn() -> (Duration, AttemptReport);

fn answer(outcome: Outcome, status: u16) -> AttemptReport {
    let mut report = AttemptReport::failed(outcome, "", Some(LATENCY));
    report.http_status = Some(status);
    report
}

fn asks(outcome: Outcome, status: u16, scope: Scope, wait: Option<Duration>) -> AttemptReport {
    let mut report = answer(outcome, status);
    (report.verdict.scope, report.verdict.retry_after) = (scope, wait);
    report
}

fn unavailable() -> (Duration, AttemptReport) {
    (LATENCY, asks(Outcome::Unavailable, 503, Scope::Origin, None))
}

/// The ways in which an endpoint may be bad.
const WAYS: [(&str, Conduct); 10] = [
    ("503", unavailable),
    ("503, now", || (LATENCY, asks(Outcome::Unavailable, 503, Scope::Origin, Some(Duration::ZERO)))),
    ("503, 5 s", || (LATENCY, asks(Outcome::Unavailable, 503, Scope::Origin, Some(5 * SECOND)))),
    ("503, 60 s", || (LATENCY, asks(Outcome::Unavailable, 503, Scope::Origin, Some(60 * SECOND)))),
    ("500", || (LATENCY, answer(Outcome::Unavailable, 500))),
    ("429 of the sender", || (LATENCY, asks(Outcome::Throttled, 429, Scope::SenderKey, Some(60 * SECOND)))),
    ("429 of the origin", || (LATENCY, asks(Outcome::Throttled, 429, Scope::Origin, Some(Duration::ZERO)))),
    ("hangs", || (30 * SECOND, AttemptReport::failed(Outcome::TimedOut, "", Some(30 * SECOND)))),
    ("reset", || (LATENCY, AttemptReport::failed(Outcome::Unreachable, "", Some(LATENCY)))),
    ("refused", || {
        let report = AttemptReport::failed(Outcome::Unreachable, "", Some(LATENCY));
        (LATENCY, AttemptReport { refused_stream: true, ..report })
    }),
];

/// One origin, some of whose endpoints are bad.
struct Poisoned {
    world: World,
    bad: BTreeMap<SubscriptionId, Conduct>,
    under_way: BinaryHeap<Reverse<(Timestamp, u64)>>,
    attempts: BTreeMap<u64, (Attempt, AttemptReport)>,
    started: u64,
    posts: BTreeMap<SubscriptionId, u32>,
    /// When each was accepted.
    accepted: BTreeMap<(MessageId, SubscriptionId), Timestamp>,
}

impl Poisoned {
    fn new() -> Self {
        // What waits for an endpoint stays in memory, where it can be seen.
        let settings = EngineSettings { park_after: TTL, ..EngineSettings::default() };
        Self {
            world: World::with(settings, 1),
            bad: BTreeMap::new(),
            under_way: BinaryHeap::new(),
            attempts: BTreeMap::new(),
            started: 0,
            posts: BTreeMap::new(),
            accepted: BTreeMap::new(),
        }
    }

    fn say(&mut self, kind: MessageKind, topic: Option<&str>, targets: &[Target]) -> MessageId {
        let number = u8::try_from(self.world.messages.len() + 1).unwrap();
        let mut of = Arc::into_inner(message(number, kind, TTL)).unwrap();
        of.expires = self.world.wall.plus(TTL);
        let mut spec = (*of.spec).clone();
        spec.topic_header = topic.map(str::to_owned);
        of.spec = Arc::new(spec);
        let of = Arc::new(of);
        self.world.messages.push(Arc::clone(&of));
        self.world.input(Input::Message(Arc::clone(&of)));
        self.world.add_pages(&of, targets, GroupId(1));
        of.id
    }

    /// Takes over what was started; everything else is done at once.
    fn take_up(&mut self) {
        loop {
            for attempt in self.world.take_starts() {
                let id = attempt.target.id;
                *self.posts.entry(id).or_default() += 1;
                let (time, report) =
                    self.bad.get(&id).map_or_else(|| (LATENCY, answer(Outcome::Accepted, 201)), |way| way());
                self.started += 1;
                self.under_way.push(Reverse((self.world.wall.plus(time), self.started)));
                self.attempts.insert(self.started, (attempt, report));
            }
            if self.world.todo.is_empty() {
                return;
            }
            self.world.step();
        }
    }

    fn live(&mut self, time: Duration) {
        let end = self.world.wall.plus(time);
        loop {
            self.take_up();
            if let Some(Reverse((at, number))) = self.under_way.peek().copied()
                && at <= self.world.wall
            {
                self.under_way.pop();
                let (attempt, report) = self.attempts.remove(&number).unwrap();
                if report.verdict.outcome == Outcome::Accepted {
                    self.accepted.insert((attempt.message.id, attempt.target.id), self.world.wall);
                }
                if report.refused_stream || report.exhausted {
                    self.world.is_settled((attempt.message.id, attempt.target.id));
                }
                self.world.input(Input::AttemptsEnded(vec![(attempt.entry, report)]));
                continue;
            }
            if self.world.wall >= end {
                return;
            }
            let next = self.under_way.peek().map_or(end, |Reverse((at, _))| *at).min(end);
            let idle = self.world.core.idle_for(self.world.now()).unwrap_or(SECOND);
            let idle = idle
                .clamp(Duration::from_micros(1), next.since(self.world.wall).max(Duration::from_micros(1)));
            self.world.pass(idle);
            self.world.advance();
        }
    }

    /// How long the last of those took that are not bad.
    fn slowest(&self, message: MessageId, targets: &[Target], from: Timestamp) -> Option<Duration> {
        let sound = targets.iter().filter(|target| !self.bad.contains_key(&target.id));
        let times = sound.map(|target| Some(self.accepted.get(&(message, target.id))?.since(from)));
        times.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

fn targets(count: u32) -> Vec<Target> {
    (0..count).map(|number| target(number, 0)).collect()
}

/// Broadcasts to all every 12 s, of whom every so many-th is bad: the others have each within this time.
fn hurts_nobody(way: Conduct, count: u32, every: usize, first: Duration, later: Duration) -> Poisoned {
    let targets = targets(count);
    let mut poisoned = Poisoned::new();
    poisoned.bad = targets.iter().skip(every / 2).step_by(every).map(|target| (target.id, way)).collect();
    for round in 0..8 {
        let from = poisoned.world.wall;
        let message = poisoned.say(MessageKind::Broadcast, None, &targets);
        poisoned.live(12 * SECOND);
        let slowest = poisoned.slowest(message, &targets, from);
        let contact = if way().0 > SECOND { way().0 } else { Duration::ZERO };
        let within = if from.since(START) <= contact { first } else { later };
        assert!(slowest.is_some_and(|slowest| slowest <= within), "round {round}: {slowest:?}");
    }
    poisoned
}

#[test]
fn a_few_bad_endpoints_hurt_nobody() {
    for (name, way) in WAYS {
        eprintln!("{name}");
        let poisoned = hurts_nobody(way, 63, 21, SECOND, SECOND / 2);
        for id in poisoned.bad.keys() {
            let posts = poisoned.posts[id];
            assert!(posts <= 16, "{name}: {posts} attempts in 96 s");
        }
    }
}

#[test]
fn a_fifth_of_bad_endpoints_hurts_nobody() {
    for (name, way) in WAYS {
        eprintln!("{name}");
        hurts_nobody(way, 1_000, 5, 8 * SECOND, SECOND);
    }
}

#[test]
fn one_in_a_thousand_hurts_nobody() {
    for (name, way) in WAYS {
        eprintln!("{name}");
        hurts_nobody(way, 2_003, 700, 2 * SECOND, SECOND);
    }
}

#[test]
fn messages_wait_for_their_endpoint_and_not_in_its_lane() {
    let targets = targets(10);
    let mut poisoned = Poisoned::new();
    poisoned.bad.insert(targets[0].id, unavailable);
    for _ in 0..25 {
        poisoned.say(MessageKind::Send, None, &targets[..1]);
        poisoned.live(SECOND / 10);
    }
    for round in 0..60 {
        let from = poisoned.world.wall;
        let other = &targets[1 + round % 9..2 + round % 9];
        let message = poisoned.say(MessageKind::Send, None, other);
        poisoned.live(SECOND);
        let took = poisoned.slowest(message, other, from).unwrap();
        assert!(took <= 2 * LATENCY, "{round}: {took:?}");
    }
    let posts = poisoned.posts[&targets[0].id];
    assert!(posts <= 25 + 10, "{posts} attempts for 25 messages");
    // It comes back: what waited goes at once after the first that is taken.
    poisoned.bad.clear();
    poisoned.live(400 * SECOND);
    let taken: BTreeSet<_> =
        poisoned.accepted.iter().filter(|((_, id), _)| *id == targets[0].id).map(|(_, at)| *at).collect();
    assert_eq!(poisoned.accepted.keys().filter(|(_, id)| *id == targets[0].id).count(), 25);
    let spread = taken.last().unwrap().since(*taken.first().unwrap());
    assert!(spread < 120 * SECOND, "{spread:?}");
}

#[test]
fn of_what_waits_for_an_endpoint_with_one_collapse_key_the_newest_goes() {
    let targets = targets(3);
    let mut poisoned = Poisoned::new();
    poisoned.bad.insert(targets[0].id, unavailable);
    for _ in 0..3 {
        poisoned.say(MessageKind::Send, None, &targets);
        poisoned.live(10 * SECOND);
    }
    let messages: Vec<_> =
        (0..5).map(|_| poisoned.say(MessageKind::Send, Some("score"), &targets[..1])).collect();
    let other = poisoned.say(MessageKind::Send, Some("weather"), &targets[..1]);
    poisoned.live(SECOND);
    let ends = |message: &MessageId| poisoned.world.ends(*message);
    let superseded = [((DeliveryState::Cancelled, Outcome::Superseded), 1)].into();
    assert!(messages[..4].iter().all(|message| ends(message) == superseded));
    assert!(ends(&messages[4]).is_empty() && ends(&other).is_empty());
}

#[test]
fn an_origin_that_fails_for_all_is_left_alone_and_comes_back_for_all() {
    let targets = targets(200);
    let mut poisoned = Poisoned::new();
    let before = poisoned.say(MessageKind::Broadcast, None, &targets);
    poisoned.live(5 * SECOND);
    assert_eq!(poisoned.world.ends(before).values().sum::<usize>(), 200);
    poisoned.bad = targets.iter().map(|target| (target.id, unavailable as Conduct)).collect();
    poisoned.posts.clear();
    poisoned.say(MessageKind::Broadcast, None, &targets);
    poisoned.live(120 * SECOND);
    assert!(poisoned.world.core.take_lane_changes().broken >= 1);
    let posts: u32 = poisoned.posts.values().sum();
    assert!(posts <= 700, "{posts} attempts in two minutes");
    poisoned.bad.clear();
    let from = poisoned.world.wall;
    let after = poisoned.say(MessageKind::Broadcast, None, &targets);
    poisoned.live(150 * SECOND);
    let slowest = poisoned.slowest(after, &targets, from).expect("all have it");
    assert!(slowest <= 125 * SECOND, "a breaker's minute, and another for what was in doubt: {slowest:?}");
    assert!(poisoned.world.wall > START);
}

#[test]
fn endpoints_that_become_good_are_reached_again() {
    let targets = targets(63);
    let mut poisoned = hurts_nobody(unavailable, 63, 21, SECOND, SECOND / 2);
    let recovered: Vec<_> = poisoned.bad.keys().copied().collect();
    poisoned.bad = targets[1..4].iter().map(|target| (target.id, unavailable as Conduct)).collect();
    let from = poisoned.world.wall;
    let mut reached = BTreeMap::new();
    for _ in 0..30 {
        let message = poisoned.say(MessageKind::Broadcast, None, &targets);
        poisoned.live(12 * SECOND);
        for id in &recovered {
            if let Some(at) = poisoned.accepted.get(&(message, *id)) {
                reached.entry(*id).or_insert(at.since(from));
            }
        }
    }
    assert_eq!(reached.len(), recovered.len());
    assert!(reached.values().all(|after| *after <= 300 * SECOND), "{reached:?}");
}

#[test]
fn a_probe_goes_to_a_subscription_that_was_accepted_before() {
    let mut poisoned = Poisoned::new();
    let of = |numbers: std::ops::Range<u32>| numbers.map(|number| target(number, 7)).collect::<Vec<_>>();
    let (known, strangers) = (of(0..5), of(5..205));
    poisoned.say(MessageKind::Broadcast, None, &known);
    poisoned.live(SECOND);
    let way = |name: &str| WAYS.iter().find(|(of, _)| *of == name).unwrap().1;
    let all: Vec<_> = strangers.iter().chain(&known).cloned().collect();
    poisoned.bad = all.iter().map(|of| (of.id, way("reset"))).collect();
    let message = poisoned.say(MessageKind::Broadcast, None, &all);
    poisoned.live(10 * SECOND);
    // The origin comes back, but not for those who were never accepted.
    poisoned.bad = strangers.iter().map(|of| (of.id, way("hangs"))).collect();
    poisoned.live(20 * SECOND);
    let accepted = poisoned.accepted.keys().filter(|(of, _)| *of == message).count();
    assert!(accepted > 0, "a stranger's silence kept the origin broken");
}

#[test]
fn a_machine_without_descriptors_says_nothing_of_origin_or_endpoints() {
    let mut stage = Poisoned::new();
    let targets: Vec<_> = (1..=50).map(|number| target(number, 1)).collect();
    let lacks: Conduct = || {
        let report = AttemptReport::failed(Outcome::Unreachable, "", Some(LATENCY));
        (LATENCY, AttemptReport { unsent: true, exhausted: true, ..report })
    };
    stage.bad = targets.iter().map(|target| (target.id, lacks)).collect();
    stage.say(MessageKind::Broadcast, None, &targets);
    stage.live(30 * SECOND);
    assert_eq!(stage.accepted.len(), 0);
    let tried: u32 = stage.posts.values().sum();
    assert!((20..=50 * 31).contains(&tried), "it is tried now and then: {tried}");
    // There are descriptors again.
    stage.bad.clear();
    stage.live(3 * SECOND);
    assert_eq!(stage.accepted.len(), targets.len(), "nothing was left alone");
    let attempts: BTreeSet<u32> = stage.world.terminal.values().map(|event| event.attempt).collect();
    assert_eq!(attempts, BTreeSet::from([1]), "what was not tried does not count");
    assert!(stage.world.told.is_empty(), "{:?}", stage.world.told);
}
