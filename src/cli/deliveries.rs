//! `fanfare deliveries`.

use clap::{Args, ValueEnum};

use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use super::table::{Cell, Table, Tone, counted};
use super::times;
use super::view::{outcome_name, state_name};
use crate::proto::v1::{Delivery, DeliveryEvent, DeliveryState, ListDeliveriesRequest, Outcome};

/// Lists the deliveries of a message: one line for each subscription, as it stands
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare deliveries messages/018f…
  fanfare deliveries messages/018f… --state failed --state expired
  fanfare deliveries messages/018f… --outcome gone --limit 0
  fanfare deliveries messages/018f… --subscription subscriptions/00af… --json

ACCEPTED: the push service took it, which is not \"seen by the user\". RETRYING: it is tried again. --json has every attempt
that is still known. `fanfare messages list` finds the message.")]
pub(super) struct DeliveriesArgs {
    #[command(flatten)]
    connection: Connection,
    /// messages/{id}
    message: String,
    /// Only in this state; may be repeated
    #[arg(long = "state", value_name = "STATE")]
    states: Vec<StateName>,
    /// Only with this outcome, for example gone or throttled; may be repeated
    #[arg(long = "outcome", value_name = "OUTCOME", value_parser = read_outcome)]
    outcomes: Vec<Outcome>,
    /// Only of this subscription
    #[arg(long, value_name = "NAME", default_value = "")]
    subscription: String,
    /// At most so many; 0: all
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// [`DeliveryState`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateName {
    Pending,
    Retrying,
    Accepted,
    Failed,
    Expired,
    Cancelled,
}

impl From<StateName> for DeliveryState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Pending => Self::Pending,
            StateName::Retrying => Self::Retrying,
            StateName::Accepted => Self::Accepted,
            StateName::Failed => Self::Failed,
            StateName::Expired => Self::Expired,
            StateName::Cancelled => Self::Cancelled,
        }
    }
}

/// An outcome as it is typed: `key-mismatch`.
fn read_outcome(text: &str) -> Result<Outcome, String> {
    let name = format!("OUTCOME_{}", text.to_uppercase().replace('-', "_"));
    let known = Outcome::from_str_name(&name).filter(|outcome| *outcome != Outcome::Unspecified);
    known.ok_or_else(|| "must be an outcome, for example gone, throttled or key-mismatch".to_owned())
}

impl DeliveriesArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let json = self.connection.json.then(|| ProtoJson::of("fanfare.v1.Delivery")).transpose()?;
        let headings =
            ["SUBSCRIPTION", "USER", "STATE", "OUTCOME", "STATUS", "ATTEMPT", "TIME", "ORIGIN", "DETAIL"];
        let mut table = Table::new(&headings);
        let mut client = self.connection.open().await?;
        let mut request = ListDeliveriesRequest {
            application: self.connection.application.clone(),
            parent: self.message.clone(),
            states: self.states.iter().map(|state| DeliveryState::from(*state).into()).collect(),
            outcomes: self.outcomes.iter().map(|outcome| (*outcome).into()).collect(),
            subscription: self.subscription.clone(),
            ..ListDeliveriesRequest::default()
        };
        let (mut left, mut shown) = (if self.limit == 0 { usize::MAX } else { self.limit }, 0);
        loop {
            request.page_size = i32::try_from(left).unwrap_or(i32::MAX);
            let page = client.list_deliveries(request.clone()).await?.into_inner();
            for delivery in page.deliveries.iter().take(left) {
                match &json {
                    Some(writer) => output::line(writer.write(delivery)?)?,
                    None => table.add(row(delivery)),
                }
                shown += 1;
            }
            table.print()?;
            left = left.saturating_sub(page.deliveries.len());
            if page.next_page_token.is_empty() || left == 0 {
                let more = !page.next_page_token.is_empty();
                if json.is_none() {
                    let what = counted(shown, "delivery", "deliveries");
                    let rest = if more { "; there may be more: --limit 0 lists all" } else { "" };
                    output::note(format!("{what}{rest}"));
                }
                return Ok(());
            }
            request.page_token = page.next_page_token;
        }
    }
}

/// A delivery in the columns of the list.
fn row(delivery: &Delivery) -> Vec<Cell> {
    let latest = delivery.latest.clone().unwrap_or_default();
    let outcome = latest.outcome();
    let outcome = if outcome == Outcome::Unspecified { "" } else { outcome_name(outcome) };
    let subscription = if latest.subscription.is_empty() { "(inline)" } else { &latest.subscription };
    vec![
        subscription.into(),
        latest.user_id.as_str().into(),
        Cell::toned(state_name(latest.state()), Some(tone(latest.state()))),
        outcome.into(),
        latest.http_status.map(|status| status.to_string()).unwrap_or_default().into(),
        attempt(&latest).into(),
        times::shown(latest.event_time).into(),
        latest.endpoint_origin.as_str().into(),
        latest.detail.as_str().into(),
    ]
}

fn attempt(latest: &DeliveryEvent) -> String {
    if latest.attempt == 0 { String::new() } else { latest.attempt.to_string() }
}

fn tone(state: DeliveryState) -> Tone {
    match state {
        DeliveryState::Unspecified | DeliveryState::Pending | DeliveryState::Retrying => Tone::Open,
        DeliveryState::Accepted => Tone::Good,
        DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Cancelled => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_as_they_are_typed() {
        assert_eq!(read_outcome("key-mismatch"), Ok(Outcome::KeyMismatch));
        assert_eq!(read_outcome("GONE"), Ok(Outcome::Gone));
        for bad in ["", "unspecified", "lost"] {
            assert!(read_outcome(bad).is_err(), "{bad}");
        }
    }
}
