//! Histories that broke a rule once.

use super::steps::{Audience, History, Options, Reply, Step, What};
use super::world;

fn options(ttl: u64, later: Option<u64>, max_per_second: Option<f64>) -> Options {
    Options { ttl, request: None, later, collapse: None, max_per_second }
}

fn subscribe(browser: u8) -> Step {
    Step::Subscribe { browser, replaces: None, expires: None }
}

/// The store takes longer to keep a token, or to note that a page starts, than the message is worth.
#[test]
fn a_slow_store_posts_nothing_past_its_ttl() {
    let users = Step::Broadcast { to: Audience::Users(vec![2]), options: options(60, None, None) };
    let steps = vec![
        (Step::Unsubscribe { browser: 0 }, 700_000),
        (Step::Unsubscribe { browser: 0 }, 2_502),
        (subscribe(0), 73_625),
        (subscribe(0), 1),
        (subscribe(1), 1),
        (users, 2_135),
        (Step::Crash { starting: None }, 905),
        (Step::Broadcast { to: Audience::All, options: options(3, None, None) }, 1),
    ];
    world::live(&History { seed: 17_104_492_804_286_234_747, slow: 40, steps });
}

/// A step of planning is cut off between its pages and its cursor; in the next life its pages settle before the planner comes
/// to it, and that life is cut off too.
#[test]
fn pages_behind_the_cursor_are_not_planned_again() {
    let steps = vec![
        (subscribe(6), 16),
        (Step::Broadcast { to: Audience::Browsers(vec![0, 0]), options: options(60, None, None) }, 1),
        (Step::Broadcast { to: Audience::All, options: options(60, None, None) }, 1317),
        (Step::Watch { message: Some(0), frames: 1 }, 46927),
        (Step::Watch { message: Some(0), frames: 2 }, 1538),
        (Step::Unsubscribe { browser: 0 }, 36626),
        (subscribe(4), 700_000),
        (Step::Broadcast { to: Audience::All, options: options(60, Some(2), Some(0.5)) }, 54),
        (Step::Watch { message: None, frames: 1 }, 1),
        (Step::Send { to: 6, options: options(60, None, None) }, 1),
        (Step::Broadcast { to: Audience::Odd, options: options(60, Some(40), None) }, 68343),
        (subscribe(2), 3),
        (Step::Send { to: 6, options: options(60, None, None) }, 32),
        (subscribe(2), 1),
        (Step::Watch { message: Some(0), frames: 1 }, 34),
        (Step::Jump { forward: true, secs: 2 }, 1),
        (Step::Answers { browser: 0, answers: vec![Reply { what: What::Status(201), delay: 1 }] }, 555),
        (subscribe(0), 58),
        (Step::Broadcast { to: Audience::All, options: options(60, None, None) }, 1),
        (Step::CrashInSync { syncs: 2 }, 1),
        (Step::Broadcast { to: Audience::All, options: options(60, None, None) }, 1),
        (subscribe(0), 1),
        (subscribe(0), 21),
        (Step::Crash { starting: None }, 1),
    ];
    world::live(&History { seed: 6_805_625_517_948_601_979, slow: 40, steps });
}
