//! What attempts teach about subscriptions without ending them: the largest body that one takes, that it was refused in a
//! way that proves nothing once, that it was accepted after that. Best effort: what is lost is learned again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{ApplicationId, MessageId, Outcome, SubscriptionId, Target};
use crate::observe::{Metrics, SubscriptionChange};
use crate::store::{Learned, Lesson, Removal, Store};
use crate::webpush::outcome::Signal;

use super::attempt::AttemptReport;
use super::core::Input;

/// Lessons that wait; more are dropped.
pub(super) const LESSONS_MAX: usize = 1_024;
/// Lessons that are written together.
const BATCH: usize = 256;
/// How long a lesson waits for others.
const INTERVAL: Duration = Duration::from_secs(1);

/// What an attempt teaches about its target.
pub(super) fn lesson(target: &Target, message: MessageId, report: &AttemptReport) -> Option<Lesson> {
    if target.inline {
        return None;
    }
    let (subscription, generation) = (target.id, target.generation);
    let learned = match (report.outcome, report.body_octets_max) {
        (Outcome::TooLarge, Some(octets)) if octets != target.body_octets_max => {
            Learned::BodyOctetsMax(octets)
        }
        (Outcome::Accepted, _) if target.refused_days > 0 => Learned::Accepted,
        _ if report.signal == Some(Signal::Suspect) => Learned::Refused(Removal {
            subscription,
            generation,
            outcome: report.outcome,
            http_status: report.http_status,
            message,
        }),
        (Outcome::Accepted, _) if target.refused_days > 0 => Learned::Accepted,
        _ => return None,
    };
    Some(Lesson { subscription, generation, learned })
}

#[derive(Debug)]
pub(super) struct Learner {
    pub(super) store: Arc<dyn Store>,
    pub(super) lessons: mpsc::Receiver<(ApplicationId, Lesson)>,
    pub(super) inputs: mpsc::Sender<Input>,
    /// Counts changes of subscriptions; see [`Input::SubscriptionChanged`].
    pub(super) changes: Arc<AtomicU64>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Learner {
    /// Learns until it is stopped.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        stop.run_until_cancelled_owned(self.learn()).await;
    }

    async fn learn(&mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.lessons.recv_many(&mut batch, BATCH).await > 0 {
            let mut by_application: BTreeMap<ApplicationId, Vec<Lesson>> = BTreeMap::new();
            for (application, lesson) in batch.drain(..) {
                by_application.entry(application).or_default().push(lesson);
            }
            for (application, lessons) in by_application {
                self.write(application, lessons).await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn write(&self, application: ApplicationId, lessons: Vec<Lesson>) {
        let changed: Vec<SubscriptionId> = lessons.iter().map(|lesson| lesson.subscription).collect();
        match self.store.learn(application, lessons).await {
            Ok(disabled) => {
                let disabled = u64::try_from(disabled.len()).unwrap_or(u64::MAX);
                self.metrics.subscriptions_changed(SubscriptionChange::Disabled, disabled);
                // Copies in memory do not know it yet.
                let change = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
                for subscription in changed {
                    // It fails only when the engine has stopped.
                    let _ = self.inputs.send(Input::SubscriptionChanged { subscription, change }).await;
                }
            }
            Err(error) => tracing::debug!(%error, "lessons about subscriptions were lost"),
        }
    }
}
