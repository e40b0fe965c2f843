//! The control API, by plain HTTP: `docs/sandbox.md` lists its calls.

mod origins;
mod user_agents;

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::control_json::{
    About, AnswerLine, ControlError, Counts, FaultLine, GroupStatus, NewGroup, OriginRange,
    PushSubscriptionJson, PushSubscriptionKeysJson, ReceivedLeftOut, ReceivedLine,
};
use super::fault::Fault;
use super::fault_shares::FaultShares;
use super::groups::{Group, GroupError, GroupSpec, REMEMBERED_DEFAULT};
use super::origins::{OriginServer, Origins, OriginsError};
use super::push_resource::{PUSH_PATH, PushService};
use super::received::{LogPosition, Received};
use super::synthetic_keys::SyntheticKeys;
use crate::domain::ContentEncoding;
use crate::webpush::AgreementKey;
use crate::webpush::keys::{encode_base64url, parse_p256dh};
use crate::webpush::outcome::known;

/// Body of a call, in octets.
const CALL_OCTETS_MAX: usize = 64 * 1_024;
/// Lines of a long answer that are made at a time.
const LINES_AT_A_TIME: u32 = 256;

/// What the calls need.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) service: Arc<PushService>,
    pub(crate) origins: Arc<Origins>,
    /// PEM; none where the push listener speaks plain HTTP.
    pub(crate) authority_pem: Option<Arc<str>>,
    /// Ends answers that have no end of their own.
    pub(crate) stop: CancellationToken,
}

/// All calls.
pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/", get(about))
        .route("/ca.pem", get(authority))
        .route("/counts", get(counts))
        .route("/answers", get(answers))
        .route("/origins", get(origins::list).post(origins::make).put(origins::set_many))
        .route("/origins/{origin}", get(origins::status).put(origins::set_one))
        .route("/origins/{origin}/seconds", get(origins::seconds))
        .route("/user-agents", get(user_agents::list))
        .route("/user-agents/{user_agent}", get(user_agents::status).put(user_agents::set))
        .route("/events", get(user_agents::events))
        .route("/groups", post(make_group))
        .route("/groups/{group}", get(group_status))
        .route("/groups/{group}/subscriptions", get(subscriptions))
        .route("/groups/{group}/received", get(received))
        .route("/groups/{group}/faults", get(list_faults).put(set_faults))
        .route("/groups/{group}/subscribers/{index}/faults", post(set_own_fault))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is no such call"))
        .layer(DefaultBodyLimit::max(CALL_OCTETS_MAX))
        .with_state(control)
}

async fn about(State(control): State<Control>) -> Json<About> {
    let service = &control.service;
    Json(About {
        push_origin: control.origins.get(0).map(|origin| origin.origin.to_string()).unwrap_or_default(),
        profile: service.profile.as_str().to_owned(),
        body_octets_max: service.body_octets_max,
    })
}

async fn authority(State(control): State<Control>) -> Response {
    match control.authority_pem {
        Some(pem) => ([(header::CONTENT_TYPE, "application/x-pem-file")], pem.to_string()).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "the push listener speaks plain HTTP"),
    }
}

async fn counts(State(control): State<Control>) -> Json<Counts> {
    Json(control.service.counters.read(control.service.groups.left_out()))
}

async fn answers() -> Response {
    all_lines(known::all().map(|known| AnswerLine {
        service: known.service.as_str().to_owned(),
        name: known.name.to_owned(),
        status: known.status,
        body: known.body.to_owned(),
        outcome: known.outcome.as_str().to_owned(),
        source: known.source.to_owned(),
    }))
}

