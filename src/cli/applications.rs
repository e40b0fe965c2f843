//! `fanfare applications`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::message::{proto_padding, proto_urgency};
use super::origins::held_line;
use super::output;
use crate::config::{PaddingName, UrgencyName};
use crate::proto::v1::{
    self, Application, CreateApplicationRequest, DeleteApplicationRequest, GetApplicationRequest, HostPolicy,
    HostProfile, ListApplicationsRequest, MessageDefaults, Quotas, UpdateApplicationRequest,
};

/// Shows, makes, changes and deletes applications, the tenants of a server
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare applications list
  fanfare applications create shop --contact mailto:push@shop.example --max-subscriptions 1000000
  fanfare applications update shop --weight 300 --ttl 1day
  fanfare applications update shop --suspend
  fanfare applications delete shop --force

What an application leaves unset is as the server's configuration says. Quotas, hosts and suspension need a token of all
applications. Making one gives it a VAPID key of its own: see `fanfare vapid-keys`.")]
pub(super) struct ApplicationsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Prints a line for each
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Shows one
    Get {
        #[command(flatten)]
        connection: Connection,
        /// What callers name it by
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Makes one, with a VAPID key of its own
    Create {
        #[command(flatten)]
        connection: Connection,
        /// What callers name it by: a to z, 0 to 9 and -, at most 63
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        settings: Box<Settings>,
        /// Only check whether it could be made
        #[arg(long)]
        dry_run: bool,
    },
    /// Changes what is given and nothing else
    Update {
        #[command(flatten)]
        connection: Connection,
        /// What callers name it by
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        settings: Box<Settings>,
        /// Nothing is sent for it any more, until --resume
        #[arg(long, conflicts_with = "resume")]
        suspend: bool,
        /// It may send again
        #[arg(long)]
        resume: bool,
        /// Fields to set back to the server's configuration, for example quotas.weight or host_policy; may be repeated
        #[arg(long, value_name = "FIELD")]
        unset: Vec<String>,
    },
    /// Ends one at once; its data is cleared away behind
    Delete {
        #[command(flatten)]
        connection: Connection,
        /// What callers name it by
        #[arg(value_name = "ID")]
        id: String,
        /// With its subscriptions and unfinished messages
        #[arg(long)]
        force: bool,
        /// It is fine if there is none
        #[arg(long)]
        allow_missing: bool,
    },
}

