//! How much of each group may be in memory, and which groups come first.

use std::collections::{HashMap, HashSet};

use crate::domain::Timestamp;
use crate::store::GroupId;

/// Rooms of groups that are not heard come after all others; those of which nothing says that they will be, last.
pub(super) const UNHEARD_RANK: usize = 1 << 32;

/// A group whose only origin takes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocked {
    pub(super) until: Timestamp,
    /// Afterwards one page at a time comes into memory, until it is unblocked: for a probe.
    pub(super) probe: bool,
    pub(super) over: bool,
}

/// How much of each group may be in memory.
#[derive(Debug)]
pub(super) struct Limits {
    /// Pages of one room.
    pub(super) pages_max: usize,
    pub(super) blocked: HashMap<GroupId, Blocked>,
    /// Groups of one origin that answers.
    pub(super) heard: HashSet<GroupId>,
    /// Not heard, but accepted something in an earlier life.
    pub(super) presumed: HashSet<GroupId>,
}

impl Limits {
    pub(super) fn new(pages_max: usize) -> Self {
        Self { pages_max, blocked: HashMap::new(), heard: HashSet::new(), presumed: HashSet::new() }
    }

    /// Whether a group's origin answers. Of those that are shared some may.
    pub(super) fn hears(&self, group: GroupId) -> bool {
        !group.is_own() || self.heard.contains(&group)
    }

    /// What is added to the pages of a room or a message in memory, for its rank.
    pub(super) fn rank(&self, group: GroupId) -> usize {
        match (self.hears(group), self.presumed.contains(&group)) {
            (true, _) => 0,
            (false, true) => UNHEARD_RANK,
            (false, false) => 2 * UNHEARD_RANK,
        }
    }

    /// How many pages of a group may be in memory for one room.
    pub(super) fn pages_max(&self, group: GroupId) -> usize {
        match self.blocked.get(&group) {
            None if self.hears(group) => self.pages_max,
            Some(Blocked { over: false, .. }) => 0,
            None | Some(Blocked { over: true, .. }) => self.pages_max.min(1),
        }
    }

    /// Whether a page is to be loaded although so many rest: not to probe an origin, for which a resting one will do.
    pub(super) fn loads_beside(&self, group: GroupId, resting: usize) -> bool {
        resting == 0 || !self.blocked.get(&group).is_some_and(|blocked| blocked.over)
    }
}
