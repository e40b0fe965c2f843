//! `fanfare store`: what a data directory holds.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::vapid;
use crate::store::Store as _;
use crate::store::kv::census::KindCensus;

/// Looks into a data directory whose server is stopped
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare store stats --data-dir fanfare-data
  fanfare store stats --data-dir fanfare-data | jq '.kinds | sort_by(-.value_octets) | .[:5]'")]
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
}

impl StoreArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Stats { data_dir } => stats(data_dir).await,
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
