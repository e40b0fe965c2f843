//! A recorded server with work to do, and what it acknowledged when.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use fanfare::domain::{MessageId, SubscriptionId};
use fanfare::proto::v1::audience::Selector;
use fanfare::proto::v1::delivery_frame::Kind;
use fanfare::proto::v1::{Audience, BroadcastRequest, ReportLevel, SubscribeRequest, SubscriptionList};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Drill;
use super::journal::variables;
use crate::calls::{Frames, broadcast, call_broadcast, call_send, send};
use crate::stage::{Client, End, Launch};

const TOPIC: &str = "drill";
/// Sends under way at once.
const SENDERS: usize = 12;
/// Broadcasts to a topic under way at once.
const BROADCASTERS: usize = 2;
/// Unknown names that further Broadcasts list, one each: their lists and events are rows of tens of KiB beside the small ones of
/// all others. The most of them make pages too large for the log, the others pages that it has whole.
const LISTED: [u32; 3] = [9_000, 3_000, 1_200];
/// Octets of each text.
const TEXT_OCTETS: usize = 2_000;
/// Subscribed at once, while messages are sent.
const ENLISTED: u32 = 50;

/// Something that the server acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    Subscription(SubscriptionId),
    /// Send or Broadcast told that it is accepted.
    Message(MessageId),
    /// All its deliveries have ended.
    End(MessageId),
}

/// What was acknowledged, and how many octets the journal had then.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    journal: PathBuf,
    entries: Arc<Mutex<Vec<(u64, Acknowledged)>>>,
}

impl Ledger {
    pub(super) fn new(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), entries: Arc::default() }
    }

    /// Notes that something has been acknowledged by now.
    fn note(&self, acknowledged: Acknowledged) -> anyhow::Result<()> {
        let octets = fs::metadata(&self.journal)?.len();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push((octets, acknowledged));
        Ok(())
    }

    /// What was acknowledged when the journal had at most so many octets.
    pub(super) fn until(&self, octets: u64) -> Vec<Acknowledged> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|(at, _)| *at <= octets).map(|(_, acknowledged)| *acknowledged).collect()
    }
}

/// What a recorded life left.
pub(super) struct Life {
    pub(super) journal: PathBuf,
    pub(super) ledger: Ledger,
    /// Octets of the journal when the server was ready for the first time.
    pub(super) ready: u64,
}

impl Drill {
    /// A server's first start on nothing, Sends, Broadcasts and Subscribes for so long, and SIGKILL.
    pub(super) async fn live(&mut self, name: &str, lasts: Duration, targets: u32) -> anyhow::Result<Life> {
        let journal = self.scratch.path().join(format!("{name}.journal"));
        let environment = variables(&self.layer, self.stage.directory(), &journal);
        let server = self.stage.launch(&Launch { environment, ..Launch::default() }).await?;
        let (ledger, ready) = (Ledger::new(&journal), fs::metadata(&journal)?.len());
        let group = self.stage.make_group(&server, "default", json!({"count": targets})).await?;
        let mut tasks = JoinSet::new();
        let mut names = Vec::new();
        for first in (0..targets).step_by(ENLISTED as usize) {
            let describe = |_, request: &mut SubscribeRequest| request.topics = vec![TOPIC.to_owned()];
            let enlisted =
                self.stage.enlist(&server, group, first..targets.min(first + ENLISTED), describe).await?;
            for name in &enlisted {
                let id = SubscriptionId::parse_name(name);
                ensure!(id.is_some(), "a subscription is called {name}");
                id.into_iter().try_for_each(|id| ledger.note(Acknowledged::Subscription(id)))?;
            }
            names.extend(enlisted);
            if first == 0 {
                let senders = (0..SENDERS).map(|number| To::One(names[number % names.len()].clone()));
                let all = senders.chain((0..BROADCASTERS).map(|_| To::All)).chain(LISTED.map(To::Unknown));
                for to in all {
                    tasks.spawn(go_on_sending(server.client.clone(), to, ledger.clone()));
                }
            }
        }
        // How much is sent before the loss decides how much of the disk is written over.
        sleep(lasts).await;
        server.end(End::Kill).await?;
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(Life { journal, ledger, ready })
    }
}

/// Whom messages are for.
enum To {
    One(String),
    All,
    /// So many names.
    Unknown(u32),
}

/// Sends one message after the other until the server has gone.
async fn go_on_sending(mut client: Client, to: To, ledger: Ledger) -> anyhow::Result<()> {
    let text = "x".repeat(TEXT_OCTETS);
    loop {
        let frames = match &to {
            To::One(name) => call_send(&mut client, send(name, &text, "")).await,
            To::All => call_broadcast(&mut client, broadcast(TOPIC, &text, "")).await,
            To::Unknown(listed) => {
                let unknown = |number: u32| SubscriptionId(u128::from(number).to_be_bytes());
                let names = (0..*listed).map(|number| unknown(number).name()).collect();
                let audience =
                    Audience { selector: Some(Selector::Subscriptions(SubscriptionList { names })) };
                let request = BroadcastRequest {
                    audience: Some(audience),
                    report_level: ReportLevel::Progress.into(),
                    ..broadcast(TOPIC, &text, "")
                };
                call_broadcast(&mut client, request).await
            }
        };
        let Ok(frames) = frames else { return Ok(()) };
        if !follow(frames, &ledger).await? {
            return Ok(());
        }
    }
}

/// Notes what a stream tells; says whether it came to its end.
async fn follow(mut frames: Frames, ledger: &Ledger) -> anyhow::Result<bool> {
    let mut message = None;
    while let Some(frame) = frames.next().await {
        let Ok(frame) = frame else { return Ok(false) };
        match frame.kind {
            Some(Kind::Accepted(accepted)) => {
                message = MessageId::parse_name(&accepted.message.unwrap_or_default().name);
                message.into_iter().try_for_each(|id| ledger.note(Acknowledged::Message(id)))?;
            }
            Some(Kind::Summary(_)) => {
                message.into_iter().try_for_each(|id| ledger.note(Acknowledged::End(id)))?;
            }
            Some(Kind::Progress(_) | Kind::Events(_) | Kind::Receipts(_)) | None => {}
        }
    }
    Ok(message.is_some())
}
