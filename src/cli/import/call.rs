//! The calls of an import: entries up, answers down, over lost connections and restarts of the server.

use std::collections::VecDeque;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::refusal::Refusal;
use super::report::Report;
use super::source::Entry;
use crate::cli::connection::{Client, RECONNECT_FOR, tell_of_loss};
use crate::cli::failure::Failure;
use crate::client::{Error, Pause};
use crate::proto::v1::import_answer::Answer;
use crate::proto::v1::{ImportAnswer, ImportSubscriptionsRequest};

/// Entries of one request.
const REQUEST_ENTRIES: usize = 500;
/// Octets of one request, of the 2 MiB that the server takes; one entry more may exceed it.
const REQUEST_OCTETS: usize = 1024 * 1024;
/// Entries that have no answer: with those that the reader holds ready, all that is in memory.
const WINDOW: usize = 2_000;
/// How often the checkpoint is written.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(250);

/// What became of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// With its name; empty where it was only looked at.
    Created(String),
    Updated(String),
    Rejected(Rejection),
}

/// Why an entry was not taken: never with its content.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Rejection {
    /// The name of a gRPC code.
    pub(super) code: String,
    /// Of the contract's `ErrorReason`; or `UNREADABLE`; or `OVER`, where the entry itself says that it has ended.
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) violations: Vec<Violation>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Violation {
    pub(super) field: String,
    pub(super) description: String,
}

impl Rejection {
    /// It was not sent.
    fn unsent(refusal: &Refusal) -> Self {
        let violation =
            Violation { field: refusal.field.to_owned(), description: refusal.description.to_string() };
        let named = !refusal.field.is_empty();
        Self {
            code: "INVALID_ARGUMENT".to_owned(),
            reason: refusal.reason.to_owned(),
            message: refusal.message(),
            violations: named.then_some(violation).into_iter().collect(),
        }
    }

    /// The server's.
    fn of(status: &tonic_types::pb::Status) -> Self {
        let code = Code::from_i32(status.code);
        let details = status.encode_to_vec().into();
        let status = Status::with_details(code, status.message.clone(), details);
        let details = status.get_error_details();
        let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
        let violation =
            |of: tonic_types::FieldViolation| Violation { field: of.field, description: of.description };
        Self {
            code: code_name(code),
            reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
            message: status.message().to_owned(),
            violations: violations.into_iter().map(violation).collect(),
        }
    }
}

/// As the contract and other clients write it: `INVALID_ARGUMENT`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_uppercase());
    }
    name
}

/// Entries on their way.
pub(super) struct Import {
    client: Client,
    entries: mpsc::Receiver<anyhow::Result<Entry>>,
    /// The input has ended.
    all_read: bool,
    /// Read and without an answer, in order.
    waiting: VecDeque<Entry>,
    /// How many of them the present call has been given.
    given: usize,
}

