//! CSV: rows under a line with the names of the columns. Also as psql and mysql draw tables for people.

use std::io::{self, BufRead as _, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use csv::{ByteRecord, ReaderBuilder, Trim};
use serde_json::{Map, Value};

use super::format::{delimiter_of, delimiter_said, is_known, is_ruler};
use super::lines::ENTRY_OCTETS_MAX;
use super::members::{is_text_of_json, plain, shown};
use super::objects::{Piece, pieces};
use super::octets::Octets;
use super::refusal::Refusal;
use super::shape::Shape;

/// How databases write that there is nothing.
const NOTHING: [&[u8]; 2] = [b"NULL", b"\\N"];
/// What the CSV reader takes at once, in octets.
const BUFFER_OCTETS: usize = 64 * 1024;

/// The rows of a table.
pub(super) struct Table {
    rows: csv::Reader<Bounded>,
    /// Their names, as they are written.
    columns: Vec<String>,
    row: ByteRecord,
    /// A row was read to see what is in it.
    ahead: bool,
    left: Arc<AtomicUsize>,
    /// Lines before the names of the columns.
    lines_before: u64,
    /// A JSON text of a field may have several entries.
    found: Vec<Piece>,
}

impl Table {
    /// Reads the names of the columns.
    pub(super) fn open(mut octets: Octets) -> anyhow::Result<Self> {
        let (mut head, mut delimiter, mut lines_before) = (Vec::new(), None, 0);
        loop {
            head.clear();
            let line = octets.by_ref().take(ENTRY_OCTETS_MAX as u64).read_until(b'\n', &mut head);
            line.context("cannot read on")?;
            let line = String::from_utf8_lossy(&head);
            delimiter = delimiter_said(&line).or(delimiter);
            let is_names = delimiter_said(&line).is_none() && !is_ruler(&line) && !line.trim().is_empty();
            if is_names || head.is_empty() {
                break;
            }
            lines_before += 1;
        }
        let names = String::from_utf8_lossy(&head).into_owned();
        let delimiter = delimiter.unwrap_or_else(|| delimiter_of(&names));
        let first = octets.fill_buf().context("cannot read on")?;
        // MySQL writes a quotation mark in a field with a backslash before it, others write it twice.
        let escapes = contains(first, b"{\\\"") && !contains(first, b"\"\"");
        let left = Arc::new(AtomicUsize::new(ENTRY_OCTETS_MAX + BUFFER_OCTETS));
        let input = Bounded { input: Cursor::new(head).chain(octets), left: Arc::clone(&left) };
        let rows = ReaderBuilder::new()
            .delimiter(u8::try_from(delimiter).unwrap_or(b','))
            .escape(escapes.then_some(b'\\'))
            .flexible(true)
            .trim(Trim::All)
            .buffer_capacity(BUFFER_OCTETS)
            .from_reader(input);
        let mut table = Self {
            rows,
            columns: Vec::new(),
            row: ByteRecord::new(),
            ahead: false,
            left,
            lines_before,
            found: Vec::new(),
        };
        table.read_names()?;
        Ok(table)
    }

    fn read_names(&mut self) -> anyhow::Result<()> {
        let line = self.lines_before + 1;
        let names = self.rows.byte_headers().map_err(|error| plain_error(error, self.lines_before))?;
        let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let plain_names: Vec<_> = names.iter().map(|name| plain(name)).collect();
        for (index, name) in plain_names.iter().enumerate() {
            let number = index + 1;
            // A name that may not be shown is a field: there are no names.
            let told = shown(&names[index]).map_or_else(String::new, |name| format!(", {name},"));
            ensure!(
                name.is_empty() || !plain_names[..index].contains(name),
                "line {line} names column {number}{told} as another one: rename one of them"
            );
        }
        let known = names.iter().any(|name| is_known(name));
        self.columns = names;
        if known {
            return Ok(());
        }
        // A column of any name may have the browser's JSON.
        self.ahead = self.read_row()?;
        let has_json = self.row.iter().any(|field| {
            let text = String::from_utf8_lossy(field);
            is_text_of_json(&text) && text.contains("endpoint")
        });
        // Without the names, what stands here would be a secret: nothing of it is repeated.
        ensure!(
            has_json,
            "line {line} names no column endpoint: give this name to the column with the addresses https://…"
        );
        Ok(())
    }

    /// The next row.
    fn read_row(&mut self) -> anyhow::Result<bool> {
        self.left.store(ENTRY_OCTETS_MAX + BUFFER_OCTETS, Ordering::Relaxed);
        self.rows.read_byte_record(&mut self.row).map_err(|error| plain_error(error, self.lines_before))
    }

    /// The next row, or the next entry in it.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        loop {
            if let Some(piece) = self.found.pop() {
                return Ok(Some(piece));
            }
            if !std::mem::take(&mut self.ahead) && !self.read_row()? {
                return Ok(None);
            }
            if self.is_decoration() {
                continue;
            }
            let line = self.row.position().map_or(0, csv::Position::line) + self.lines_before;
            let text = self.row.iter().collect::<Vec<_>>().join(&b"\0"[..]);
            let object = match self.object().map(Shape::of) {
                Ok(Shape::Entry(object)) => Ok(object),
                Ok(Shape::Holder(_)) => {
                    let object = self.object().map(Value::Object).map(|object| object.to_string());
                    self.found = pieces(line, object.unwrap_or_default().as_bytes());
                    self.found.reverse();
                    continue;
                }
                Ok(Shape::Heading | Shape::Foreign) => Err(Refusal::no_endpoint()),
                Err(refusal) => Err(refusal),
            };
            return Ok(Some(Piece { line, text, object }));
        }
    }

    /// What psql and mysql draw around rows, and what spreadsheets leave behind them.
    fn is_decoration(&self) -> bool {
        if self.row.iter().all(<[u8]>::is_empty) {
            return true;
        }
        let text = self.row.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join("|");
        is_ruler(&text)
            || (self.row.len() == 1 && text.starts_with('(') && text.ends_with(" row)"))
            || (self.row.len() == 1 && text.starts_with('(') && text.ends_with(" rows)"))
    }

    fn object(&self) -> Result<Map<String, Value>, Refusal> {
        let (fields, columns) = (self.row.len(), self.columns.len());
        if fields != columns {
            return Err(Refusal::shapeless(format!(
                "has {fields} fields under {columns} columns: a field that has the delimiter or a line's end in it must stand \
                 in quotation marks"
            )));
        }
        let mut object = Map::new();
        for (name, field) in self.columns.iter().zip(&self.row) {
            if NOTHING.contains(&field) || name.is_empty() {
                continue;
            }
            // What is not UTF-8 matters only in a field that is read: its reader sees the mark.
            let text = String::from_utf8_lossy(field).into_owned();
            object.insert(name.clone(), Value::String(text));
        }
        Ok(object)
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// In words that do not repeat what was read.
fn plain_error(error: csv::Error, lines_before: u64) -> anyhow::Error {
    let line = error.position().map_or(0, csv::Position::line) + lines_before;
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        anyhow::Error::from(error).context("cannot read on")
    } else {
        anyhow::anyhow!("line {line}: the rows do not read as CSV")
    }
}

