//! Recovery: taking up what an earlier run left.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use crate::domain::{Application, MessageId, MessageState};
use crate::failpoint::failpoint;
use crate::store::{OpenMessage, StoreError};

use super::Engine;
use super::core::{ActiveMessage, Input};
use super::plan::PlanJob;
use super::schedule::Scheduled;

impl Engine {
    /// Takes up messages, then the heads of their pages, then what is still to be planned. In this order: a page that is
    /// written while heads are read would be taken up twice. Pages behind a message's cursor go with its plan. What was
    /// stopped goes on ending; what waits for its start goes on waiting.
    pub(super) async fn recover(&self) -> Result<(), StoreError> {
        let open = self.store.open_messages().await?;
        let mut heads = self.store.page_heads().await?;
        let mut jobs = Vec::new();
        let mut scheduled: HashSet<MessageId> = HashSet::new();
        for open in open {
            let Some(application) = self.applications.by_id(open.application) else {
                tracing::error!(message_id = %open.status.id, "a message waits whose application is not there");
                continue;
            };
            let message = active(&application, &open);
            let id = message.id;
            if let (MessageState::Scheduled, Some(start)) = (open.status.state, open.status.start) {
                scheduled.insert(id);
                self.schedule(Scheduled { message, start, to_plan: open.plan.is_some() }).await;
                continue;
            }
            if let Some(plan) = open.plan {
                jobs.push(PlanJob::resume(&*self.store, Arc::clone(&message), plan, &mut heads).await?);
            }
            self.input(Input::Message(message)).await;
            failpoint("recovering-messages");
            if let Some(reason) = open.stop {
                self.input(Input::MessageStopped { message: id, reason }).await;
            }
        }
        for head in heads.into_iter().filter(|head| !scheduled.contains(&head.key.message)) {
            self.input(Input::PageFound(head)).await;
        }
        failpoint("recovering-plans");
        for job in jobs {
            // It fails only when the engine has stopped.
            let _ = self.plan_jobs.send(job).await;
        }
        Ok(())
    }
}

fn active(application: &Arc<Application>, open: &OpenMessage) -> Arc<ActiveMessage> {
    let counts = &open.status.counts;
    Arc::new(ActiveMessage {
        application: Arc::clone(application),
        id: open.status.id,
        kind: open.status.kind,
        spec: Arc::clone(&open.spec),
        expires: open.status.expires,
        waiting: counts.targets.saturating_sub(counts.terminal()),
        durable_at: None,
        stop: OnceLock::new(),
    })
}
