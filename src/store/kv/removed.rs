//! Subscriptions that evidence removed, kept for a while as they were, so that an operator can restore them. What a caller
//! removes, or a user who is to be forgotten, leaves nothing here.

use super::backend::Order;
use super::index;
use super::keys::{self, RemovedBy};
use super::records::Mark;
use super::records::held::RemovedValue;
use super::transaction::{Reader, Rows, Transaction};
use super::trim::Moved;
use crate::domain::{ApplicationId, Subscription, SubscriptionId, Timestamp};
use crate::store::rules::fate;
use crate::store::{Selector, StoreError};

/// Keeps a subscription that is being removed.
pub(crate) fn keep(
    transaction: &mut Transaction,
    application: ApplicationId,
    removed: &Subscription,
    now: Timestamp,
) {
    let id = removed.target.id;
    transaction.put(keys::removed(application, id), &RemovedValue::new(removed, now));
    transaction.put(keys::removed_time(application, now, id), &Mark {});
    for by in names(removed) {
        transaction.put(keys::removed_by(application, by, id), &Mark {});
    }
}

fn names(removed: &Subscription) -> impl Iterator<Item = RemovedBy<'_>> {
    let user = Some(removed.target.user_id.as_str()).filter(|user| !user.is_empty());
    std::iter::once(RemovedBy::Endpoint(removed.target.endpoint.as_given())).chain(user.map(RemovedBy::User))
}

/// The rows of one that was kept.
fn rows_of(application: ApplicationId, removed: &Subscription, time: Timestamp) -> Vec<Vec<u8>> {
    let id = removed.target.id;
    let mut rows = vec![keys::removed(application, id), keys::removed_time(application, time, id)];
    rows.extend(names(removed).map(|by| keys::removed_by(application, by, id)));
    rows
}

/// One that was kept, and when it was removed.
pub(crate) fn find(
    rows: &impl Rows,
    application: ApplicationId,
    id: SubscriptionId,
) -> Result<Option<(Subscription, Timestamp)>, StoreError> {
    let Some(value) = rows.record::<RemovedValue>(&keys::removed(application, id))? else { return Ok(None) };
    let time = value.time();
    Ok(Some((value.into_subscription(id)?, time)))
}

/// Forgets one that was kept.
pub(crate) fn forget(
    transaction: &mut Transaction,
    application: ApplicationId,
    removed: &Subscription,
    time: Timestamp,
) {
    for row in rows_of(application, removed, time) {
        transaction.remove(row);
    }
}

/// Whether any is kept that a selector names.
pub(crate) fn is_kept(
    reader: &Reader,
    application: ApplicationId,
    selector: &Selector,
) -> Result<bool, StoreError> {
    if let Selector::Id(id) = selector {
        return Ok(reader.value(&keys::removed(application, *id))?.is_some());
    }
    for by in named_by(selector) {
        let mut rows = reader.scan_by(keys::all_removed_by(application, by), Order::Ascending, 1);
        if rows.next().transpose()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a selector names beside an identifier. Earlier versions stored endpoints as they were given.
fn named_by(selector: &Selector) -> Vec<RemovedBy<'_>> {
    match selector {
        Selector::Id(_) => Vec::new(),
        Selector::Endpoint(endpoint) => {
            let texts = std::iter::once(endpoint.expose()).chain(endpoint.spelling());
            texts.map(RemovedBy::Endpoint).collect()
        }
        Selector::User(user) => vec![RemovedBy::User(user)],
    }
}

/// Forgets those that a selector names, as many as go into one transaction. Says whether there may be others.
pub(crate) fn forget_selected(
    reader: &Reader,
    transaction: &mut Transaction,
    application: ApplicationId,
    selector: &Selector,
    rows_max: usize,
) -> Result<bool, StoreError> {
    if let Selector::Id(id) = selector {
        let found = reader.readable(find(reader, application, *id))?.flatten();
        if let Some((removed, time)) = found {
            forget(transaction, application, &removed, time);
        }
        return Ok(false);
    }
    let ranges = named_by(selector).into_iter().map(|by| keys::all_removed_by(application, by));
    for row in ranges.flat_map(|range| reader.scan_by(range, Order::Ascending, rows_max)) {
        if transaction.rows() >= rows_max {
            return Ok(true);
        }
        let (key, _) = row?;
        let Some(id) = keys::subscription_of(&key) else { continue };
        let found = reader.readable(find(reader, application, id))?.flatten();
        if let Some((removed, time)) = found {
            forget(transaction, application, &removed, time);
        } else {
            // It does not read any more: without its row nothing of it can come back.
            transaction.remove(keys::removed(application, id));
            transaction.remove(key);
        }
    }
    Ok(false)
}

/// What was removed up to `until` is to go; at most `rows_max` rows, or a few more.
pub(crate) fn aged(
    reader: &Reader,
    application: ApplicationId,
    until: Timestamp,
    rows_max: usize,
) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    for row in reader.scan_by(keys::removed_times(application), Order::Ascending, rows_max) {
        let (key, _) = row?;
        if keys::aged_at(&key).is_none_or(|time| time > until) {
            break;
        }
        if moved.remove.len() >= rows_max {
            moved.more = true;
            break;
        }
        if let Some(id) = keys::subscription_of(&key) {
            match reader.readable(find(reader, application, id))?.flatten() {
                Some((removed, time)) => moved.remove.extend(rows_of(application, &removed, time)),
                None => moved.remove.push(keys::removed(application, id)),
            }
        }
        moved.remove.push(key);
    }
    Ok(moved)
}

/// Brings one back, unless its endpoint is stored. Answers it as it is then.
pub(crate) fn restore(
    transaction: &mut Transaction,
    application: ApplicationId,
    id: SubscriptionId,
    now: Timestamp,
) -> Result<Option<Subscription>, StoreError> {
    let found = find(transaction, application, id);
    let Some((removed, time)) = transaction.reader().readable(found)?.flatten() else { return Ok(None) };
    let stored = index::find_by_endpoint(transaction, application, &removed.target.endpoint)?;
    if stored.is_some() || index::find(transaction, application, id)?.is_some() {
        return Ok(None);
    }
    forget(transaction, application, &removed, time);
    let restored = fate::restored(&removed, now);
    index::store(transaction, application, None, &restored)?;
    Ok(Some(restored))
}
