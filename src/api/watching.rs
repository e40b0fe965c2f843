//! WatchDeliveries, and the streams of Send and Broadcast, which are the same.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::Api;
use super::convert::frame;
use super::status::ApiError;
use super::validate::lists;
use crate::domain::{Application, MessageId};
use crate::engine::feed::{Scope, Start, Watch};
use crate::proto::v1;

/// A status stream as callers get it.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Result<v1::DeliveryFrame, Status>> + Send>>;

pub(super) async fn watch_deliveries(
    api: &Api,
    request: v1::WatchDeliveriesRequest,
) -> Result<Frames, ApiError> {
    let application = api.application(&request.application)?;
    let lists::WatchDeliveries { scope, start_time, level } = lists::watch(&request)?;
    let start = if request.resume_token.is_empty() {
        match (scope, start_time) {
            (Scope::Message(_), _) => Start::Beginning,
            (Scope::All, Some(time)) => Start::Time(time),
            (Scope::All, None) => Start::Now,
        }
    } else {
        Start::After(api.tokens.read_resume(application.id, scope, &request.resume_token)?)
    };
    let permit = api.stream_permit()?;
    let watch = Watch { application: application.id, scope, start, level };
    Ok(frames(api, application, watch, false, permit))
}

/// The frames of a stream until it ends, the server stops, or it is too old. `replayed` goes into `accepted`; the permit
/// lives as long as the stream.
pub(super) fn frames(
    api: &Api,
    application: Arc<Application>,
    watch: Watch,
    replayed: bool,
    permit: OwnedSemaphorePermit,
) -> Frames {
    let mut frames = api.engine.watch(watch);
    let tokens = api.tokens.clone();
    let end = Instant::now() + age(api.settings.stream_age_max, rand::random());
    Box::pin(async_stream::stream! {
        let _permit = permit;
        loop {
            let next = tokio::select! {
                biased;
                () = sleep_until(end) => {
                    yield Err(Status::from(ApiError::StreamTooOld));
                    return;
                }
                next = frames.next() => next,
            };
            match next {
                Some(Ok(next)) => yield Ok(frame::frame(&tokens, &application, watch.scope, replayed, &next)),
                Some(Err(error)) => {
                    yield Err(Status::from(ApiError::from_feed(error, &name(watch.scope))));
                    return;
                }
                None => return,
            }
        }
    })
}

/// Up to a tenth less than `age_max`.
pub(super) fn age(age_max: Duration, random: u8) -> Duration {
    age_max.saturating_sub(age_max / 10 * u32::from(random) / u32::from(u8::MAX))
}

fn name(scope: Scope) -> String {
    match scope {
        Scope::Message(message) => message.name(),
        Scope::All => format!("{}-", MessageId::COLLECTION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_end_together() {
        let max = Duration::from_secs(1_800);
        assert_eq!(age(max, 0), max);
        assert_eq!(age(max, u8::MAX), Duration::from_secs(1_620));
    }
}
