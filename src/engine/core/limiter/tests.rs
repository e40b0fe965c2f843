//! The limiter against simulated origins, in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const MAX: usize = 1_024;
const SEEDS: u64 = 2;

/// What a simulated origin takes.
#[derive(Clone, Copy, Debug)]
enum Takes {
    AtOnce(usize),
    /// A second, and at once after a rest.
    Rate(f64, f64),
    Everything,
    /// All but this share, whatever the load.
    Share(f64),
    Nothing,
}

/// An origin and a lane with more to do than it may, in virtual time.
struct World {
    limiter: Limiter,
    random: StdRng,
    takes: Takes,
    millis: std::ops::Range<f64>,
    /// What this machine works for each attempt before it leaves, and until when it has its hands full.
    work: Duration,
    busy: Instant,
    now: Instant,
    /// Ends by time: (when, number).
    ends: BinaryHeap<Reverse<(Instant, u64)>>,
    flights: std::collections::BTreeMap<u64, (Ticket, End)>,
    started: u64,
    working: usize,
    tokens: f64,
    filled: Instant,
    accepted: u32,
    refused: u32,
}

impl World {
    fn new(seed: u64, takes: Takes, millis: std::ops::Range<f64>) -> Self {
        let now = Instant::now();
        let tokens = if let Takes::Rate(_, burst) = takes { burst } else { 0.0 };
        Self {
            limiter: Limiter::new(now, MAX),
            random: StdRng::seed_from_u64(seed),
            takes,
            millis,
            work: Duration::ZERO,
            busy: now,
            now,
            ends: BinaryHeap::new(),
            flights: std::collections::BTreeMap::new(),
            started: 0,
            working: 0,
            tokens,
            filled: now,
            accepted: 0,
            refused: 0,
        }
    }

    fn is_taken(&mut self) -> bool {
        match self.takes {
            Takes::AtOnce(most) => self.working < most,
            Takes::Rate(rate, burst) => {
                let passed = (self.now - self.filled).as_secs_f64();
                self.filled = self.now;
                self.tokens = (self.tokens + passed * rate).min(burst);
                let taken = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(taken));
                taken
            }
            Takes::Everything => true,
            Takes::Share(share) => self.random.random_range(0.0..1.0) >= share,
            Takes::Nothing => false,
        }
    }

    fn start(&mut self) {
        let ticket = self.limiter.started(self.now, self.flights.len() + 1);
        let taken = self.is_taken();
        let millis = if taken { self.random.random_range(self.millis.clone()) } else { 1.0 };
        let latency = Duration::from_secs_f64(millis / 1_000.0);
        self.working += usize::from(taken);
        let end = if taken { End::Answered(latency) } else { End::Refused };
        self.started += 1;
        self.busy = self.busy.max(self.now) + self.work;
        self.flights.insert(self.started, (ticket, end));
        self.ends.push(Reverse((self.busy + latency, self.started)));
    }

    /// Lets time pass; answers what was accepted a second, and the share that was refused.
    fn run(&mut self, seconds: f64) -> (f64, f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        let before = (self.accepted, self.refused);
        while self.now < until {
            let mut wake = until;
            while self.flights.len() < self.limiter.concurrency() {
                match self.limiter.wait(self.now) {
                    None => self.start(),
                    Some(at) => {
                        // A timer of a busy process is late by some milliseconds, now and then by many.
                        let late = if self.random.random_range(0..100) == 0 { 15.0 } else { 1.5 };
                        let late = self.random.random_range(0.0..late);
                        wake = at + Duration::from_secs_f64(late / 1_000.0);
                        break;
                    }
                }
            }
            let end = self.ends.peek().map_or(until, |Reverse((at, _))| *at);
            self.now = end.min(wake).max(self.now + Duration::from_micros(1));
            while let Some(Reverse((at, number))) = self.ends.peek().copied()
                && at <= self.now
            {
                self.ends.pop();
                let (ticket, end) = self.flights.remove(&number).unwrap();
                match end {
                    End::Answered(_) => {
                        self.accepted += 1;
                        self.working -= 1;
                    }
                    End::Refused | End::TimedOut | End::Unknown => self.refused += 1,
                }
                self.limiter.ended(self.now, ticket, end);
            }
        }
        let accepted = f64::from(self.accepted - before.0);
        let refused = f64::from(self.refused - before.1);
        (accepted / seconds, refused / (accepted + refused))
    }
}

