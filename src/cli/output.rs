//! What commands print for programs and people to read on.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};

use anyhow::Context as _;

/// Prints a line to stdout. Whoever reads may leave when it has seen enough (`fanfare … | head`): then the process ends
/// without a complaint, as other programs do.
pub(super) fn line(line: impl Display) -> anyhow::Result<()> {
    match writeln!(stdout().lock(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.context("cannot write to standard output"),
    }
}
