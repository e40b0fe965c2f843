//! The site that demo and sandbox show to browsers: a page, and the small backend that every app with push has. It passes
//! what the page says on to Fanfare by gRPC, and what Fanfare streams on to the page as server-sent events.
//!
//! | call | |
//! |---|---|
//! | `GET /settings.json` | `{key, receipts}`: the VAPID public key, and where receipts go, if they go anywhere |
//! | `GET /sandbox.json` | `{origin, hosts}`: where the sandbox is, and for which hosts of real push services it stands in |
//! | `POST /subscriptions` | `{subscription, replaces?, topics}`: Subscribe; answers `{name}` |
//! | `DELETE /subscriptions` | `{endpoint}`: Unsubscribe |
//! | `POST /messages` | `{message, subscription}` or `{message, topic}`: Send or Broadcast; answers `{name}` |
//! | `GET /events` | each frame of WatchDeliveries for all messages, as JSON, from the site's start on; `Last-Event-ID` goes on |

use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tonic::Status;

use crate::cli::connection::Client;
use crate::cli::json::ProtoJson;
use crate::cli::sandbox::SandboxReady;
use crate::domain::{Clock as _, SystemClock, Timestamp};
use crate::proto::v1;
use crate::proto::v1::delivery_frame::Kind;
use crate::web::{DEMO, ICON, LIBRARY, icon};

/// A request of the page, in octets.
const BODY_OCTETS_MAX: usize = 64 * 1024;
/// Whose the subscriptions are.
const USER: &str = "demo";
/// How far back a page that is opened is told of messages, at most.
const STORY_MAX: Duration = Duration::from_secs(60 * 60);

/// What it works with.
#[derive(Clone, Debug)]
pub(super) struct Site {
    client: Client,
    /// Where the worker reports; nowhere without.
    receipts: Option<String>,
    formats: Arc<Formats>,
    icon: Bytes,
    started: Timestamp,
    /// Unknown until the sandbox listens.
    push: Arc<OnceLock<PushService>>,
}

/// Where the sandbox is, and for whom it stands in: what goes to these hosts goes to it.
#[derive(Clone, Debug, Serialize)]
struct PushService {
    origin: String,
    hosts: Vec<String>,
}

#[derive(Debug)]
struct Formats {
    subscribe: ProtoJson,
    send: ProtoJson,
    broadcast: ProtoJson,
    frame: ProtoJson,
}

/// What went wrong, for the page.
struct Wrong(StatusCode, String);

