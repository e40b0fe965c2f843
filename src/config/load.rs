//! The layers of the configuration, one over the other. Each is read as soon as it is laid, so that what does not read is the
//! fault of the layer that was laid last. It is told, taken out of the layer, and the rest read again: all that is wrong is
//! told at once.

use serde::Deserialize as _;
use toml::Value;

use super::file::TomlFile;
use super::path::{self, Removed};
use super::sources::{Override, Sources};
use super::{Config, ConfigError, DEFAULT_TOML, Problem, show, unreadable, validate};

/// Problems that are looked for at most.
const PROBLEMS_MAX: usize = 100;

/// A configuration, read and found to be possible.
#[derive(Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// What had better be looked at, without secrets.
    pub warnings: Vec<String>,
    merged: Value,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

    /// The keys that another configuration says otherwise, in their order.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        path::differences(&self.merged, &other.merged, "", &mut keys);
        keys
    }

    /// Takes the value of a key from another configuration, so that [`Loaded::differences`] has it no more. What the
    /// configuration says stays as it was loaded.
    pub fn take_up(&mut self, other: &Self, key: &str) {
        match path::get(&other.merged, key) {
            Some(value) => path::lay(&mut self.merged, path::alone(key, value.clone())),
            None => {
                Removed::default().remove(&mut self.merged, key);
            }
        }
    }
}

/// Lays the layers over each other and checks what comes out.
///
/// # Errors
/// [`ConfigError`], with all that is wrong.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::new()?;
    let file = sources.file.as_deref().map(TomlFile::read).transpose()?;
    if let Some(file) = &file {
        layers.lay(file.says.clone(), |key| file.place_near(key));
    }
    let mut strangers = sources.strangers.clone();
    for setting in &sources.environment {
        let section = setting.key.split('.').next().unwrap_or_default();
        if layers.defaults.get(section).is_some() {
            layers.lay_one(setting);
        } else {
            strangers.push(setting.variable().to_owned());
        }
    }
    for setting in &sources.flags {
        layers.lay_one(setting);
    }
    let set = sources.environment.iter().chain(&sources.flags);
    let place_of = |key: &str| {
        let last = set.clone().rev().find(|setting| setting.key == key);
        last.map(|last| last.origin.clone()).or_else(|| file.as_ref().and_then(|file| file.place_of(key)))
    };
    let warnings = (!strangers.is_empty()).then(|| warning(strangers)).into_iter().collect();
    layers.check(place_of, warnings)
}

fn warning(mut strangers: Vec<String>) -> String {
    strangers.sort();
    format!(
        "environment variables are passed over, although they begin with FANFARE_: {}. A setting is given by FANFARE_SECTION__KEY, with two underscores",
        strangers.join(", ")
    )
}

struct Layers {
    defaults: Value,
    merged: Value,
    config: Config,
    problems: Vec<Problem>,
    removed: Removed,
}

impl Layers {
    fn new() -> Result<Self, ConfigError> {
        let built_in =
            |problem: String| ConfigError::Unreadable { origin: "default.toml".to_owned(), problem };
        let defaults = DEFAULT_TOML.parse().map(Value::Table).map_err(|error| built_in(error.to_string()))?;
        let config = read(&defaults).map_err(|fault| built_in(fault.description))?;
        let merged = defaults.clone();
        Ok(Self { defaults, merged, config, problems: Vec::new(), removed: Removed::default() })
    }

    /// Lays a layer over the others, without what of it does not read.
    fn lay(&mut self, mut layer: Value, place: impl Fn(&str) -> String) {
        while self.problems.len() < PROBLEMS_MAX {
            let mut merged = self.merged.clone();
            path::lay(&mut merged, layer.clone());
            let fault = match read(&merged) {
                Ok(config) => {
                    (self.merged, self.config) = (merged, config);
                    return;
                }
                Err(fault) => fault,
            };
            let key = self.removed.original(&fault.key);
            let description = self.completed(&fault);
            self.problems.push(Problem { place: Some(place(&key)), key, description });
            if !self.removed.remove(&mut layer, &fault.key) {
                return;
            }
        }
    }

    fn lay_one(&mut self, setting: &Override) {
        let value = setting.typed(path::get(&self.merged, &setting.key));
        self.lay(path::alone(&setting.key, value), |_| setting.origin.clone());
    }

    /// What is wrong, and what would be right.
    fn completed(&self, fault: &unreadable::Fault) -> String {
        match path::get(&self.defaults, &fault.key) {
            Some(Value::Table(_) | Value::Array(_)) | None => fault.description.clone(),
            Some(default) => format!("{}; the default is {default}", fault.description),
        }
    }

    /// What came out, if nothing is wrong.
    fn check(
        mut self,
        place_of: impl Fn(&str) -> Option<String>,
        warnings: Vec<String>,
    ) -> Result<Loaded, ConfigError> {
        let config = self.config.with_default_application();
        // Beside what did not read, others may look wrong.
        let unread: Vec<_> = self.problems.iter().map(|of| path::above(&of.key).to_owned()).collect();
        for (key, description) in validate::problems(&config) {
            let key = self.removed.original(&key);
            if !unread.iter().any(|of| of == path::above(&key)) {
                self.problems.push(Problem { place: place_of(&key), key, description });
            }
        }
        if self.problems.is_empty() {
            return Ok(Loaded { config, warnings, merged: self.merged });
        }
        Err(ConfigError::Invalid(self.problems))
    }
}

fn read(merged: &Value) -> Result<Config, unreadable::Fault> {
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_path_to_error::Deserializer::new(merged.clone(), &mut track);
    Config::deserialize(reader).map_err(|error| unreadable::fault(&track.path().to_string(), error.message()))
}
