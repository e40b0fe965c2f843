//! All browsers that know this sandbox, what is subscribed and what waits. One lock: a machine has few browsers.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::events::{About, Events};
use super::fcm_names::FcmNames;
use super::token::{ChannelToken, TokenKey};
use super::user_agent::{End, Outgoing, Session, UserAgent, Waiting};
use crate::domain::{Clock, Timestamp};
use crate::sandbox::control_json::{BrowserEventKind, BrowserProtocol, UserAgentStatus};
use crate::sandbox::fault::{Fault, Stage};
use crate::sandbox::settings::SandboxLimits;
use crate::sandbox::subscriber::{PushMessage, ServerKey, Subscriber, key_digest};

/// The browsers.
pub(crate) struct Browsers {
    state: Mutex<State>,
    /// Connections so far.
    sessions: AtomicU64,
    pub(crate) events: Events,
    tokens: TokenKey,
    clock: Arc<dyn Clock>,
    /// Makes ids of messages of this run differ from those of another.
    instance: u64,
    user_agents_max: usize,
    channels_max: usize,
    waiting_max: usize,
    stored_max: usize,
}

#[derive(Debug, Default)]
struct State {
    all: HashMap<Uuid, UserAgent>,
}

/// Why a browser cannot connect or subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrowserError {
    #[error("as many browsers are connected as this sandbox takes")]
    TooMany,
    #[error("the browser has as many channels as it may have")]
    TooManyChannels,
    #[error("this browser was ordered to be offline")]
    Unreachable,
    #[error("this browser has connected anew since")]
    Replaced,
}

/// A browser that connected.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) user_agent: Uuid,
    pub(crate) session: u64,
    /// There may be something to send.
    pub(crate) wake: Arc<Notify>,
    /// It is to end.
    pub(crate) end: oneshot::Receiver<End>,
}

