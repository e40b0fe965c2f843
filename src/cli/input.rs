//! What commands read: a file, or standard input for `-`.

use std::fs::File;
use std::io::{Read, stdin};

use anyhow::Context as _;

/// Largest input, in octets.
pub(super) const INPUT_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// Reads a file, or standard input for `-`, up to [`INPUT_OCTETS_MAX`].
pub(super) fn read(path: &str) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut take = |from: &mut dyn Read| from.take(INPUT_OCTETS_MAX + 1).read_to_end(&mut octets);
    let read = if path == "-" {
        take(&mut stdin().lock())
    } else {
        File::open(path).and_then(|mut file| take(&mut file))
    };
    let read = read.with_context(|| format!("cannot read {path}"))?;
    anyhow::ensure!(read as u64 <= INPUT_OCTETS_MAX, "{path} has more than {INPUT_OCTETS_MAX} octets");
    Ok(octets)
}

/// As [`read`], as text.
pub(super) fn read_text(path: &str) -> anyhow::Result<String> {
    String::from_utf8(read(path)?).with_context(|| format!("{path} is not UTF-8 text"))
}
