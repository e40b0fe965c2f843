//! What an origin says of one sender: an application with one of its VAPID keys. Others' deliveries go on.
//!
//! One endpoint proves nothing about a sender: whoever can subscribe can plant endpoints that refuse everybody. What counts
//! are different subscriptions that were accepted before, refused in a row, without an acceptance of the sender in between.
//! Those of which an acceptance has shown that they are refused alone count no more, until they are accepted themselves.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{ApplicationId, SubscriptionId, VapidKeyId};
use crate::engine::attempt::AttemptReport;

use super::Now;
use super::stops::{Extent, Stop};

/// So many different subscriptions that were accepted before must be refused in a row with words about the sender's
/// credentials, until all that it sends is stopped.
pub(super) const STOPPED_BY: usize = 3;
/// The same where the words may be about the subscription.
const STOPPED_BY_UNCLEAR: usize = 8;
/// So many different subscriptions that were never accepted must be refused in a row, of a sender of which nothing was
/// accepted for [`GOOD_FOR`], until what it sends to such subscriptions is slowed down.
const SLOWED_BY: usize = 8;
/// How long an acceptance speaks for a sender.
const GOOD_FOR: Duration = Duration::from_secs(3_600);
/// Senders that one lane remembers as good; more are not remembered, which may slow their first attempts down.
const GOOD_MAX: usize = 1_024;
/// Subscriptions of one sender that are known to be refused alone; of more, the share must do.
const ALONE_MAX: usize = 4_096;
/// Of how many of its last attempts the share is taken that were refused for the first time.
const LAST_ATTEMPTS: f64 = 64.0;
/// Many endpoints of a large application may begin to refuse it at once. So many refusals in a row must be needed that they
/// are no chance: no more than this, while the share of them stays what it was.
const CHANCE_MAX: f64 = 1e-5;
/// More are never needed.
const IN_A_ROW_MAX: usize = 64;
/// Senders in trouble that one lane remembers; beyond it the least recently troubled are forgotten, those that are not
/// stopped first.
const SENDERS_MAX: usize = 256;

/// Whose attempt it is.
pub(super) type SenderKey = (ApplicationId, VapidKeyId);

/// An attempt whose answer speaks against its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) subscription: SubscriptionId,
    /// The subscription was accepted here before.
    pub(super) known: bool,
    /// The words are about the sender; else they may be about the subscription.
    pub(super) clear: bool,
}

/// A sender of which something was accepted.
#[derive(Debug)]
struct Good {
    /// When, last.
    at: Instant,
    /// The share of its last attempts that were refused for what may be its credentials, as of then.
    share: f64,
    /// Subscriptions that were refused while others were accepted.
    alone: HashSet<SubscriptionId>,
}

impl Good {
    fn new(now: Instant) -> Self {
        Self { at: now, share: 0.0, alone: HashSet::new() }
    }

    /// Something is accepted after these were refused, each for the first time.
    fn accepted(&mut self, now: Instant, subscription: SubscriptionId, refused: &[SubscriptionId]) {
        let kept = 1.0 - 1.0 / LAST_ATTEMPTS;
        let refusals = i32::try_from(refused.len()).unwrap_or(i32::MAX);
        self.share = kept * (1.0 - (1.0 - self.share) * kept.powi(refusals));
        self.at = now;
        self.alone.extend(refused.iter().take(ALONE_MAX.saturating_sub(self.alone.len())));
        if !self.alone.is_empty() {
            self.alone.remove(&subscription);
        }
    }
}

/// How many different subscriptions in a row prove something, where at least `least` do.
fn enough(least: usize, share: f64) -> usize {
    let mut chance = 1.0;
    let mut count = 0;
    while count < least || (chance > CHANCE_MAX && count < IN_A_ROW_MAX) {
        chance *= share;
        count += 1;
    }
    count
}

#[derive(Debug)]
struct Sender {
    key: SenderKey,
    paused_until: Option<Instant>,
    /// Attempts refused since the last acceptance.
    refusals: u32,
    /// Different ones in a row: accepted before; the same, with unclear words; never accepted.
    refused: Vec<SubscriptionId>,
    unclear: Vec<SubscriptionId>,
    strangers: Vec<SubscriptionId>,
    stop: Option<Box<Stop>>,
}

