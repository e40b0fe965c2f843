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
use super::failure::Failure;
use super::{output, vapid};
use crate::app::{self, AppError};
use crate::config;
use crate::domain::SystemClock;
use crate::store::Store as _;
use crate::store::kv::census::KindCensus;
use crate::store::kv::sealing::{MASTER_KEY_OCTETS, Resealed};
use crate::webpush::keys::encode_base64url;
use zeroize::Zeroizing;

/// Looks into a data directory whose server is stopped
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare store stats --data-dir fanfare-data
  fanfare store stats --data-dir fanfare-data | jq '.kinds | sort_by(-.value_octets) | .[:5]'
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
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
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
            Action::Stats { data_dir } => stats(data_dir).await,
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

async fn stats(data_dir: Option<PathBuf>) -> Result<(), Failure> {
    if let Some(directory) = data_dir.as_ref().filter(|directory| !directory.is_dir()) {
        // It would be made.
        return Err(Failure::usage(format!("--data-dir: {} is no directory", directory.display())));
    }
    let store = vapid::open(data_dir).await?;
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
