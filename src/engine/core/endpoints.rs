//! Endpoints that fail while their origin takes what is sent to others. Each backs off by itself, across messages: what is
//! for it waits for it and not in its lane. Once others were accepted between two of its failures, it is *to blame*: until it
//! is accepted again, it says nothing about its origin, and its attempts take no places from others.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{OriginId, SubscriptionId, Target, Timestamp};

use super::page::EntryRef;

/// Endpoints that are remembered for their failures; beyond it those whose last failure is the oldest are forgotten.
const TROUBLED_MAX: usize = 65_536;
/// Attempts under way at once, in one lane, to endpoints that are to blame.
const BLAMED_EACH_LANE: usize = 64;
/// Deliveries that wait for such a place of one lane and are called; others look again after a while.
const CROWD_MAX: usize = 1_024;
/// The longest that other messages wait for an endpoint that is not to blame: then it may be its origin that has failed, and
/// may have come back.
const DOUBT_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long messages wait for an attempt under way to an endpoint that keeps failing. They are looked at before if it is
/// accepted.
const UNDER_WAY_WAIT: Duration = Duration::from_secs(5);

/// Which endpoint: the subscription that is stored with it, or for one given inline, its hash.
pub(super) type EndpointKey = SubscriptionId;

/// What is remembered of an endpoint since its first failure without an acceptance.
#[derive(Debug)]
struct Trouble {
    failures: u32,
    to_blame: bool,
    /// Most others were accepted when it failed: it is to blame if it does so again.
    suspect: bool,
    failed: Instant,
    /// Nothing else is sent to it before.
    until: Option<Timestamp>,
    under_way: bool,
    /// Its place among those that are remembered.
    age: u64,
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As to any endpoint.
    Sound,
    /// Apart from the attempts of its lane: it is to blame for its failures.
    Apart,
    /// The same, but no place is free.
    Crowded,
    /// Not before.
    Waits(Timestamp),
}

/// See the [module's documentation](self).
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    troubled: HashMap<EndpointKey, Trouble>,
    by_age: BTreeMap<u64, EndpointKey>,
    failures: u64,
    /// Deliveries in memory that wait for an endpoint.
    waiting: BTreeSet<(EndpointKey, EntryRef)>,
    /// Attempts under way to endpoints that are to blame, by lane.
    apart: HashMap<OriginId, usize>,
    apart_in_all: usize,
    /// Deliveries that wait for a place apart, by lane; some may have gone elsewhere.
    crowd: HashMap<OriginId, VecDeque<EntryRef>>,
}

impl Endpoints {
    pub(super) fn key(target: &Target) -> EndpointKey {
        if !target.inline {
            return target.id;
        }
        let hash = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
        let hash = std::hash::BuildHasher::hash_one(&hash, target.endpoint.expose());
        let mut key = [0xff; 16];
        key[..8].copy_from_slice(&hash.to_be_bytes());
        SubscriptionId(key)
    }

    /// Whether an attempt may be made now. Attempts apart are at most `apart_max` in all.
    pub(super) fn standing(
        &self,
        now: Timestamp,
        key: EndpointKey,
        origin: OriginId,
        apart_max: usize,
    ) -> Standing {
        let Some(trouble) = self.troubled.get(&key) else { return Standing::Sound };
        if let Some(until) = trouble.until.filter(|until| *until > now) {
            return Standing::Waits(until);
        }
        if trouble.under_way && (trouble.to_blame || trouble.failures > 1) {
            return Standing::Waits(now.plus(UNDER_WAY_WAIT));
        }
        if !trouble.to_blame {
            return Standing::Sound;
        }
        let in_lane = self.apart.get(&origin).copied().unwrap_or_default();
        if in_lane >= BLAMED_EACH_LANE || self.apart_in_all >= apart_max {
            return Standing::Crowded;
        }
        Standing::Apart
    }

    /// An attempt starts, apart or not.
    pub(super) fn started(&mut self, key: EndpointKey, origin: OriginId, apart: bool) {
        if apart {
            *self.apart.entry(origin).or_default() += 1;
            self.apart_in_all += 1;
        }
        if let Some(trouble) = self.troubled.get_mut(&key) {
            trouble.under_way = true;
        }
    }

    /// An attempt ended. Answers which delivery may have its place, if it was apart.
    pub(super) fn ended(&mut self, key: EndpointKey, origin: OriginId, apart: bool) -> Option<EntryRef> {
        if let Some(trouble) = self.troubled.get_mut(&key) {
            trouble.under_way = false;
        }
        if apart {
            self.apart_in_all = self.apart_in_all.saturating_sub(1);
            if let Some(in_lane) = self.apart.get_mut(&origin) {
                *in_lane -= 1;
                if *in_lane == 0 {
                    self.apart.remove(&origin);
                }
            }
            let crowd = self.crowd.get_mut(&origin)?;
            let next = crowd.pop_front();
            if crowd.is_empty() {
                self.crowd.remove(&origin);
            }
            return next;
        }
        None
    }

