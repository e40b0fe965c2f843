//! When a sender is stopped for refused credentials, who is told, and how it goes on: in virtual time.

use tokio::sync::oneshot;

use super::sender::STOPPED_BY;
use super::tests::{World, target};
use super::tests_lanes::{Answers, SECOND, answered, counts_of, health_of, world};
use super::*;
use crate::domain::{DeliveryEvent, DeliveryState, MessageKind, Outcome, Target, VapidKeyId};
use crate::engine::attempt::AttemptReport;
use crate::engine::health::OriginState;
use crate::store::GroupId;
use crate::webpush::outcome::Signal;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const GROUP: GroupId = GroupId::FIRST_SHARED;
/// Attempts at most until it is clear, see the settings of these tests: those that prove it, and those under way then.
const UNDER_WAY: usize = 8 + STOPPED_BY - 1;

fn refused() -> AttemptReport {
    let mut report = answered(Outcome::CredentialsRefused, 401);
    report.verdict.detail = "Invalid token".to_owned();
    report
}

fn unclear() -> AttemptReport {
    let mut report = answered(Outcome::KeyMismatch, 403);
    report.verdict.signal = Some(Signal::KeyOrSubscription);
    report
}

/// The target of this number, at origin 0.
fn at_origin(number: u32) -> Target {
    target(number, 0)
}

fn number_of(target: &Target) -> u32 {
    u32::from_be_bytes(target.id.0[12..].try_into().unwrap())
}

/// Subscriptions of origin 0 for which messages were accepted.
fn known(world: &mut World, answers: &mut Answers, count: u32) -> Vec<Target> {
    let targets: Vec<_> = (0..count).map(at_origin).collect();
    world.add_message_for(MessageKind::Broadcast, HOUR, &targets, GROUP);
    answers.live(world, SECOND);
    assert_eq!(world.terminal.len(), targets.len());
    world.terminal.clear();
    answers.asked(0);
    targets
}

fn broadcast(world: &mut World, targets: &[Target], ttl: Duration) {
    world.add_message_for(MessageKind::Broadcast, ttl, targets, GROUP);
}

fn resume(world: &mut World, origin: &str) -> bool {
    let (answer, mut answered) = oneshot::channel();
    let origin = origin.to_owned();
    world.input(Input::ResumeOrigin { application: ApplicationId(1), origin, answer });
    answered.try_recv().unwrap()
}

fn ended(world: &World, state: DeliveryState) -> Vec<&DeliveryEvent> {
    world.terminal.values().filter(|event| event.state == state).collect()
}

#[test]
fn a_refused_endpoint_fails_alone() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 30);
    answers.to_some = Box::new(|target| (number_of(target) == 3).then(refused));
    for _ in 0..20 {
        broadcast(&mut world, &targets, HOUR);
        answers.live(&mut world, MINUTE);
    }
    assert_eq!(ended(&world, DeliveryState::Accepted).len(), 20 * 29);
    let failed = ended(&world, DeliveryState::Failed);
    assert_eq!(failed.len(), 20);
    for event in failed {
        let told = (event.outcome, &*event.detail, event.attempt);
        assert_eq!(told, (Outcome::CredentialsRefused, "Invalid token", 3));
    }
    broadcast(&mut world, &targets, HOUR);
    answers.live(&mut world, SECOND);
    let health = health_of(&mut world, 0);
    assert_eq!((health.state, health.stopped.len()), (OriginState::Open, 0));
    assert!(health.refused_share > 0.0 && health.refused_share < 0.1);
}

#[test]
fn endpoints_that_were_never_accepted_prove_nothing() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 2);
    // A page planted these; there is nobody else for a while.
    answers.to_some = Box::new(|target| (number_of(target) >= 100).then(refused));
    let planted: Vec<_> = (100..200).map(at_origin).collect();
    broadcast(&mut world, &planted, HOUR);
    answers.live(&mut world, MINUTE);
    assert_eq!(ended(&world, DeliveryState::Failed).len(), 100);
    assert_eq!(health_of(&mut world, 0).stopped.len(), 0);
    broadcast(&mut world, &targets, HOUR);
    answers.live(&mut world, SECOND);
    assert_eq!(ended(&world, DeliveryState::Accepted).len(), 2);
}

