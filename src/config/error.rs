//! Why a configuration was refused.

use std::fmt;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file, or it cannot be read.
    #[error("{origin}: {problem}")]
    Unreadable {
        /// The file.
        origin: String,
        /// What is wrong.
        problem: String,
    },
    /// What it says does not read, or cannot be. All of it.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said: file and line, environment variable or flag. `None`: nowhere, it follows from what was left out.
    pub place: Option<String>,
    /// The key's path. Empty for what is no TOML.
    pub key: String,
    /// What is wrong with it and what would be right; never a secret.
    pub description: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.place.as_deref().into_iter().chain(Some(&*self.key).filter(|key| !key.is_empty())) {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.description)
    }
}

fn list(problems: &[Problem]) -> String {
    let told = match problems.len() {
        1 => "the configuration has a problem:".to_owned(),
        count => format!("the configuration has {count} problems:"),
    };
    problems.iter().fold(told, |text, problem| text + "\n  " + &problem.to_string())
}
