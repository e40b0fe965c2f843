//! The entries in JSON of any size: objects in lists, one after the other, or in objects that hold them; also where a text has
//! the JSON. Only one object is in memory at a time, and none that is too long.

use std::io::BufRead;

use anyhow::{bail, ensure};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::lines::ENTRY_OCTETS_MAX;
use super::members::is_text_of_json;
use super::refusal::Refusal;
use super::scan::Scanner;
use super::shape::{Holder, Shape, inherit, is_user};

/// How deep lists and objects that hold entries are nested.
const DEPTH_MAX: usize = 16;

/// What may be an entry.
#[derive(Debug)]
pub(super) struct Piece {
    /// The line that it begins on.
    pub(super) line: u64,
    /// What it is known again by.
    pub(super) text: Vec<u8>,
    pub(super) object: Result<Map<String, Value>, Refusal>,
}

/// Finds the entries.
#[derive(Debug)]
pub(super) struct Objects<R> {
    scanner: Scanner<R>,
    /// What is open, the innermost last.
    open: Vec<Open>,
    /// How many objects are no entries in what holds some, and the line of the first.
    foreign: Option<(u64, u64)>,
    /// Every object is wanted, whatever it is.
    rows: bool,
}

/// A list or object that has begun.
#[derive(Debug)]
struct Open {
    is_list: bool,
    at: At,
    /// Of the member that is being read.
    name: Option<String>,
    holder: Holder,
}

/// What comes next in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A value, or the name of a member, or the end.
    Next,
    /// The value of a member.
    Value,
    /// A comma, or the end.
    After,
}

impl<R: BufRead> Objects<R> {
    /// In an input whose first line has this number.
    pub(super) fn new(reader: R, line: u64) -> Self {
        Self { scanner: Scanner::new(reader, line), open: Vec::new(), foreign: None, rows: false }
    }

    /// For every object, whatever it is.
    pub(super) fn rows(reader: R) -> Self {
        Self { rows: true, ..Self::new(reader, 1) }
    }

    /// How many objects in what holds entries were none, and on which line the first of them is.
    pub(super) fn foreign(&self) -> Option<(u64, u64)> {
        self.foreign
    }

    /// The next entry.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        loop {
            let Some(octet) = self.scanner.peek()? else {
                let Some(open) = self.open.last() else { return Ok(None) };
                let what = if open.is_list { "list" } else { "object" };
                bail!("line {}: the {what} does not end: part of the file is missing", self.scanner.line);
            };
            if octet.is_ascii_whitespace() {
                self.scanner.skip(octet);
                continue;
            }
            let piece = match self.open.last().map(|open| (open.is_list, open.at)) {
                // Some tools write a comma behind each line.
                None if octet == b',' => {
                    self.scanner.skip(octet);
                    None
                }
                None | Some((true, At::Next)) if octet != b']' => self.value(octet)?,
                Some((_, At::Value)) => self.value(octet)?,
                Some((false, At::Next)) if octet == b'"' => {
                    self.name()?;
                    None
                }
                Some((_, At::After)) if octet == b',' => {
                    self.scanner.skip(octet);
                    self.set(At::Next);
                    None
                }
                Some((is_list, At::Next | At::After)) if octet == if is_list { b']' } else { b'}' } => {
                    self.scanner.skip(octet);
                    self.open.pop();
                    self.set(At::After);
                    None
                }
                _ => return Err(self.unexpected()),
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }

    fn unexpected(&self) -> anyhow::Error {
        anyhow::anyhow!("line {}: a JSON object is expected here", self.scanner.line)
    }

    /// In what is open.
    fn set(&mut self, at: At) {
        if let Some(open) = self.open.last_mut() {
            open.at = at;
        }
    }

    /// The name of a member, and the colon.
    fn name(&mut self) -> anyhow::Result<()> {
        let Some(name) = self.scanner.string()? else {
            bail!("line {}: the name of a member is too long", self.scanner.line)
        };
        while let Some(octet) = self.scanner.peek()? {
            self.scanner.skip(octet);
            if octet == b':' {
                let Some(open) = self.open.last_mut() else { break };
                open.name = Some(name);
                open.at = At::Value;
                return Ok(());
            }
            if !octet.is_ascii_whitespace() {
                break;
            }
        }
        Err(self.unexpected())
    }

