//! The request for one delivery and its answer, as plain data between this module and the transport.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::encryption::Encrypted;
use super::push_service::PushService;
use super::vapid::VapidToken;
use crate::domain::{Endpoint, EndpointPolicy, Urgency};

/// `TTL` (RFC 8030 section 5.2).
pub const TTL: HeaderName = HeaderName::from_static("ttl");
/// `Urgency` (RFC 8030 section 5.3).
pub const URGENCY: HeaderName = HeaderName::from_static("urgency");
/// `Topic` (RFC 8030 section 5.4).
pub const TOPIC: HeaderName = HeaderName::from_static("topic");
/// `Encryption` (draft-ietf-webpush-encryption-04), for aesgcm.
pub const ENCRYPTION: HeaderName = HeaderName::from_static("encryption");
/// `Crypto-Key` (draft-ietf-webpush-encryption-04), for aesgcm.
pub const CRYPTO_KEY: HeaderName = HeaderName::from_static("crypto-key");
/// `X-WNS-Cache-Policy`, without which WNS refuses a TTL of 0.
pub const WNS_CACHE_POLICY: HeaderName = HeaderName::from_static("x-wns-cache-policy");

const AES128GCM: HeaderValue = HeaderValue::from_static("aes128gcm");
/// The type of every encrypted body. RFC 8030 asks for none, but servers that choose a parser by it read no body without.
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
const AESGCM: HeaderValue = HeaderValue::from_static("aesgcm");
const WNS_CACHE: HeaderValue = HeaderValue::from_static("cache");
const WNS_NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// As many headers as most requests have at most: more would only take memory while a request is under way.
const HEADERS_USUAL: usize = 6;

/// A POST to a push resource (RFC 8030 section 5). `Content-Length` follows from the body.
#[derive(Clone)]
pub struct PushRequest {
    /// Where to.
    pub endpoint: Endpoint,
    /// All headers that the protocol wants.
    pub headers: HeaderMap,
    /// The encrypted payload; empty for a message without one.
    pub body: Bytes,
    /// Where its sender may post to; `None`: as the transport's own policy says.
    pub policy: Option<Arc<dyn EndpointPolicy>>,
}

impl fmt::Debug for PushRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PushRequest({}, {} octets)", self.endpoint.origin(), self.body.len())
    }
}

/// What a push service answered.
#[derive(Clone)]
pub struct PushResponse {
    /// The status code.
    pub status: u16,
    /// The headers, as far as the transport takes them.
    pub headers: HeaderMap,
    /// The body, cut by the transport. Where HTTP/1.1 has a reason phrase and no body, the transport may put the phrase
    /// here: WNS says `Domain Blocked` nowhere else.
    pub body: Bytes,
}

impl fmt::Debug for PushResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PushResponse({}, {} octets)", self.status, self.body.len())
    }
}

/// The headers that all deliveries of a message have in common, made once.
#[derive(Clone, Debug, Default)]
pub struct MessageHeaders {
    urgency: Option<HeaderValue>,
    topic: Option<HeaderValue>,
}

/// A `Topic` that push services refuse: RFC 8030 section 5.4 allows 32 characters of base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a topic header must have 1 to 32 characters of A-Z, a-z, 0-9, - and _")]
pub struct TopicHeaderError;

impl MessageHeaders {
    /// Those of a message; `topic_header` comes from [`super::collapse::topic_header`].
    ///
    /// # Errors
    /// [`TopicHeaderError`].
    pub fn new(urgency: Urgency, topic_header: Option<&str>) -> Result<Self, TopicHeaderError> {
        let urgency = match urgency {
            // The default: not written.
            Urgency::Normal => None,
            Urgency::VeryLow | Urgency::Low | Urgency::High => {
                Some(HeaderValue::from_static(urgency.as_str()))
            }
        };
        let topic = topic_header.map(topic_value).transpose()?;
        Ok(Self { urgency, topic })
    }
}

fn topic_value(topic: &str) -> Result<HeaderValue, TopicHeaderError> {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    if !(1..=32).contains(&topic.len()) || !topic.bytes().all(allowed) {
        return Err(TopicHeaderError);
    }
    HeaderValue::from_str(topic).map_err(|_| TopicHeaderError)
}

/// GCM's API key as a header value, marked as sensitive.
#[derive(Clone)]
pub struct GcmKey(HeaderValue);

impl GcmKey {
    /// From the key that the operator configured; `None` when it has characters that no header takes.
    #[must_use]
    pub fn new(api_key: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("key={api_key}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for GcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GcmKey(<redacted>)")
    }
}

