//! The frames of autopush's WebSocket protocol: one JSON object in each, told apart by `messageType`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::user_agent::Outgoing;
use crate::sandbox::push_headers::Encryption;
use crate::webpush::keys::encode_base64url;

/// Broadcasts by their name, with the version that the browser has.
pub(crate) type Broadcasts = BTreeMap<String, Value>;

/// What a browser says.
#[derive(Debug, Deserialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
pub(crate) enum ClientFrame {
    Hello {
        #[serde(default)]
        uaid: Option<String>,
        #[serde(default)]
        broadcasts: Option<Broadcasts>,
    },
    Register {
        #[serde(rename = "channelID")]
        channel: String,
        #[serde(default)]
        key: Option<String>,
    },
    Unregister {
        #[serde(rename = "channelID")]
        channel: String,
        #[serde(default)]
        code: Option<u16>,
    },
    BroadcastSubscribe {
        broadcasts: Broadcasts,
    },
    Ack {
        updates: Vec<Update>,
    },
    Nack {
        version: String,
        #[serde(default)]
        code: Option<u16>,
    },
    Ping,
}

/// One message that a browser has.
#[derive(Debug, Deserialize)]
pub(crate) struct Update {
    #[serde(rename = "channelID")]
    pub(crate) channel: String,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) code: Option<u16>,
}

impl ClientFrame {
    /// Reads a frame. `{}` is a ping.
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        if text.trim() == "{}" { Ok(Self::Ping) } else { serde_json::from_str(text) }
    }
}

/// A channel as Firefox writes it: lower case, with dashes.
pub(crate) fn channel_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text)
}

/// What a browser is told.
#[derive(Debug, Serialize)]
#[serde(tag = "messageType", rename_all = "snake_case")]
pub(crate) enum ServerFrame<'a> {
    Hello {
        uaid: String,
        status: u16,
        use_webpush: bool,
        broadcasts: BroadcastAnswer,
    },
    Register {
        #[serde(rename = "channelID")]
        channel: &'a str,
        status: u16,
        #[serde(rename = "pushEndpoint")]
        push_endpoint: &'a str,
    },
    Unregister {
        #[serde(rename = "channelID")]
        channel: &'a str,
        status: u16,
    },
    Broadcast {
        broadcasts: BroadcastAnswer,
    },
    Notification {
        #[serde(rename = "channelID")]
        channel: String,
        version: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        headers: Option<NotificationHeaders>,
    },
}

/// There are no broadcasts here.
#[derive(Debug, Default, Serialize)]
pub(crate) struct BroadcastAnswer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, &'static str>,
}

impl BroadcastAnswer {
    /// The answer to a browser that wants to hear of some.
    pub(crate) fn to(wanted: Broadcasts) -> Self {
        Self { errors: wanted.into_keys().map(|name| (name, "Broadcast not found")).collect() }
    }
}

/// How a message's data is encrypted.
#[derive(Debug, Serialize)]
pub(crate) struct NotificationHeaders {
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crypto_key: Option<String>,
}

impl<'a> ServerFrame<'a> {
    /// A message. One without a body has neither data nor headers.
    pub(crate) fn notification(message: &'a Outgoing) -> Self {
        let headers = message.encryption.as_ref().map(|encryption| {
            let encoding = encryption.encoding().as_str();
            match encryption {
                Encryption::Aes128Gcm => NotificationHeaders { encoding, encryption: None, crypto_key: None },
                Encryption::AesGcmAsSent { encryption, crypto_key } => NotificationHeaders {
                    encoding,
                    encryption: Some(encryption.to_string()),
                    crypto_key: crypto_key.as_deref().map(str::to_owned),
                },
                Encryption::AesGcm(parameters) => NotificationHeaders {
                    encoding,
                    encryption: Some(parameters.encryption()),
                    crypto_key: Some(parameters.crypto_key()),
                },
            }
        });
        Self::Notification {
            channel: message.channel.hyphenated().to_string(),
            version: &message.id,
            data: headers.is_some().then(|| encode_base64url(&message.body)),
            headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_firefox_says_is_read() {
        for text in [
            r#"{"messageType":"hello","broadcasts":{"remote-settings/monitor_changes":"v1"},"use_webpush":true}"#,
            r#"{"messageType":"hello","use_webpush":true,"uaid":"0123","channelIDs":[]}"#,
            r#"{"channelID":"x","messageType":"register","key":"BA=="}"#,
            r#"{"channelID":"x","messageType":"unregister","code":200}"#,
            r#"{"messageType":"ack","updates":[{"channelID":"x","version":"v","code":100}]}"#,
            r#"{"messageType":"nack","version":"v","code":301}"#,
            r#"{"messageType":"broadcast_subscribe","broadcasts":{"a":"b"}}"#,
            r#"{"messageType":"ping"}"#,
            "{}",
        ] {
            assert!(ClientFrame::read(text).is_ok(), "{text}");
        }
        for text in ["", "[]", r#"{"messageType":"goodbye"}"#, r#"{"messageType":"ack"}"#, r#"{"a":1}"#] {
            assert!(ClientFrame::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn channels_are_lower_case_with_dashes() {
        assert!(channel_id("01234567-89ab-4cde-8f01-23456789abcd").is_some());
        for text in ["", "0123456789ab4cde8f0123456789abcd", "01234567-89AB-4cde-8f01-23456789abcd"] {
            assert!(channel_id(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_unknown_broadcast_is_told() {
        let answer = BroadcastAnswer::to(Broadcasts::from([("a/b".to_owned(), json!("v"))]));
        let frame = serde_json::to_value(ServerFrame::Broadcast { broadcasts: answer }).unwrap();
        assert_eq!(
            frame,
            json!({"messageType": "broadcast", "broadcasts": {"errors": {"a/b": "Broadcast not found"}}})
        );
    }
}
