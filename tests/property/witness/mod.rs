//! What has happened, as the store and the push services saw it, and the rules that hold for each of their calls.

mod posts;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare::domain::limits::TTL_ZERO_GRACE;
use fanfare::domain::{Clock, DeliveryEvent, MessageId, Outcome, SubscriptionId, Timestamp};
use fanfare::store::{Accepted, NewMessage, Recipients, Removal, Subscribe, Subscribed};
use fanfare::webpush::{AgreementKey, AwsLcKey};

use super::clock::PacedClock;
use posts::Posts;

/// See the [module's documentation](self).
#[derive(Debug)]
pub(crate) struct Witness {
    clock: Arc<PacedClock>,
    max_unsettled: usize,
    state: Mutex<State>,
}

/// One message to one subscription.
pub(crate) type Delivery = (MessageId, SubscriptionId);

/// A subscription as one set of keys knows it.
type Registration = (SubscriptionId, u32);

#[derive(Debug, Default)]
struct State {
    /// Counts what happens.
    tick: u64,
    /// Rules that were broken.
    faults: Vec<String>,
    /// The private keys of each endpoint's browser, oldest first.
    browsers: BTreeMap<String, Vec<(AwsLcKey, [u8; 16])>>,
    registered: HashMap<[u8; 65], Registration>,
    /// Whose browser made these keys.
    users: HashMap<[u8; 65], String>,
    /// When they end by themselves.
    expiries: HashMap<Registration, Timestamp>,
    members: BTreeMap<SubscriptionId, Member>,
    /// Which a push service declared gone, or whose own time has passed.
    proven: HashSet<Registration>,
    /// What the reaper was doing when the store failed.
    in_doubt: Vec<Removal>,
    messages: BTreeMap<MessageId, Message>,
    by_payload: HashMap<Vec<u8>, MessageId>,
    posts: HashMap<Delivery, Posts>,
    ended: HashSet<Delivery>,
    /// Posted in this life, without a recorded outcome.
    unsettled: BTreeSet<Delivery>,
    posted: usize,
}

/// A stored subscription's life.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) generation: u32,
    pub(crate) user_id: String,
    /// With the time since when.
    pub(crate) topics: BTreeMap<String, Timestamp>,
    pub(crate) created: Timestamp,
    /// Since when it is there.
    pub(crate) first: u64,
    /// Since when it is there with these topics; never, while it is disabled.
    pub(crate) since: u64,
    pub(crate) until: Option<u64>,
}

/// An accepted message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) recipients: Recipients,
    /// From when on nothing of it is posted.
    pub(crate) ends_at: Timestamp,
    /// When its sending began.
    pub(crate) begun: Option<(u64, Timestamp)>,
    pub(crate) ended: Option<u64>,
    /// It is stopped for good.
    pub(crate) stopped: bool,
    /// Nothing of it may be posted any more: its caller was told so, or a newer one is being posted.
    pub(crate) closed: bool,
    /// The message that this one superseded.
    pub(crate) superseded: Option<MessageId>,
}

impl State {
    fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    fn check(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }
}