/// How a call ended.
enum Ended {
    /// The server may answer if asked again.
    Lost(Error),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Import {
    pub(super) fn new(client: Client, entries: mpsc::Receiver<anyhow::Result<Entry>>) -> Self {
        Self { client, entries, all_read: false, waiting: VecDeque::new(), given: 0 }
    }

    /// Sends all entries, and tells what becomes of each, in order. A call that breaks off is repeated from the first entry
    /// without an answer.
    pub(super) async fn run(&mut self, report: &mut Report) -> Result<(), Failure> {
        let mut pause = Pause::new(RECONNECT_FOR);
        loop {
            // The server ends a call that brings nothing.
            if self.waiting.is_empty() && !self.all_read {
                report.save()?;
                match self.entries.recv().await {
                    Some(entry) => self.waiting.push_back(entry?),
                    None => self.all_read = true,
                }
            }
            let before = report.counts();
            match self.call(report).await {
                Ok(()) => return Ok(()),
                Err(Ended::Failed(failure)) => return Err(failure),
                Err(Ended::Lost(reason)) => {
                    if report.counts() != before {
                        pause = Pause::new(RECONNECT_FOR);
                    }
                    pause.wait(reason, tell_of_loss).await?;
                }
            }
        }
    }

    async fn call(&mut self, report: &mut Report) -> Result<(), Ended> {
        // One request is on its way while the next one is made.
        let (requests, outgoing) = mpsc::channel(1);
        let mut requests = Some(requests);
        self.given = 0;
        let responses = self.client.import_subscriptions(ReceiverStream::new(outgoing)).await;
        let mut responses = responses.map_err(ended)?.into_inner();
        let mut save = interval(CHECKPOINT_INTERVAL);
        save.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.settle(report)?;
            if self.all_read && self.waiting.is_empty() {
                // Half-closes the call.
                requests = None;
            }
            let unsent = self.waiting.len() - self.given;
            let reads = !self.all_read && self.waiting.len() < WINDOW && unsent < REQUEST_ENTRIES;
            tokio::select! {
                biased;
                _ = save.tick() => report.save()?,
                entry = self.entries.recv(), if reads => match entry {
                    Some(entry) => self.waiting.push_back(entry?),
                    None => self.all_read = true,
                },
                Ok(permit) = reserve(requests.as_ref()), if unsent > 0 => {
                    if let Some(request) = self.next_request() {
                        permit.send(request);
                    }
                }
                response = responses.message() => match response.map_err(ended)? {
                    Some(response) => {
                        for answer in response.answers {
                            self.answer(answer, report)?;
                        }
                    }
                    None if requests.is_none() => return Ok(()),
                    None => return Err(Ended::Lost(Status::unavailable("the call ended early").into())),
                },
            }
        }
    }

    /// Tells of entries that are not sent, as soon as all before them have their answers.
    fn settle(&mut self, report: &mut Report) -> anyhow::Result<()> {
        while let Some(Entry { reading: Err(refusal), .. }) = self.waiting.front() {
            let rejection = Rejection::unsent(refusal);
            self.pop(Outcome::Rejected(rejection), report)?;
        }
        Ok(())
    }

    /// The next entries as one request; `None` when none of them is to be sent.
    fn next_request(&mut self) -> Option<ImportSubscriptionsRequest> {
        let (mut subscriptions, mut octets) = (Vec::new(), 0);
        while subscriptions.len() < REQUEST_ENTRIES && octets < REQUEST_OCTETS {
            let Some(entry) = self.waiting.get(self.given) else { break };
            self.given += 1;
            if let Ok((request, _)) = &entry.reading {
                octets += request.encoded_len();
                subscriptions.push(request.clone());
            }
        }
        (!subscriptions.is_empty()).then_some(ImportSubscriptionsRequest { subscriptions })
    }

    fn answer(&mut self, answer: ImportAnswer, report: &mut Report) -> Result<(), Ended> {
        self.settle(report)?;
        if self.given == 0 {
            return Err(Failure::failed("the server answered more entries than it was sent").into());
        }
        let outcome = match answer.answer {
            Some(Answer::Rejected(status)) => Outcome::Rejected(Rejection::of(&status)),
            Some(Answer::Name(name)) if answer.created => Outcome::Created(name),
            Some(Answer::Name(name)) => Outcome::Updated(name),
            None if answer.created => Outcome::Created(String::new()),
            None => Outcome::Updated(String::new()),
        };
        Ok(self.pop(outcome, report)?)
    }

    fn pop(&mut self, outcome: Outcome, report: &mut Report) -> anyhow::Result<()> {
        let Some(entry) = self.waiting.pop_front() else { return Ok(()) };
        self.given = self.given.saturating_sub(1);
        report.told(&entry, outcome)
    }
}

async fn reserve<T>(
    requests: Option<&mpsc::Sender<T>>,
) -> Result<mpsc::Permit<'_, T>, mpsc::error::SendError<()>> {
    match requests {
        Some(requests) => requests.reserve().await,
        None => std::future::pending().await,
    }
}

fn ended(status: Status) -> Ended {
    // Too many imports, or calls, at once count too: the server says when to try again.
    let reason = Error::from(status);
    if reason.is_lost() { Ended::Lost(reason) } else { Ended::Failed(reason.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_contract() {
        assert_eq!(code_name(Code::InvalidArgument), "INVALID_ARGUMENT");
        assert_eq!(code_name(Code::NotFound), "NOT_FOUND");
        assert_eq!(code_name(Code::Ok), "OK");
    }
}
