//! The one writer: a thread that executes commands in groups, syncs once for each group, and answers only then.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::rngs::StdRng;
use tokio::sync::oneshot;

use super::origins::Origins;
use super::progress::Progress;
use super::queue::{Class, Queue, Waited};
use super::records::Number;
use super::records::feed::FeedValue;
use super::sequences::Sequences;
use super::space::{Reserve, Use};
use super::transaction::{Reader, Transaction};
use super::unused::Suspects;
use super::{Settings, keys};
use crate::domain::{ApplicationId, Clock};
use crate::store::{FeedEntry, StoreError};

/// Executes one command and gives back how to answer it.
pub(crate) type Job = Box<dyn FnOnce(&mut Writer) -> Answer + Send>;
/// Answers a command, told whether its group is durable.
type Answer = Box<dyn FnOnce(bool) + Send>;

/// Rows of one transaction: while more are applied, sled's readers starve. What must be in one transaction may exceed
/// it.
pub(crate) const TRANSACTION_ROWS: usize = 60;
/// The disk is looked at so often at least, also while nobody writes: those who wait for room are told.
const LOOK: Duration = Duration::from_millis(500);

/// Queues a command; the receiver hears of its result after the sync.
pub(crate) async fn submit<T: Send + 'static>(
    queue: &Queue<Job>,
    class: Class,
    what_for: Use,
    command: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move |writer| {
        let result = writer.admit(what_for).and_then(|()| command(writer));
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

/// Has the writer call `then` right behind a sync, before it applies anything else. `then` is told whether all that was applied
/// up to there is durable.
pub(crate) async fn after_sync(
    queue: &Queue<Job>,
    class: Class,
    then: impl FnOnce(bool) + Send + 'static,
) -> Result<(), StoreError> {
    queue.push(class, Box::new(|_| Box::new(then))).await
}

/// What the writer knows besides what is stored.
pub(crate) struct Writer {
    pub(crate) reader: Reader,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: StdRng,
    pub(crate) origins: Arc<Origins>,
    /// The identifier of the last message, as a number.
    pub(crate) last_message: u128,
    /// The sequences of commits.
    pub(crate) commits: Sequences,
    /// The sequences of changes.
    pub(crate) changes: Sequences,
    /// Those of a sweep, as long as it goes on.
    pub(crate) suspects: Weak<Suspects>,
    /// What may be written.
    reserve: Reserve,
    /// The command has written something that must not be left alone.
    must_go_on: bool,
    /// What it is for.
    what_for: Use,
    /// The last row of each application's feed that was begun in this group, under the number of its first commit: the next
    /// commits go into it. They are gathered into one write.
    feed_rows: HashMap<ApplicationId, (u64, FeedValue)>,
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

impl Writer {
    pub(crate) fn new(
        reader: Reader,
        clock: Arc<dyn Clock>,
        random: StdRng,
        origins: Arc<Origins>,
        commits: Sequences,
        changes: Sequences,
        reserve: Reserve,
    ) -> Self {
        Self {
            reader,
            clock,
            random,
            origins,
            last_message: 0,
            commits,
            changes,
            suspects: Weak::new(),
            reserve,
            must_go_on: false,
            what_for: Use::Begins,
            feed_rows: HashMap::new(),
            rows: 0,
            failed: false,
        }
    }

    /// Begins a command, if there is room for what it is for.
    fn admit(&mut self, what_for: Use) -> Result<(), StoreError> {
        (self.must_go_on, self.what_for) = (false, what_for);
        self.reserve.admit(what_for)
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
            if let Some(suspects) = self.suspects.upgrade() {
                suspects.spare_written(transaction.writes());
            }
            let taken = self.reserve.take(self.reader.backend(), transaction.octets());
            if !self.must_go_on {
                taken?;
            }
            // A commit that was recorded in part would be given back as a whole.
            self.must_go_on = self.what_for == Use::Ends;
            self.rows += transaction.rows();
            let applied = self.reader.backend().apply(transaction.into_batch());
            self.failed |= applied.is_err();
            applied?;
        }
        Ok(())
    }

    /// The number that the next commit of an application takes.
    pub(crate) fn next_seq(&self, application: ApplicationId) -> u64 {
        self.commits.get(application).seq + 1
    }

    /// Applies a transaction that takes the next numbers of the application's sequence, one for each list of entries, and
    /// adds `log_octets` of segments.
    pub(crate) fn apply_with_feed(
        &mut self,
        mut transaction: Transaction,
        application: ApplicationId,
        rows: &[Vec<FeedEntry>],
        log_octets: u64,
    ) -> Result<(), StoreError> {
        let mut feed = self.commits.get(application);
        // A clock that was set back must not take the index from times to numbers out of order.
        let time = self.clock.now().max(feed.time);
        let minute = keys::minute(time);
        if !rows.is_empty() && (feed.seq == 0 || minute > keys::minute(feed.time)) {
            transaction.put(keys::time(application, minute), &Number::new(feed.seq + 1));
        }
        let mut feed_row = self.feed_rows.remove(&application);
        for entries in rows {
            feed.seq += 1;
            let (first, value) = match feed_row.take() {
                Some((first, mut value)) if value.has_room() => {
                    value.add(feed.time, time, entries);
                    (first, value)
                }
                Some(_) | None => (feed.seq, FeedValue::new(time, entries)),
            };
            feed.time = time;
            transaction.put(keys::feed(application, first), &value);
            feed_row = Some((first, value));
        }
        feed.log_octets += log_octets;
        transaction.put(keys::sequence(application), &feed.to_record());
        self.apply(transaction)?;
        self.feed_rows.extend(feed_row.map(|row| (application, row)));
        self.commits.grow(application, feed);
        Ok(())
    }

    /// Serves the queue until it is closed and empty.
    pub(crate) fn run(mut self, queue: &Queue<Job>, progress: &Progress, settings: Settings) {
        // If a command panics, nobody waits for ever.
        let _guard = Guard { queue, progress };
        loop {
            let waited = queue.wait(LOOK);
            self.reserve.look(self.reader.backend());
            let (job, place) = match waited {
                Waited::Job(job, place) => (job, place),
                Waited::Nothing => continue,
                Waited::Closed => return,
            };
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
        self.feed_rows.clear();
        let (commits, changes) = (self.commits.take_grown(), self.changes.take_grown());
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
        progress.set_log_octets(self.commits.log_octets());
        for (application, seq) in commits {
            progress.commits.publish(application, seq);
        }
        for (application, seq) in changes {
            progress.changes.publish(application, seq);
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
