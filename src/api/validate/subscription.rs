//! What a browser's `PushSubscription` says.

use super::Rules;
use crate::api::convert::time::TIMESTAMP_MILLIS_MAX;
use crate::api::status::ApiError;
use crate::domain::{
    Application, ContentEncoding, Endpoint, EndpointPolicy, Origin, Refusal, SubscriptionKeys, Timestamp,
    VapidKeyId, Violations,
};
use crate::proto::v1;
use crate::webpush::keys;
use crate::webpush::push_service::{PushService, is_denied_host};

/// Why an expiry is refused.
pub(super) const PASSED: &str =
    "has passed: the browser must subscribe again; leave it out, or null, for no expiry";

/// A browser's subscription, checked.
#[derive(Clone, Debug)]
pub(crate) struct BrowserSubscription {
    pub(crate) endpoint: Endpoint,
    pub(crate) keys: SubscriptionKeys,
    pub(crate) encoding: ContentEncoding,
    pub(crate) expires: Option<Timestamp>,
    /// The application's key that it was made with, where it was told.
    pub(crate) vapid_key: Option<VapidKeyId>,
}

/// Reads a subscription whose path in the request is `field`.
pub(crate) fn push_subscription(
    violations: &mut Violations,
    field: &str,
    subscription: Option<&v1::PushSubscription>,
    rules: Rules<'_>,
) -> Option<BrowserSubscription> {
    let Some(subscription) = subscription else {
        violations.add(field, "is required");
        return None;
    };
    let v1::PushSubscription {
        endpoint,
        keys,
        expiration_time_ms,
        supported_content_encodings,
        application_server_key,
    } = subscription;
    let endpoint = self::endpoint(violations, &format!("{field}.endpoint"), endpoint, rules.policy);
    let keys = subscription_keys(violations, &format!("{field}.keys"), keys.as_ref());
    let expires = expiration_time_ms
        .map(|millis| expiration_time(violations, &format!("{field}.expiration_time_ms"), millis, rules.now));
    let encoding = content_encoding(
        violations,
        &format!("{field}.supported_content_encodings"),
        supported_content_encodings,
    );
    let vapid_key = (!application_server_key.is_empty()).then(|| {
        let field = format!("{field}.application_server_key");
        vapid_key(violations, &field, application_server_key, rules.application)
    });
    Some(BrowserSubscription {
        endpoint: endpoint?,
        keys: keys?,
        encoding: encoding?,
        expires: transpose(expires)?,
        vapid_key: transpose(vapid_key)?,
    })
}

/// What was given must have been right.
#[expect(clippy::option_option, reason = "given or not, right or not")]
fn transpose<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

/// Reads an endpoint; http passes where the policy says so.
pub(crate) fn endpoint(
    violations: &mut Violations,
    field: &str,
    url: &str,
    policy: &dyn EndpointPolicy,
) -> Option<Endpoint> {
    let allow_http = url.len() <= crate::domain::limits::ENDPOINT_OCTETS_MAX
        && Origin::parse(url).is_some_and(|origin| policy.allows_http(origin.host(), origin.port()));
    violations.check(field, Endpoint::parse(url, allow_http))
}

/// Whether this server posts to the endpoint of the subscription that is `field`: asked once all fields are right.
pub(crate) fn check_allowed(field: &str, endpoint: &Endpoint, rules: Rules<'_>) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::EndpointNotAllowed(why.to_owned()));
    if is_denied_host(endpoint.origin().host()) {
        return refuse("the endpoint is one that the browser has given up: it must subscribe again");
    }
    if PushService::of(endpoint) == PushService::Gcm && !rules.gcm_key {
        return refuse(
            "the endpoint is of Google Cloud Messaging, which has ended, and this server has no GCM key: \
             the browser must subscribe again with an applicationServerKey",
        );
    }
    match rules.policy.check(endpoint) {
        Ok(_) => Ok(()),
        // The operator can not allow it, for no browser has it.
        Err(refusal @ Refusal::PathNotKnown(_)) => {
            let mut violations = Violations::new();
            violations.add(format!("{field}.endpoint"), refusal.to_string());
            Err(ApiError::InvalidFields(violations))
        }
        Err(
            refusal @ (Refusal::HostNotAllowed
            | Refusal::PortNotAllowed
            | Refusal::AddressNotAllowed
            | Refusal::HttpNotAllowed),
        ) => refuse(&refusal.to_string()),
    }
}

fn subscription_keys(
    violations: &mut Violations,
    field: &str,
    keys: Option<&v1::PushSubscriptionKeys>,
) -> Option<SubscriptionKeys> {
    let Some(v1::PushSubscriptionKeys { p256dh, auth }) = keys else {
        violations.add(field, "is required");
        return None;
    };
    let p256dh = violations.check(&format!("{field}.p256dh"), keys::parse_p256dh(p256dh));
    let auth = violations.check(&format!("{field}.auth"), keys::parse_auth(auth));
    Some(SubscriptionKeys { p256dh: p256dh?, auth: auth? })
}

/// An expiry that would be one in seconds, from 2001 to 5138. Read as milliseconds it lies before 1974.
const SECONDS: std::ops::Range<f64> = 1e9..1e11;

/// Reads an expiry. One that has passed is refused: its subscription would be removed by the first message to it.
fn expiration_time(
    violations: &mut Violations,
    field: &str,
    millis: f64,
    now: Timestamp,
) -> Option<Timestamp> {
    if !(0.0..=TIMESTAMP_MILLIS_MAX).contains(&millis) {
        violations.add(field, "must be milliseconds since 1970, before the year 10000");
        return None;
    }
    #[expect(clippy::cast_sign_loss, reason = "the range was checked")]
    let expires = Timestamp::from_millis(millis as u64);
    if expires > now {
        return Some(expires);
    }
    violations.add(
        field,
        if SECONDS.contains(&millis) {
            "has passed: it must be milliseconds since 1970, are these seconds?"
        } else {
            PASSED
        },
    );
    None
}

/// The first that this server knows: the browser's list is best first.
fn content_encoding(violations: &mut Violations, field: &str, names: &[String]) -> Option<ContentEncoding> {
    if names.is_empty() {
        return Some(ContentEncoding::default());
    }
    let encoding = names.iter().find_map(|name| ContentEncoding::parse(name));
    if encoding.is_none() {
        violations.add(field, "must have aes128gcm or aesgcm");
    }
    encoding
}

fn vapid_key(
    violations: &mut Violations,
    field: &str,
    text: &str,
    application: &Application,
) -> Option<VapidKeyId> {
    let point = violations.check(field, keys::parse_p256dh(text))?;
    let key = application.vapid_keys.iter().find(|key| key.public == point && key.retired.is_none());
    if key.is_none() {
        violations.add(field, "must be one of the application's VAPID keys");
    }
    key.map(|key| key.id)
}
