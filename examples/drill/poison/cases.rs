//! What was measured when one bad endpoint still hurt all others of its origin: a few that always fail among some dozens,
//! and among two thousand; one for which messages wait. With the settings that the server has by default, but for the
//! deadline: those that never answer show what they do within the time that this takes.

use std::collections::HashMap;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::WITHIN_SECONDS;
use super::cell::Cell;
use super::ledger::{Ledger, Names, Note, Sent};
use super::measure::{Accepted, finite, median, quantile};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Stage};

/// A broadcast to a large origin takes no more of what the first one took; or [`WITHIN_SECONDS`], if that is more.
const SLOWER_MAX: f64 = 1.5;
/// Subscribers from which on an origin is a large one.
const LARGE: u32 = 1_000;
/// Messages that wait for the one of which the others know nothing.
const WAITING: usize = 25;
/// Between two Sends to the others.
const SEND_INTERVAL: Duration = Duration::from_millis(500);

/// So that whoever never answers has failed more than once within the time that this takes.
const SECTIONS: &str = "[transport]\ndeadline = \"4s\"\n";

/// How long it goes on.
pub(super) struct Length {
    pub(super) rounds: u32,
    pub(super) interval: Duration,
}

/// One of them.
#[derive(Clone)]
struct Case {
    name: &'static str,
    healthy: u32,
    bad: usize,
    fault: Value,
    /// Messages to the bad ones, and Sends to the others; else broadcasts.
    sends: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    case: &'static str,
    healthy: u32,
    bad: usize,
    /// Of the healthy ones, for each broadcast; of all Sends.
    accepted_within_2_s: Vec<usize>,
    /// Until the last of them; null: not at all.
    last_seconds: Vec<Option<f64>>,
    /// Of Sends.
    p50_seconds: Option<f64>,
}

fn cases() -> Vec<Case> {
    let answer =
        |status: u16, retry_after: Value| json!({"answer": {"status": status, "retry_after": retry_after}});
    let case = |name, healthy, fault| Case { name, healthy, bad: 3, fault, sends: false };
    vec![
        case("3 of 63 answer 503", 60, answer(503, Value::Null)),
        case("3 of 2,003 answer 503", 2_000, answer(503, Value::Null)),
        case("3 of 63 answer 429, Retry-After: 0", 60, answer(429, json!({"seconds": 0}))),
        case("3 of 63 answer 503, Retry-After: 0", 60, answer(503, json!({"seconds": 0}))),
        case("3 of 63 never answer", 60, json!({"silent": {}})),
        Case {
            bad: 1,
            sends: true,
            ..case("1 of 61 answers 503, 25 messages wait for it", 60, answer(503, Value::Null))
        },
    ]
}

/// Plays them, all at once, each with an origin of its own.
pub(super) async fn measure(
    length: &Length,
    seed: u64,
    only: Option<&str>,
    checks: &mut Checks,
) -> anyhow::Result<Vec<Figures>> {
    let mut cases = cases();
    cases.retain(|case| only.is_none_or(|only| case.name.contains(only)));
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let configuration = Configuration { sections: SECTIONS.to_owned(), ..Configuration::default() };
    let mut stage = Stage::set(&configuration).await?;
    let first_origin = stage.make_origins(u32::try_from(cases.len())?, json!({})).await?;
    stage.configure(&configuration)?;
    let server = stage.start_server().await?;
    let mut random = StdRng::seed_from_u64(seed);
    let (mut cells, mut next) = (Vec::new(), 0);
    for (origin, case) in (first_origin..).zip(&cases) {
        let end = next + case.healthy + u32::try_from(case.bad)?;
        let topic = format!("case-{origin}");
        let cell = Cell::subscribe(&stage, &server, ("default", origin), &topic, next..end).await?;
        next = end;
        let bad = cell.draw(&mut random, case.bad, &[]);
        cell.order(&stage, &bad, &case.fault).await?;
        cells.push((cell, bad));
    }
    let numbers: HashMap<String, u32> = cells.iter().flat_map(|(cell, _)| cell.numbered()).collect();
    let mut ledger = Ledger::open(&server, &["default"], numbers).await?;

    let mut plays = JoinSet::new();
    for (place, ((cell, bad), case)) in cells.iter().zip(&cases).enumerate() {
        let (cell, bad, sends) = (cell.clone(), bad.clone(), case.sends);
        let (names, mut client) = (ledger.names(), server.client.clone());
        let begin = Instant::now() + length.interval / u32::try_from(cases.len())? * u32::try_from(place)?;
        let (interval, rounds) = (length.interval, length.rounds);
        let random = StdRng::seed_from_u64(seed);
        plays.spawn(async move {
            let sent = if sends {
                send_beside(&cell, &bad, random, &mut client, &names, begin, interval * rounds).await
            } else {
                broadcasts(&cell, &mut client, &names, begin, interval, rounds).await
            };
            sent.map(|sent| (place, sent))
        });
    }
    let mut sent = vec![Vec::new(); cases.len()];
    while let Some(played) = plays.join_next().await {
        let (place, of_case) = played??;
        sent[place] = of_case;
    }
    sleep(Duration::from_secs_f64(WITHIN_SECONDS)).await;
    let notes = ledger.notes()?;
    server.end(End::Kill).await?;
    stage.clear().await?;
    let judged = cases.iter().zip(cells.iter().zip(&sent));
    Ok(judged.map(|(case, ((cell, bad), sent))| judge(case, cell, bad, sent, &notes, checks)).collect())
}

