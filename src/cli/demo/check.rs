//! Whether everything is as it must be: each delivery's events, and what arrived at the subscriber.

use std::collections::{BTreeMap, HashMap};

use super::faults::{Expected, expected};
use super::recording::{Event, Recording};
use crate::cli::view::{is_terminal, outcome_name, state_name};
use crate::sandbox::Fault;
use crate::sandbox::control_json::ReceivedLine;

/// What the subscribers received: the SHA-256 of each message by subscriber, or why it could not be decrypted.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    by_index: HashMap<u32, Vec<String>>,
    total: usize,
}

impl Arrivals {
    /// From the sandbox's log.
    pub(super) fn of(lines: Vec<ReceivedLine>) -> Self {
        let mut arrivals = Self { by_index: HashMap::new(), total: lines.len() };
        for line in lines {
            let what = line.sha256.or(line.error).unwrap_or_default();
            arrivals.by_index.entry(line.index).or_default().push(what);
        }
        arrivals
    }

    fn times(&self, index: u32, sha256: &str) -> usize {
        self.by_index.get(&index).map_or(0, |arrived| arrived.iter().filter(|one| *one == sha256).count())
    }

    /// Anything that arrived beside what was sent and found identical.
    pub(super) fn unexpected(&self, identical: usize) -> Option<String> {
        let others = self.total.saturating_sub(identical);
        (others > 0).then(|| format!("{others} messages arrived that are not what was sent, or came twice"))
    }
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub(super) struct Checked {
    /// Subscribers that decrypted exactly the octets sent, exactly once.
    pub(super) identical: usize,
    /// By kind of fault (`none` for none), what became of its subscribers.
    pub(super) by_fault: BTreeMap<&'static str, FaultResult>,
    /// Whatever is not as it must be.
    pub(super) problems: Vec<String>,
}

/// What became of the subscribers with one kind of fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FaultResult {
    /// How many there are.
    pub(super) subscribers: usize,
    /// Of how many everything is as it must be.
    pub(super) right: usize,
    /// How often which status came, 0 for none.
    pub(super) statuses: BTreeMap<i32, usize>,
}

/// Compares a message's events and arrivals with what must have become of it at each of the subscribers in `targets`.
pub(super) fn check(
    recording: &Recording,
    names: &[String],
    targets: Vec<(u32, Option<Fault>)>,
    arrivals: &Arrivals,
    sha256: &str,
) -> Checked {
    let mut events: HashMap<&str, Vec<&Event>> = HashMap::with_capacity(targets.len());
    for event in &recording.events {
        events.entry(event.subscription.as_str()).or_default().push(event);
    }
    let mut checked = Checked::default();
    let count = targets.len();
    for (index, fault) in targets {
        let name = names.get(index as usize).map_or("", String::as_str);
        let events = events.remove(name).unwrap_or_default();
        let Some(expected) = expected(fault.as_ref()) else {
            checked.problems.push(format!("{name}: nobody ordered its fault"));
            continue;
        };
        let arrived = arrivals.times(index, sha256);
        let must_arrive = usize::from(!expected.removed);
        checked.identical += usize::from(arrived == 1);

        let result = checked.by_fault.entry(fault.as_ref().map_or("none", Fault::kind)).or_default();
        result.subscribers += 1;
        for event in &events {
            *result.statuses.entry(event.http_status.unwrap_or(0)).or_default() += 1;
        }
        let wrong = if arrived == must_arrive {
            wrong_events(&events, expected)
        } else {
            Some(format!("received it {arrived} times instead of {must_arrive}"))
        };
        match wrong {
            None => result.right += 1,
            Some(wrong) => checked.problems.push(format!("{name}: {wrong}")),
        }
    }
    if !events.is_empty() {
        checked.problems.push(format!("{} subscriptions have events but were no targets", events.len()));
    }
    checked.problems.extend(wrong_counts(recording, count));
    checked
}

/// What is wrong with the events of one delivery.
fn wrong_events(events: &[&Event], expected: Expected) -> Option<String> {
    let terminal = events.iter().filter(|event| is_terminal(event.state)).count();
    if terminal != 1 {
        return Some(format!("it has {terminal} terminal events"));
    }
    let (times, outcome, status) = expected.retried.unwrap_or((0, expected.outcome, 0));
    let (last, retries) = events.split_last()?;
    let right_end = last.state == expected.state
        && last.outcome == expected.outcome
        && last.http_status == Some(expected.http_status)
        && last.attempt == i32::from(times) + 1;
    let right_retries = retries.len() == usize::from(times)
        && retries.iter().all(|event| event.outcome == outcome && event.http_status == Some(status));
    if right_end && right_retries {
        return None;
    }
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let (state, outcome) = (state_name(event.state), outcome_name(event.outcome));
            format!("attempt {} {state} {outcome} {:?}", event.attempt, event.http_status)
        })
        .collect();
    Some(format!("it became {}", told.join(", ")))
}

