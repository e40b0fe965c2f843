//! The connections, kept by origin. A connection slot is one reqwest client: hyper keeps one HTTP/2 connection for
//! each and queues silently beyond the peer's stream limit, so requests in flight are counted here, and more slots
//! opened with need.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::slot::{Slot, SlotFactory};
use crate::domain::Origin;
use crate::transport::TransportError;

/// How long an origin that did not agree on HTTP/2 is spoken to over HTTP/1.1 before it is offered again.
const HTTP1_MEMORY: Duration = Duration::from_secs(600);

/// What the locks here guard is whole after every statement, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bounds of [`Origins`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) slots_per_origin: usize,
    pub(super) requests_per_slot: usize,
    pub(super) origins: usize,
    pub(super) idle: Duration,
}

/// All origins with connections.
#[derive(Debug)]
pub(super) struct Origins {
    bounds: Bounds,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    by_origin: HashMap<Origin, Arc<Connections>>,
    swept: Instant,
}

impl Origins {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, known: Mutex::new(Known { by_origin: HashMap::new(), swept: Instant::now() }) }
    }

    /// The connections of an origin. `factory` is asked for how to make them when there are none yet.
    pub(super) fn get(&self, origin: &Origin, factory: impl FnOnce() -> SlotFactory) -> Arc<Connections> {
        let now = Instant::now();
        let mut known = lock(&self.known);
        if now.duration_since(known.swept) >= self.bounds.idle {
            known.swept = now;
            known.by_origin.retain(|_, connections| !connections.is_idle_since(now, self.bounds.idle));
        }
        if let Some(connections) = known.by_origin.get(origin) {
            connections.touch(now);
            return Arc::clone(connections);
        }
        if known.by_origin.len() >= self.bounds.origins {
            known.drop_longest_idle();
        }
        let connections = Arc::new(Connections::new(factory(), self.bounds, now));
        known.by_origin.insert(origin.clone(), Arc::clone(&connections));
        connections
    }

    /// How many connections of an origin are open.
    pub(super) fn open(&self, origin: &Origin) -> usize {
        let connections = lock(&self.known).by_origin.get(origin).cloned();
        connections.map_or(0, |connections| lock(&connections.slots).open.len())
    }

    /// How many origins are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.known).by_origin.len()
    }
}

impl Known {
    fn drop_longest_idle(&mut self) {
        let longest = self
            .by_origin
            .iter()
            .filter(|(_, connections)| !in_use(connections))
            .min_by_key(|(_, connections)| *lock(&connections.used))
            .map(|(origin, _)| origin.clone());
        if let Some(origin) = longest {
            self.by_origin.remove(&origin);
        }
    }
}

/// Whether somebody besides the map holds it. They can only be handed out under the map's lock, which the caller has.
fn in_use(connections: &Arc<Connections>) -> bool {
    Arc::strong_count(connections) > 1
}

/// The connections of one origin.
#[derive(Debug)]
pub(super) struct Connections {
    factory: SlotFactory,
    bounds: Bounds,
    permits: Arc<Semaphore>,
    slots: Mutex<Slots>,
    used: Mutex<Instant>,
}

#[derive(Debug)]
struct Slots {
    /// Since when HTTP/1.1 is spoken with an origin that was offered HTTP/2.
    fell_back: Option<Instant>,
    open: Vec<Arc<Slot>>,
}

impl Connections {
    fn new(factory: SlotFactory, bounds: Bounds, now: Instant) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(bounds.slots_per_origin * bounds.requests_per_slot)),
            slots: Mutex::new(Slots { fell_back: None, open: Vec::new() }),
            factory,
            bounds,
            used: Mutex::new(now),
        }
    }

    fn touch(&self, now: Instant) {
        *lock(&self.used) = now;
    }

    fn is_idle_since(self: &Arc<Self>, now: Instant, idle: Duration) -> bool {
        !in_use(self) && now.duration_since(*lock(&self.used)) >= idle
    }

    /// A place for one request on the slot with the fewest. Waits while all are full.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, TransportError> {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return Err(unusable("closed"));
        };
        let mut slots = lock(&self.slots);
        if slots.fell_back.is_some_and(|since| since.elapsed() >= HTTP1_MEMORY) {
            slots.fell_back = None;
            slots.open.clear();
        }
        let fewest = slots.open.iter().min_by_key(|slot| slot.in_flight.load(Ordering::Relaxed)).cloned();
        let slot = match fewest {
            Some(slot)
                if slot.in_flight.load(Ordering::Relaxed) < self.bounds.requests_per_slot
                    || slots.open.len() >= self.bounds.slots_per_origin =>
            {
                slot
            }
            Some(_) | None => {
                let slot = Arc::new(self.factory.open(slots.fell_back.is_some())?);
                slots.open.push(Arc::clone(&slot));
                slot
            }
        };
        // Counted under the lock, so that a burst does not choose the same slot.
        slot.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Lease { slot, _permit: permit, _connections: Arc::clone(self) })
    }

    /// For some time over HTTP/1.1. Requests on the slots so far end as they do.
    pub(super) fn fall_back_to_http1(&self) {
        let mut slots = lock(&self.slots);
        if slots.fell_back.is_none() {
            slots.fell_back = Some(Instant::now());
            slots.open.clear();
        }
    }
}

