//! Applications and VAPID keys as administrators see them.

use super::delivery::outcome;
use super::origin::held;
use super::subscription::etag;
use super::time::{duration, timestamp};
use crate::domain::{
    Application, ApplicationSettings, HostChoice, HostProfile, Padding, Quotas, Timestamp, Urgency, VapidKey,
    VapidKeyId,
};
use crate::engine::{OriginHealth, StoppedApplication};
use crate::proto::v1;
use crate::webpush::keys::encode_base64url;

/// What names of VAPID keys begin with.
const VAPID_KEY_PREFIX: &str = "vapidKeys/";

/// As the contract counts.
pub(crate) fn count(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// An application with so many subscriptions; `origins` are those at which any application may be stopped, or have
/// subscriptions that are held.
pub(crate) fn application(
    application: &Application,
    subscriptions: u64,
    origins: &[OriginHealth],
) -> v1::Application {
    let settings = &application.settings;
    let stopped_origins = origins.iter().flat_map(|of| {
        let its = of.stopped.iter().filter(|stopped| stopped.application == application.id);
        its.map(|stopped| stopped_origin(&of.origin, &application.name, stopped))
    });
    let held_there = origins.iter().flat_map(|of| {
        let its = of.held.iter().filter(|held| held.application == application.id && held.subscriptions > 0);
        its.map(|its| held(its, application.name.clone(), &of.origin))
    });
    v1::Application {
        id: application.name.clone(),
        display_name: settings.display_name.clone(),
        contact: application.contact.clone(),
        defaults: defaults(settings),
        quotas: quotas(&settings.quotas),
        host_policy: settings.hosts.as_ref().map(host_policy),
        suspended: settings.suspended,
        stopped_origins: stopped_origins.collect(),
        subscription_count: count(subscriptions),
        create_time: known(application.created),
        update_time: known(application.updated),
        etag: etag(application.revision),
        held: held_there.collect(),
    }
}

/// An application that is stopped at an origin, and what to do about it.
pub(crate) fn stopped_origin(
    origin: &str,
    application: &str,
    stopped: &StoppedApplication,
) -> v1::StoppedOrigin {
    let key = vapid_key_name(stopped.vapid_key);
    let remedy = if stopped.slowed {
        format!(
            "Check that the subscriptions were made with {key} of {application}, the contact and this server's clock. \
             The first that is accepted ends it; `fanfare origins --resume {origin} --application {application}` tries \
             all at once."
        )
    } else {
        format!(
            "Check {key} of {application}, its contact and this server's clock. One delivery tries again by itself; `fanfare \
             origins --resume {origin} --application {application}` tries all at once."
        )
    };
    v1::StoppedOrigin {
        origin: origin.to_owned(),
        outcome: outcome(stopped.outcome).into(),
        stop_time: Some(timestamp(stopped.since)),
        detail: stopped.detail.clone(),
        next_attempt_time: Some(timestamp(stopped.next_attempt)),
        vapid_key: key,
        refused_count: count(u64::from(stopped.refused)),
        slowed: stopped.slowed,
        remedy,
    }
}

/// Of what was made before its time was kept.
fn known(time: Timestamp) -> Option<prost_types::Timestamp> {
    (time != Timestamp::default()).then(|| timestamp(time))
}

fn defaults(settings: &ApplicationSettings) -> Option<v1::MessageDefaults> {
    let defaults = v1::MessageDefaults {
        ttl: settings.ttl.map(duration),
        urgency: settings.urgency.map_or(v1::Urgency::Unspecified, urgency).into(),
        padding: settings.padding.map_or(v1::Padding::Unspecified, padding).into(),
    };
    (defaults != v1::MessageDefaults::default()).then_some(defaults)
}

fn urgency(urgency: Urgency) -> v1::Urgency {
    match urgency {
        Urgency::VeryLow => v1::Urgency::VeryLow,
        Urgency::Low => v1::Urgency::Low,
        Urgency::Normal => v1::Urgency::Normal,
        Urgency::High => v1::Urgency::High,
    }
}

fn padding(padding: Padding) -> v1::Padding {
    match padding {
        Padding::None => v1::Padding::None,
        Padding::PowerOfTwo => v1::Padding::PowerOfTwo,
        Padding::Maximum => v1::Padding::Maximum,
    }
}

fn quotas(quotas: &Quotas) -> Option<v1::Quotas> {
    let number = |number: Option<u32>| number.map(|number| count(u64::from(number)));
    let shown = v1::Quotas {
        max_subscriptions: number(quotas.max_subscriptions),
        max_messages_per_second: quotas.max_messages_per_second,
        max_broadcast_targets: number(quotas.max_broadcast_targets),
        max_pending_deliveries: number(quotas.max_pending_deliveries),
        max_streams: number(quotas.max_streams),
        weight: number(quotas.weight),
    };
    (*quotas != Quotas::default()).then_some(shown)
}

fn host_policy(choice: &HostChoice) -> v1::HostPolicy {
    let profile = match choice.profile {
        None => v1::HostProfile::Unspecified,
        Some(HostProfile::KnownPushServices) => v1::HostProfile::KnownPushServices,
        Some(HostProfile::AnyPublicHost) => v1::HostProfile::AnyPublicHost,
        Some(HostProfile::ListedOnly) => v1::HostProfile::ListedOnly,
    };
    v1::HostPolicy {
        profile: profile.into(),
        extra_hosts: choice.extra_hosts.clone(),
        exceptions: choice.exceptions.clone(),
    }
}

/// `vapidKeys/{id}`
pub(crate) fn vapid_key_name(id: VapidKeyId) -> String {
    format!("{VAPID_KEY_PREFIX}{}", id.0)
}

/// What [`vapid_key_name`] wrote.
pub(crate) fn read_vapid_key_name(name: &str) -> Option<VapidKeyId> {
    let id = name.strip_prefix(VAPID_KEY_PREFIX)?.parse().ok().map(VapidKeyId)?;
    (vapid_key_name(id) == name && id.0 > 0).then_some(id)
}

/// A key of an application, with which so many active subscriptions were made.
pub(crate) fn vapid_key(application: &Application, key: &VapidKey, subscriptions: u64) -> v1::VapidKey {
    let state = if key.retired.is_some() {
        v1::VapidKeyState::Retired
    } else if application.current_vapid_key == key.id {
        v1::VapidKeyState::Current
    } else {
        v1::VapidKeyState::Standby
    };
    v1::VapidKey {
        name: vapid_key_name(key.id),
        application: application.name.clone(),
        application_server_key: encode_base64url(&key.public),
        state: state.into(),
        subscription_count: count(subscriptions),
        create_time: Some(timestamp(key.created)),
        activate_time: key.activated.map(timestamp),
        retire_time: key.retired.map(timestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_keys_have_one_spelling() {
        assert_eq!(read_vapid_key_name(&vapid_key_name(VapidKeyId(12))), Some(VapidKeyId(12)));
        for bad in ["", "vapidKeys/", "vapidKeys/0", "vapidKeys/01", "vapidKeys/+1", "vapidKeys/65536", "12"]
        {
            assert_eq!(read_vapid_key_name(bad), None, "{bad}");
        }
    }
}
