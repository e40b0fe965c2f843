//! Who holds how many octets of answers, and who gives way when they are too many.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::connections::ConnectionHandle;
use super::super::rate::Caller;
use super::super::shares::LimitObserver;
use super::answer::Answer;

/// What answers may hold, in octets, and for how long without moving.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Bounds {
    /// All that go to one connection.
    pub(in super::super) connection: usize,
    /// All of one caller.
    pub(in super::super) caller: usize,
    /// All together.
    pub(in super::super) all: usize,
    /// How long an answer may hold octets of which nothing moves.
    pub(in super::super) timeout: Duration,
}

/// Why an answer was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing of it was taken in time.
    Stalled,
    /// The answers to its connection were too many.
    Connection,
    /// The answers to its caller were.
    Caller,
    /// All answers together were.
    All,
}

impl Cause {
    /// The setting that is behind it.
    pub(super) const fn setting(self) -> &'static str {
        match self {
            Self::Stalled => "server.http.answer_timeout",
            Self::Connection => "server.http.connection_answers_octets_max",
            Self::Caller => "server.http.caller_answers_octets_max",
            Self::All => "server.http.answers_octets_max",
        }
    }

    /// Its name in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Connection => "connection",
            Self::Caller => "caller",
            Self::All => "all",
        }
    }
}

/// What is to happen to somebody who gives way; done by [`Ledger::carry_out`] once no lock is held.
#[derive(Debug)]
#[must_use]
pub(super) enum Verdict {
    /// The answer is given up: what of it is not with HTTP is dropped.
    End(Arc<Answer>, Cause),
    /// What HTTP holds is only dropped with the connection.
    Close(ConnectionHandle, Cause),
}

/// The octets of all answers that are not yet written.
#[derive(Debug)]
pub(in super::super) struct Ledger {
    bounds: Bounds,
    observer: Arc<dyn LimitObserver>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last movement.
    last: u64,
    /// Answers that hold something, by the number of their last movement.
    entries: BTreeMap<u64, Entry>,
    octets: usize,
    of_callers: HashMap<Caller, usize>,
    of_connections: HashMap<u64, usize>,
}

/// What one answer holds.
#[derive(Debug)]
struct Entry {
    answer: Arc<Answer>,
    /// A frame of which parts are still here.
    here: usize,
    /// What HTTP has taken, and not yet written.
    taken: usize,
    moved: Instant,
    ended: bool,
}

impl Entry {
    fn octets(&self) -> usize {
        self.here + self.taken
    }

    fn is_of(&self, answer: &Answer, scope: Cause) -> bool {
        match scope {
            Cause::Stalled | Cause::All => true,
            Cause::Caller => self.answer.caller == answer.caller,
            Cause::Connection => self.answer.connection_id() == answer.connection_id(),
        }
    }
}

