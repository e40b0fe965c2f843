//! `fanfare config`, and the arguments by which commands find their configuration.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output;
use crate::config::{self, Loaded, Sources};

/// Shows and checks the configuration
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  fanfare config default > fanfare.toml      every setting, with comments
  fanfare config check --config fanfare.toml
  FANFARE_SERVER__LISTEN=127.0.0.1:9000 fanfare config show")]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    /// Prints the built-in configuration: every setting, with comments
    Default,
    /// Prints what came out of all layers, secrets hidden
    Show(ConfigSource),
    /// Reports every problem, with file and line or the variable; exit code 64 if there is any
    Check(ConfigSource),
}

/// Where the configuration comes from, beside the environment.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ConfigSource {
    /// A TOML file with the settings that differ from the built-in ones
    #[arg(long, value_name = "FILE", env = "FANFARE_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigSource {
    /// For commands without `--config`: FANFARE_CONFIG counts all the same, as it may name the master key.
    pub(super) fn of_environment() -> Self {
        Self { config: std::env::var_os("FANFARE_CONFIG").map(PathBuf::from) }
    }

    /// The layers, without flags.
    pub(super) fn sources(&self) -> Sources {
        let file = self.config.clone().filter(|path| !path.as_os_str().is_empty());
        Sources { file, ..Sources::default() }.with_environment(std::env::vars_os().filter_map(text_pair))
    }

    fn load(&self) -> Result<Loaded, Failure> {
        Ok(config::load(&self.sources())?)
    }
}

fn text_pair((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
}

impl ConfigArgs {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Default => output::line(config::DEFAULT_TOML.trim_end())?,
            Action::Show(source) => output::line(source.load()?.to_toml().trim_end())?,
            Action::Check(source) => {
                let loaded = source.load()?;
                for warning in loaded.warnings {
                    output::note(format!("warning: {warning}"));
                }
                let tls = &loaded.config.server.tls;
                tls.check().map_err(|error| Failure::usage(format!("server.tls: {error}")))?;
                println!("the configuration is fine");
            }
        }
        Ok(())
    }
}
