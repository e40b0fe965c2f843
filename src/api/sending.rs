//! Send and Broadcast: accept, then watch.

use std::sync::Arc;

use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::convert::frame;
use super::status::ApiError;
use super::validate::sending::{self, Recipient, Sending};
use super::watching::{Frames, frames};
use super::{Api, recipients};
use crate::domain::{Application, Audience, MessageKind, ReportLevel};
use crate::engine::Submission;
use crate::engine::feed::{Scope, Start, Watch};
use crate::proto::v1;
use crate::store::{MessageRecord, Recipients};

/// What became of a Send or Broadcast.
#[derive(Debug)]
pub(super) enum Submitted {
    /// Everything was right, nothing was done: validate_only.
    DryRun { targets: u32, estimated: bool },
    /// A new message, or with `replayed` that of an earlier request with the same `request_id`.
    Message { record: Box<MessageRecord>, replayed: bool },
}

pub(super) async fn send(api: &Api, request: v1::SendRequest) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::send(request, api.rules(&application))?;
    // Before anything is accepted: who may not watch must not send either.
    let permit = api.stream_permit()?;
    let level = sending.level;
    let submitted = submit_send(api, &application, sending).await?;
    Ok(stream_of(api, application, submitted, level, permit))
}

pub(super) async fn broadcast(api: &Api, request: v1::BroadcastRequest) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::broadcast(request, api.rules(&application))?;
    let permit = api.stream_permit()?;
    let level = sending.level;
    let submitted = submit_broadcast(api, &application, sending).await?;
    Ok(stream_of(api, application, submitted, level, permit))
}

/// Accepts a Send, or joins an earlier one.
pub(super) async fn submit_send(
    api: &Api,
    application: &Arc<Application>,
    sending: Sending<Recipient>,
) -> Result<Submitted, ApiError> {
    if let Some(record) = earlier(api, application, &sending).await?
        && !sending.validate_only
    {
        return Ok(Submitted::Message { record: Box::new(record), replayed: true });
    }
    if sending.validate_only {
        let targets = recipients::count(api, application, &sending.recipient).await?;
        return Ok(Submitted::DryRun { targets, estimated: false });
    }
    let (recipient, sending) = sending.divide();
    let targets = recipients::targets(api, application, recipient).await?;
    submit(api, application, MessageKind::Send, sending, Recipients::Targets(targets)).await
}

async fn submit_broadcast(
    api: &Api,
    application: &Arc<Application>,
    sending: Sending<Audience>,
) -> Result<Submitted, ApiError> {
    if let Some(record) = earlier(api, application, &sending).await?
        && !sending.validate_only
    {
        return Ok(Submitted::Message { record: Box::new(record), replayed: true });
    }
    if sending.validate_only {
        let targets = api.store.estimate(application.id, &sending.recipient).await?;
        let exact = matches!(sending.recipient, Audience::Subscriptions(_));
        return Ok(Submitted::DryRun { targets, estimated: !exact });
    }
    let (audience, sending) = sending.divide();
    submit(api, application, MessageKind::Broadcast, sending, Recipients::Audience(audience)).await
}

async fn submit(
    api: &Api,
    application: &Arc<Application>,
    kind: MessageKind,
    sending: Sending<()>,
    recipients: Recipients,
) -> Result<Submitted, ApiError> {
    let Sending { spec, request_id, request_hash, .. } = sending;
    let submission =
        Submission { kind, spec, recipients, request_id, request_hash, start: None, collapse: None };
    // The engine runs it to its end, also when the caller goes away in the middle.
    let accepted = api.engine.submit(application, submission).await?;
    Ok(Submitted::Message { record: Box::new(accepted.record), replayed: accepted.replayed })
}

/// Watches the message from its beginning.
fn stream_of(
    api: &Api,
    application: Arc<Application>,
    submitted: Submitted,
    level: ReportLevel,
    permit: OwnedSemaphorePermit,
) -> Frames {
    match submitted {
        Submitted::DryRun { targets, estimated } => {
            Box::pin(stream::iter([Ok(frame::dry_run(&application, targets, estimated))]))
        }
        Submitted::Message { record, replayed } => {
            let scope = Scope::Message(record.status.id);
            let watch = Watch { application: application.id, scope, start: Start::Beginning, level };
            frames(api, application, watch, replayed, permit)
        }
    }
}

/// The message that the request_id was used for, if it was. Asked before recipients are looked up: one that has gone since
/// must not keep a caller from joining. Racing calls are decided by the store.
async fn earlier<R>(
    api: &Api,
    application: &Application,
    sending: &Sending<R>,
) -> Result<Option<MessageRecord>, ApiError> {
    if sending.request_id.is_empty() {
        return Ok(None);
    }
    match api.store.request(application.id, &sending.request_id).await? {
        Some((message, hash)) if hash == sending.request_hash => {
            Ok(api.store.message(application.id, message).await?)
        }
        Some((message, _)) => Err(ApiError::RequestIdReused(message)),
        None => Ok(None),
    }
}
