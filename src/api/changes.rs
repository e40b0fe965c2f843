//! WatchSubscriptions.

use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use tonic::Status;

use super::convert::change::change;
use super::lifetime::Lifetime;
use super::status::ApiError;
use super::validate::lists;
use super::{ApiFor, quotas};
use crate::engine::changes::{Changes, ChangesStart};
use crate::proto::v1;

/// What WatchSubscriptions answers.
pub(super) type Responses =
    Pin<Box<dyn Stream<Item = Result<v1::WatchSubscriptionsResponse, Status>> + Send>>;

pub(super) fn watch_subscriptions(
    api: &ApiFor<'_>,
    request: &v1::WatchSubscriptionsRequest,
    lifetime: Lifetime,
) -> Result<Responses, ApiError> {
    let application = api.application(&request.application)?;
    let start_time = lists::watch_subscriptions(request)?;
    let start = if request.resume_token.is_empty() {
        start_time.map_or(ChangesStart::Now, ChangesStart::Time)
    } else {
        ChangesStart::After(api.tokens.read_changes(application.id, &request.resume_token)?)
    };
    let permit = quotas::stream(api, Some(&application))?;
    let mut changes = api.engine.watch_changes(application.id, start);
    let (tokens, applications) = (api.tokens.clone(), api.applications.clone());
    Ok(Box::pin(async_stream::stream! {
        let _permit = permit;
        let ended = lifetime.of(&application, &applications).ended();
        tokio::pin!(ended);
        loop {
            let next = tokio::select! {
                biased;
                ended = &mut ended => {
                    yield Err(ended.into());
                    return;
                }
                next = changes.next() => next,
            };
            let Changes { changes, position } = match next {
                Some(Ok(changes)) => changes,
                Some(Err(error)) => {
                    yield Err(ApiError::from_changes(error).into());
                    return;
                }
                None => return,
            };
            // As many at once as an answer takes, each part with its own position.
            let told: Vec<_> = changes.iter().map(|of| change(&application, of)).collect();
            let mut behind = 0;
            loop {
                let part = &told[behind..];
                let fitting = lists::fitting(part).min(part.len());
                behind += fitting;
                let last = behind == told.len();
                let position = if last { position } else { changes[behind - 1].seq };
                yield Ok(v1::WatchSubscriptionsResponse {
                    changes: part[..fitting].to_vec(),
                    resume_token: tokens.changes(application.id, position),
                });
                if last {
                    break;
                }
            }
        }
    }))
}
