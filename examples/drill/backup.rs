//! Backups of a server that is given 500 Sends a second, each restored.
//!
//! What must hold: every message that was acknowledged before a backup's instant is in it; what is restored reads whole; and a
//! hundredth of the Sends wait no more than twice as long while a backup is made as before it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fanfare::domain::{Clock as _, MessageId, SystemClock, Timestamp};
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{ReportLevel, SendRequest};
use fanfare::store::Store as _;
use fanfare::store::kv::sealing::Sealing;
use fanfare::store::kv::{Settings, open_sled};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::calls::{call_send, send};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage};

/// Sends that begin in a second, however long others take.
const SENDS_PER_SECOND: u32 = 500;
/// How long Sends go on before a backup, to compare with.
const BEFORE: Duration = Duration::from_secs(4);
/// How much longer a hundredth of the Sends may wait while a backup is made.
const SLOWER_MAX: f64 = 2.0;

#[derive(Debug, Default, Serialize)]
struct Figures {
    backups: usize,
    subscriptions: u32,
    acknowledged: usize,
    /// Acknowledged before the instant of a backup, and not in it.
    lost: usize,
    /// Records of restored stores that do not read.
    corrupt: u64,
    largest_backup_octets: u64,
    longest_backup_seconds: f64,
    sends_before: usize,
    sends_while: usize,
    before_p99_ms: f64,
    while_p99_ms: f64,
    slower: f64,
}

/// A Send that was acknowledged.
struct Acknowledged {
    message: MessageId,
    /// By the clock of this machine, which is the server's.
    time: Timestamp,
    began: Instant,
    took: Duration,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let (rounds, subscriptions) = if short { (3, 2_000) } else { (20, 50_000) };
    let stage = Stage::set(&Configuration::default()).await?;
    let server = stage.start_server().await?;
    eprintln!("subscribing {subscriptions}");
    let (_, names) = stage.subscribe(&server, subscriptions, "all", |_| String::new()).await?;
    let (mut figures, mut checks) = (Figures { subscriptions, ..Figures::default() }, Checks::default());
    let (mut before, mut meanwhile) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let file = stage.directory().join(format!("{round}.backup"));
        let sending = Sending::begin(&server, &names, round).await?;
        tokio::time::sleep(BEFORE).await;
        let began = Instant::now();
        let told = back_up(&stage, &server, &file).await?;
        let took = began.elapsed();
        let acknowledged = sending.end().await?;
        let snapshot = told["snapshot_time"].as_str().context("a backup without a time")?;
        let snapshot = time(snapshot)?;
        for send in &acknowledged {
            let of = if send.began < began { &mut before } else { &mut meanwhile };
            if send.began < began + took {
                of.push(send.took);
            }
        }
        let lost = restore(&stage, &file, &acknowledged, snapshot, &mut figures).await?;
        figures.backups += 1;
        figures.acknowledged += acknowledged.len();
        figures.longest_backup_seconds = figures.longest_backup_seconds.max(took.as_secs_f64());
        let octets = told["octets"].as_u64().unwrap_or_default();
        figures.largest_backup_octets = figures.largest_backup_octets.max(octets);
        eprintln!(
            "backup {round}: {octets} octets in {:.2} s, {} acknowledged, {lost} lost",
            took.as_secs_f64(),
            acknowledged.len()
        );
        checks.check(lost == 0, || {
            format!("backup {round} has not {lost} messages that were acknowledged before it")
        });
    }
    server.end(End::Terminate).await?;
    stage.clear().await?;
    (figures.sends_before, figures.sends_while) = (before.len(), meanwhile.len());
    (figures.before_p99_ms, figures.while_p99_ms) = (p99_ms(&mut before), p99_ms(&mut meanwhile));
    figures.slower = figures.while_p99_ms / figures.before_p99_ms;
    let (corrupt, slower) = (figures.corrupt, figures.slower);
    checks.check(corrupt == 0, || format!("{corrupt} records of restored stores do not read"));
    // A few Sends beside a backup of a moment tell nothing.
    checks.check(short || slower <= SLOWER_MAX, || {
        format!("while a backup is made, p99 is {slower:.1} times as long")
    });
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// Sends at a steady pace.
struct Sending {
    stop: watch::Sender<bool>,
    acknowledged: mpsc::UnboundedReceiver<anyhow::Result<Acknowledged>>,
}

