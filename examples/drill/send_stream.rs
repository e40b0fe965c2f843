//! The same personalised messages by SendStream, and by one Send after the other.
//!
//! What must hold: SendStream accepts at least 5 times as many a second, everything arrives exactly once, and an event
//! tells of each.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::send_stream_answer::Answer;
use fanfare::proto::v1::send_stream_response::Content;
use fanfare::proto::v1::{ReportLevel, SendRequest, SendStreamRequest};
use futures_util::StreamExt as _;
use serde::Serialize;

use crate::calls::{call_send, send, sha256};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Stage};
use crate::story::is_terminal;

const FASTER_MIN: f64 = 5.0;
const SUBSCRIBERS: u32 = 1_000;
/// Turns of both, one after the other: what else this machine does then falls on both.
const TURNS: usize = 4;

#[derive(Debug, Default, Serialize)]
struct Figures {
    messages_each: usize,
    sends_per_second: f64,
    send_stream_per_second: f64,
    faster: f64,
    /// Messages that did not arrive exactly once.
    not_once: usize,
    /// Messages of SendStream without exactly one terminal event.
    not_ended_once: usize,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let (sends, streamed) = if short { (250, 2_500) } else { (1_000, 20_000) };
    let stage = Stage::set(&Configuration::default()).await?;
    let server = stage.start_server().await?;
    let (group, names) = stage.subscribe(&server, SUBSCRIBERS, "all", |_| String::new()).await?;
    let mut client = server.client.clone();
    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    let (mut of_sends, mut of_stream) = (Duration::ZERO, Duration::ZERO);
    let mut texts = Vec::new();
    for turn in 0..TURNS {
        let requests = requests(&names, sends, &format!("sent {turn}"), ReportLevel::Accepted);
        texts.extend(requests.iter().map(|(text, _)| text.clone()));
        of_sends += one_by_one(&mut client, requests).await?;
        let requests = self::requests(&names, streamed, &format!("streamed {turn}"), ReportLevel::Accepted);
        texts.extend(requests.iter().map(|(text, _)| text.clone()));
        of_stream += by_stream(&mut client, requests).await?.answered;
    }
    // Once more with every event, which costs the reader as well.
    let requests = self::requests(&names, streamed, "with events", ReportLevel::Terminal);
    texts.extend(requests.iter().map(|(text, _)| text.clone()));
    figures.not_ended_once = by_stream(&mut client, requests).await?.not_ended_once;
    let rate = |count: usize, took: Duration| (count * TURNS) as f64 / took.as_secs_f64();
    figures.messages_each = streamed * TURNS;
    figures.sends_per_second = rate(sends, of_sends);
    figures.send_stream_per_second = rate(streamed, of_stream);
    figures.faster = figures.send_stream_per_second / figures.sends_per_second;
    server.end(End::Terminate).await?;

    let mut arrived: HashMap<String, usize> = HashMap::new();
    for line in stage.control.received(group).await? {
        *arrived.entry(line.sha256.unwrap_or_default()).or_default() += 1;
    }
    figures.not_once = texts.iter().filter(|text| arrived.get(&sha256(text)) != Some(&1)).count();
    stage.clear().await?;
    let (faster, not_once, not_ended) = (figures.faster, figures.not_once, figures.not_ended_once);
    checks.check(faster >= FASTER_MIN, || format!("SendStream is only {faster:.1} times as fast"));
    checks.check(not_once == 0, || format!("{not_once} messages did not arrive exactly once"));
    checks.check(not_ended == 0, || format!("{not_ended} messages do not have exactly one terminal event"));
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// Requests with a text of their own each.
fn requests(names: &[String], count: usize, what: &str, level: ReportLevel) -> Vec<(String, SendRequest)> {
    let request = |number: usize| {
        let text = format!("{what}, message {number}");
        let request = send(&names[number % names.len()], &text, &text);
        (text, SendRequest { report_level: level.into(), ..request })
    };
    (0..count).map(request).collect()
}

/// Each call ends before the next begins.
async fn one_by_one(client: &mut Client, requests: Vec<(String, SendRequest)>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    for (_, request) in requests {
        let mut frames = call_send(client, request).await?;
        let first = frames.next().await.context("Send ended without a frame")??;
        ensure!(
            matches!(first.kind, Some(Kind::Accepted(_))),
            "Send began with something else than `accepted`"
        );
    }
    Ok(began.elapsed())
}

/// What a call of SendStream came to.
struct Streamed {
    /// When the last answer came.
    answered: Duration,
    /// Messages without exactly one terminal event.
    not_ended_once: usize,
}

/// Sends all, and reads to the end.
async fn by_stream(client: &mut Client, requests: Vec<(String, SendRequest)>) -> anyhow::Result<Streamed> {
    let mut waiting: HashSet<String> = requests.iter().map(|(text, _)| text.clone()).collect();
    let mut ended: HashMap<String, usize> = HashMap::new();
    let all = waiting.len();
    let requests = requests.into_iter().map(|(_, send)| SendStreamRequest { send: Some(send) });
    let began = Instant::now();
    let mut responses = client.send_stream(futures_util::stream::iter(requests)).await?.into_inner();
    let mut answered = None;
    while let Some(response) = responses.next().await {
        match response?.content {
            Some(Content::Answers(answers)) => {
                for answer in answers.answers {
                    ensure!(
                        matches!(answer.answer, Some(Answer::Accepted(_))),
                        "{} was not accepted: {:?}",
                        answer.request_id,
                        answer.answer
                    );
                    ensure!(waiting.remove(&answer.request_id), "{} was answered twice", answer.request_id);
                }
                if waiting.is_empty() {
                    answered.get_or_insert_with(|| began.elapsed());
                }
            }
            Some(Content::Frame(frame)) => {
                if let Some(Kind::Events(events)) = frame.kind {
                    for event in events.events.into_iter().filter(|event| is_terminal(event.state())) {
                        *ended.entry(event.request_id).or_default() += 1;
                    }
                }
            }
            None => {}
        }
    }
    let once = ended.values().filter(|times| **times == 1).count();
    match answered {
        Some(answered) => Ok(Streamed { answered, not_ended_once: all.abs_diff(once) }),
        None => bail!("{} messages were not answered", waiting.len()),
    }
}
