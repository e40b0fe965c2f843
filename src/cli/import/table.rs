//! CSV: rows under a line with the names of the columns.

use std::io::{self, BufRead as _, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use super::entry::{Reader, Refusal, plain};
use super::source::{Octets, Record};
use super::text::ENTRY_OCTETS_MAX;
use crate::proto::v1::SubscribeRequest;

/// How databases write that there is nothing.
const NOTHING: [&[u8]; 2] = [b"NULL", b"\\N"];
/// What the CSV reader takes at once, in octets.
const BUFFER_OCTETS: usize = 64 * 1024;

/// The rows of a table.
pub(super) struct Table {
    rows: csv::Reader<Bounded>,
    columns: Vec<String>,
    row: ByteRecord,
    left: Arc<AtomicUsize>,
}

impl Table {
    /// Reads the names of the columns.
    pub(super) fn open(mut octets: Octets) -> anyhow::Result<Self> {
        let mut head = Vec::new();
        octets
            .by_ref()
            .take(ENTRY_OCTETS_MAX as u64)
            .read_until(b'\n', &mut head)
            .context("cannot read on")?;
        let pieces = |delimiter: &u8| head.split(|octet| octet == delimiter).count();
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(pieces).unwrap_or(b',');
        let left = Arc::new(AtomicUsize::new(ENTRY_OCTETS_MAX + BUFFER_OCTETS));
        let input = Bounded { input: Cursor::new(head).chain(octets), left: Arc::clone(&left) };
        let mut rows = ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .buffer_capacity(BUFFER_OCTETS)
            .from_reader(input);
        let names = rows.byte_headers().map_err(plain_error)?;
        let columns: Vec<_> = names.iter().map(|name| plain(&String::from_utf8_lossy(name))).collect();
        // Without the names, what stands here would be a secret: nothing of it is repeated.
        ensure!(columns.iter().any(|name| name == "endpoint"), "line 1 names no column endpoint");
        for (index, name) in columns.iter().enumerate() {
            ensure!(!columns[..index].contains(name), "line 1 names the column {name} twice");
        }
        Ok(Self { rows, columns, row: ByteRecord::new(), left })
    }

    pub(super) fn next(&mut self, reader: &mut Reader) -> anyhow::Result<Option<Record>> {
        self.left.store(ENTRY_OCTETS_MAX + BUFFER_OCTETS, Ordering::Relaxed);
        if !self.rows.read_byte_record(&mut self.row).map_err(plain_error)? {
            return Ok(None);
        }
        let line = self.row.position().map_or(0, csv::Position::line);
        let text = self.row.iter().collect::<Vec<_>>().join(&b"\0"[..]);
        let request = self.read(reader);
        Ok(Some(Record { line, text, request }))
    }

    fn read(&self, reader: &mut Reader) -> Result<SubscribeRequest, Refusal> {
        let (fields, columns) = (self.row.len(), self.columns.len());
        if fields != columns {
            return Err(format!("has {fields} fields under {columns} columns"));
        }
        let mut object = Map::new();
        for (name, field) in self.columns.iter().zip(&self.row) {
            if NOTHING.contains(&field) {
                continue;
            }
            let text = String::from_utf8(field.to_vec()).map_err(|_| "is not UTF-8 text".to_owned())?;
            object.insert(name.clone(), Value::String(text));
        }
        reader.object(object)
    }
}

/// In words that do not repeat what was read.
fn plain_error(error: csv::Error) -> anyhow::Error {
    let line = error.position().map_or(0, csv::Position::line);
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        anyhow::Error::from(error).context("cannot read on")
    } else {
        anyhow::anyhow!("line {line}: the rows do not read as CSV")
    }
}

/// Ends when one row takes more than there is left: a quote that is not closed would take the rest of the file. Leaves
/// carriage returns out: after those at the ends of lines, the CSV reader's line numbers would be one too low.
struct Bounded {
    input: io::Chain<Cursor<Vec<u8>>, Octets>,
    left: Arc<AtomicUsize>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.input.read(buffer)?;
            let left = self.left.load(Ordering::Relaxed);
            if read > left {
                return Err(io::Error::other(format!(
                    "a row has more than {ENTRY_OCTETS_MAX} octets: a quotation mark may be missing"
                )));
            }
            self.left.store(left - read, Ordering::Relaxed);
            let mut kept = 0;
            for index in 0..read {
                if buffer[index] != b'\r' {
                    buffer[kept] = buffer[index];
                    kept += 1;
                }
            }
            // None would mean the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::super::entry::Terms;
    use super::*;

    fn open(text: &str) -> anyhow::Result<Table> {
        Table::open(Box::new(BufReader::new(Cursor::new(text.as_bytes().to_vec()))))
    }

    fn all(text: &str) -> Vec<(u64, Result<SubscribeRequest, Refusal>)> {
        let (mut table, mut reader) = (open(text).unwrap(), Reader::new(Terms::default()));
        let mut all = Vec::new();
        while let Some(record) = table.next(&mut reader).unwrap() {
            all.push((record.line, record.request));
        }
        all
    }

    #[test]
    fn columns_are_found_by_name_whatever_divides_them() {
        for text in [
            "endpoint,p256dh,auth,user_id,topics,label.plan\nE,P,A,7,\"news sport\",pro\n",
            "User ID;auth;p256dh;Endpoint;topics;label.plan\r\n7;A;P;E;\"news;sport\";pro\r\n",
            "auth_token\tpublic_key\tendpoint\tsubscribable_id\ttopics\tlabel.plan\nA\tP\tE\t7\tnews,sport\tpro",
        ] {
            let all = all(text);
            let (line, request) = (all[0].0, all[0].1.clone().unwrap());
            let browser = request.push_subscription.unwrap();
            let keys = browser.keys.unwrap();
            assert_eq!((all.len(), line, browser.endpoint.as_str()), (1, 2, "E"), "{text}");
            assert_eq!((keys.p256dh.as_str(), keys.auth.as_str()), ("P", "A"));
            assert_eq!(
                (request.user_id.as_str(), request.topics),
                ("7", vec!["news".to_owned(), "sport".to_owned()])
            );
            assert_eq!(request.labels["plan"], "pro");
        }
    }

    #[test]
    fn nothing_is_nothing_and_odd_rows_are_refused() {
        let all = all("endpoint,user_id,expiration_time\nE,NULL,\\N\nE\nE,\"a\nb\",\nE,c,d,e\n");
        assert_eq!(all.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 6]);
        assert_eq!(all[0].1.as_ref().unwrap().user_id, "");
        assert_eq!(all[1].1.as_ref().unwrap_err(), "has 1 fields under 3 columns");
        assert_eq!(all[2].1.as_ref().unwrap().user_id, "a\nb");
        assert!(all[3].1.is_err());
    }

    #[test]
    fn tables_without_names_are_refused_without_repeating_them() {
        for text in ["secret,endpointless\n", "endpoint,Endpoint\n", ""] {
            let error = open(text).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_take_the_rest_of_the_file() {
        let text = format!("endpoint\n\"E\n{}", "x\n".repeat(ENTRY_OCTETS_MAX));
        let (mut table, mut reader) = (open(&text).unwrap(), Reader::new(Terms::default()));
        let error = format!("{:#}", table.next(&mut reader).err().unwrap());
        assert!(error.contains("a quotation mark may be missing"), "{error}");
    }
}
