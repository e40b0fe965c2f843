//! How much room there is to write, as operators and callers are told.

use std::fmt;

/// What may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// Everything.
    #[default]
    Enough,
    /// What ends something: outcomes of POSTs that were begun, cancelling, unsubscribing. Nothing new.
    EndingsOnly,
    /// Nothing.
    None,
}

/// The disk that a store is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// What may be written at present.
    pub room: Room,
    /// What must be freed before something new is taken; 0 when there is [`Room::Enough`].
    pub missing_octets: u64,
    /// What the store may still grow by: what its disk has free for it and what is allocated to it already. `None`: it has
    /// no disk.
    pub free_octets: Option<u64>,
    /// What the store's files take on the disk, without what is allocated ahead.
    pub file_octets: u64,
}

/// A number of octets in words: "12.5 MiB".
#[derive(Clone, Copy, Debug)]
pub struct Octets(pub u64);

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let (mut tenths, mut unit) = (u128::from(self.0) * 10, 0);
        while tenths >= 10_240 && unit + 1 < units.len() {
            tenths = tenths.div_ceil(1_024);
            unit += 1;
        }
        if unit == 0 {
            return write!(f, "{} B", self.0);
        }
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, units[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_told_in_words() {
        for (octets, words) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_537, "1.6 KiB"),
            (64 << 20, "64.0 MiB"),
            (3 << 29, "1.5 GiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(Octets(octets).to_string(), words);
        }
    }
}
