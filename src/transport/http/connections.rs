//! The connections of one origin. Hyper keeps one HTTP/2 connection for each client and queues silently beyond the
//! peer's stream limit, so requests in flight are counted here: slots are opened when those before are full, and
//! closed when fewer would have been enough for a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::slot::{Slot, SlotFactory};
use super::{lock, unsent};
use crate::transport::TransportError;
use crate::transport::tls::Protocol;

/// How long an origin that did not agree on HTTP/2 is spoken to over HTTP/1.1 before it is offered again.
const HTTP1_MEMORY: Duration = Duration::from_secs(600);
/// How long no further connection is tried after one could not be opened beside others that are.
const GROWTH_PAUSE: Duration = Duration::from_secs(10);

/// So many requests in a row go over one connection, if it has room: those that come together, as a broadcast's do, leave
/// in one write.
const IN_A_ROW: usize = 16;

/// Bounds of [`Connections`] and [`super::origins::Origins`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) slots_per_origin: usize,
    pub(super) requests_per_slot: usize,
    /// Requests at once to an origin that speaks HTTP/1.1 only, each on a connection of its own.
    pub(super) http1_per_origin: usize,
    pub(super) origins: usize,
    /// How long an origin is kept after its last request.
    pub(super) idle: Duration,
    /// A slot that was not needed for so long is closed.
    pub(super) surplus: Duration,
}

/// The connections of one origin.
#[derive(Debug)]
pub(super) struct Connections {
    factory: SlotFactory,
    bounds: Bounds,
    permits: Arc<Semaphore>,
    http1_permits: Arc<Semaphore>,
    slots: Mutex<Slots>,
    used: Mutex<Instant>,
}

#[derive(Debug)]
struct Slots {
    /// The oldest first.
    open: Vec<Arc<Slot>>,
    /// Which of them was chosen last, and how many more in a row go over it.
    turn: (usize, usize),
    /// Since when HTTP/1.1 is spoken with an origin that was offered HTTP/2.
    fell_back: Option<Instant>,
    /// When another slot may be opened again.
    grow_after: Option<Instant>,
    /// The most requests that were in flight at once, since when.
    peak: usize,
    peak_since: Instant,
}

impl Slots {
    fn in_flight(&self) -> usize {
        self.open.iter().map(|slot| slot.in_flight()).sum()
    }
}