    /// A delivery waits for a place apart.
    pub(super) fn wait_for_place(&mut self, origin: OriginId, at: EntryRef) {
        let crowd = self.crowd.entry(origin).or_default();
        if crowd.len() < CROWD_MAX {
            crowd.push_back(at);
        }
    }

    /// An attempt failed in a way that may be the endpoint's or its origin's. `others`: when somebody else was accepted last,
    /// if most are.
    /// `since`: the endpoint is to blame for its first failure too if somebody was accepted after that. Answers whether the
    /// failure says something about the origin.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        key: EndpointKey,
        others: Option<Instant>,
        since: Option<Instant>,
    ) -> bool {
        self.failures += 1;
        let age = self.failures;
        let trouble = self.troubled.entry(key).or_insert_with(|| Trouble {
            failures: 0,
            to_blame: false,
            suspect: false,
            failed: since.unwrap_or(now),
            until: None,
            under_way: false,
            age,
        });
        let alone = others.is_some_and(|others| others > trouble.failed);
        // While nobody is accepted, its origin may have failed too, and waits need not grow.
        if alone || !trouble.to_blame {
            trouble.failures = trouble.failures.saturating_add(1);
        }
        trouble.to_blame |= alone && (trouble.suspect || since.is_some());
        trouble.suspect |= others.is_some() && (alone || trouble.failures == 1);
        trouble.failed = now;
        self.by_age.remove(&trouble.age);
        trouble.age = age;
        self.by_age.insert(age, key);
        let speaks = !trouble.to_blame;
        if self.troubled.len() > TROUBLED_MAX
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.troubled.remove(&oldest);
        }
        speaks
    }

    /// How often in a row it has failed, over all messages.
    pub(super) fn failures(&self, key: EndpointKey) -> u32 {
        self.troubled.get(&key).map_or(0, |trouble| trouble.failures)
    }

    /// Whether it fails although its origin takes what is sent to others.
    pub(super) fn is_to_blame(&self, key: EndpointKey) -> bool {
        self.troubled.get(&key).is_some_and(|trouble| trouble.to_blame)
    }

    /// Whether messages wait for it: it is to blame, or has failed more than once.
    pub(super) fn keeps_failing(&self, key: EndpointKey) -> bool {
        self.troubled.get(&key).is_some_and(|trouble| trouble.to_blame || trouble.failures > 1)
    }

    /// Nothing else is sent to it before `until`, if it keeps failing or `asked` for it.
    pub(super) fn back_off(&mut self, now: Timestamp, key: EndpointKey, until: Timestamp, asked: bool) {
        let Some(trouble) = self.troubled.get_mut(&key) else { return };
        if trouble.to_blame {
            trouble.until = Some(until);
        } else if asked || trouble.failures > 1 {
            trouble.until = Some(until.min(now.plus(DOUBT_WAIT_MAX)));
        }
    }

    /// It was accepted, or is another one now: its failures are forgotten. Answers what waited for it.
    pub(super) fn forgive(&mut self, key: EndpointKey) -> Vec<EntryRef> {
        if self.troubled.is_empty() {
            return Vec::new();
        }
        let Some(trouble) = self.troubled.remove(&key) else { return Vec::new() };
        self.by_age.remove(&trouble.age);
        let waiting: Vec<_> = self.waiting_for(key).collect();
        for at in &waiting {
            self.waiting.remove(&(key, *at));
        }
        waiting
    }

    /// A delivery waits for it.
    pub(super) fn wait(&mut self, key: EndpointKey, at: EntryRef) {
        self.waiting.insert((key, at));
    }

    /// A delivery waits no more.
    pub(super) fn forget(&mut self, key: EndpointKey, at: EntryRef) {
        self.waiting.remove(&(key, at));
    }

    /// The deliveries that wait for it, in the order of their messages.
    pub(super) fn waiting_for(&self, key: EndpointKey) -> impl Iterator<Item = EntryRef> {
        self.waiting.range((key, EntryRef::MIN)..=(key, EntryRef::MAX)).map(|(_, at)| *at)
    }
}

/// Different endpoints in a row that say the same of their origin: as many as are asked for, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Distinct {
    keys: [Option<EndpointKey>; Self::MAX],
}

impl Distinct {
    /// So many are told apart.
    pub(super) const MAX: usize = 8;

