//! The reaper: what push services said of subscriptions, done to the store. A recorded event is the durable intent, so it
//! follows the feed from a position of its own, which never moves past what still waits, and a crash loses none of it. Only
//! proof removes a subscription: an event that ended FAILED with GONE; a key mismatch disables. Either counts only against
//! the generation that was attempted, waits a window (`judge`), and is held when it is against too many of an origin at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::{
    ApplicationId, Clock, DeliveryEvent, DeliveryState, OriginId, Outcome, SubscriptionId, SubscriptionState,
    Target, Timestamp,
};
use crate::observe::{Metrics, SubscriptionChange};
use crate::store::{AcceptedSince, Evidence, Evident, Hold, Removal, Share, Store, StoreError};

use super::applications::Applications;
use super::core::Input;
use super::health::HeldSubscriptions;
use super::judge::{Rules, Suspect, Suspects};
use super::trim::tell_set_aside;

/// Commits whose evidence is read at once.
const COMMITS: usize = 256;
/// Without evidence the position moves on this often at least, so that a restart has little to read.
pub(super) const IDLE_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// How long it waits after the store failed.
const RETRY: Duration = Duration::from_secs(1);

/// Subscriptions that evidence waits against, of all applications: as many as the core keeps from being attempted, and those
/// of a log that is read after a restart.
pub(super) type Suspected = Arc<Mutex<HashSet<SubscriptionId>>>;

#[derive(Debug)]
pub(super) struct Reaper {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) applications: Applications,
    pub(super) application: ApplicationId,
    pub(super) rules: Rules,
    /// For those who subscribe meanwhile.
    pub(super) suspected: Suspected,
    /// Rung when a commit with evidence was synced.
    pub(super) evidence: Arc<Notify>,
    pub(super) inputs: mpsc::Sender<Input>,
    /// Counts changes of subscriptions; see [`Input::SubscriptionChanged`].
    pub(super) changes: Arc<AtomicU64>,
    pub(super) metrics: Arc<Metrics>,
    /// How often the position moves on without evidence: trimming never passes it.
    pub(super) idle_interval: Duration,
    pub(super) stop: CancellationToken,
}

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Everything up to here has been read. `None`: nothing since the start, or since the store failed.
    read: Option<u64>,
    /// What the store knows to be done.
    done: u64,
    suspects: Suspects,
}

/// What is to be done about evidence that was read.
#[derive(Debug, Default)]
struct Sorted {
    /// It is void, or was acted on.
    settled: Vec<SubscriptionId>,
    /// Our own word: it needs no second one.
    at_once: Vec<Removal>,
    /// Its kind is held at its origin.
    held: Vec<(Evident, Target)>,
}

