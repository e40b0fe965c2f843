//! How the input is written.

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use super::members::{is_text_of_json, plain};
use super::shape::{BROWSER_NAMES, ENDPOINT_NAMES};

/// How the input is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Find out
    #[default]
    Auto,
    /// One JSON object on each line
    #[value(alias = "jsonl", alias = "ndjson")]
    JsonLines,
    /// JSON: a list of objects, objects one after the other, or an object that holds them
    #[value(alias = "web-push")]
    Json,
    /// Rows under a line with the names of the columns, divided by commas, semicolons, tabs or |
    #[value(alias = "laravel")]
    Csv,
    /// What `manage.py dumpdata webpush` writes
    DjangoWebpush,
}

impl Format {
    /// By the beginning of the input, which is a text.
    pub(super) fn of(head: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start();
        let first = text.lines().next().context("is empty")?;
        let whole =
            serde_json::from_str::<serde::de::IgnoredAny>(first.trim_end().trim_end_matches(',')).is_ok();
        if text.starts_with(['[', '{']) {
            let django = text.contains("\"model\"") && text.contains("\"webpush.");
            return Ok(match whole && text.starts_with('{') {
                _ if django => Self::DjangoWebpush,
                true => Self::JsonLines,
                false => Self::Json,
            });
        }
        // JSON in a JSON text.
        if text.strip_prefix('"').is_some_and(is_text_of_json) {
            return Ok(if whole { Self::JsonLines } else { Self::Json });
        }
        refuse_others(text)?;
        if is_heading(text) {
            return Ok(Self::Csv);
        }
        bail!(
            "cannot tell its format: JSON begins with [ or {{, and CSV with a line of column names, one of them endpoint; or \
             give --format"
        )
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What is text, but of a kind that is not read.
fn refuse_others(text: &str) -> anyhow::Result<()> {
    let begins = |with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    if ["INSERT ", "CREATE ", "COPY ", "SET ", "DROP ", "BEGIN", "REPLACE INTO", "PRAGMA", "/*", "-- "]
        .iter()
        .any(|with| begins(with))
    {
        bail!(
            "line 1: this is SQL: write the table as CSV or JSON, for example with psql's `\\copy … TO 'FILE' CSV HEADER`, \
             `mysql --batch --raw -e 'SELECT …'`, `sqlite3 -json` or phpMyAdmin's export as JSON"
        );
    }
    if begins("<") {
        bail!("line 1: this is XML or HTML: write the table as CSV or JSON");
    }
    if text.starts_with("- ") || text.starts_with("---") {
        bail!("line 1: this is YAML: write it as JSON, for example with `yq -o json`");
    }
    Ok(())
}

/// Whether a table begins here: its first line has names and no address.
fn is_heading(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !is_ruler(line) && delimiter_said(line).is_none());
    let Some(first) = lines.next() else { return false };
    !first.contains("://") && (first.contains(DELIMITERS) || is_known(first))
}

/// What may divide the fields of a row.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Whether a column of this name may have an endpoint.
pub(super) fn is_known(name: &str) -> bool {
    let name = plain(name.trim().trim_matches('"'));
    ENDPOINT_NAMES.contains(&name.as_str()) || BROWSER_NAMES.contains(&name.as_str())
}

/// A line that only divides others, as psql and mysql draw it.
pub(super) fn is_ruler(line: &str) -> bool {
    line.contains("--") && line.trim().chars().all(|c| matches!(c, '-' | '+' | '|' | ':' | ' '))
}

/// The delimiter that a table for Excel says in its first line.
pub(super) fn delimiter_said(line: &str) -> Option<char> {
    let said = line.trim_end().strip_prefix("sep=")?;
    said.chars().next().filter(|delimiter| said.len() == 1 && DELIMITERS.contains(delimiter))
}

/// What divides the names in a line of columns: what divides it into the most.
pub(super) fn delimiter_of(line: &str) -> char {
    // Of several, the last one that has the most: a comma before others.
    let pieces = |delimiter: &char| line.split(*delimiter).count();
    ['|', '\t', ';', ','].into_iter().max_by_key(pieces).unwrap_or(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        for (head, format) in [
            ("{\"endpoint\":\"x\"}\n{", Format::JsonLines),
            ("{\"endpoint\":\"x\"},\n{", Format::JsonLines),
            ("\n {\"endpoint\":\n", Format::Json),
            ("[{\"endpoint\":", Format::Json),
            ("\"{\\\"endpoint\\\":\\\"x\\\"}\"", Format::JsonLines),
            ("\"[{\\\"endpoint\\\":", Format::Json),
            ("[\n{\"model\": \"webpush.group\"", Format::DjangoWebpush),
            ("{\"model\": \"webpush.group\"}\n", Format::DjangoWebpush),
            ("[{\"model\": \"auth.user\"", Format::Json),
            ("id;Endpoint;p256dh;auth\n", Format::Csv),
            ("\"user_id\",\"endpoint\"\n", Format::Csv),
            ("\"endpoint\"\n", Format::Csv),
            ("sep=;\nid;x\n", Format::Csv),
            ("+----+----+\n| id | endpoint |\n", Format::Csv),
            ("id,identifier,web_auth\n", Format::Csv),
            ("subscription\n", Format::Csv),
        ] {
            assert_eq!(Format::of(head.as_bytes()).unwrap(), format, "{head}");
        }
        for (head, says) in [
            ("https://push.example.net/secret,a,b\n", "cannot tell its format"),
            ("", "is empty"),
            (" \n ", "is empty"),
            ("secret", "cannot tell its format"),
            ("INSERT INTO t VALUES ('secret')", "this is SQL"),
            ("-- PostgreSQL database dump", "this is SQL"),
            ("<?xml version=\"1.0\"?>", "this is XML"),
            ("- endpoint: secret\n", "this is YAML"),
        ] {
            let error = Format::of(head.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{head}: {error}");
        }
    }
}
