//! `fanfare subscriptions enable`, `release`, `discard` and `restore`: what operators decide on many subscriptions.

use std::time::SystemTime;

use clap::{Args, ValueEnum};

use super::connection::{AdminClient, Connection};
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use crate::proto::v1::{
    DiscardHeldSubscriptionsRequest, EnableSubscriptionsRequest, EnableSubscriptionsResponse, Outcome,
    ReleaseHeldSubscriptionsRequest, RestoreSubscriptionsRequest, RestoreSubscriptionsResponse,
};

/// Why subscriptions are not sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Why {
    /// The push service says that they have ended
    Gone,
    /// The push service says that they belong to another VAPID key, or that key is retired
    KeyMismatch,
    /// They were refused on seven days without an acceptance
    Rejected,
}

impl Why {
    fn number(why: Option<Self>) -> i32 {
        match why {
            None => Outcome::Unspecified,
            Some(Self::Gone) => Outcome::Gone,
            Some(Self::KeyMismatch) => Outcome::KeyMismatch,
            Some(Self::Rejected) => Outcome::Rejected,
        }
        .into()
    }
}

/// Which held subscriptions.
#[derive(Args, Clone, Debug)]
struct Held {
    #[command(flatten)]
    connection: Connection,
    /// Those at this push service, as `fanfare origins` names it
    #[arg(long, value_name = "ORIGIN")]
    origin: String,
    /// Only those held for this
    #[arg(long)]
    outcome: Option<Why>,
    /// Changes nothing, and tells how many it would be
    #[arg(long)]
    dry_run: bool,
}

/// Sends to subscriptions again that are held
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare origins                      tells who is held where, since when and why
  fanfare subscriptions release --origin https://fcm.googleapis.com --dry-run
  fanfare subscriptions release --origin https://fcm.googleapis.com --application shop

When a push service says of more than a fifth of the subscriptions that it answers for (engine.removal_share_max), and of at
least ten, that they have ended or belong to another VAPID key, that is taken for a fault: of the push service, of a proxy, or
of the key. They are set aside then instead of being removed or disabled: kept whole, with their names, and not sent to. Find
the cause first; what the push service answers after the release is judged afresh.")]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    held: Held,
}

/// Removes or disables subscriptions that are held: the push service was right
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare subscriptions discard --origin https://fcm.googleapis.com --outcome gone --dry-run
  fanfare subscriptions discard --origin https://fcm.googleapis.com --outcome gone

What is removed can be brought back for 7 days: fanfare subscriptions restore.")]
pub(super) struct DiscardArgs {
    #[command(flatten)]
    held: Held,
}

/// Brings subscriptions back that were removed because their push service said that they have ended
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare subscriptions restore --since 2026-01-31T08:00:00Z --origin https://fcm.googleapis.com --dry-run
  fanfare subscriptions restore --since 2026-01-31T08:00:00Z --until 2026-01-31T09:00:00Z

They come back whole and with their names, as far back as the server keeps them (retention.removed_subscriptions, 7 days). None
that somebody unsubscribed, nor any of a user who was unsubscribed since; one whose endpoint was subscribed anew stays as it
is.")]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    connection: Connection,
    /// Those removed at this time, in RFC 3339, or later
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    since: SystemTime,
    /// Those removed before this time; else until now
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    until: Option<SystemTime>,
    /// Only those at this push service
    #[arg(long, value_name = "ORIGIN", default_value = "")]
    origin: String,
    /// Changes nothing, and tells how many it would be
    #[arg(long)]
    dry_run: bool,
}

/// Sends to disabled subscriptions again: to one, or to all that the flags leave
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare subscriptions enable subscriptions/00af…
  fanfare subscriptions enable --outcome key-mismatch --since 2026-01-31T08:00:00Z --dry-run
  fanfare subscriptions enable --all --origin https://updates.push.services.mozilla.com

A subscription is disabled when its push service says that it belongs to another VAPID key. It is enabled when its browser
subscribes again, too. --since and --until go by the last change of each, which is as a rule that it was disabled.")]
pub(super) struct EnableArgs {
    #[command(flatten)]
    connection: Connection,
    /// subscriptions/{id}; one that is held, too
    #[arg(conflicts_with_all = ["outcome", "origin", "since", "until", "all"])]
    name: Option<String>,
    /// Only those disabled for this
    #[arg(long)]
    outcome: Option<Why>,
    /// Only those at this push service
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Only those that changed last at this time, in RFC 3339, or later
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    since: Option<SystemTime>,
    /// Only those that changed last before this time
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    until: Option<SystemTime>,
    /// All disabled ones that the other flags leave; needed where there is no other flag
    #[arg(long)]
    all: bool,
    /// Changes nothing, and tells how many it would be
    #[arg(long)]
    dry_run: bool,
}

/// What was done so far, for people.
struct Progress {
    what: &'static str,
    done: i64,
}

impl Progress {
    /// One call has ended; says whether another follows.
    fn add(&mut self, count: i32, next_page_token: &str) -> bool {
        self.done += i64::from(count);
        let more = !next_page_token.is_empty();
        if more {
            eprintln!("fanfare: {} {} so far", self.done, self.what);
        }
        more
    }
}

