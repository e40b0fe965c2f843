//! JSON as octets: one after the other, a text, or all up to the end of what begins; and what was read may be put back, to be
//! read once more.

use std::io::{self, BufRead};

use anyhow::{Context as _, ensure};

use super::lines::ENTRY_OCTETS_MAX;

/// Reads octet by octet, and counts lines.
#[derive(Debug)]
pub(super) struct Scanner<R> {
    reader: Back<R>,
    /// The number of the line that is being read.
    pub(super) line: u64,
}

impl<R: BufRead> Scanner<R> {
    pub(super) fn new(reader: R, line: u64) -> Self {
        Self { reader: Back::new(reader), line }
    }

    /// The next octet; `None` at the end.
    pub(super) fn peek(&mut self) -> anyhow::Result<Option<u8>> {
        Ok(self.reader.buffer().context("cannot read on")?.first().copied())
    }

    /// Passes over the next octet, which is this one.
    pub(super) fn skip(&mut self, octet: u8) {
        self.line += u64::from(octet == b'\n');
        self.reader.consume(1);
    }

    /// See [`Back::put_back`]. Whoever does it knows on which line the text began.
    pub(super) fn put_back(&mut self, text: &[u8]) {
        self.reader.put_back(text);
    }

    /// A string, without its quotation marks and escapes; `None` where it is too long.
    pub(super) fn string(&mut self) -> anyhow::Result<Option<String>> {
        let begun = self.line;
        let (mut text, mut escaped, mut too_long) = (Vec::new(), false, false);
        loop {
            let octet = self.peek()?;
            let octet = octet
                .with_context(|| format!("line {begun}: a text does not end: part of the file is missing"))?;
            self.skip(octet);
            too_long |= text.len() >= ENTRY_OCTETS_MAX;
            if !too_long {
                text.push(octet);
            }
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                // The first one begins it.
                b'"' if too_long || text.len() > 1 => break,
                _ => {}
            }
        }
        if too_long {
            return Ok(None);
        }
        let text = serde_json::from_slice(&text);
        text.map(Some).map_err(|_| anyhow::anyhow!("line {begun}: a text does not read as JSON"))
    }

    /// The text up to the bracket that closes the one here, if it is to be kept; `false` where it is too long: then it is kept
    /// as far as it was read.
    pub(super) fn balanced(&mut self, keep: bool) -> anyhow::Result<(Vec<u8>, bool)> {
        let begun = self.line;
        let (mut text, mut depth) = (Vec::new(), 0_u32);
        let (mut in_string, mut escaped) = (false, false);
        loop {
            let buffer = self.reader.buffer().context("cannot read on")?;
            ensure!(!buffer.is_empty(), "line {begun}: the object does not end: part of the file is missing");
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
            if keep {
                text.extend_from_slice(&buffer[..used]);
            }
            self.reader.consume(used);
            if ended && text.len() <= ENTRY_OCTETS_MAX {
                return Ok((text, true));
            }
            if text.len() > ENTRY_OCTETS_MAX {
                return Ok((text, false));
            }
        }
    }
}

/// What was read may be read once more.
#[derive(Debug)]
struct Back<R> {
    reader: R,
    unread: Vec<u8>,
    position: usize,
}

impl<R: BufRead> Back<R> {
    fn new(reader: R) -> Self {
        Self { reader, unread: Vec::new(), position: 0 }
    }

    /// Comes before all that is still to be read.
    fn put_back(&mut self, text: &[u8]) {
        let rest = self.unread.split_off(self.position);
        self.unread = [text, &rest].concat();
        self.position = 0;
    }

    /// What can be read at once; nothing at the end.
    fn buffer(&mut self) -> io::Result<&[u8]> {
        if self.position < self.unread.len() {
            return Ok(&self.unread[self.position..]);
        }
        loop {
            // The loan of what is returned would last for all rounds.
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        self.reader.fill_buf()
    }

    fn consume(&mut self, used: usize) {
        if self.position < self.unread.len() {
            self.position += used;
        } else {
            self.reader.consume(used);
        }
    }
}
