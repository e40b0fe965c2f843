//! Text line by line. A line that is too long is never held.

use std::io::{self, BufRead};

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

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

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
