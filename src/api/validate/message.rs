//! What is sent, and how.

use std::time::Duration;

use bytes::Bytes;

use super::{known, text};
use crate::api::convert::{json, notification, time};
use crate::domain::limits::{NOTE_OCTETS_MAX, PAYLOAD_OCTETS_MAX, SEND_TIME_AHEAD_MAX, TTL_MAX};
use crate::domain::{MessageDefaults, MessageSpec, Padding, Payload, Timestamp, Urgency, Violations};
use crate::proto::v1;
use crate::webpush::collapse;

/// Reads a message; what it leaves unset comes from the application's defaults.
pub(crate) fn message(
    violations: &mut Violations,
    message: Option<&v1::Message>,
    defaults: MessageDefaults,
) -> Option<MessageSpec> {
    let Some(message) = message else {
        violations.add("message", "is required");
        return None;
    };
    let v1::Message {
        ttl,
        urgency,
        collapse_key,
        padding,
        // Read by `start`.
        send_time: _,
        request_receipts: _,
        labels,
        note,
        payload,
    } = message;
    let payload = self::payload(violations, payload.as_ref());
    let ttl = ttl.map_or(Some(defaults.ttl), |ttl| self::ttl(violations, ttl));
    let urgency = known(violations, "message.urgency", *urgency, |urgency| {
        Some(match urgency {
            v1::Urgency::Unspecified => defaults.urgency,
            v1::Urgency::VeryLow => Urgency::VeryLow,
            v1::Urgency::Low => Urgency::Low,
            v1::Urgency::Normal => Urgency::Normal,
            v1::Urgency::High => Urgency::High,
        })
    });
    let padding = known(violations, "message.padding", *padding, |padding| {
        Some(match padding {
            v1::Padding::Unspecified => defaults.padding,
            v1::Padding::None => Padding::None,
            v1::Padding::PowerOfTwo => Padding::PowerOfTwo,
            v1::Padding::Maximum => Padding::Maximum,
        })
    });
    let topic_header = if collapse_key.is_empty() {
        Some(None)
    } else {
        violations.check("message.collapse_key", collapse::topic_header(collapse_key)).map(Some)
    };
    text::labels(violations, "message.labels", labels);
    text::at_most(violations, "message.note", note, NOTE_OCTETS_MAX);
    Some(MessageSpec {
        payload: payload?,
        ttl: ttl?,
        urgency: urgency?,
        topic_header: topic_header?,
        padding: padding?,
        max_per_second: None,
        labels: labels.clone(),
        note: note.clone(),
    })
}

/// The first field of a message that is still to come.
pub(crate) fn not_implemented(message: &v1::Message) -> Option<&'static str> {
    message.request_receipts.then_some("the field message.request_receipts")
}

/// When a message starts, if it has a time that is still to come.
pub(crate) fn start(violations: &mut Violations, message: &v1::Message, now: Timestamp) -> Option<Timestamp> {
    const FIELD: &str = "message.send_time";
    let time = violations.check(FIELD, time::read_timestamp(message.send_time?))?;
    if time > now.plus(SEND_TIME_AHEAD_MAX) {
        violations
            .add(FIELD, format!("must be at most {} days ahead", SEND_TIME_AHEAD_MAX.as_secs() / 86_400));
    }
    (time > now).then_some(time)
}

fn ttl(violations: &mut Violations, ttl: prost_types::Duration) -> Option<Duration> {
    let ttl = violations.check("message.ttl", time::read_duration(ttl))?;
    if ttl > TTL_MAX {
        violations.add("message.ttl", format!("must be at most {} days", TTL_MAX.as_secs() / 86_400));
    }
    Some(Duration::from_secs(ttl.as_secs()))
}

fn payload(violations: &mut Violations, payload: Option<&v1::message::Payload>) -> Option<Payload> {
    use v1::message::Payload as Given;
    let (field, octets) = match payload {
        None => {
            violations.add("message.payload", "one of data, json, notification and empty must be set");
            return None;
        }
        Some(Given::Data(data)) => ("message.data", data.clone()),
        Some(Given::Json(json)) => {
            let value = json::read(violations, "message.json", json)?;
            ("message.json", Bytes::from(value.to_string()))
        }
        Some(Given::Notification(given)) => {
            let text = notification::read(violations, "message.notification", given)?;
            ("message.notification", Bytes::from(text))
        }
        Some(Given::Empty(v1::EmptyPayload {})) => ("message.empty", Bytes::new()),
    };
    if octets.len() > PAYLOAD_OCTETS_MAX {
        let written = if field == "message.data" { "" } else { "written as JSON, it " };
        violations.add(field, format!("{written}must have at most {PAYLOAD_OCTETS_MAX} octets"));
    }
    Some(Payload(octets))
}
