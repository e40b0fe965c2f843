//! Deliveries and their events.

use super::time::{duration, timestamp};
use crate::api::tokens::Tokens;
use crate::domain::delivery::PastAttempt;
use crate::domain::{DeliveryEvent, DeliveryState, MessageId, Outcome, SubscriptionId};
use crate::engine::feed::PlacedEvent;
use crate::proto::v1;
use crate::store::{EntryState, StoredEntry};

/// An event of the log. The name is made from its place.
pub(crate) fn placed(tokens: &Tokens, placed: &PlacedEvent) -> v1::DeliveryEvent {
    let event_id = tokens.event_id(placed.event.message, placed.seq, placed.index);
    event(&placed.event, event_id, &placed.request_id)
}

/// An event under its name.
pub(crate) fn event(event: &DeliveryEvent, event_id: String, request_id: &str) -> v1::DeliveryEvent {
    v1::DeliveryEvent {
        message: event.message.name(),
        event_id,
        subscription: event.subscription.map(SubscriptionId::name).unwrap_or_default(),
        user_id: event.user_id.clone(),
        endpoint_origin: event.origin.clone(),
        state: state(event.state).into(),
        outcome: outcome(event.outcome).into(),
        attempt: count(event.attempt),
        http_status: event.http_status.map(i32::from),
        event_time: Some(timestamp(event.time)),
        next_attempt_time: event.next_attempt.map(timestamp),
        latency: event.latency.map(duration),
        granted_ttl: event.granted_ttl.map(duration),
        detail: event.detail.clone(),
        request_id: request_id.to_owned(),
    }
}

/// A delivery that has ended. Its attempts are told apart unless it was accepted at once.
pub(crate) fn ended(end: &DeliveryEvent, event_id: String, request_id: &str) -> v1::Delivery {
    let latest = event(end, event_id, request_id);
    let mut attempts: Vec<_> = end.past.iter().map(|past| self::past(&latest, past)).collect();
    let at_once = end.state == DeliveryState::Accepted && end.past.is_empty();
    let made = end.past.last().is_none_or(|past| past.attempt < end.attempt);
    if end.attempt > 0 && made && !at_once {
        attempts.push(latest.clone());
    }
    v1::Delivery { latest: Some(latest), attempts, receipts: Vec::new() }
}

/// A delivery that has not ended, as its page has it; `None` for one that has.
pub(crate) fn unsettled(message: MessageId, entry: &StoredEntry, request_id: &str) -> Option<v1::Delivery> {
    let target = entry.target.as_ref();
    let inline = target.is_some_and(|target| target.inline);
    let mut latest = v1::DeliveryEvent {
        message: message.name(),
        subscription: if inline { String::new() } else { entry.id.name() },
        user_id: target.map(|target| target.user_id.clone()).unwrap_or_default(),
        endpoint_origin: target.map(|t| t.endpoint.origin().as_str().to_owned()).unwrap_or_default(),
        state: state(DeliveryState::Pending).into(),
        request_id: request_id.to_owned(),
        ..v1::DeliveryEvent::default()
    };
    let retry = match &entry.state {
        EntryState::Settled => return None,
        EntryState::Waiting => {
            return Some(v1::Delivery { latest: Some(latest), ..v1::Delivery::default() });
        }
        EntryState::Retrying(retry) => retry,
    };
    let attempts: Vec<_> = retry.past.iter().map(|past| self::past(&latest, past)).collect();
    if let Some(last) = attempts.last() {
        latest = last.clone();
    }
    latest.state = state(DeliveryState::Retrying).into();
    latest.attempt = count(retry.attempts);
    latest.detail.clone_from(&retry.detail);
    latest.next_attempt_time = Some(timestamp(retry.due));
    Some(v1::Delivery { latest: Some(latest), attempts, receipts: Vec::new() })
}

