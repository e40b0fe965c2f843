//! Subscriptions as callers see them: without endpoint and keys.

use super::delivery::outcome;
use super::time::timestamp;
use crate::domain::{Application, Subscription, SubscriptionState, VapidKeyId};
use crate::proto::v1;
use crate::webpush::keys::encode_base64url;

/// A stored subscription.
pub(crate) fn subscription(application: &Application, subscription: &Subscription) -> v1::Subscription {
    let Subscription { target, topics, labels, locale, time_zone, created, updated, revision } = subscription;
    let (state, disabled_outcome) = match target.state {
        SubscriptionState::Active => (v1::SubscriptionState::Active, v1::Outcome::Unspecified),
        SubscriptionState::Disabled(why) => (v1::SubscriptionState::Disabled, outcome(why)),
        SubscriptionState::SetAside(why) => (v1::SubscriptionState::Held, outcome(why)),
    };
    v1::Subscription {
        name: target.id.name(),
        application: application.name.clone(),
        endpoint_origin: target.endpoint.origin().as_str().to_owned(),
        user_id: target.user_id.clone(),
        topics: topics.keys().cloned().collect(),
        labels: labels.clone(),
        locale: locale.clone(),
        time_zone: time_zone.clone(),
        state: state.into(),
        disabled_outcome: disabled_outcome.into(),
        application_server_key: application_server_key(application, target.vapid_key),
        expire_time: target.expires.map(timestamp),
        create_time: Some(timestamp(*created)),
        update_time: Some(timestamp(*updated)),
        etag: etag(*revision),
    }
}

/// A key of the application as browsers take it; empty when it has been removed.
pub(crate) fn application_server_key(application: &Application, key: VapidKeyId) -> String {
    application.vapid_key(key).map(|key| encode_base64url(&key.public)).unwrap_or_default()
}

pub(crate) fn etag(revision: u64) -> String {
    format!("{revision:x}")
}

/// The revision that an etag stands for; `None` when it is none of ours.
pub(crate) fn read_etag(etag: &str) -> Option<u64> {
    u64::from_str_radix(etag, 16).ok().filter(|revision| self::etag(*revision) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_round_trip_in_one_spelling() {
        for revision in [0, 1, 255, u64::MAX] {
            assert_eq!(read_etag(&etag(revision)), Some(revision));
        }
        for bad in ["", "0x1", "01", "FF", "+1", "g", "10000000000000000"] {
            assert_eq!(read_etag(bad), None, "{bad}");
        }
    }
}
