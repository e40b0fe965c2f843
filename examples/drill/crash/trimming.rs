//! The same while old messages are trimmed: what has not ended must stay, and what a request_id stands for.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{MessageState, ReportLevel};
use futures_util::{FutureExt as _, StreamExt as _};
use rand::RngExt as _;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};

use super::life::{is_end_of_server, is_failpoint};
use super::{Crash, Sent, TOPIC, now_micros};
use crate::calls::{broadcast, call_broadcast, call_send, message_status, send};
use crate::stage::{Client, Configuration, End, Launch};
use crate::witness::Witness;

/// Far below what production keeps, so that a life sees some of it.
const RETENTION: &str =
    "[retention]\nevents = \"1s\"\nmessages = \"2s\"\nchanges = \"1s\"\ninterval = \"500ms\"\n";
const FAILPOINTS: [&str; 6] = [
    "log-marked:1",
    "events-marked:1",
    "events-trimmed:1",
    "log-marked:4",
    "events-marked:3",
    "events-trimmed:4",
];
/// Lives that end by SIGKILL at a random instant, until so many milliseconds after the start.
const KILLS: usize = 6;
const LIFE_MS: u64 = 3_000;
const FAILPOINT_TIMEOUT: Duration = Duration::from_secs(120);
const END_TIMEOUT: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(50);

impl Crash {
    /// Kills servers that trim.
    pub(super) async fn kill_trimming(&mut self, engine: &str, failing: &Launch) -> anyhow::Result<()> {
        let first = self.messages.len();
        self.stage.configure(&Configuration { engine: engine.to_owned(), sections: RETENTION.to_owned() })?;
        let step = self.size.failpoints;
        for failpoint in FAILPOINTS.iter().step_by(step) {
            let failpoint = Some((*failpoint).to_owned());
            self.trim(&Launch { failpoint, ..failing.clone() }, None).await?;
        }
        for _ in (0..KILLS).step_by(step) {
            let after = Duration::from_millis(self.random.random_range(0..=LIFE_MS));
            self.trim(&Launch::default(), Some(after)).await?;
        }
        self.look_back_on_trimming(first).await
    }

