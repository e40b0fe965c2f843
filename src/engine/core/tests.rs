//! The core driven through random histories, with a store and push services that are simulated: outcomes in any
//! order, delays, changes of subscriptions, crashes. After every step the bounds hold; at the end every delivery has
//! exactly one terminal event.

mod fixtures;
mod world;

use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::{Core, Effect, Input, OriginNames};
use crate::domain::{DeliveryState, MessageKind, OriginId, Outcome, Stop, Timestamp};
use crate::engine::health::{OriginHealth, OriginState};

pub(super) use fixtures::{START, application, message, settings, target, throttled};
pub(super) use world::World;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_delivery_ends_exactly_once(
        seed: u64,
        crashes in 0..4_usize,
        stops in 0..3_usize,
        jumps in 0..3_usize,
        count in 1..600_u32,
    ) {
        let mut world = World::new(seed);
        world.add_message(MessageKind::Broadcast, Duration::from_secs(600), count);
        world.add_message(MessageKind::Send, Duration::from_secs(60), 1 + count / 100);
        world.add_message(MessageKind::Broadcast, Duration::ZERO, 1 + count / 10);
        world.add_message(MessageKind::Broadcast, Duration::from_secs(20), 1 + count / 4);
        let targets: usize = world.targets.len();
        let mut at = |times| -> Vec<usize> {
            (0..times).map(|_| world.random.random_range(0..3 * targets)).collect()
        };
        let (crash_at, stop_at, jump_at) = (at(crashes), at(stops), at(jumps));
        let mut steps = 0;
        while world.remaining() > 0 {
            if crash_at.contains(&steps) {
                world.crash();
            }
            if stop_at.contains(&steps) {
                let message = world.random.random_range(0..world.messages.len());
                let reason = if steps % 2 == 0 { Stop::Cancelled } else { Stop::Superseded };
                world.stop(world.messages[message].id, reason);
            }
            if jump_at.contains(&steps) {
                // Wall time alone, back or on.
                let (from, by) = (world.wall.as_micros(), world.random.random_range(0..120_000_000));
                let to = if steps % 2 == 0 { from - by } else { from + by };
                world.wall = Timestamp::from_micros(to);
            }
            if steps % 50 == 0 && !world.targets.is_empty() {
                world.change_a_subscription();
            }
            if steps % 70 == 0 {
                world.reap();
            }
            world.step();
            steps += 1;
            prop_assert!(steps < 1_000_000, "it does not come to an end: {:?}", world.core.load());
        }
        prop_assert_eq!(world.terminal.len(), targets);
        prop_assert!(world.pages.is_empty());
        world.settle();
        for message in &world.messages {
            let cancelled = world.ends(message.id).keys().any(|(state, _)| *state == DeliveryState::Cancelled);
            prop_assert!(!cancelled || world.stopped.contains_key(&message.id), "only a stop cancels");
        }
        let gauges = world.core.load();
        prop_assert_eq!((gauges.unsettled, gauges.targets_in_memory, gauges.pages_waiting), (0, 0, 0));
        prop_assert_eq!((gauges.messages, gauges.waiting_deliveries), (0, 0));
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
    world.throttle(OriginId(0));
    let starts = |world: &World| {
        let origin_of = |effect: &Effect| match effect {
            Effect::Start(attempt) => Some(attempt.target.origin.0),
            Effect::Lookup { .. } | Effect::Load(_) | Effect::Commit { .. } => None,
        };
        world.todo.iter().filter_map(origin_of).collect::<Vec<_>>()
    };
    assert!(!starts(&world).contains(&0), "origin 0 is paused");
    world.todo.clear();
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
    world.throttle(OriginId(1));
    let all = health(&mut world);
    assert_eq!(all.len(), 3);
    let name = "https://1";
    let one = all.iter().find(|one| one.origin == name).unwrap();
    assert_eq!(
        (one.state, one.paused_until),
        (OriginState::Paused, Some(START.plus(Duration::from_secs(30))))
    );
    assert!(one.throttled_share > 0.99);
    assert_eq!(one.last_problem, Some(Outcome::Throttled));
    assert_eq!(one.queued, 0, "what waits for longer waits elsewhere");
    assert!(all.iter().filter(|one| one.origin != name).all(|one| one.state == OriginState::Open));
}
