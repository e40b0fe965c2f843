//! The lists, WatchDeliveries and WatchSubscriptions.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sending::report_level;
use super::{known, selector, text};
use crate::api::access::RPCS;
use crate::api::convert::{delivery, message as states, time};
use crate::api::status::ApiError;
use crate::domain::limits::{CALLER_NAME_OCTETS_MAX, NOTE_OCTETS_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::domain::{
    AuditFilter, DeliveryState, MessageId, Outcome, ReportLevel, SubscriptionId, Timestamp, Violations,
};
use crate::engine::feed::Scope;
use crate::proto::v1;
use crate::store::{ListFilter, MessageFilter};

/// Octets of a list's entries in one answer: half of what gRPC clients take by default.
const ENTRIES_OCTETS_MAX: usize = 2 * 1024 * 1024;

/// How many of these entries fit into one answer: at least one, so that a list comes to its end.
pub(crate) fn fitting<T: prost::Message>(entries: &[T]) -> usize {
    let mut octets = 0;
    let fits = |entry: &&T| {
        octets += entry.encoded_len();
        octets <= ENTRIES_OCTETS_MAX
    };
    entries.iter().take_while(fits).count().max(1)
}

/// 0 means the default, too many the most.
fn page_size(violations: &mut Violations, size: i32) -> Option<usize> {
    match usize::try_from(size) {
        Ok(0) => Some(PAGE_SIZE_DEFAULT),
        Ok(size) => Some(size.min(PAGE_SIZE_MAX)),
        Err(_) => {
            violations.add("page_size", "must not be negative");
            None
        }
    }
}

/// Reads ListSubscriptions: how many, and which.
pub(crate) fn subscriptions(request: &v1::ListSubscriptionsRequest) -> Result<(usize, ListFilter), ApiError> {
    use v1::list_subscriptions_request::Selector as Given;
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    let filter = match &request.selector {
        Some(Given::UserId(user)) => {
            text::named_user(&mut violations, "user_id", user);
            ListFilter::User(user.clone())
        }
        Some(Given::Topic(topic)) => {
            text::topic(&mut violations, "topic", topic);
            ListFilter::Topic(topic.clone())
        }
        None => ListFilter::All,
    };
    Ok((violations.or(size)?, filter))
}

/// Names of callers that a text may mean.
type Names = BTreeSet<Arc<str>>;

/// Reads ListMessages: how many, and which. `meant` gives the names that a text in `caller` means.
pub(crate) fn messages(
    request: &v1::ListMessagesRequest,
    meant: impl FnOnce(&str) -> Names,
) -> Result<(usize, MessageFilter), ApiError> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    let states = each(&mut violations, "states", &request.states, states::read_state);
    let any = request.kind == v1::MessageKind::Unspecified as i32;
    let kind = if any { None } else { known(&mut violations, "kind", request.kind, states::read_kind) };
    text::at_most(&mut violations, "note", &request.note, NOTE_OCTETS_MAX);
    let user_id = (!request.user_id.is_empty()).then(|| request.user_id.clone());
    if let Some(user) = &user_id {
        text::named_user(&mut violations, "user_id", user);
    }
    text::at_most(&mut violations, "caller", &request.caller, CALLER_NAME_OCTETS_MAX);
    let (since, until) = span(&mut violations, request.start_time, request.end_time);
    let size = violations.or(size)?;
    let callers = (!request.caller.is_empty()).then(|| meant(&request.caller));
    let note = request.note.to_lowercase();
    Ok((size, MessageFilter { states, kind, callers, note, user_id, since, until }))
}

/// Reads ListAuditEntries but for whose: how many, and which. `meant` as in [`messages`].
pub(crate) fn audit_entries(
    request: &v1::ListAuditEntriesRequest,
    meant: impl FnOnce(&str) -> Names,
) -> Result<(usize, AuditFilter), ApiError> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    if request.all_applications && !request.application.is_empty() {
        violations.add("application", "must be empty with all_applications");
    }
    text::at_most(&mut violations, "caller", &request.caller, CALLER_NAME_OCTETS_MAX);
    if !(request.action.is_empty() || RPCS.iter().any(|rpc| rpc.name == request.action)) {
        violations.add("action", "must be the name of an RPC, for example UpdateApplication");
    }
    let (since, until) = span(&mut violations, request.start_time, request.end_time);
    let size = violations.or(size)?;
    let callers = (!request.caller.is_empty()).then(|| meant(&request.caller));
    let action = request.action.clone();
    Ok((size, AuditFilter { application: None, callers, action, since, until }))
}

/// From when until when.
fn span(
    violations: &mut Violations,
    start: Option<prost_types::Timestamp>,
    end: Option<prost_types::Timestamp>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let since = start.and_then(|time| violations.check("start_time", time::read_timestamp(time)));
    let until = end.and_then(|time| violations.check("end_time", time::read_timestamp(time)));
    if since.zip(until).is_some_and(|(since, until)| until <= since) {
        violations.add("end_time", "must be after start_time");
    }
    (since, until)
}

