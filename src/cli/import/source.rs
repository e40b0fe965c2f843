//! The input: where it comes from, and its entries one by one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::django::Django;
use super::entry::{Reader, Reading};
use super::format::Format;
use super::lines::{ENTRY_OCTETS_MAX, Line, next_line};
use super::objects::{Objects, Piece, pieces};
use super::octets::{self, Input, Octets};
use super::refusal::Refusal;
use super::table::Table;

/// Octets by which the format is told.
const HEAD_OCTETS: usize = 8 * 1024;

/// One entry of the input.
#[derive(Debug)]
pub(super) struct Entry {
    /// The line that it begins on.
    pub(super) line: u64,
    /// Octets of the input up to here, about.
    pub(super) position: u64,
    /// Of all entries up to this one: tells whether another input begins with the same.
    pub(super) digest: [u8; 32],
    pub(super) reading: Reading,
}

/// The entries of an input.
pub(super) struct Entries {
    format: Format,
    octets: Option<u64>,
    consumed: Arc<AtomicU64>,
    digest: [u8; 32],
    reader: Reader,
    records: Records,
}

enum Records {
    /// With those of the last line.
    Lines {
        octets: Octets,
        line: u64,
        found: VecDeque<Piece>,
    },
    Objects(Objects<Octets>),
    Table(Table),
    Django(Django),
}

impl Entries {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &str, format: Format, reader: Reader) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read {path}");
        let (input, octets): (Input, _) = if path == "-" {
            (Box::new(stdin()), None)
        } else {
            let file = File::open(path).with_context(cannot)?;
            let about = file.metadata().with_context(cannot)?;
            anyhow::ensure!(!about.is_dir(), "cannot read {path}: it is a directory");
            // A pipe has no length to tell.
            (Box::new(file), about.is_file().then_some(about.len()))
        };
        Self::of(input, octets, format, reader).with_context(|| path.to_owned())
    }

    /// Those in what was read already.
    pub(super) fn of_octets(octets: Vec<u8>, reader: Reader) -> anyhow::Result<Self> {
        Self::of(Box::new(Cursor::new(octets)), None, Format::Auto, reader)
    }

    fn of(input: Input, octets: Option<u64>, format: Format, reader: Reader) -> anyhow::Result<Self> {
        let consumed = Arc::new(AtomicU64::new(0));
        let text = octets::text(Box::new(Counted { input, consumed: Arc::clone(&consumed) }))?;
        let (format, text): (_, Octets) = if format == Format::Auto {
            let (head, text) = octets::head(Box::new(text), HEAD_OCTETS).context("cannot read on")?;
            (Format::of(&head)?, Box::new(io::BufReader::new(text)))
        } else {
            (format, text)
        };
        let records = match format {
            Format::Auto | Format::JsonLines => {
                Records::Lines { octets: text, line: 0, found: VecDeque::new() }
            }
            Format::Json => Records::Objects(Objects::new(text, 1)),
            Format::Csv => Records::Table(Table::open(text)?),
            Format::DjangoWebpush => Records::Django(Django::open(text)?),
        };
        Ok(Self { format, octets, consumed, digest: [0; 32], reader, records })
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The octets of the whole input, where that can be told.
    pub(super) fn octets(&self) -> Option<u64> {
        if let Records::Django(django) = &self.records { Some(django.octets().0) } else { self.octets }
    }

    /// How many objects that hold no entry were passed over among others, and on which line the first of them is.
    pub(super) fn foreign(&self) -> Option<(u64, u64)> {
        match &self.records {
            Records::Objects(objects) => objects.foreign(),
            Records::Lines { .. } | Records::Table(_) | Records::Django(_) => None,
        }
    }

    pub(super) fn into_reader(self) -> Reader {
        self.reader
    }

    /// The next entry.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Entry>> {
        let piece = match &mut self.records {
            Records::Lines { octets, line, found } => lines(octets, line, found)?,
            Records::Objects(objects) => objects.next()?,
            Records::Table(table) => table.next()?,
            Records::Django(django) => django.next()?,
        };
        let Some(Piece { line, text, object }) = piece else { return Ok(None) };
        self.digest = Sha256::new().chain_update(self.digest).chain_update(&text).finalize().into();
        let position = match &self.records {
            Records::Django(django) => django.octets().1,
            Records::Lines { .. } | Records::Objects(_) | Records::Table(_) => {
                self.consumed.load(Ordering::Relaxed)
            }
        };
        let reading = object.and_then(|object| self.reader.object(object));
        Ok(Some(Entry { line, position, digest: self.digest, reading }))
    }
}

/// The next entry in the lines that are not blank.
fn lines(
    octets: &mut Octets,
    number: &mut u64,
    found: &mut VecDeque<Piece>,
) -> anyhow::Result<Option<Piece>> {
    loop {
        if let Some(piece) = found.pop_front() {
            return Ok(Some(piece));
        }
        let Some(line) = next_line(octets).context("cannot read on")? else { return Ok(None) };
        *number += 1;
        match line {
            Line::Text(text) => found.extend(pieces(*number, &text)),
            Line::TooLong => {
                let object = Err(Refusal::shapeless(format!(
                    "has more than {ENTRY_OCTETS_MAX} octets: write one subscription on a line"
                )));
                return Ok(Some(Piece { line: *number, text: Vec::new(), object }));
            }
        }
    }
}

/// Counts the octets that go through it.
struct Counted<R> {
    input: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
