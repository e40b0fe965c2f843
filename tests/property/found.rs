//! What random histories found, as short as it can be told.

use std::time::Duration;

use super::steps::{Audience, History, Options, Step};
use super::world::World;

const QUIET: History = History { seed: 0, slow: 0, steps: Vec::new() };

fn options(ttl: u64) -> Options {
    Options { ttl, request: None, later: None, collapse: None, max_per_second: None }
}

/// A server to which so many browsers have subscribed.
fn world(browsers: u8) -> World {
    let mut world = World::new(&QUIET);
    for browser in 0..browsers {
        let subscribe = Step::Subscribe { browser, replaces: None, expires: None };
        world.step(&subscribe, Duration::from_millis(1));
    }
    world
}

/// The store takes longer to keep a token than the message is worth.
#[test]
fn a_slow_store_posts_nothing_past_its_ttl() {
    let mut world = world(1);
    world.slow_down(&[("put_vapid_token", 5_000)]);
    world.step(&Step::Send { to: 0, options: options(3) }, Duration::from_secs(10));
    world.rest();
    assert_eq!(world.posted(), 0);
}

/// A step of planning is cut off between its pages and its cursor; in the next life its pages settle before the planner comes
/// to it, and that life is cut off too.
#[test]
fn pages_behind_the_cursor_are_not_planned_again() {
    for syncs in 0..12 {
        let mut world = world(6);
        world.slow_down(&[("accept", 10), ("audience", 5_000)]);
        let broadcast = Step::Broadcast { to: Audience::All, options: options(600) };
        world.step(&broadcast, Duration::from_millis(1));
        world.step(&Step::CrashInSync { syncs }, Duration::ZERO);
        world.step(&Step::Crash { starting: None }, Duration::from_secs(2));
        world.slow_down(&[]);
        world.rest();
    }
}
