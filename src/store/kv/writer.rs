//! The one writer: a thread that executes commands in groups, syncs once for each group, and answers only then.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use rand::rngs::StdRng;
use tokio::sync::oneshot;

use super::backend::Order;
use super::origins::Origins;
use super::progress::Progress;
use super::queue::{Class, Queue};
use super::records::segment::FeedValue;
use super::records::{Number, Record};
use super::transaction::{Reader, Rows, Transaction};
use super::{Settings, keys};
use crate::domain::{ApplicationId, Clock, Timestamp};
use crate::store::{FeedEntry, StoreError};

/// Executes one command and gives back how to answer it.
pub(crate) type Job = Box<dyn FnOnce(&mut Writer) -> Answer + Send>;
/// Answers a command, told whether its group is durable.
type Answer = Box<dyn FnOnce(bool) + Send>;

/// Rows of one transaction: while more are applied, sled's readers starve. What must be in one transaction may exceed
/// it.
pub(crate) const TRANSACTION_ROWS: usize = 60;

/// Queues a command; the receiver hears of its result after the sync.
pub(crate) async fn submit<T: Send + 'static>(
    queue: &Queue<Job>,
    class: Class,
    command: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move |writer| {
        let result = command(writer);
        Box::new(move |durable| {
            let lost = || StoreError::Unavailable("what was written is not durable".to_owned());
            let result = if durable { result } else { Err(result.err().unwrap_or_else(lost)) };
            // Whoever asked may have gone.
            let _ = sender.send(result);
        })
    });
    queue.push(class, job).await?;
    Ok(receiver)
}

/// What the writer knows besides what is stored.
pub(crate) struct Writer {
    pub(crate) reader: Reader,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: StdRng,
    pub(crate) origins: Arc<Origins>,
    /// The identifier of the last message, as a number.
    pub(crate) last_message: u128,
    feeds: HashMap<ApplicationId, Feed>,
    /// Applications whose feed grew in this group.
    grown: BTreeMap<ApplicationId, u64>,
    /// Rows applied in this group.
    rows: usize,
    /// A write failed: nobody knows what is on the disk, so nothing more is written.
    failed: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

/// Where an application's sequence of commits stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Feed {
    /// Its last number.
    pub(crate) seq: u64,
    /// The time of its last row.
    pub(crate) time: Timestamp,
}

impl Feed {
    /// All feeds as they are stored.
    pub(crate) fn load(reader: &Reader) -> Result<HashMap<ApplicationId, Self>, StoreError> {
        let mut feeds = HashMap::new();
        for row in reader.scan(keys::sequences(), Order::Ascending) {
            let (key, value) = row?;
            let application = keys::application_of(&key).ok_or(StoreError::Corrupt(Number::KIND))?;
            let seq = Number::from_value(&value)?.value;
            let last: Option<FeedValue> =
                reader.readable(reader.record(&keys::feed(application, seq)))?.flatten();
            let time = last.map(|row| Timestamp::from_micros(row.time)).unwrap_or_default();
            feeds.insert(application, Self { seq, time });
        }
        Ok(feeds)
    }
}

impl Writer {
    pub(crate) fn new(
        reader: Reader,
        clock: Arc<dyn Clock>,
        random: StdRng,
        origins: Arc<Origins>,
        feeds: HashMap<ApplicationId, Feed>,
    ) -> Self {
        Self {
            reader,
            clock,
            random,
            origins,
            last_message: 0,
            feeds,
            grown: BTreeMap::new(),
            rows: 0,
            failed: false,
        }
    }

    /// A transaction without writes yet.
    pub(crate) fn begin(&self) -> Transaction {
        Transaction::new(self.reader.clone())
    }

    /// Applies a transaction.
    pub(crate) fn apply(&mut self, transaction: Transaction) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Unavailable("an earlier write failed".to_owned()));
        }
        if transaction.rows() > 0 {
            self.rows += transaction.rows();
            let applied = self.reader.backend().apply(transaction.into_batch());
            self.failed |= applied.is_err();
            applied?;
        }
        Ok(())
    }

    /// The number that the next commit of an application takes.
    pub(crate) fn next_seq(&self, application: ApplicationId) -> u64 {
        self.feeds.get(&application).map_or(0, |feed| feed.seq) + 1
    }

    /// Applies a transaction that takes the next numbers of the application's sequence, one for each list of entries.
    pub(crate) fn apply_with_feed(
        &mut self,
        mut transaction: Transaction,
        application: ApplicationId,
        rows: &[Vec<FeedEntry>],
    ) -> Result<(), StoreError> {
        let mut feed = self.feeds.get(&application).copied().unwrap_or_default();
        // A clock that was set back must not take the index from times to numbers out of order.
        let time = self.clock.now().max(feed.time);
        let minute = keys::minute(time);
        if !rows.is_empty() && (feed.seq == 0 || minute > keys::minute(feed.time)) {
            transaction.put(keys::time(application, minute), &Number::new(feed.seq + 1));
        }
        for entries in rows {
            feed.seq += 1;
            feed.time = time;
            transaction.put(keys::feed(application, feed.seq), &FeedValue::new(time, entries));
        }
        transaction.put(keys::sequence(application), &Number::new(feed.seq));
        self.apply(transaction)?;
        self.feeds.insert(application, feed);
        self.grown.insert(application, feed.seq);
        Ok(())
    }

    /// Serves the queue until it is closed and empty.
    pub(crate) fn run(mut self, queue: &Queue<Job>, progress: &Progress, settings: Settings) {
        // If a command panics, nobody waits for ever.
        let _guard = Guard { queue, progress };
        while let Some((job, place)) = queue.wait() {
            let group = progress.begin();
            let mut answers = Vec::new();
            let mut places = vec![place];
            let mut next = Some(job);
            while let Some(job) = next {
                answers.push(job(&mut self));
                next = if answers.len() < settings.group_commands && self.rows < settings.group_rows {
                    queue.next().map(|(job, place)| {
                        places.push(place);
                        job
                    })
                } else {
                    None
                };
            }
            let durable = self.sync(progress, group);
            for answer in answers {
                answer(durable);
            }
        }
    }

    /// Makes the group durable and says so.
    fn sync(&mut self, progress: &Progress, group: u64) -> bool {
        let rows = std::mem::take(&mut self.rows);
        let grown = std::mem::take(&mut self.grown);
        let synced = match rows {
            _ if self.failed => Err(StoreError::Unavailable("a write failed".to_owned())),
            0 => Ok(()),
            _ => self.reader.backend().sync(),
        };
        if let Err(error) = synced {
            if !progress.has_failed() {
                tracing::error!(%error, "the store cannot write and takes no more until it is opened again");
            }
            self.failed = true;
            progress.fail();
            return false;
        }
        self.origins.publish(&self.reader);
        for (application, seq) in grown {
            progress.publish(application, seq);
        }
        progress.synced(group);
        true
    }
}

struct Guard<'a> {
    queue: &'a Queue<Job>,
    progress: &'a Progress,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.progress.fail();
        }
        self.queue.abandon();
    }
}
