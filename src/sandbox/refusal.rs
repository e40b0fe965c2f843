//! The answers that are not 201, with bodies like those of Mozilla's autopush; at Chromium's hosts like FCM's.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::Profile;
use super::answer_body::AnswerBody;

/// Where autopush documents its error numbers.
const MORE_INFO: &str = "https://autopush.readthedocs.io/en/latest/http.html#error-codes";

/// What FCM is known to answer in another way.
const FCM_ANSWERS: [(Reason, StatusCode, &str); 5] = [
    (
        Reason::EndpointUnknown,
        StatusCode::NOT_FOUND,
        "A valid push subscription endpoint should be specified in the URL.\n",
    ),
    (Reason::AuthorizationMissing, StatusCode::UNAUTHORIZED, "Authorization header must be specified.\n"),
    (
        Reason::KeyMismatch,
        StatusCode::FORBIDDEN,
        "the VAPID credentials in the authorization header do not correspond to the credentials used to create the \
         subscriptions.\n",
    ),
    (Reason::SubscriptionGone, StatusCode::GONE, "push subscription has unsubscribed or expired.\n"),
    (
        Reason::BodyTooLarge,
        StatusCode::BAD_REQUEST,
        "binary data passed in the request must be less than 4096 bytes\n",
    ),
];

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal, $status:ident, $errno:expr;)+) => {
        /// Why a POST was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order of their declaration.
            pub(crate) const ALL: [Self; [$($label),+].len()] = [$(Self::$name),+];

            /// Its name in the counts.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// autopush's error number, where it has one.
            pub(crate) const fn errno(self) -> Option<u16> {
                match self { $(Self::$name => $errno,)+ }
            }
        }
    };
}

reasons! {
    /// No push resource has this path, or its token was not made here.
    EndpointUnknown = "endpoint_unknown", NOT_FOUND, Some(102);
    /// Another method than POST.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, None;
    /// The message resource that is to be deleted was not made here.
    MessageIdInvalid = "message_id_invalid", BAD_REQUEST, None;
    /// No `Authorization` where VAPID is required.
    AuthorizationMissing = "authorization_missing", UNAUTHORIZED, Some(109);
    /// `Authorization` cannot be read, or its scheme is not known.
    AuthorizationMalformed = "authorization_malformed", UNAUTHORIZED, Some(109);
    /// The older `WebPush` scheme without `Crypto-Key: p256ecdsa=`.
    CryptoKeyMissing = "crypto_key_missing", BAD_REQUEST, Some(110);
    /// The token's signature is not by the key beside it.
    SignatureWrong = "signature_wrong", UNAUTHORIZED, Some(109);
    /// `aud` is not the origin of the push resource.
    AudienceWrong = "audience_wrong", UNAUTHORIZED, Some(109);
    /// `exp` is past.
    TokenExpired = "token_expired", UNAUTHORIZED, Some(109);
    /// `exp` is missing, no integer, or more than 24 hours ahead.
    ExpirationWrong = "expiration_wrong", UNAUTHORIZED, Some(109);
    /// The subscription was made with another VAPID key.
    KeyMismatch = "key_mismatch", UNAUTHORIZED, Some(109);
    /// The subscription has ended.
    SubscriptionGone = "subscription_gone", GONE, Some(106);
    /// The body is larger than the profile allows.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, Some(104);
    /// The body did not arrive in time, or broke off.
    BodyIncomplete = "body_incomplete", REQUEST_TIMEOUT, None;
    /// No `TTL`, or it is not an integer.
    TtlInvalid = "ttl_invalid", BAD_REQUEST, Some(111);
    /// `TTL` is negative.
    TtlNegative = "ttl_negative", BAD_REQUEST, Some(114);
    /// `Content-Encoding`, `Encryption` and `Crypto-Key` do not fit together.
    EncodingInvalid = "encoding_invalid", BAD_REQUEST, Some(110);
    /// `Topic` is not 1 to 32 characters of the base64url alphabet.
    TopicInvalid = "topic_invalid", BAD_REQUEST, Some(113);
    /// `Urgency` is not one of the four, or repeated.
    UrgencyInvalid = "urgency_invalid", BAD_REQUEST, None;
    /// A fault: 404, though the token is good.
    FaultNotFound = "fault_not_found", NOT_FOUND, Some(102);
    /// A fault: 410.
    FaultGone = "fault_gone", GONE, Some(106);
    /// A fault: 429.
    FaultThrottled = "fault_throttled", TOO_MANY_REQUESTS, Some(201);
    /// A fault: 500.
    FaultFailing = "fault_failing", INTERNAL_SERVER_ERROR, Some(999);
}

/// A refusal, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) message: Cow<'static, str>,
    /// `Retry-After`, in seconds.
    pub(crate) retry_after_seconds: Option<u32>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    errno: Option<u16>,
    error: &'a str,
    message: &'a str,
    more_info: &'a str,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into(), retry_after_seconds: None }
    }

    /// The answer.
    pub(crate) fn response(&self, profile: Profile) -> Response<AnswerBody> {
        let status = self.reason.status();
        let mut response = Response::new(AnswerBody::default());
        *response.status_mut() = status;
        self.write_headers(response.headers_mut());
        // autopush blanks the body of every 404, and has none for a method that it does not take.
        let is_blank = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        if profile == Profile::Mozilla && is_blank {
            return response;
        }
        let body = Body {
            code: status.as_u16(),
            errno: self.reason.errno(),
            error: status.canonical_reason().unwrap_or_default(),
            message: &self.message,
            more_info: MORE_INFO,
        };
        let text = Bytes::from(serde_json::to_vec(&body).unwrap_or_default());
        *response.body_mut() = AnswerBody::new(text, 0);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// The answer of FCM, which is a line of text, where it is another than autopush's.
    pub(crate) fn fcm_response(&self) -> Option<Response<AnswerBody>> {
        let (_, status, text) = FCM_ANSWERS.iter().find(|(reason, ..)| *reason == self.reason)?;
        let mut response = Response::new(AnswerBody::new(Bytes::from_static(text.as_bytes()), 0));
        *response.status_mut() = *status;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        Some(response)
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.reason == Reason::MethodNotAllowed {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        if self.reason.status() == StatusCode::GONE {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn is_written_like_autopush_does() {
        let refusal = Refusal::new(Reason::KeyMismatch, "VAPID public key mismatch");
        let response = refusal.response(Profile::Strict);
        assert_eq!(response.status(), 401);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "code": 401, "errno": 109, "error": "Unauthorized",
                "message": "VAPID public key mismatch", "more_info": MORE_INFO,
            })
        );
    }

    #[tokio::test]
    async fn mozilla_blanks_404() {
        let response = Refusal::new(Reason::EndpointUnknown, "Invalid endpoint").response(Profile::Mozilla);
        assert_eq!(response.status(), 404);
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
}
