//! Receipts on their way from browsers to the log. One task records what has come together; while it waits for a sync,
//! more gather. Everything is bounded: what waits, and how many come in a second, from all browsers and from one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::receipt_token::{ReceiptTokens, Ticket, UserMark};
use crate::domain::limits::RECEIPT_ACTION_OCTETS_MAX;
use crate::domain::{ApplicationId, Clock, Receipt, ReceiptKind, Report, SubscriptionId, Timestamp, text};
use crate::observe::Metrics;
use crate::store::{Received, Store, StoreError};

/// Receipts that wait to be recorded.
const WAITING_MAX: usize = 4_096;
/// Receipts that are recorded together.
const TOGETHER_MAX: usize = 512;
/// Groups into which subscriptions are hashed to tell who reports too often.
const SHARES: usize = 4_096;
/// Reports that one group may make in a second.
const SHARE_PER_SECOND: u32 = 50;
/// How far a browser's clock may be ahead and still be believed.
const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Section `[receipts]` of the configuration, but for its listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptSettings {
    /// How long after a message's ttl receipts of it are taken. 7 days by default.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// Receipts that are taken in a second, over all browsers. 10,000 by default.
    pub max_per_second: u32,
}

impl Default for ReceiptSettings {
    fn default() -> Self {
        Self { window: Duration::from_secs(7 * 24 * 3_600), max_per_second: 10_000 }
    }
}

/// What a browser says.
#[derive(Clone, Debug)]
pub struct BrowserReport {
    /// From the payload.
    pub token: String,
    /// What it did.
    pub kind: ReceiptKind,
    /// Which action was clicked; without what controls ([`text::cleaned`]), and cut to [`RECEIPT_ACTION_OCTETS_MAX`].
    pub action: String,
    /// When, by its clock; passed over where that cannot be.
    pub occurred: Option<Timestamp>,
}

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The token is none of this server.
    #[error("the token is not one of this server")]
    Token,
    /// The time for receipts of the message is over, or the message is not there any more.
    #[error("receipts of that message are not taken any more")]
    TooLate,
    /// Too many come, or too many from this browser.
    #[error("too many receipts: try again later")]
    TooMany,
    /// The store cannot write, or this server stops.
    #[error("receipts cannot be recorded at present")]
    Unavailable,
}

/// A receipt that waits to be recorded.
#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    report: Report,
    answer: oneshot::Sender<Result<Received, StoreError>>,
}

/// Takes reports.
#[derive(Debug)]
pub(super) struct Desk {
    tokens: ReceiptTokens,
    clock: Arc<dyn Clock>,
    limiter: Mutex<Limiter>,
    waiting: mpsc::Sender<Waiting>,
    metrics: Arc<Metrics>,
}

impl Desk {
    pub(super) fn new(
        tokens: ReceiptTokens,
        clock: Arc<dyn Clock>,
        settings: &ReceiptSettings,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (waiting, received) = mpsc::channel(WAITING_MAX);
        let limiter = Mutex::new(Limiter::new(settings.max_per_second));
        (Self { tokens, clock, limiter, waiting, metrics }, record(store, received, stop))
    }

    /// Takes a report: durable when this returns. One that was taken before is not counted again.
    pub(super) async fn report(&self, report: BrowserReport) -> Result<(), ReportError> {
        let kind = report.kind;
        let taken = self.take(report).await;
        self.metrics.receipt(kind, result(&taken));
        taken.map(|_| ())
    }

    fn allows(&self, delivery: SubscriptionId) -> bool {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.allows(delivery, Instant::now())
    }

    async fn take(&self, report: BrowserReport) -> Result<Received, ReportError> {
        let BrowserReport { token, kind, mut action, occurred } = report;
        let ticket = self.tokens.read(&token).ok_or(ReportError::Token)?;
        let now = self.clock.now();
        if now > ticket.expires {
            return Err(ReportError::TooLate);
        }
        if !self.allows(ticket.delivery) {
            return Err(ReportError::TooMany);
        }
        if action.contains(text::is_control) {
            action = text::cleaned(&action).into_owned();
        }
        while action.len() > RECEIPT_ACTION_OCTETS_MAX {
            action.pop();
        }
        let occurred = occurred.filter(|time| *time <= now.plus(CLOCK_AHEAD_MAX));
        let report = Report { kind, action, time: now, occurred };
        let (answer, answered) = oneshot::channel();
        self.waiting.try_send(Waiting { ticket, report, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ReportError::TooMany,
            mpsc::error::TrySendError::Closed(_) => ReportError::Unavailable,
        })?;
        match answered.await {
            Ok(Ok(Received::TooLate)) => Err(ReportError::TooLate),
            Ok(Ok(received)) => Ok(received),
            Ok(Err(_)) | Err(_) => Err(ReportError::Unavailable),
        }
    }
}