    /// What stands here: an entry, or what may hold some.
    fn value(&mut self, first: u8) -> anyhow::Result<Option<Piece>> {
        let wanted = self.open.last().is_none_or(|open| {
            let members = open.holder.members.as_ref();
            open.is_list || open.name.as_ref().is_none_or(|name| members.is_none_or(|of| of.contains(name)))
        });
        match first {
            b'{' => self.object(wanted),
            b'[' if wanted => {
                self.scanner.skip(first);
                self.descend(true, Holder { members: None, user: None })?;
                Ok(None)
            }
            b'[' => self.pass_over(),
            b'"' => self.text(wanted),
            _ if self.open.iter().any(|open| !open.is_list) => self.pass_over(),
            _ => Err(self.unexpected()),
        }
    }

    fn descend(&mut self, is_list: bool, holder: Holder) -> anyhow::Result<()> {
        ensure!(
            self.open.len() < DEPTH_MAX,
            "line {}: more than {DEPTH_MAX} lists and objects in one another",
            self.scanner.line
        );
        self.open.push(Open { is_list, at: At::Next, name: None, holder });
        Ok(())
    }

    /// A text, which may have the JSON of entries in it.
    fn text(&mut self, wanted: bool) -> anyhow::Result<Option<Piece>> {
        let text = self.scanner.string()?;
        match text {
            Some(text) if wanted && is_text_of_json(&text) && is_json(&text) => {
                // It has no lines of its own.
                self.scanner.put_back(&text.replace('\n', " ").into_bytes());
                Ok(None)
            }
            _ if self.open.iter().all(|open| open.is_list) => {
                self.set(At::After);
                let object = Err(Refusal::shapeless("is a text: an entry is a JSON object"));
                Ok(Some(Piece { line: self.scanner.line, text: b"\"\"".to_vec(), object }))
            }
            _ => {
                self.refuse_user()?;
                self.set(At::After);
                Ok(None)
            }
        }
    }

    /// Whether what stands here must be an entry. What is in a holder that was too long to be looked at need not be one.
    fn expects_entries(&self) -> bool {
        self.open.iter().rev().find(|open| !open.is_list).is_none_or(|open| open.holder.members.is_some())
    }

    /// A user of entries that are not all in memory with it would be lost.
    fn refuse_user(&self) -> anyhow::Result<()> {
        let of_long = self.open.last().filter(|open| !open.is_list && open.holder.members.is_none());
        let is_user = of_long.and_then(|open| open.name.as_deref()).is_some_and(is_user);
        ensure!(
            !is_user,
            "line {}: an object with more than {ENTRY_OCTETS_MAX} octets says whose the entries in it are: give each its \
             user_id",
            self.scanner.line
        );
        Ok(())
    }

    /// An object: an entry, or what holds some.
    fn object(&mut self, wanted: bool) -> anyhow::Result<Option<Piece>> {
        let line = self.scanner.line;
        let (text, ended) = self.scanner.balanced(wanted)?;
        if !wanted {
            self.set(At::After);
            return Ok(None);
        }
        let shape = if ended {
            match serde_json::from_slice(&text) {
                Ok(object) if self.rows => Shape::Entry(object),
                Ok(object) => Shape::of(object),
                Err(error) => {
                    self.set(At::After);
                    let object = Err(Refusal::of_json(&text, &error));
                    return Ok(Some(Piece { line, text, object }));
                }
            }
        } else if self.rows {
            bail!("line {line}: the object has more than {ENTRY_OCTETS_MAX} octets");
        } else {
            // It is too long for an entry.
            Shape::Holder(Holder { members: None, user: None })
        };
        let mut object = match shape {
            Shape::Entry(object) => object,
            Shape::Holder(holder) => {
                self.scanner.line = line;
                self.scanner.put_back(&text[1..]);
                self.descend(false, holder)?;
                return Ok(None);
            }
            Shape::Foreign if self.expects_entries() => {
                self.set(At::After);
                let object = Err(Refusal::no_endpoint());
                return Ok(Some(Piece { line, text, object }));
            }
            Shape::Foreign => {
                self.set(At::After);
                let (count, first) = self.foreign.unwrap_or((0, line));
                self.foreign = Some((count + 1, first));
                return Ok(None);
            }
            Shape::Heading => {
                self.set(At::After);
                return Ok(None);
            }
        };
        let user = self.open.iter().rev().find_map(|open| open.holder.user.as_ref());
        let name = self.open.last().and_then(|open| open.name.as_deref());
        inherit(&mut object, user, name);
        self.set(At::After);
        Ok(Some(Piece { line, text, object: Ok(object) }))
    }

