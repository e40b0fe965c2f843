//! Makes attempts and reports what came of them. Those of broadcasts are encrypted and posted several at a time: requests
//! that are handed over together leave in one write to the connection, and their answers come together too. A write is
//! what a push costs most after its encryption.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{AttemptReport, Attempter, Prepared, Unprepared};
use super::core::{Attempt, EntryRef, Input};
use super::learn::Lessons;
use crate::domain::{MessageKind, Outcome};
use crate::failpoint::failpoint;

/// Attempts that are posted together at most.
const BATCH: usize = 16;
/// Encryptions in a row before other tasks of the same core have their turn, a Send's above all.
const ENCRYPTIONS_IN_A_ROW: usize = 4;
/// Tasks that encrypt for broadcasts, for each core: a Send waits behind no more of them.
pub(super) const PREPARERS_EACH_CORE: usize = 2;

/// See the [module's documentation](self).
#[derive(Debug)]
pub(super) struct Batches {
    pub(super) attempter: Arc<Attempter>,
    pub(super) lessons: Lessons,
    pub(super) reports: mpsc::Sender<Input>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) preparers_max: usize,
    pub(super) waiting: Mutex<Waiting>,
}

/// Attempts of broadcasts that are still to be encrypted. Each is unsettled, which bounds them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    attempts: VecDeque<Attempt>,
    /// Tasks that encrypt them.
    preparers: usize,
}

/// An attempt and what is to be posted; `None`: preparing it panicked.
type Ready = (Attempt, Option<Result<Prepared, Unprepared>>);

impl Batches {
    /// Makes an attempt: a Send's at once, a broadcast's together with others.
    pub(super) fn make(self: &Arc<Self>, attempt: Attempt) {
        match attempt.message.kind {
            MessageKind::Send => self.spawn(Arc::clone(self).alone(attempt)),
            MessageKind::Broadcast => self.together(attempt),
        }
    }

    async fn alone(self: Arc<Self>, attempt: Attempt) {
        let report = AssertUnwindSafe(self.attempter.attempt(&attempt)).catch_unwind().await;
        self.ended(attempt, report.ok()).await;
    }

    fn together(self: &Arc<Self>, attempt: Attempt) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.attempts.push_back(attempt);
        // One more when those there are have their hands full.
        if waiting.preparers < self.preparers_max && waiting.attempts.len() > waiting.preparers * BATCH {
            waiting.preparers += 1;
            self.spawn(Arc::clone(self).prepare());
        }
    }

    /// Encrypts until nothing waits.
    async fn prepare(self: Arc<Self>) {
        let mut attempts = Vec::with_capacity(BATCH);
        loop {
            // Driver and Sends first; and while they have their turn, more may come.
            tokio::task::yield_now().await;
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let count = waiting.attempts.len().min(BATCH);
                attempts.extend(waiting.attempts.drain(..count));
                if attempts.is_empty() {
                    waiting.preparers -= 1;
                    return;
                }
            }
            // What goes out by one of the transport's threads, together.
            let mut ready: Vec<(Option<Handle>, Vec<Ready>)> = Vec::with_capacity(1);
            let most = attempts.len();
            for (number, attempt) in attempts.drain(..).enumerate() {
                if number > 0 && number % ENCRYPTIONS_IN_A_ROW == 0 {
                    tokio::task::yield_now().await;
                }
                if let Ok(token) = self.attempter.token_at_hand(&attempt) {
                    let prepare = || self.attempter.prepare(&attempt, token);
                    let prepared = catch_unwind(AssertUnwindSafe(prepare)).ok();
                    let place = self.attempter.transport.runtime(attempt.target.endpoint.origin());
                    let is_there =
                        |of: &(Option<Handle>, _)| of.0.as_ref().map(Handle::id) == place.map(Handle::id);
                    if let Some(group) = ready.iter_mut().find(|of| is_there(of)) {
                        group.1.push((attempt, prepared));
                    } else {
                        let mut group = Vec::with_capacity(most);
                        group.push((attempt, prepared));
                        ready.push((place.cloned(), group));
                    }
                } else {
                    // The others don't wait until its token is signed and stored.
                    self.spawn(Arc::clone(&self).sign_first(attempt));
                }
            }
            for (place, ready) in ready {
                let posting = self.until_stopped(Arc::clone(&self).post(ready));
                match place {
                    Some(place) => self.tasks.spawn_on(posting, &place),
                    None => self.tasks.spawn(posting),
                };
            }
        }
    }

    /// Makes the attempt together with others once there is a token for it.
    async fn sign_first(self: Arc<Self>, attempt: Attempt) {
        match AssertUnwindSafe(self.attempter.token(&attempt)).catch_unwind().await {
            Ok(Ok(_)) => self.together(attempt),
            Ok(Err(unprepared)) => self.ended(attempt, Some(unprepared.report())).await,
            Err(_) => self.ended(attempt, None).await,
        }
    }

    /// Posts what was prepared; `None` for what panicked. What ends together is reported together.
    async fn post(self: Arc<Self>, ready: Vec<Ready>) {
        let (most, batches) = (ready.len(), &*self);
        let posts = ready.into_iter().map(|(attempt, prepared)| async move {
            let report = match prepared {
                Some(Ok(prepared)) => {
                    let delivering = batches.attempter.deliver(&attempt, prepared);
                    AssertUnwindSafe(delivering).catch_unwind().await.ok()
                }
                Some(Err(unprepared)) => Some(unprepared.report()),
                None => None,
            };
            batches.end(&attempt, report)
        });
        let mut ended = posts.collect::<FuturesUnordered<_>>().ready_chunks(most.max(1));
        while let Some(ended) = ended.next().await {
            self.report(ended).await;
        }
    }

    async fn ended(&self, attempt: Attempt, report: Option<AttemptReport>) {
        let ended = self.end(&attempt, report);
        self.report(vec![ended]).await;
    }

    /// What an attempt came to; `None`: it panicked.
    fn end(&self, attempt: &Attempt, report: Option<AttemptReport>) -> (EntryRef, AttemptReport) {
        let report = report.unwrap_or_else(|| {
            tracing::error!(message_id = %attempt.message.id, "an attempt panicked; its delivery fails");
            AttemptReport::failed(Outcome::Internal, "", None)
        });
        failpoint("answered");
        let (application, message) = (attempt.message.application.id, attempt.message.id);
        let now = self.attempter.clock.now();
        self.lessons.take(application, &attempt.target, message, &report, now);
        (attempt.entry, report)
    }

    async fn report(&self, ended: Vec<(EntryRef, AttemptReport)>) {
        // It fails only when the engine has stopped.
        let _ = self.reports.send(Input::AttemptsEnded(ended)).await;
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.until_stopped(work));
    }

    fn until_stopped(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().run_until_cancelled_owned(work).map(|_| ())
    }
}
