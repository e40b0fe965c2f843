//! What lanes do when an origin pauses, breaks or is silent: in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::tests::{START, World};
use super::*;
use crate::domain::{DeliveryState, MessageKind, Outcome, Target};
use crate::engine::attempt::AttemptReport;
use crate::engine::health::OriginState;
use crate::webpush::outcome::Scope;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Ten minutes: longer than anything here takes, unless it says so.
const TTL: Duration = Duration::from_secs(600);

/// What a subscription is answered, if that is its own.
type ToSome = Box<dyn Fn(&Target) -> Option<AttemptReport>>;

/// What each origin answers, and how often it was asked.
pub(super) struct Answers {
    pub(super) reports: BTreeMap<u32, fn() -> AttemptReport>,
    /// What single subscriptions are answered, before all else.
    pub(super) to_some: ToSome,
    asked: BTreeMap<u32, usize>,
    loads: BTreeMap<PageKey, usize>,
}

impl Answers {
    pub(super) fn new(reports: impl IntoIterator<Item = (u32, fn() -> AttemptReport)>) -> Self {
        Self {
            reports: reports.into_iter().collect(),
            to_some: Box::new(|_| None),
            asked: BTreeMap::new(),
            loads: BTreeMap::new(),
        }
    }

    /// Lets the world go on for so long; an origin without an answer takes everything within a millisecond.
    pub(super) fn live(&mut self, world: &mut World, time: Duration) {
        let end = world.wall.plus(time);
        loop {
            while let Some(effect) = world.todo.pop() {
                if let Effect::Load(head) = &effect {
                    *self.loads.entry(head.key).or_default() += 1;
                }
                let Effect::Start(attempt) = effect else {
                    world.todo.push(effect);
                    Self::not_a_start(world);
                    continue;
                };
                let origin = attempt.target.origin.0;
                *self.asked.entry(origin).or_default() += 1;
                let report = (self.to_some)(&attempt.target)
                    .or_else(|| self.reports.get(&origin).map(|of| of()))
                    .unwrap_or_else(|| answered(Outcome::Accepted, 201));
                world.input(Input::AttemptsEnded(vec![(attempt.entry, report)]));
            }
            if world.wall >= end {
                return;
            }
            let idle = world.core.idle_for(world.now()).unwrap_or(SECOND).max(Duration::from_millis(1));
            world.pass(idle.min(end.since(world.wall)));
            world.advance();
        }
    }

    /// Lookups, loads and commits are the world's, which takes effects at random: one is left to take.
    fn not_a_start(world: &mut World) {
        let last = world.todo.pop();
        let others = std::mem::replace(&mut world.todo, last.into_iter().collect());
        world.step();
        world.todo.extend(others);
    }

    pub(super) fn asked(&mut self, origin: u32) -> usize {
        self.asked.remove(&origin).unwrap_or_default()
    }
}

pub(super) fn answered(outcome: Outcome, status: u16) -> AttemptReport {
    let mut report = AttemptReport::failed(outcome, "", Some(Duration::from_millis(1)));
    report.http_status = Some(status);
    report
}

fn unreachable() -> AttemptReport {
    AttemptReport::failed(Outcome::Unreachable, "unreachable", Some(Duration::from_millis(1)))
}

pub(super) fn world() -> World {
    let mut world = World::new(1);
    let names = OriginNames(Box::new(|origin| format!("https://{}", origin.0)));
    world.core = Core::new(super::tests::settings(), names, 1);
    world
}

pub(super) fn health_of(world: &mut World, origin: u32) -> OriginHealth {
    let (answer, mut answered) = oneshot::channel();
    world.input(Input::Health(answer));
    let name = format!("https://{origin}");
    answered.try_recv().unwrap().into_iter().find(|one| one.origin == name).unwrap()
}

pub(super) fn counts_of(world: &mut World, origin: u32) -> LaneCounts {
    let (answer, mut answered) = oneshot::channel();
    world.input(Input::LaneCounts(answer));
    answered.try_recv().unwrap().into_iter().find(|(id, _)| id.0 == origin).unwrap().1
}