/// The name in metrics.
fn result(taken: &Result<Received, ReportError>) -> &'static str {
    match taken {
        Ok(Received::Recorded) => "recorded",
        Ok(Received::Repeated) => "repeated",
        Ok(Received::TooLate) | Err(ReportError::TooLate) => "too_late",
        Err(ReportError::Token) => "bad_token",
        Err(ReportError::TooMany) => "too_many",
        Err(ReportError::Unavailable) => "unavailable",
    }
}

/// Records what waits, until `stop`.
async fn record(store: Arc<dyn Store>, mut waiting: mpsc::Receiver<Waiting>, stop: CancellationToken) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while let Some(1..) = stop.run_until_cancelled(waiting.recv_many(&mut together, TOGETHER_MAX)).await {
        let mut applications: HashMap<ApplicationId, Vec<Waiting>> = HashMap::new();
        for waiting in together.drain(..) {
            applications.entry(waiting.ticket.application).or_default().push(waiting);
        }
        for (application, waiting) in applications {
            record_all(&*store, application, waiting).await;
        }
    }
}

async fn record_all(store: &dyn Store, application: ApplicationId, waiting: Vec<Waiting>) {
    let received = match receipts(store, application, &waiting).await {
        Ok(receipts) => store.receive(application, receipts).await,
        Err(error) => Err(error),
    };
    match received {
        Ok(received) => {
            for (waiting, received) in waiting.into_iter().zip(received) {
                // Who asked may have gone.
                let _ = waiting.answer.send(Ok(received));
            }
        }
        Err(error) => {
            tracing::warn!(%error, receipts = waiting.len(), "receipts could not be recorded");
            for waiting in waiting {
                let _ = waiting.answer.send(Err(StoreError::Unavailable(error.to_string())));
            }
        }
    }
}

/// With the users, as subscriptions have them now: one that changed hands since names none.
async fn receipts(
    store: &dyn Store,
    application: ApplicationId,
    waiting: &[Waiting],
) -> Result<Vec<Receipt>, StoreError> {
    let ids: Vec<SubscriptionId> = waiting.iter().map(|waiting| waiting.ticket.delivery).collect();
    let targets = store.targets(application, &ids).await?;
    let receipts = waiting.iter().zip(targets).map(|(Waiting { ticket, report, .. }, target)| {
        let user_id = target.map(|target| target.user_id).unwrap_or_default();
        let same = UserMark::of(&user_id) == ticket.user;
        Receipt {
            message: ticket.message,
            delivery: ticket.delivery,
            inline: ticket.inline,
            user_id: if same { user_id } else { String::new() },
            report: report.clone(),
        }
    });
    Ok(receipts.collect())
}

/// Counts by the second.
#[derive(Debug)]
struct Limiter {
    max_per_second: u32,
    second: Instant,
    all: u32,
    shares: Box<[u32]>,
}

impl Limiter {
    fn new(max_per_second: u32) -> Self {
        Self { max_per_second, second: Instant::now(), all: 0, shares: vec![0; SHARES].into() }
    }

    fn allows(&mut self, delivery: SubscriptionId, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.all) = (now, 0);
            self.shares.fill(0);
        }
        let [.., a, b] = delivery.0;
        let share = &mut self.shares[usize::from(u16::from_be_bytes([a, b])) % SHARES];
        if self.all >= self.max_per_second || *share >= SHARE_PER_SECOND {
            return false;
        }
        self.all += 1;
        *share += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn limits_all_and_each() {
        let mut limiter = Limiter::new(120);
        let (one, other) = (SubscriptionId([1; 16]), SubscriptionId([2; 16]));
        let allowed =
            |limiter: &mut Limiter, id| (0..200).filter(|_| limiter.allows(id, Instant::now())).count();
        assert_eq!(allowed(&mut limiter, one), 50);
        assert_eq!(allowed(&mut limiter, other), 50);
        assert_eq!(allowed(&mut limiter, SubscriptionId([3; 16])), 20);
        assert_eq!(allowed(&mut limiter, SubscriptionId([4; 16])), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(allowed(&mut limiter, one), 50);
    }
}
