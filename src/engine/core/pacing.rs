//! Messages with a rate of their own: at most so many attempts start in a second, over all lanes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::limits::TTL_MAX;
use crate::domain::{MessageId, OriginId};

use super::{Core, Now};

/// The part of a second whose attempts may start at once, when none started before: the process need not wake up for each.
const BURST: Duration = Duration::from_millis(100);
/// Waits are not shorter.
const TICK: Duration = Duration::from_millis(1);

/// The generic cell rate algorithm (ITU-T I.371): attempt n is due at `next`, and may start early by the tolerance.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    tolerance: Duration,
    next: Instant,
    /// Lanes that have something of the message, in turn; each has set it aside.
    lanes: VecDeque<OriginId>,
    timer: Option<Instant>,
}

impl Pace {
    fn new(per_second: f64, now: Instant) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(TTL_MAX).min(TTL_MAX);
        Self {
            interval,
            tolerance: BURST.saturating_sub(interval),
            next: now,
            lanes: VecDeque::new(),
            timer: None,
        }
    }

    fn next_start(&self) -> Instant {
        self.next.checked_sub(self.tolerance).unwrap_or(self.next)
    }

    /// How many attempts may start now.
    fn allowed(&self, now: Instant) -> usize {
        let Some(spare) = (now + self.tolerance).checked_duration_since(self.next) else { return 0 };
        let spare = spare.min(self.tolerance).as_nanos() / self.interval.as_nanos().max(1);
        usize::try_from(spare).unwrap_or(usize::MAX).saturating_add(1)
    }
}

#[derive(Debug, Default)]
pub(super) struct Pacing {
    messages: HashMap<MessageId, Pace>,
    timers: BTreeSet<(Instant, MessageId)>,
}

impl Pacing {
    /// Attempts of the message are to be paced.
    pub(super) fn add(&mut self, message: MessageId, per_second: f64, now: Instant) {
        if per_second.is_finite() && per_second > 0.0 {
            self.messages.entry(message).or_insert_with(|| Pace::new(per_second, now));
        }
    }

    /// Its message has ended. Answers which lanes have set it aside.
    pub(super) fn remove(&mut self, message: MessageId) -> VecDeque<OriginId> {
        let Some(pace) = self.messages.remove(&message) else { return VecDeque::new() };
        if let Some(timer) = pace.timer {
            self.timers.remove(&(timer, message));
        }
        pace.lanes
    }

    /// Whether the message is paced and no attempt of it may start now.
    pub(super) fn must_wait(&self, message: MessageId, now: Instant) -> bool {
        self.messages.get(&message).is_some_and(|pace| pace.allowed(now) == 0)
    }

    /// An attempt was started.
    pub(super) fn started(&mut self, message: MessageId, now: Instant) {
        if let Some(pace) = self.messages.get_mut(&message) {
            pace.next = pace.next.max(now) + pace.interval;
        }
    }

    /// A lane has set the message aside.
    pub(super) fn wait(&mut self, message: MessageId, origin: OriginId, now: Instant) {
        let Some(pace) = self.messages.get_mut(&message) else { return };
        pace.lanes.push_back(origin);
        if pace.timer.is_none() {
            let at = pace.next_start().max(now + TICK);
            pace.timer = Some(at);
            self.timers.insert((at, message));
        }
    }

    /// When lanes are to bring a message back.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// A message of which attempts may start again, and the lanes whose turn it is: as many as attempts may start. If they
    /// do not use them, others have their turn one interval later.
    fn due(&mut self, now: Instant) -> Option<(MessageId, Vec<OriginId>)> {
        let (at, message) = *self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, message));
        let pace = self.messages.get_mut(&message)?;
        let turns = pace.allowed(now).min(pace.lanes.len());
        let lanes = pace.lanes.drain(..turns).collect();
        pace.timer = (!pace.lanes.is_empty()).then(|| pace.next_start().max(now + pace.interval.max(TICK)));
        self.timers.extend(pace.timer.map(|timer| (timer, message)));
        Some((message, lanes))
    }
}

impl Core {
    /// Brings back what was set aside and may start again.
    pub(super) fn fire_pacing(&mut self, now: Now) {
        while let Some((message, lanes)) = self.pacing.due(now.monotonic) {
            self.bring_back(message, lanes);
        }
    }

    /// What is left of an ended message in lanes goes the usual way, and comes to nothing.
    pub(super) fn forget_pace(&mut self, message: MessageId) {
        let lanes = self.pacing.remove(message);
        self.bring_back(message, lanes);
    }

    fn bring_back(&mut self, message: MessageId, lanes: impl IntoIterator<Item = OriginId>) {
        let Some(of) = self.messages.get(&message) else { return };
        for origin in lanes {
            if let Some(lane) = self.lanes.get_mut(&origin) {
                lane.bring_back(of.kind, of.application.id, message);
                lane.offer_for(of.kind, of.application.id, origin, &mut self.turns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: MessageId = MessageId([1; 16]);

    /// Starts whatever may start, each millisecond.
    fn starts(per_second: f64, millis: u64) -> Vec<u64> {
        let begin = Instant::now();
        let mut pacing = Pacing::default();
        pacing.add(MESSAGE, per_second, begin);
        let mut starts = Vec::new();
        for milli in 0..millis {
            let now = begin + Duration::from_millis(milli);
            while !pacing.must_wait(MESSAGE, now) {
                pacing.started(MESSAGE, now);
                starts.push(milli);
            }
        }
        starts
    }

    #[test]
    fn keeps_its_rate_over_time_and_bursts_little() {
        // Rate, seconds, starts in all of them at least, starts in any one second at most.
        let cases = [
            (0.5, 20, 10, 1),
            (1.0, 10, 10, 2),
            (7.0, 10, 70, 8),
            (1_000.0, 5, 5_000, 1_100),
            (25_000.0, 2, 50_000, 27_500),
        ];
        for (per_second, seconds, least, most) in cases {
            let starts = starts(per_second, seconds * 1_000);
            let count = starts.len();
            assert!((least..=least + least / 10 + 1).contains(&count), "{per_second}: {count}");
            for window in starts.windows(most + 1) {
                assert!(window[most] - window[0] >= 999, "{per_second}: {window:?}");
            }
        }
    }

    #[test]
    fn lanes_have_turns_as_attempts_may_start() {
        let begin = Instant::now();
        let mut pacing = Pacing::default();
        pacing.add(MESSAGE, 1.0, begin);
        pacing.started(MESSAGE, begin);
        for origin in 0..3 {
            pacing.wait(MESSAGE, OriginId(origin), begin);
        }
        let second = begin + Duration::from_secs(1);
        assert_eq!(pacing.next_due(), Some(second));
        assert_eq!(pacing.due(second), Some((MESSAGE, vec![OriginId(0)])));
        assert_eq!(pacing.due(second), None);
        // The first did not use it.
        let next = pacing.next_due().unwrap();
        assert_eq!(next, begin + Duration::from_secs(2));
        assert_eq!(pacing.due(next), Some((MESSAGE, vec![OriginId(1)])));
        assert_eq!(pacing.remove(MESSAGE), [OriginId(2)]);
        assert_eq!(pacing.next_due(), None);
    }
}
