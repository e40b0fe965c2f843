//! From the octets of a file to UTF-8 text with LF at the ends of its lines: gzip is unpacked, UTF-16 is decoded, marks at the
//! beginning are left out, CR and CR LF become LF. What is no text is refused with what to do instead.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;

/// Octets by which the kind of a file is told.
const MAGIC_OCTETS: usize = 512;
/// Octets read at once.
const BUFFER_OCTETS: usize = 64 * 1024;
/// Most octets that gzip may unpack to: thirty million subscriptions. A small file may unpack to any size.
const UNPACKED_OCTETS_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Where a tar archive says that it is one.
const TAR_MARK: usize = 257;

/// What is read.
pub(super) type Input = Box<dyn Read + Send>;
/// Text, as octets.
pub(super) type Octets = Box<dyn BufRead + Send>;

/// What begins with these octets, and what its owner does with it.
const UNREADABLE: [(&[u8], &str); 7] = [
    (b"PK\x03\x04", "is a ZIP archive or a spreadsheet: unpack it, or save the sheet as CSV"),
    (
        b"SQLite format 3\0",
        "is a database of SQLite: write the table with `sqlite3 -json FILE 'SELECT * FROM …'`",
    ),
    (b"PGDMP", "is a dump of pg_dump's own: write the table with psql's `\\copy … TO 'FILE' CSV HEADER`"),
    (b"BZh", "is packed with bzip2: pipe `bzip2 -dc FILE` into this command with the file -"),
    (b"\xfd7zXZ\0", "is packed with xz: pipe `xz -dc FILE` into this command with the file -"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd: pipe `zstd -dc FILE` into this command with the file -"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it"),
];

/// Opens an input as text.
pub(super) fn text(input: Input) -> anyhow::Result<Octets> {
    let (mut magic, mut input) = head(input, MAGIC_OCTETS)?;
    if magic.starts_with(b"\x1f\x8b") {
        let unpacked = Limited { input: MultiGzDecoder::new(input), left: UNPACKED_OCTETS_MAX };
        (magic, input) = head(Box::new(unpacked), MAGIC_OCTETS).context("its gzip does not unpack")?;
    }
    for (begins, what) in UNREADABLE {
        if magic.starts_with(begins) {
            bail!("{what}");
        }
    }
    if magic.get(TAR_MARK..).is_some_and(|rest| rest.starts_with(b"ustar")) {
        bail!("is a tar archive: unpack it");
    }
    let (mark, decoded): (usize, fn(Input) -> Input) = match magic[..] {
        [0xef, 0xbb, 0xbf, ..] => (3, |input| input),
        [0xff, 0xfe, ..] => (2, |input| Box::new(Utf16::new(input, u16::from_le_bytes))),
        [0xfe, 0xff, ..] => (2, |input| Box::new(Utf16::new(input, u16::from_be_bytes))),
        // Without a mark: what import reads begins with an ASCII character.
        [first, 0, ..] if first != 0 => (0, |input| Box::new(Utf16::new(input, u16::from_le_bytes))),
        [0, second, ..] if second != 0 => (0, |input| Box::new(Utf16::new(input, u16::from_be_bytes))),
        _ if magic.contains(&0) => bail!("is no text: write it as JSON or CSV"),
        _ => (0, |input| input),
    };
    io::copy(&mut input.by_ref().take(mark as u64), &mut io::sink()).context("cannot read on")?;
    let lines = Lines { input: BufReader::with_capacity(BUFFER_OCTETS, decoded(input)), after_cr: false };
    Ok(Box::new(BufReader::with_capacity(BUFFER_OCTETS, lines)))
}

/// Up to `most` octets of the beginning, and the whole input with them.
pub(super) fn head(mut input: Input, most: usize) -> anyhow::Result<(Vec<u8>, Input)> {
    let mut head = Vec::new();
    input.by_ref().take(most as u64).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(input);
    Ok((head, Box::new(whole)))
}

/// Ends with an error where more comes than there may.
struct Limited<R> {
    input: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it unpacks to more than {UNPACKED_OCTETS_MAX} octets: divide it into several files"
            ))
        })?;
        Ok(read)
    }
}

