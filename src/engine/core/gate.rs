//! The gate of a lane: what was learned of an origin, and whether an attempt may start there now.

use std::collections::{BTreeMap, HashMap};

use tokio::time::Instant;

use crate::domain::{ApplicationId, OriginId, Outcome, Timestamp};
use crate::engine::attempt::AttemptReport;
use crate::engine::health::{OriginHealth, OriginState, StoppedApplication};

use super::Now;
use super::record::{Record, is_error};

/// Gates of lanes without anything to do that are kept for what they learned; beyond it the least recently used go.
const RESTING_MAX: usize = 4_096;

#[derive(Debug)]
pub(super) struct Gate {
    pub(super) in_flight: usize,
    /// Nothing starts before.
    pub(super) paused_until: Option<Timestamp>,
    record: Record,
    last_problem: Option<Outcome>,
    /// Applications whose credentials were refused, in the order of their ids.
    stopped: Vec<StoppedApplication>,
    /// Its place among those that rest.
    rests_since: Option<u64>,
}

impl Gate {
    fn new(now: Instant) -> Self {
        Self {
            in_flight: 0,
            paused_until: None,
            record: Record::new(now),
            last_problem: None,
            stopped: Vec::new(),
            rests_since: None,
        }
    }

    /// Takes note of what an attempt came to.
    pub(super) fn ended(&mut self, now: Now, report: &AttemptReport) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if report.refused_stream {
            return;
        }
        let latency = report.latency.filter(|_| report.http_status.is_some());
        self.record.add(now.monotonic, report.outcome, latency);
        if is_error(report.outcome)
            || matches!(report.outcome, Outcome::Throttled | Outcome::CredentialsRefused)
        {
            self.last_problem = Some(report.outcome);
        }
    }

    /// What operators see of it.
    pub(super) fn health(&mut self, now: Now, origin: String, queued: usize, limit: usize) -> OriginHealth {
        let minute = self.record.last_minute(now.monotonic);
        let paused_until = self.paused_until.filter(|until| *until > now.wall);
        OriginHealth {
            origin,
            state: if paused_until.is_some() { OriginState::Paused } else { OriginState::Open },
            queued,
            in_flight: self.in_flight,
            concurrency_limit: limit,
            rate_limit: None,
            accepted_per_second: minute.accepted_per_second,
            throttled_share: minute.throttled_share,
            error_share: minute.error_share,
            latency_p50: minute.latency_p50,
            latency_p99: minute.latency_p99,
            paused_until,
            last_problem: self.last_problem,
            stopped: self.stopped.clone(),
        }
    }

    /// Answers whether the application was stopped.
    pub(super) fn resume(&mut self, application: ApplicationId) -> bool {
        let stopped = self.stopped.len();
        self.stopped.retain(|of| of.application != application);
        self.stopped.len() < stopped
    }
}

/// The gates of all lanes, and of those that had something to do lately.
#[derive(Debug, Default)]
pub(super) struct Gates {
    all: HashMap<OriginId, Box<Gate>>,
    /// Those whose lane has nothing to do, the longest first.
    resting: BTreeMap<u64, OriginId>,
    rests: u64,
}

impl Gates {
    /// The gate of a lane that has something to do.
    pub(super) fn of(&mut self, origin: OriginId, now: Instant) -> &mut Gate {
        let gate = self.all.entry(origin).or_insert_with(|| Box::new(Gate::new(now)));
        if let Some(place) = gate.rests_since.take() {
            self.resting.remove(&place);
        }
        gate
    }

    /// Its lane has nothing to do any more.
    pub(super) fn rest(&mut self, origin: OriginId) {
        let Some(gate) = self.all.get_mut(&origin).filter(|gate| gate.rests_since.is_none()) else { return };
        self.rests += 1;
        gate.rests_since = Some(self.rests);
        self.resting.insert(self.rests, origin);
        if self.resting.len() > RESTING_MAX
            && let Some((_, longest)) = self.resting.pop_first()
        {
            self.all.remove(&longest);
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

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let now = Instant::now();
        let mut gates = Gates::default();
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
