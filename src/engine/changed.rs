//! Subscriptions that callers changed lately. The core looks them up again before it starts an attempt; here is who tells
//! the attempts that have started already and wait for their turn to be encrypted, for a token or for the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::SubscriptionId;

/// Changes that are remembered at least, the last ones: more than come while an attempt is prepared.
const CHANGES_MIN: usize = 8_192;

/// See the [module's documentation](self).
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// The number of the last change: nothing is looked for where nothing has changed since.
    last: AtomicU64,
    recent: Mutex<Recent>,
}

/// With the number of the last change of each; whatever is full becomes the older half.
#[derive(Debug, Default)]
struct Recent {
    newer: HashMap<SubscriptionId, u64>,
    older: HashMap<SubscriptionId, u64>,
}

impl Changed {
    /// A subscription was changed, as the change with this number.
    pub(super) fn note(&self, subscription: SubscriptionId, change: u64) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.newer.len() >= CHANGES_MIN {
            recent.older = std::mem::take(&mut recent.newer);
        }
        let latest = recent.newer.entry(subscription).or_default();
        *latest = change.max(*latest);
        self.last.fetch_max(change, Ordering::SeqCst);
    }

    /// Whether a subscription was changed after the change with this number, as far as that is remembered.
    pub(super) fn is_since(&self, subscription: SubscriptionId, change: u64) -> bool {
        if self.last.load(Ordering::SeqCst) <= change {
            return false;
        }
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |half: &HashMap<SubscriptionId, u64>| half.get(&subscription).is_some_and(|at| *at > change);
        of(&recent.newer) || of(&recent.older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> SubscriptionId {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        SubscriptionId(id)
    }

    #[test]
    fn tells_what_changed_since() {
        let changed = Changed::default();
        assert!(!changed.is_since(id(1), 0));
        changed.note(id(1), 5);
        changed.note(id(2), 6);
        // Numbers are given before they are noted, by whoever comes.
        changed.note(id(1), 4);
        for (subscription, change, since) in
            [(1, 4, true), (1, 5, false), (2, 5, true), (2, 6, false), (3, 0, false)]
        {
            assert_eq!(changed.is_since(id(subscription), change), since, "{subscription} {change}");
        }
    }

    #[test]
    fn the_last_changes_are_remembered() {
        let changed = Changed::default();
        let count = 5 * CHANGES_MIN as u64;
        (1..=count).for_each(|number| changed.note(id(number), number));
        assert!((count - CHANGES_MIN as u64..=count).skip(1).all(|number| changed.is_since(id(number), 0)));
        let recent = changed.recent.lock().unwrap();
        assert!(recent.newer.len() + recent.older.len() <= 2 * CHANGES_MIN);
    }
}
