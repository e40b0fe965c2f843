//! What became of a delivery, and why, in words; and what to do about it. docs/operations.md has the same for each outcome.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::times;
use super::super::view::{outcome_name, state_name};
use crate::proto::v1::{
    Delivery, DeliveryEvent, DeliveryState, MessageKind, MessageState, MessageStatus, Origin, OriginState,
    Outcome, ReceiptKind, Subscription, SubscriptionState,
};

/// One thing that explains something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// `subscriptions/{id}`; empty: it is about the user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) subscription: String,
    /// `messages/{id}`; empty: it is about no message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) message: String,
    /// How it is, and why.
    pub(super) says: String,
    /// What to do; empty: nothing.
    #[serde(rename = "do", skip_serializing_if = "String::is_empty")]
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn new(says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { says: says.into(), remedy: remedy.into(), ..Self::default() }
    }

    pub(super) fn about(self, subscription: &str, message: &str) -> Self {
        Self { subscription: subscription.to_owned(), message: message.to_owned(), ..self }
    }
}

/// How a subscription stands, before any message.
pub(super) fn standing(subscription: &Subscription) -> Finding {
    let (origin, since) = (&subscription.endpoint_origin, times::shown(subscription.update_time));
    let outcome = subscription.disabled_outcome();
    let why = outcome_name(outcome);
    match subscription.state() {
        SubscriptionState::Unspecified | SubscriptionState::Active => {
            let since = times::shown(subscription.create_time);
            Finding::new(format!("active at {origin} since {since}"), "")
        }
        SubscriptionState::Disabled => Finding::new(
            format!("disabled at {origin} since {since}, for {why}: nothing is sent to it"),
            advice(DeliveryState::Failed, Outcome::Disabled),
        ),
        SubscriptionState::Held => Finding::new(
            format!(
                "set aside at {origin} since {since}, for {why}: the push service says it of so many that it is taken for a fault"
            ),
            "`fanfare origins` says why; then `fanfare subscriptions release` or `discard`.",
        ),
    }
}

/// What became of one delivery. `origin` is how its push service stands, if that is known.
pub(super) fn delivery(message: &MessageStatus, delivery: &Delivery, origin: Option<&Origin>) -> Finding {
    let latest = delivery.latest.clone().unwrap_or_default();
    let (state, outcome) = (latest.state(), latest.outcome());
    match state {
        DeliveryState::Unspecified | DeliveryState::Pending | DeliveryState::Retrying => {
            waiting(message, &latest, origin)
        }
        DeliveryState::Accepted => accepted(delivery, &latest),
        DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Cancelled => {
            let mut says = format!("{} {}", state_name(state), answer(&latest));
            let attempts = match latest.attempt {
                0 => "without an attempt".to_owned(),
                attempt => format!("after attempt {attempt}"),
            };
            let _ = write!(says, ", {attempts}, at {}", times::shown(latest.event_time));
            Finding::new(says.replace("  ", " "), advice(state, outcome))
        }
    }
}

/// `GONE 410 "unsubscribed"`.
fn answer(event: &DeliveryEvent) -> String {
    let mut words = Vec::new();
    if event.outcome() != Outcome::Unspecified {
        words.push(outcome_name(event.outcome()).to_owned());
    }
    words.extend(event.http_status.map(|status| status.to_string()));
    if !event.detail.is_empty() {
        words.push(format!("\"{}\"", event.detail));
    }
    words.join(" ")
}

fn accepted(delivery: &Delivery, latest: &DeliveryEvent) -> Finding {
    let mut says = format!(
        "the push service took it at {}, with attempt {}",
        times::shown(latest.event_time),
        latest.attempt
    );
    for receipt in &delivery.receipts {
        let what = match receipt.kind() {
            ReceiptKind::Unspecified => continue,
            ReceiptKind::Displayed => "displayed",
            ReceiptKind::Clicked => "clicked",
            ReceiptKind::Closed => "closed",
        };
        let _ = write!(says, "; {what} at {}", times::shown(receipt.event_time));
    }
    let remedy = if delivery.receipts.is_empty() {
        "If nobody saw it: the device is off, the browser closed, or notifications are blocked. Receipts tell what is displayed."
    } else {
        ""
    };
    Finding::new(says, remedy)
}

