//! How a store grows: how fast subscriptions are taken, what they occupy, how long a start takes and how fast a broadcast is
//! planned, at ever larger numbers in the same store.
//!
//! What must hold: every start finds all subscriptions, also after SIGKILL; and beside a tenth of its size, the largest
//! store takes no more than half as much again for each subscription, on disk and in memory, and plans at half the rate
//! or more. Of the short one growth is not judged: what is there anyway would be most of it.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fanfare::proto::v1::{
    CancelMessageRequest, ImportSubscriptionsRequest, PushSubscription, PushSubscriptionKeys,
    SubscribeRequest,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use crate::calls::{message_status, quiet_broadcast, sha256, start_broadcast};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage, directory_octets, progress_bar};

const ALL: u32 = 1_000_000;
const ALL_SHORT: u32 = 20_000;
const ALL_LARGE: u32 = 5_000_000;
const TOPIC: &str = "all";
/// Subscribe calls in flight.
const CONCURRENCY: usize = 256;
/// So many come by a Subscribe of their own, the last of each step, which is measured; those before are imported.
const BY_SUBSCRIBE: u32 = 100_000;
/// Entries of one request of an import.
const IMPORTED_AT_ONCE: usize = 500;
/// Of the largest store, in terms of a tenth of it.
const OCTETS_GROWTH_MAX: f64 = 1.5;
const PLAN_SLOWER_MAX: f64 = 2.0;
/// How often the planner is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Nobody listens there: nothing is delivered, and nothing proves that a subscription is gone.
pub(crate) const ORIGIN: &str = "https://localhost:1";
pub(crate) const EXCEPTION: &str = "[[push_services.exceptions]]\nname = \"nobody\"\nhost = \"localhost\"\nport = 1\n\
                         cidrs = [\"127.0.0.0/8\", \"::1/128\"]\n";
/// Any point of the curve: nothing is decrypted.
pub(crate) const P256DH: &str =
    "BDbmz9cwRiShsSoaUB_NOV4pa5rsRq9-l3ryVA1fbOIXs-VZkeSNUMLoF0bgWnMTqo4asFoewDF80UjRJP00XbE";

/// One size of the store.
#[derive(Clone, Debug, Default, Serialize)]
struct Step {
    subscriptions: u32,
    /// `None`: all came by Subscribe.
    imported_per_second: Option<f64>,
    /// Over the last ones that came with this step.
    subscribed_per_second: f64,
    disk_octets_each: f64,
    /// Of the server that took them, with what it needs without any.
    resident_octets: u64,
    start_after_kill_seconds: f64,
    /// After an orderly end.
    start_seconds: f64,
    resident_started_octets: u64,
    /// Without what a server needs whose store is empty.
    resident_started_octets_each: f64,
    /// The first broadcast after a start, and the next.
    planned_cold_per_second: f64,
    planned_per_second: f64,
    resident_planned_octets: u64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, large: bool) -> anyhow::Result<Vec<String>> {
    let sizes = match (short, large) {
        (true, _) => vec![ALL_SHORT / 10, ALL_SHORT],
        (false, false) => vec![ALL / 10, ALL],
        (false, true) => vec![ALL_LARGE / 10, ALL, ALL_LARGE],
    };
    let configuration = Configuration { sections: EXCEPTION.to_owned(), ..Configuration::default() };
    let stage = Stage::set(&configuration).await?;
    let mut server = stage.start_server().await?;
    let empty = server.resident_octets()?;
    let (mut steps, mut stored) = (Vec::new(), 0);
    for size in sizes {
        let step;
        (server, step) = grow(&stage, server, stored..size, empty).await?;
        eprintln!("{}", serde_json::to_string(&step)?);
        steps.push(step);
        stored = size;
    }
    server.end(End::Terminate).await?;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&serde_json::json!({ "steps": steps }))?);
    Ok(if short { Vec::new() } else { judge(&steps) })
}

