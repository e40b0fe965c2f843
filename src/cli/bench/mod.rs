//! `fanfare bench`: what a push costs, beside what it costs at least. A server with a store of its own and a sink run as
//! processes of their own; in each round the floor is measured, then a broadcast to each size, then Sends in each way in
//! which they are called, so that whatever else the machine does meanwhile is in all.
//!
//! ```text
//! stage (processes) ─► enlist (Subscribe) ─► rounds of floor, broadcast, Sends at once ─► sends ─► report
//! ```

mod broadcast;
mod enlist;
mod floor;
mod report;
mod report_sends;
mod sends;
mod sends_at_once;
mod sink;
mod stage;
mod subscriptions;
mod usage;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use super::failure::Failure;
use super::view::progress_bar;
use broadcast::Played;
use floor::{FloorFigures, Runtime};
use report::{Broadcast, Floor, Report, SendFigures};
use report_sends::SendCost;
use sends::Sends;
use sends_at_once::{SendsAtOnce, Way};
use stage::Stage;

/// Octets of the message.
const PAYLOAD_OCTETS: usize = 1_000;
/// Time to live of the message.
const TTL_SECONDS: i64 = 3_600;
/// POSTs in flight that are tried for the floor.
const IN_FLIGHT: [usize; 3] = [64, 128, 256];
/// Encryptions and POSTs of one round's floor, and of one try for the best.
const FLOOR_COUNT: usize = 20_000;
const TRY_COUNT: usize = 6_000;
/// Sends of a round, in each way in which many are called at once.
const SENDS_AT_ONCE: usize = 4_000;
/// Sends at each load: the fifth longest is their p99.
const SENDS: usize = 500;
/// Shares of the broadcast's rate beside which Sends are measured.
const LOADS: [f64; 4] = [0.0, 0.01, 0.1, 0.5];

/// Measures what a push costs the whole server, beside encryption and POST alone
#[derive(Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Everything happens on this machine, on free loopback ports, in a temporary directory. Each round measures the floor
(encryption alone, then POSTs alone, at the best concurrency and runtime that were found) and then a broadcast to each
size. The last line is one JSON object with the figures: medians of the rounds.

Exit code 0: a push costs at most 1.3 floors; with several sizes, one to the smallest does, and one to the largest costs at
most 1.1 times as much; a Send starts its POST within 3 ms (p50, idle) and 10 ms (p99, half load) beyond a bare durable
write. With --short no figure is judged, only that all was delivered.

Examples:
  fanfare bench
  fanfare bench --endpoints 10000,1000000 --rounds 3
  fanfare bench --sink https://localhost:8443 --sink-ca ca.pem"
)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    part: Option<Part>,
    /// Endpoints of each broadcast, several sizes by commas
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "10000",
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(100..=10_000_000))]
    endpoints: Vec<usize>,
    /// How often floor and broadcasts take turns
    #[arg(long, value_name = "NUMBER", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// An HTTPS sink of your own, that answers 201 over HTTP/2, on this machine; see benches/sink
    #[arg(long, value_name = "ORIGIN")]
    sink: Option<String>,
    /// The certificate that it is trusted by, if not one of the system's
    #[arg(long, value_name = "FILE", requires = "sink")]
    sink_ca: Option<PathBuf>,
    /// Another build of this program to measure, beside the same floor
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// One small round, to see that everything works
    #[arg(long)]
    short: bool,
    /// Print nothing but the JSON object
    #[arg(long)]
    json: bool,
}

/// What the benchmark starts as processes of their own.
#[derive(Subcommand, Clone, Debug)]
enum Part {
    /// The sink that costs least: 201 to whatever comes
    #[command(hide = true)]
    Sink(sink::SinkArgs),
    /// One half of the floor
    #[command(hide = true)]
    Floor(floor::FloorArgs),
}

/// How much is measured.
struct Plan {
    sizes: Vec<usize>,
    rounds: usize,
    floor_count: usize,
    try_count: usize,
    sends: usize,
    sends_at_once: usize,
}