    /// One life with messages without request_id, which may be trimmed as soon as they have ended.
    async fn trim(&mut self, launch: &Launch, kill_after: Option<Duration>) -> anyhow::Result<()> {
        self.stage.sandbox_is_quiet().await?;
        self.started.push(now_micros());
        self.figures.kills += 1;
        self.figures.at_failpoints += usize::from(kill_after.is_none());
        let mut server = match self.stage.launch(launch).await {
            Ok(server) => server,
            Err(error) if kill_after.is_none() && is_failpoint(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut client = server.client.clone();
        let mut messages = Vec::new();
        let work = self.send_forgettable(&mut client, &mut messages);
        let ended = timeout(kill_after.unwrap_or(FAILPOINT_TIMEOUT), work).await;
        if let Some(failpoint) = &launch.failpoint {
            self.checks.check(ended.is_ok(), || format!("the failpoint {failpoint} was not passed"));
        }
        if launch.failpoint.is_some() && ended.is_ok() {
            ensure!(!server.process.ended().await?.success(), "the server ended in order");
        } else {
            server.end(End::Kill).await?;
        }
        self.messages.extend(messages);
        if let Ok(Err(status)) = ended {
            self.checks.check(is_end_of_server(&status), || format!("while trimming: {status:?}"));
        }
        Ok(())
    }

    /// One message after the other, until the server ends: a Broadcast, and Sends beside it. Whose acceptance was not told
    /// stays `refused`: nobody can ask for it, but it may arrive.
    async fn send_forgettable(&self, client: &mut Client, messages: &mut Vec<Sent>) -> Result<(), Status> {
        loop {
            let place = self.messages.len() + messages.len();
            // Of each life another: a message may be accepted although nobody was told.
            let text = format!("message {place} of life {}", self.started.len());
            // The upper half never goes.
            let index =
                self.size.targets - 1 - u32::try_from(place).unwrap_or_default() % (self.size.targets / 2);
            let level = ReportLevel::Progress.into();
            let is_broadcast = messages.is_empty();
            let (subscriber, call) = if is_broadcast {
                let mut request = broadcast(TOPIC, &text, "");
                request.report_level = level;
                (None, call_broadcast(client, request).boxed())
            } else {
                let name = self.names[index as usize].clone();
                let mut request = send(&name, &text, "");
                request.report_level = level;
                (Some((index, name)), call_send(client, request).boxed())
            };
            messages.push(Sent { subscriber, text, refused: true, ..Sent::default() });
            let mut frames = call.await?;
            while let Some(frame) = frames.next().await {
                if let (Some(Kind::Accepted(accepted)), Some(sent)) = (frame?.kind, messages.last_mut()) {
                    sent.witness = Witness::of_message(&accepted.message.unwrap_or_default().name);
                    sent.refused = false;
                    if is_broadcast {
                        // It goes on beside what is sent next.
                        break;
                    }
                }
            }
        }
    }

    /// All accepted messages end, and are counted or trimmed; those with a request_id are as they were.
    async fn look_back_on_trimming(&mut self, first: usize) -> anyhow::Result<()> {
        self.stage.sandbox_is_quiet().await?;
        self.started.push(now_micros());
        let mut server = self.stage.start_server().await?;
        let until = Instant::now() + END_TIMEOUT;
        let mut trimmed = 0;
        for place in first..self.messages.len() {
            let sent = self.messages[place].clone();
            if sent.refused {
                continue;
            }
            let ended = loop {
                match message_status(&mut server.client, &sent.witness.parent).await {
                    Ok(status) if status.state() == MessageState::Done => {
                        let counts = status.counts.unwrap_or_default();
                        let reconciles = counts.targets == counts.accepted + counts.failed;
                        self.figures.unreconciled += usize::from(!reconciles);
                        self.checks.check(reconciles, || format!("{}: {counts:?}", sent.text));
                        break true;
                    }
                    Ok(status) if Instant::now() > until => {
                        self.checks
                            .check(false, || format!("{} does not end: {:?}", sent.text, status.counts));
                        break false;
                    }
                    Ok(_) => sleep(LOOK).await,
                    Err(status) if status.code() == Code::NotFound => {
                        trimmed += 1;
                        break true;
                    }
                    Err(status) => return Err(status).context("GetMessage"),
                }
            };
            if !ended {
                continue;
            }
            // Trimmed or not, it must have arrived: an unfinished one must not go.
            let upper_half = self.size.targets / 2..self.size.targets;
            let targets = sent.subscriber.map_or(upper_half, |(index, _)| index..index + 1);
            self.accepted.extend(targets.map(|index| (place, index)));
        }
        self.figures.messages += self.messages[first..].iter().filter(|sent| !sent.refused).count();
        self.figures.trimmed = trimmed;
        self.checks.check(trimmed > 0, || "nothing was trimmed: it proves nothing".to_owned());
        for sent in self.messages[..first].iter().filter(|sent| !sent.refused) {
            let status = message_status(&mut server.client, &sent.witness.parent).await;
            let there = status.as_ref().is_ok_and(|status| status.state() == MessageState::Done);
            self.checks.check(there, || format!("{}, which has a request_id, is {status:?}", sent.text));
        }
        // The events of messages/- have gone: whoever comes with an old token is told so.
        let mut old = self.all.clone();
        let went_on = timeout(END_TIMEOUT, old.watch(&mut server.client, usize::MAX, |_| {})).await;
        let told = went_on
            .as_ref()
            .is_ok_and(|ended| ended.as_ref().is_err_and(|status| status.code() == Code::OutOfRange));
        self.checks.check(told, || format!("a watcher with a token that is too old ends with {went_on:?}"));
        server.end(End::Terminate).await
    }
}
