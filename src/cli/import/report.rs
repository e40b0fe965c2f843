//! What an import tells: progress, the rejected entries, what was left out of others, the figures, and how far it got.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::call::{Outcome, Rejection};
use super::checkpoint::{Checkpoint, Counts, Place, private};
use super::fields::Warning;
use super::keys::Unnamed;
use super::source::Entry;
use crate::cli::output;

/// Rejected entries that are told on stderr when there is no file for them.
const REJECTED_SHOWN: u64 = 20;
/// Lines that are told of a warning.
const WARNING_LINES_MAX: usize = 5;

/// A line of the file with the rejected entries.
#[derive(Serialize)]
struct RejectedLine<'a> {
    /// The line of the input that the entry begins on.
    line: u64,
    /// Which entry of the input it is, counted from 1.
    entry: u64,
    #[serde(flatten)]
    rejection: &'a Rejection,
}

/// Where rejected entries are told.
struct RejectedFile {
    path: PathBuf,
    file: BufWriter<File>,
    octets: u64,
}

impl RejectedFile {
    /// Begins the file, or goes on behind what an interrupted import had told when its checkpoint was written.
    fn open(path: PathBuf, octets: u64) -> anyhow::Result<Self> {
        let open = || {
            let mut file = private(&path, octets == 0)?;
            let found = file.metadata()?.len();
            file.set_len(octets)?;
            file.seek(SeekFrom::Start(octets))?;
            Ok::<_, std::io::Error>((file, found))
        };
        let (file, found) = open().with_context(|| format!("cannot write {}", path.display()))?;
        ensure!(
            found >= octets,
            "{} is not what the interrupted import wrote: begin anew with --restart",
            path.display()
        );
        Ok(Self { path, file: BufWriter::new(file), octets })
    }

