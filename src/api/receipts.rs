//! Where browsers report what they did: plain HTTP on a listener of its own, because it is the one port of Fanfare that the
//! whole world reaches. Nobody is asked who they are: the token in a report, which only its browser has had, says it all.
//!
//! `POST /receipts` takes `{"token": "…", "kind": "displayed", "action": "", "time": 1764000000000}`: `kind` is displayed,
//! clicked or closed, `time` milliseconds since 1970. Any content type will do: with `text/plain` browsers need no
//! preflight.
//!
//! | status | meaning |
//! |---|---|
//! | 204 | it is in the log; or was before |
//! | 400 | it is no report |
//! | 403 | the token is not one of this server |
//! | 410 | receipts of that message are not taken any more |
//! | 413 | longer than [`BODY_OCTETS_MAX`] |
//! | 429 | too many at present: again after `Retry-After` |
//! | 503 | it cannot be recorded at present: as 429 |

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::StreamExt as _;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{Any, CorsLayer};

use super::connections::incoming;
use super::shares::{Pool, Shared};
use crate::accept::PatientListener;
use crate::domain::{ReceiptKind, Timestamp};
use crate::engine::{BrowserReport, Engine, ReportError};

/// The path of the endpoint.
pub const PATH: &str = "/receipts";
/// A report, in octets.
pub const BODY_OCTETS_MAX: usize = 2_048;
/// Head of a request, in octets.
const HEAD_OCTETS_MAX: usize = 16 * 1024;
/// Connections at once; more wait in the listener's queue.
pub const CONNECTIONS_MAX: usize = 10_000;
/// How long the head of a request may take, also the first wait for one, and then the report.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long browsers may remember that they may report.
const PREFLIGHT_AGE: Duration = Duration::from_secs(86_400);
/// What `Retry-After` says, in seconds.
const RETRY_AFTER_SECONDS: &str = "5";

/// A report as it comes.
#[derive(Deserialize)]
struct Reported {
    token: String,
    kind: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    time: Option<u64>,
}

/// Serves until `stop` is cancelled; reports under way may then be lost, and their browsers repeat them.
pub async fn serve(listener: TcpListener, engine: Engine, stop: CancellationToken) {
    // Any page may report: there are no cookies to abuse, and nothing to read.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers([CONTENT_TYPE])
        .expose_headers([RETRY_AFTER])
        .max_age(PREFLIGHT_AGE);
    let service =
        TowerToHyperService::new(Router::new().route(PATH, post(take)).layer(cors).with_state(engine));
    // All browsers may come from one address, which is the proxy's: it has no share.
    let shares = Pool::new(Shared::Connections, CONNECTIONS_MAX, 100, Arc::new(()));
    let listener = PatientListener::new(listener, "receipts");
    let mut connections = pin!(incoming(listener, CONNECTIONS_MAX, shares, TIMEOUT, None));
    while let Some(Some(Ok(connection))) = stop.run_until_cancelled(connections.next()).await {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(TIMEOUT)
            .max_buf_size(HEAD_OCTETS_MAX)
            .serve_connection(TokioIo::new(connection), service.clone());
        // How a stranger's connection ends is nobody's concern.
        tokio::spawn(stop.clone().run_until_cancelled_owned(connection));
    }
}

async fn take(State(engine): State<Engine>, body: Body) -> Response {
    match tokio::time::timeout(TIMEOUT, answer(&engine, body)).await {
        Ok(answer) => answer,
        Err(_) => refused(&ReportError::Unavailable),
    }
}

async fn answer(engine: &Engine, body: Body) -> Response {
    let Ok(body) = axum::body::to_bytes(body, BODY_OCTETS_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(report) = read(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match engine.report(report).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(&error),
    }
}

fn refused(error: &ReportError) -> Response {
    let retry_after = [(RETRY_AFTER, RETRY_AFTER_SECONDS)];
    match error {
        ReportError::Token => StatusCode::FORBIDDEN.into_response(),
        ReportError::TooLate => StatusCode::GONE.into_response(),
        ReportError::TooMany => (StatusCode::TOO_MANY_REQUESTS, retry_after).into_response(),
        ReportError::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, retry_after).into_response(),
    }
}

/// Members that are not known are passed over: newer workers may have more to say.
fn read(body: &[u8]) -> Option<BrowserReport> {
    let Reported { token, kind, action, time } = serde_json::from_slice(body).ok()?;
    let kind = ReceiptKind::parse(&kind)?;
    let occurred = time.filter(|time| *time > 0).and_then(|time| time.checked_mul(1_000));
    let action = if kind == ReceiptKind::Clicked { action } else { String::new() };
    Some(BrowserReport { token, kind, action, occurred: occurred.map(Timestamp::from_micros) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_reports() {
        let report =
            read(br#"{"token":"t","kind":"clicked","action":"open","time":1764000000000,"new":1}"#).unwrap();
        assert_eq!(
            (report.token.as_str(), report.kind, report.action.as_str()),
            ("t", ReceiptKind::Clicked, "open")
        );
        assert_eq!(report.occurred, Some(Timestamp::from_millis(1_764_000_000_000)));
        let report = read(br#"{"token":"t","kind":"displayed","action":"open"}"#).unwrap();
        assert_eq!((report.action.as_str(), report.occurred), ("", None));
        let long = format!(r#"{{"token":"t","kind":"closed","time":{}}}"#, u64::MAX);
        assert_eq!(read(long.as_bytes()).unwrap().occurred, None);
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"token":"t"}"#,
            r#"{"token":"t","kind":"seen"}"#,
            r#"{"token":1,"kind":"closed"}"#,
        ] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