async fn make_group(
    State(control): State<Control>,
    body: Result<Json<NewGroup>, JsonRejection>,
) -> Result<(StatusCode, Json<GroupStatus>), Refused> {
    let Json(new) = body?;
    let bad = |what: String| Refused(StatusCode::BAD_REQUEST, what);
    let application_server_key = match &new.application_server_key {
        Some(key) => Some(parse_p256dh(key).map_err(|error| bad(format!("application_server_key {error}")))?),
        None => None,
    };
    let encoding = match &new.content_encoding {
        Some(name) => ContentEncoding::parse(name)
            .ok_or(bad("content_encoding must be aes128gcm or aesgcm".to_owned()))?,
        None => ContentEncoding::default(),
    };
    let keys = match &new.seed {
        Some(seed) => SyntheticKeys::new(seed.as_bytes()),
        None => SyntheticKeys::new(&rand::random::<[u8; 32]>()),
    };
    let OriginRange { from, count } = new.origins;
    if count == 0 || u64::from(from) + u64::from(count) > u64::from(control.origins.count()) {
        return Err(bad(format!("origins must be some of the {} that there are", control.origins.count())));
    }
    let spec = GroupSpec {
        count: new.count,
        application_server_key,
        encoding,
        faults: new.faults,
        keys,
        origins: new.origins,
        remembered: new.remembered.unwrap_or(REMEMBERED_DEFAULT),
        log: new.log.unwrap_or(true),
    };
    let group = control.service.groups.add(spec)?;
    Ok((StatusCode::CREATED, Json(group.status())))
}

async fn group_status(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
) -> Result<Json<GroupStatus>, Refused> {
    Ok(Json(control.group(path?.0)?.status()))
}

/// Which subscribers or origins, by number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    #[serde(default)]
    from: u32,
    count: Option<u32>,
}

async fn subscriptions(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
    query: Result<Query<Range>, QueryRejection>,
) -> Result<Response, Refused> {
    let group = control.group(path?.0)?;
    let range = query?.0;
    let end = range.count.map_or(group.count, |count| group.count.min(range.from.saturating_add(count)));
    let origins = control.origins;
    Ok(lines(by_index(range.from, end, move |index| {
        let origin = origins.get(group.origin_of(index))?;
        subscription(&group, &origin, index)
    })))
}

fn subscription(group: &Group, origin: &OriginServer, index: u32) -> Option<PushSubscriptionJson> {
    let origin = &origin.origin;
    let receiver = group.keys.receiver(index)?;
    let token = group.keys.token(group.number, index).text();
    Some(PushSubscriptionJson {
        endpoint: format!("{origin}{PUSH_PATH}{token}"),
        expiration_time: None,
        keys: PushSubscriptionKeysJson {
            p256dh: encode_base64url(receiver.key.public()),
            auth: encode_base64url(&receiver.auth),
        },
    })
}

async fn list_faults(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
) -> Result<Response, Refused> {
    let group = control.group(path?.0)?;
    let count = group.count;
    let fault_line =
        move |index| group.fault(index).map(|fault| FaultLine { index, fault: (*fault).clone() });
    Ok(lines(by_index(0, count, fault_line)))
}

async fn set_faults(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
    body: Result<Json<FaultShares>, JsonRejection>,
) -> Result<Json<GroupStatus>, Refused> {
    let group = control.group(path?.0)?;
    group.set_faults(body?.0);
    Ok(Json(group.status()))
}

