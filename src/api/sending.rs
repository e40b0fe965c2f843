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
use crate::domain::{Application, Audience, MessageId, MessageKind, ReportLevel};
use crate::engine::feed::{Scope, Start, Watch};
use crate::engine::{Submission, SubmitError};
use crate::proto::v1;
use crate::store::rules::replay;
use crate::store::{Accepted, MessageRecord, Recipients, StoreError};

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
    let call = CallEnd::new(api, application.id, api.called_by());
    let ends = Ends { permit: quotas::send(api, &application)?, lifetime, call };
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
    let call = CallEnd::new(api, application.id, api.called_by());
    let ends = Ends { permit: quotas::send(api, &application)?, lifetime, call };
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
        let again = Again::of(&sending, &call);
        if sending.validate_only {
            again.check(api, &application).await?;
            let targets = recipients::count(api, &application, &sending.recipient).await?;
            return Ok(Submitted::DryRun { targets, estimated: false });
        }
        let (recipient, sending) = sending.divide();
        let accepted = match recipients::of_send(api, &application, recipient, sending.start).await {
            Ok(recipients) => submit(api, &application, MessageKind::Send, sending, recipients, &call).await,
            Err(refused) => Err(refused),
        };
        again.or_joined(api, &application, accepted).await
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
        let again = Again::of(&sending, &call);
        if sending.validate_only {
            again.check(api, &application).await?;
            let targets = api.store.estimate(application.id, &sending.recipient).await?;
            let exact = matches!(sending.recipient, Audience::Subscriptions(_));
            return Ok(Submitted::DryRun { targets, estimated: !exact });
        }
        let (audience, sending) = sending.divide();
        let recipients = Recipients::Audience(audience);
        let accepted = submit(api, &application, MessageKind::Broadcast, sending, recipients, &call).await;
        again.or_joined(api, &application, accepted).await
    };
    api.finish(submit).await
}

async fn submit(
    api: &Api,
    application: &Arc<Application>,
    kind: MessageKind,
    sending: Sending<()>,
    mut recipients: Recipients,
    call: &CallEnd,
) -> Result<Accepted, ApiError> {
    let as_of = api.engine.changes();
    quotas::message(api, application, kind, &mut recipients).await?;
    let named = recipients::name(&recipients);
    let Sending { spec, request_id, request_hash, start, collapse, .. } = sending;
    let caller = Some(call.caller().clone());
    let submission =
        Submission { kind, spec, recipients, request_id, request_hash, start, collapse, caller, as_of };
    let submitted = api.engine.submit(application, submission).await;
    if !matches!(submitted, Ok(Accepted { replayed: false, .. })) {
        quotas::give_back(api, application);
    }
    match submitted {
        Ok(accepted) => Ok(accepted),
        Err(SubmitError::Store(StoreError::TooManyTargets(targets))) => {
            Err(quotas::too_many_targets(api, application, targets).await)
        }
        Err(SubmitError::Store(error @ StoreError::NotFound)) => {
            Err(named.map_or_else(|| error.into(), ApiError::NotFound))
        }
        Err(error) => Err(error.into()),
    }
}

/// What tells a request that comes again, and what its caller gets then.
struct Again {
    request_id: String,
    request_hash: [u8; 32],
    cancel_on_disconnect: bool,
    call: CallEnd,
}

impl Again {
    fn of<R>(sending: &Sending<R>, call: &CallEnd) -> Self {
        Self {
            request_id: sending.request_id.clone(),
            request_hash: sending.request_hash,
            cancel_on_disconnect: sending.cancel_on_disconnect,
            call: call.clone(),
        }
    }

    /// Refuses a `request_id` that was used for another request; else the message that it was used for, if it was.
    async fn check(&self, api: &Api, application: &Application) -> Result<Option<MessageId>, ApiError> {
        if self.request_id.is_empty() {
            return Ok(None);
        }
        let Some((message, hash)) = api.store.request(application.id, &self.request_id).await? else {
            return Ok(None);
        };
        replay::replayed(message, &hash, &self.request_hash)?;
        Ok(Some(message))
    }

    /// What the store accepted or found. A request that was refused now joins its message all the same if it was accepted
    /// before: quotas that are used up, or a recipient that has gone since, must not keep its caller from that.
    async fn or_joined(
        self,
        api: &Api,
        application: &Application,
        accepted: Result<Accepted, ApiError>,
    ) -> Result<Submitted, ApiError> {
        let (record, replayed) = match accepted {
            Ok(Accepted { record, replayed, .. }) => (record, replayed),
            Err(refused) => {
                let Some(message) = self.check(api, application).await? else { return Err(refused) };
                let Some(record) = api.store.message(application.id, message).await? else {
                    return Err(refused);
                };
                (record, true)
            }
        };
        let leash = self.cancel_on_disconnect.then(|| Leash::new(record.status.id, &self.call));
        Ok(Submitted::Message { record: Box::new(record), replayed, leash })
    }
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
            let told = api.engine.watch_accepted(watch, *record);
            frames(api, application, (scope, told), replayed, ends, leash)
        }
    }
}
