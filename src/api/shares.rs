//! What all share, and how: no application holds more than its part of what the others leave, so that there is always a place
//! for the next one. The first may hold half of all places, the next one half of what it leaves, and so on (with
//! `server.calls.share_percent_max = 50`). What an application holds counts against it first.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::access::{Principal, Scope};
use super::rate::Caller;

/// Told of what is held and refused: for metrics.
pub trait LimitObserver: fmt::Debug + Send + Sync + 'static {
    /// How many places a pool has. `pool` is the name of one of [`Shared`].
    fn places(&self, pool: &'static str, places: usize) {
        let _ = (pool, places);
    }
    /// How many places of a pool are held now. `pool` is the name of one of [`Shared`].
    fn held(&self, pool: &'static str, held: usize) {
        let _ = (pool, held);
    }
    /// A place was refused: `cause` is `share` or `full`.
    fn refused(&self, pool: &'static str, cause: &'static str) {
        let _ = (pool, cause);
    }
    /// How many octets are held now by answers that are not written.
    fn answers_hold(&self, octets: usize) {
        let _ = octets;
    }
    /// An answer was given up: `cause` is `stalled`, or whose answers were too many: `connection`, `caller`, `all`.
    fn answer_given_up(&self, cause: &'static str) {
        let _ = cause;
    }
    /// A connection was closed because of what it did not read; `cause` as above.
    fn connection_closed(&self, cause: &'static str) {
        let _ = cause;
    }
}

/// Observes nothing.
impl LimitObserver for () {}

/// What is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// Connections, by address.
    Connections,
    /// Calls that have not begun to answer.
    Calls,
    /// `WatchDeliveries`, `WatchSubscriptions`, `WatchOrigins`.
    Streams,
    /// Streams of Send and Broadcast, and `SendStream`.
    Sends,
    /// `ImportSubscriptions`.
    Imports,
}

impl Shared {
    /// All of it.
    pub const ALL: [Self; 5] = [Self::Connections, Self::Calls, Self::Streams, Self::Sends, Self::Imports];

    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Calls => "calls",
            Self::Streams => "streams",
            Self::Sends => "sends",
            Self::Imports => "imports",
        }
    }

    /// The setting with its size.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Connections => "server.http.connections_max",
            Self::Calls => "server.http.calls_max",
            Self::Streams => "server.calls.streams_max",
            Self::Sends => "server.calls.sends_max",
            Self::Imports => "server.calls.imports_max",
        }
    }
}

/// Who holds places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An application, by its name.
    Application(Arc<str>),
    /// All callers together that reach every application, where theirs is not known.
    Unbound,
    /// A caller who reaches every application, by itself.
    Caller(Caller),
}

impl Holder {
    /// Whose a call is, as far as its credentials say.
    pub(super) fn of(principal: &Principal) -> Self {
        match &principal.scope {
            Scope::Application(name) => Self::Application(name.as_str().into()),
            Scope::All => Self::Unbound,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(name) => write!(f, "application {name}"),
            Self::Unbound => f.write_str("callers of all applications"),
            Self::Caller(Caller::At(_)) => f.write_str("this address"),
            Self::Caller(Caller::Named(_) | Caller::Unknown) => f.write_str("this caller"),
        }
    }
}

/// How many more of a pool somebody may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Of what.
    pub shared: Shared,
    /// Who asked.
    pub holder: Holder,
    /// What it holds.
    pub held: usize,
    /// What it may hold now.
    pub share: usize,
}

/// Places of one kind.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Shared,
    places: usize,
    share_percent_max: usize,
    observer: Arc<dyn LimitObserver>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    of: HashMap<Holder, usize>,
}

impl State {
    fn of(&self, holder: &Holder) -> usize {
        self.of.get(holder).copied().unwrap_or_default()
    }

    fn leave(&mut self, holder: &Holder) {
        self.held = self.held.saturating_sub(1);
        if let Some(held) = self.of.get_mut(holder) {
            *held -= 1;
            if *held == 0 {
                self.of.remove(holder);
            }
        }
    }

