//! The server: listens, and has every limit of connections and calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderName, HeaderValue, Method};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;
use tower::ServiceBuilder;
use tower::util::MapResultLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

use super::Api;
use super::answers::ledger::{Bounds, Ledger};
use super::answers::{AnswersLayer, give_up_stalled};
use super::arrival::ArrivalLayer;
use super::authenticate::AuthenticateLayer;
use super::call_log::CallLog;
use super::calls_at_once::CallsLayer;
use super::connections::incoming;
pub use super::health::Health;
use super::layers::{CallObserver, ObserveLayer, SizedService, admin_service, answer_errors, answer_panic};
use super::lists_at_once::ListsLayer;
use super::rate::RateLayer;
use super::shares::{Pool, Shared};
use super::tls::{ServerTls, TlsChanges, TlsError, TlsSettings};
use crate::accept::PatientListener;
use crate::domain::Timestamp;
use crate::proto::REFLECTION_DESCRIPTOR_SET;

/// The last second that has a date in HTTP (RFC 9110 section 5.6.7), since 1970.
const LAST_HTTP_DATE: u64 = 253_402_300_799;

/// Limits and choices of the server. Sizes are in octets.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Connections at once; more wait in the listener's queue. Default 10,000.
    pub connections_max: usize,
    /// What one address may hold of these, in percent of what the others leave; more are closed. Default 50: so there is always
    /// a place for the next one. Behind a proxy, which is one address: 100.
    pub address_share_percent_max: u32,
    /// How long a new connection may take to begin: to send as much as the preface of HTTP/2. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub preface_timeout: Duration,
    /// How old a connection gets before its caller is asked to open another one. Default 1 hour.
    #[serde(with = "humantime_serde")]
    pub connection_age_max: Duration,
    /// How long its calls may go on then: status streams for their greatest age. Default 35 minutes.
    #[serde(with = "humantime_serde")]
    pub connection_age_grace: Duration,
    /// Streams at once on a connection, which is what HTTP/2 calls calls. Default 200.
    pub concurrent_streams_max: u32,
    /// Headers of a call. Default 16 KiB.
    pub header_list_octets_max: u32,
    /// How long a connection may be quiet before it is asked for a sign of life. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub keepalive_interval: Duration,
    /// How long that sign may take. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
    /// Streams that a caller may reset before they were looked at (CVE-2023-44487). Default 20.
    pub pending_reset_streams_max: usize,
    /// Streams that a caller may make this server reset (RUSTSEC-2024-0003). Default 1,024.
    pub local_reset_streams_max: usize,
    /// What may be on its way to a slow caller on one stream. Default 256 KiB.
    pub stream_window_octets: u32,
    /// The same on one connection. Default 1 MiB.
    pub connection_window_octets: u32,
    /// An answer, or a frame of a stream. Default 4 MiB, which is what clients take unless told otherwise.
    pub answer_octets_max: usize,
    /// What answers to one connection may hold that is not written. Default 24 MiB.
    pub connection_answers_octets_max: usize,
    /// The same of all answers to one caller. Default 48 MiB.
    pub caller_answers_octets_max: usize,
    /// The same of all answers. Default 128 MiB.
    pub answers_octets_max: usize,
    /// How long an answer may hold octets of which none is taken. Default 1 minute.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Lists of one caller that are made and written at once; more wait up to 10 s. Default 8.
    pub caller_lists_max: usize,
    /// Calls at once that have not begun to answer, over all connections; more are shed. Default 2,048, of which one
    /// application has half ([`super::ApiSettings::share_percent_max`]).
    pub calls_max: usize,
    /// Calls at once whose request has not arrived; beyond it the oldest is refused. Default 16,384.
    pub arriving_calls_max: usize,
    /// How long a request may take to arrive. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub arrival_timeout: Duration,
    /// Calls that one caller may begin in a second; as many at once. Default 20,000.
    pub calls_per_second_max: u32,
    /// How long a call may take to begin its answer. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub call_timeout: Duration,
    /// How long calls may go on once the server stops. Default 20 s.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    /// Whether the contract can be read by server reflection. Default true.
    pub reflection: bool,
    /// Whether that needs no credentials. Default false.
    pub public_reflection: bool,
    /// TLS.
    #[serde(skip)]
    pub tls: TlsSettings,
    /// Origins of web pages that may call by gRPC-Web, for example `https://app.example.com`. Default none.
    pub cors_origins: Vec<String>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            address_share_percent_max: 50,
            preface_timeout: Duration::from_secs(10),
            connection_age_max: Duration::from_secs(3_600),
            connection_age_grace: Duration::from_secs(35 * 60),
            concurrent_streams_max: 200,
            header_list_octets_max: 16 * 1024,
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            pending_reset_streams_max: 20,
            local_reset_streams_max: 1_024,
            stream_window_octets: 256 * 1024,
            connection_window_octets: 1024 * 1024,
            answer_octets_max: 4 * 1024 * 1024,
            connection_answers_octets_max: 24 * 1024 * 1024,
            caller_answers_octets_max: 48 * 1024 * 1024,
            answers_octets_max: 128 * 1024 * 1024,
            answer_timeout: Duration::from_secs(60),
            caller_lists_max: 8,
            calls_max: 2_048,
            arriving_calls_max: 16_384,
            arrival_timeout: Duration::from_secs(10),
            calls_per_second_max: 20_000,
            call_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
            reflection: true,
            public_reflection: false,
            tls: TlsSettings::default(),
            cors_origins: Vec::new(),
        }
    }
}

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// `cors_origins` has something that is no origin.
    #[error("cors_origins: {0:?} is not an origin such as https://app.example.com")]
    CorsOrigin(String),
    /// The descriptor does not read: a bug of the build.
    #[error("server reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The listener or the protocol.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `stop`: then nothing new is accepted, health says so, calls under way go on for `drain_timeout`, and
