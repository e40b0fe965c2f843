//! When a token is used and when a new one is signed. Services cache the verification of a token and Apple asks for no
//! more than one an hour, so tokens are kept, with their times, also across restarts.

use std::time::Duration;

use super::TOKEN_LIFETIME_MAX;
use crate::domain::Timestamp;

/// How long our tokens live: half of what RFC 8292 section 2 allows, so that a service's clock may differ.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 3_600);
/// How long before its end a token is replaced.
pub const RENEWED_BEFORE_END: Duration = Duration::from_secs(2 * 3_600);
/// Two tokens for one key and origin are at least this far apart, but for the one after a refusal.
pub const SIGNED_AT_MOST_EVERY: Duration = Duration::from_secs(3_600);

/// When a token was signed and until when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    /// When it was signed.
    pub issued: Timestamp,
    /// Its `exp`, in whole seconds.
    pub expires: Timestamp,
    /// Whether it is the extra one that replaced a refused token. Where that was not stored, `true` keeps to the limit.
    pub extra: bool,
}

/// What to do when a push service has refused a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// The refused token has been replaced meanwhile: try with the current one.
    TryCurrent,
    /// Sign a new one with these times and try again.
    Sign(TokenTimes),
    /// The allowance is used up: the credentials are refused.
    GiveUp,
}

impl TokenTimes {
    /// Those of a token that is signed now.
    #[must_use]
    pub fn signed(now: Timestamp) -> Self {
        Self { issued: now, expires: Timestamp::from_secs(now.plus(TOKEN_LIFETIME).as_secs()), extra: false }
    }

    /// Whether a new one is due: it ends soon, or the clock was set back so far that no service would take it. Such a
    /// token is the only one that is replaced within the hour.
    #[must_use]
    pub fn is_due(self, now: Timestamp) -> bool {
        let from_the_future = self.expires.since(now) > TOKEN_LIFETIME_MAX;
        let ends_soon = now.plus(RENEWED_BEFORE_END) >= self.expires;
        from_the_future || (ends_soon && (now >= self.expires || self.may_be_replaced(now)))
    }

    /// What to do after `refused` was refused, `self` being the current one.
    #[must_use]
    pub fn after_refusal(self, refused: Self, now: Timestamp) -> AfterRefusal {
        if refused.issued != self.issued {
            AfterRefusal::TryCurrent
        } else if self.is_due(now) || self.may_be_replaced(now) {
            AfterRefusal::Sign(Self::signed(now))
        } else if self.extra {
            AfterRefusal::GiveUp
        } else {
            AfterRefusal::Sign(Self { extra: true, ..Self::signed(now) })
        }
    }

    fn may_be_replaced(self, now: Timestamp) -> bool {
        now.since(self.issued) >= SIGNED_AT_MOST_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_token_is_renewed_before_its_end_and_not_earlier() {
        let times = TokenTimes::signed(START);
        assert_eq!(times.expires, START.plus(12 * HOUR));
        for (now, due) in [
            (START, false),
            (START.plus(HOUR), false),
            (START.plus(10 * HOUR).minus(MINUTE), false),
            (START.plus(10 * HOUR), true),
            (START.plus(12 * HOUR), true),
            (START.plus(1_000 * HOUR), true),
            (START.minus(HOUR), false),
            (START.minus(12 * HOUR), false),
            (START.minus(12 * HOUR + MINUTE), true),
        ] {
            assert_eq!(times.is_due(now), due, "{now:?}");
        }
    }

    #[test]
    fn a_stored_token_that_lives_briefly_is_not_signed_again_within_the_hour() {
        let times = TokenTimes { issued: START, expires: START.plus(2 * HOUR), extra: false };
        assert!(!times.is_due(START.plus(59 * MINUTE)));
        assert!(times.is_due(START.plus(60 * MINUTE)));
        let brief = TokenTimes { issued: START, expires: START.plus(10 * MINUTE), extra: false };
        assert!(!brief.is_due(START.plus(9 * MINUTE)));
        assert!(brief.is_due(START.plus(10 * MINUTE)), "it has ended: there is nothing else to use");
    }

    #[test]
    fn a_refusal_allows_one_extra_token_in_an_hour() {
        let first = TokenTimes::signed(START);
        let at = |minutes: u32| START.plus(minutes * MINUTE);
        let AfterRefusal::Sign(second) = first.after_refusal(first, at(5)) else { panic!("no extra token") };
        assert!(second.extra);
        assert_eq!(second.issued, at(5));
        // Attempts that were under way with the first token are refused a little later.
        assert_eq!(second.after_refusal(first, at(6)), AfterRefusal::TryCurrent);
        assert_eq!(second.after_refusal(second, at(6)), AfterRefusal::GiveUp);
        assert_eq!(second.after_refusal(second, at(64)), AfterRefusal::GiveUp);
        assert_eq!(second.after_refusal(second, at(65)), AfterRefusal::Sign(TokenTimes::signed(at(65))));
        // An old token is replaced in its turn, which leaves the extra one for later.
        assert_eq!(first.after_refusal(first, at(61)), AfterRefusal::Sign(TokenTimes::signed(at(61))));
    }

    #[test]
    fn the_end_is_in_whole_seconds() {
        let times = TokenTimes::signed(Timestamp::from_micros(1_800_000_000_999_999));
        assert_eq!(times.expires.as_micros() % 1_000_000, 0);
    }
}
