//! What a status stream told of one message, over as many connections as it took.

use std::collections::BTreeMap;

use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{
    DeliveryEvent, DeliveryFrame, DeliveryState, MessageStatus, WatchDeliveriesRequest,
};
use futures_util::{Stream, StreamExt as _};
use tonic::Status;

use crate::stage::Client;

/// The frames of one message, as a caller keeps them.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// The message's name, from its first frame.
    pub(crate) message: String,
    /// Whether the first frame said that its request_id was seen before.
    pub(crate) replayed: bool,
    /// In the order of the stream.
    pub(crate) events: Vec<DeliveryEvent>,
    /// The last frame's.
    pub(crate) resume_token: String,
    /// Once everything has ended.
    pub(crate) summary: Option<MessageStatus>,
}

impl Story {
    /// Reads frames until `enough`, or until the stream ends.
    ///
    /// # Errors
    /// What the stream ended with, unless OK.
    pub(crate) async fn read(
        &mut self,
        frames: &mut (impl Stream<Item = Result<DeliveryFrame, Status>> + Unpin),
        mut enough: impl FnMut(&Self) -> bool,
    ) -> Result<(), Status> {
        while !enough(self) {
            let Some(frame) = frames.next().await else { return Ok(()) };
            self.add(frame?);
        }
        Ok(())
    }

    /// Goes on from the last token, or begins if there is none, and reads to the summary.
    ///
    /// # Errors
    /// The call's.
    pub(crate) async fn watch(&mut self, client: &mut Client) -> Result<(), Status> {
        let request = WatchDeliveriesRequest {
            parent: self.message.clone(),
            resume_token: self.resume_token.clone(),
            ..WatchDeliveriesRequest::default()
        };
        let responses = client.watch_deliveries(request).await?.into_inner();
        let mut frames = responses.map(|response| Ok(response?.frame.unwrap_or_default()));
        self.read(&mut frames, |_| false).await
    }

    fn add(&mut self, frame: DeliveryFrame) {
        match frame.kind {
            Some(Kind::Accepted(accepted)) => {
                self.message = accepted.message.unwrap_or_default().name;
                self.replayed = accepted.replayed;
            }
            Some(Kind::Events(events)) => self.events.extend(events.events),
            Some(Kind::Summary(summary)) => self.summary = Some(summary),
            Some(Kind::Progress(_) | Kind::Receipts(_)) | None => {}
        }
        self.resume_token = frame.resume_token;
    }

    /// Terminal events by subscription.
    pub(crate) fn terminal(&self) -> BTreeMap<&str, usize> {
        let mut terminal = BTreeMap::new();
        for event in self.events.iter().filter(|event| is_terminal(event.state())) {
            *terminal.entry(event.subscription.as_str()).or_default() += 1;
        }
        terminal
    }

    /// How often each event was told, by its id.
    pub(crate) fn times_told(&self) -> BTreeMap<&str, usize> {
        let mut told = BTreeMap::new();
        for event in &self.events {
            *told.entry(event.event_id.as_str()).or_default() += 1;
        }
        told
    }
}

pub(crate) fn is_terminal(state: DeliveryState) -> bool {
    match state {
        DeliveryState::Unspecified | DeliveryState::Pending | DeliveryState::Retrying => false,
        DeliveryState::Accepted
        | DeliveryState::Failed
        | DeliveryState::Expired
        | DeliveryState::Cancelled => true,
    }
}