/// How the sender identifies itself.
#[derive(Clone, Copy, Debug)]
pub enum Authorization<'a> {
    /// Not at all.
    None,
    /// With a VAPID token, in the scheme that belongs to the message's content encoding.
    Vapid(&'a VapidToken),
    /// With GCM's API key.
    Gcm(&'a GcmKey),
}

/// Puts a request together. `encrypted` is `None` for a message without a body. `ttl` is in seconds and is what remains
/// of the message's own; Apple takes none below 1.
#[must_use]
pub fn build(
    endpoint: Endpoint,
    service: PushService,
    encrypted: Option<Encrypted>,
    ttl: u32,
    message: &MessageHeaders,
    authorization: Authorization<'_>,
) -> PushRequest {
    let mut headers = HeaderMap::with_capacity(HEADERS_USUAL);
    match service {
        PushService::Apple => {
            headers.insert(TTL, HeaderValue::from(ttl.max(1)));
        }
        PushService::Wns => {
            headers.insert(TTL, HeaderValue::from(ttl));
            headers.insert(WNS_CACHE_POLICY, if ttl == 0 { WNS_NO_CACHE } else { WNS_CACHE });
        }
        PushService::Fcm | PushService::Gcm | PushService::Mozilla | PushService::Other => {
            headers.insert(TTL, HeaderValue::from(ttl));
        }
    }
    if let Some(urgency) = &message.urgency {
        headers.insert(URGENCY, urgency.clone());
    }
    if let Some(topic) = &message.topic {
        headers.insert(TOPIC, topic.clone());
    }

    let (body, parameters) = encrypted.map_or((None, None), |e| (Some(e.body), e.parameters));
    match authorization {
        Authorization::None => {}
        Authorization::Vapid(token) if parameters.is_some() => {
            headers.insert(AUTHORIZATION, token.authorization_webpush().clone());
        }
        Authorization::Vapid(token) => {
            headers.insert(AUTHORIZATION, token.authorization().clone());
        }
        Authorization::Gcm(key) => {
            headers.insert(AUTHORIZATION, key.0.clone());
        }
    }
    if body.is_some() {
        headers.insert(CONTENT_TYPE, OCTET_STREAM);
    }
    if let Some(parameters) = parameters {
        headers.insert(CONTENT_ENCODING, AESGCM);
        insert_text(&mut headers, ENCRYPTION, &parameters.encryption());
        // Both keys stand in one header: receivers take the first only.
        let crypto_key = match authorization {
            Authorization::Vapid(token) => format!("{};{}", parameters.crypto_key(), token.p256ecdsa()),
            Authorization::None | Authorization::Gcm(_) => parameters.crypto_key(),
        };
        insert_text(&mut headers, CRYPTO_KEY, &crypto_key);
    } else if body.is_some() {
        headers.insert(CONTENT_ENCODING, AES128GCM);
    }
    PushRequest { endpoint, headers, body: body.unwrap_or_default(), policy: None }
}

/// The text is base64url and punctuation, which every header takes.
fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ContentEncoding, Origin, Padding, SubscriptionKeys, Timestamp, VapidKeyId};
    use crate::webpush::vapid::{self, TokenTimes};
    use crate::webpush::{AgreementKey, AwsLcKey, Ephemeral, VapidKeyPair, encrypt};

    fn endpoint() -> Endpoint {
        Endpoint::parse("https://push.example.net/p/secret", false).unwrap()
    }

    fn token() -> VapidToken {
        let key = VapidKeyPair::generate().unwrap().into_vapid_key(VapidKeyId(1), Timestamp::default());
        let times = TokenTimes::signed(Timestamp::from_secs(1_800_000_000));
        let audience = Origin::parse("https://push.example.net").unwrap();
        vapid::sign(&key, &audience, "mailto:push@example.com", times).unwrap()
    }

    fn encrypted(encoding: ContentEncoding) -> Encrypted {
        let keys = SubscriptionKeys { p256dh: *AwsLcKey::generate().unwrap().public(), auth: [0; 16] };
        encrypt(&keys, encoding, b"x", Padding::None, 4_096, Ephemeral::fresh().unwrap()).unwrap()
    }

    /// Names and values, sorted; those that change each time are shown by name only.
    fn shown(request: &PushRequest) -> Vec<String> {
        let mut shown: Vec<String> = request
            .headers
            .iter()
            .map(|(name, value)| match name.as_str() {
                "authorization" | "encryption" | "crypto-key" => name.to_string(),
                _ => format!("{name}: {}", value.to_str().unwrap()),
            })
            .collect();
        shown.sort();
        shown
    }

    #[test]
    fn each_service_gets_the_headers_it_wants() {
        let (token, gcm) = (token(), GcmKey::new("AIza").unwrap());
        let plain = MessageHeaders::default();
        let high = MessageHeaders::new(Urgency::High, Some("abc")).unwrap();
        let vapid = Authorization::Vapid(&token);
        let (modern, older) = (Some(ContentEncoding::Aes128Gcm), Some(ContentEncoding::AesGcm));
        let gcm = Authorization::Gcm(&gcm);
        for (service, encoding, ttl, message, authorization, expected) in [
            (
                PushService::Fcm,
                modern,
                60,
                &plain,
                vapid,
                &[
                    "authorization",
                    "content-encoding: aes128gcm",
                    "content-type: application/octet-stream",
                    "ttl: 60",
                ][..],
            ),
            (PushService::Mozilla, None, 0, &plain, vapid, &["authorization", "ttl: 0"]),
            (PushService::Other, None, 0, &plain, Authorization::None, &["ttl: 0"]),
            (
                PushService::Other,
                modern,
                5,
                &high,
                Authorization::None,
                &[
                    "content-encoding: aes128gcm",
                    "content-type: application/octet-stream",
                    "topic: abc",
                    "ttl: 5",
                    "urgency: high",
                ],
            ),
            (
                PushService::Mozilla,
                older,
                60,
                &plain,
                vapid,
                &[
                    "authorization",
                    "content-encoding: aesgcm",
                    "content-type: application/octet-stream",
                    "crypto-key",
                    "encryption",
                    "ttl: 60",
                ],
            ),
            (PushService::Apple, None, 0, &plain, vapid, &["authorization", "ttl: 1"]),
            (PushService::Apple, None, 9, &plain, vapid, &["authorization", "ttl: 9"]),
            (
                PushService::Wns,
                None,
                0,
                &plain,
                vapid,
                &["authorization", "ttl: 0", "x-wns-cache-policy: no-cache"],
            ),
            (
                PushService::Wns,
                None,
                1,
                &plain,
                vapid,
                &["authorization", "ttl: 1", "x-wns-cache-policy: cache"],
            ),
            (PushService::Gcm, None, 60, &plain, gcm, &["authorization", "ttl: 60"]),
        ] {
            let body = encoding.map(encrypted);
            let request = build(endpoint(), service, body.clone(), ttl, message, authorization);
            assert_eq!(shown(&request), expected, "{service:?}");
            assert_eq!(request.body, body.map(|body| body.body).unwrap_or_default());
            assert!(request.headers.get(AUTHORIZATION).is_none_or(HeaderValue::is_sensitive));
        }
    }

    #[test]
    fn an_aesgcm_message_has_one_crypto_key_header_with_both_keys() {
        let (token, body) = (token(), encrypted(ContentEncoding::AesGcm));
        let parameters = body.parameters.clone().unwrap();
        let vapid = Authorization::Vapid(&token);
        let request =
            build(endpoint(), PushService::Mozilla, Some(body.clone()), 1, &MessageHeaders::default(), vapid);
        assert_eq!(request.headers.get_all(CRYPTO_KEY).iter().count(), 1);
        let crypto_key = request.headers[CRYPTO_KEY].to_str().unwrap();
        assert_eq!(crypto_key, format!("{};{}", parameters.crypto_key(), token.p256ecdsa()));
        assert_eq!(request.headers[ENCRYPTION], *parameters.encryption());
        assert_eq!(request.headers[AUTHORIZATION], token.authorization_webpush());
        let authorization = request.headers[AUTHORIZATION].to_str().unwrap();
        let audience = Origin::parse("https://push.example.net").unwrap();
        let now = token.times().issued;
        let verified = vapid::verify(authorization, Some(crypto_key), &audience, now).unwrap();
        assert_eq!(verified.public, *token.public());

        let gcm = GcmKey::new("AIza").unwrap();
        let gcm = Authorization::Gcm(&gcm);
        let request = build(endpoint(), PushService::Gcm, Some(body), 1, &MessageHeaders::default(), gcm);
        assert_eq!(request.headers[CRYPTO_KEY], *parameters.crypto_key());
        assert_eq!(request.headers[AUTHORIZATION], "key=AIza");
    }

    #[test]
    fn only_good_topics_become_headers() {
        for topic in ["", "a b", "ä", "a\r\nb", &"x".repeat(33)] {
            assert_eq!(MessageHeaders::new(Urgency::Normal, Some(topic)).unwrap_err(), TopicHeaderError);
        }
        assert!(GcmKey::new("a\nb").is_none());
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = token();
        let vapid = Authorization::Vapid(&token);
        let body = Some(encrypted(ContentEncoding::AesGcm));
        let request = build(endpoint(), PushService::Other, body, 1, &MessageHeaders::default(), vapid);
        assert_eq!(format!("{request:?}"), "PushRequest(https://push.example.net, 19 octets)");
        let response = PushResponse { status: 410, headers: request.headers, body: Bytes::from("secret") };
        assert_eq!(format!("{response:?}"), "PushResponse(410, 6 octets)");
        assert!(!format!("{vapid:?}").contains(token.expose()));
    }
}
