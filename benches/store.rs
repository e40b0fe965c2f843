//! The status log's records and a page's way through the store in memory, beside their limits.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, dead_code, reason = "a program of its own")]

mod limits;
mod paths;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use fanfare::store::kv::measured::encode_segments;

use limits::{Limit, beside};
use paths::PAGE;
use paths::store::{ALL, ROW_OCTETS, events};

/// Walks a page's worth of rows in a tree in memory and copies them.
fn walk() -> Limit {
    let rows: BTreeMap<[u8; 16], Vec<u8>> =
        (0..16 * PAGE as u128).map(|number| (number.to_be_bytes(), vec![1; ROW_OCTETS])).collect();
    let from = (8 * PAGE as u128).to_be_bytes();
    Limit::new("walk a tree and copy the rows", move || {
        black_box(rows.range(from..).take(PAGE).map(|(_, row)| row.clone()).collect::<Vec<_>>());
    })
}

fn paths_of_the_store(criterion: &mut Criterion) {
    let octets = encode_segments(&events()).iter().map(Vec::len).sum();
    let [encode, decode, read, record, seal, open] = &ALL;
    beside(criterion, encode, vec![Limit::copy(octets)]);
    beside(criterion, decode, vec![Limit::copy(octets)]);
    beside(criterion, read, vec![walk()]);
    beside(criterion, record, vec![Limit::copy(octets)]);
    beside(criterion, seal, vec![Limit::copy(ROW_OCTETS)]);
    beside(criterion, open, vec![Limit::copy(ROW_OCTETS)]);
}

criterion_group!(benches, paths_of_the_store);
criterion_main!(benches);
