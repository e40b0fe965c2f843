//! The server is stopped in the middle of a broadcast, and started again on what it left; then the same with SIGKILL.
//!
//! What must hold: subscriptions, the VAPID key, the accepted messages and the resume tokens are still there; the
//! broadcast goes on where it was; a watcher goes on from its token without a gap or a repetition; each delivery has
//! exactly one terminal event; everybody got both messages; and what was posted twice is nothing after SIGTERM, and at most
//! `max_unsettled` after SIGKILL.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use fanfare::proto::v1::audience::Selector;
use fanfare::proto::v1::message::Payload;
use fanfare::proto::v1::send_request::Recipient;
use fanfare::proto::v1::{Audience, BroadcastRequest, Message, ReportLevel, SendRequest, TopicList};
use futures_util::StreamExt as _;
use serde::Serialize;
use tonic::Code;

use crate::calls::sha256;
use crate::stage::{Configuration, End, Server, Stage};
use crate::story::Story;

const TARGETS: u32 = 20_000;
const TARGETS_SHORT: u32 = 3_000;
/// `engine.max_unsettled` of the drill: far below the number of targets, so that the bound means something.
const MAX_UNSETTLED: usize = 256;
const TOPIC: &str = "drill";
/// The user of one of the subscribers.
const USER: &str = "alice";

/// What was found, over both rounds.
#[derive(Debug, Default, Serialize)]
struct Figures {
    targets: usize,
    terminal_events: usize,
    /// Deliveries with more than one terminal event.
    double_terminal: usize,
    /// Events of the log that the resumed watcher was not told.
    gaps: usize,
    /// Events that it was told more than once.
    repeated_events: usize,
    /// Messages that arrived at a subscriber more than once, after SIGTERM.
    duplicates_posted_after_sigterm: usize,
    /// The same after SIGKILL.
    duplicates_posted: usize,
    max_unsettled: usize,
}

/// Plays both rounds; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let targets = if short { TARGETS_SHORT } else { TARGETS };
    let stage = {
        let engine = format!("max_unsettled = {MAX_UNSETTLED}");
        Stage::set(&Configuration { engine, ..Configuration::default() }).await?
    };
    let server = stage.start_server().await?;
    eprintln!("subscribing {targets}");
    let user_of = |index| if index == 0 { USER.to_owned() } else { String::new() };
    let (group, names) = stage.subscribe(&server, targets, TOPIC, user_of).await?;
    let mut drill = Drill { stage, group, names, figures: Figures::default(), problems: Vec::new() };
    drill.figures.max_unsettled = MAX_UNSETTLED;

    let server = drill.round(server, End::Terminate).await?;
    let server = drill.round(server, End::Kill).await?;
    server.end(End::Terminate).await?;
    drill.stage.clear().await?;
    println!("{}", serde_json::to_string(&drill.figures)?);
    Ok(drill.problems)
}

struct Drill {
    stage: Stage,
    group: u32,
    /// Of all subscriptions, by index.
    names: Vec<String>,
    figures: Figures,
    problems: Vec<String>,
}

impl Drill {
    /// Ends the server in the middle of a broadcast and looks at what the next one makes of it.
    async fn round(&mut self, mut server: Server, end: End) -> anyhow::Result<Server> {
        let (broadcast, single) = (broadcast(end), send(end));
        let key = server.key("default")?.to_owned();

        // A caller follows the broadcast until a quarter of it has ended.
        let responses = server.client.broadcast(broadcast.clone()).await?.into_inner();
        let mut frames = responses.map(|response| Ok(response?.frame.unwrap_or_default()));
        let mut told = Story::default();
        told.read(&mut frames, |story| story.events.len() >= self.names.len() / 4).await?;
        // At the last moment, another message is accepted.
        let mut sent = Story::default();
        let mut responses = server.client.send(single.clone()).await?.into_inner();
        let accepted = responses.next().await.context("Send ended without a frame")??;
        ensure!(is_acceptance(&accepted), "Send began with something else than `accepted`");
        drop(responses);

        eprintln!("{end:?} after {} of {} events", told.events.len(), self.names.len());
        let ending = Instant::now();
        let (ended, lost) = tokio::join!(server.end(end), told.read(&mut frames, |_| false));
        ended?;
        let before = told.events.len();
        ensure!(
            told.summary.is_none() && before < self.names.len(),
            "the broadcast had ended: take more targets"
        );
        let asked_to_come_back = lost.as_ref().is_err_and(|status| status.code() == Code::Unavailable);
        self.check(end == End::Kill || asked_to_come_back, || {
            format!("after SIGTERM the stream ended with {lost:?} instead of UNAVAILABLE")
        });

        let mut server = self.stage.start_server().await?;
        eprintln!("serving again after {:.1} s, {before} events told", ending.elapsed().as_secs_f64());
        self.check(server.key("default")? == key, || "the VAPID key is another one".to_owned());
        let subscriptions = server.subscriptions().await?;
        let expected: BTreeSet<_> = self.names.iter().cloned().collect();
        self.check(subscriptions == expected, || {
            format!("{} subscriptions are there instead of {}", subscriptions.len(), expected.len())
        });

        // The watcher goes on with its token; another one reads everything from the beginning; and both calls are repeated
        // with their request ids.
        told.watch(&mut server.client).await.context("the watcher cannot go on")?;
        let mut all = Story { message: told.message.clone(), ..Story::default() };
        all.watch(&mut server.client).await.context("the message cannot be watched")?;
        let responses = server.client.broadcast(broadcast).await?.into_inner();
        let mut frames = responses.map(|response| Ok(response?.frame.unwrap_or_default()));
        let mut repeated = Story::default();
        repeated.read(&mut frames, |_| false).await?;
        let joined = repeated.replayed && repeated.message == told.message;
        self.check(joined, || "the repeated Broadcast was not joined to the first".to_owned());
        let responses = server.client.send(single).await?.into_inner();
        let mut frames = responses.map(|response| Ok(response?.frame.unwrap_or_default()));
        sent.read(&mut frames, |_| false).await?;
        self.check(sent.replayed, || "the Send that was accepted last is not known any more".to_owned());

        eprintln!("all has ended: {} events more", told.events.len() - before);
        self.check_stories(&told, &all, &sent);
        self.check_arrivals(end).await?;
        Ok(server)
    }

