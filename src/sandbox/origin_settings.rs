//! How one origin of a sandbox behaves, in words: how far a client comes, and what is allowed at once and a second.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::fault_shares::FaultError;
use super::fault_terms::{Delay, When};

/// Settings of an origin. What is left out has its default: served at once, without limits and faults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OriginSettings {
    /// How far a client comes.
    pub reach: Reach,
    /// How long each request within the limits is held before its answer. It is open meanwhile.
    pub delay_ms: Delay,
    /// HTTP/2 streams of each new connection (SETTINGS_MAX_CONCURRENT_STREAMS), at least 1; null for what the sandbox
    /// has for all.
    pub streams_max: Option<u32>,
    /// How many requests may be open at once.
    pub concurrency: Option<ConcurrencyLimit>,
    /// How many requests may come a second.
    pub rate: Option<RateLimit>,
    /// A fault for every request within the limits, before anything else is looked at.
    pub fault: Option<Fault>,
}

/// How far a client comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It is served.
    #[default]
    Serving,
    /// Connections are refused, open ones are closed.
    Refusing,
    /// TCP connections are accepted; nothing is answered any more, on open ones neither.
    Silent,
    /// SYN is dropped; open connections are as with [`Reach::Silent`].
    Dropping,
}

/// What connections need to know of an origin's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// How far a client comes.
    pub(crate) reach: Reach,
    /// HTTP/2 streams of each new connection, if not as for all.
    pub(crate) streams_max: Option<u32>,
}

impl OriginSettings {
    /// What connections need to know.
    pub(crate) fn manner(&self) -> Manner {
        Manner { reach: self.reach, streams_max: self.streams_max }
    }
}

/// A limit on requests open at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConcurrencyLimit {
    /// How many, at least 1.
    pub max: u32,
    /// What becomes of others. Default: 429 without Retry-After.
    #[serde(default = "too_many_requests")]
    pub excess: Fault,
}

/// A limit on requests a second: a token bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Tokens a second, more than 0.
    pub per_second: f64,
    /// Tokens that the bucket holds, at least 1. Default: a tenth of those a second.
    #[serde(default)]
    pub burst: Option<f64>,
    /// What becomes of requests without a token. Default: 429 without Retry-After.
    #[serde(default = "too_many_requests")]
    pub excess: Fault,
}

fn too_many_requests() -> Fault {
    Fault::status(429)
}

/// Why settings of an origin cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OriginSettingsError {
    /// Nothing would ever be within it.
    #[error("{0} must be a number of at least {1}")]
    TooSmall(&'static str, f64),
    /// A fault that cannot be.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl RateLimit {
    /// Tokens that the bucket holds.
    pub(crate) fn burst(&self) -> f64 {
        self.burst.unwrap_or_else(|| (self.per_second / 10.0).max(1.0))
    }
}

impl OriginSettings {
    /// Whether they can be.
    ///
    /// # Errors
    /// What cannot.
    pub(crate) fn check(&self) -> Result<(), OriginSettingsError> {
        self.delay_ms.check()?;
        if self.streams_max == Some(0) {
            return Err(OriginSettingsError::TooSmall("streams_max", 1.0));
        }
        if let Some(fault) = &self.fault {
            fault.check()?;
        }
        if let Some(limit) = &self.concurrency {
            if limit.max == 0 {
                return Err(OriginSettingsError::TooSmall("concurrency.max", 1.0));
            }
            check_excess(&limit.excess)?;
        }
        if let Some(limit) = &self.rate {
            // A refill takes at most 1,000 seconds.
            if !(limit.per_second >= 0.001 && limit.per_second.is_finite()) {
                return Err(OriginSettingsError::TooSmall("rate.per_second", 0.001));
            }
            if !(limit.burst() >= 1.0 && limit.burst().is_finite()) {
                return Err(OriginSettingsError::TooSmall("rate.burst", 1.0));
            }
            check_excess(&limit.excess)?;
        }
        Ok(())
    }
}

/// What is beyond a limit has no subscriber yet, and no messages before it.
fn check_excess(excess: &Fault) -> Result<(), FaultError> {
    if excess.takes() || excess.when() != When::default() {
        return Err(FaultError::Excess);
    }
    excess.check()
}
