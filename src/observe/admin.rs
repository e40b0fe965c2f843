//! The admin port: metrics and health over plain HTTP, on a listener of its own, for operators and their machines.
//!
//! | path | answer |
//! |---|---|
//! | `GET /metrics` | 200, the metrics: in the OpenMetrics text format if `Accept` asks for it, else in Prometheus' own |
//! | `GET /healthz` | 200 as long as the process answers |
//! | `GET /readyz` | 200 while requests are served, else 503 |

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use super::text_format::{OPENMETRICS, PLAIN, plain, wants_openmetrics};
use crate::accept::PatientListener;

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

async fn show_metrics(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let Ok(text) = shown.metrics.encode() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    // A client may give it in several lines.
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (kind, text) = if wants_openmetrics(&accept.collect::<Vec<_>>().join(",")) {
        (OPENMETRICS, text)
    } else {
        (PLAIN, plain(&text))
    };
    ([(header::CONTENT_TYPE, kind), (header::VARY, "accept")], text).into_response()
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
        assert_eq!(answer.headers()["content-type"], PLAIN);
        let text = answer.text().await.unwrap();
        assert!(text.contains("# TYPE fanfare_build_info gauge\n") && !text.contains("# EOF"), "{text}");
        let asked = client.get(format!("http://{address}/metrics"));
        let answer = asked.header("accept", "application/openmetrics-text;version=1.0.0,*/*;q=0.1").send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.headers()["content-type"], OPENMETRICS);
        let text = answer.text().await.unwrap();
        assert!(text.contains("# TYPE fanfare_build info\n") && text.ends_with("# EOF\n"), "{text}");

        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
