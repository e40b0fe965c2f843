//! Pauses between attempts to take up a stream again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::Error;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Grows while no frame comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    until: Instant,
    next: Duration,
}

impl Pause {
    /// For attempts that go on for so long.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { until: Instant::now() + limit, next: FIRST }
    }

    /// Tells of a lost call, and waits before it is made again: as long as the server asked for if it did.
    ///
    /// # Errors
    /// The reason itself, if repeating would not help, or has gone on for too long.
    pub(crate) async fn wait(&mut self, reason: Error, on_lost: fn(&Error)) -> Result<(), Error> {
        if !reason.is_lost() || Instant::now() > self.until {
            return Err(reason);
        }
        on_lost(&reason);
        // Callers that lost the same server do not all come back at the same instant.
        let delay = jittered(self.next);
        self.next = (self.next * 2).min(LONGEST);
        sleep(delay.max(reason.retry_after().unwrap_or_default().min(LONGEST))).await;
        Ok(())
    }
}

/// Between half of it and all of it.
pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use tonic::Status;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    async fn waited(pause: &mut Pause, reason: Status) -> Result<Duration, Error> {
        let since = Instant::now();
        pause.wait(reason.into(), |_| {}).await.map(|()| since.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_the_limit() {
        let mut pause = Pause::new(Duration::from_secs(60));
        let mut longest = Duration::ZERO;
        let started = Instant::now();
        while let Ok(waited) = waited(&mut pause, Status::unavailable("")).await {
            assert!(waited <= LONGEST + Duration::from_millis(1), "{waited:?}");
            longest = longest.max(waited);
        }
        assert!(longest >= LONGEST / 2, "{longest:?}");
        assert!(started.elapsed() >= Duration::from_secs(60) && started.elapsed() < Duration::from_secs(66));
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_advice_is_followed_within_reason() {
        let advised = |seconds| {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
            Status::with_error_details(tonic::Code::Unavailable, "", details)
        };
        let mut pause = Pause::new(Duration::from_secs(60));
        assert!(waited(&mut pause, advised(3)).await.unwrap() >= Duration::from_secs(3));
        assert!(waited(&mut pause, advised(3600)).await.unwrap() <= LONGEST + Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_is_given_back_at_once() {
        let refused = waited(&mut Pause::new(Duration::from_secs(60)), Status::not_found("")).await;
        assert_eq!(refused.unwrap_err().code(), tonic::Code::NotFound);
    }
}
