//! What waits for the writer: bounded, by class.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::StoreError;

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody waits for it: accepts, and commits with the outcome of a Send.
    Urgent,
    /// Other commits, and planning.
    Commit,
    /// Subscriptions, applications, keys, tokens.
    Record,
    /// Subscriptions of an import.
    Import,
    /// The reaper.
    Reap,
}

const CLASSES: [Class; 5] = [Class::Urgent, Class::Commit, Class::Record, Class::Import, Class::Reap];

/// Every so many jobs, one is taken from the next class in turn, so that none waits for ever.
const TURN_JOBS: u64 = 8;

/// Something for the writer to do, with the place in the queue that it takes until it is done.
struct Queued<J> {
    job: J,
    permit: OwnedSemaphorePermit,
}

struct Waiting<J> {
    jobs: [VecDeque<Queued<J>>; CLASSES.len()],
    taken: u64,
    closed: bool,
}

/// What waiting for a job came to.
#[derive(Debug)]
pub(crate) enum Waited<J> {
    /// A job, and its place in the queue.
    Job(J, OwnedSemaphorePermit),
    /// None came in time.
    Nothing,
    /// The queue is closed and empty.
    Closed,
}

/// Jobs by class; those of one class leave in the order in which they came.
pub(crate) struct Queue<J> {
    waiting: Mutex<Waiting<J>>,
    filled: Condvar,
    places: [Arc<Semaphore>; CLASSES.len()],
}

impl<J> std::fmt::Debug for Queue<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

impl<J> Queue<J> {
    /// A queue with `length` places for each class.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                jobs: [const { VecDeque::new() }; CLASSES.len()],
                taken: 0,
                closed: false,
            }),
            filled: Condvar::new(),
            places: [(); CLASSES.len()].map(|()| Arc::new(Semaphore::new(length))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place and queues the job.
    pub(crate) async fn push(&self, class: Class, job: J) -> Result<(), StoreError> {
        let place = Arc::clone(&self.places[class as usize]);
        let permit = place.acquire_owned().await.map_err(|_| closed())?;
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(closed());
        }
        waiting.jobs[class as usize].push_back(Queued { job, permit });
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// The next job, if one waits.
    pub(crate) fn next(&self) -> Option<(J, OwnedSemaphorePermit)> {
        Self::take(&mut self.lock())
    }

    /// Waits for the next job, but no longer than so.
    pub(crate) fn wait(&self, at_most: Duration) -> Waited<J> {
        let is_idle =
            |waiting: &mut Waiting<J>| !waiting.closed && waiting.jobs.iter().all(VecDeque::is_empty);
        let waited = self.filled.wait_timeout_while(self.lock(), at_most, is_idle);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match Self::take(&mut waiting) {
            Some((job, place)) => Waited::Job(job, place),
            None if waiting.closed => Waited::Closed,
            None => Waited::Nothing,
        }
    }

    fn take(waiting: &mut Waiting<J>) -> Option<(J, OwnedSemaphorePermit)> {
        waiting.taken += 1;
        let turn = waiting.taken / TURN_JOBS;
        let first =
            if waiting.taken.is_multiple_of(TURN_JOBS) { (turn % CLASSES.len() as u64) as usize } else { 0 };
        let classes = (0..CLASSES.len()).map(|class| (first + class) % CLASSES.len());
        let class = classes.into_iter().find(|class| !waiting.jobs[*class].is_empty())?;
        waiting.jobs[class].pop_front().map(|queued| (queued.job, queued.permit))
    }

    /// Refuses what comes from now on; what waits is still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.places.iter().for_each(|places| places.close());
        self.filled.notify_all();
    }

    /// Refuses what comes, and drops what waits.
    pub(crate) fn abandon(&self) {
        self.close();
        let jobs = std::mem::take(&mut self.lock().jobs);
        drop(jobs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn serves_by_class_and_starves_none() {
        let queue = Queue::new(100);
        for number in 0..40 {
            queue.push(Class::Urgent, ("urgent", number)).await.unwrap();
        }
        for number in 0..3 {
            queue.push(Class::Reap, ("reap", number)).await.unwrap();
            queue.push(Class::Commit, ("commit", number)).await.unwrap();
            queue.push(Class::Import, ("import", number)).await.unwrap();
        }
        let served: Vec<_> = std::iter::from_fn(|| queue.next().map(|(job, _)| job)).collect();
        assert_eq!(served.len(), 49);
        assert!(served[..7].iter().all(|(class, _)| *class == "urgent"));
        let first = |class| served.iter().position(|(served, _)| *served == class).unwrap();
        assert!(first("commit") < 16 && first("import") < 32 && first("reap") < 40, "{served:?}");
        for class in ["urgent", "commit", "import", "reap"] {
            let numbers: Vec<_> = served.iter().filter(|(served, _)| *served == class).collect();
            assert!(numbers.is_sorted(), "{numbers:?}");
        }
    }

    #[tokio::test]
    async fn is_bounded_for_each_class() {
        let queue = Queue::new(1);
        queue.push(Class::Reap, 1).await.unwrap();
        let mut second = Box::pin(queue.push(Class::Reap, 2));
        assert!(futures_util::poll!(&mut second).is_pending());
        queue.push(Class::Urgent, 3).await.unwrap();
        let (job, permit) = queue.next().unwrap();
        assert_eq!(job, 3);
        drop(permit);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(queue.next());
        second.await.unwrap();
    }

    #[tokio::test]
    async fn refuses_when_closed_and_ends_when_empty() {
        let queue = Queue::new(2);
        queue.push(Class::Record, 1).await.unwrap();
        queue.close();
        assert!(queue.push(Class::Record, 2).await.is_err());
        assert!(matches!(queue.wait(Duration::MAX), Waited::Job(1, _)));
        assert!(matches!(queue.wait(Duration::MAX), Waited::Closed));
    }

    #[test]
    fn waits_no_longer_than_it_is_told() {
        let queue: Queue<()> = Queue::new(1);
        assert!(matches!(queue.wait(Duration::from_millis(1)), Waited::Nothing));
    }
}
