//! `fanfare subscriptions import`.

mod attributes;
mod call;
mod checkpoint;
mod django;
mod entry;
mod fields;
mod format;
mod key_text;
mod keys;
mod lines;
mod members;
mod objects;
mod octets;
mod refusal;
mod report;
mod required;
mod scan;
mod shape;
mod source;
mod table;
mod zones;

use std::path::PathBuf;

use clap::Args;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

pub(in crate::cli) use self::key_text::hex_octets;

use self::call::Import;
use self::checkpoint::{Checkpoint, Place};
pub(in crate::cli) use self::entry::Terms;
use self::entry::{Reader, Unread};
use self::format::Format;
use self::keys::Keys;
use self::report::{Report, hex};
use self::source::{Entries, Entry};
use super::connection::Connection;
use super::failure::Failure;
use super::message::key_value;
use super::output;
use crate::domain::{Clock as _, SystemClock};
use crate::proto::v1::SubscribeRequest;

/// Entries that are read ahead.
const READ_AHEAD: usize = 500;

/// Stores very many, out of a file: JSON lines, JSON, CSV, dumps of other libraries, what `export` wrote
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "An entry is what JSON.stringify(subscription) gave in a browser, alone or as the member
`subscription` beside others; as CSV, columns endpoint, p256dh and auth. Beside it are taken: user_id, topics, labels
(label.KEY in CSV), locale, time_zone, content_encoding, expiration_time, application_server_key. Names are compared without
case, _ and -. Exports of other senders are read as they come, also packed with gzip: docs/import.md has each with an example.
A blemish of a field that can be left out costs that field, and is told.

Each entry is durable when it is counted. An import that was interrupted leaves FILE.fanfare-import; the same command goes on
there. An entry sent twice does no harm. Rejected entries (--rejected) do not end an import, but its exit code is 1.

Subscriptions work with the VAPID key that they were made with only: `fanfare vapid import` it first.

Examples:
  fanfare subscriptions import --dry-run subscriptions.jsonl
  fanfare subscriptions import --rejected rejected.jsonl subscriptions.jsonl
  fanfare subscriptions import --topic news --application shop push_subscriptions.csv
  python manage.py dumpdata webpush | fanfare subscriptions import -"
)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    connection: Connection,
    /// A file; - for standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The user of entries that name none
    #[arg(long, value_name = "ID", default_value = "")]
    user: String,
    /// A topic for every entry, beside its own; may be repeated
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// A label for every entry, beside its own; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
    labels: Vec<(String, String)>,
    /// The locale of entries that name none: BCP 47, for example pt-BR
    #[arg(long, default_value = "")]
    locale: String,
    /// The time zone of entries that name none: IANA name, for example Asia/Shanghai
    #[arg(long, default_value = "")]
    time_zone: String,
    /// The VAPID public key that entries were made with which name none; otherwise the application's current one
    #[arg(long, value_name = "KEY", default_value = "")]
    application_server_key: String,
    /// Users of laravel-notification-channels/webpush become TYPE:ID instead of ID
    #[arg(long)]
    qualify_users: bool,
    /// Have the server check every entry, and store nothing
    #[arg(long)]
    dry_run: bool,
    /// A file for the rejected entries, one JSON object a line: line, entry, code, reason, message, violations. Nothing of
    /// their content
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Where it is noted how far the import got; otherwise FILE.fanfare-import, and nowhere for standard input
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Begin anew, whatever an interrupted import left
    #[arg(long)]
    restart: bool,
}

