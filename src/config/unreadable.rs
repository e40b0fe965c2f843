//! What is told of a value that does not read.

use super::{path, show};

/// Below it, a name is not taken for a misspelling of another one.
const LIKENESS_MIN: f64 = 0.75;

/// The first thing that does not read.
#[derive(Debug)]
pub(super) struct Fault {
    /// The key's path.
    pub(super) key: String,
    /// Why not.
    pub(super) description: String,
}

/// Of what the library says, and where.
pub(super) fn fault(at: &str, said: &str) -> Fault {
    let at = at.trim_matches('.');
    let is_secret = |key: &str| show::SECRET_KEYS.iter().any(|secret| key.ends_with(secret));
    if let Some(names) = said.strip_prefix("unknown field ") {
        let mut names = names.split('`').skip(1).step_by(2);
        let unknown = names.next().unwrap_or_default();
        let mut known: Vec<_> = names.collect();
        known.sort_unstable();
        let key = if path::last(at) == unknown { at.to_owned() } else { path::below(at, unknown) };
        return Fault { key, description: no_such(unknown, &known) };
    }
    if let Some(missing) = said.strip_prefix("missing field ") {
        let description = format!("{} must be set", missing.trim_matches('`'));
        return Fault { key: at.to_owned(), description };
    }
    // The library repeats the value.
    let description =
        if is_secret(at) { "must be text (what it is now is not shown)" } else { said.trim_end() };
    Fault { key: at.to_owned(), description: description.to_owned() }
}

fn no_such(unknown: &str, known: &[&str]) -> String {
    let alike = |name: &&str| strsim::jaro_winkler(unknown, name);
    let nearest = known.iter().copied().max_by(|one, other| alike(one).total_cmp(&alike(other)));
    let meant = nearest.filter(|name| alike(name) >= LIKENESS_MIN);
    let meant = meant.map_or_else(|| ".".to_owned(), |name| format!(": is {name} meant?"));
    format!("there is no such setting{meant} Known here are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tell_what_would_be_right() {
        for (at, said, key, description) in [
            (
                "server",
                "unknown field `lisen`, expected one of `listen`, `insecure`",
                "server.lisen",
                "there is no such setting: is listen meant? Known here are insecure, listen",
            ),
            (
                ".",
                "unknown field `x`, expected `log` or `store`",
                "x",
                "there is no such setting. Known here are log, store",
            ),
            ("applications[1]", "missing field `name`", "applications[1]", "name must be set"),
            (
                "gcm.api_key",
                "invalid type: integer `12345`, expected a string",
                "gcm.api_key",
                "must be text (what it is now is not shown)",
            ),
        ] {
            let fault = fault(at, said);
            assert_eq!((&*fault.key, &*fault.description), (key, description));
        }
    }
}
