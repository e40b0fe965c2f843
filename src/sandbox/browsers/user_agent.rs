//! One browser: its channels, what waits for it, its connection. Plain state; the registry locks it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::fcm_names::FcmNames;
use crate::domain::Timestamp;
use crate::sandbox::control_json::BrowserProtocol;
use crate::sandbox::push_headers::Encryption;

/// A browser.
#[derive(Debug)]
pub(crate) struct UserAgent {
    pub(crate) protocol: BrowserProtocol,
    /// Its subscriptions; those of Chromium with what it calls them.
    pub(crate) channels: HashMap<Uuid, Option<Arc<FcmNames>>>,
    /// What is not acknowledged, in the order in which it is to be sent.
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) session: Option<Session>,
    /// Whether it may connect; somebody can order that it is offline.
    pub(crate) reachable: bool,
    /// When it was connected last.
    pub(crate) seen: Timestamp,
    /// How many stored messages it was sent since it connected, or since there was none left.
    pub(crate) sent_stored: usize,
}

/// A message that a browser has not acknowledged.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Of all messages of the sandbox.
    pub(crate) sequence: u64,
    pub(crate) message: Outgoing,
    pub(crate) topic: Option<Box<str>>,
    /// None for a TTL of 0: now or never.
    pub(crate) expires: Option<Timestamp>,
    /// Whether it was sent over the connection that there is.
    pub(crate) sent: bool,
    /// Whether the browser was away when it came, or left without a word about it.
    pub(crate) stored: bool,
}

/// A message as a browser is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The last part of its message resource's path.
    pub(crate) id: Arc<str>,
    pub(crate) channel: Uuid,
    /// What Chromium calls the channel.
    pub(crate) fcm: Option<Arc<FcmNames>>,
    /// What was granted.
    pub(crate) ttl_seconds: u32,
    /// None for a message without a body.
    pub(crate) encryption: Option<Encryption>,
    pub(crate) body: Bytes,
}

/// A connection, as the registry sees it.
#[derive(Debug)]
pub(crate) struct Session {
    /// Tells it from others of the same browser: later ones have higher numbers.
    pub(crate) number: u64,
    /// Tells it that there is something to send.
    pub(crate) wake: Arc<Notify>,
    /// Tells it to end.
    pub(crate) end: oneshot::Sender<End>,
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The same browser connected again.
    Replaced,
    /// Too much waits for it; its subscriptions have ended.
    Reset,
    /// Somebody ordered that it is offline.
    Unreachable,
}

impl UserAgent {
    /// Without channels, not connected.
    pub(crate) fn new(protocol: BrowserProtocol, now: Timestamp) -> Self {
        Self {
            protocol,
            channels: HashMap::new(),
            waiting: VecDeque::new(),
            session: None,
            reachable: true,
            seen: now,
            sent_stored: 0,
        }
    }

    /// Whether this is its connection.
    pub(crate) fn is_session(&self, number: u64) -> bool {
        self.session.as_ref().is_some_and(|session| session.number == number)
    }

    /// Tells its connection that there is something to send.
    pub(crate) fn wake(&self) {
        if let Some(session) = &self.session {
            session.wake.notify_one();
        }
    }

    /// Tells its connection to end.
    pub(crate) fn end(&mut self, why: End) {
        if let Some(session) = self.session.take() {
            // It may have ended by itself.
            let _ = session.end.send(why);
        }
    }

    /// After a connection: what was sent over it and is not acknowledged is sent again, unless it was now or never; first
    /// what has a topic, as autopush does.
    pub(crate) fn rewind(&mut self) {
        self.waiting.retain(|waiting| waiting.expires.is_some());
        for waiting in &mut self.waiting {
            (waiting.sent, waiting.stored) = (false, true);
        }
        self.sent_stored = 0;
        self.waiting.make_contiguous().sort_by_key(|waiting| (waiting.topic.is_none(), waiting.sequence));
    }

    /// Takes out what has this id.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Waiting> {
        let position = self.waiting.iter().position(|waiting| *waiting.message.id == *id)?;
        self.waiting.remove(position)
    }
}
