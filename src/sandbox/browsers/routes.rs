//! What browsers find at their port: the WebSocket, Chromium's check-in and registration, and a site. All by plain HTTP,
//! which browsers take on loopback.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::autopush::{self, SUBPROTOCOL};
use super::fcm_routes;
use super::registry::Browsers;
use crate::domain::Origin;

/// Path of Mozilla's WebSocket at the address for browsers.
pub const AUTOPUSH_PATH: &str = "/autopush";

/// What the routes need.
#[derive(Clone, Debug)]
pub(crate) struct BrowserRoutes {
    pub(crate) browsers: Arc<Browsers>,
    /// Of the endpoints.
    pub(crate) origin: Origin,
    /// Ends the connections.
    pub(crate) stop: CancellationToken,
    /// Runs the connections.
    pub(crate) tasks: TaskTracker,
    /// Room for connections.
    pub(crate) room: Arc<Semaphore>,
}

/// All routes, and those of a site.
pub(crate) fn router(routes: BrowserRoutes, site: Router, chromium: bool) -> Router {
    let router = Router::new().route(AUTOPUSH_PATH, get(connect));
    let router = if chromium { router.merge(fcm_routes::routes()) } else { router };
    router.with_state(routes).merge(site)
}

/// The WebSocket's handshake (RFC 6455 section 4.2).
async fn connect(State(routes): State<BrowserRoutes>, mut request: Request) -> Response {
    let Ok(mut response) = create_response_with_body(&request, axum::body::Body::empty) else {
        return (StatusCode::BAD_REQUEST, "a WebSocket's handshake is expected here\n").into_response();
    };
    let Ok(permit) = Arc::clone(&routes.room).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections\n").into_response();
    };
    if asks_for_subprotocol(request.headers()) {
        let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return (StatusCode::BAD_REQUEST, "this connection cannot become a WebSocket\n").into_response();
    };
    let tasks = routes.tasks.clone();
    let session = routes.browsers.next_session();
    tasks.spawn(async move {
        let _permit = permit;
        let Ok(upgraded) = upgrade.await else { return };
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(autopush::limits()));
        autopush::serve(socket.await, routes.browsers, session, routes.origin, routes.stop).await;
    });
    response
}

fn asks_for_subprotocol(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == SUBPROTOCOL)
}
