//! The engine's state, without any waiting of its own: inputs go in, effects come out, time is an argument. One task owns
//! it (`driver`), so it needs no lock, and a test can drive it through any history.
//!
//! A delivery's way through it: its page is planned or loaded ([`Core::admit`]), the entry waits in the lane of its
//! origin (`start`), an attempt is started when the lane and the bound on unsettled deliveries allow, its report is
//! turned into an event (`settle`), and the event goes into the next commit (`pending`). When that commit is synced, the
//! delivery is settled, and its page leaves memory with the last one. What waits when its message is stopped or out of time
//! ends without an attempt (`ending`).

mod backlog;
mod breaker;
mod careful;
mod ending;
mod endpoints;
mod flight;
mod gate;
mod gates;
mod lane;
mod limiter;
pub mod measured;
mod memory;
mod pacing;
mod page;
mod pending;
mod record;
mod sender;
mod settle;
mod start;
mod stops;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_ending;
#[cfg(test)]
mod tests_fairness;
#[cfg(test)]
mod tests_lanes;
#[cfg(test)]
mod tests_poison;
#[cfg(test)]
mod tests_silence;
#[cfg(test)]
mod tests_stops;
mod throttling;
mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::limits::{PAGE_DELIVERIES_MAX, TTL_ZERO_GRACE};
use crate::domain::{
    Application, ApplicationId, MessageId, MessageKind, MessageSpec, OriginId, Outcome, Stop, SubscriptionId,
    Target, Timestamp,
};
use crate::observe::{EngineLoad, LaneChanges};
use crate::store::{Addressee, Commit, PageHead, PageKey, StoredPage};

use super::attempt::AttemptReport;
use super::health::OriginHealth;
use super::retry::Backoff;
use super::settings::EngineSettings;
use backlog::Backlog;
use careful::Careful;
use ending::Endings;
use endpoints::Endpoints;
use flight::SilentLanes;
use gate::Flight;
use gates::Gates;
use lane::Lane;
use memory::Memory;
use pacing::Pacing;
pub(crate) use page::EntryRef;
use page::{Page, Phase};
use pending::Pending;
use stops::AcceptedLately;
use turns::Turns;

/// Changed subscriptions that are remembered one by one; beyond it, all targets in memory count as changed.
const CHANGED_MAX: usize = 65_536;
/// Subscriptions with evidence against them that are remembered until it is acted on.
pub(crate) const GONE_MAX: usize = 65_536;

/// A message that has not ended, as every attempt needs it.
#[derive(Debug)]
pub(crate) struct ActiveMessage {
    pub(crate) application: Arc<Application>,
    pub(crate) id: MessageId,
    pub(crate) kind: MessageKind,
    pub(crate) spec: Arc<MessageSpec>,
    pub(crate) expires: Timestamp,
    /// When this process knew its acceptance to be durable, if its sending started then.
    pub(crate) durable_at: Option<Instant>,
    /// Deliveries of it that had not ended when it was handed in, as far as they can be known before planning.
    pub(crate) waiting: u32,
    /// Set once it was stopped: no attempt of it starts any more. The first reason stays.
    pub(crate) stop: OnceLock<Stop>,
}

impl ActiveMessage {
    /// From when on no attempt of it starts any more.
    pub(crate) fn ends_at(&self) -> Timestamp {
        if self.spec.ttl.is_zero() { self.expires.plus(TTL_ZERO_GRACE) } else { self.expires }
    }
}

