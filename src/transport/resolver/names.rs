//! What is known of names, and what may be asked at once: a name whose name servers are silent delays no other.
//!
//! * Each name is asked for once at a time, and what came of it is remembered: addresses for seconds, failures for longer
//!   each time.
//! * A zone (see [`zones`](super::zones)) has a few lookups under way. When none of many in a row is answered it is left
//!   alone, and one looks now and then whether it has come back. A name that has answered lately is not held up by its zone.
//! * All together have a bounded number of places, and names that have answered lately have as many of their own. A lookup
//!   that is not answered soon gives its place to the next, and goes on apart as long as there is room for it, so nobody
//!   waits for long.
//!
//! What this machine lacks (descriptors, places) is no failure of a name.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::Lookup;
use super::zones::{Change, Zones, doubled, zone_of};
use crate::open_files::exhausted;

/// A lookup that is not answered for so long gives its place to others.
const PATIENCE: Duration = Duration::from_millis(500);
/// For so long after its last answer a name is known to be one that answers.
const PROVEN_FOR: Duration = Duration::from_secs(3_600);
/// One in so many names goes at once when there are too many.
const EVICTED_SHARE: usize = 64;

/// Lookups under way at most, in times of [`NameBounds::lookups_max`]: those begun just now, older ones, and those of names that
/// have answered lately.
pub(crate) const LOOKUP_PLACES: usize = 3;

/// Bounds of [`Names`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameBounds {
    /// How long addresses are remembered; zero: not at all.
    pub(crate) age_max: Duration,
    /// How long a failure is remembered the first time, and at most: twice as long each time in a row.
    pub(crate) failure_age: (Duration, Duration),
    /// Names that something is known of.
    pub(crate) names_max: usize,
    /// A lookup is given up after this, and so is waiting for a place.
    pub(crate) timeout: Duration,
    /// Lookups under way at once that were begun within [`PATIENCE`]; as many older ones go on beside them, and as many of
    /// names that have answered lately.
    pub(crate) lookups_max: usize,
    /// Lookups of one zone at once, of names that have not answered lately.
    pub(crate) lookups_per_zone_max: usize,
}

/// See the [module's documentation](self). Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    lookup: Arc<dyn Lookup>,
    bounds: NameBounds,
    places: Arc<Semaphore>,
    /// Of names that have answered lately.
    places_proven: Arc<Semaphore>,
    /// Of those that are not answered soon.
    places_apart: Arc<Semaphore>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    names: HashMap<Box<str>, Name>,
    zones: Zones,
}

/// What is known of one name.
#[derive(Debug)]
struct Name {
    state: State,
    /// When somebody asked for it last.
    wanted: Instant,
    /// When it was answered last.
    answered: Option<Instant>,
    /// Failures in a row.
    failures: u32,
}

#[derive(Clone, Debug)]
enum State {
    /// A lookup is under way.
    Asked(watch::Receiver<Option<Answer>>),
    /// Until then.
    Known(Answer, Instant),
}

/// What came of a lookup.
#[derive(Clone, Debug)]
enum Answer {
    Addresses(Arc<[IpAddr]>),
    /// There is no such name.
    None,
    /// No name server knows, or none answers.
    Silent,
    /// This machine could not ask: the system's code, or there was no place.
    Unasked(Option<i32>),
}

impl Answer {
    fn of(found: io::Result<Vec<IpAddr>>) -> Self {
        match found {
            Ok(addresses) => Self::Addresses(addresses.into()),
            Err(error) if exhausted(&error) => Self::Unasked(error.raw_os_error()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::None,
            Err(_) => Self::Silent,
        }
    }

    fn result(self) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::Addresses(addresses) => Ok(addresses.to_vec()),
            Self::None => Err(io::ErrorKind::NotFound.into()),
            Self::Silent => Err(io::ErrorKind::TimedOut.into()),
            Self::Unasked(Some(code)) => Err(io::Error::from_raw_os_error(code)),
            Self::Unasked(None) => Err(io::ErrorKind::ResourceBusy.into()),
        }
    }

    /// Whether name servers answered; `None`: they were not asked.
    fn is_answer(&self) -> Option<bool> {
        match self {
            Self::Addresses(_) | Self::None => Some(true),
            Self::Silent => Some(false),
            Self::Unasked(_) => None,
        }
    }
}

