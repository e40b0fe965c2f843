//! Faults: what a synthetic subscriber's push resource answers instead of taking a message.

use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::{Reason, Refusal};

/// A fault of one subscriber. In JSON `{"gone": {"after": 0}}`; what is left out has its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

fn once() -> u8 {
    1
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
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Gone { .. } => "gone",
            Self::Throttled { .. } => "throttled",
            Self::Failing { .. } => "failing",
        }
    }

    /// What it does at a stage, to a subscriber that took `taken` messages and refused `refused` by this fault. The one
    /// place where faults act.
    pub(crate) fn act(self, stage: Stage, taken: u16, refused: &AtomicU8) -> Result<(), Refusal> {
        let refusal = match self {
            Self::NotFound { after } => (stage == Stage::Token && taken >= after)
                .then(|| Refusal::new(Reason::FaultNotFound, "Invalid endpoint")),
            Self::Gone { after } => (stage == Stage::Subscription && taken >= after)
                .then(|| Refusal::new(Reason::FaultGone, "No such subscription")),
            Self::Throttled { times, retry_after_seconds } => {
                (stage == Stage::Delivery && is_another(refused, times)).then_some(Refusal {
                    reason: Reason::FaultThrottled,
                    message: "Too many requests".into(),
                    retry_after_seconds,
                })
            }
            Self::Failing { times } => (stage == Stage::Delivery && is_another(refused, times))
                .then(|| Refusal::new(Reason::FaultFailing, "Unknown error")),
        };
        refusal.map_or(Ok(()), Err)
    }
}

/// Counts one more, unless there were as many as there may be.
fn is_another(refused: &AtomicU8, times: u8) -> bool {
    refused
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |so_far| (so_far < times).then_some(so_far + 1))
        .is_ok()
}

