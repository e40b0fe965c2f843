//! What operators see of a gate.

use tokio::time::Instant;

use super::{Gate, Silence, wall};
use crate::engine::health::{OriginHealth, OriginState, StoppedApplication};
use crate::observe::LaneCounts;

use super::super::Now;
use super::super::breaker::{Breaker, Look};
use super::super::sender::SenderKey;
use super::super::stops::{Extent, Stop};

impl Gate {
    /// Senders whose credentials are refused, in the order of their ids.
    fn stopped(&self) -> Vec<StoppedApplication> {
        let told = |((application, vapid_key), refused, stop): (SenderKey, u32, &Stop)| StoppedApplication {
            application,
            vapid_key,
            slowed: stop.extent == Extent::Strangers,
            outcome: stop.outcome,
            detail: stop.detail.clone(),
            since: stop.since,
            refused,
            next_attempt: stop.next_attempt,
        };
        let mut stopped: Vec<_> = self.senders.stops().map(told).collect();
        stopped.sort_by_key(|of| (of.application, of.vapid_key));
        stopped
    }

    /// What operators see of it.
    pub(in super::super) fn health(
        &mut self,
        now: Now,
        origin: String,
        queued: usize,
        silence: Silence,
    ) -> OriginHealth {
        let minute = self.record.last_minute(now.monotonic);
        let (state, until) = self.state(now);
        OriginHealth {
            origin,
            state,
            queued,
            in_flight: self.in_flight + self.lingering,
            concurrency_limit: self.concurrency(silence),
            rate_limit: self.limiter.rate(),
            accepted_per_second: minute.accepted_per_second,
            throttled_share: minute.throttled_share,
            error_share: minute.error_share,
            refused_share: minute.refused_share,
            latency_p50: minute.latency_p50,
            latency_p99: minute.latency_p99,
            paused_until: until.map(|until| wall(now, until)),
            last_problem: self.last_problem,
            stopped: self.stopped(),
            held: Vec::new(),
        }
    }

    /// What it does, and until when that is known.
    fn state(&mut self, now: Now) -> (OriginState, Option<Instant>) {
        let paused = self.paused_until.filter(|until| *until > now.monotonic);
        let stops = !self.senders.accepts_others && self.senders.stops().next().is_some();
        match (self.breaker.look(now.monotonic), self.breaker) {
            (_, Breaker::HalfOpen { .. }) => (OriginState::Probing, None),
            (Look::Until(until), _) => (OriginState::Broken, Some(until)),
            (Look::Go | Look::Probe, _) if paused.is_some() => (OriginState::Paused, paused),
            (Look::Go | Look::Probe, _) if stops => (OriginState::Stopped, None),
            (Look::Go | Look::Probe, _) => (OriginState::Open, None),
        }
    }

    /// The same as numbers.
    pub(in super::super) fn counts(&mut self, now: Now) -> LaneCounts {
        let state = self.state(now).0;
        let is = |one| u64::from(state == one);
        let stops = |extent| self.senders.stops().filter(|(.., stop)| stop.extent == extent).count() as u64;
        LaneCounts {
            open: is(OriginState::Open),
            paused: is(OriginState::Paused),
            broken: is(OriginState::Broken),
            probing: is(OriginState::Probing),
            stopped: is(OriginState::Stopped),
            applications_stopped: stops(Extent::All),
            applications_slowed: stops(Extent::Strangers),
        }
    }
}