impl Names {
    pub(crate) fn new(lookup: Arc<dyn Lookup>, bounds: NameBounds) -> Self {
        let places = || Arc::new(Semaphore::new(bounds.lookups_max));
        let (places_proven, places_apart) = (places(), places());
        Self { lookup, bounds, places: places(), places_proven, places_apart, known: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the name. If that is nothing, somebody has begun to ask.
    fn state(&self, host: &str) -> State {
        let now = Instant::now();
        let mut known = self.known();
        let Known { names, zones } = &mut *known;
        if let Some(name) = names.get_mut(host) {
            name.wanted = now;
            match &name.state {
                State::Known(_, until) if now >= *until => {}
                // Its task is gone, with its runtime.
                State::Asked(asked) if asked.has_changed().is_err() => {}
                state @ (State::Known(..) | State::Asked(_)) => return state.clone(),
            }
        } else if names.len() >= self.bounds.names_max {
            evict(names, (self.bounds.names_max / EVICTED_SHARE).max(1));
            if names.len() >= self.bounds.names_max {
                return State::Known(Answer::Unasked(None), now);
            }
        }
        let proven = names.get(host).and_then(|name| name.answered).is_some_and(|at| now < at + PROVEN_FOR);
        let bounds = &self.bounds;
        let zone = if proven {
            None
        } else {
            zones.bound(now, bounds.names_max);
            let places = zones.starts(zone_of(host), now, bounds.lookups_per_zone_max, bounds.failure_age);
            let Some(places) = places else { return State::Known(Answer::Silent, now) };
            Some(places)
        };
        let (tell, asked) = watch::channel(None);
        let state = State::Asked(asked);
        if let Some(name) = names.get_mut(host) {
            name.state = state.clone();
        } else {
            let name = Name { state: state.clone(), wanted: now, answered: None, failures: 0 };
            names.insert(host.into(), name);
        }
        drop(known);
        tokio::spawn(self.clone().ask(host.into(), zone, tell));
        state
    }

    /// Asks, and notes what came of it. It goes on when nobody waits any more.
    async fn ask(self, host: Box<str>, zone: Option<Arc<Semaphore>>, tell: watch::Sender<Option<Answer>>) {
        let places = async {
            Some(match &zone {
                None => (None, acquire(&self.places_proven).await?),
                Some(places) => (Some(acquire(places).await?), acquire(&self.places).await?),
            })
        };
        let (answer, said) = match timeout(self.bounds.timeout, places).await {
            Ok(Some((_of_zone, place))) => {
                let answer = self.look_up(&host, place).await;
                let said = answer.is_answer();
                (answer, said)
            }
            // Its zone is left alone meanwhile.
            Ok(None) => (Answer::Silent, None),
            Err(_) => (Answer::Unasked(None), None),
        };
        self.note(&host, zone.is_some(), said, &answer);
        tell.send_replace(Some(answer));
    }

    /// The lookup itself.
    async fn look_up(&self, host: &str, place: OwnedSemaphorePermit) -> Answer {
        let mut looking = Box::pin(timeout(self.bounds.timeout, self.lookup.lookup(host)));
        let soon = timeout(PATIENCE, &mut looking).await;
        drop(place);
        let found = match soon {
            Ok(found) => found,
            Err(_) => match self.places_apart.try_acquire() {
                Ok(_apart) => looking.await,
                Err(_) => return Answer::Silent,
            },
        };
        found.map_or(Answer::Silent, Answer::of)
    }

    /// Notes what came of a lookup; and `said` of its zone, if it took a place of that.
    fn note(&self, host: &str, of_zone: bool, said: Option<bool>, answer: &Answer) {
        let now = Instant::now();
        let mut known = self.known();
        if of_zone {
            match known.zones.ended(zone_of(host), now, said, self.bounds.failure_age) {
                Change::Nothing => {}
                Change::Closed(pause) => {
                    tracing::info!(zone = zone_of(host), ?pause, "name servers do not answer: left alone");
                }
                Change::Opened => tracing::info!(zone = zone_of(host), "name servers answer again"),
            }
        }
        let Some(name) = known.names.get_mut(host) else { return };
        let age = match answer {
            Answer::Addresses(_) => {
                name.failures = 0;
                self.bounds.age_max
            }
            Answer::None | Answer::Silent => {
                name.failures = name.failures.saturating_add(1);
                doubled(self.bounds.failure_age, name.failures)
            }
            Answer::Unasked(_) => Duration::ZERO,
        };
        name.state = State::Known(answer.clone(), now + age);
        if answer.is_answer() == Some(true) {
            name.answered = Some(now);
        }
    }
}

/// `None`: those places are gone.
async fn acquire(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(places).acquire_owned().await.ok()
}

/// Forgets those that were not wanted for longest, but for those that are asked for.
fn evict(names: &mut HashMap<Box<str>, Name>, most: usize) {
    let is_asked = |name: &Name| matches!(name.state, State::Asked(_));
    let mut wanted: Vec<_> = names.values().filter(|name| !is_asked(name)).map(|name| name.wanted).collect();
    let Some(last) = most.min(wanted.len()).checked_sub(1) else { return };
    let latest = *wanted.select_nth_unstable(last).1;
    let mut left = most;
    names.retain(|_, name| {
        let goes = left > 0 && !is_asked(name) && name.wanted <= latest;
        left -= usize::from(goes);
        !goes
    });
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        match self.state(host) {
            State::Known(answer, _) => answer.result(),
            State::Asked(mut asked) => match asked.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(answer)) => answer.clone().result(),
                Ok(None) | Err(_) => Err(io::ErrorKind::Interrupted.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