/// Why a text describes no faults.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// A share is not between 0 and 1, or together they are above 1.
    #[error("the shares of faults must be between 0 and 1, and at most 1 together")]
    Share,
    /// The same kind twice.
    #[error("the fault {0} is there twice")]
    Repeated(&'static str),
    /// Neither a share nor an object with a share.
    #[error("the fault {0:?} needs a share: a number, or an object with the member \"share\"")]
    NoShare(String),
    /// An unknown kind, or a member that it does not have.
    #[error("the fault {kind:?} is not known as such: {problem}")]
    Unknown {
        /// The kind.
        kind: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Which shares of a group's subscribers have which fault, at most one each. In JSON an object by kind, whose values are
/// a share or an object: `{"gone": 0.01, "throttled": {"share": 0.05, "times": 2, "retry_after_seconds": 3}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct FaultShares(Vec<(f64, Fault)>);

impl FaultShares {
    /// From shares between 0 and 1 with their faults, of different kinds; the order does not matter.
    pub fn new(mut shares: Vec<(f64, Fault)>) -> Result<Self, FaultError> {
        shares.sort_by_key(|(_, fault)| fault.kind());
        if let Some(pair) = shares.windows(2).find(|pair| pair[0].1.kind() == pair[1].1.kind()) {
            return Err(FaultError::Repeated(pair[0].1.kind()));
        }
        let each = shares.iter().all(|(share, _)| (0.0..=1.0).contains(share));
        let sum: f64 = shares.iter().map(|(share, _)| share).sum();
        // Ten times a tenth is a little more than one.
        if each && sum <= 1.0 + 1e-9 { Ok(Self(shares)) } else { Err(FaultError::Share) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fault of a subscriber whom chance gave `position`, from 0 up to 1.
    pub(crate) fn at(&self, position: f64) -> Option<Fault> {
        let mut end = 0.0;
        self.0.iter().find_map(|(share, fault)| {
            end += share;
            (position < end).then_some(*fault)
        })
    }
}

impl TryFrom<Map<String, Value>> for FaultShares {
    type Error = FaultError;

    fn try_from(object: Map<String, Value>) -> Result<Self, FaultError> {
        let mut shares = Vec::with_capacity(object.len());
        for (kind, value) in object {
            let (share, members) = match value {
                Value::Number(share) => (share.as_f64(), Map::new()),
                Value::Object(mut members) => {
                    (members.remove("share").as_ref().and_then(Value::as_f64), members)
                }
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => (None, Map::new()),
            };
            let Some(share) = share else { return Err(FaultError::NoShare(kind)) };
            let fault = Value::Object(Map::from_iter([(kind.clone(), Value::Object(members))]));
            let fault = serde_json::from_value(fault)
                .map_err(|error| FaultError::Unknown { kind, problem: error.to_string() })?;
            shares.push((share, fault));
        }
        Self::new(shares)
    }
}

impl From<FaultShares> for Map<String, Value> {
    fn from(shares: FaultShares) -> Self {
        let mut object = Map::new();
        for (share, fault) in shares.0 {
            if let Ok(Value::Object(tagged)) = serde_json::to_value(fault) {
                object.extend(tagged);
            }
            if let Some(Value::Object(members)) = object.get_mut(fault.kind()) {
                members.insert("share".to_owned(), share.into());
            }
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shares(json: Value) -> Result<FaultShares, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn shares_are_read_and_written() {
        let read = shares(
            json!({"gone": 0.25, "throttled": {"share": 0.5, "times": 2, "retry_after_seconds": null}}),
        );
        let read = read.unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            json!({
                "gone": {"share": 0.25, "after": 0},
                "throttled": {"share": 0.5, "times": 2, "retry_after_seconds": null},
            })
        );
        assert_eq!(read.at(0.0), Some(Fault::Gone { after: 0 }));
        assert_eq!(read.at(0.249), Some(Fault::Gone { after: 0 }));
        assert_eq!(read.at(0.25), Some(Fault::Throttled { times: 2, retry_after_seconds: None }));
        assert_eq!(read.at(0.75), None);
        assert!(shares(json!({})).unwrap().is_empty());
    }

    #[test]
    fn bad_shares_are_refused_with_their_kind() {
        for (json, problem) in [
            (json!({"gone": 1.5}), "between 0 and 1"),
            (json!({"gone": -0.1}), "between 0 and 1"),
            (json!({"gone": 0.6, "failing": 0.6}), "at most 1 together"),
            (json!({"gone": "many"}), "\"gone\" needs a share"),
            (json!({"gone": {"after": 1}}), "\"gone\" needs a share"),
            (json!({"gone": {"share": 0.1, "times": 1}}), "\"gone\" is not known as such: unknown field"),
            (json!({"tired": 0.1}), "\"tired\" is not known as such: unknown variant"),
        ] {
            let error = shares(json).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        let twice = vec![(0.1, Fault::Gone { after: 0 }), (0.1, Fault::Gone { after: 1 })];
        assert_eq!(FaultShares::new(twice), Err(FaultError::Repeated("gone")));
    }

    #[test]
    fn faults_act_at_their_stage_and_as_often_as_they_say() {
        let refused = AtomicU8::new(0);
        let reason = |fault: Fault, stage, taken| {
            fault.act(stage, taken, &refused).err().map(|refusal| refusal.reason)
        };
        let gone = Fault::Gone { after: 2 };
        assert_eq!(reason(gone, Stage::Token, 9), None);
        assert_eq!(reason(gone, Stage::Subscription, 1), None);
        assert_eq!(reason(gone, Stage::Subscription, 2), Some(Reason::FaultGone));
        assert_eq!(reason(Fault::NotFound { after: 0 }, Stage::Token, 0), Some(Reason::FaultNotFound));
        let failing = Fault::Failing { times: 2 };
        assert_eq!(reason(failing, Stage::Subscription, 0), None);
        for expected in [Some(Reason::FaultFailing), Some(Reason::FaultFailing), None, None] {
            assert_eq!(reason(failing, Stage::Delivery, 0), expected);
        }
    }
}
