//! A store that can write no more although its disk has room: the server runs with a limit to the size of its files, and a
//! write beyond it fails with EFBIG. It refuses, and ends for its supervisor to see. Disks that fill are `cargo drill disk`.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use fanfare::proto::v1::ReportLevel;
use fanfare::proto::v1::delivery_frame::Kind;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::Code;

use crate::calls::{broadcast, call_broadcast, message_status, sha256};
use crate::checks::Checks;
use crate::stage::{End, Launch, Server, Stage, largest_file_octets};

/// How much more may be written.
const ROOM: u64 = 6 << 20;
const SUBSCRIBERS: u32 = 50;
const MESSAGES_MAX: usize = 5_000;
/// Of each text: so few messages fill the room.
const TEXT_OCTETS: usize = 3_000;
/// Within this all has arrived, once there is room again.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);
const NOTICE_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
const TOPIC: &str = "disk";

/// Sends until nothing more is taken; then makes room and starts again.
pub(super) async fn play(stage: &Stage, checks: &mut Checks) -> anyhow::Result<()> {
    eprintln!("disk full");
    let server = stage.start_server().await?;
    let (group, names) = stage.subscribe(&server, SUBSCRIBERS, TOPIC, |_| String::new()).await?;
    server.end(End::Terminate).await?;

    let file_octets_max = Some(largest_file_octets(&stage.data())? + ROOM);
    let mut server = stage.launch(&Launch { file_octets_max, ..Launch::default() }).await?;
    let mut accepted = Vec::new();
    let refused = loop {
        ensure!(accepted.len() < MESSAGES_MAX, "the disk does not get full");
        let text = format!("on a small disk {:0TEXT_OCTETS$}", accepted.len());
        match one(&mut server, &text).await {
            Ok(name) => accepted.push((name, text)),
            Err(status) => break status,
        }
    };
    eprintln!("  after {} messages: {:?}", accepted.len(), refused.code());
    checks.check(refused.code() == Code::Unavailable, || {
        format!("a full disk refuses with {:?}: {}", refused.code(), refused.message())
    });
    let again = one(&mut server, "refused").await;
    checks.check(again.is_err(), || "a message is accepted although nothing can be written".to_owned());
    // What was begun then may never have been recorded: it counts as a crash.
    let ended = timeout(NOTICE_TIMEOUT, server.process.ended()).await.context("the server goes on")??;
    checks.check(ended.code() == Some(1), || format!("a store that has failed ends the server with {ended}"));

    let mut server = stage.start_server().await?;
    let until = Instant::now() + CATCH_UP_TIMEOUT;
    let mut lost = 0;
    for (name, _) in &accepted {
        let ended = async {
            loop {
                let status = message_status(&mut server.client, name).await?;
                let counts = status.counts.unwrap_or_default();
                if counts.accepted == counts.targets && counts.targets == i32::try_from(SUBSCRIBERS)? {
                    return anyhow::Ok(());
                }
                sleep(LOOK).await;
            }
        };
        lost += usize::from(!matches!(timeout_at(until, ended).await, Ok(Ok(()))));
    }
    checks.check(lost == 0, || format!("{lost} of {} messages are lost after a full disk", accepted.len()));
    let listed = server.subscriptions().await?;
    let kept = names.iter().filter(|name| listed.contains(*name)).count();
    checks.check(kept == names.len(), || format!("{kept} of {} subscriptions are left", names.len()));
    server.end(End::Terminate).await?;

    let received = stage.control.received(group).await?;
    let missing: usize = accepted
        .iter()
        .map(|(_, text)| {
            let digest = sha256(text);
            let of_text = received.iter().filter(|line| line.sha256.as_deref() == Some(&digest));
            let arrived: std::collections::BTreeSet<u32> = of_text.map(|line| line.index).collect();
            SUBSCRIBERS as usize - arrived.len()
        })
        .sum();
    checks.check(missing == 0, || format!("{missing} deliveries did not arrive after a full disk"));
    Ok(())
}

async fn one(server: &mut Server, text: &str) -> Result<String, tonic::Status> {
    let mut request = broadcast(TOPIC, text, "");
    request.report_level = ReportLevel::Accepted.into();
    let mut frames = call_broadcast(&mut server.client, request).await?;
    let frame = frames.next().await.unwrap_or_else(|| Err(tonic::Status::unavailable("no frame")))?;
    match frame.kind {
        Some(Kind::Accepted(accepted)) => Ok(accepted.message.unwrap_or_default().name),
        other => Err(tonic::Status::internal(format!("began with {other:?}"))),
    }
}
