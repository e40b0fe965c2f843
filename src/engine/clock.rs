//! Jumps of the wall clock: somebody set it, or the machine slept. Due times and ttls are wall time, so a clock that jumps
//! back delays them and one that jumps on makes them due; nothing is repeated or lost by either.

use std::time::Duration;

use super::core::Now;

/// A difference between the clocks that is no jump: steering, and the time between reading the one and the other.
const TOLERATED: Duration = Duration::from_secs(1);

/// Which way the wall clock jumped, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jump {
    Forward(Duration),
    Backward(Duration),
}

/// Compares wall time with monotonic time, from one look to the next.
#[derive(Debug, Default)]
pub(super) struct JumpWatch {
    last: Option<Now>,
}

impl JumpWatch {
    /// Whether the wall clock has jumped since the last look.
    pub(super) fn look(&mut self, now: Now) -> Option<Jump> {
        let last = self.last.replace(now)?;
        let expected = last.wall.plus(now.monotonic.saturating_duration_since(last.monotonic));
        let (forward, backward) = (now.wall.since(expected), expected.since(now.wall));
        if forward > TOLERATED {
            Some(Jump::Forward(forward))
        } else if backward > TOLERATED {
            Some(Jump::Backward(backward))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_jump_is_told_once_and_its_way() {
        let second = Duration::from_secs(1);
        let (wall, monotonic) = (Timestamp::from_secs(1_800_000_000), Instant::now());
        let mut watch = JumpWatch::default();
        let mut look = |wall, passed| watch.look(Now { wall, monotonic: monotonic + second * passed });
        assert_eq!(look(wall, 0), None);
        assert_eq!(look(wall.plus(second * 60), 60), None);
        assert_eq!(look(wall.plus(second * 62), 61), None, "a second is tolerated");
        assert_eq!(look(wall.plus(second * 3_663), 62), Some(Jump::Forward(second * 3_600)));
        assert_eq!(look(wall.plus(second * 3_664), 63), None);
        assert_eq!(look(wall, 64), Some(Jump::Backward(second * 3_665)));
    }
}