impl Connections {
    pub(super) fn new(factory: SlotFactory, bounds: Bounds, now: Instant) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(bounds.slots_per_origin * bounds.requests_per_slot)),
            http1_permits: Arc::new(Semaphore::new(bounds.http1_per_origin)),
            slots: Mutex::new(Slots {
                open: Vec::new(),
                turn: (0, 0),
                fell_back: None,
                grow_after: None,
                peak: 0,
                peak_since: now,
            }),
            factory,
            bounds,
            used: Mutex::new(now),
        }
    }

    pub(super) fn touch(&self, now: Instant) {
        *lock(&self.used) = now;
    }

    /// When it was last asked for.
    pub(super) fn used(&self) -> Instant {
        *lock(&self.used)
    }

    /// A place for one request. Waits while all are taken.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, TransportError> {
        let permit = acquire(&self.permits).await?;
        let http1_permit = match self.protocol() {
            Protocol::Http1 => Some(acquire(&self.http1_permits).await?),
            Protocol::Http2 => None,
        };
        let now = Instant::now();
        let mut slots = lock(&self.slots);
        let slot = self.choose(&mut slots, now)?;
        // Counted under the lock, so that a burst does not choose the same slot.
        slot.enter();
        slots.peak = slots.peak.max(slots.in_flight());
        let answers = slot.answers();
        Ok(Lease {
            slot,
            answers,
            _permit: permit,
            _http1_permit: http1_permit,
            connections: Arc::clone(self),
        })
    }

    /// What a request that comes now is posted over.
    fn protocol(&self) -> Protocol {
        let mut slots = lock(&self.slots);
        if slots.fell_back.is_some_and(|since| since.elapsed() >= HTTP1_MEMORY) {
            slots.fell_back = None;
            slots.open.clear();
        }
        self.factory.protocol(slots.fell_back.is_some())
    }

    /// The slot with the fewest requests of those with room: rather one that is open than one that is being dialled. The
    /// next ones in a row go over it too.
    fn choose(&self, slots: &mut Slots, now: Instant) -> Result<Arc<Slot>, TransportError> {
        let protocol = self.factory.protocol(slots.fell_back.is_some());
        let full = |slot: &Slot| slot.in_flight() >= self.bounds.requests_per_slot;
        let (place, more) = slots.turn;
        if let Some(slot) = slots.open.get(place).filter(|slot| more > 0 && slot.is_open() && !full(slot)) {
            slots.turn = (place, more - 1);
            return Ok(Arc::clone(slot));
        }
        let load = |slot: &Slot| (full(slot), !slot.is_open(), slot.in_flight());
        let best = slots.open.iter().enumerate().min_by_key(|(_, slot)| load(slot));
        let slots_max = match protocol {
            Protocol::Http2 => self.bounds.slots_per_origin,
            // One client has any number of connections.
            Protocol::Http1 => 1,
        };
        let may_grow = slots.open.len() < slots_max && slots.grow_after.is_none_or(|after| now >= after);
        if let Some((place, slot)) = best.filter(|(_, slot)| !full(slot) || !may_grow) {
            slots.turn = (place, IN_A_ROW - 1);
            return Ok(Arc::clone(slot));
        }
        let slot = Arc::new(self.factory.open(protocol)?);
        slots.open.push(Arc::clone(&slot));
        Ok(slot)
    }

    /// For some time over HTTP/1.1. Requests on the slots so far end as they do.
    pub(super) fn fall_back_to_http1(&self) {
        let mut slots = lock(&self.slots);
        if slots.fell_back.is_none() {
            slots.fell_back = Some(Instant::now());
            slots.open.clear();
        }
    }

    /// Gives up a slot that could not be opened, if others are: a push service may bound the connections of one
    /// client, and the slot with the fewest requests must not be the one that fails them. False if there is no other.
    pub(super) fn do_without(&self, failed: &Arc<Slot>) -> bool {
        let mut slots = lock(&self.slots);
        let others = slots.open.iter().any(|slot| !Arc::ptr_eq(slot, failed) && slot.is_open());
        if others {
            slots.open.retain(|slot| !Arc::ptr_eq(slot, failed));
            slots.grow_after = Some(Instant::now() + GROWTH_PAUSE);
        }
        others
    }

    /// Takes no further request to a slot that is open and let one wait up to its deadline: a peer that is about to stop may
    /// allow no stream any more. Requests on it end as they do, and with the last one its connection.
    fn discard(&self, blocked: &Arc<Slot>) {
        if blocked.is_open() {
            lock(&self.slots).open.retain(|slot| !Arc::ptr_eq(slot, blocked));
        }
    }

    /// Closes the slots that were not needed since the last time, if that is long enough ago. Requests on them end as
    /// they do; so the caller drops them outside of all locks.
    pub(super) fn take_surplus(&self, now: Instant) -> Vec<Arc<Slot>> {
        let mut slots = lock(&self.slots);
        if now.duration_since(slots.peak_since) < self.bounds.surplus {
            return Vec::new();
        }
        let needed = slots.peak.div_ceil(self.bounds.requests_per_slot).max(1).min(slots.open.len());
        slots.peak = slots.in_flight();
        slots.peak_since = now;
        slots.open.split_off(needed)
    }

    /// Open connections, as far as requests have shown.
    pub(super) fn count(&self) -> usize {
        lock(&self.slots).open.iter().map(|slot| slot.connections()).sum()
    }
}

async fn acquire(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, TransportError> {
    Arc::clone(permits).acquire_owned().await.map_err(|_| unsent("closed"))
}

/// One request's place on a slot; given back when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    slot: Arc<Slot>,
    /// Answers that the slot had when it was chosen.
    answers: u64,
    _permit: OwnedSemaphorePermit,
    _http1_permit: Option<OwnedSemaphorePermit>,
    connections: Arc<Connections>,
}

