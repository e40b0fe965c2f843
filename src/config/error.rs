//! Why a configuration was refused.

use std::fmt;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A layer does not read: no such file, no TOML, an unknown key, or a value of the wrong type.
    #[error("{origin}: {problem}")]
    Unreadable {
        /// The file, environment variable or flag it came from.
        origin: String,
        /// What is wrong, with the key's path.
        problem: String,
    },
    /// It reads, but what it says cannot be.
    #[error("the configuration has {} problem(s):{}", .0.len(), list(.0))]
    Invalid(Vec<Problem>),
}

/// One thing that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key's path.
    pub key: String,
    /// What is wrong with it and what would be right; never a secret.
    pub description: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.description)
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |text, problem| text + "\n  " + &problem.to_string())
}
