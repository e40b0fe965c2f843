//! `fanfare cancel`.

use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::json::ProtoJson;
use super::output;
use super::view::message_state_name;
use crate::proto::v1::CancelMessageRequest;

/// Stops a message: what has not been attempted is not sent any more
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare cancel messages/018f…
  fanfare cancel messages/018f… --json
  fanfare watch messages/018f…         shows how its last attempts end

What a push service has taken already cannot be taken back. CANCELLING: attempts under way have not ended yet. A message that
has ended stays as it is, which is no failure.")]
pub(super) struct CancelArgs {
    #[command(flatten)]
    connection: Connection,
    /// messages/{id}
    message: String,
}

impl CancelArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let request =
            CancelMessageRequest { application: self.connection.application.clone(), name: self.message };
        let response = self.connection.open().await?.cancel_message(request).await?.into_inner();
        if self.connection.json {
            output::line(ProtoJson::of("fanfare.v1.CancelMessageResponse")?.write(&response)?)?;
            return Ok(());
        }
        let status = response.message.unwrap_or_default();
        let counts = status.counts.unwrap_or_default();
        output::line(format!(
            "{} {}: {} targets, {} accepted, {} cancelled",
            status.name,
            message_state_name(status.state()),
            counts.targets,
            counts.accepted,
            counts.cancelled
        ))?;
        Ok(())
    }
}
