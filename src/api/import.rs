//! ImportSubscriptions: entries up, answers down in the same order, each once its entry is durable. Entries are stored
//! concurrently, so that the store makes many of them durable with one sync; entries of one endpoint one after the other, so
//! that the last of them stays.

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::access::Principal;
use super::lifetime::{Ended, Lifetime};
use super::shares::{Holder, Place};
use super::status::{ApiError, embedded};
use super::{Api, ApiFor, subscriptions, validate};
use crate::domain::limits::IMPORT_ENTRIES_MAX;
use crate::domain::{Application, Endpoint, SubscriptionId, Violations};
use crate::proto::v1;
use v1::import_answer::Answer as Content;

/// Entries of one call that are being stored; also the most answers of one response. With those of one request that wait
/// behind them ([`IMPORT_ENTRIES_MAX`]), it is all that a call holds.
const IN_FLIGHT_MAX: usize = 256;

/// What goes down.
pub(super) type Responses =
    Pin<Box<dyn Stream<Item = Result<v1::ImportSubscriptionsResponse, Status>> + Send>>;

/// What became of one entry.
struct Answer {
    endpoint: String,
    result: Result<Imported, ApiError>,
}

/// It is stored: under which name, unless it was only looked at.
struct Imported {
    name: Option<SubscriptionId>,
    created: bool,
}

/// What comes next.
enum Step {
    Request(Option<Result<v1::ImportSubscriptionsRequest, Status>>),
    Answer(Answer),
    Draining,
    TimeOver(Ended),
}

/// Serves one call until the caller has half-closed and every entry has its answer. A bad request, and a server that stops or
/// cannot write, end it too: after the answers to all entries before, so that the first one without is where to go on.
pub(super) fn import_subscriptions<R>(
    api: &ApiFor<'_>,
    mut requests: R,
    lifetime: Lifetime,
) -> Result<Responses, ApiError>
where
    R: Stream<Item = Result<v1::ImportSubscriptionsRequest, Status>> + Unpin + Send + 'static,
{
    // Whose the call is, its first entry says.
    let place = api.imports.take(Holder::of(&api.principal))?;
    let mut call = Call::new(Api::clone(api), Arc::clone(&api.principal), place);
    let idle_max = api.settings.import_idle_max;
    let engine = api.engine.clone();
    Ok(Box::pin(async_stream::try_stream! {
        let (ended, draining) = (lifetime.clone().ended(), engine.draining());
        tokio::pin!(ended, draining);
        let mut answers = FuturesOrdered::new();
        // Nothing more is read: the caller has half-closed, or this is what the call ends with.
        let (mut closed, mut failed) = (false, None);
        let mut too_old = false;
        let mut idle_since = Instant::now();
        loop {
            while answers.len() < IN_FLIGHT_MAX && let Some(entry) = call.next_entry() {
                answers.push_back(entry);
            }
            let over = closed || failed.is_some();
            if over && answers.is_empty() {
                break;
            }
            // It waits for its caller, and for nothing else.
            let is_idle = !over && call.waiting.is_empty() && answers.is_empty();
            if !is_idle {
                idle_since = Instant::now();
            }
            let step = tokio::select! {
                request = requests.next(), if !over && call.waiting.is_empty() => Step::Request(request),
                Some(answer) = answers.next() => Step::Answer(answer),
                () = &mut draining, if failed.is_none() => Step::Draining,
                ended = &mut ended, if !too_old => Step::TimeOver(ended),
                () = sleep_until(idle_since + idle_max), if is_idle => Step::TimeOver(Ended::Idle(idle_max)),
            };
            match step {
                Step::Request(None) => closed = true,
                Step::Request(Some(request)) => {
                    let taken = request.and_then(|request| Ok(call.take_request(request)?));
                    failed = taken.err();
                    if let Some(terms) = &call.terms {
                        ended.set(lifetime.clone().of(&terms.application, &call.api.applications).ended());
                    }
                }
                Step::Answer(answer) => {
                    // With all that became durable together.
                    let (mut group, mut next) = (Vec::new(), Some(answer));
                    while let Some(answer) = next.take() {
                        match call.answer(answer) {
                            Ok(answer) => group.push(answer),
                            Err(error) => {
                                // What comes behind it is sent again: whether it was stored does not matter.
                                call.waiting.clear();
                                answers.clear();
                                failed = Some(error.into());
                            }
                        }
                        if failed.is_none() && group.len() < IN_FLIGHT_MAX {
                            next = answers.next().now_or_never().flatten();
                        }
                    }
                    if !group.is_empty() {
                        yield v1::ImportSubscriptionsResponse { answers: group };
                    }
                }
                Step::Draining => {
                    call.waiting.clear();
                    failed = Some(ApiError::Draining.into());
                }
                Step::TimeOver(Ended::TooOld) => {
                    too_old = true;
                    call.waiting.clear();
                    failed.get_or_insert_with(|| Ended::TooOld.into());
                }
                Step::TimeOver(ended) => Err(ended)?,
            }
        }
        if let Some(status) = failed {
            Err(status)?;
        }
    }))
}

