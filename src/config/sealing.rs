//! `[store.sealing]`, and getting the master keys from where it says.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use crate::store::kv::sealing::{MasterKey, Sealing};

/// How long `master_key_command` may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// What a file or a command may say, in octets: far more than the keys that are taken.
const TEXT_OCTETS_MAX: u64 = 64 * 1024;

/// `[store.sealing]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealingConfig {
    /// The master key, and former ones behind it.
    pub master_key: Option<SecretString>,
    /// A file with them.
    pub master_key_file: Option<PathBuf>,
    /// A program that prints them, with its arguments.
    pub master_key_command: Vec<String>,
    /// Subscriptions are sealed too.
    pub subscriptions: bool,
    /// What messages say is sealed too, until they have ended.
    pub payloads: bool,
}

/// Why there is no master key although one is configured. Repeats nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyFailure {
    /// What was found there is no key.
    #[error("store.sealing.{setting}: {error}")]
    Key {
        /// Where it came from.
        setting: &'static str,
        /// Why not.
        error: crate::store::kv::sealing::MasterKeyError,
    },
    /// A file cannot be read, or a program not be run.
    #[error("store.sealing.{setting}: {problem}")]
    Unreadable {
        /// Where it was to come from.
        setting: &'static str,
        /// Why it does not.
        problem: String,
    },
}

/// Whether a file that holds a secret can be read by others than its owner; its mode then.
#[must_use]
pub fn mode_open_to_others(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

impl SealingConfig {
    /// Where the keys come from, as the settings are called.
    pub(super) fn sources(&self) -> Vec<&'static str> {
        let is_set = [
            ("master_key", self.master_key.as_ref().is_some_and(|key| !key.expose_secret().is_empty())),
            ("master_key_file", self.master_key_file.is_some()),
            ("master_key_command", !self.master_key_command.is_empty()),
        ];
        is_set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
    }

    /// Whether anything is to be sealed.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.sources().is_empty()
    }

    /// Gets the keys. Runs a program, if that is set.
    ///
    /// # Errors
    /// [`MasterKeyFailure`].
    pub async fn sealing(&self) -> Result<Sealing, MasterKeyFailure> {
        let (setting, text) = match (&self.master_key, &self.master_key_file, &self.master_key_command[..]) {
            (Some(key), _, _) if !key.expose_secret().is_empty() => {
                ("master_key", Ok(Zeroizing::new(key.expose_secret().to_owned())))
            }
            (_, Some(path), _) => ("master_key_file", read_file(path).await),
            (_, _, [program, arguments @ ..]) => ("master_key_command", run(program, arguments).await),
            (_, None, []) => return Ok(Sealing::default()),
        };
        let text = text.map_err(|problem| MasterKeyFailure::Unreadable { setting, problem })?;
        let keys = MasterKey::parse_all(&text).map_err(|error| MasterKeyFailure::Key { setting, error })?;
        Ok(Sealing::new(keys, self.subscriptions, self.payloads))
    }
}

async fn read_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(told)?;
    read(file).await.map_err(told)
}

async fn read(from: impl tokio::io::AsyncRead + Unpin) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    from.take(TEXT_OCTETS_MAX).read_to_string(&mut text).await?;
    Ok(text)
}

async fn run(program: &str, arguments: &[String]) -> Result<Zeroizing<String>, String> {
    let told = |error: std::io::Error| format!("{program}: {error}");
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(told)?;
    let said = child.stdout.take();
    let ended = async {
        let text = match said {
            Some(said) => read(said).await?,
            None => Zeroizing::default(),
        };
        Ok((text, child.wait().await?))
    };
    let Ok(ended) = tokio::time::timeout(COMMAND_TIMEOUT, ended).await else {
        return Err(format!("{program}: did not end within {} s", COMMAND_TIMEOUT.as_secs()));
    };
    let (text, status) = ended.map_err(told)?;
    if status.success() { Ok(text) } else { Err(format!("{program}: ended with {status}")) }
}
