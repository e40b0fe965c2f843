//! `fanfare send` and `fanfare broadcast`.

use clap::Args;

use super::connection::Connection;
use super::course::Course;
use super::failure::Failure;
use super::follow::{Opening, follow};
use super::message::MessageArgs;
use super::subscribe::read_push_subscriptions;
use super::view::{ReportLevelName, View};
use crate::proto::v1::audience::Selector;
use crate::proto::v1::send_request::Recipient;
use crate::proto::v1::{
    AllSubscriptions, Audience, BroadcastRequest, ReportLevel, SendRequest, SubscriptionList, TopicList,
    UserList,
};

/// Sends a message to one recipient and shows what happens to it
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare send --user alice --title 'Dinner is ready' --navigate https://app.example.com/
  fanfare send --subscription subscriptions/00af… --json-payload '{\"order\": 4711}' --ttl 30m --urgency high
  fanfare send --push-subscription subscription.json --data-file message.bin --json
  fanfare send --user alice --title '2 : 1' --collapse-key score-4711
  fanfare send --user alice --title 'Good morning' --at 2026-12-24T06:00:00Z --report-level accepted
  fanfare send --user alice --title 'It has shipped' --receipts

Exit code 0: all deliveries have ended, however; 1: the call failed; 3: there was nobody to send to, because every target is
disabled or not there; 64: the arguments are wrong; 130: Ctrl-C, which changes nothing of the message: cancel stops it, and
watch goes on. With --receipts it goes on for as long as browsers may report, which is days.")]
pub(super) struct SendArgs {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    recipient: RecipientArgs,
    #[command(flatten)]
    message: MessageArgs,
    /// How much of the story to show
    #[arg(long, default_value = "attempts")]
    report_level: ReportLevelName,
}

/// To whom a Send goes.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct RecipientArgs {
    /// A subscription, as `fanfare subscribe` named it
    #[arg(long, value_name = "NAME", help_heading = "Recipient")]
    subscription: Option<String>,
    /// All subscriptions of a user
    #[arg(long, value_name = "ID", help_heading = "Recipient")]
    user: Option<String>,
    /// A file with the JSON of a browser's PushSubscription, which is not stored; - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Recipient")]
    push_subscription: Option<String>,
}

/// Sends a message to many and shows progress and what failed
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare broadcast --topic news --title 'Fresh' --navigate https://news.example.com/
  fanfare broadcast --all --title 'Maintenance at noon' --ttl 2h --report-level progress
  fanfare broadcast --user alice --user bob --json-payload '{\"refresh\": true}' --json
  fanfare broadcast --all --title 'New prices' --max-per-second 500

Exit code 0: all deliveries have ended, however; 1: the call failed; 3: there was nobody to send to, because the audience is
empty, or disabled or not there; 64: the arguments are wrong; 130: Ctrl-C, which changes nothing of the message: cancel stops
it, and watch goes on.")]
pub(super) struct BroadcastArgs {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    audience: AudienceArgs,
    #[command(flatten)]
    message: MessageArgs,
    /// Attempts started per second, over all endpoints; 0: as many as go
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    max_per_second: f64,
    /// How much of the story to show
    #[arg(long, default_value = "failures")]
    report_level: ReportLevelName,
}

/// Who gets a Broadcast.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct AudienceArgs {
    /// Subscriptions with this topic; repeated: with any of them
    #[arg(long = "topic", value_name = "TOPIC", help_heading = "Audience")]
    topics: Vec<String>,
    /// All subscriptions of this user; may be repeated
    #[arg(long = "user", value_name = "ID", help_heading = "Audience")]
    users: Vec<String>,
    /// This subscription; may be repeated
    #[arg(long = "subscription", value_name = "NAME", help_heading = "Audience")]
    subscriptions: Vec<String>,
    /// Everyone
    #[arg(long, help_heading = "Audience")]
    all: bool,
}

