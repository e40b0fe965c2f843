//! Ten minutes of everything at once: subscribing, unsubscribing, Sends, Broadcasts, and subscriptions that are gone, with
//! messages without request_id that are kept for 60 s.
//!
//! What must hold: after the first third the resident set stays level, and the octets of all stored keys and values are at
//! most three times those of what must be kept. What that is is measured as well: the store of the subscriptions alone,
//! and what a minute's messages add to it before anything is trimmed.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::proto::v1::unsubscribe_request::Selector;
use fanfare::proto::v1::{ReportLevel, UnsubscribeRequest};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::calls::{broadcast, call_broadcast, call_send, send};
use crate::checks::Checks;
use crate::stage::{Configuration, End, Server, Stage, directory_octets};

/// Subscriptions at the beginning; as many go as come.
const SUBSCRIPTIONS: u32 = 10_000;
/// Of one broadcast.
const TOPICS: u32 = 20;
const STORED_MAX: f64 = 3.0;
/// What the mean of the last third may be above that of the second.
const LEVEL_MAX: f64 = 1.1;
const LEVEL_SLACK: f64 = 8.0 * 1_048_576.0;

/// What is done each second.
const SENDS: u32 = 60;
const COME: u32 = 20;
const LEAVE: usize = 16;
const GONE: usize = 4;

#[derive(Clone, Debug, Serialize)]
struct Sample {
    seconds: u64,
    resident_octets: u64,
    file_octets: u64,
}

