//! Healthy push services beside 400 names whose name servers never answer: the good keep their throughput, and one that is
//! dialled for the first time waits for none of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{CancelMessageRequest, SubscribeRequest};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::{KEPT_MIN, SETTLE, median};
use crate::calls::{call_send, play_broadcast, quiet_broadcast, send, start_broadcast};
use crate::checks::Checks;
use crate::stage::{Client, Configuration, End, Server, Stage};

/// Names that are never answered, in each round others.
const SILENT: u32 = 400;
/// Healthy origins that are dialled for the first time in a round, beside those names.
const FRESH: u32 = 4;
/// Within this a Send to one of them is accepted.
const SEND_MAX: Duration = Duration::from_secs(2);
/// The host of the healthy ones.
const HOST: &str = "healthy.test";

/// How it went.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    alone_per_second: f64,
    beside_per_second: f64,
    kept: f64,
    /// A Send to an origin that is dialled for the first time beside the silent names, at most.
    first_send_max_ms: f64,
}

/// Plays it on a stage of its own.
pub(super) async fn measure(short: bool, checks: &mut Checks) -> anyhow::Result<Figures> {
    let (subscribers, rounds) = if short { (8_000, 3) } else { (20_000, 5) };
    let name_server = name_server().await?;
    let mut stage = Stage::set_at(HOST, &Configuration::default()).await?;
    let fresh = stage.make_origins(FRESH * rounds, json!({})).await?;
    // Nothing is remembered of a name that answers: each connection looks it up.
    let sections = format!(
        "[push_services]\nprofile = \"any_public_host\"\n[transport]\nname_servers = [\"{name_server}\"]\n\
         dns_cache_age_max = \"0s\"\n"
    );
    stage.configure(&Configuration { sections, ..Configuration::default() })?;
    let server = stage.start_server().await?;
    enlist(&stage, &server, "healthy", json!({"count": subscribers, "log": false}), subscribers, |_| None)
        .await?;
    let group = json!({"count": FRESH * rounds, "origins": {"from": fresh, "count": FRESH * rounds}});
    let names = enlist(&stage, &server, "fresh", group, FRESH * rounds, |_| None).await?;
    for round in 0..rounds {
        let name = |index| Some(silent_endpoint(round, index));
        enlist(&stage, &server, &topic(round), json!({"count": SILENT}), SILENT, name).await?;
    }

    let mut client = server.client.clone();
    healthy(&mut client, "warm").await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut first_send_max = Duration::ZERO;
    for (round, names) in (0..rounds).zip(names.chunks(FRESH as usize)) {
        alone.push(healthy(&mut client, &format!("alone {round}")).await?);
        let silent = quiet_broadcast("", &topic(round), &format!("silent {round}"));
        let silent = start_broadcast(&mut client, silent).await?;
        for name in names {
            let began = Instant::now();
            first_send(&mut client, name).await?;
            first_send_max = first_send_max.max(began.elapsed());
        }
        sleep(SETTLE).await;
        beside.push(healthy(&mut client, &format!("beside {round}")).await?);
        let request = CancelMessageRequest { name: silent, ..CancelMessageRequest::default() };
        client.cancel_message(request).await?;
    }
    server.end(End::Terminate).await?;
    stage.clear().await?;

    let mut kept: Vec<f64> = alone.iter().zip(&beside).map(|(alone, beside)| beside / alone).collect();
    let figures = Figures {
        alone_per_second: median(&mut alone),
        beside_per_second: median(&mut beside),
        kept: median(&mut kept),
        first_send_max_ms: first_send_max.as_secs_f64() * 1e3,
    };
    let kept = figures.kept;
    eprintln!(
        "beside {SILENT} names that are never answered: {:.0} % of the throughput, {:.0} ms to an origin's first answer",
        kept * 100.0,
        figures.first_send_max_ms
    );
    checks.check(kept >= KEPT_MIN, || {
        format!("beside silent names the healthy keep {:.0} % of their throughput", kept * 100.0)
    });
    checks.check(first_send_max <= SEND_MAX, || {
        format!("beside silent names a Send to a healthy origin takes {first_send_max:?}")
    });
    Ok(figures)
}

/// Rounds take turns: all names in one zone, and each in a zone of its own.
fn silent_endpoint(round: u32, index: u32) -> String {
    if round.is_multiple_of(2) {
        format!("https://n{index}.silent{round}.test/p/{index}")
    } else {
        format!("https://push.silent{round}-{index}.test/p/{index}")
    }
}

fn topic(round: u32) -> String {
    format!("silent-{round}")
}

/// Subscribes a group with a topic, at other endpoints than the sandbox's where `endpoint` says so. Gives their names.
async fn enlist(
    stage: &Stage,
    server: &Server,
    topic: &str,
    group: serde_json::Value,
    count: u32,
    endpoint: impl Fn(u32) -> Option<String>,
) -> anyhow::Result<Vec<String>> {
    let group = stage.make_group(server, "default", group).await?;
    let describe = |index, request: &mut SubscribeRequest| {
        request.topics = vec![topic.to_owned()];
        if let (Some(browser), Some(other)) = (&mut request.push_subscription, endpoint(index)) {
            browser.endpoint = other;
        }
    };
    stage.enlist(server, group, 0..count, describe).await
}

/// A broadcast to the healthy ones; gives deliveries a second.
async fn healthy(client: &mut Client, text: &str) -> anyhow::Result<f64> {
    let (counts, took) = play_broadcast(client, quiet_broadcast("", "healthy", text)).await?;
    ensure!(counts.accepted == counts.targets, "not all of the healthy took it: {counts:?}");
    Ok(f64::from(counts.accepted) / took.as_secs_f64())
}

/// A Send to one subscriber, which must be accepted.
async fn first_send(client: &mut Client, name: &str) -> anyhow::Result<()> {
    let mut frames = call_send(client, send(name, "first", "")).await?;
    while let Some(frame) = frames.next().await {
        if let Some(Kind::Summary(summary)) = frame?.kind {
            let counts = summary.counts.unwrap_or_default();
            ensure!(counts.accepted == 1, "a Send to a healthy origin came to {counts:?}");
            return Ok(());
        }
    }
    bail!("Send ended without a summary")
}

/// A name server on loopback: silent for every name with `silent` in it, 127.0.0.1 for all others. It lives as long as the
/// drill.
async fn name_server() -> anyhow::Result<SocketAddr> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((octets, from)) = socket.recv_from(&mut query).await {
            if let Some(answer) = query.get(..octets).and_then(|query| answer(query).ok().flatten()) {
                // Who asked asks again.
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    Ok(address)
}

/// RFC 1035 section 4.1: the header with its flags, the question again, and to a question for A one answer.
fn answer(query: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    const HEADER_OCTETS: usize = 12;
    const TYPE_A: &[u8] = &[0, 1];
    let name = query.get(HEADER_OCTETS..).context("no question")?;
    let end = name.iter().position(|octet| *octet == 0).context("the name does not end")?;
    if name[..end].to_ascii_lowercase().windows(6).any(|octets| octets == b"silent") {
        return Ok(None);
    }
    let question = name.get(..end + 5).context("no type")?;
    let is_a = question.get(end + 1..end + 3) == Some(TYPE_A);
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    answer.extend(question);
    if is_a {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Ok(Some(answer))
}
