//! Where settings come from beside the built-in layer.

use std::fmt;
use std::path::PathBuf;

use toml::Value;

/// What begins the names of environment variables that are ours.
const PREFIX: &str = "FANFARE_";
/// Variables of ours that are no settings: the command line reads them.
const NOT_SETTINGS: [&str; 4] = ["FANFARE_CONFIG", "FANFARE_SERVER", "FANFARE_APPLICATION", "FANFARE_TOKEN"];
/// Stands between section and key in the name of a variable.
const SEPARATOR: &str = "__";
/// What a variable is called in errors.
const VARIABLE: &str = "environment variable ";

/// One value from the environment or from a flag.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// What to call it in errors: the variable or the flag.
    pub origin: String,
    /// The key's path, for example `server.listen`.
    pub key: String,
    /// As text; a list's members are separated by commas.
    pub value: String,
}

/// The value may be a secret.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Override")
            .field("origin", &self.origin)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Override {
    /// The name of its variable, or its flag.
    pub(super) fn variable(&self) -> &str {
        self.origin.strip_prefix(VARIABLE).unwrap_or(&self.origin)
    }

    /// The value in the type that the key has in the layers below, if it reads as such.
    pub(super) fn typed(&self, below: Option<&Value>) -> Value {
        let text = || Value::String(self.value.clone());
        match below {
            Some(Value::Boolean(_)) => self.value.parse().map_or_else(|_| text(), Value::Boolean),
            Some(Value::Integer(_)) => self.value.parse().map_or_else(|_| text(), Value::Integer),
            Some(Value::Float(_)) => self.value.parse().map_or_else(|_| text(), Value::Float),
            Some(Value::Array(_)) => {
                let members = self.value.split(',').map(str::trim).filter(|member| !member.is_empty());
                Value::Array(members.map(|member| Value::String(member.to_owned())).collect())
            }
            Some(Value::String(_) | Value::Datetime(_) | Value::Table(_)) | None => text(),
        }
    }
}

/// The layers over the built-in one.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// From the environment; see [`Sources::with_environment`].
    pub environment: Vec<Override>,
    /// Environment variables that begin like ours and are no settings: their names.
    pub strangers: Vec<String>,
    /// From the command line.
    pub flags: Vec<Override>,
}

impl Sources {
    /// Takes from the variables of a process those that are settings: `FANFARE_SECTION__KEY`. Others that begin so may be
    /// anybody's: Kubernetes sets `FANFARE_PORT` and the like beside a Service that is called fanfare.
    #[must_use]
    pub fn with_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        (self.environment, self.strangers) = (Vec::new(), Vec::new());
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            if NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            if key.contains(SEPARATOR) {
                let key = key.to_lowercase().replace(SEPARATOR, ".");
                self.environment.push(Override { origin: format!("{VARIABLE}{name}"), key, value });
            } else {
                self.strangers.push(name);
            }
        }
        self.environment.sort_by(|one, other| one.key.cmp(&other.key));
        self
    }

    /// Adds a flag's value, if the flag was given.
    #[must_use]
    pub fn with_flag(mut self, flag: &str, key: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.flags.push(Override {
                origin: flag.to_owned(),
                key: key.to_owned(),
                value: value.to_string(),
            });
        }
        self
    }
}
