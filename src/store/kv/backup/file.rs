//! The file of a backup.
//!
//! ```text
//! "fanfare backup 1\n" · frame · frame · …
//! frame: kind (1) · octets of its content (4) · content · CRC-32 of all of these (4)
//! ```
//!
//! The first frame is the head, the last one the end; between them are writes, which are made in their order: a key's length (4), the
//! key, the length of its value and 1 (4), or 0 where the key is removed, the value. The end has the SHA-256 of everything
//! before it, so a file that is cut off or was changed is told from a whole one; a CRC tells where. Numbers are big-endian, head
//! and end are protobuf, to which fields may be added. What an earlier version does not read has another number in its
//! first line.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes, BytesMut};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::domain::Timestamp;
use crate::store::backup::Summary;

/// Begins a file: what it is and, as a number, how it is laid out.
const NAME: &[u8] = b"fanfare backup ";
const VERSION: &[u8] = b"1\n";
/// Octets of a piece that is handed out, at most. A frame ends as soon as it has as many.
pub(super) const PIECE_OCTETS: usize = 128 << 10;
/// Octets of a frame at most: far more than one is given. 16 MiB.
const FRAME_OCTETS_MAX: u32 = 16 << 20;
/// Octets before a frame's content.
const FRAME_HEAD_OCTETS: usize = 5;

const HEAD: u8 = 1;
const WRITES: u8 = 2;
const END: u8 = 3;

/// Why a file is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It begins otherwise.
    #[error("it is no backup of Fanfare")]
    NoBackup,
    /// A later version wrote it.
    #[error("a later version of Fanfare wrote it: restore it with that version")]
    Later,
    /// It ends before its end.
    #[error("it is not whole: it is cut off after {0} octets")]
    CutOff(u64),
    /// Something of it was changed.
    #[error("it is damaged: what stands at octet {0} was changed")]
    Damaged(u64),
    /// Its parts read, but are not all that was written.
    #[error("it is damaged: its checksum is another one")]
    Checksum,
}

/// What a backup begins with.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Head {
    /// When it was begun, in microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub(super) began: u64,
    /// The layout of the store.
    #[prost(uint32, tag = "2")]
    pub(super) store_format: u32,
    /// See [`Summary::master_keys`].
    #[prost(string, repeated, tag = "3")]
    pub(super) master_keys: Vec<String>,
    /// The version of the program that wrote it.
    #[prost(string, tag = "4")]
    pub(super) program: String,
}

/// What it ends with.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct End {
    /// The instant whose state it has, in microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub(super) time: u64,
    #[prost(uint64, tag = "2")]
    pub(super) records: u64,
    #[prost(uint64, tag = "3")]
    pub(super) writes: u64,
    /// SHA-256 of everything before this frame.
    #[prost(bytes = "vec", tag = "4")]
    pub(super) sha256: Vec<u8>,
}

/// A key, and its value; without one it is removed.
pub(super) type Write = (Vec<u8>, Option<Vec<u8>>);

/// Makes the octets of a file.
pub(super) struct FileWriter {
    /// Whole frames that were not taken yet.
    ready: BytesMut,
    /// Writes of the next frame.
    frame: Vec<u8>,
    sha: Sha256,
    octets: u64,
    records: u64,
    writes: u64,
    master_keys: Vec<String>,
}

impl FileWriter {
    /// Of a backup that begins now, of a store with this layout.
    pub(super) fn new(began: Timestamp, store_format: u32, master_keys: Vec<String>) -> Self {
        let mut writer = Self {
            ready: BytesMut::new(),
            frame: Vec::new(),
            sha: Sha256::new(),
            octets: 0,
            records: 0,
            writes: 0,
            master_keys: master_keys.clone(),
        };
        writer.put(&[NAME, VERSION].concat());
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let head = Head { began: began.as_micros(), store_format, master_keys, program };
        writer.put_frame(HEAD, &head.encode_to_vec());
        writer
    }

    /// A row that was read.
    pub(super) fn record(&mut self, key: &[u8], value: &[u8]) {
        self.records += 1;
        self.add(key, Some(value));
    }