/// Ends when one row takes more than there is left: a quote that is not closed would take the rest of the file.
struct Bounded {
    input: io::Chain<Cursor<Vec<u8>>, Octets>,
    left: Arc<AtomicUsize>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let left = self.left.load(Ordering::Relaxed);
        let left = left.checked_sub(read).ok_or_else(|| {
            io::Error::other(format!(
                "a row has more than {ENTRY_OCTETS_MAX} octets: a quotation mark may be missing"
            ))
        })?;
        self.left.store(left, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use serde_json::json;

    use super::*;

    fn open(text: &str) -> anyhow::Result<Table> {
        Table::open(Box::new(BufReader::new(Cursor::new(text.as_bytes().to_vec()))))
    }

    fn all(text: &str) -> Vec<(u64, Result<Value, String>)> {
        let mut table = open(text).unwrap();
        let mut all = Vec::new();
        while let Some(piece) = table.next().unwrap() {
            let plain_names = |object: Map<String, Value>| {
                Value::Object(object.into_iter().map(|(name, value)| (plain(&name), value)).collect())
            };
            all.push((piece.line, piece.object.map(plain_names).map_err(|refusal| refusal.message())));
        }
        all
    }

    #[test]
    fn columns_are_found_by_name_whatever_divides_them() {
        for (text, line) in [
            ("endpoint,p256dh,topics\nE,P,\"a b\"\n", 2),
            ("topics;p256dh;Endpoint\na b;P;E\n", 2),
            ("p256dh\tendpoint\ttopics\nP\tE\ta b", 2),
            ("endpoint|p256dh|topics\nE|P|a b\n", 2),
            ("sep=;\nendpoint;p256dh;topics\nE;P;\"a b\"\n", 3),
            (
                " endpoint | p256dh | topics \n----------+--------+-------\n E        | P      | a b\n(1 row)\n",
                3,
            ),
            (
                "+---+---+---+\n| endpoint | p256dh | topics |\n+---+---+---+\n| E | P | a b |\n+---+---+---+\n",
                4,
            ),
            ("| endpoint | p256dh | topics |\n|---|:-:|---|\n| E | P | a b |\n", 3),
        ] {
            let all = all(text);
            assert_eq!(all, [(line, Ok(json!({"endpoint": "E", "p256dh": "P", "topics": "a b"})))], "{text}");
        }
    }

    #[test]
    fn a_column_of_any_name_may_have_the_json_of_a_browser() {
        let twice = "id,push_info\n1,\"{\"\"endpoint\"\":\"\"E\"\"}\"\n";
        let backslash = "id,push_info\n1,\"{\\\"endpoint\\\":\\\"E\\\"}\"\n";
        let bare = "id\tpush_info\n1\t{\"endpoint\":\"E\"}\n";
        for text in [twice, backslash, bare] {
            let expected = json!({"id": "1", "pushinfo": "{\"endpoint\":\"E\"}"});
            assert_eq!(all(text), [(2, Ok(expected))], "{text}");
        }
        let many = "user_id\tdevices\n7\t[{\"endpoint\":\"E\"},{\"endpoint\":\"F\"}]\n";
        let entry = |endpoint: &str| Ok(json!({"endpoint": endpoint, "userid": "7"}));
        assert_eq!(all(many), [(2, entry("E")), (2, entry("F"))]);
    }

    #[test]
    fn nothing_is_nothing_and_odd_rows_are_refused() {
        let all = all("endpoint,user_id,expiration_time\nE,NULL,\\N\nE\nE,\"a\nb\",\nE,c,d,e\n");
        assert_eq!(all.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 6]);
        assert_eq!(all[0].1, Ok(json!({"endpoint": "E"})));
        assert!(all[1].1.as_ref().unwrap_err().starts_with("has 1 fields under 3 columns"));
        assert_eq!(all[2].1.as_ref().unwrap()["userid"], "a\nb");
        assert!(all[3].1.is_err());
    }

    #[test]
    fn empty_rows_are_none_and_text_that_is_not_utf8_is_marked() {
        let text = b"endpoint,city\n,\nE,M\xfcnchen\n,\n";
        let mut table = Table::open(Box::new(BufReader::new(Cursor::new(text.to_vec())))).unwrap();
        let piece = table.next().unwrap().unwrap();
        assert_eq!(piece.line, 3);
        assert_eq!(Value::Object(piece.object.unwrap()), json!({"endpoint": "E", "city": "M\u{fffd}nchen"}));
        assert!(table.next().unwrap().is_none());
    }

    #[test]
    fn tables_without_names_are_refused_without_repeating_them() {
        for text in
            ["secret,endpointless\n", "endpoint,Endpoint\n", "x,https://secret/1,https://secret/1\n", ""]
        {
            let error = open(text).err().unwrap().to_string();
            assert!(error.contains("line 1") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_take_the_rest_of_the_file() {
        let text = format!("endpoint\n\"E\n{}", "x\n".repeat(ENTRY_OCTETS_MAX));
        let error = format!("{:#}", open(&text).unwrap().next().err().unwrap());
        assert!(error.contains("a quotation mark may be missing"), "{error}");
    }
}
