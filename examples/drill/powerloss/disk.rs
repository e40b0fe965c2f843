//! A disk as POSIX promises it: what was synced is there, and of everything else anything may be. It is driven through a
//! journal, and at any instant gives what a loss of power leaves.
//!
//! A file's content is durable with its own sync, a name with the sync of its directory. What was not synced is, by
//! chance, lost, kept, cut off at some point of its order, or mixed: each unit of 512 octets (or of 4 or 64 KiB, as caches
//! write them) as it stood after any of the changes, the length as it was after any of them, each name changed or not.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::journal::{Journal, Operation};

/// What disks write as a whole.
const SECTOR: usize = 512;
/// The units in which caches are written.
const UNITS: [usize; 3] = [SECTOR, 4 << 10, 64 << 10];

/// A file or directory, by its place in the list of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Id(usize);

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, octets: Range<usize> },
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    /// Since its last sync.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Set(String, Id),
    Remove(String),
    Rename(String, String, Id),
}

#[derive(Clone, Debug, Default)]
struct Directory {
    durable: BTreeMap<String, Id>,
    now: BTreeMap<String, Id>,
    changes: Vec<NameChange>,
}

#[derive(Clone, Debug)]
enum Node {
    File(File),
    Directory(Directory),
}

/// How a loss treats what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing is lost: the process was killed.
    Nothing,
    /// All of it.
    Everything,
    /// By chance, each file and directory in a way of its own.
    Random,
}

/// The disk.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    nodes: Vec<Node>,
    inodes: HashMap<u64, Id>,
}

const ROOT: Id = Id(0);

impl Disk {
    /// An empty one, whose root stands for a real directory.
    pub(super) fn new(root: &Path) -> anyhow::Result<Self> {
        let inodes = HashMap::from([(fs::metadata(root)?.ino(), ROOT)]);
        Ok(Self { nodes: vec![Node::Directory(Directory::default())], inodes })
    }

    /// Does what was recorded.
    pub(super) fn apply(&mut self, journal: &Journal, operation: &Operation) -> anyhow::Result<()> {
        match operation {
            Operation::Create { path, inode } => self.add(path, *inode, Node::File(File::default()))?,
            Operation::Directory { path, inode } => {
                self.add(path, *inode, Node::Directory(Directory::default()))?;
            }
            Operation::Truncate { inode, length } => {
                self.file(*inode)?.changes.push(Change::Length(usize::try_from(*length)?));
            }
            Operation::Write { inode, offset, octets } => {
                let change = Change::Write { offset: usize::try_from(*offset)?, octets: octets.clone() };
                self.file(*inode)?.changes.push(change);
            }
            Operation::Sync { inode } => self.sync(journal, *inode)?,
            Operation::Rename { from, to } => {
                let ((directory, from), (target, to)) = (self.parent(from)?, self.parent(to)?);
                if directory != target {
                    bail!("a rename from one directory to another is not played");
                }
                let directory = self.directory(directory)?;
                let id = directory.now.remove(from).context("what is renamed is not there")?;
                directory.now.insert(to.to_owned(), id);
                directory.changes.push(NameChange::Rename(from.to_owned(), to.to_owned(), id));
            }
            Operation::Unlink { path } => {
                let (directory, name) = self.parent(path)?;
                let directory = self.directory(directory)?;
                directory.now.remove(name);
                directory.changes.push(NameChange::Remove(name.to_owned()));
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, inode: u64, node: Node) -> anyhow::Result<()> {
        let id = Id(self.nodes.len());
        self.nodes.push(node);
        // A number is used again once its file is gone.
        self.inodes.insert(inode, id);
        let (directory, name) = self.parent(path)?;
        let directory = self.directory(directory)?;
        directory.now.insert(name.to_owned(), id);
        directory.changes.push(NameChange::Set(name.to_owned(), id));
        Ok(())
    }

    /// Takes over what is in a real directory, as durable.
    pub(super) fn load(&mut self, at: &Path) -> anyhow::Result<()> {
        self.load_below(at, ROOT)
    }

    fn load_below(&mut self, at: &Path, into: Id) -> anyhow::Result<()> {
        self.inodes.insert(fs::metadata(at)?.ino(), into);
        for entry in fs::read_dir(at)? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().context("a name that is no text")?;
            let id = Id(self.nodes.len());
            if entry.file_type()?.is_dir() {
                self.nodes.push(Node::Directory(Directory::default()));
                self.load_below(&entry.path(), id)?;
            } else {
                self.nodes.push(Node::File(File { durable: fs::read(entry.path())?, changes: Vec::new() }));
                self.inodes.insert(entry.metadata()?.ino(), id);
            }
            let directory = self.directory(into)?;
            directory.now.insert(name.clone(), id);
            directory.durable.insert(name, id);
        }
        Ok(())
    }

    fn sync(&mut self, journal: &Journal, inode: u64) -> anyhow::Result<()> {
        let id = *self.inodes.get(&inode).context("an unknown file is synced")?;
        match &mut self.nodes[id.0] {
            Node::File(file) => {
                for change in std::mem::take(&mut file.changes) {
                    change.make(journal, &mut file.durable);
                }
            }
            Node::Directory(directory) => {
                directory.changes.clear();
                directory.durable = directory.now.clone();
            }
        }
        Ok(())
    }

    fn file(&mut self, inode: u64) -> anyhow::Result<&mut File> {
        let id = *self.inodes.get(&inode).context("an unknown file is changed")?;
        match &mut self.nodes[id.0] {
            Node::File(file) => Ok(file),
            Node::Directory(_) => bail!("a directory is written"),
        }
    }

    fn directory(&mut self, id: Id) -> anyhow::Result<&mut Directory> {
        match &mut self.nodes[id.0] {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => bail!("a file has files in it"),
        }
    }

    /// The directory that a path is in, and its name there.
    fn parent<'a>(&mut self, path: &'a str) -> anyhow::Result<(Id, &'a str)> {
        let (mut at, mut rest) = (ROOT, path);
        while let Some((name, below)) = rest.split_once('/') {
            at =
                *self.directory(at)?.now.get(name).with_context(|| format!("{path}: no directory {name}"))?;
            rest = below;
        }
        Ok((at, rest))
    }

