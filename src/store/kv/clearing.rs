//! Clearing an application away that was deleted. Its number is never given again, so what is left of it disturbs nobody, and
//! each step may end wherever a crash ends it: the application's own record goes last.

use super::applications::load;
use super::backend::Order;
use super::keys::{self, KeyRange};
use super::records::application::ApplicationValue;
use super::records::subscription::SubscriptionValue;
use super::records::{Number, Record as _};
use super::sequences::Sequence;
use super::transaction::{Rows as _, Transaction};
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::ApplicationId;
use crate::store::{Cleared, StoreError};

impl Writer {
    /// See [`crate::store::Store::delete_application`].
    pub(crate) fn delete_application(&mut self, id: ApplicationId) -> Result<bool, StoreError> {
        let value: Option<ApplicationValue> = self.reader.record(&keys::application(id))?;
        let Some(mut value) = value.filter(|value| !value.deleted) else { return Ok(false) };
        let mut transaction = self.begin();
        let name = keys::application_name(&value.name);
        if transaction.record::<Number>(&name)? == Some(Number::new(id.0)) {
            transaction.remove(name);
        }
        value.deleted = true;
        transaction.put(keys::application(id), &value);
        self.apply(transaction)?;
        Ok(true)
    }

    /// See [`crate::store::Store::clear_application`].
    pub(crate) fn clear_application(&mut self, id: ApplicationId) -> Result<Cleared, StoreError> {
        let Some(value) = self.reader.record::<ApplicationValue>(&keys::application(id))? else {
            return Ok(Cleared::All);
        };
        if !load(&self.reader, id, value)?.deleted {
            return Err(StoreError::NotFound);
        }
        if self.reader.scan_by(keys::opens(id), Order::Ascending, 1).next().transpose()?.is_some() {
            return Ok(Cleared::Waits);
        }
        let mut transaction = self.begin();
        self.clear_subscriptions(&mut transaction, id)?;
        self.clear_messages(&mut transaction, id)?;
        for range in keys::cleared_of(id) {
            self.clear_rows(&mut transaction, range)?;
        }
        if transaction.rows() == 0 {
            transaction.remove(keys::application(id));
            self.apply(transaction)?;
            self.commits.set(id, Sequence::default());
            self.changes.set(id, Sequence::default());
            return Ok(Cleared::All);
        }
        self.apply(transaction)?;
        Ok(Cleared::More)
    }

    /// The rows by endpoint stand under no number of an application.
    fn clear_subscriptions(
        &self,
        transaction: &mut Transaction,
        id: ApplicationId,
    ) -> Result<(), StoreError> {
        for row in self.reader.scan_by(keys::subscriptions(id), Order::Ascending, TRANSACTION_ROWS) {
            if transaction.rows() >= TRANSACTION_ROWS {
                break;
            }
            let (row, value) = row?;
            let read = keys::subscription_of(&row).map(|subscription| {
                SubscriptionValue::from_value(&value).and_then(|value| value.into_subscription(subscription))
            });
            if let Some(found) = read.and_then(|read| self.reader.readable(read).transpose()).transpose()? {
                transaction.remove(keys::endpoint(id, found.target.endpoint.as_given()));
            }
            transaction.remove(row);
        }
        Ok(())
    }

    /// A message's own row goes when it leads to nothing any more.
    fn clear_messages(&self, transaction: &mut Transaction, id: ApplicationId) -> Result<(), StoreError> {
        for row in self.reader.scan_by(keys::dones(id), Order::Ascending, TRANSACTION_ROWS) {
            let (row, _) = row?;
            if let Some(message) = keys::message_of(&row) {
                for range in keys::cleared_of_message(message) {
                    self.clear_rows(transaction, range)?;
                }
            }
            if transaction.rows() >= TRANSACTION_ROWS {
                break;
            }
            transaction.remove(row);
        }
        Ok(())
    }

    fn clear_rows(&self, transaction: &mut Transaction, range: KeyRange) -> Result<(), StoreError> {
        if transaction.rows() >= TRANSACTION_ROWS {
            return Ok(());
        }
        for row in self.reader.scan_by(range, Order::Ascending, TRANSACTION_ROWS) {
            transaction.remove(row?.0);
            if transaction.rows() >= TRANSACTION_ROWS {
                break;
            }
        }
        Ok(())
    }
}