#[test]
fn refused_credentials_stop_the_sender_and_it_mends_itself() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 1_000);
    answers.reports.insert(0, refused);
    let other: Vec<_> = (5_000..5_010).map(|number| target(number, 1)).collect();
    world.told.clear();
    broadcast(&mut world, &[&targets[..], &other].concat(), 24 * HOUR);
    answers.live(&mut world, MINUTE);
    let asked = answers.asked(0);
    assert!((STOPPED_BY..=UNDER_WAY).contains(&asked), "only what was under way: {asked}");
    assert_eq!(world.terminal.len(), 10, "another origin goes on");
    let health = health_of(&mut world, 0);
    assert_eq!(health.state, OriginState::Stopped);
    let stop = &health.stopped[0];
    assert_eq!(
        (stop.application, stop.vapid_key, &*stop.detail),
        (ApplicationId(1), VapidKeyId(1), "Invalid token")
    );
    assert!(!stop.slowed && stop.refused >= 3);
    let counted = LaneCounts { stopped: 1, applications_stopped: 1, ..LaneCounts::default() };
    assert_eq!(counts_of(&mut world, 0), counted);
    assert_eq!(counts_of(&mut world, 1), LaneCounts { open: 1, ..LaneCounts::default() });
    assert_eq!(stop.next_attempt, stop.since.plus(15 * MINUTE));
    let changes = world.core.take_lane_changes();
    assert_eq!((changes.stopped, changes.slowed, changes.resumed), (1, 0, 0));

    // Each that waits is told so, once.
    let waits: Vec<_> =
        world.told.iter().filter(|event| event.next_attempt >= Some(stop.next_attempt)).collect();
    let told: std::collections::BTreeSet<_> = waits.iter().filter_map(|event| event.subscription).collect();
    assert_eq!((told.len(), waits.len()), (1_000, 1_000));
    assert!(
        waits
            .iter()
            .all(|event| (event.outcome, &*event.detail) == (Outcome::CredentialsRefused, "Invalid token"))
    );
    let pending =
        waits.iter().filter(|event| (event.state, event.attempt) == (DeliveryState::Pending, 0)).count();
    assert!(pending >= 1_000 - UNDER_WAY, "{pending}");
    world.told.clear();

    // One attempt after a quarter of an hour, half an hour, an hour.
    for (minutes, asked) in [(13, 0), (2, 1), (29, 0), (2, 1), (58, 0), (3, 1)] {
        answers.live(&mut world, minutes * MINUTE);
        assert_eq!(answers.asked(0), asked, "{minutes}");
    }
    assert!(world.told.iter().all(|event| event.attempt > 0), "nobody is told twice: {:?}", world.told);
    assert_eq!(world.terminal.len(), 10);
    answers.reports.clear();
    answers.live(&mut world, 130 * MINUTE);
    assert_eq!(ended(&world, DeliveryState::Accepted).len(), 1_010);
    let health = health_of(&mut world, 0);
    assert_eq!((health.state, health.stopped.len()), (OriginState::Open, 0));
    let changes = world.core.take_lane_changes();
    assert_eq!((changes.stopped, changes.resumed), (0, 1));
}

#[test]
fn a_stopped_sender_goes_on_at_once_when_it_is_resumed() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 60);
    answers.reports.insert(0, refused);
    broadcast(&mut world, &targets, HOUR);
    answers.live(&mut world, MINUTE);
    assert_eq!(health_of(&mut world, 0).stopped.len(), 1);
    answers.reports.clear();
    // One of them is refused still: after the resumption it stops nobody.
    answers.to_some = Box::new(|target| (number_of(target) == 0).then(refused));
    assert!(!resume(&mut world, "https://1"));
    assert!(resume(&mut world, "https://0"));
    assert!(!resume(&mut world, "https://0"));
    answers.live(&mut world, MINUTE);
    assert_eq!(ended(&world, DeliveryState::Accepted).len(), 59);
    let failed = ended(&world, DeliveryState::Failed);
    assert_eq!((failed.len(), failed[0].outcome), (1, Outcome::CredentialsRefused));
    assert_eq!(health_of(&mut world, 0).stopped.len(), 0);
}

