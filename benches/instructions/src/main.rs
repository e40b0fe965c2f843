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

fn main() {
    let paths = || webpush::PURE.iter().chain(&store::ALL).chain(&engine::ALL);
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
