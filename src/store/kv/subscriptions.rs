//! What callers do with subscriptions: reading, subscribing, changing, unsubscribing.

use rand::Rng as _;

use super::backend::Order;
use super::index;
use super::keys::{self, TopicId};
use super::records::Record;
use super::records::change::ChangeValue;
use super::records::subscription::SubscriptionValue;
use super::removed;
use super::transaction::Reader;
use super::writer::{TRANSACTION_ROWS, Writer};
use crate::domain::{ApplicationId, Origin, OriginId, Subscription, SubscriptionId, Target, Timestamp};
use crate::store::rules::patching::patched;
use crate::store::rules::subscribing::{Place, Taken};
use crate::store::{
    ChangeKind, ListFilter, OriginInfo, Replaces, Selector, StoreError, Subscribe, Subscribed,
    SubscriptionPatch,
};

/// The subscriptions of a user, in the order of their ids, after `after`.
pub(crate) fn of_user<'a>(
    reader: &'a Reader,
    application: ApplicationId,
    user: &'a str,
    after: Option<SubscriptionId>,
) -> impl Iterator<Item = Result<Subscription, StoreError>> + 'a {
    let mut range = keys::user_subscriptions(application, user);
    if let Some(after) = after {
        range = range.after(&keys::user(application, user, after));
    }
    listed(reader, application, reader.scan(range, Order::Ascending))
        // The key has a hash of the user.
        .filter(move |read| read.as_ref().map_or(true, |found| found.target.user_id == user))
}

/// The subscriptions that rows of an index name; what does not read or is not there any more is passed over.
fn listed<'a>(
    reader: &'a Reader,
    application: ApplicationId,
    rows: impl Iterator<Item = Result<super::backend::Row, StoreError>> + 'a,
) -> impl Iterator<Item = Result<Subscription, StoreError>> + 'a {
    rows.filter_map(move |row| {
        let found = row.and_then(|(key, _)| match keys::subscription_of(&key) {
            Some(id) => reader.readable(index::find(reader, application, id)),
            None => Ok(None),
        });
        found.map(Option::flatten).transpose()
    })
}

/// The one, or first, subscription that a selector names.
pub(crate) fn selected(
    reader: &Reader,
    application: ApplicationId,
    selector: &Selector,
) -> Result<Option<Subscription>, StoreError> {
    match selector {
        Selector::Id(id) => index::find(reader, application, *id),
        Selector::Endpoint(endpoint) => index::find_by_endpoint(reader, application, endpoint),
        Selector::User(user) => of_user(reader, application, user, None).next().transpose(),
    }
}

/// See [`crate::store::Store::list_subscriptions`].
pub(crate) fn list(
    reader: &Reader,
    application: ApplicationId,
    filter: &ListFilter,
    after: Option<SubscriptionId>,
    limit: usize,
) -> Result<Vec<Subscription>, StoreError> {
    match filter {
        ListFilter::User(user) => of_user(reader, application, user, after).take(limit).collect(),
        ListFilter::Topic(name) => {
            let Some(topic) = index::topic(reader, application, name)? else { return Ok(Vec::new()) };
            let mut range = keys::topic_members(application, topic);
            if let Some(after) = after {
                range = range.after(&keys::topic(application, topic, after));
            }
            listed(reader, application, reader.scan(range, Order::Ascending)).take(limit).collect()
        }
        ListFilter::All => {
            let mut range = keys::subscriptions(application);
            if let Some(after) = after {
                range = range.after(&keys::subscription(application, after));
            }
            let mut found = Vec::new();
            for row in reader.scan(range, Order::Ascending) {
                if found.len() >= limit {
                    break;
                }
                let (key, value) = row?;
                let subscription = SubscriptionValue::from_value(&value).and_then(|value| {
                    let id = keys::subscription_of(&key);
                    value.into_subscription(id.ok_or(StoreError::Corrupt(SubscriptionValue::KIND))?)
                });
                found.extend(reader.readable(subscription)?);
            }
            Ok(found)
        }
    }
}

/// See [`crate::store::Store::targets`].
pub(crate) fn targets(
    reader: &Reader,
    application: ApplicationId,
    ids: &[SubscriptionId],
) -> Result<Vec<Option<Target>>, StoreError> {
    ids.iter()
        .map(|id| reader.readable(index::target(reader, application, *id)).map(Option::flatten))
        .collect()
}

impl Writer {
    /// See [`crate::store::Store::intern_origin`].
    pub(crate) fn intern_origin(&mut self, origin: &Origin) -> Result<OriginInfo, StoreError> {
        let mut transaction = self.begin();
        let info = self.origins.intern(&mut transaction, origin)?;
        self.apply(transaction)?;
        Ok(info)
    }

