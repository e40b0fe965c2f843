//! `fanfare subscriptions`.

use clap::{Args, Subcommand};

use super::connection::{Client, Connection};
use super::failure::Failure;
use super::input;
use super::json::ProtoJson;
use super::output;
use super::view::outcome_name;
use crate::proto::v1::list_subscriptions_request::Selector as ListSelector;
use crate::proto::v1::{
    GetSubscriptionRequest, ListSubscriptionsRequest, Outcome, Subscription, SubscriptionState,
    UnsubscribeRequest, UpdateSubscriptionRequest, get_subscription_request, unsubscribe_request,
    update_subscription_request,
};

/// Shows, changes, removes, restores, imports and exports stored subscriptions
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare subscriptions list --topic news
  fanfare subscriptions get subscriptions/00af… --json
  fanfare subscriptions update subscriptions/00af… --add-topic sports --remove-topic news
  fanfare subscriptions remove --user alice
  fanfare subscriptions enable --outcome key-mismatch --since 2026-01-31T08:00:00Z
  fanfare subscriptions release --origin https://fcm.googleapis.com
  fanfare subscriptions restore --since 2026-01-31T08:00:00Z --origin https://fcm.googleapis.com
  fanfare subscriptions watch
  fanfare subscriptions import --rejected rejected.jsonl subscriptions.jsonl
  fanfare subscriptions export --data-dir fanfare-data subscriptions.jsonl")]
pub(super) struct SubscriptionsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Lists all, or those of a user or topic
    List {
        #[command(flatten)]
        connection: Connection,
        /// Only this user's
        #[arg(long, value_name = "ID", conflicts_with = "topic")]
        user: Option<String>,
        /// Only those with this topic
        #[arg(long)]
        topic: Option<String>,
        /// At most so many; else all
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Shows one
    Get {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        which: Which,
    },
    /// Adds and removes topics of one, or changes its user
    Update {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        which: Which,
        /// A topic to add; may be repeated
        #[arg(long = "add-topic", value_name = "TOPIC")]
        add_topics: Vec<String>,
        /// A topic to remove; may be repeated
        #[arg(long = "remove-topic", value_name = "TOPIC")]
        remove_topics: Vec<String>,
        /// The user that it belongs to from now on; empty for none
        #[arg(long, value_name = "ID")]
        user: Option<String>,
    },
    Enable(super::decide::EnableArgs),
    Release(super::decide::ReleaseArgs),
    Discard(super::decide::DiscardArgs),
    Restore(super::decide::RestoreArgs),
    Watch(super::changes::ChangesArgs),
    Import(super::import::ImportArgs),
    Export(super::export::ExportArgs),
    /// Removes one, or all of a user
    Remove {
        #[command(flatten)]
        connection: Connection,
        #[command(flatten)]
        which: Whose,
        /// It is fine if there is none
        #[arg(long)]
        allow_missing: bool,
    },
}

/// Names one subscription. An endpoint is a secret, so it comes from a file.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// subscriptions/{id}
    name: Option<String>,
    /// A file with its endpoint; - for standard input
    #[arg(long, value_name = "FILE")]
    endpoint_file: Option<String>,
}

/// Names one subscription, or all of a user.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct Whose {
    /// subscriptions/{id}
    name: Option<String>,
    /// A file with its endpoint; - for standard input
    #[arg(long, value_name = "FILE")]
    endpoint_file: Option<String>,
    /// All subscriptions of this user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
}

impl SubscriptionsArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::List { connection, user, topic, limit } => {
                let selector = user.map(ListSelector::UserId).or(topic.map(ListSelector::Topic));
                list(&connection, selector, limit.unwrap_or(usize::MAX)).await
            }
            Action::Get { connection, which } => get(&connection, which).await,
            Action::Update { connection, which, add_topics, remove_topics, user } => {
                let paths = user.iter().map(|_| "user_id".to_owned()).collect();
                let subscription = user.map(|user_id| Subscription { user_id, ..Subscription::default() });
                let request = UpdateSubscriptionRequest {
                    application: connection.application.clone(),
                    selector: Some(match which.named()? {
                        Named::Name(name) => update_subscription_request::Selector::Name(name),
                        Named::Endpoint(endpoint) => {
                            update_subscription_request::Selector::Endpoint(endpoint)
                        }
                    }),
                    subscription,
                    update_mask: Some(prost_types::FieldMask { paths }),
                    add_topics,
                    remove_topics,
                };
                let response = connection.open().await?.update_subscription(request).await?.into_inner();
                Printer::new(&connection)?.print(&response.subscription.unwrap_or_default())
            }
            Action::Enable(args) => args.run().await,
            Action::Release(args) => args.run().await,
            Action::Discard(args) => args.run().await,
            Action::Restore(args) => args.run().await,
            Action::Watch(args) => args.run().await,
            Action::Import(args) => args.run().await,
            Action::Export(args) => args.run().await,
            Action::Remove { connection, which, allow_missing } => {
                remove(&connection, which, allow_missing).await
            }
        }
    }
}