#[test]
fn a_dead_origin_is_probed_now_and_then_and_hurts_nobody() {
    let mut world = world();
    let mut answers = Answers::new([(0, unreachable as fn() -> AttemptReport)]);
    world.add_message(MessageKind::Broadcast, TTL, 1_500);
    answers.live(&mut world, 30 * SECOND);
    assert_eq!((answers.asked(1), answers.asked(2)), (500, 500));
    let asked = answers.asked(0);
    // 1, 2, 4, 8 and 16 seconds, each a quarter less at most, after the first few.
    assert!((5..=16).contains(&asked), "{asked}");
    assert!(matches!(health_of(&mut world, 0).state, OriginState::Broken | OriginState::Probing));
    assert_eq!(health_of(&mut world, 0).in_flight, 0);
    assert_eq!(world.terminal.len(), 1_000);
    answers.reports.clear();
    answers.live(&mut world, 90 * SECOND);
    assert_eq!(world.terminal.len(), 1_500, "{:?}", world.core.load());
    assert_eq!(health_of(&mut world, 0).state, OriginState::Open);
    let changes = world.core.take_lane_changes();
    assert_eq!(changes.mended, 1);
    assert!(changes.broken >= 4, "{changes:?}");
}

#[test]
fn what_waits_for_a_dead_origin_expires_on_time() {
    let mut world = world();
    let mut answers = Answers::new([(0, unreachable as fn() -> AttemptReport)]);
    world.add_message(MessageKind::Broadcast, 60 * SECOND, 900);
    answers.live(&mut world, 62 * SECOND);
    assert_eq!(world.terminal.len(), 900);
    let expired = world.terminal.values().filter(|event| event.state == DeliveryState::Expired).count();
    assert_eq!(expired, 300);
}

#[test]
fn one_senders_throttling_pauses_that_sender_alone() {
    fn throttled() -> AttemptReport {
        let mut report = answered(Outcome::Throttled, 429);
        (report.verdict.scope, report.verdict.retry_after) = (Scope::SenderKey, Some(20 * SECOND));
        report
    }
    let mut world = world();
    let mut answers = Answers::new([(0, throttled as fn() -> AttemptReport)]);
    world.add_message(MessageKind::Broadcast, TTL, 300);
    answers.live(&mut world, SECOND);
    let asked = answers.asked(0);
    assert!(asked <= 16, "until it was clear, and what was under way: {asked}");
    assert_eq!(health_of(&mut world, 0).state, OriginState::Open, "another sender's deliveries go on");
    answers.live(&mut world, 18 * SECOND);
    assert_eq!(answers.asked(0), 0);
    answers.reports.clear();
    answers.live(&mut world, 10 * SECOND);
    assert_eq!(world.terminal.len(), 300);
}

#[test]
fn lanes_that_do_not_answer_hold_a_quarter_at_most() {
    let mut world = world();
    // Nobody answers: attempts are left under way.
    let silent =
        |world: &World| world.todo.iter().filter(|effect| matches!(effect, Effect::Start(_))).count();
    world.add_message(MessageKind::Broadcast, TTL, 400);
    let quarter = super::tests::settings().max_unsettled / 4;
    assert!(silent(&world) <= quarter, "{}", silent(&world));
    world.add_message(MessageKind::Send, TTL, 20);
    let with_sends = silent(&world);
    assert!(with_sends <= quarter + quarter / 4, "{with_sends}");
    // One answers, and goes on although the others still do not.
    let place = world
        .todo
        .iter()
        .position(|effect| matches!(effect, Effect::Start(attempt) if attempt.target.origin == OriginId(1)));
    let Some(Effect::Start(attempt)) = place.map(|place| world.todo.remove(place)) else {
        panic!("it was asked")
    };
    world.input(Input::AttemptsEnded(vec![(attempt.entry, answered(Outcome::Accepted, 201))]));
    assert_eq!(health_of(&mut world, 1).in_flight, super::tests::settings().lane_concurrency);
    assert!(health_of(&mut world, 0).in_flight <= quarter);
    assert!(world.wall == START);
}

#[test]
fn the_backlog_of_a_broken_origin_is_read_once() {
    let mut world = world();
    let mut answers = Answers::new([(0, unreachable as fn() -> AttemptReport)]);
    world.add_message_to(MessageKind::Broadcast, TTL, 10_000, 1, crate::store::GroupId(1));
    answers.live(&mut world, 120 * SECOND);
    let while_broken: usize = answers.loads.values().sum();
    let probes = usize::try_from(world.core.take_lane_changes().broken).unwrap();
    assert!(while_broken <= probes + 2, "{while_broken} {probes}: one page a probe at most");
    answers.reports.clear();
    answers.loads.clear();
    answers.live(&mut world, 240 * SECOND);
    assert_eq!(world.terminal.len(), 10_000, "{:?}", world.core.load());
    let again = answers.loads.values().filter(|loads| **loads > 1).count();
    assert!(again <= 2, "{again} of {} pages were read more than once", answers.loads.len());
}
