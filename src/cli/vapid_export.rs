//! `fanfare vapid export`: a key pair out of a data directory, for another server.

use std::io::{IsTerminal as _, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::{output, vapid};
use crate::domain::VapidKey;
use crate::domain::application::DEFAULT_APPLICATION;
use crate::store::{ApplicationRecord, Store as _};
use crate::webpush::keys::{VapidKeyPair, encode_base64url};

/// Writes a key pair out of a data directory whose server is stopped
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Whoever has the file can send to every browser that subscribed with this key. It is readable by its
owner only, and never replaces another one. `fanfare vapid import` reads it, and so do other libraries.

Examples:
  fanfare vapid export --data-dir fanfare-data vapid.pem
  fanfare vapid export --data-dir fanfare-data --jwk --key vapidKeys/1 former.jwk
  fanfare vapid export --data-dir fanfare-data - | gpg -er ops > vapid.pem.gpg"
)]
pub(super) struct ExportArgs {
    /// The file to write, which must not be there; - for standard output, which must not be a terminal
    #[arg(value_name = "FILE")]
    file: String,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Whose
    #[arg(long, value_name = "NAME", default_value = DEFAULT_APPLICATION)]
    application: String,
    /// Which: vapidKeys/… or the public key, as `vapid-keys list` and `vapid show` print them; otherwise the current one
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// As a JSON Web Key instead of PKCS #8 PEM
    #[arg(long)]
    jwk: bool,
}

impl ExportArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if !self.data_dir.is_dir() {
            // It would be made.
            return Err(Failure::usage(format!("--data-dir: {} is no directory", self.data_dir.display())));
        }
        let to_stdout = self.file == "-";
        if to_stdout && stdout().is_terminal() {
            return Err(Failure::usage(
                "a private key does not belong on a screen: name a file, or pipe it on",
            ));
        }
        if !to_stdout && Path::new(&self.file).exists() {
            return Err(Failure::usage(format!("{} is there already", self.file)));
        }
        let store = vapid::open(Some(self.data_dir.clone())).await?;
        let applications = store.applications().await;
        store.close().await;
        let applications = applications.map_err(anyhow::Error::from)?;
        let mut live = applications.iter().filter(|application| !application.deleted);
        let application = live
            .find(|application| application.name == self.application)
            .ok_or_else(|| Failure::usage(format!("there is no application {}", self.application)))?;
        let key = self.chosen(application)?;
        let pair = pair(key)?;
        let text = if self.jwk { jwk(&pair) } else { pair.to_pem().map_err(anyhow::Error::from)? };
        let cannot = || format!("cannot write {}", self.file);
        if to_stdout {
            return Ok(stdout().write_all(text.as_bytes()).with_context(cannot)?);
        }
        write_private(Path::new(&self.file), text.as_bytes()).with_context(cannot)?;
        self.tell(application, key)
    }

    fn chosen<'a>(&self, application: &'a ApplicationRecord) -> Result<&'a VapidKey, Failure> {
        let is_chosen = |key: &&VapidKey| match &self.key {
            Some(wanted) => *wanted == name(key) || *wanted == encode_base64url(&key.public),
            None => application.current_vapid_key == Some(key.id),
        };
        let what = self.key.as_deref().unwrap_or("current one");
        application.vapid_keys.iter().find(is_chosen).ok_or_else(|| {
            Failure::usage(format!("{} has no key {what}: `fanfare vapid show` lists them", self.application))
        })
    }

    fn tell(&self, application: &ApplicationRecord, key: &VapidKey) -> Result<(), Failure> {
        let (file, of, public) = (&self.file, name(key), encode_base64url(&key.public));
        output::line(format!(
            "{file}: the private key {of} of {}, readable by you only; its public key is {public}",
            self.application
        ))?;
        let others: Vec<_> = application
            .vapid_keys
            .iter()
            .filter(|other| other.id != key.id && other.private.is_some())
            .map(name)
            .collect();
        if !others.is_empty() {
            output::note(format!(
                "subscriptions that were made with {} need those keys too: export each with --key",
                others.join(", ")
            ));
        }
        Ok(())
    }
}

fn name(key: &VapidKey) -> String {
    format!("vapidKeys/{}", key.id.0)
}

fn pair(key: &VapidKey) -> Result<VapidKeyPair, Failure> {
    let private = key.private.as_ref().ok_or_else(|| {
        Failure::failed(format!("{} was retired: its private half is destroyed", name(key)))
    })?;
    Ok(VapidKeyPair::from_private(private).map_err(anyhow::Error::from)?)
}

/// As RFC 7517 and RFC 7518 section 6.2 have it.
fn jwk(pair: &VapidKeyPair) -> Zeroizing<String> {
    let (x, y) = pair.public()[1..].split_at(32);
    let (x, y) = (encode_base64url(x), encode_base64url(y));
    let d = pair.private_base64url();
    Zeroizing::new(format!("{}\n", json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d.as_str()})))
}

/// A file for its owner only, which was not there before, and is there as a whole or not at all.
fn write_private(path: &Path, octets: &[u8]) -> anyhow::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // It is made so.
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(octets)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}
