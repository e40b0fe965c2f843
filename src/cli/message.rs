//! The arguments that describe a message.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;

use super::failure::Failure;
use super::input;
use super::json::ProtoJson;
use crate::config::{PaddingName, UrgencyName};
use crate::proto::v1;

/// What is sent, and how.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct MessageArgs {
    /// Title of a notification
    #[arg(long, help_heading = "Payload", conflicts_with_all = ["json_payload", "data_file", "empty"])]
    title: Option<String>,
    /// Text of the notification
    #[arg(long, help_heading = "Payload", requires = "title")]
    body: Option<String>,
    /// URL that a click on the notification opens; browsers can then show it without a service worker
    #[arg(long, value_name = "URL", help_heading = "Payload", requires = "title")]
    navigate: Option<String>,
    /// URL of the notification's icon
    #[arg(long, value_name = "URL", help_heading = "Payload", requires = "title")]
    icon: Option<String>,
    /// Tag of the notification: a newer one with the same tag takes its place on the screen
    #[arg(long, help_heading = "Payload", requires = "title")]
    tag: Option<String>,
    /// A JSON object, sent as it is
    #[arg(long, value_name = "JSON", help_heading = "Payload", conflicts_with_all = ["data_file", "empty"])]
    json_payload: Option<String>,
    /// A file whose octets are sent as they are; - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Payload", conflicts_with = "empty")]
    data_file: Option<String>,
    /// No payload at all
    #[arg(long, help_heading = "Payload")]
    empty: bool,
    /// How long it is worth delivering, for example 30m; 0s: now or never. Else the application's default
    #[arg(long, value_parser = humantime::parse_duration, value_name = "DURATION")]
    ttl: Option<Duration>,
    /// Not before this time, in RFC 3339, at most 90 days ahead; the ttl counts from then
    #[arg(long, value_parser = humantime::parse_rfc3339_weak, value_name = "TIME")]
    at: Option<SystemTime>,
    /// How urgent it is
    #[arg(long)]
    urgency: Option<UrgencyName>,
    /// A newer message with the same key and recipient or audience replaces one that the browser has not got yet
    #[arg(long, value_name = "KEY")]
    collapse_key: Option<String>,
    /// How its length is hidden
    #[arg(long)]
    padding: Option<PaddingName>,
    /// Ask browsers to report what they did with it (displayed, clicked, closed), and show that too. For --title and
    /// --json-payload; --title and the service worker of clients/web need nothing else
    #[arg(long)]
    pub(super) receipts: bool,
    /// A label for lists, never sent; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
    labels: Vec<(String, String)>,
    /// What people call the message, for lists; never sent
    #[arg(long)]
    note: Option<String>,
    /// The same id and message again join the first call instead of sending twice. Else a new one
    #[arg(long, value_name = "ID")]
    pub(super) request_id: Option<String>,
    /// Check everything, send nothing
    #[arg(long)]
    pub(super) validate_only: bool,
}

impl MessageArgs {
    /// Whether the payload comes from standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        self.data_file.as_deref() == Some("-")
    }

    /// The request's id: without one, a repeated call could send twice.
    pub(super) fn request_id(&self) -> String {
        self.request_id.clone().unwrap_or_else(crate::unique_id)
    }

    /// As the contract has it.
    pub(super) fn to_message(&self) -> Result<v1::Message, Failure> {
        Ok(v1::Message {
            payload: Some(self.payload()?),
            ttl: self.ttl.map(proto_duration).transpose()?,
            urgency: self.urgency.map_or(v1::Urgency::Unspecified, proto_urgency).into(),
            collapse_key: self.collapse_key.clone().unwrap_or_default(),
            padding: self.padding.map_or(v1::Padding::Unspecified, proto_padding).into(),
            labels: self.labels.iter().cloned().collect(),
            note: self.note.clone().unwrap_or_default(),
            send_time: self.at.map(Into::into),
            request_receipts: self.receipts,
        })
    }

    fn payload(&self) -> Result<v1::message::Payload, Failure> {
        use v1::message::Payload;
        if let Some(title) = &self.title {
            return Ok(Payload::Notification(self.notification(title)));
        }
        if let Some(json) = &self.json_payload {
            let reader = ProtoJson::of("google.protobuf.Struct")?;
            let object = reader
                .read(&mut serde_json::Deserializer::from_str(json))
                .map_err(|error| Failure::usage(format!("--json-payload is no JSON object: {error}")))?;
            return Ok(Payload::Json(object));
        }
        if let Some(path) = &self.data_file {
            return Ok(Payload::Data(input::read(path)?.into()));
        }
        if self.empty {
            return Ok(Payload::Empty(v1::EmptyPayload {}));
        }
        Err(Failure::usage("what is to be sent? Give --title, --json-payload, --data-file or --empty"))
    }

    fn notification(&self, title: &str) -> v1::Notification {
        let text = |option: &Option<String>| option.clone().unwrap_or_default();
        v1::Notification {
            title: title.to_owned(),
            body: text(&self.body),
            navigate: text(&self.navigate),
            icon: text(&self.icon),
            tag: text(&self.tag),
            ..v1::Notification::default()
        }
    }
}

/// Reads `key=value`.
pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn proto_duration(duration: Duration) -> anyhow::Result<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok().context("--ttl is too long")
}

pub(super) fn proto_urgency(urgency: UrgencyName) -> v1::Urgency {
    match urgency {
        UrgencyName::VeryLow => v1::Urgency::VeryLow,
        UrgencyName::Low => v1::Urgency::Low,
        UrgencyName::Normal => v1::Urgency::Normal,
        UrgencyName::High => v1::Urgency::High,
    }
}

pub(super) fn proto_padding(padding: PaddingName) -> v1::Padding {
    match padding {
        PaddingName::None => v1::Padding::None,
        PaddingName::PowerOfTwo => v1::Padding::PowerOfTwo,
        PaddingName::Maximum => v1::Padding::Maximum,
    }
}
