//! What attempts teach about subscriptions without ending them: the largest body that one takes, that it was refused in a
//! way that proves nothing once, that it was accepted after that; and, once a day, that it was accepted at all. Best effort:
//! what is lost is learned again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::{ApplicationId, MessageId, Outcome, SubscriptionId, Target, Timestamp};
use crate::observe::{Metrics, SubscriptionChange};
use crate::store::{Learned, Lesson, Removal, Store};
use crate::webpush::outcome::Signal;

use super::attempt::AttemptReport;
use super::core::Input;

/// Lessons that wait; more are dropped.
const LESSONS_MAX: usize = 1_024;
/// Lessons that are written together.
const BATCH: usize = 256;
/// How long a lesson waits for others.
const INTERVAL: Duration = Duration::from_secs(1);

/// Subscriptions whose acceptance is to be noted; more are dropped, and their next acceptance is offered again. 24 octets
/// each.
const ACCEPTANCES_MAX: usize = 65_536;
/// Acceptances that are noted each second at most: the first broadcast to a large audience is not slowed down by them.
const ACCEPTANCES_EACH_SECOND: usize = 256;

/// Where attempts leave what they taught.
#[derive(Debug)]
pub(super) struct Lessons {
    lessons: mpsc::Sender<(ApplicationId, Lesson)>,
    acceptances: mpsc::Sender<Acceptance>,
}

/// What is left for a [`Learner`] to write down.
#[derive(Debug)]
pub(super) struct Lectures {
    lessons: mpsc::Receiver<(ApplicationId, Lesson)>,
    acceptances: mpsc::Receiver<Acceptance>,
}

/// A subscription was accepted, of which nothing else is to be learned.
#[derive(Clone, Copy, Debug)]
struct Acceptance {
    application: ApplicationId,
    subscription: SubscriptionId,
    generation: u32,
}

impl Lessons {
    pub(super) fn channel() -> (Self, Lectures) {
        let (lessons, lessons_received) = mpsc::channel(LESSONS_MAX);
        let (acceptances, acceptances_received) = mpsc::channel(ACCEPTANCES_MAX);
        let lectures = Lectures { lessons: lessons_received, acceptances: acceptances_received };
        (Self { lessons, acceptances }, lectures)
    }

    /// Takes what an attempt taught. Dropped when too many wait: it will be learned again.
    pub(super) fn take(
        &self,
        application: ApplicationId,
        target: &Target,
        message: MessageId,
        report: &AttemptReport,
        now: Timestamp,
    ) {
        let (subscription, generation) = (target.id, target.generation);
        match taught(target, message, report, now) {
            Some(Taught::Lesson(learned)) => {
                let lesson = Lesson { subscription, generation, learned };
                let _ = self.lessons.try_send((application, lesson));
            }
            // Those never noted find place before those that are noted anew.
            Some(Taught::Acceptance { known })
                if !known || self.acceptances.capacity() > ACCEPTANCES_MAX / 2 =>
            {
                let _ = self.acceptances.try_send(Acceptance { application, subscription, generation });
            }
            Some(Taught::Acceptance { .. }) | None => {}
        }
    }
}

/// What an attempt taught that is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taught {
    /// To be written soon.
    Lesson(Learned),
    /// It was accepted, and nothing else is to be learned: `known`, if an acceptance was noted before.
    Acceptance { known: bool },
}

/// What an attempt teaches about its target. Each outcome has one arm, so that none stands in another's way.
fn taught(target: &Target, message: MessageId, report: &AttemptReport, now: Timestamp) -> Option<Taught> {
    if target.inline {
        return None;
    }
    match report.verdict.outcome {
        Outcome::Accepted if target.refused_days > 0 => Some(Taught::Lesson(Learned::Accepted)),
        Outcome::Accepted => target
            .acceptance_is_news(now)
            .then_some(Taught::Acceptance { known: target.accepted_last > Timestamp::default() }),
        Outcome::TooLarge => {
            let octets = report.verdict.body_octets_max.filter(|octets| *octets != target.body_octets_max)?;
            Some(Taught::Lesson(Learned::BodyOctetsMax(octets)))
        }
        Outcome::Rejected => {
            report.verdict.signal.filter(|signal| *signal == Signal::Suspect)?;
            Some(Taught::Lesson(Learned::Refused(Removal {
                subscription: target.id,
                generation: target.generation,
                outcome: report.verdict.outcome,
                http_status: report.http_status,
                message,
            })))
        }
        Outcome::Unspecified
        | Outcome::Dropped
        | Outcome::Gone
        | Outcome::Throttled
        | Outcome::Unavailable
        | Outcome::Unreachable
        | Outcome::TimedOut
        | Outcome::KeyMismatch
        | Outcome::CredentialsRefused
        | Outcome::Blocked
        | Outcome::NotFound
        | Outcome::Disabled
        | Outcome::Internal
        | Outcome::Superseded => None,
    }
}