impl Browsers {
    pub(crate) fn new(limits: &SandboxLimits, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::default(),
            sessions: AtomicU64::default(),
            events: Events::new(limits.browser_events_max),
            tokens: TokenKey::random(),
            clock,
            instance: rand::random(),
            user_agents_max: limits.user_agents_max,
            channels_max: limits.channels_max,
            waiting_max: limits.waiting_messages_max,
            stored_max: limits.stored_messages_max,
        }
    }

    /// The number of a connection that was made just now, for [`Self::connect`].
    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A browser connects: one that is known, or a new one. An earlier connection of it ends; a later one stays, and this
    /// one is refused: a browser that gave up a connection and made another may be heard on both, in any order. Chromium's
    /// name is taken as it is, since nobody else has it.
    pub(crate) fn connect(
        &self,
        session: u64,
        known: Option<Uuid>,
        protocol: BrowserProtocol,
    ) -> Result<Connected, BrowserError> {
        let now = self.clock.now();
        let mut state = self.lock();
        let known = known.filter(|id| match (state.all.get(id), protocol) {
            (Some(user_agent), _) => user_agent.protocol == protocol,
            (None, BrowserProtocol::Mcs) => true,
            (None, BrowserProtocol::Autopush) => false,
        });
        let id = known.unwrap_or_else(|| Uuid::from_u128(rand::random()));
        state.make(id, protocol, now, self.user_agents_max)?;
        let Some(user_agent) = state.all.get_mut(&id) else { return Err(BrowserError::TooMany) };
        if !user_agent.reachable {
            return Err(BrowserError::Unreachable);
        }
        if user_agent.session.as_ref().is_some_and(|current| current.number > session) {
            return Err(BrowserError::Replaced);
        }
        user_agent.end(End::Replaced);
        user_agent.rewind();
        user_agent.seen = now;
        let wake = Arc::new(Notify::new());
        let (end, ended) = oneshot::channel();
        user_agent.session = Some(Session { number: session, wake: Arc::clone(&wake), end });
        user_agent.wake();
        self.events.write(now, id, BrowserEventKind::Connected, About::default());
        Ok(Connected { user_agent: id, session, wake, end: ended })
    }

    /// A connection ended. Nothing is kept of a browser that never subscribed.
    pub(crate) fn disconnect(&self, id: Uuid, session: u64) {
        let now = self.clock.now();
        let mut state = self.lock();
        self.events.write(now, id, BrowserEventKind::Disconnected, About::default());
        let Some(user_agent) = state.all.get_mut(&id).filter(|it| it.is_session(session)) else { return };
        user_agent.session = None;
        user_agent.seen = now;
        user_agent.rewind();
        if user_agent.channels.is_empty() {
            state.all.remove(&id);
        }
    }

    /// Makes a channel, or finds it; gives the token of its endpoint.
    pub(crate) fn register(
        &self,
        id: Uuid,
        channel: Uuid,
        key_digest: Option<[u8; 32]>,
    ) -> Result<String, BrowserError> {
        self.insert(&mut self.lock(), id, channel, key_digest, None)
    }

    /// As [`Self::register`], for Chromium, which may not be connected yet.
    pub(crate) fn register_fcm(
        &self,
        id: Uuid,
        channel: Uuid,
        application_server_key: [u8; 65],
        names: FcmNames,
    ) -> Result<String, BrowserError> {
        let mut state = self.lock();
        state.make(id, BrowserProtocol::Mcs, self.now(), self.user_agents_max)?;
        self.insert(&mut state, id, channel, Some(key_digest(&application_server_key)), Some(names))
    }

    fn insert(
        &self,
        state: &mut State,
        id: Uuid,
        channel: Uuid,
        key_digest: Option<[u8; 32]>,
        names: Option<FcmNames>,
    ) -> Result<String, BrowserError> {
        let user_agent = state.all.get_mut(&id).ok_or(BrowserError::Unreachable)?;
        if user_agent.channels.len() >= self.channels_max && !user_agent.channels.contains_key(&channel) {
            return Err(BrowserError::TooManyChannels);
        }
        user_agent.channels.insert(channel, names.map(Arc::new));
        self.tell(id, BrowserEventKind::Registered, About { channel: Some(channel), ..About::default() });
        Ok(self.tokens.write(&ChannelToken { user_agent: id, channel, key_digest }))
    }

    /// Ends a channel, and what waits for it.
    pub(crate) fn unregister(&self, id: Uuid, channel: Uuid, code: Option<u16>) {
        let mut state = self.lock();
        let Some(user_agent) = state.all.get_mut(&id) else { return };
        if user_agent.channels.remove(&channel).is_some() {
            user_agent.waiting.retain(|waiting| waiting.message.channel != channel);
            let about = About { channel: Some(channel), code, ..About::default() };
            self.tell(id, BrowserEventKind::Unregistered, about);
        }
    }

    /// The next message to send over a connection.
    pub(crate) fn next(&self, id: Uuid, session: u64) -> Option<Outgoing> {
        let now = self.clock.now();
        let mut state = self.lock();
        let user_agent = state.all.get_mut(&id).filter(|it| it.is_session(session))?;
        let is_over =
            |waiting: &Waiting| !waiting.sent && waiting.expires.is_some_and(|expires| expires <= now);
        for waiting in user_agent.waiting.iter().filter(|waiting| is_over(waiting)) {
            self.tell_of(id, BrowserEventKind::Expired, &waiting.message, None);
        }
        user_agent.waiting.retain(|waiting| !is_over(waiting));
        let owes_acknowledgements = user_agent.waiting.iter().any(|waiting| waiting.sent);
        let Some(waiting) = user_agent.waiting.iter_mut().find(|waiting| !waiting.sent) else {
            user_agent.sent_stored = 0;
            return None;
        };
        if waiting.stored && user_agent.protocol == BrowserProtocol::Autopush {
            if user_agent.sent_stored >= self.stored_max {
                // As autopush, which forgets a browser that was away for so many, once it has acknowledged what it was sent.
                if !owes_acknowledgements {
                    self.reset(&mut state, id);
                }
                return None;
            }
            user_agent.sent_stored += 1;
        }
        waiting.sent = true;
        self.tell_of(id, BrowserEventKind::Sent, &waiting.message, None);
        Some(waiting.message.clone())
    }

    /// Forgets a browser, and ends its connection.
    fn reset(&self, state: &mut State, id: Uuid) {
        if let Some(mut user_agent) = state.all.remove(&id) {
            user_agent.end(End::Reset);
            self.tell(id, BrowserEventKind::Reset, About::default());
        }
    }

    /// A browser has a message, whatever it could do with it.
    pub(crate) fn acknowledge(&self, id: Uuid, channel: Option<Uuid>, message: &str, code: Option<u16>) {
        if let Some(user_agent) = self.lock().all.get_mut(&id) {
            user_agent.remove(message);
        }
        self.tell(id, BrowserEventKind::Acknowledged, About { channel, message: Some(message), code });
    }

    /// A browser's page failed with a message.
    pub(crate) fn complain(&self, id: Uuid, message: &str, code: Option<u16>) {
        self.tell(id, BrowserEventKind::Failed, About { channel: None, message: Some(message), code });
    }

    /// The owner of a push resource that was made here.
    pub(crate) fn find(self: &Arc<Self>, token: &str) -> Option<BrowserSubscriber> {
        let token = self.tokens.read(token)?;
        Some(BrowserSubscriber { browsers: Arc::clone(self), token })
    }

    /// Deletes a message that still waits (an extension of autopush: `DELETE` of the message resource).
    pub(crate) fn delete(&self, message: &str) {
        for (id, user_agent) in &mut self.lock().all {
            if let Some(waiting) = user_agent.remove(message) {
                self.tell_of(*id, BrowserEventKind::Deleted, &waiting.message, None);
            }
        }
    }

    /// Lets a browser connect, or ends its connection and refuses further ones. None if there is no such browser.
    pub(crate) fn set_reachable(&self, id: Uuid, reachable: bool) -> Option<UserAgentStatus> {
        let mut state = self.lock();
        let user_agent = state.all.get_mut(&id)?;
        user_agent.reachable = reachable;
        if !reachable {
            user_agent.end(End::Unreachable);
            user_agent.rewind();
        }
        Some(status(id, user_agent))
    }

    /// All browsers as they stand.
    pub(crate) fn list(&self) -> Vec<UserAgentStatus> {
        let mut all: Vec<_> =
            self.lock().all.iter().map(|(id, user_agent)| status(*id, user_agent)).collect();
        all.sort_by(|one, other| one.user_agent.cmp(&other.user_agent));
        all
    }

    /// One browser as it stands.
    pub(crate) fn status(&self, id: Uuid) -> Option<UserAgentStatus> {
        self.lock().all.get(&id).map(|user_agent| status(id, user_agent))
    }

    /// Takes a message for a channel.
    fn deliver(&self, token: &ChannelToken, message: PushMessage) {
        let now = self.clock.now();
        let (id, channel) = (token.user_agent, token.channel);
        let PushMessage { sequence, headers, body } = message;
        let mut state = self.lock();
        // It may have ended since the checks.
        let Some(user_agent) = state.all.get_mut(&id) else { return };
        let Some(names) = user_agent.channels.get(&channel) else { return };
        let message = Outgoing {
            id: self.message_id(sequence).into(),
            channel,
            fcm: names.clone(),
            ttl_seconds: headers.ttl_seconds,
            encryption: headers.encryption,
            body,
        };
        if headers.topic.is_some() {
            let is_older =
                |waiting: &Waiting| waiting.message.channel == channel && waiting.topic == headers.topic;
            for waiting in user_agent.waiting.iter().filter(|waiting| is_older(waiting)) {
                self.tell_of(id, BrowserEventKind::Replaced, &waiting.message, None);
            }
            user_agent.waiting.retain(|waiting| !is_older(waiting));
        }
        if headers.ttl_seconds == 0 && user_agent.session.is_none() {
            self.tell_of(id, BrowserEventKind::Expired, &message, None);
            return;
        }
        if user_agent.waiting.len() >= self.waiting_max {
            self.reset(&mut state, id);
            return;
        }
        self.tell_of(id, BrowserEventKind::Accepted, &message, None);
        let ttl = Duration::from_secs(headers.ttl_seconds.into());
        let expires = (!ttl.is_zero()).then(|| now.plus(ttl));
        let stored = user_agent.session.is_none();
        user_agent.waiting.push_back(Waiting {
            sequence,
            message,
            topic: headers.topic,
            expires,
            sent: false,
            stored,
        });
        user_agent.wake();
    }

    fn has(&self, token: &ChannelToken) -> bool {
        self.lock().all.get(&token.user_agent).is_some_and(|it| it.channels.contains_key(&token.channel))
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The last part of the path of a message resource.
    pub(crate) fn message_id(&self, sequence: u64) -> String {
        format!("{:016x}{sequence:016x}", self.instance)
    }

    /// The message whose resource has this id, if it was made in this run.
    pub(crate) fn sequence_of(&self, id: &str) -> Option<u64> {
        let octets = id.len() == 32 && id.bytes().all(|octet| octet.is_ascii_hexdigit());
        let (instance, sequence) = id.split_at_checked(16).filter(|_| octets)?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        number(sequence).filter(|_| number(instance) == Some(self.instance))
    }

    fn tell_of(&self, id: Uuid, kind: BrowserEventKind, message: &Outgoing, code: Option<u16>) {
        self.tell(id, kind, About { channel: Some(message.channel), message: Some(&message.id), code });
    }

    fn tell(&self, id: Uuid, kind: BrowserEventKind, about: About<'_>) {
        self.events.write(self.clock.now(), id, kind, about);
    }

    /// A panic of another thread leaves these collections whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Browsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browsers").finish_non_exhaustive()
    }
}

