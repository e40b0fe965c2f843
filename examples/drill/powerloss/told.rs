//! What the headers of the log tell to be stable, against what was really synced when they were written. A start trusts what is
//! in front of the segment that the latest header tells, so whatever of that is not synced may be lost in part, without a
//! word. This looks at every header of a recording; losses at random instants meet few of them.

use std::collections::HashMap;

use super::journal::{Journal, Operation};

/// Where the log is, below the stage's directory.
const LOG: &str = "data/db";
/// Octets of a segment of the log, and of its header: a checksum (4), its log number (8), the stable log number (8), all
/// little-endian.
const SEGMENT: u64 = 512 << 10;
const HEADER: usize = 20;
/// What sled combines the checksum and the numbers with.
const CHECKSUM_MASK: u32 = u32::MAX;
const NUMBER_MASK: i64 = i64::MAX;

/// A segment of the file, as it is written for the how many-th time.
#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    /// Its log number, once its header is written.
    number: Option<i64>,
    /// What was written of it.
    octets: u64,
    /// Not all of that is synced.
    unsynced: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Headers that were looked at.
    pub(super) headers: usize,
    /// Segments that a header told to be stable, and that were not synced. Must be 0.
    pub(super) not_synced: usize,
    /// The most that was written to the log between two syncs: more than a segment shows that the load was one that matters.
    pub(super) unsynced_octets_max: u64,
}

/// Looks at a recording that begins with nothing.
pub(super) fn look(journal: &Journal) -> Told {
    let mut told = Told::default();
    let mut log = None;
    let mut segments: HashMap<u64, Segment> = HashMap::new();
    let mut unsynced = 0;
    for (operation, _) in &journal.operations {
        match operation {
            Operation::Create { path, inode } if path == LOG => log = Some(*inode),
            Operation::Truncate { inode, length } if log == Some(*inode) => {
                segments.retain(|place, _| place * SEGMENT < *length);
            }
            Operation::Sync { inode } if log == Some(*inode) => {
                unsynced = 0;
                for segment in segments.values_mut() {
                    segment.unsynced = false;
                }
            }
            Operation::Write { inode, offset, octets } if log == Some(*inode) => {
                unsynced += octets.len() as u64;
                told.unsynced_octets_max = told.unsynced_octets_max.max(unsynced);
                let segment = segments.entry(offset / SEGMENT).or_default();
                if segment.octets >= SEGMENT {
                    // It is overwritten. Its header may come after other parts.
                    *segment = Segment::default();
                }
                segment.octets += octets.len() as u64;
                segment.unsynced = true;
                let header =
                    if offset.is_multiple_of(SEGMENT) { header(journal.octets(octets)) } else { None };
                if let Some((number, stable)) = header {
                    segment.number = Some(number);
                    told.headers += 1;
                    let trusted = stable / SEGMENT.cast_signed() * SEGMENT.cast_signed();
                    let is_not_synced = |segment: &&Segment| {
                        segment.unsynced && segment.number.is_some_and(|number| number < trusted)
                    };
                    told.not_synced += segments.values().filter(is_not_synced).count();
                }
            }
            Operation::Create { .. }
            | Operation::Directory { .. }
            | Operation::Truncate { .. }
            | Operation::Write { .. }
            | Operation::Sync { .. }
            | Operation::Rename { .. }
            | Operation::Unlink { .. } => {}
        }
    }
    told
}

/// The log number and the stable one of a header, if the octets begin with one.
fn header(octets: &[u8]) -> Option<(i64, i64)> {
    let (checksum, numbers) = octets.get(..HEADER)?.split_first_chunk::<4>()?;
    let (number, stable) = numbers.split_first_chunk::<8>()?;
    let whole = u32::from_le_bytes(*checksum) ^ CHECKSUM_MASK == crc32fast::hash(numbers);
    let stable = i64::from_le_bytes(stable.try_into().ok()?);
    whole.then_some((i64::from_le_bytes(*number) ^ NUMBER_MASK, stable ^ NUMBER_MASK))
}