    fn write(&mut self, line: &RejectedLine<'_>) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.octets += text.len() as u64;
        let written = self.file.write_all(text.as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Of how many entries something was left out, and the lines of the first of them.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Warned {
    entries: u64,
    lines: Vec<u64>,
}

/// What an import has told.
pub(super) struct Report {
    bar: ProgressBar,
    started: Instant,
    counts: Counts,
    /// Of those that an earlier run had done.
    resumed: u64,
    /// By reason.
    reasons: BTreeMap<String, u64>,
    warnings: BTreeMap<Warning, Warned>,
    unnamed: Unnamed,
    rejected: Option<RejectedFile>,
    place: Option<Place>,
    terms: String,
    digest: [u8; 32],
    saved_entries: u64,
}

/// The last line of `--json`.
#[derive(Serialize)]
pub(super) struct Figures {
    #[serde(flatten)]
    counts: Counts,
    /// Entries that an earlier run of the same import had done.
    resumed_after: u64,
    seconds: f64,
    /// Of this run.
    per_second: f64,
}

impl Report {
    /// `from`: what an interrupted import left.
    pub(super) fn new(
        octets: Option<u64>,
        rejected: Option<&Path>,
        place: Option<Place>,
        terms: String,
        from: Option<&Checkpoint>,
    ) -> anyhow::Result<Self> {
        let counts = from.map(|from| from.counts).unwrap_or_default();
        let rejected_octets = from.map_or(0, |from| from.rejected_octets);
        let rejected =
            rejected.map(|path| RejectedFile::open(path.to_owned(), rejected_octets)).transpose()?;
        let report = Self {
            bar: bar(octets),
            started: Instant::now(),
            counts,
            resumed: counts.entries,
            reasons: BTreeMap::new(),
            warnings: BTreeMap::new(),
            unnamed: Unnamed::default(),
            rejected,
            place,
            terms,
            digest: [0; 32],
            saved_entries: counts.entries,
        };
        if from.is_none() {
            // Whether it can be written is known before anything is done.
            report.write_checkpoint()?;
        }
        Ok(report)
    }

    /// An entry has its answer.
    pub(super) fn told(&mut self, entry: &Entry, outcome: Outcome) -> anyhow::Result<()> {
        self.counts.entries += 1;
        self.digest = entry.digest;
        match outcome {
            Outcome::Created(name) => {
                self.counts.created += 1;
                self.taken(entry, true, name);
            }
            Outcome::Updated(name) => {
                self.counts.updated += 1;
                self.taken(entry, false, name);
            }
            Outcome::Rejected(rejection) => self.rejected(entry.line, &rejection)?,
        }
        self.bar.set_position(entry.position);
        Ok(())
    }

    fn taken(&mut self, entry: &Entry, created: bool, name: String) {
        let Ok((request, warnings)) = &entry.reading else { return };
        for warning in warnings {
            let warned = self.warnings.entry(warning.clone()).or_default();
            warned.entries += 1;
            if warned.lines.len() < WARNING_LINES_MAX {
                warned.lines.push(entry.line);
            }
        }
        if request.push_subscription.as_ref().is_some_and(|browser| browser.application_server_key.is_empty())
        {
            self.unnamed.note(created, name);
        }
    }

    fn rejected(&mut self, line: u64, rejection: &Rejection) -> anyhow::Result<()> {
        self.counts.rejected += 1;
        *self.reasons.entry(rejection.reason.clone()).or_default() += 1;
        if let Some(file) = &mut self.rejected {
            return file.write(&RejectedLine { line, entry: self.counts.entries, rejection });
        }
        if self.counts.rejected <= REJECTED_SHOWN {
            let mut text = format!("fanfare: line {line}: {}: {}", rejection.reason, rejection.message);
            if rejection.violations.len() > 1 {
                for of in &rejection.violations {
                    // Writing to a string does not fail.
                    let _ = write!(text, "\n  {}: {}", of.field, of.description);
                }
            }
            self.bar.suspend(|| eprintln!("{}", output::shown(&text)));
        } else if self.counts.rejected == REJECTED_SHOWN + 1 {
            self.bar.suspend(|| eprintln!("fanfare: more are rejected: --rejected FILE tells of all"));
        }
        Ok(())
    }

    /// Notes how far the import got.
    pub(super) fn save(&mut self) -> anyhow::Result<()> {
        let Counts { entries, rejected, .. } = self.counts;
        self.bar.set_message(format!("{entries} entries, {rejected} rejected, {:.0}/s", self.rate()));
        if self.saved_entries != self.counts.entries {
            self.saved_entries = self.counts.entries;
            if let Some(rejected) = &mut self.rejected {
                // Before the checkpoint, which counts it.
                rejected.flush()?;
            }
            self.write_checkpoint()?;
        }
        Ok(())
    }

    fn write_checkpoint(&self) -> anyhow::Result<()> {
        let Some(place) = &self.place else { return Ok(()) };
        place.write(&Checkpoint {
            terms: self.terms.clone(),
            digest: hex(&self.digest),
            counts: self.counts,
            rejected_octets: self.rejected.as_ref().map_or(0, |rejected| rejected.octets),
        })
    }

    /// All entries have their answers.
    pub(super) fn finish(&mut self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        if let Some(rejected) = &mut self.rejected {
            rejected.flush()?;
        }
        self.place.as_ref().map_or(Ok(()), Place::remove)
    }

    /// It stopped before the end.
    pub(super) fn interrupted(&mut self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        self.save()?;
        if let Some(place) = &self.place {
            eprintln!(
                "fanfare: {} entries are done ({}): the same command goes on behind them",
                self.counts.entries,
                place.path().display()
            );
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn rejected_path(&self) -> Option<&Path> {
        self.rejected.as_ref().map(|rejected| rejected.path.as_path())
    }

    /// How many were rejected in this run, by reason.
    pub(super) fn reasons(&self) -> &BTreeMap<String, u64> {
        &self.reasons
    }

    /// What was left out or changed.
    pub(super) fn warnings(&self) -> &BTreeMap<Warning, Warned> {
        &self.warnings
    }

    /// What named no VAPID key.
    pub(super) fn unnamed(&self) -> &Unnamed {
        &self.unnamed
    }

    fn rate(&self) -> f64 {
        let entries = self.counts.entries - self.resumed;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = entries as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        rate
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            counts: self.counts,
            resumed_after: self.resumed,
            seconds: self.started.elapsed().as_secs_f64(),
            per_second: self.rate(),
        }
    }
}

impl Warned {
    /// For people.
    pub(super) fn text(&self, warning: &Warning) -> String {
        let lines = self.lines.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let more = if self.entries > self.lines.len() as u64 { ", …" } else { "" };
        let (Self { entries, .. }, at) = (self, if self.lines.len() == 1 { "line" } else { "lines" });
        let Warning { field, text } = warning;
        format!("warning: {field} {text} ({entries} entries, {at} {lines}{more})")
    }
}

impl Figures {
    /// For people.
    pub(super) fn pace(&self) -> String {
        format!("{:.1} s, {:.0} a second", self.seconds, self.per_second)
    }
}

/// On stderr; nothing where that is no terminal.
fn bar(octets: Option<u64>) -> ProgressBar {
    let (bar, template) = match octets {
        Some(octets) => (
            ProgressBar::with_draw_target(Some(octets), ProgressDrawTarget::stderr()),
            "{wide_bar} {msg} {eta}",
        ),
        None => {
            (ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), "{spinner} {bytes} {msg}")
        }
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
