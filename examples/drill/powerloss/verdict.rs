//! What a loss left is opened, and compared with what was acknowledged before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fanfare::domain::{ApplicationId, SubscriptionId, SystemClock};
use fanfare::store::kv::sealing::Sealing;
use fanfare::store::kv::{KvStore, Settings, open_sled};
use fanfare::store::{ListFilter, Store as _};
use tokio::time::timeout;

use super::Drill;
use super::load::Acknowledged;
use crate::calls::message_status;
use crate::stage::End;

/// Within this a store opens, and tells what is in it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);
const SUBSCRIPTIONS_MAX: usize = 1_000_000;
/// Of the messages, so many are asked for when the program itself is started.
const ASKED_MAX: usize = 50;

/// What a store has of what was acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missing {
    pub(super) subscriptions: usize,
    pub(super) messages: usize,
    pub(super) ends: usize,
}

impl Missing {
    fn add(&mut self, acknowledged: Acknowledged) {
        match acknowledged {
            Acknowledged::Subscription(_) => self.subscriptions += 1,
            Acknowledged::Message(_) => self.messages += 1,
            Acknowledged::End(_) => self.ends += 1,
        }
    }
}

impl Drill {
    /// Opens a directory by the library, looks, writes, and opens it again; notes what is wrong.
    pub(super) async fn judge(&mut self, directory: &Path, acknowledged: Vec<Acknowledged>, what: &str) {
        let data = directory.join("data");
        let sealing = self.sealing.clone();
        // sled may panic, or wait for ever.
        let opened =
            timeout(OPEN_TIMEOUT, tokio::spawn(open_twice(data.clone(), sealing, acknowledged))).await;
        self.figures.losses += 1;
        match opened {
            Ok(Ok(Ok(missing))) => self.count(missing, what),
            Ok(Ok(Err(error))) => self.never_opened(&format!("{error:#}"), directory, what),
            Ok(Err(panicked)) => self.never_opened(&panicked.to_string(), directory, what),
            Err(_) => self.never_opened("it hangs", directory, what),
        }
        let names = fs::read_dir(data).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let aside = names.filter(|name| name.to_string_lossy().starts_with("set-aside.")).count();
        self.figures.set_aside += aside;
    }

    fn never_opened(&mut self, why: &str, directory: &Path, what: &str) {
        self.figures.never_opened += 1;
        self.checks.check(false, || format!("{what}: {why}"));
        self.keep(directory, what);
    }

    /// Keeps what a store did not open on, for people.
    fn keep(&mut self, directory: &Path, what: &str) {
        let Some(keep) = &self.keep else { return };
        let to = keep.join(what.replace(' ', "-"));
        let copied = std::process::Command::new("cp").arg("-r").arg(directory).arg(&to).status();
        if copied.is_ok_and(|copied| copied.success()) {
            eprintln!("kept {}", to.display());
        }
    }

    fn count(&mut self, missing: Missing, what: &str) {
        self.figures.subscriptions_lost += missing.subscriptions;
        self.figures.messages_lost += missing.messages;
        self.figures.ends_lost += missing.ends;
        let holds = missing.subscriptions + missing.messages + missing.ends == 0;
        self.checks.check(holds, || format!("{what}: {missing:?}"));
    }

    /// The same by the real program, which lies where the stage keeps its data.
    pub(super) async fn judge_by_program(
        &mut self,
        acknowledged: Vec<Acknowledged>,
        what: &str,
    ) -> anyhow::Result<()> {
        self.figures.losses += 1;
        self.figures.opened_by_program += 1;
        let mut server = match self.stage.start_server().await {
            Ok(server) => server,
            Err(error) => {
                let directory = self.stage.directory().to_owned();
                self.never_opened(&format!("{error:#}"), &directory, what);
                return Ok(());
            }
        };
        let there = server.subscriptions().await?;
        let (mut missing, mut asked) = (Missing::default(), 0);
        for acknowledged in acknowledged.into_iter().rev() {
            let is_there = match acknowledged {
                Acknowledged::Subscription(id) => there.contains(&id.name()),
                Acknowledged::Message(_) | Acknowledged::End(_) if asked == ASKED_MAX => true,
                Acknowledged::Message(id) | Acknowledged::End(id) => {
                    asked += 1;
                    message_status(&mut server.client, &id.name()).await.is_ok()
                }
            };
            if !is_there {
                missing.add(acknowledged);
            }
        }
        self.count(missing, what);
        server.end(End::Terminate).await
    }
}

async fn open(data: PathBuf, sealing: Sealing) -> anyhow::Result<KvStore> {
    // Whatever room the disk has.
    let settings = Settings { free_octets_min: 0, cache_octets: 16 << 20, ..Settings::default() };
    let open = move || open_sled(&data, Arc::new(SystemClock), settings, &sealing);
    Ok(tokio::task::spawn_blocking(open).await??)
}

async fn open_twice(
    data: PathBuf,
    sealing: Sealing,
    acknowledged: Vec<Acknowledged>,
) -> anyhow::Result<Missing> {
    let store = open(data.clone(), sealing.clone()).await?;
    let missing = look(&store, &acknowledged).await?;
    let census = store.census().await?;
    let written = store.secret("power loss").await?;
    store.close().await;
    drop(store);
    let store = open(data, sealing).await.context("when it is opened again")?;
    anyhow::ensure!(store.secret("power loss").await? == written, "what was written after the loss is lost");
    let rows =
        |census: &fanfare::store::kv::census::Census| census.kinds.iter().map(|kind| kind.rows).sum::<u64>();
    let (before, after) = (rows(&census), rows(&store.census().await?));
    anyhow::ensure!(after == before + 1, "opened again it has {after} rows, not {}", before + 1);
    anyhow::ensure!(store.corrupt_records() == 0, "{} records do not read", store.corrupt_records());
    store.close().await;
    Ok(missing)
}

async fn look(store: &KvStore, acknowledged: &[Acknowledged]) -> anyhow::Result<Missing> {
    let mut missing = Missing::default();
    let application = store.applications().await?.into_iter().find(|record| record.name == "default");
    let application = application.map(|record| record.id);
    let there = match application {
        Some(application) => {
            let all =
                store.list_subscriptions(application, &ListFilter::All, None, SUBSCRIPTIONS_MAX).await?;
            all.into_iter().map(|subscription| subscription.target.id).collect()
        }
        None => BTreeSet::new(),
    };
    for acknowledged in acknowledged {
        if !has(store, application, &there, *acknowledged).await? {
            missing.add(*acknowledged);
        }
    }
    Ok(missing)
}

async fn has(
    store: &KvStore,
    application: Option<ApplicationId>,
    subscriptions: &BTreeSet<SubscriptionId>,
    acknowledged: Acknowledged,
) -> anyhow::Result<bool> {
    let Some(application) = application else { return Ok(false) };
    Ok(match acknowledged {
        Acknowledged::Subscription(id) => subscriptions.contains(&id),
        Acknowledged::Message(id) => store.message(application, id).await?.is_some(),
        Acknowledged::End(id) => {
            let message = store.message(application, id).await?;
            message.is_some_and(|message| message.status.ended.is_some())
        }
    })
}