/// Decodes UTF-16.
struct Utf16 {
    input: Input,
    unit: fn([u8; 2]) -> u16,
    /// Half a unit, or the first of a pair of units, whose rest is not read yet.
    octets: Vec<u8>,
    decoded: Cursor<String>,
}

impl Utf16 {
    fn new(input: Input, unit: fn([u8; 2]) -> u16) -> Self {
        Self { input, unit, octets: Vec::new(), decoded: Cursor::default() }
    }

    /// Decodes more; nothing at the end.
    fn decode(&mut self) -> io::Result<()> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-16 text");
        let read = self.input.by_ref().take(BUFFER_OCTETS as u64).read_to_end(&mut self.octets)?;
        if read == 0 && !self.octets.is_empty() {
            return Err(invalid());
        }
        let pairs = self.octets.chunks_exact(2).filter_map(|pair| pair.try_into().ok());
        let mut units: Vec<u16> = pairs.map(self.unit).collect();
        // The first of a pair waits for the second.
        if units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
            units.pop();
        }
        self.octets.drain(..units.len() * 2);
        let text: Result<String, _> = char::decode_utf16(units).collect();
        self.decoded = Cursor::new(text.map_err(|_| invalid())?);
        Ok(())
    }
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoded.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        self.decode()?;
        self.decoded.read(buffer)
    }
}

/// Makes LF of CR LF, and of CR alone.
struct Lines<R> {
    input: R,
    after_cr: bool,
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() || buffer.is_empty() {
                return Ok(0);
            }
            let (mut used, mut filled) = (0, 0);
            for octet in available.iter().take(buffer.len()) {
                used += 1;
                let follows = std::mem::replace(&mut self.after_cr, *octet == b'\r');
                match octet {
                    b'\n' if follows => continue,
                    b'\r' => buffer[filled] = b'\n',
                    other => buffer[filled] = *other,
                }
                filled += 1;
            }
            self.input.consume(used);
            // None would mean the end.
            if filled > 0 {
                return Ok(filled);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(octets: &[u8]) -> Result<String, String> {
        let mut all = String::new();
        let octets = octets.to_vec();
        let opened = text(Box::new(Cursor::new(octets))).map_err(|error| format!("{error:#}"));
        opened.and_then(|mut text| text.read_to_string(&mut all).map_err(|error| error.to_string()))?;
        Ok(all)
    }

    fn gzip(octets: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(octets).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn all_ends_of_lines_become_one_and_marks_are_left_out() {
        for text in ["a\nb\n\nü", "a\r\nb\r\n\r\nü", "a\rb\r\rü", "\u{feff}a\nb\r\n\rü"] {
            assert_eq!(read(text.as_bytes()).unwrap(), "a\nb\n\nü", "{text:?}");
        }
        let long = "x\r".repeat(200_000);
        assert_eq!(read(long.as_bytes()).unwrap(), "x\n".repeat(200_000));
    }

    #[test]
    fn utf16_and_gzip_are_read_however_they_are_combined() {
        let text = "id,ü,😀\r\n".repeat(50_000);
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let expected = text.replace("\r\n", "\n");
        for octets in [
            [&b"\xff\xfe"[..], &little].concat(),
            [&b"\xfe\xff"[..], &big].concat(),
            little.clone(),
            big,
            gzip(text.as_bytes()),
            [gzip(&text.as_bytes()[..20]), gzip(&text.as_bytes()[20..])].concat(),
            gzip(&little),
        ] {
            assert!(read(&octets).unwrap() == expected, "{:?}", &octets[..8]);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_what_to_do() {
        for (octets, says) in [
            (&b"PK\x03\x04xyz"[..], "save the sheet as CSV"),
            (b"SQLite format 3\0xyz", "sqlite3 -json"),
            (b"\x28\xb5\x2f\xfdxyz", "zstd -dc"),
            (b"\x1f\x8bxyz", "its gzip does not unpack"),
            (b"abc\0\0\0", "is no text"),
            (&gzip(b"PK\x03\x04xyz"), "ZIP"),
        ] {
            let error = read(octets).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let mut cut = gzip("x\n".repeat(100_000).as_bytes());
        cut.truncate(cut.len() / 2);
        assert!(read(&cut).is_err());
    }
}
