//! The layers of the configuration, one over the other. Each is read as soon as it is laid, so that an error is the
//! fault of the layer that was laid last.

use std::fmt;
use std::path::PathBuf;

use config::builder::{ConfigBuilder, DefaultState};
use config::{File, FileFormat, Value, ValueKind};

use super::{Config, ConfigError, DEFAULT_TOML, show, validate};

/// What begins the names of environment variables that are ours.
const PREFIX: &str = "FANFARE_";
/// Variables of ours that are no settings: the command line reads them.
const NOT_SETTINGS: [&str; 4] = ["FANFARE_CONFIG", "FANFARE_SERVER", "FANFARE_APPLICATION", "FANFARE_TOKEN"];

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

/// The layers over the built-in one.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// From the environment; see [`Sources::environment`].
    pub environment: Vec<Override>,
    /// From the command line.
    pub flags: Vec<Override>,
}

impl Sources {
    /// Takes from the variables of a process those that are settings: `FANFARE_SECTION__KEY`.
    #[must_use]
    pub fn with_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = variables
            .into_iter()
            .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()))
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
                Some(Override { origin: format!("environment variable {name}"), key, value })
            })
            .collect();
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

/// A configuration, read and found to be possible.
#[derive(Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    merged: config::Config,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Loaded {
    /// All keys that are set, as TOML, secrets hidden.
    #[must_use]
    pub fn to_toml(&self) -> String {
        show::redacted_toml(&self.merged)
    }

    /// The settings that differ from those built in, each as `key=value`, secrets hidden.
    #[must_use]
    pub fn differing(&self) -> Vec<String> {
        show::differing(&self.merged)
    }
}

/// Lays the layers over each other and checks what comes out.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let built_in = config::Config::builder().add_source(File::from_str(DEFAULT_TOML, FileFormat::Toml));
    let mut layers = Layers::new(built_in)?;
    if let Some(path) = &sources.file {
        let file = File::from(path.as_path()).format(FileFormat::Toml);
        layers.lay(path.display().to_string(), |builder| Ok(builder.add_source(file)))?;
    }
    for setting in sources.environment.iter().chain(&sources.flags) {
        let value = setting.typed(&layers.merged);
        layers.lay(setting.origin.clone(), |builder| builder.set_override(setting.key.as_str(), value))?;
    }
    let config = layers.config.with_default_application();
    validate::validate(&config)?;
    Ok(Loaded { config, merged: layers.merged })
}

impl Override {
    /// The value in the type that the key has in the layers below, if it reads as such.
    fn typed(&self, below: &config::Config) -> Value {
        let text = || ValueKind::String(self.value.clone());
        let kind = match below.get::<Value>(&self.key).map(|value| value.kind) {
            Ok(ValueKind::Boolean(_)) => self.value.parse().map_or_else(|_| text(), ValueKind::Boolean),
            Ok(ValueKind::I64(_)) => self.value.parse().map_or_else(|_| text(), ValueKind::I64),
            Ok(ValueKind::Array(_)) => {
                let members = self.value.split(',').map(str::trim).filter(|member| !member.is_empty());
                ValueKind::Array(members.map(|member| Value::new(None, member)).collect())
            }
            Ok(_) | Err(_) => text(),
        };
        Value::new(Some(&self.origin), kind)
    }
}

struct Layers {
    merged: config::Config,
    config: Config,
}

type Builder = ConfigBuilder<DefaultState>;

impl Layers {
    fn new(built_in: Builder) -> Result<Self, ConfigError> {
        let (merged, config) = read(built_in).map_err(|error| unreadable("default.toml", &error))?;
        Ok(Self { merged, config })
    }

    fn lay(
        &mut self,
        origin: String,
        add: impl FnOnce(Builder) -> Result<Builder, config::ConfigError>,
    ) -> Result<(), ConfigError> {
        let below = config::Config::builder().add_source(self.merged.clone());
        let read = add(below).and_then(read);
        (self.merged, self.config) = read.map_err(|error| unreadable(&origin, &error))?;
        Ok(())
    }
}

fn read(builder: Builder) -> Result<(config::Config, Config), config::ConfigError> {
    let merged = builder.build()?;
    let config = merged.clone().try_deserialize()?;
    Ok((merged, config))
}

fn unreadable(origin: &str, error: &config::ConfigError) -> ConfigError {
    ConfigError::Unreadable { origin: origin.to_owned(), problem: problem(error) }
}

/// What the library says, without its own word on the origin, which it knows only sometimes.
fn problem(error: &config::ConfigError) -> String {
    use config::ConfigError as Library;
    if let Library::FileParse { cause, .. } = error {
        return without_secrets(&cause.to_string());
    }
    let (what, key) = if let Library::At { error, key, .. } = error {
        (problem(error), key)
    } else if let Library::Type { unexpected, expected, key, .. } = error {
        (format!("invalid type: {unexpected}, expected {expected}"), key)
    } else {
        return error.to_string();
    };
    key.as_ref().map_or(what.clone(), |key| format!("{key}: {what}"))
}

/// The library quotes the line that does not read: not if a secret stands in it.
fn without_secrets(problem: &str) -> String {
    let has_secret = |line: &&str| show::SECRET_KEYS.iter().any(|key| line.contains(key));
    let lines: Vec<_> = problem.trim_end().lines().filter(|line| !has_secret(line)).collect();
    lines.join("\n")
}
