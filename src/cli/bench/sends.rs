//! How long a Send takes from the call to its POST, on an idle server and beside a broadcast, and what its store costs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::broadcast::{message, read, request, unix_micros};
use super::stage::Stage;
use super::subscriptions::Synthetic;
use super::usage::number;
use crate::cli::connection::Client;
use crate::domain::{Clock as _, SystemClock};
use crate::proto::v1::delivery_frame::Kind;
use crate::proto::v1::send_request::Recipient;
use crate::proto::v1::{ReportLevel, SendRequest};

/// A pause between Sends, so that none waits for the one before.
const PAUSE: Duration = Duration::from_millis(10);
/// Octets of the row that the bare write makes: about what a Send's acceptance takes.
const ROW_OCTETS: usize = 1_500;

/// Latencies in microseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(super) struct Sends {
    /// Share of the broadcast's rate that the server was busy with, 0 for idle.
    pub(super) load: f64,
    /// From the call to the start of the POST.
    pub(super) to_post: Vec<u32>,
    /// A bare durable write on the same disk, in turn with the Sends.
    pub(super) bare_write: Vec<u32>,
    /// CPU time of the threads that write the store, for each Send; `None` beside a broadcast.
    pub(super) store_us: Option<f64>,
}

/// Sends one after the other beside as many broadcasts at `load` of `pushes_per_second` as it takes.
pub(super) async fn measure(
    stage: &Stage,
    count: usize,
    endpoints: usize,
    load: f64,
    pushes_per_second: f64,
    bar: &ProgressBar,
) -> anyhow::Result<Sends> {
    let mut sends = Sends { load, ..Sends::default() };
    let disk = BareStore::open(&stage.directory().join("bare"))?;
    let begin = || {
        let mut request = request(endpoints, (load * pushes_per_second).max(1.0));
        request.cancel_on_disconnect = true;
        let client = stage.client.clone();
        tokio::spawn(async move { read(client, request, &ProgressBar::hidden()).await })
    };
    let mut broadcast = (load > 0.0).then(begin);
    let before = stage.usage()?;
    let mut client = stage.client.push();
    while sends.to_post.len() < count {
        if let Some(ended) = broadcast.take_if(|broadcast| broadcast.is_finished()) {
            ended.await.context("the broadcast panicked")??;
            broadcast = Some(begin());
        }
        sends.to_post.push(send(&mut client, &stage.sink.origin).await?);
        sends.bare_write.push(disk.write()?);
        bar.inc(1);
        tokio::time::sleep(PAUSE).await;
    }
    if let Some(broadcast) = broadcast {
        // Cancelled with its call, if it has not ended.
        broadcast.abort();
    } else {
        let store = stage.usage()?.since(&before).store;
        sends.store_us = Some(super::floor::micros(store) / number(sends.to_post.len().max(1)));
    }
    sends.to_post.sort_unstable();
    sends.bare_write.sort_unstable();
    Ok(sends)
}

/// Sends one, and tells how long its POST took to start. The event's time is that of the answer or a little later, so this
/// is rather too much than too little.
async fn send(client: &mut Client, origin: &str) -> anyhow::Result<u32> {
    let subscription = Synthetic::new(origin)?.into_proto();
    let request = SendRequest {
        recipient: Some(Recipient::PushSubscription(subscription)),
        message: Some(message()),
        request_id: crate::unique_id(),
        report_level: ReportLevel::Attempts.into(),
        ..SendRequest::default()
    };
    let called = i64::try_from(SystemClock.now().as_micros())?;
    let mut frames = client.send(request).await.context("Send")?.into_inner();
    let mut to_post = None;
    while let Some(response) = frames.message().await.context("Send")? {
        let Some(Kind::Events(events)) = response.frame.and_then(|frame| frame.kind) else { continue };
        for event in events.events {
            let (Some(time), Some(latency)) = (event.event_time, event.latency) else { continue };
            let latency = latency.seconds * 1_000_000 + i64::from(latency.nanos) / 1_000;
            to_post = Some(u32::try_from(unix_micros(time) - latency - called).unwrap_or(0));
        }
    }
    to_post.context("a Send was not attempted")
}

/// A store with nothing around it: what its durable write takes, nobody gets below.
struct BareStore {
    db: sled::Db,
    log: std::fs::File,
    row: Vec<u8>,
}

impl BareStore {
    fn open(directory: &Path) -> anyhow::Result<Self> {
        let db = sled::Config::new().path(directory).flush_every_ms(None).open()?;
        db.flush()?;
        let log = std::fs::File::open(directory.join("db"))?;
        Ok(Self { db, log, row: vec![b'x'; ROW_OCTETS] })
    }

    /// Microseconds of one write and its sync.
    fn write(&self) -> anyhow::Result<u32> {
        let start = Instant::now();
        let key = u128::from(SystemClock.now().as_micros()).to_be_bytes();
        self.db.insert(key, self.row.as_slice())?;
        self.db.flush()?;
        self.log.sync_data()?;
        Ok(u32::try_from(start.elapsed().as_micros())?)
    }
}
