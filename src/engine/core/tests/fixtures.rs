//! Messages, targets and reports to drive the core with.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::domain::limits::PAGE_DELIVERIES_MAX;
use crate::domain::{
    Application, ApplicationId, ContentEncoding, Endpoint, MessageDefaults, MessageId, MessageKind,
    MessageSpec, OriginId, Outcome, Padding, Payload, SubscriptionId, SubscriptionKeys, SubscriptionState,
    Target, Timestamp, Urgency, VapidKeyId,
};
use crate::engine::attempt::AttemptReport;
use crate::engine::core::ActiveMessage;
use crate::engine::settings::EngineSettings;
use crate::webpush::outcome::Scope;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(crate) fn settings() -> EngineSettings {
    EngineSettings {
        max_unsettled: 32,
        max_targets_in_memory: 3 * PAGE_DELIVERIES_MAX,
        max_pages_per_group: 2,
        lane_concurrency: 8,
        commit_outcomes: 16,
        ..EngineSettings::default()
    }
}

pub(crate) fn application() -> Arc<Application> {
    let defaults =
        MessageDefaults { ttl: Duration::from_secs(60), urgency: Urgency::Normal, padding: Padding::None };
    Arc::new(Application {
        id: ApplicationId(1),
        name: "default".to_owned(),
        contact: "mailto:ops@example.com".to_owned(),
        weight: 1,
        defaults,
        vapid_keys: Vec::new(),
        current_vapid_key: VapidKeyId(1),
        ..Application::default()
    })
}

pub(crate) fn message(id: u8, kind: MessageKind, ttl: Duration) -> Arc<ActiveMessage> {
    let spec = MessageSpec {
        receipt_token_at: None,
        payload: Payload::default(),
        ttl,
        urgency: Urgency::Normal,
        topic_header: None,
        padding: Padding::None,
        max_per_second: None,
        labels: BTreeMap::new(),
        note: String::new(),
    };
    let id = MessageId([id; 16]);
    Arc::new(ActiveMessage {
        application: application(),
        id,
        kind,
        spec: Arc::new(spec),
        expires: START.plus(ttl),
        durable_at: None,
        waiting: 0,
        stop: OnceLock::new(),
    })
}

pub(crate) fn target(number: u32, origin: u32) -> Target {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    Target {
        id: SubscriptionId(id),
        inline: false,
        generation: 1,
        endpoint: Endpoint::parse("https://push.example.net/p", false).unwrap(),
        origin: OriginId(origin),
        keys: SubscriptionKeys { p256dh: [4; 65], auth: [0; 16] },
        encoding: ContentEncoding::Aes128Gcm,
        vapid_key: VapidKeyId(1),
        subscribed: START,
        expires: None,
        state: SubscriptionState::Active,
        user_id: planned_user(SubscriptionId(id)),
        body_octets_max: 0,
        refused_days: 0,
        refused_last: Timestamp::default(),
        accepted_last: Timestamp::default(),
    }
}

/// Whose a target of the world was when it was planned; it may change hands.
pub(crate) fn planned_user(id: SubscriptionId) -> String {
    format!("user-{}", id.0[15])
}

/// The report of an attempt that its origin answers with "not before".
pub(crate) fn throttled(wait: Duration) -> AttemptReport {
    let mut report = AttemptReport::failed(Outcome::Throttled, "", None);
    report.verdict.scope = Scope::Origin;
    report.verdict.retry_after = Some(wait);
    report
}
