//! Trimming: what is older than the retention goes, a bounded step at a time. The store knows what must stay: what has not
//! ended, what the reaper has not seen, and what a `request_id` still stands for. What time it is [`TrimClock`] says.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::core::Now;
use super::trim_clock::TrimClock;
use crate::domain::{Clock, Timestamp};
use crate::observe::Metrics;
use crate::store::{AuditRetention, Retention, Store, StoreError, Trimmed};

/// A clock that is so far ahead of the time that trimming goes by is told of, this often.
const LAG_TOLD: Duration = Duration::from_secs(600);
const LAG_TOLD_EVERY: Duration = Duration::from_secs(3_600);

/// Origins from which on those of which nothing is stored any more are forgotten, for which all subscriptions are read; and how
/// much larger than what was left of them it is the next time, in percent. In memory each takes some 200 octets.
const ORIGINS_KEPT: usize = 10_000;
const ORIGINS_GROWTH_PERCENT: usize = 150;
/// Rows that a step of it reads or removes.
const ORIGINS_STEP_ROWS: usize = 2_048;

/// Between two steps it rests for so many times as long as the last one took: others write as well.
const REST: u32 = 2;

/// Counts what is set aside.
pub(super) async fn tell_set_aside(store: &dyn Store, metrics: &Metrics) {
    if let Ok(holds) = store.holds().await {
        metrics.set_aside(holds.iter().map(|hold| hold.subscriptions).sum());
    }
}

