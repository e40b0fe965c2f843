//! What the status stream of one message told.

use std::time::Duration;

use anyhow::Context as _;
use indicatif::ProgressBar;
use prost_types::Timestamp;

use crate::cli::failure::Failure;
use crate::cli::follow::{Opening, follow};
use crate::cli::view::is_terminal;
use crate::client::Client;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::{DeliveryCounts, DeliveryEvent, DeliveryFrame, DeliveryState, MessageStatus, Outcome};

/// One event, as far as the demo looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) subscription: String,
    pub(super) state: DeliveryState,
    pub(super) outcome: Outcome,
    pub(super) attempt: i32,
    pub(super) http_status: Option<i32>,
    /// Since the message was accepted.
    pub(super) age: Duration,
}

/// A message from its acceptance to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    /// In the order of the stream.
    pub(super) events: Vec<Event>,
    /// As the summary has them.
    pub(super) counts: DeliveryCounts,
    /// From acceptance to the last outcome.
    pub(super) took: Duration,
}

impl Recording {
    /// Makes the call and records its stream to the summary.
    pub(super) async fn of(client: &Client, opening: Opening, bar: &ProgressBar) -> anyhow::Result<Self> {
        let mut recorder = Recorder { accepted: None, ended: None, recording: Self::default() };
        follow(client, opening, |frame| recorder.frame(frame, bar)).await.map_err(Failure::into_error)?;
        recorder.finish()
    }

    /// The terminal events.
    pub(super) fn terminal(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| is_terminal(event.state))
    }

    /// Of the ages of the terminal events, the one that `percent` of them do not exceed.
    pub(super) fn age_percentile(&self, percent: usize) -> Duration {
        let mut ages: Vec<_> = self.terminal().map(|event| event.age).collect();
        ages.sort_unstable();
        let rank = (ages.len() * percent).div_ceil(100).saturating_sub(1);
        ages.get(rank).copied().unwrap_or_default()
    }

    /// POSTs, as far as events tell of them.
    pub(super) fn attempts(&self) -> usize {
        self.events.iter().filter(|event| event.attempt > 0).count()
    }
}

struct Recorder {
    accepted: Option<Timestamp>,
    ended: Option<MessageStatus>,
    recording: Recording,
}

impl Recorder {
    fn frame(&mut self, frame: &DeliveryFrame, bar: &ProgressBar) -> anyhow::Result<()> {
        match &frame.kind {
            Some(Kind::Accepted(accepted)) => {
                self.accepted = accepted.message.as_ref().and_then(|message| message.create_time);
            }
            Some(Kind::Events(events)) => {
                let accepted = self.accepted.context("an event came before the acceptance")?;
                let events = events.events.iter().map(|event| recorded(event, accepted));
                let before = self.recording.events.len();
                self.recording.events.extend(events);
                let new = &self.recording.events[before..];
                bar.inc(new.iter().filter(|event| is_terminal(event.state)).count() as u64);
            }
            Some(Kind::Progress(status)) => show_progress(status, bar),
            Some(Kind::Summary(status)) => self.ended = Some(status.clone()),
            Some(Kind::Receipts(_)) | None => {}
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Recording> {
        let ended = self.ended.context("the stream ended without a summary")?;
        self.recording.counts = ended.counts.context("the summary has no counts")?;
        let (start, end) = self.accepted.zip(ended.end_time).context("the message has no times")?;
        self.recording.took = between(start, end);
        Ok(self.recording)
    }
}

fn recorded(event: &DeliveryEvent, accepted: Timestamp) -> Event {
    Event {
        subscription: event.subscription.clone(),
        state: event.state(),
        outcome: event.outcome(),
        attempt: event.attempt,
        http_status: event.http_status,
        age: event.event_time.map(|time| between(accepted, time)).unwrap_or_default(),
    }
}

fn between(start: Timestamp, end: Timestamp) -> Duration {
    let micros = |time: Timestamp| time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
    Duration::from_micros(u64::try_from(micros(end) - micros(start)).unwrap_or(0))
}

fn show_progress(status: &MessageStatus, bar: &ProgressBar) {
    if let Some(counts) = &status.counts {
        bar.set_message(format!(
            "{} accepted, {} failed, {} retrying",
            counts.accepted, counts.failed, counts.retrying
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let event = |millis| Event {
            subscription: String::new(),
            state: DeliveryState::Accepted,
            outcome: Outcome::Accepted,
            attempt: 1,
            http_status: Some(201),
            age: Duration::from_millis(millis),
        };
        let of = |events: Vec<Event>| Recording { events, ..Recording::default() };
        let hundred = of((1..=100).rev().map(event).collect());
        assert_eq!(hundred.age_percentile(50), Duration::from_millis(50));
        assert_eq!(hundred.age_percentile(99), Duration::from_millis(99));
        assert_eq!(of(vec![event(7)]).age_percentile(50), Duration::from_millis(7));
        assert_eq!(of(Vec::new()).age_percentile(99), Duration::ZERO);
    }
}