impl Sender {
    fn is_troubled(&self, now: Instant) -> bool {
        self.refusals > 0 || self.stop.is_some() || self.paused_until.is_some_and(|until| until > now)
    }
}

/// Why a sender's delivery waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The push service asked the sender to wait until then.
    Paused(Instant),
    /// Its credentials are refused; then it may be what is tried.
    Stopped(Instant),
}

/// The senders that an origin has said something of: few, since nobody is kept who is well.
#[derive(Debug, Default)]
pub(super) struct Senders {
    troubled: Vec<Sender>,
    good: HashMap<SenderKey, Good>,
    /// Something was accepted since a sender was stopped last: by the rules of stops, somebody else's.
    pub(super) accepts_others: bool,
}

impl Senders {
    /// The push service asked this sender to wait.
    pub(super) fn pause(&mut self, key: SenderKey, now: Instant, wait: Duration) {
        let sender = self.of(key);
        sender.paused_until = sender.paused_until.max(Some(now + wait));
    }

    /// Until when nothing of this sender starts by the wish of the push service.
    pub(super) fn paused_until(&self, key: SenderKey, now: Instant) -> Option<Instant> {
        self.find(key)?.paused_until.filter(|until| *until > now)
    }

    /// Why a delivery of this sender waits; `None`: it need not. `known`: its subscription was accepted here before.
    pub(super) fn wait(&self, key: SenderKey, known: bool, now: Instant) -> Option<Wait> {
        let stop = self.find(key)?.stop.as_ref();
        let stopped = stop.and_then(|stop| stop.until(known, now)).map(Wait::Stopped);
        stopped.or_else(|| self.paused_until(key, now).map(Wait::Paused))
    }

    /// An attempt was refused for what may be the sender. Answers what is to be kept back of it.
    pub(super) fn refused(&mut self, key: SenderKey, refusal: Refusal, now: Instant) -> Option<Extent> {
        let good = self.good.get(&key);
        let share = good.map_or(0.0, |good| good.share);
        let is_good = good.is_some_and(|good| now.saturating_duration_since(good.at) < GOOD_FOR);
        let alone = good.is_some_and(|good| good.alone.contains(&refusal.subscription));
        let sender = self.of(key);
        sender.refusals = sender.refusals.saturating_add(1);
        let (those, enough) = match (refusal.known, refusal.clear) {
            (true, true) => (&mut sender.refused, enough(STOPPED_BY, share)),
            (true, false) => (&mut sender.unclear, enough(STOPPED_BY_UNCLEAR, share)),
            (false, true) => (&mut sender.strangers, SLOWED_BY),
            (false, false) => return None,
        };
        if !alone && those.len() < enough && !those.contains(&refusal.subscription) {
            those.push(refusal.subscription);
        }
        match (those.len() >= enough, refusal.known) {
            (false, _) => None,
            (true, true) => Some(Extent::All),
            (true, false) => (!is_good).then_some(Extent::Strangers),
        }
    }

    /// An attempt of it was accepted: its credentials are good. Answers what was kept back of it until now. `tried`: it was
    /// made to find that out.
    pub(super) fn accepted(
        &mut self,
        key: SenderKey,
        subscription: SubscriptionId,
        tried: bool,
        now: Instant,
    ) -> Option<Extent> {
        self.accepts_others = true;
        let place = self.troubled.iter().position(|sender| sender.key == key);
        let was = place.and_then(|place| self.troubled.get_mut(place)).map(|sender| {
            let fresh = Sender { paused_until: sender.paused_until, ..Sender::new(key) };
            std::mem::replace(sender, fresh)
        });
        // After a stop that was true, nobody was refused alone.
        let refused: Vec<_> = was
            .iter()
            .filter(|_| !tried)
            .flat_map(|was| was.refused.iter().chain(&was.unclear).copied())
            .collect();
        if let Some(good) = self.good.get_mut(&key) {
            good.accepted(now, subscription, &refused);
        } else {
            if self.good.len() >= GOOD_MAX {
                self.good.retain(|_, good| now.saturating_duration_since(good.at) < GOOD_FOR);
            }
            if self.good.len() < GOOD_MAX {
                self.good.entry(key).or_insert(Good::new(now)).accepted(now, subscription, &refused);
            }
        }
        let stop = was?.stop;
        self.troubled.retain(|sender| sender.is_troubled(now));
        stop.map(|stop| stop.extent)
    }

