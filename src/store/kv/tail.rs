//! The tail of sled's log, looked at before sled opens.
//!
//! sled 0.34.7 takes the log for complete up to the segment that the latest header says is stable, and follows it message
//! by message from there, to the first that does not read (`pagecache/iterator.rs`). Two things that it does then lose what
//! was acknowledged, and are prevented here:
//!
//! * Of a large page, the log has a pointer to a file in `blobs`. After a loss of power the pointer may be there without the
//!   file. sled passes over such a pointer, and so applies the rest of a batch without it: a tree with a hole. A file that
//!   does not read ends the log in front of its batch, which is right, since nothing behind it was acknowledged. So an empty
//!   file is put where one is missing, unless the page is written anew later, since then sled itself removed it.
//! * A start overwrites segments whose pages have all been written anew, also those that the next start would follow the
//!   log through, since its new snapshot spares it that. Without the snapshot, whose name may not be durable yet, the log
//!   would seem to end there. So the last segment's header is told beforehand that all before it is stable.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::durable::BLOBS;

/// Octets of a segment of the log: sled's default.
pub(super) const SEGMENT: u64 = 512 << 10;
/// Octets of its header: a checksum (4), its log number (8), the stable log number (8), all little-endian.
const HEADER: usize = 20;
/// What the checksum is combined with, and the numbers.
const CHECKSUM_MASK: u32 = u32::MAX;
const NUMBER_MASK: u64 = i64::MAX as u64;
/// So little at a segment's end holds no message.
const MESSAGE_HEADER_MAX: usize = 32;

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its log number.
    pub(super) number: u64,
    /// The log number up to which it tells all to be stable.
    pub(super) stable: u64,
}

impl Header {
    /// `None` for one that does not match its checksum.
    fn read(octets: &[u8; HEADER]) -> Option<Self> {
        let (checksum, numbers) = octets.split_first_chunk::<4>()?;
        let (number, stable) = numbers.split_first_chunk::<8>()?;
        let whole = u32::from_le_bytes(*checksum) ^ CHECKSUM_MASK == crc32fast::hash(numbers);
        let number = u64::from_le_bytes(*number) ^ NUMBER_MASK;
        // Before the first sync nothing is stable: -1.
        let stable = i64::from_le_bytes(stable.try_into().ok()?) ^ i64::MAX;
        let stable = u64::try_from(stable).unwrap_or(0);
        (whole && number.is_multiple_of(SEGMENT)).then_some(Self { number, stable })
    }

    fn to_octets(self) -> [u8; HEADER] {
        let mut octets = [0; HEADER];
        octets[4..12].copy_from_slice(&(self.number ^ NUMBER_MASK).to_le_bytes());
        octets[12..].copy_from_slice(&(self.stable ^ NUMBER_MASK).to_le_bytes());
        let checksum = crc32fast::hash(&octets[4..]) ^ CHECKSUM_MASK;
        octets[..4].copy_from_slice(&checksum.to_le_bytes());
        octets
    }
}

/// What a message of the log does, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Begins a batch, whose last message has this number.
    Batch(u64),
    /// Writes a page anew.
    Page,
    /// The same with its content in a file.
    PageInFile(i64),
    /// A change of a page, in a file.
    ChangeInFile(i64),
    /// Ends the segment.
    Cap,
    /// Anything else.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    number: u64,
    page: u64,
    kind: Kind,
}

