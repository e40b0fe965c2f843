//! Status streams: positions in the server's durable log.

use std::fmt;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use super::connect::Client;
use super::error::Error;
use super::pause::Pause;
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::{
    BroadcastRequest, DeliveryEvent, DeliveryFrame, MessageStatus, ReportLevel, SendRequest,
    WatchDeliveriesRequest,
};

impl Client {
    /// Sends a message to one recipient and returns once it is accepted: from then on it is durable, whatever becomes of
    /// the caller. The stream tells what happens to it. A request without a `request_id` gets one, so that a call whose
    /// connection was lost is repeated without sending twice.
    ///
    /// # Errors
    /// The message was refused, or the server could not be reached for as long as [`super::Options::accept_for`] says.
    pub async fn send(&self, mut request: SendRequest) -> Result<Deliveries, Error> {
        request.request_id = request_id(request.request_id);
        let watch = WatchDeliveriesRequest {
            application: request.application.clone(),
            report_level: request.report_level,
            include_receipts: request.include_receipts,
            ..WatchDeliveriesRequest::default()
        };
        Deliveries::open(self, Some(Begin::Send(Box::new(request))), watch).await
    }

    /// Sends a message to an audience. All else is as for [`Client::send`].
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn broadcast(&self, mut request: BroadcastRequest) -> Result<Deliveries, Error> {
        request.request_id = request_id(request.request_id);
        let watch = WatchDeliveriesRequest {
            application: request.application.clone(),
            report_level: request.report_level,
            include_receipts: request.include_receipts,
            ..WatchDeliveriesRequest::default()
        };
        Deliveries::open(self, Some(Begin::Broadcast(Box::new(request))), watch).await
    }

    /// Follows one message ("messages/{id}") or all of the application ("messages/-"), from a resume token on if the
    /// request has one.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn watch(&self, request: WatchDeliveriesRequest) -> Result<Deliveries, Error> {
        Deliveries::open(self, None, request).await
    }
}

/// The caller's own, or a new one.
pub(super) fn request_id(given: String) -> String {
    if given.is_empty() { crate::unique_id() } else { given }
}

/// The call that a stream begins with.
enum Begin {
    Send(Box<SendRequest>),
    Broadcast(Box<BroadcastRequest>),
}

type Frames = BoxStream<'static, Result<DeliveryFrame, Status>>;

/// A status stream. When the connection is lost or the server stops, it goes on from its last token by itself, without a
/// gap or a duplicate. Dropping it leaves the stream: delivery goes on, unless the request said `cancel_on_disconnect`.
///
/// Its methods may be dropped before they are ready, in `tokio::select!` for example: nothing is lost.
pub struct Deliveries {
    client: Client,
    deadline: Option<Instant>,
    /// None once the message is known, and for watches.
    begin: Option<Begin>,
    /// The call by which it goes on.
    watch: WatchDeliveriesRequest,
    frames: Option<Frames>,
    pause: Pause,
    first: Option<DeliveryFrame>,
    /// Events of a frame that was handed out event by event.
    events: std::vec::IntoIter<DeliveryEvent>,
    message: Option<MessageStatus>,
    replayed: bool,
    /// Everything that was asked for has come, although the call has not ended.
    told: bool,
    ended: bool,
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("parent", &self.watch.parent)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Deliveries {
    async fn open(
        client: &Client,
        begin: Option<Begin>,
        watch: WatchDeliveriesRequest,
    ) -> Result<Self, Error> {
        let mut opened = Self::new(client, begin, watch);
        opened.first = opened.next().await?;
        Ok(opened)
    }

    fn new(client: &Client, begin: Option<Begin>, watch: WatchDeliveriesRequest) -> Self {
        Self {
            deadline: client.limit().map(|limit| Instant::now() + limit),
            client: client.clone(),
            begin,
            watch,
            frames: None,
            pause: Pause::new(client.accept_for),
            first: None,
            events: Vec::new().into_iter(),
            message: None,
            replayed: false,
            told: false,
            ended: false,
        }
    }

    /// Waits for the next frame; none at the end of the stream. Store the resume token of a frame together with what you
    /// did for it, and each event has its effect exactly once.
    ///
    /// # Errors
    /// The stream was refused, or could not be taken up again. There is nothing more after it.
    pub async fn next(&mut self) -> Result<Option<DeliveryFrame>, Error> {
        if let Some(frame) = self.first.take() {
            return Ok(Some(frame));
        }
        if self.ended {
            return Ok(None);
        }
        let next = match self.deadline {
            Some(deadline) => {
                timeout_at(deadline, self.follow()).await.unwrap_or_else(|_| Err(Error::deadline_exceeded()))
            }
            None => self.follow().await,
        };
        if !matches!(next, Ok(Some(_))) {
            self.ended = true;
            self.frames = None;
        }
        next
    }

    /// Waits for what happens next to an endpoint, and leaves out all else; none at the end of the stream.
    ///
    /// # Errors
    /// As [`Deliveries::next`].
    pub async fn next_event(&mut self) -> Result<Option<DeliveryEvent>, Error> {
        loop {
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            let Some(frame) = self.next().await? else { return Ok(None) };
            if let Some(Kind::Events(events)) = frame.kind {
                self.events = events.events.into_iter();
            }
        }
    }

    /// The frames as a [`Stream`], which ends after an error.
    pub fn frames(&mut self) -> impl Stream<Item = Result<DeliveryFrame, Error>> + Send + Unpin + '_ {
        stream::try_unfold(self, async |stream| Ok(stream.next().await?.map(|frame| (frame, stream)))).boxed()
    }

