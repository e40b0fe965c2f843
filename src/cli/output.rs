//! What commands print, for programs and people to read on. Nothing that anybody wrote controls the terminal: see
//! [`crate::domain::text`].

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};

use anyhow::Context as _;

use crate::domain::text::escaped_but;

/// What is of the layout of our own lines. Texts of strangers that may have them are escaped one by one.
const OURS: [char; 2] = ['\n', '\t'];

/// Prints a line to stdout. Whoever reads may leave when it has seen enough (`fanfare … | head`): then the process ends
/// without a complaint, as other programs do.
pub(super) fn line(line: impl Display) -> anyhow::Result<()> {
    written(writeln!(stdout().lock(), "{}", shown(&line)))
}

/// Prints a line whose texts are escaped already, with what controls the terminal between them.
pub(super) fn styled(line: impl Display) -> anyhow::Result<()> {
    written(writeln!(stdout().lock(), "{line}"))
}

fn written(written: std::io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.context("cannot write to standard output"),
    }
}

/// Tells a person something, on stderr.
pub(super) fn note(said: impl Display) {
    eprintln!("fanfare: {}", shown(&said));
}

/// As it is printed.
pub(super) fn shown(text: &impl Display) -> String {
    escaped_but(&text.to_string(), &OURS).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_the_terminal() {
        assert_eq!(shown(&"a\u{1b}[2J\u{202e}b\tc\n"), "a\\u001b[2J\\u202eb\tc\n");
    }
}