#[derive(Debug)]
pub(super) struct Learner {
    pub(super) store: Arc<dyn Store>,
    pub(super) lectures: Lectures,
    pub(super) inputs: mpsc::Sender<Input>,
    /// Counts changes of subscriptions; see [`Input::SubscriptionChanged`].
    pub(super) changes: Arc<AtomicU64>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

impl Learner {
    /// Learns until it is stopped.
    pub(super) async fn run(self) {
        let Lectures { mut lessons, mut acceptances } = self.lectures;
        let writer =
            Writer { store: self.store, inputs: self.inputs, changes: self.changes, metrics: self.metrics };
        let learning = async { tokio::join!(writer.learn(&mut lessons), writer.note(&mut acceptances)) };
        self.stop.run_until_cancelled_owned(learning).await;
    }
}

/// Writes down what was learned.
struct Writer {
    store: Arc<dyn Store>,
    inputs: mpsc::Sender<Input>,
    changes: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

impl Writer {
    async fn learn(&self, lessons: &mut mpsc::Receiver<(ApplicationId, Lesson)>) {
        let mut batch = Vec::with_capacity(BATCH);
        while lessons.recv_many(&mut batch, BATCH).await > 0 {
            for (application, lessons) in by_application(batch.drain(..)) {
                self.write(application, lessons).await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Attempts that have not started need not know of it: copies in memory stay as they are.
    async fn note(&self, acceptances: &mut mpsc::Receiver<Acceptance>) {
        let mut batch = Vec::with_capacity(ACCEPTANCES_EACH_SECOND);
        while acceptances.recv_many(&mut batch, ACCEPTANCES_EACH_SECOND).await > 0 {
            let lessons = batch.drain(..).map(|Acceptance { application, subscription, generation }| {
                (application, Lesson { subscription, generation, learned: Learned::Accepted })
            });
            for (application, lessons) in by_application(lessons) {
                if let Err(error) = self.store.learn(application, lessons).await {
                    tracing::debug!(%error, "acceptances were not noted");
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
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

fn by_application(
    lessons: impl Iterator<Item = (ApplicationId, Lesson)>,
) -> BTreeMap<ApplicationId, Vec<Lesson>> {
    let mut by_application = BTreeMap::<_, Vec<_>>::new();
    for (application, lesson) in lessons {
        by_application.entry(application).or_default().push(lesson);
    }
    by_application
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::ACCEPTED_NOTED_EVERY;
    use crate::domain::{
        ContentEncoding, Endpoint, OriginId, SubscriptionKeys, SubscriptionState, VapidKeyId,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MESSAGE: MessageId = MessageId([7; 16]);

    fn target() -> Target {
        Target {
            id: SubscriptionId([1; 16]),
            inline: false,
            generation: 3,
            endpoint: Endpoint::parse("https://push.example.net/p", false).unwrap(),
            origin: OriginId(1),
            keys: SubscriptionKeys { p256dh: [4; 65], auth: [0; 16] },
            encoding: ContentEncoding::Aes128Gcm,
            vapid_key: VapidKeyId(1),
            subscribed: NOW,
            expires: None,
            state: SubscriptionState::Active,
            user_id: String::new(),
            body_octets_max: 0,
            refused_days: 0,
            refused_last: Timestamp::default(),
            accepted_last: NOW,
        }
    }

    fn of(target: &Target, report: &AttemptReport) -> Option<Taught> {
        taught(target, MESSAGE, report, NOW)
    }

    #[test]
    fn an_acceptance_clears_refusals_and_is_noted_once_a_day() {
        let accepted = AttemptReport::failed(Outcome::Accepted, "", None);
        assert_eq!(of(&target(), &accepted), None, "it is known");
        let long_ago = Target { accepted_last: NOW.minus(ACCEPTED_NOTED_EVERY), ..target() };
        assert_eq!(of(&long_ago, &accepted), Some(Taught::Acceptance { known: true }));
        let never = Target { accepted_last: Timestamp::default(), ..target() };
        assert_eq!(of(&never, &accepted), Some(Taught::Acceptance { known: false }));
        let refused = Target { refused_days: 1, ..never };
        assert_eq!(of(&refused, &accepted), Some(Taught::Lesson(Learned::Accepted)));
        assert_eq!(of(&Target { inline: true, ..refused }, &accepted), None, "it is not stored");
    }

    #[test]
    fn a_limit_is_learned_once() {
        let mut too_large = AttemptReport::failed(Outcome::TooLarge, "", None);
        assert_eq!(of(&target(), &too_large), None, "the service does not tell");
        too_large.verdict.body_octets_max = Some(3_000);
        assert_eq!(of(&target(), &too_large), Some(Taught::Lesson(Learned::BodyOctetsMax(3_000))));
        assert_eq!(of(&Target { body_octets_max: 3_000, ..target() }, &too_large), None);
    }

    #[test]
    fn only_a_refusal_that_proves_nothing_counts_a_day() {
        let mut rejected = AttemptReport::failed(Outcome::Rejected, "", None);
        assert_eq!(of(&target(), &rejected), None);
        rejected.verdict.signal = Some(Signal::Redirected);
        assert_eq!(of(&target(), &rejected), None);
        rejected.verdict.signal = Some(Signal::Suspect);
        let Some(Taught::Lesson(Learned::Refused(removal))) = of(&target(), &rejected) else {
            panic!("it is a refusal")
        };
        assert_eq!((removal.generation, removal.outcome, removal.message), (3, Outcome::Rejected, MESSAGE));
    }
}