async fn set_own_fault(
    State(control): State<Control>,
    path: Result<Path<(u32, u32)>, PathRejection>,
    body: Result<Json<Option<Fault>>, JsonRejection>,
) -> Result<StatusCode, Refused> {
    let (group, index) = path?.0;
    control.group(group)?.set_own_fault(index, body?.0)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn received(
    State(control): State<Control>,
    path: Result<Path<u32>, PathRejection>,
) -> Result<Response, Refused> {
    let group = control.group(path?.0)?;
    let chunks = stream::unfold(Some(LogPosition::default()), move |position| {
        let group = Arc::clone(&group);
        async move {
            let mut position = position?;
            tokio::task::yield_now().await;
            let read = group.log.read(&mut position, LINES_AT_A_TIME as usize);
            if !read.is_empty() {
                return Some((ndjson(read.into_iter().map(received_line)), Some(position)));
            }
            let left_out = group.log.left_out() as u64;
            (left_out > 0).then(|| (ndjson([ReceivedLeftOut { left_out }]), None))
        }
    });
    Ok(lines(chunks))
}

fn received_line(received: Received) -> ReceivedLine {
    let (digest, error) = match received.plaintext {
        Ok(digest) => (Some(digest), None),
        Err(error) => (None, Some(error.to_string())),
    };
    ReceivedLine {
        sequence: received.sequence,
        index: received.index,
        sha256: digest.map(|digest| hex(&digest.sha256)),
        octets: digest.map(|digest| digest.octets),
        error,
        ttl: received.ttl_seconds,
        urgency: received.urgency.map(|urgency| urgency.as_str().to_owned()),
        topic: received.topic.map(String::from),
        encoding: received.encoding.map(|encoding| encoding.as_str().to_owned()),
        status: StatusCode::CREATED.as_u16(),
        time_micros: received.time.as_micros(),
    }
}

fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

/// Lines for some of the subscribers, some at a time, so that the listener's thread gets to other work between.
fn by_index<T: Serialize>(
    from: u32,
    end: u32,
    line: impl Fn(u32) -> Option<T> + Send + Sync + 'static,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let line = Arc::new(line);
    stream::unfold(from, move |from| {
        let line = Arc::clone(&line);
        async move {
            tokio::task::yield_now().await;
            let next = from.saturating_add(LINES_AT_A_TIME).min(end);
            (from < end).then(|| (ndjson((from..next).filter_map(|index| line(index))), next))
        }
    })
}

fn ndjson<T: Serialize>(values: impl IntoIterator<Item = T>) -> Bytes {
    let mut text = Vec::new();
    for value in values {
        if serde_json::to_writer(&mut text, &value).is_ok() {
            text.push(b'\n');
        }
    }
    text.into()
}

/// Lines that are there already.
fn all_lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], ndjson(values)).into_response()
}

fn lines(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures_util::StreamExt;
    let body = Body::from_stream(chunks.map(Ok::<_, io::Error>));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

impl Control {
    fn origin(&self, number: u32) -> Result<Arc<OriginServer>, Refused> {
        self.origins.get(number).ok_or_else(|| OriginsError::Unknown(number.into()).into())
    }

    fn group(&self, number: u32) -> Result<Arc<Group>, Refused> {
        let unknown = || Refused(StatusCode::NOT_FOUND, format!("there is no group {number}"));
        self.service.groups.get(number).ok_or_else(unknown)
    }
}

/// A refused call.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refuse(self.0, &self.1)
    }
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(ControlError { error: error.to_owned() })).into_response()
}

impl From<GroupError> for Refused {
    fn from(error: GroupError) -> Self {
        let status = match error {
            GroupError::Empty | GroupError::Remembered => StatusCode::BAD_REQUEST,
            // As where the JSON of shares is refused.
            GroupError::Fault(_) => StatusCode::UNPROCESSABLE_ENTITY,
            GroupError::NoSuchSubscriber => StatusCode::NOT_FOUND,
            GroupError::TooManyGroups
            | GroupError::TooManyRemembered(_)
            | GroupError::TooManySubscribers(_)
            | GroupError::TooManyOwnFaults(_) => StatusCode::CONFLICT,
        };
        Self(status, error.to_string())
    }
}

impl From<OriginsError> for Refused {
    fn from(error: OriginsError) -> Self {
        let status = match error {
            OriginsError::Empty => StatusCode::BAD_REQUEST,
            OriginsError::Unknown(_) => StatusCode::NOT_FOUND,
            OriginsError::Settings(_) => StatusCode::UNPROCESSABLE_ENTITY,
            OriginsError::TooMany(_) | OriginsError::Port { .. } | OriginsError::Sandbox(_) => {
                StatusCode::CONFLICT
            }
        };
        Self(status, error.to_string())
    }
}

macro_rules! from_rejection {
    ($($rejection:ident),+) => {$(
        impl From<$rejection> for Refused {
            fn from(rejection: $rejection) -> Self {
                Self(rejection.status(), rejection.body_text())
            }
        }
    )+};
}
from_rejection!(JsonRejection, PathRejection, QueryRejection);
