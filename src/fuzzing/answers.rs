//! What a push service answers: `Retry-After`, and what an answer means.

use std::time::Duration;

use bytes::Bytes;

use super::{NOW, message};
use crate::domain::Outcome;
use crate::domain::limits::DETAIL_CHARS_MAX;
use crate::webpush::outcome::{Circumstances, classify};
use crate::webpush::push_service::PushService;
use crate::webpush::request::PushResponse;
use crate::webpush::retry_after::{self, RETRY_AFTER_MAX};

/// Status (2 octets), service, minutes that the subscription is old, attempt; then header lines, an empty one, and the body.
///
/// # Panics
/// When a promise does not hold.
pub fn answers(data: &[u8]) {
    let Some((&[high, low, service, minutes, attempt], rest)) = data.split_first_chunk() else { return };
    let (headers, body) = message(rest);
    if let Ok(text) = std::str::from_utf8(body)
        && let Some(wait) = retry_after::parse(text, NOW)
    {
        assert!(wait <= RETRY_AFTER_MAX);
    }
    let status = 100 + u16::from_be_bytes([high, low]) % 900;
    let response = PushResponse { status, headers, body: Bytes::copy_from_slice(body) };
    let services = PushService::ALL;
    let circumstances = Circumstances {
        service: services[usize::from(service) % services.len()],
        subscription_age: Duration::from_secs(u64::from(minutes) * 60),
        attempt: u32::from(attempt),
        body_octets: usize::from(low) * 16,
        now: NOW,
    };
    let verdict = classify(&response, &circumstances);
    assert_eq!(verdict.outcome == Outcome::Accepted, (200..300).contains(&status), "{status}");
    assert!(verdict.outcome != Outcome::Gone || status == 404 || status == 410, "{status}");
    assert!(verdict.retry_after.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
    assert!(verdict.detail.chars().count() <= DETAIL_CHARS_MAX);
    assert!(!verdict.detail.chars().any(char::is_control));
    assert!(!verdict.detail.contains("://"), "a URL is shown");
    assert!(verdict.body_octets_max.is_none_or(|octets| octets as usize <= circumstances.body_octets));
}
