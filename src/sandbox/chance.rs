//! Chance for faults and delays, from a seed.

use std::sync::atomic::{AtomicU64, Ordering};

/// Draws numbers. SplitMix64, whose state is a counter, so that threads need not wait for each other.
#[derive(Debug)]
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number from 0 up to 1.
    pub(crate) fn draw(&self) -> f64 {
        let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from((mixed >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly_and_follow_from_the_seed() {
        let draw = |seed| {
            let chance = Chance::new(seed);
            (0..10_000).map(|_| chance.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
        assert!(draw(3).iter().all(|number| (0.0..1.0).contains(number)));
        let below = draw(3).iter().filter(|number| **number < 0.1).count();
        assert!((900..1_100).contains(&below), "{below}");
    }
}
