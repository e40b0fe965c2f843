//! Encryption beside the curve, the request, and what the answer means.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use fanfare::domain::{
    ContentEncoding, Endpoint, Origin, Padding, SubscriptionKeys, Timestamp, Urgency, VapidKeyId,
};
use fanfare::webpush::agreement::{POINT_OCTETS, SCALAR_OCTETS, SharedSecret};
use fanfare::webpush::outcome::Circumstances;
use fanfare::webpush::vapid::{self, TokenTimes};
use fanfare::webpush::{
    AgreementError, AgreementKey, Authorization, AwsLcKey, Encrypted, Ephemeral, MessageHeaders,
    PushResponse, PushService, VapidKeyPair, VapidToken, classify, encrypt, request, retry_after,
};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};

use super::{PAYLOAD_OCTETS, Path, Run};

/// 24 November 2026.
pub const NOW: Timestamp = Timestamp::from_secs(1_795_478_400);
const BODY_OCTETS_MAX: usize = 4_096;

/// All of them that need no cryptographic library.
pub const PURE: [Path; 7] = [
    Path::new("encrypt, without the curve", 1, encrypt_without_the_curve),
    Path::new("build a request", 1, build_request),
    Path::new("classify 201", 1, classify_accepted),
    Path::new("classify 410", 1, classify_gone),
    Path::new("classify 429", 1, classify_throttled),
    Path::new("Retry-After in seconds", 1, retry_after_seconds),
    Path::new("Retry-After as a date", 1, retry_after_date),
];

/// A key pair that agrees on the same secret with everybody: what remains of encryption is ours.
#[derive(Clone, Debug)]
struct NoCurve([u8; POINT_OCTETS]);

impl AgreementKey for NoCurve {
    fn generate() -> Result<Self, AgreementError> {
        Ok(Self([4; POINT_OCTETS]))
    }

    fn from_private(_: &[u8; SCALAR_OCTETS]) -> Result<Self, AgreementError> {
        Self::generate()
    }

    fn private(&self) -> Result<SharedSecret, AgreementError> {
        Ok([1; SCALAR_OCTETS].into())
    }

    fn public(&self) -> &[u8; POINT_OCTETS] {
        &self.0
    }

    fn agree(&self, _: &[u8; POINT_OCTETS]) -> Result<SharedSecret, AgreementError> {
        Ok([2; SCALAR_OCTETS].into())
    }
}

/// The keys of some subscription.
pub fn subscription_keys() -> SubscriptionKeys {
    SubscriptionKeys { p256dh: *AwsLcKey::generate().unwrap().public(), auth: [7; 16] }
}

/// Encrypts one payload for one subscription.
pub fn seal<K: AgreementKey>(keys: &SubscriptionKeys, payload: &[u8], ephemeral: Ephemeral<K>) -> Encrypted {
    encrypt(keys, ContentEncoding::Aes128Gcm, payload, Padding::None, BODY_OCTETS_MAX, ephemeral).unwrap()
}

fn encrypt_without_the_curve() -> Run {
    let keys = SubscriptionKeys { p256dh: [4; POINT_OCTETS], auth: [7; 16] };
    let (payload, key) = ([b'x'; PAYLOAD_OCTETS], NoCurve::generate().unwrap());
    Box::new(move || {
        black_box(seal(&keys, black_box(&payload), Ephemeral::given(key.clone(), [3; 16])));
    })
}

/// A VAPID key and what its token is for.
pub struct Signer {
    key: fanfare::domain::VapidKey,
    audience: Origin,
}

impl Signer {
    pub fn new() -> Self {
        let key = VapidKeyPair::generate().unwrap().into_vapid_key(VapidKeyId(1), NOW);
        Self { key, audience: Origin::parse("https://fcm.googleapis.com").unwrap() }
    }

    /// Signs, as is done once an hour for each origin.
    pub fn sign(&self) -> VapidToken {
        vapid::sign(&self.key, &self.audience, "mailto:ops@example.com", TokenTimes::signed(NOW)).unwrap()
    }
}

fn build_request() -> Run {
    let endpoint = format!("https://fcm.googleapis.com/fcm/send/{}", "x".repeat(152));
    let endpoint = Endpoint::parse(&endpoint, false).unwrap();
    let token = Signer::new().sign();
    let message = MessageHeaders::new(Urgency::High, Some("abcdef")).unwrap();
    let body = Encrypted { body: Bytes::from(vec![1; PAYLOAD_OCTETS]), parameters: None };
    Box::new(move || {
        let authorization = Authorization::Vapid(black_box(&token));
        let body = Some(body.clone());
        black_box(request::build(endpoint.clone(), PushService::Fcm, body, 3_600, &message, authorization));
    })
}

fn classifies(service: PushService, response: PushResponse) -> Run {
    let circumstances = Circumstances {
        service,
        subscription_age: Duration::from_secs(86_400),
        attempt: 1,
        body_octets: 1_103,
        now: NOW,
    };
    Box::new(move || {
        black_box(classify(black_box(&response), &circumstances));
    })
}

/// What FCM answers when it takes a message.
pub fn accepted() -> PushResponse {
    let mut headers = HeaderMap::new();
    headers.insert(
        "location",
        HeaderValue::from_static("https://fcm.googleapis.com/0:1795478400%7031b2e6f9fd7ecd"),
    );
    headers.insert(request::TTL, HeaderValue::from_static("3600"));
    PushResponse { status: 201, headers, body: Bytes::new() }
}

fn classify_accepted() -> Run {
    classifies(PushService::Fcm, accepted())
}

fn classify_gone() -> Run {
    let body = br#"{"code":410,"errno":106,"error":"Gone","message":"Request did not validate: no such subscription","more_info":"https://mozilla-services.github.io/autopush-rs/errors.html"}"#;
    let response = PushResponse { status: 410, headers: HeaderMap::new(), body: Bytes::from_static(body) };
    classifies(PushService::Mozilla, response)
}

fn classify_throttled() -> Run {
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("120"))]);
    let response = PushResponse { status: 429, headers, body: Bytes::from_static(b"quota exceeded") };
    classifies(PushService::Fcm, response)
}

fn reads_retry_after(value: &'static str) -> Run {
    let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
    Box::new(move || {
        black_box(retry_after::retry_after(black_box(&headers), NOW));
    })
}

fn retry_after_seconds() -> Run {
    reads_retry_after("120")
}

fn retry_after_date() -> Run {
    reads_retry_after("Tue, 24 Nov 2026 00:02:00 GMT")
}