/// What can be set.
#[derive(Args, Clone, Debug)]
struct Settings {
    /// Whom push services write to: a mailto: or https: URL
    #[arg(long, value_name = "URL")]
    contact: Option<String>,
    /// What people call it
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// How long messages are worth delivering, for example 12h
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    ttl: Option<Duration>,
    /// How urgent messages are
    #[arg(long)]
    urgency: Option<UrgencyName>,
    /// How the length of payloads is hidden
    #[arg(long)]
    padding: Option<PaddingName>,
    /// Subscriptions that it may have
    #[arg(long, value_name = "COUNT")]
    max_subscriptions: Option<i32>,
    /// Messages that it may send in a second
    #[arg(long, value_name = "RATE")]
    max_messages_per_second: Option<f64>,
    /// Targets of one broadcast
    #[arg(long, value_name = "COUNT")]
    max_broadcast_targets: Option<i32>,
    /// Deliveries accepted and not ended
    #[arg(long, value_name = "COUNT")]
    max_pending_deliveries: Option<i32>,
    /// Status streams that are open at once
    #[arg(long, value_name = "COUNT")]
    max_streams: Option<i32>,
    /// Its share of what the server can send, beside others': 1 to 1000
    #[arg(long, value_name = "NUMBER")]
    weight: Option<i32>,
    /// Which hosts its endpoints may have
    #[arg(long, value_enum)]
    host_profile: Option<Profile>,
    /// Besides: a host, or .suffix for all below it; may be repeated
    #[arg(long = "extra-host", value_name = "HOST")]
    extra_hosts: Vec<String>,
    /// An exception of the server's configuration that it may use, by name; may be repeated
    #[arg(long = "exception", value_name = "NAME")]
    exceptions: Vec<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Profile {
    /// The push services of the browsers in use
    KnownPushServices,
    /// Any host with a public address
    AnyPublicHost,
    /// None but those that are listed
    ListedOnly,
}

impl Settings {
    /// The application that they make, and the paths of those that are given.
    fn into_application(self, id: String) -> (Application, Vec<String>) {
        let mut paths = Vec::new();
        let mut given = |is: bool, path: &str| {
            if is {
                paths.push(path.to_owned());
            }
        };
        given(self.contact.is_some(), "contact");
        given(self.display_name.is_some(), "display_name");
        given(self.ttl.is_some(), "defaults.ttl");
        given(self.urgency.is_some(), "defaults.urgency");
        given(self.padding.is_some(), "defaults.padding");
        given(self.max_subscriptions.is_some(), "quotas.max_subscriptions");
        given(self.max_messages_per_second.is_some(), "quotas.max_messages_per_second");
        given(self.max_broadcast_targets.is_some(), "quotas.max_broadcast_targets");
        given(self.max_pending_deliveries.is_some(), "quotas.max_pending_deliveries");
        given(self.max_streams.is_some(), "quotas.max_streams");
        given(self.weight.is_some(), "quotas.weight");
        given(self.host_profile.is_some(), "host_policy.profile");
        given(!self.extra_hosts.is_empty(), "host_policy.extra_hosts");
        given(!self.exceptions.is_empty(), "host_policy.exceptions");
        let hosts = paths.iter().any(|path| path.starts_with("host_policy"));
        let profile = self.host_profile.map_or(HostProfile::Unspecified, |profile| match profile {
            Profile::KnownPushServices => HostProfile::KnownPushServices,
            Profile::AnyPublicHost => HostProfile::AnyPublicHost,
            Profile::ListedOnly => HostProfile::ListedOnly,
        });
        let application = Application {
            id,
            display_name: self.display_name.unwrap_or_default(),
            contact: self.contact.unwrap_or_default(),
            defaults: Some(MessageDefaults {
                ttl: self.ttl.and_then(|ttl| ttl.try_into().ok()),
                urgency: self.urgency.map_or(v1::Urgency::Unspecified, proto_urgency).into(),
                padding: self.padding.map_or(v1::Padding::Unspecified, proto_padding).into(),
            }),
            quotas: Some(Quotas {
                max_subscriptions: self.max_subscriptions,
                max_messages_per_second: self.max_messages_per_second,
                max_broadcast_targets: self.max_broadcast_targets,
                max_pending_deliveries: self.max_pending_deliveries,
                max_streams: self.max_streams,
                weight: self.weight,
            }),
            host_policy: hosts.then_some(HostPolicy {
                profile: profile.into(),
                extra_hosts: self.extra_hosts,
                exceptions: self.exceptions,
            }),
            ..Application::default()
        };
        (application, paths)
    }
}

impl ApplicationsArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::List { connection } => list(&connection).await,
            Action::Get { connection, id } => {
                let request = GetApplicationRequest { application: id };
                let response = connection.open_admin().await?.get_application(request).await?;
                show(&connection, response.into_inner().application.as_ref())
            }
            Action::Create { connection, id, settings, dry_run } => {
                let (application, _) = settings.into_application(id);
                let request =
                    CreateApplicationRequest { application: Some(application), validate_only: dry_run };
                let made = connection.open_admin().await?.create_application(request).await?.into_inner();
                if connection.json {
                    let writer = ProtoJson::of("fanfare.v1.CreateApplicationResponse")?;
                    return Ok(output::line(writer.write(&made)?)?);
                }
                show(&connection, made.application.as_ref())?;
                if let Some(key) = made.vapid_key {
                    output::line(format!("VAPID key {} {}", key.name, key.application_server_key))?;
                }
                Ok(())
            }
            Action::Update { connection, id, settings, suspend, resume, unset } => {
                let (mut application, mut paths) = settings.into_application(id);
                if suspend || resume {
                    application.suspended = suspend;
                    paths.push("suspended".to_owned());
                }
                if let Some(both) = unset.iter().find(|field| paths.contains(field)) {
                    return Err(Failure::usage(format!("--unset {both}: it is given too")));
                }
                paths.extend(unset);
                let update_mask = Some(prost_types::FieldMask { paths });
                let request = UpdateApplicationRequest { application: Some(application), update_mask };
                let response = connection.open_admin().await?.update_application(request).await?;
                show(&connection, response.into_inner().application.as_ref())
            }
            Action::Delete { connection, id, force, allow_missing } => {
                let request = DeleteApplicationRequest { application: id.clone(), force, allow_missing };
                connection.open_admin().await?.delete_application(request).await?;
                Ok(output::line(format!("{id} deleted"))?)
            }
        }
    }
}

async fn list(connection: &Connection) -> Result<(), Failure> {
    let mut client = connection.open_admin().await?;
    let mut request = ListApplicationsRequest::default();
    loop {
        let page = client.list_applications(request.clone()).await?.into_inner();
        for application in &page.applications {
            show(connection, Some(application))?;
        }
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.page_token = page.next_page_token;
    }
}

fn show(connection: &Connection, application: Option<&Application>) -> Result<(), Failure> {
    let Some(application) = application else { return Ok(()) };
    if connection.json {
        let writer = ProtoJson::of("fanfare.v1.Application")?;
        return Ok(output::line(writer.write(application)?)?);
    }
    Ok(output::line(line(application))?)
}

fn line(application: &Application) -> String {
    let mut line = format!(
        "{} {} {} subscriptions",
        application.id, application.contact, application.subscription_count
    );
    if !application.display_name.is_empty() {
        let _ = write!(line, " {:?}", application.display_name);
    }
    if application.suspended {
        line.push_str(", suspended");
    }
    for stopped in &application.stopped_origins {
        let how = if stopped.slowed { "slowed down" } else { "stopped" };
        let _ = write!(line, ", {how} at {}", stopped.origin);
        if let Some(since) = stopped.stop_time {
            let _ = write!(line, " since {since}");
        }
        if !stopped.detail.is_empty() {
            let _ = write!(line, " ({:?})", stopped.detail);
        }
        if let Some(next) = stopped.next_attempt_time {
            let _ = write!(line, ", next attempt at {next}");
        }
        let _ = write!(line, ". {}", stopped.remedy);
    }
    for held in &application.held {
        line.push_str(&held_line(held));
    }
    line
}
