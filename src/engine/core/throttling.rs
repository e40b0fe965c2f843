//! Whom a push service asks to wait: one endpoint that is asked says nothing of the others. So many different ones in a row,
//! with nobody accepted in between, speak for their sender, or for all of their origin.

use std::collections::HashMap;

use tokio::time::Instant;

use super::endpoints::{Distinct, EndpointKey};
use super::sender::SenderKey;

/// So many different endpoints in a row; until then each waits for itself.
const ENDPOINTS: usize = Distinct::MAX;
/// Senders that one lane remembers; beyond it those accepted least lately are forgotten.
const SENDERS_MAX: usize = 256;

/// What one more weighs in the share of what is taken.
const TAKEN_WEIGHT: f64 = 1.0 / 32.0;

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct Throttling {
    accepted: Option<Instant>,
    /// The share of acceptances among these and first refusals of endpoints, over the last few dozen.
    taken: f64,
    /// Asked to wait for the origin's sake, since anybody was accepted.
    asked: Distinct,
    senders: HashMap<SenderKey, Of>,
}

/// The same of one sender.
#[derive(Debug, Default)]
struct Of {
    accepted: Option<Instant>,
    asked: Distinct,
}

impl Default for Throttling {
    fn default() -> Self {
        Self { accepted: None, taken: 1.0, asked: Distinct::default(), senders: HashMap::new() }
    }
}

impl Throttling {
    /// An attempt was accepted.
    pub(super) fn accepted(&mut self, now: Instant, sender: SenderKey) {
        self.accepted = Some(now);
        self.taken += (1.0 - self.taken) * TAKEN_WEIGHT;
        self.asked = Distinct::default();
        *self.of(sender) = Of { accepted: Some(now), asked: Distinct::default() };
    }

    /// An endpoint refused that had not failed before.
    pub(super) fn failed_first(&mut self) {
        self.taken -= self.taken * TAKEN_WEIGHT;
    }

    /// Most endpoints are well: one that fails does so by itself.
    pub(super) fn takes_most(&self) -> bool {
        self.taken >= 0.5
    }

    /// When anybody was accepted last.
    pub(super) fn last_accepted(&self) -> Option<Instant> {
        self.accepted
    }

    /// When something of this sender was accepted last.
    pub(super) fn last_accepted_of(&self, sender: SenderKey) -> Option<Instant> {
        self.senders.get(&sender)?.accepted
    }

    /// An endpoint was asked to wait for its origin's sake. Answers whether the origin is to be believed to mean all.
    pub(super) fn means_all(&mut self, endpoint: EndpointKey) -> bool {
        self.asked.add(endpoint) >= ENDPOINTS
    }

    /// An endpoint was asked to wait for its sender's sake. Answers whether all of that sender's are to wait.
    pub(super) fn means_sender(&mut self, sender: SenderKey, endpoint: EndpointKey) -> bool {
        self.of(sender).asked.add(endpoint) >= ENDPOINTS
    }

    fn of(&mut self, sender: SenderKey) -> &mut Of {
        if self.senders.len() >= SENDERS_MAX && !self.senders.contains_key(&sender) {
            let least = self.senders.iter().min_by_key(|(_, of)| of.accepted).map(|(key, _)| *key);
            if let Some(least) = least {
                self.senders.remove(&least);
            }
        }
        self.senders.entry(sender).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ApplicationId, SubscriptionId, VapidKeyId};

    fn endpoint(number: usize) -> EndpointKey {
        SubscriptionId([u8::try_from(number).unwrap(); 16])
    }

    fn sender(application: u32) -> SenderKey {
        (ApplicationId(application), VapidKeyId(1))
    }

    #[test]
    fn a_few_speak_for_themselves_and_many_for_all() {
        let now = Instant::now();
        let mut throttling = Throttling::default();
        for round in 0..3 {
            for number in 0..ENDPOINTS - 1 {
                assert!(!throttling.means_all(endpoint(number)), "{round} {number}");
                assert!(!throttling.means_sender(sender(1), endpoint(number)));
                assert!(!throttling.means_sender(sender(2), endpoint(number)));
            }
            if round < 2 {
                throttling.accepted(now, sender(1));
            }
        }
        assert!(throttling.means_all(endpoint(99)));
        assert!(throttling.means_sender(sender(1), endpoint(99)));
        throttling.accepted(now, sender(1));
        assert!(!throttling.means_sender(sender(1), endpoint(0)));
        assert!(throttling.means_sender(sender(2), endpoint(99)), "another's acceptance is not its own");
        assert_eq!(throttling.last_accepted_of(sender(2)), None);
        assert_eq!(
            (throttling.last_accepted_of(sender(1)), throttling.last_accepted()),
            (Some(now), Some(now))
        );
    }

    #[test]
    fn senders_are_bounded() {
        let now = Instant::now();
        let mut throttling = Throttling::default();
        for number in 0..u32::try_from(2 * SENDERS_MAX).unwrap() {
            throttling.accepted(now + std::time::Duration::from_secs(u64::from(number)), sender(number));
        }
        assert_eq!(throttling.senders.len(), SENDERS_MAX);
        assert_eq!(throttling.last_accepted_of(sender(0)), None);
    }
}