/// What a delivery waits for that has not ended.
fn waiting(message: &MessageStatus, latest: &DeliveryEvent, origin: Option<&Origin>) -> Finding {
    if message.state() == MessageState::Scheduled {
        let starts = times::shown(message.send_time);
        return Finding::new(format!("waits for the message's own time, {starts}"), "");
    }
    let mut says = match latest.attempt {
        0 => "not attempted yet".to_owned(),
        attempt => format!("attempt {attempt} came to {}", answer(latest)),
    };
    if let Some(next) = latest.next_attempt_time {
        let _ = write!(says, "; the next attempt is at {}", times::shown(Some(next)));
    }
    let (holds, remedy) = origin.map(|origin| holding(origin, &message.application)).unwrap_or_default();
    if !holds.is_empty() {
        let _ = write!(says, "; {holds}");
    }
    let remedy = if remedy.is_empty() && latest.attempt > 0 {
        advice(DeliveryState::Retrying, latest.outcome()).to_owned()
    } else {
        remedy
    };
    Finding::new(says, remedy)
}

/// What holds deliveries to a push service up, and what to do.
fn holding(origin: &Origin, application: &str) -> (String, String) {
    let name = &origin.origin;
    let stopped = origin.stopped_applications.iter().find(|of| of.application == application);
    if let Some(stop) = stopped.and_then(|of| of.stop.clone()) {
        let since = times::shown(stop.stop_time);
        let why = outcome_name(stop.outcome());
        let says =
            format!("{name} refuses the application's credentials since {since}: {why} \"{}\"", stop.detail);
        return (says, stop.remedy);
    }
    let until = times::shown(origin.paused_until);
    let why = outcome_name(origin.last_problem());
    match origin.state() {
        OriginState::Paused => (format!("{name} asked for a pause until {until} ({why})"), String::new()),
        OriginState::Broken | OriginState::Probing => (
            format!("{name} cannot be reached, or only fails ({why}), and is tried now and then"),
            "Wait, or mend the way there: DNS, firewall, proxy.".to_owned(),
        ),
        OriginState::Stopped | OriginState::Unspecified | OriginState::Open if origin.queued > 0 => {
            (format!("{} deliveries wait for {name}", origin.queued), String::new())
        }
        OriginState::Stopped | OriginState::Unspecified | OriginState::Open => Default::default(),
    }
}

