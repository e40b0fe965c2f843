//! One run: the same share of the endpoints of each origin is bad, each origin's in a way of its own, beside clean origins.
//! Two applications send to each origin, of which one has no bad endpoint. In the middle other endpoints become bad, and
//! those that were become good.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fanfare::domain::{Clock as _, SystemClock};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::cell::Cell;
use super::kinds::{Kind, kinds};
use super::ledger::{Fate, Ledger, Sent};
use super::measure::{Accepted, share_within};
use super::verdict::{self, Figures};
use super::{FIRST_CONTACT_SECONDS, KEPT_MIN, WITHIN_SECONDS};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage};

/// The one with the bad endpoints, and the one beside it.
pub(super) const APPLICATIONS: [&str; 2] = ["default", "other"];
/// How long each push service takes for a request, in milliseconds.
const DELAY_MS: [u32; 2] = [20, 40];
/// Where not even clean origins are served in time, this machine has other things to do: everything goes slower by this, so
/// many times at most.
const SLOWER: f64 = 1.5;
const SLOWER_TIMES: usize = 4;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Endpoints of the first application at each origin.
    pub(super) endpoints: u32,
    /// Of the other.
    pub(super) others: u32,
    /// Between two broadcasts to each.
    pub(super) interval: Duration,
    /// Sends to those of each application at each origin, meanwhile.
    pub(super) sends: u32,
    /// Broadcasts that are judged, before and after the change.
    pub(super) rounds: u32,
    /// `transport.deadline` and `engine.retry_max`, in seconds: short ones, so that there is something to be seen.
    pub(super) deadline: u32,
    pub(super) retry_max: u32,
}

/// A message to all of a cell, or to one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) cell: usize,
    pub(super) half: usize,
    /// Each bad endpoint had failed once before.
    pub(super) is_judged: bool,
    pub(super) to: Option<u32>,
    pub(super) sent: Sent,
}

/// From one change of the bad ones to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    /// When it began.
    pub(super) micros: i64,
    pub(super) seconds: f64,
    /// The bad ones, by cell.
    pub(super) bad: Vec<Vec<u32>>,
    /// POSTs that were not taken, by cell.
    pub(super) refused_posts: Vec<f64>,
    /// Bad ones that were not tried before it was judged.
    pub(super) untried: usize,
}

pub(super) struct Run {
    pub(super) size: Size,
    pub(super) kinds: Vec<Kind>,
    /// Of each kind two, as [`APPLICATIONS`].
    pub(super) cells: Vec<Cell>,
    pub(super) halves: Vec<Half>,
    pub(super) messages: Vec<Message>,
    share: f64,
    stage: Stage,
    server: Server,
    client: Client,
    ledger: Ledger,
    random: StdRng,
    round: u32,
    /// Of `size`, or longer.
    pub(super) interval: Duration,
}

/// Plays it.
pub(super) async fn measure(
    size: Size,
    share: f64,
    seed: u64,
    only: Option<&str>,
    checks: &mut Checks,
) -> anyhow::Result<Figures> {
    let mut run = Run::set(size, share, seed, only).await?;
    eprintln!("{} % of the endpoints of {} origins are bad", share * 100.0, run.kinds.len());
    for half in 0..2 {
        run.half(half).await?;
    }
    sleep(Duration::from_secs_f64(WITHIN_SECONDS)).await;
    let notes = run.ledger.notes()?;
    let figures = verdict::judge(&run, share, &notes, checks);
    run.server.end(End::Kill).await?;
    run.stage.clear().await?;
    Ok(figures)
}

impl Run {
    async fn set(size: Size, share: f64, seed: u64, only: Option<&str>) -> anyhow::Result<Self> {
        let kinds = kinds(only);
        let configuration = Configuration {
            engine: format!("retry_max = \"{}s\"\n", size.retry_max),
            sections: APPLICATIONS.map(|name| format!("[[applications]]\nname = \"{name}\"\n")).concat()
                + &format!("[transport]\ndeadline = \"{}s\"\n", size.deadline),
        };
        let mut stage = Stage::set(&configuration).await?;
        let first = stage.make_origins(u32::try_from(kinds.len())?, json!({"delay_ms": DELAY_MS})).await?;
        stage.configure(&configuration)?;
        let server = stage.start_server().await?;
        let (mut cells, mut next) = (Vec::new(), 0);
        for (origin, kind) in (first..).zip(&kinds) {
            for (application, count) in APPLICATIONS.into_iter().zip([size.endpoints, size.others]) {
                let place = (application, origin);
                let numbers = next..next + count;
                cells.push(Cell::subscribe(&stage, &server, place, &kind.name, numbers).await?);
                next += count;
            }
        }
        let numbers: HashMap<String, u32> = cells.iter().flat_map(Cell::numbered).collect();
        let ledger = Ledger::open(&server, &APPLICATIONS, numbers).await?;
        let client = server.client.clone();
        let random = StdRng::seed_from_u64(seed ^ share.to_bits());
        let (halves, messages) = (Vec::new(), Vec::new());
        let round = 0;
        Ok(Self {
            size,
            kinds,
            cells,
            halves,
            messages,
            share,
            stage,
            server,
            client,
            ledger,
            random,
            round,
            interval: size.interval,
        })
    }

