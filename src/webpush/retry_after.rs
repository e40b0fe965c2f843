//! `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::domain::Timestamp;

/// The longest wait that a push service can impose. Longer ones have been announced (FCM throttles for up to 14 days),
/// but a message rarely lives as long, and asking once a day costs nothing.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// The wait that an answer asks for, at most [`RETRY_AFTER_MAX`]; zero for a date that has passed. `None` without the
/// header and where it is neither a number nor a date. Of several headers the longest wait holds.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    headers.get_all(RETRY_AFTER).iter().filter_map(|value| parse(value.to_str().ok()?, now)).max()
}

/// Reads one value. Dates may be in any of HTTP's three forms.
#[must_use]
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit()) {
        // More digits than fit: longer than any limit.
        value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Timestamp::from_secs(date.as_secs()).since(now)
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples.
    const RFC_9110: u64 = 784_111_777;

    #[test]
    fn seconds_and_dates() {
        let now = Timestamp::from_secs(RFC_9110 - 90);
        for (value, wait) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("86400", Some(86_400)),
            ("86401", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(90)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(90)),
            ("Sun Nov  6 08:49:37 1994", Some(90)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("Sun, 06 Nov 2044 08:49:37 GMT", Some(86_400)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("0x10", None),
            ("1 minute", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("soon", None),
        ] {
            assert_eq!(parse(value, now), wait.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn the_longest_of_several_holds() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers, Timestamp::default()), None);
        for value in ["5", "x", "30", "7"] {
            headers.append(RETRY_AFTER, HeaderValue::from_static(value));
        }
        headers.append(RETRY_AFTER, HeaderValue::from_bytes(b"\xff9").unwrap());
        assert_eq!(retry_after(&headers, Timestamp::default()), Some(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(value in ".{0,60}", now in any::<u64>()) {
            let wait = parse(&value, Timestamp::from_micros(now));
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }

        #[test]
        fn no_date_breaks_it(day in 0..40_u8, year in 0..10_000_u32, hour in 0..30_u8, now in any::<u64>()) {
            let value = format!("Sun, {day:02} Nov {year:04} {hour:02}:49:37 GMT");
            let wait = parse(&value, Timestamp::from_micros(now));
            prop_assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
