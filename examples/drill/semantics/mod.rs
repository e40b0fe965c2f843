//! What callers may do in the middle of things, against the real processes. Rules that depend on long times are proved on
//! a paused clock elsewhere (docs/testing.md).
//!
//! Each scene sends a message of its own. What must hold in every scene: each delivery has exactly one terminal event,
//! the counters reconcile, and what arrived is what was said to arrive.

mod changes;
mod disk;
mod ends;
mod races;

use std::collections::BTreeMap;

use fanfare::proto::v1::{BroadcastRequest, DeliveryEvent, DeliveryState, MessageState};
use serde::Serialize;
use serde_json::{Value, json};

use crate::calls::{broadcast, call_broadcast, message_status, sha256};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage};
use crate::story::is_terminal;
use crate::witness::Witness;

/// Subscribers that most scenes have.
const SUBSCRIBERS: u32 = 2_000;

#[derive(Debug, Default, Serialize)]
struct Figures {
    /// Each scene, and how many of its promises did not hold.
    scenes: BTreeMap<&'static str, usize>,
    /// Deliveries that waited when their message was cancelled.
    cancelled_waiting: i32,
    /// From CancelMessage to the last of their events, in seconds.
    cancel_seconds: f64,
}

/// What the log says of one message, by subscription.
#[derive(Debug, Default)]
struct Log {
    /// Terminal events.
    ended: BTreeMap<String, Vec<DeliveryEvent>>,
}

/// What all scenes play on.
struct Scenes {
    stage: Stage,
    server: Server,
    client: Client,
    short: bool,
    figures: Figures,
    checks: Checks,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let mut stage = Stage::set(&Configuration::default()).await?;
    // Fast enough, and slow enough for something to happen in the middle.
    let slow = stage.make_origins(1, json!({"delay_ms": 100})).await?;
    let silent = stage.make_origins(1, json!({"reach": "silent"})).await?;
    let throttling = stage.make_origins(1, json!({"fault": {"answer": {"status": 429}}})).await?;
    let configuration =
        Configuration { engine: "retry_base = \"300ms\"".to_owned(), ..Configuration::default() };
    stage.configure(&configuration)?;
    let mut checks = Checks::default();
    // First: a store that has room within its files does not notice that they cannot grow.
    disk::play(&stage, &mut checks).await?;
    let server = stage.start_server().await?;
    let client = server.client.clone();
    let mut scenes = Scenes { stage, server, client, short, figures: Figures::default(), checks };
    scenes.figures.scenes.insert("disk full", scenes.checks.count());

    scenes.scene("changes in the middle", async |scenes| changes::play(scenes, slow).await).await?;
    scenes.scene("racing request_ids", async |scenes| races::play(scenes).await).await?;
    scenes.scene("cancel", async |scenes| ends::cancel(scenes, slow).await).await?;
    scenes.scene("ttl", async |scenes| ends::expire(scenes, [slow, silent, throttling]).await).await?;

    let Scenes { stage, server, figures, checks, .. } = scenes;
    server.end(End::Terminate).await?;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

impl Scenes {
    async fn scene(
        &mut self,
        name: &'static str,
        play: impl AsyncFnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        eprintln!("{name}");
        let before = self.checks.count();
        play(self).await?;
        self.figures.scenes.insert(name, self.checks.count() - before);
        Ok(())
    }

    /// Subscribes so many at an origin of the sandbox, with this topic. Gives the group and the names.
    async fn subscribe(&self, topic: &str, count: u32, origin: u32) -> anyhow::Result<(u32, Vec<String>)> {
        let group = json!({"count": count, "origins": {"from": origin, "count": 1}});
        let group = self.stage.make_group(&self.server, "default", group).await?;
        let topics = vec![topic.to_owned()];
        let names = self
            .stage
            .enlist(&self.server, group, 0..count, |_, request| request.topics.clone_from(&topics))
            .await?;
        Ok((group, names))
    }

    /// Broadcasts to a topic and reads until so many deliveries have ended; gives the message's name.
    async fn broadcast_until(
        &mut self,
        topic: &str,
        text: &str,
        max_per_second: f64,
        ended: usize,
    ) -> anyhow::Result<String> {
        let request = BroadcastRequest { max_per_second, ..broadcast(topic, text, "") };
        let mut frames = call_broadcast(&mut self.client, request).await?;
        let mut witness = Witness::default();
        while witness.told.len() < ended || witness.parent.is_empty() {
            witness.read_one(&mut frames).await?;
        }
        Ok(witness.parent)
    }

    /// Reads a message to its end, and checks what every message must keep.
    async fn end_of(&mut self, what: &str, name: &str) -> anyhow::Result<Log> {
        let mut log = Log::default();
        let mut witness = Witness::of_message(name);
        let see = |event: &DeliveryEvent| {
            if is_terminal(event.state()) {
                log.ended.entry(event.subscription.clone()).or_default().push(event.clone());
            }
        };
        witness.watch(&mut self.client, 1, see).await?;
        let double = log.ended.values().filter(|events| events.len() > 1).count();
        self.checks.check(double == 0, || format!("{what}: {double} deliveries have two terminal events"));
        let status = message_status(&mut self.client, name).await?;
        let counts = status.counts.unwrap_or_default();
        let reconciles = matches!(status.state(), MessageState::Done | MessageState::Cancelled)
            && counts.targets == counts.accepted + counts.failed + counts.expired + counts.cancelled
            && usize::try_from(counts.targets).ok() == Some(log.ended.len())
            && i32::try_from(log.of(DeliveryState::Accepted).count()).ok() == Some(counts.accepted);
        self.checks.check(reconciles, || {
            format!("{what}: {:?} with {counts:?} and {} terminal events", status.state(), log.ended.len())
        });
        Ok(log)
    }

    /// How often each subscriber of a group got this text, by index.
    async fn arrivals(&self, group: u32, text: &str) -> anyhow::Result<BTreeMap<u32, usize>> {
        let digest = sha256(text);
        let mut arrived = BTreeMap::new();
        for line in self.stage.call_text("GET", &format!("/groups/{group}/received"), None).await?.lines() {
            let line: Value = serde_json::from_str(line)?;
            if line["sha256"].as_str() == Some(&digest) {
                let index = line["index"].as_u64().unwrap_or_default();
                *arrived.entry(u32::try_from(index)?).or_default() += 1;
            }
        }
        Ok(arrived)
    }
}

impl Log {
    /// Whose delivery ended so.
    fn of(&self, state: DeliveryState) -> impl Iterator<Item = &str> {
        let ended = self.ended.iter().filter(move |(_, events)| events[0].state() == state);
        ended.map(|(name, _)| name.as_str())
    }

    fn state(&self, name: &str) -> Option<DeliveryState> {
        self.ended.get(name).map(|events| events[0].state())
    }
}
