//! The whole engine through random histories: planner, scheduler, lanes, reaper, trimming and status streams over the
//! in-memory store, which forgets in a crash what was not synced, with scripted push services and a scripted clock.
//!
//! After every step what can be seen is held against the rules: a message that was accepted is there; every delivery has
//! at most one terminal event and none disappears; counts follow from events; streams go on without a gap or a duplicate;
//! at most `max_unsettled` deliveries are unsettled, and only those are posted again; nothing is posted that has ended,
//! is stopped or is out of time; only proof against the present keys removes a subscription. At the end everything comes
//! to rest, and every delivery has its one end.
//!
//! A history depends on nothing but its seed. One that breaks a rule is made smaller, and told with its seed:
//!
//! * `FANFARE_HISTORIES` says how many histories are run, 200 if it is not set;
//! * `FANFARE_HISTORY_SEED` is the seed of the first, 0 if it is not set; the others have the following ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod asking;
mod callers;
mod clock;
mod ends;
mod found;
mod ledger;
mod lockstep;
mod push_services;
mod server;
mod steps;
mod watchers;
mod witness;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

fn runner(seed: u64) -> TestRunner {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &octets))
}

#[test]
fn every_history_keeps_the_promises() {
    let first = setting("FANFARE_HISTORY_SEED", 0);
    // While a history is made smaller, it fails again and again.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let histories = first..first + setting("FANFARE_HISTORIES", 200);
    let failed = histories.map(lived).find_map(Result::err);
    std::panic::set_hook(told);
    assert!(failed.is_none(), "{}", failed.unwrap_or_default());
}

/// Runs the history of a seed; tells the smallest one that fails.
fn lived(seed: u64) -> Result<(), String> {
    let result = runner(seed).run(&steps::history(), |history| {
        let lived = catch_unwind(AssertUnwindSafe(|| world::live(&history)));
        lived.map(|_| ()).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            TestCaseError::fail(text.or(panic.downcast_ref().copied()).unwrap_or("a panic").to_owned())
        })
    });
    result.map_err(|error| match error {
        TestError::Fail(why, history) => {
            format!("FANFARE_HISTORY_SEED={seed} FANFARE_HISTORIES=1\n{why}\nafter {history:?}")
        }
        TestError::Abort(why) => why.to_string(),
    })
}

#[test]
fn a_history_depends_on_nothing_but_its_seed() {
    for seed in 0..10 {
        let history = steps::history().new_tree(&mut runner(seed)).unwrap().current();
        assert_eq!(world::live(&history), world::live(&history), "{seed}");
    }
}
