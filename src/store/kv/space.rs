//! The reserve: how much of the disk is left alone, and what may be written when there is less.
//!
//! Three levels, looked at before each group of commands and while none comes:
//!
//! 1. As long as the reserve is free, everything is written.
//! 2. Below it nothing new is taken; what was begun ends. A part of the reserve is allocated to the log ahead of its end,
//!    so that others who fill the disk cannot take it.
//! 3. When that is used up as well, nothing is written: whoever has something to record keeps it and tries again.
//!
//! sled is touched in none of them without the room for what is written: after the first write that fails it takes no
//! more for good.

use tokio::sync::watch;

use super::backend::{Backend, Space};
use crate::store::{Disk, Octets, Room, StoreError};

/// Allocated ahead of the log's end at most: what `engine.max_unsettled` outcomes take, twice.
const AHEAD_OCTETS_MAX: u64 = 16 << 20;
/// Allocated ahead at least.
const AHEAD_OCTETS_MIN: u64 = 4 << 20;
/// Never used up: sled writes a little of its own accord, segments of its log have 512 KiB, and what ends is written as a
/// whole once it was begun.
const FLOOR_OCTETS: u64 = 2 << 20;
/// What sled writes for an octet at most: it moves pages beside those that change.
const GROWTH: u64 = 4;
/// Of a small file system the reserve is no more than one in so many parts.
const SHARE: u64 = 4;

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Something new, which will take more room later.
    Begins,
    /// Recording or ending what there is.
    Ends,
}

/// What the writer may still write, and who is told.
#[derive(Debug)]
pub(crate) struct Reserve {
    /// `store.free_octets_min`; 0 takes no notice of the disk.
    free_octets_min: u64,
    told: watch::Sender<Disk>,
    /// Of what was certain at the last look: what is left, in octets.
    budget: u64,
    /// The size of the file system; 0 until it is known.
    total_octets: u64,
}

impl Reserve {
    pub(super) fn new(free_octets_min: u64, told: watch::Sender<Disk>) -> Self {
        Self { free_octets_min, told, budget: u64::MAX, total_octets: 0 }
    }

    /// Who is told.
    pub(super) fn told(&self) -> watch::Sender<Disk> {
        self.told.clone()
    }

    /// Looks at the disk.
    pub(super) fn look(&mut self, backend: &dyn Backend) {
        self.look_for(backend, 0);
    }

    /// The same with the need for so much at once.
    fn look_for(&mut self, backend: &dyn Backend, cost: u64) {
        let ahead = ahead(reserve(self.free_octets_min, self.total_octets));
        let disk = match backend.space(ahead.saturating_add(cost)) {
            Ok(Some(space)) if self.total_octets == 0 && space.total_octets > 0 => {
                // Only now is it known how large the reserve is.
                self.total_octets = space.total_octets;
                return self.look_for(backend, cost);
            }
            Ok(Some(space)) => {
                self.total_octets = space.total_octets;
                self.budget = space.certain_octets.saturating_sub(FLOOR_OCTETS);
                judge(space, self.free_octets_min)
            }
            Ok(None) => {
                self.budget = u64::MAX;
                Disk::default()
            }
            Err(error) => {
                // As it was: a disk that does not tell its room may still write.
                tracing::debug!(%error, "the disk's room could not be measured");
                return;
            }
        };
        if self.free_octets_min == 0 {
            self.budget = u64::MAX;
        }
        self.tell(disk);
    }

    fn tell(&self, disk: Disk) {
        let before = self.told.borrow().room;
        // Word of it only when something else may be written; the numbers are for who asks.
        self.told.send_if_modified(|told| std::mem::replace(told, disk).room != disk.room);
        if before == disk.room {
            return;
        }
        let free = Octets(disk.free_octets.unwrap_or_default()).to_string();
        let missing = Octets(disk.missing_octets).to_string();
        match disk.room {
            Room::Enough => tracing::info!(%free, "the disk has room again: everything goes on"),
            Room::EndingsOnly => tracing::error!(
                %free, %missing,
                "the disk is full: nothing new is taken until as much as is missing is freed; what was begun is recorded"
            ),
            Room::None => tracing::error!(
                %free, %missing,
                "the disk is full: nothing is written until as much as is missing is freed"
            ),
        }
    }

