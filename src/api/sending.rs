//! Send and Broadcast: accept, then watch.

use std::sync::Arc;

use futures_util::stream;

use super::convert::frame;
use super::leash::{CallEnd, Leash};
use super::lifetime::Lifetime;
use super::status::ApiError;
use super::validate::sending::{self, Recipient, Sending};
use super::watching::{Ends, Frames, frames};
use super::{Api, ApiFor, quotas, recipients};
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
    Message {
        record: Box<MessageRecord>,
        replayed: bool,
        /// With cancel_on_disconnect.
        leash: Option<Leash>,
    },
}

pub(super) async fn send(
    api: &ApiFor<'_>,
    request: v1::SendRequest,
    lifetime: Lifetime,
) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::send(request, api.rules(&application))?;
    // Before anything is accepted: who may not watch must not send either.
    let ends =
        Ends { permit: quotas::send(api, &application)?, lifetime, call: CallEnd::new(api, application.id) };
    let (told, call) = ((sending.level, sending.include_receipts), ends.call.clone());
    let submitted = submit_send(api, &application, sending, call).await?;
    Ok(stream_of(api, application, submitted, told, ends))
}

pub(super) async fn broadcast(
    api: &ApiFor<'_>,
    request: v1::BroadcastRequest,
    lifetime: Lifetime,
) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let sending = sending::broadcast(request, api.rules(&application))?;
    let ends =
        Ends { permit: quotas::send(api, &application)?, lifetime, call: CallEnd::new(api, application.id) };
    let (told, call) = ((sending.level, sending.include_receipts), ends.call.clone());
    let submitted = submit_broadcast(api, &application, sending, call).await?;
    Ok(stream_of(api, application, submitted, told, ends))
}

/// Accepts a Send, or joins an earlier one. It runs to its end, also when the caller goes away in the middle.
pub(super) async fn submit_send(
    api: &Api,
    application: &Arc<Application>,
    sending: Sending<Recipient>,
    call: CallEnd,
) -> Result<Submitted, ApiError> {
    // As it is now: a SendStream may last.
    let now = api.applications.by_id(application.id);
    let (own, application) = (api.clone(), now.unwrap_or_else(|| Arc::clone(application)));
    let submit = async move {
        let api = &own;
        if let Some(joined) = earlier(api, &application, &sending, &call).await? {
            return Ok(joined);
        }
        if sending.validate_only {
            let targets = recipients::count(api, &application, &sending.recipient).await?;
            return Ok(Submitted::DryRun { targets, estimated: false });
        }
        let (recipient, sending) = sending.divide();
        let as_of = api.engine.changes();
        let user = recipients::user_at_start(&recipient, sending.start);
        let targets = recipients::targets(api, &application, recipient).await?;
        let recipients = match user {
            Some(user) => Recipients::Audience(Audience::Users(vec![user])),
            None => Recipients::Targets(targets),
        };
        submit(api, &application, MessageKind::Send, sending, (recipients, as_of), &call).await
    };
    api.finish(submit).await
}

async fn submit_broadcast(
    api: &Api,
    application: &Arc<Application>,
    sending: Sending<Audience>,
    call: CallEnd,
) -> Result<Submitted, ApiError> {
    let (own, application) = (api.clone(), Arc::clone(application));
    let submit = async move {
        let api = &own;
        if let Some(joined) = earlier(api, &application, &sending, &call).await? {
            return Ok(joined);
        }
        if sending.validate_only {
            let targets = api.store.estimate(application.id, &sending.recipient).await?;
            let exact = matches!(sending.recipient, Audience::Subscriptions(_));
            return Ok(Submitted::DryRun { targets, estimated: !exact });
        }
        let (audience, sending) = sending.divide();
        let recipients = (Recipients::Audience(audience), api.engine.changes());
        submit(api, &application, MessageKind::Broadcast, sending, recipients, &call).await
    };
    api.finish(submit).await
}

async fn submit(
    api: &Api,
    application: &Arc<Application>,
    kind: MessageKind,
    sending: Sending<()>,
    (recipients, as_of): (Recipients, u64),
    call: &CallEnd,
) -> Result<Submitted, ApiError> {
    quotas::message(api, application, kind, &recipients).await?;
    let Sending { spec, request_id, request_hash, start, collapse, cancel_on_disconnect, .. } = sending;
    let submission = Submission { kind, spec, recipients, request_id, request_hash, start, collapse, as_of };
    let accepted = api.engine.submit(application, submission).await?;
    let message = accepted.record.status.id;
    let leash = cancel_on_disconnect.then(|| Leash::new(message, call));
    Ok(Submitted::Message { record: Box::new(accepted.record), replayed: accepted.replayed, leash })
}

/// Watches the message from its beginning.
fn stream_of(
    api: &Api,
    application: Arc<Application>,
    submitted: Submitted,
    (level, receipts): (ReportLevel, bool),
    ends: Ends,
) -> Frames {
    match submitted {
        Submitted::DryRun { targets, estimated } => {
            Box::pin(stream::iter([Ok(frame::dry_run(&application, targets, estimated))]))
        }
        Submitted::Message { record, replayed, leash } => {
            let scope = Scope::Message(record.status.id);
            let watch =
                Watch { application: application.id, scope, start: Start::Beginning, level, receipts };
            frames(api, application, watch, replayed, ends, leash)
        }
    }
}

/// The message that the request_id was used for, if it was; nothing for validate_only. Asked before recipients are looked
/// up: one that has gone since must not keep a caller from joining. Racing calls are decided by the store.
async fn earlier<R>(
    api: &Api,
    application: &Application,
    sending: &Sending<R>,
    call: &CallEnd,
) -> Result<Option<Submitted>, ApiError> {
    if sending.request_id.is_empty() {
        return Ok(None);
    }
    let message = match api.store.request(application.id, &sending.request_id).await? {
        Some((message, hash)) if hash == sending.request_hash => message,
        Some((message, _)) => return Err(ApiError::RequestIdReused(message)),
        None => return Ok(None),
    };
    if sending.validate_only {
        return Ok(None);
    }
    let record = api.store.message(application.id, message).await?;
    let leash = sending.cancel_on_disconnect.then(|| Leash::new(message, call));
    Ok(record.map(|record| Submitted::Message { record: Box::new(record), replayed: true, leash }))
}