/// writes whose callers left are finished. Status streams end when the engine is shut down, which is to happen at the same
/// time. Health stays as it is until `stop`; whoever calls this sets it.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    listener: TcpListener,
    api: Api,
    health: &Health,
    settings: ServerSettings,
    tls_changes: TlsChanges,
    observer: Arc<dyn CallObserver>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let tls = ServerTls::open(&settings.tls)?;
    let authenticate = AuthenticateLayer {
        callers: api.callers.clone(),
        certificates: settings.tls.callers.clone().into(),
        public_reflection: settings.public_reflection,
    };
    let pool = |shared, places, percent| Pool::new(shared, places, percent, Arc::clone(&api.limits));
    let bounds = Bounds {
        connection: settings.connection_answers_octets_max,
        caller: settings.caller_answers_octets_max,
        all: settings.answers_octets_max,
        timeout: settings.answer_timeout,
    };
    let ledger = Ledger::new(bounds, Arc::clone(&api.limits));
    tokio::spawn(give_up_stalled(Arc::downgrade(&ledger), settings.answer_timeout));
    let clock = Arc::clone(&api.clock);
    let layers = ServiceBuilder::new()
        .map_response(move |response| dated(response, clock.now()))
        // First of all: nothing behind it may show a token.
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        // Around all that answers: what is written is bounded as it is written.
        .layer(AnswersLayer(ledger))
        // Browsers ask before they call; that is no call.
        .layer(cors(&settings.cors_origins)?)
        // gRPC-Web becomes gRPC here, so that all that follows sees one protocol.
        .layer(GrpcWebLayer::new())
        // Nothing answers without being observed.
        .layer(ObserveLayer { observer, log: CallLog::default() })
        // A bug in a handler is INTERNAL, and ends one call only.
        .layer(CatchPanicLayer::custom(answer_panic))
        // Strangers get no further. It costs less than what is behind it, and tells it who calls.
        .layer(authenticate)
        // One caller cannot take what all have; before anything that costs.
        .layer(RateLayer::new(settings.calls_per_second_max))
        // Lists are made one by one; those that wait hold nothing yet.
        .layer(ListsLayer::new(settings.caller_lists_max))
        // What has not arrived takes no place among the calls.
        .layer(ArrivalLayer::new(settings.arriving_calls_max, settings.arrival_timeout))
        // Shedding costs less than anything behind it. It counts calls until they begin to answer; status streams have
        // a limit of their own.
        .layer(CallsLayer(pool(Shared::Calls, settings.calls_max, api.settings.share_percent_max)))
        // What the next one refuses becomes a status with its reason.
        .layer(MapResultLayer::new(answer_errors))
        // The server's own deadline; a shorter one of the caller is kept by tonic, around all of this.
        .timeout(settings.call_timeout)
        .into_inner();
    let mut server = Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(settings.concurrent_streams_max)
        .http2_max_header_list_size(settings.header_list_octets_max)
        .http2_keepalive_interval(Some(settings.keepalive_interval))
        .http2_keepalive_timeout(Some(settings.keepalive_timeout))
        .http2_max_pending_accept_reset_streams(Some(settings.pending_reset_streams_max))
        .http2_max_local_error_reset_streams(Some(settings.local_reset_streams_max))
        .max_connection_age(settings.connection_age_max)
        .max_connection_age_grace(settings.connection_age_grace)
        .initial_stream_window_size(settings.stream_window_octets)
        .initial_connection_window_size(settings.connection_window_octets)
        .layer(layers);
    let mut router = server
        .add_service(SizedService::new(api.clone(), settings.answer_octets_max))
        .add_service(admin_service(api.clone(), settings.answer_octets_max))
        .add_service(health.service());
    if settings.reflection {
        router = router.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
    }
    let certificates = tls.as_ref().map(ServerTls::current);
    if let Some(tls) = tls {
        tokio::spawn(tls.follow(tls_changes, stop.clone()));
    }
    let shares = pool(Shared::Connections, settings.connections_max, settings.address_share_percent_max);
    let listener = PatientListener::new(listener, "server");
    let connections =
        incoming(listener, settings.connections_max, shares, settings.preface_timeout, certificates);
    let stopping = async {
        stop.cancelled().await;
        health.stopped().await;
    };
    let too_long = async {
        stop.cancelled().await;
        tokio::time::sleep(settings.drain_timeout).await;
    };
    tokio::select! {
        ended = router.serve_with_incoming_shutdown(connections, stopping) => ended?,
        () = too_long => tracing::warn!("calls were still under way when the server stopped"),
    }
    api.finished().await;
    Ok(())
}

