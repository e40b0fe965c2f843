//! Messages, deliveries, attempts, and what browsers report of them.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::{Durations, Metrics, Register, ages, local, round_trips};
use crate::domain::{DeliveryState, MessageKind, Outcome, ReceiptKind};
use crate::observe::labels::{AttemptLabels, DeliveryLabels, KindLabels, Name, ReceiptLabels, ServiceLabels};
use crate::webpush::push_service::PushService;

/// How deliveries end. What is not here is counted too, but does not begin at 0.
const ENDS: [(DeliveryState, &[Outcome]); 4] = [
    (DeliveryState::Accepted, &[Outcome::Accepted]),
    (
        DeliveryState::Failed,
        &[
            Outcome::Dropped,
            Outcome::Gone,
            Outcome::KeyMismatch,
            Outcome::CredentialsRefused,
            Outcome::TooLarge,
            Outcome::Rejected,
            Outcome::Blocked,
            Outcome::NotFound,
            Outcome::Disabled,
            Outcome::Internal,
        ],
    ),
    (
        DeliveryState::Expired,
        &[
            Outcome::Unspecified,
            Outcome::Throttled,
            Outcome::Unavailable,
            Outcome::Unreachable,
            Outcome::TimedOut,
            Outcome::CredentialsRefused,
        ],
    ),
    (DeliveryState::Cancelled, &[Outcome::Unspecified, Outcome::Superseded]),
];

/// What never comes of an attempt, since none is made.
const WITHOUT_ATTEMPT: [Outcome; 4] =
    [Outcome::Unspecified, Outcome::NotFound, Outcome::Disabled, Outcome::Superseded];

/// What becomes of a report.
const RECEIPT_RESULTS: [&str; 6] =
    ["recorded", "repeated", "too_late", "bad_token", "too_many", "unavailable"];

/// See the [module's documentation](self).
pub(super) struct DeliveryMetrics {
    messages_accepted: Family<KindLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    delivery_age: Durations<KindLabels>,
    send_start: Histogram,
    attempts: Family<AttemptLabels, Counter>,
    attempts_exhausted: Counter,
    attempt_duration: Durations<ServiceLabels>,
    receipts: Family<ReceiptLabels, Counter>,
}

impl DeliveryMetrics {
    /// All at zero, and registered.
    pub(super) fn new(register: &mut Register) -> Self {
        let metrics = Self {
            messages_accepted: register.add(
                "messages_accepted",
                "Messages accepted, durable from then on",
                Family::default(),
            ),
            deliveries: register.add(
                "deliveries",
                "Deliveries that ended, by terminal state and last outcome",
                Family::default(),
            ),
            delivery_age: register.seconds(
                "delivery_age",
                "From a message's acceptance to the end of a delivery",
                Family::new_with_constructor(ages as fn() -> Histogram),
            ),
            send_start: register.seconds(
                "send_start",
                "From a Send's acceptance being durable to the start of its first POST",
                local(),
            ),
            attempts: register.add(
                "delivery_attempts",
                "POSTs to push services, by what they came to",
                Family::default(),
            ),
            attempts_exhausted: register.add(
                "delivery_attempts_exhausted",
                "Attempts that were put off since this machine had no descriptors for a connection or a lookup",
                Counter::default(),
            ),
            attempt_duration: register.seconds(
                "delivery_attempt_duration",
                "From the start of a POST to its answer or failure",
                Family::new_with_constructor(round_trips as fn() -> Histogram),
            ),
            receipts: register.add("receipts", "Reports of browsers", Family::default()),
        };
        metrics.begin_at_zero();
        metrics
    }

    fn begin_at_zero(&self) {
        for kind in [MessageKind::Send, MessageKind::Broadcast].map(Name::from) {
            drop(self.messages_accepted.get_or_create(&KindLabels { kind }));
            drop(self.delivery_age.get_or_create(&KindLabels { kind }));
        }
        for (state, outcomes) in ENDS {
            for outcome in outcomes {
                let labels = DeliveryLabels { state: state.into(), outcome: (*outcome).into() };
                drop(self.deliveries.get_or_create(&labels));
            }
        }
        for push_service in PushService::ALL.map(Name::from) {
            drop(self.attempt_duration.get_or_create(&ServiceLabels { push_service }));
            for outcome in Outcome::ALL.into_iter().filter(|outcome| !WITHOUT_ATTEMPT.contains(outcome)) {
                drop(self.attempts.get_or_create(&AttemptLabels { outcome: outcome.into(), push_service }));
            }
        }
        for kind in ReceiptKind::ALL {
            for result in RECEIPT_RESULTS {
                let labels = ReceiptLabels { kind: kind.into(), result: result.into() };
                drop(self.receipts.get_or_create(&labels));
            }
        }
    }
}

impl Metrics {
    /// A message was accepted.
    pub fn message_accepted(&self, kind: MessageKind) {
        self.of_deliveries.messages_accepted.get_or_create(&KindLabels { kind: kind.into() }).inc();
    }

    /// A delivery ended, so long after its message was accepted.
    pub fn delivery_ended(&self, kind: MessageKind, state: DeliveryState, outcome: Outcome, age: Duration) {
        let labels = DeliveryLabels { state: state.into(), outcome: outcome.into() };
        self.of_deliveries.deliveries.get_or_create(&labels).inc();
        self.of_deliveries
            .delivery_age
            .get_or_create(&KindLabels { kind: kind.into() })
            .observe(age.as_secs_f64());
    }

    /// The first POST of a Send started, so long after its acceptance was durable.
    pub fn send_started(&self, wait: Duration) {
        self.of_deliveries.send_start.observe(wait.as_secs_f64());
    }

    /// An attempt ended.
    pub fn attempt_ended(&self, service: PushService, outcome: Outcome, duration: Duration) {
        let labels = AttemptLabels { outcome: outcome.into(), push_service: service.into() };
        self.of_deliveries.attempts.get_or_create(&labels).inc();
        let labels = ServiceLabels { push_service: service.into() };
        self.of_deliveries.attempt_duration.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// An attempt was put off, since this machine lacks what it takes. Answers how many have been.
    #[must_use]
    pub fn attempt_exhausted(&self) -> u64 {
        self.of_deliveries.attempts_exhausted.inc() + 1
    }

    /// A browser reported; `result` is one of the names that `docs/metrics.md` lists.
    pub fn receipt(&self, kind: ReceiptKind, result: &'static str) {
        let labels = ReceiptLabels { kind: kind.into(), result: result.into() };
        self.of_deliveries.receipts.get_or_create(&labels).inc();
    }
}