impl BenchArgs {
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        match self.part.take() {
            Some(Part::Sink(sink)) => return sink.run().await,
            Some(Part::Floor(floor)) => return floor.run().await,
            None => {}
        }
        let mut report = self.measure().await?;
        if !self.short {
            report.judge();
        }
        if !self.json {
            print!("{}", report.table());
        }
        println!("{}", report.json());
        match report.problems.as_slice() {
            [] => Ok(()),
            problems => Err(Failure::failed(problems.join("\n  "))),
        }
    }

    fn plan(&self) -> Plan {
        let mut sizes = self.endpoints.clone();
        sizes.sort_unstable();
        sizes.dedup();
        if self.short {
            return Plan {
                sizes: vec![2_000],
                rounds: 1,
                floor_count: 2_000,
                try_count: 500,
                sends: 20,
                sends_at_once: 400,
            };
        }
        let rounds = self.rounds as usize;
        Plan {
            sizes,
            rounds,
            floor_count: FLOOR_COUNT,
            try_count: TRY_COUNT,
            sends: SENDS,
            sends_at_once: SENDS_AT_ONCE,
        }
    }

    async fn measure(&self) -> anyhow::Result<Report> {
        let stage = Stage::set(self).await?;
        let report = self.rounds(&stage).await.with_context(|| stage.log_tail())?;
        stage.clear().await?;
        Ok(report)
    }

    async fn rounds(&self, stage: &Stage) -> anyhow::Result<Report> {
        let plan = self.plan();
        let largest = plan.sizes.last().copied().unwrap_or(0);
        let bar = self.bar("subscriptions", largest);
        enlist::subscribe_all(&stage.client.push(), &stage.sink.origin, &plan.sizes, &bar).await?;
        enlist::subscribe_users(&stage.client.push(), &stage.sink.origin).await?;
        let (in_flight, runtime) = best_post(stage, plan.try_count).await?;

        // Connections are opened, and caches filled, that any broadcast needs.
        self.broadcast(stage, plan.sizes.first().copied().unwrap_or(0), "warming up").await?;
        let (mut encrypt, mut post) = (Vec::<FloorFigures>::new(), Vec::<FloorFigures>::new());
        let mut floors = Vec::new();
        let mut played: Vec<Vec<Played>> = vec![Vec::new(); plan.sizes.len()];
        let mut sent: [Vec<SendsAtOnce>; Way::ALL.len()] = Default::default();
        for round in 1..=plan.rounds {
            let (one, other) = (
                stage.encrypt_alone(plan.floor_count).await?,
                stage.post_alone(plan.floor_count, in_flight, runtime).await?,
            );
            floors.push(one.cpu_us + other.cpu_us);
            encrypt.push(one);
            post.push(other);
            for (size, played) in plan.sizes.iter().zip(&mut played) {
                played.push(self.broadcast(stage, *size, &format!("round {round}/{}", plan.rounds)).await?);
            }
            for (way, sent) in Way::ALL.into_iter().zip(&mut sent) {
                let bar = self.bar("Sends", 0);
                bar.set_message(format!("round {round}/{}, {}", plan.rounds, way.name()));
                sent.push(sends_at_once::play(stage, way, plan.sends_at_once, &bar).await?);
                bar.finish_and_clear();
            }
        }
        let floor = Floor::new(&encrypt, &post, in_flight, runtime);
        let broadcasts: Vec<_> = played.iter().map(|played| Broadcast::new(played, &floors, floor)).collect();
        let growth = match broadcasts.as_slice() {
            [smallest, .., largest] => Some(largest.cpu_us_per_push / smallest.cpu_us_per_push),
            [_] | [] => None,
        };
        let rate = broadcasts.last().map_or(0.0, |of| of.pushes_per_second);
        let sends = self.sends(stage, &plan, largest, rate).await?;
        Ok(Report {
            sink: if self.sink.is_some() { stage.sink.origin.clone() } else { "built in".to_owned() },
            payload_octets: PAYLOAD_OCTETS,
            rounds: plan.rounds,
            floor,
            broadcasts,
            growth,
            send_costs: Way::ALL
                .iter()
                .zip(&sent)
                .map(|(way, sent)| SendCost::new(*way, sent, &floors))
                .collect(),
            store_us_per_send: sends.iter().find_map(|of| of.store_us),
            sends: sends.iter().map(SendFigures::new).collect(),
            problems: Vec::new(),
        })
    }

    async fn broadcast(&self, stage: &Stage, endpoints: usize, what: &str) -> anyhow::Result<Played> {
        let bar = self.bar("deliveries", endpoints);
        bar.set_message(what.to_owned());
        let played = broadcast::play(stage, endpoints, &bar).await;
        bar.finish_and_clear();
        played
    }

    async fn sends(
        &self,
        stage: &Stage,
        plan: &Plan,
        endpoints: usize,
        rate: f64,
    ) -> anyhow::Result<Vec<Sends>> {
        let bar = self.bar("Sends", plan.sends * LOADS.len());
        let mut measured = Vec::new();
        for load in LOADS {
            measured.push(sends::measure(stage, plan.sends, endpoints, load, rate, &bar).await?);
        }
        bar.finish_and_clear();
        Ok(measured)
    }

    fn bar(&self, unit: &str, length: usize) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let bar = progress_bar(unit);
        bar.set_length(length as u64);
        bar
    }
}

/// The concurrency and runtime at which a POST alone costs least.
async fn best_post(stage: &Stage, count: usize) -> anyhow::Result<(usize, Runtime)> {
    let mut best = None;
    for runtime in Runtime::ALL {
        for in_flight in IN_FLIGHT {
            let figures = stage.post_alone(count, in_flight, runtime).await?;
            if best.is_none_or(|(least, _)| figures.cpu_us < least) {
                best = Some((figures.cpu_us, (in_flight, runtime)));
            }
        }
    }
    best.map(|(_, best)| best).context("nothing was tried")
}
