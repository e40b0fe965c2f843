//! Which targets in memory are older than their subscriptions: those are looked up again before anything is posted.

use crate::domain::SubscriptionId;

use super::Core;

/// Changed subscriptions that are remembered one by one; beyond it, all targets in memory count as changed.
const CHANGED_MAX: usize = 65_536;

impl Core {
    /// A subscription was changed, as the change with this number.
    pub(super) fn subscription_changed(&mut self, subscription: SubscriptionId, change: u64) {
        if self.pages.is_empty() && self.loading.is_empty() {
            self.forget_changes(change);
        }
        if self.changed.len() >= CHANGED_MAX {
            self.forget_changes(change);
        }
        let latest = self.changed.entry(subscription).or_default();
        *latest = change.max(*latest);
    }

    /// From here on all targets that were read before `change` count as changed: some are on their way here.
    fn forget_changes(&mut self, change: u64) {
        self.changed.clear();
        self.all_changed_at = self.all_changed_at.max(change);
    }

    /// Whether a target that was read as of this change is older than its subscription.
    pub(super) fn is_stale(&self, subscription: SubscriptionId, as_of: u64) -> bool {
        as_of < self.all_changed_at || self.changed.get(&subscription).is_some_and(|change| as_of < *change)
    }
}
