//! What very many subscriptions cost: how fast they are stored, how long the server takes to start on them, how fast a
//! broadcast to all of them is planned, and what they take on disk and in memory, each at several sizes of the same store.
//!
//! What must hold: at the full size the server starts within 10 seconds for each million, a million takes at most 2 GiB
//! on disk and 512 MiB of memory right after a start; none is missing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;
use fanfare::proto::v1::SubscribeRequest;
use serde::Serialize;
use serde_json::json;

use crate::calls::{message_status, quiet_broadcast, start_broadcast};
use crate::checks::Checks;
use crate::stage::{Configuration, End, Server, Stage, directory_octets};

const ALL: u32 = 1_000_000;
const ALL_FULL: u32 = 5_000_000;
const ALL_SHORT: u32 = 40_000;
/// Sizes that are looked at, evenly spread up to all.
const SIZES: u32 = 4;
const TOPIC: &str = "all";
const MILLION: f64 = 1e6;
const START_SECONDS_MAX: f64 = 10.0;
const DISK_OCTETS_MAX: f64 = 2_147_483_648.0;
const RESIDENT_OCTETS_MAX: f64 = 536_870_912.0;
/// How often the state of planning is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The store at one size.
#[derive(Debug, Serialize)]
struct Size {
    subscriptions: u32,
    /// Of those that came since the size before.
    subscribed_per_second: f64,
    /// After they were subscribed: with the caches that this filled.
    resident_octets: u64,
    /// After an orderly stop.
    disk_octets: u64,
    start_seconds: f64,
    /// After that start.
    resident_after_start_octets: u64,
    /// The first broadcast after the start.
    planned_per_second: f64,
    /// The same from an index that has been read.
    planned_again_per_second: f64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, full: bool) -> anyhow::Result<Vec<String>> {
    let all = match (short, full) {
        (true, _) => ALL_SHORT,
        (false, true) => ALL_FULL,
        (false, false) => ALL,
    };
    let stage = Stage::set(&Configuration::default()).await?;
    let mut server = stage.start_server().await?;
    let group = stage.make_group(&server, "default", json!({"count": all, "log": false})).await?;
    let mut sizes = Vec::new();
    for step in 0..SIZES {
        let from = all / SIZES * step;
        let to = if step + 1 == SIZES { all } else { all / SIZES * (step + 1) };
        let start = Instant::now();
        let describe = |_, request: &mut SubscribeRequest| request.topics = vec![TOPIC.to_owned()];
        stage.enlist(&server, group, from..to, describe).await?;
        let subscribed_per_second = f64::from(to - from) / start.elapsed().as_secs_f64();
        let resident_octets = server.resident_octets()?;
        server.end(End::Terminate).await?;
        let disk_octets = directory_octets(&stage.data())?;
        // What planning writes is not to be there at the next size.
        copy(&stage.data(), &kept(&stage))?;

        let start = Instant::now();
        server = stage.start_server().await?;
        let start_seconds = start.elapsed().as_secs_f64();
        let resident_after_start_octets = server.resident_octets()?;
        let planned_per_second = planned(&server, to).await?;
        let planned_again_per_second = planned(&server, to).await?;
        server.end(End::Kill).await?;
        std::fs::remove_dir_all(stage.data())?;
        std::fs::rename(kept(&stage), stage.data())?;
        server = stage.start_server().await?;
        let size = Size {
            subscriptions: to,
            subscribed_per_second,
            resident_octets,
            disk_octets,
            start_seconds,
            resident_after_start_octets,
            planned_per_second,
            planned_again_per_second,
        };
        eprintln!("{}", describe_size(&size));
        sizes.push(size);
    }
    server.end(End::Terminate).await?;
    stage.clear().await?;
    let problems = judge(&sizes, short);
    println!("{}", json!({"passed": problems.is_empty(), "sizes": sizes}));
    Ok(problems)
}

/// Where the data stand by meanwhile.
fn kept(stage: &Stage) -> std::path::PathBuf {
    stage.data().with_extension("kept")
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(Command::new("cp").arg("-a").args([from, to]).status()?.success(), "the data cannot be copied");
    Ok(())
}

/// How many deliveries of a broadcast to all are planned a second, while next to none is attempted.
async fn planned(server: &Server, subscriptions: u32) -> anyhow::Result<f64> {
    let mut client = server.client.clone();
    let mut request = quiet_broadcast("", TOPIC, "planned");
    request.max_per_second = 1.0;
    let start = Instant::now();
    let name = start_broadcast(&mut client, request).await?;
    loop {
        let counts = message_status(&mut client, &name).await?.counts.unwrap_or_default();
        if !counts.targets_estimated {
            let rate = f64::from(subscriptions) / start.elapsed().as_secs_f64();
            ensure!(
                u32::try_from(counts.targets)? == subscriptions,
                "{} of {subscriptions} were planned",
                counts.targets
            );
            return Ok(rate);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn describe_size(size: &Size) -> String {
    let mib = |octets: u64| octets >> 20;
    format!(
        "{} subscriptions: {:.0} subscribed a second, {} MiB on disk, {} MiB resident; started in {:.2} s with {} MiB, \
         planned {:.0} and then {:.0} a second",
        size.subscriptions,
        size.subscribed_per_second,
        mib(size.disk_octets),
        mib(size.resident_octets),
        size.start_seconds,
        mib(size.resident_after_start_octets),
        size.planned_per_second,
        size.planned_again_per_second,
    )
}

/// Small stores say nothing of a million: there only the numbers of subscriptions are judged, on the way.
fn judge(sizes: &[Size], short: bool) -> Vec<String> {
    let mut checks = Checks::default();
    if let (Some(size), false) = (sizes.last(), short) {
        let millions = f64::from(size.subscriptions) / MILLION;
        for (what, each, most) in [
            ("seconds to start", size.start_seconds / millions, START_SECONDS_MAX),
            ("octets on disk", size.disk_octets as f64 / millions, DISK_OCTETS_MAX),
            ("octets resident", size.resident_after_start_octets as f64 / millions, RESIDENT_OCTETS_MAX),
        ] {
            checks.check(each <= most, || format!("{each:.1} {what} for a million, allowed are {most:.0}"));
        }
    }
    checks.problems()
}
