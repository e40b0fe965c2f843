//! How long a stream may last: as long as its caller's deadline says, no longer than `stream_age_max`, and beyond neither its
//! caller's credentials nor its application.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::status::{ApiError, Resource};
use crate::domain::Application;
use crate::engine::applications::Applications;

/// The header with the caller's deadline, as "PROTOCOL-HTTP2" of gRPC defines it.
const TIMEOUT_HEADER: &str = "grpc-timeout";
/// Digits that it may have.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// When a stream ends from this side. tonic keeps the caller's deadline only until a call begins to answer.
#[derive(Clone, Debug)]
pub(super) struct Lifetime {
    deadline: Option<Instant>,
    too_old: Instant,
    expires: Option<Instant>,
    revoked: CancellationToken,
    application: Option<OfApplication>,
}

/// Whose a stream is, and what is cancelled when that application is deleted.
#[derive(Clone, Debug)]
struct OfApplication {
    name: String,
    end: CancellationToken,
}

/// How long a caller's credentials are good.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    /// Until they expire.
    pub(super) remaining: Option<Duration>,
    /// Cancelled when they are revoked.
    pub(super) revoked: CancellationToken,
}

/// Why a stream ended from this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The caller's deadline has passed.
    Deadline,
    /// It has reached its greatest age.
    TooOld,
    /// The caller's credentials have expired.
    Expired,
    /// The caller's credentials were revoked.
    Revoked,
    /// The caller has brought nothing for so long.
    Idle(Duration),
    /// The application of this name was deleted.
    Deleted(String),
}

impl Lifetime {
    /// Of a stream that begins now. It gets up to a tenth less old than `age_max`, so that streams that began together do
    /// not end together.
    pub(super) fn new(metadata: &MetadataMap, age_max: Duration, credentials: Credentials) -> Self {
        let now = Instant::now();
        let timeout = metadata.get(TIMEOUT_HEADER).and_then(|value| timeout(value.as_bytes()));
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        let Credentials { remaining, revoked } = credentials;
        let expires = remaining.and_then(|remaining| now.checked_add(remaining));
        Self { deadline, too_old: now + age(age_max, rand::random()), expires, revoked, application: None }
    }

    /// Not beyond this application either.
    pub(super) fn of(self, application: &Application, applications: &Applications) -> Self {
        let (name, end) = (application.name.clone(), applications.end_of(application.id));
        Self { application: Some(OfApplication { name, end }), ..self }
    }

    /// Waits for the end.
    pub(super) async fn ended(self) -> Ended {
        let Self { deadline, too_old, expires, revoked, application } = self;
        let deleted = async move {
            let Some(OfApplication { name, end }) = application else { return pending().await };
            end.cancelled().await;
            name
        };
        let (mut end, mut why) = (too_old, Ended::TooOld);
        for (other, reason) in [(expires, Ended::Expired), (deadline, Ended::Deadline)] {
            if let Some(other) = other.filter(|other| *other <= end) {
                (end, why) = (other, reason);
            }
        }
        tokio::select! {
            biased;
            // Its credentials end with it, which tells less.
            name = deleted => Ended::Deleted(name),
            () = sleep_until(end) => why,
            () = revoked.cancelled() => Ended::Revoked,
        }
    }
}

impl From<Ended> for Status {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Deadline => Self::deadline_exceeded("the deadline of the call has passed"),
            Ended::TooOld => ApiError::StreamTooOld.into(),
            Ended::Expired => ApiError::CredentialsExpired.into(),
            Ended::Revoked => ApiError::CredentialsInvalid.into(),
            Ended::Idle(for_) => ApiError::ImportIdle(for_).into(),
            Ended::Deleted(name) => ApiError::NotFound(Resource::Application(name)).into(),
        }
    }
}

fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| {
        (1..=TIMEOUT_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit())
    })?;
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3_600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Up to a tenth less than `age_max`.
fn age(age_max: Duration, random: u8) -> Duration {
    age_max.saturating_sub(age_max / 10 * u32::from(random) / u32::from(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_end_together() {
        let max = Duration::from_secs(1_800);
        assert_eq!(age(max, 0), max);
        assert_eq!(age(max, u8::MAX), Duration::from_secs(1_620));
    }

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        assert_eq!(timeout(b"250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for (text, nanos) in [("1M", 60_000_000_000), ("1S", 1_000_000_000), ("1u", 1_000), ("1n", 1)] {
            assert_eq!(timeout(text.as_bytes()), Some(Duration::from_nanos(nanos)));
        }
        for bad in ["", "m", "1", "1x", "123456789m", "-1m", "+1m", "1.5S"] {
            assert_eq!(timeout(bad.as_bytes()), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_of_both_ends_a_stream() {
        let mut metadata = MetadataMap::new();
        let hour = Duration::from_secs(3_600);
        let begun = |metadata: &MetadataMap, age_max, credentials: &Credentials| {
            Lifetime::new(metadata, age_max, credentials.clone()).ended()
        };
        let endless = Credentials::default();
        assert_eq!(begun(&metadata, hour, &endless).await, Ended::TooOld);
        metadata.insert(TIMEOUT_HEADER, "30M".parse().unwrap());
        let began = Instant::now();
        assert_eq!(begun(&metadata, hour, &endless).await, Ended::Deadline);
        assert_eq!(began.elapsed(), hour / 2);
        assert_eq!(begun(&metadata, hour / 4, &endless).await, Ended::TooOld);
        let expiring = Credentials { remaining: Some(hour / 8), ..Credentials::default() };
        assert_eq!(begun(&metadata, hour / 4, &expiring).await, Ended::Expired);
        expiring.revoked.cancel();
        assert_eq!(begun(&metadata, hour, &expiring).await, Ended::Revoked);
    }
}
