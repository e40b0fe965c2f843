//! One disk that fills, and what is done then.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fanfare::proto::v1::delivery_frame::Kind as FrameKind;
use fanfare::proto::v1::{MessageState, SubscribeRequest};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;
use tonic::Status;

use super::volume::{Kind, Volume};
use super::{Drill, HEAL_TIMEOUT};
use crate::calls::{call_send, message_status, send, sha256};
use crate::stage::{Client, Configuration, End, Server};

/// Browsers that are sent to.
const SUBSCRIBERS: u32 = 8;
/// Sends that are under way at once.
const SENDERS: u64 = 15;
/// Octets of a text that is long, and of one that is short.
pub(super) const LONG: usize = 1_000;
pub(super) const SHORT: usize = 60;
/// What somebody else leaves of a file system beside the reserve, which is a quarter: few Sends fill it.
const OWN_ROOM: u64 = 3 << 19;
const RESERVE_SHARE: u64 = 4;
/// How much of it goes to make room.
const ROOM_SHARE: u64 = 2;
/// Sends that are accepted before somebody else fills the disk.
const SENDS_BEFORE: u64 = 150;
/// Sends at most.
const SENDS_MAX: u64 = 60_000;
const LOOK: Duration = Duration::from_millis(50);
/// Within this a full disk is noticed.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(10);
/// What a refusal for want of room says.
const WORDS: &str = "the server's disk is full";
const START_WORDS: &str = "the disk is full";

/// Who fills the disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill {
    /// The server, by what it records of Sends with texts of so many octets.
    Own { text_octets: usize },
    /// Somebody else, while Sends are under way, but for so many octets.
    Others { but: u64 },
}

/// What is done with a disk that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Somebody else's file becomes smaller.
    Room,
    /// The server goes on by itself.
    Heal,
    /// SIGTERM.
    Stop,
    /// SIGKILL.
    Kill,
    /// A start that is refused.
    FullStart,
    /// A start that takes no notice of the disk: what it leaves is what other versions left.
    HeedlessStart,
    /// A start that succeeds.
    Start,
}

#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) fill: Fill,
    pub(super) acts: Vec<Act>,
}

/// What was accepted: the names of messages and their texts.
type Ledger = BTreeMap<String, String>;

impl Drill {
    /// Plays one scenario on a file system of its own; the inner error: there is no such file system here.
    pub(super) async fn play(
        &mut self,
        kind: Kind,
        mebibytes: u64,
        scenario: &Scenario,
    ) -> anyhow::Result<anyhow::Result<()>> {
        let volume = match Volume::mount(kind, mebibytes, &self.stage.data(), self.stage.directory()) {
            Ok(volume) => volume,
            Err(error) => return Ok(Err(error)),
        };
        let what = format!("{} of {mebibytes} MiB, {scenario:?}", kind.name());
        eprintln!("{what}");
        self.stage.configure(&Configuration::default())?;
        let server = self.stage.start_server().await?;
        let group = self.stage.make_group(&server, "default", json!({"count": SUBSCRIBERS})).await?;
        let names =
            self.stage.enlist(&server, group, 0..SUBSCRIBERS, |_, _: &mut SubscribeRequest| {}).await?;
        let mut ledger = Ledger::new();
        let server = self.fill(server, &volume, scenario.fill, &names, &mut ledger, &what).await?;
        let mut server = Some(server);
        for act in &scenario.acts {
            self.act(*act, &volume, &mut server, &what).await?;
        }
        match server {
            Some(mut server) => {
                self.verify(&mut server, group, &names, &ledger, &what).await?;
                server.end(End::Terminate).await?;
            }
            None => self.figures.lost += ledger.len(),
        }
        self.figures.scenarios += 1;
        drop(volume);
        Ok(Ok(()))
    }