    /// Writes what a loss of power leaves into an empty directory.
    pub(super) fn lose(
        &self,
        journal: &Journal,
        loss: Loss,
        random: &mut StdRng,
        into: &Path,
    ) -> anyhow::Result<()> {
        self.lose_below(ROOT, journal, loss, random, into)
    }

    fn lose_below(
        &self,
        id: Id,
        journal: &Journal,
        loss: Loss,
        random: &mut StdRng,
        into: &Path,
    ) -> anyhow::Result<()> {
        match &self.nodes[id.0] {
            Node::File(file) => fs::write(into, file.lose(journal, loss, random))?,
            Node::Directory(directory) => {
                fs::create_dir_all(into)?;
                for (name, id) in directory.lose(loss, random) {
                    self.lose_below(id, journal, loss, random, &into.join(name))?;
                }
            }
        }
        Ok(())
    }
}

impl Change {
    fn make(&self, journal: &Journal, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Write { offset, octets } => {
                let end = offset + octets.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(journal.octets(octets));
            }
        }
    }

    /// The length of a file that had `length`.
    fn length(&self, length: usize) -> usize {
        match self {
            Self::Length(length) => *length,
            Self::Write { offset, octets } => length.max(offset + octets.len()),
        }
    }
}

impl File {
    fn lose(&self, journal: &Journal, loss: Loss, random: &mut StdRng) -> Vec<u8> {
        let mut content = self.durable.clone();
        let all = self.changes.len();
        let kept = match loss {
            Loss::Nothing => all,
            Loss::Everything => 0,
            Loss::Random => match random.random_range(0..8) {
                0 => all,
                1 => 0,
                2 => random.random_range(0..=all),
                _ => return self.mix(journal, random),
            },
        };
        for change in &self.changes[..kept] {
            change.make(journal, &mut content);
        }
        content
    }

    /// Each unit as it stood after any of the changes.
    fn mix(&self, journal: &Journal, random: &mut StdRng) -> Vec<u8> {
        let unit = UNITS[random.random_range(0..UNITS.len())];
        let lost = [0.02, 0.2, 0.5, 0.9][random.random_range(0..4)];
        let all = self.changes.len();
        let mut content = self.durable.clone();
        // Up to which change a unit was written out.
        let mut until: HashMap<usize, usize> = HashMap::new();
        let mut lengths = vec![content.len()];
        for (number, change) in self.changes.iter().enumerate() {
            lengths.push(change.length(lengths[number]));
            let (from, to) = match change {
                Change::Write { offset, octets } => (*offset, offset + octets.len()),
                Change::Length(length) => (*length, content.len().max(*length)),
            };
            if content.len() < to {
                content.resize(to, 0);
            }
            let mut at = from;
            while at < to {
                let next = ((at / unit + 1) * unit).min(to);
                let until = *until.entry(at / unit).or_insert_with(|| {
                    if random.random_bool(lost) { random.random_range(0..all) } else { all }
                });
                if number < until {
                    match change {
                        Change::Length(_) => content[at..next].fill(0),
                        Change::Write { offset, octets } => {
                            let octets = &journal.octets(octets)[at - offset..next - offset];
                            content[at..next].copy_from_slice(octets);
                        }
                    }
                }
                at = next;
            }
        }
        // Mostly the last: a file system knows it as soon as it has room for the octets.
        let length = if random.random_bool(0.7) { all } else { random.random_range(0..=all) };
        content.resize(lengths[length], 0);
        content
    }
}

impl Directory {
    fn lose(&self, loss: Loss, random: &mut StdRng) -> BTreeMap<String, Id> {
        let all = self.changes.len();
        let (kept, chance) = match loss {
            Loss::Nothing => (all, 1.0),
            Loss::Everything => (0, 1.0),
            Loss::Random => match random.random_range(0..4) {
                0 => (all, 1.0),
                1 => (random.random_range(0..=all), 1.0),
                _ => (all, [0.1, 0.5, 0.9][random.random_range(0..3)]),
            },
        };
        let mut names = self.durable.clone();
        for change in &self.changes[..kept] {
            if chance < 1.0 && !random.random_bool(chance) {
                continue;
            }
            match change {
                NameChange::Set(name, id) => {
                    names.insert(name.clone(), *id);
                }
                NameChange::Remove(name) => {
                    names.remove(name);
                }
                NameChange::Rename(from, to, id) => {
                    names.remove(from);
                    names.insert(to.clone(), *id);
                }
            }
        }
        names
    }
}