impl Ledger {
    pub(in super::super) fn new(bounds: Bounds, observer: Arc<dyn LimitObserver>) -> Arc<Self> {
        Arc::new(Self { bounds, observer, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame has come that is handed on in parts.
    pub(super) fn begin_frame(&self, answer: &Arc<Answer>, octets: usize) -> Vec<Verdict> {
        self.add(answer, |entry| entry.here += octets)
    }

    /// All parts of that frame are handed on.
    pub(super) fn end_frame(&self, answer: &Arc<Answer>, octets: usize) {
        self.take_away(answer, |entry| entry.here = entry.here.saturating_sub(octets));
    }

    /// HTTP takes octets.
    pub(super) fn take(&self, answer: &Arc<Answer>, octets: usize) -> Vec<Verdict> {
        self.add(answer, |entry| entry.taken += octets)
    }

    /// HTTP has written them, or dropped them.
    pub(super) fn written(&self, answer: &Arc<Answer>, octets: usize) {
        self.take_away(answer, |entry| entry.taken = entry.taken.saturating_sub(octets));
    }

    fn add(&self, answer: &Arc<Answer>, change: impl FnOnce(&mut Entry)) -> Vec<Verdict> {
        let mut state = self.lock();
        state.change(answer, change);
        let verdicts = state.make_room(answer, &self.bounds);
        self.observer.answers_hold(state.octets);
        verdicts
    }

    fn take_away(&self, answer: &Arc<Answer>, change: impl FnOnce(&mut Entry)) {
        let mut state = self.lock();
        // Without a place its connection was closed, and nothing counts any more.
        if answer.place() != 0 {
            state.change(answer, change);
            self.observer.answers_hold(state.octets);
        }
    }

    /// Gives up whatever has not moved for too long.
    pub(in super::super) fn sweep(&self, now: Instant) {
        let mut state = self.lock();
        let mut verdicts = Vec::new();
        let (mut here, timeout) = (Vec::new(), self.bounds.timeout);
        for (place, entry) in &mut state.entries {
            if now.saturating_duration_since(entry.moved) < timeout {
                break;
            }
            if !entry.ended {
                entry.ended = true;
                here.push(*place);
                verdicts.push(Verdict::End(Arc::clone(&entry.answer), Cause::Stalled));
            }
        }
        for place in here {
            state.let_go(place);
        }
        self.observer.answers_hold(state.octets);
        drop(state);
        self.carry_out(verdicts);
    }

    /// Does what was decided. Not while anything of an answer is locked.
    pub(super) fn carry_out(&self, verdicts: Vec<Verdict>) {
        for verdict in verdicts {
            match verdict {
                Verdict::End(answer, cause) => {
                    self.observer.answer_given_up(cause.name());
                    answer.give_up(cause);
                }
                Verdict::Close(connection, cause) => {
                    self.observer.connection_closed(cause.name());
                    connection.close();
                }
            }
        }
    }

    /// What all answers hold.
    #[cfg(test)]
    pub(super) fn octets(&self) -> usize {
        self.lock().octets
    }
}

impl State {
    /// Changes what an answer holds, which is a movement of it.
    fn change(&mut self, answer: &Arc<Answer>, change: impl FnOnce(&mut Entry)) {
        let mut entry = self.entries.remove(&answer.place()).unwrap_or_else(|| Entry {
            answer: Arc::clone(answer),
            here: 0,
            taken: 0,
            moved: Instant::now(),
            ended: false,
        });
        let before = entry.octets();
        change(&mut entry);
        if entry.ended {
            entry.here = 0;
        }
        self.count(answer, before, entry.octets());
        if entry.octets() == 0 {
            answer.set_place(0);
            return;
        }
        // An answer that was given up stays where it was: its connection is the next to be closed.
        let place = if entry.ended { answer.place() } else { 0 };
        let place = if place == 0 {
            entry.moved = Instant::now();
            self.last += 1;
            self.last
        } else {
            place
        };
        answer.set_place(place);
        self.entries.insert(place, entry);
    }

    fn count(&mut self, answer: &Answer, before: usize, after: usize) {
        self.octets = (self.octets + after).saturating_sub(before);
        recount(&mut self.of_callers, answer.caller.clone(), before, after);
        if let Some(connection) = answer.connection_id() {
            recount(&mut self.of_connections, connection, before, after);
        }
    }

    /// What is here of one who gave up is gone.
    fn let_go(&mut self, place: u64) {
        let Some(entry) = self.entries.get_mut(&place) else { return };
        let (answer, before) = (Arc::clone(&entry.answer), entry.octets());
        entry.here = 0;
        let after = entry.octets();
        self.count(&answer, before, after);
        if after == 0 {
            self.entries.remove(&place);
            answer.set_place(0);
        }
    }

    /// The bound that this answer and those beside it break, the narrowest first: it counts against its own caller first.
    fn broken(&self, answer: &Answer, bounds: &Bounds) -> Option<Cause> {
        let connection = answer.connection_id().and_then(|id| self.of_connections.get(&id));
        let caller = self.of_callers.get(&answer.caller);
        if caller.is_some_and(|octets| *octets > bounds.caller) {
            Some(Cause::Caller)
        } else if connection.is_some_and(|octets| *octets > bounds.connection) {
            Some(Cause::Connection)
        } else {
            (self.octets > bounds.all).then_some(Cause::All)
        }
    }

    /// While a bound is broken, the answer within it that has not moved for longest gives way; and its connection, if
    /// it has given way before.
    fn make_room(&mut self, newest: &Answer, bounds: &Bounds) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        while let Some(scope) = self.broken(newest, bounds) {
            let found = self.entries.iter_mut().find(|(_, entry)| {
                entry.is_of(newest, scope) && !(entry.ended && entry.answer.connection.is_none())
            });
            let Some((place, entry)) = found else { break };
            if !entry.ended {
                entry.ended = true;
                verdicts.push(Verdict::End(Arc::clone(&entry.answer), scope));
                let place = *place;
                self.let_go(place);
            } else if let Some(connection) = entry.answer.connection.clone() {
                self.forget(connection.id());
                verdicts.push(Verdict::Close(connection, scope));
            }
        }
        verdicts
    }

    /// Nothing of a connection that is being closed counts any more.
    fn forget(&mut self, connection: u64) {
        let of_it = |entry: &Entry| entry.answer.connection_id() == Some(connection);
        let places = self.entries.iter().filter(|(_, entry)| of_it(entry)).map(|(place, _)| *place);
        for place in places.collect::<Vec<_>>() {
            if let Some(entry) = self.entries.remove(&place) {
                entry.answer.set_place(0);
                self.count(&entry.answer, entry.octets(), 0);
            }
        }
    }
}

fn recount<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K, before: usize, after: usize) {
    use std::collections::hash_map::Entry as Count;
    match counts.entry(key) {
        Count::Occupied(mut count) => {
            *count.get_mut() = (*count.get() + after).saturating_sub(before);
            if *count.get() == 0 {
                count.remove();
            }
        }
        Count::Vacant(count) => {
            if after > before {
                count.insert(after - before);
            }
        }
    }
}
