//! The connection of the commands that call a server.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::transport::Endpoint;

use super::failure::Failure;
use super::output;
use crate::client::{self, Calls, Certificate, ClientTlsConfig, Identity, Options};
use crate::domain::text::escaped;
use crate::proto::v1::admin_service_client::AdminServiceClient;
use crate::proto::v1::push_service_client::PushServiceClient;

/// The stub of the service.
pub(crate) type Client = PushServiceClient<Calls>;
/// The stub of the service of those who run Fanfare.
pub(super) type AdminClient = AdminServiceClient<Calls>;

/// Where `server.listen` in `default.toml` listens.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:8030";
/// How long a lost stream is taken up again, without a frame, before it is given up: somebody waits for it.
pub(super) const RECONNECT_FOR: Duration = Duration::from_secs(60);

/// Which server, and whose things there.
#[derive(Args, Clone, Debug)]
pub(super) struct Connection {
    /// The server's URL
    #[arg(long, value_name = "URL", env = "FANFARE_SERVER", default_value = DEFAULT_SERVER)]
    pub(super) server: String,
    /// The application; empty means the token's own, or "default"
    #[arg(long, value_name = "NAME", env = "FANFARE_APPLICATION", default_value = "")]
    pub(super) application: String,
    /// An API token; better in the environment than here, where other users of the machine can see it
    #[arg(long, value_name = "TOKEN", env = "FANFARE_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,
    /// Speak TLS, as with an https:// URL
    #[arg(long)]
    tls: bool,
    /// PEM file with the certificates to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file with the certificate to show
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// PEM file with its private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Print what the server answers as JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

impl Connection {
    /// Connects.
    pub(super) async fn connect(&self) -> Result<client::Client, Failure> {
        let server = match self.server.strip_prefix("http://") {
            Some(rest) if self.tls => format!("https://{rest}"),
            Some(_) | None => self.server.clone(),
        };
        let tls = if server.starts_with("https://") {
            Some(self.tls_config()?)
        } else if self.ca.is_some() || self.cert.is_some() {
            return Err(Failure::usage("--ca, --cert and --key need --tls or an https:// URL"));
        } else {
            None
        };
        let token = self.token.as_ref().map_or("", |token| token.expose_secret());
        let channel = endpoint(&server, tls)?.connect().await;
        let channel = channel.with_context(|| format!("cannot connect to {server}"))?;
        client::Client::over(channel, &options(token))
            .map_err(|error| Failure::usage(format!("--token: {}", error.message())))
    }

    /// Connects, for calls that do not go on by themselves.
    pub(super) async fn open(&self) -> Result<Client, Failure> {
        Ok(self.connect().await?.push())
    }

    /// As [`Self::open`], for those who run Fanfare.
    pub(super) async fn open_admin(&self) -> Result<AdminClient, Failure> {
        Ok(self.connect().await?.admin())
    }

    fn tls_config(&self) -> Result<ClientTlsConfig, Failure> {
        let read = |flag: &str, file: &PathBuf| {
            std::fs::read(file)
                .map_err(|error| Failure::usage(format!("{flag}: {}: {error}", file.display())))
        };
        let mut config = ClientTlsConfig::new();
        config = match &self.ca {
            Some(file) => config.ca_certificate(Certificate::from_pem(read("--ca", file)?)),
            None => config.with_native_roots(),
        };
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            let identity = Identity::from_pem(read("--cert", certificate)?, read("--key", key)?);
            config = config.identity(identity);
        }
        Ok(config)
    }
}

/// Connects to a server of one's own. Later losses of the connection are repaired with the next call.
pub(crate) async fn open(server: &str) -> Result<client::Client, Failure> {
    let channel = endpoint(server, None)?.connect().await;
    Ok(client::Client::over(channel.with_context(|| format!("cannot connect to {server}"))?, &options(""))?)
}

/// As [`open`], but connects with the first call, and again with each while that fails.
pub(super) fn open_lazily(server: &str) -> Result<client::Client, Failure> {
    Ok(client::Client::over(endpoint(server, None)?.connect_lazy(), &options(""))?)
}

fn options(token: &str) -> Options {
    Options {
        token: token.to_owned(),
        accept_for: RECONNECT_FOR,
        reconnect_for: RECONNECT_FOR,
        on_lost: tell_of_loss,
        ..Options::default()
    }
}

/// Tells whoever waits that a stream is taken up again.
pub(super) fn tell_of_loss(lost: &client::Error) {
    static TOLD: Mutex<String> = Mutex::new(String::new());
    if lost.reason().is_empty() {
        eprintln!("fanfare: the call broke off ({:?}); going on from where it was", lost.code());
        return;
    }
    // The server said why: once is enough, however often it is tried again.
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if *told != lost.message() {
        lost.message().clone_into(&mut told);
        output::note(format!("{}; trying again", escaped(lost.message())));
    }
}

fn endpoint(server: &str, tls: Option<ClientTlsConfig>) -> Result<Endpoint, Failure> {
    let uri = client::server_uri(server)
        .map_err(|error| Failure::usage(format!("--server: {server}: {}", error.message())))?;
    client::endpoint(uri, tls).map_err(|error| Failure::usage(error.message()))
}
