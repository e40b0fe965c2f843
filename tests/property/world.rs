//! A server and all around it, as a history goes on. After every step whatever can be seen is held against the rules.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use fanfare::domain::Clock;
use fanfare::store::ListFilter;
use fanfare::store::kv::memory::Memory;
use tokio::time::sleep;

use super::callers::Callers;
use super::clock::PacedClock;
use super::ledger::Ledger;
use super::push_services::PushServices;
use super::server::{Server, Surroundings, settings};
use super::steps::{History, ORIGINS, Step};
use super::watchers::Watchers;
use super::witness::Witness;

/// After a failure of the disk the server lives on for so long at most.
const FAILED_LIFE: Duration = Duration::from_secs(60);
/// When nothing hinders any more, everything has ended after so many minutes.
const REST_MINUTES: usize = 240;

/// See the [module's documentation](self).
#[derive(Debug)]
pub(crate) struct World {
    around: Surroundings,
    memory: Memory,
    server: Server,
    ledger: Ledger,
    watchers: Watchers,
    callers: Callers,
}

/// Runs a history to its end.
pub(crate) fn live(history: &History) -> u64 {
    let mut world = World::new(history);
    for (step, pause) in &history.steps {
        world.step(step, Duration::from_millis(*pause));
    }
    world.rest();
    world.fingerprint()
}

impl World {
    fn new(history: &History) -> Self {
        let clock = Arc::new(PacedClock::new());
        let witness = Arc::new(Witness::new(Arc::clone(&clock), settings().max_unsettled));
        let push_services = PushServices::default();
        let around = Surroundings { clock, witness, push_services, seed: history.seed, slow: history.slow };
        let memory = Memory::new();
        let server = Server::start(&memory, &around).unwrap();
        let (ledger, watchers, callers) = (Ledger::default(), Watchers::default(), Callers::default());
        Self { around, memory, server, ledger, watchers, callers }
    }

    fn step(&mut self, step: &Step, pause: Duration) {
        match step {
            Step::Crash { starting } => {
                self.server.pass(pause);
                self.crash(*starting);
            }
            Step::CrashInSync { syncs } => {
                self.memory.crash_after(*syncs);
                self.server.live_on(pause.max(FAILED_LIFE));
                self.crash(None);
            }
            Step::Restart => self.restart(),
            Step::Jump { forward, secs } => {
                self.around.clock.jump(*forward, Duration::from_secs(*secs));
                self.server.pass(pause);
            }
            Step::Answers { browser, answers } => {
                self.around.push_services.answer_next(&super::asking::endpoint(*browser), answers);
                self.server.pass(pause);
            }
            Step::Weather { origin, answer } => {
                self.around.push_services.set_weather(ORIGINS[usize::from(*origin)], *answer);
                self.server.pass(pause);
            }
            Step::Watch { message, frames } => {
                let message = message.and_then(|number| self.callers.message(number));
                self.watchers.read(&self.server, message, usize::from(*frames));
                self.server.pass(pause);
            }
            Step::Subscribe { .. }
            | Step::Unsubscribe { .. }
            | Step::Send { .. }
            | Step::Broadcast { .. }
            | Step::Cancel { .. }
            | Step::Resume { .. } => {
                self.callers.begin(step, &self.server, &self.around);
                self.server.pass(pause);
            }
        }
        self.check();
    }

    /// The process ends and the machine loses its power.
    fn crash(&mut self, starting: Option<u64>) {
        self.end_life();
        if let Some(syncs) = starting {
            self.memory.crash_after(syncs);
            if let Ok(server) = Server::start(&self.memory, &self.around) {
                // It got through its start.
                self.server = server;
                self.server.live_on(FAILED_LIFE);
            }
            self.end_life();
        }
        self.begin_life();
    }

    fn restart(&mut self) {
        let settled = self.server.run(self.server.engine.shutdown());
        let unsettled = self.around.witness.unsettled();
        assert!(!settled || unsettled == 0, "{unsettled} deliveries are unsettled after an orderly end");
        self.server.run(self.server.store.close());
        self.end_life();
        self.begin_life();
    }

    fn end_life(&mut self) {
        self.callers.end_life(&self.server, &self.around.witness);
        self.memory = self.memory.crash();
        self.around.witness.crashed();
    }

    fn begin_life(&mut self) {
        self.server = Server::start(&self.memory, &self.around).unwrap();
        self.server.look(self.ledger.assert_kept(&*self.server.raw, self.server.application.id));
    }

    /// Everything that must hold at any time.
    fn check(&mut self) {
        let (raw, application) = (&*self.server.raw, self.server.application.id);
        self.callers.collect(&self.server, &self.around.witness);
        self.server.look(self.ledger.read_on(raw, application));
        let faults = self.around.witness.faults();
        assert!(faults.is_empty(), "{faults:#?}");
        self.watchers.check(&self.ledger);
        for message in self.callers.messages() {
            assert!(self.ledger.messages().contains_key(message), "{message} was accepted and is lost");
        }
        let stored = self.server.look(raw.list_subscriptions(application, &ListFilter::All, None, 1_000));
        let stored: Vec<_> = stored.unwrap().iter().map(|of| (of.target.id, of.target.generation)).collect();
        self.around.witness.found(&stored.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        let members = self.around.witness.members();
        let present = members.iter().filter(|(_, member)| member.until.is_none());
        let present: Vec<_> = present.map(|(id, member)| (*id, member.generation)).collect();
        assert_eq!(stored, present, "subscriptions");
        let load = self.server.engine.load();
        assert!(load.unsettled <= settings().max_unsettled, "{load:?}");
        assert!(load.targets_in_memory <= settings().max_targets_in_memory, "{load:?}");
    }

    /// Nothing hinders any more: everything ends.
    fn rest(&mut self) {
        self.around.push_services.recover();
        let behind = self.around.clock.latest().since(self.around.clock.now());
        self.around.clock.jump(true, behind);
        for _ in 0..REST_MINUTES {
            self.server.run(async {
                for origin in ORIGINS {
                    self.server.engine.resume_origin(self.server.application.id, origin).await;
                }
                sleep(Duration::from_secs(60)).await;
            });
            self.check();
            if self.callers.is_idle() && self.ledger.messages().values().all(|told| told.ended) {
                break;
            }
        }
        self.watchers.read_all(&self.server);
        self.check();
        let load = self.server.engine.load();
        assert_eq!((load.messages, load.waiting_deliveries, load.unsettled), (0, 0, 0), "{load:?}");
        assert_eq!(self.around.witness.unsettled(), 0);
        super::ends::assert_all_ended(&self.ledger, &self.around.witness);
    }

    /// What tells one history from another.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{:?} {}", self.ledger, self.around.witness.posted()).hash(&mut hasher);
        hasher.finish()
    }
}