impl Witness {
    pub(crate) fn new(clock: Arc<PacedClock>, max_unsettled: usize) -> Self {
        Self { clock, max_unsettled, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // -------------------------------------------------------------- what tests ask

    /// Rules that were broken so far.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    pub(crate) fn members(&self) -> BTreeMap<SubscriptionId, Member> {
        self.state().members.clone()
    }

    pub(crate) fn messages(&self) -> BTreeMap<MessageId, Message> {
        self.state().messages.clone()
    }

    pub(crate) fn unsettled(&self) -> usize {
        self.state().unsettled.len()
    }

    pub(crate) fn posted(&self) -> usize {
        self.state().posted
    }

    /// The process has ended: whatever was under way may be posted again.
    pub(crate) fn crashed(&self) {
        let mut state = self.state();
        state.unsettled.clear();
        state.posts.values_mut().for_each(|posts| posts.last = None);
    }

    /// Somebody was told that the message is cancelled.
    pub(crate) fn close(&self, message: MessageId) {
        if let Some(message) = self.state().messages.get_mut(&message) {
            message.closed = true;
        }
    }

    // -------------------------------------------------------------- subscriptions

    /// A browser makes keys.
    pub(crate) fn new_keys(&self, endpoint: &str, auth: [u8; 16]) -> [u8; 65] {
        let key = AwsLcKey::generate().unwrap();
        let public = *key.public();
        self.state().browsers.entry(endpoint.to_owned()).or_default().push((key, auth));
        public
    }

    pub(crate) fn subscribed(&self, asked: &Subscribe, done: &Subscribed) {
        let mut state = self.state();
        let tick = state.tick();
        let subscription = &done.subscription;
        let (id, generation) = (subscription.target.id, subscription.target.generation);
        state.registered.insert(asked.keys.p256dh, (id, generation));
        state.users.insert(asked.keys.p256dh, subscription.target.user_id.clone());
        if let Some(expires) = subscription.target.expires {
            state.expiries.insert((id, generation), expires);
        }
        let before = state.members.get(&id);
        let first = before.map_or(tick, |of| of.first);
        let before = before.filter(|of| of.since < tick && of.topics == subscription.topics);
        let since = before.map_or(tick, |of| of.since);
        let member = Member {
            generation,
            user_id: subscription.target.user_id.clone(),
            topics: subscription.topics.clone(),
            created: subscription.created,
            first,
            since,
            until: None,
        };
        state.members.insert(id, member);
        if let Some(removed) = done.removed.and_then(|removed| state.members.get_mut(&removed)) {
            removed.until = Some(tick);
        }
    }

    pub(crate) fn unsubscribed(&self, removed: &[SubscriptionId]) {
        let mut state = self.state();
        let tick = state.tick();
        for id in removed {
            if let Some(member) = state.members.get_mut(id) {
                member.until = Some(tick);
            }
        }
    }

    /// Only proof against the present keys removes a subscription.
    pub(crate) fn reaped(&self, asked: &[Removal], changed: &[SubscriptionId]) {
        let latest = self.clock.latest();
        let mut state = self.state();
        let tick = state.tick();
        for id in changed {
            let Some(member) = state.members.get_mut(id) else { continue };
            let present = (*id, member.generation);
            let against = |of: &&Removal| (of.subscription, of.generation) == present;
            let Some(removal) = asked.iter().rfind(against) else {
                state.faults.push(format!("{id} was reaped without evidence against its present keys"));
                continue;
            };
            member.since = u64::MAX;
            if removal.outcome == Outcome::Gone {
                member.until = Some(tick);
                let expired = state.expiries.get(&present).is_some_and(|expires| *expires <= latest);
                let proven = state.proven.contains(&present) || expired;
                state.check(proven, || format!("{id} was removed without proof"));
            }
        }
    }

    /// It failed in the middle: some of these may be removed.
    pub(crate) fn reaped_in_part(&self, asked: &[Removal]) {
        self.state().in_doubt.extend_from_slice(asked);
    }

    /// These are stored: now it is known which of those in doubt were removed. The others may be disabled.
    pub(crate) fn found(&self, stored: &[SubscriptionId]) {
        let asked = std::mem::take(&mut self.state().in_doubt);
        for removal in asked {
            let id = removal.subscription;
            self.disabled(&[id]);
            let was_there = self.state().members.get(&id).is_some_and(|member| member.until.is_none());
            if was_there && !stored.contains(&id) {
                self.reaped(&[removal], &[id]);
            }
        }
    }

    /// They are not sent to any more.
    pub(crate) fn disabled(&self, ids: &[SubscriptionId]) {
        let mut state = self.state();
        for id in ids {
            if let Some(member) = state.members.get_mut(id) {
                member.since = u64::MAX;
            }
        }
    }

    // -------------------------------------------------------------- messages

    pub(crate) fn accepted(&self, asked: &NewMessage, done: &Accepted) {
        if done.replayed {
            return;
        }
        let mut state = self.state();
        let tick = state.tick();
        let status = &done.record.status;
        let grace = if asked.spec.ttl.is_zero() { TTL_ZERO_GRACE } else { Duration::ZERO };
        let message = Message {
            recipients: asked.recipients.clone(),
            ends_at: status.expires.plus(grace),
            begun: asked.start.is_none().then_some((tick, status.created)),
            ended: None,
            stopped: false,
            closed: false,
            superseded: done.superseded,
        };
        state.by_payload.insert(asked.spec.payload.0.to_vec(), status.id);
        state.messages.insert(status.id, message);
        if let Some(older) = done.superseded.and_then(|older| state.messages.get_mut(&older)) {
            older.stopped = true;
        }
    }

    pub(crate) fn begun(&self, id: MessageId, superseded: Option<MessageId>) {
        let now = self.clock.now();
        let mut state = self.state();
        let tick = state.tick();
        let Some(message) = state.messages.get_mut(&id) else { return };
        message.begun.get_or_insert((tick, now));
        if superseded.is_some() {
            message.superseded = superseded;
        }
        if let Some(older) = superseded.and_then(|older| state.messages.get_mut(&older)) {
            older.stopped = true;
        }
    }

    pub(crate) fn stopped(&self, message: MessageId) {
        if let Some(message) = self.state().messages.get_mut(&message) {
            message.stopped = true;
        }
    }

    /// These events are durable, and these messages ended with them.
    pub(crate) fn recorded(&self, events: &[DeliveryEvent], ended: &[MessageId]) {
        // Whoever has seen that the time is over need not look again when the clock is set back.
        let latest = self.clock.latest();
        let mut state = self.state();
        let tick = state.tick();
        for event in events {
            let Some(subscription) = event.subscription else { continue };
            let delivery = (event.message, subscription);
            state.unsettled.remove(&delivery);
            if event.state.is_terminal() {
                let first = state.ended.insert(delivery);
                state.check(first, || format!("{delivery:?} ended again: {event:?}"));
                let why = state.why_not(event, latest);
                let of = state.messages[&event.message].clone();
                state.check(why.is_none(), || format!("{}: {event:?} of {:?}", why.unwrap_or_default(), of));
            }
        }
        for id in ended {
            if let Some(message) = state.messages.get_mut(id) {
                message.ended = Some(tick);
            }
        }
    }
}
