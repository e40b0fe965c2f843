//! Evidence that waits: a removal happens a window after its evidence, unless by then so many are to go at their push
//! service that it is taken for a fault. Plain data; `reap` asks the store and acts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{OriginId, SubscriptionId, Target, Timestamp};
use crate::store::{Evident, Removal, Share};

use super::settings::EngineSettings;

/// Evidence counts from subscriptions that were accepted here so lately.
const COUNTS_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);
/// What an origin accepted so long before the first evidence that waits counts for it.
pub(super) const ACCEPTED_BEFORE: Duration = Duration::from_secs(10);
/// An origin is judged this often at most; less often when it takes long.
const INTERVAL: Duration = Duration::from_millis(500);
/// It is judged again after this at the latest: an alarm is not to come late.
const INTERVAL_MAX: Duration = Duration::from_secs(5);
/// After being judged an origin rests for so many times as long as that took.
const REST: u32 = 20;

/// When evidence is acted on, and when it is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    /// How long it waits.
    pub(super) window: Duration,
    /// Of what counts, the share against which it may be.
    pub(super) share_max: f64,
    /// So many that it is held at all.
    pub(super) count_min: usize,
}

impl Rules {
    pub(super) fn of(settings: &EngineSettings) -> Self {
        Self {
            window: settings.removal_window,
            share_max: settings.removal_share_max,
            count_min: settings.removal_count_min.max(1),
        }
    }

    /// More that are accepted than this make no difference: the share is below the limit then.
    pub(super) fn accepted_enough(&self, suspects: usize) -> usize {
        let refused = f64::from(narrow(suspects));
        let enough = (refused / self.share_max.max(f64::EPSILON) - refused).ceil().clamp(0.0, 1e9);
        #[expect(clippy::cast_sign_loss, reason = "clamped")]
        let enough = enough as usize;
        enough + 1
    }

    /// Whether it is too much to be true: `accepted` others were accepted. Those that were never accepted here count only
    /// where nothing is.
    fn mass(&self, suspects: usize, counted: usize, accepted: usize) -> Option<Share> {
        let refused = if accepted == 0 { suspects } else { counted };
        let share = Share { refused: narrow(refused), answered: narrow(refused + accepted) };
        let is_much = f64::from(share.refused) > self.share_max * f64::from(share.answered);
        (refused >= self.count_min && is_much).then_some(share)
    }
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Evidence against a subscription, which waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    evident: Evident,
    origin: OriginId,
    counts: bool,
}

impl Suspect {
    pub(super) fn new(evident: Evident, target: &Target) -> Self {
        let counts = target.accepted_last > Timestamp::default()
            && target.accepted_last.plus(COUNTS_FOR) >= evident.time;
        Self { evident, origin: target.origin, counts }
    }
}

/// Suspects of one origin.
#[derive(Debug, Default)]
struct Place {
    /// In the order of the log.
    order: BTreeSet<(u64, SubscriptionId)>,
    counted: usize,
    /// There are some that it was not judged with.
    news: bool,
    rests_until: Option<Instant>,
}

/// All that waits, of one application.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    all: HashMap<SubscriptionId, Suspect>,
    places: BTreeMap<OriginId, Place>,
}

impl Suspects {
    /// Adds one. Of several pieces of evidence against the same generation the first one stays.
    pub(super) fn add(&mut self, suspect: Suspect) {
        let Removal { subscription, generation, .. } = suspect.evident.removal;
        if let Some(known) = self.all.get(&subscription) {
            if known.evident.removal.generation >= generation {
                return;
            }
            self.remove(subscription);
        }
        let place = self.places.entry(suspect.origin).or_default();
        place.order.insert((suspect.evident.seq, subscription));
        place.counted += usize::from(suspect.counts);
        place.news = true;
        self.all.insert(subscription, suspect);
    }

    fn remove(&mut self, id: SubscriptionId) -> Option<Removal> {
        let Suspect { evident, origin, counts } = self.all.remove(&id)?;
        if let Some(place) = self.places.get_mut(&origin) {
            place.order.remove(&(evident.seq, id));
            place.counted -= usize::from(counts);
            if place.order.is_empty() {
                self.places.remove(&origin);
            }
        }
        Some(evident.removal)
    }

    pub(super) fn has(&self, id: SubscriptionId) -> bool {
        self.all.contains_key(&id)
    }

    /// The first commit with evidence that waits.
    pub(super) fn first_seq(&self) -> Option<u64> {
        self.places.values().filter_map(|place| place.order.first()).map(|(seq, _)| *seq).min()
    }

