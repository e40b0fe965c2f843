//! Which subscribers of a group have which fault.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::Fault;

/// Why a text describes no faults.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// A share is not between 0 and 1, or together they are above 1.
    #[error("the shares of faults must be between 0 and 1, and at most 1 together")]
    Share,
    /// A probability is not between 0 and 1.
    #[error("chance must be between 0 and 1")]
    Chance,
    /// A status that no answer can have.
    #[error("status must be between 200 and 599")]
    Status,
    /// A header that cannot be sent.
    #[error("the header {0:?} cannot be sent")]
    Header(String),
    /// Nothing that a push service is known to answer.
    #[error("the service {service:?} has no answer {name:?}: GET /answers lists them all")]
    ServiceAnswer {
        /// Whose.
        service: String,
        /// Which.
        name: String,
    },
    /// Too large a body.
    #[error("megabytes must be at most {0}")]
    Megabytes(u32),
    /// A delay that is not from less to more, or too long.
    #[error("delay_ms must be at most an hour, or two such numbers in order")]
    Delay,
    /// What is beyond a limit is never taken.
    #[error("the excess of a limit must be a fault that always acts and takes no message")]
    Excess,
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
/// a share, an object with one, or an array of such objects:
/// `{"gone": 0.01, "throttled": {"share": 0.05, "times": 2, "retry_after_seconds": 3}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct FaultShares(Vec<(f64, Arc<Fault>)>);

impl FaultShares {
    /// From shares between 0 and 1 with their faults. The order matters only among those of one kind.
    pub fn new(mut shares: Vec<(f64, Fault)>) -> Result<Self, FaultError> {
        shares.sort_by_key(|(_, fault)| fault.kind());
        let each = shares.iter().all(|(share, _)| (0.0..=1.0).contains(share));
        let sum: f64 = shares.iter().map(|(share, _)| share).sum();
        // Ten times a tenth is a little more than one.
        if !each || sum > 1.0 + 1e-9 {
            return Err(FaultError::Share);
        }
        shares.iter().try_for_each(|(_, fault)| fault.check())?;
        Ok(Self(shares.into_iter().map(|(share, fault)| (share, Arc::new(fault))).collect()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fault of a subscriber whom chance gave `position`, from 0 up to 1.
    pub(crate) fn at(&self, position: f64) -> Option<&Arc<Fault>> {
        let mut end = 0.0;
        self.0.iter().find_map(|(share, fault)| {
            end += share;
            (position < end).then_some(fault)
        })
    }
}

impl TryFrom<Map<String, Value>> for FaultShares {
    type Error = FaultError;

    fn try_from(object: Map<String, Value>) -> Result<Self, FaultError> {
        let mut shares = Vec::with_capacity(object.len());
        for (kind, value) in object {
            let values = match value {
                Value::Array(values) => values,
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                    vec![value]
                }
            };
            for value in values {
                shares.push(share(&kind, value)?);
            }
        }
        Self::new(shares)
    }
}

/// One fault with its share.
fn share(kind: &str, value: Value) -> Result<(f64, Fault), FaultError> {
    let (share, members) = match value {
        Value::Number(share) => (share.as_f64(), Map::new()),
        Value::Object(mut members) => (members.remove("share").as_ref().and_then(Value::as_f64), members),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => (None, Map::new()),
    };
    let share = share.ok_or_else(|| FaultError::NoShare(kind.to_owned()))?;
    let fault = Value::Object(Map::from_iter([(kind.to_owned(), Value::Object(members))]));
    let fault = serde_json::from_value(fault)
        .map_err(|error| FaultError::Unknown { kind: kind.to_owned(), problem: error.to_string() })?;
    Ok((share, fault))
}

impl From<FaultShares> for Map<String, Value> {
    fn from(shares: FaultShares) -> Self {
        let mut object = Map::new();
        for (share, fault) in shares.0 {
            let kind = fault.kind();
            let Ok(Value::Object(mut tagged)) = serde_json::to_value(&*fault) else { continue };
            let Some(Value::Object(mut members)) = tagged.remove(kind) else { continue };
            members.insert("share".to_owned(), share.into());
            match object.get_mut(kind) {
                None => {
                    object.insert(kind.to_owned(), Value::Object(members));
                }
                Some(Value::Array(several)) => several.push(Value::Object(members)),
                Some(first) => *first = Value::Array(vec![first.take(), Value::Object(members)]),
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
        let at = |position| read.at(position).map(|fault| (**fault).clone());
        assert_eq!(at(0.0), Some(Fault::Gone { after: 0 }));
        assert_eq!(at(0.249), Some(Fault::Gone { after: 0 }));
        assert_eq!(at(0.25), Some(Fault::Throttled { times: 2, retry_after_seconds: None }));
        assert_eq!(at(0.75), None);
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
            (json!({"answer": {"share": 0.1, "status": 99}}), "status must be"),
            (json!({"gone": {"share": 0.1, "times": 1}}), "\"gone\" is not known as such: unknown field"),
            (json!({"tired": 0.1}), "\"tired\" is not known as such: unknown variant"),
        ] {
            let error = shares(json).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn several_of_one_kind_stand_in_an_array() {
        let read = shares(json!({"answer": [{"share": 0.1, "status": 500}, {"share": 0.2, "status": 503}]}));
        let read = read.unwrap();
        let fault = |position| read.at(position).map(|fault| (**fault).clone());
        assert_eq!(fault(0.05), Some(Fault::status(500)));
        assert_eq!(fault(0.25), Some(Fault::status(503)));
        assert_eq!(fault(0.31), None);
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(
            (&written["answer"][1]["share"], &written["answer"][1]["status"]),
            (&json!(0.2), &json!(503))
        );
        assert_eq!(shares(written), Ok(read));
    }
}
