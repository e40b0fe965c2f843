//! The engine's settings: every queue and every wait has one.

use std::time::Duration;

use serde::Deserialize;

/// Section `[engine]` of the configuration, which documents each field.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSettings {
    /// Deliveries whose POST has begun and whose outcome is not yet synced: what a crash may repeat.
    pub max_unsettled: usize,
    /// Messages that have not ended; more are refused.
    pub max_messages: usize,
    /// Deliveries of these that have not ended; more are refused.
    pub max_waiting_deliveries: u64,
    /// Deliveries that wait in memory; all others wait in the store.
    pub max_targets_in_memory: usize,
    /// Pages of one application for one group that are in memory at once.
    pub max_pages_per_group: usize,
    /// Requests in flight to one origin at most, and never more than half of `max_unsettled`. How many an origin takes is
    /// found by trying.
    pub lane_concurrency: usize,
    /// Outcomes of broadcasts are committed together this often; those of a Send at once.
    #[serde(with = "humantime_serde")]
    pub commit_interval: Duration,
    /// Outcomes after which a commit does not wait any longer.
    pub commit_outcomes: usize,
    /// Members of an audience that are read and paged at once.
    pub plan_chunk: usize,
    /// The first retry waits at most this long.
    #[serde(with = "humantime_serde")]
    pub retry_base: Duration,
    /// No retry waits longer, whatever the push service asks for.
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
    /// A sender whose credentials an origin refuses is tried there after so long, and then after twice as long each time.
    #[serde(with = "humantime_serde")]
    pub stopped_retry_min: Duration,
    /// It is tried at least this often, while something of it waits.
    #[serde(with = "humantime_serde")]
    pub stopped_retry_max: Duration,
    /// A page all of whose deliveries wait longer than this leaves memory.
    #[serde(with = "humantime_serde")]
    pub park_after: Duration,
    /// How long attempts in flight may take to end when the server stops.
    #[serde(with = "humantime_serde")]
    pub shutdown_grace: Duration,
    /// How long a subscription that is to be removed or disabled waits for it, without being sent to.
    #[serde(with = "humantime_serde")]
    pub removal_window: Duration,
    /// Removals at an origin are held when they are a larger share of what it answered.
    pub removal_share_max: f64,
    /// And when they are so many at least.
    pub removal_count_min: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            max_unsettled: 4_096,
            max_messages: 100_000,
            max_waiting_deliveries: 50_000_000,
            max_targets_in_memory: 65_536,
            max_pages_per_group: 8,
            lane_concurrency: 1_024,
            commit_interval: Duration::from_millis(10),
            commit_outcomes: 512,
            plan_chunk: 2_048,
            retry_base: Duration::from_secs(2),
            retry_max: Duration::from_secs(3_600),
            stopped_retry_min: Duration::from_secs(15 * 60),
            stopped_retry_max: Duration::from_secs(6 * 3_600),
            park_after: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(20),
            removal_window: Duration::from_secs(60),
            removal_share_max: 0.2,
            removal_count_min: 10,
        }
    }
}

/// Section `[retention]` of the configuration, which documents each field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSettings {
    /// Events of a message are kept this long after its end.
    #[serde(with = "humantime_serde")]
    pub events: Duration,
    /// A message with its counts is kept this long after its end.
    #[serde(with = "humantime_serde")]
    pub messages: Duration,
    /// Changes of subscriptions are kept this long.
    #[serde(with = "humantime_serde")]
    pub changes: Duration,
    /// Subscriptions that evidence removed are kept this long, to be restored.
    #[serde(with = "humantime_serde")]
    pub removed_subscriptions: Duration,
    /// Entries of the audit log are kept this long.
    #[serde(with = "humantime_serde")]
    pub audit: Duration,
    /// Octets of the audit log that are kept; beyond it the oldest entries go before their time.
    pub audit_octets_max: u64,
    /// How often what is older is removed.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Octets of events that are kept; beyond it new messages are refused.
    pub log_octets_max: u64,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3_600);
        Self {
            events: day * 7,
            messages: day * 30,
            changes: day * 30,
            removed_subscriptions: day * 7,
            audit: day * 365,
            audit_octets_max: 64 << 20,
            interval: Duration::from_secs(60),
            log_octets_max: 16 << 30,
        }
    }
}
