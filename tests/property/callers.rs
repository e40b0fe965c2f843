//! Those who call the server. Their calls go on beside each other and may be cut by a crash; what they were answered must
//! hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fanfare::domain::{Audience, Clock, MessageId, MessageKind, Timestamp};
use fanfare::engine::{Recipient, Recipients, Submission, SubmitError};
use fanfare::observe::SubscriptionChange;
use fanfare::store::{Accepted, Selector, StoreError, Subscribed};
use tokio::task::JoinHandle;

use super::asking::{self, endpoint_of, hash_of, subscribe, user};
use super::server::{Server, Surroundings};
use super::steps::{self, ORIGINS, Options, Step};
use super::witness::Witness;

/// A `request_id` stands for its request for so long at least.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);

/// See the [module's documentation](self).
#[derive(Debug, Default)]
pub(crate) struct Callers {
    calls: Vec<JoinHandle<Said>>,
    /// Whose acceptance somebody was told.
    messages: Vec<MessageId>,
    requests: BTreeMap<String, Request>,
    /// So many payloads were made, each another one.
    payloads: u64,
}

/// What a `request_id` was used for.
#[derive(Debug, Default)]
struct Request {
    /// Requests that came with it.
    asked: Vec<[u8; 32]>,
    /// What was told of it last.
    stands_for: Option<([u8; 32], MessageId, Timestamp)>,
}

/// What a call was answered.
#[derive(Debug)]
enum Said {
    Subscribed(Result<Subscribed, StoreError>),
    Unsubscribed(Result<(), StoreError>),
    /// `None`: there was nobody to send to.
    Submitted {
        request_id: String,
        hash: [u8; 32],
        answer: Option<Result<Accepted, SubmitError>>,
    },
    Cancelled {
        message: MessageId,
        answer: Result<bool, StoreError>,
    },
    Resumed,
}

impl Callers {
    /// Messages whose acceptance somebody was told.
    pub(crate) fn messages(&self) -> &[MessageId] {
        &self.messages
    }

    /// One of them.
    pub(crate) fn message(&self, number: u8) -> Option<MessageId> {
        let last = self.messages.len().checked_sub(1)?;
        self.messages.iter().rev().nth(usize::from(number).min(last)).copied()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// Begins the call of a step.
    pub(crate) fn begin(&mut self, step: &Step, server: &Server, around: &Surroundings) {
        let (engine, store) = (server.engine.clone(), Arc::clone(&server.store));
        let application = Arc::clone(&server.application);
        let call = match step {
            Step::Subscribe { browser, replaces, expires } => {
                let subscribe = subscribe(*browser, *replaces, *expires, server, around);
                server.spawn(async move {
                    let done = store.subscribe(subscribe).await;
                    if let Ok(done) = &done {
                        let updated = SubscriptionChange::Updated;
                        let change = if done.created { SubscriptionChange::Added } else { updated };
                        engine.subscription_changed(done.subscription.target.id, change).await;
                        if let Some(removed) = done.removed {
                            engine.subscription_changed(removed, SubscriptionChange::Unsubscribed).await;
                        }
                    }
                    Said::Subscribed(done)
                })
            }
            Step::Unsubscribe { browser } => {
                let selector = Selector::Endpoint(endpoint_of(*browser));
                server.spawn(async move {
                    let removed = store.unsubscribe(application.id, &selector).await;
                    for id in removed.iter().flatten() {
                        engine.subscription_changed(*id, SubscriptionChange::Unsubscribed).await;
                    }
                    Said::Unsubscribed(removed.map(|_| ()))
                })
            }
            Step::Send { to, options } => {
                let mut submission =
                    self.submission(MessageKind::Send, hash_of(("send", to)), options, &*around.clock);
                let selector = Selector::Endpoint(endpoint_of(*to));
                server.spawn(async move {
                    let (request_id, hash) = (submission.request_id.clone(), submission.request_hash);
                    let found = store.subscription(application.id, &selector).await;
                    let Ok(Some(found)) = found else {
                        return Said::Submitted { request_id, hash, answer: None };
                    };
                    let recipient = Recipient::Subscription(found.target.id);
                    submission.recipients = Recipients::Named { recipient, targets_max: 1, room: u32::MAX };
                    let answer = Some(engine.submit(&application, submission).await);
                    Said::Submitted { request_id, hash, answer }
                })
            }
            Step::Broadcast { to, options } => {
                let mut submission =
                    self.submission(MessageKind::Broadcast, hash_of(to), options, &*around.clock);
                let to = to.clone();
                server.spawn(async move {
                    let (request_id, hash) = (submission.request_id.clone(), submission.request_hash);
                    let audience = match to {
                        steps::Audience::All => Audience::All,
                        steps::Audience::News => Audience::Topics(vec!["news".to_owned()]),
                        steps::Audience::Odd => Audience::Topics(vec!["none".to_owned(), "odd".to_owned()]),
                        steps::Audience::Users(browsers) => {
                            let mut users: Vec<_> = browsers.into_iter().map(user).collect();
                            users.sort();
                            users.dedup();
                            Audience::Users(users)
                        }
                        steps::Audience::Browsers(browsers) => {
                            let mut ids = Vec::new();
                            for browser in browsers {
                                let selector = Selector::Endpoint(endpoint_of(browser));
                                let found = store.subscription(application.id, &selector).await;
                                ids.extend(found.ok().flatten().map(|found| found.target.id));
                            }
                            ids.sort();
                            ids.dedup();
                            Audience::Subscriptions(ids)
                        }
                    };
                    submission.recipients = Recipients::Audience(audience);
                    let answer = Some(engine.submit(&application, submission).await);
                    Said::Submitted { request_id, hash, answer }
                })
            }
            Step::Cancel { message } => {
                let Some(message) = self.message(*message) else { return };
                let witness = Arc::clone(&around.witness);
                server.spawn(async move {
                    let answer = engine.cancel(application.id, message).await;
                    if let Ok(Some(_)) = answer {
                        witness.close(message);
                    }
                    Said::Cancelled { message, answer: answer.map(|record| record.is_some()) }
                })
            }
            Step::Resume { origin } => {
                let origin = ORIGINS[usize::from(*origin)];
                server.spawn(async move {
                    engine.resume_origin(application.id, origin).await;
                    Said::Resumed
                })
            }
            Step::Answers { .. }
            | Step::Weather { .. }
            | Step::Jump { .. }
            | Step::Watch { .. }
            | Step::Crash { .. }
            | Step::CrashInSync { .. }
            | Step::Restart => return,
        };
        self.calls.push(call);
    }

    /// `to` tells its recipients from others.
    fn submission(
        &mut self,
        kind: MessageKind,
        to: [u8; 32],
        options: &Options,
        clock: &dyn Clock,
    ) -> Submission {
        self.payloads += 1;
        let submission = asking::submission(kind, to, options, self.payloads, clock);
        if !submission.request_id.is_empty() {
            let request = self.requests.entry(submission.request_id.clone()).or_default();
            request.asked.push(submission.request_hash);
        }
        submission
    }

    /// Takes in what was answered, and holds it against what was answered before.
    pub(crate) fn collect(&mut self, server: &Server, witness: &Witness) {
        let (ended, going): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.calls).into_iter().partition(JoinHandle::is_finished);
        self.calls = going;
        for call in ended {
            let said = server.run(call).expect("a call does not panic");
            self.heard(said, witness);
        }
    }

