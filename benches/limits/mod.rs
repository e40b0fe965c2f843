//! Timing beside the limit: what the same work costs at least on this machine, in the same group of criterion's.

use std::hint::black_box;

use criterion::{Criterion, Throughput};

use crate::paths::{Path, Run};

/// The least that the same work takes.
pub struct Limit {
    /// What it is.
    name: &'static str,
    /// Does it once.
    run: Run,
}

impl Limit {
    /// Some work.
    pub fn new(name: &'static str, run: impl FnMut() + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// Copying so many octets: nothing that reads all of them is faster for long.
    pub fn copy(octets: usize) -> Self {
        let (from, mut to) = (vec![1_u8; octets], vec![0_u8; octets]);
        Self::new("copy the octets", move || black_box(&mut to).copy_from_slice(black_box(&from)))
    }
}

/// Times a path and its limits.
pub fn beside(criterion: &mut Criterion, path: &Path, limits: Vec<Limit>) {
    beside_run(criterion, path.name, path.deliveries, (path.make)(), limits);
}

/// Times something that is for so many deliveries, and its limits.
pub fn beside_run(
    criterion: &mut Criterion,
    name: &str,
    deliveries: usize,
    mut run: impl FnMut(),
    limits: Vec<Limit>,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(deliveries as u64));
    group.bench_function("fanfare", |bencher| bencher.iter(&mut run));
    for mut limit in limits {
        group.bench_function(format!("limit: {}", limit.name), |bencher| bencher.iter(&mut limit.run));
    }
    group.finish();
}
