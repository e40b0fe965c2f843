//! What `benches/` measures of the engine and no caller may use: the core between a planner, push services and a store
//! that answer at once, and one lane's limiter.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::limiter::{End, Limiter, Ticket};
use super::{ActiveMessage, Core, Effect, Input, Now, OriginNames};
use crate::domain::{
    Application, MessageId, MessageKind, MessageSpec, OriginId, Outcome, Padding, Payload, Target, Timestamp,
    Urgency,
};
use crate::engine::EngineSettings;
use crate::engine::attempt::AttemptReport;
use crate::store::types::EntryState;
use crate::store::{GroupId, PageHead, PageKey, StoredEntry, StoredPage};

/// How long a push service takes to answer.
const LATENCY: Duration = Duration::from_millis(1);

/// A [`Limiter`] with a place granted and given back at a time.
#[derive(Debug)]
pub struct MeasuredLimiter {
    limiter: Limiter,
    now: Instant,
    tickets: VecDeque<Ticket>,
}

impl MeasuredLimiter {
    /// One that keeps `in_flight` requests under way.
    #[must_use]
    pub fn new(in_flight: usize) -> Self {
        let now = Instant::now();
        let mut limiter = Limiter::new(now, in_flight);
        let tickets = (1..=in_flight).map(|number| limiter.started(now, number)).collect();
        Self { limiter, now, tickets }
    }

    /// The oldest request is answered, and another one starts if it may.
    pub fn attempt(&mut self) {
        self.now += LATENCY / 64;
        if let Some(ticket) = self.tickets.pop_front() {
            self.limiter.ended(self.now, ticket, End::Answered(LATENCY));
        }
        if self.limiter.wait(self.now).is_none() {
            self.tickets.push_back(self.limiter.started(self.now, self.tickets.len() + 1));
        }
        std::hint::black_box(self.limiter.concurrency());
    }
}

/// A [`Core`] that is given one page after the other.
#[derive(Debug)]
pub struct MeasuredCore {
    core: Core,
    now: Now,
    message: Arc<ActiveMessage>,
    targets: Vec<Target>,
    pages: u32,
}

impl MeasuredCore {
    /// One whose pages are of these targets, at most [`crate::domain::limits::PAGE_DELIVERIES_MAX`].
    #[must_use]
    pub fn new(application: Arc<Application>, targets: Vec<Target>, origin: &'static str) -> Self {
        let now = Now { wall: Timestamp::from_secs(1_800_000_000), monotonic: Instant::now() };
        let names = OriginNames(Box::new(move |_: OriginId| origin.to_owned()));
        let mut core = Core::new(EngineSettings::default(), names, 1);
        let ttl = Duration::from_secs(24 * 3_600);
        let spec = MessageSpec {
            payload: Payload::default(),
            receipt_token_at: None,
            ttl,
            urgency: Urgency::Normal,
            topic_header: None,
            padding: Padding::None,
            max_per_second: None,
            labels: BTreeMap::new(),
            note: String::new(),
        };
        let message = Arc::new(ActiveMessage {
            application,
            id: MessageId([1; 16]),
            kind: MessageKind::Broadcast,
            spec: Arc::new(spec),
            expires: now.wall.plus(ttl),
            durable_at: None,
            waiting: 0,
            stop: OnceLock::new(),
        });
        core.take(now, Input::Message(Arc::clone(&message)));
        Self { core, now, message, targets, pages: 0 }
    }

    /// A page comes, each of its deliveries is attempted and accepted, and all are recorded. Returns how many were.
    pub fn play_page(&mut self) -> usize {
        let page = self.next_page();
        self.core.take(self.now, Input::PageWritten { page, as_of: 0 });
        let mut recorded = 0;
        while recorded < self.targets.len() {
            let effects = self.core.advance(self.now);
            let idle = if effects.is_empty() { self.core.idle_for(self.now) } else { Some(LATENCY) };
            // Nothing more will happen.
            let Some(idle) = idle else { break };
            self.now.monotonic += idle;
            self.now.wall = self.now.wall.plus(idle);
            for effect in effects {
                recorded += self.answer(effect);
            }
        }
        recorded
    }

    fn next_page(&mut self) -> StoredPage {
        let key = PageKey { message: self.message.id, number: self.pages };
        self.pages += 1;
        let head = PageHead {
            application: self.message.application.id,
            key,
            group: GroupId::FIRST_SHARED,
            kind: self.message.kind,
            due: self.now.wall,
            starts: 0,
        };
        let entry = |target: &Target| StoredEntry {
            id: target.id,
            state: EntryState::Waiting,
            target: Some(target.clone()),
            departed: None,
        };
        StoredPage { head, entries: self.targets.iter().map(entry).collect() }
    }

    /// How many deliveries were recorded.
    fn answer(&mut self, effect: Effect) -> usize {
        match effect {
            Effect::Start(attempt) => {
                let mut report = AttemptReport::failed(Outcome::Accepted, "", Some(LATENCY));
                report.http_status = Some(201);
                self.core.take(self.now, Input::AttemptsEnded(vec![(attempt.entry, report)]));
                0
            }
            Effect::Commit { commit, .. } => {
                let pages = commit.messages.iter().flat_map(|message| &message.pages);
                let recorded = pages.map(|page| page.events.len()).sum();
                let application = commit.application;
                self.core.take(self.now, Input::Committed { application, ended: Vec::new() });
                recorded
            }
            // Nothing of this leaves memory or is changed.
            Effect::Lookup { .. } | Effect::Load(_) => 0,
        }
    }
}