    /// What is kept back of a sender, if anything is.
    pub(super) fn stop_of(&self, key: SenderKey) -> Option<&Stop> {
        self.find(key)?.stop.as_deref()
    }

    /// As [`Self::stop_of`].
    pub(super) fn stop_of_mut(&mut self, key: SenderKey) -> Option<&mut Stop> {
        self.troubled.iter_mut().find(|sender| sender.key == key)?.stop.as_deref_mut()
    }

    /// Keeps back what a sender sends, for what an attempt was told; answers whether that is new.
    pub(super) fn stop(
        &mut self,
        key: SenderKey,
        extent: Extent,
        now: Now,
        first: Duration,
        report: &AttemptReport,
    ) -> bool {
        let sender = self.of(key);
        if sender.stop.as_ref().is_some_and(|stop| stop.extent >= extent) {
            return false;
        }
        sender.stop = Some(Box::new(Stop::new(extent, now, first, report)));
        self.accepts_others = false;
        true
    }

    /// Every stop, with how many attempts were refused in a row.
    pub(super) fn stops(&self) -> impl Iterator<Item = (SenderKey, u32, &Stop)> {
        self.troubled.iter().filter_map(|sender| Some((sender.key, sender.refusals, sender.stop.as_deref()?)))
    }

    /// An operator says that an application's keys are good. Answers whether something of it was kept back.
    pub(super) fn forget(&mut self, application: ApplicationId) -> bool {
        let was_stopped = self.stops().any(|((of, _), ..)| of == application);
        self.troubled.retain(|sender| sender.key.0 != application);
        was_stopped
    }

    fn find(&self, key: SenderKey) -> Option<&Sender> {
        self.troubled.iter().find(|sender| sender.key == key)
    }

    /// Goes to the end: the first is the least recently troubled.
    fn of(&mut self, key: SenderKey) -> &mut Sender {
        let sender = match self.troubled.iter().position(|sender| sender.key == key) {
            Some(place) => self.troubled.remove(place),
            None => Sender::new(key),
        };
        if self.troubled.len() == SENDERS_MAX {
            let place = self.troubled.iter().position(|sender| sender.stop.is_none());
            self.troubled.remove(place.unwrap_or_default());
        }
        self.troubled.push(sender);
        let last = self.troubled.len() - 1;
        &mut self.troubled[last]
    }
}