/// What a trimmer knows of the time.
#[derive(Debug, Default)]
struct TrimTime {
    /// Once the store has told where it stood.
    clock: Option<TrimClock>,
    noted: Option<Timestamp>,
    /// When it was said last that it is behind.
    told: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Trimmer {
    pub(super) store: Arc<dyn Store>,
    pub(super) retention: Retention,
    pub(super) audit: AuditRetention,
    pub(super) interval: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Trimmer {
    /// Trims until it is stopped.
    pub(super) async fn run(self) {
        let stop = self.stop.clone();
        let trim = async {
            let mut time = TrimTime::default();
            let mut origins_kept = ORIGINS_KEPT;
            loop {
                if let Some(lag) = self.lag(&mut time).await {
                    self.round(lag).await;
                }
                origins_kept = self.origins(origins_kept).await;
                sleep(self.interval).await;
            }
        };
        stop.run_until_cancelled_owned(trim).await;
    }

    /// By how much the time that trimming goes by is behind the clock; `None` while the store does not tell.
    async fn lag(&self, time: &mut TrimTime) -> Option<Duration> {
        let now = Now { wall: self.clock.now(), monotonic: Instant::now() };
        let clock = match &mut time.clock {
            Some(clock) => clock,
            none @ None => match self.store.trim_time().await {
                Ok(noted) => none.insert(TrimClock::new(noted)),
                Err(error) => {
                    tracing::warn!(%error, "trimming waits for the store; it is tried again");
                    return None;
                }
            },
        };
        let at = clock.look(now);
        // First of all: a process that ends and starts again and again must not get on faster.
        if time.noted != Some(at) {
            if let Err(error) = self.store.note_trim_time(at).await {
                tracing::debug!(%error, "the time of trimming can not be noted");
                return None;
            }
            time.noted = Some(at);
        }
        let lag = now.wall.since(at);
        self.metrics.trim_clock_lag(lag);
        let told = time.told.is_some_and(|told| now.monotonic.duration_since(told) < LAG_TOLD_EVERY);
        if lag >= LAG_TOLD && !told {
            time.told = Some(now.monotonic);
            tracing::warn!(
                ahead = %humantime::format_duration(Duration::from_secs(lag.as_secs())),
                "the clock is far ahead of what was recorded last: trimming follows it slowly, so that history is not \
                 lost to a wrong clock"
            );
        }
        Some(lag)
    }

    /// Trims all that can be, as if the clock were so much behind.
    async fn round(&self, lag: Duration) {
        let Retention { events, messages, changes, removed } = self.retention;
        let [events, messages, changes, removed] =
            [events, messages, changes, removed].map(|age| age.saturating_add(lag));
        let retention = Retention { events, messages, changes, removed };
        let audit = AuditRetention { age: self.audit.age.saturating_add(lag), ..self.audit };
        loop {
            let started = Instant::now();
            let trimmed = match self.step(retention, audit).await {
                Ok(trimmed) => trimmed,
                // It is tried again, too.
                Err(StoreError::DiskFull { .. }) => return,
                Err(error) => {
                    tracing::warn!(%error, "trimming failed; it is tried again");
                    return;
                }
            };
            self.metrics.trimmed(trimmed.events_of, trimmed.messages, trimmed.rows);
            self.metrics.log_holds(self.store.log_octets());
            tell_set_aside(&*self.store, &self.metrics).await;
            if !trimmed.more {
                return;
            }
            sleep(started.elapsed() * REST).await;
        }
    }

    /// One step of all that there is to trim.
    async fn step(&self, retention: Retention, audit: AuditRetention) -> Result<Trimmed, StoreError> {
        let trimmed = self.store.trim(retention).await?;
        let entries = self.store.trim_audit(audit).await?;
        Ok(Trimmed { rows: trimmed.rows + entries.rows, more: trimmed.more || entries.more, ..trimmed })
    }

    /// Forgets origins of which nothing is stored, if there are so many. Returns with how many to do it again.
    async fn origins(&self, many: usize) -> usize {
        let (mut forgotten, mut swept) = (0, false);
        loop {
            let started = Instant::now();
            let step = match self.store.trim_origins(many, ORIGINS_STEP_ROWS).await {
                Ok(step) => step,
                Err(StoreError::DiskFull { .. }) => return many,
                Err(error) => {
                    tracing::warn!(%error, "unused origins could not be forgotten; it is tried again");
                    return many;
                }
            };
            forgotten += step.forgotten;
            swept |= step.more;
            if step.more {
                sleep(started.elapsed() * REST).await;
                continue;
            }
            if !swept {
                return many;
            }
            tracing::info!(forgotten, kept = step.known, "origins of which nothing is stored are forgotten");
            let grown = step.known.saturating_mul(ORIGINS_GROWTH_PERCENT) / 100;
            return grown.max(ORIGINS_KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use futures_util::future::join_all;

    use super::*;
    use crate::domain::{ManualClock, Origin};
    use crate::store::conformance::{START, application, subscribe};
    use crate::store::kv;

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

    fn trimmer(store: &Arc<dyn Store>, clock: &ManualClock) -> Trimmer {
        let week = 7 * DAY;
        Trimmer {
            store: Arc::clone(store),
            retention: Retention { events: week, messages: week, changes: week, removed: week },
            audit: AuditRetention { age: week, octets_max: 1 << 20 },
            interval: MINUTE,
            clock: Arc::new(clock.clone()),
            metrics: Arc::new(Metrics::new()),
            stop: CancellationToken::new(),
        }
    }

    /// A store with a change on each of ten days, the last of which has just begun, and which was trimmed on each.
    async fn ten_days(clock: &ManualClock) -> Arc<dyn Store> {
        let store: Arc<dyn Store> = Arc::new(kv::memory(Arc::new(clock.clone())).unwrap());
        let app = application(&*store).await;
        let trimmer = trimmer(&store, clock);
        let mut time = TrimTime::default();
        for number in 0..10 {
            subscribe(&*store, app, number, &[]).await;
            for _ in 0..24 * 60 {
                clock.advance(MINUTE);
                tokio::time::advance(MINUTE).await;
                let lag = trimmer.lag(&mut time).await.unwrap();
                assert_eq!(lag, Duration::ZERO);
            }
            trimmer.round(Duration::ZERO).await;
        }
        assert_eq!(changes_from(&*store).await, 5, "a week of changes is kept");
        store
    }

    async fn changes_from(store: &dyn Store) -> u64 {
        let app = application(store).await;
        store.kept(app).await.unwrap().changes_from
    }

    /// Trims every minute for so long.
    async fn go_on(store: &Arc<dyn Store>, clock: &ManualClock, for_long: Duration) {
        let trimmer = trimmer(store, clock);
        let mut time = TrimTime::default();
        let mut passed = Duration::ZERO;
        loop {
            let lag = trimmer.lag(&mut time).await.unwrap();
            trimmer.round(lag).await;
            if passed >= for_long {
                return;
            }
            clock.advance(MINUTE);
            tokio::time::advance(MINUTE).await;
            passed += MINUTE;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unused_origins_are_forgotten_once_there_are_many() {
        let clock = ManualClock::at(START);
        let store: Arc<dyn Store> = Arc::new(kv::memory(Arc::new(clock.clone())).unwrap());
        let app = application(&*store).await;
        let kept = subscribe(&*store, app, 1, &[]).await.subscription.target.origin;
        let trimmer = trimmer(&store, &clock);
        let origin = |number| Origin::parse(&format!("https://host{number}.example.org")).unwrap();
        let intern = async |numbers: Range<usize>| {
            join_all(numbers.map(|number| {
                let store = Arc::clone(&store);
                async move { store.intern_origin(&origin(number)).await.unwrap() }
            }))
            .await
        };
        intern(0..ORIGINS_KEPT - 2).await;
        assert_eq!(trimmer.origins(ORIGINS_KEPT).await, ORIGINS_KEPT);
        assert!(store.known_origin(&origin(0)).is_some(), "it is not worth the reading");
        intern(ORIGINS_KEPT - 2..ORIGINS_KEPT - 1).await;
        assert_eq!(trimmer.origins(ORIGINS_KEPT).await, ORIGINS_KEPT);
        assert!((0..ORIGINS_KEPT).all(|number| store.known_origin(&origin(number)).is_none()));
        assert!(store.origin(kept).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_ten_years_does_not_take_history_with_it() {
        let clock = ManualClock::at(START);
        let store = ten_days(&clock).await;
        let right = clock.now();
        clock.advance(10 * YEAR);
        // Whether it goes on or is started anew, also again and again.
        go_on(&store, &clock, 10 * MINUTE).await;
        for _ in 0..20 {
            go_on(&store, &clock, Duration::ZERO).await;
        }
        assert_eq!(changes_from(&*store).await, 5, "nothing went");
        // Somebody sets it right: all is as it was.
        clock.set(right.plus(30 * MINUTE));
        go_on(&store, &clock, 10 * MINUTE).await;
        assert_eq!(changes_from(&*store).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_right_after_all_is_followed_in_time() {
        let clock = ManualClock::at(START);
        let store = ten_days(&clock).await;
        // The server was off for so long.
        clock.advance(30 * DAY);
        let app = application(&*store).await;
        subscribe(&*store, app, 100, &[]).await;
        go_on(&store, &clock, DAY / 24).await;
        let first_hour = changes_from(&*store).await;
        assert!(first_hour <= 6, "an hour takes a day: {first_hour}");
        go_on(&store, &clock, 2 * DAY).await;
        assert_eq!(changes_from(&*store).await, 11, "all but what is new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_has_noted_no_time_goes_by_its_newest_entry() {
        let clock = ManualClock::at(START);
        let store: Arc<dyn Store> = Arc::new(kv::memory(Arc::new(clock.clone())).unwrap());
        assert_eq!(store.trim_time().await.unwrap(), None);
        let app = application(&*store).await;
        clock.advance(MINUTE);
        subscribe(&*store, app, 1, &[]).await;
        assert_eq!(store.trim_time().await.unwrap(), Some(START.plus(MINUTE)));
        clock.advance(10 * YEAR);
        go_on(&store, &clock, MINUTE).await;
        assert_eq!(changes_from(&*store).await, 1);
        let noted = store.trim_time().await.unwrap().unwrap();
        assert!(noted < START.plus(DAY), "{noted:?}");
    }
}