    /// Passes over a value that is of no interest.
    fn pass_over(&mut self) -> anyhow::Result<Option<Piece>> {
        if let Some(b'{' | b'[') = self.scanner.peek()? {
            self.scanner.balanced(false)?;
        } else {
            self.refuse_user()?;
            while let Some(octet) = self.scanner.peek()?
                && !matches!(octet, b',' | b'}' | b']')
                && !octet.is_ascii_whitespace()
            {
                self.scanner.skip(octet);
            }
        }
        self.set(At::After);
        Ok(None)
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The entries in a text that is in memory, whose first line has this number; what is wrong with it is a piece of its own.
pub(super) fn pieces(line: u64, text: &[u8]) -> Vec<Piece> {
    let mut objects = Objects::new(text, line);
    let mut found = Vec::new();
    loop {
        match objects.next() {
            Ok(Some(piece)) => found.push(piece),
            Ok(None) => return found,
            Err(error) => {
                let parsed = serde_json::from_slice::<IgnoredAny>(text);
                let refusal = parsed.err().map_or_else(
                    || Refusal::shapeless(format!("{error:#}")),
                    |error| Refusal::of_json(text, &error),
                );
                found.push(Piece { line, text: text.to_vec(), object: Err(refusal) });
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use serde_json::json;

    use super::*;

    /// In buffers of all small sizes, so that pieces are cut everywhere.
    fn objects(text: &str) -> Vec<Result<Vec<(u64, Value)>, String>> {
        let read = |size| {
            let mut objects = Objects::new(BufReader::with_capacity(size, text.as_bytes()), 1);
            let mut found = Vec::new();
            loop {
                match objects.next() {
                    Ok(Some(piece)) => {
                        let object =
                            piece.object.map_or_else(|refusal| json!(refusal.description), Value::Object);
                        found.push((piece.line, object));
                    }
                    Ok(None) => return Ok(found),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        (1..9).map(read).collect()
    }

    #[test]
    fn entries_are_found_in_lists_and_one_after_the_other() {
        let first = r#"{"endpoint":"}]\"{\\","b":[{"c":{}}]}"#;
        let other = r#"{"endpoint":"F"}"#;
        for text in [
            format!("[{first},{other}\n,\n{other}]\n"),
            format!("{first}\n{other}\n{other}"),
            format!("{first},\n{other},\n{other},"),
            format!(" [\t{first} ,\n{other},\n{other} ] "),
            format!("[{first}]\n[{other}]\n[{other}]\n"),
            format!("[[{first}],[\n{other},[\n{other}]]]"),
            format!("{{\"a\":1,\"subscriptions\":[{first},\n{other},\n{other}],\"b\":{{}}}}"),
            format!("[{},\n{},\n{other}]", json!(first), json!(format!("[\n{other}]"))),
            json!(format!("[{first},{other},{other}]")).to_string(),
        ] {
            for found in objects(&text) {
                let found = found.unwrap();
                assert_eq!(found.len(), 3, "{text}");
                assert_eq!(found[0].1, serde_json::from_str::<Value>(first).unwrap(), "{text}");
                assert_eq!(found[2].1, json!({"endpoint": "F"}), "{text}");
                let lines = 1 + text.matches('\n').count() as u64;
                assert!(found[0].0 == 1 && found[2].0 <= lines, "{text}");
                assert!(lines < 3 || found[2].0 == 3, "{text}");
            }
        }
        for text in ["[]", "", "[[],[]]", " "] {
            assert!(objects(text).iter().all(|found| found == &Ok(Vec::new())), "{text}");
        }
    }

    #[test]
    fn what_holds_entries_says_whose_they_are_and_what_they_are_called() {
        let text = r#"[{"username":"alice","id":1,
            "devices":[{"endpoint":"E"},{"endpoint":"F","user":"bob"}],"roles":[{"a":1}]},
            {"phone":{"subscription":{"endpoint":"G"}},
             "pc":{"subscription":{"endpoint":"H"},"user_id":7}}]"#;
        for found in objects(text) {
            let found = found.unwrap();
            let entries: Vec<_> = found.iter().map(|(_, entry)| entry.clone()).collect();
            assert_eq!(
                entries,
                [
                    json!({"endpoint": "E", "user_id": "alice"}),
                    json!({"endpoint": "F", "user": "bob"}),
                    json!({"subscription": {"endpoint": "G"}, "label.name": "phone"}),
                    json!({"subscription": {"endpoint": "H"}, "user_id": 7, "label.name": "pc"}),
                ]
            );
            let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [2, 2, 3, 4]);
        }
    }

    #[test]
    fn what_holds_very_many_is_not_held() {
        let entry = |n: usize| format!("{{\"endpoint\":\"{n}\",\"x\":\"{}\"}}", "x".repeat(1_000));
        let entries: Vec<_> = (0..1_000).map(entry).collect();
        for (text, count) in [
            (format!("{{\"total\":3,\n\"subscriptions\":[\n{}]}}", entries.join(",\n")), 1_000),
            (
                format!(
                    "[{{\"type\":\"header\"}},\n{{\"type\":\"table\",\"data\":\n[{},{{\"a\":1}}]}}]",
                    entries.join(",\n")
                ),
                1_000,
            ),
            (
                format!(
                    "{{{}}}",
                    entries.iter().map(|of| format!("\"k\": {of}")).collect::<Vec<_>>().join(",")
                ),
                1_000,
            ),
        ] {
            let mut objects = Objects::new(text.as_bytes(), 1);
            let mut found = 0;
            while let Some(piece) = objects.next().unwrap() {
                assert!(piece.object.is_ok());
                found += 1;
            }
            assert_eq!(found, count);
            assert_eq!(objects.foreign(), text.contains("\"a\"").then_some((1, 1_002)));
        }
        let of_user = format!("{{\"username\":\"secret\",\"subscriptions\":[{}]}}", entries.join(","));
        let error = Objects::new(of_user.as_bytes(), 1).next().unwrap_err().to_string();
        assert!(error.contains("give each its user_id") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_cut_off_or_no_object_is_told() {
        for (text, says) in [
            ("[{},", "line 1: the list does not end"),
            ("[{},\n{\"a\":", "line 2: the object does not end"),
            ("[{} {}]", "line 1: a JSON object is expected"),
            ("[1]", "a JSON object is expected"),
            ("{}]", "a JSON object is expected"),
            ("secret", "a JSON object is expected"),
            ("{}\n[", "line 2: the list does not end"),
            ("\"secret", "line 1: a text does not end"),
        ] {
            for found in objects(text) {
                let error = found.unwrap_err();
                assert!(error.contains(says) && !error.contains("secret"), "{text}: {error}");
            }
        }
        let nested = "[".repeat(100);
        assert!(objects(&nested)[0].as_ref().unwrap_err().contains("in one another"));
        for found in objects(r#"["secret", {"secret": 1}, {"endpoint": secret}]"#) {
            let told = format!("{:?}", found.unwrap());
            assert!(
                !told.contains("secret") && told.contains("is a text") && told.contains("is missing"),
                "{told}"
            );
        }
    }
}
