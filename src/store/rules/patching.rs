//! What a caller's changes make of a subscription.

use super::subscribing::{set_expiry, set_topics};
use crate::domain::limits::TOPICS_MAX;
use crate::domain::{Subscription, Timestamp};
use crate::store::{StoreError, SubscriptionPatch};

/// A subscription with a caller's changes; `None`: they change nothing. Errors: [`StoreError::RevisionMismatch`],
/// [`StoreError::TooManyTopics`].
pub(crate) fn patched(
    old: &Subscription,
    patch: SubscriptionPatch,
    now: Timestamp,
) -> Result<Option<Subscription>, StoreError> {
    if patch.revision.is_some_and(|revision| revision != old.revision) {
        return Err(StoreError::RevisionMismatch);
    }
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
    if new == *old {
        return Ok(None);
    }
    new.revision += 1;
    new.updated = now;
    Ok(Some(new))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples::stored;
    use super::*;
    use crate::store::conformance::{START, names};

    fn patch(change: impl FnOnce(&mut SubscriptionPatch)) -> SubscriptionPatch {
        let mut patch = SubscriptionPatch::default();
        change(&mut patch);
        patch
    }

    #[test]
    fn what_is_named_changes_and_nothing_else() {
        let old = stored(1, "ada");
        let later = START.plus(Duration::from_secs(5));
        assert_eq!(patched(&old, SubscriptionPatch::default(), later).unwrap(), None);
        let same = patch(|patch| patch.locale = Some(old.locale.clone()));
        assert_eq!(patched(&old, same, later).unwrap(), None, "no news");
        let new = patched(&old, patch(|patch| patch.locale = Some("fr".to_owned())), later).unwrap().unwrap();
        let (revision, updated) = (old.revision + 1, later);
        assert_eq!(new, Subscription { locale: "fr".to_owned(), revision, updated, ..old.clone() });
        let expiry = patch(|patch| patch.expires = Some(Some(later)));
        let new = patched(&old, expiry, later).unwrap().unwrap();
        assert_eq!((new.target.expires, new.target.generation), (Some(later), old.target.generation + 1));
    }

    #[test]
    fn topics_that_stay_keep_their_time() {
        let old = stored(1, "ada");
        let later = START.plus(Duration::from_secs(5));
        let change = patch(|patch| {
            patch.topics = Some(names(&["news", "music"]));
            patch.add_topics = names(&["film"]);
            patch.remove_topics = names(&["music", "unknown"]);
        });
        let new = patched(&old, change, later).unwrap().unwrap();
        assert_eq!(new.topics, [("film".to_owned(), later), ("news".to_owned(), START)].into());
    }

    #[test]
    fn stale_revisions_and_too_many_topics_are_refused() {
        let mut old = stored(1, "ada");
        let stale = patched(&old, patch(|patch| patch.revision = Some(old.revision + 1)), START);
        assert!(matches!(stale, Err(StoreError::RevisionMismatch)));
        let many = |count: usize| (0..count).map(|number| format!("t{number}")).collect::<Vec<_>>();
        let too_many = patched(&old, patch(|patch| patch.topics = Some(many(TOPICS_MAX + 1))), START);
        assert!(matches!(too_many, Err(StoreError::TooManyTopics)));
        old.topics = many(TOPICS_MAX + 5).into_iter().map(|topic| (topic, START)).collect();
        let fewer = patched(&old, patch(|patch| patch.remove_topics = names(&["t0"])), START);
        assert!(fewer.unwrap().is_some(), "who has too many can give some up");
    }
}