fn unusable(detail: &str) -> TransportError {
    TransportError::Unreachable { detail: detail.to_owned(), sent: false }
}

/// One request's place on a slot; given back when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    slot: Arc<Slot>,
    _permit: OwnedSemaphorePermit,
    _connections: Arc<Connections>,
}

impl std::ops::Deref for Lease {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.slot
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::transport::HttpSettings;
    use crate::transport::policy::Reach;
    use crate::transport::resolver::SystemLookup;
    use crate::transport::tls::{Protocol, Tls};

    /// Reading the system's certificates takes a while.
    static TLS: LazyLock<Arc<Tls>> = LazyLock::new(|| Arc::new(Tls::new()));

    fn origins(origins: usize) -> Origins {
        let idle = Duration::from_secs(60);
        Origins::new(Bounds { slots_per_origin: 2, requests_per_slot: 2, origins, idle })
    }

    fn get(origins: &Origins, host: &str) -> Arc<Connections> {
        let origin = Origin::parse(&format!("https://{host}")).unwrap();
        origins.get(&origin, || SlotFactory {
            settings: Arc::new(HttpSettings::default()),
            tls: Arc::clone(&TLS),
            lookup: Arc::new(SystemLookup::default()),
            reach: Reach::Public,
            roots: Some(Vec::new()),
            https: true,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn idle_origins_go_and_busy_ones_stay() {
        let origins = origins(10);
        drop(get(&origins, "idle.example"));
        let busy = get(&origins, "busy.example");
        tokio::time::advance(Duration::from_secs(61)).await;
        drop(get(&origins, "new.example"));
        assert_eq!(origins.len(), 2);
        assert!(Arc::ptr_eq(&busy, &get(&origins, "busy.example")));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_origins_is_bounded_by_dropping_the_longest_idle() {
        let origins = origins(2);
        let busy = get(&origins, "busy.example");
        for number in 0..100 {
            tokio::time::advance(Duration::from_millis(1)).await;
            drop(get(&origins, &format!("{number}.example")));
            assert!(origins.len() <= 2);
        }
        assert!(Arc::ptr_eq(&busy, &get(&origins, "busy.example")));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_is_tried_again_after_a_while() {
        let connections = get(&origins(1), "push.example");
        let protocol = async || connections.lease().await.unwrap().slot.protocol();
        assert_eq!(protocol().await, Protocol::Http2);
        connections.fall_back_to_http1();
        assert_eq!(protocol().await, Protocol::Http1);
        tokio::time::advance(HTTP1_MEMORY / 2).await;
        connections.fall_back_to_http1();
        assert_eq!(protocol().await, Protocol::Http1);
        tokio::time::advance(HTTP1_MEMORY / 2).await;
        assert_eq!(protocol().await, Protocol::Http2);
    }

    #[tokio::test]
    async fn slots_open_with_need_and_are_chosen_by_least_in_flight() {
        let connections = get(&origins(1), "push.example");
        let open = || lock(&connections.slots).open.len();
        let first = connections.lease().await.unwrap();
        let second = connections.lease().await.unwrap();
        assert_eq!(open(), 1);
        let third = connections.lease().await.unwrap();
        assert_eq!(open(), 2);
        assert!(!Arc::ptr_eq(&first.slot, &third.slot));
        drop((first, second));
        let fourth = connections.lease().await.unwrap();
        assert!(!Arc::ptr_eq(&fourth.slot, &third.slot));
        let full = [connections.lease().await.unwrap(), connections.lease().await.unwrap()];
        let mut waiting = Box::pin(connections.lease());
        assert!((&mut waiting).now_or_never().is_none());
        drop(full);
        assert!((&mut waiting).now_or_never().is_some());
        assert_eq!(open(), 2);
    }
}
