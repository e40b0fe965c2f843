//! `fanfare restore`: a data directory out of a backup.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::backup::{bar, hexadecimal};
use super::config::ConfigSource;
use super::failure::Failure;
use super::output;
use crate::config;
use crate::domain::Timestamp;
use crate::store::Octets;
use crate::store::kv::backup::{RestoreError, Restored, check, restore};

/// Makes a data directory out of a backup
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The data directory must be empty, or not there yet. Nothing of the backup is where a server looks until all of it was read
and its checksum is right. The server that is started there goes on with what the other one had begun: so stop that one first.
What was sealed stays sealed: the server needs the same master key.

Exit code 1: nothing was restored, and standard error says why.

Examples:
  fanfare restore --check fanfare.backup
  fanfare restore --data-dir /var/lib/fanfare fanfare.backup
  aws s3 cp s3://backups/fanfare.backup - | fanfare restore --data-dir /var/lib/fanfare -"
)]
pub(super) struct RestoreArgs {
    /// The backup; - for standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The data directory to make; otherwise the one that the configuration names
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    data_dir: Option<PathBuf>,
    /// Only read the backup, and say whether it is whole
    #[arg(long)]
    check: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigSource,
}

/// The line of `--json`.
#[derive(Serialize)]
struct Figures<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data_dir: Option<&'a Path>,
    snapshot_time: String,
    octets: u64,
    sha256: String,
    records: u64,
    writes: u64,
    master_keys: &'a [String],
    written_by: &'a str,
}

impl RestoreArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let data_dir = self.data_dir.as_ref().map(|directory| directory.display().to_string());
        let sources = self.config.sources().with_flag("--data-dir", "store.data_dir", data_dir);
        let config = config::load(&sources)?.config;
        let (from, octets) = open(&self.file)?;
        let bar = bar();
        bar.set_length(octets.unwrap_or(0));
        let directory = (!self.check).then(|| config.store.data_dir.clone());
        let settings = config.store.settings();
        let read = tokio::task::spawn_blocking({
            let (bar, directory) = (bar.clone(), directory.clone());
            move || match directory {
                None => check(from, tell(bar)),
                Some(directory) => restore(from, &directory, settings, tell(bar)),
            }
        });
        let restored = read.await.map_err(anyhow::Error::from)?;
        bar.finish_and_clear();
        let restored = restored.map_err(|error| self.failure(error, directory.as_deref()))?;
        self.tell(directory.as_deref(), &restored)
    }

    fn failure(&self, error: RestoreError, directory: Option<&Path>) -> Failure {
        match (&error, directory) {
            (
                RestoreError::HasStore | RestoreError::NotEmpty(_) | RestoreError::Store(_),
                Some(directory),
            ) => Failure::failed(format!("{}: {error}", directory.display())),
            (
                RestoreError::HasStore
                | RestoreError::NotEmpty(_)
                | RestoreError::Store(_)
                | RestoreError::File(_)
                | RestoreError::Format(_),
                _,
            ) => Failure::failed(format!("{}: {error}", self.file)),
        }
    }

    fn tell(&self, directory: Option<&Path>, restored: &Restored) -> Result<(), Failure> {
        let snapshot_time = rfc3339(restored.time);
        if self.json {
            let figures = Figures {
                data_dir: directory,
                snapshot_time,
                octets: restored.octets,
                sha256: hexadecimal(&restored.sha256),
                records: restored.records,
                writes: restored.writes,
                master_keys: &restored.master_keys,
                written_by: &restored.program,
            };
            return Ok(output::line(serde_json::to_string(&figures).map_err(anyhow::Error::from)?)?);
        }
        let needs = match &restored.master_keys[..] {
            [] => String::new(),
            keys => format!("; the server needs master key {}", keys.join(", ")),
        };
        let what = match directory {
            Some(directory) => format!("{}: restored, as of", directory.display()),
            None => format!("{}: a whole backup, as of", self.file),
        };
        let (octets, records) = (Octets(restored.octets), restored.records);
        Ok(output::line(format!("{what} {snapshot_time}, {records} records, {octets}{needs}"))?)
    }
}

fn tell(bar: ProgressBar) -> impl FnMut(u64) {
    move |octets| bar.set_position(octets)
}

/// A file with its size, or standard input.
fn open(path: &str) -> Result<(Box<dyn Read + Send>, Option<u64>), Failure> {
    if path == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).with_context(|| format!("cannot read {path}"))?;
    let octets = file.metadata().ok().map(|metadata| metadata.len());
    Ok((Box::new(file), octets))
}

fn rfc3339(time: Timestamp) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(time.as_micros());
    humantime::format_rfc3339_micros(time).to_string()
}
