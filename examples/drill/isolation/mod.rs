//! Bad push services beside a good one: one swallows every connection, one answers 429 to everything, one has been broken
//! for long and has a backlog, and very many small ones are dead. And very many names whose name servers never answer.
//!
//! What must hold: the good one keeps 90 % of the throughput that it has alone; memory stays within its bounds; the
//! backlog, once it can be drained, is read once; a Send in the middle of a big broadcast starts at once; two
//! applications share by their weights; and thousands of silent origins that were there before keep nobody waiting.

mod crowd;
mod names;
mod shares;

use std::time::{Duration, Instant};

use anyhow::ensure;
use fanfare::proto::v1::{CancelMessageRequest, MessageState, MessageStatus, ReportLevel, SubscribeRequest};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use crate::calls::{call_send, message_status, play_broadcast, quiet_broadcast, send, start_broadcast};
use crate::checks::Checks;
use crate::metrics::Metrics;
use crate::stage::{Client, Configuration, End, Server, Stage};

/// What the healthy one must keep of its throughput.
const KEPT_MIN: f64 = 0.9;
/// `engine.max_targets_in_memory`, `engine.max_unsettled` and `engine.max_pages_per_group`, as the defaults have them.
const TARGETS_IN_MEMORY_MAX: f64 = 65_536.0;
const UNSETTLED_MAX: f64 = 4_096.0;
const PAGES_PER_GROUP_MAX: f64 = 8.0;
const PAGE: f64 = 512.0;
/// What the resident set may grow by beside the bad ones: 65,536 targets of about a kibibyte, 4,096 attempts of up to
/// 16 KiB, and what the allocator keeps.
const RESIDENT_RISE_MAX: f64 = 192.0 * 1_048_576.0;
/// From a Send's acceptance to its POST, in seconds.
const SEND_START_P50_MAX: f64 = 0.005;
const SEND_START_P99_MAX: f64 = 0.05;
/// So that the drill need not wait for long until the backlog is tried again.
const ENGINE: &str = "retry_max = \"8s\"";
/// How long the bad ones have to show how bad they are before the good one is measured.
const SETTLE: Duration = Duration::from_secs(3);
/// Within this a backlog of the size of the drill drains.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(100);

/// How many subscribers each has.
struct Size {
    healthy: u32,
    black_holed: u32,
    throttling: u32,
    broken: u32,
    /// Origins with one subscriber each.
    dead: u32,
    rounds: usize,
    /// Between two Sends.
    send_interval: Duration,
}

const LONG: Size = Size {
    healthy: 20_000,
    black_holed: 5_000,
    throttling: 5_000,
    broken: 300_000,
    dead: 2_000,
    rounds: 5,
    send_interval: Duration::from_millis(40),
};
const SHORT: Size = Size {
    healthy: 8_000,
    black_holed: 1_000,
    throttling: 1_000,
    broken: 20_000,
    dead: 200,
    rounds: 3,
    send_interval: Duration::from_millis(10),
};

#[derive(Debug, Default, Serialize)]
struct Figures {
    healthy_alone_per_second: f64,
    healthy_beside_per_second: f64,
    kept: f64,
    resident_alone_octets: u64,
    resident_beside_octets: u64,
    targets_in_memory_peak: f64,
    unsettled_peak: f64,
    backlog: u32,
    /// Targets of the last round.
    targets_planned: f64,
    /// How many of them were read from the store, with pages that had waited there.
    targets_loaded: f64,
    sends: f64,
    send_start_p50_at_most_ms: f64,
    send_start_p99_at_most_ms: f64,
    /// How far the share of an application was from what its weight says, at most, over any 5 s.
    share_deviation_max: f64,
}

/// The scenes of this drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scene {
    /// Bad origins beside a good one, a Send beside a broadcast, two applications
    Origins,
    /// Thousands of origins that never answer
    Crowd,
    /// Names whose name servers never answer
    Names,
}

/// Of the scenes that were played.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(flatten)]
    origins: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crowd: Option<crowd::Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_names: Option<names::Figures>,
}

/// The topics of the bad ones.
const BAD: [&str; 4] = ["black", "throttling", "broken", "dead"];

/// Plays all scenes or one; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, scene: Option<Scene>) -> anyhow::Result<Vec<String>> {
    let plays = |of| scene.is_none_or(|scene| scene == of);
    let (mut report, mut checks) = (Report::default(), Checks::default());
    if plays(Scene::Origins) {
        let (figures, of_origins) = origins(short, checks).await?;
        (report.origins, checks) = (Some(figures), of_origins);
    }
    if plays(Scene::Crowd) {
        report.crowd = Some(crowd::play(short, &mut checks).await?);
    }
    if plays(Scene::Names) {
        report.silent_names = Some(names::measure(short, &mut checks).await?);
    }
    println!("{}", serde_json::to_string(&report)?);
    Ok(checks.problems())
}

