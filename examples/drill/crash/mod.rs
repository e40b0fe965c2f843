//! The server is killed again and again in the middle of its work: by SIGKILL at random instants, and at the places
//! where it hurts most (`src/failpoint.rs`); each time another one starts on what it left.
//!
//! Under way are Broadcasts to everybody, Sends to single subscribers, retries of what the sandbox answers 429 and 500,
//! and the removal of those it answers 410. One watcher follows `messages/-`, and one each message, over all kills.
//!
//! What must hold in the end: every delivery has exactly one terminal event, and what was ACCEPTED arrived; the counters
//! reconcile; no watcher missed an event or was told one twice; and what a kill made arrive twice is at most
//! `max_unsettled`.

mod life;
mod trimming;
mod verdict;

use std::collections::{BTreeSet, HashSet};
use std::mem;
use std::time::Instant;

use fanfare::domain::{Clock as _, SystemClock};
use prost_types::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use serde_json::json;

use crate::checks::Checks;
use crate::stage::{Build, Configuration, End, Launch, Stage, build};
use crate::witness::Witness;

/// `engine.max_unsettled` of the drill: far below the number of targets, so that the bound means something.
const MAX_UNSETTLED: usize = 64;
const TOPIC: &str = "drill";
/// Subscribers that a life lets go.
const GONE_EACH_LIFE: usize = 20;
/// Who fails for a while does so anew after so many lives: in each, what is tried again would hardly ever end.
const LIVES_OF_A_FAULT: usize = 8;
/// `engine.retry_max` of the drill: what failed often must not wait for many lives, in which nothing else would be sent.
const RETRY_MAX_SECONDS: u64 = 2;
/// Where to die, and at which pass.
const FAILPOINTS: [&str; 18] = [
    "answered:50",
    "answered:1",
    "commit-applied:20",
    "commit-applied:1",
    "group-applied:1",
    "group-applied:40",
    "commit-synced:30",
    "commit-synced:1",
    "accepted:3",
    "accepted:1",
    "pages-written:1",
    "pages-written:3",
    "reaped:1",
    "answered:700",
    "recovering-messages:2",
    "recovering-messages:1",
    "recovering-plans:1",
    "reaped:2",
];

/// How much there is of everything.
struct Size {
    targets: u32,
    /// At random instants.
    kills: usize,
    /// Every which failpoint is taken.
    failpoints: usize,
    /// The latest instant of a kill after the server is ready.
    life_ms: u64,
    /// Broadcasts at most, so that the sandbox remembers all that arrived.
    broadcasts: usize,
}

const LONG: Size = Size { targets: 20_000, kills: 100, failpoints: 1, life_ms: 2_500, broadcasts: 20 };
const SHORT: Size = Size { targets: 2_500, kills: 8, failpoints: 2, life_ms: 500, broadcasts: 60 };

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Figures {
    seed: u64,
    kills: usize,
    /// How many of them at failpoints.
    at_failpoints: usize,
    messages: usize,
    /// How many of them were trimmed in the end.
    trimmed: usize,
    /// Of all messages that were not to be trimmed.
    deliveries: usize,
    /// Without a terminal event, or ACCEPTED without having arrived.
    lost: usize,
    double_terminal: usize,
    /// Messages whose counters do not reconcile.
    unreconciled: usize,
    /// Events that a resumed watcher was not told.
    gaps: usize,
    /// Events that a resumed watcher was told more than once.
    repeated: usize,
    /// Deliveries that arrived twice because of one kill, at most.
    duplicates_max: usize,
    /// Of all kills.
    duplicates: usize,
    max_unsettled: usize,
    /// From the start of a server to its readiness, at most.
    recovery_seconds_max: f64,
    /// The files of the store in the end.
    store_octets: u64,
}

/// A message of the drill.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// Whom a Send goes to, by index and name; none for a Broadcast.
    subscriber: Option<(u32, String)>,
    request_id: String,
    /// Its payload, of which there is no other.
    text: String,
    witness: Witness,
    /// Its watcher was told that it has ended.
    ended: bool,
    /// There is no such subscriber any more, and so no message.
    refused: bool,
}

impl Sent {
    /// For its watcher, with all it was told: copied for each of a hundred lives, that would be most of the drill's work.
    fn lend(&mut self) -> Self {
        let witness = mem::take(&mut self.witness);
        Self { witness, ..self.clone() }
    }

    fn is_open(&self) -> bool {
        !self.ended && !self.refused
    }
}

