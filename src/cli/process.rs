//! Programs that run as children: started, waited for until they say that they are ready, and ended.
//!
//! `fanfare serve` and `fanfare sandbox` take part with `--json`, by which they print one line of JSON once they are
//! ready, and `--exit-with-stdin`, by which they stop when whoever started them closes the pipe, or is no more.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Time to become ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Time to end after being asked to; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a log an error quotes, in octets.
const LOG_TAIL_OCTETS: usize = 2_000;

/// A running child. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    // Kept open: a child that prints into a closed pipe ends.
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a program and waits for its line of JSON. What it writes to stderr goes to the file `log`. It inherits no
    /// `FANFARE_…` variables: they are meant for the caller.
    ///
    /// # Errors
    /// It cannot be started, ends or stays silent; the end of its log is told.
    pub async fn start<R: DeserializeOwned>(
        program: &Path,
        arguments: &[&str],
        log: &Path,
    ) -> anyhow::Result<(Self, R)> {
        let name = arguments.first().copied().unwrap_or("program").to_owned();
        let log_file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(program);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("FANFARE_") {
                command.env_remove(variable);
            }
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("the child has no stdout"))?;
        let stdout = BufReader::new(stdout).lines();
        let mut process = Self { name, log: log.to_owned(), child, stdin, stdout };
        let ready = process.ready().await.with_context(|| process.log_tail())?;
        Ok((process, ready))
    }

    async fn ready<R: DeserializeOwned>(&mut self) -> anyhow::Result<R> {
        let line = timeout(READY_TIMEOUT, self.stdout.next_line())
            .await
            .with_context(|| format!("{} did not become ready within {READY_TIMEOUT:?}", self.name))??;
        let Some(line) = line else {
            let status = self.child.wait().await?;
            return Err(anyhow!("{} ended before it was ready: {status}", self.name));
        };
        serde_json::from_str(&line)
            .with_context(|| format!("{} said something else than that it is ready", self.name))
    }

    /// Its process id; `None` when it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// The system's.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// What it wrote to stderr last.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let tail = &text[text.len().saturating_sub(LOG_TAIL_OCTETS)..];
        format!("{} wrote: {}", self.name, String::from_utf8_lossy(tail).trim())
    }

    /// Asks it to stop, by closing its standard input, and waits for its end.
    ///
    /// # Errors
    /// It did not end in time and was killed, or ended otherwise than with success.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        let Ok(status) = timeout(STOP_TIMEOUT, self.child.wait()).await else {
            self.child.kill().await?;
            return Err(anyhow!("{} did not stop within {STOP_TIMEOUT:?}", self.name));
        };
        let status = status?;
        if status.success() {
            return Ok(());
        }
        Err(anyhow!("{} ended with {status}", self.name)).with_context(|| self.log_tail())
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// The system's.
    pub async fn kill(mut self) -> std::io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.child.wait().await
    }
}
