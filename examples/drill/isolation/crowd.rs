//! Thousands of origins that never answer, and were there before the one that does: it must not wait behind them, alone, in
//! one broadcast with them, or after a restart, when nobody has answered yet.

use std::time::{Duration, Instant};

use anyhow::ensure;
use fanfare::proto::v1::{CancelMessageRequest, SubscribeRequest};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use super::{KEPT_MIN, SETTLE, median};
use crate::calls::{message_status, play_broadcast, quiet_broadcast, start_broadcast};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage};

/// Within this every healthy one has what was sent to all together, in seconds.
const TOGETHER_MAX: f64 = 15.0;
const TOGETHER_TIMEOUT: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);

struct Size {
    silent_origins: u32,
    /// Subscribers of each.
    each: u32,
    healthy: u32,
    rounds: usize,
}

const LONG: Size = Size { silent_origins: 4_000, each: 3, healthy: 20_000, rounds: 5 };
const SHORT: Size = Size { silent_origins: 1_000, each: 3, healthy: 5_000, rounds: 3 };

#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    silent_origins: u32,
    alone_per_second: f64,
    beside_per_second: f64,
    kept: f64,
    /// Until the last healthy one has what was sent to all, in one broadcast.
    together_seconds: f64,
    after_restart_seconds: f64,
}

pub(super) async fn play(short: bool, checks: &mut Checks) -> anyhow::Result<Figures> {
    let size = if short { &SHORT } else { &LONG };
    let mut stage = Stage::set(&Configuration::default()).await?;
    let first = stage.make_origins(size.silent_origins, json!({"reach": "silent"})).await?;
    stage.configure(&Configuration::default())?;
    let server = stage.start_server().await?;
    for (topic, count, from, origins) in [
        ("silent", size.silent_origins * size.each, first, size.silent_origins),
        ("healthy", size.healthy, 0, 1),
    ] {
        let group = json!({"count": count, "log": false, "origins": {"from": from, "count": origins}});
        let group = stage.make_group(&server, "default", group).await?;
        let describe =
            |_, request: &mut SubscribeRequest| request.topics = vec![topic.to_owned(), "all".to_owned()];
        stage.enlist(&server, group, 0..count, describe).await?;
    }
    let mut client = server.client.clone();
    let mut figures = Figures { silent_origins: size.silent_origins, ..Figures::default() };
    throughput(size, &mut client, &mut figures).await?;
    let kept = figures.kept;
    checks.check(kept >= KEPT_MIN, || {
        format!("beside {} silent origins the healthy one keeps {:.0} %", size.silent_origins, kept * 100.0)
    });
    figures.together_seconds = together(size, &mut client).await?;
    server.end(End::Terminate).await?;
    let server: Server = stage.start_server().await?;
    figures.after_restart_seconds = together(size, &mut server.client.clone()).await?;
    for (when, seconds) in
        [("", figures.together_seconds), (" after a restart", figures.after_restart_seconds)]
    {
        eprintln!("in one broadcast with them{when}, the last healthy one has it after {seconds:.1} s");
        checks.check(seconds <= TOGETHER_MAX, || {
            format!("in one broadcast with silent ones{when}, the healthy ones have it after {seconds:.1} s")
        });
    }
    server.end(End::Kill).await?;
    stage.clear().await?;
    Ok(figures)
}

/// Measures the healthy origin alone and beside the silent ones, in turn.
async fn throughput(size: &Size, client: &mut Client, figures: &mut Figures) -> anyhow::Result<()> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    // Connections are made, and keys cached.
    healthy(size, client).await?;
    for round in 0..size.rounds {
        alone.push(healthy(size, client).await?);
        let others = start_broadcast(client, quiet_broadcast("", "silent", "silent")).await?;
        sleep(SETTLE).await;
        beside.push(healthy(size, client).await?);
        cancel(client, others).await?;
        eprintln!(
            "round {round}: {:.0} a second alone, {:.0} beside {} silent origins",
            alone[round], beside[round], size.silent_origins
        );
    }
    let mut kept: Vec<f64> = alone.iter().zip(&beside).map(|(alone, beside)| beside / alone).collect();
    figures.kept = median(&mut kept);
    figures.alone_per_second = median(&mut alone);
    figures.beside_per_second = median(&mut beside);
    Ok(())
}

/// A broadcast to the healthy one; gives deliveries a second.
async fn healthy(size: &Size, client: &mut Client) -> anyhow::Result<f64> {
    let (counts, took) = play_broadcast(client, quiet_broadcast("", "healthy", "healthy")).await?;
    ensure!(u32::try_from(counts.accepted) == Ok(size.healthy), "not all of the healthy took it: {counts:?}");
    Ok(f64::from(counts.accepted) / took.as_secs_f64())
}

/// A broadcast to all; gives the seconds until each healthy one has it.
async fn together(size: &Size, client: &mut Client) -> anyhow::Result<f64> {
    let began = Instant::now();
    let name = start_broadcast(client, quiet_broadcast("", "all", "all")).await?;
    loop {
        let counts = message_status(client, &name).await?.counts.unwrap_or_default();
        if u32::try_from(counts.accepted)? >= size.healthy {
            break;
        }
        ensure!(began.elapsed() < TOGETHER_TIMEOUT, "the healthy ones do not get it: {counts:?}");
        sleep(LOOK).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    cancel(client, name).await?;
    Ok(seconds)
}

async fn cancel(client: &mut Client, name: String) -> anyhow::Result<()> {
    client.cancel_message(CancelMessageRequest { name, ..CancelMessageRequest::default() }).await?;
    Ok(())
}
