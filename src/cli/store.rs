//! `fanfare store`: what a data directory holds.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use rand::Rng as _;
use serde::Serialize;

use super::config::ConfigSource;
use super::connection::Connection;
use super::failure::Failure;
use super::{output, snapshot, vapid};
use crate::app::{self, AppError};
use crate::config;
use crate::domain::SystemClock;
use crate::store::Store as _;
use crate::store::kv::KvStore;
use crate::store::kv::census::KindCensus;
use crate::store::kv::sealing::{MASTER_KEY_OCTETS, Resealed};
use crate::store::kv::verify::{KindVerified, Verified};
use crate::webpush::keys::encode_base64url;
use zeroize::Zeroizing;

/// Looks into a data directory whose server is stopped, or into a running server
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare store stats --data-dir fanfare-data
  fanfare store stats --online
  fanfare store stats --data-dir fanfare-data | jq '.kinds | sort_by(-.value_octets) | .[:5]'
  fanfare store verify --data-dir fanfare-data
  fanfare store key --out master.key
  fanfare store reseal --config fanfare.toml

A master key is changed in three steps: put a new key in front of the old one where store.sealing has them from, run
`fanfare store reseal` (or start the server, which does the same in the background and says in its log when it is done), and
take the old key away.")]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Prints as JSON how many records of each kind there are and the octets of their keys and values, beside those of the
    /// files
    Stats {
        /// The data directory; otherwise the one that the configuration names
        #[arg(long, value_name = "DIR", conflicts_with = "online")]
        data_dir: Option<PathBuf>,
        /// Of the running server that --server names, through a backup that is restored below TMPDIR for as long: the files are those of a
        /// new store then
        #[arg(long)]
        online: bool,
        #[command(flatten)]
        connection: Box<Connection>,
    },
    /// Reads every record and says by kind what is lost: records that do not read, and those that others need and that are not
    /// there. Exit code 1 if there is any
    Verify {
        /// The data directory; otherwise the one that the configuration names
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print the figures as JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints a new master key, or writes it to a file that only you can read
    Key {
        /// A file, which must not be there yet
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Seals what is stored as the configuration says now: after a master key or what is sealed has changed. May be broken
    /// off and begun again
    Reseal {
        #[command(flatten)]
        config: ConfigSource,
        /// The data directory; otherwise the one that the configuration names
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Store everything in the clear again, so that the server starts without a master key
        #[arg(long)]
        unseal: bool,
    },
}

impl StoreArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Stats { data_dir, online: false, connection: _ } => stats(&open(data_dir).await?).await,
            Action::Stats { data_dir: _, online: true, connection } => {
                stats(&snapshot::take(&connection).await?.store).await
            }
            Action::Verify { data_dir, json } => verify(data_dir, json).await,
            Action::Key { out } => key(out),
            Action::Reseal { config, data_dir, unseal } => reseal(&config, data_dir, unseal).await,
        }
    }
}

#[derive(Serialize)]
struct Stats {
    kinds: Vec<KindCensus>,
    rows: u64,
    live_octets: u64,
    log_octets: u64,
    file_octets: u64,
}

/// Opens a data directory that is there.
async fn open(data_dir: Option<PathBuf>) -> Result<KvStore, Failure> {
    if let Some(directory) = data_dir.as_ref().filter(|directory| !directory.is_dir()) {
        // It would be made.
        return Err(Failure::usage(format!("--data-dir: {} is no directory", directory.display())));
    }
    vapid::open(data_dir).await
}

async fn stats(store: &KvStore) -> Result<(), Failure> {
    let census = store.census().await;
    let log_octets = store.log_octets();
    store.close().await;
    let census = census.map_err(anyhow::Error::from)?;
    let stats = Stats {
        rows: census.kinds.iter().map(|kind| kind.rows).sum(),
        live_octets: census.live_octets(),
        log_octets,
        file_octets: census.file_octets,
        kinds: census.kinds,
    };
    println!("{}", serde_json::to_string(&stats).map_err(anyhow::Error::from)?);
    Ok(())
}

/// What is told of a store that was read.
#[derive(Serialize)]
struct Figures<'a> {
    rows: u64,
    lost: u64,
    kinds: &'a [KindVerified],
}

async fn verify(data_dir: Option<PathBuf>, json: bool) -> Result<(), Failure> {
    let store = open(data_dir).await?;
    let bar = ProgressBar::new_spinner();
    let verified = store.verify({
        let bar = bar.clone();
        move |rows| {
            bar.set_message(format!("{rows} records"));
            bar.tick();
        }
    });
    let verified = verified.await;
    bar.finish_and_clear();
    store.close().await;
    let verified: Verified = verified.map_err(anyhow::Error::from)?;
    let (rows, lost, kinds) = (verified.rows(), verified.lost(), &verified.kinds[..]);
    if json {
        let figures = Figures { rows, lost, kinds };
        output::line(serde_json::to_string(&figures).map_err(anyhow::Error::from)?)?;
    } else {
        output::line(format!("{:<18} {:>12} {:>8} {:>8}", "kind", "records", "corrupt", "missing"))?;
        for KindVerified { kind, rows, corrupt, corrupt_keys, missing } in kinds {
            output::line(format!("{kind:<18} {rows:>12} {corrupt:>8} {missing:>8}"))?;
            for key in corrupt_keys {
                output::line(format!("  does not read: {key}"))?;
            }
        }
    }
    if lost > 0 {
        return Err(Failure::failed(format!("{lost} of {rows} records are lost: restore a backup")));
    }
    if !json {
        output::line(format!("{rows} records, nothing is lost"))?;
    }
    Ok(())
}

fn key(out: Option<PathBuf>) -> Result<(), Failure> {
    let mut octets = Zeroizing::new([0; MASTER_KEY_OCTETS]);
    rand::rng().fill_bytes(&mut *octets);
    let text = Zeroizing::new(encode_base64url(&*octets));
    let Some(path) = out else { return Ok(output::line(text.as_str())?) };
    // Never over another key: what is sealed with it would be lost.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| {
        writeln!(file, "{}", text.as_str())?;
        file.sync_all()
    });
    Ok(written.with_context(|| format!("--out: {}", path.display()))?)
}

async fn reseal(config: &ConfigSource, data_dir: Option<PathBuf>, unseal: bool) -> Result<(), Failure> {
    let sources = config.sources().with_flag(
        "--data-dir",
        "store.data_dir",
        data_dir.map(|directory| directory.display().to_string()),
    );
    let config = config::load(&sources)?.config;
    let directory = &config.store.data_dir;
    if !directory.is_dir() {
        // It would be made.
        return Err(Failure::usage(format!("{} is no directory", directory.display())));
    }
    if !config.store.sealing.is_on() {
        return Err(Failure::usage(
            "there is no master key: set store.sealing.master_key_file, master_key_command or \
             FANFARE_STORE__SEALING__MASTER_KEY",
        ));
    }
    let sealing = config.store.sealing.sealing().await.map_err(AppError::from)?;
    let sealing = if unseal { sealing.opening_only() } else { sealing };
    let store = app::open_sealed_store(&config, Arc::new(SystemClock), sealing).await?;
    let done = async {
        let bar = ProgressBar::new(store.stale_rows().await?);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} records {per_sec} {eta}") {
            bar.set_style(style);
        }
        let done = store.reseal(|done| bar.set_position(done.rewritten + done.damaged)).await;
        bar.finish_and_clear();
        done
    };
    let done = done.await;
    store.close().await;
    let done: Resealed = done.map_err(anyhow::Error::from)?;
    Ok(output::line(serde_json::to_string(&done).map_err(anyhow::Error::from)?)?)
}
