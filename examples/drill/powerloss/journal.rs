//! What the layer (`layer.c`) recorded: every change and sync of files below one directory, in order, with its octets.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// The layer, which is compiled where the drill runs.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/drill/powerloss/layer.c");
/// Octets of a record's head: five numbers.
const HEAD: usize = 40;

/// One thing that was done. Paths are relative to the directory, which itself has the empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A file that was not there is opened.
    Create {
        path: String,
        inode: u64,
    },
    /// A directory is made.
    Directory {
        path: String,
        inode: u64,
    },
    /// A file gets this length.
    Truncate {
        inode: u64,
        length: u64,
    },
    /// These octets of the journal are written at an offset.
    Write {
        inode: u64,
        offset: u64,
        octets: Range<usize>,
    },
    /// Of a file: its content; of a directory: its names.
    Sync {
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
}

/// A whole journal.
pub(super) struct Journal {
    octets: Vec<u8>,
    /// Each with where its record ends.
    pub(super) operations: Vec<(Operation, usize)>,
}

impl Journal {
    /// Reads one. The last record may be cut: its program was killed.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let octets = fs::read(path).context("the layer wrote no journal")?;
        let mut operations = Vec::new();
        let mut at = 0;
        while let Some((operation, end)) = parse(&octets, at)? {
            operations.push((operation, end));
            at = end;
        }
        ensure!(!operations.is_empty(), "the layer recorded nothing");
        Ok(Self { octets, operations })
    }

    /// What an operation wrote.
    pub(super) fn octets(&self, range: &Range<usize>) -> &[u8] {
        &self.octets[range.clone()]
    }

    /// How many operations were over when the journal had so many octets.
    pub(super) fn operations_at(&self, octets: u64) -> usize {
        self.operations.partition_point(|(_, end)| *end as u64 <= octets)
    }
}

/// The record at an offset, and where it ends; `None` for one that is not whole.
fn parse(octets: &[u8], at: usize) -> anyhow::Result<Option<(Operation, usize)>> {
    let Some(head) = octets.get(at..at + HEAD) else { return Ok(None) };
    let mut numbers = [0_u64; HEAD / 8];
    for (number, octets) in numbers.iter_mut().zip(head.as_chunks::<8>().0) {
        *number = u64::from_ne_bytes(*octets);
    }
    let [kind, inode, offset, first, second] = numbers;
    let (from, between) = (at + HEAD, at + HEAD + usize::try_from(first)?);
    let end = between + usize::try_from(second)?;
    if octets.len() < end {
        return Ok(None);
    }
    let text = |range: Range<usize>| String::from_utf8(octets[range].to_vec());
    let path = || text(from..between);
    let operation = match kind {
        1 => Operation::Create { path: path()?, inode },
        2 => Operation::Directory { path: path()?, inode },
        3 => Operation::Truncate { inode, length: offset },
        4 => Operation::Write { inode, offset, octets: from..between },
        5 => Operation::Sync { inode },
        6 => Operation::Rename { from: path()?, to: text(between..end)? },
        7 => Operation::Unlink { path: path()? },
        8 => bail!("the program did what the layer cannot record: {}", path()?),
        other => bail!("a record of the unknown kind {other}"),
    };
    Ok(Some((operation, end)))
}

/// Compiles the layer.
pub(super) fn compile_layer(directory: &Path) -> anyhow::Result<PathBuf> {
    let layer = directory.join("layer.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([&layer, Path::new(SOURCE)])
        .output()
        .context("the drill needs a C compiler, cc")?;
    ensure!(
        output.status.success(),
        "the layer does not compile: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(layer)
}

/// The variables by which a program is recorded.
pub(super) fn variables(layer: &Path, root: &Path, journal: &Path) -> Vec<String> {
    let value = |name: &str, path: &Path| format!("{name}={}", path.display());
    vec![value("LD_PRELOAD", layer), value("POWERLOSS_ROOT", root), value("POWERLOSS_JOURNAL", journal)]
}
