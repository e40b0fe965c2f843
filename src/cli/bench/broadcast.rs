//! One broadcast: its stream read to the end, and what the server used meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use indicatif::ProgressBar;
use prost_types::Timestamp;

use super::enlist::topic;
use super::stage::Stage;
use super::usage::{Usage, forget_resident_peak, resident_peak};
use super::{PAYLOAD_OCTETS, TTL_SECONDS};
use crate::cli::failure::Failure;
use crate::cli::follow::{Opening, follow};
use crate::client::Client;
use crate::proto::v1::audience::Selector;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::message::Payload;
use crate::proto::v1::{Audience, BroadcastRequest, DeliveryState, Message, ReportLevel, TopicList};

/// What one broadcast came to.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) pushes: usize,
    /// From the call to the end of the stream.
    pub(super) took: Duration,
    pub(super) first_event: Duration,
    /// Of each delivery, from the message's acceptance to its outcome in microseconds, sorted.
    pub(super) ages: Vec<u32>,
    pub(super) usage: Usage,
    pub(super) resident_peak: u64,
}

/// The message that is sent.
pub(super) fn message() -> Message {
    Message {
        payload: Some(Payload::Data(vec![b'x'; PAYLOAD_OCTETS].into())),
        ttl: Some(prost_types::Duration { seconds: TTL_SECONDS, nanos: 0 }),
        ..Message::default()
    }
}

/// A broadcast to one of the sizes, every event told. `per_second`: at most so many attempts; 0 for no limit.
pub(super) fn request(endpoints: usize, per_second: f64) -> BroadcastRequest {
    let topics = TopicList { topics: vec![topic(endpoints)] };
    BroadcastRequest {
        audience: Some(Audience { selector: Some(Selector::Topics(topics)) }),
        message: Some(message()),
        request_id: crate::unique_id(),
        report_level: ReportLevel::Attempts.into(),
        max_per_second: per_second,
        ..BroadcastRequest::default()
    }
}

/// Plays one and waits for its end. All must be accepted.
pub(super) async fn play(stage: &Stage, endpoints: usize, bar: &ProgressBar) -> anyhow::Result<Played> {
    let server = stage.server()?;
    forget_resident_peak(server)?;
    let (before, start) = (stage.usage()?, Instant::now());
    let stream = read(stage.client.clone(), request(endpoints, 0.0), bar).await?;
    let took = start.elapsed();
    let usage = stage.usage()?.since(&before);
    ensure!(
        stream.ages.len() == endpoints,
        "{} of {endpoints} deliveries were accepted at the first attempt",
        stream.ages.len()
    );
    let mut ages = stream.ages;
    ages.sort_unstable();
    let first_event = stream.first_event.context("no event came")?.saturating_duration_since(start);
    Ok(Played { pushes: endpoints, took, first_event, ages, usage, resident_peak: resident_peak(server)? })
}

/// What a stream told.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) ages: Vec<u32>,
    first_event: Option<Instant>,
}

/// Reads a broadcast's stream to its end.
pub(super) async fn read(
    client: Client,
    request: BroadcastRequest,
    bar: &ProgressBar,
) -> anyhow::Result<Stream> {
    let (mut stream, mut accepted) = (Stream::default(), None);
    let on_frame = |frame: &crate::proto::v1::DeliveryFrame| {
        match &frame.kind {
            Some(Kind::Accepted(of)) => accepted = of.message.as_ref().and_then(|of| of.create_time),
            Some(Kind::Events(events)) => {
                stream.first_event.get_or_insert_with(Instant::now);
                let accepted = accepted.context("an event came before the acceptance")?;
                let taken = events.events.iter().filter(|event| event.state() == DeliveryState::Accepted);
                stream.ages.extend(taken.map(|event| age(accepted, event.event_time)));
                bar.inc(events.events.len() as u64);
            }
            Some(Kind::Receipts(_) | Kind::Progress(_) | Kind::Summary(_)) | None => {}
        }
        Ok(())
    };
    follow(&client, Opening::Broadcast(request), on_frame).await.map_err(Failure::into_error)?;
    Ok(stream)
}

fn age(accepted: Timestamp, event: Option<Timestamp>) -> u32 {
    event.map_or(0, |event| u32::try_from(unix_micros(event) - unix_micros(accepted)).unwrap_or(0))
}

/// Microseconds since 1970.
pub(super) fn unix_micros(time: Timestamp) -> i64 {
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}