async fn list(
    connection: &Connection,
    selector: Option<ListSelector>,
    mut left: usize,
) -> Result<(), Failure> {
    let mut client = connection.open().await?;
    let printer = Printer::new(connection)?;
    let mut page_token = String::new();
    loop {
        let page = list_page(&mut client, connection, selector.clone(), left, page_token).await?;
        for subscription in page.subscriptions.iter().take(left) {
            printer.print(subscription)?;
        }
        left = left.saturating_sub(page.subscriptions.len());
        page_token = page.next_page_token;
        if page_token.is_empty() || left == 0 {
            return Ok(());
        }
    }
}

async fn list_page(
    client: &mut Client,
    connection: &Connection,
    selector: Option<ListSelector>,
    left: usize,
    page_token: String,
) -> Result<crate::proto::v1::ListSubscriptionsResponse, Failure> {
    let request = ListSubscriptionsRequest {
        application: connection.application.clone(),
        page_size: i32::try_from(left.min(crate::domain::limits::PAGE_SIZE_MAX)).unwrap_or(0),
        page_token,
        selector,
    };
    Ok(client.list_subscriptions(request).await?.into_inner())
}

async fn get(connection: &Connection, which: Which) -> Result<(), Failure> {
    let request = GetSubscriptionRequest {
        application: connection.application.clone(),
        selector: Some(match which.named()? {
            Named::Name(name) => get_subscription_request::Selector::Name(name),
            Named::Endpoint(endpoint) => get_subscription_request::Selector::Endpoint(endpoint),
        }),
    };
    let response = connection.open().await?.get_subscription(request).await?.into_inner();
    Printer::new(connection)?.print(&response.subscription.unwrap_or_default())
}

async fn remove(connection: &Connection, which: Whose, allow_missing: bool) -> Result<(), Failure> {
    use unsubscribe_request::Selector;
    let selector = match which.user {
        Some(user) => Selector::UserId(user),
        None => match (Which { name: which.name, endpoint_file: which.endpoint_file }).named()? {
            Named::Name(name) => Selector::Name(name),
            Named::Endpoint(endpoint) => Selector::Endpoint(endpoint),
        },
    };
    let request = UnsubscribeRequest {
        application: connection.application.clone(),
        selector: Some(selector),
        allow_missing,
    };
    let response = connection.open().await?.unsubscribe(request).await?.into_inner();
    if connection.json {
        println!("{}", ProtoJson::of("fanfare.v1.UnsubscribeResponse")?.write(&response)?);
    } else {
        println!("{} removed", response.removed_count);
    }
    Ok(())
}

enum Named {
    Name(String),
    Endpoint(String),
}

impl Which {
    fn named(self) -> Result<Named, Failure> {
        if let Some(name) = self.name {
            return Ok(Named::Name(name));
        }
        let text = input::read_text(self.endpoint_file.as_deref().unwrap_or("-"))?;
        Ok(Named::Endpoint(text.trim().to_owned()))
    }
}

struct Printer {
    json: Option<ProtoJson>,
}

impl Printer {
    fn new(connection: &Connection) -> Result<Self, Failure> {
        let json = connection.json.then(|| ProtoJson::of("fanfare.v1.Subscription")).transpose()?;
        Ok(Self { json })
    }

    fn print(&self, subscription: &Subscription) -> Result<(), Failure> {
        match &self.json {
            Some(writer) => output::line(writer.write(subscription)?)?,
            None => output::line(line(subscription))?,
        }
        Ok(())
    }
}

fn line(subscription: &Subscription) -> String {
    let why = outcome_name(Outcome::try_from(subscription.disabled_outcome).unwrap_or_default());
    let state = match subscription.state() {
        SubscriptionState::Unspecified | SubscriptionState::Active => "active".to_owned(),
        SubscriptionState::Disabled => format!("disabled ({why})"),
        SubscriptionState::Held => format!("held ({why})"),
    };
    let user = if subscription.user_id.is_empty() { "-" } else { &subscription.user_id };
    let topics = subscription.topics.join(",");
    format!("{} {state} {} user={user} topics={topics}", subscription.name, subscription.endpoint_origin)
}
