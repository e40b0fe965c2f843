//! What is made of the command line itself: `fanfare completions` and `fanfare man`.

use std::io::{ErrorKind, Write as _, stdout};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::failure::Failure;
use super::{Cli, output};

/// Prints completions for a shell
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = "The Debian package installs them. By hand:
  fanfare completions bash > ~/.local/share/bash-completion/completions/fanfare
  fanfare completions zsh > \"${fpath[1]}/_fanfare\"
  fanfare completions fish > ~/.config/fish/completions/fanfare.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

impl CompletionsArgs {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "fanfare", &mut script);
        // As it is: it is ours, and for a shell.
        match stdout().lock().write_all(&script) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written.context("cannot write to standard output")?),
        }
    }
}

/// Writes man pages, one for each command
#[derive(Args, Clone, Debug)]
#[command(after_help = "The Debian package installs them.

Example:
  fanfare man /tmp/man && man /tmp/man/fanfare-serve.1")]
pub(super) struct ManArgs {
    /// Where to; made if there is none
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl ManArgs {
    pub(super) fn run(self) -> Result<(), Failure> {
        let shown = self.directory.display();
        std::fs::create_dir_all(&self.directory).with_context(|| format!("cannot make {shown}"))?;
        clap_mangen::generate_to(Cli::command(), &self.directory)
            .with_context(|| format!("cannot write to {shown}"))?;
        let pages =
            std::fs::read_dir(&self.directory).with_context(|| format!("cannot read {shown}"))?.count();
        output::line(format!("{pages} pages in {shown}"))?;
        Ok(())
    }
}
