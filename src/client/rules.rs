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
    use prost::Message as _;
    use prost_types::method_options::IdempotencyLevel;

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

    /// Of those that the contract lets repeat, each is; streams go on in a way of their own.
    #[test]
    fn every_unary_call_of_the_contract_has_a_rule() {
        let files = prost_types::FileDescriptorSet::decode(crate::proto::OWN_DESCRIPTOR_SET).unwrap();
        let mut streams = 0;
        for file in &files.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let rule = rule_of(&path);
                    if method.client_streaming() || method.server_streaming() {
                        assert!(rule.is_none(), "{path}");
                        streams += 1;
                        continue;
                    }
                    let rule = rule.unwrap_or_else(|| panic!("run clients/generate: no rule for {path}"));
                    let level = method.options.as_ref().map(prost_types::MethodOptions::idempotency_level);
                    let may_be_repeated = level.unwrap_or_default() != IdempotencyLevel::IdempotencyUnknown;
                    assert_eq!(rule.retry_policy.is_some(), may_be_repeated, "{path}");
                }
            }
        }
        assert!(streams >= 5, "{streams}");
    }
}