impl Lease {
    /// The request has waited in vain: for a stream, or if it was `sent`, for its answer. One that waits for its answer while
    /// others get theirs says nothing about the connection. Where nobody does, the connection goes: the other side may be dead,
    /// or send without end what is no answer, which would be read on. Over HTTP/1.1 it goes with its request anyway.
    pub(super) fn gave_up(&self, sent: bool) {
        let is_silent = self.slot.protocol() == Protocol::Http2 && self.slot.answers() == self.answers;
        if !sent || is_silent {
            self.connections.discard(&self.slot);
        }
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot.leave();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::LazyLock;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::transport::HttpSettings;
    use crate::transport::exceptions::Reach;
    use crate::transport::http::slot::Way;
    use crate::transport::resolver::SystemLookup;
    use crate::transport::tls::Tls;

    /// Reading the system's certificates takes a while.
    static TLS: LazyLock<Tls> = LazyLock::new(|| Tls::new().unwrap());

    pub(crate) fn factory(https: bool) -> SlotFactory {
        SlotFactory {
            settings: Arc::new(HttpSettings::default()),
            tls: TLS.of_origin(None).unwrap(),
            lookup: Arc::new(SystemLookup::new(&[], Duration::from_secs(5))),
            way: Way::Direct(Reach::Public),
            https,
        }
    }

    pub(crate) fn bounds(origins: usize) -> Bounds {
        Bounds {
            slots_per_origin: 3,
            requests_per_slot: 2,
            http1_per_origin: 2,
            origins,
            idle: Duration::from_secs(60),
            surplus: Duration::from_secs(10),
        }
    }

    fn connections(https: bool) -> Arc<Connections> {
        Arc::new(Connections::new(factory(https), bounds(1), Instant::now()))
    }

    fn open(connections: &Connections) -> usize {
        lock(&connections.slots).open.len()
    }

    #[tokio::test(start_paused = true)]
    async fn http2_is_tried_again_after_a_while() {
        let connections = connections(true);
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
        let connections = connections(true);
        let first = connections.lease().await.unwrap();
        let second = connections.lease().await.unwrap();
        assert_eq!(open(&connections), 1);
        let third = connections.lease().await.unwrap();
        assert_eq!(open(&connections), 2);
        assert!(!Arc::ptr_eq(&first.slot, &third.slot));
        drop((first, second));
        let fourth = connections.lease().await.unwrap();
        assert!(!Arc::ptr_eq(&fourth.slot, &third.slot));
        let full = [0; 4].map(|_| connections.lease().now_or_never().unwrap().unwrap());
        assert_eq!(open(&connections), 3);
        let mut waiting = Box::pin(connections.lease());
        assert!((&mut waiting).now_or_never().is_none());
        drop(full);
        assert!((&mut waiting).now_or_never().is_some());
        assert_eq!(open(&connections), 3);
    }

    #[tokio::test]
    async fn requests_in_a_row_go_over_one_connection() {
        let bounds = Bounds { requests_per_slot: 2 * IN_A_ROW, ..bounds(1) };
        let connections = Arc::new(Connections::new(factory(true), bounds, Instant::now()));
        let lease = || connections.lease().now_or_never().unwrap().unwrap();
        let filled: Vec<_> = (0..=bounds.requests_per_slot).map(|_| lease()).collect();
        assert_eq!(open(&connections), 2);
        drop(filled);
        let mut slots = lock(&connections.slots);
        slots.open.iter().for_each(|slot| slot.dialled());
        slots.turn = (0, 0);
        drop(slots);
        let leases: Vec<_> = (0..4 * IN_A_ROW).map(|_| lease()).collect();
        for (number, pair) in leases.windows(2).enumerate() {
            let changes = (number + 1) % IN_A_ROW == 0;
            assert_eq!(Arc::ptr_eq(&pair[0].slot, &pair[1].slot), !changes, "{number}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slots_close_when_fewer_were_enough_for_a_while() {
        let connections = connections(true);
        let mut leases: Vec<_> =
            [0; 6].into_iter().map(|_| connections.lease().now_or_never().unwrap().unwrap()).collect();
        assert_eq!(open(&connections), 3);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(connections.take_surplus(Instant::now()).is_empty(), "too early");
        leases.truncate(3);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(connections.take_surplus(Instant::now()).is_empty(), "all were needed a moment ago");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(connections.take_surplus(Instant::now()).len(), 1, "three requests need two");
        leases.clear();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(connections.take_surplus(Instant::now()).is_empty());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(connections.take_surplus(Instant::now()).len(), 1);
        assert_eq!(open(&connections), 1, "one stays warm");
    }

    #[tokio::test]
    async fn over_http1_one_client_has_a_bounded_number_of_connections() {
        let connections = connections(false);
        let leases = [0; 2].map(|_| connections.lease().now_or_never().unwrap().unwrap());
        assert!(connections.lease().now_or_never().is_none());
        assert_eq!(open(&connections), 1);
        drop(leases);
        assert!(connections.lease().now_or_never().is_some());
    }
}
