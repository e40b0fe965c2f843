//! How far an import got: a small file beside the input, written only for what was answered, so that the same command goes
//! on after an interruption. What was answered since it was written is sent again, which does no harm.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// What is added to the name of the input.
const SUFFIX: &str = ".fanfare-import";

/// What became of the entries so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Those that have an answer.
    pub(super) entries: u64,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) rejected: u64,
}

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checkpoint {
    /// Of the server, the application and everything else that was asked for.
    pub(super) terms: String,
    /// Of the entries that have an answer: whether the input still begins with them.
    pub(super) digest: String,
    pub(super) counts: Counts,
    /// Length of the file with the rejected entries.
    pub(super) rejected_octets: u64,
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
}

impl Place {
    /// Beside the input, unless it is said where. Standard input has no place of its own.
    pub(super) fn of(input: &str, given: Option<PathBuf>) -> Option<Self> {
        let beside = || (input != "-").then(|| format!("{input}{SUFFIX}").into());
        given.or_else(beside).map(|path| Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What an interrupted import left, if it is of the same terms.
    pub(super) fn read(&self, terms: &str) -> anyhow::Result<Option<Checkpoint>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.shown())),
        };
        let checkpoint: Checkpoint = serde_json::from_slice(&text)
            .with_context(|| format!("{} is no checkpoint of an import", self.shown()))?;
        if checkpoint.terms != terms {
            bail!(
                "{} is of an import to another server or application, or with other options: finish that one with \
                 its own command, or begin anew with --restart",
                self.shown()
            );
        }
        Ok(Some(checkpoint))
    }

    /// Writes it as a whole, or not at all.
    pub(super) fn write(&self, checkpoint: &Checkpoint) -> anyhow::Result<()> {
        let mut unfinished = self.path.clone().into_os_string();
        unfinished.push(".new");
        let write = || {
            let mut file = private(Path::new(&unfinished), true)?;
            file.write_all(&serde_json::to_vec(checkpoint)?)?;
            file.sync_data()?;
            fs::rename(&unfinished, &self.path)
        };
        write().with_context(|| {
            format!("cannot write the checkpoint {}: name another place with --checkpoint", self.shown())
        })
    }

    /// Nothing is left to go on with.
    pub(super) fn remove(&self) -> anyhow::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.shown()))
            }
            _ => Ok(()),
        }
    }

    fn shown(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

/// Opens a file for writing that only its owner may read; makes it if there is none.
pub(super) fn private(path: &Path, truncate: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(truncate);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_for_the_same_terms_only() {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("input").to_str().unwrap().to_owned();
        let place = Place::of(&input, None).unwrap();
        assert!(Place::of("-", None).is_none());
        assert_eq!(place.read("terms").unwrap(), None);
        let counts = Counts { entries: 3, created: 2, updated: 0, rejected: 1 };
        let checkpoint =
            Checkpoint { terms: "terms".to_owned(), digest: "digest".to_owned(), counts, rejected_octets: 7 };
        place.write(&checkpoint).unwrap();
        assert_eq!(place.read("terms").unwrap(), Some(checkpoint));
        assert!(place.read("others").unwrap_err().to_string().contains("--restart"));
        fs::write(place.path(), "{}").unwrap();
        assert!(place.read("terms").is_err());
        place.remove().unwrap();
        place.remove().unwrap();
        assert_eq!(place.read("terms").unwrap(), None);
    }
}
