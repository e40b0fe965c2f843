//! What is sent, and how.

use std::time::Duration;

use bytes::Bytes;

use super::{Rules, known, text};
use crate::api::convert::{json, notification, time};
use crate::domain::limits::{
    NOTE_OCTETS_MAX, PAYLOAD_OCTETS_MAX, RECEIPT_TOKEN_CHARS, SEND_TIME_AHEAD_MAX, TTL_MAX,
};
use crate::domain::text::cleaned;
use crate::domain::{MessageSpec, Padding, Payload, Timestamp, Urgency, Violations};
use crate::proto::v1;
use crate::webpush::collapse;

/// The field that asks for receipts.
const RECEIPTS: &str = "message.request_receipts";
/// The member of a payload that holds the receipt token.
const TOKEN_MEMBER: &str = "fanfare";

/// Reads a message; what it leaves unset comes from the application's defaults.
pub(crate) fn message(
    violations: &mut Violations,
    message: Option<&v1::Message>,
    rules: Rules<'_>,
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
        request_receipts,
        labels,
        note,
        payload,
    } = message;
    let defaults = rules.application.defaults;
    if *request_receipts && !rules.receipts {
        violations.add(RECEIPTS, "this server takes no receipts (its setting receipts.listen)");
    }
    let payload = self::payload(violations, payload.as_ref(), *request_receipts);
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
    let (payload, receipt_token_at) = payload?;
    Some(MessageSpec {
        payload,
        receipt_token_at,
        ttl: ttl?,
        urgency: urgency?,
        topic_header: topic_header?,
        padding: padding?,
        max_per_second: None,
        labels: labels.clone(),
        note: cleaned(note).into_owned(),
    })
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

/// The payload, and where in it the receipt token stands if receipts are requested.
fn payload(
    violations: &mut Violations,
    payload: Option<&v1::message::Payload>,
    receipts: bool,
) -> Option<(Payload, Option<u32>)> {
    use v1::message::Payload as Given;
    let (field, octets) = match payload {
        None => {
            violations.add("message.payload", "one of data, json, notification and empty must be set");
            return None;
        }
        Some(Given::Data(data)) => ("message.data", data.clone()),
        Some(Given::Json(json)) => {
            if receipts && json.fields.contains_key(TOKEN_MEMBER) {
                violations.add(format!("message.json.{TOKEN_MEMBER}"), "is where the receipt token goes");
            }
            let value = json::read(violations, "message.json", json)?;
            ("message.json", Bytes::from(value.to_string()))
        }
        Some(Given::Notification(given)) => {
            let text = notification::read(violations, "message.notification", given)?;
            ("message.notification", Bytes::from(text))
        }
        Some(Given::Empty(v1::EmptyPayload {})) => ("message.empty", Bytes::new()),
    };
    let is_json = matches!(payload, Some(Given::Json(_) | Given::Notification(_)));
    if receipts && !is_json {
        violations.add(RECEIPTS, "needs message.notification or message.json, which the token goes into");
    }
    let (octets, token_at) = if receipts && is_json { with_room(&octets) } else { (octets, None) };
    if octets.len() > PAYLOAD_OCTETS_MAX {
        let written = match (is_json, token_at) {
            (false, _) => "",
            (true, None) => "written as JSON, it ",
            (true, Some(_)) => "written as JSON with the receipt token, it ",
        };
        violations.add(field, format!("{written}must have at most {PAYLOAD_OCTETS_MAX} octets"));
    }
    Some((Payload(octets), token_at))
}

/// A JSON object with a last member of zeros in the token's place, and where they begin.
fn with_room(object: &[u8]) -> (Bytes, Option<u32>) {
    let open = object.strip_suffix(b"}").unwrap_or(object);
    let comma = if open == b"{" { "" } else { "," };
    let head = format!("{comma}\"{TOKEN_MEMBER}\":\"");
    let at = u32::try_from(open.len() + head.len()).ok();
    ([open, head.as_bytes(), &[b'0'; RECEIPT_TOKEN_CHARS], b"\"}"].concat().into(), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_has_its_place_in_the_json() {
        for object in [r#"{"a":{"b":1}}"#, "{}"] {
            let (with_room, at) = with_room(object.as_bytes());
            let at = at.expect("a place") as usize;
            let mut value: serde_json::Value = serde_json::from_slice(&with_room).expect("JSON");
            let zeros = "0".repeat(RECEIPT_TOKEN_CHARS);
            assert_eq!(with_room[at..at + RECEIPT_TOKEN_CHARS], *zeros.as_bytes());
            let members = value.as_object_mut().expect("an object");
            assert_eq!(members.remove(TOKEN_MEMBER), Some(zeros.into()));
            assert_eq!(value.to_string(), object);
        }
    }
}