impl ImportArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let reader = Reader::new(self.terms(), SystemClock.now());
        // Reading the beginning may wait for standard input, and a whole dump of Django's.
        let (file, format) = (self.file.clone(), self.format);
        let opened = tokio::task::spawn_blocking(move || Entries::open(&file, format, reader)).await;
        let entries = opened.map_err(anyhow::Error::from)?.map_err(Failure::Usage)?;
        let format = entries.format();
        let client = self.connection.open().await?;

        let place = if self.dry_run { None } else { Place::of(&self.file, self.checkpoint.clone()) };
        let terms = self.digest();
        let from = match &place {
            Some(place) if !self.restart => place.read(&terms).map_err(Failure::Usage)?,
            Some(_) | None => None,
        };
        let octets = entries.octets();
        let mut report = Report::new(octets, self.rejected.as_deref(), place, terms, from.as_ref())?;
        if let Some(from) = &from {
            eprintln!("fanfare: going on after {} entries", from.counts.entries);
        }
        let (read, unread) = read(entries, from);
        let mut import = Import::new(client.clone(), read);
        let ended = tokio::select! {
            ended = import.run(&mut report) => ended,
            _ = tokio::signal::ctrl_c() => Err(Failure::failed("interrupted")),
        };
        if let Err(failure) = ended {
            report.interrupted()?;
            return Err(failure);
        }
        report.finish()?;
        // The reader has ended before the last entry was sent.
        let passed_over = unread.await.unwrap_or_default();
        let keys = report.unnamed().ask(&client, &self.connection.application).await;
        let keys = keys.unwrap_or_else(|status| {
            eprintln!("fanfare: which VAPID keys the entries have could not be asked: {:?}", status.code());
            None
        });
        self.tell(&report, format, passed_over, keys)
    }

    fn terms(&self) -> Terms {
        Terms {
            application: self.connection.application.clone(),
            user_id: self.user.clone(),
            topics: self.topics.clone(),
            labels: self.labels.clone(),
            locale: self.locale.clone(),
            time_zone: self.time_zone.clone(),
            application_server_key: self.application_server_key.clone(),
            qualify_users: self.qualify_users,
            validate_only: self.dry_run,
        }
    }

    /// Of all that makes another import of the same input.
    fn digest(&self) -> String {
        let Terms { application, user_id, topics, labels, locale, time_zone, application_server_key, .. } =
            self.terms();
        let server = &self.connection.server;
        let rejected = self.rejected.as_ref().map(|path| path.display().to_string());
        let key = application_server_key;
        let said = (server, application, user_id, topics, labels, locale, time_zone, key);
        let said = format!("{said:?} {:?} {} {rejected:?}", self.format, self.qualify_users);
        hex(&Sha256::digest(said))
    }

    fn tell(
        &self,
        report: &Report,
        format: Format,
        passed_over: PassedOver,
        keys: Option<Keys>,
    ) -> Result<(), Failure> {
        passed_over.tell();
        for (warning, warned) in report.warnings() {
            output::note(warned.text(warning));
        }
        for line in keys.iter().flat_map(Keys::lines) {
            output::note(line);
        }
        let counts = report.counts();
        if self.connection.json {
            let mut figures = serde_json::to_value(report.figures()).map_err(anyhow::Error::from)?;
            figures["dry_run"] = self.dry_run.into();
            figures["format"] = format.name().into();
            figures["unread"] = passed_over.unread.names.into_iter().collect::<Vec<_>>().into();
            let warnings = report.warnings().iter().map(|(warning, warned)| {
                serde_json::json!({"field": warning.field, "text": warning.text, "where": warned})
            });
            figures["warnings"] = warnings.collect();
            figures["unnamed_keys"] = serde_json::to_value(keys).map_err(anyhow::Error::from)?;
            output::line(figures)?;
        } else {
            let figures = report.figures();
            let done = if self.dry_run { "would be " } else { "" };
            output::line(format!(
                "{} entries: {} {done}created, {} {done}updated, {} rejected; {}",
                counts.entries,
                counts.created,
                counts.updated,
                counts.rejected,
                figures.pace()
            ))?;
        }
        if counts.entries == 0 {
            let name = format.name();
            return Err(Failure::failed(format!(
                "{}: no subscription was found in it, read as {name}: each has an endpoint, the address https://… that the \
                 browser gave; --format says how it is written",
                self.file
            )));
        }
        if counts.rejected == 0 {
            return Ok(());
        }
        let reasons: Vec<_> =
            report.reasons().iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let file = report.rejected_path().map(|path| format!("; {} has them", path.display()));
        Err(Failure::failed(format!(
            "{} of {} entries were rejected ({}){}",
            counts.rejected,
            counts.entries,
            reasons.join(", "),
            file.unwrap_or_default()
        )))
    }
}

