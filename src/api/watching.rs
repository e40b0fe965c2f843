//! WatchDeliveries, and the streams of Send and Broadcast, which are the same.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use tonic::Status;

use super::convert::frame;
use super::leash::{CallEnd, Leash};
use super::lifetime::{Ended, Lifetime};
use super::quotas::StreamPermit;
use super::status::ApiError;
use super::validate::lists;
use super::{Api, ApiFor, quotas};
use crate::domain::{Application, MessageId};
use crate::engine::feed::{FrameStream, Scope, Start, Watch};
use crate::proto::v1;

/// A status stream as callers get it.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<v1::DeliveryFrame, Status>> + Send>>;

pub(super) async fn watch_deliveries(
    api: &ApiFor<'_>,
    request: v1::WatchDeliveriesRequest,
    lifetime: Lifetime,
) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let lists::WatchDeliveries { scope, start_time, level, receipts } = lists::watch(&request)?;
    let start = if request.resume_token.is_empty() {
        match (scope, start_time) {
            (Scope::Message(_), _) => Start::Beginning,
            (Scope::All, Some(time)) => Start::Time(time),
            (Scope::All, None) => Start::Now,
        }
    } else {
        Start::After(api.tokens.read_resume(application.id, scope, &request.resume_token)?)
    };
    let ends = Ends {
        permit: quotas::stream(api, Some(&application))?,
        lifetime,
        call: CallEnd::new(api, application.id, api.called_by()),
    };
    let watch = Watch { application: application.id, scope, start, level, receipts };
    let told = api.engine.watch(watch);
    Ok(frames(api, application, (watch.scope, told), false, ends, None))
}

/// What ends a stream from this side, beside its own end.
#[derive(Debug)]
pub(super) struct Ends {
    /// Lives as long as the stream.
    pub(super) permit: StreamPermit,
    pub(super) lifetime: Lifetime,
    pub(super) call: CallEnd,
}

/// The frames of a stream until it ends, the server stops, or its time is over. `replayed` goes into `accepted`; the leash
/// is dropped with the stream.
pub(super) fn frames(
    api: &Api,
    application: Arc<Application>,
    (scope, mut told): (Scope, FrameStream),
    replayed: bool,
    ends: Ends,
    leash: Option<Leash>,
) -> Frames {
    let (tokens, applications) = (api.tokens.clone(), api.applications.clone());
    Box::pin(async_stream::stream! {
        let Ends { permit: _permit, lifetime, call } = ends;
        let lifetime = lifetime.of(&application, &applications);
        let _leash = leash;
        let ended = lifetime.ended();
        tokio::pin!(ended);
        loop {
            let next = tokio::select! {
                biased;
                ended = &mut ended => {
                    if ended != Ended::Deadline {
                        call.by_server();
                    }
                    yield Err(ended.into());
                    return;
                }
                next = told.next() => next,
            };
            match next {
                Some(Ok(next)) => yield Ok(frame::frame(&tokens, &application, scope, replayed, &next)),
                Some(Err(error)) => {
                    call.by_server();
                    yield Err(Status::from(ApiError::from_feed(error, &name(scope))));
                    return;
                }
                None => {
                    call.by_server();
                    return;
                }
            }
        }
    })
}

fn name(scope: Scope) -> String {
    match scope {
        Scope::Message(message) => message.name(),
        Scope::All => format!("{}-", MessageId::COLLECTION),
    }
}
