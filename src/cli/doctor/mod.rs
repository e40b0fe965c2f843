//! `fanfare doctor`: what of an installation is weak.

mod configuration;
mod files;
mod finding;
mod held;
mod limits;
mod stored;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use self::finding::{Finding, Severity};
use self::limits::Limit;
use super::config::ConfigSource;
use super::connection::Connection;
use super::failure::Failure;
use super::output;
use crate::config;

/// Reports what is weak in the configuration, the files and what is stored
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Reads the configuration that `fanfare serve` would read, looks at the files that it names, and into the data
directory if no server uses it. While one does, --online asks it for its tokens and for what is held; that needs a token for
all applications with the role reader or admin. The limit of open files is that of this shell: run it as the server is run.

Nothing is changed, except that a data directory is made private when it is looked into, as at each start.

limit     what all share, and what one may hold of it
serious   strangers, or other users of this machine, get what is not theirs
warning   one mistake more, and they do
hint      fine for trying things out, or worth knowing

Exit code 0: nothing serious; 1: something serious; 64: the configuration is wrong.

Examples:
  fanfare doctor
  fanfare doctor --config fanfare.toml --data-dir /var/lib/fanfare
  fanfare doctor --config fanfare.toml --online --server https://push.example.com
  fanfare doctor --json | jq -r '.findings[] | select(.severity == \"serious\") | .mend'"
)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigSource,
    /// The data directory (store.data_dir)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Ask the running server for its tokens, and for subscriptions that are held
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    connection: Connection,
}

/// All that was found, the most serious first.
#[derive(Debug, Serialize)]
struct Report {
    findings: Vec<Finding>,
    /// What all share, and what one may hold of it.
    limits: Vec<Limit>,
    serious: usize,
    warnings: usize,
    hints: usize,
}

impl Report {
    fn new(mut findings: Vec<Finding>, limits: Vec<Limit>) -> Self {
        findings.sort_by_key(|finding| finding.severity);
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let (serious, warnings) = (count(Severity::Serious), count(Severity::Warning));
        let hints = count(Severity::Hint);
        Self { findings, limits, serious, warnings, hints }
    }
}

impl DoctorArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let sources = self.config.sources().with_flag(
            "--data-dir",
            "store.data_dir",
            self.data_dir.as_ref().map(|dir| dir.display()),
        );
        let config = config::load(&sources)?.config;
        // Before the store is opened, which makes it private.
        let mut findings = files::look(&config, sources.file.as_deref());
        let stored = stored::look(&config, self.online.then_some(&self.connection)).await?;
        findings.extend(configuration::look(&config, stored.has_tokens));
        findings.extend(stored.findings);
        findings.extend(limits::look(&config));
        let report = Report::new(findings, limits::all(&config));
        self.tell(&report)?;
        match report.serious {
            0 => Ok(()),
            1 => Err(Failure::failed("something serious was found")),
            more => Err(Failure::failed(format!("{more} serious things were found"))),
        }
    }

    fn tell(&self, report: &Report) -> anyhow::Result<()> {
        if self.connection.json {
            return output::line(serde_json::to_string(report)?);
        }
        for finding in &report.findings {
            output::line(finding)?;
        }
        for limit in &report.limits {
            output::line(limit)?;
        }
        let Report { serious, warnings, hints, .. } = report;
        output::line(format!("serious: {serious}, warnings: {warnings}, hints: {hints}"))
    }
}
