//! `fanfare health`.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::failure::Failure;
use super::output;

/// Where `admin.listen` in `default.toml` listens.
const DEFAULT_ADMIN: &str = "http://127.0.0.1:8031";

/// Says whether a server serves, for health checks of containers and for scripts
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Asks the admin port (admin.listen), which needs no credentials. Exit code 0: it serves; 1: it does not, \
or does not answer.

Examples:
  fanfare health
  fanfare health --live --admin http://127.0.0.1:8031"
)]
pub(super) struct HealthArgs {
    /// The URL of the server's admin port
    #[arg(long, value_name = "URL", default_value = DEFAULT_ADMIN)]
    admin: String,
    /// Ask only whether the process answers, also while it takes no requests
    #[arg(long)]
    live: bool,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "3s")]
    timeout: Duration,
    /// Print the answer as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Answer {
    healthy: bool,
    said: String,
}

impl HealthArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let path = if self.live { "healthz" } else { "readyz" };
        let url = format!("{}/{path}", self.admin.trim_end_matches('/'));
        // A proxy of the environment is for others.
        let client = reqwest::Client::builder().no_proxy().timeout(self.timeout).build();
        let asked = client.map_err(anyhow::Error::from)?.get(&url).send().await;
        let answer = asked.with_context(|| format!("{} does not answer", self.admin))?;
        let healthy = answer.status().is_success();
        let said = answer.text().await.unwrap_or_default().trim().to_owned();
        if self.json {
            output::line(
                serde_json::to_string(&Answer { healthy, said: said.clone() })
                    .map_err(anyhow::Error::from)?,
            )?;
        } else if healthy {
            output::line(&said)?;
        }
        if healthy { Ok(()) } else { Err(Failure::failed(said)) }
    }
}