/// What the engine is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A message was accepted, or found by recovery.
    Message(Arc<ActiveMessage>),
    /// A message was stopped, which is durable.
    MessageStopped { message: MessageId, reason: Stop },
    /// A page was written, with the targets that were read at `as_of` (see [`Input::SubscriptionChanged`]).
    PageWritten { page: StoredPage, as_of: u64 },
    /// A page was found by recovery.
    PageFound(PageHead),
    /// The answer to [`Effect::Load`]; `None`: it has been settled, or does not read.
    PageLoaded { head: PageHead, page: Option<StoredPage>, as_of: u64 },
    /// The answer to [`Effect::Lookup`].
    TargetFound { entry: EntryRef, found: Addressee, as_of: u64 },
    /// The answers to [`Effect::Start`], as many as came together.
    AttemptsEnded(Vec<(EntryRef, AttemptReport)>),
    /// The answer to [`Effect::Commit`]: it is synced, and these messages ended with it.
    Committed { application: ApplicationId, ended: Vec<MessageId> },
    /// A planning step ended a message that had nothing left to deliver.
    MessageEnded(MessageId),
    /// A subscription was changed; the number counts such changes.
    SubscriptionChanged { subscription: SubscriptionId, change: u64 },
    /// There is evidence against these, of these generations, which has not been acted on: they are not attempted.
    Suspected(Vec<(SubscriptionId, u32, Outcome)>),
    /// Evidence against these was acted on, or is void.
    Reaped { subscriptions: Vec<SubscriptionId>, change: u64 },
    /// An operator wants to see the lanes.
    Health(oneshot::Sender<Vec<OriginHealth>>),
    /// An operator lets an application's deliveries go to an origin again that refused its credentials. Answers whether it
    /// was stopped.
    ResumeOrigin { application: ApplicationId, origin: String, answer: oneshot::Sender<bool> },
    /// An application's weight, and whether nothing of it may start.
    ApplicationChanged { application: ApplicationId, weight: u32, suspended: bool },
    /// How many deliveries of an application have not ended?
    Pending { application: ApplicationId, answer: oneshot::Sender<u64> },
    /// Whether the store's disk has no room for what attempts come to: then none starts.
    DiskFull(bool),
    /// Start nothing any more.
    Drain,
}

/// What the engine wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Make an attempt. The delivery is unsettled from here on.
    Start(Attempt),
    /// Look a target up again, and whether the delivery is still for it.
    Lookup { entry: EntryRef, application: ApplicationId, subscription: SubscriptionId },
    /// Read a page and its targets.
    Load(PageHead),
    /// Record outcomes, of messages of these kinds; asked again until it succeeds.
    Commit { commit: Commit, kinds: Vec<MessageKind> },
}

/// An attempt to make.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) entry: EntryRef,
    pub(crate) message: Arc<ActiveMessage>,
    pub(crate) target: Arc<Target>,
    /// 1 for the first.
    pub(crate) number: u32,
    /// Which change of subscriptions its target is as new as.
    pub(crate) as_of: u64,
}

/// The two clocks: wall time for what is stored, monotonic time for waits of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
}

