//! What a Send costs the whole server, by how Sends are called: one after the other, many calls at once, all on one stream.
//! Every event is streamed to the caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;

use super::broadcast::message;
use super::enlist::user;
use super::stage::Stage;
use super::usage::Usage;
use crate::cli::connection::Client;
use crate::cli::view::is_terminal;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::send_request::Recipient;
use crate::proto::v1::send_stream_answer::Answer;
use crate::proto::v1::send_stream_response::Content;
use crate::proto::v1::{ReportLevel, SendRequest, SendStreamRequest};

/// How Sends are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// So many calls of Send in flight.
    Calls(usize),
    /// One call of SendStream.
    Stream,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [Self::Calls(1), Self::Calls(64), Self::Calls(256), Self::Stream];

    /// As tables and the last line spell it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Calls(1) => "one at a time".to_owned(),
            Self::Calls(calls) => format!("{calls} in flight"),
            Self::Stream => "SendStream".to_owned(),
        }
    }

    /// How many Sends are made, of those that the plan has for calls at once: one at a time takes ten times as long.
    fn share_of(self, count: usize) -> usize {
        match self {
            Self::Calls(1) => count.div_ceil(8),
            Self::Calls(_) | Self::Stream => count,
        }
    }
}

/// What the Sends of one round came to. Latencies are in microseconds from the call (for a stream: from when the request
/// was handed to it), sorted.
#[derive(Clone, Debug)]
pub(super) struct SendsAtOnce {
    pub(super) sends: usize,
    pub(super) took: Duration,
    /// To `accepted`.
    pub(super) accepted: Vec<u32>,
    /// To the terminal event.
    pub(super) ended: Vec<u32>,
    pub(super) usage: Usage,
}

/// Latencies while they are gathered.
#[derive(Debug, Default)]
struct Latencies {
    accepted: Vec<u32>,
    ended: Vec<u32>,
}

/// Sends to the users that were enlisted, in turn, and waits for every end.
pub(super) async fn play(
    stage: &Stage,
    way: Way,
    count: usize,
    bar: &ProgressBar,
) -> anyhow::Result<SendsAtOnce> {
    let count = way.share_of(count);
    let client = stage.client.push();
    let (before, start) = (stage.usage()?, Instant::now());
    let mut latencies = match way {
        Way::Calls(calls) => by_calls(&client, count, calls, bar).await?,
        Way::Stream => by_stream(client, count, bar).await?,
    };
    let took = start.elapsed();
    let usage = stage.usage()?.since(&before);
    ensure!(
        (latencies.accepted.len(), latencies.ended.len()) == (count, count),
        "of {count} Sends {} were accepted and {} ended",
        latencies.accepted.len(),
        latencies.ended.len()
    );
    latencies.accepted.sort_unstable();
    latencies.ended.sort_unstable();
    Ok(SendsAtOnce { sends: count, took, accepted: latencies.accepted, ended: latencies.ended, usage })
}

fn request(number: usize) -> SendRequest {
    SendRequest {
        recipient: Some(Recipient::UserId(user(number))),
        message: Some(message()),
        request_id: crate::unique_id(),
        report_level: ReportLevel::Attempts.into(),
        ..SendRequest::default()
    }
}

async fn by_calls(
    client: &Client,
    count: usize,
    calls: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Latencies> {
    let pairs = stream::iter(0..count).map(|number| call(client.clone(), number, bar));
    let pairs: Vec<(u32, u32)> = pairs.buffer_unordered(calls).try_collect().await?;
    let (accepted, ended) = pairs.into_iter().unzip();
    Ok(Latencies { accepted, ended })
}

/// One Send, read to its end: when it was accepted, and when it ended.
async fn call(mut client: Client, number: usize, bar: &ProgressBar) -> anyhow::Result<(u32, u32)> {
    let called = Instant::now();
    let mut frames = client.send(request(number)).await.context("Send")?.into_inner();
    let (mut accepted, mut ended) = (None, None);
    while let Some(response) = frames.message().await.context("Send")? {
        match response.frame.and_then(|frame| frame.kind) {
            Some(Kind::Accepted(_)) => accepted = Some(micros_since(called)),
            Some(Kind::Events(events)) if events.events.iter().any(|event| is_terminal(event.state())) => {
                ended = Some(micros_since(called));
            }
            Some(Kind::Events(_) | Kind::Receipts(_) | Kind::Progress(_) | Kind::Summary(_)) | None => {}
        }
    }
    bar.inc(1);
    Ok((accepted.context("a Send was not accepted")?, ended.context("a Send did not end")?))
}

async fn by_stream(mut client: Client, count: usize, bar: &ProgressBar) -> anyhow::Result<Latencies> {
    let called = Arc::new(Mutex::new(HashMap::with_capacity(count)));
    let calling = Arc::clone(&called);
    let requests = stream::iter(0..count).map(move |number| {
        let send = request(number);
        let mut calling = calling.lock().unwrap_or_else(PoisonError::into_inner);
        calling.insert(send.request_id.clone(), Instant::now());
        SendStreamRequest { send: Some(send) }
    });
    let since = |request_id: &str| -> anyhow::Result<u32> {
        let called = called.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(micros_since(*called.get(request_id).context("an answer to another request")?))
    };
    let mut latencies = Latencies::default();
    let mut responses = client.send_stream(requests).await.context("SendStream")?.into_inner();
    while let Some(response) = responses.message().await.context("SendStream")? {
        match response.content {
            Some(Content::Answers(answers)) => {
                for answer in answers.answers {
                    match answer.answer {
                        Some(Answer::Accepted(_)) => latencies.accepted.push(since(&answer.request_id)?),
                        Some(Answer::Rejected(status)) => bail!("SendStream: {}", status.message),
                        None => bail!("SendStream: an answer says nothing"),
                    }
                }
            }
            Some(Content::Frame(frame)) => {
                let Some(Kind::Events(events)) = frame.kind else { continue };
                for event in events.events.iter().filter(|event| is_terminal(event.state())) {
                    latencies.ended.push(since(&event.request_id)?);
                    bar.inc(1);
                }
            }
            None => {}
        }
    }
    Ok(latencies)
}

fn micros_since(time: Instant) -> u32 {
    u32::try_from(time.elapsed().as_micros()).unwrap_or(u32::MAX)
}
