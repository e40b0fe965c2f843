//! What a message's state may become, without a store.

use super::message::{HeaderValue, OpenValue, PlanValue, StateValue};
use crate::domain::{
    DeliveryCounts, DeliveryState, MessageId, MessageKind, MessageState, MessageStatus, Outcome, Stop,
    Timestamp,
};
use crate::store::conformance::{START, spec};

const LATER: Timestamp = Timestamp::from_secs(1_800_000_060);
const ESTIMATE: u32 = 7;

/// What callers see of it.
fn status(state: &StateValue) -> MessageStatus {
    // As a version made it that did not note where a message comes from.
    let header = HeaderValue::new(MessageKind::Broadcast, &spec(), String::new(), START, None, 1);
    let open = OpenValue::new(header, &spec(), ESTIMATE, None);
    open.into_record(MessageId([1; 16]), state).unwrap().status
}

fn scheduled() -> StateValue {
    StateValue::new(Some(PlanValue::default()), true)
}

/// One whose deliveries are in pages.
fn planned(deliveries: u32) -> StateValue {
    let mut state = StateValue::new(None, false);
    state.planned = deliveries;
    state
}

#[test]
fn one_that_waits_begins_once() {
    let mut state = scheduled();
    assert_eq!((status(&state).state, state.began()), (MessageState::Scheduled, None));
    assert_eq!((status(&state).addressed, status(&state).caller), (None, None));
    assert!(state.begin(LATER) && !state.begin(START));
    assert_eq!((status(&state).state, state.began()), (MessageState::Sending, Some(LATER)));
    let mut at_once = planned(1);
    assert!(!at_once.begin(LATER));
    assert_eq!((status(&at_once).state, at_once.began()), (MessageState::Sending, None));
}

#[test]
fn the_first_reason_to_stop_stays() {
    let mut state = scheduled();
    assert!(state.stop(Stop::Superseded, LATER));
    assert_eq!((status(&state).state, state.began()), (MessageState::Cancelling, Some(LATER)));
    assert!(!state.stop(Stop::Cancelled, LATER) && !state.begin(LATER));
    assert_eq!(state.stopped().unwrap(), Some(Stop::Superseded));
    state.end();
    assert_eq!(status(&state).state, MessageState::Cancelled);
}

#[test]
fn is_complete_when_all_that_was_planned_has_ended() {
    let mut state = planned(3);
    state.plan = Some(PlanValue::default());
    state.count(DeliveryState::Accepted, Outcome::Accepted);
    state.count(DeliveryState::Failed, Outcome::Gone);
    state.count(DeliveryState::Retrying, Outcome::Unavailable);
    assert!(!state.is_complete());
    state.retrying = 1;
    let counts = DeliveryCounts {
        targets: ESTIMATE,
        targets_estimated: true,
        pending: ESTIMATE - 3,
        retrying: 1,
        accepted: 1,
        failed: 1,
        expired: 0,
        cancelled: 0,
    };
    assert_eq!(status(&state).counts, counts);
    state.retrying = 0;
    state.count(DeliveryState::Expired, Outcome::TimedOut);
    assert!(!state.is_complete(), "others may be planned");
    state.plan = None;
    assert!(state.is_complete());
    let counts = DeliveryCounts {
        targets: 3,
        targets_estimated: false,
        pending: 0,
        retrying: 0,
        expired: 1,
        ..counts
    };
    let ended = status(&state);
    assert_eq!(ended.counts, counts);
    let outcomes = [(Outcome::Accepted, 1), (Outcome::Gone, 1), (Outcome::TimedOut, 1)];
    assert_eq!(ended.outcomes, outcomes.into());
    state.end();
    assert_eq!(status(&state).state, MessageState::Done);
}

#[test]
fn a_delivery_that_was_cancelled_makes_a_message_cancelled() {
    let mut state = planned(2);
    state.count(DeliveryState::Accepted, Outcome::Accepted);
    state.count(DeliveryState::Cancelled, Outcome::Superseded);
    assert!(state.is_complete());
    state.end();
    assert_eq!(status(&state).state, MessageState::Cancelled);
}
