//! `fanfare explain`: why a user got a message, or did not.

mod words;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use tokio::time::timeout;
use tonic::Code;

use super::connection::{Client, Connection};
use super::failure::Failure;
use super::output;
use super::times;
use super::view::outcome_name;
use crate::domain::text::escaped;
use crate::proto::v1::list_subscriptions_request::Selector;
use crate::proto::v1::{
    ChangeKind, Delivery, GetMessageRequest, GetSubscriptionRequest, ListDeliveriesRequest,
    ListMessagesRequest, ListOriginsRequest, ListSubscriptionsRequest, MessageStatus, Origin, Subscription,
    SubscriptionChange, WatchSubscriptionsRequest, get_subscription_request,
};
use words::Finding;

/// Subscriptions of a user that are looked at.
const SUBSCRIPTIONS_MAX: i32 = 20;
/// Calls that look for one delivery in a message, each of which reads a bounded part of it.
const DELIVERY_CALLS_MAX: usize = 200;
/// Calls that look for messages.
const MESSAGE_CALLS_MAX: usize = 20;
/// Changes that are looked at for what was removed.
const CHANGES_MAX: usize = 100_000;
/// Without a change for so long, all that are kept were read.
const CHANGES_END: Duration = Duration::from_secs(1);

/// Says why a user got a message, or did not, and what to do
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare explain --user alice                            the last three messages that name alice
  fanfare explain --user alice --message messages/018f…   of a broadcast too
  fanfare explain --subscription subscriptions/00af… --message messages/018f… --json

It tells of each subscription how it stands, and of each message what became of its delivery: the push service's answer, what holds
it up now, why there is none; and what to do. Of a user without subscriptions it tells which were removed, and on
what evidence, as far as the change feed is kept. Broadcasts to topics or to everyone name nobody: give --message.")]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    connection: Connection,
    /// Your own user
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "subscription",
        conflicts_with = "subscription"
    )]
    user: Option<String>,
    /// One subscription instead: subscriptions/{id}
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// One message: messages/{id}; without it, the newest that name the user
    #[arg(long, value_name = "NAME")]
    message: Option<String>,
    /// At most so many messages
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    limit: usize,
}