    fn enter(&mut self, holder: Holder) {
        self.held += 1;
        *self.of.entry(holder).or_default() += 1;
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one holder may have while the others have `others`: its percentage of what they leave, the last place included.
    fn share(&self, others: usize) -> usize {
        let left = self.places.saturating_sub(others);
        left.saturating_mul(self.share_percent_max).div_ceil(100).min(left)
    }

    fn judge(&self, state: &State, holder: &Holder) -> Result<(), Refused> {
        let held = state.of(holder);
        let share = self.share(state.held - held);
        if held < share {
            return Ok(());
        }
        let cause = if state.held < self.places { "share" } else { "full" };
        self.observer.refused(self.shared.name(), cause);
        Err(Refused { shared: self.shared, holder: holder.clone(), held, share })
    }
}

impl Pool {
    /// With so many places, of which one holder gets so many percent of what the others leave.
    pub(super) fn new(
        shared: Shared,
        places: usize,
        share_percent_max: u32,
        observer: Arc<dyn LimitObserver>,
    ) -> Self {
        let share_percent_max = share_percent_max.clamp(1, 100) as usize;
        observer.places(shared.name(), places);
        Self(Arc::new(Inner { shared, places, share_percent_max, observer, state: Mutex::default() }))
    }

    /// One more place for somebody; it is given back when it is dropped.
    ///
    /// # Errors
    /// When it holds its share, or all are taken.
    pub(super) fn take(&self, holder: Holder) -> Result<Place, Refused> {
        let mut state = self.0.lock();
        self.0.judge(&state, &holder)?;
        state.enter(holder.clone());
        self.0.observer.held(self.0.shared.name(), state.held);
        drop(state);
        Ok(Place { pool: self.clone(), holder })
    }
}

/// One place in a pool.
#[derive(Debug)]
pub(super) struct Place {
    pool: Pool,
    holder: Holder,
}

impl Place {
    /// From now on it counts for somebody else.
    ///
    /// # Errors
    /// When that one holds its share; then nothing has changed.
    pub(super) fn pass_to(&mut self, holder: Holder) -> Result<(), Refused> {
        if holder == self.holder {
            return Ok(());
        }
        let mut state = self.pool.0.lock();
        state.leave(&self.holder);
        let judged = self.pool.0.judge(&state, &holder);
        let stays = if judged.is_ok() { holder } else { self.holder.clone() };
        state.enter(stays.clone());
        drop(state);
        self.holder = stays;
        judged
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.pool.0.lock();
        state.leave(&self.holder);
        self.pool.0.observer.held(self.pool.0.shared.name(), state.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(places: usize, percent: u32) -> Pool {
        Pool::new(Shared::Streams, places, percent, Arc::new(()))
    }

    fn application(name: &str) -> Holder {
        Holder::Application(name.into())
    }

    /// As many as it gets.
    fn greedy(pool: &Pool, name: &str) -> Vec<Place> {
        std::iter::from_fn(|| pool.take(application(name)).ok()).collect()
    }

    #[test]
    fn each_gets_half_of_what_the_others_leave() {
        let pool = pool(1_000, 50);
        let first = greedy(&pool, "a");
        let second = greedy(&pool, "b");
        let third = greedy(&pool, "c");
        assert_eq!([first.len(), second.len(), third.len()], [500, 250, 125]);
        let refused = pool.take(application("a")).unwrap_err();
        assert_eq!((refused.held, refused.share), (500, 313), "it counts against it first");
        drop(second);
        assert!(pool.take(application("b")).is_ok());
        assert_eq!(greedy(&pool, "b").len(), 188);
    }

    #[test]
    fn the_last_place_is_one_and_a_hundred_percent_are_all() {
        let small = pool(1, 50);
        let place = small.take(application("a")).unwrap();
        assert_eq!(small.take(application("b")).unwrap_err().share, 0);
        drop(place);
        assert!(small.take(application("b")).is_ok());
        let whole = pool(10, 100);
        assert_eq!(greedy(&whole, "a").len(), 10);
        assert!(pool(0, 50).take(application("a")).is_err());
    }

    #[test]
    fn a_place_is_passed_on_or_stays() {
        let pool = pool(16, 50);
        let mut place = pool.take(Holder::Unbound).unwrap();
        place.pass_to(application("a")).unwrap();
        assert!(!pool.0.lock().of.contains_key(&Holder::Unbound));
        let held = greedy(&pool, "a");
        assert_eq!(held.len(), 7);
        let mut other = pool.take(Holder::Unbound).unwrap();
        other.pass_to(application("a")).unwrap_err();
        assert_eq!(other.holder, Holder::Unbound);
        drop((place, held, other));
        assert_eq!(pool.0.lock().held, 0);
        assert!(pool.0.lock().of.is_empty(), "nobody is remembered");
    }
}
