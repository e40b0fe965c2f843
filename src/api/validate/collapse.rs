//! Which messages replace one another: those with the same collapse key and the same recipient or audience.

use prost::Message;
use sha2::{Digest, Sha256};

use super::request_hash::sort;
use crate::proto::v1;
use v1::send_request::Recipient;

/// Octets of the hash that are kept.
const HASH_OCTETS: usize = 16;

/// Of a Send; `None` without a collapse key. An inline subscription is known by its endpoint: its keys may be spelled in
/// several ways.
pub(crate) fn of_send(request: &v1::SendRequest) -> Option<[u8; HASH_OCTETS]> {
    let recipient = match request.recipient.clone()? {
        Recipient::PushSubscription(browser) => {
            let endpoint = browser.endpoint;
            Recipient::PushSubscription(v1::PushSubscription { endpoint, ..v1::PushSubscription::default() })
        }
        stored @ (Recipient::Subscription(_) | Recipient::UserId(_)) => stored,
    };
    let essence = v1::SendRequest { recipient: Some(recipient), ..v1::SendRequest::default() };
    hash(b"send", request.message.as_ref()?, &essence.encode_to_vec())
}

/// Of a Broadcast; `None` without a collapse key.
pub(crate) fn of_broadcast(request: &v1::BroadcastRequest) -> Option<[u8; HASH_OCTETS]> {
    let mut audience = request.audience.clone()?;
    sort(&mut audience);
    hash(b"broadcast", request.message.as_ref()?, &audience.encode_to_vec())
}

/// The lengths of kind and key go first: octets of one can never be taken for another's.
fn hash(kind: &[u8], message: &v1::Message, recipient: &[u8]) -> Option<[u8; HASH_OCTETS]> {
    let key = message.collapse_key.as_bytes();
    if key.is_empty() {
        return None;
    }
    let hash = Sha256::new()
        .chain_update([kind.len() as u8])
        .chain_update(kind)
        .chain_update((key.len() as u64).to_be_bytes())
        .chain_update(key)
        .chain_update(recipient)
        .finalize();
    hash.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use v1::audience::Selector;

    fn message(key: &str) -> v1::Message {
        v1::Message { collapse_key: key.to_owned(), ..v1::Message::default() }
    }

    fn send(key: &str, recipient: Recipient) -> Option<[u8; 16]> {
        let recipient = Some(recipient);
        of_send(&v1::SendRequest { message: Some(message(key)), recipient, ..v1::SendRequest::default() })
    }

    fn broadcast(key: &str, topics: &[&str]) -> Option<[u8; 16]> {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let audience = Some(v1::Audience { selector: Some(Selector::Topics(v1::TopicList { topics })) });
        of_broadcast(&v1::BroadcastRequest {
            message: Some(message(key)),
            audience,
            ..v1::BroadcastRequest::default()
        })
    }

    #[test]
    fn key_and_recipient_make_it() {
        let user = |user: &str| Recipient::UserId(user.to_owned());
        let score = send("score", user("anna"));
        assert!(score.is_some());
        assert_eq!(score, send("score", user("anna")));
        assert_eq!(send("", user("anna")), None);
        for other in [
            send("weather", user("anna")),
            send("score", user("bob")),
            send("score", Recipient::Subscription("anna".to_owned())),
        ] {
            assert_ne!(score, other);
        }
        assert_eq!(broadcast("score", &["b", "a", "a"]), broadcast("score", &["a", "b"]));
        assert_ne!(broadcast("score", &["a"]), broadcast("score", &["b"]));
    }

    #[test]
    fn an_inline_subscription_is_its_endpoint() {
        let browser = |endpoint: &str, auth: &str| {
            Recipient::PushSubscription(v1::PushSubscription {
                endpoint: endpoint.to_owned(),
                keys: Some(v1::PushSubscriptionKeys { p256dh: String::new(), auth: auth.to_owned() }),
                ..v1::PushSubscription::default()
            })
        };
        assert_eq!(send("k", browser("https://a", "x")), send("k", browser("https://a", "y")));
        assert_ne!(send("k", browser("https://a", "x")), send("k", browser("https://b", "x")));
    }

    /// It is stored with messages that wait: a release must not change it.
    #[test]
    fn is_pinned() {
        let hex = |hash: [u8; 16]| hash.iter().fold(String::new(), |hex, octet| format!("{hex}{octet:02x}"));
        assert_eq!(
            broadcast("score", &["news"]).map(hex).as_deref(),
            Some("f60f049a766d233b92b9e9bca046e155")
        );
    }
}