#[test]
fn another_key_of_the_application_goes_on() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 30);
    answers.to_some = Box::new(|target| (target.vapid_key == VapidKeyId(1)).then(refused));
    let others: Vec<_> =
        (100..130).map(|number| Target { vapid_key: VapidKeyId(2), ..at_origin(number) }).collect();
    broadcast(&mut world, &targets, HOUR);
    answers.live(&mut world, SECOND);
    broadcast(&mut world, &others, HOUR);
    answers.live(&mut world, MINUTE);
    assert_eq!(ended(&world, DeliveryState::Accepted).len(), 30);
    let health = health_of(&mut world, 0);
    assert_eq!((health.state, health.stopped.len()), (OriginState::Open, 1), "it takes the other one's");
}

#[test]
fn what_waits_for_a_stop_expires_on_time_and_says_why() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 90);
    answers.reports.insert(0, refused);
    broadcast(&mut world, &targets, 10 * MINUTE);
    answers.live(&mut world, 598 * SECOND);
    assert_eq!(world.terminal.len(), 0);
    answers.live(&mut world, 3 * SECOND);
    let expired = ended(&world, DeliveryState::Expired);
    assert_eq!(expired.len(), 90);
    let told = |event: &&&DeliveryEvent| {
        (event.outcome, &*event.detail) == (Outcome::CredentialsRefused, "Invalid token")
    };
    assert_eq!(expired.iter().filter(told).count(), 90);
    assert!(expired.iter().any(|event| event.attempt == 0) && expired.iter().any(|event| event.attempt == 1));
}

#[test]
fn the_last_detail_outlives_the_memory_of_its_page() {
    let mut world = world();
    let mut answers = Answers::new([]);
    answers.to_some = Box::new(|_| {
        let mut report = answered(Outcome::Unavailable, 500);
        (report.verdict.detail, report.verdict.retry_after) = ("out of order".to_owned(), Some(4 * MINUTE));
        Some(report)
    });
    broadcast(&mut world, &[at_origin(0)], 5 * MINUTE);
    answers.live(&mut world, MINUTE);
    assert_eq!(world.core.load().targets_in_memory, 0, "it waits in the store");
    answers.live(&mut world, 5 * MINUTE);
    let expired = ended(&world, DeliveryState::Expired);
    assert_eq!((expired[0].outcome, &*expired[0].detail), (Outcome::Unavailable, "out of order"));
}

#[test]
fn many_subscriptions_refused_in_a_row_with_unclear_words_are_refused_credentials() {
    let mut world = world();
    let mut answers = Answers::new([]);
    let targets = known(&mut world, &mut answers, 100);
    answers.reports.insert(0, unclear);
    let strangers: Vec<_> = (500..600).map(at_origin).collect();
    broadcast(&mut world, &strangers, HOUR);
    answers.live(&mut world, 10 * SECOND);
    assert_eq!(ended(&world, DeliveryState::Failed).len(), 100, "they prove nothing of the key");
    assert_eq!(health_of(&mut world, 0).stopped.len(), 0);
    world.terminal.clear();
    broadcast(&mut world, &targets, HOUR);
    answers.live(&mut world, 10 * SECOND);
    assert_eq!(world.terminal.len(), 7, "those before it was clear");
    assert!(world.terminal.values().all(|event| event.outcome == Outcome::KeyMismatch));
    assert_eq!(health_of(&mut world, 0).stopped.len(), 1);
}

#[test]
fn who_was_never_accepted_is_slowed_down_until_one_is() {
    let mut world = world();
    let mut answers = Answers::new([]);
    answers.reports.insert(0, refused);
    let strangers: Vec<_> = (0..1_000).map(at_origin).collect();
    broadcast(&mut world, &strangers, 24 * HOUR);
    answers.live(&mut world, 10 * MINUTE);
    let asked = answers.asked(0);
    // What was under way, then after 1, 2, 4 … 60 seconds.
    assert!((8..=2 * UNDER_WAY + 16).contains(&asked), "{asked}");
    let health = health_of(&mut world, 0);
    assert_eq!(health.state, OriginState::Stopped);
    assert!(health.stopped[0].slowed);
    assert_eq!(counts_of(&mut world, 0).applications_slowed, 1);
    assert_eq!(world.core.take_lane_changes().slowed, 1);
    answers.reports.clear();
    answers.live(&mut world, 2 * MINUTE);
    let failed = ended(&world, DeliveryState::Failed).len();
    assert_eq!(ended(&world, DeliveryState::Accepted).len() + failed, 1_000);
    assert!(failed <= asked / 3, "{failed}");
    assert_eq!(health_of(&mut world, 0).stopped.len(), 0);
}
