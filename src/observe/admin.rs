//! The admin port: metrics and health over plain HTTP, on a listener of its own, for operators and their machines.
//!
//! | path | answer |
//! |---|---|
//! | `GET /metrics` | 200, the metrics in the OpenMetrics text format |
//! | `GET /healthz` | 200 as long as the process answers |
//! | `GET /readyz` | 200 while requests are served, else 503 |

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use crate::accept::PatientListener;

/// The media type of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug)]
struct Shown {
    metrics: Arc<Metrics>,
    serving: watch::Receiver<bool>,
}

/// Serves until `stop` is cancelled, and then to the end of the requests under way: the caller bounds that in time.
///
/// # Errors
/// The server's own. The listener goes on whatever happens.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    serving: watch::Receiver<bool>,
    stop: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(show_metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(show_readiness))
        .with_state(Shown { metrics, serving });
    axum::serve(PatientListener::new(listener, "admin"), router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn show_metrics(State(shown): State<Shown>) -> Response {
    match shown.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn show_readiness(State(shown): State<Shown>) -> Response {
    if *shown.serving.borrow() {
        "serving\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not serving\n").into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tells_metrics_and_health_until_it_is_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (serving, told) = watch::channel(false);
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Arc::new(Metrics::new()), told, stop.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let get = async |path: &str| client.get(format!("http://{address}{path}")).send().await.unwrap();

        assert_eq!(get("/healthz").await.status(), 200);
        assert_eq!(get("/readyz").await.status(), 503);
        serving.send_replace(true);
        assert_eq!(get("/readyz").await.status(), 200);
        assert_eq!(get("/").await.status(), 404);
        let answer = get("/metrics").await;
        assert_eq!(answer.headers()["content-type"], OPENMETRICS);
        let text = answer.text().await.unwrap();
        assert!(text.contains("fanfare_build_info") && text.ends_with("# EOF\n"), "{text}");

        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