/// What ListDeliveries asks for.
#[derive(Clone, Debug)]
pub(crate) struct Deliveries {
    pub(crate) message: MessageId,
    pub(crate) page_size: usize,
    pub(crate) states: Vec<DeliveryState>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) subscription: Option<SubscriptionId>,
}

/// Reads ListDeliveries.
pub(crate) fn deliveries(request: &v1::ListDeliveriesRequest) -> Result<Deliveries, ApiError> {
    let mut violations = Violations::new();
    let message = message_parent(&mut violations, &request.parent);
    let page_size = page_size(&mut violations, request.page_size);
    let states = each(&mut violations, "states", &request.states, delivery::read_state);
    let outcomes = each(&mut violations, "outcomes", &request.outcomes, |outcome: v1::Outcome| {
        delivery::read_outcome(outcome)
    });
    let name = (!request.subscription.is_empty()).then_some(&request.subscription);
    let subscription =
        name.and_then(|name| selector::subscription_name(&mut violations, "subscription", name));
    let found = message.zip(page_size);
    let (message, page_size) = violations.or(found)?;
    Ok(Deliveries { message, page_size, states, outcomes, subscription })
}

/// What WatchDeliveries asks for.
#[derive(Clone, Debug)]
pub(crate) struct WatchDeliveries {
    pub(crate) scope: Scope,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) level: ReportLevel,
    pub(crate) receipts: bool,
}

/// Reads WatchDeliveries, but for its token.
pub(crate) fn watch(request: &v1::WatchDeliveriesRequest) -> Result<WatchDeliveries, ApiError> {
    let mut violations = Violations::new();
    let scope = if request.parent == "messages/-" {
        Some(Scope::All)
    } else {
        message_parent(&mut violations, &request.parent).map(Scope::Message)
    };
    let start_time =
        request.start_time.and_then(|time| violations.check("start_time", time::read_timestamp(time)));
    if request.start_time.is_some() && (scope != Some(Scope::All) || !request.resume_token.is_empty()) {
        violations.add("start_time", "is only for messages/- without a resume_token");
    }
    let level = report_level(&mut violations, request.report_level);
    if level == Some(ReportLevel::Accepted) {
        violations.add("report_level", "must not be REPORT_LEVEL_ACCEPTED here");
    }
    let (scope, level) = violations.or(scope.zip(level))?;
    Ok(WatchDeliveries { scope, start_time, level, receipts: request.include_receipts })
}

/// Reads WatchSubscriptions, but for its token: from when on.
pub(crate) fn watch_subscriptions(
    request: &v1::WatchSubscriptionsRequest,
) -> Result<Option<Timestamp>, ApiError> {
    let mut violations = Violations::new();
    let start_time =
        request.start_time.and_then(|time| violations.check("start_time", time::read_timestamp(time)));
    if request.start_time.is_some() && !request.resume_token.is_empty() {
        violations.add("start_time", "is only for a call without a resume_token");
    }
    Ok(violations.or(Some(start_time))?)
}

/// Reads ListApiTokens: how many.
pub(crate) fn api_tokens(request: &v1::ListApiTokensRequest) -> Result<usize, ApiError> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    if request.all_applications && !request.application.is_empty() {
        violations.add("application", "must be empty with all_applications");
    }
    Ok(violations.or(size)?)
}

/// Reads ListApplications: how many.
pub(crate) fn applications(request: &v1::ListApplicationsRequest) -> Result<usize, ApiError> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    Ok(violations.or(size)?)
}

/// Reads ListVapidKeys: how many.
pub(crate) fn vapid_keys(request: &v1::ListVapidKeysRequest) -> Result<usize, ApiError> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    Ok(violations.or(size)?)
}

/// Reads ListOrigins: how many.
pub(crate) fn origins(request: &v1::ListOriginsRequest) -> Result<usize, ApiError> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    Ok(violations.or(size)?)
}

fn message_parent(violations: &mut Violations, parent: &str) -> Option<MessageId> {
    let message = MessageId::parse_name(parent);
    if message.is_none() {
        violations.add("parent", if parent.is_empty() { "is required" } else { "must be messages/{id}" });
    }
    message
}

/// The values of a repeated enum, sorted and each once.
fn each<P: TryFrom<i32>, D: Ord>(
    violations: &mut Violations,
    field: &str,
    numbers: &[i32],
    convert: impl Fn(P) -> Option<D>,
) -> Vec<D> {
    let mut values: Vec<D> = numbers
        .iter()
        .enumerate()
        .filter_map(|(index, number)| known(violations, &format!("{field}[{index}]"), *number, &convert))
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}
