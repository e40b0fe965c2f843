//! Send and Broadcast: accept, then watch.

use std::sync::Arc;

use futures_util::stream;

use super::Api;
use super::convert::frame;
use super::status::{ApiError, Resource};
use super::subscriptions::{inline_target, targets_of_user};
use super::validate::sending::{self, Recipient, Sending};
use super::watching::{Frames, frames};
use crate::domain::{Application, Audience, MessageId, MessageKind, Target};
use crate::engine::Submission;
use crate::engine::feed::{Scope, Start, Watch};
use crate::proto::v1;
use crate::store::Recipients;

pub(super) async fn send(api: &Api, request: v1::SendRequest) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::send(request, api.rules(&application))?;
    let earlier = earlier(api, &application, &sending).await?;
    if sending.validate_only {
        let targets = count(api, &application, &sending.recipient).await?;
        return Ok(dry_run(&application, targets, false));
    }
    let permit = api.stream_permit()?;
    let level = sending.level;
    let (message, replayed) = if let Some(message) = earlier {
        (message, true)
    } else {
        let Sending { spec, recipient, request_id, request_hash, .. } = sending;
        let recipients = Recipients::Targets(targets(api, &application, recipient).await?);
        let kind = MessageKind::Send;
        let submission = Submission { kind, spec, recipients, request_id, request_hash };
        submit(api, &application, submission).await?
    };
    let watch =
        Watch { application: application.id, scope: Scope::Message(message), start: Start::Beginning, level };
    Ok(frames(api, application, watch, replayed, permit))
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
    let permit = api.stream_permit()?;
    let level = sending.level;
    let (message, replayed) = if let Some(message) = earlier {
        (message, true)
    } else {
        let Sending { spec, recipient, request_id, request_hash, .. } = sending;
        let recipients = Recipients::Audience(recipient);
        let kind = MessageKind::Broadcast;
        let submission = Submission { kind, spec, recipients, request_id, request_hash };
        submit(api, &application, submission).await?
    };
    let watch =
        Watch { application: application.id, scope: Scope::Message(message), start: Start::Beginning, level };
    Ok(frames(api, application, watch, replayed, permit))
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

/// Accepts a message: which it is, and whether it was accepted earlier. The engine runs it to its end, also when the caller
/// goes away in the middle.
async fn submit(
    api: &Api,
    application: &Arc<Application>,
    submission: Submission,
) -> Result<(MessageId, bool), ApiError> {
    let accepted = api.engine.submit(application, submission).await?;
    Ok((accepted.record.status.id, accepted.replayed))
}

/// Looks the recipient of a Send up.
async fn targets(
    api: &Api,
    application: &Application,
    recipient: Recipient,
) -> Result<Vec<Target>, ApiError> {
    match recipient {
        Recipient::Subscription(id) => {
            let found = api.store.targets(application.id, &[id]).await?;
            let target = found.into_iter().next().flatten();
            let missing = || ApiError::NotFound(Resource::Subscription(id.name()));
            Ok(vec![target.ok_or_else(missing)?])
        }
        Recipient::User(user) => {
            let targets = targets_of_user(api, application, &user).await?;
            if targets.is_empty() { Err(ApiError::NotFound(Resource::User(user))) } else { Ok(targets) }
        }
        Recipient::Inline(browser) => {
            let origin = api.store.intern_origin(browser.endpoint.origin()).await?;
            Ok(vec![inline_target(api, application, *browser, &origin)])
        }
    }
}

/// How many a Send would reach; nothing is written for it.
async fn count(api: &Api, application: &Application, recipient: &Recipient) -> Result<u32, ApiError> {
    match recipient {
        Recipient::Inline(_) => Ok(1),
        Recipient::Subscription(_) | Recipient::User(_) => {
            let targets = targets(api, application, recipient.clone()).await?;
            Ok(u32::try_from(targets.len()).unwrap_or(u32::MAX))
        }
    }
}

fn dry_run(application: &Application, targets: u32, estimated: bool) -> Frames {
    Box::pin(stream::iter([Ok(frame::dry_run(application, targets, estimated))]))
}