    /// Sends until all is refused.
    async fn fill(
        &mut self,
        server: Server,
        volume: &Volume,
        fill: Fill,
        names: &[String],
        ledger: &mut Ledger,
        what: &str,
    ) -> anyhow::Result<Server> {
        volume.fill(volume.octets() / RESERVE_SHARE + OWN_ROOM)?;
        let text_octets = match fill {
            Fill::Own { text_octets } => text_octets,
            Fill::Others { .. } => LONG,
        };
        let before = log_octets(volume)?;
        let sent = Arc::new(AtomicU64::new(0));
        let accepted = Arc::new(AtomicU64::new(0));
        let senders = (0..SENDERS).map(|sender| {
            let name = names[usize::try_from(sender % u64::from(SUBSCRIBERS)).unwrap_or_default()].clone();
            let (sent, accepted, client) = (Arc::clone(&sent), Arc::clone(&accepted), server.client.clone());
            tokio::spawn(send_until_refused(client, name, text_octets, sent, accepted))
        });
        let senders = join_all(senders.collect::<Vec<_>>());
        if let Fill::Others { but } = fill {
            let until = Instant::now() + HEAL_TIMEOUT;
            while accepted.load(Ordering::SeqCst) < SENDS_BEFORE && Instant::now() < until {
                sleep(LOOK).await;
            }
            volume.fill(but)?;
        }
        let mut refusals = Vec::new();
        for sender in senders.await {
            let (taken, refused) = sender?;
            ledger.extend(taken);
            refusals.extend(refused);
        }
        self.figures.accepted += ledger.len();
        let grown = log_octets(volume)?.saturating_sub(before);
        if let (Fill::Own { .. }, Some(each)) = (fill, grown.checked_div(ledger.len() as u64)) {
            let figures = &mut self.figures;
            let most = if text_octets == SHORT {
                &mut figures.octets_per_short_send
            } else {
                &mut figures.octets_per_long_send
            };
            *most = each.max(*most);
        }
        ensure!(!refusals.is_empty(), "the disk does not get full");
        let in_words = refusals.iter().filter(|status| status.message().contains(WORDS)).count();
        self.figures.refused_for_the_disk += in_words;
        self.figures.refused_otherwise += refusals.len() - in_words;
        self.checks.check(in_words == refusals.len(), || {
            let other = refusals.iter().find(|status| !status.message().contains(WORDS));
            format!("{what}: refused with {other:?}")
        });
        eprintln!("  {} accepted, then: {}", ledger.len(), refusals[0].message());
        let noticed = Instant::now();
        while is_ready(&server).await? {
            if noticed.elapsed() > NOTICE_TIMEOUT {
                self.checks.check(false, || format!("{what}: a full disk leaves the server ready"));
                break;
            }
            sleep(LOOK).await;
        }
        Ok(server)
    }

    async fn act(
        &mut self,
        act: Act,
        volume: &Volume,
        server: &mut Option<Server>,
        what: &str,
    ) -> anyhow::Result<()> {
        match act {
            Act::Room => volume.free_some((volume.filled() / ROOM_SHARE).max(1))?,
            Act::Heal => {
                let running = server.as_ref().context("there is no server")?;
                let began = Instant::now();
                while !is_ready(running).await.unwrap_or(false) {
                    if began.elapsed() > HEAL_TIMEOUT {
                        self.figures.never_healed += 1;
                        self.checks.check(false, || format!("{what}: the server does not go on by itself"));
                        // The rest is tried with another start.
                        if let Some(ended) = server.take() {
                            ended.process.kill().await?;
                        }
                        return self.start(server, what).await;
                    }
                    sleep(LOOK).await;
                }
                let took = began.elapsed().as_secs_f64();
                self.figures.healed_seconds_max = self.figures.healed_seconds_max.max(took);
            }
            Act::Stop => {
                let stopped = server.take().context("there is no server")?.end(End::Terminate).await;
                self.figures.stops_failed += usize::from(stopped.is_err());
                self.checks
                    .check(stopped.is_ok(), || format!("{what}: it does not stop in order: {stopped:?}"));
            }
            Act::Kill => server.take().context("there is no server")?.end(End::Kill).await?,
            Act::FullStart => match self.stage.start_server().await {
                Ok(started) => {
                    self.checks.check(false, || format!("{what}: the server starts on a full disk"));
                    started.end(End::Terminate).await?;
                }
                Err(error) => {
                    let in_words = format!("{error:#}").contains(START_WORDS);
                    self.figures.starts_refused += usize::from(in_words);
                    self.checks.check(in_words, || format!("{what}: a start on a full disk: {error:#}"));
                }
            },
            Act::HeedlessStart => {
                let sections = "[store]\nfree_octets_min = 0\n".to_owned();
                self.stage.configure(&Configuration { sections, ..Configuration::default() })?;
                if let Ok(started) = self.stage.start_server().await {
                    started.process.kill().await?;
                }
                self.stage.configure(&Configuration::default())?;
            }
            Act::Start => self.start(server, what).await?,
        }
        Ok(())
    }

