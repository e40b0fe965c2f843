//! The file: what it says, and on which line.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Problem, path};

/// A TOML file that reads.
#[derive(Debug)]
pub(super) struct TomlFile {
    name: String,
    pub(super) says: Value,
    /// Of each key, by its path.
    lines: BTreeMap<String, usize>,
}

impl TomlFile {
    /// Reads a file. All that is no TOML is told.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let problem = if error.kind() == ErrorKind::NotFound {
                "the configuration file is not found".to_owned()
            } else {
                error.to_string()
            };
            ConfigError::Unreadable { origin: name.clone(), problem }
        })?;
        Self::parse(name, &text)
    }

    fn parse(name: String, text: &str) -> Result<Self, ConfigError> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut errors: Vec<_> =
            errors.iter().map(|error| (error.span().map_or(0, |span| span.start), error)).collect();
        errors.sort_by_key(|(start, _)| *start);
        let mut problems: Vec<_> = errors
            .into_iter()
            .map(|(start, error)| {
                let line = line_of(text, start);
                // What stands there is not repeated: it may be a secret.
                let description = format!("this is no TOML: {}", error.message().trim_end());
                Problem { place: Some(format!("{name}:{line}")), key: String::new(), description }
            })
            .collect();
        // What follows from the same place is told once.
        problems.dedup_by(|later, one| later.place == one.place);
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        let says = text.parse().map(Value::Table).map_err(|error: toml::de::Error| {
            ConfigError::Unreadable { origin: name.clone(), problem: error.message().to_owned() }
        })?;
        let mut lines = BTreeMap::new();
        note_table(text, table.get_ref(), "", &mut lines);
        Ok(Self { name, says, lines })
    }

    /// The file and line of a key, if it is there.
    pub(super) fn place_of(&self, key: &str) -> Option<String> {
        self.lines.get(key).map(|line| format!("{}:{line}", self.name))
    }

    /// The same, or else of what it is missing in.
    pub(super) fn place_near(&self, key: &str) -> String {
        let mut near = key;
        loop {
            match self.place_of(near) {
                Some(place) => return place,
                None if near.is_empty() => return self.name.clone(),
                None => near = path::above(near),
            }
        }
    }
}

/// Lines are counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|octet| **octet == b'\n').count()
}

fn note_table(text: &str, table: &DeTable<'_>, above: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path = path::below(above, key.get_ref());
        lines.insert(path.clone(), line_of(text, key.span().start));
        note_value(text, value.get_ref(), &path, lines);
    }
}

fn note_value(text: &str, value: &DeValue<'_>, path: &str, lines: &mut BTreeMap<String, usize>) {
    if let Some(table) = value.as_table() {
        note_table(text, table, path, lines);
    }
    for (index, member) in value.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}[{index}]");
        lines.insert(path.clone(), line_of(text, member.span().start));
        note_value(text, member.get_ref(), &path, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_line() {
        let text = "a = 1\n[b]\nc = [\n  1,\n  2,\n]\n[b.d]\ne.f = 1\n[[g]]\nh = 1\n[[g]]\nh = 2\n";
        let file = TomlFile::parse("x.toml".to_owned(), text).unwrap();
        for (key, line) in [
            ("a", 1),
            ("b.c", 3),
            ("b.c[1]", 5),
            ("b.d", 7),
            ("b.d.e.f", 8),
            ("g[0].h", 10),
            ("g[1]", 11),
            ("g[1].h", 12),
        ] {
            assert_eq!(file.place_of(key), Some(format!("x.toml:{line}")), "{key}");
        }
        assert_eq!(file.place_of("b.x"), None);
        assert_eq!(file.place_near("g[1].x"), "x.toml:11");
        assert_eq!(file.place_near("x.y"), "x.toml");
    }

    #[test]
    fn all_that_is_no_toml_is_told() {
        let text = "a = \"x\nb = 1\nc = [1,, 2]\n[d\ne = 2\n";
        let Err(ConfigError::Invalid(problems)) = TomlFile::parse("x.toml".to_owned(), text) else {
            panic!("it reads")
        };
        let places: Vec<_> = problems.iter().filter_map(|problem| problem.place.as_deref()).collect();
        assert_eq!(places, ["x.toml:1", "x.toml:3", "x.toml:4"], "{problems:#?}");
    }
}
