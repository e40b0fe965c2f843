//! The connection of the commands that call a server.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::failure::Failure;
use crate::proto::v1::admin_service_client::AdminServiceClient;
use crate::proto::v1::push_service_client::PushServiceClient;

/// A channel on which every call has its token.
pub(crate) type Calls = InterceptedService<Channel, Bearer>;
/// A client of the service.
pub(crate) type Client = PushServiceClient<Calls>;
/// A client of the service of those who run Fanfare.
pub(super) type AdminClient = AdminServiceClient<Calls>;

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
    pub(super) async fn open(&self) -> Result<Client, Failure> {
        let client = PushServiceClient::with_interceptor(self.channel().await?, self.bearer()?);
        Ok(client.max_decoding_message_size(ANSWER_OCTETS_MAX))
    }

    /// As [`Self::open`], for those who run Fanfare.
    pub(super) async fn open_admin(&self) -> Result<AdminClient, Failure> {
        Ok(AdminServiceClient::with_interceptor(self.channel().await?, self.bearer()?))
    }

    fn bearer(&self) -> Result<Bearer, Failure> {
        let Some(token) = self.token.as_ref().filter(|token| !token.expose_secret().is_empty()) else {
            return Ok(Bearer(None));
        };
        let value = MetadataValue::try_from(format!("Bearer {}", token.expose_secret()));
        let mut value =
            value.map_err(|_| Failure::usage("--token: must have only visible ASCII characters"))?;
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }

    async fn channel(&self) -> Result<Channel, Failure> {
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
        channel(&server, tls).await
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

/// Gives every call its token, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Connects to a server of one's own. Later losses of the connection are repaired with the next call.
pub(crate) async fn open(server: &str) -> Result<Client, Failure> {
    Ok(client(channel(server, None).await?))
}

/// As [`open`], but connects with the first call, and again with each while that fails.
pub(super) fn open_lazily(server: &str) -> Result<Client, Failure> {
    Ok(client(endpoint(server, None)?.connect_lazy()))
}

fn client(channel: Channel) -> Client {
    let client = PushServiceClient::with_interceptor(channel, Bearer(None));
    client.max_decoding_message_size(ANSWER_OCTETS_MAX)
}

async fn channel(server: &str, tls: Option<ClientTlsConfig>) -> Result<Channel, Failure> {
    let endpoint = endpoint(server, tls)?;
    Ok(endpoint.connect().await.with_context(|| format!("cannot connect to {server}"))?)
}

fn endpoint(server: &str, tls: Option<ClientTlsConfig>) -> Result<Endpoint, Failure> {
    if !server.starts_with("http://") && !server.starts_with("https://") {
        return Err(Failure::usage(format!("--server: {server} must be an http:// or https:// URL")));
    }
    let mut endpoint = Endpoint::from_shared(server.to_owned())
        .map_err(|error| Failure::usage(format!("--server: {server}: {error}")))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .tcp_nodelay(true);
    let default = || server.starts_with("https://").then(|| ClientTlsConfig::new().with_native_roots());
    if let Some(tls) = tls.or_else(default) {
        endpoint = endpoint.tls_config(tls).map_err(|error| Failure::usage(format!("TLS: {error}")))?;
    }
    Ok(endpoint)
}