/// An attempt that another followed. Its own event's place is not kept with it, so it has no name here.
fn past(of: &v1::DeliveryEvent, past: &PastAttempt) -> v1::DeliveryEvent {
    v1::DeliveryEvent {
        message: of.message.clone(),
        subscription: of.subscription.clone(),
        user_id: of.user_id.clone(),
        endpoint_origin: of.endpoint_origin.clone(),
        state: state(DeliveryState::Retrying).into(),
        outcome: outcome(past.outcome).into(),
        attempt: count(past.attempt),
        http_status: past.http_status.map(i32::from),
        event_time: Some(timestamp(past.time)),
        request_id: of.request_id.clone(),
        ..v1::DeliveryEvent::default()
    }
}

/// The contract's counters are int32; a message has no more targets than that.
pub(crate) fn count(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The contract's value.
pub(crate) fn state(state: DeliveryState) -> v1::DeliveryState {
    match state {
        DeliveryState::Pending => v1::DeliveryState::Pending,
        DeliveryState::Retrying => v1::DeliveryState::Retrying,
        DeliveryState::Accepted => v1::DeliveryState::Accepted,
        DeliveryState::Failed => v1::DeliveryState::Failed,
        DeliveryState::Expired => v1::DeliveryState::Expired,
        DeliveryState::Cancelled => v1::DeliveryState::Cancelled,
    }
}

/// The state that a filter names; unspecified is none.
pub(crate) fn read_state(state: v1::DeliveryState) -> Option<DeliveryState> {
    match state {
        v1::DeliveryState::Unspecified => None,
        v1::DeliveryState::Pending => Some(DeliveryState::Pending),
        v1::DeliveryState::Retrying => Some(DeliveryState::Retrying),
        v1::DeliveryState::Accepted => Some(DeliveryState::Accepted),
        v1::DeliveryState::Failed => Some(DeliveryState::Failed),
        v1::DeliveryState::Expired => Some(DeliveryState::Expired),
        v1::DeliveryState::Cancelled => Some(DeliveryState::Cancelled),
    }
}

/// The contract's value.
pub(crate) fn outcome(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Unspecified => v1::Outcome::Unspecified,
        Outcome::Accepted => v1::Outcome::Accepted,
        Outcome::Dropped => v1::Outcome::Dropped,
        Outcome::Gone => v1::Outcome::Gone,
        Outcome::Throttled => v1::Outcome::Throttled,
        Outcome::Unavailable => v1::Outcome::Unavailable,
        Outcome::Unreachable => v1::Outcome::Unreachable,
        Outcome::TimedOut => v1::Outcome::TimedOut,
        Outcome::KeyMismatch => v1::Outcome::KeyMismatch,
        Outcome::CredentialsRefused => v1::Outcome::CredentialsRefused,
        Outcome::TooLarge => v1::Outcome::TooLarge,
        Outcome::Rejected => v1::Outcome::Rejected,
        Outcome::Blocked => v1::Outcome::Blocked,
        Outcome::NotFound => v1::Outcome::NotFound,
        Outcome::Disabled => v1::Outcome::Disabled,
        Outcome::Internal => v1::Outcome::Internal,
        Outcome::Superseded => v1::Outcome::Superseded,
    }
}

