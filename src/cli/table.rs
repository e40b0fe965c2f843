//! Lists for people: columns that align, and colours where somebody looks. Texts of strangers are escaped one by one.

use std::io::{IsTerminal as _, stdout};

use clap::builder::styling::{AnsiColor, Style};

use super::output;
use crate::domain::text::escaped;

/// Between two columns.
const GAP: &str = "  ";

/// How something stands, which a colour says where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// It is as it should be.
    Good,
    /// It goes on.
    Open,
    /// It is not as it should be.
    Bad,
    /// It only leads the eye.
    Heading,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Open => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Heading => Style::new().bold(),
        }
    }
}

/// One field of a row.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// With a colour.
    pub(super) fn toned(text: impl AsRef<str>, tone: Option<Tone>) -> Self {
        Self { text: escaped(text.as_ref()).into_owned(), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, None)
    }
}

/// Rows below headings. Widths never shrink, so that what is printed page by page stays in line.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<&'static str>,
    widths: Vec<usize>,
    rows: Vec<Vec<Cell>>,
    headed: bool,
    coloured: bool,
}

impl Table {
    /// Without rows; headings are printed above the first.
    pub(super) fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            widths: headings.iter().map(|heading| width(heading)).collect(),
            rows: Vec::new(),
            headed: false,
            coloured: is_coloured(),
        }
    }

    /// Adds a row: as many fields as there are headings.
    pub(super) fn add(&mut self, row: Vec<Cell>) {
        for (most, cell) in self.widths.iter_mut().zip(&row) {
            *most = (*most).max(width(&cell.text));
        }
        self.rows.push(row);
    }

    /// Prints the rows that were added since.
    pub(super) fn print(&mut self) -> anyhow::Result<()> {
        for line in self.lines() {
            output::styled(line)?;
        }
        Ok(())
    }

    fn lines(&mut self) -> Vec<String> {
        let rows = std::mem::take(&mut self.rows);
        let mut lines = Vec::with_capacity(rows.len() + 1);
        if !self.headed && !rows.is_empty() {
            self.headed = true;
            let headings = self.headings.iter().map(|text| Cell::toned(text, Some(Tone::Heading)));
            lines.push(self.line(&headings.collect::<Vec<_>>()));
        }
        lines.extend(rows.iter().map(|row| self.line(row)));
        lines
    }

    fn line(&self, row: &[Cell]) -> String {
        let mut line = String::new();
        // What is behind the last field with a text would only be blanks.
        let fields = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
        for (index, (Cell { text, tone }, most)) in row.iter().zip(&self.widths).take(fields).enumerate() {
            match tone.filter(|_| self.coloured).map(Tone::style) {
                Some(style) => line.extend([&style.to_string(), text.as_str(), &format!("{style:#}")]),
                None => line.push_str(text),
            }
            if index + 1 < fields {
                line.extend(std::iter::repeat_n(' ', most - width(text)));
                line.push_str(GAP);
            }
        }
        line
    }
}

/// About how many columns of a terminal a text takes.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Colours are for terminals, and not where somebody does not want them (no-color.org).
fn is_coloured() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `1 delivery`, `2 deliveries`.
pub(super) fn counted(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_end_without_blanks() {
        let mut table = Table::new(&["NAME", "STATE", "NOTE"]);
        table.coloured = false;
        table.add(vec!["a".into(), "DONE".into(), "".into()]);
        table.add(vec!["äöü-long".into(), "SENDING".into(), "x\u{1b}[2J".into()]);
        assert_eq!(
            table.lines(),
            ["NAME      STATE    NOTE", "a         DONE", "äöü-long  SENDING  x\\u001b[2J"]
        );
        // The next page has no headings, and is as wide.
        table.add(vec!["b".into(), "DONE".into(), "y".into()]);
        assert_eq!(table.lines(), ["b         DONE     y"]);
    }

    #[test]
    fn colours_are_put_around_texts_only() {
        let mut table = Table::new(&["A", "B"]);
        (table.coloured, table.headed) = (true, true);
        table.add(vec![Cell::toned("x", Some(Tone::Bad)), "y".into()]);
        assert_eq!(table.lines(), ["\u{1b}[31mx\u{1b}[0m  y"]);
    }

    #[test]
    fn one_is_not_many() {
        let counted = |count| counted(count, "delivery", "deliveries");
        assert_eq!([0, 1, 2].map(counted), ["0 deliveries", "1 delivery", "2 deliveries"]);
    }
}
