//! A broadcast to very many takes no more memory than one to few, on the same store, also when a watcher never reads.
//!
//! What must hold: after all subscriptions were listed once by topic, the resident set rises during a broadcast to all of them by
//! no more than 64 MiB more than during one to 10,000. (That the engine's own queues are equal, exactly, is proved on the
//! store in memory: docs/testing.md.)

use anyhow::ensure;
use fanfare::proto::v1::list_subscriptions_request::Selector;
use fanfare::proto::v1::{ListSubscriptionsRequest, ReportLevel, SubscribeRequest, WatchDeliveriesRequest};
use serde::Serialize;
use serde_json::json;

use crate::calls::{Frames, call_broadcast, call_watch, play_broadcast, quiet_broadcast};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage};
use crate::witness::Witness;

const ALL: u32 = 1_000_000;
const ALL_SHORT: u32 = 50_000;
const FEW: u32 = 10_000;
const FEW_SHORT: u32 = 5_000;
const MORE_MAX: u64 = 64 << 20;

#[derive(Debug, Default, Serialize)]
struct Figures {
    subscriptions: u32,
    few: u32,
    /// The resident set before the first broadcast.
    resident_octets: u64,
    rise_few_octets: u64,
    rise_all_octets: u64,
    /// With a watcher that never reads.
    rise_watched_octets: u64,
    /// Of the broadcasts to all.
    deliveries_per_second: f64,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool) -> anyhow::Result<Vec<String>> {
    let (all, few) = if short { (ALL_SHORT, FEW_SHORT) } else { (ALL, FEW) };
    let stage = Stage::set(&Configuration::default()).await?;
    let mut server = stage.start_server().await?;
    let group = stage.make_group(&server, "default", json!({"count": all, "log": false})).await?;
    // The few are spread over the whole audience.
    let one_in = all / few;
    let describe = |index: u32, request: &mut SubscribeRequest| {
        request.topics = vec!["all".to_owned()];
        if index.is_multiple_of(one_in) {
            request.topics.push("few".to_owned());
        }
    };
    stage.enlist(&server, group, 0..all, describe).await?;
    let listed = list(&mut server.client).await?;
    ensure!(listed == u64::from(all), "{listed} subscriptions are listed");

    let (mut figures, mut checks) = (Figures::default(), Checks::default());
    (figures.subscriptions, figures.few) = (all, few);
    // Connections are opened, and buffers made, that any broadcast needs.
    rise(&server, "few", "the first").await?;
    figures.resident_octets = server.resident_octets()?;
    (figures.rise_few_octets, _) = rise(&server, "few", "to few").await?;
    (figures.rise_all_octets, figures.deliveries_per_second) = rise(&server, "all", "to all").await?;
    let stalled = stalled(&server).await?;
    (figures.rise_watched_octets, _) = watched(&server).await?;
    drop(stalled);

    let few = figures.rise_few_octets;
    for (what, rise) in [
        ("a broadcast to all", figures.rise_all_octets),
        ("one with a watcher that never reads", figures.rise_watched_octets),
    ] {
        checks.check(rise <= few + MORE_MAX, || {
            format!("{what} takes {} MiB, one to few {} MiB", rise >> 20, few >> 20)
        });
    }
    server.end(End::Terminate).await?;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

/// Reads all subscriptions once, by the index that a broadcast is planned from: what is read is cached from then on.
async fn list(client: &mut Client) -> anyhow::Result<u64> {
    let mut request = ListSubscriptionsRequest {
        selector: Some(Selector::Topic("all".to_owned())),
        page_size: 1_000,
        ..ListSubscriptionsRequest::default()
    };
    let mut count = 0;
    loop {
        let page = client.list_subscriptions(request.clone()).await?.into_inner();
        count += page.subscriptions.len() as u64;
        if page.next_page_token.is_empty() {
            return Ok(count);
        }
        request.page_token = page.next_page_token;
    }
}

/// How much the resident set rises at most during a broadcast, and its deliveries a second.
async fn rise(server: &Server, topic: &str, text: &str) -> anyhow::Result<(u64, f64)> {
    let before = server.resident_octets()?;
    server.forget_resident_peak()?;
    let mut client = server.client.clone();
    let (counts, took) = play_broadcast(&mut client, quiet_broadcast("", topic, text)).await?;
    let peak = server.resident_peak_octets()?;
    ensure!(counts.accepted == counts.targets, "not all took it: {counts:?}");
    let rise = peak.saturating_sub(before);
    let rate = f64::from(counts.accepted) / took.as_secs_f64();
    eprintln!("{text}: {} deliveries, {rate:.0} a second, {} MiB more", counts.targets, rise >> 20);
    Ok((rise, rate))
}

/// The same to all, with a caller that asks for every event and reads none.
async fn watched(server: &Server) -> anyhow::Result<(u64, f64)> {
    // A connection of its own: what is not read fills the window of all on the same.
    let mut client = server.connect().await?;
    let mut request = quiet_broadcast("", "all", "watched");
    request.report_level = ReportLevel::Attempts.into();
    request.request_id = String::from("watched");
    let before = server.resident_octets()?;
    server.forget_resident_peak()?;
    let mut never_read = call_broadcast(&mut client, request.clone()).await?;
    let mut first = Witness::default();
    first.read_one(&mut never_read).await?;
    let watch = WatchDeliveriesRequest {
        parent: first.parent.clone(),
        report_level: ReportLevel::Attempts.into(),
        ..WatchDeliveriesRequest::default()
    };
    let _also_never_read = call_watch(&mut client, watch.clone()).await?;
    // Joined by its request_id, at a level of which there is little to read.
    request.report_level = ReportLevel::Progress.into();
    let (counts, took) = play_broadcast(&mut server.client.clone(), request).await?;
    let peak = server.resident_peak_octets()?;
    let rise = peak.saturating_sub(before);
    let rate = f64::from(counts.accepted) / took.as_secs_f64();
    eprintln!("watched: {} deliveries, {rate:.0} a second, {} MiB more", counts.targets, rise >> 20);
    Ok((rise, rate))
}

/// A watcher of everything that never reads.
async fn stalled(server: &Server) -> anyhow::Result<Frames> {
    let watch = WatchDeliveriesRequest {
        parent: "messages/-".to_owned(),
        report_level: ReportLevel::Attempts.into(),
        ..WatchDeliveriesRequest::default()
    };
    Ok(call_watch(&mut server.connect().await?, watch).await?)
}