/// What administrators decide of an application.
#[derive(Clone, Copy, Debug)]
struct Administered {
    weight: u32,
    /// Nothing of it starts.
    suspended: bool,
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub(crate) struct Core {
    settings: EngineSettings,
    backoff: Backoff,
    random: StdRng,
    /// Gives the text of an origin for events.
    origins: OriginNames,
    messages: HashMap<MessageId, Arc<ActiveMessage>>,
    endings: Endings,
    /// In order, so that those of one message stand together.
    pages: BTreeMap<PageKey, Page>,
    careful: Careful,
    /// Pages that are being read; each has [`PAGE_DELIVERIES_MAX`] targets reserved.
    loading: BTreeSet<PageKey>,
    backlog: Backlog,
    memory: Memory,
    /// Pages of which nothing is busy any more.
    idle: Vec<PageKey>,
    lanes: HashMap<OriginId, Lane>,
    gates: Gates,
    endpoints: Endpoints,
    /// Lanes with something to start.
    turns: Turns,
    /// Messages with a rate of their own.
    pacing: Pacing,
    /// Lanes that hold an application back until its commit is synced.
    held: BTreeMap<ApplicationId, Vec<OriginId>>,
    /// Attempts under way.
    flights: HashMap<EntryRef, Flight>,
    /// When lanes that wait for their rate, or for the end of a short pause, may start something.
    wakes: BTreeSet<(Instant, OriginId)>,
    /// When attempts under way are looked at for those that take long.
    next_sweep: Option<Instant>,
    /// When lanes with attempts under way may have become silent.
    silences: BTreeSet<(Instant, OriginId)>,
    /// Attempts under way in lanes that do not answer, and lanes that wait until there are fewer.
    silent_in_flight: usize,
    waiting_for_silence: SilentLanes,
    lane_changes: LaneChanges,
    /// Retries of entries in memory.
    timers: BTreeSet<(Timestamp, EntryRef)>,
    unsettled: usize,
    unsettled_peak: usize,
    pending: BTreeMap<ApplicationId, Pending>,
    changed: HashMap<SubscriptionId, u64>,
    /// Targets older than this change are looked up again, whatever `changed` says.
    all_changed_at: u64,
    /// Subscriptions with evidence against a generation that was not acted on yet.
    gone: HashMap<SubscriptionId, (u32, Outcome)>,
    accepted_lately: AcceptedLately,
    administered: BTreeMap<ApplicationId, Administered>,
    disk_full: bool,
    draining: bool,
    effects: Vec<Effect>,
}

/// Where the core learns what an origin's number stands for.
pub(crate) struct OriginNames(pub(crate) Box<dyn Fn(OriginId) -> String + Send + Sync>);

impl std::fmt::Debug for OriginNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OriginNames")
    }
}

impl Core {
    pub(crate) fn new(settings: EngineSettings, origins: OriginNames, seed: u64) -> Self {
        // No lane holds more than half of what may be unsettled.
        let most = (settings.max_unsettled / 2).max(1);
        let gates = Gates::new(settings.lane_concurrency.clamp(1, most), most);
        let backlog = Backlog::new(settings.max_pages_per_group);
        let memory = Memory::new(settings.max_targets_in_memory);
        let backoff = Backoff { base: settings.retry_base, max: settings.retry_max };
        Self {
            settings,
            backoff,
            random: StdRng::seed_from_u64(seed),
            origins,
            messages: HashMap::new(),
            endings: Endings::default(),
            pages: BTreeMap::new(),
            careful: Careful::default(),
            loading: BTreeSet::new(),
            backlog,
            memory,
            idle: Vec::new(),
            lanes: HashMap::new(),
            gates,
            endpoints: Endpoints::default(),
            turns: Turns::default(),
            pacing: Pacing::default(),
            held: BTreeMap::new(),
            flights: HashMap::new(),
            wakes: BTreeSet::new(),
            next_sweep: None,
            silences: BTreeSet::new(),
            silent_in_flight: 0,
            waiting_for_silence: SilentLanes::default(),
            lane_changes: LaneChanges::default(),
            timers: BTreeSet::new(),
            unsettled: 0,
            unsettled_peak: 0,
            pending: BTreeMap::new(),
            changed: HashMap::new(),
            all_changed_at: 0,
            gone: HashMap::new(),
            accepted_lately: AcceptedLately::default(),
            administered: BTreeMap::new(),
            disk_full: false,
            draining: false,
            effects: Vec::new(),
        }
    }