/// At least 85 % of what is allowed, less than 2 % refused: from the start, and 10 s after the limit changed.
fn adapts(takes: [Takes; 3], allowed: [f64; 3], millis: std::ops::Range<f64>) {
    let mut missed = Vec::new();
    for seed in 0..SEEDS {
        let mut world = World::new(seed, takes[0], millis.clone());
        for (takes, allowed) in takes.into_iter().zip(allowed) {
            world.takes = takes;
            let (_, refused_at_first) = world.run(10.0);
            let (rate, refused) = world.run(10.0);
            if rate < 0.85 * allowed || refused >= 0.02 || refused_at_first >= 0.06 {
                missed.push(format!(
                    "{takes:?} {millis:?} seed {seed}: {rate:.0}/s of {allowed}, {refused:.4} refused, at first \
                     {refused_at_first:.4}\n"
                ));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.concat());
}

#[test]
fn finds_how_many_are_taken_at_once() {
    for millis in [10.0..15.0, 80.0..120.0, 50.0..500.0] {
        let per_second = 1_000.0 / f64::midpoint(millis.start, millis.end);
        let takes = [Takes::AtOnce(50), Takes::AtOnce(100), Takes::AtOnce(50)];
        adapts(takes, [50.0, 100.0, 50.0].map(|most| most * per_second), millis.clone());
        let takes = [Takes::AtOnce(50), Takes::AtOnce(25), Takes::AtOnce(50)];
        adapts(takes, [50.0, 25.0, 50.0].map(|most| most * per_second), millis);
    }
}

#[test]
fn finds_how_many_are_taken_a_second() {
    for (millis, burst) in [(1.0..5.0, 0.1), (1.0..5.0, 0.04), (1.0..5.0, 1.0), (20.0..60.0, 0.1)] {
        let takes = |rate: f64| Takes::Rate(rate, rate * burst);
        adapts([500.0, 1_000.0, 500.0].map(takes), [500.0, 1_000.0, 500.0], millis.clone());
        adapts([500.0, 250.0, 500.0].map(takes), [500.0, 250.0, 500.0], millis);
    }
}

#[test]
fn does_not_slow_who_takes_everything() {
    for seed in 0..5 {
        let mut world = World::new(seed, Takes::Everything, 1.5..2.5);
        world.run(0.5);
        assert_eq!(world.limiter.concurrency(), MAX);
        assert_eq!(world.limiter.rate(), None);
    }
}

#[test]
fn has_no_more_in_flight_than_a_busy_machine_can_feed() {
    for (millis, most) in [(1.0..2.0, 160), (10.0..15.0, 512), (40.0..50.0, MAX)] {
        let mut world = World::new(1, Takes::Everything, millis.clone());
        world.work = Duration::from_micros(50);
        world.run(1.0);
        let (rate, _) = world.run(1.0);
        let concurrency = world.limiter.concurrency();
        assert!(rate > 0.98 * 20_000.0, "{millis:?} {rate} {concurrency}");
        assert!(concurrency <= most, "{millis:?} {concurrency}");
    }
}

#[test]
fn refusals_that_are_not_about_load_do_not_slow_for_long() {
    for share in [0.01, 0.03, 0.1, 0.3] {
        let mut world = World::new(1, Takes::Share(share), 80.0..120.0);
        world.run(20.0);
        let (rate, _) = world.run(25.0);
        assert!(
            rate > 0.8 * 10.0 * f64::from(u16::try_from(MAX).unwrap()) * (1.0 - share),
            "{share} {rate} {:?}",
            world.limiter
        );
    }
}

#[test]
fn who_takes_nothing_is_hardly_bothered_and_found_again() {
    let mut world = World::new(1, Takes::Nothing, 1.0..5.0);
    world.run(10.0);
    let refused = world.refused;
    world.run(20.0);
    assert!(world.refused - refused < 20 * 20, "{} {:?}", world.refused - refused, world.limiter);
    world.takes = Takes::Rate(500.0, 50.0);
    world.run(15.0);
    let (rate, refused) = world.run(20.0);
    assert!(rate > 425.0 && refused < 0.02, "{rate} {refused}");
}

#[test]
fn begins_gently_after_a_pause() {
    let mut world = World::new(1, Takes::Rate(500.0, 50.0), 1.0..5.0);
    world.run(10.0);
    world.now += Duration::from_secs(30);
    world.limiter.restart(world.now);
    let (rate, _) = world.run(0.05);
    assert!(rate <= 200.0, "{rate}");
    let (_, refused) = world.run(2.0);
    let (rate, _) = world.run(5.0);
    assert!(rate > 425.0 && refused < 0.02, "{rate} {refused} {:?}", world.limiter);
}