    async fn start(&mut self, server: &mut Option<Server>, what: &str) -> anyhow::Result<()> {
        match self.stage.start_server().await {
            Ok(started) => *server = Some(started),
            Err(error) => {
                self.figures.never_opened += 1;
                self.checks.check(false, || format!("{what}: the store does not open: {error:#}"));
            }
        }
        Ok(())
    }

    /// Everything that was accepted has ended, and arrived.
    async fn verify(
        &mut self,
        server: &mut Server,
        group: u32,
        names: &[String],
        ledger: &Ledger,
        what: &str,
    ) -> anyhow::Result<()> {
        let fresh = send_one(&mut server.client, &names[0], "once there is room").await;
        self.checks.check(fresh.is_ok(), || format!("{what}: with room, a Send is refused: {fresh:?}"));
        let until = Instant::now() + HEAL_TIMEOUT;
        let (mut lost, mut why) = (0, String::new());
        for name in ledger.keys() {
            loop {
                let status = message_status(&mut server.client, name).await;
                let ended = status.as_ref().is_ok_and(|status| {
                    status.state() == MessageState::Done
                        && status.counts.is_some_and(|counts| counts.accepted == 1 && counts.targets == 1)
                });
                if ended {
                    break;
                }
                if Instant::now() > until {
                    lost += 1;
                    why = format!("{status:?}");
                    break;
                }
                sleep(LOOK).await;
            }
        }
        self.figures.lost += lost;
        self.checks.check(lost == 0, || format!("{what}: {lost} of {} are lost: {why}", ledger.len()));
        let received = self.stage.control.received(group).await?;
        let received: HashSet<&str> = received.iter().filter_map(|line| line.sha256.as_deref()).collect();
        let absent = ledger.values().filter(|text| !received.contains(sha256(text).as_str())).count();
        self.figures.not_arrived += absent;
        self.checks.check(absent == 0, || format!("{what}: {absent} of {} did not arrive", ledger.len()));
        let listed = server.subscriptions().await?;
        let gone = names.iter().filter(|name| !listed.contains(*name)).count();
        self.figures.subscriptions_lost += gone;
        self.checks.check(gone == 0, || format!("{what}: {gone} subscriptions are lost"));
        Ok(())
    }
}

/// Sends one after the other until one is refused; gives what was accepted, and the refusal.
async fn send_until_refused(
    mut client: Client,
    name: String,
    text_octets: usize,
    sent: Arc<AtomicU64>,
    accepted: Arc<AtomicU64>,
) -> (Ledger, Option<Status>) {
    let mut ledger = Ledger::new();
    loop {
        let number = sent.fetch_add(1, Ordering::SeqCst);
        if number >= SENDS_MAX {
            return (ledger, None);
        }
        let text = format!("on a small disk {number:0text_octets$}");
        match send_one(&mut client, &name, &text).await {
            Ok(message) => {
                accepted.fetch_add(1, Ordering::SeqCst);
                ledger.insert(message, text);
            }
            Err(status) => return (ledger, Some(status)),
        }
    }
}

async fn send_one(client: &mut Client, name: &str, text: &str) -> Result<String, Status> {
    let mut frames = call_send(client, send(name, text, "")).await?;
    let frame = frames.next().await.unwrap_or_else(|| Err(Status::unavailable("no frame")))?;
    match frame.kind {
        Some(FrameKind::Accepted(accepted)) => Ok(accepted.message.unwrap_or_default().name),
        other => Err(Status::internal(format!("began with {other:?}"))),
    }
}

async fn is_ready(server: &Server) -> anyhow::Result<bool> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let response = client.get(format!("http://{}/readyz", server.admin)).send().await;
    Ok(response.context("the admin port does not answer")?.status().is_success())
}

/// The length of the log.
fn log_octets(volume: &Volume) -> anyhow::Result<u64> {
    let Ok(about) = fs::metadata(volume.path().join("db")) else { bail!("there is no log") };
    Ok(about.len())
}