#[derive(Debug, Default, Serialize)]
struct Figures {
    seed: u64,
    seconds: u64,
    messages: u64,
    subscribed: u32,
    resident_octets_second_third: f64,
    resident_octets_last_third: f64,
    /// Keys and values in the end.
    stored_octets: f64,
    /// Of what must be kept.
    must_keep_octets: f64,
    stored_ratio: f64,
    /// The files, which also hold what was replaced.
    file_octets: u64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, seed: u64) -> anyhow::Result<Vec<String>> {
    // As short as a trimming can be seen in.
    let (seconds, kept, calibration) = if short { (45, 10, 8) } else { (600, 60, 30) };
    eprintln!("seed {seed}");
    let sections = format!(
        "[retention]\nevents = \"{kept}s\"\nmessages = \"{kept}s\"\nchanges = \"{kept}s\"\ninterval = \"{}s\"\n",
        kept / 5
    );
    let forever = "[retention]\nevents = \"1day\"\nmessages = \"1day\"\nchanges = \"1day\"\n".to_owned();
    let configuration = |sections| Configuration { sections, ..Configuration::default() };
    let stage = Stage::set(&configuration(forever)).await?;

    let server = stage.start_server().await?;
    let spares = COME * (u32::try_from(seconds + calibration)? + 60);
    let group = json!({"count": SUBSCRIPTIONS + spares, "log": false});
    let group = stage.make_group(&server, "default", group).await?;
    let mut soak = Soak {
        stage,
        group,
        random: StdRng::seed_from_u64(seed),
        live: Vec::new(),
        next: 0,
        messages: 0,
        samples: Vec::new(),
    };
    soak.come(&server, SUBSCRIPTIONS).await?;
    server.end(End::Terminate).await?;
    let (empty, of_changes) = soak.stored()?;

    let server = soak.stage.start_server().await?;
    soak.work(&server, calibration).await?;
    server.end(End::Terminate).await?;
    let (a_while, _) = soak.stored()?;
    let each_second = (a_while - empty) / calibration as f64;

    soak.stage.configure(&configuration(sections))?;
    (soak.messages, soak.samples) = (0, Vec::new());
    let server = soak.stage.start_server().await?;
    soak.work(&server, seconds).await?;
    server.end(End::Terminate).await?;

    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    (figures.seed, figures.seconds, figures.messages) = (seed, seconds, soak.messages);
    figures.subscribed = soak.next;
    (figures.stored_octets, _) = soak.stored()?;
    // That somebody subscribed long ago need not be told any more.
    figures.must_keep_octets = empty - of_changes + each_second * f64::from(kept);
    figures.stored_ratio = figures.stored_octets / figures.must_keep_octets;
    figures.file_octets = directory_octets(&soak.stage.data())?;
    let third = soak.samples.len() / 3;
    figures.resident_octets_second_third = mean(&soak.samples[third..2 * third]);
    figures.resident_octets_last_third = mean(&soak.samples[2 * third..]);
    for sample in soak.samples.iter().step_by((soak.samples.len() / 12).max(1)) {
        eprintln!(
            "{:>5} s  resident {:>5} MiB  files {:>6} MiB",
            sample.seconds,
            sample.resident_octets >> 20,
            sample.file_octets >> 20
        );
    }
    let (second, last) = (figures.resident_octets_second_third, figures.resident_octets_last_third);
    checks.check(last <= second * LEVEL_MAX + LEVEL_SLACK, || {
        format!(
            "the resident set goes on growing: {:.0} to {:.0} MiB",
            second / 1_048_576.0,
            last / 1_048_576.0
        )
    });
    let ratio = figures.stored_ratio;
    checks.check(ratio <= STORED_MAX, || format!("the store holds {ratio:.1} times what must be kept"));
    soak.stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

struct Soak {
    stage: Stage,
    group: u32,
    random: StdRng,
    /// Subscriptions that are there, by name and index.
    live: Vec<(String, u32)>,
    /// The first subscriber that has not subscribed.
    next: u32,
    messages: u64,
    samples: Vec<Sample>,
}

impl Soak {
    /// So many seconds of mixed load.
    async fn work(&mut self, server: &Server, seconds: u64) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while began.elapsed() < Duration::from_secs(seconds) {
            ticks.tick().await;
            self.second(server).await?;
            self.samples.push(Sample {
                seconds: began.elapsed().as_secs(),
                resident_octets: server.resident_octets()?,
                file_octets: directory_octets(&self.stage.data())?,
            });
        }
        Ok(())
    }

    async fn second(&mut self, server: &Server) -> anyhow::Result<()> {
        self.come(server, COME).await?;
        self.live.shuffle(&mut self.random);
        let mut client = server.client.clone();
        for _ in 0..LEAVE {
            let Some((name, _)) = self.live.pop() else { break };
            let request = UnsubscribeRequest {
                selector: Some(Selector::Name(name)),
                // The push service may have ended it meanwhile.
                allow_missing: true,
                ..UnsubscribeRequest::default()
            };
            client.unsubscribe(request).await?;
        }
        for _ in 0..GONE {
            let Some((name, index)) = self.live.pop() else { break };
            let path = format!("/groups/{}/subscribers/{index}/faults", self.group);
            self.stage.call("POST", &path, Some(json!({"gone": {}}))).await?;
            // Found out by this.
            self.send(server, &name).await?;
        }
        for _ in 0..SENDS {
            let place = self.random.random_range(0..self.live.len());
            let name = self.live[place].0.clone();
            self.send(server, &name).await?;
        }
        let topic = topic(self.random.random_range(0..TOPICS));
        self.messages += 1;
        let mut request = broadcast(&topic, &format!("broadcast {}", self.messages), "");
        request.report_level = ReportLevel::Accepted.into();
        drop(call_broadcast(&mut client, request).await?);
        Ok(())
    }

    async fn come(&mut self, server: &Server, count: u32) -> anyhow::Result<()> {
        let indices = self.next..self.next + count;
        self.next += count;
        let describe = |index: u32, request: &mut fanfare::proto::v1::SubscribeRequest| {
            request.topics = vec![topic(index % TOPICS)];
        };
        let names = self.stage.enlist(server, self.group, indices.clone(), describe).await?;
        self.live.extend(names.into_iter().zip(indices));
        Ok(())
    }

    async fn send(&mut self, server: &Server, name: &str) -> anyhow::Result<()> {
        self.messages += 1;
        let mut request = send(name, &format!("send {}", self.messages), "");
        request.report_level = ReportLevel::Accepted.into();
        drop(call_send(&mut server.client.clone(), request).await?);
        Ok(())
    }

    /// The octets of all keys and values, and of those of the change feed; the server must have ended.
    fn stored(&self) -> anyhow::Result<(f64, f64)> {
        let data = self.stage.data();
        let output =
            Command::new(self.stage.program()).args(["store", "stats", "--data-dir"]).arg(data).output()?;
        ensure!(output.status.success(), "store stats: {}", String::from_utf8_lossy(&output.stderr));
        let stats: Value = serde_json::from_slice(&output.stdout)?;
        let mut of_changes = 0.0;
        for kind in stats["kinds"].as_array().into_iter().flatten() {
            let octets = |member: &str| kind[member].as_f64().unwrap_or_default();
            let (name, octets) = (&kind["kind"], octets("key_octets") + octets("value_octets"));
            eprintln!("  {name}: {} rows, {:.0} KiB", kind["rows"], octets / 1_024.0);
            if name == "change" {
                of_changes += octets;
            }
        }
        Ok((stats["live_octets"].as_f64().context("store stats does not tell live_octets")?, of_changes))
    }
}

fn topic(number: u32) -> String {
    format!("topic-{number}")
}

fn mean(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.resident_octets as f64).sum::<f64>() / samples.len().max(1) as f64
}
