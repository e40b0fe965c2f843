//! Power is lost. What a server and its starts write is recorded by a layer between it and the C library (`layer.c`), with
//! every sync; from the record the drill makes what a disk may hold after a loss at any instant: all that was synced, and of
//! the rest anything, torn at 512 octets, in another order, with or without its names (`disk.rs`).
//!
//! What must hold: the store opens by itself, with all that was acknowledged before the loss, whole; it can be written, and
//! opens again. Instants are random ones under load, each operation of a server's first start, and each operation of starts
//! on what a loss left. `sync_file_range` counts as no sync. Most stores are opened by the library, some by the program.
//!
//! Beside these losses, every header that sled wrote to its log is looked at: it must not tell of more than was synced then
//! (`told.rs`).

mod disk;
mod journal;
mod load;
mod told;
mod verdict;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use fanfare::store::kv::sealing::{MASTER_KEY_OCTETS, MasterKey, Sealing};
use fanfare::webpush::keys::encode_base64url;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use tempfile::TempDir;

use self::disk::{Disk, Loss};
use self::journal::{Journal, Operation, compile_layer, variables};
use self::load::{Acknowledged, Life};
use crate::checks::Checks;
use crate::stage::{Configuration, Stage};

/// Where a directory of its own is made for what is lost, if it is there: a file system in memory.
const MEMORY: &str = "/dev/shm";
/// The variable that names a directory for what a store did not open on.
const KEEP: &str = "DRILL_KEEP";

/// How much there is of everything, for each of the two lives: in the clear, and sealed.
struct Size {
    /// How long a server works once everybody is subscribed.
    lasts: Duration,
    targets: u32,
    /// Losses at random instants under load.
    random: usize,
    /// Of these, opened by the program too.
    by_program: usize,
    /// Losses in the first start, at most.
    first_start: usize,
    /// Starts on what a loss left.
    starts: usize,
    /// Losses in each of these, at most.
    in_start: usize,
}

const LONG: Size = Size {
    lasts: Duration::from_secs(8),
    targets: 1_500,
    random: 150,
    by_program: 5,
    first_start: 200,
    starts: 4,
    in_start: 200,
};
const SHORT: Size = Size {
    lasts: Duration::from_secs(3),
    targets: 500,
    random: 10,
    by_program: 1,
    first_start: 8,
    starts: 1,
    in_start: 10,
};

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Figures {
    seed: u64,
    /// Stores opened after a loss.
    losses: usize,
    at_random_instants: usize,
    in_first_starts: usize,
    in_starts: usize,
    /// How many of all on sealed stores.
    sealed: usize,
    opened_by_program: usize,
    /// What the servers did to their files.
    operations: usize,
    octets: u64,
    /// Large pages, which sled keeps in files of their own.
    blobs: usize,
    /// Headers of the log's segments, and the most that was written to it between two syncs.
    headers: usize,
    unsynced_octets_max: u64,
    /// Acknowledged before the last loss under load.
    acknowledged: usize,
    /// Segments of the log that a header told to be stable before they were synced. Must be 0, as all that follow.
    told_not_synced: usize,
    never_opened: usize,
    subscriptions_lost: usize,
    messages_lost: usize,
    ends_lost: usize,
    /// Files that were set aside, in all stores: may be any number.
    set_aside: usize,
}

struct Drill {
    size: &'static Size,
    stage: Stage,
    random: StdRng,
    /// For what is opened.
    scratch: TempDir,
    layer: PathBuf,
    keep: Option<PathBuf>,
    sealing: Sealing,
    /// The same for the program.
    sealing_variable: Option<String>,
    figures: Figures,
    checks: Checks,
}

/// Plays it; gives the promises that did not hold.
pub(crate) async fn drill(short: bool, seed: u64) -> anyhow::Result<Vec<String>> {
    eprintln!("seed {seed}");
    let stage = Stage::set(&Configuration::default()).await?;
    let mut builder = tempfile::Builder::new();
    builder.prefix("fanfare-powerloss-");
    let scratch = if Path::new(MEMORY).is_dir() { builder.tempdir_in(MEMORY)? } else { builder.tempdir()? };
    let layer = compile_layer(scratch.path())?;
    let mut drill = Drill {
        size: if short { &SHORT } else { &LONG },
        stage,
        random: StdRng::seed_from_u64(seed),
        scratch,
        layer,
        keep: std::env::var_os(KEEP).map(PathBuf::from),
        sealing: Sealing::default(),
        sealing_variable: None,
        figures: Figures { seed, ..Figures::default() },
        checks: Checks::default(),
    };
    drill.play("in the clear").await?;
    let before = drill.figures.losses;
    let key: [u8; MASTER_KEY_OCTETS] = drill.random.random();
    let text = encode_base64url(&key);
    let sections =
        format!("[store.sealing]\nmaster_key = \"{text}\"\nsubscriptions = true\npayloads = true\n");
    drill.stage.configure(&Configuration { sections, ..Configuration::default() })?;
    drill.sealing = Sealing::new(vec![MasterKey::new(&key)], true, true);
    drill.sealing_variable = Some(format!("FANFARE_STORE__SEALING__MASTER_KEY={text}"));
    drill.play("sealed").await?;
    drill.figures.sealed = drill.figures.losses - before;
    let Drill { stage, figures, checks, .. } = drill;
    stage.clear().await?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(checks.problems())
}