    /// Takes one input in. Call [`Core::advance`] after the last of a batch.
    pub(crate) fn take(&mut self, now: Now, input: Input) {
        match input {
            Input::Message(message) => self.message_begins(now, message),
            Input::MessageStopped { message, reason } => self.message_stopped(message, reason),
            Input::PageWritten { page, as_of } => self.page_written(page, as_of),
            Input::PageFound(head) => self.page_found(head),
            Input::PageLoaded { head, page, as_of } => self.page_loaded(&head, page, as_of),
            Input::TargetFound { entry, found, as_of } => self.target_found(entry, found, as_of),
            Input::AttemptsEnded(ended) => {
                for (entry, report) in ended {
                    self.attempt_ended(now, entry, report);
                }
            }
            Input::Committed { application, ended } => {
                self.committed(now, application);
                for message in ended {
                    self.message_ended(message);
                }
            }
            Input::MessageEnded(message) => self.message_ended(message),
            Input::SubscriptionChanged { subscription, change } => {
                self.subscription_changed(subscription, change);
                // It may have another endpoint, or another owner: what waited for the old one looks again.
                self.forgive_endpoint(now, subscription);
            }
            Input::Suspected(suspected) => {
                for (subscription, generation, outcome) in suspected {
                    self.suspect(subscription, generation, outcome);
                }
            }
            Input::Reaped { subscriptions, change } => {
                for subscription in subscriptions {
                    self.gone.remove(&subscription);
                    self.subscription_changed(subscription, change);
                }
            }
            // Whoever asked may have gone.
            Input::Health(answer) => {
                let _ = answer.send(self.health(now));
            }
            Input::ResumeOrigin { application, origin, answer } => {
                let _ = answer.send(self.resume_origin(now, application, &origin));
            }
            Input::ApplicationChanged { application, weight, suspended } => {
                self.application_changed(now, application, weight, suspended);
            }
            Input::Pending { application, answer } => {
                let _ = answer.send(self.pending_of(application));
            }
            Input::DiskFull(is_full) => self.disk_full = is_full,
            Input::Drain => self.draining = true,
        }
    }

    /// Every lane, and those that had something to do lately; the busiest first.
    fn health(&mut self, now: Now) -> Vec<OriginHealth> {
        let silence = self.silence();
        let mut health: Vec<_> = self
            .gates
            .iter_mut()
            .filter(|(origin, _)| *origin != NOWHERE)
            .map(|(origin, gate)| {
                let queued = self.lanes.get(&origin).map_or(0, Lane::len);
                gate.health(now, (self.origins.0)(origin), queued, silence)
            })
            .collect();
        let busy = |of: &OriginHealth| of.accepted_per_second;
        health.sort_by(|one, other| {
            busy(other).total_cmp(&busy(one)).then_with(|| one.origin.cmp(&other.origin))
        });
        health
    }

    /// Does what has become possible or due, and gives out what is wanted.
    pub(crate) fn advance(&mut self, now: Now) -> Vec<Effect> {
        self.fire_timers(now);
        self.fire_wakes(now);
        self.sweep_flights(now);
        if !self.draining {
            self.fire_pacing(now);
            self.end_deliveries(now);
            self.park_idle(now);
            self.backlog.wake(now.wall);
            self.load_pages();
            self.start_attempts(now);
        }
        self.form_commits(now);
        std::mem::take(&mut self.effects)
    }

    /// How long nothing will become due: without an input, [`Core::advance`] need not be called before.
    pub(crate) fn idle_for(&self, now: Now) -> Option<Duration> {
        let timers =
            [self.timers.first().map(|(due, _)| *due), self.endings.next_expiry(), self.backlog.next_due()];
        let wall = timers.into_iter().flatten().min().filter(|_| !self.draining);
        let pacing = self.pacing.next_due().filter(|_| !self.draining);
        let wake = self.wakes.first().map(|(at, _)| *at).filter(|_| !self.draining);
        let monotonic = self.next_commit_at().into_iter().chain(pacing).chain(wake).chain(self.next_sweep);
        let monotonic = monotonic.map(|at| at.saturating_duration_since(now.monotonic));
        wall.map(|due| due.since(now.wall)).into_iter().chain(monotonic).min()
    }

    /// What changed at lanes since the last call.
    pub(crate) fn take_lane_changes(&mut self) -> LaneChanges {
        std::mem::take(&mut self.lane_changes)
    }

    /// Nothing is under way and nothing waits to be recorded.
    pub(crate) fn is_drained(&self) -> bool {
        self.unsettled == 0 && self.pending.is_empty()
    }