/// What an input has that nobody reads.
#[derive(Debug, Default)]
struct PassedOver {
    unread: Unread,
    /// Objects among entries that are none, and the line of the first.
    foreign: Option<(u64, u64)>,
}

impl PassedOver {
    /// On stderr.
    fn tell(&self) {
        let Unread { names, hidden } = &self.unread;
        let others = "others, whose names may be endpoints or keys";
        let names: Vec<_> = names.iter().map(String::as_str).chain(hidden.then_some(others)).collect();
        if !names.is_empty() {
            output::note(format!(
                "nobody reads these members or columns, which were passed over: {}",
                names.join(", ")
            ));
        }
        if let Some((count, line)) = self.foreign {
            eprintln!(
                "fanfare: {count} objects have neither endpoint nor keys and were passed over, the first on line {line}"
            );
        }
    }
}

/// Entries as they are read, and at the end what nobody read.
type Read = (mpsc::Receiver<anyhow::Result<Entry>>, tokio::sync::oneshot::Receiver<PassedOver>);

/// Reads on a thread of its own, for which nobody waits: it may hang on standard input.
fn read(mut entries: Entries, from: Option<Checkpoint>) -> Read {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let (unread, at_the_end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let all = skip(&mut entries, from);
        let all = all.and_then(|()| {
            while let Some(entry) = entries.next()? {
                if sender.blocking_send(Ok(entry)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        // Nobody listens any more when the import has failed.
        let foreign = entries.foreign();
        let _ = unread.send(PassedOver { unread: entries.into_reader().into_unread(), foreign });
        if let Err(error) = all {
            let _ = sender.blocking_send(Err(error));
        }
    });
    (receiver, at_the_end)
}

/// Passes over what an interrupted import has done, if the input still begins with it.
fn skip(entries: &mut Entries, from: Option<Checkpoint>) -> anyhow::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let (mut digest, mut left) = ([0; 32], from.counts.entries);
    while left > 0
        && let Some(entry) = entries.next()?
    {
        digest = entry.digest;
        left -= 1;
    }
    anyhow::ensure!(
        left == 0 && hex(&digest) == from.digest,
        "the input does not begin with what the interrupted import had done: begin anew with --restart"
    );
    Ok(())
}

/// The subscriptions in a text or file in any form that an import takes, which is read to its end first; and what a person is to
/// know of them.
pub(super) fn requests(
    octets: Vec<u8>,
    terms: Terms,
) -> anyhow::Result<(Vec<SubscribeRequest>, Vec<String>)> {
    let mut entries = Entries::of_octets(octets, Reader::new(terms, SystemClock.now()))?;
    let (mut requests, mut told) = (Vec::new(), Vec::new());
    while let Some(Entry { line, reading, .. }) = entries.next()? {
        let (request, warnings) =
            reading.map_err(|refusal| anyhow::anyhow!("line {line}: {}", refusal.message()))?;
        told.extend(
            warnings.iter().map(|warning| format!("line {line}: {} {}", warning.field, warning.text)),
        );
        requests.push(request);
    }
    anyhow::ensure!(!requests.is_empty(), "there is no PushSubscription in it");
    Ok((requests, told))
}

/// An input that is small enough to be held, as text: whatever it is packed or encoded in.
pub(super) fn text_of(input: octets::Input) -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut octets::text(input)?, &mut text)?;
    Ok(text)
}