/// What one call knows.
struct Call {
    api: Api,
    principal: Arc<Principal>,
    /// Among the imports; lives as long as the call.
    place: Place,
    /// What the first entry said, of which all others must say the same.
    terms: Option<Terms>,
    /// Entries of the last request that nobody stores yet.
    waiting: VecDeque<v1::SubscribeRequest>,
    /// The endpoints of those that are being stored.
    endpoints: HashSet<String>,
    /// One is being stored that takes another one's place: nothing beside it.
    alone: bool,
}

struct Terms {
    /// As it was named.
    named: String,
    application: Arc<Application>,
    validate_only: bool,
}

impl Call {
    fn new(api: Api, principal: Arc<Principal>, place: Place) -> Self {
        let (waiting, endpoints) = (VecDeque::new(), HashSet::new());
        Self { api, principal, place, terms: None, waiting, endpoints, alone: false }
    }

    /// Takes a request as a whole, or nothing of it.
    fn take_request(&mut self, request: v1::ImportSubscriptionsRequest) -> Result<(), ApiError> {
        let entries = request.subscriptions;
        let mut violations = Violations::new();
        if entries.len() > IMPORT_ENTRIES_MAX {
            violations.add("subscriptions", format!("must have at most {IMPORT_ENTRIES_MAX} entries"));
            return Err(violations.into());
        }
        let Some(first) = entries.first() else { return Ok(()) };
        let named = self.terms.as_ref().map_or(&first.application, |terms| &terms.named);
        let terms = Terms {
            // As it is now: a call may last.
            application: self.api.application_of(&self.principal, named)?,
            named: named.clone(),
            validate_only: self.terms.take().map_or(first.validate_only, |terms| terms.validate_only),
        };
        for (index, entry) in entries.iter().enumerate() {
            let same = entry.application == terms.named || {
                let application = self.api.application_of(&self.principal, &entry.application);
                application.is_ok_and(|application| application.id == terms.application.id)
            };
            if !same {
                let field = format!("subscriptions[{index}].application");
                violations.add(field, "must be the same in all entries of a call");
            }
            if entry.validate_only != terms.validate_only {
                let field = format!("subscriptions[{index}].validate_only");
                violations.add(field, "must be the same in all entries of a call");
            }
        }
        self.place.pass_to(Holder::Application(terms.application.name.as_str().into()))?;
        self.terms = Some(terms);
        violations.or(Some(()))?;
        self.waiting = entries.into();
        Ok(())
    }

    /// Begins to store the next entry, unless it must wait for one that is being stored.
    fn next_entry(&mut self) -> Option<impl Future<Output = Answer> + Send + use<>> {
        let next = self.waiting.front()?;
        let terms = self.terms.as_ref()?;
        let endpoint = next.push_subscription.as_ref().map_or("", |browser| &browser.endpoint);
        // Of all spellings of one there is one. What is none is refused.
        let endpoint = Endpoint::parse(endpoint, true)
            .map_or_else(|_| endpoint.to_owned(), |endpoint| endpoint.expose().to_owned());
        let alone = !next.replaces.is_empty();
        if self.alone || self.endpoints.contains(&endpoint) || (alone && !self.endpoints.is_empty()) {
            return None;
        }
        self.alone = alone;
        self.endpoints.insert(endpoint.clone());
        let request = self.waiting.pop_front()?;
        let (api, application) = (self.api.clone(), Arc::clone(&terms.application));
        // Reading it costs enough to be done beside others.
        let stored = self.api.writes.spawn(async move { import(&api, &application, request).await });
        Some(async move {
            let result = stored.await.unwrap_or_else(|error| Err(ApiError::Internal(error.to_string())));
            Answer { endpoint, result }
        })
    }

    /// The answer to an entry. An error is none, but the end of the call: this server cannot store anything at present.
    fn answer(&mut self, answer: Answer) -> Result<v1::ImportAnswer, ApiError> {
        self.endpoints.remove(&answer.endpoint);
        self.alone = false;
        match answer.result {
            Ok(Imported { name, created }) => {
                let name = name.map_or_else(String::new, SubscriptionId::name);
                Ok(v1::ImportAnswer { answer: Some(Content::Name(name)), created })
            }
            Err(error @ (ApiError::Draining | ApiError::Overloaded | ApiError::StoreUnavailable)) => {
                Err(error)
            }
            Err(error) => {
                let rejected = Content::Rejected(embedded(&error.into()));
                Ok(v1::ImportAnswer { answer: Some(rejected), created: false })
            }
        }
    }
}

/// Stores one entry, as Subscribe would.
async fn import(
    api: &Api,
    application: &Application,
    request: v1::SubscribeRequest,
) -> Result<Imported, ApiError> {
    let validate_only = request.validate_only;
    let mut subscribe = validate::subscribe::subscribe(request, api.rules(application))?;
    subscribe.validate_only = validate_only;
    subscribe.bulk = true;
    let subscribed = if validate_only {
        api.store.subscribe(subscribe).await?
    } else {
        subscriptions::store_subscription(&api.store, &api.engine, subscribe).await?
    };
    let name = (!validate_only).then_some(subscribed.subscription.target.id);
    Ok(Imported { name, created: subscribed.created })
}