    /// What happens to each endpoint, one event after the other, as a [`Stream`], which ends after an error.
    pub fn events(&mut self) -> impl Stream<Item = Result<DeliveryEvent, Error>> + Send + Unpin + '_ {
        stream::try_unfold(self, async |stream| Ok(stream.next_event().await?.map(|event| (event, stream))))
            .boxed()
    }

    /// How the message stood in the newest frame that told of it: at first as it was accepted, at last its summary. None
    /// for "messages/-" until a frame tells of one.
    #[must_use]
    pub fn message(&self) -> Option<&MessageStatus> {
        self.message.as_ref()
    }

    /// Whether the `request_id` had been seen before: the call joined an earlier message.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// The position after the newest frame that was received.
    #[must_use]
    pub fn resume_token(&self) -> &str {
        &self.watch.resume_token
    }

    async fn follow(&mut self) -> Result<Option<DeliveryFrame>, Error> {
        while !self.ended {
            let reason = match self.receive().await {
                Ok(Some(frame)) => {
                    self.advance(&frame);
                    return Ok(Some(frame));
                }
                Ok(None) => return Ok(None),
                Err(reason) => reason,
            };
            self.frames = None;
            if self.told {
                return Ok(None);
            }
            self.pause.wait(reason, self.client.on_lost).await?;
        }
        Ok(None)
    }

    async fn receive(&mut self) -> Result<Option<DeliveryFrame>, Error> {
        if self.frames.is_none() {
            self.frames = Some(self.call().await?);
        }
        match &mut self.frames {
            Some(frames) => Ok(frames.try_next().await?),
            None => Ok(None),
        }
    }

    /// `mut`, because streams are `Send` and not `Sync`.
    async fn call(&mut self) -> Result<Frames, Status> {
        let limit = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let mut push = self.client.limited(limit).push();
        Ok(match &self.begin {
            Some(Begin::Send(request)) => {
                let responses = push.send((**request).clone()).await?.into_inner();
                responses.map_ok(|response| response.frame.unwrap_or_default()).boxed()
            }
            Some(Begin::Broadcast(request)) => {
                let responses = push.broadcast((**request).clone()).await?.into_inner();
                responses.map_ok(|response| response.frame.unwrap_or_default()).boxed()
            }
            None => {
                let responses = push.watch_deliveries(self.watch.clone()).await?.into_inner();
                responses.map_ok(|response| response.frame.unwrap_or_default()).boxed()
            }
        })
    }

    /// Notes that a frame came: what is opened next goes on behind it.
    fn advance(&mut self, frame: &DeliveryFrame) {
        self.pause = Pause::new(self.client.reconnect_for);
        self.watch.resume_token.clone_from(&frame.resume_token);
        match &frame.kind {
            Some(Kind::Accepted(accepted)) => {
                self.message.clone_from(&accepted.message);
                self.replayed = accepted.replayed;
                if self.begin.take().is_some() {
                    let message = self.message.as_ref();
                    self.watch.parent = message.map(|message| message.name.clone()).unwrap_or_default();
                    // Without a name: a dry run.
                    self.told =
                        self.watch.parent.is_empty() || self.watch.report_level() == ReportLevel::Accepted;
                }
            }
            Some(Kind::Progress(message)) if !message.name.is_empty() => self.message = Some(message.clone()),
            Some(Kind::Summary(message)) => {
                // The server ends the call now; if the connection is lost instead, nothing is missing.
                self.ended = self.watch.parent == message.name;
                self.message = Some(message.clone());
            }
            Some(Kind::Progress(_) | Kind::Events(_) | Kind::Receipts(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Options, connect};
    use crate::proto::v1::MessageAccepted;

    fn frame(kind: Kind, token: &str) -> DeliveryFrame {
        DeliveryFrame { kind: Some(kind), resume_token: token.to_owned() }
    }

    fn message(name: &str) -> MessageStatus {
        MessageStatus { name: name.to_owned(), ..MessageStatus::default() }
    }

    fn accepted(name: &str) -> DeliveryFrame {
        frame(Kind::Accepted(MessageAccepted { message: Some(message(name)), replayed: false }), "first")
    }

    fn opened(begin: Option<Begin>, watch: WatchDeliveriesRequest) -> Deliveries {
        Deliveries::new(&connect("http://127.0.0.1:1", Options::default()).unwrap(), begin, watch)
    }

    fn sent(report_level: ReportLevel) -> Deliveries {
        let watch = WatchDeliveriesRequest { report_level: report_level.into(), ..Default::default() };
        opened(Some(Begin::Send(Box::default())), watch)
    }

    #[tokio::test]
    async fn an_accepted_message_is_watched_from_the_last_token() {
        let mut stream = sent(ReportLevel::Attempts);
        stream.advance(&accepted("messages/1"));
        assert!(stream.begin.is_none() && !stream.told);
        stream.advance(&frame(Kind::Progress(MessageStatus::default()), "second"));
        assert_eq!((stream.watch.parent.as_str(), stream.resume_token()), ("messages/1", "second"));
        assert_eq!(stream.message().unwrap().name, "messages/1");
        stream.advance(&frame(Kind::Summary(message("messages/1")), "last"));
        assert!(stream.ended);
    }

    #[tokio::test]
    async fn a_watch_of_everything_goes_on_whatever_is_accepted_or_ends() {
        let parent = "messages/-".to_owned();
        let mut stream = opened(None, WatchDeliveriesRequest { parent, ..Default::default() });
        stream.advance(&accepted("messages/1"));
        stream.advance(&frame(Kind::Summary(message("messages/1")), "second"));
        assert_eq!((stream.watch.parent.as_str(), stream.resume_token()), ("messages/-", "second"));
        assert!(!stream.ended && !stream.told);
    }

    #[tokio::test]
    async fn what_has_been_told_in_full_is_not_asked_for_again() {
        let mut fire_and_forget = sent(ReportLevel::Accepted);
        assert!(!fire_and_forget.told, "the same request_id makes repeating it harmless");
        fire_and_forget.advance(&accepted("messages/1"));
        assert!(fire_and_forget.told);
        let mut dry_run = sent(ReportLevel::Terminal);
        dry_run.advance(&accepted(""));
        assert!(dry_run.told);
    }

    #[test]
    fn a_request_id_of_the_callers_own_stays() {
        assert_eq!(request_id("mine".to_owned()), "mine");
        assert_ne!(request_id(String::new()), request_id(String::new()));
    }
}
