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
mod exchange;
mod flight;
mod gate;
mod gates;
mod lane;
mod limiter;
pub mod measured;
mod memory;
mod pacing;
mod page;
mod pages;
mod pending;
mod record;
mod sender;
mod settle;
mod staleness;
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
mod unended;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::domain::{ApplicationId, EngineLoad, MessageId, OriginId, Outcome, SubscriptionId, Timestamp};
use crate::observe::{LaneChanges, LaneCounts};
use crate::store::PageKey;

use super::health::OriginHealth;
use super::journal::LaneJournal;
use super::retry::Backoff;
use super::settings::EngineSettings;
use backlog::Backlog;
use careful::Careful;
use ending::Endings;
use endpoints::Endpoints;
pub(crate) use exchange::{ActiveMessage, Attempt, Effect, Input, Now};
use flight::SilentLanes;
use gate::Flight;
use gates::Gates;
use lane::Lane;
use memory::Memory;
use pacing::Pacing;
pub(crate) use page::EntryRef;
use page::Page;
use pending::Pending;
use stops::AcceptedLately;
use turns::Turns;
use unended::Unended;

/// Subscriptions with evidence against them that are remembered until it is acted on.
pub(crate) const GONE_MAX: usize = 65_536;

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
    unended: Unended,
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
    lane_journal: LaneJournal,
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
            unended: Unended::default(),
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
            lane_journal: LaneJournal::default(),
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
            Input::LaneCounts(answer) => {
                let _ = answer.send(self.lane_counts(now));
            }
            Input::ResumeOrigin { application, origin, answer } => {
                let _ = answer.send(self.resume_origin(now, application, &origin));
            }
            Input::ApplicationChanged { application, weight, suspended } => {
                self.application_changed(now, application, weight, suspended);
            }
            Input::Pending { application, answer } => {
                let _ = answer.send(self.unended.of(application));
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

    /// What each lane does.
    fn lane_counts(&mut self, now: Now) -> Vec<(OriginId, LaneCounts)> {
        let gates = self.gates.iter_mut().filter(|(origin, _)| *origin != NOWHERE);
        gates.map(|(origin, gate)| (origin, gate.counts(now))).collect()
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
            waiting_deliveries: self.unended.total(),
            gone: self.gone.len(),
            ..EngineLoad::default()
        };
        self.memory.fill(&mut load);
        load
    }
}

/// The lane of deliveries whose subscription is not there any more: they end without an attempt.
const NOWHERE: OriginId = OriginId(u32::MAX);