    /// Origins to judge now: with news, or with something that is due; not those that rest.
    pub(super) fn to_judge(&self, rules: &Rules, wall: Timestamp, now: Instant) -> Vec<OriginId> {
        let rests = |place: &Place| place.rests_until.is_some_and(|until| until > now);
        let due = |place: &Place| self.due_at(place, rules).is_some_and(|due| due <= wall);
        let wanted = self.places.iter().filter(|(_, place)| !rests(place) && (place.news || due(place)));
        wanted.map(|(origin, _)| *origin).collect()
    }

    fn due_at(&self, place: &Place, rules: &Rules) -> Option<Timestamp> {
        let (_, first) = place.order.first()?;
        Some(self.all.get(first)?.evident.time.plus(rules.window))
    }

    /// How long nothing is to be judged.
    pub(super) fn idle_for(&self, rules: &Rules, wall: Timestamp, now: Instant) -> Option<Duration> {
        let next = self.places.values().filter_map(|place| {
            let due = if place.news { wall } else { self.due_at(place, rules)? };
            let rest = place.rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
            Some(due.since(wall).max(rest))
        });
        next.min()
    }

    /// Whether it takes a look at what was accepted to judge an origin; if so, since when, and how many are enough.
    pub(super) fn question(&self, rules: &Rules, origin: OriginId) -> Option<(Timestamp, usize)> {
        let place = self.places.get(&origin)?;
        if place.order.len() < rules.count_min {
            return None;
        }
        let (_, first) = place.order.first()?;
        let since = self.all.get(first)?.evident.time.minus(ACCEPTED_BEFORE);
        let enough = if place.counted < rules.count_min { 1 } else { rules.accepted_enough(place.counted) };
        Some((since, enough))
    }

    /// All that wait at an origin.
    pub(super) fn at(&self, origin: OriginId) -> HashSet<SubscriptionId> {
        self.places
            .get(&origin)
            .map(|place| place.order.iter().map(|(_, id)| *id).collect())
            .unwrap_or_default()
    }

    /// Whether what waits at an origin is too much, where so many others were accepted.
    pub(super) fn mass(&self, rules: &Rules, origin: OriginId, accepted: usize) -> Option<Share> {
        let place = self.places.get(&origin)?;
        rules.mass(place.order.len(), place.counted, accepted)
    }

    /// An origin has been judged, which took so long.
    pub(super) fn judged(&mut self, rules: &Rules, origin: OriginId, now: Instant, took: Duration) {
        if let Some(place) = self.places.get_mut(&origin) {
            place.news = false;
            let rest = INTERVAL.min(rules.window / 10).max(took * REST).min(INTERVAL_MAX);
            place.rests_until = Some(now + rest);
        }
    }

    /// Takes everything out that waits at an origin.
    pub(super) fn take_all(&mut self, origin: OriginId) -> Vec<Removal> {
        let all: Vec<_> = self.at(origin).into_iter().collect();
        all.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out what has waited long enough at an origin, in the order of the log.
    pub(super) fn take_due(&mut self, rules: &Rules, origin: OriginId, wall: Timestamp) -> Vec<Removal> {
        let Some(place) = self.places.get(&origin) else { return Vec::new() };
        let is_due = |id: &SubscriptionId| {
            self.all.get(id).is_some_and(|suspect| suspect.evident.time.plus(rules.window) <= wall)
        };
        let due: Vec<_> = place.order.iter().map(|(_, id)| *id).take_while(is_due).collect();
        due.into_iter().filter_map(|id| self.remove(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { window: Duration::from_secs(60), share_max: 0.2, count_min: 10 };

    #[test]
    fn a_share_of_enough_is_too_much() {
        let share = |refused, answered| Some(Share { refused, answered });
        for (suspects, counted, accepted, expected) in [
            (1, 1, 0, None),
            (9, 9, 0, None),
            (10, 10, 0, share(10, 10)),
            (10, 10, 40, None),
            (10, 10, 39, share(10, 49)),
            // An old list, just imported: most are gone, and some are not.
            (500, 0, 100, None),
            (500, 9, 1, None),
            (500, 10, 1, share(10, 11)),
            // Nothing is accepted at all.
            (30, 0, 0, share(30, 30)),
        ] {
            let found = RULES.mass(suspects, counted, accepted);
            assert_eq!(found, expected, "{suspects} {counted} {accepted}");
        }
    }

    #[test]
    fn enough_that_are_accepted_are_enough() {
        for suspects in [10, 11, 100, 12_345] {
            let enough = RULES.accepted_enough(suspects);
            assert_eq!(RULES.mass(suspects, suspects, enough), None, "{suspects}");
            assert!(RULES.mass(suspects, suspects, enough - 2).is_some(), "{suspects}");
        }
    }
}
