//! `fanfare backup`: everything that a running server keeps, as a file.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use super::connection::Connection;
use super::failure::Failure;
use super::output;
use crate::proto::v1::{BackupRequest, BackupSummary};
use crate::store::Octets;

/// Writes everything that a running server keeps into a file
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The server serves on meanwhile. The backup is of one instant, its end: what was acknowledged before is in it. It is as
secret as the data directory: private keys, endpoints and what was sent are in it, sealed if the store is (store.sealing; keep the
master key elsewhere). FILE is written as FILE.part, readable by its owner only, and is there as a whole or not at all.

The caller needs the role admin for all applications. `fanfare restore` makes a data directory of it; `fanfare restore --check FILE`
reads it to its end. Exit code 1: there is no backup, and standard error says why.

Examples:
  fanfare backup /backups/fanfare-$(date +%F).backup
  fanfare backup --force latest.backup
  fanfare backup - | aws s3 cp - s3://backups/fanfare.backup"
)]
pub(super) struct BackupArgs {
    /// The file to write; - for standard output
    #[arg(value_name = "FILE")]
    file: String,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The line of `--json`.
#[derive(Serialize)]
struct Figures<'a> {
    file: &'a str,
    snapshot_time: String,
    octets: u64,
    sha256: String,
    records: i64,
    writes: i64,
    master_keys: &'a [String],
}

impl BackupArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.file == "-" {
            let summary = self.write(&mut io::stdout().lock()).await?;
            // Standard output has the file.
            output::note(described("standard output", &summary));
            return Ok(());
        }
        let path = Path::new(&self.file);
        if !self.force && path.exists() {
            return Err(Failure::usage(format!("{} is there already: --force replaces it", self.file)));
        }
        let cannot = || format!("cannot write {}", self.file);
        // Goes away again when anything fails.
        let (mut part, part_path) = open_part(path).with_context(cannot)?;
        let summary = self.write(&mut part).await?;
        part.sync_all().with_context(cannot)?;
        if self.force {
            part_path.persist(path).with_context(cannot)?;
        } else {
            part_path.persist_noclobber(path).with_context(cannot)?;
        }
        sync_directory(path).with_context(cannot)?;
        self.tell(&summary)
    }

    async fn write(&self, out: &mut impl Write) -> Result<BackupSummary, Failure> {
        take(&self.connection, out, &self.file).await
    }

    fn tell(&self, summary: &BackupSummary) -> Result<(), Failure> {
        if !self.connection.json {
            return Ok(output::line(described(&self.file, summary))?);
        }
        let figures = Figures {
            file: &self.file,
            snapshot_time: snapshot_time(summary),
            octets: u64::try_from(summary.octets).unwrap_or(0),
            sha256: hexadecimal(&summary.sha256),
            records: summary.record_count,
            writes: summary.write_count,
            master_keys: &summary.master_keys,
        };
        Ok(output::line(serde_json::to_string(&figures).map_err(anyhow::Error::from)?)?)
    }
}

/// Takes a backup of a server and writes the whole of it, or fails. `name` is what is written, for people.
pub(super) async fn take(
    connection: &Connection,
    out: &mut impl Write,
    name: &str,
) -> Result<BackupSummary, Failure> {
    let mut pieces = connection.open_admin().await?.backup(BackupRequest {}).await?.into_inner();
    let bar = bar();
    let (mut sha, mut octets) = (Sha256::new(), 0);
    let cannot = || format!("cannot write {name}");
    let summary = loop {
        let piece = pieces.message().await.map_err(|status| {
            let why = super::failure::describe(&status);
            Failure::failed(format!("the backup broke off after {}: {why}", Octets(octets)))
        })?;
        let Some(piece) = piece else {
            return Err(Failure::failed("the backup broke off: the server ended it before its end"));
        };
        out.write_all(&piece.data).with_context(cannot)?;
        sha.update(&piece.data);
        octets += piece.data.len() as u64;
        bar.set_length(u64::try_from(piece.store_octets).unwrap_or(0).max(octets));
        bar.set_position(octets);
        if let Some(summary) = piece.summary {
            break summary;
        }
    };
    out.flush().with_context(cannot)?;
    bar.finish_and_clear();
    if u64::try_from(summary.octets) != Ok(octets) || summary.sha256 != sha.finalize()[..] {
        return Err(Failure::failed("what arrived is not what the server sent: make the backup again"));
    }
    Ok(summary)
}

fn described(file: &str, summary: &BackupSummary) -> String {
    let octets = Octets(u64::try_from(summary.octets).unwrap_or(0));
    let sealed = match &summary.master_keys[..] {
        [] => "not sealed".to_owned(),
        keys => format!("sealed under master key {}", keys.join(", ")),
    };
    format!(
        "{file}: {octets}, {} records, as of {}, {sealed}, SHA-256 {}",
        summary.record_count,
        snapshot_time(summary),
        hexadecimal(&summary.sha256)
    )
}

fn snapshot_time(summary: &BackupSummary) -> String {
    summary.snapshot_time.map(|time| time.to_string()).unwrap_or_default()
}

/// As `sha256sum` prints it.
pub(super) fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// A bar of octets, on standard error while that is a terminal.
pub(super) fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{wide_bar} {binary_bytes} of at most {binary_total_bytes} {binary_bytes_per_sec}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The file that becomes `path`, locked. One that an earlier run left is written over.
fn open_part(path: &Path) -> io::Result<(File, TempPath)> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&part)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another backup writes it"),
        TryLockError::Error(error) => error,
    })?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.set_len(0)?;
    Ok((file, TempPath::try_from_path(part)?))
}

/// The name of a new file is durable only when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
