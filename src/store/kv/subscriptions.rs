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
use crate::domain::limits::TOPICS_MAX;
use crate::domain::{
    ApplicationId, Origin, OriginId, Subscription, SubscriptionId, SubscriptionState, Target, Timestamp,
};
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
        if existing.as_ref().is_some_and(|existing| !subscribe.may_touch(existing)) {
            return Err(StoreError::NotOwn);
        }
        let replaced = match &subscribe.replaces {
            None => None,
            Some(Replaces::Id(id)) => index::find(&transaction, application, *id)?,
            Some(Replaces::Endpoint(endpoint)) => {
                index::find_by_endpoint(&transaction, application, endpoint)?
            }
        };
        // What a page may not touch is as unknown to it as what is not there.
        let replaced = replaced.filter(|replaced| subscribe.may_touch(replaced));
        let (old, removed) = match (existing, replaced) {
            (Some(existing), Some(replaced)) if existing.target.id != replaced.target.id => {
                (Some(existing), Some(replaced))
            }
            (Some(existing), Some(_) | None) => (Some(existing), None),
            (None, replaced) => (replaced, None),
        };
        if old.is_none()
            && let Some(most) = subscribe.subscriptions_max
            && index::count(&transaction, application, TopicId::EVERYONE)? >= u64::from(most)
        {
            return Err(StoreError::TooManySubscriptions);
        }
        let mut new = match &old {
            Some(old) => renewed(old, &subscribe, origin, now),
            None => self.made(&subscribe, origin, now),
        };
        if let Some(removed) = &removed {
            take_over(&mut new, removed);
            index::remove(&mut transaction, application, removed)?;
        }
        let mut changes = Vec::new();
        let respelled = old.as_ref().is_some_and(|old| old.target.endpoint.spelling().is_some());
        if old.as_ref() != Some(&new) || respelled {
            new.revision += 1;
            new.updated = now;
            index::store(&mut transaction, application, old.as_ref(), &new)?;
            let kind = if old.is_none() { ChangeKind::Added } else { ChangeKind::Updated };
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

    /// A new subscription.
    fn made(&mut self, subscribe: &Subscribe, origin: OriginId, now: Timestamp) -> Subscription {
        let mut random = [0; 10];
        self.random.fill_bytes(&mut random);
        Subscription {
            target: Target {
                id: SubscriptionId::new(now, random),
                inline: false,
                generation: 1,
                endpoint: subscribe.endpoint.normal(),
                origin,
                keys: subscribe.keys.clone(),
                encoding: subscribe.encoding,
                vapid_key: subscribe.vapid_key.unwrap_or(subscribe.current_vapid_key),
                subscribed: now,
                expires: subscribe.expires,
                state: SubscriptionState::Active,
                user_id: subscribe.user_id.clone(),
                body_octets_max: 0,
                refused_days: 0,
                refused_last: Timestamp::default(),
                accepted_last: Timestamp::default(),
            },
            topics: subscribe.topics.iter().map(|topic| (topic.clone(), now)).collect(),
            labels: subscribe.labels.clone(),
            locale: subscribe.locale.clone(),
            time_zone: subscribe.time_zone.clone(),
            created: now,
            updated: now,
            revision: 0,
        }
    }

    /// See [`crate::store::Store::update_subscription`].
    pub(crate) fn update_subscription(
        &mut self,
        application: ApplicationId,
        selector: &Selector,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, StoreError> {
        let old = selected(&self.reader, application, selector)?.ok_or(StoreError::NotFound)?;
        if patch.revision.is_some_and(|revision| revision != old.revision) {
            return Err(StoreError::RevisionMismatch);
        }
        let now = self.clock.now();
        let mut new = patched(&old, patch, now)?;
        if new != old {
            new.revision += 1;
            new.updated = now;
            let mut transaction = self.begin();
            index::store(&mut transaction, application, Some(&old), &new)?;
            let changes = vec![ChangeValue::new(ChangeKind::Updated, &new)];
            self.apply_with_changes(transaction, application, changes)?;
        }
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

/// A stored subscription after it was subscribed again, or after another one took its place.
fn renewed(old: &Subscription, subscribe: &Subscribe, origin: OriginId, now: Timestamp) -> Subscription {
    let mut new = old.clone();
    let target = &mut new.target;
    target.endpoint = subscribe.endpoint.normal();
    target.origin = origin;
    target.keys = subscribe.keys.clone();
    target.encoding = subscribe.encoding;
    target.vapid_key = subscribe.vapid_key.unwrap_or(target.vapid_key);
    let renewed = *target != old.target;
    set_expiry(target, subscribe.expires);
    if !renewed && target.state != SubscriptionState::Active {
        // The browser has it still: what was said against it is void. Its keys are the same, so what was learned stays.
        target.state = SubscriptionState::Active;
        target.generation = old.target.generation + 1;
        (target.refused_days, target.refused_last) = (0, Timestamp::default());
    }
    if renewed {
        target.generation = old.target.generation + 1;
        target.subscribed = now;
        target.state = SubscriptionState::Active;
        (target.refused_days, target.refused_last) = (0, Timestamp::default());
        target.accepted_last = Timestamp::default();
        if target.endpoint != old.target.endpoint {
            target.body_octets_max = 0;
        }
    }
    if !subscribe.user_id.is_empty() {
        if !target.user_id.is_empty() && target.user_id != subscribe.user_id {
            new.topics.clear();
            new.labels.clear();
            new.locale.clear();
            new.time_zone.clear();
        }
        new.target.user_id.clone_from(&subscribe.user_id);
    }
    if !subscribe.topics.is_empty() {
        set_topics(&mut new, &subscribe.topics, now);
    }
    if !subscribe.labels.is_empty() {
        new.labels.clone_from(&subscribe.labels);
    }
    if !subscribe.locale.is_empty() {
        new.locale.clone_from(&subscribe.locale);
    }
    if !subscribe.time_zone.is_empty() {
        new.time_zone.clone_from(&subscribe.time_zone);
    }
    new
}

/// Another expiry is another generation: that the earlier one passed proves nothing any more.
fn set_expiry(target: &mut Target, expires: Option<Timestamp>) {
    if target.expires != expires {
        target.expires = expires;
        target.generation += 1;
    }
}

/// Gives a subscription what it lacks and the one that it replaces has; nothing of another user.
fn take_over(new: &mut Subscription, replaced: &Subscription) {
    let (user, former) = (&mut new.target.user_id, &replaced.target.user_id);
    if !user.is_empty() && !former.is_empty() && user != former {
        return;
    }
    if user.is_empty() {
        user.clone_from(former);
    }
    if new.topics.is_empty() {
        new.topics.clone_from(&replaced.topics);
    }
    if new.labels.is_empty() {
        new.labels.clone_from(&replaced.labels);
    }
    if new.locale.is_empty() {
        new.locale.clone_from(&replaced.locale);
    }
    if new.time_zone.is_empty() {
        new.time_zone.clone_from(&replaced.time_zone);
    }
    // A broadcast that the replaced one was part of still reaches the browser.
    new.created = new.created.min(replaced.created);
}

/// Gives a subscription these topics; those that it had keep their time.
fn set_topics(subscription: &mut Subscription, topics: &[String], now: Timestamp) {
    let since = |topic: &String| *subscription.topics.get(topic).unwrap_or(&now);
    let topics = topics.iter().map(|topic| (topic.clone(), since(topic))).collect();
    subscription.topics = topics;
}

fn patched(old: &Subscription, patch: SubscriptionPatch, now: Timestamp) -> Result<Subscription, StoreError> {
    let mut new = old.clone();
    if let Some(user_id) = patch.user_id {
        new.target.user_id = user_id;
    }
    if let Some(topics) = &patch.topics {
        set_topics(&mut new, topics, now);
    }
    for topic in patch.add_topics {
        new.topics.entry(topic).or_insert(now);
    }
    for topic in &patch.remove_topics {
        new.topics.remove(topic);
    }
    if let Some(labels) = patch.labels {
        new.labels = labels;
    }
    if let Some(locale) = patch.locale {
        new.locale = locale;
    }
    if let Some(time_zone) = patch.time_zone {
        new.time_zone = time_zone;
    }
    if let Some(expires) = patch.expires {
        set_expiry(&mut new.target, expires);
    }
    if new.topics.len() > TOPICS_MAX && new.topics.len() > old.topics.len() {
        return Err(StoreError::TooManyTopics);
    }
    Ok(new)
}
