//! `fanfare subscriptions watch`.

use std::time::SystemTime;

use clap::Args;
use tonic::Status;

use super::connection::{Client, Connection, RECONNECT_FOR, tell_of_loss};
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use super::view::outcome_name;
use crate::client::Pause;
use crate::proto::v1::{SubscriptionChange, WatchSubscriptionsRequest, WatchSubscriptionsResponse};

/// Shows what becomes of subscriptions: added, changed, disabled, removed, and on what evidence
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare subscriptions watch          everything from now on
  fanfare subscriptions watch --since 2026-01-31T00:00:00Z
  fanfare subscriptions watch --json   one response a line, each with the token to go on from
  fanfare subscriptions watch --resume-token AbC…")]
pub(super) struct ChangesArgs {
    #[command(flatten)]
    connection: Connection,
    /// Go on after this token, which a response carried
    #[arg(long, value_name = "TOKEN", default_value = "")]
    resume_token: String,
    /// From this time on, in RFC 3339, or from the oldest change that is kept
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak, conflicts_with = "resume_token")]
    since: Option<SystemTime>,
}

impl ChangesArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let json = self.connection.json.then(|| ProtoJson::of("fanfare.v1.WatchSubscriptionsResponse"));
        let json = json.transpose()?;
        let mut client = self.connection.open().await?;
        let mut request = WatchSubscriptionsRequest {
            application: self.connection.application.clone(),
            resume_token: self.resume_token,
            start_time: self.since.map(Into::into),
        };
        let mut pause = Pause::new(RECONNECT_FOR);
        loop {
            let ended = follow(&mut client, &mut request, &mut pause, |response| match &json {
                Some(writer) => output::line(writer.write(response)?),
                None => response.changes.iter().try_for_each(|change| output::line(line(change))),
            });
            let Err(lost) = ended.await else { return Ok(()) };
            pause.wait(lost.into(), tell_of_loss).await?;
        }
    }
}

/// Shows one stream, and moves the request on behind each response.
async fn follow(
    client: &mut Client,
    request: &mut WatchSubscriptionsRequest,
    pause: &mut Pause,
    show: impl Fn(&WatchSubscriptionsResponse) -> anyhow::Result<()>,
) -> Result<(), Status> {
    let mut responses = client.watch_subscriptions(request.clone()).await?.into_inner();
    while let Some(response) = responses.message().await? {
        *pause = Pause::new(RECONNECT_FOR);
        show(&response).map_err(|error| Status::aborted(format!("{error:#}")))?;
        request.resume_token.clone_from(&response.resume_token);
        request.start_time = None;
    }
    Ok(())
}

fn line(change: &SubscriptionChange) -> String {
    let kind = change.kind().as_str_name();
    let kind = kind.strip_prefix("CHANGE_KIND_").unwrap_or(kind);
    let subscription = change.subscription.clone().unwrap_or_default();
    let mut parts = vec![subscription.name, kind.to_owned(), subscription.endpoint_origin];
    if !subscription.user_id.is_empty() {
        parts.push(format!("user={}", subscription.user_id));
    }
    if !change.replacement.is_empty() {
        parts.push(format!("by {}", change.replacement));
    }
    if let Some(evidence) = &change.evidence {
        parts.push(outcome_name(evidence.outcome()).to_owned());
        parts.extend(evidence.http_status.map(|status| status.to_string()));
        if !evidence.message.is_empty() {
            parts.push(evidence.message.clone());
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{ChangeEvidence, ChangeKind, Outcome, Subscription};

    #[test]
    fn a_line_has_the_evidence() {
        let change = SubscriptionChange {
            subscription: Some(Subscription {
                name: "subscriptions/1".to_owned(),
                endpoint_origin: "https://push.example.net".to_owned(),
                user_id: "anna".to_owned(),
                ..Subscription::default()
            }),
            kind: ChangeKind::RemovedGone.into(),
            evidence: Some(ChangeEvidence {
                outcome: Outcome::Gone.into(),
                http_status: Some(410),
                message: "messages/2".to_owned(),
            }),
            ..SubscriptionChange::default()
        };
        assert_eq!(
            line(&change),
            "subscriptions/1 REMOVED_GONE https://push.example.net user=anna GONE 410 messages/2"
        );
    }
}