async fn broadcasts(
    cell: &Cell,
    client: &mut Client,
    names: &Names,
    begin: Instant,
    interval: Duration,
    rounds: u32,
) -> anyhow::Result<Vec<(Sent, Option<u32>)>> {
    let mut sent = Vec::new();
    for round in 0..rounds {
        sleep_until(begin + interval * round).await;
        sent.push((names.broadcast(client, cell.broadcast(&format!("round {round}"))).await?, None));
    }
    // As long as the others have.
    sleep_until(begin + interval * rounds).await;
    Ok(sent)
}

/// Sends to others, while messages wait for the bad ones.
async fn send_beside(
    cell: &Cell,
    bad: &[u32],
    mut random: StdRng,
    client: &mut Client,
    names: &Names,
    begin: Instant,
    time: Duration,
) -> anyhow::Result<Vec<(Sent, Option<u32>)>> {
    sleep_until(begin).await;
    for number in bad {
        for message in 0..WAITING {
            names.send(client, cell.send(*number, &format!("waits {message}"))?).await?;
        }
    }
    let others: Vec<u32> = cell.numbers().filter(|number| !bad.contains(number)).collect();
    let mut sent = Vec::new();
    // Until they have failed, one after the other.
    sleep(SEND_INTERVAL * 2).await;
    while begin.elapsed() < time {
        let number = others.choose(&mut random).copied().unwrap_or_default();
        let text = format!("beside {}", sent.len());
        sent.push((names.send(client, cell.send(number, &text)?).await?, Some(number)));
        sleep(SEND_INTERVAL).await;
    }
    Ok(sent)
}

fn judge(
    case: &Case,
    cell: &Cell,
    bad: &[u32],
    sent: &[(Sent, Option<u32>)],
    notes: &[Note],
    checks: &mut Checks,
) -> Figures {
    let accepted = Accepted::of(notes);
    let healthy: Vec<u32> = cell.numbers().filter(|number| !bad.contains(number)).collect();
    let seconds = |of: &Sent, numbers: &[u32]| -> Vec<f64> {
        numbers.iter().map(|number| accepted.seconds(of.message, of.micros, *number)).collect()
    };
    let mut rounds: Vec<Vec<f64>> = if case.sends {
        let each = sent.iter().flat_map(|(sent, to)| seconds(sent, to.as_slice()));
        vec![each.collect()]
    } else {
        sent.iter().map(|(sent, _)| seconds(sent, &healthy)).collect()
    };
    let within: Vec<usize> =
        rounds.iter().map(|of| of.iter().filter(|seconds| **seconds <= WITHIN_SECONDS).count()).collect();
    let last: Vec<f64> = rounds.iter_mut().map(|of| quantile(of, 1.0)).collect();
    let p50 = if case.sends { rounds.first_mut().map(|of| median(of)) } else { None };
    let of = rounds.first().map_or(0, Vec::len);
    eprintln!("{}: {within:?} of {of} within {WITHIN_SECONDS} s; the last after {last:.2?} s", case.name);
    let mut most = WITHIN_SECONDS;
    if case.healthy >= LARGE {
        most = most.max(last.first().copied().unwrap_or_default() * SLOWER_MAX);
    }
    checks.check(last.iter().all(|last| last.is_finite() && *last <= most), || {
        format!("{}: the healthy ones wait for up to {last:.2?} s", case.name)
    });
    Figures {
        case: case.name,
        healthy: case.healthy,
        bad: case.bad,
        accepted_within_2_s: within,
        last_seconds: last.into_iter().map(finite).collect(),
        p50_seconds: p50.and_then(finite),
    }
}
