//! When removals at an origin are held: with evidence against so many that it is no proof.

use crate::domain::Timestamp;
use crate::store::Share;
use crate::store::held::HOLD_TIME;

/// What becomes of removals of a kind when there is further evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// They are not held.
    No,
    /// They are, as before.
    Still,
    /// They are from now on, up to a time.
    From {
        /// Now.
        since: Timestamp,
        /// When evidence is judged afresh.
        until: Timestamp,
        /// Why.
        share: Share,
    },
}

/// Whether removals that were held up to `until` (1970: never, or an operator has decided) are held. With `share` they are from
/// now on.
pub(crate) fn held(until: Timestamp, share: Option<Share>, now: Timestamp) -> Held {
    if until > now {
        return Held::Still;
    }
    match share {
        None => Held::No,
        Some(share) => Held::From { since: now, until: now.plus(HOLD_TIME), share },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::START;

    #[test]
    fn begin_with_a_share_and_end_by_themselves() {
        let share = Share { refused: 20, answered: 30 };
        assert_eq!(held(Timestamp::default(), None, START), Held::No);
        let until = START.plus(HOLD_TIME);
        let began = held(Timestamp::default(), Some(share), START);
        assert_eq!(began, Held::From { since: START, until, share });
        let other = Some(Share { refused: 1, answered: 1 });
        assert_eq!(held(until, other, START), Held::Still, "why it began stays");
        assert_eq!(held(until, None, START), Held::Still);
        assert_eq!(held(until, None, until), Held::No);
    }
}
