//! `fanfare origins`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;

use super::connection::{AdminClient, Connection};
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use super::view::outcome_name;
use crate::proto::v1::{
    HeldSubscriptions, ListOriginsRequest, Origin, Outcome, ResumeOriginRequest, StoppedApplication,
    WatchOriginsRequest,
};

/// Shows the health of the push services that the server talks to
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare origins                      one line for each, the busiest first
  fanfare origins --watch --json       those that change, each second
  fanfare origins --resume https://fcm.googleapis.com --application shop

OPEN: attempts start as the limits allow. PAUSED: the push service asked to wait. BROKEN: it does not answer; PROBING: one
attempt at a time finds out whether it does again. STOPPED: it refuses the credentials of all that sent there lately. An
application whose credentials an origin refuses is told in a line of its own: it is tried now and then, and goes on when one
attempt is accepted; --resume tries all at once. HELD: the push service says of so many
subscriptions that they have ended, or belong to another VAPID key, that it is taken for a fault; they are set aside until
`fanfare subscriptions release` or `discard`.")]
pub(super) struct OriginsArgs {
    #[command(flatten)]
    connection: Connection,
    /// Go on showing those that change, each second
    #[arg(long)]
    watch: bool,
    /// Send for the application to this origin again, which refused its credentials
    #[arg(long, value_name = "ORIGIN", conflicts_with = "watch")]
    resume: Option<String>,
}

impl OriginsArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut client = self.connection.open_admin().await?;
        if let Some(origin) = self.resume {
            let application = self.connection.application.clone();
            let request = ResumeOriginRequest { application, origin: origin.clone() };
            client.resume_origin(request).await?;
            output::line(format!("{origin} resumed"))?;
            return Ok(());
        }
        let json = self.connection.json.then(|| ProtoJson::of("fanfare.v1.Origin")).transpose()?;
        let show = |origins: &[Origin]| -> Result<(), Failure> {
            for origin in origins {
                if let Some(writer) = &json {
                    output::line(writer.write(origin)?)?;
                    continue;
                }
                output::line(line(origin))?;
                for stopped in &origin.stopped_applications {
                    output::line(stopped_line(stopped))?;
                }
            }
            Ok(())
        };
        if !self.watch {
            return list(client, show).await;
        }
        let mut responses = client.watch_origins(WatchOriginsRequest {}).await?.into_inner();
        while let Some(response) = responses.message().await? {
            show(&response.origins)?;
        }
        Ok(())
    }
}

async fn list(
    mut client: AdminClient,
    show: impl Fn(&[Origin]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut request = ListOriginsRequest::default();
    loop {
        let page = client.list_origins(request).await?.into_inner();
        show(&page.origins)?;
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request = ListOriginsRequest { page_token: page.next_page_token, ..ListOriginsRequest::default() };
    }
}

fn line(origin: &Origin) -> String {
    let state = origin.state().as_str_name();
    let mut line = format!(
        "{} {} {} queued, {} of {} in flight on {} connection(s), {:.1} accepted/s",
        origin.origin,
        state.strip_prefix("ORIGIN_STATE_").unwrap_or(state),
        origin.queued,
        origin.in_flight,
        origin.concurrency_limit,
        origin.connections,
        origin.accepted_per_second
    );
    if let (Some(p50), Some(p99)) = (millis(origin.latency_p50), millis(origin.latency_p99)) {
        let _ = write!(line, ", p50 {p50} ms, p99 {p99} ms");
    }
    for (what, share) in [
        ("throttled", origin.throttled_share),
        ("errors", origin.error_share),
        ("refused", origin.refused_share),
    ] {
        if share > 0.0 {
            let _ = write!(line, ", {:.1} % {what}", share * 100.0);
        }
    }
    if let Some(until) = origin.paused_until {
        let _ = write!(line, ", until {until}");
    }
    if origin.last_problem() != Outcome::Unspecified {
        let _ = write!(line, ", last problem {}", outcome_name(origin.last_problem()));
    }
    for held in &origin.held {
        line.push_str(&held_line(held));
    }
    line
}

/// What is held, since when, why, and what to do: two lines below another one.
pub(super) fn held_line(held: &HeldSubscriptions) -> String {
    let (since, why) = (held.hold_time.unwrap_or_default(), outcome_name(held.outcome()));
    let HeldSubscriptions { application, origin, subscription_count: count, reason, remedy, .. } = held;
    format!(
        "\n  HELD since {since}: {count} subscription(s) of {application} at {origin} for {why}: {reason}\n  {remedy}"
    )
}

/// Who is stopped there, since when, why and until when, and what to do.
fn stopped_line(stopped: &StoppedApplication) -> String {
    let stop = stopped.stop.clone().unwrap_or_default();
    let how = if stop.slowed { "slowed down" } else { "stopped" };
    let mut line = format!("  {} is {how}", stopped.application);
    if let Some(since) = stop.stop_time {
        let _ = write!(line, " since {since}");
    }
    let _ = write!(line, ": {}", outcome_name(stop.outcome()));
    if !stop.detail.is_empty() {
        let _ = write!(line, " {:?}", stop.detail);
    }
    let _ = write!(line, ", {} in a row", stop.refused_count);
    if let Some(next) = stop.next_attempt_time {
        let _ = write!(line, ", next attempt at {next}");
    }
    if !stop.remedy.is_empty() {
        let _ = write!(line, ". {}", stop.remedy);
    }
    line
}

fn millis(duration: Option<prost_types::Duration>) -> Option<u128> {
    duration.and_then(|duration| Duration::try_from(duration).ok()).map(|duration| duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{OriginState, StoppedOrigin};

    #[test]
    fn a_line_says_what_is_wrong_and_nothing_else() {
        let mut origin = Origin {
            origin: "https://push.example.net".to_owned(),
            state: OriginState::Open.into(),
            in_flight: 3,
            concurrency_limit: 16,
            connections: 1,
            ..Origin::default()
        };
        assert_eq!(
            line(&origin),
            "https://push.example.net OPEN 0 queued, 3 of 16 in flight on 1 connection(s), 0.0 accepted/s"
        );
        origin.state = OriginState::Paused.into();
        origin.throttled_share = 0.25;
        origin.latency_p50 = Some(prost_types::Duration { seconds: 0, nanos: 12_000_000 });
        origin.latency_p99 = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        origin.paused_until = Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 });
        origin.last_problem = Outcome::Throttled.into();
        assert!(line(&origin).ends_with(
            ", p50 12 ms, p99 1000 ms, 25.0 % throttled, until 2027-01-15T08:00:00Z, last problem THROTTLED"
        ));
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let stop = StoppedOrigin {
            outcome: Outcome::CredentialsRefused.into(),
            stop_time: time(1_800_000_000),
            detail: "invalid JWT".to_owned(),
            next_attempt_time: time(1_800_000_900),
            refused_count: 7,
            remedy: "Look.".to_owned(),
            ..StoppedOrigin::default()
        };
        let stopped = StoppedApplication { application: "shop".to_owned(), stop: Some(stop) };
        assert_eq!(
            stopped_line(&stopped),
            "  shop is stopped since 2027-01-15T08:00:00Z: CREDENTIALS_REFUSED \"invalid JWT\", 7 in a row, next attempt at \
             2027-01-15T08:15:00Z. Look."
        );
    }
}
