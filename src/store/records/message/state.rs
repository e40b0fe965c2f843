//! Where a message stands.

use std::collections::BTreeMap;

use crate::domain::{
    DeliveryCounts, DeliveryState, MessageState, Outcome, ReceiptCounts, ReceiptKind, Stop, Timestamp,
};
use crate::store::{Plan, StoreError};

use super::super::{Record, numbers};

/// How far planning has come.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PlanValue {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) cursor: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub(crate) first_page: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) next_page: u32,
}

/// Where a message stands: rewritten by every commit that concerns it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StateValue {
    #[prost(uint32, tag = "1")]
    state: u32,
    /// Deliveries that are in pages or were missing.
    #[prost(uint32, tag = "2")]
    pub(crate) planned: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) retrying: u32,
    #[prost(uint32, tag = "4")]
    accepted: u32,
    #[prost(uint32, tag = "5")]
    failed: u32,
    #[prost(uint32, tag = "6")]
    expired: u32,
    #[prost(uint32, tag = "7")]
    cancelled: u32,
    /// Terminal events by the number of their outcome.
    #[prost(uint32, repeated, tag = "8")]
    outcomes: Vec<u32>,
    /// None when planning is done.
    #[prost(message, optional, tag = "9")]
    pub(crate) plan: Option<PlanValue>,
    #[prost(uint64, tag = "10")]
    pub(crate) last_seq: u64,
    /// When it began, if it had to wait for that.
    #[prost(uint64, optional, tag = "11")]
    begun: Option<u64>,
    /// Why nothing of it is attempted any more; 0 when it is.
    #[prost(uint32, tag = "12")]
    stop: u32,
    /// Octets of its segments.
    #[prost(uint64, tag = "13")]
    pub(crate) log_octets: u64,
    #[prost(uint32, tag = "14")]
    displayed: u32,
    #[prost(uint32, tag = "15")]
    clicked: u32,
    #[prost(uint32, tag = "16")]
    closed: u32,
    /// The last commit with receipts that came after the end.
    #[prost(uint64, tag = "17")]
    pub(crate) receipts_seq: u64,
}

impl Record for StateValue {
    const KIND: &'static str = "message state";
}

impl StateValue {
    /// Of a message that waits for its start, or has started.
    pub(crate) fn new(plan: Option<PlanValue>, scheduled: bool) -> Self {
        let state = if scheduled { MessageState::Scheduled } else { MessageState::Sending };
        Self { state: numbers::of_message_state(state), plan, ..Self::default() }
    }

    /// Begins a message that waits for it; `false` when it does not.
    pub(crate) fn begin(&mut self, now: Timestamp) -> bool {
        let waits = self.state == numbers::of_message_state(MessageState::Scheduled);
        if waits {
            self.state = numbers::of_message_state(MessageState::Sending);
            self.begun = Some(now.as_micros());
        }
        waits
    }

    /// When it began, if it had to wait for that.
    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.begun.map(Timestamp::from_micros)
    }

    /// Stops it; `false` when that was done before.
    pub(crate) fn stop(&mut self, reason: Stop, now: Timestamp) -> bool {
        if self.stop != 0 {
            return false;
        }
        // Whoever has joined by now was to get it.
        self.begin(now);
        self.state = numbers::of_message_state(MessageState::Cancelling);
        self.stop = numbers::of_stop(reason);
        true
    }

    /// Why nothing of it is attempted any more.
    pub(crate) fn stopped(&self) -> Result<Option<Stop>, StoreError> {
        match self.stop {
            0 => Ok(None),
            number => numbers::stop(number).map(Some).ok_or(StoreError::Corrupt(Self::KIND)),
        }
    }

    pub(crate) fn plan(&self) -> Option<Plan> {
        self.plan.clone().map(|plan| Plan {
            cursor: plan.cursor,
            first_page: plan.first_page,
            next_page: plan.next_page,
        })
    }

    /// Counts an event; one that is not terminal counts in the heads of pages only.
    pub(crate) fn count(&mut self, state: DeliveryState, outcome: Outcome) {
        let counter = match state {
            DeliveryState::Pending | DeliveryState::Retrying => return,
            DeliveryState::Accepted => &mut self.accepted,
            DeliveryState::Failed => &mut self.failed,
            DeliveryState::Expired => &mut self.expired,
            DeliveryState::Cancelled => &mut self.cancelled,
        };
        *counter += 1;
        let index = usize::from(outcome.number());
        if self.outcomes.len() <= index {
            self.outcomes.resize(index + 1, 0);
        }
        self.outcomes[index] += 1;
    }

    /// Counts a receipt.
    pub(crate) fn count_receipt(&mut self, kind: ReceiptKind) {
        match kind {
            ReceiptKind::Displayed => self.displayed += 1,
            ReceiptKind::Clicked => self.clicked += 1,
            ReceiptKind::Closed => self.closed += 1,
        }
    }

    pub(super) fn receipts(&self) -> ReceiptCounts {
        ReceiptCounts { displayed: self.displayed, clicked: self.clicked, closed: self.closed }
    }

    /// The last commit that its segments are of.
    pub(crate) fn last_commit(&self) -> u64 {
        self.last_seq.max(self.receipts_seq)
    }

    fn terminal(&self) -> u32 {
        // Damaged counters must not end the process.
        [self.failed, self.expired, self.cancelled].into_iter().fold(self.accepted, u32::saturating_add)
    }

    /// Whether nothing is left to plan or to deliver.
    pub(crate) fn is_complete(&self) -> bool {
        self.plan.is_none() && self.terminal() == self.planned
    }

    /// Makes it an ended message's.
    pub(crate) fn end(&mut self) {
        let stopped = self.stop != 0 || self.cancelled > 0;
        let state = if stopped { MessageState::Cancelled } else { MessageState::Done };
        self.state = numbers::of_message_state(state);
    }

    pub(super) fn message_state(&self) -> Result<MessageState, StoreError> {
        numbers::message_state(self.state).ok_or(StoreError::Corrupt(Self::KIND))
    }

    pub(super) fn counts(&self, estimate: u32) -> DeliveryCounts {
        let targets_estimated = self.plan.is_some();
        let targets = if targets_estimated { self.planned.max(estimate) } else { self.planned };
        DeliveryCounts {
            targets,
            targets_estimated,
            pending: targets.saturating_sub(self.terminal()).saturating_sub(self.retrying),
            retrying: self.retrying,
            accepted: self.accepted,
            failed: self.failed,
            expired: self.expired,
            cancelled: self.cancelled,
        }
    }

    pub(super) fn outcomes(&self) -> Result<BTreeMap<Outcome, u32>, StoreError> {
        let counted = (0..).zip(&self.outcomes).filter(|(_, count)| **count > 0);
        counted
            .map(|(number, count)| {
                let outcome = numbers::outcome(number).ok_or(StoreError::Corrupt(Self::KIND))?;
                Ok((outcome, *count))
            })
            .collect()
    }
}
