//! Subscriptions whose VAPID key signs nothing any more.

use super::fate::{Fate, Told, disabled};
use crate::domain::{Outcome, Subscription, SubscriptionState, Timestamp, VapidKey, VapidKeyId};
use crate::store::ChangeKind;

/// The VAPID keys of an application, as far as they tell which ones are no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys<'a> {
    /// Those that there are.
    pub(crate) keys: &'a [VapidKey],
    /// The highest number of a key that was removed; 0 when none was.
    pub(crate) last_removed: u32,
}

impl Keys<'_> {
    /// Whether a key is retired or removed. One of a number that was never given is neither.
    pub(crate) fn is_no_more(self, key: VapidKeyId) -> bool {
        match self.keys.iter().find(|known| known.id == key) {
            Some(known) => known.retired.is_some(),
            None => (1..=self.last_removed).contains(&u32::from(key.0)),
        }
    }

    /// What becomes of a subscription when its key is no more; `None` when it is not its key that keeps it from being sent to.
    pub(crate) fn orphaned(self, old: &Subscription, now: Timestamp) -> Option<Fate> {
        let orphaned = old.target.state == SubscriptionState::Active && self.is_no_more(old.target.vapid_key);
        let told = Told::of(ChangeKind::Disabled);
        orphaned.then(|| Fate::becomes(disabled(old, Outcome::KeyMismatch, now), told))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::stored;
    use super::*;
    use crate::store::conformance::START;
    use crate::store::conformance::applications::key;

    #[test]
    fn are_disabled_when_their_key_is_retired_or_removed() {
        let with_id = |number| VapidKey { id: VapidKeyId(number), ..key(number as u8) };
        let stored_keys = [with_id(1), VapidKey { retired: Some(START), ..with_id(3) }, with_id(6)];
        let keys = Keys { keys: &stored_keys, last_removed: 4 };
        for (number, expected) in
            [(0, false), (1, false), (2, true), (3, true), (4, true), (5, false), (6, false)]
        {
            assert_eq!(keys.is_no_more(VapidKeyId(number)), expected, "{number}");
        }
        let mut old = stored(1, "ada");
        assert_eq!(keys.orphaned(&old, START), None);
        old.target.vapid_key = VapidKeyId(3);
        let Some(Fate::Becomes(new, _)) = keys.orphaned(&old, START) else { panic!("it is disabled") };
        assert_eq!(new.target.state, SubscriptionState::Disabled(Outcome::KeyMismatch));
        assert_eq!(keys.orphaned(&new, START), None);
    }
}
