//! The connections, kept by origin and by the rule that let a request pass: a bounded number of them, each for as long as
//! it is used and a while longer. What one rule dialled no other uses: it may have other addresses, roots and certificates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::connections::{Bounds, Connections};
use super::lock;
use super::slot::SlotFactory;
use crate::domain::{Origin, PassedBy};
use crate::transport::TransportError;

/// One in so many origins goes at once when there are too many: looking for the longest idle takes a look at all.
const EVICTED_SHARE: usize = 64;
/// The shortest time between two sweeps.
const SWEEP_MIN: Duration = Duration::from_millis(10);

/// All origins with connections.
#[derive(Debug)]
pub(super) struct Origins {
    bounds: Bounds,
    known: Mutex<Known>,
}

/// Where to, and by which rule.
type Key = (Origin, PassedBy);

#[derive(Debug, Default)]
struct Known {
    by_origin: HashMap<Key, Arc<Connections>>,
    /// Whether there is a task that sweeps.
    swept: bool,
}

impl Origins {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, known: Mutex::default() }
    }

    /// The connections of an origin by one rule. `factory` is asked for how to make them when there are none yet.
    pub(super) fn get(
        self: &Arc<Self>,
        origin: &Origin,
        passed: PassedBy,
        factory: impl FnOnce() -> Result<SlotFactory, TransportError>,
    ) -> Result<Arc<Connections>, TransportError> {
        let now = Instant::now();
        let key = (origin.clone(), passed);
        let mut known = lock(&self.known);
        if let Some(connections) = known.by_origin.get(&key) {
            connections.touch(now);
            return Ok(Arc::clone(connections));
        }
        let connections = Arc::new(Connections::new(factory()?, self.bounds, now));
        let evicted = if known.by_origin.len() >= self.bounds.origins {
            known.take_longest_idle((self.bounds.origins / EVICTED_SHARE).max(1))
        } else {
            Vec::new()
        };
        known.by_origin.insert(key, Arc::clone(&connections));
        if !std::mem::replace(&mut known.swept, true) {
            tokio::spawn(keep_swept(Arc::downgrade(self), self.sweep_interval()));
        }
        drop(known);
        // Closing connections takes its time: nobody waits for it.
        drop(evicted);
        Ok(connections)
    }

    /// Open connections to an origin by one rule, as far as requests have shown.
    pub(super) fn connections(&self, origin: &Origin, passed: PassedBy) -> usize {
        let key = (origin.clone(), passed);
        lock(&self.known).by_origin.get(&key).map_or(0, |connections| connections.count())
    }

    fn sweep_interval(&self) -> Duration {
        (self.bounds.idle.min(self.bounds.surplus) / 2).max(SWEEP_MIN)
    }

    /// Closes what is not needed any more. False once nothing is left.
    fn sweep(&self, now: Instant) -> bool {
        let mut surplus = Vec::new();
        let mut known = lock(&self.known);
        let idle: Vec<_> = known
            .by_origin
            .extract_if(|_, connections| {
                !in_use(connections) && now.duration_since(connections.used()) >= self.bounds.idle
            })
            .collect();
        for connections in known.by_origin.values() {
            surplus.append(&mut connections.take_surplus(now));
        }
        if idle.len() > known.by_origin.len() {
            known.by_origin.shrink_to_fit();
        }
        known.swept = !known.by_origin.is_empty();
        let swept = known.swept;
        drop(known);
        drop((idle, surplus));
        swept
    }

    /// How many origins are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.known).by_origin.len()
    }
}

/// Sweeps until nothing is left to be swept, or the transport is dropped.
async fn keep_swept(origins: Weak<Origins>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(origins) = origins.upgrade() else { return };
        if !origins.sweep(Instant::now()) {
            return;
        }
    }
}

impl Known {
    fn take_longest_idle(&mut self, most: usize) -> Vec<(Key, Arc<Connections>)> {
        let idle = self.by_origin.values().filter(|connections| !in_use(connections));
        let mut used: Vec<Instant> = idle.map(|connections| connections.used()).collect();
        let Some(last) = most.min(used.len()).checked_sub(1) else { return Vec::new() };
        let latest = *used.select_nth_unstable(last).1;
        self.by_origin
            .extract_if(|_, connections| !in_use(connections) && connections.used() <= latest)
            .take(most)
            .collect()
    }
}

/// Whether somebody besides the map holds it. They can only be handed out under the map's lock, which the caller has.
fn in_use(connections: &Arc<Connections>) -> bool {
    Arc::strong_count(connections) > 1
}

#[cfg(test)]
mod tests {
    use super::super::connections::tests::{bounds, factory};
    use super::*;

    fn origins(number: usize) -> Arc<Origins> {
        Arc::new(Origins::new(bounds(number)))
    }

    fn get(origins: &Arc<Origins>, host: &str) -> Arc<Connections> {
        let origin = Origin::parse(&format!("https://{host}")).unwrap();
        origins.get(&origin, PassedBy::Hosts, || Ok(factory(true))).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn idle_origins_go_and_busy_ones_stay() {
        let origins = origins(10);
        drop(get(&origins, "idle.example"));
        let busy = get(&origins, "busy.example");
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(origins.len(), 1);
        assert!(Arc::ptr_eq(&busy, &get(&origins, "busy.example")));
        drop(busy);
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(origins.len(), 0);
        tokio::time::sleep(Duration::from_secs(70)).await;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "nothing is left to sweep");
        drop(get(&origins, "again.example"));
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(origins.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_origins_is_bounded_by_dropping_the_longest_idle() {
        let origins = origins(200);
        let busy = get(&origins, "busy.example");
        for number in 0..1_000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            drop(get(&origins, &format!("{number}.example")));
            assert!(origins.len() <= 200);
        }
        assert!(Arc::ptr_eq(&busy, &get(&origins, "busy.example")));
        let known = |number: usize| {
            let origin = Origin::parse(&format!("https://{number}.example")).unwrap();
            lock(&origins.known).by_origin.contains_key(&(origin, PassedBy::Hosts))
        };
        assert!((810..1_000).all(known), "those used last stay");
        assert!((0..790).all(|number| !known(number)));
    }
}
