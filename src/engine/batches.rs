//! Makes attempts and reports what came of them. Those of broadcasts are encrypted and posted several at a time: requests
//! that are handed over together leave in one write to the connection, and their answers come together too. A write is
//! what a push costs most after its encryption.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{AttemptReport, Attempter, Prepared, Unprepared};
use super::core::{Attempt, Input};
use super::learn;
use crate::domain::{ApplicationId, MessageKind, Outcome};
use crate::failpoint::failpoint;
use crate::store::Lesson;

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
    pub(super) lessons: mpsc::Sender<(ApplicationId, Lesson)>,
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
            let mut ready = Vec::with_capacity(attempts.len());
            for (number, attempt) in attempts.drain(..).enumerate() {
                if number > 0 && number % ENCRYPTIONS_IN_A_ROW == 0 {
                    tokio::task::yield_now().await;
                }
                if let Ok(token) = self.attempter.token_at_hand(&attempt) {
                    let prepare = || self.attempter.prepare(&attempt, token);
                    let prepared = catch_unwind(AssertUnwindSafe(prepare));
                    ready.push((attempt, prepared.ok()));
                } else {
                    // The others don't wait until its token is signed and stored.
                    self.spawn(Arc::clone(&self).sign_first(attempt));
                }
            }
            self.spawn(Arc::clone(&self).post(ready));
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

    /// Posts what was prepared; `None` for what panicked.
    async fn post(self: Arc<Self>, ready: Vec<(Attempt, Option<Result<Prepared, Unprepared>>)>) {
        let posts = ready.into_iter().map(|(attempt, prepared)| async {
            let report = match prepared {
                Some(Ok(prepared)) => {
                    AssertUnwindSafe(self.attempter.deliver(&attempt, prepared)).catch_unwind().await.ok()
                }
                Some(Err(unprepared)) => Some(unprepared.report()),
                None => None,
            };
            self.ended(attempt, report).await;
        });
        posts.collect::<FuturesUnordered<_>>().collect::<()>().await;
    }

    /// Reports; `None`: it panicked.
    async fn ended(&self, attempt: Attempt, report: Option<AttemptReport>) {
        let report = report.unwrap_or_else(|| {
            tracing::error!(message = %attempt.message.id, "an attempt panicked; its delivery fails");
            AttemptReport::failed(Outcome::Internal, "", None)
        });
        failpoint("answered");
        if let Some(lesson) = learn::lesson(&attempt.target, attempt.message.id, &report) {
            // Dropped when too many wait: it will be learned again.
            let _ = self.lessons.try_send((attempt.message.application.id, lesson));
        }
        // It fails only when the engine has stopped.
        let _ = self.reports.send(Input::AttemptEnded { entry: attempt.entry, report }).await;
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(work).map(|_| ()));
    }
}
