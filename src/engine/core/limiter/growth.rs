//! How a lane grows while nothing is refused, and what its latency says against it.

use std::time::Duration;

use tokio::time::Instant;

use super::{ENOUGH, Limiter, OBSERVE_MIN, Ticket};

/// Growth a second once nothing was refused for a while, and how long it takes to double.
const GROWTH: f64 = 0.02;
const GROWTH_DOUBLES: f64 = 1.0;
/// No growth is faster than doubling in these times, in seconds: while nothing was refused yet, and afterwards.
const START_DOUBLES: f64 = 0.05;
const PROBE_DOUBLES: f64 = 0.5;
/// A rate limit is forgotten when concurrency alone has limited the lane for so long.
const RATE_FORGOTTEN: Duration = Duration::from_secs(10);
/// How long the best latency is remembered, at least.
const BASELINE: Duration = Duration::from_secs(30);
/// The latency up to which a lane grows: so many times its best, and this on top.
const LATENCY_FACTOR: u32 = 4;
const LATENCY_SLACK: Duration = Duration::from_millis(20);
/// Beyond it a lane grows while attempts wait here for this part of what their answers take, at most.
const WAITING_SHARE: f64 = 0.5;
/// How long it takes a lane to halve, in seconds, whose attempts wait here longer than for their answers.
const WAITING_HALVES: f64 = 0.5;

impl Limiter {
    /// An attempt was answered and nothing is being observed: perhaps a little more is tried.
    pub(super) fn grow(&mut self, now: Instant, ticket: Ticket) {
        let latency = self.latency.unwrap_or_default();
        let slow = latency > self.best.saturating_mul(LATENCY_FACTOR).saturating_add(LATENCY_SLACK);
        if ticket.by_rate {
            if !slow {
                self.grow_rate(now, latency);
            }
        } else if ticket.by_concurrency {
            let waited = if self.concurrency < ENOUGH { 0.0 } else { self.waited };
            let answered = latency.as_secs_f64();
            if waited > answered {
                let passed = self.since_concurrency_grew(now, latency);
                self.concurrency = (self.concurrency * (-passed / WAITING_HALVES).exp2()).max(ENOUGH);
            } else if !slow && waited <= answered * WAITING_SHARE {
                self.grow_concurrency(now, latency);
            }
        }
    }

    fn grow_rate(&mut self, now: Instant, latency: Duration) {
        let longest = OBSERVE_MIN.max(latency).max(Duration::from_secs_f64(1.5 / self.rate));
        let passed = now.saturating_duration_since(self.rate_grown).min(longest).as_secs_f64();
        self.rate_grown = now;
        let growth = self.growth(now, passed, self.rate < self.known_rate);
        // One request more for each that was taken, at most.
        let most = self.rate + 1.0 / longest.as_secs_f64();
        self.rate = (self.rate * growth).min(most);
    }

    fn grow_concurrency(&mut self, now: Instant, latency: Duration) {
        let passed = self.since_concurrency_grew(now, latency);
        let growth = self.growth(now, passed, self.concurrency < self.known_concurrency);
        self.concurrency = (self.concurrency * growth).min(self.concurrency + 1.0).min(self.max);
        if self.rate.is_finite() && !self.is_by_rate(now, RATE_FORGOTTEN) {
            self.rate = f64::INFINITY;
        }
    }

    /// In seconds; it changes now.
    fn since_concurrency_grew(&mut self, now: Instant, latency: Duration) -> f64 {
        let passed = now.saturating_duration_since(self.concurrency_grown);
        self.concurrency_grown = now;
        passed.min(OBSERVE_MIN.max(latency)).as_secs_f64()
    }

    /// By what a limit grows in this time, in seconds.
    fn growth(&mut self, now: Instant, passed: f64, quickly: bool) -> f64 {
        if quickly {
            return (passed / START_DOUBLES).exp2();
        }
        if now < self.hold_until {
            return 1.0;
        }
        self.grown += passed;
        let speed = GROWTH * (self.grown / GROWTH_DOUBLES).exp2();
        (passed * speed.min(std::f64::consts::LN_2 / PROBE_DOUBLES)).exp()
    }

    /// An answer took so long.
    pub(super) fn note_latency(&mut self, now: Instant, latency: Duration) {
        let smooth = self.latency.map_or(latency, |smooth| (smooth * 15 + latency) / 16);
        self.latency = Some(smooth);
        if now.saturating_duration_since(self.best_since) > BASELINE {
            (self.best, self.next_best, self.best_since) = (self.next_best, Duration::MAX, now);
        }
        // The first few are no average.
        self.latencies = self.latencies.saturating_add(1);
        if self.latencies > 16 {
            self.best = self.best.min(smooth);
            self.next_best = self.next_best.min(smooth);
        }
    }
}
