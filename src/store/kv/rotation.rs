//! Rotating VAPID keys: which one is current, which one is retired, and what becomes of subscriptions whose key is.

use super::applications::{live, load};
use super::backend::Order;
use super::fates;
use super::index;
use super::keys;
use super::records::Record as _;
use super::records::application::{ApplicationValue, VapidKeyValue};
use super::records::subscription::SubscriptionValue;
use super::transaction::{Rows as _, Transaction};
use super::writer::Writer;
use crate::domain::{ApplicationId, SubscriptionId, Timestamp, VapidKey, VapidKeyId};
use crate::store::StoreError;
use crate::store::rules::orphans::Keys;
use crate::store::rules::vapid_keys::{self, Used};

/// Subscriptions that one step of [`Writer::disable_orphans`] looks at.
const ORPHANS_STEP: usize = 64;
/// Of these it disables at most so many: each takes some rows.
const ORPHANS_DISABLED: usize = 12;

/// Makes a key the one that browsers are given.
pub(super) fn make_current(
    transaction: &mut Transaction,
    application: ApplicationId,
    value: &mut ApplicationValue,
    key: &mut VapidKey,
    now: Timestamp,
) {
    let number = u32::from(key.id.0);
    if value.current_vapid_key == number {
        return;
    }
    value.current_vapid_key = number;
    key.activated = Some(now);
    transaction.put(keys::vapid_key(application, key.id), &VapidKeyValue::new(key));
    transaction.put(keys::application(application), value);
}

impl Writer {
    /// A key of an application that has not ended.
    fn key(
        &self,
        application: ApplicationId,
        id: VapidKeyId,
    ) -> Result<(ApplicationValue, VapidKey), StoreError> {
        let value = live(&self.reader, application)?;
        let key: Option<VapidKeyValue> = self.reader.record(&keys::vapid_key(application, id))?;
        Ok((value, key.ok_or(StoreError::NotFound)?.into_key(id)?))
    }

    /// What keeps one of its keys.
    fn used(
        &self,
        application: ApplicationId,
        value: &ApplicationValue,
        id: VapidKeyId,
    ) -> Result<Used, StoreError> {
        let is_current = value.current_vapid_key == u32::from(id.0);
        Ok(Used { is_current, subscriptions: index::key_count(&self.reader, application, id)? })
    }

    /// See [`crate::store::Store::set_current_vapid_key`].
    pub(crate) fn set_current_vapid_key(
        &mut self,
        application: ApplicationId,
        id: VapidKeyId,
    ) -> Result<VapidKey, StoreError> {
        let (mut value, mut key) = self.key(application, id)?;
        if key.retired.is_some() {
            return Err(StoreError::NotFound);
        }
        let mut transaction = self.begin();
        make_current(&mut transaction, application, &mut value, &mut key, self.clock.now());
        self.apply(transaction)?;
        Ok(key)
    }

    /// See [`crate::store::Store::retire_vapid_key`].
    pub(crate) fn retire_vapid_key(
        &mut self,
        application: ApplicationId,
        id: VapidKeyId,
        force: bool,
    ) -> Result<VapidKey, StoreError> {
        let (value, key) = self.key(application, id)?;
        let used = self.used(application, &value, id)?;
        let Some(key) = vapid_keys::retired(&key, used, force, self.clock.now())? else { return Ok(key) };
        let mut transaction = self.begin();
        transaction.put(keys::vapid_key(application, id), &VapidKeyValue::new(&key));
        self.remove_tokens(&mut transaction, application, id)?;
        self.apply(transaction)?;
        Ok(key)
    }

    /// See [`crate::store::Store::remove_vapid_key`].
    pub(crate) fn remove_vapid_key(
        &mut self,
        application: ApplicationId,
        id: VapidKeyId,
    ) -> Result<VapidKey, StoreError> {
        let (mut value, key) = self.key(application, id)?;
        vapid_keys::removable(self.used(application, &value, id)?)?;
        value.last_removed_key = value.last_removed_key.max(u32::from(id.0));
        let mut transaction = self.begin();
        transaction.put(keys::application(application), &value);
        transaction.remove(keys::vapid_key(application, id));
        transaction.remove(keys::key_count(application, id));
        self.remove_tokens(&mut transaction, application, id)?;
        self.apply(transaction)?;
        Ok(key)
    }

    /// One for each origin, of which few are in use.
    fn remove_tokens(
        &self,
        transaction: &mut Transaction,
        application: ApplicationId,
        id: VapidKeyId,
    ) -> Result<(), StoreError> {
        for row in self.reader.scan(keys::vapid_tokens_of(application, id), Order::Ascending) {
            transaction.remove(row?.0);
        }
        Ok(())
    }

    /// See [`crate::store::Store::disable_orphans`].
    pub(crate) fn disable_orphans(
        &mut self,
        application: ApplicationId,
        after: Option<SubscriptionId>,
    ) -> Result<(Vec<SubscriptionId>, Option<SubscriptionId>), StoreError> {
        let value = live(&self.reader, application)?;
        let last_removed = value.last_removed_key;
        let stored = load(&self.reader, application, value)?;
        let vapid_keys = Keys { keys: &stored.vapid_keys, last_removed };
        // Counted with every change: where there are none, nothing need be read to know it.
        let in_use = index::keys_in_use(&self.reader, application)?;
        if !in_use.into_iter().any(|key| vapid_keys.is_no_more(key)) {
            return Ok((Vec::new(), None));
        }
        let mut range = keys::subscriptions(application);
        if let Some(after) = after {
            range = range.after(&keys::subscription(application, after));
        }
        let now = self.clock.now();
        let (mut orphans, mut changes) = (Vec::new(), Vec::new());
        let mut transaction = self.begin();
        let mut seen = 0;
        let mut next = None;
        for row in self.reader.scan_by(range, Order::Ascending, ORPHANS_STEP) {
            let (row, value) = row?;
            let Some(id) = keys::subscription_of(&row) else { continue };
            seen += 1;
            let found = SubscriptionValue::from_value(&value).and_then(|value| value.into_subscription(id));
            if let Some(old) = self.reader.readable(found)?
                && let Some(fate) = vapid_keys.orphaned(&old, now)
            {
                changes.extend(fates::write(&mut transaction, application, &old, fate, now)?);
                orphans.push(id);
            }
            if seen >= ORPHANS_STEP || orphans.len() >= ORPHANS_DISABLED {
                next = Some(id);
                break;
            }
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok((orphans, next))
    }
}
