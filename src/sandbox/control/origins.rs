//! The calls of `/origins`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::{Control, Range, Refused, all_lines, by_index, lines};
use crate::sandbox::control_json::{NewOrigins, OriginStatus};
use crate::sandbox::origin_settings::OriginSettings;
use crate::sandbox::origins::OriginServer;

pub(super) async fn list(
    State(control): State<Control>,
    query: Result<Query<Range>, QueryRejection>,
) -> Result<Response, Refused> {
    let range = query?.0;
    let all = control.origins.count();
    let end = range.count.map_or(all, |count| all.min(range.from.saturating_add(count)));
    let origins = control.origins;
    Ok(lines(by_index(range.from, end, move |number| origins.get(number).map(|origin| origin.status()))))
}

pub(super) async fn make(
    State(control): State<Control>,
    body: Result<Json<NewOrigins>, JsonRejection>,
) -> Result<(StatusCode, Response), Refused> {
    let Json(new) = body?;
    let made = control.origins.make(new.count, &new.settings).await?;
    Ok((StatusCode::CREATED, statuses(&made)))
}

pub(super) async fn set_many(
    State(control): State<Control>,
    query: Result<Query<Range>, QueryRejection>,
    body: Result<Json<OriginSettings>, JsonRejection>,
) -> Result<Response, Refused> {
    let range = query?.0;
    let count = range.count.unwrap_or(control.origins.count().saturating_sub(range.from));
    Ok(statuses(&control.origins.set(range.from, count, &body?.0).await?))
}

pub(super) async fn status(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
) -> Result<Json<OriginStatus>, Refused> {
    Ok(Json(control.origin(path?.0)?.status()))
}

pub(super) async fn set_one(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
    body: Result<Json<OriginSettings>, JsonRejection>,
) -> Result<Json<OriginStatus>, Refused> {
    let number = path?.0;
    control.origins.set(number, 1, &body?.0).await?;
    Ok(Json(control.origin(number)?.status()))
}

pub(super) async fn seconds(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
) -> Result<Response, Refused> {
    Ok(all_lines(control.origin(path?.0)?.gate.seconds()))
}

fn statuses(origins: &[Arc<OriginServer>]) -> Response {
    all_lines(origins.iter().map(|origin| origin.status()))
}
