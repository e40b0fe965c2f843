//! The input: where it comes from, which of the formats it has, and its entries one by one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use clap::ValueEnum;
use sha2::{Digest as _, Sha256};

use super::django::Django;
use super::entry::{Reader, Refusal};
use super::table::Table;
use super::text::{ENTRY_OCTETS_MAX, Line, Objects, next_line};
use crate::proto::v1::SubscribeRequest;

/// Octets by which the format is told.
const HEAD_OCTETS: u64 = 8 * 1024;
/// Octets read at once.
const BUFFER_OCTETS: usize = 64 * 1024;

/// How the input is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Find out
    #[default]
    Auto,
    /// One JSON object on each line
    #[value(alias = "jsonl", alias = "ndjson")]
    JsonLines,
    /// A JSON list of objects, or objects one after the other
    #[value(alias = "web-push")]
    Json,
    /// Rows under a line with the names of the columns, divided by commas, semicolons or tabs
    #[value(alias = "laravel")]
    Csv,
    /// What `manage.py dumpdata webpush` writes
    DjangoWebpush,
}

impl Format {
    /// By the beginning of the input.
    fn of(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start();
        if text.starts_with('[') {
            let django = text.contains("\"model\"") && text.contains("\"webpush.");
            return Some(if django { Self::DjangoWebpush } else { Self::Json });
        }
        let first = text.lines().next()?;
        if text.starts_with('{') {
            let whole = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
            return Some(if whole { Self::JsonLines } else { Self::Json });
        }
        first.to_ascii_lowercase().contains("endpoint").then_some(Self::Csv)
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What is read, as octets.
pub(super) type Octets = Box<dyn BufRead + Send>;

/// One entry of the input.
#[derive(Debug)]
pub(super) struct Entry {
    /// The line that it begins on.
    pub(super) line: u64,
    /// Octets of the input up to here, about.
    pub(super) position: u64,
    /// Of all entries up to this one: tells whether another input begins with the same.
    pub(super) digest: [u8; 32],
    pub(super) request: Result<SubscribeRequest, Refusal>,
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
    Lines { octets: Octets, line: u64 },
    Objects(Objects<Octets>),
    Table(Table),
    Django(Django),
}

/// What a format gives: where it begins, what it is known again by, and what it says.
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) text: Vec<u8>,
    pub(super) request: Result<SubscribeRequest, Refusal>,
}

impl Entries {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &str, format: Format, reader: Reader) -> anyhow::Result<Self> {
        let mut file = None;
        let mut input: Box<dyn Read + Send> = if path == "-" {
            Box::new(stdin())
        } else {
            let opened = File::open(path).with_context(|| format!("cannot read {path}"))?;
            file = Some(opened.try_clone().with_context(|| format!("cannot read {path}"))?);
            Box::new(opened)
        };
        // A pipe has no length to tell.
        let octets = file.as_ref().and_then(|file| file.metadata().ok());
        let octets = octets.filter(std::fs::Metadata::is_file).map(|about| about.len());
        let mut head = Vec::new();
        input
            .by_ref()
            .take(HEAD_OCTETS)
            .read_to_end(&mut head)
            .with_context(|| format!("cannot read {path}"))?;
        // Some tools mark UTF-8 at its beginning.
        let marked = head.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec);
        let head = marked.unwrap_or(head);
        let format = if format == Format::Auto {
            Format::of(&head).with_context(|| {
                format!(
                    "{path}: cannot tell its format: JSON begins with [ or {{, and CSV with a line of column names, one \
                     of them endpoint; or give --format"
                )
            })?
        } else {
            format
        };
        let consumed = Arc::new(AtomicU64::new(0));
        let input = Counted { input: Cursor::new(head).chain(input), consumed: Arc::clone(&consumed) };
        let input: Octets = Box::new(BufReader::with_capacity(BUFFER_OCTETS, input));
        let records = match format {
            Format::Auto | Format::JsonLines => Records::Lines { octets: input, line: 0 },
            Format::Json => Records::Objects(Objects::new(input)),
            Format::Csv => Records::Table(Table::open(input)?),
            Format::DjangoWebpush => Records::Django(Django::open(input)?),
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

    pub(super) fn into_reader(self) -> Reader {
        self.reader
    }

    /// The next entry.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Entry>> {
        let record = match &mut self.records {
            Records::Lines { octets, line } => lines(octets, line, &mut self.reader)?,
            Records::Objects(objects) => objects.next()?.map(|(line, text)| {
                let request = self.reader.json(&text);
                Record { line, text, request }
            }),
            Records::Table(table) => table.next(&mut self.reader)?,
            Records::Django(django) => django.next(&mut self.reader)?,
        };
        let Some(Record { line, text, request }) = record else { return Ok(None) };
        self.digest = Sha256::new().chain_update(self.digest).chain_update(&text).finalize().into();
        let position = match &self.records {
            Records::Django(django) => django.octets().1,
            Records::Lines { .. } | Records::Objects(_) | Records::Table(_) => {
                self.consumed.load(Ordering::Relaxed)
            }
        };
        Ok(Some(Entry { line, position, digest: self.digest, request }))
    }
}

/// The next line that is not blank.
fn lines(octets: &mut Octets, number: &mut u64, reader: &mut Reader) -> anyhow::Result<Option<Record>> {
    loop {
        let Some(line) = next_line(octets).context("cannot read on")? else { return Ok(None) };
        *number += 1;
        let (text, request) = match line {
            Line::Text(text) if text.iter().all(u8::is_ascii_whitespace) => continue,
            Line::Text(text) => {
                let request = reader.json(&text);
                (text, request)
            }
            Line::TooLong => (Vec::new(), Err(format!("has more than {ENTRY_OCTETS_MAX} octets"))),
        };
        return Ok(Some(Record { line: *number, text, request }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        for (head, format) in [
            ("{\"endpoint\":\"x\"}\n{", Some(Format::JsonLines)),
            ("\n {\"endpoint\":\n", Some(Format::Json)),
            ("[{\"endpoint\":", Some(Format::Json)),
            ("[\n{\"model\": \"webpush.group\"", Some(Format::DjangoWebpush)),
            ("[{\"model\": \"auth.user\"", Some(Format::Json)),
            ("id;Endpoint;p256dh;auth\n", Some(Format::Csv)),
            ("\"user_id\",\"endpoint\"\n", Some(Format::Csv)),
            ("https://push.example.net/x,a,b\n", None),
            ("", None),
        ] {
            assert_eq!(Format::of(head.as_bytes()), format, "{head}");
        }
    }
}