    pub(crate) fn load(&self) -> EngineLoad {
        let mut load = EngineLoad {
            unsettled: self.unsettled,
            unsettled_peak: self.unsettled_peak,
            pages_waiting: self.backlog.len(),
            messages: self.messages.len(),
            waiting_deliveries: self.endings.waiting(),
            gone: self.gone.len(),
            ..EngineLoad::default()
        };
        self.memory.fill(&mut load);
        load
    }

    // ------------------------------------------------------------ pages in and out of memory

    /// A page whose message is not known cannot be attempted: it would take its group's room for nothing.
    fn is_known(&self, head: &PageHead) -> bool {
        let known = self.messages.contains_key(&head.key.message);
        if !known {
            tracing::error!(message = %head.key.message, page = head.key.number, "a page waits whose message is not known");
        }
        known
    }

    fn page_found(&mut self, head: PageHead) {
        let taken_up = self.pages.contains_key(&head.key) || self.loading.contains(&head.key);
        if !taken_up && self.is_known(&head) {
            self.wait_in_store(head);
        }
    }

    fn page_written(&mut self, page: StoredPage, as_of: u64) {
        if !self.is_known(&page.head) {
            return;
        }
        self.presume_heard(&page);
        let (head, targets) = (page.head, page.entries.len());
        let fits =
            self.memory.fits(head.kind, targets) && self.backlog.has_room(&head, targets, &self.memory);
        if fits {
            self.backlog.enter(&head);
            self.admit(page, as_of);
        } else {
            self.wait_in_store(head);
        }
    }

    fn wait_in_store(&mut self, head: PageHead) {
        self.endings.page_waits(head.key.message);
        self.backlog.add(head);
    }

    fn load_pages(&mut self) {
        while let Some(head) = self.backlog.take(&self.memory) {
            self.load_page(head);
        }
    }

    /// Has a page read that was taken out of the backlog.
    fn load_page(&mut self, head: PageHead) {
        let heard = self.backlog.hears(head.group);
        self.memory.page_in(&head, PAGE_DELIVERIES_MAX, PAGE_DELIVERIES_MAX, heard);
        self.loading.insert(head.key);
        self.effects.push(Effect::Load(head));
    }

    fn page_loaded(&mut self, head: &PageHead, page: Option<StoredPage>, as_of: u64) {
        self.loading.remove(&head.key);
        let heard = self.backlog.hears(head.group);
        self.memory.page_out(head, PAGE_DELIVERIES_MAX, PAGE_DELIVERIES_MAX, heard);
        match page {
            Some(page) => {
                self.presume_heard(&page);
                self.admit(page, as_of);
            }
            None => self.backlog.leave(head, false),
        }
    }

    /// Takes a page into memory: each delivery that is not settled goes to its lane or to its timer.
    fn admit(&mut self, stored: StoredPage, as_of: u64) {
        let PageHead { application, key, kind, .. } = stored.head;
        let page = Page::load(stored, as_of);
        let heard = self.backlog.hears(page.head.group);
        self.memory.page_in(&page.head, page.entries.len(), page.targets(), heard);
        if self.endings.page_comes(key) {
            self.pages.insert(key, page);
            return;
        }
        self.careful.page_comes(&page.head);
        for (index, entry) in (0..).zip(&page.entries) {
            let at = EntryRef { page: key, index };
            match entry.phase {
                Phase::Settled | Phase::InFlight | Phase::Lingering => {}
                Phase::BackingOff(due) => {
                    self.timers.insert((due, at));
                }
                Phase::Queued if !self.careful.may_go(at) => {}
                Phase::Queued => {
                    let origin = entry.target.as_ref().map_or(NOWHERE, |target| target.origin);
                    enqueue(&mut self.lanes, &mut self.turns, origin, kind, application, at);
                }
            }
        }
        self.pages.insert(key, page);
    }

