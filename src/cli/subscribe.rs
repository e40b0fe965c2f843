//! `fanfare subscribe`.

use clap::Args;
use serde::de::IgnoredAny;

use super::connection::Connection;
use super::failure::Failure;
use super::input;
use super::json::ProtoJson;
use super::message::key_value;
use super::output;
use crate::proto::v1::{PushSubscription, SubscribeRequest};

/// Stores browsers' push subscriptions
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The input is what JSON.stringify(subscription) gives in a browser: one object, or many, one after \
                        the other.

Examples:
  fanfare subscribe --user alice --topic news subscription.json
  curl -s http://127.0.0.1:8033/groups/1/subscriptions | fanfare subscribe --topic news"
)]
pub(super) struct SubscribeArgs {
    #[command(flatten)]
    connection: Connection,
    /// A file; - for standard input
    #[arg(default_value = "-", value_name = "FILE")]
    file: String,
    /// Your own user that it belongs to
    #[arg(long, value_name = "ID", default_value = "")]
    user: String,
    /// What it wants to hear of; may be repeated
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
    labels: Vec<(String, String)>,
    /// BCP 47, for example pt-BR
    #[arg(long, default_value = "")]
    locale: String,
    /// IANA name, for example Asia/Shanghai
    #[arg(long, default_value = "")]
    time_zone: String,
    /// Endpoint or name of the subscription that it takes the place of
    #[arg(long, value_name = "ENDPOINT|NAME", default_value = "")]
    replaces: String,
    /// Check everything, store nothing
    #[arg(long)]
    validate_only: bool,
}

impl SubscribeArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let subscriptions = read_push_subscriptions(&self.file)?;
        let writer = ProtoJson::of("fanfare.v1.SubscribeResponse")?;
        let mut client = self.connection.open().await?;
        for push_subscription in subscriptions {
            let response = client.subscribe(self.request(push_subscription)).await?.into_inner();
            if self.connection.json {
                output::line(writer.write(&response)?)?;
            } else {
                let name = response.subscription.map(|subscription| subscription.name).unwrap_or_default();
                let what = match (name.is_empty(), response.created) {
                    (true, _) => "valid; nothing was stored",
                    (false, true) => "created",
                    (false, false) => "updated",
                };
                output::line(format!("{name} {what}").trim_start())?;
            }
        }
        Ok(())
    }

    fn request(&self, push_subscription: PushSubscription) -> SubscribeRequest {
        SubscribeRequest {
            application: self.connection.application.clone(),
            push_subscription: Some(push_subscription),
            user_id: self.user.clone(),
            topics: self.topics.clone(),
            labels: self.labels.iter().cloned().collect(),
            locale: self.locale.clone(),
            time_zone: self.time_zone.clone(),
            replaces: self.replaces.clone(),
            validate_only: self.validate_only,
        }
    }
}

/// Reads the JSON of `PushSubscription`s: one object or many, one after the other.
pub(crate) fn read_push_subscriptions(path: &str) -> Result<Vec<PushSubscription>, Failure> {
    let text = input::read_text(path)?;
    parse_push_subscriptions(&text).map_err(|error| Failure::usage(format!("{path}: {error:#}")))
}

/// As [`read_push_subscriptions`].
pub(crate) fn parse_push_subscriptions(text: &str) -> anyhow::Result<Vec<PushSubscription>> {
    let reader = ProtoJson::of("fanfare.v1.PushSubscription")?;
    // Where each object ends; then each is read by the rules of proto JSON.
    let mut objects = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut subscriptions = Vec::new();
    let mut start = 0;
    while let Some(object) = objects.next() {
        object?;
        let end = objects.byte_offset();
        subscriptions.push(reader.read(&mut serde_json::Deserializer::from_str(&text[start..end]))?);
        start = end;
    }
    anyhow::ensure!(!subscriptions.is_empty(), "there is no PushSubscription in it");
    Ok(subscriptions)
}
