//! ReleaseHeldSubscriptions, DiscardHeldSubscriptions, RestoreSubscriptions and EnableSubscriptions: what operators decide
//! on many subscriptions, a bounded step each call.

use prost::Message;

use super::ApiFor;
use super::audit::Done;
use super::convert::application::count;
use super::status::{ApiError, Resource};
use super::tokens::List;
use super::validate::decision::{self as validate, Asked};
use crate::domain::{Application, Origin, OriginId};
use crate::proto::v1;
use crate::store::{Decided, Decision, DecisionStep, StoreError};

/// Subscriptions of one call.
const AT_ONCE: usize = 1_000;

pub(super) async fn release(
    api: &ApiFor<'_>,
    request: v1::ReleaseHeldSubscriptionsRequest,
) -> Result<v1::ReleaseHeldSubscriptionsResponse, ApiError> {
    let application = api.application(&request.application)?;
    let v1::ReleaseHeldSubscriptionsRequest { origin, outcome, validate_only, page_token, .. } = &request;
    let Asked { origin, outcome } = validate::held(origin, *outcome)?;
    let decision = Decision::Release { origin: known(api, &origin)?, outcome };
    let same = v1::ReleaseHeldSubscriptionsRequest { page_token: String::new(), ..request.clone() };
    let call =
        Call { action: "ReleaseHeldSubscriptions", object: origin.as_str(), validate_only: *validate_only };
    let (decided, next_page_token) = decide(api, &application, decision, call, &same, page_token).await?;
    Ok(v1::ReleaseHeldSubscriptionsResponse { released_count: changed(&decided), next_page_token })
}

pub(super) async fn discard(
    api: &ApiFor<'_>,
    request: v1::DiscardHeldSubscriptionsRequest,
) -> Result<v1::DiscardHeldSubscriptionsResponse, ApiError> {
    let application = api.application(&request.application)?;
    let v1::DiscardHeldSubscriptionsRequest { origin, outcome, validate_only, page_token, .. } = &request;
    let Asked { origin, outcome } = validate::held(origin, *outcome)?;
    let decision = Decision::Discard { origin: known(api, &origin)?, outcome };
    let same = v1::DiscardHeldSubscriptionsRequest { page_token: String::new(), ..request.clone() };
    let call =
        Call { action: "DiscardHeldSubscriptions", object: origin.as_str(), validate_only: *validate_only };
    let (decided, next_page_token) = decide(api, &application, decision, call, &same, page_token).await?;
    Ok(v1::DiscardHeldSubscriptionsResponse { discarded_count: changed(&decided), next_page_token })
}

pub(super) async fn restore(
    api: &ApiFor<'_>,
    request: v1::RestoreSubscriptionsRequest,
) -> Result<v1::RestoreSubscriptionsResponse, ApiError> {
    let application = api.application(&request.application)?;
    let (origin, since, until) = validate::restore(&request)?;
    let object = origin.as_ref().map_or("", Origin::as_str).to_owned();
    let origin = origin.map(|origin| known(api, &origin)).transpose()?;
    let decision = Decision::Restore { origin, since, until };
    let same = v1::RestoreSubscriptionsRequest { page_token: String::new(), ..request.clone() };
    let call = Call { action: "RestoreSubscriptions", object: &object, validate_only: request.validate_only };
    let (decided, next_page_token) =
        decide(api, &application, decision, call, &same, &request.page_token).await?;
    Ok(v1::RestoreSubscriptionsResponse {
        restored_count: changed(&decided),
        passed_over_count: count(decided.passed_over as u64),
        next_page_token,
    })
}

pub(super) async fn enable(
    api: &ApiFor<'_>,
    request: v1::EnableSubscriptionsRequest,
) -> Result<v1::EnableSubscriptionsResponse, ApiError> {
    let application = api.application(&request.application)?;
    let decision = match validate::enable(&request)? {
        validate::Enable::One(id) => Decision::Enable(id),
        validate::Enable::Many { origin, outcome, since, until } => {
            let origin = origin.map(|origin| known(api, &origin)).transpose()?;
            Decision::EnableAll { origin, outcome, since, until }
        }
    };
    let object = if request.name.is_empty() { &request.origin } else { &request.name };
    let same = v1::EnableSubscriptionsRequest { page_token: String::new(), ..request.clone() };
    let call = Call { action: "EnableSubscriptions", object, validate_only: request.validate_only };
    let (decided, next_page_token) =
        decide(api, &application, decision, call, &same, &request.page_token).await?;
    Ok(v1::EnableSubscriptionsResponse { enabled_count: changed(&decided), next_page_token })
}

/// One call, for the audit log.
struct Call<'a> {
    action: &'static str,
    object: &'a str,
    validate_only: bool,
}

fn changed(decided: &Decided) -> i32 {
    count(decided.subscriptions.len() as u64)
}

/// The number of an origin.
fn known(api: &ApiFor<'_>, origin: &Origin) -> Result<OriginId, ApiError> {
    let known = api.store.known_origin(origin).map(|known| known.id);
    known.ok_or_else(|| ApiError::NotFound(Resource::UnknownOrigin(origin.as_str().to_owned())))
}

/// Does the next step of a decision. `same` is the request without its token, which a token belongs to.
async fn decide(
    api: &ApiFor<'_>,
    application: &Application,
    decision: Decision,
    call: Call<'_>,
    same: &impl Message,
    page_token: &str,
) -> Result<(Decided, String), ApiError> {
    let bound = [call.action.as_bytes(), &same.encode_to_vec()].concat();
    let cursor = api.tokens.read_page(application.id, List::Decisions, &bound, page_token)?;
    let step = DecisionStep {
        cursor: cursor.unwrap_or_default(),
        limit: AT_ONCE,
        validate_only: call.validate_only,
    };
    let (engine, id) = (api.engine.clone(), application.id);
    let missing = Resource::Subscription(call.object.to_owned());
    let done = (!call.validate_only).then(|| Done::to(application, call.object));
    let decide = async move {
        let decided = match engine.decide(id, decision, step).await {
            Err(StoreError::NotFound) => return Err(ApiError::NotFound(missing)),
            decided => decided?,
        };
        let done = done.map(|done| done.counted(decided.subscriptions.len()));
        Ok((decided, done))
    };
    let decided = api.audited(call.action, decide).await?;
    let next = decided.next.as_ref();
    let token = next.map(|next| api.tokens.page(application.id, List::Decisions, &bound, next));
    Ok((decided, token.unwrap_or_default()))
}
