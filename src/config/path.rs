//! Paths of keys, as errors spell them: `server.http.cors_origins[0]`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use toml::Value;

/// A part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The parts of a path. No key of a configuration has a dot or a bracket.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let mut parts = part.split('[');
        steps.extend(parts.next().filter(|key| !key.is_empty()).map(Step::Key));
        let indexes = parts.filter_map(|index| index.strip_suffix(']')?.parse().ok());
        steps.extend(indexes.map(Step::Index));
    }
    steps
}

/// The path of what stands under a key of the table at `above`.
pub(super) fn below(above: &str, key: &str) -> String {
    if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") }
}

/// The path of the table that a key stands in.
pub(super) fn above(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |at| &path[..at])
}

/// The last key of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

/// What stands at a path.
pub(super) fn get<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path).into_iter().try_fold(root, |at, step| match step {
        Step::Key(key) => at.get(key),
        Step::Index(index) => at.get(index),
    })
}

fn get_mut<'a>(root: &'a mut Value, steps: &[Step<'_>]) -> Option<&'a mut Value> {
    steps.iter().try_fold(root, |at, step| match step {
        Step::Key(key) => at.get_mut(*key),
        Step::Index(index) => at.get_mut(*index),
    })
}

/// A value alone at the path of its key.
pub(super) fn alone(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, key| {
        let mut table = toml::Table::new();
        table.insert(key.to_owned(), value);
        Value::Table(table)
    })
}

/// Lays a value over another: tables key by key, all else as a whole.
pub(super) fn lay(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Table(below), Value::Table(above)) => {
            for (key, value) in above {
                match below.get_mut(&key) {
                    Some(there) => lay(there, value),
                    None => {
                        below.insert(key, value);
                    }
                }
            }
        }
        (below, above) => *below = above,
    }
}

/// The paths at which two tables differ: down to values that are no tables.
pub(super) fn differences(one: &Value, other: &Value, at: &str, paths: &mut Vec<String>) {
    if let (Value::Table(one), Value::Table(other)) = (one, other) {
        let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let path = below(at, key);
            match (one.get(key), other.get(key)) {
                (Some(one), Some(other)) => differences(one, other, &path, paths),
                (_, _) => paths.push(path),
            }
        }
    } else if one != other {
        paths.push(at.to_owned());
    }
}

/// What was taken out of lists: what follows has moved up since.
#[derive(Debug, Default)]
pub(super) struct Removed(BTreeMap<String, BTreeSet<usize>>);

impl Removed {
    /// Takes out what stands at a path, or else the last part of the path that is there. Answers whether there was any.
    pub(super) fn remove(&mut self, root: &mut Value, path: &str) -> bool {
        let steps = steps(path);
        (1..=steps.len()).rev().any(|depth| self.remove_one(root, &steps[..depth]))
    }

    fn remove_one(&mut self, root: &mut Value, steps: &[Step<'_>]) -> bool {
        let Some((last, above)) = steps.split_last() else { return false };
        let Some(holder) = get_mut(root, above) else { return false };
        match *last {
            Step::Key(key) => holder.as_table_mut().is_some_and(|table| table.remove(key).is_some()),
            Step::Index(index) => {
                let Some(list) = holder.as_array_mut().filter(|list| index < list.len()) else {
                    return false;
                };
                list.remove(index);
                let list = self.original_of(above);
                let index = self.original_index(&list, index);
                self.0.entry(list).or_default().insert(index);
                true
            }
        }
    }

    /// Where what stands at a path now stood at first.
    pub(super) fn original(&self, path: &str) -> String {
        self.original_of(&steps(path))
    }

    fn original_of(&self, steps: &[Step<'_>]) -> String {
        steps.iter().fold(String::new(), |mut path, step| match step {
            Step::Key(key) => below(&path, key),
            Step::Index(index) => {
                let index = self.original_index(&path, *index);
                // Writing to a string never fails.
                let _ = write!(path, "[{index}]");
                path
            }
        })
    }

    fn original_index(&self, list: &str, index: usize) -> usize {
        let gone = self.0.get(list).into_iter().flatten();
        gone.fold(index, |index, gone| if *gone <= index { index + 1 } else { index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(toml: &str) -> Value {
        Value::Table(toml.parse().unwrap())
    }

    #[test]
    fn what_is_laid_over_replaces_what_it_names() {
        let mut all = value("[a]\nx = 1\ny = [1, 2]\n[a.b]\nz = 1");
        lay(&mut all, value("[a]\ny = [3]\n[a.b]\nw = 2\n[c]\nv = 1"));
        lay(&mut all, alone("a.b.z", Value::Integer(7)));
        assert_eq!(all, value("[a]\nx = 1\ny = [3]\n[a.b]\nz = 7\nw = 2\n[c]\nv = 1"));
        assert_eq!(get(&all, "a.b.z"), Some(&Value::Integer(7)));
        assert_eq!((get(&all, "a.y[0]"), get(&all, "a.y[1]")), (Some(&Value::Integer(3)), None));
        assert_eq!((above("a.b.z"), above("a.y[0]"), above("a")), ("a.b", "a.y", ""));
    }

    #[test]
    fn differences_are_told_by_key() {
        let one = value("[a]\nx = 1\ny = [1, 2]\n[a.b]\nz = 1\n[c]\nv = 1");
        let other = value("[a]\nx = 1\ny = [1, 3]\n[a.b]\nz = 1\nw = 2\n[c]\nv = 2");
        let mut paths = Vec::new();
        differences(&one, &other, "", &mut paths);
        assert_eq!(paths, ["a.b.w", "a.y", "c.v"]);
    }

    #[test]
    fn what_was_taken_out_of_a_list_is_counted_with() {
        let mut all = value("[[a]]\nb = [1, 2, 3]\n[[a]]\nb = [4, 5]\n[[a]]\nb = [6]");
        let mut removed = Removed::default();
        assert!(removed.remove(&mut all, "a[0].b[0]") && removed.remove(&mut all, "a[0].b[1]"));
        assert_eq!(removed.original("a[0].b[0]"), "a[0].b[1]");
        assert!(removed.remove(&mut all, "a[0].missing"), "all of it");
        assert_eq!(all, value("[[a]]\nb = [4, 5]\n[[a]]\nb = [6]"));
        assert_eq!(removed.original("a[0].b[1]"), "a[1].b[1]");
        assert!(removed.remove(&mut all, "a[1]"));
        assert_eq!(removed.original("a[0].b[0]"), "a[1].b[0]");
        assert!(!removed.remove(&mut all, "c"));
    }
}