    /// Whether a command may begin.
    pub(super) fn admit(&self, what_for: Use) -> Result<(), StoreError> {
        let disk = *self.told.borrow();
        match disk.room {
            Room::Enough => Ok(()),
            Room::EndingsOnly if what_for == Use::Ends => Ok(()),
            Room::EndingsOnly | Room::None => Err(StoreError::DiskFull { missing: disk.missing_octets }),
        }
    }

    /// Takes what a write of so many octets may need.
    pub(super) fn take(&mut self, backend: &dyn Backend, octets: u64) -> Result<(), StoreError> {
        let cost = octets.saturating_mul(GROWTH);
        if cost > self.budget {
            self.look_for(backend, cost);
        }
        let short = cost.saturating_sub(self.budget);
        if short > 0 {
            let missing = self.told.borrow().missing_octets.max(short);
            return Err(StoreError::DiskFull { missing });
        }
        self.budget -= cost;
        Ok(())
    }
}

/// What must be free on a file system of this size.
pub(super) fn reserve(free_octets_min: u64, total_octets: u64) -> u64 {
    free_octets_min.min(total_octets / SHARE)
}

/// What of the reserve is kept allocated ahead of the log's end.
fn ahead(reserve: u64) -> u64 {
    if reserve == 0 { 0 } else { (reserve / 4).clamp(AHEAD_OCTETS_MIN, AHEAD_OCTETS_MAX) }
}

/// What may be written.
fn judge(space: Space, free_octets_min: u64) -> Disk {
    let reserve = reserve(free_octets_min, space.total_octets);
    // Less may be granted than is free: a quota, or a limit to the size of files.
    let granted = ahead(reserve) - ahead(reserve) / 4;
    let ungranted = granted.saturating_sub(space.certain_octets);
    let missing_octets = reserve.saturating_sub(space.free_octets).max(ungranted);
    let room = if missing_octets == 0 {
        Room::Enough
    } else if space.certain_octets > FLOOR_OCTETS {
        Room::EndingsOnly
    } else {
        Room::None
    };
    Disk { room, missing_octets, free_octets: Some(space.free_octets), file_octets: space.file_octets }
}

/// The same before anything is allocated: by what is free alone.
pub(super) fn judge_free(space: Space, free_octets_min: u64) -> Disk {
    judge(Space { certain_octets: u64::MAX, ..space }, free_octets_min)
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;

    const MIB: u64 = 1 << 20;

    fn space(total: u64, free: u64, certain: u64) -> Space {
        Space {
            total_octets: total * MIB,
            free_octets: free * MIB,
            certain_octets: certain * MIB,
            file_octets: 5,
        }
    }

    #[test]
    fn the_reserve_of_a_small_disk_is_a_quarter() {
        let room = |space| judge(space, 64 * MIB).room;
        assert_eq!(room(space(1_000, 64, 16)), Room::Enough);
        assert_eq!(room(space(1_000, 63, 16)), Room::EndingsOnly);
        assert_eq!(room(space(1_000, 2, 2)), Room::None);
        assert_eq!(room(space(16, 4, 4)), Room::Enough);
        assert_eq!(room(space(16, 3, 3)), Room::EndingsOnly);
        assert_eq!(judge(space(16, 3, 3), 64 * MIB).missing_octets, MIB);
    }

    #[test]
    fn what_is_free_but_not_granted_does_not_count() {
        let disk = judge(space(1_000, 900, 3), 64 * MIB);
        assert_eq!((disk.room, disk.missing_octets), (Room::EndingsOnly, 9 * MIB));
        assert_eq!(judge(space(1_000, 900, 0), 64 * MIB).room, Room::None);
        assert_eq!(judge(space(1_000, 900, 0), 0).room, Room::Enough, "it takes no notice");
    }

    #[test]
    fn each_write_is_measured_out() {
        let memory = Memory::new();
        memory.set_space(space(1_000, 100, 16));
        let mut reserve = Reserve::new(64 * MIB, watch::Sender::default());
        reserve.look(&memory);
        reserve.take(&memory, 14 * MIB / GROWTH).unwrap();
        // Measured again, as if all of it had been written: 8 MiB are left, two of which are never used.
        memory.set_space(space(1_000, 92, 8));
        let refused = reserve.take(&memory, 2 * MIB);
        assert!(
            matches!(refused, Err(StoreError::DiskFull { missing }) if missing == 4 * MIB),
            "{refused:?}"
        );
        reserve.take(&memory, MIB).unwrap();
    }
}
