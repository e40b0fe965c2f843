//! What very many origins that never answer leave to those that do: in virtual time.

use std::time::Duration;

use super::tests_fairness::{MILLI, World, broadcast, paced};
use super::*;
use crate::domain::{DeliveryState, Outcome};

const SILENT: u32 = 400;
const HEALTHY: u32 = SILENT + 1;
const SECOND: Duration = Duration::from_secs(1);

fn settings() -> EngineSettings {
    EngineSettings { max_unsettled: 512, max_targets_in_memory: 4_096, ..EngineSettings::default() }
}

/// Whoever answers takes 20 ms, and the others ten seconds to be given up.
fn answer(_: &World, attempt: &Attempt) -> (Duration, Outcome) {
    if attempt.target.origin.0 < HEALTHY {
        (10 * SECOND, Outcome::TimedOut)
    } else {
        (20 * MILLI, Outcome::Accepted)
    }
}

/// A broadcast to 40 subscriptions of each silent origin, and to 3,000 of the healthy one, whose pages come with the others.
fn pages() -> impl Iterator<Item = (usize, u32)> {
    (0..10).flat_map(|_| (1..HEALTHY).map(|origin| (4, origin)).chain([(300, HEALTHY)]))
}

fn sent(of: ActiveMessage) -> (World, MessageId) {
    let mut world = World::new(settings(), answer);
    // The healthy one has been heard of.
    world.add(broadcast(2, 1, 1), [(1, HEALTHY)]);
    world.run_until(SECOND);
    let id = world.add(of, pages());
    (world, id)
}

fn accepted(world: &World, message: MessageId) -> usize {
    let ended = world.ended.get(&message);
    ended.and_then(|of| of.get(&(DeliveryState::Accepted, Outcome::Accepted))).copied().unwrap_or_default()
}

#[test]
fn who_answers_does_not_wait_for_thousands_who_do_not() {
    let (mut world, message) = sent(broadcast(1, 1, 1));
    world.run_until(6 * SECOND);
    assert_eq!(accepted(&world, message), 3_000);
    let load = world.core.load();
    assert!(load.targets_in_memory <= 1_024 + 300, "{load:?}");
}

#[test]
fn a_message_with_a_rate_of_its_own_does_not_wait_for_them_either() {
    let (mut world, message) = sent(paced(1, 1, 400.0));
    world.run_until(13 * SECOND);
    let accepted = accepted(&world, message);
    assert!(accepted >= 2_000, "{accepted}");
}
