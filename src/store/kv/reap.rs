//! Acting on evidence of push services.

use super::fates::Done;
use super::keys;
use super::records::Number;
use super::transaction::Rows;
use super::writer::Writer;
use crate::domain::ApplicationId;
use crate::store::rules::evidence as rules;
use crate::store::{Removal, StoreError};

/// See [`crate::store::Store::reaper_position`].
pub(crate) fn position(rows: &impl Rows, application: ApplicationId) -> Result<u64, StoreError> {
    let number: Option<Number> = rows.record(&keys::reaper(application))?;
    Ok(number.unwrap_or_default().value)
}

impl Writer {
    /// Acts on as much of the evidence as goes into one transaction.
    pub(crate) fn reap(
        &mut self,
        application: ApplicationId,
        removals: &[Removal],
    ) -> Result<Done, StoreError> {
        let id_of = |removal: &Removal| removal.subscription;
        self.each(application, removals, id_of, |_, old, removal, now| Ok(rules::reaped(old, removal, now)))
    }

    /// Moves the reaper's position, never back.
    pub(crate) fn move_reaper(
        &mut self,
        application: ApplicationId,
        position_to: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin();
        if position_to > position(&transaction, application)? {
            transaction.put(keys::reaper(application), &Number::new(position_to));
            self.apply(transaction)?;
        }
        Ok(())
    }
}
