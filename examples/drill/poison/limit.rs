//! An origin that takes 500 requests a second, which nobody told the server, and has bad endpoints as well: the limit is
//! found all the same, and is used for the others.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use fanfare::domain::{Clock as _, SystemClock};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::cell::Cell;
use super::ledger::{Fate, Ledger};
use crate::checks::Checks;
use crate::stage::{Configuration, End, Stage};

const PER_SECOND: u32 = 500;
const SUBSCRIBERS: u32 = 2_000;
const BAD: usize = 100;
/// How long the limit may be looked for.
const FIND: Duration = Duration::from_secs(10);
const USED_MIN: f64 = 0.85;
const REFUSED_MAX: f64 = 0.02;
/// How long it takes for each request, in milliseconds.
const DELAY_MS: [u32; 2] = [20, 40];
/// What it answers to what is beyond the limit.
const BEYOND: u16 = 429;

/// What it was driven at.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    per_second: u32,
    bad: usize,
    /// Share of the limit with which messages were taken.
    used: f64,
    /// Share of the attempts to healthy ones that were one too many.
    healthy_refused: f64,
    /// POSTs to bad ones, for each second and each of them.
    bad_posts_per_second: f64,
}

/// Drives it for so long.
pub(super) async fn measure(measured: Duration, seed: u64, checks: &mut Checks) -> anyhow::Result<Figures> {
    let mut stage = Stage::set(&Configuration::default()).await?;
    let settings = json!({"rate": {"per_second": PER_SECOND}, "delay_ms": DELAY_MS});
    let origin = stage.make_origins(1, settings).await?;
    stage.configure(&Configuration::default())?;
    let server = stage.start_server().await?;
    let cell = Cell::subscribe(&stage, &server, ("default", origin), "limit", 0..SUBSCRIBERS).await?;
    let bad = cell.draw(&mut StdRng::seed_from_u64(seed), BAD, &[]);
    let (throttled, failing) = bad.split_at(BAD / 2);
    cell.order(&stage, throttled, &json!({"answer": {"status": 429}})).await?;
    cell.order(&stage, failing, &json!({"answer": {"status": 503}})).await?;
    let mut ledger = Ledger::open(&server, &["default"], cell.numbered().collect()).await?;

    // Enough to do for as long as this takes.
    let posts = f64::from(PER_SECOND) * (FIND + measured).as_secs_f64() * 1.5;
    let (names, mut client) = (ledger.names(), server.client.clone());
    let mut broadcasts = 0;
    while f64::from(broadcasts * SUBSCRIBERS) < posts {
        names.broadcast(&mut client, cell.broadcast(&format!("broadcast {broadcasts}"))).await?;
        broadcasts += 1;
    }
    sleep(FIND).await;
    let (began, since) = (Instant::now(), Duration::from_micros(SystemClock.now().as_micros()));
    let before = (taken(&stage, origin).await?, cell.refused_posts(&stage).await?);
    sleep(measured).await;
    let after = (taken(&stage, origin).await?, cell.refused_posts(&stage).await?);
    let seconds = began.elapsed().as_secs_f64();
    let notes = ledger.notes()?;
    server.end(End::Kill).await?;
    stage.clear().await?;

    let since = i64::try_from(since.as_micros())?;
    let bad: HashSet<u32> = bad.into_iter().collect();
    let of_healthy = || notes.iter().filter(|note| note.micros >= since && !bad.contains(&note.subscriber));
    let accepted = of_healthy().filter(|note| note.fate == Fate::Accepted).count() as f64;
    let refused =
        of_healthy().filter(|note| note.fate == Fate::Failed && note.status == BEYOND).count() as f64;
    let figures = Figures {
        per_second: PER_SECOND,
        bad: BAD,
        used: (after.0 - before.0) / seconds / f64::from(PER_SECOND),
        healthy_refused: refused / (accepted + refused).max(1.0),
        bad_posts_per_second: (after.1 - before.1) / seconds / BAD as f64,
    };
    let (used, refused) = (figures.used * 100.0, figures.healthy_refused * 100.0);
    eprintln!(
        "{BAD} of {SUBSCRIBERS} are bad, {PER_SECOND} a second: {used:.1} % used, {refused:.2} % refused"
    );
    checks.check(figures.used >= USED_MIN, || format!("only {used:.1} % of {PER_SECOND} a second are used"));
    checks.check(figures.healthy_refused < REFUSED_MAX, || {
        format!("{refused:.1} % of the attempts to healthy ones are refused at {PER_SECOND} a second")
    });
    Ok(figures)
}

async fn taken(stage: &Stage, origin: u32) -> anyhow::Result<f64> {
    let line = stage.call("GET", &format!("/origins/{origin}"), None).await?;
    line.get("taken").and_then(Value::as_f64).context("the sandbox does not count what is taken")
}
