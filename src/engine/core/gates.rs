//! The gates of all lanes, kept for what they learned after their lanes have nothing to do any more.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use crate::domain::OriginId;

use super::gate::Gate;

/// Gates of lanes without anything to do that are kept for what they learned; beyond it the least recently used go.
const RESTING_MAX: usize = 4_096;

/// The gates of all lanes, and of those that had something to do lately.
#[derive(Debug)]
pub(super) struct Gates {
    concurrency_max: usize,
    under_way_max: usize,
    all: HashMap<OriginId, Box<Gate>>,
    /// Those whose lane has nothing to do, the longest first.
    resting: BTreeMap<u64, OriginId>,
    rests: u64,
}

impl Gates {
    /// `concurrency_max`: attempts to one origin at once, at most. `under_way_max`: the same with those that take long.
    pub(super) fn new(concurrency_max: usize, under_way_max: usize) -> Self {
        Self { concurrency_max, under_way_max, all: HashMap::new(), resting: BTreeMap::new(), rests: 0 }
    }

    /// The gate of a lane that has something to do.
    pub(super) fn of(&mut self, origin: OriginId, now: Instant) -> &mut Gate {
        let (most, in_all) = (self.concurrency_max, self.under_way_max);
        let gate = self.all.entry(origin).or_insert_with(|| Box::new(Gate::new(now, most, in_all)));
        if let Some(place) = gate.rests_since.take() {
            self.resting.remove(&place);
        }
        gate
    }

    /// Its lane has nothing to do any more, once what is under way has ended.
    pub(super) fn rest(&mut self, origin: OriginId) {
        let rests =
            |gate: &&mut Box<Gate>| gate.rests_since.is_none() && gate.in_flight + gate.lingering == 0;
        let Some(gate) = self.all.get_mut(&origin).filter(rests) else { return };
        self.rests += 1;
        gate.rests_since = Some(self.rests);
        self.resting.insert(self.rests, origin);
        if self.resting.len() > RESTING_MAX
            && let Some((_, longest)) = self.resting.pop_first()
        {
            self.all.remove(&longest);
        }
    }

    /// A gate, without making one or taking it for used.
    pub(super) fn get(&self, origin: OriginId) -> Option<&Gate> {
        self.all.get(&origin).map(|gate| &**gate)
    }

    /// A lane does not wait any more for room among the silent.
    pub(super) fn forget_wait(&mut self, origin: OriginId) {
        if let Some(gate) = self.all.get_mut(&origin) {
            gate.waits_for_silence = false;
        }
    }

    /// Every one of them, in no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (OriginId, &mut Gate)> {
        self.all.iter_mut().map(|(origin, gate)| (*origin, &mut **gate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Outcome;

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let now = Instant::now();
        let mut gates = Gates::new(8, 16);
        let max = u32::try_from(RESTING_MAX).unwrap();
        for origin in 0..=max {
            gates.of(OriginId(origin), now).last_problem = Some(Outcome::TimedOut);
            if origin == max {
                gates.of(OriginId(0), now);
                gates.rest(OriginId(0));
            }
            gates.rest(OriginId(origin));
        }
        assert_eq!(gates.all.len(), RESTING_MAX);
        assert!(gates.of(OriginId(0), now).last_problem.is_some());
        assert!(gates.of(OriginId(1), now).last_problem.is_none());
    }
}
