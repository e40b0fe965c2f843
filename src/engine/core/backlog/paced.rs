//! Messages with a rate of their own, of which little need be in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::Limits;
use crate::store::GroupId;

/// Pages of a message with a rate of its own that are in memory with something to start.
pub(super) const PACED_PAGES_MAX: usize = 2;
/// The same of groups that are not heard: so many may be without an answer before the message stalls.
const PACED_PAGES_UNHEARD_MAX: usize = 64;

/// A message with a rate of its own.
#[derive(Debug, Default)]
pub(super) struct Paced {
    pub(super) ready: BTreeMap<GroupId, BTreeSet<u32>>,
    /// Pages of each group of which something waits in a lane or is under way.
    pub(super) in_memory: BTreeMap<GroupId, usize>,
    /// How it stands among those that may have a page loaded.
    pub(super) rank: Option<usize>,
}

impl Paced {
    pub(super) fn pages(&self) -> usize {
        self.in_memory.values().sum()
    }

    /// The next group to load a page of.
    pub(super) fn next(&self, limits: &Limits) -> Option<GroupId> {
        let pages = |heard: bool| -> usize {
            self.in_memory
                .iter()
                .filter(|(group, _)| limits.hears(**group) == heard)
                .map(|(_, pages)| pages)
                .sum()
        };
        let ready = |heard: bool| {
            let loads = |group: &&GroupId| {
                let pages = self.in_memory.get(*group).copied().unwrap_or_default();
                limits.hears(**group) == heard && limits.pages_max(**group) > if heard { 0 } else { pages }
            };
            self.ready.keys().find(loads).copied()
        };
        let heard = (pages(true) < PACED_PAGES_MAX).then(|| ready(true)).flatten();
        heard.or_else(|| (pages(false) < PACED_PAGES_UNHEARD_MAX).then(|| ready(false)).flatten())
    }
}
