//! A message is accepted: made durable, and handed on to whom it concerns.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use crate::domain::{Application, CalledBy, MessageKind, MessageSpec, Stop, Timestamp};
use crate::failpoint::failpoint;
use crate::store::{Accepted, NewMessage, StoreError};

use super::core::{ActiveMessage, Input};
use super::journal;
use super::plan::PlanJob;
use super::schedule::{Order, Scheduled};
use super::{Engine, Recipients};

/// A message to accept.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Send or Broadcast.
    pub kind: MessageKind,
    /// What and how.
    pub spec: MessageSpec,
    /// To whom: the recipient of a Send, or targets that were looked up, at least one; an audience for a Broadcast.
    pub recipients: Recipients,
    /// The caller's key for the request; empty for none.
    pub request_id: String,
    /// Of the request in canonical form.
    pub request_hash: [u8; 32],
    /// When its sending starts; `None`, or a time that has passed: at once. Its ttl counts from then.
    pub start: Option<Timestamp>,
    /// Of collapse key and recipient or audience: of messages with the same, only the one that started last is delivered.
    pub collapse: Option<[u8; 16]>,
    /// Who sends it.
    pub caller: Option<CalledBy>,
    /// [`Engine::changes`] from before the targets were looked up: what changed since is looked up again. 0 if that is not
    /// known, or there are none.
    pub as_of: u64,
}

/// Why a message was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// This server stops.
    #[error("this server is stopping")]
    Draining,
    /// `engine.max_messages` have not ended.
    #[error("too many messages have not ended")]
    TooManyMessages,
    /// `engine.max_waiting_deliveries` have not ended, or would not with this message.
    #[error("too many deliveries have not ended")]
    TooManyDeliveries,
    /// `retention.log_octets_max` octets of events are kept.
    #[error("the log of events is full")]
    LogFull,
    /// What the store says, [`StoreError::RequestIdReused`] among it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Accepts a message: durable when this returns, and on its way. It is to be run to its end, as a task: one that is
    /// dropped half-way may leave a message that is durable and begins only with the next start.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(
        &self,
        application: &Arc<Application>,
        submission: Submission,
    ) -> Result<Accepted, SubmitError> {
        if self.draining.is_cancelled() {
            return Err(SubmitError::Draining);
        }
        if self.load().messages + self.scheduled.load(Ordering::SeqCst) >= self.max_messages {
            return Err(SubmitError::TooManyMessages);
        }
        if self.store.log_octets() >= self.log_octets_max {
            return Err(SubmitError::LogFull);
        }
        let Submission { kind, spec, recipients, request_id, request_hash, start, collapse, caller, as_of } =
            submission;
        let spec = Arc::new(spec);
        let (recipients, targets_estimate) = self.within_bounds(application, recipients).await?;
        let to_plan = matches!(recipients, Recipients::Audience(_));
        let start = start.filter(|start| *start > self.clock.now());
        let new = NewMessage {
            application: application.id,
            kind,
            spec: Arc::clone(&spec),
            recipients,
            request_id,
            request_hash,
            targets_estimate,
            start,
            collapse,
            caller,
        };
        let mut accepted = self.store.accept(new).await?;
        let durable_at = Instant::now();
        failpoint("accepted");
        if accepted.replayed {
            return Ok(accepted);
        }
        self.metrics.message_accepted(kind);
        journal::accepted(&application.name, &accepted.record.status);
        if let Some(message) = accepted.superseded {
            self.input(Input::MessageStopped { message, reason: Stop::Superseded }).await;
        }
        let status = &accepted.record.status;
        let message = Arc::new(ActiveMessage {
            application: Arc::clone(application),
            id: status.id,
            kind,
            spec,
            expires: status.expires,
            durable_at: start.is_none().then_some(durable_at),
            waiting: status.counts.targets,
            stop: OnceLock::new(),
        });
        if let Some(start) = start {
            self.schedule(Scheduled { message, start, to_plan }).await;
            return Ok(accepted);
        }
        self.input(Input::Message(Arc::clone(&message))).await;
        for page in accepted.pages.drain(..) {
            self.input(Input::PageWritten { page, as_of }).await;
        }
        if to_plan {
            // It fails only when the engine has stopped; then the next start plans it.
            let _ = self.plan_jobs.send(PlanJob::new(message)).await;
        }
        Ok(accepted)
    }

    /// The recipients, and about how many they are: no more than may still wait.
    async fn within_bounds(
        &self,
        application: &Application,
        recipients: Recipients,
    ) -> Result<(Recipients, u32), SubmitError> {
        let most = self.max_waiting_deliveries.saturating_sub(self.load().waiting_deliveries);
        let (recipients, targets_estimate) = match recipients {
            Recipients::Named { recipient, targets_max, room } => {
                let room = room.min(u32::try_from(most).unwrap_or(u32::MAX));
                // One at least; the store counts them.
                (Recipients::Named { recipient, targets_max, room }, 1)
            }
            Recipients::Targets(targets) => {
                let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
                (Recipients::Targets(targets), count)
            }
            Recipients::Audience(audience) => {
                let estimate = self.store.estimate(application.id, &audience).await?;
                (Recipients::Audience(audience), estimate)
            }
        };
        if u64::from(targets_estimate) > most {
            return Err(SubmitError::TooManyDeliveries);
        }
        Ok((recipients, targets_estimate))
    }

    /// Has a message wait for its start.
    pub(super) async fn schedule(&self, scheduled: Scheduled) {
        self.scheduled.fetch_add(1, Ordering::SeqCst);
        // It fails only when the engine has stopped: the next start finds it.
        let _ = self.orders.send(Order::Add(scheduled)).await;
    }
}
