//! Reading text piece by piece: lines, and JSON objects that stand in a list or one after the other. A piece that is too
//! long is never held.

use std::io::{self, BufRead};

use anyhow::{Context as _, anyhow, bail, ensure};

/// Longest entry, in octets: a subscription with all that may be said of it has less than 64 KiB.
pub(super) const ENTRY_OCTETS_MAX: usize = 256 * 1024;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end.
    Text(Vec<u8>),
    /// It has more than [`ENTRY_OCTETS_MAX`] octets and was passed over.
    TooLong,
}

/// The next line.
pub(super) fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let (mut line, mut too_long, mut any) = (Vec::new(), false, false);
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|octet| *octet == b'\n');
        let text = &buffer[..end.unwrap_or(buffer.len())];
        too_long |= line.len() + text.len() > ENTRY_OCTETS_MAX;
        if !too_long {
            line.extend_from_slice(text);
        }
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(any.then_some(if too_long { Line::TooLong } else { Line::Text(line) }))
}

/// Finds the JSON objects of a text: those of one list, or objects one after the other.
#[derive(Debug)]
pub(super) struct Objects<R> {
    reader: R,
    line: u64,
    list: List,
}

/// Whether they stand in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Unknown,
    No,
    /// It has begun; whether a comma is to come before the next object.
    Open {
        comma: bool,
    },
    Closed,
}

impl<R: BufRead> Objects<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, line: 1, list: List::Unknown }
    }

    fn octet(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return Ok(read?.first().copied()),
            }
        }
    }

    /// The text of the next object, and the line that it begins on.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let Some(octet) = self.octet().context("cannot read on")? else {
                ensure!(
                    !matches!(self.list, List::Open { .. }),
                    "line {}: the list does not end: part of the file is missing",
                    self.line
                );
                return Ok(None);
            };
            let line = self.line;
            match (octet, self.list) {
                (b'\n', _) => self.line += 1,
                (b' ' | b'\t' | b'\r', _) => {}
                (b'[', List::Unknown) | (b',', List::Open { comma: true }) => {
                    self.list = List::Open { comma: false };
                }
                (b']', List::Open { .. }) => self.list = List::Closed,
                (b'{', List::Unknown | List::No | List::Open { comma: false }) => {
                    self.list = match self.list {
                        List::Open { .. } => List::Open { comma: true },
                        List::Unknown | List::No | List::Closed => List::No,
                    };
                    return Ok(Some((line, self.object()?)));
                }
                _ => bail!("line {line}: a JSON object is expected here"),
            }
            self.reader.consume(1);
        }
    }

    /// The text up to the brace that closes the one here.
    fn object(&mut self) -> anyhow::Result<Vec<u8>> {
        let begun = self.line;
        let (mut text, mut depth) = (Vec::new(), 0_u32);
        let (mut in_string, mut escaped) = (false, false);
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.context("cannot read on")?,
            };
            if buffer.is_empty() {
                return Err(anyhow!("line {begun}: the object does not end: part of the file is missing"));
            }
            let (mut used, mut ended) = (0, false);
            for octet in buffer {
                used += 1;
                self.line += u64::from(*octet == b'\n');
                match octet {
                    _ if escaped => escaped = false,
                    b'\\' if in_string => escaped = true,
                    b'"' => in_string = !in_string,
                    b'{' | b'[' if !in_string => depth += 1,
                    b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth == 0 {
                    ended = true;
                    break;
                }
            }
            text.extend_from_slice(&buffer[..used]);
            self.reader.consume(used);
            ensure!(
                text.len() <= ENTRY_OCTETS_MAX,
                "line {begun}: the object has more than {ENTRY_OCTETS_MAX} octets"
            );
            if ended {
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// In buffers of all small sizes, so that pieces are cut everywhere.
    fn objects(text: &str) -> Vec<Result<Vec<(u64, String)>, String>> {
        let read = |size| {
            let mut objects = Objects::new(BufReader::with_capacity(size, text.as_bytes()));
            let mut found = Vec::new();
            loop {
                match objects.next() {
                    Ok(Some((line, text))) => found.push((line, String::from_utf8(text).unwrap())),
                    Ok(None) => return Ok(found),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        (1..9).map(read).collect()
    }

    #[test]
    fn objects_are_found_in_lists_and_one_after_the_other() {
        let first = r#"{"a":"}]\"{\\","b":[{"c":{}}]}"#;
        for text in [
            format!("[{first},{{}}\n,\n{{\"d\":1}}]\n"),
            format!("{first}\n{{}}\n{{\"d\":1}}"),
            format!(" [\t{first} ,\r\n{{}},\n{{\"d\":1}} ] "),
        ] {
            for found in objects(&text) {
                let found: Vec<_> = found.unwrap();
                let texts: Vec<_> = found.iter().map(|(_, text)| text.as_str()).collect();
                assert_eq!(texts, [first, "{}", "{\"d\":1}"], "{text}");
                assert_eq!((found[0].0, found[2].0), (1, 3), "{text}");
            }
        }
        assert!(objects("[]").iter().all(|found| found == &Ok(Vec::new())));
        assert!(objects("").iter().all(|found| found == &Ok(Vec::new())));
    }

    #[test]
    fn what_is_cut_off_or_no_object_is_told() {
        for (text, says) in [
            ("[{},", "line 1: the list does not end"),
            ("[{},\n{\"a\":", "line 2: the object does not end"),
            ("[{} {}]", "line 1: a JSON object is expected"),
            ("[1]", "a JSON object is expected"),
            ("[{}]{}", "a JSON object is expected"),
            ("{},{}", "a JSON object is expected"),
            ("{}\n[", "line 2: a JSON object is expected"),
        ] {
            for found in objects(text) {
                assert!(found.as_ref().is_err_and(|error| error.contains(says)), "{text}: {found:?}");
            }
        }
        let long = format!("[{{\"a\":\"{}\"}}]", "x".repeat(ENTRY_OCTETS_MAX));
        let error = Objects::new(long.as_bytes()).next().unwrap_err().to_string();
        assert!(error.contains("has more than"), "{error}");
    }

    #[test]
    fn lines_are_bounded() {
        let long = "x".repeat(ENTRY_OCTETS_MAX + 1);
        let text = format!("a\n\n{long}\nlast");
        let mut reader = BufReader::with_capacity(7, text.as_bytes());
        let mut next = || next_line(&mut reader).unwrap();
        assert_eq!(next(), Some(Line::Text(b"a".to_vec())));
        assert_eq!(next(), Some(Line::Text(Vec::new())));
        assert_eq!(next(), Some(Line::TooLong));
        assert_eq!(next(), Some(Line::Text(b"last".to_vec())));
        assert_eq!(next(), None);
    }
}