/// Adds subscriptions, and measures the store then. `empty`: what a server's resident set is without any.
async fn grow(
    stage: &Stage,
    server: Server,
    indices: Range<u32>,
    empty: u64,
) -> anyhow::Result<(Server, Step)> {
    let to = indices.end;
    let imported = indices.start..to.saturating_sub(BY_SUBSCRIBE).max(indices.start);
    let subscribed = imported.end..to;
    let per_second =
        |of: Range<u32>, start: Instant| f64::from(of.end - of.start) / start.elapsed().as_secs_f64();
    let mut imported_per_second = None;
    if !imported.is_empty() {
        let start = Instant::now();
        import(server.client.clone(), imported.clone()).await?;
        imported_per_second = Some(per_second(imported, start));
    }
    let start = Instant::now();
    subscribe(&server.client, subscribed.clone()).await?;
    let subscribed_per_second = per_second(subscribed, start);
    let disk = directory_octets(&stage.data())?;
    let resident_octets = server.resident_octets()?;

    server.end(End::Kill).await?;
    let (server, start_after_kill) = start_again(stage).await?;
    server.end(End::Terminate).await?;
    let (mut server, start) = start_again(stage).await?;
    let resident_started_octets = server.resident_octets()?;
    let planned_cold_per_second = plan(&mut server.client, to).await?;
    let planned_per_second = plan(&mut server.client, to).await?;
    let resident_planned_octets = server.resident_octets()?;
    let step = Step {
        subscriptions: to,
        imported_per_second,
        subscribed_per_second,
        disk_octets_each: disk as f64 / f64::from(to),
        resident_octets,
        start_after_kill_seconds: start_after_kill.as_secs_f64(),
        start_seconds: start.as_secs_f64(),
        resident_started_octets,
        resident_started_octets_each: resident_started_octets.saturating_sub(empty) as f64 / f64::from(to),
        planned_cold_per_second,
        planned_per_second,
        resident_planned_octets,
    };
    Ok((server, step))
}

async fn start_again(stage: &Stage) -> anyhow::Result<(Server, Duration)> {
    let start = Instant::now();
    let server = stage.start_server().await?;
    Ok((server, start.elapsed()))
}

fn request(index: u32) -> SubscribeRequest {
    // As long as FCM's.
    let endpoint = format!("{ORIGIN}/push/{}", sha256(&index.to_string()).repeat(3));
    let keys = PushSubscriptionKeys { p256dh: P256DH.to_owned(), auth: "TPsY_eG9dSsleK1NN3eE-Q".to_owned() };
    SubscribeRequest {
        push_subscription: Some(PushSubscription {
            endpoint,
            keys: Some(keys),
            ..PushSubscription::default()
        }),
        topics: vec![TOPIC.to_owned()],
        ..SubscribeRequest::default()
    }
}

async fn subscribe(client: &Client, indices: Range<u32>) -> anyhow::Result<()> {
    let bar = progress_bar(u64::from(indices.end - indices.start), "subscribed");
    stream::iter(indices)
        .map(|index| {
            let mut client = client.clone();
            async move { client.subscribe(request(index)).await }
        })
        .buffer_unordered(CONCURRENCY)
        .try_for_each(|_| {
            bar.inc(1);
            std::future::ready(Ok(()))
        })
        .await?;
    bar.finish_and_clear();
    Ok(())
}

async fn import(mut client: Client, indices: Range<u32>) -> anyhow::Result<()> {
    let bar = progress_bar(u64::from(indices.end - indices.start), "imported");
    let requests = stream::iter(indices).map(request).chunks(IMPORTED_AT_ONCE);
    let requests = requests.map(|subscriptions| ImportSubscriptionsRequest { subscriptions });
    let mut responses = client.import_subscriptions(requests).await?.into_inner();
    while let Some(response) = responses.message().await? {
        ensure!(response.answers.iter().all(|answer| answer.created), "an entry was not stored");
        bar.inc(response.answers.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Targets planned a second, from a broadcast's acceptance to the end of its planning. It is cancelled then.
async fn plan(client: &mut Client, size: u32) -> anyhow::Result<f64> {
    let mut request = quiet_broadcast("", TOPIC, "scale");
    // Planning does not wait for lanes: hardly anything is attempted meanwhile.
    request.max_per_second = 1.0;
    let name = start_broadcast(client, request).await?;
    let start = Instant::now();
    let targets = loop {
        let counts = message_status(client, &name).await?.counts.context("a message without counts")?;
        if !counts.targets_estimated {
            break counts.targets;
        }
        tokio::time::sleep(LOOK).await;
    };
    let took = start.elapsed();
    ensure!(u32::try_from(targets)? == size, "{targets} of {size} subscriptions are there");
    client.cancel_message(CancelMessageRequest { name: name.clone(), ..Default::default() }).await?;
    loop {
        let counts = message_status(client, &name).await?.counts.context("a message without counts")?;
        if counts.pending + counts.retrying == 0 {
            return Ok(f64::from(size) / took.as_secs_f64());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The promises that did not hold.
fn judge(steps: &[Step]) -> Vec<String> {
    let mut checks = Checks::default();
    let [first, .., last] = steps else { return checks.problems() };
    for (what, few, many) in [
        ("on disk", first.disk_octets_each, last.disk_octets_each),
        ("in memory", first.resident_started_octets_each, last.resident_started_octets_each),
    ] {
        checks.check(many <= few * OCTETS_GROWTH_MAX, || {
            format!("a subscription takes {many:.0} octets {what}, in a smaller store {few:.0}")
        });
    }
    let (few, many) = (first.planned_per_second, last.planned_per_second);
    checks.check(many * PLAN_SLOWER_MAX >= few, || {
        format!("{many:.0} targets are planned a second, of a smaller audience {few:.0}")
    });
    checks.problems()
}