    /// Changes where a delivery stands, and with it whether its page is busy or rests.
    fn set_phase(&mut self, at: EntryRef, phase: Phase) {
        let Some(page) = self.pages.get_mut(&at.page) else { return };
        page.set_phase(at.index, phase);
        if let Some(endpoint) =
            page.entries.get_mut(usize::from(at.index)).and_then(|entry| entry.waits_for.take())
        {
            self.endpoints.forget(endpoint, at);
        }
        if page.is_busy() == page.rests {
            page.rests = !page.rests;
            if page.rests {
                self.backlog.rest(&page.head);
                self.idle.push(at.page);
            } else {
                self.backlog.resume(&page.head);
            }
        }
    }

    /// Lets a page go that is finished, that waits for long, or that is one too many of those that wait; the store knows
    /// all about it.
    fn park_if_idle(&mut self, now: Now, key: PageKey) {
        let Some(page) = self.pages.get(&key) else { return };
        if page.is_finished() {
            self.remove_page(key);
            return;
        }
        let Some(due) = page.idle_until() else { return };
        let soon = now.wall.plus(self.settings.park_after);
        if due <= soon && !self.backlog.rests_too_many(&page.head, &self.memory) {
            return;
        }
        // It is read again when most of it is due, and not at once, but while its message is worth it.
        let ends = self.messages.get(&key.message).map_or(Timestamp::MAX, |message| message.ends_at());
        let wake = page.mostly_due(now.wall).max(soon).min(ends.minus(self.settings.park_after));
        if let Some(mut head) = self.remove_page(key) {
            head.due = wake.max(due);
            self.wait_in_store(head);
        }
    }

    /// Lets pages go of which nothing is busy any more, without a commit having told so.
    fn park_idle(&mut self, now: Now) {
        for key in std::mem::take(&mut self.idle) {
            self.park_if_idle(now, key);
        }
    }

    fn remove_page(&mut self, key: PageKey) -> Option<PageHead> {
        let page = self.pages.remove(&key)?;
        self.careful.page_goes(key);
        let heard = self.backlog.hears(page.head.group);
        self.memory.page_out(&page.head, page.entries.len(), page.targets(), heard);
        for (index, entry) in (0..).zip(&page.entries) {
            let at = EntryRef { page: key, index };
            if let Phase::BackingOff(due) = entry.phase {
                self.timers.remove(&(due, at));
            }
            if let Some(endpoint) = entry.waits_for {
                self.endpoints.forget(endpoint, at);
            }
        }
        self.backlog.leave(&page.head, page.rests);
        Some(page.head)
    }

    // ------------------------------------------------------------ changes of subscriptions

    fn subscription_changed(&mut self, subscription: SubscriptionId, change: u64) {
        if self.pages.is_empty() && self.loading.is_empty() {
            self.forget_changes(change);
        }
        if self.changed.len() >= CHANGED_MAX {
            self.forget_changes(change);
        }
        let latest = self.changed.entry(subscription).or_default();
        *latest = change.max(*latest);
    }

    /// From here on all targets that were read before `change` count as changed: some are on their way here.
    fn forget_changes(&mut self, change: u64) {
        self.changed.clear();
        self.all_changed_at = self.all_changed_at.max(change);
    }

    fn is_stale(&self, subscription: SubscriptionId, as_of: u64) -> bool {
        as_of < self.all_changed_at || self.changed.get(&subscription).is_some_and(|change| as_of < *change)
    }
}

/// The lane of deliveries whose subscription is not there any more: they end without an attempt.
const NOWHERE: OriginId = OriginId(u32::MAX);

/// Puts a delivery into its lane, and the lane among those with something to start.
fn enqueue(
    lanes: &mut HashMap<OriginId, Lane>,
    turns: &mut Turns,
    origin: OriginId,
    kind: MessageKind,
    application: ApplicationId,
    entry: EntryRef,
) {
    let lane = lanes.entry(origin).or_default();
    lane.push(kind, application, entry);
    lane.offer_for(kind, application, origin, turns);
}