impl Sending {
    async fn begin(server: &Server, names: &[String], round: usize) -> anyhow::Result<Self> {
        let client = server.connect().await?;
        let (stop, mut stopped) = watch::channel(false);
        let (tell, acknowledged) = mpsc::unbounded_channel();
        let names = names.to_vec();
        tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1) / SENDS_PER_SECOND);
            // Who is late sends at once: the pace is kept.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for number in 0.. {
                tokio::select! {
                    _ = stopped.changed() => return,
                    _ = ticks.tick() => {}
                }
                let text = format!("round {round}, message {number}");
                let request = send(&names[number % names.len()], &text, &text);
                let request = SendRequest { report_level: ReportLevel::Accepted.into(), ..request };
                let (client, tell) = (client.clone(), tell.clone());
                tokio::spawn(async move {
                    let _ = tell.send(one(client, request).await);
                });
            }
        });
        Ok(Self { stop, acknowledged })
    }

    /// Waits for those under way.
    async fn end(mut self) -> anyhow::Result<Vec<Acknowledged>> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(acknowledged) = self.acknowledged.recv().await {
            all.push(acknowledged?);
        }
        Ok(all)
    }
}

async fn one(mut client: Client, request: SendRequest) -> anyhow::Result<Acknowledged> {
    let began = Instant::now();
    let mut frames = call_send(&mut client, request).await?;
    let first = frames.next().await.context("Send ended without a frame")??;
    let (took, time) = (began.elapsed(), SystemClock.now());
    let Some(Kind::Accepted(accepted)) = first.kind else { anyhow::bail!("Send began without `accepted`") };
    let name = accepted.message.unwrap_or_default().name;
    let message = MessageId::parse_name(&name).context("a message without a name")?;
    Ok(Acknowledged { message, time, began, took })
}

/// Runs the program, and gives the JSON that it prints.
async fn run(stage: &Stage, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = Command::new(stage.program()).args(arguments).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "fanfare {}: {}: {said}", arguments[0], output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn back_up(stage: &Stage, server: &Server, file: &Path) -> anyhow::Result<Value> {
    let url = format!("http://{}", server.address());
    let file = file.to_str().context("a path that is no text")?;
    run(stage, &["backup", "--json", "--server", &url, file]).await
}

/// Restores a backup elsewhere, and counts what it should have and has not. Nothing is left of it.
async fn restore(
    stage: &Stage,
    file: &Path,
    acknowledged: &[Acknowledged],
    snapshot: Timestamp,
    figures: &mut Figures,
) -> anyhow::Result<usize> {
    let directory = stage.directory().join("restored");
    let (from, to) = (file.to_str().context("no text")?, directory.to_str().context("no text")?);
    run(stage, &["restore", "--json", "--data-dir", to, from]).await?;
    let verified = run(stage, &["store", "verify", "--json", "--data-dir", to]).await?;
    figures.corrupt += verified["lost"].as_u64().context("no figure of what is lost")?;
    let opened = {
        let directory = directory.clone();
        move || open_sled(&directory, Arc::new(SystemClock), Settings::default(), &Sealing::default())
    };
    let store = tokio::task::spawn_blocking(opened).await??;
    let application = store.application("default").await?.id;
    let mut lost = 0;
    for send in acknowledged.iter().filter(|send| send.time < snapshot) {
        lost += usize::from(store.message(application, send.message).await?.is_none());
    }
    store.close().await;
    drop(store);
    std::fs::remove_dir_all(&directory)?;
    std::fs::remove_file(file)?;
    figures.lost += lost;
    Ok(lost)
}

fn time(text: &str) -> anyhow::Result<Timestamp> {
    let since = humantime::parse_rfc3339_weak(text)?.duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_micros(u64::try_from(since.as_micros())?))
}

fn p99_ms(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let place = times.len() * 99 / 100;
    times.get(place.min(times.len().saturating_sub(1))).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