impl Sender {
    fn new(key: SenderKey) -> Self {
        Self {
            key,
            paused_until: None,
            refusals: 0,
            refused: Vec::new(),
            unclear: Vec::new(),
            strangers: Vec::new(),
            stop: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SenderKey = (ApplicationId(1), VapidKeyId(1));
    const OTHER: SenderKey = (ApplicationId(2), VapidKeyId(1));

    /// A subscription that is never refused here.
    const NOBODY: SubscriptionId = SubscriptionId([255; 16]);

    fn refusal(number: usize, known: bool, clear: bool) -> Refusal {
        let subscription = SubscriptionId((number as u128).to_be_bytes());
        Refusal { subscription, known, clear }
    }

    #[test]
    fn different_subscriptions_in_a_row_speak_against_the_sender() {
        let now = Instant::now();
        for (known, clear, enough, extent) in [
            (true, true, STOPPED_BY, Extent::All),
            (true, false, STOPPED_BY_UNCLEAR, Extent::All),
            (false, true, SLOWED_BY, Extent::Strangers),
        ] {
            let mut senders = Senders::default();
            for _ in 0..100 {
                assert_eq!(
                    senders.refused(ONE, refusal(0, known, clear), now),
                    None,
                    "it is always the same one"
                );
            }
            for number in 1..enough - 1 {
                assert_eq!(senders.refused(ONE, refusal(number, known, clear), now), None);
                assert_eq!(senders.refused(OTHER, refusal(number, known, clear), now), None);
                senders.accepted(OTHER, NOBODY, false, now);
            }
            assert_eq!(senders.refused(ONE, refusal(enough, known, clear), now), Some(extent));
            assert_eq!(senders.refused(OTHER, refusal(enough, known, clear), now), None);
        }
    }

    #[test]
    fn who_is_often_refused_needs_more_of_it() {
        assert_eq!([0.0, 0.004, 0.05, 0.2, 0.5, 1.0].map(|share| enough(3, share)), [3, 3, 4, 8, 17, 64]);
        let now = Instant::now();
        let mut senders = Senders::default();
        // One in five of its endpoints begins to refuse, at random: nobody has been refused before.
        let (mut random, mut mistakes) = (1_u64, 0);
        for number in 100..20_000_usize {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if (random >> 33) % 5 > 0 {
                senders.accepted(ONE, NOBODY, false, now);
            } else {
                let extent = senders.refused(ONE, refusal(number, true, true), now);
                mistakes += usize::from(number > 300 && extent.is_some());
            }
        }
        assert!(mistakes <= 3, "{mistakes} in 20,000, which the next acceptance mends");
        let stopped =
            (0..64).find(|number| senders.refused(ONE, refusal(*number, true, true), now).is_some());
        assert!(stopped.is_some_and(|after| (3..25).contains(&after)), "{stopped:?}");
    }

    #[test]
    fn who_is_known_to_be_refused_alone_neither_proves_nor_hides_anything() {
        let now = Instant::now();
        let mut senders = Senders::default();
        for _ in 0..1_000 {
            for _ in 0..3 {
                assert_eq!(senders.refused(ONE, refusal(0, true, true), now), None);
            }
            senders.accepted(ONE, NOBODY, false, now);
        }
        let mut refused = |number| senders.refused(ONE, refusal(number, true, true), now);
        assert_eq!([0, 1, 2, 3].map(&mut refused), [None, None, None, Some(Extent::All)]);
        // It is accepted itself: then it counts again.
        senders.accepted(ONE, refusal(0, true, true).subscription, true, now);
        let mut refused = |number| senders.refused(ONE, refusal(number, true, true), now);
        assert_eq!([0, 1, 2].map(&mut refused), [None, None, Some(Extent::All)]);
    }

    #[test]
    fn one_that_was_never_accepted_is_no_evidence_against_a_good_sender() {
        let now = Instant::now();
        let mut senders = Senders::default();
        senders.accepted(ONE, NOBODY, false, now);
        for number in 0..100 {
            assert_eq!(senders.refused(ONE, refusal(number, false, true), now), None);
            assert_eq!(
                senders.refused(OTHER, refusal(number, false, false), now),
                None,
                "nor with unclear words"
            );
        }
        let later = now + GOOD_FOR;
        assert_eq!(senders.refused(ONE, refusal(0, false, true), later), Some(Extent::Strangers));
    }

    #[test]
    fn a_pause_is_of_one_sender_and_ends() {
        let now = Instant::now();
        let other = (ApplicationId(1), VapidKeyId(2));
        let mut senders = Senders::default();
        senders.pause(ONE, now, Duration::from_secs(9));
        senders.pause(ONE, now, Duration::from_secs(3));
        assert_eq!(senders.wait(ONE, true, now), Some(Wait::Paused(now + Duration::from_secs(9))));
        assert_eq!(senders.wait(other, true, now), None);
        assert_eq!(senders.wait(ONE, true, now + Duration::from_secs(9)), None);
        for number in 0..2 * SENDERS_MAX {
            let key = (ApplicationId(9), VapidKeyId(u16::try_from(number).unwrap()));
            senders.pause(key, now, Duration::from_secs(1));
        }
        assert_eq!(senders.troubled.len(), SENDERS_MAX);
    }
}
