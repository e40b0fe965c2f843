//! Connecting.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::calls::{ANSWER_OCTETS_MAX, Calls};
use super::error::Error;
use crate::proto::v1::admin_service_client::AdminServiceClient;
use crate::proto::v1::push_service_client::PushServiceClient;

/// How long a connection with calls may be quiet before it is asked for a sign of life, and how long that may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of a connection. The default is right for a server on this machine.
#[derive(Clone)]
pub struct Options {
    /// Token of the application, sent with each call; empty: none. Over http only to a loopback address.
    pub token: String,
    /// TLS for https targets. None: the system's root certificates.
    pub tls: Option<ClientTlsConfig>,
    /// How long a call that opens a stream is repeated until its first frame comes. 30 seconds unless set.
    pub accept_for: Duration,
    /// How long a stream that was lost is taken up again, without a frame, before it ends with an error. 5 minutes unless
    /// set.
    pub reconnect_for: Duration,
    /// Called whenever a stream was lost and is about to be taken up again: for logs.
    pub on_lost: fn(&Error),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            token: String::new(),
            tls: None,
            accept_for: Duration::from_secs(30),
            reconnect_for: Duration::from_secs(300),
            on_lost: |_| {},
        }
    }
}

/// Without the token and the private key.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("accept_for", &self.accept_for)
            .field("reconnect_for", &self.reconnect_for)
            .finish_non_exhaustive()
    }
}

/// Client of one server. A clone is cheap and shares the connection.
#[derive(Clone, Debug)]
pub struct Client {
    calls: Calls,
    pub(super) accept_for: Duration,
    pub(super) reconnect_for: Duration,
    pub(super) on_lost: fn(&Error),
}

/// Makes a client of the server at `target`, for example `http://127.0.0.1:8030` or `https://push.example.com`. It does
/// not wait for the connection, which is opened by the first call, and again whenever it was lost. Must be called within
/// a Tokio runtime.
///
/// # Errors
/// `INVALID_ARGUMENT` if the target is no URL of a server, TLS cannot be set up, the token is none that a header can
/// carry, or it would travel over http to another machine.
pub fn connect(target: &str, options: Options) -> Result<Client, Error> {
    let uri = server_uri(target)?;
    if uri.scheme_str() == Some("http")
        && !options.token.is_empty()
        && !is_loopback(uri.host().unwrap_or_default())
    {
        return Err(Error::local("a token must not travel over http: use an https target"));
    }
    Client::over(endpoint(uri, options.tls.clone())?.connect_lazy(), &options)
}

impl Client {
    /// Over a channel of the caller's own making.
    ///
    /// # Errors
    /// The token is none that a header can carry.
    pub fn over(channel: Channel, options: &Options) -> Result<Self, Error> {
        let calls = Calls::new(channel, &options.token)?;
        Ok(Self {
            calls,
            accept_for: options.accept_for,
            reconnect_for: options.reconnect_for,
            on_lost: options.on_lost,
        })
    }

    /// The generated stub of the push service. What it streams ends when the connection is lost.
    #[must_use]
    pub fn push(&self) -> PushServiceClient<Calls> {
        PushServiceClient::new(self.calls.clone()).max_decoding_message_size(ANSWER_OCTETS_MAX)
    }

    /// The generated stub of the service of those who run Fanfare.
    #[must_use]
    pub fn admin(&self) -> AdminServiceClient<Calls> {
        AdminServiceClient::new(self.calls.clone()).max_decoding_message_size(ANSWER_OCTETS_MAX)
    }

    /// What the stubs call over: for other services of the server, such as `grpc.health.v1`.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// The same client with a deadline: whatever call is begun through it ends with `DEADLINE_EXCEEDED` after so long, a
    /// stream with all its reconnections too. It shortens the 10 seconds of unary calls, and never the delivery of a
    /// message.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        self.limited(Some(limit))
    }

    pub(super) fn limited(&self, limit: Option<Duration>) -> Self {
        Self { calls: self.calls.within(limit), ..self.clone() }
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        self.calls.limit()
    }
}

/// With the system's root certificates where TLS has no configuration of its own.
///
/// # Errors
/// The TLS configuration cannot be used, for example because the system has no root certificates.
pub(crate) fn endpoint(uri: Uri, tls: Option<ClientTlsConfig>) -> Result<Endpoint, Error> {
    let secure = uri.scheme_str() == Some("https");
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .tcp_nodelay(true);
    let tls = tls.unwrap_or_else(|| ClientTlsConfig::new().with_native_roots());
    match secure.then_some(tls) {
        Some(tls) => endpoint.tls_config(tls).map_err(|error| Error::local(format!("TLS: {error}"))),
        None => Ok(endpoint),
    }
}

/// # Errors
/// It is no URL of a server.
pub(crate) fn server_uri(target: &str) -> Result<Uri, Error> {
    let uri: Option<Uri> = target.parse().ok();
    uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && matches!(uri.path_and_query().map(http::uri::PathAndQuery::as_str), None | Some("/"))
            && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
    })
    .ok_or_else(|| Error::local("the target must be an http:// or https:// URL, without a path"))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn targets_are_urls_of_servers() {
        for good in
            ["http://127.0.0.1:8030", "http://localhost/", "http://[::1]:1", "https://push.example.com"]
        {
            assert!(connect(good, Options::default()).is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:8030",
            "ftp://localhost",
            "http://",
            "http://localhost/path",
            "http://me@localhost",
            "",
        ] {
            let error = connect(bad, Options::default()).unwrap_err();
            assert!(error.message().contains("https:// URL"), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn a_token_leaves_this_machine_over_tls_only() {
        let with =
            |target: &str| connect(target, Options { token: "fft_secret".to_owned(), ..Options::default() });
        for good in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://push.example.com"]
        {
            assert!(with(good).is_ok(), "{good}");
        }
        for bad in ["http://push.example.com", "http://10.0.0.1:8030", "http://localhost.example.com"] {
            let error = with(bad).unwrap_err().to_string();
            assert!(error.contains("https") && !error.contains("fft_secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_token_does_not_show() {
        let options = Options { token: "fft_secret".to_owned(), ..Options::default() };
        let client = connect("http://localhost:1", options.clone()).unwrap();
        assert!(!format!("{options:?} {client:?}").contains("fft_secret"));
        let unfit = connect("http://localhost:1", Options { token: "new\nline".to_owned(), ..options });
        assert!(!unfit.unwrap_err().to_string().contains("line"));
    }
}
