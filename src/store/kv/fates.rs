//! Writing what becomes of subscriptions: their rows, and what the change feed says of it.

use super::KvStore;
use super::index;
use super::queue::Class;
use super::records::change::ChangeValue;
use super::removed;
use super::transaction::Transaction;
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, Subscription, SubscriptionId, Timestamp};
use crate::store::StoreError;
use crate::store::rules::fate::{Fate, Told};

/// What of a list was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Those that were changed in a way that callers see.
    pub(crate) changed: Vec<SubscriptionId>,
    /// How much of the list was looked at.
    pub(crate) done: usize,
}

/// Writes what becomes of a subscription. What the change feed says of it is returned.
pub(crate) fn write(
    transaction: &mut Transaction,
    application: ApplicationId,
    old: &Subscription,
    fate: Fate,
    now: Timestamp,
) -> Result<Option<ChangeValue>, StoreError> {
    match fate {
        Fate::Becomes(new, told) => {
            index::store(transaction, application, Some(old), &new)?;
            Ok(told.map(|told| change(told, &new)))
        }
        Fate::Removed { restorable, told } => {
            index::remove(transaction, application, old)?;
            if restorable {
                removed::keep(transaction, application, old, now);
            }
            Ok(Some(change(told, old)))
        }
    }
}

fn change(told: Told, subscription: &Subscription) -> ChangeValue {
    let change = ChangeValue::new(told.kind, subscription);
    match told.evidence {
        Some(evidence) => change.with_evidence(evidence),
        None => change,
    }
}

impl KvStore {
    /// Has the writer do a list, in as many transactions as it takes, and calls `then` after each. Returns what was changed.
    pub(super) async fn write_list<T: Send + 'static>(
        &self,
        class: Class,
        list: Vec<T>,
        write: impl Fn(&mut Writer, &[T]) -> Result<Done, StoreError> + Copy + Send + 'static,
        then: impl Fn() + Send,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let (mut rest, mut changed) = (list, Vec::new());
        while !rest.is_empty() {
            let (done, list) = self.write(class, move |writer| Ok((write(writer, &rest)?, rest))).await?;
            rest = list;
            rest.drain(..done.done);
            changed.extend(done.changed);
            then();
        }
        Ok(changed)
    }
}

impl Writer {
    /// Looks up as many subscriptions of a list as go into one transaction, and writes what becomes of each.
    pub(crate) fn each<T>(
        &mut self,
        application: ApplicationId,
        list: &[T],
        id_of: impl Fn(&T) -> SubscriptionId,
        fate_of: impl Fn(&mut Transaction, &Subscription, &T, Timestamp) -> Result<Option<Fate>, StoreError>,
    ) -> Result<Done, StoreError> {
        let now = self.clock.now();
        let mut transaction = self.begin();
        let mut done = Done::default();
        let mut changes = Vec::new();
        for item in list {
            done.done += 1;
            // One that does not read is left alone: the rest of the list must go on.
            let id = id_of(item);
            let found = index::find(&transaction, application, id);
            let Some(old) = transaction.reader().readable(found)?.flatten() else { continue };
            let Some(fate) = fate_of(&mut transaction, &old, item, now)? else { continue };
            if let Some(change) = write(&mut transaction, application, &old, fate, now)? {
                changes.push(change);
                done.changed.push(id);
            }
            if transaction.rows() + changes.len() >= TRANSACTION_ROWS {
                break;
            }
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok(done)
    }
}