/// Why a message has no delivery for a subscription.
pub(super) fn absent(message: &MessageStatus, subscription: &Subscription) -> Finding {
    let micros = |time: Option<prost_types::Timestamp>| {
        time.map_or(0, |time| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
    };
    let recipients = message.recipients.clone().unwrap_or_default();
    if message.state() == MessageState::Scheduled {
        let starts = times::shown(message.send_time);
        return Finding::new(format!("no delivery yet: the message starts at {starts}"), "");
    }
    if micros(subscription.create_time) > micros(message.send_time.or(message.create_time)) {
        let since = times::shown(subscription.create_time);
        return Finding::new(format!("no delivery: it subscribed only at {since}, after the message"), "");
    }
    if !recipients.topics.is_empty()
        && usize::try_from(recipients.listed_count) == Ok(recipients.topics.len())
        && !recipients.topics.iter().any(|topic| subscription.topics.contains(topic))
    {
        return Finding::new(
            format!("no delivery: it has none of the topics {}", recipients.topics.join(", ")),
            "The page subscribes with the topic, or `fanfare subscriptions update` adds it.",
        );
    }
    if message.kind() == MessageKind::Broadcast
        && matches!(message.state(), MessageState::Sending | MessageState::Cancelling)
    {
        return Finding::new("no delivery yet: the broadcast's audience is still being read", "");
    }
    Finding::new(format!("no delivery: the message was for {}", recipients.description), "")
}

/// What to do about an outcome; empty: nothing.
pub(super) fn advice(state: DeliveryState, outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unspecified if state == DeliveryState::Expired => {
            "Give it a longer ttl; `fanfare origins` says what made it wait."
        }
        Outcome::Unspecified | Outcome::Accepted | Outcome::Superseded => "",
        Outcome::Dropped => "The user must allow notifications on the device.",
        Outcome::Gone => "The browser must subscribe again, which clients/web does at the next visit.",
        Outcome::Throttled => "Fewer messages to one user, collapse keys, or max_per_second.",
        Outcome::Unavailable => "Wait. If the detail speaks of a proxy, mend that.",
        Outcome::Unreachable | Outcome::TimedOut => "Wait, or mend the way there: DNS, firewall, proxy.",
        Outcome::KeyMismatch => {
            "Make the VAPID key current that it was made with, then `fanfare subscriptions enable`; else the browser must \
             subscribe again."
        }
        Outcome::CredentialsRefused => "Look at the clock, the contact and the VAPID key: `fanfare origins`.",
        Outcome::TooLarge => "Send a smaller payload.",
        Outcome::Rejected => "Read the detail: a firewall or proxy on the way, or a fault.",
        Outcome::Blocked => "A push service of your own needs push_services.exceptions.",
        Outcome::NotFound => "The detail says what it lacks; the page must subscribe.",
        Outcome::Disabled => "Mend what it was disabled for, then `fanfare subscriptions enable`.",
        Outcome::Internal => "Look into the server's log, and report it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{MessageRecipients, StoppedApplication, StoppedOrigin};

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Option::from(prost_types::Timestamp { seconds, nanos: 0 })
    }

    fn event(state: DeliveryState, outcome: Outcome) -> Delivery {
        let latest = DeliveryEvent {
            state: state.into(),
            outcome: outcome.into(),
            attempt: 2,
            event_time: at(1_800_000_000),
            detail: "a word".to_owned(),
            ..DeliveryEvent::default()
        };
        Delivery { latest: Some(latest), ..Delivery::default() }
    }

    #[test]
    fn what_has_ended_is_told_with_its_answer_and_what_to_do() {
        let message = MessageStatus::default();
        let found = delivery(&message, &event(DeliveryState::Failed, Outcome::Gone), None);
        assert_eq!(found.says, "FAILED GONE \"a word\", after attempt 2, at 2027-01-15T08:00:00Z");
        assert!(found.remedy.contains("subscribe again"));
        let found = delivery(&message, &event(DeliveryState::Accepted, Outcome::Accepted), None);
        assert!(found.says.starts_with("the push service took it") && found.remedy.contains("notifications"));
    }

    #[test]
    fn what_waits_is_told_with_what_holds_it_up() {
        let message = MessageStatus { application: "shop".to_owned(), ..MessageStatus::default() };
        let retrying = event(DeliveryState::Retrying, Outcome::CredentialsRefused);
        let mut origin = Origin { origin: "https://push.example.net".to_owned(), ..Origin::default() };
        let says = |origin: &Origin| delivery(&message, &retrying, Some(origin));
        assert_eq!(says(&origin).says, "attempt 2 came to CREDENTIALS_REFUSED \"a word\"");
        origin.state = OriginState::Paused.into();
        origin.paused_until = at(1_800_000_060);
        assert!(says(&origin).says.contains("asked for a pause until 2027-01-15T08:01:00Z"));
        origin.state = OriginState::Broken.into();
        assert!(says(&origin).says.contains("cannot be reached"));
        let stop = StoppedOrigin { remedy: "Look.".to_owned(), ..StoppedOrigin::default() };
        origin.stopped_applications =
            vec![StoppedApplication { application: "shop".to_owned(), stop: Some(stop) }];
        let found = says(&origin);
        assert!(found.says.contains("refuses the application's credentials") && found.remedy == "Look.");
    }

    #[test]
    fn who_has_no_delivery_is_told_why() {
        let recipients = MessageRecipients {
            description: "topic news".to_owned(),
            topics: vec!["news".to_owned()],
            listed_count: 1,
            ..MessageRecipients::default()
        };
        let message = MessageStatus {
            kind: MessageKind::Broadcast.into(),
            state: MessageState::Done.into(),
            create_time: at(100),
            recipients: Some(recipients),
            ..MessageStatus::default()
        };
        let mut subscription = Subscription { create_time: at(200), ..Subscription::default() };
        assert!(absent(&message, &subscription).says.contains("subscribed only at"));
        subscription.create_time = at(50);
        assert!(absent(&message, &subscription).says.contains("none of the topics news"));
        subscription.topics = vec!["news".to_owned()];
        assert!(absent(&message, &subscription).says.contains("was for topic news"));
    }
}