impl Reaper {
    pub(super) async fn run(self, mut work: Work) {
        loop {
            let idle = work.suspects.idle_for(&self.rules, self.clock.now(), Instant::now());
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.evidence.notified() => {}
                () = tokio::time::sleep(idle.unwrap_or(self.idle_interval).min(self.idle_interval)) => {}
            }
            if let Err(error) = self.catch_up(&mut work).await {
                // Of a full disk the store itself tells.
                if !matches!(error, StoreError::DiskFull { .. }) {
                    tracing::error!(%error, "evidence against subscriptions could not be acted on; trying again");
                }
                // What was in hand is read again: the position has not passed it.
                work = Work::default();
                self.stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
            }
        }
    }

    /// Reads all that is recorded, and does what is due.
    pub(super) async fn catch_up(&self, work: &mut Work) -> Result<(), StoreError> {
        let mut read = if let Some(read) = work.read {
            read
        } else {
            work.done = self.store.reaper_position(self.application).await?;
            work.done
        };
        loop {
            let Evidence { evident, position } =
                self.store.evidence(self.application, read + 1, COMMITS).await?;
            if position <= read {
                break;
            }
            (read, work.read) = (position, Some(position));
            if !evident.is_empty() {
                self.take_in(work, evident).await?;
            }
        }
        work.read = Some(read);
        let origins = work.suspects.to_judge(&self.rules, self.clock.now(), Instant::now());
        for origin in origins {
            self.judge(work, origin).await?;
        }
        let position = work.suspects.first_seq().map_or(read, |first| first - 1);
        if position > work.done {
            self.store.reap(self.application, Vec::new(), position).await?;
            work.done = position;
        }
        Ok(())
    }

    /// Has new evidence wait, unless there is nothing to wait for.
    async fn take_in(&self, work: &mut Work, evident: Vec<Evident>) -> Result<(), StoreError> {
        let ids: BTreeSet<_> = evident.iter().map(|of| of.removal.subscription).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let found = self.store.targets(self.application, &ids).await?;
        let targets: HashMap<_, _> = ids.into_iter().zip(found).collect();
        let holds = self.holds().await?;
        let now = self.clock.now();
        let mut sorted = Sorted::default();
        let mut suspected = Vec::new();
        for evident in evident {
            let removal = evident.removal;
            let target = targets.get(&removal.subscription).and_then(Option::as_ref);
            let waits = work.suspects.has(removal.subscription);
            let weight = target.map_or(Weight::None, |target| weigh(&evident, target, waits, now));
            match (weight, target) {
                (Weight::Full, _) => sorted.at_once.push(removal),
                (Weight::Evidence, Some(target)) if holds.contains(&(target.origin, removal.outcome)) => {
                    sorted.held.push((evident, target.clone()));
                }
                (Weight::Evidence, Some(target)) => {
                    suspected.push((removal.subscription, removal.generation, removal.outcome));
                    work.suspects.add(Suspect::new(evident, target));
                }
                (Weight::Evidence | Weight::None, _) if waits => {}
                (Weight::Evidence | Weight::None, _) => sorted.settled.push(removal.subscription),
            }
        }
        if !suspected.is_empty() {
            self.suspected().extend(suspected.iter().map(|(subscription, ..)| *subscription));
            // A restart has forgotten it; it fails only when the engine has stopped.
            let _ = self.inputs.send(Input::Suspected(suspected)).await;
        }
        if !sorted.at_once.is_empty() {
            self.act(sorted.at_once).await?;
        }
        self.hold_too(work, sorted.held).await?;
        self.settled(sorted.settled).await;
        Ok(())
    }

    /// What is held at present.
    async fn holds(&self) -> Result<HashSet<(OriginId, Outcome)>, StoreError> {
        let now = self.clock.now();
        let holds = self.store.holds().await?.into_iter();
        let in_force = holds.filter(|hold| hold.application == self.application && hold.until > now);
        Ok(in_force.map(|hold| (hold.origin, hold.outcome)).collect())
    }

    /// Holds further evidence of a kind that is held already; where that has just ended, it waits as any other.
    async fn hold_too(&self, work: &mut Work, held: Vec<(Evident, Target)>) -> Result<(), StoreError> {
        if held.is_empty() {
            return Ok(());
        }
        let removals = held.iter().map(|(evident, _)| evident.removal).collect();
        let aside = self.store.set_aside(self.application, removals, None).await?;
        self.metrics.subscriptions_changed(SubscriptionChange::SetAside, count(&aside));
        let aside: HashSet<_> = aside.into_iter().collect();
        for (evident, target) in held {
            if !aside.contains(&evident.removal.subscription) {
                work.suspects.add(Suspect::new(evident, &target));
            }
        }
        self.settled(aside.into_iter().collect()).await;
        Ok(())
    }

    /// Decides on what waits at an origin.
    async fn judge(&self, work: &mut Work, origin: OriginId) -> Result<(), StoreError> {
        let began = Instant::now();
        let share = match work.suspects.question(&self.rules, origin) {
            Some((since, most)) => {
                let name = self.store.origin(origin).map(|of| of.origin.as_str().to_owned());
                let except = work.suspects.at(origin);
                let sought = AcceptedSince { origin: name.unwrap_or_default(), since, except, most };
                let accepted = self.store.accepted_since(self.application, sought).await?;
                work.suspects.mass(&self.rules, origin, accepted)
            }
            None => None,
        };
        let now = Instant::now();
        work.suspects.judged(&self.rules, origin, now, now.saturating_duration_since(began));
        match share {
            Some(share) => self.hold(origin, work.suspects.take_all(origin), share).await,
            None => match work.suspects.take_due(&self.rules, origin, self.clock.now()) {
                due if due.is_empty() => Ok(()),
                due => self.act(due).await,
            },
        }
    }

    /// Sets aside what is too much to be true, and says so.
    async fn hold(&self, origin: OriginId, removals: Vec<Removal>, share: Share) -> Result<(), StoreError> {
        let done: Vec<_> = removals.iter().map(|removal| removal.subscription).collect();
        let outcomes: BTreeSet<_> = removals.iter().map(|removal| removal.outcome.number()).collect();
        let aside = self.store.set_aside(self.application, removals, Some(share)).await?;
        self.metrics.subscriptions_changed(SubscriptionChange::SetAside, count(&aside));
        for hold in self.store.holds().await? {
            let is_this = (hold.application, hold.origin) == (self.application, origin);
            if is_this && outcomes.contains(&hold.outcome.number()) {
                self.alarm(&hold);
            }
        }
        tell_set_aside(&*self.store, &self.metrics).await;
        self.settled(done).await;
        Ok(())
    }

    fn alarm(&self, hold: &Hold) {
        self.metrics.removals_held(hold.outcome);
        let application =
            self.applications.by_id(hold.application).map(|of| of.name.clone()).unwrap_or_default();
        let origin =
            self.store.origin(hold.origin).map(|of| of.origin.as_str().to_owned()).unwrap_or_default();
        let held = HeldSubscriptions::from(hold);
        tracing::error!(
            %application,
            %origin,
            outcome = hold.outcome.as_str(),
            subscriptions = hold.subscriptions,
            why = %held.why(),
            what_to_do = %held.what_to_do(&application, &origin),
            "subscriptions are set aside instead of being removed or disabled: nothing is sent to them"
        );
    }

    /// Removes and disables.
    async fn act(&self, removals: Vec<Removal>) -> Result<(), StoreError> {
        let done = removals.iter().map(|removal| removal.subscription).collect();
        let gone = removals.iter().filter(|of| of.outcome == Outcome::Gone).map(|of| of.subscription);
        let gone: HashSet<SubscriptionId> = gone.collect();
        // The position moves once nothing before it waits.
        for changed in self.store.reap(self.application, removals, 0).await? {
            let change =
                if gone.contains(&changed) { SubscriptionChange::Gone } else { SubscriptionChange::Disabled };
            self.metrics.subscriptions_changed(change, 1);
        }
        self.settled(done).await;
        Ok(())
    }

    /// Lets attempts look these up again.
    async fn settled(&self, subscriptions: Vec<SubscriptionId>) {
        if subscriptions.is_empty() {
            return;
        }
        {
            let mut suspected = self.suspected();
            for subscription in &subscriptions {
                suspected.remove(subscription);
            }
        }
        let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        // It fails only when the engine has stopped.
        let _ = self.inputs.send(Input::Reaped { subscriptions, change }).await;
    }

    fn suspected(&self) -> MutexGuard<'_, HashSet<SubscriptionId>> {
        self.suspected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(subscriptions: &[SubscriptionId]) -> u64 {
    u64::try_from(subscriptions.len()).unwrap_or(u64::MAX)
}

