//! The terms in which faults are ordered: when, how long, how.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault_shares::FaultError;

/// Longest delay that can be ordered, in milliseconds: an hour.
const DELAY_MILLIS_MAX: u32 = 3_600_000;

/// On which messages a fault acts. All conditions must hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Messages taken before. Default 0.
    pub after: u16,
    /// How often it acts; null (the default) for always.
    pub times: Option<u8>,
    /// How probable it is on each, from 0 to 1. Default 1.
    pub chance: f64,
}

impl Default for When {
    fn default() -> Self {
        Self { after: 0, times: None, chance: 1.0 }
    }
}

/// A `Retry-After` header (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u32),
    /// An HTTP-date so many seconds ahead; below zero: in the past.
    Date(i32),
}

/// How a truncated answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// The stream ends.
    #[default]
    Short,
    /// The connection is closed.
    Close,
}

/// How long something is waited for, in milliseconds: a number, or the least and the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DelayJson", into = "DelayJson")]
pub struct Delay {
    least: u32,
    most: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DelayJson {
    Fixed(u32),
    Between(u32, u32),
}

impl From<DelayJson> for Delay {
    fn from(json: DelayJson) -> Self {
        match json {
            DelayJson::Fixed(millis) => Self::between(millis..=millis),
            DelayJson::Between(least, most) => Self::between(least..=most),
        }
    }
}

impl From<Delay> for DelayJson {
    fn from(delay: Delay) -> Self {
        if delay.least == delay.most {
            Self::Fixed(delay.least)
        } else {
            Self::Between(delay.least, delay.most)
        }
    }
}

impl Delay {
    /// Between so many milliseconds.
    #[must_use]
    pub fn between(millis: RangeInclusive<u32>) -> Self {
        Self { least: *millis.start(), most: *millis.end() }
    }

    /// One of them, by a chance from 0 up to 1.
    pub(crate) fn pick(self, chance: f64) -> Duration {
        let span = f64::from(self.most.saturating_sub(self.least)) / 1_000.0;
        Duration::from_millis(self.least.into()) + Duration::from_secs_f64(span * chance)
    }

    /// # Errors
    /// [`FaultError::Delay`] if it is not from less to more, or longer than an hour.
    pub(crate) fn check(self) -> Result<(), FaultError> {
        if self.least <= self.most && self.most <= DELAY_MILLIS_MAX { Ok(()) } else { Err(FaultError::Delay) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delay_is_a_number_or_a_range() {
        let delay: Delay = serde_json::from_value(json!([100, 300])).unwrap();
        assert_eq!(delay.pick(0.5), Duration::from_millis(200));
        assert_eq!(serde_json::to_value(delay).unwrap(), json!([100, 300]));
        let fixed: Delay = serde_json::from_value(json!(7)).unwrap();
        assert_eq!(fixed.pick(0.9), Duration::from_millis(7));
        assert_eq!(serde_json::to_value(fixed).unwrap(), json!(7));
    }
}
