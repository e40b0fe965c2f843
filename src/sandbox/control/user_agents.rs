//! The calls about real browsers: `/user-agents` and `/events`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::stream;
use serde::Deserialize;
use uuid::Uuid;

use super::{Control, LINES_AT_A_TIME, Refused, all_lines, lines, ndjson};
use crate::sandbox::control_json::{UserAgentSettings, UserAgentStatus};

pub(super) async fn list(State(control): State<Control>) -> Response {
    all_lines(control.service.browsers.list())
}

pub(super) async fn status(
    State(control): State<Control>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<UserAgentStatus>, Refused> {
    let Path(name) = path?;
    let status = id(&name).and_then(|id| control.service.browsers.status(id));
    status.map(Json).ok_or_else(|| unknown(&name))
}

pub(super) async fn set(
    State(control): State<Control>,
    path: Result<Path<String>, PathRejection>,
    body: Result<Json<UserAgentSettings>, JsonRejection>,
) -> Result<Json<UserAgentStatus>, Refused> {
    let Path(name) = path?;
    let Json(settings) = body?;
    let set = id(&name).and_then(|id| control.service.browsers.set_reachable(id, settings.reachable));
    set.map(Json).ok_or_else(|| unknown(&name))
}

/// Which events.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    #[serde(default)]
    from: u64,
    /// Whether later ones are waited for, without end.
    #[serde(default)]
    follow: bool,
}

pub(super) async fn events(
    State(control): State<Control>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(Which { from, follow }) = query?;
    let (browsers, stop) = (Arc::clone(&control.service.browsers), control.stop);
    let chunks = stream::unfold(from, move |from| {
        let (browsers, stop) = (Arc::clone(&browsers), stop.clone());
        async move {
            if follow {
                tokio::select! {
                    () = browsers.events.reach(from) => {}
                    () = stop.cancelled() => return None,
                }
            }
            let read = browsers.events.read(from, LINES_AT_A_TIME as usize);
            let next = read.last()?.number + 1;
            Some((ndjson(read), next))
        }
    });
    Ok(lines(chunks))
}

/// 32 hexadecimal digits.
fn id(name: &str) -> Option<Uuid> {
    Uuid::try_parse(name).ok()
}

fn unknown(name: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("there is no user agent {name}"))
}
