//! What callers ask for.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use fanfare::domain::{
    Audience, Clock, ContentEncoding, Endpoint, MessageKind, MessageSpec, Padding, Payload, SubscriptionKeys,
    Urgency,
};
use fanfare::engine::{Recipients, Submission};
use fanfare::store::{Replaces, Subscribe};

use super::server::{Server, Surroundings};
use super::steps::{ORIGINS, Options};

/// Where a browser is.
pub(crate) fn endpoint(browser: u8) -> String {
    format!("{}/p/{browser}", ORIGINS[usize::from(browser) % ORIGINS.len()])
}

pub(crate) fn endpoint_of(browser: u8) -> Endpoint {
    Endpoint::parse(&endpoint(browser), false).unwrap()
}

pub(crate) fn user(browser: u8) -> String {
    format!("user-{}", browser % 7)
}

pub(crate) fn hash_of(what: impl std::fmt::Debug) -> [u8; 32] {
    let mut hasher = DefaultHasher::new();
    format!("{what:?}").hash(&mut hasher);
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&hasher.finish().to_be_bytes());
    hash
}

/// A message whose recipients are still to be looked up; `to` tells them from others, and each has a payload of its own.
pub(crate) fn submission(
    kind: MessageKind,
    to: [u8; 32],
    options: &Options,
    payload: u64,
    clock: &dyn Clock,
) -> Submission {
    let spec = MessageSpec {
        payload: Payload(Bytes::from(payload.to_string())),
        receipt_token_at: None,
        ttl: Duration::from_secs(options.ttl),
        urgency: Urgency::Normal,
        topic_header: None,
        padding: Padding::None,
        max_per_second: options.max_per_second,
        labels: BTreeMap::new(),
        note: String::new(),
    };
    Submission {
        kind,
        spec,
        recipients: Recipients::Audience(Audience::All),
        request_id: options.request.map(|request| format!("request-{request}")).unwrap_or_default(),
        request_hash: hash_of((to, options)),
        start: options.later.map(|secs| clock.now().plus(Duration::from_secs(secs))),
        collapse: options.collapse.map(|key| hash_of((to, key))[..16].try_into().unwrap()),
        caller: None,
        as_of: 0,
    }
}

/// What a browser subscribes with: new keys.
pub(crate) fn subscribe(
    browser: u8,
    replaces: Option<u8>,
    expires: Option<u64>,
    server: &Server,
    around: &Surroundings,
) -> Subscribe {
    let auth = [browser; 16];
    let p256dh = around.witness.new_keys(&endpoint(browser), auth);
    let topics = ["news", "odd"].into_iter().take(1 + usize::from(browser % 2));
    Subscribe {
        application: server.application.id,
        endpoint: endpoint_of(browser),
        keys: SubscriptionKeys { p256dh, auth },
        encoding: ContentEncoding::Aes128Gcm,
        expires: expires.map(|secs| around.clock.now().plus(Duration::from_secs(secs))),
        vapid_key: None,
        current_vapid_key: server.application.current_vapid_key,
        user_id: user(browser),
        topics: topics.map(str::to_owned).collect(),
        labels: BTreeMap::new(),
        locale: String::new(),
        time_zone: String::new(),
        replaces: replaces
            .filter(|other| *other != browser)
            .map(|other| Replaces::Endpoint(endpoint_of(other))),
        subscriptions_max: None,
        validate_only: false,
        bulk: false,
        by_page: false,
    }
}
