//! A disk that gets full: what the store and the engine say of it. The size of the server's files is limited, which is as
//! good.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use fanfare::domain::{Clock as _, SystemClock};
use fanfare::proto::v1::SubscribeRequest;
use serde_json::json;
use tokio::time::timeout;
use tonic::Code;

use super::needles::{Kind, Needles};
use super::{Captured, Figures};
use crate::calls::{call_send, send};
use crate::stage::{Launch, Stage, largest_file_octets, push_subscription};

/// How much more may be written.
const ROOM: u64 = 6 << 20;
const MESSAGES_MAX: usize = 5_000;
/// Within this a server whose store has failed has ended.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// How long each message waits.
const WAITS: Duration = Duration::from_secs(3_600);
/// Of each payload.
const TEXT_OCTETS: usize = 3_000;

pub(super) async fn play(
    stage: &Stage,
    needles: &mut Needles,
    captured: &mut Captured,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    eprintln!("disk full");
    let file_octets_max = Some(largest_file_octets(&stage.data())? + ROOM);
    let mut server = stage.launch(&Launch { file_octets_max, ..Launch::default() }).await?;
    let group = stage.make_group(&server, "default", json!({"count": 1})).await?;
    let browser = stage.control.subscriptions(group, 0, 1).await?;
    let request = SubscribeRequest {
        push_subscription: Some(push_subscription(browser.trim())?),
        ..SubscribeRequest::default()
    };
    let name = server.client.subscribe(request).await?.into_inner().subscription.unwrap_or_default().name;
    let secret = format!("payload-of-the-full-disk-{:016x}", rand::random::<u64>());
    needles.add_text(Kind::Payload, &secret);
    let mut sent = 0;
    let refused = loop {
        ensure!(sent < MESSAGES_MAX, "the disk does not get full");
        sent += 1;
        let mut request = send(&name, &format!("{secret}{sent:0TEXT_OCTETS$}"), "");
        let later = Duration::from_micros(SystemClock.now().as_micros()) + WAITS;
        // It waits: what has ended makes room again.
        if let Some(message) = &mut request.message {
            message.send_time =
                Some(SystemTime::UNIX_EPOCH.checked_add(later).unwrap_or(SystemTime::UNIX_EPOCH).into());
        }
        if let Err(status) = call_send(&mut server.client, request).await {
            break status;
        }
    };
    ensure!(refused.code() == Code::Unavailable, "a full disk refuses with {refused}");
    *figures.statuses.entry(format!("{:?}", refused.code())).or_default() += 1;
    captured.add("errors", format!("{refused} {refused:?} {:?}", refused.metadata()));
    captured.add("errors", refused.details());
    // A store that can write no more ends the server: the port answers until then.
    for path in ["metrics", "readyz"] {
        if let Ok(answer) = reqwest::get(format!("http://{}/{path}", server.admin)).await {
            captured.add("admin port", answer.bytes().await.unwrap_or_default());
        }
    }
    let status = timeout(END_TIMEOUT, server.process.ended()).await.context("it does not end")??;
    ensure!(status.code() == Some(1), "a store that has failed ends the server with {status}");
    let log = std::fs::read(stage.directory().join("server.log"))?;
    super::count_levels(&String::from_utf8_lossy(&log), &mut figures.log_lines);
    captured.add("log of the full disk", log);
    Ok(())
}
