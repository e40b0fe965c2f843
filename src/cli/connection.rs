//! The connection of the commands that call a server.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tonic::transport::{Channel, Endpoint};

use super::failure::Failure;
use crate::proto::v1::push_service_client::PushServiceClient;

/// A client of the service.
pub(crate) type Client = PushServiceClient<Channel>;

/// Where `server.listen` in `default.toml` listens.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:8030";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer taken, in octets: a full page of subscriptions with all their topics and labels.
const ANSWER_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Which server, and whose things there.
#[derive(Args, Clone, Debug)]
pub(super) struct Connection {
    /// The server's URL
    #[arg(long, value_name = "URL", env = "FANFARE_SERVER", default_value = DEFAULT_SERVER)]
    pub(super) server: String,
    /// The application; empty means "default"
    #[arg(long, value_name = "NAME", env = "FANFARE_APPLICATION", default_value = "")]
    pub(super) application: String,
    /// Print what the server answers as JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(&self) -> Result<Client, Failure> {
        open(&self.server).await
    }
}

/// Connects to a server. Later losses of the connection are repaired with the next call.
pub(crate) async fn open(server: &str) -> Result<Client, Failure> {
    Ok(client(channel(server).await?))
}

/// As [`open`], but connects with the first call, and again with each while that fails.
pub(super) fn open_lazily(server: &str) -> Result<Client, Failure> {
    Ok(client(endpoint(server)?.connect_lazy()))
}

fn client(channel: Channel) -> Client {
    PushServiceClient::new(channel).max_decoding_message_size(ANSWER_OCTETS_MAX)
}

/// As [`open`], for the client of another service.
pub(super) async fn channel(server: &str) -> Result<Channel, Failure> {
    let endpoint = endpoint(server)?;
    Ok(endpoint.connect().await.with_context(|| format!("cannot connect to {server}"))?)
}

fn endpoint(server: &str) -> Result<Endpoint, Failure> {
    if !server.starts_with("http://") {
        return Err(Failure::usage(format!("--server: {server} must be an http:// URL")));
    }
    let endpoint = Endpoint::from_shared(server.to_owned())
        .map_err(|error| Failure::usage(format!("--server: {server}: {error}")))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .tcp_nodelay(true);
    Ok(endpoint)
}