impl State {
    /// Makes a browser, unless it is there. Where there are too many, the one that is away for longest is forgotten.
    fn make(
        &mut self,
        id: Uuid,
        protocol: BrowserProtocol,
        now: Timestamp,
        max: usize,
    ) -> Result<(), BrowserError> {
        if self.all.contains_key(&id) {
            return Ok(());
        }
        if self.all.len() >= max {
            let away = self.all.iter().filter(|(_, it)| it.session.is_none()).min_by_key(|(_, it)| it.seen);
            let forgotten = *away.ok_or(BrowserError::TooMany)?.0;
            self.all.remove(&forgotten);
        }
        self.all.insert(id, UserAgent::new(protocol, now));
        Ok(())
    }
}

fn status(id: Uuid, user_agent: &UserAgent) -> UserAgentStatus {
    let mut channels: Vec<_> =
        user_agent.channels.keys().map(|channel| channel.hyphenated().to_string()).collect();
    channels.sort();
    UserAgentStatus {
        user_agent: id.simple().to_string(),
        protocol: user_agent.protocol,
        connected: user_agent.session.is_some(),
        reachable: user_agent.reachable,
        channels,
        waiting: user_agent.waiting.len() as u64,
    }
}

/// A channel of a browser, as the owner of a push resource.
pub(crate) struct BrowserSubscriber {
    browsers: Arc<Browsers>,
    token: ChannelToken,
}

impl Subscriber for BrowserSubscriber {
    fn server_key(&self) -> Option<ServerKey<'_>> {
        self.token.key_digest.as_ref().map(ServerKey::Digest)
    }

    fn is_gone(&self) -> bool {
        !self.browsers.has(&self.token)
    }

    fn check(&self, _: Stage, _: &dyn Fn() -> f64) -> Option<Arc<Fault>> {
        None
    }

    fn deliver(&self, message: PushMessage) {
        self.browsers.deliver(&self.token, message);
    }
}