/// What a piece of evidence is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// It is void, done, or repeats what waits: a delivery that ended without an attempt because of earlier evidence is no
    /// evidence itself.
    None,
    /// What a push service says.
    Evidence,
    /// What this server knows by itself: the subscription's own time has passed, or nobody can sign for it any more.
    Full,
}

fn weigh(evident: &Evident, target: &Target, waits: bool, now: Timestamp) -> Weight {
    let removal = &evident.removal;
    if target.generation != removal.generation {
        return Weight::None;
    }
    let own_word = removal.http_status.is_none();
    match (removal.outcome, target.state) {
        (Outcome::Gone, SubscriptionState::SetAside(_)) if own_word => {
            let expired = target.expires.is_some_and(|end| end <= now.max(evident.time));
            if expired { Weight::Full } else { Weight::None }
        }
        (Outcome::Gone, SubscriptionState::Active | SubscriptionState::Disabled(_)) if own_word => {
            // The clock may have been set back since.
            if target.expires.is_some() && !waits { Weight::Full } else { Weight::None }
        }
        (Outcome::Gone, SubscriptionState::Active | SubscriptionState::Disabled(_)) => Weight::Evidence,
        (_, SubscriptionState::Active) if own_word => Weight::Full,
        (_, SubscriptionState::Active) => Weight::Evidence,
        (_, SubscriptionState::Disabled(_) | SubscriptionState::SetAside(_)) => Weight::None,
    }
}

/// What an event proves against its subscription.
pub(super) fn evidence(event: &DeliveryEvent) -> Option<Removal> {
    let against = matches!(event.outcome, Outcome::Gone | Outcome::KeyMismatch);
    let subscription = event.subscription.filter(|_| against && event.state == DeliveryState::Failed)?;
    Some(Removal {
        subscription,
        generation: event.generation,
        outcome: event.outcome,
        http_status: event.http_status,
        message: event.message,
    })
}