/// What is wrong with the summary.
fn wrong_counts(recording: &Recording, targets: usize) -> Option<String> {
    let counts = &recording.counts;
    let ended = counts.accepted + counts.failed + counts.expired + counts.cancelled;
    let terminal = recording.terminal().count();
    let all_equal = [counts.targets, ended].iter().all(|&count| usize::try_from(count) == Ok(targets))
        && terminal == targets;
    (!all_equal)
        .then(|| format!("{targets} targets, {terminal} terminal events, but the summary counts {counts:?}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::v1::{DeliveryCounts, DeliveryState, Outcome};

    const SHA: &str = "sha of what was sent";

    fn event(name: &str, state: DeliveryState, outcome: Outcome, attempt: i32, status: i32) -> Event {
        let age = Duration::from_millis(1);
        Event { subscription: name.to_owned(), state, outcome, attempt, http_status: Some(status), age }
    }

    fn accepted(name: &str, attempt: i32) -> Event {
        event(name, DeliveryState::Accepted, Outcome::Accepted, attempt, 201)
    }

    fn arrived(index: u32, sha256: &str) -> ReceivedLine {
        ReceivedLine {
            sequence: 0,
            index,
            sha256: Some(sha256.to_owned()),
            octets: Some(1),
            error: None,
            ttl: 0,
            urgency: None,
            topic: None,
            encoding: None,
            status: 201,
            time_micros: 0,
        }
    }

    /// Checks subscribers a (without a fault), b (gone) and c (failing once).
    fn checked(events: Vec<Event>, arrivals: Vec<ReceivedLine>) -> Checked {
        let counts = DeliveryCounts { targets: 3, accepted: 2, failed: 1, ..DeliveryCounts::default() };
        let recording = Recording { events, counts, took: Duration::from_secs(1) };
        let names = ["a", "b", "c"].map(str::to_owned);
        let faults =
            vec![(0, None), (1, Some(Fault::Gone { after: 0 })), (2, Some(Fault::Failing { times: 1 }))];
        check(&recording, &names, faults, &Arrivals::of(arrivals), SHA)
    }

    fn right_events() -> Vec<Event> {
        vec![
            accepted("a", 1),
            event("c", DeliveryState::Retrying, Outcome::Unavailable, 1, 500),
            event("b", DeliveryState::Failed, Outcome::Gone, 1, 410),
            accepted("c", 2),
        ]
    }

    #[test]
    fn what_is_right_has_no_problem() {
        let checked = checked(right_events(), vec![arrived(0, SHA), arrived(2, SHA)]);
        assert!(checked.problems.is_empty(), "{:?}", checked.problems);
        assert_eq!(checked.identical, 2);
        let failing = &checked.by_fault["failing"];
        assert_eq!((failing.subscribers, failing.right), (1, 1));
        assert_eq!(failing.statuses, BTreeMap::from([(201, 1), (500, 1)]));
    }

    #[test]
    fn whatever_is_wrong_is_found() {
        let right_arrivals = || vec![arrived(0, SHA), arrived(2, SHA)];
        let without = |index: usize| {
            let mut events = right_events();
            events.remove(index);
            events
        };
        let with = |extra: Event| {
            let mut events = right_events();
            events.push(extra);
            events
        };
        let cases = [
            ("no terminal event", without(0), right_arrivals()),
            ("two terminal events", with(accepted("a", 1)), right_arrivals()),
            ("a retry that was not told", without(1), right_arrivals()),
            ("an event of a stranger", with(accepted("x", 1)), right_arrivals()),
            ("not received", right_events(), vec![arrived(0, SHA)]),
            ("received twice", right_events(), vec![arrived(0, SHA), arrived(0, SHA), arrived(2, SHA)]),
            ("other octets", right_events(), vec![arrived(0, "other"), arrived(2, SHA)]),
            ("received although gone", right_events(), (0..3).map(|index| arrived(index, SHA)).collect()),
        ];
        for (case, events, arrivals) in cases {
            assert!(!checked(events, arrivals).problems.is_empty(), "{case}");
        }
    }

    #[test]
    fn what_arrived_beside_is_told() {
        let arrivals = Arrivals::of(vec![arrived(0, SHA), arrived(0, "other")]);
        assert!(arrivals.unexpected(1).is_some());
        assert!(arrivals.unexpected(2).is_none());
    }
}