struct Crash {
    size: &'static Size,
    stage: Stage,
    random: StdRng,
    group: u32,
    /// Of all subscriptions, by index.
    names: Vec<String>,
    /// Whom the sandbox answers 410.
    gone: BTreeSet<u32>,
    messages: Vec<Sent>,
    all: Witness,
    /// When each server was started, in microseconds since 1970.
    started: Vec<u64>,
    /// Deliveries that ended ACCEPTED, by the places of message and subscriber.
    accepted: HashSet<(usize, u32)>,
    figures: Figures,
    checks: Checks,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, seed: u64) -> anyhow::Result<Vec<String>> {
    let size = if short { &SHORT } else { &LONG };
    eprintln!("seed {seed}");
    let engine = format!(
        "max_unsettled = {MAX_UNSETTLED}\nretry_base = \"400ms\"\nretry_max = \"{RETRY_MAX_SECONDS}s\""
    );
    let stage = Stage::set(&Configuration { engine: engine.clone(), ..Configuration::default() }).await?;
    // Kept at once: another build may replace it by one without failpoints.
    let failing_program = stage.keep(&build(Build::Failpoints)?)?;
    let start = now_micros();
    let server = stage.start_server().await?;
    let (group, names) = stage.subscribe(&server, size.targets, TOPIC, |_| String::new()).await?;
    server.end(End::Terminate).await?;
    let mut drill = Crash {
        size,
        stage,
        random: StdRng::seed_from_u64(seed),
        group,
        names,
        gone: BTreeSet::new(),
        messages: Vec::new(),
        all: Witness::of_all(timestamp(start)),
        started: Vec::new(),
        accepted: HashSet::new(),
        figures: Figures { seed, max_unsettled: MAX_UNSETTLED, ..Figures::default() },
        checks: Checks::default(),
    };

    let began = Instant::now();
    for kill in 0..size.kills {
        // Often soon after the start: a server that recovers is killed as well.
        let latest = if kill % 5 == 0 { size.life_ms / 10 } else { size.life_ms };
        let at = drill.random.random_range(0..=latest);
        drill.live(Launch::default(), life::Death::After(at)).await?;
        drill.tell(kill + 1, began);
    }
    for failpoint in FAILPOINTS.iter().step_by(size.failpoints) {
        let failpoint = Some((*failpoint).to_owned());
        let launch = Launch { program: Some(failing_program.clone()), failpoint, ..Launch::default() };
        drill.live(launch, life::Death::AtFailpoint).await?;
        drill.tell(drill.figures.kills, began);
    }
    drill.live(Launch::default(), life::Death::None).await?;
    let failing = Launch { program: Some(failing_program), ..Launch::default() };
    drill.kill_trimming(&engine, &failing).await?;
    drill.judge().await?;
    drill.stage.clear().await?;
    println!("{}", serde_json::to_string(&drill.figures)?);
    Ok(drill.checks.problems())
}

impl Crash {
    fn tell(&self, kills: usize, began: Instant) {
        let ended = self.messages.iter().filter(|message| message.ended).count();
        let told = self.all.told.len();
        let seconds = began.elapsed().as_secs();
        if kills.is_multiple_of(10) || self.size.kills < 10 {
            eprintln!(
                "{kills} kills in {seconds} s: {ended} of {} messages ended, {told} events",
                self.messages.len()
            );
        }
    }

    /// Lets some more be gone, and throttles and fails some others, for what is sent next.
    async fn order_faults(&mut self) -> anyhow::Result<()> {
        if self.started.len().is_multiple_of(LIVES_OF_A_FAULT) {
            let shares = json!({
                "throttled": {"share": 0.002, "times": 2, "retry_after_seconds": null},
                "failing": {"share": 0.02, "times": 3},
            });
            self.stage.call("PUT", &format!("/groups/{}/faults", self.group), Some(shares)).await?;
        }
        for _ in 0..GONE_EACH_LIFE {
            // Half of them stay to the end.
            let index = self.random.random_range(0..self.size.targets / 2);
            if self.gone.insert(index) {
                let path = format!("/groups/{}/subscribers/{index}/faults", self.group);
                self.stage.call("POST", &path, Some(json!({"gone": {"after": 0}}))).await?;
            }
        }
        Ok(())
    }
}

fn now_micros() -> u64 {
    SystemClock.now().as_micros()
}

fn timestamp(micros: u64) -> Timestamp {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(rest * 1_000).unwrap_or_default(),
    }
}