    /// What the streams told.
    fn check_stories(&mut self, told: &Story, all: &Story, sent: &Story) {
        let times_told = told.times_told();
        let in_log = all.times_told();
        let gaps = in_log.keys().filter(|id| !times_told.contains_key(*id)).count();
        let repeated = times_told.values().filter(|times| **times > 1).count();
        let invented = times_told.keys().filter(|id| !in_log.contains_key(*id)).count();
        self.check(gaps == 0, || format!("the watcher was not told {gaps} events"));
        self.check(repeated == 0, || format!("the watcher was told {repeated} events more than once"));
        self.check(invented == 0, || {
            format!("the watcher was told {invented} events that the log does not have")
        });

        let terminal = all.terminal();
        let double = terminal.values().filter(|times| **times > 1).count();
        self.check(double == 0, || format!("{double} deliveries have more than one terminal event"));
        let names = self.names.clone();
        let expected: BTreeSet<_> = names.iter().map(String::as_str).collect();
        let ended: BTreeSet<_> = terminal.keys().copied().collect();
        self.check(ended == expected, || {
            format!("{} subscriptions have a terminal event instead of {}", ended.len(), expected.len())
        });
        for (what, story, targets) in [("Broadcast", all, expected.len()), ("Send", sent, 1)] {
            let counts = story.summary.as_ref().and_then(|summary| summary.counts).unwrap_or_default();
            let right =
                [counts.targets, counts.accepted].iter().all(|count| usize::try_from(*count) == Ok(targets));
            self.check(right, || format!("the {what}'s summary has {counts:?}"));
        }
        self.figures.targets += expected.len();
        self.figures.terminal_events += terminal.values().sum::<usize>();
        self.figures.double_terminal += double;
        self.figures.gaps += gaps;
        self.figures.repeated_events += repeated;
    }

    /// What the subscribers decrypted.
    async fn check_arrivals(&mut self, end: End) -> anyhow::Result<()> {
        let (for_all, for_one) = (sha256(payload(end)), sha256(single_payload(end)));
        let mut arrived: BTreeMap<(u32, bool), usize> = BTreeMap::new();
        for line in self.stage.control.received(self.group).await? {
            if let Some(digest) = line.sha256.filter(|digest| *digest == for_all || *digest == for_one) {
                *arrived.entry((line.index, digest == for_one)).or_default() += 1;
            }
        }
        let got = arrived.keys().filter(|(_, single)| !single).count();
        self.check(got == self.names.len(), || format!("{got} subscribers got the broadcast"));
        self.check(arrived.contains_key(&(0, true)), || {
            "the Send that was accepted last did not arrive".to_owned()
        });
        let duplicates: usize = arrived.values().map(|times| times - 1).sum();
        let (most, figure) = match end {
            End::Terminate => (0, &mut self.figures.duplicates_posted_after_sigterm),
            End::Kill => (MAX_UNSETTLED, &mut self.figures.duplicates_posted),
        };
        *figure += duplicates;
        self.check(duplicates <= most, || {
            format!("{duplicates} were posted twice after {end:?}, at most {most} may")
        });
        Ok(())
    }

    fn check(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.problems.push(problem());
        }
    }
}

fn is_acceptance(response: &fanfare::proto::v1::SendResponse) -> bool {
    use fanfare::proto::v1::delivery_frame::Kind;
    matches!(response.frame.as_ref().and_then(|frame| frame.kind.as_ref()), Some(Kind::Accepted(_)))
}

fn payload(end: End) -> &'static str {
    match end {
        End::Terminate => "to all, before SIGTERM",
        End::Kill => "to all, before SIGKILL",
    }
}

fn single_payload(end: End) -> &'static str {
    match end {
        End::Terminate => "to one, before SIGTERM",
        End::Kill => "to one, before SIGKILL",
    }
}

fn message(text: &'static str) -> Message {
    Message { payload: Some(Payload::Data(text.as_bytes().into())), ..Message::default() }
}

fn broadcast(end: End) -> BroadcastRequest {
    let topics = TopicList { topics: vec![TOPIC.to_owned()] };
    BroadcastRequest {
        audience: Some(Audience { selector: Some(Selector::Topics(topics)) }),
        message: Some(message(payload(end))),
        request_id: format!("broadcast {end:?}"),
        report_level: ReportLevel::Terminal.into(),
        ..BroadcastRequest::default()
    }
}

fn send(end: End) -> SendRequest {
    SendRequest {
        recipient: Some(Recipient::UserId(USER.to_owned())),
        message: Some(message(single_payload(end))),
        request_id: format!("send {end:?}"),
        ..SendRequest::default()
    }
}
