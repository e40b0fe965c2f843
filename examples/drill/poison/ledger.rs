//! What status streams told of all messages, by numbers, in a few octets an event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, bail};
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{DeliveryEvent, DeliveryState, ReportLevel, WatchDeliveriesRequest};
use futures_util::StreamExt as _;
use prost_types::Timestamp;
use tokio::task::JoinSet;

use crate::calls::{Frames, call_broadcast, call_send, call_watch};
use crate::stage::{Client, Server};
use fanfare::proto::v1::{BroadcastRequest, SendRequest};

/// What became of a delivery, at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The push service took it.
    Accepted,
    /// An attempt failed, or the delivery.
    Failed,
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) message: u32,
    pub(super) subscriber: u32,
    pub(super) fate: Fate,
    /// The answer's; 0 for none.
    pub(super) status: u16,
    pub(super) micros: i64,
}

/// A message that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) message: u32,
    /// When, by the server's clock.
    pub(super) micros: i64,
}

/// Listens to everything that happens.
#[derive(Debug)]
pub(super) struct Ledger {
    books: Arc<Mutex<Books>>,
    listeners: JoinSet<anyhow::Result<()>>,
}

#[derive(Debug, Default)]
struct Books {
    subscribers: HashMap<String, u32>,
    messages: HashMap<String, u32>,
    notes: Vec<Note>,
}

/// Numbers for the names of messages.
#[derive(Clone, Debug)]
pub(super) struct Names(Arc<Mutex<Books>>);

impl Ledger {
    /// Listens from now on to these applications. `subscribers`: their numbers, by name.
    pub(super) async fn open(
        server: &Server,
        applications: &[&str],
        subscribers: HashMap<String, u32>,
    ) -> anyhow::Result<Self> {
        let books = Arc::new(Mutex::new(Books { subscribers, ..Books::default() }));
        let mut listeners = JoinSet::new();
        for application in applications {
            let mut client = server.connect().await?;
            let request = WatchDeliveriesRequest {
                application: (*application).to_owned(),
                parent: "messages/-".to_owned(),
                report_level: ReportLevel::Attempts.into(),
                ..WatchDeliveriesRequest::default()
            };
            let mut frames = call_watch(&mut client, request).await?;
            // It comes at once, and says that nothing is missed any more.
            frames.next().await.context("the status stream is empty")??;
            let books = Arc::clone(&books);
            listeners.spawn(async move {
                while let Some(frame) = frames.next().await {
                    if let Some(Kind::Events(events)) = frame?.kind {
                        let mut books = lock(&books);
                        events.events.iter().for_each(|event| books.note(event));
                    }
                }
                bail!("a status stream ended")
            });
        }
        Ok(Self { books, listeners })
    }

    /// For calls that are made meanwhile.
    pub(super) fn names(&self) -> Names {
        Names(Arc::clone(&self.books))
    }

    /// What was told so far.
    ///
    /// # Errors
    /// A stream has ended, so that it is not everything.
    pub(super) fn notes(&mut self) -> anyhow::Result<Vec<Note>> {
        if let Some(ended) = self.listeners.try_join_next() {
            ended??;
        }
        Ok(lock(&self.books).notes.clone())
    }
}

impl Names {
    /// Sends to one, and leaves it to itself.
    pub(super) async fn send(&self, client: &mut Client, mut request: SendRequest) -> anyhow::Result<Sent> {
        request.report_level = ReportLevel::Accepted.into();
        self.accepted(call_send(client, request).await?).await
    }

    /// Starts a broadcast, and leaves it to itself.
    pub(super) async fn broadcast(
        &self,
        client: &mut Client,
        mut request: BroadcastRequest,
    ) -> anyhow::Result<Sent> {
        request.report_level = ReportLevel::Accepted.into();
        self.accepted(call_broadcast(client, request).await?).await
    }

    async fn accepted(&self, mut frames: Frames) -> anyhow::Result<Sent> {
        let frame = frames.next().await.context("a call ended without a frame")??;
        let Some(Kind::Accepted(accepted)) = frame.kind else { bail!("a call began without `accepted`") };
        let message = accepted.message.unwrap_or_default();
        let micros = micros(message.create_time.as_ref());
        Ok(Sent { message: lock(&self.0).message(&message.name), micros })
    }
}

impl Books {
    fn message(&mut self, name: &str) -> u32 {
        if let Some(number) = self.messages.get(name) {
            return *number;
        }
        let number = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        self.messages.insert(name.to_owned(), number);
        number
    }

    fn note(&mut self, event: &DeliveryEvent) {
        let fate = match event.state() {
            DeliveryState::Accepted => Fate::Accepted,
            DeliveryState::Retrying | DeliveryState::Failed => Fate::Failed,
            DeliveryState::Unspecified
            | DeliveryState::Pending
            | DeliveryState::Expired
            | DeliveryState::Cancelled => return,
        };
        // Of whom nobody knows here nothing was asked.
        let Some(subscriber) = self.subscribers.get(&event.subscription).copied() else { return };
        let status = u16::try_from(event.http_status.unwrap_or_default()).unwrap_or_default();
        let micros = micros(event.event_time.as_ref());
        let message = self.message(&event.message);
        self.notes.push(Note { message, subscriber, fate, status, micros });
    }
}

fn micros(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |time| time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000)
}

/// A panic of another thread leaves these collections whole.
fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}
