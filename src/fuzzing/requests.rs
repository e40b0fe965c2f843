//! Requests of callers: from protobuf to the domain.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use prost::Message;

use super::NOW;
use crate::api::status::ApiError;
use crate::api::validate::{Rules, api_token, application, lists, selector, sending, subscribe, update};
use crate::domain::{Application, ApplicationId, MessageDefaults, Padding, Urgency, VapidKeyId};
use crate::proto::v1;
use crate::transport::{HostPolicy, Profile, PushServicesSettings};
use crate::webpush::keys::VapidKeyPair;

static POLICY: LazyLock<Option<HostPolicy>> = LazyLock::new(|| {
    let settings =
        PushServicesSettings { profile: Profile::AnyPublicHost, ..PushServicesSettings::default() };
    HostPolicy::new(&settings).ok()
});

static APPLICATION: LazyLock<Application> = LazyLock::new(|| {
    let keys = VapidKeyPair::from_private(&[7; 32]);
    Application {
        id: ApplicationId(1),
        name: "default".to_owned(),
        contact: "mailto:webpush@example.com".to_owned(),
        weight: 100,
        defaults: MessageDefaults {
            ttl: Duration::from_secs(60),
            urgency: Urgency::Normal,
            padding: Padding::None,
        },
        vapid_keys: keys.into_iter().map(|keys| keys.into_vapid_key(VapidKeyId(1), NOW)).collect(),
        current_vapid_key: VapidKeyId(1),
        ..Application::default()
    }
});

/// Which RPC; then its request.
///
/// # Panics
/// When a promise does not hold.
pub fn requests(data: &[u8]) {
    let (Some((rpc, request)), Some(policy)) = (super::choice(data), POLICY.as_ref()) else { return };
    let rules =
        Rules { application: &APPLICATION, policy, gcm_key: rpc >= 128, receipts: rpc >= 128, now: NOW };
    match rpc % 128 {
        0 => {
            let subscribed = read(request, |request| subscribe::subscribe(request, rules));
            if let Some(subscribed) = subscribed {
                assert!(rules.policy.check(&subscribed.endpoint).is_ok());
            }
        }
        1 => drop(read(request, |request| selector::unsubscribe(&request, rules))),
        2 => drop(read(request, |request| selector::get(&request, rules))),
        3 => drop(read(request, |request| update::update(request, rules))),
        4 => {
            let sending = read(request, |request| sending::send(request, rules));
            if let Some(sending::Sending { recipient: sending::Recipient::Inline(browser), .. }) = sending {
                assert!(rules.policy.check(&browser.endpoint).is_ok());
            }
        }
        5 => drop(read(request, |request| sending::broadcast(request, rules))),
        6 => drop(read(request, |request| lists::subscriptions(&request))),
        7 => drop(read(request, |request| lists::messages(&request, |_| BTreeSet::new()))),
        8 => drop(read(request, |request| lists::deliveries(&request))),
        9 => drop(read(request, |request| lists::watch(&request))),
        10 => drop(read(request, |request| lists::watch_subscriptions(&request))),
        11 => drop(read(request, |request: v1::ListOriginsRequest| lists::origins(&request))),
        12 => drop(read(request, |request| application::create(&request, policy))),
        13 => {
            let set = &APPLICATION.settings;
            drop(read(request, |request| application::update(&request, set, policy)));
        }
        14 => drop(read(request, |request| application::create_vapid_key(&request))),
        15 => drop(read(request, |request| api_token::create(&request, NOW))),
        16 => drop(read(request, |request| lists::audit_entries(&request, |_| BTreeSet::new()))),
        _ => {}
    }
}

/// What is refused is told in a status, whatever was in it.
fn read<M: Message + Default, T>(
    request: &[u8],
    validate: impl FnOnce(M) -> Result<T, ApiError>,
) -> Option<T> {
    match validate(M::decode(request).ok()?) {
        Ok(valid) => Some(valid),
        Err(error) => {
            let status = tonic::Status::from(error);
            assert!(status.code() != tonic::Code::Internal, "{status}");
            // What a client takes of headers, 8 KiB by default, holds them.
            assert!(status.message().len() + status.details().len() < 32 * 1024);
            None
        }
    }
}
