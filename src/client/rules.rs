//! How long unary calls may take and which are repeated: `clients/service-config.json`, which every client has.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// What holds for one unary call.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    /// Of the call with all its attempts.
    #[serde(deserialize_with = "seconds")]
    pub(super) timeout: Duration,
    /// None: it must not be repeated.
    pub(super) retry_policy: Option<RetryPolicy>,
}

/// How a call is repeated that ended with UNAVAILABLE.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetryPolicy {
    /// With the first one.
    pub(super) max_attempts: u32,
    #[serde(deserialize_with = "seconds")]
    pub(super) initial_backoff: Duration,
    #[serde(deserialize_with = "seconds")]
    pub(super) max_backoff: Duration,
    pub(super) backoff_multiplier: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceConfig {
    method_config: Vec<MethodConfig>,
}

#[derive(Deserialize)]
struct MethodConfig {
    name: Vec<Method>,
    #[serde(flatten)]
    rule: Rule,
}

#[derive(Deserialize)]
struct Method {
    service: String,
    method: String,
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let seconds = text.strip_suffix('s').and_then(|number| number.parse().ok());
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| serde::de::Error::custom("a duration must be a number of seconds with the suffix s"))
}

fn read(text: &str) -> serde_json::Result<HashMap<String, Rule>> {
    let config: ServiceConfig = serde_json::from_str(text)?;
    let methods = config.method_config.into_iter().flat_map(|of| {
        of.name.into_iter().map(move |name| (format!("/{}/{}", name.service, name.method), of.rule))
    });
    Ok(methods.collect())
}

/// What holds for the call at this path; none for streams.
pub(super) fn rule_of(path: &str) -> Option<Rule> {
    // That it can be read is tested below.
    static RULES: LazyLock<HashMap<String, Rule>> =
        LazyLock::new(|| read(include_str!("../../clients/service-config.json")).unwrap_or_default());
    RULES.get(path).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_config_is_read() {
        let all = read(include_str!("../../clients/service-config.json")).unwrap();
        assert!(all.len() > 10, "{}", all.len());
        let rule = rule_of("/fanfare.v1.PushService/Subscribe").unwrap();
        assert_eq!(rule.timeout, Duration::from_secs(10));
        let policy = rule.retry_policy.unwrap();
        assert_eq!((policy.max_attempts, policy.initial_backoff), (5, Duration::from_millis(100)));
        assert_eq!((policy.max_backoff, policy.backoff_multiplier), (Duration::from_secs(2), 2.0));
    }

    #[test]
    fn what_must_not_be_repeated_is_not_and_streams_have_no_rule() {
        let rule = rule_of("/fanfare.v1.PushService/CreateSubscriberToken").unwrap();
        assert!(rule.retry_policy.is_none());
        for stream in ["Send", "Broadcast", "SendStream", "WatchDeliveries"] {
            assert!(rule_of(&format!("/fanfare.v1.PushService/{stream}")).is_none());
        }
    }
}
