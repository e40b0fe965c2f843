//! What a status stream told, over as many connections as it took, in a few octets an event.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{DeliveryEvent, DeliveryFrame, ReportLevel, WatchDeliveriesRequest};
use futures_util::StreamExt as _;
use prost_types::Timestamp;
use tonic::Status;

use crate::calls::{Frames, call_watch};
use crate::stage::Client;

/// Follows one message, or `messages/-`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness {
    /// What is watched; empty until the message has a name.
    pub(crate) parent: String,
    /// Where `messages/-` begins.
    pub(crate) start: Option<Timestamp>,
    /// The events in the order of the stream, each as [`event_key`].
    pub(crate) told: Vec<u64>,
    /// How often each message was said to be accepted, and to have ended.
    pub(crate) accepted: HashMap<String, usize>,
    /// See `accepted`.
    pub(crate) ended: HashMap<String, usize>,
    resume_token: String,
}

impl Witness {
    /// Of all messages.
    pub(crate) fn of_all(start: Timestamp) -> Self {
        Self { parent: "messages/-".to_owned(), start: Some(start), ..Self::default() }
    }

    /// Of one message.
    pub(crate) fn of_message(name: &str) -> Self {
        Self { parent: name.to_owned(), ..Self::default() }
    }

    /// Whether the stream got as far as a token.
    pub(crate) fn has_begun(&self) -> bool {
        !self.resume_token.is_empty()
    }

    /// Reads frames until so many messages have ended, or until the stream ends; shows each event.
    ///
    /// # Errors
    /// What the stream ended with, unless OK.
    pub(crate) async fn read(
        &mut self,
        mut frames: Frames,
        messages: usize,
        mut see: impl FnMut(&DeliveryEvent),
    ) -> Result<(), Status> {
        while self.ended.len() < messages {
            let Some(frame) = frames.next().await else { return Ok(()) };
            self.add(frame?, &mut see);
        }
        Ok(())
    }

    /// Goes on from the last token, or begins if there is none.
    ///
    /// # Errors
    /// The call's.
    pub(crate) async fn watch(
        &mut self,
        client: &mut Client,
        messages: usize,
        see: impl FnMut(&DeliveryEvent),
    ) -> Result<(), Status> {
        let start_time = self.start.filter(|_| !self.has_begun());
        let request = WatchDeliveriesRequest {
            parent: self.parent.clone(),
            resume_token: self.resume_token.clone(),
            start_time,
            report_level: ReportLevel::Attempts.into(),
            ..WatchDeliveriesRequest::default()
        };
        let frames = call_watch(client, request).await?;
        self.read(frames, messages, see).await
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// What the stream ended with; [`tonic::Code::Unknown`] if that was OK.
    pub(crate) async fn read_one(&mut self, frames: &mut Frames) -> Result<(), Status> {
        let frame = frames.next().await.ok_or_else(|| Status::unknown("the stream ended early"))??;
        self.add(frame, &mut |_| {});
        Ok(())
    }

    fn add(&mut self, frame: DeliveryFrame, see: &mut impl FnMut(&DeliveryEvent)) {
        match frame.kind {
            Some(Kind::Accepted(accepted)) => {
                let name = accepted.message.unwrap_or_default().name;
                if self.parent.is_empty() {
                    self.parent.clone_from(&name);
                }
                *self.accepted.entry(name).or_default() += 1;
            }
            Some(Kind::Events(events)) => {
                events.events.iter().for_each(&mut *see);
                self.told.extend(events.events.iter().map(event_key));
            }
            Some(Kind::Summary(summary)) => *self.ended.entry(summary.name).or_default() += 1,
            Some(Kind::Progress(_) | Kind::Receipts(_)) | None => {}
        }
        self.resume_token = frame.resume_token;
    }
}

/// An event's name in 64 bits: of a million events, two agree by chance once in tens of millions of runs.
pub(crate) fn event_key(event: &DeliveryEvent) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&event.message, &event.event_id).hash(&mut hasher);
    hasher.finish()
}
