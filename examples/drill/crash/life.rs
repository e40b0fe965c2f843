//! One server, from its start to its death, with work to do all the time.

use std::mem;
use std::time::{Duration, Instant};

use anyhow::ensure;
use rand::RngExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::{Crash, Sent, TOPIC, now_micros};
use crate::calls::{broadcast, call_broadcast, call_send, send};
use crate::stage::{Client, End, Launch, Server};
use crate::witness::Witness;

/// Broadcasts and Sends that are under way at once.
const BROADCASTS_OPEN: usize = 2;
const SENDS_OPEN: usize = 3;
/// A failpoint that is not passed within this is none.
const FAILPOINT_TIMEOUT: Duration = Duration::from_secs(30);
/// Once no more is sent, all must have ended within this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(600);

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// By SIGKILL, so many milliseconds after it was ready.
    After(u64),
    /// By itself.
    AtFailpoint,
    /// Not before everything has ended.
    None,
}

/// Who watched what.
enum Watcher {
    All(Witness),
    Message(usize, Sent),
}

type Watched = (Watcher, Result<(), Status>);

impl Crash {
    /// Starts a server, goes on with all that has not ended, sends more, and waits for the server's death.
    pub(super) async fn live(&mut self, launch: Launch, death: Death) -> anyhow::Result<()> {
        self.stage.sandbox_is_quiet().await?;
        self.order_faults().await?;
        self.started.push(now_micros());
        let starting = Instant::now();
        let server = match self.stage.launch(&launch).await {
            Ok(server) => server,
            Err(error) if death == Death::AtFailpoint && is_failpoint(&error) => {
                self.figures.kills += 1;
                self.figures.at_failpoints += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let took = starting.elapsed().as_secs_f64();
        if launch.program.is_none() {
            self.figures.recovery_seconds_max = self.figures.recovery_seconds_max.max(took);
        }

        let mut watchers = JoinSet::new();
        for place in 0..self.messages.len() {
            if self.messages[place].is_open() {
                let sent = self.messages[place].lend();
                watchers.spawn(follow(server.client.clone(), place, sent));
            }
        }
        match death {
            Death::After(milliseconds) => {
                self.watch_all(&mut watchers, &server.client, usize::MAX);
                let working = self.work(&mut watchers, &server.client);
                let killed = timeout(Duration::from_millis(milliseconds), working).await;
                ensure!(killed.is_err(), "the watchers ended before the server");
                server.end(End::Kill).await?;
                self.figures.kills += 1;
            }
            Death::AtFailpoint => self.die_at_failpoint(server, &launch, &mut watchers).await?,
            Death::None => {
                // Also those whose acceptance nobody was told: now it is known how many messages there are.
                let drained = timeout(DRAIN_TIMEOUT, self.join_all(&mut watchers)).await;
                self.checks.check(drained.is_ok(), || {
                    format!("not everything had ended {DRAIN_TIMEOUT:?} after the last kill")
                });
                let messages = self.messages.iter().filter(|sent| !sent.refused).count();
                self.watch_all(&mut watchers, &server.client, messages);
                let told = timeout(DRAIN_TIMEOUT, self.join_all(&mut watchers)).await;
                self.checks.check(told.is_ok(), || "the watcher of all is not told all ends".to_owned());
                watchers.shutdown().await;
                self.look_back(server, messages).await?;
            }
        }
        self.join_all(&mut watchers).await;
        Ok(())
    }

    async fn die_at_failpoint(
        &mut self,
        mut server: Server,
        launch: &Launch,
        watchers: &mut JoinSet<Watched>,
    ) -> anyhow::Result<()> {
        self.watch_all(watchers, &server.client, usize::MAX);
        // Something new to accept and to plan, whatever is open.
        self.send_broadcast(watchers, &server.client);
        let client = server.client.clone();
        let work = self.work(watchers, &client);
        let died = timeout(FAILPOINT_TIMEOUT, async {
            tokio::select! {
                status = server.process.ended() => return status,
                // The watchers may hear of its end first.
                () = work => {}
            }
            server.process.ended().await
        })
        .await;
        let failpoint = launch.failpoint.as_deref().unwrap_or_default();
        if let Ok(status) = died {
            ensure!(!status?.success(), "the server ended in order");
            let log = server.process.log_tail();
            self.checks.check(log.contains(DIED), || format!("the server died, not at {failpoint}: {log}"));
            self.figures.at_failpoints += 1;
        } else {
            self.checks.check(false, || format!("the failpoint {failpoint} was not passed"));
            server.end(End::Kill).await?;
        }
        self.figures.kills += 1;
        Ok(())
    }

    /// Keeps so many messages open. Ends only if there are no watchers.
    async fn work(&mut self, watchers: &mut JoinSet<Watched>, client: &Client) {
        loop {
            let open = |broadcast: bool| {
                let of_kind = |sent: &&Sent| sent.is_open() && sent.subscriber.is_none() == broadcast;
                self.messages.iter().filter(of_kind).count()
            };
            let broadcasts = self.messages.iter().filter(|sent| sent.subscriber.is_none()).count();
            if open(true) < BROADCASTS_OPEN && broadcasts < self.size.broadcasts {
                self.send_broadcast(watchers, client);
                continue;
            }
            if open(false) < SENDS_OPEN {
                let index = self.random.random_range(0..self.size.targets);
                self.send(watchers, client, Some(index));
                continue;
            }
            let Some(watched) = watchers.join_next().await else { return };
            self.take_back(watched);
        }
    }

    fn send_broadcast(&mut self, watchers: &mut JoinSet<Watched>, client: &Client) {
        self.send(watchers, client, None);
    }

    fn send(&mut self, watchers: &mut JoinSet<Watched>, client: &Client, subscriber: Option<u32>) {
        let place = self.messages.len();
        let sent = Sent {
            subscriber: subscriber.map(|index| (index, self.names[index as usize].clone())),
            request_id: format!("request {place}"),
            text: format!("message {place} of the drill"),
            witness: Witness::default(),
            ended: false,
            refused: false,
        };
        self.messages.push(sent);
        let sent = self.messages[place].lend();
        watchers.spawn(follow(client.clone(), place, sent));
    }

    fn watch_all(&mut self, watchers: &mut JoinSet<Watched>, client: &Client, messages: usize) {
        let (mut all, mut client) = (mem::take(&mut self.all), client.clone());
        watchers.spawn(async move {
            let ended = all.watch(&mut client, messages, |_| {}).await;
            (Watcher::All(all), ended)
        });
    }

    async fn join_all(&mut self, watchers: &mut JoinSet<Watched>) {
        while let Some(watched) = watchers.join_next().await {
            self.take_back(watched);
        }
    }

    fn take_back(&mut self, watched: Result<Watched, tokio::task::JoinError>) {
        let Ok((watcher, ended)) = watched else {
            self.checks.check(false, || "a watcher panicked".to_owned());
            return;
        };
        let what = match watcher {
            Watcher::All(all) => {
                self.all = all;
                "messages/-".to_owned()
            }
            Watcher::Message(place, sent) => {
                let what = sent.text.clone();
                self.messages[place] = sent;
                what
            }
        };
        if let Err(status) = ended {
            self.checks.check(is_end_of_server(&status), || {
                format!("the stream of {what} ended with {:?}: {}", status.code(), status.message())
            });
        }
    }
}

/// Sends a message, or goes on watching it, to its end.
async fn follow(mut client: Client, place: usize, mut sent: Sent) -> Watched {
    let followed = go_on(&mut client, &mut sent).await;
    sent.ended = !sent.witness.ended.is_empty();
    (Watcher::Message(place, sent), followed)
}

async fn go_on(client: &mut Client, sent: &mut Sent) -> Result<(), Status> {
    if sent.witness.has_begun() {
        return sent.witness.watch(client, 1, |_| {}).await;
    }
    let frames = match &sent.subscriber {
        Some((_, name)) => call_send(client, send(name, &sent.text, &sent.request_id)).await,
        None => call_broadcast(client, broadcast(TOPIC, &sent.text, &sent.request_id)).await,
    };
    match frames {
        Ok(frames) => sent.witness.read(frames, 1, |_| {}).await,
        Err(status) if status.code() == Code::NotFound && sent.subscriber.is_some() => {
            // It was gone and removed before: there is no message.
            sent.refused = true;
            Ok(())
        }
        Err(status) => Err(status),
    }
}

/// Whether it says no more than that the server has gone.
pub(super) fn is_end_of_server(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}

pub(super) fn is_failpoint(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains(DIED)
}

/// What `src/failpoint.rs` logs last.
const DIED: &str = "the process ends at a failpoint";
