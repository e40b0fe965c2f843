//! What makes two requests the same: a hash over recipient or audience, message and rate. The report level, and how the
//! caller wants to be told, may differ. The hashed octets are the protobuf encoding of those fields, which is canonical
//! here: prost writes fields in the order of their numbers, maps are sorted (`build.rs`), and the lists of an audience
//! are sorted before.

use prost::Message;
use sha2::{Digest, Sha256};

use crate::proto::v1;

/// Of a Send.
pub(crate) fn of_send(request: &v1::SendRequest) -> [u8; 32] {
    let essence = v1::SendRequest {
        recipient: request.recipient.clone(),
        message: request.message.clone(),
        ..v1::SendRequest::default()
    };
    hash(b"send", &essence.encode_to_vec())
}

/// Of a Broadcast.
pub(crate) fn of_broadcast(request: &v1::BroadcastRequest) -> [u8; 32] {
    let mut essence = v1::BroadcastRequest {
        audience: request.audience.clone(),
        message: request.message.clone(),
        max_per_second: request.max_per_second,
        ..v1::BroadcastRequest::default()
    };
    essence.audience.as_mut().map(sort);
    hash(b"broadcast", &essence.encode_to_vec())
}

/// Brings an audience into its canonical form: its list sorted, each once.
pub(super) fn sort(audience: &mut v1::Audience) {
    use v1::audience::Selector;
    let list = match &mut audience.selector {
        Some(Selector::Subscriptions(list)) => &mut list.names,
        Some(Selector::Topics(list)) => &mut list.topics,
        Some(Selector::Users(list)) => &mut list.user_ids,
        Some(Selector::All(_) | Selector::Filter(_)) | None => return,
    };
    list.sort_unstable();
    list.dedup();
}

/// The kind's length goes first: one kind's octets can never be taken for another's.
fn hash(kind: &[u8], essence: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([kind.len() as u8]).chain_update(kind).chain_update(essence).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use v1::audience::Selector;

    fn message(labels: &[(&str, &str)]) -> v1::Message {
        let value = |n: f64| prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(n)) };
        let fields = labels
            .iter()
            .map(|(key, text)| ((*key).to_owned(), value(if text.is_empty() { 0.0 } else { 6.0 })))
            .collect();
        v1::Message {
            payload: Some(v1::message::Payload::Json(prost_types::Struct { fields })),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..v1::Message::default()
        }
    }

    fn broadcast(topics: &[&str], labels: &[(&str, &str)]) -> v1::BroadcastRequest {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        v1::BroadcastRequest {
            audience: Some(v1::Audience { selector: Some(Selector::Topics(v1::TopicList { topics })) }),
            message: Some(message(labels)),
            ..v1::BroadcastRequest::default()
        }
    }

    #[test]
    fn order_of_maps_and_lists_does_not_matter() {
        let labels: Vec<(String, String)> = (0..30).map(|n| (format!("key{n}"), "x".repeat(n))).collect();
        let mut labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let first = of_broadcast(&broadcast(&["b", "a", "c", "a"], &labels));
        labels.reverse();
        assert_eq!(first, of_broadcast(&broadcast(&["c", "b", "a"], &labels)));
    }

    #[test]
    fn what_is_sent_matters_and_how_it_is_told_does_not() {
        let request = broadcast(&["a"], &[]);
        let first = of_broadcast(&request);
        let told = v1::BroadcastRequest {
            application: "shop".into(),
            request_id: "r".into(),
            report_level: 5,
            include_receipts: true,
            cancel_on_disconnect: true,
            validate_only: true,
            ..request.clone()
        };
        assert_eq!(first, of_broadcast(&told));
        assert_ne!(first, of_broadcast(&broadcast(&["b"], &[])));
        assert_ne!(first, of_broadcast(&broadcast(&["a"], &[("k", "v")])));
        assert_ne!(first, of_broadcast(&v1::BroadcastRequest { max_per_second: 1.0, ..request }));
        let send = v1::SendRequest { message: Some(message(&[])), ..v1::SendRequest::default() };
        let empty = v1::BroadcastRequest { message: Some(message(&[])), ..v1::BroadcastRequest::default() };
        assert_ne!(of_send(&send), of_broadcast(&empty));
    }

    /// The hash is kept for a day and longer: a release must not change it.
    #[test]
    fn is_pinned() {
        let hash = of_broadcast(&broadcast(&["news"], &[("campaign", "spring")]));
        let hex = hash.iter().fold(String::new(), |hex, octet| format!("{hex}{octet:02x}"));
        assert_eq!(hex, "b935aab36329010fc3420fbd1da4b3d0392406e91567ddaf4873fcb379ca823e");
    }
}