/// Prints what came of all calls: `count` as an answer with that many, or in words.
fn show(
    connection: &Connection,
    message: &str,
    answer: &impl prost::Message,
    words: &str,
) -> Result<(), Failure> {
    if connection.json {
        output::line(ProtoJson::of(message)?.write(answer)?)?;
    } else {
        output::line(words)?;
    }
    Ok(())
}

fn narrow(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn would(dry_run: bool, done: &'static str, would: &'static str) -> &'static str {
    if dry_run { would } else { done }
}

impl ReleaseArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Held { connection, origin, outcome, dry_run } = self.held;
        let mut client = connection.open_admin().await?;
        let what = would(dry_run, "released", "would be released");
        let mut progress = Progress { what, done: 0 };
        let mut request = ReleaseHeldSubscriptionsRequest {
            application: connection.application.clone(),
            origin,
            outcome: Why::number(outcome),
            validate_only: dry_run,
            page_token: String::new(),
        };
        loop {
            let mut answer = client.release_held_subscriptions(request.clone()).await?.into_inner();
            request.page_token = std::mem::take(&mut answer.next_page_token);
            if !progress.add(answer.released_count, &request.page_token) {
                answer.released_count = narrow(progress.done);
                let words = format!("{} {what}", progress.done);
                return show(&connection, "fanfare.v1.ReleaseHeldSubscriptionsResponse", &answer, &words);
            }
        }
    }
}

impl DiscardArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Held { connection, origin, outcome, dry_run } = self.held;
        let mut client = connection.open_admin().await?;
        let what = would(dry_run, "removed or disabled", "would be removed or disabled");
        let mut progress = Progress { what, done: 0 };
        let mut request = DiscardHeldSubscriptionsRequest {
            application: connection.application.clone(),
            origin,
            outcome: Why::number(outcome),
            validate_only: dry_run,
            page_token: String::new(),
        };
        loop {
            let mut answer = client.discard_held_subscriptions(request.clone()).await?.into_inner();
            request.page_token = std::mem::take(&mut answer.next_page_token);
            if !progress.add(answer.discarded_count, &request.page_token) {
                answer.discarded_count = narrow(progress.done);
                let words = format!("{} {what}", progress.done);
                return show(&connection, "fanfare.v1.DiscardHeldSubscriptionsResponse", &answer, &words);
            }
        }
    }
}

impl RestoreArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { connection, since, until, origin, dry_run } = self;
        let mut client = connection.open_admin().await?;
        let what = would(dry_run, "restored", "would be restored");
        let (mut progress, mut passed_over) = (Progress { what, done: 0 }, 0_i64);
        let mut request = RestoreSubscriptionsRequest {
            application: connection.application.clone(),
            origin,
            start_time: Some(since.into()),
            end_time: until.map(Into::into),
            validate_only: dry_run,
            page_token: String::new(),
        };
        loop {
            let answer = client.restore_subscriptions(request.clone()).await?.into_inner();
            request.page_token = answer.next_page_token;
            passed_over += i64::from(answer.passed_over_count);
            if !progress.add(answer.restored_count, &request.page_token) {
                break;
            }
        }
        let answer = RestoreSubscriptionsResponse {
            restored_count: narrow(progress.done),
            passed_over_count: narrow(passed_over),
            next_page_token: String::new(),
        };
        let anew = match passed_over {
            0 => String::new(),
            count => format!("; {count} left as they are, whose endpoints were subscribed anew"),
        };
        let words = format!("{} {what}{anew}", progress.done);
        show(&connection, "fanfare.v1.RestoreSubscriptionsResponse", &answer, &words)
    }
}

impl EnableArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let any = self.all || self.name.is_some() || self.outcome.is_some() || self.origin.is_some();
        if !any && self.since.is_none() && self.until.is_none() {
            return Err(Failure::usage(
                "name one, or say which: --outcome, --origin, --since, --until or --all",
            ));
        }
        let mut client = self.connection.open_admin().await?;
        let what = would(self.dry_run, "enabled", "would be enabled");
        let mut progress = Progress { what, done: 0 };
        let mut request = EnableSubscriptionsRequest {
            application: self.connection.application.clone(),
            name: self.name.unwrap_or_default(),
            outcome: Why::number(self.outcome),
            origin: self.origin.unwrap_or_default(),
            start_time: self.since.map(Into::into),
            end_time: self.until.map(Into::into),
            validate_only: self.dry_run,
            page_token: String::new(),
        };
        while let Some(token) = enable(&mut client, &request, &mut progress).await? {
            request.page_token = token;
        }
        let enabled_count = narrow(progress.done);
        let answer = EnableSubscriptionsResponse { enabled_count, next_page_token: String::new() };
        let words = format!("{} {what}", progress.done);
        show(&self.connection, "fanfare.v1.EnableSubscriptionsResponse", &answer, &words)
    }
}

/// One call; answers the token of the next one.
async fn enable(
    client: &mut AdminClient,
    request: &EnableSubscriptionsRequest,
    progress: &mut Progress,
) -> Result<Option<String>, Failure> {
    let answer = client.enable_subscriptions(request.clone()).await?.into_inner();
    Ok(progress.add(answer.enabled_count, &answer.next_page_token).then_some(answer.next_page_token))
}