/// The outcome that a filter names; unspecified is that of deliveries without an attempt.
pub(crate) fn read_outcome(outcome: v1::Outcome) -> Option<Outcome> {
    u8::try_from(i32::from(outcome)).ok().and_then(Outcome::from_number)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;
    use crate::store::RetryState;

    #[test]
    fn outcomes_and_states_round_trip() {
        for known in Outcome::ALL {
            assert_eq!(i32::from(outcome(known)), i32::from(known.number()));
            assert_eq!(read_outcome(outcome(known)), Some(known));
        }
        assert!(v1::Outcome::try_from(17).is_err(), "a new outcome: add it to the domain");
        for number in 1..=6 {
            let given = v1::DeliveryState::try_from(number).expect("a state");
            assert_eq!(read_state(given).map(state), Some(given));
        }
        assert!(v1::DeliveryState::try_from(7).is_err(), "a new state: test it too");
    }

    fn terminal(state: DeliveryState, attempt: u32, past: Vec<PastAttempt>) -> DeliveryEvent {
        DeliveryEvent {
            message: MessageId([1; 16]),
            subscription: Some(SubscriptionId([2; 16])),
            generation: 1,
            user_id: "anna".into(),
            origin: "https://push.example.net".into(),
            state,
            outcome: Outcome::Accepted,
            attempt,
            http_status: Some(201),
            time: Timestamp::from_secs(1_800_000_000),
            next_attempt: None,
            latency: Some(Duration::from_millis(12)),
            granted_ttl: Some(Duration::from_secs(60)),
            detail: "created".into(),
            past,
        }
    }

    fn throttled(attempt: u32) -> PastAttempt {
        let time = Timestamp::from_secs(1_800_000_000 + u64::from(attempt));
        PastAttempt { attempt, outcome: Outcome::Throttled, http_status: Some(429), time }
    }

    #[test]
    fn attempts_are_told_apart_unless_the_first_was_accepted() {
        let attempts = |event: &DeliveryEvent| -> Vec<i32> {
            ended(event, "e".into(), "r").attempts.iter().map(|attempt| attempt.attempt).collect()
        };
        assert!(attempts(&terminal(DeliveryState::Accepted, 1, vec![])).is_empty());
        assert_eq!(attempts(&terminal(DeliveryState::Failed, 1, vec![])), [1]);
        assert_eq!(
            attempts(&terminal(DeliveryState::Accepted, 3, vec![throttled(1), throttled(2)])),
            [1, 2, 3]
        );
        // Expired while it waited: the last attempt is among the past ones.
        assert_eq!(attempts(&terminal(DeliveryState::Expired, 2, vec![throttled(1), throttled(2)])), [1, 2]);
        assert!(attempts(&terminal(DeliveryState::Cancelled, 0, vec![])).is_empty());
    }

    #[test]
    fn an_event_is_told_with_all_its_fields() {
        let told = event(&terminal(DeliveryState::Accepted, 1, vec![]), "e".into(), "order-1");
        assert_eq!(told.subscription, SubscriptionId([2; 16]).name());
        assert_eq!(
            (told.user_id.as_str(), told.endpoint_origin.as_str()),
            ("anna", "https://push.example.net")
        );
        assert_eq!(
            (told.state(), told.outcome(), told.attempt),
            (v1::DeliveryState::Accepted, v1::Outcome::Accepted, 1)
        );
        assert_eq!(told.http_status, Some(201));
        assert_eq!(told.latency.map(|latency| latency.nanos), Some(12_000_000));
        assert_eq!(told.granted_ttl.map(|ttl| ttl.seconds), Some(60));
        assert_eq!((told.detail.as_str(), told.request_id.as_str()), ("created", "order-1"));
    }

    #[test]
    fn what_has_not_ended_is_pending_or_retrying() {
        let entry = |state| StoredEntry { id: SubscriptionId([2; 16]), state, target: None, departed: None };
        let message = MessageId([1; 16]);
        assert_eq!(unsettled(message, &entry(EntryState::Settled), ""), None);
        let pending =
            unsettled(message, &entry(EntryState::Waiting), "").and_then(|d| d.latest).expect("pending");
        assert_eq!((pending.state(), pending.attempt), (v1::DeliveryState::Pending, 0));
        assert!(pending.event_id.is_empty() && pending.event_time.is_none());
        let retry = RetryState {
            attempts: 2,
            due: Timestamp::from_secs(1_800_000_100),
            past: vec![throttled(1), throttled(2)],
            detail: "Too many".to_owned(),
        };
        let delivery = unsettled(message, &entry(EntryState::Retrying(retry)), "").expect("retrying");
        let latest = delivery.latest.expect("latest");
        assert_eq!((latest.state(), latest.outcome()), (v1::DeliveryState::Retrying, v1::Outcome::Throttled));
        assert_eq!(latest.next_attempt_time.map(|time| time.seconds), Some(1_800_000_100));
        assert_eq!(latest.detail, "Too many");
        assert_eq!(delivery.attempts.len(), 2);
    }
}