/// Bad ones beside a good one, a Send beside a broadcast, two applications.
async fn origins(short: bool, checks: Checks) -> anyhow::Result<(Figures, Checks)> {
    let size = if short { &SHORT } else { &LONG };
    let mut stage = Stage::set(&Configuration::default()).await?;
    let first = stage.make_origins(3 + size.dead, json!({})).await?;
    let sections = shares::APPLICATIONS.to_owned();
    stage.configure(&Configuration { engine: ENGINE.to_owned(), sections: sections.clone() })?;
    let server = stage.start_server().await?;
    let mut names = Vec::new();
    for (topic, count, origin, origins) in [
        ("healthy", size.healthy, 0, 1),
        ("black", size.black_holed, first, 1),
        ("throttling", size.throttling, first + 1, 1),
        ("broken", size.broken, first + 2, 1),
        ("dead", size.dead, first + 3, size.dead),
    ] {
        let group = json!({"count": count, "log": false, "origins": {"from": origin, "count": origins}});
        let group = stage.make_group(&server, "default", group).await?;
        let describe = |_, request: &mut SubscribeRequest| request.topics = vec![topic.to_owned()];
        let enlisted = stage.enlist(&server, group, 0..count, describe).await?;
        if topic == "healthy" {
            names = enlisted;
        }
    }
    order(&stage, first, size.dead, Health::Bad).await?;

    let mut drill = Isolation {
        size,
        stage,
        client: server.client.clone(),
        server,
        messages: 0,
        figures: Figures { backlog: size.broken, ..Figures::default() },
        checks,
    };
    drill.throughput(first).await?;
    drill.sends(&names).await?;
    let Isolation { stage, server, mut figures, mut checks, .. } = drill;
    server.end(End::Terminate).await?;
    shares::measure(&stage, &sections, short, &mut checks, &mut figures.share_deviation_max).await?;
    stage.clear().await?;
    Ok((figures, checks))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Bad,
    Good,
}

async fn order(stage: &Stage, first: u32, dead: u32, health: Health) -> anyhow::Result<()> {
    let bad = [
        (first, 1, json!({"reach": "silent"})),
        (first + 1, 1, json!({"fault": {"answer": {"status": 429}}})),
        (first + 2, 1, json!({"fault": {"answer": {"status": 503}}})),
        (first + 3, dead, json!({"reach": "refusing"})),
    ];
    for (from, count, settings) in bad {
        let settings = if health == Health::Bad { settings } else { json!({}) };
        let path = format!("/origins?from={from}&count={count}");
        stage.call_text("PUT", &path, Some(settings)).await?;
    }
    Ok(())
}

struct Isolation {
    size: &'static Size,
    stage: Stage,
    server: Server,
    client: Client,
    messages: usize,
    figures: Figures,
    checks: Checks,
}

impl Isolation {
    /// The healthy one alone and beside the bad ones, in turn; then the bad ones recover.
    async fn throughput(&mut self, first: u32) -> anyhow::Result<()> {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        // Connections are made, and keys cached.
        self.healthy().await?;
        let mut before = Metrics::read(self.server.admin).await?;
        let mut bad = Vec::new();
        for round in 0..self.size.rounds {
            self.server.forget_resident_peak()?;
            let rate = self.healthy().await?;
            let resident = self.server.resident_peak_octets()?;
            self.figures.resident_alone_octets = self.figures.resident_alone_octets.max(resident);
            before = Metrics::read(self.server.admin).await?;
            for topic in BAD {
                bad.push(self.start(topic).await?);
            }
            // They have been bad for long: what waits for them stands in its pages.
            for name in &bad {
                self.planned(name).await?;
            }
            sleep(SETTLE).await;
            self.server.forget_resident_peak()?;
            let rate_beside = self.healthy().await?;
            let resident = self.server.resident_peak_octets()?;
            self.figures.resident_beside_octets = self.figures.resident_beside_octets.max(resident);
            eprintln!("round {round}: {rate:.0} a second alone, {rate_beside:.0} beside the bad ones");
            alone.push(rate);
            beside.push(rate_beside);
            if round + 1 < self.size.rounds {
                for name in bad.drain(..) {
                    self.cancel(&name).await?;
                }
            }
        }
        let figures = &mut self.figures;
        let held = Metrics::read(self.server.admin).await?;
        figures.targets_in_memory_peak = held.sum("fanfare_targets_in_memory_peak", "");
        figures.unsettled_peak = held.sum("fanfare_unsettled_deliveries_peak", "");
        // Of each round by itself: what else this machine does then falls on both.
        let mut kept: Vec<f64> = alone.iter().zip(&beside).map(|(alone, beside)| beside / alone).collect();
        figures.kept = median(&mut kept);
        figures.healthy_alone_per_second = median(&mut alone);
        figures.healthy_beside_per_second = median(&mut beside);
        let kept = figures.kept;
        self.checks.check(kept >= KEPT_MIN, || {
            format!("the healthy push service keeps {:.0} % of its throughput", kept * 100.0)
        });
        let (targets, unsettled) = (figures.targets_in_memory_peak, figures.unsettled_peak);
        self.checks.check(targets <= TARGETS_IN_MEMORY_MAX, || format!("{targets} targets are in memory"));
        self.checks.check(unsettled <= UNSETTLED_MAX, || format!("{unsettled} deliveries are unsettled"));
        let rise = figures.resident_beside_octets as f64 - figures.resident_alone_octets as f64;
        self.checks.check(rise <= RESIDENT_RISE_MAX, || {
            format!("the resident set grows by {:.0} MiB", rise / 1_048_576.0)
        });

        order(&self.stage, first, self.size.dead, Health::Good).await?;
        let recovered = Instant::now();
        let broken = bad.swap_remove(2);
        self.ended(&broken).await?;
        eprintln!(
            "the backlog of {} drained in {:.1} s",
            self.size.broken,
            recovered.elapsed().as_secs_f64()
        );
        let after = Metrics::read(self.server.admin).await?;
        let loaded = |of: &Metrics| of.sum("fanfare_engine_targets_loaded_total", "");
        // Of the last round, all bad ones and the good one: whoever is planned is read at most once.
        self.figures.targets_loaded = loaded(&after) - loaded(&before);
        let size = self.size;
        let planned = f64::from(size.broken + size.black_holed + size.throttling + size.dead + size.healthy);
        // But for what was in memory when its origin broke: so much fits of the three, and of the dead.
        let most = planned + 3.0 * PAGES_PER_GROUP_MAX * PAGE + f64::from(size.dead);
        self.figures.targets_planned = planned;
        let loaded = self.figures.targets_loaded;
        self.checks.check(loaded <= most, || format!("{loaded} targets were read, at most {most} should be"));
        for name in bad {
            self.cancel(&name).await?;
        }
        Ok(())
    }

