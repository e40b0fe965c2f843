//! `fanfare subscriptions export`: a way out for endpoints that leads past the server. Whoever can read the data directory has
//! them anyway.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::connection::Connection;
use super::failure::Failure;
use super::{output, snapshot, vapid};
use crate::domain::application::DEFAULT_APPLICATION;
use crate::domain::{Audience, ContentEncoding, Subscription, SubscriptionState};
use crate::store::kv::KvStore;
use crate::store::{ApplicationRecord, ListFilter, Store as _};
use crate::webpush::keys::encode_base64url;

/// Subscriptions read at once: what is in memory.
const PAGE: usize = 1_000;

/// Writes all, with endpoints and keys, out of a running server, or out of a data directory whose server is stopped
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "What it writes is as secret as the data directory: whoever has it can send to these browsers. The
file is readable by its owner only, and is there as a whole or not at all.

One JSON object a line, which `fanfare subscriptions import` reads: push_subscription (endpoint, keys, expirationTime,
supportedContentEncodings, applicationServerKey), user_id, topics, labels, locale, time_zone; and for people name and
disabled_outcome. An import elsewhere gives new names, and needs the VAPID keys first: `fanfare vapid import`.

With --online the running server is asked for a backup, for which the caller needs the role admin for all applications. It is restored
below TMPDIR for as long as the command runs; if the server's store is sealed, the configuration that FANFARE_CONFIG names must have the
master key here too.

Examples:
  fanfare subscriptions export --online subscriptions.jsonl
  fanfare subscriptions export --data-dir fanfare-data subscriptions.jsonl
  fanfare subscriptions export --data-dir fanfare-data --application shop - | gpg -er ops > shop.jsonl.gpg"
)]
pub(super) struct ExportArgs {
    /// The file to write, which must not be there; - for standard output
    #[arg(value_name = "FILE")]
    file: String,
    /// The data directory; otherwise the one that the configuration names
    #[arg(long, value_name = "DIR", conflicts_with = "online")]
    data_dir: Option<PathBuf>,
    /// Out of the running server that --server names
    #[arg(long)]
    online: bool,
    /// Leave out those that are disabled
    #[arg(long)]
    active_only: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A line of the export.
#[derive(Serialize)]
struct Line<'a> {
    push_subscription: Browser<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    locale: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    time_zone: &'a str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_outcome: Option<&'static str>,
}

/// As a browser says it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Browser<'a> {
    endpoint: &'a str,
    expiration_time: Option<u64>,
    keys: Keys,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    supported_content_encodings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_server_key: Option<String>,
}

#[derive(Serialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// The last line of `--json`.
#[derive(Serialize)]
struct Figures {
    subscriptions: u64,
    /// Left out by `--active-only`.
    disabled: u64,
    /// Records that did not read.
    corrupt: u64,
    seconds: f64,
}

impl ExportArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if let Some(directory) = self.data_dir.as_ref().filter(|directory| !directory.is_dir()) {
            // It would be made.
            return Err(Failure::usage(format!("--data-dir: {} is no directory", directory.display())));
        }
        if self.file != "-" && Path::new(&self.file).exists() {
            return Err(Failure::usage(format!("{} is there already", self.file)));
        }
        let figures = if self.online {
            let snapshot = snapshot::take(&self.connection).await?;
            let exported = self.export(&snapshot.store).await;
            snapshot.store.close().await;
            exported?
        } else {
            let store = vapid::open(self.data_dir.clone()).await?;
            let exported = self.export(&store).await;
            store.close().await;
            exported?
        };
        if self.file != "-" {
            output::line(if self.connection.json {
                serde_json::to_string(&figures).map_err(anyhow::Error::from)?
            } else {
                format!("{} subscriptions in {:.1} s", figures.subscriptions, figures.seconds)
            })?;
        }
        if figures.corrupt > 0 {
            let corrupt = figures.corrupt;
            return Err(Failure::failed(format!("{corrupt} records do not read and are not in it")));
        }
        Ok(())
    }

    async fn export(&self, store: &KvStore) -> anyhow::Result<Figures> {
        let applications = store.applications().await?;
        let name = match self.connection.application.as_str() {
            "" => DEFAULT_APPLICATION,
            name => name,
        };
        let application = applications.into_iter().find(|application| application.name == name);
        let application = application.ok_or_else(|| anyhow!("there is no application {name}"))?;
        if self.file == "-" {
            let mut out = BufWriter::new(std::io::stdout());
            return self.write(store, &application, &mut out).await;
        }
        let directory = Path::new(&self.file).parent().filter(|parent| !parent.as_os_str().is_empty());
        // It is made for its owner only.
        let file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))
            .with_context(|| format!("cannot write {}", self.file))?;
        let mut out = BufWriter::new(file);
        let figures = self.write(store, &application, &mut out).await?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all().with_context(|| format!("cannot write {}", self.file))?;
        file.persist_noclobber(&self.file).with_context(|| format!("cannot write {}", self.file))?;
        Ok(figures)
    }

    async fn write(
        &self,
        store: &KvStore,
        application: &ApplicationRecord,
        out: &mut impl Write,
    ) -> anyhow::Result<Figures> {
        let started = Instant::now();
        let bar = super::view::progress_bar("subscriptions");
        bar.set_length(u64::from(store.estimate(application.id, &Audience::All).await?));
        let mut figures = Figures { subscriptions: 0, disabled: 0, corrupt: 0, seconds: 0.0 };
        let mut after = None;
        loop {
            let page = store.list_subscriptions(application.id, &ListFilter::All, after, PAGE).await?;
            for subscription in &page {
                let disabled = subscription.target.state != SubscriptionState::Active;
                if disabled && self.active_only {
                    figures.disabled += 1;
                    continue;
                }
                figures.subscriptions += 1;
                serde_json::to_writer(&mut *out, &line(application, subscription))?;
                out.write_all(b"\n").context("cannot write on")?;
            }
            bar.inc(page.len() as u64);
            let Some(last) = page.last() else { break };
            after = Some(last.target.id);
        }
        out.flush().context("cannot write on")?;
        bar.finish_and_clear();
        figures.corrupt = store.corrupt_records();
        figures.seconds = started.elapsed().as_secs_f64();
        Ok(figures)
    }
}

fn line<'a>(application: &ApplicationRecord, subscription: &'a Subscription) -> Line<'a> {
    let Subscription { target, topics, labels, locale, time_zone, .. } = subscription;
    let key = application.vapid_keys.iter().find(|key| key.id == target.vapid_key);
    let supported = match target.encoding {
        // What a subscription without a word of it gets.
        ContentEncoding::Aes128Gcm => Vec::new(),
        ContentEncoding::AesGcm => vec![ContentEncoding::AesGcm.as_str()],
    };
    Line {
        push_subscription: Browser {
            endpoint: target.endpoint.expose(),
            expiration_time: target.expires.map(crate::domain::Timestamp::as_millis),
            keys: Keys {
                p256dh: encode_base64url(&target.keys.p256dh),
                auth: encode_base64url(&target.keys.auth),
            },
            supported_content_encodings: supported,
            application_server_key: key.map(|key| encode_base64url(&key.public)),
        },
        user_id: &target.user_id,
        topics: topics.keys().map(String::as_str).collect(),
        labels,
        locale,
        time_zone,
        name: target.id.name(),
        disabled_outcome: match target.state {
            SubscriptionState::Active => None,
            SubscriptionState::Disabled(outcome) | SubscriptionState::SetAside(outcome) => {
                Some(outcome.as_str())
            }
        },
    }
}
