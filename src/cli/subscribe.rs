//! `fanfare subscribe`.

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::import::{self, Terms};
use super::input;
use super::json::ProtoJson;
use super::message::key_value;
use super::output;
use crate::proto::v1::{PushSubscription, SubscribeRequest};

/// Stores browsers' push subscriptions
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The input is what JSON.stringify(subscription) gives in a browser: one object, or many; or anything \
                        else that
`fanfare subscriptions import` reads. It is read to its end before the first is stored. What an entry says of its own user,
topics, labels, locale and time zone goes before the arguments.

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
        let requests = read_requests(&self.file, self.terms())?;
        let writer = ProtoJson::of("fanfare.v1.SubscribeResponse")?;
        let mut client = self.connection.open().await?;
        for request in requests {
            let request = SubscribeRequest { replaces: self.replaces.clone(), ..request };
            let response = client.subscribe(request).await?.into_inner();
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

    /// What holds for all of them, unless they say otherwise.
    fn terms(&self) -> Terms {
        Terms {
            application: self.connection.application.clone(),
            user_id: self.user.clone(),
            topics: self.topics.clone(),
            labels: self.labels.clone(),
            locale: self.locale.clone(),
            time_zone: self.time_zone.clone(),
            validate_only: self.validate_only,
            ..Terms::default()
        }
    }
}

/// Reads `PushSubscription`s, in any form that an import takes.
pub(crate) fn read_push_subscriptions(path: &str) -> Result<Vec<PushSubscription>, Failure> {
    let requests = read_requests(path, Terms::default())?;
    Ok(requests.into_iter().filter_map(|request| request.push_subscription).collect())
}

/// Reads what to store; tells on stderr what was left out of it.
fn read_requests(path: &str, terms: Terms) -> Result<Vec<SubscribeRequest>, Failure> {
    let octets = input::read(path)?;
    let read = import::requests(octets, terms);
    let (requests, told) = read.map_err(|error| Failure::usage(format!("{path}: {error:#}")))?;
    for line in told {
        output::note(format!("warning: {line}"));
    }
    Ok(requests)
}

/// As [`read_push_subscriptions`], of a text.
pub(crate) fn parse_push_subscriptions(text: &str) -> anyhow::Result<Vec<PushSubscription>> {
    let (requests, _) = import::requests(text.as_bytes().to_vec(), Terms::default())?;
    Ok(requests.into_iter().filter_map(|request| request.push_subscription).collect())
}