    /// Adds one, and answers how many there are.
    pub(super) fn add(&mut self, key: EndpointKey) -> usize {
        for (place, at) in self.keys.iter_mut().enumerate() {
            match at {
                Some(known) if *known == key => break,
                Some(_) => {}
                None => {
                    *at = Some(key);
                    return place + 1;
                }
            }
        }
        self.count()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.keys.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageId;
    use crate::store::PageKey;

    const SECOND: Duration = Duration::from_secs(1);
    const START: Timestamp = Timestamp::from_secs(1_800_000_000);
    const ORIGIN: OriginId = OriginId(1);

    fn key(number: u8) -> EndpointKey {
        SubscriptionId([number; 16])
    }

    fn entry(message: u8) -> EntryRef {
        EntryRef { page: PageKey { message: MessageId([message; 16]), number: 0 }, index: 0 }
    }

    #[test]
    fn who_fails_while_others_are_accepted_is_to_blame_until_it_is_accepted() {
        let now = Instant::now();
        let mut endpoints = Endpoints::default();
        assert!(endpoints.failed(now, key(1), Some(now - SECOND), None), "it may be the origin");
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Sound);
        assert!(
            endpoints.failed(now + SECOND, key(1), Some(now - SECOND), None),
            "nobody was accepted since"
        );
        assert!(!endpoints.failed(now + 3 * SECOND, key(1), Some(now + 2 * SECOND), None));
        assert!(!endpoints.failed(now + 4 * SECOND, key(1), Some(now + 2 * SECOND), None), "it stays so");
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Apart);
        assert_eq!(endpoints.failures(key(1)), 3);
        endpoints.forgive(key(1));
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Sound);
        assert!(endpoints.failed(now + 5 * SECOND, key(1), Some(now + 2 * SECOND), None));
    }

    #[test]
    fn silence_while_others_are_accepted_is_the_endpoints_own() {
        let now = Instant::now();
        let mut endpoints = Endpoints::default();
        let started = now - 30 * SECOND;
        assert!(endpoints.failed(now, key(1), Some(started - SECOND), Some(started)));
        assert!(!endpoints.failed(now, key(2), Some(started + SECOND), Some(started)));
    }

    #[test]
    fn messages_wait_for_an_endpoint_that_keeps_failing() {
        let now = Instant::now();
        let later = START.plus(600 * SECOND);
        let mut endpoints = Endpoints::default();
        endpoints.failed(now, key(1), None, None);
        endpoints.back_off(START, key(1), later, false);
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Sound, "once is no habit");
        endpoints.back_off(START, key(1), START.plus(SECOND), true);
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Waits(START.plus(SECOND)));
        endpoints.failed(now, key(1), None, None);
        endpoints.back_off(START, key(1), later, false);
        let doubted = START.plus(DOUBT_WAIT_MAX);
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Waits(doubted));
        for seconds in [1, 2] {
            let others = now + seconds * SECOND - SECOND / 2;
            endpoints.failed(now + seconds * SECOND, key(1), Some(others), None);
        }
        endpoints.back_off(START, key(1), later, false);
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 9), Standing::Waits(later));
        endpoints.wait(key(1), entry(1));
        endpoints.wait(key(1), entry(2));
        endpoints.wait(key(2), entry(3));
        endpoints.forget(key(1), entry(2));
        assert_eq!(endpoints.forgive(key(1)), [entry(1)]);
        assert_eq!(endpoints.waiting_for(key(2)).count(), 1);
    }

    #[test]
    fn attempts_apart_are_bounded_and_one_at_a_time() {
        let now = Instant::now();
        let mut endpoints = Endpoints::default();
        for number in 0..4 {
            endpoints.failed(now, key(number), Some(now), Some(now - SECOND));
        }
        endpoints.started(key(0), ORIGIN, true);
        let waits = Standing::Waits(START.plus(UNDER_WAY_WAIT));
        assert_eq!(endpoints.standing(START, key(0), ORIGIN, 2), waits, "one at a time");
        assert_eq!(endpoints.standing(START, key(1), ORIGIN, 2), Standing::Apart);
        endpoints.started(key(1), ORIGIN, true);
        assert_eq!(endpoints.standing(START, key(2), OriginId(2), 2), Standing::Crowded, "two in all");
        endpoints.wait_for_place(ORIGIN, entry(1));
        assert_eq!(endpoints.ended(key(0), ORIGIN, true), Some(entry(1)));
        assert_eq!(endpoints.standing(START, key(2), OriginId(2), 2), Standing::Apart);
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut endpoints = Endpoints::default();
        for number in 0..u32::try_from(TROUBLED_MAX).unwrap() + 10 {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            endpoints.failed(now, SubscriptionId(id), None, None);
        }
        assert_eq!((endpoints.troubled.len(), endpoints.by_age.len()), (TROUBLED_MAX, TROUBLED_MAX));
        assert_eq!(endpoints.failures(key(0)), 0, "the first is forgotten");
    }

    #[test]
    fn distinct_endpoints_are_counted_once() {
        let mut distinct = Distinct::default();
        assert_eq!((distinct.add(key(1)), distinct.add(key(1)), distinct.add(key(2))), (1, 1, 2));
        for number in 0..100 {
            distinct.add(key(number));
        }
        assert_eq!(distinct.count(), Distinct::MAX);
    }
}
