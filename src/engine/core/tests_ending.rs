//! Messages that are stopped or run out of time, wherever their deliveries wait.

use super::tests::{START, World, throttled};
use super::*;
use crate::domain::{DeliveryState, MessageKind, Outcome, Stop};
use crate::engine::attempt::AttemptReport;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Lets every lane hear that it is to wait for an hour.
fn pause_all(world: &mut World) {
    loop {
        let starts = world.take_starts();
        if starts.is_empty() {
            return;
        }
        for attempt in starts {
            world.input(Input::AttemptsEnded(vec![(attempt.entry, throttled(HOUR))]));
        }
    }
}

/// Lets time pass, and everything happen that becomes due meanwhile.
fn live_until(world: &mut World, end: Timestamp) {
    while world.wall < end {
        world.settle();
        let idle = world.core.idle_for(world.now()).unwrap_or(HOUR).max(Duration::from_micros(1));
        world.pass(idle.min(end.since(world.wall)));
        world.advance();
    }
    world.settle();
}

#[test]
fn what_waits_in_a_paused_lane_expires_on_time() {
    let mut world = World::new(1);
    // More than fits into memory: the rest waits in the store.
    world.add_message(MessageKind::Broadcast, MINUTE, 3_000);
    pause_all(&mut world);
    live_until(&mut world, START.plus(Duration::from_secs(58)));
    let ended_before = world.terminal.len();
    assert!(ended_before < 100, "{ended_before}");
    live_until(&mut world, START.plus(MINUTE + Duration::from_secs(1)));
    assert_eq!(world.terminal.len(), 3_000);
    let states: BTreeSet<_> = world.terminal.values().map(|event| event.state).collect();
    assert_eq!(states, BTreeSet::from([DeliveryState::Expired]));
    let gauges = world.core.load();
    assert_eq!((gauges.targets_in_memory, gauges.pages_waiting, gauges.messages), (0, 0, 0));
    let queued: usize = world.core.lanes.values().map(Lane::len).sum();
    assert_eq!(queued, 0, "lanes keep nothing of it");
}

#[test]
fn a_stopped_message_ends_wherever_it_waits() {
    let mut world = World::new(2);
    world.add_message(MessageKind::Broadcast, HOUR, 2_000);
    let message = world.messages[0].id;
    let posted = world.unsettled.clone();
    assert!(!posted.is_empty());
    let starts = world.take_starts();
    world.stop(message, Stop::Superseded);
    world.settle();
    assert_eq!(world.terminal.len(), 2_000 - posted.len(), "all but what is in flight");
    assert!(world.terminal.values().all(|event| event.state == DeliveryState::Cancelled
        && event.outcome == Outcome::Superseded
        && event.attempt == 0));
    // One is taken, the others fail in a way that would be tried again.
    for (number, attempt) in starts.into_iter().enumerate() {
        let outcome = if number == 0 { Outcome::Accepted } else { Outcome::Unavailable };
        let report = AttemptReport::failed(outcome, "", None);
        world.input(Input::AttemptsEnded(vec![(attempt.entry, report)]));
    }
    live_until(&mut world, START.plus(Duration::from_secs(1)));
    let ends = world.ends(message);
    assert_eq!(ends[&(DeliveryState::Accepted, Outcome::Accepted)], 1);
    assert_eq!(ends[&(DeliveryState::Cancelled, Outcome::Superseded)], 1_999);
    assert_eq!(world.core.load().messages, 0);
}

#[test]
fn a_crash_in_the_middle_of_a_stop_goes_on_with_it() {
    let mut world = World::new(3);
    world.add_message(MessageKind::Broadcast, HOUR, 2_000);
    let message = world.messages[0].id;
    world.stop(message, Stop::Cancelled);
    for _ in 0..3 {
        world.step();
    }
    world.crash();
    live_until(&mut world, START.plus(MINUTE));
    assert_eq!(world.terminal.len(), 2_000);
}

#[test]
fn a_stop_that_comes_before_its_message_holds() {
    let mut world = World::new(4);
    let early = super::tests::message(1, MessageKind::Send, MINUTE).id;
    world.stop(early, Stop::Superseded);
    world.add_message(MessageKind::Send, MINUTE, 3);
    assert_eq!(world.messages[0].id, early);
    world.settle();
    live_until(&mut world, START.plus(Duration::from_secs(1)));
    assert_eq!(world.ends(early), BTreeMap::from([((DeliveryState::Cancelled, Outcome::Superseded), 3)]));
    assert_eq!(world.posts, 0);
}

#[test]
fn with_ttl_zero_the_attempt_may_begin_for_a_minute() {
    let mut world = World::new(5);
    world.add_message(MessageKind::Broadcast, Duration::ZERO, 300);
    world.todo.retain(|effect| !matches!(effect, Effect::Start(_)));
    let in_flight = world.unsettled.len();
    live_until(&mut world, START.plus(Duration::from_secs(59)));
    assert_eq!(world.terminal.len(), 0);
    live_until(&mut world, START.plus(Duration::from_secs(61)));
    assert_eq!(world.terminal.len(), 300 - in_flight);
}

#[test]
fn a_clock_that_jumps_back_delays() {
    let mut world = World::new(6);
    world.add_message(MessageKind::Send, HOUR, 1);
    let starts = world.take_starts();
    let report = AttemptReport::failed(Outcome::Unavailable, "", None);
    world.input(Input::AttemptsEnded(vec![(starts[0].entry, report)]));
    world.settle();
    let due = world.core.idle_for(world.now()).expect("it is tried again");
    world.wall = Timestamp::from_micros(world.wall.as_micros() - 600_000_000);
    world.advance();
    assert!(world.todo.is_empty(), "not before its time");
    assert_eq!(world.core.idle_for(world.now()), Some(due + Duration::from_secs(600)));
    world.pass(due + Duration::from_secs(600));
    world.advance();
    assert_eq!(world.take_starts().len(), 1);
}

/// A world in which the page of a broadcast to 20 was started so often without progress.
fn after_starts(starts: u32) -> World {
    // The page stays in memory: what is read again after progress is careful no more.
    let settings = EngineSettings { park_after: HOUR, ..super::tests::settings() };
    let mut world = World::with(settings, 7);
    world.add_message(MessageKind::Broadcast, HOUR, 20);
    for page in world.pages.values_mut() {
        page.head.starts = starts;
    }
    world.crash();
    world
}

#[test]
fn a_page_that_made_no_progress_goes_one_by_one() {
    let mut world = after_starts(3);
    let mut steps = 0;
    while world.remaining() > 0 {
        world.step();
        steps += 1;
        assert!(world.unsettled.len() <= 1 && steps < 10_000, "{steps} {:?}", world.unsettled);
    }
    assert_eq!(world.terminal.len(), 20);
    assert!(world.terminal.values().all(|event| event.outcome != Outcome::Internal));
}

#[test]
fn the_first_delivery_of_a_page_that_never_makes_progress_fails() {
    let mut world = after_starts(6);
    while world.remaining() > 0 {
        world.step();
    }
    let internal: Vec<_> =
        world.terminal.values().filter(|event| event.outcome == Outcome::Internal).collect();
    assert_eq!(internal.len(), 1);
    assert_eq!((internal[0].state, internal[0].attempt), (DeliveryState::Failed, 0));
    let first = world.terminal.keys().min().unwrap();
    assert_eq!(internal[0].subscription, Some(first.1));
    assert_eq!(world.terminal.len(), 20);
}
