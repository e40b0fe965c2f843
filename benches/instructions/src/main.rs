//! Runs one of the pure hot paths so many times and nothing else, for `benches/instructions/run` to count.
//!
//! ```text
//! instructions                      the names of the paths and the deliveries of one run, one on a line
//! instructions PATH RUNS [SLOWER]   every SLOWER-th run is made twice
//! ```
#![allow(dead_code, reason = "criterion's benchmarks use the rest")]

#[path = "../../paths/mod.rs"]
mod paths;

use paths::{engine, store, webpush};

/// What these need first (a key, a store, a nonce) or how they run (hash maps, threads) costs more or less each time: they are
/// only timed.
const UNSTEADY: [&str; 5] = [
    "build a request",
    "read a page of an audience",
    "write, record and end a page",
    "seal a row",
    "open a sealed row",
];

fn main() {
    let all = || webpush::PURE.iter().chain(&store::ALL).chain(&engine::ALL);
    let paths = || all().filter(|path| !UNSTEADY.contains(&path.name));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| arguments.get(place).map(|text| text.parse::<u32>().expect("a number"));
    let Some(name) = arguments.first() else {
        paths().for_each(|path| println!("{}\t{}", path.deliveries, path.name));
        return;
    };
    let path = paths().find(|path| path.name == name).expect("the name of a path");
    let mut run = (path.make)();
    let slower = number(2);
    for count in 0..number(1).expect("how many runs") {
        run();
        if slower.is_some_and(|slower| count.is_multiple_of(slower)) {
            run();
        }
    }
}
