//! A subscription's rows: the record itself and the indexes by endpoint, user and topic, with their counters. They change
//! together, in one transaction, and only here.

use std::collections::BTreeMap;

use super::applications::{self, next_number};
use super::backend::Order;
use super::held;
use super::keys::{self, TopicId};
use super::records::subscription::{
    MemberValue, SubscriptionReference, SubscriptionValue, TargetValue, TopicValue,
};
use super::records::{Mark, Number, Record as _};
use super::transaction::{Reader, Rows, Transaction};
use crate::domain::{
    ApplicationId, Endpoint, Subscription, SubscriptionId, SubscriptionState, Target, Timestamp, VapidKeyId,
};
use crate::store::StoreError;

/// Topic rows of a subscription with more topics than this have no copy of its target: copies cost space and writes.
const COPIES_MAX: usize = 4;

/// One subscription.
pub(crate) fn find(
    rows: &impl Rows,
    application: ApplicationId,
    id: SubscriptionId,
) -> Result<Option<Subscription>, StoreError> {
    let value: Option<SubscriptionValue> = rows.record(&keys::subscription(application, id))?;
    value.map(|value| value.into_subscription(id)).transpose()
}

/// One subscription, by its endpoint.
pub(crate) fn find_by_endpoint(
    rows: &impl Rows,
    application: ApplicationId,
    endpoint: &Endpoint,
) -> Result<Option<Subscription>, StoreError> {
    // An earlier version may have stored it as it is given.
    for text in std::iter::once(endpoint.expose()).chain(endpoint.spelling()) {
        let key = keys::endpoint(application, text);
        let Some(reference) = rows.record::<SubscriptionReference>(&key)? else { continue };
        let found = find(rows, application, reference.id()?)?;
        // The key is a hash.
        let found = found.filter(|subscription| subscription.target.endpoint == *endpoint);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What an attempt needs of one subscription.
pub(crate) fn target(
    rows: &impl Rows,
    application: ApplicationId,
    id: SubscriptionId,
) -> Result<Option<Target>, StoreError> {
    Ok(member(rows, application, id)?.map(|(target, _)| target))
}

/// What an attempt needs of one subscription, and since when it has been part of "everyone".
pub(crate) fn member(
    rows: &impl Rows,
    application: ApplicationId,
    id: SubscriptionId,
) -> Result<Option<(Target, Timestamp)>, StoreError> {
    let Some(value) = rows.record::<MemberValue>(&keys::subscription(application, id))? else {
        return Ok(None);
    };
    let created = value.created();
    Ok(Some((value.into_target(id)?, created)))
}

/// A topic's number, if any subscription ever had it.
pub(crate) fn topic(
    rows: &impl Rows,
    application: ApplicationId,
    name: &str,
) -> Result<Option<TopicId>, StoreError> {
    let number: Option<Number> = rows.record(&keys::topic_name(application, name))?;
    number.map(|number| number.narrow().map(TopicId)).transpose()
}

fn intern_topic(
    transaction: &mut Transaction,
    application: ApplicationId,
    name: &str,
) -> Result<TopicId, StoreError> {
    if let Some(topic) = topic(transaction, application, name)? {
        return Ok(topic);
    }
    let number = next_number(transaction, keys::last_topic(application))?;
    transaction.put(keys::topic_name(application, name), &Number::new(number));
    Ok(TopicId(number))
}

/// How many subscriptions have a topic.
pub(crate) fn count(rows: &impl Rows, application: ApplicationId, topic: TopicId) -> Result<u64, StoreError> {
    let number: Option<Number> = rows.record(&keys::count(application, topic))?;
    Ok(number.unwrap_or_default().value)
}

fn change_count(
    transaction: &mut Transaction,
    application: ApplicationId,
    topic: TopicId,
    change: i64,
) -> Result<(), StoreError> {
    let count = count(transaction, application, topic)?;
    transaction.put(keys::count(application, topic), &Number::new(count.saturating_add_signed(change)));
    Ok(())
}

/// How many active subscriptions were made with a VAPID key.
pub(crate) fn key_count(
    rows: &impl Rows,
    application: ApplicationId,
    key: VapidKeyId,
) -> Result<u64, StoreError> {
    let number: Option<Number> = rows.record(&keys::key_count(application, key))?;
    Ok(number.unwrap_or_default().value)
}

/// The VAPID keys that active subscriptions were made with.
pub(crate) fn keys_in_use(
    reader: &Reader,
    application: ApplicationId,
) -> Result<Vec<VapidKeyId>, StoreError> {
    let mut in_use = Vec::new();
    for row in reader.scan(keys::key_counts(application), Order::Ascending) {
        let (key, value) = row?;
        let count = reader.readable(Number::from_value(&value))?;
        // One that does not read may be in use.
        if count.is_none_or(|count| count.value > 0) {
            in_use.extend(keys::vapid_key_of(&key));
        }
    }
    Ok(in_use)
}

/// The key that a subscription counts for.
fn counts_for(subscription: &Subscription) -> Option<VapidKeyId> {
    (subscription.target.state == SubscriptionState::Active).then_some(subscription.target.vapid_key)
}

fn change_key_counts(
    transaction: &mut Transaction,
    application: ApplicationId,
    old: Option<&Subscription>,
    new: Option<&Subscription>,
) -> Result<(), StoreError> {
    let (old, new) = (old.and_then(counts_for), new.and_then(counts_for));
    if old == new {
        return Ok(());
    }
    for (key, change) in [(old, -1), (new, 1)] {
        let Some(key) = key else { continue };
        let count = key_count(transaction, application, key)?.saturating_add_signed(change);
        transaction.put(keys::key_count(application, key), &Number::new(count));
    }
    Ok(())
}

/// Counts the subscriptions of each VAPID key, for a store of a time when they were not counted. Reads all of them.
pub(crate) fn count_by_key(reader: &Reader, transaction: &mut Transaction) -> Result<(), StoreError> {
    for application in applications::ids(reader)? {
        let mut counts = BTreeMap::<VapidKeyId, u64>::new();
        for row in reader.scan(keys::subscriptions(application), Order::Ascending) {
            let (key, value) = row?;
            let Some(id) = keys::subscription_of(&key) else { continue };
            let target = MemberValue::from_value(&value).and_then(|value| value.into_target(id));
            if let Some(target) = reader.readable(target)?
                && target.state == SubscriptionState::Active
            {
                *counts.entry(target.vapid_key).or_default() += 1;
            }
        }
        for (key, count) in counts {
            transaction.put(keys::key_count(application, key), &Number::new(count));
        }
    }
    Ok(())
}

/// Writes a subscription in place of what it was.
pub(crate) fn store(
    transaction: &mut Transaction,
    application: ApplicationId,
    old: Option<&Subscription>,
    new: &Subscription,
) -> Result<(), StoreError> {
    let id = new.target.id;
    transaction.put(keys::subscription(application, id), &SubscriptionValue::new(new));
    change_key_counts(transaction, application, old, Some(new))?;
    held::change_set_aside(transaction, application, old, Some(new))?;
    if old.is_none() {
        change_count(transaction, application, TopicId::EVERYONE, 1)?;
    }
    let endpoint = new.target.endpoint.as_given();
    if old.is_none_or(|old| old.target.endpoint.as_given() != endpoint) {
        remove_endpoint(transaction, application, old);
        let key = keys::endpoint(application, endpoint);
        transaction.put(key, &SubscriptionReference::new(id));
    }
    if old.is_none_or(|old| old.target.user_id != new.target.user_id) {
        remove_user(transaction, application, old);
        if !new.target.user_id.is_empty() {
            transaction.put(keys::user(application, &new.target.user_id, id), &Mark {});
        }
    }
    for name in old.iter().flat_map(|old| old.topics.keys()).filter(|name| !new.topics.contains_key(*name)) {
        leave_topic(transaction, application, id, name)?;
    }
    let copies = |subscription: &Subscription| subscription.topics.len() <= COPIES_MAX;
    let target = copies(new).then(|| TargetValue::new(&new.target));
    for (name, since) in &new.topics {
        let was = old.and_then(|old| old.topics.get(name));
        let same_copy = old
            .is_some_and(|old| copies(old) == copies(new) && (target.is_none() || old.target == new.target));
        if was == Some(since) && same_copy {
            continue;
        }
        let topic = intern_topic(transaction, application, name)?;
        let row = TopicValue { since: since.as_micros(), target: target.clone() };
        transaction.put(keys::topic(application, topic, id), &row);
        if was.is_none() {
            change_count(transaction, application, topic, 1)?;
        }
    }
    Ok(())
}

/// Removes a subscription.
pub(crate) fn remove(
    transaction: &mut Transaction,
    application: ApplicationId,
    old: &Subscription,
) -> Result<(), StoreError> {
    transaction.remove(keys::subscription(application, old.target.id));
    change_key_counts(transaction, application, Some(old), None)?;
    held::change_set_aside(transaction, application, Some(old), None)?;
    change_count(transaction, application, TopicId::EVERYONE, -1)?;
    remove_endpoint(transaction, application, Some(old));
    remove_user(transaction, application, Some(old));
    for name in old.topics.keys() {
        leave_topic(transaction, application, old.target.id, name)?;
    }
    Ok(())
}

fn remove_endpoint(transaction: &mut Transaction, application: ApplicationId, old: Option<&Subscription>) {
    if let Some(old) = old {
        transaction.remove(keys::endpoint(application, old.target.endpoint.as_given()));
    }
}

fn remove_user(transaction: &mut Transaction, application: ApplicationId, old: Option<&Subscription>) {
    if let Some(old) = old.filter(|old| !old.target.user_id.is_empty()) {
        transaction.remove(keys::user(application, &old.target.user_id, old.target.id));
    }
}

fn leave_topic(
    transaction: &mut Transaction,
    application: ApplicationId,
    id: SubscriptionId,
    name: &str,
) -> Result<(), StoreError> {
    if let Some(topic) = topic(transaction, application, name)? {
        transaction.remove(keys::topic(application, topic, id));
        change_count(transaction, application, topic, -1)?;
    }
    Ok(())
}