    /// What is not answered by now never will be.
    pub(crate) fn end_life(&mut self, server: &Server, witness: &Witness) {
        self.collect(server, witness);
        self.calls.clear();
    }

    fn heard(&mut self, said: Said, witness: &Witness) {
        match said {
            Said::Subscribed(answer) => drop(answered(answer)),
            Said::Unsubscribed(answer) => drop(answered(answer)),
            Said::Cancelled { message, answer } => {
                if let Some(known) = answered(answer) {
                    assert!(known || witness.messages()[&message].ended.is_some(), "{message} is lost");
                }
            }
            Said::Resumed | Said::Submitted { answer: None, .. } => {}
            Said::Submitted { request_id, hash, answer: Some(answer) } => match answer {
                Ok(accepted) => {
                    let id = accepted.record.status.id;
                    if !accepted.replayed || !self.messages.contains(&id) {
                        self.messages.push(id);
                    }
                    if !request_id.is_empty() {
                        self.requests.get_mut(&request_id).unwrap().accepted(hash, &accepted);
                    }
                }
                Err(SubmitError::Store(StoreError::RequestIdReused(_))) => {
                    let others = self.requests[&request_id].asked.iter().any(|asked| *asked != hash);
                    assert!(others, "{request_id} was used once");
                }
                // It may have gone in between.
                Err(
                    SubmitError::Draining
                    | SubmitError::Store(StoreError::Unavailable(_) | StoreError::NotFound),
                ) => {}
                Err(error) => panic!("{error}"),
            },
        }
    }
}

impl Request {
    fn accepted(&mut self, hash: [u8; 32], accepted: &Accepted) {
        let status = &accepted.record.status;
        if let Some((known, message, created)) = self.stands_for
            && status.created.since(created) < REMEMBERED
        {
            assert_eq!((known, message), (hash, status.id), "a request_id stands for two messages");
            assert!(accepted.replayed || message == status.id, "{message} was forgotten");
        }
        self.stands_for = Some((hash, status.id, status.created));
    }
}

/// The answer, unless the disk has failed.
fn answered<T>(answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::Unavailable(_)) => None,
        Err(error) => panic!("{error}"),
    }
}
