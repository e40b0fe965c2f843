//! `fanfare watch`.

use std::time::SystemTime;

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::follow::Opening;
use super::send::show;
use clap::ValueEnum as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::view::ReportLevelName;
use crate::proto::v1::{ReportLevel, WatchDeliveriesRequest};

/// Shows the status stream of a message, or of all messages
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare watch                        everything from now on
  fanfare watch --since 2026-01-31T00:00:00Z --json
  fanfare watch messages/018f…         one message from its beginning
  fanfare watch --receipts             and what browsers did with the notifications
  fanfare watch messages/018f… --resume-token AbC…")]
pub(super) struct WatchArgs {
    #[command(flatten)]
    connection: Connection,
    /// messages/{id}, or messages/- for all
    #[arg(default_value = "messages/-")]
    message: String,
    /// Go on after this token, which a frame carried
    #[arg(long, value_name = "TOKEN", default_value = "")]
    resume_token: String,
    /// Of all messages: from this time on, in RFC 3339
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    since: Option<SystemTime>,
    /// Show what browsers report, too: displayed, clicked, closed. Of one message then until none can come any more
    #[arg(long)]
    receipts: bool,
    /// How much of the story to show
    #[arg(long, default_value = "attempts", value_parser = watched_levels())]
    report_level: ReportLevelName,
}

/// All but `accepted`, which is for Send and Broadcast.
fn watched_levels() -> impl TypedValueParser<Value = ReportLevelName> {
    PossibleValuesParser::new(["progress", "failures", "terminal", "attempts"])
        .try_map(|name| ReportLevelName::from_str(&name, false))
}

impl WatchArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let request = WatchDeliveriesRequest {
            application: self.connection.application.clone(),
            parent: self.message,
            resume_token: self.resume_token,
            start_time: self.since.map(Into::into),
            report_level: ReportLevel::from(self.report_level).into(),
            include_receipts: self.receipts,
        };
        show(&self.connection, Opening::Watch(request)).await
    }
}
