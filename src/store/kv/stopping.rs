//! Beginning messages that were to wait, and stopping messages: by a caller, or because a newer one with the same collapse
//! key has started.

use super::keys;
use super::messages::{self, find};
use super::records::Record as _;
use super::records::message::{MessageReference, OpenValue};
use super::transaction::{Rows, Transaction};
use super::writer::Writer;
use crate::domain::{ApplicationId, MessageId, Stop, Timestamp};
use crate::store::{MessageRecord, StoreError};

impl Writer {
    /// See [`crate::store::Store::begin`].
    pub(crate) fn begin_message(
        &mut self,
        application: ApplicationId,
        message: MessageId,
    ) -> Result<Option<MessageId>, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin();
        let Some(mut state) = messages::state(&transaction, application, message)? else { return Ok(None) };
        if !state.begin(now) {
            return Ok(None);
        }
        transaction.put(keys::state(application, message), &state);
        let open: Option<OpenValue> = transaction.record(&keys::open(application, message))?;
        let superseded = match open.ok_or(StoreError::Corrupt(OpenValue::KIND))?.collapse()? {
            Some(collapse) => supersede(&mut transaction, application, collapse, message, now)?,
            None => None,
        };
        self.apply(transaction)?;
        Ok(superseded)
    }

    /// See [`crate::store::Store::stop`].
    pub(crate) fn stop(
        &mut self,
        application: ApplicationId,
        message: MessageId,
        reason: Stop,
    ) -> Result<Option<MessageRecord>, StoreError> {
        let mut transaction = self.begin();
        mark(&mut transaction, application, message, reason, self.clock.now())?;
        self.apply(transaction)?;
        find(&self.reader, application, message)
    }
}

/// Marks an open message as stopped; `false` when there is none, or it was stopped before.
fn mark(
    transaction: &mut Transaction,
    application: ApplicationId,
    message: MessageId,
    reason: Stop,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(mut state) = messages::state(transaction, application, message)? else { return Ok(false) };
    let stopped = state.stop(reason, now);
    if stopped {
        transaction.put(keys::state(application, message), &state);
    }
    Ok(stopped)
}

/// Notes that a message has started as the newest one with this collapse key, and stops the one before, which is returned.
pub(crate) fn supersede(
    transaction: &mut Transaction,
    application: ApplicationId,
    collapse: [u8; 16],
    message: MessageId,
    now: Timestamp,
) -> Result<Option<MessageId>, StoreError> {
    let key = keys::collapse(application, collapse);
    let reader = transaction.reader().clone();
    // A row, or an older message, that does not read must not keep the newer one from starting.
    let earlier =
        transaction.record::<MessageReference>(&key).and_then(|row| row.map(|row| row.id()).transpose());
    let earlier = reader.readable(earlier)?.flatten();
    transaction.put(key, &MessageReference::new(message));
    let Some(earlier) = earlier else { return Ok(None) };
    let stopped = mark(transaction, application, earlier, Stop::Superseded, now);
    Ok(reader.readable(stopped)?.unwrap_or(false).then_some(earlier))
}

/// Removes what remembers an ended message as the newest one with its collapse key, unless another one has started since.
pub(crate) fn forget(
    transaction: &mut Transaction,
    application: ApplicationId,
    message: MessageId,
    open: &OpenValue,
) -> Result<(), StoreError> {
    let reader = transaction.reader().clone();
    let Some(collapse) = reader.readable(open.collapse())?.flatten() else { return Ok(()) };
    let key = keys::collapse(application, collapse);
    let newest =
        transaction.record::<MessageReference>(&key).and_then(|row| row.map(|row| row.id()).transpose());
    if reader.readable(newest)?.flatten() == Some(message) {
        transaction.remove(key);
    }
    Ok(())
}