    /// A write that was applied.
    pub(super) fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.writes += 1;
        self.add(key, value);
    }

    fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.frame.extend_from_slice(&length(key.len()));
        self.frame.extend_from_slice(key);
        self.frame.extend_from_slice(&length(value.map_or(0, |value| value.len() + 1)));
        self.frame.extend_from_slice(value.unwrap_or_default());
        if self.frame.len() >= PIECE_OCTETS {
            self.cut();
        }
    }

    /// Ends the file, whose state is that of `time`.
    pub(super) fn finish(&mut self, time: Timestamp) -> Summary {
        self.cut();
        let sha256 = self.sha.clone().finalize().to_vec();
        let end = End { time: time.as_micros(), records: self.records, writes: self.writes, sha256 };
        self.put_frame(END, &end.encode_to_vec());
        Summary {
            time,
            octets: self.octets,
            sha256: self.sha.clone().finalize().into(),
            records: self.records,
            writes: self.writes,
            master_keys: self.master_keys.clone(),
        }
    }

    /// The next [`PIECE_OCTETS`] of what is ready, or all of it, if that is at least so much.
    pub(super) fn take(&mut self, octets_min: usize) -> Option<Bytes> {
        let octets = self.ready.len().min(PIECE_OCTETS);
        (octets >= octets_min).then(|| self.ready.split_to(octets).freeze())
    }

    fn cut(&mut self) {
        if !self.frame.is_empty() {
            let mut content = std::mem::take(&mut self.frame);
            self.put_frame(WRITES, &content);
            content.clear();
            self.frame = content;
        }
    }

    fn put_frame(&mut self, kind: u8, content: &[u8]) {
        let head = [&[kind], &length(content.len())[..]].concat();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head);
        crc.update(content);
        for part in [&head, content, &crc.finalize().to_be_bytes()[..]] {
            self.put(part);
        }
    }

    fn put(&mut self, octets: &[u8]) {
        self.sha.update(octets);
        self.octets += octets.len() as u64;
        self.ready.extend_from_slice(octets);
    }
}

/// Rows are far smaller than 4 GiB.
fn length(octets: usize) -> [u8; 4] {
    u32::try_from(octets).unwrap_or(u32::MAX).to_be_bytes()
}

/// A frame of a file.
pub(super) enum Frame {
    Head(Head),
    Writes(Vec<Write>),
    /// Behind it is nothing, and everything before it is what was written.
    End(End),
}

/// Reads a file, frame by frame.
pub(super) struct FileReader<R> {
    from: R,
    sha: Sha256,
    octets: u64,
}

impl<R: Read> FileReader<R> {
    /// Reads its beginning.
    pub(super) fn new(from: R) -> Result<Self, FileError> {
        let mut reader = Self { from, sha: Sha256::new(), octets: 0 };
        let begin = reader.read(NAME.len() + VERSION.len()).map_err(|error| {
            if matches!(error, FileError::CutOff(_)) { FileError::NoBackup } else { error }
        })?;
        match begin.strip_prefix(NAME) {
            Some(VERSION) => Ok(reader),
            Some(_) => Err(FileError::Later),
            None => Err(FileError::NoBackup),
        }
    }

    /// Octets that were read.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// The SHA-256 of what was read.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.sha.clone().finalize().into()
    }

    /// The next frame. Behind [`Frame::End`] there is none.
    pub(super) fn next(&mut self) -> Result<Frame, FileError> {
        let (at, before) = (self.octets, self.sha.clone());
        let damaged = || FileError::Damaged(at);
        let head = self.read(FRAME_HEAD_OCTETS)?;
        let length = (&head[1..]).get_u32();
        if length > FRAME_OCTETS_MAX {
            return Err(damaged());
        }
        let content = self.read(length as usize)?;
        let crc = self.read(4)?;
        let mut found = crc32fast::Hasher::new();
        found.update(&head);
        found.update(&content);
        if found.finalize().to_be_bytes() != crc[..] {
            return Err(damaged());
        }
        match head[0] {
            HEAD => Head::decode(&content[..]).map(Frame::Head).map_err(|_| damaged()),
            WRITES => writes(&content).map(Frame::Writes).ok_or_else(damaged),
            END => {
                let end = End::decode(&content[..]).map_err(|_| damaged())?;
                let rest = self.from.read(&mut [0])?;
                if end.sha256 != before.finalize()[..] || rest > 0 {
                    return Err(FileError::Checksum);
                }
                Ok(Frame::End(end))
            }
            _ => Err(FileError::Later),
        }
    }

    fn read(&mut self, octets: usize) -> Result<Vec<u8>, FileError> {
        let mut read = vec![0; octets];
        self.from.read_exact(&mut read).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                FileError::CutOff(self.octets)
            } else {
                FileError::Read(error)
            }
        })?;
        self.octets += octets as u64;
        self.sha.update(&read);
        Ok(read)
    }
}

fn writes(mut content: &[u8]) -> Option<Vec<Write>> {
    let mut writes = Vec::new();
    while !content.is_empty() {
        let length = content.try_get_u32().ok()?;
        let key = content.split_off(..length as usize)?.to_vec();
        let value = match content.try_get_u32().ok()?.checked_sub(1) {
            Some(length) => Some(content.split_off(..length as usize)?.to_vec()),
            None => None,
        };
        writes.push((key, value));
    }
    Some(writes)
}
