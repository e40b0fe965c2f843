//! ListOrigins, WatchOrigins and ResumeOrigin.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tonic::Status;

use super::audit::Done;
use super::convert::origin::origin;
use super::lifetime::Lifetime;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::{lists, selector};
use super::{Api, ApiFor, quotas};
use crate::domain::ApplicationId;
use crate::engine::feed::HEARTBEAT_INTERVAL;
use crate::proto::v1;

/// How often changes are told.
const CHANGES_INTERVAL: Duration = Duration::from_secs(1);
/// Origins of one response.
const ORIGINS_AT_ONCE: usize = 1_000;
/// The list is of all applications together.
const SERVER_WIDE: ApplicationId = ApplicationId(0);

/// What WatchOrigins answers.
pub(super) type Responses = Pin<Box<dyn Stream<Item = Result<v1::WatchOriginsResponse, Status>> + Send>>;

pub(super) async fn list_origins(
    api: &Api,
    request: v1::ListOriginsRequest,
) -> Result<v1::ListOriginsResponse, ApiError> {
    let page_size = lists::origins(&request)?;
    let token = api.tokens.read_page(SERVER_WIDE, List::Origins, &[], &request.page_token)?;
    // The list is a picture of the moment: its place in it is all that a page can go on from.
    let behind = match token {
        Some(position) => u32::from_be_bytes(position.try_into().map_err(|_| ApiError::PageTokenInvalid)?),
        None => 0,
    };
    let all = origins(api).await;
    let mut page: Vec<_> = all.iter().skip(behind as usize).take(page_size).cloned().collect();
    page.truncate(lists::fitting(&page));
    let next = behind.saturating_add(u32::try_from(page.len()).unwrap_or(u32::MAX));
    let next_page_token = if (next as usize) < all.len() {
        api.tokens.page(SERVER_WIDE, List::Origins, &[], &next.to_be_bytes())
    } else {
        String::new()
    };
    Ok(v1::ListOriginsResponse { origins: page, next_page_token })
}

pub(super) fn watch_origins(api: &Api, lifetime: Lifetime) -> Result<Responses, ApiError> {
    let permit = quotas::stream(api, None)?;
    let api = api.clone();
    Ok(Box::pin(async_stream::stream! {
        let _permit = permit;
        let ended = lifetime.ended();
        tokio::pin!(ended);
        let mut told = HashMap::new();
        for origins in batches(changes(&mut told, origins(&api).await)) {
            yield Ok(v1::WatchOriginsResponse { origins });
        }
        if told.is_empty() {
            yield Ok(v1::WatchOriginsResponse::default());
        }
        let mut spoke = Instant::now();
        let mut ticks = interval(CHANGES_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                ended = &mut ended => {
                    yield Err(ended.into());
                    return;
                }
                () = api.engine.streams_ended() => {
                    yield Err(ApiError::Draining.into());
                    return;
                }
                _ = ticks.tick() => {}
            }
            let changed = changes(&mut told, origins(&api).await);
            if changed.is_empty() && spoke.elapsed() < HEARTBEAT_INTERVAL {
                continue;
            }
            spoke = Instant::now();
            if changed.is_empty() {
                yield Ok(v1::WatchOriginsResponse::default());
            }
            for origins in batches(changed) {
                yield Ok(v1::WatchOriginsResponse { origins });
            }
        }
    }))
}

pub(super) async fn resume_origin(
    api: &ApiFor<'_>,
    request: v1::ResumeOriginRequest,
) -> Result<v1::ResumeOriginResponse, ApiError> {
    let application = api.application(&request.application)?;
    let origin = selector::origin("origin", &request.origin)?;
    let (engine, name) = (api.engine.clone(), origin.as_str().to_owned());
    let resume = async move {
        let resumed = engine.resume_origin(application.id, &name).await;
        Ok((resumed, resumed.then(|| Done::to(&application, name))))
    };
    if api.audited("ResumeOrigin", resume).await? {
        Ok(v1::ResumeOriginResponse {})
    } else {
        Err(ApiError::NotFound(Resource::Origin(origin.as_str().to_owned())))
    }
}

/// All origins, the busiest first.
async fn origins(api: &Api) -> Vec<v1::Origin> {
    let health = api.engine.origins().await;
    let name_of = |id| Some(api.applications.by_id(id)?.name.clone());
    health.iter().map(|of| origin(of, api.engine.connections(&of.origin), name_of)).collect()
}

/// What differs from what was told; one that is not listed any more comes a last time, idle.
fn changes(told: &mut HashMap<String, v1::Origin>, now: Vec<v1::Origin>) -> Vec<v1::Origin> {
    let mut before = std::mem::take(told);
    let mut changed = Vec::new();
    for origin in now {
        if before.remove(&origin.origin).as_ref() != Some(&origin) {
            changed.push(origin.clone());
        }
        told.insert(origin.origin.clone(), origin);
    }
    let gone = before.into_values().filter(|last| last.queued > 0 || last.in_flight > 0);
    changed.extend(gone.map(|last| v1::Origin { queued: 0, in_flight: 0, ..last }));
    changed
}

fn batches(origins: Vec<v1::Origin>) -> impl Iterator<Item = Vec<v1::Origin>> {
    let mut origins = origins.into_iter().peekable();
    std::iter::from_fn(move || {
        origins.peek()?;
        Some(origins.by_ref().take(ORIGINS_AT_ONCE).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(name: &str, queued: i32) -> v1::Origin {
        v1::Origin { origin: name.to_owned(), queued, ..v1::Origin::default() }
    }

    #[test]
    fn only_changes_are_told_and_what_goes_is_told_idle() {
        let mut told = HashMap::new();
        assert_eq!(changes(&mut told, vec![origin("a", 1), origin("b", 0)]).len(), 2);
        assert_eq!(changes(&mut told, vec![origin("a", 1), origin("b", 0)]), []);
        assert_eq!(changes(&mut told, vec![origin("a", 2), origin("b", 0)]), [origin("a", 2)]);
        assert_eq!(changes(&mut told, vec![]), [origin("a", 0)], "the other was told idle already");
        assert_eq!(changes(&mut told, vec![]), []);
    }

    #[test]
    fn batches_are_bounded() {
        let many = (0..2_500).map(|n| origin(&n.to_string(), 0)).collect();
        let sizes: Vec<usize> = batches(many).map(|batch| batch.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
        assert_eq!(batches(vec![]).count(), 0);
    }
}
