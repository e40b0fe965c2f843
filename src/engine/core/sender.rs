//! What an origin says of one sender: an application with one of its VAPID keys. Others' deliveries go on.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{ApplicationId, SubscriptionId, VapidKeyId};

/// So many different subscriptions in a row must be refused for a reason that may be their own or the key's, until it is
/// taken to be the key's. Those before are disabled, as each would be alone.
const REFUSED_SUBSCRIPTIONS: usize = 8;
/// Senders that one lane remembers; beyond it the least recently troubled are forgotten.
const SENDERS_MAX: usize = 256;

/// Whose attempt it is.
pub(super) type SenderKey = (ApplicationId, VapidKeyId);

#[derive(Debug)]
struct Sender {
    key: SenderKey,
    paused_until: Option<Instant>,
    /// Refused in a row, without an acceptance in between.
    refused: Vec<SubscriptionId>,
}

/// The senders that an origin has said something of: few, since nobody is kept who is well.
#[derive(Debug, Default)]
pub(super) struct Senders(Vec<Sender>);

impl Senders {
    /// The push service asked this sender to wait.
    pub(super) fn pause(&mut self, key: SenderKey, now: Instant, wait: Duration) {
        let sender = self.of(key);
        sender.paused_until = sender.paused_until.max(Some(now + wait));
    }

    /// Until when nothing of this sender starts.
    pub(super) fn paused_until(&self, key: SenderKey, now: Instant) -> Option<Instant> {
        let sender = self.0.iter().find(|sender| sender.key == key)?;
        sender.paused_until.filter(|until| *until > now)
    }

    /// An attempt was refused for what may be the key. Answers whether it is the key, by now.
    pub(super) fn refused(&mut self, key: SenderKey, subscription: SubscriptionId) -> bool {
        let sender = self.of(key);
        if !sender.refused.contains(&subscription) && sender.refused.len() < REFUSED_SUBSCRIPTIONS {
            sender.refused.push(subscription);
        }
        sender.refused.len() >= REFUSED_SUBSCRIPTIONS
    }

    /// An attempt of it was accepted: the key is good.
    pub(super) fn accepted(&mut self, key: SenderKey, now: Instant) {
        if self.0.is_empty() {
            return;
        }
        if let Some(sender) = self.0.iter_mut().find(|sender| sender.key == key) {
            sender.refused.clear();
        }
        self.0.retain(|sender| {
            !sender.refused.is_empty() || sender.paused_until.is_some_and(|until| until > now)
        });
    }

    /// An operator says that an application's keys are good.
    pub(super) fn forget(&mut self, application: ApplicationId) {
        self.0.retain(|sender| sender.key.0 != application);
    }

    /// Goes to the end: the first is the least recently troubled.
    fn of(&mut self, key: SenderKey) -> &mut Sender {
        let sender = match self.0.iter().position(|sender| sender.key == key) {
            Some(place) => self.0.remove(place),
            None => Sender { key, paused_until: None, refused: Vec::new() },
        };
        if self.0.len() == SENDERS_MAX {
            self.0.remove(0);
        }
        self.0.push(sender);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_different_subscriptions_in_a_row_speak_against_the_key() {
        let now = Instant::now();
        let (one, other) = ((ApplicationId(1), VapidKeyId(1)), (ApplicationId(2), VapidKeyId(1)));
        let subscription = |number: usize| SubscriptionId([u8::try_from(number).unwrap(); 16]);
        let mut senders = Senders::default();
        for _ in 0..100 {
            assert!(!senders.refused(one, subscription(0)), "it is always the same one");
        }
        for number in 1..REFUSED_SUBSCRIPTIONS - 1 {
            assert!(!senders.refused(one, subscription(number)));
            assert!(!senders.refused(other, subscription(number)));
            senders.accepted(other, now);
        }
        assert!(senders.refused(one, subscription(REFUSED_SUBSCRIPTIONS)));
        assert!(!senders.refused(other, subscription(REFUSED_SUBSCRIPTIONS)));
    }

    #[test]
    fn a_pause_is_of_one_sender_and_ends() {
        let now = Instant::now();
        let (one, other) = ((ApplicationId(1), VapidKeyId(1)), (ApplicationId(1), VapidKeyId(2)));
        let mut senders = Senders::default();
        senders.pause(one, now, Duration::from_secs(9));
        senders.pause(one, now, Duration::from_secs(3));
        assert_eq!(senders.paused_until(one, now), Some(now + Duration::from_secs(9)));
        assert_eq!(senders.paused_until(other, now), None);
        assert_eq!(senders.paused_until(one, now + Duration::from_secs(9)), None);
        for number in 0..2 * SENDERS_MAX {
            senders.pause(
                (ApplicationId(9), VapidKeyId(u16::try_from(number).unwrap())),
                now,
                Duration::from_secs(1),
            );
        }
        assert_eq!(senders.0.len(), SENDERS_MAX);
    }
}
