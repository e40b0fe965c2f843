//! Faults: what a push resource does instead of taking a message as usual, in words. [`effect`](super::effect) does it.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::fault_shares::FaultError;
use super::fault_terms::{Delay, RetryAfter, Truncation, When};
use super::records::Progress;
use super::refusal::{Reason, Refusal};
use crate::webpush::outcome::known::{self, KnownAnswer};
use crate::webpush::push_service::PushService;

/// Largest body of zeros that can be ordered, in MiB.
const MEGABYTES_MAX: u32 = 1_024;

/// A fault. In JSON `{"gone": {"after": 0}}`; what is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// 404, once `after` messages (default 0) were taken.
    NotFound {
        /// Messages taken before.
        #[serde(default)]
        after: u16,
    },
    /// 410, once `after` messages (default 0) were taken.
    Gone {
        /// Messages taken before.
        #[serde(default)]
        after: u16,
    },
    /// 429 for the first `times` messages (default 1), then none.
    Throttled {
        /// How often.
        #[serde(default = "once")]
        times: u8,
        /// `Retry-After` in seconds (default 1); null for none.
        #[serde(default = "one_second")]
        retry_after_seconds: Option<u32>,
    },
    /// 500 for the first `times` messages (default 1), then none.
    Failing {
        /// How often.
        #[serde(default = "once")]
        times: u8,
    },
    /// An answer of any kind. With a status from 200 to 299 the message is taken, else not.
    Answer {
        /// Its status, from 200 to 599.
        status: u16,
        /// The `Retry-After` header.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// Other headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body's text.
        #[serde(default)]
        body: String,
        /// Zeros after the text, in MiB, at most 1,024.
        #[serde(default)]
        megabytes: u32,
        /// How long it is waited for.
        #[serde(default)]
        delay_ms: Delay,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// An answer that a push service is known to give, word for word ([`crate::webpush::outcome::known`]). With a status
    /// from 200 to 299 the message is taken, else not.
    ServiceAnswer {
        /// `fcm`, `mozilla`, `apple`, `wns` or `other`.
        service: String,
        /// What it is called there.
        name: String,
        /// How long it is waited for.
        #[serde(default)]
        delay_ms: Delay,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// The usual answer, after some time.
    Slow {
        /// How long it is waited for.
        delay_ms: Delay,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// An answer whose headers promise 64 octets, of which 32 come. With a status from 200 to 299 (default 201) the
    /// message is taken, else not.
    Truncated {
        /// Its status, from 200 to 599.
        #[serde(default = "created")]
        status: u16,
        /// How it ends.
        #[serde(default)]
        how: Truncation,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// RST_STREAM with INTERNAL_ERROR; HTTP/1.1: the connection is closed without an answer.
    Reset {
        /// Whether the message is taken, which its sender cannot know.
        #[serde(default)]
        taken: bool,
        /// How long it is waited for.
        #[serde(default)]
        delay_ms: Delay,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// RST_STREAM with REFUSED_STREAM; HTTP/1.1: as [`Fault::Reset`].
    RefusedStream {
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// GOAWAY for the connection, and REFUSED_STREAM for this request.
    GoAway {
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// The connection is closed, with all that is open on it.
    Close {
        /// Whether the message is taken, which its sender cannot know.
        #[serde(default)]
        taken: bool,
        /// How long it is waited for.
        #[serde(default)]
        delay_ms: Delay,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
    /// The request is taken and never answered.
    Silent {
        /// Whether the message is taken, which its sender cannot know.
        #[serde(default)]
        taken: bool,
        /// On which messages.
        #[serde(default)]
        when: When,
    },
}

fn once() -> u8 {
    1
}

fn created() -> u16 {
    201
}

#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn one_second() -> Option<u32> {
    Some(1)
}

/// Where in the order of checks a fault can act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The token is being looked up.
    Token,
    /// The sender is who it must be; is there still a subscription?
    Subscription,
    /// Nothing else is wrong; the message would be taken now.
    Delivery,
}

impl Fault {
    /// Its name in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        Self::KINDS[self.number()]
    }

    /// An answer of this status and nothing else.
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer {
            status,
            retry_after: None,
            headers: BTreeMap::new(),
            body: String::new(),
            megabytes: 0,
            delay_ms: Delay::default(),
            when: When::default(),
        }
    }

    /// All names, by [`Fault::number`].
    pub(crate) const KINDS: [&'static str; 13] = [
        "not_found",
        "gone",
        "throttled",
        "failing",
        "answer",
        "slow",
        "truncated",
        "reset",
        "refused_stream",
        "go_away",
        "close",
        "silent",
        "service_answer",
    ];

    /// The number of its kind.
    pub(crate) const fn number(&self) -> usize {
        match self {
            Self::NotFound { .. } => 0,
            Self::Gone { .. } => 1,
            Self::Throttled { .. } => 2,
            Self::Failing { .. } => 3,
            Self::Answer { .. } => 4,
            Self::Slow { .. } => 5,
            Self::Truncated { .. } => 6,
            Self::Reset { .. } => 7,
            Self::RefusedStream { .. } => 8,
            Self::GoAway { .. } => 9,
            Self::Close { .. } => 10,
            Self::Silent { .. } => 11,
            Self::ServiceAnswer { .. } => 12,
        }
    }

    /// Whether the message is taken although the fault acts.
    pub(crate) fn takes(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::Gone { .. }
            | Self::Throttled { .. }
            | Self::Failing { .. }
            | Self::RefusedStream { .. }
            | Self::GoAway { .. } => false,
            Self::Slow { .. } => true,
            Self::ServiceAnswer { .. } => {
                self.known().is_some_and(|known| (200..300).contains(&known.status))
            }
            Self::Answer { status, .. } | Self::Truncated { status, .. } => (200..300).contains(status),
            Self::Reset { taken, .. } | Self::Close { taken, .. } | Self::Silent { taken, .. } => *taken,
        }
    }

    /// How long is waited before it acts.
    pub(crate) fn delay(&self) -> Delay {
        match self {
            Self::Answer { delay_ms, .. }
            | Self::ServiceAnswer { delay_ms, .. }
            | Self::Slow { delay_ms, .. }
            | Self::Reset { delay_ms, .. }
            | Self::Close { delay_ms, .. } => *delay_ms,
            Self::NotFound { .. }
            | Self::Gone { .. }
            | Self::Throttled { .. }
            | Self::Failing { .. }
            | Self::Truncated { .. }
            | Self::RefusedStream { .. }
            | Self::GoAway { .. }
            | Self::Silent { .. } => Delay::default(),
        }
    }

    /// Where it acts.
    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::NotFound { .. } => Stage::Token,
            Self::Gone { .. } => Stage::Subscription,
            Self::Throttled { .. }
            | Self::Failing { .. }
            | Self::Answer { .. }
            | Self::ServiceAnswer { .. }
            | Self::Slow { .. }
            | Self::Truncated { .. }
            | Self::Reset { .. }
            | Self::RefusedStream { .. }
            | Self::GoAway { .. }
            | Self::Close { .. }
            | Self::Silent { .. } => Stage::Delivery,
        }
    }

    /// On which messages it acts.
    pub(crate) fn when(&self) -> When {
        match self {
            Self::NotFound { after } | Self::Gone { after } => When { after: *after, ..When::default() },
            Self::Throttled { times, .. } | Self::Failing { times } => {
                When { times: Some(*times), ..When::default() }
            }
            Self::Answer { when, .. }
            | Self::ServiceAnswer { when, .. }
            | Self::Slow { when, .. }
            | Self::Truncated { when, .. }
            | Self::Reset { when, .. }
            | Self::RefusedStream { when }
            | Self::GoAway { when }
            | Self::Close { when, .. }
            | Self::Silent { when, .. } => *when,
        }
    }

    /// Whether it acts at a stage, which is counted. `chance` is from 0 up to 1.
    pub(crate) fn acts(&self, stage: Stage, progress: &mut Progress, chance: impl FnOnce() -> f64) -> bool {
        let when = self.when();
        if stage != self.stage()
            || progress.taken < when.after
            || when.times.is_some_and(|times| progress.refused >= times)
            || (when.chance < 1.0 && chance() >= when.chance)
        {
            return false;
        }
        if when.times.is_some() {
            progress.refused = progress.refused.saturating_add(1);
        }
        true
    }

    /// The refusal that autopush would answer, for the faults that are one.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::NotFound { .. } => Some(Refusal::new(Reason::FaultNotFound, "Invalid endpoint")),
            Self::Gone { .. } => Some(Refusal::new(Reason::FaultGone, "No such subscription")),
            Self::Throttled { retry_after_seconds, .. } => Some(Refusal {
                reason: Reason::FaultThrottled,
                message: "Too many requests".into(),
                retry_after_seconds: *retry_after_seconds,
            }),
            Self::Failing { .. } => Some(Refusal::new(Reason::FaultFailing, "Unknown error")),
            Self::Answer { .. }
            | Self::ServiceAnswer { .. }
            | Self::Slow { .. }
            | Self::Truncated { .. }
            | Self::Reset { .. }
            | Self::RefusedStream { .. }
            | Self::GoAway { .. }
            | Self::Close { .. }
            | Self::Silent { .. } => None,
        }
    }

    /// The answer that it gives word for word, if it is one.
    pub(crate) fn known(&self) -> Option<&'static KnownAnswer> {
        let Self::ServiceAnswer { service, name, .. } = self else { return None };
        known::find(PushService::parse(service)?, name)
    }

    /// Whether everything in it can be done.
    ///
    /// # Errors
    /// What cannot.
    pub(crate) fn check(&self) -> Result<(), FaultError> {
        if !(0.0..=1.0).contains(&self.when().chance) {
            return Err(FaultError::Chance);
        }
        self.delay().check()?;
        if let Self::ServiceAnswer { service, name, .. } = self
            && self.known().is_none()
        {
            return Err(FaultError::ServiceAnswer { service: service.clone(), name: name.clone() });
        }
        if let Self::Answer { status, .. } | Self::Truncated { status, .. } = self
            && !((200..600).contains(status) && StatusCode::from_u16(*status).is_ok())
        {
            return Err(FaultError::Status);
        }
        if let Self::Answer { headers, megabytes, .. } = self {
            let bad = headers.iter().find(|(name, value)| {
                HeaderName::try_from(name.as_str()).is_err() || HeaderValue::try_from(value.as_str()).is_err()
            });
            if let Some((name, _)) = bad {
                return Err(FaultError::Header(name.clone()));
            }
            if *megabytes > MEGABYTES_MAX {
                return Err(FaultError::Megabytes(MEGABYTES_MAX));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(json: serde_json::Value) -> Fault {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn faults_act_at_their_stage_and_as_often_as_they_say() {
        let mut progress = Progress::default();
        let mut acts = |fault: &Fault, stage, taken| {
            progress.taken = taken;
            fault.acts(stage, &mut progress, || unreachable!("it is certain"))
        };
        let gone = Fault::Gone { after: 2 };
        assert!(!acts(&gone, Stage::Token, 9));
        assert!(!acts(&gone, Stage::Subscription, 1));
        assert!(acts(&gone, Stage::Subscription, 2));
        assert!(acts(&Fault::NotFound { after: 0 }, Stage::Token, 0));
        let failing = Fault::Failing { times: 2 };
        assert!(!acts(&failing, Stage::Subscription, 0));
        for expected in [true, true, false, false] {
            assert_eq!(acts(&failing, Stage::Delivery, 0), expected);
        }
        let always = fault(json!({"answer": {"status": 500}}));
        assert!((0..300).all(|_| acts(&always, Stage::Delivery, 0)));
    }

    #[test]
    fn chance_decides_where_it_is_asked_for() {
        let reset = fault(json!({"reset": {"when": {"chance": 0.25}}}));
        let acts = |chance| reset.acts(Stage::Delivery, &mut Progress::default(), || chance);
        assert!(acts(0.24));
        assert!(!acts(0.25));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (json, error) in [
            (json!({"answer": {"status": 100}}), FaultError::Status),
            (json!({"truncated": {"status": 600}}), FaultError::Status),
            (
                json!({"answer": {"status": 200, "headers": {"a b": "c"}}}),
                FaultError::Header("a b".to_owned()),
            ),
            (json!({"answer": {"status": 200, "megabytes": 1_025}}), FaultError::Megabytes(1_024)),
            (json!({"slow": {"delay_ms": [3, 2]}}), FaultError::Delay),
            (json!({"silent": {"when": {"chance": 1.5}}}), FaultError::Chance),
            (
                json!({"service_answer": {"service": "fcm", "name": "BadJwtToken"}}),
                FaultError::ServiceAnswer { service: "fcm".to_owned(), name: "BadJwtToken".to_owned() },
            ),
        ] {
            assert_eq!(fault(json).check(), Err(error));
        }
    }

    #[test]
    fn kinds_are_the_names_in_json() {
        for (kind, json) in [
            ("go_away", json!({"go_away": {}})),
            ("silent", json!({"silent": {}})),
            ("refused_stream", json!({"refused_stream": {}})),
            ("throttled", json!({"throttled": {}})),
            ("service_answer", json!({"service_answer": {"service": "fcm", "name": "jwt_expired"}})),
        ] {
            assert_eq!(fault(json).kind(), kind);
        }
    }
}