impl From<anyhow::Error> for Wrong {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<Status> for Wrong {
    fn from(status: Status) -> Self {
        // Made here: there is nobody who could say more.
        let message = match std::error::Error::source(&status) {
            Some(_) => "Fanfare does not answer: is `fanfare serve` running?",
            None => status.message(),
        };
        Self(StatusCode::BAD_GATEWAY, message.to_owned())
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl Site {
    pub(super) fn new(client: Client, receipts: Option<String>) -> anyhow::Result<Self> {
        let formats = Formats {
            subscribe: ProtoJson::of("fanfare.v1.SubscribeRequest")?,
            send: ProtoJson::of("fanfare.v1.SendRequest")?,
            broadcast: ProtoJson::of("fanfare.v1.BroadcastRequest")?,
            frame: ProtoJson::of("fanfare.v1.WatchDeliveriesResponse")?,
        };
        let icon = icon().context("the icon does not read")?.into();
        let started = SystemClock.now();
        Ok(Self { client, receipts, formats: Arc::new(formats), icon, started, push: Arc::default() })
    }

    /// Tells of the sandbox, once that is known; also to routers that were made before.
    pub(super) fn tell_of(&self, sandbox: &SandboxReady) {
        let hosts = sandbox.chromium.iter().flat_map(|chromium| chromium.hosts.keys().cloned()).collect();
        // A second sandbox there is not.
        let _ = self.push.set(PushService { origin: sandbox.push_origin.clone(), hosts });
    }

    /// From when on a page that is opened is told of messages.
    fn story_begins(&self) -> prost_types::Timestamp {
        let begins = self.started.max(SystemClock.now().minus(STORY_MAX));
        (UNIX_EPOCH + Duration::from_micros(begins.as_micros())).into()
    }

    /// Everything that it serves.
    pub(super) fn router(self) -> Router {
        let assets = LIBRARY.into_iter().chain(DEMO);
        let router = assets.fold(Router::new(), |router, (path, media_type, content)| {
            // Always asked for again: who works on the library sees what is there now.
            let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")];
            router.route(path, get(move || async move { (headers, content) }))
        });
        let (path, media_type) = ICON;
        let icon = self.icon.clone();
        router
            .route(path, get(move || async move { ([(header::CONTENT_TYPE, media_type)], icon) }))
            .route("/settings.json", get(settings))
            .route("/sandbox.json", get(sandbox))
            .route("/subscriptions", post(subscribe).delete(unsubscribe))
            .route("/messages", post(send))
            .route("/events", get(events))
            .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
            .with_state(self)
    }
}

async fn settings(State(mut site): State<Site>) -> Result<Json<Value>, Wrong> {
    let answer = site.client.get_vapid_public_key(v1::GetVapidPublicKeyRequest::default()).await?;
    let key = answer.into_inner().application_server_key;
    Ok(Json(json!({ "key": key, "receipts": site.receipts })))
}

async fn sandbox(State(site): State<Site>) -> Json<Option<PushService>> {
    Json(site.push.get().cloned())
}

/// What the page's `backend.save` says.
#[derive(Deserialize)]
struct Save {
    subscription: Value,
    replaces: Option<String>,
    #[serde(default)]
    topics: Vec<String>,
}

async fn subscribe(State(mut site): State<Site>, Json(save): Json<Save>) -> Result<Json<Value>, Wrong> {
    let Save { subscription, replaces, topics } = save;
    let request = json!({
        "pushSubscription": subscription, "userId": USER, "topics": topics, "replaces": replaces.unwrap_or_default(),
    });
    let request: v1::SubscribeRequest = site.formats.subscribe.read(&request)?;
    let subscribed = site.client.subscribe(request).await?.into_inner().subscription.unwrap_or_default();
    let name = subscribed.name;
    // Subscribe leaves what is empty as it was; the page means none.
    site.client
        .update_subscription(v1::UpdateSubscriptionRequest {
            selector: Some(v1::update_subscription_request::Selector::Name(name.clone())),
            subscription: Some(v1::Subscription { topics, ..v1::Subscription::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["topics".to_owned()] }),
            ..v1::UpdateSubscriptionRequest::default()
        })
        .await?;
    Ok(Json(json!({ "name": name })))
}

/// What the page's `backend.remove` says.
#[derive(Deserialize)]
struct Remove {
    endpoint: String,
}

async fn unsubscribe(State(mut site): State<Site>, Json(remove): Json<Remove>) -> Result<Json<Value>, Wrong> {
    let selector = v1::unsubscribe_request::Selector::Endpoint(remove.endpoint);
    let request = v1::UnsubscribeRequest {
        selector: Some(selector),
        allow_missing: true,
        ..v1::UnsubscribeRequest::default()
    };
    site.client.unsubscribe(request).await?;
    Ok(Json(json!({})))
}

/// What the page sends, and to whom.
#[derive(Deserialize)]
struct Sent {
    message: Value,
    subscription: Option<String>,
    topic: Option<String>,
}

async fn send(State(mut site): State<Site>, Json(sent): Json<Sent>) -> Result<Json<Value>, Wrong> {
    let Sent { message, subscription, topic } = sent;
    // The page watches anyway.
    let report_level = "REPORT_LEVEL_ACCEPTED";
    let frame = match (subscription, topic) {
        (_, Some(topic)) => {
            let request = json!({
                "audience": { "topics": { "topics": [topic] } }, "message": message, "reportLevel": report_level,
            });
            let request: v1::BroadcastRequest = site.formats.broadcast.read(&request)?;
            let answer = site.client.broadcast(request).await?.into_inner().message().await?;
            answer.and_then(|answer| answer.frame)
        }
        (subscription, None) => {
            let request = json!({
                "subscription": subscription, "message": message, "reportLevel": report_level,
            });
            let request: v1::SendRequest = site.formats.send.read(&request)?;
            let answer = site.client.send(request).await?.into_inner().message().await?;
            answer.and_then(|answer| answer.frame)
        }
    };
    match frame.and_then(|frame| frame.kind) {
        Some(Kind::Accepted(accepted)) => {
            Ok(Json(json!({ "name": accepted.message.map(|message| message.name) })))
        }
        Some(Kind::Events(_) | Kind::Receipts(_) | Kind::Progress(_) | Kind::Summary(_)) | None => {
            Err(Wrong(StatusCode::BAD_GATEWAY, "the server did not accept it".to_owned()))
        }
    }
}

async fn events(
    State(mut site): State<Site>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = anyhow::Result<Event>>>, Wrong> {
    // The browser itself goes on where its stream broke off; a page that is opened begins anew.
    let resume_token = headers.get("last-event-id").and_then(|token| token.to_str().ok()).unwrap_or_default();
    let request = v1::WatchDeliveriesRequest {
        parent: "messages/-".to_owned(),
        resume_token: resume_token.to_owned(),
        start_time: resume_token.is_empty().then(|| site.story_begins()),
        report_level: v1::ReportLevel::Attempts.into(),
        include_receipts: true,
        ..v1::WatchDeliveriesRequest::default()
    };
    let frames = site.client.watch_deliveries(request).await?.into_inner();
    let formats = site.formats;
    let events = frames.map(move |answer| {
        let answer = answer?;
        let event = Event::default().data(formats.frame.write(&answer)?);
        let token = answer.frame.map(|frame| frame.resume_token).unwrap_or_default();
        // What an id of an event cannot have in it.
        Ok(if token.contains(['\r', '\n', '\0']) { event } else { event.id(token) })
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