    /// Sends in the middle of a broadcast to those who were the backlog.
    async fn sends(&mut self, names: &[String]) -> anyhow::Result<()> {
        let before = Metrics::read(self.server.admin).await?;
        let broadcast = self.start("broken").await?;
        let mut sent = 0_usize;
        let mut calls = tokio::task::JoinSet::new();
        while message_status(&mut self.client, &broadcast).await?.state() == MessageState::Sending {
            let mut request = send(&names[sent % names.len()], &format!("send {sent}"), "");
            request.report_level = ReportLevel::Accepted.into();
            let mut client = self.client.clone();
            calls.spawn(async move { call_send(&mut client, request).await.map(drop) });
            sent += 1;
            sleep(self.size.send_interval).await;
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        let after = Metrics::read(self.server.admin).await?;
        let metric = "fanfare_send_start_seconds";
        let (p50, p99) =
            (after.quantile_since(&before, metric, 0.5)?, after.quantile_since(&before, metric, 0.99)?);
        let count = format!("{metric}_count");
        self.figures.sends = after.sum(&count, "") - before.sum(&count, "");
        self.figures.send_start_p50_at_most_ms = p50 * 1e3;
        self.figures.send_start_p99_at_most_ms = p99 * 1e3;
        let sends = self.figures.sends;
        eprintln!("{sends} Sends in the middle of a broadcast started within {p50} s (p50), {p99} s (p99)");
        ensure!(sends >= 50.0, "only {sends} Sends were made: take more targets");
        self.checks
            .check(p50 <= SEND_START_P50_MAX, || format!("half of the Sends need up to {p50} s to start"));
        self.checks
            .check(p99 <= SEND_START_P99_MAX, || format!("a hundredth of the Sends need {p99} s to start"));
        Ok(())
    }

    /// A broadcast to the healthy one; gives deliveries a second.
    async fn healthy(&mut self) -> anyhow::Result<f64> {
        let text = self.text();
        let request = quiet_broadcast("", "healthy", &text);
        let (counts, took) = play_broadcast(&mut self.client, request).await?;
        ensure!(counts.accepted == counts.targets, "not all of the healthy took it: {counts:?}");
        Ok(f64::from(counts.accepted) / took.as_secs_f64())
    }

    async fn start(&mut self, topic: &str) -> anyhow::Result<String> {
        let text = self.text();
        start_broadcast(&mut self.client, quiet_broadcast("", topic, &text)).await
    }

    fn text(&mut self) -> String {
        self.messages += 1;
        format!("message {}", self.messages)
    }

    async fn cancel(&mut self, name: &str) -> anyhow::Result<()> {
        let request = CancelMessageRequest { name: name.to_owned(), ..CancelMessageRequest::default() };
        self.client.cancel_message(request).await?;
        self.ended(name).await
    }

    async fn ended(&mut self, name: &str) -> anyhow::Result<()> {
        let has_ended =
            |status: &MessageStatus| matches!(status.state(), MessageState::Done | MessageState::Cancelled);
        self.reaches(name, has_ended).await
    }

    async fn planned(&mut self, name: &str) -> anyhow::Result<()> {
        self.reaches(name, |status| status.counts.is_some_and(|counts| !counts.targets_estimated)).await
    }

    async fn reaches(&mut self, name: &str, reached: impl Fn(&MessageStatus) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let status = message_status(&mut self.client, name).await?;
            if reached(&status) {
                return Ok(());
            }
            ensure!(began.elapsed() < DRAIN_TIMEOUT, "{name} does not get on: {:?}", status.counts);
            sleep(LOOK).await;
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
