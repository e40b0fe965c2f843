//! What an origin lets in: limits on requests at once and a second, and their counts. One short lock for each request's
//! beginning and end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::control_json::SecondLine;
use super::fault::Fault;
use super::fault_terms::Delay;
use super::origin_settings::OriginSettings;
use super::records::Progress;
use super::seconds::Seconds;

/// The limits and counts of one origin.
#[derive(Debug)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug)]
struct State {
    settings: OriginSettings,
    concurrency: Option<(u64, Arc<Fault>)>,
    rate: Option<Bucket>,
    fault: Option<Arc<Fault>>,
    /// Of the fault.
    progress: Progress,
    open: u64,
    /// Since the settings were put.
    peak: u64,
    total: SecondLine,
    seconds: Seconds,
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    refilled: Instant,
    excess: Arc<Fault>,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.refilled = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        let is_enough = self.tokens >= 1.0;
        if is_enough {
            self.tokens -= 1.0;
        }
        is_enough
    }
}

/// A request that was let in, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    gate: &'a Gate,
    /// How long it is to be held.
    pub(crate) delay: Delay,
    /// What is to become of it.
    pub(crate) fault: Option<Arc<Fault>>,
    /// Whether it was answered 2xx.
    pub(crate) taken: bool,
}

impl Gate {
    /// `start` is the beginning of second 0.
    pub(crate) fn new(settings: OriginSettings, start: Instant) -> Self {
        let gate = Self(Mutex::new(State {
            settings: OriginSettings::default(),
            concurrency: None,
            rate: None,
            fault: None,
            progress: Progress::default(),
            open: 0,
            peak: 0,
            total: SecondLine::default(),
            seconds: Seconds::new(start),
        }));
        gate.set(settings);
        gate
    }

    /// Changes what is let in from now on. What is in counts on; a bucket begins full.
    pub(crate) fn set(&self, settings: OriginSettings) {
        let mut state = self.lock();
        state.concurrency =
            settings.concurrency.clone().map(|limit| (limit.max.into(), Arc::new(limit.excess)));
        state.rate = settings.rate.clone().map(|limit| Bucket {
            per_second: limit.per_second,
            burst: limit.burst(),
            tokens: limit.burst(),
            refilled: Instant::now(),
            excess: Arc::new(limit.excess),
        });
        state.fault = settings.fault.clone().map(Arc::new);
        state.progress = Progress::default();
        state.peak = state.open;
        state.settings = settings;
    }

    /// Lets a request in; or gives what is to become of it, being beyond a limit. `chance` is from 0 up to 1.
    pub(crate) fn enter(&self, chance: impl FnOnce() -> f64) -> Result<Admission<'_>, Arc<Fault>> {
        let now = Instant::now();
        let mut state = self.lock();
        let state = &mut *state;
        state.total.requests += 1;
        let line = state.seconds.at(now, state.open);
        line.requests += 1;
        if let Some((max, excess)) = &state.concurrency
            && state.open >= *max
        {
            line.over_concurrency += 1;
            state.total.over_concurrency += 1;
            return Err(Arc::clone(excess));
        }
        if let Some(bucket) = &mut state.rate
            && !bucket.take(now)
        {
            line.over_rate += 1;
            state.total.over_rate += 1;
            return Err(Arc::clone(&bucket.excess));
        }
        state.open += 1;
        line.peak = line.peak.max(state.open);
        state.peak = state.peak.max(state.open);
        let fault = state.fault.clone().filter(|fault| {
            // At an origin nothing is looked at before.
            let acts = fault.acts(fault.stage(), &mut state.progress, chance);
            state.progress.taken = state.progress.taken.saturating_add(1);
            acts
        });
        Ok(Admission { gate: self, delay: state.settings.delay_ms, fault, taken: false })
    }

    /// How it is set, everything since the start (`second` says nothing, `peak` is since the settings were put), and what is open.
    pub(crate) fn read(&self) -> (OriginSettings, SecondLine, u64) {
        let mut state = self.lock();
        let state = &mut *state;
        state.seconds.at(Instant::now(), state.open);
        let total = SecondLine { peak: state.peak, busy_micros: state.seconds.busy_micros(), ..state.total };
        (state.settings.clone(), total, state.open)
    }

    /// The last seconds that had anything.
    pub(crate) fn seconds(&self) -> Vec<SecondLine> {
        let mut state = self.lock();
        let state = &mut *state;
        state.seconds.at(Instant::now(), state.open);
        state.seconds.lines().copied().collect()
    }

    fn leave(&self, taken: bool) {
        let mut state = self.lock();
        let state = &mut *state;
        let line = state.seconds.at(Instant::now(), state.open);
        state.open -= 1;
        if taken {
            line.taken += 1;
            state.total.taken += 1;
        }
    }

    /// A panic of another thread leaves these figures whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        self.gate.leave(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::Duration;

    use super::*;

    fn gate(settings: serde_json::Value) -> Gate {
        Gate::new(serde_json::from_value(settings).unwrap(), Instant::now())
    }

    fn enter(gate: &Gate) -> Result<Admission<'_>, &'static str> {
        gate.enter(|| 0.5).map_err(|fault| fault.kind())
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_so_many_are_open_at_once() {
        let limit = json!({"concurrency": {"max": 2, "excess": {"refused_stream": {}}}});
        let gate = gate(limit);
        let first = enter(&gate).unwrap();
        let mut second = enter(&gate).unwrap();
        assert_eq!(enter(&gate).unwrap_err(), "refused_stream");
        drop(first);
        let third = enter(&gate).unwrap();
        second.taken = true;
        tokio::time::advance(Duration::from_millis(10)).await;
        drop((second, third));
        let (_, total, open) = gate.read();
        assert_eq!((total.requests, total.taken, total.over_concurrency, total.peak, open), (4, 1, 1, 2, 0));
        assert_eq!(total.busy_micros, 20_000);

        gate.set(serde_json::from_value(json!({"concurrency": {"max": 1}})).unwrap());
        let _only = enter(&gate).unwrap();
        assert_eq!(enter(&gate).unwrap_err(), "answer");
        assert_eq!(gate.read().1.peak, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_so_many_come_a_second() {
        let gate = gate(json!({"rate": {"per_second": 100, "burst": 5}}));
        let count = |tries: usize| (0..tries).filter(|_| enter(&gate).is_ok()).count();
        assert_eq!(count(20), 5);
        tokio::time::advance(Duration::from_millis(30)).await;
        assert_eq!(count(20), 3);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(count(20), 5, "no more than the burst");
        assert_eq!(gate.read().1.over_rate, 47);
        let lines: Vec<_> = gate.seconds().iter().map(|line| (line.second, line.over_rate)).collect();
        assert_eq!(lines, [(0, 32), (60, 15)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_beyond_the_first_limit_takes_no_token() {
        let gate = gate(json!({"concurrency": {"max": 1}, "rate": {"per_second": 1, "burst": 2}}));
        let first = enter(&gate).unwrap();
        assert!((0..10).all(|_| enter(&gate).is_err()));
        drop(first);
        assert!(enter(&gate).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_for_those_within_the_limits() {
        let gate = gate(json!({"fault": {"silent": {"when": {"after": 1, "times": 2}}}}));
        let kinds: Vec<_> =
            (0..5).map(|_| enter(&gate).unwrap().fault.as_ref().map(|fault| fault.kind())).collect();
        assert_eq!(kinds, [None, Some("silent"), Some("silent"), None, None]);
    }
}