impl ExplainArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut client = self.connection.open().await?;
        let subscriptions = self.subscriptions(&mut client).await?;
        let standing = subscriptions.iter().map(|of| words::standing(of).about(&of.name, ""));
        for finding in standing.collect::<Vec<_>>() {
            self.tell(&finding)?;
        }
        if let (true, Some(user)) = (subscriptions.is_empty(), &self.user) {
            return self.explain_nobody(&mut client, user).await;
        }
        let user = subscriptions.first().map(|of| of.user_id.clone()).unwrap_or_default();
        let messages = self.messages(&mut client, &user).await?;
        if messages.is_empty() {
            let says = "no message names this user, as far as messages are kept";
            self.tell(&Finding::new(says, "Of a broadcast to topics or to everyone, give --message."))?;
        }
        let origins = self.origins().await?;
        for message in &messages {
            if !self.connection.json {
                output::line(heading(message))?;
            }
            for subscription in &subscriptions {
                let found = self.delivery(&mut client, message, subscription).await?;
                let origin = origins.get(&subscription.endpoint_origin);
                let finding = match found {
                    Looked::Found(delivery) => words::delivery(message, &delivery, origin),
                    Looked::Absent => words::absent(message, subscription),
                    Looked::Trimmed => Finding::new("its deliveries are not kept any more", ""),
                    Looked::TooMany => Finding::new(
                        "no delivery in the part of the message that was read",
                        "`fanfare deliveries MESSAGE --subscription NAME --limit 0` reads all of it.",
                    ),
                };
                self.tell(&finding.about(&subscription.name, &message.name))?;
            }
        }
        Ok(())
    }

    fn tell(&self, finding: &Finding) -> anyhow::Result<()> {
        if self.connection.json {
            return output::line(serde_json::to_string(finding)?);
        }
        let indent = if finding.message.is_empty() { "" } else { "  " };
        let subject = if finding.subscription.is_empty() {
            String::new()
        } else {
            format!("{}: ", finding.subscription)
        };
        output::line(format!("{indent}{subject}{}", escaped(&finding.says)))?;
        if finding.remedy.is_empty() {
            Ok(())
        } else {
            output::line(format!("{indent}  {}", escaped(&finding.remedy)))
        }
    }

    async fn subscriptions(&self, client: &mut Client) -> Result<Vec<Subscription>, Failure> {
        let application = self.connection.application.clone();
        if let Some(name) = &self.subscription {
            let selector = Some(get_subscription_request::Selector::Name(name.clone()));
            let request = GetSubscriptionRequest { application, selector };
            let answer = client.get_subscription(request).await?.into_inner();
            return Ok(answer.subscription.into_iter().collect());
        }
        let selector = self.user.clone().map(Selector::UserId);
        let page_size = SUBSCRIPTIONS_MAX;
        let request = ListSubscriptionsRequest {
            application,
            page_size,
            selector,
            ..ListSubscriptionsRequest::default()
        };
        let page = client.list_subscriptions(request).await?.into_inner();
        if !page.next_page_token.is_empty() {
            output::note(format!("only the first {SUBSCRIPTIONS_MAX} subscriptions are looked at"));
        }
        Ok(page.subscriptions)
    }

    /// The user has no subscription: which there were, and why they went.
    async fn explain_nobody(&self, client: &mut Client, user: &str) -> Result<(), Failure> {
        let gone = self.removals(client, user).await?;
        for change in &gone {
            let name = change.subscription.clone().unwrap_or_default().name;
            self.tell(&removal(change).about(&name, ""))?;
        }
        let says = if gone.is_empty() {
            "the user has no subscription, and had none as far as changes are kept"
        } else {
            "the user has no subscription any more"
        };
        self.tell(&Finding::new(says, "The page must subscribe with this user_id, letter by letter."))?;
        Ok(())
    }

    /// What was removed of a user, as far as the change feed is kept.
    async fn removals(&self, client: &mut Client, user: &str) -> Result<Vec<SubscriptionChange>, Failure> {
        let request = WatchSubscriptionsRequest {
            application: self.connection.application.clone(),
            start_time: Some(prost_types::Timestamp::default()),
            ..WatchSubscriptionsRequest::default()
        };
        let mut responses = client.watch_subscriptions(request).await?.into_inner();
        // The first response only says where the stream stands; another empty one, that all was read.
        responses.message().await?;
        let (mut gone, mut read) = (Vec::new(), 0);
        while read < CHANGES_MAX {
            let Ok(response) = timeout(CHANGES_END, responses.message()).await else { break };
            let Some(response) = response?.filter(|response| !response.changes.is_empty()) else { break };
            read += response.changes.len();
            gone.extend(response.changes.into_iter().filter(|change| {
                let whose = change.subscription.as_ref().map(|of| of.user_id.as_str());
                is_removal(change.kind()) && whose == Some(user)
            }));
        }
        Ok(gone)
    }

    async fn messages(&self, client: &mut Client, user: &str) -> Result<Vec<MessageStatus>, Failure> {
        let application = self.connection.application.clone();
        if let Some(name) = &self.message {
            let request = GetMessageRequest { application, name: name.clone() };
            return Ok(client.get_message(request).await?.into_inner().message.into_iter().collect());
        }
        let mut messages = Vec::new();
        if user.is_empty() {
            return Ok(messages);
        }
        let mut request =
            ListMessagesRequest { application, user_id: user.to_owned(), ..ListMessagesRequest::default() };
        for _ in 0..MESSAGE_CALLS_MAX {
            request.page_size = i32::try_from(self.limit - messages.len()).unwrap_or(i32::MAX);
            let page = client.list_messages(request.clone()).await?.into_inner();
            messages.extend(page.messages);
            if messages.len() >= self.limit || page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        messages.truncate(self.limit);
        Ok(messages)
    }

    /// How push services stand, by their origin; nothing for a caller who may not know.
    async fn origins(&self) -> Result<HashMap<String, Origin>, Failure> {
        let mut client = self.connection.open_admin().await?;
        let (mut origins, mut request) = (HashMap::new(), ListOriginsRequest::default());
        loop {
            let page = match client.list_origins(request.clone()).await {
                Ok(page) => page.into_inner(),
                Err(status) if status.code() == Code::PermissionDenied => {
                    output::note("this caller may not ask how push services stand");
                    return Ok(origins);
                }
                Err(status) => return Err(status.into()),
            };
            origins.extend(page.origins.into_iter().map(|of| (of.origin.clone(), of)));
            if page.next_page_token.is_empty() {
                return Ok(origins);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The delivery of a message to a subscription.
    async fn delivery(
        &self,
        client: &mut Client,
        message: &MessageStatus,
        subscription: &Subscription,
    ) -> Result<Looked, Failure> {
        let mut request = ListDeliveriesRequest {
            application: self.connection.application.clone(),
            parent: message.name.clone(),
            subscription: subscription.name.clone(),
            ..ListDeliveriesRequest::default()
        };
        for _ in 0..DELIVERY_CALLS_MAX {
            let page = match client.list_deliveries(request.clone()).await {
                Ok(page) => page.into_inner(),
                Err(status) if status.code() == Code::OutOfRange => return Ok(Looked::Trimmed),
                Err(status) => return Err(status.into()),
            };
            // The last is how it stands: one that ends meanwhile may come twice.
            if let Some(delivery) = page.deliveries.into_iter().next_back() {
                return Ok(Looked::Found(Box::new(delivery)));
            }
            if page.next_page_token.is_empty() {
                return Ok(Looked::Absent);
            }
            request.page_token = page.next_page_token;
        }
        Ok(Looked::TooMany)
    }
}

/// What came of looking for a delivery.
#[derive(Debug)]
enum Looked {
    Found(Box<Delivery>),
    Absent,
    Trimmed,
    TooMany,
}

/// `messages/1 of 2027-01-15T08:00:00Z, "Spring sale", for topic news:`
fn heading(message: &MessageStatus) -> String {
    let note = if message.note.is_empty() { String::new() } else { format!(", \"{}\"", message.note) };
    let whom = message.recipients.as_ref().map_or("", |of| &of.description);
    let heading = format!("{} of {}{note}, for {whom}:", message.name, times::shown(message.create_time));
    escaped(&heading).to_string()
}

fn is_removal(kind: ChangeKind) -> bool {
    match kind {
        ChangeKind::Replaced
        | ChangeKind::RemovedByCaller
        | ChangeKind::RemovedGone
        | ChangeKind::RemovedExpired => true,
        ChangeKind::Unspecified
        | ChangeKind::Added
        | ChangeKind::Updated
        | ChangeKind::Disabled
        | ChangeKind::Held => false,
    }
}

fn removal(change: &SubscriptionChange) -> Finding {
    let why = match change.kind() {
        ChangeKind::Replaced => format!("replaced by {}", change.replacement),
        ChangeKind::RemovedByCaller => "removed by a caller (Unsubscribe)".to_owned(),
        ChangeKind::RemovedExpired => "removed: its own expiry had passed".to_owned(),
        ChangeKind::Unspecified
        | ChangeKind::Added
        | ChangeKind::Updated
        | ChangeKind::Disabled
        | ChangeKind::RemovedGone
        | ChangeKind::Held => "removed: the push service said that it has ended".to_owned(),
    };
    let mut says = format!("{why}, at {}", times::shown(change.change_time));
    if let Some(evidence) = &change.evidence {
        let _ = write!(says, " ({}", outcome_name(evidence.outcome()));
        if let Some(status) = evidence.http_status {
            let _ = write!(says, " {status}");
        }
        if !evidence.message.is_empty() {
            let _ = write!(says, ", {}", evidence.message);
        }
        says.push(')');
    }
    let is_gone = change.kind() == ChangeKind::RemovedGone;
    let restore = "Within 7 days `fanfare subscriptions restore` brings it back, if that was a fault.";
    let remedy = if is_gone { restore } else { "" };
    Finding::new(says, remedy)
}
