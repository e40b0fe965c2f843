//! The engine's choice of the next delivery, beside its limits.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, dead_code, reason = "a program of its own")]

mod limits;
mod paths;

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

use limits::{Limit, beside};
use paths::PAGE;
use paths::engine::ALL;

/// What the plainest scheduler does: a queue, and a map of what is under way.
fn queue(deliveries: usize) -> Limit {
    let mut flights = HashMap::new();
    Limit::new("a queue and a map", move || {
        let mut queue: VecDeque<_> = (0..deliveries as u64).collect();
        while let Some(delivery) = queue.pop_front() {
            flights.insert(delivery, delivery);
        }
        (0..deliveries as u64).for_each(|delivery| {
            black_box(flights.remove(&delivery));
        });
    })
}

/// What the plainest limiter does: it counts.
fn count() -> Limit {
    let mut in_flight = 0_u64;
    Limit::new("a counter up and down", move || {
        *black_box(&mut in_flight) += 1;
        *black_box(&mut in_flight) -= 1;
    })
}

fn paths_of_the_engine(criterion: &mut Criterion) {
    let [limiter, lanes] = &ALL;
    beside(criterion, limiter, vec![count()]);
    beside(criterion, lanes, vec![queue(PAGE)]);
}

criterion_group!(benches, paths_of_the_engine);
criterion_main!(benches);
