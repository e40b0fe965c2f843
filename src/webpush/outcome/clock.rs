//! What an answer's `Date` (RFC 9110 section 6.6.1) tells about this server's clock. Tokens are refused by the clock of whoever
//! reads them, so a difference explains what no other word of the answer does.

use std::time::UNIX_EPOCH;

use http::HeaderMap;
use http::header::DATE;

use crate::domain::Timestamp;

/// Differences up to this many seconds explain nothing: services have at least as much patience.
const DIFFERENCE_TOLD: u64 = 60;

/// By how many seconds `now` is ahead of the answer's `Date`.
pub(super) fn ahead(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let theirs = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    Some(i64::try_from(now.as_secs()).ok()?.saturating_sub(theirs))
}

/// The difference in words, where it may explain that a token is refused.
pub(super) fn words(ahead: i64) -> Option<String> {
    let difference = ahead.unsigned_abs();
    if difference <= DIFFERENCE_TOLD {
        return None;
    }
    let (number, unit) = match difference {
        ..7_200 => (difference / 60, "min"),
        7_200..172_800 => (difference / 3_600, "h"),
        172_800.. => (difference / 86_400, "days"),
    };
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    Some(format!("this server's clock is {number} {unit} {way} the push service's"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn differences_are_told_from_a_minute_on() {
        for (ahead, expected) in [
            (0, None),
            (60, None),
            (-60, None),
            (61, Some("1 min ahead of")),
            (-61, Some("1 min behind")),
            (7_199, Some("119 min ahead of")),
            (14 * 3_600, Some("14 h ahead of")),
            (-14 * 3_600, Some("14 h behind")),
            (400 * 86_400, Some("400 days ahead of")),
            (i64::MIN, Some("106751991167300 days behind")),
        ] {
            let expected = expected.map(|it| format!("this server's clock is {it} the push service's"));
            assert_eq!(words(ahead), expected, "{ahead}");
        }
    }

    #[test]
    fn a_date_that_cannot_be_read_tells_nothing() {
        let now = Timestamp::from_secs(784_111_777);
        for (value, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 22:49:37 GMT", Some(-14 * 3_600)),
            ("yesterday", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static(value))]);
            assert_eq!(ahead(&headers, now), expected, "{value}");
        }
        assert_eq!(ahead(&HeaderMap::new(), now), None);
    }
}