    /// Makes some bad, and the former good; then plays until each has failed once, and after that what is judged.
    async fn half(&mut self, number: usize) -> anyhow::Result<()> {
        let before = self.refused_posts().await?;
        let half = self.change().await?;
        let began = Instant::now();
        self.halves.push(half);
        let longest = Duration::from_secs_f64(FIRST_CONTACT_SECONDS + 2.0 * f64::from(self.size.deadline));
        let mut untried = usize::MAX;
        while untried > 0 && began.elapsed() < longest {
            self.play(number, false).await?;
            untried = self.untried(number)?;
        }
        eprintln!("  each bad one had failed after {:.1} s", began.elapsed().as_secs_f64());
        if number == 0 {
            self.find_pace().await?;
        }
        for _ in 0..self.size.rounds {
            self.play(number, true).await?;
        }
        let after = self.refused_posts().await?;
        let half = &mut self.halves[number];
        half.untried = untried;
        half.seconds = began.elapsed().as_secs_f64();
        half.refused_posts = before.iter().zip(&after).map(|(before, after)| after - before).collect();
        Ok(())
    }

    async fn find_pace(&mut self) -> anyhow::Result<()> {
        for _ in 0..SLOWER_TIMES {
            let from = self.messages.len();
            self.play(0, false).await?;
            sleep(Duration::from_secs_f64(WITHIN_SECONDS)).await;
            let accepted = Accepted::of(&self.ledger.notes()?);
            let mut seconds = Vec::new();
            for of in &self.messages[from..] {
                if of.to.is_none() && self.kinds[of.cell / 2].is_clean() {
                    let numbers = self.cells[of.cell].numbers();
                    seconds.extend(
                        numbers.map(|number| accepted.seconds(of.sent.message, of.sent.micros, number)),
                    );
                }
            }
            if share_within(&seconds, WITHIN_SECONDS) >= KEPT_MIN {
                break;
            }
            self.interval = self.interval.mul_f64(SLOWER);
            eprintln!("  this machine is busy: a broadcast each {:.1} s", self.interval.as_secs_f64());
        }
        Ok(())
    }

    async fn change(&mut self) -> anyhow::Result<Half> {
        let mut half = Half::default();
        for (place, cell) in self.cells.iter().enumerate() {
            let kind = &self.kinds[place / 2];
            let former = self.halves.last().map_or(&[][..], |half| &half.bad[place]);
            let mut bad = Vec::new();
            if place % 2 == 0 && !kind.is_clean() {
                #[allow(clippy::cast_sign_loss, reason = "a part of a number")]
                let count = (f64::from(self.size.endpoints) * self.share).round().max(1.0) as usize;
                bad = cell.draw(&mut self.random, count, former);
            }
            cell.order(&self.stage, former, &Value::Null).await?;
            cell.order(&self.stage, &bad, &kind.fault).await?;
            half.bad.push(bad);
        }
        half.micros = i64::try_from(SystemClock.now().as_micros())?;
        Ok(half)
    }

    /// How many of the bad ones have not failed since they became bad.
    fn untried(&mut self, half: usize) -> anyhow::Result<usize> {
        let half = &self.halves[half];
        let mut untried: HashSet<u32> = half.bad.iter().flatten().copied().collect();
        for note in self.ledger.notes()? {
            if note.fate == Fate::Failed && note.micros >= half.micros {
                untried.remove(&note.subscriber);
            }
        }
        Ok(untried.len())
    }

    async fn refused_posts(&self) -> anyhow::Result<Vec<f64>> {
        let mut posts = Vec::new();
        for cell in &self.cells {
            posts.push(cell.refused_posts(&self.stage).await?);
        }
        Ok(posts)
    }

    /// A broadcast to each cell, and Sends, each at a moment of its own.
    async fn play(&mut self, half: usize, is_judged: bool) -> anyhow::Result<()> {
        let plan = self.plan(half);
        let begin = Instant::now();
        let mut calls = JoinSet::new();
        for (number, (after, cell, to)) in plan.into_iter().enumerate() {
            sleep_until(begin + after).await;
            let (names, mut client) = (self.ledger.names(), self.client.clone());
            let text = format!("round {}, message {number}", self.round);
            let of = &self.cells[cell];
            let (send, broadcast) = (to.map(|to| of.send(to, &text)).transpose()?, of.broadcast(&text));
            calls.spawn(async move {
                let sent = match send {
                    Some(send) => names.send(&mut client, send).await?,
                    None => names.broadcast(&mut client, broadcast).await?,
                };
                anyhow::Ok(Message { cell, half, is_judged, to, sent })
            });
        }
        sleep_until(begin + self.interval).await;
        while let Some(called) = calls.join_next().await {
            self.messages.push(called??);
        }
        self.round += 1;
        Ok(())
    }

    fn plan(&mut self, half: usize) -> Vec<(Duration, usize, Option<u32>)> {
        let mut plan = Vec::new();
        for (place, cell) in self.cells.iter().enumerate() {
            let mut at = || self.interval.mul_f64(self.random.random_range(0.0..1.0));
            let times: Vec<Duration> = (0..self.size.sends + 2).map(|_| at()).collect();
            plan.push((times[0], place, None));
            // One is certain to be for a bad one.
            let bad = self.halves[half].bad[place].choose(&mut self.random).copied();
            plan.extend(bad.map(|bad| (times[1], place, Some(bad))));
            for after in &times[2..] {
                plan.push((*after, place, Some(self.random.random_range(cell.numbers()))));
            }
        }
        plan.sort_by_key(|(after, ..)| *after);
        plan
    }
}
