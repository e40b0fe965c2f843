//! Send and Broadcast: accept, then watch.

use std::sync::Arc;

use futures_util::stream;

use super::convert::frame;
use super::status::ApiError;
use super::validate::sending::{self, Sending};
use super::watching::{Frames, frames};
use super::{Api, recipients};
use crate::domain::{Application, Audience, MessageId, MessageKind};
use crate::engine::Submission;
use crate::engine::feed::{Scope, Start, Watch};
use crate::proto::v1;
use crate::store::Recipients;

pub(super) async fn send(api: &Api, request: v1::SendRequest) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::send(request, api.rules(&application))?;
    let earlier = earlier(api, &application, &sending).await?;
    if sending.validate_only {
        let targets = recipients::count(api, &application, &sending.recipient).await?;
        return Ok(dry_run(&application, targets, false));
    }
    let look_up =
        async |recipient| recipients::targets(api, &application, recipient).await.map(Recipients::Targets);
    join_or_submit(api, &application, MessageKind::Send, sending, earlier, look_up).await
}

pub(super) async fn broadcast(api: &Api, request: v1::BroadcastRequest) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::broadcast(request, api.rules(&application))?;
    let earlier = earlier(api, &application, &sending).await?;
    if sending.validate_only {
        let targets = api.store.estimate(application.id, &sending.recipient).await?;
        let exact = matches!(sending.recipient, Audience::Subscriptions(_));
        return Ok(dry_run(&application, targets, !exact));
    }
    let planned_later = async |audience| Ok(Recipients::Audience(audience));
    join_or_submit(api, &application, MessageKind::Broadcast, sending, earlier, planned_later).await
}

/// Watches the earlier message of the same request from its beginning, or a new one.
async fn join_or_submit<R>(
    api: &Api,
    application: &Arc<Application>,
    kind: MessageKind,
    sending: Sending<R>,
    earlier: Option<MessageId>,
    recipients: impl AsyncFnOnce(R) -> Result<Recipients, ApiError>,
) -> Result<Frames, ApiError> {
    // Before anything is accepted: who may not watch must not send either.
    let permit = api.stream_permit()?;
    let Sending { spec, recipient, request_id, request_hash, level, .. } = sending;
    let (message, replayed) = if let Some(message) = earlier {
        (message, true)
    } else {
        let recipients = recipients(recipient).await?;
        let submission =
            Submission { kind, spec, recipients, request_id, request_hash, start: None, collapse: None };
        // The engine runs it to its end, also when the caller goes away in the middle.
        let accepted = api.engine.submit(application, submission).await?;
        (accepted.record.status.id, accepted.replayed)
    };
    let scope = Scope::Message(message);
    let watch = Watch { application: application.id, scope, start: Start::Beginning, level };
    Ok(frames(api, Arc::clone(application), watch, replayed, permit))
}

/// The message that the request_id was used for, if it was. Asked before recipients are looked up: one that has gone since
/// must not keep a caller from joining. Racing calls are decided by the store.
async fn earlier<R>(
    api: &Api,
    application: &Application,
    sending: &Sending<R>,
) -> Result<Option<MessageId>, ApiError> {
    if sending.request_id.is_empty() {
        return Ok(None);
    }
    match api.store.request(application.id, &sending.request_id).await? {
        Some((message, hash)) if hash == sending.request_hash => Ok(Some(message)),
        Some((message, _)) => Err(ApiError::RequestIdReused(message)),
        None => Ok(None),
    }
}

fn dry_run(application: &Application, targets: u32, estimated: bool) -> Frames {
    Box::pin(stream::iter([Ok(frame::dry_run(application, targets, estimated))]))
}
