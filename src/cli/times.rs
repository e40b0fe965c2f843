//! Points in time on the command line.

use std::time::{Duration, UNIX_EPOCH};

use crate::domain::{Clock, SystemClock, Timestamp};

/// A point in time as it is typed: in RFC 3339, or how long ago it was, for example `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(Timestamp);

impl When {
    /// Reads it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_at(text, SystemClock.now())
    }

    fn parse_at(text: &str, now: Timestamp) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self(now.minus(ago)));
        }
        let time = humantime::parse_rfc3339_weak(text).ok();
        let since_1970 = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let micros = since_1970.and_then(|since| u64::try_from(since.as_micros()).ok());
        micros.map(Timestamp::from_micros).map(Self).ok_or_else(|| {
            "must be a time in RFC 3339, for example 2026-01-31T08:00:00Z, or how long ago, for example 2h".to_owned()
        })
    }
}

impl From<When> for prost_types::Timestamp {
    fn from(When(time): When) -> Self {
        (UNIX_EPOCH + Duration::from_micros(time.as_micros())).into()
    }
}

/// A time for people: to the second.
pub(super) fn shown(time: Option<prost_types::Timestamp>) -> String {
    time.map(|time| prost_types::Timestamp { nanos: 0, ..time }.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_points_or_ages() {
        let now = Timestamp::from_secs(1_800_000_000);
        let at = |text: &str| When::parse_at(text, now).map(|When(time)| time.as_secs());
        assert_eq!(at("2h 30m"), Ok(1_800_000_000 - 9_000));
        assert_eq!(at("2027-01-15T08:00:00Z"), Ok(1_800_000_000));
        assert_eq!(at("2027-01-15T08:00:00.5Z"), Ok(1_800_000_000));
        for bad in ["yesterday", "", "1969-01-01T00:00:00Z"] {
            assert!(at(bad).is_err_and(|error| error.contains("2h")), "{bad}");
        }
        let time = When::parse_at("2027-01-15T08:00:00.25Z", now).map(prost_types::Timestamp::from);
        assert_eq!(shown(time.ok()), "2027-01-15T08:00:00Z");
        assert_eq!(shown(None), "");
    }
}