impl SendArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let recipient = self.recipient.to_recipient(&self.message)?;
        let request = SendRequest {
            application: self.connection.application.clone(),
            recipient: Some(recipient),
            message: Some(self.message.to_message()?),
            request_id: self.message.request_id(),
            validate_only: self.message.validate_only,
            report_level: ReportLevel::from(self.report_level).into(),
            include_receipts: self.message.receipts,
            cancel_on_disconnect: false,
        };
        deliver(&self.connection, Opening::Send(request), None).await
    }
}

impl RecipientArgs {
    fn to_recipient(&self, message: &MessageArgs) -> Result<Recipient, Failure> {
        if let Some(name) = &self.subscription {
            return Ok(Recipient::Subscription(name.clone()));
        }
        if let Some(user) = &self.user {
            return Ok(Recipient::UserId(user.clone()));
        }
        let path = self.push_subscription.as_deref().unwrap_or("-");
        if path == "-" && message.reads_stdin() {
            return Err(Failure::usage(
                "--push-subscription and --data-file cannot both read standard input",
            ));
        }
        let mut subscriptions = read_push_subscriptions(path)?;
        match (subscriptions.pop(), subscriptions.is_empty()) {
            (Some(subscription), true) => Ok(Recipient::PushSubscription(subscription)),
            _ => Err(Failure::usage("--push-subscription must hold exactly one PushSubscription")),
        }
    }
}

impl BroadcastArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let audience = self.audience.describe();
        let request = BroadcastRequest {
            application: self.connection.application.clone(),
            audience: Some(Audience { selector: Some(self.audience.to_selector()) }),
            message: Some(self.message.to_message()?),
            request_id: self.message.request_id(),
            validate_only: self.message.validate_only,
            report_level: ReportLevel::from(self.report_level).into(),
            include_receipts: self.message.receipts,
            cancel_on_disconnect: false,
            max_per_second: self.max_per_second,
        };
        deliver(&self.connection, Opening::Broadcast(request), Some(audience)).await
    }
}

impl AudienceArgs {
    fn to_selector(&self) -> Selector {
        if !self.topics.is_empty() {
            Selector::Topics(TopicList { topics: self.topics.clone() })
        } else if !self.users.is_empty() {
            Selector::Users(UserList { user_ids: self.users.clone() })
        } else if !self.subscriptions.is_empty() {
            Selector::Subscriptions(SubscriptionList { names: self.subscriptions.clone() })
        } else {
            Selector::All(AllSubscriptions {})
        }
    }

    /// For people.
    fn describe(&self) -> String {
        if !self.topics.is_empty() {
            format!("topic {}", self.topics.join(" or "))
        } else if !self.users.is_empty() {
            format!("user {}", self.users.join(" or "))
        } else if !self.subscriptions.is_empty() {
            "one of these names".to_owned()
        } else {
            "this application".to_owned()
        }
    }
}

/// Sends a message and shows what happens to it. Its caller is told what it waits for; and when the caller leaves, that it
/// goes on.
async fn deliver(connection: &Connection, opening: Opening, audience: Option<String>) -> Result<(), Failure> {
    let client = connection.connect().await?;
    let mut view = View::new(connection.json)?;
    let course = Course::new(connection, audience);
    let ended = {
        let follows = follow(&client, opening, |frame| {
            course.frame(frame);
            view.frame(frame)
        });
        tokio::select! {
            ended = follows => ended,
            () = course.tell_of_waits(&client) => Ok(()),
            Ok(()) = tokio::signal::ctrl_c() => Err(course.interrupted()),
        }
    };
    view.close();
    ended.and_then(|()| course.verdict())
}

/// Follows a stream and shows it.
pub(super) async fn show(connection: &Connection, opening: Opening) -> Result<(), Failure> {
    let client = connection.connect().await?;
    let mut view = View::new(connection.json)?;
    let ended = follow(&client, opening, |frame| view.frame(frame)).await;
    view.close();
    ended
}