impl Drill {
    /// One life, and losses in it and in the starts that follow.
    async fn play(&mut self, name: &str) -> anyhow::Result<()> {
        eprintln!("{name}: a server works");
        forget(&self.stage.data())?;
        let life = self.live(name, self.size.lasts, self.size.targets).await?;
        forget(&self.stage.data())?;
        let journal = Journal::read(&life.journal)?;
        self.figures.operations += journal.operations.len();
        self.figures.octets += fs::metadata(&life.journal)?.len();
        let is_blob = |operation: &Operation| matches!(operation, Operation::Create { path, .. } if path.contains("/blobs/"));
        self.figures.blobs += journal.operations.iter().filter(|(operation, _)| is_blob(operation)).count();
        let told = told::look(&journal);
        self.figures.headers += told.headers;
        self.figures.unsynced_octets_max = self.figures.unsynced_octets_max.max(told.unsynced_octets_max);
        self.figures.told_not_synced += told.not_synced;
        self.checks.check(told.not_synced == 0, || {
            format!("{name}: the log tells of more than is synced: {told:?}")
        });
        let ready = journal.operations_at(life.ready);
        let mut instants = choose(0..ready, self.size.first_start, &mut self.random);
        let first_starts = instants.len();
        self.figures.in_first_starts += first_starts;
        let end = journal.operations.len() + 1;
        instants.extend(choose(ready..end, self.size.random, &mut self.random));
        let count = instants.len();
        self.figures.at_random_instants += count - first_starts;
        let mut by_program = choose(first_starts..count, self.size.by_program, &mut self.random);
        let mut starts = choose(first_starts + 1..count, self.size.starts, &mut self.random);
        starts.dedup();
        by_program.dedup();
        eprintln!("{name}: {count} losses in {} operations", journal.operations.len());
        let mut disk = Disk::new(self.stage.directory())?;
        let mut done = 0;
        for (place, instant) in instants.iter().enumerate() {
            for (operation, _) in &journal.operations[done..*instant] {
                disk.apply(&journal, operation)?;
            }
            done = *instant;
            let octets = instant.checked_sub(1).map_or(0, |last| journal.operations[last].1 as u64);
            let acknowledged = life.ledger.until(octets);
            self.figures.acknowledged = acknowledged.len();
            let loss = self.any_loss();
            let what = format!("{name} operation {instant} {loss:?}");
            let target = self.scratch.path().join("lost");
            disk.lose(&journal, loss, &mut self.random, &target)?;
            self.judge(&target, acknowledged.clone(), &what).await;
            forget(&target)?;
            if by_program.contains(&place) {
                let target = self.stage.directory().to_owned();
                disk.lose(&journal, loss, &mut self.random, &target)?;
                self.judge_by_program(acknowledged.clone(), &format!("{what} by the program")).await?;
                forget(&self.stage.data())?;
            }
            if starts.contains(&place) {
                self.start_again(&disk, &journal, loss, &acknowledged, &what).await?;
            }
        }
        let Life { journal: path, .. } = life;
        fs::remove_file(path)?;
        Ok(())
    }

    /// Starts on what a loss left, and loses power again at the operations of that start.
    async fn start_again(
        &mut self,
        disk: &Disk,
        journal: &Journal,
        loss: Loss,
        acknowledged: &[Acknowledged],
        what: &str,
    ) -> anyhow::Result<()> {
        let (root, recorded) = (self.scratch.path().join("start"), self.scratch.path().join("start.journal"));
        disk.lose(journal, loss, &mut self.random, &root)?;
        let mut disk = Disk::new(&root)?;
        disk.load(&root)?;
        let output = Command::new("env")
            .args(&self.sealing_variable)
            .args(variables(&self.layer, &root, &recorded))
            .arg(self.stage.program())
            .args(["store", "stats", "--data-dir"])
            .arg(root.join("data"))
            .output()?;
        let opened = output.status.success();
        self.checks.check(opened, || format!("{what}: a start: {}", String::from_utf8_lossy(&output.stderr)));
        let journal = Journal::read(&recorded).context("of a start")?;
        let end = journal.operations.len() + 1;
        let instants = choose(0..end, self.size.in_start, &mut self.random);
        eprintln!(
            "{what}: {} losses in the {} operations of a start",
            instants.len(),
            journal.operations.len()
        );
        let mut done = 0;
        for instant in instants {
            for (operation, _) in &journal.operations[done..instant] {
                disk.apply(&journal, operation)?;
            }
            done = instant;
            let loss = self.any_loss();
            let target = self.scratch.path().join("lost");
            disk.lose(&journal, loss, &mut self.random, &target)?;
            self.figures.in_starts += 1;
            let what = format!("{what} then operation {instant} of a start {loss:?}");
            self.judge(&target, acknowledged.to_vec(), &what).await;
            forget(&target)?;
        }
        forget(&root)?;
        Ok(fs::remove_file(recorded)?)
    }

    fn any_loss(&mut self) -> Loss {
        match self.random.random_range(0..8) {
            0 => Loss::Nothing,
            1 => Loss::Everything,
            _ => Loss::Random,
        }
    }
}

/// Removes a directory, if it is there.
fn forget(directory: &Path) -> anyhow::Result<()> {
    if directory.exists() { Ok(fs::remove_dir_all(directory)?) } else { Ok(()) }
}

/// So many of a range, at most all, in their order.
fn choose(range: std::ops::Range<usize>, count: usize, random: &mut StdRng) -> Vec<usize> {
    if range.len() <= count {
        return range.collect();
    }
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < count {
        chosen.insert(random.random_range(range.clone()));
    }
    chosen.into_iter().collect()
}
