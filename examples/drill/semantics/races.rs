//! Calls with the same request_id at the same time.

use std::collections::BTreeSet;

use fanfare::proto::v1::ReportLevel;
use fanfare::proto::v1::delivery_frame::Kind;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tonic::Code;

use super::Scenes;
use crate::calls::{Frames, broadcast, call_broadcast, call_send, send};

const CALLS: usize = 40;
const ROUNDS: usize = 10;

/// However many call: one message.
pub(super) async fn play(scenes: &mut Scenes) -> anyhow::Result<()> {
    let (group, names) = scenes.subscribe("races", 20, 0).await?;
    for round in 0..ROUNDS {
        let text = format!("raced {round}");
        let calls = (0..CALLS).map(|call| {
            let (mut client, text, name) = (scenes.client.clone(), text.clone(), names[round].clone());
            async move {
                let level = ReportLevel::Accepted.into();
                if round % 2 == 0 {
                    let mut request = broadcast("races", &text, &text);
                    request.report_level = level;
                    accepted(call_broadcast(&mut client, request).await?).await
                } else {
                    // Another level is no other request; another body is.
                    let body = if call == 7 { "something else" } else { &text };
                    let mut request = send(&name, body, &text);
                    request.report_level = level;
                    accepted(call_send(&mut client, request).await?).await
                }
            }
        });
        let (mut messages, mut first, mut reused) = (BTreeSet::new(), 0, 0);
        for answer in join_all(calls).await {
            match answer {
                Ok((name, replayed)) => {
                    messages.insert(name);
                    first += usize::from(!replayed);
                }
                Err(status) if status.code() == Code::AlreadyExists => reused += 1,
                Err(status) => return Err(status.into()),
            }
        }
        scenes.checks.check(messages.len() == 1 && first == 1, || {
            format!("{CALLS} racing calls made {} messages; {first} were not replayed", messages.len())
        });
        // Of a Send's calls either the one with the other body is refused, or, if it came first, all the others.
        let right = if round % 2 == 0 { reused == 0 } else { reused == 1 || reused == CALLS - 1 };
        scenes.checks.check(right, || format!("{reused} of {CALLS} racing calls were refused"));
        for message in &messages {
            scenes.end_of("races", message).await?;
        }
        let text = if reused > 1 { "something else" } else { &text };
        let arrived = scenes.arrivals(group, text).await?;
        let targets = if round % 2 == 0 { names.len() } else { 1 };
        // "something else" may have won an earlier round.
        let once = arrived.len() == targets && (reused > 1 || arrived.values().all(|times| *times == 1));
        scenes.checks.check(once, || format!("races: {arrived:?} instead of {targets} once each"));
    }
    Ok(())
}

async fn accepted(mut frames: Frames) -> Result<(String, bool), tonic::Status> {
    match frames.next().await {
        Some(frame) => match frame?.kind {
            Some(Kind::Accepted(accepted)) => {
                Ok((accepted.message.unwrap_or_default().name, accepted.replayed))
            }
            other => Err(tonic::Status::internal(format!("began with {other:?}"))),
        },
        None => Err(tonic::Status::internal("ended without a frame")),
    }
}
