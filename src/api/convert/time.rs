//! Moments and spans.

use std::time::Duration;

use crate::domain::Timestamp;

/// The last millisecond that a `google.protobuf.Timestamp` can tell: the end of the year 9999.
pub(crate) const TIMESTAMP_MILLIS_MAX: f64 = 253_402_300_799_999.0;
const TIMESTAMP_SECONDS_MAX: u64 = 253_402_300_799;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// As the contract writes it; what is later than the year 9999 is written as its end.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let seconds = time.as_secs().min(TIMESTAMP_SECONDS_MAX);
    let nanos = (time.as_micros() % 1_000_000) * 1_000;
    prost_types::Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos).unwrap_or(0),
    }
}

/// Reads a moment since 1970; the reason names the rule.
pub(crate) fn read_timestamp(time: prost_types::Timestamp) -> Result<Timestamp, &'static str> {
    const RULE: &str = "must be a time from 1970 to 9999";
    let seconds = u64::try_from(time.seconds).map_err(|_| RULE)?;
    let nanos = u64::try_from(time.nanos).map_err(|_| RULE)?;
    if seconds > TIMESTAMP_SECONDS_MAX || time.nanos >= NANOS_PER_SECOND {
        return Err(RULE);
    }
    Ok(Timestamp::from_micros(seconds * 1_000_000 + nanos / 1_000))
}

/// As the contract writes it.
pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

/// Reads a span that is not negative; the reason names the rule.
pub(crate) fn read_duration(duration: prost_types::Duration) -> Result<Duration, &'static str> {
    match (u64::try_from(duration.seconds), u32::try_from(duration.nanos)) {
        (Ok(seconds), Ok(nanos)) if duration.nanos < NANOS_PER_SECOND => Ok(Duration::new(seconds, nanos)),
        (Ok(_), Ok(_)) => Err("must have less than a second of nanos"),
        (Err(_), _) | (_, Err(_)) => Err("must not be negative"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for micros in [0, 1, 999_999, 1_800_000_000_123_456] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(read_timestamp(timestamp(time)), Ok(time));
        }
        for span in [Duration::ZERO, Duration::from_nanos(1), Duration::new(86_400, 999_999_999)] {
            assert_eq!(read_duration(duration(span)), Ok(span));
        }
        assert_eq!(timestamp(Timestamp::MAX).seconds, 253_402_300_799);
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, NANOS_PER_SECOND), (253_402_300_800, 0)] {
            assert!(read_timestamp(prost_types::Timestamp { seconds, nanos }).is_err());
        }
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, NANOS_PER_SECOND), (-1, -1)] {
            assert!(read_duration(prost_types::Duration { seconds, nanos }).is_err());
        }
    }
}