/// Says when an answer was made. Hyper would say it too, but panics before 1970 and after 9999.
fn dated<B>(mut response: http::Response<B>, now: Timestamp) -> http::Response<B> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs().min(LAST_HTTP_DATE));
    if let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(time)) {
        response.headers_mut().insert(DATE, value);
    }
    response
}

fn reflection<'a>() -> tonic_reflection::server::Builder<'a> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(REFLECTION_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// What gRPC-Web clients send and read. With no origin allowed, browsers refuse every page.
fn cors(origins: &[String]) -> Result<CorsLayer, ServeError> {
    let header = HeaderName::from_static;
    let origins = origins.iter().map(|origin| {
        let plain = crate::domain::Origin::parse(origin).filter(|parsed| parsed.as_str() == origin);
        let value = plain.and_then(|_| HeaderValue::from_str(origin).ok());
        value.ok_or_else(|| ServeError::CorsOrigin(origin.clone()))
    });
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.collect::<Result<Vec<_>, _>>()?))
        .allow_methods([Method::POST])
        .allow_headers([
            CONTENT_TYPE,
            AUTHORIZATION,
            header("x-grpc-web"),
            header("x-user-agent"),
            header("grpc-timeout"),
        ])
        .expose_headers([header("grpc-status"), header("grpc-message"), header("grpc-status-details-bin")])
        .max_age(Duration::from_secs(3_600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_allowed_as_such() {
        let of = |origin: &str| cors(&[origin.to_owned()]);
        assert!(of("https://app.example.com").is_ok());
        assert!(of("http://localhost:5173").is_ok());
        for bad in ["*", "app.example.com", "https://app.example.com/", "https://App.example.com", "null", ""]
        {
            assert!(matches!(of(bad), Err(ServeError::CorsOrigin(_))), "{bad}");
        }
    }
}