/// Sees that sled finds the end of the log where it is. Everything must be synced; what is changed is. `stable`: up to
/// where a whole snapshot has the log.
pub(super) fn mend(directory: &Path, stable: u64) -> io::Result<()> {
    let file = match OpenOptions::new().read(true).write(true).open(directory.join("db")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let segments = headers(&file)?;
    let told = segments.values().map(|(header, _)| header.stable).max().unwrap_or(0).max(stable);
    let first = told / SEGMENT * SEGMENT;
    let mut messages = Vec::new();
    let (mut number, mut end) = (first, first);
    while let Some((_, offset)) = segments.get(&number) {
        let (read, goes_on) = read_segment(&file, *offset, number, &mut messages)?;
        end = read;
        if !goes_on {
            break;
        }
        number += SEGMENT;
    }
    cut_batch(&mut messages, end);
    while let Some((at, id)) = lost_file(directory, &messages, stable)? {
        File::create_new(directory.join(BLOBS).join(id.to_string()))?.sync_all()?;
        File::open(directory.join(BLOBS))?.sync_all()?;
        tracing::warn!(
            "the log of the store ends with changes that were not complete when the power was lost, and not acknowledged: \
             they are passed over"
        );
        end = messages[at].number;
        messages.truncate(at);
        cut_batch(&mut messages, end);
    }
    // The segment that the rest ends in.
    let last = messages.last().map_or(first, |message| message.number) / SEGMENT * SEGMENT;
    if let Some((header, offset)) = segments.get(&last).copied().filter(|_| last > first) {
        file.write_all_at(&Header { stable: header.number, ..header }.to_octets(), offset)?;
        file.sync_all()?;
    }
    Ok(())
}

/// All segments by their numbers, and where they are.
pub(super) fn headers(file: &File) -> io::Result<BTreeMap<u64, (Header, u64)>> {
    let length = file.metadata()?.len();
    let mut segments = BTreeMap::new();
    let mut offset = 0;
    let mut octets = [0; HEADER];
    while offset + HEADER as u64 <= length {
        file.read_exact_at(&mut octets, offset)?;
        if let Some(header) = Header::read(&octets) {
            segments.insert(header.number, (header, offset));
        }
        offset += SEGMENT;
    }
    Ok(segments)
}

/// Reads the messages of a segment; gives the number behind the last, and whether the log goes on in the next segment.
fn read_segment(
    file: &File,
    offset: u64,
    number: u64,
    messages: &mut Vec<Message>,
) -> io::Result<(u64, bool)> {
    let mut octets = vec![0; usize::try_from(SEGMENT).unwrap_or_default()];
    let mut filled = 0;
    while filled < octets.len() {
        match file.read_at(&mut octets[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    octets.truncate(filled);
    let mut at = HEADER;
    while at + MESSAGE_HEADER_MAX <= usize::try_from(SEGMENT).unwrap_or_default() {
        let Some((kind, page, length)) =
            octets.get(at..).and_then(|rest| read_message(rest, number / SEGMENT))
        else {
            return Ok((number + at as u64, false));
        };
        if kind == Kind::Cap {
            return Ok((number + at as u64, true));
        }
        messages.push(Message { number: number + at as u64, page, kind });
        at += length;
    }
    Ok((number + at as u64, true))
}

/// A message at the head of these octets: what it does, to which page, and its length. `None` when it does not read.
fn read_message(octets: &[u8], segment: u64) -> Option<(Kind, u64, usize)> {
    let (checksum, mut rest) = octets.split_first_chunk::<4>()?;
    let kind = *rest.split_off_first()?;
    let length = usize::try_from(varint(&mut rest)?).ok()?;
    let of_segment = varint(&mut rest)?;
    let page = varint(&mut rest)?;
    let header = octets.len() - rest.len();
    let body = rest.get(..length)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(&octets[4..header]);
    if hasher.finalize() ^ CHECKSUM_MASK != u32::from_le_bytes(*checksum) || of_segment != segment {
        return None;
    }
    let number = || Some(i64::from_le_bytes(body.get(..8)?.try_into().ok()?));
    // In the order of sled's `MessageKind`.
    let kind = match kind {
        2 => Kind::Cap,
        3 => Kind::Batch(u64::try_from(number()?).ok()?),
        4..=6 | 8 => Kind::Page,
        7 | 9 => Kind::PageInFile(number()?),
        11 => Kind::ChangeInFile(number()?),
        1 | 10 => Kind::Other,
        _ => return None,
    };
    Some((kind, page, header + length))
}

/// sled's numbers of variable length (`serialization.rs`).
fn varint(octets: &mut &[u8]) -> Option<u64> {
    let first = *octets.split_off_first()?;
    let more = match first {
        0..=240 => return Some(first.into()),
        241..=248 => return Some(240 + 256 * u64::from(first - 241) + u64::from(*octets.split_off_first()?)),
        249 => {
            let more = octets.split_off(..2)?;
            return Some(2_288 + 256 * u64::from(more[0]) + u64::from(more[1]));
        }
        250.. => octets.split_off(..usize::from(first) - 247)?,
    };
    let mut number = [0; 8];
    number[..more.len()].copy_from_slice(more);
    Some(u64::from_le_bytes(number))
}

/// Takes away the batch whose last octet is not before the end, and what follows it.
fn cut_batch(messages: &mut Vec<Message>, end: u64) {
    let torn = |message: &Message| matches!(message.kind, Kind::Batch(last) if last >= end);
    if let Some(at) = messages.iter().position(torn) {
        messages.truncate(at);
    }
}

/// The first message, from number `stable` on, whose file is missing although no later one writes its page anew: its place,
/// and the file's id.
fn lost_file(directory: &Path, messages: &[Message], stable: u64) -> io::Result<Option<(usize, i64)>> {
    let mut last_writing = HashMap::new();
    for message in messages {
        if matches!(message.kind, Kind::Page | Kind::PageInFile(_)) {
            last_writing.insert(message.page, message.number);
        }
    }
    for (at, message) in messages.iter().enumerate() {
        let (Kind::PageInFile(id) | Kind::ChangeInFile(id)) = message.kind else { continue };
        let is_latest = last_writing.get(&message.page).is_none_or(|last| *last <= message.number);
        if is_latest && message.number >= stable && !fs::exists(directory.join(BLOBS).join(id.to_string()))? {
            return Ok(Some((at, id)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sled_in(directory: &Path) -> sled::Db {
        sled::Config::new().path(directory).flush_every_ms(None).open().unwrap()
    }

    /// Closes it, and waits until threads of sled's pool have let its lock go.
    fn close(db: sled::Db, directory: &Path) {
        db.flush().unwrap();
        drop(db);
        File::open(directory.join("db")).unwrap().lock().unwrap();
    }

    /// A few pages that are written again and again, so that segments are used up and overwritten; and large ones.
    fn write(directory: &Path, octets: usize, rows: u32) {
        let db = sled_in(directory);
        for row in 0..rows {
            db.insert((row % 40).to_be_bytes(), vec![u8::try_from(row % 251).unwrap(); octets]).unwrap();
        }
        close(db, directory);
    }

    #[test]
    fn headers_and_messages_are_read_as_sled_writes_them() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 3_000, 2_000);
        let file = File::open(directory.path().join("db")).unwrap();
        let segments = headers(&file).unwrap();
        assert!(segments.len() > 2, "{segments:?}");
        for (header, offset) in segments.values() {
            let mut octets = [0; HEADER];
            file.read_exact_at(&mut octets, *offset).unwrap();
            // Before the first sync it says -1, which is read as 0.
            assert!(header.stable == 0 || header.to_octets() == octets, "{header:?}");
            let mut messages = Vec::new();
            let (_, goes_on) = read_segment(&file, *offset, header.number, &mut messages).unwrap();
            assert!(messages.len() > 20 || !goes_on, "{header:?}: {}", messages.len());
        }
    }

    #[test]
    fn the_log_does_not_seem_to_end_where_a_start_overwrote_it() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 3_000, 2_000);
        mend(directory.path(), 0).unwrap();
        let path = directory.path().join("db");
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let segments = headers(&file).unwrap();
        let last = segments.keys().max().unwrap();
        assert!(segments.values().any(|(header, _)| header.stable == *last), "{segments:?}");
    }

    #[test]
    fn a_missing_file_ends_the_log_only_if_its_page_is_not_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), 60_000, 400);
        let blobs = || -> Vec<_> {
            let entries = fs::read_dir(directory.path().join(BLOBS)).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect()
        };
        let there = blobs();
        assert!(!there.is_empty(), "large pages are in files");
        mend(directory.path(), 0).unwrap();
        assert_eq!(blobs().len(), there.len(), "those that sled removed are not missed");
        let latest = there
            .iter()
            .max_by_key(|path| path.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap());
        let latest = latest.unwrap();
        fs::remove_file(latest).unwrap();
        mend(directory.path(), 0).unwrap();
        assert_eq!(fs::read(latest).unwrap(), b"", "an empty one ends the log");
        let db = sled_in(directory.path());
        assert_eq!(db.len(), 40, "earlier rows are there");
    }

    #[test]
    fn a_batch_with_a_missing_file_is_not_there_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let batches = 20_u8;
        let db = sled_in(directory.path());
        for number in 0..batches {
            let mut batch = sled::Batch::default();
            (0..40_u8).for_each(|row| batch.insert(&[row], vec![number; 30_000]));
            db.apply_batch(batch).unwrap();
        }
        close(db, directory.path());
        let entries = fs::read_dir(directory.path().join(BLOBS)).unwrap();
        let id = |path: &Path| path.file_name().unwrap().to_str().unwrap().parse::<u64>().unwrap();
        let latest = entries.map(|entry| entry.unwrap().path()).max_by_key(|path| id(path)).unwrap();
        fs::remove_file(latest).unwrap();
        mend(directory.path(), 0).unwrap();
        let rows = sled_in(directory.path()).iter();
        let numbers: Vec<u8> = rows.map(|row| row.unwrap().1[0]).collect();
        assert_eq!(numbers, [batches - 2; 40]);
    }
}