    /// See [`crate::store::Store::subscribe`].
    pub(crate) fn subscribe(&mut self, subscribe: Subscribe) -> Result<Subscribed, StoreError> {
        let now = self.clock.now();
        let application = subscribe.application;
        let mut transaction = self.begin();
        let origin = if subscribe.validate_only {
            self.origins.by_text(subscribe.endpoint.origin()).map_or(OriginId(u32::MAX), |origin| origin.id)
        } else {
            self.origins.intern(&mut transaction, subscribe.endpoint.origin())?.id
        };
        let existing = index::find_by_endpoint(&transaction, application, &subscribe.endpoint)?;
        let replaced = match &subscribe.replaces {
            None => None,
            Some(Replaces::Id(id)) => index::find(&transaction, application, *id)?,
            Some(Replaces::Endpoint(endpoint)) => {
                index::find_by_endpoint(&transaction, application, endpoint)?
            }
        };
        let place = Place::find(&subscribe, existing, replaced)?;
        if place.old.is_none()
            && let Some(most) = subscribe.subscriptions_max
            && index::count(&transaction, application, TopicId::EVERYONE)? >= u64::from(most)
        {
            return Err(StoreError::TooManySubscriptions);
        }
        let Taken { new, kind } = place.taken(&subscribe, origin, now, || self.next_subscription(now));
        let Place { old, removed } = place;
        if let Some(removed) = &removed {
            index::remove(&mut transaction, application, removed)?;
        }
        let mut changes = Vec::new();
        if let Some(kind) = kind {
            index::store(&mut transaction, application, old.as_ref(), &new)?;
            changes.push(ChangeValue::new(kind, &new));
        }
        if let Some(removed) = &removed {
            changes.push(ChangeValue::new(ChangeKind::Replaced, removed).replaced_by(new.target.id));
        }
        if !subscribe.validate_only {
            self.apply_with_changes(transaction, application, changes)?;
        }
        let removed = removed.map(|removed| removed.target.id);
        Ok(Subscribed { subscription: new, created: old.is_none(), removed })
    }

    fn next_subscription(&mut self, now: Timestamp) -> SubscriptionId {
        let mut random = [0; 10];
        self.random.fill_bytes(&mut random);
        SubscriptionId::new(now, random)
    }

    /// See [`crate::store::Store::update_subscription`].
    pub(crate) fn update_subscription(
        &mut self,
        application: ApplicationId,
        selector: &Selector,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, StoreError> {
        let old = selected(&self.reader, application, selector)?.ok_or(StoreError::NotFound)?;
        let Some(new) = patched(&old, patch, self.clock.now())? else { return Ok(old) };
        let mut transaction = self.begin();
        index::store(&mut transaction, application, Some(&old), &new)?;
        let changes = vec![ChangeValue::new(ChangeKind::Updated, &new)];
        self.apply_with_changes(transaction, application, changes)?;
        Ok(new)
    }

    /// Forgets what evidence removed and a selector names, as much as goes into one transaction. Says whether there is more.
    pub(crate) fn forget_removed(
        &mut self,
        application: ApplicationId,
        selector: &Selector,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin();
        let more = removed::forget_selected(
            &self.reader,
            &mut transaction,
            application,
            selector,
            TRANSACTION_ROWS,
        )?;
        self.apply(transaction)?;
        Ok(more)
    }

    /// Removes the one subscription that a selector names, or of a user's as many as go into one transaction.
    pub(crate) fn unsubscribe(
        &mut self,
        application: ApplicationId,
        selector: &Selector,
        after: Option<SubscriptionId>,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let mut transaction = self.begin();
        let (mut removed, mut changes) = (Vec::new(), Vec::new());
        if let Selector::User(user) = selector {
            for subscription in of_user(&self.reader, application, user, after) {
                let subscription = subscription?;
                index::remove(&mut transaction, application, &subscription)?;
                removed.push(subscription.target.id);
                changes.push(ChangeValue::new(ChangeKind::RemovedByCaller, &subscription));
                if transaction.rows() + changes.len() >= TRANSACTION_ROWS {
                    break;
                }
            }
        } else if let Some(subscription) = selected(&self.reader, application, selector)? {
            index::remove(&mut transaction, application, &subscription)?;
            removed.push(subscription.target.id);
            changes.push(ChangeValue::new(ChangeKind::RemovedByCaller, &subscription));
        }
        self.apply_with_changes(transaction, application, changes)?;
        Ok(removed)
    }
}
