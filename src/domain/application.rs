//! Applications: the tenants. Each has its own VAPID keys, contact, defaults, subscriptions and messages.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ApplicationId, EndpointPolicy, Padding, Timestamp, Urgency, VapidKeyId};

/// The application that always exists.
pub const DEFAULT_APPLICATION: &str = "default";

/// A tenant, with what it leaves unset filled in.
#[derive(Clone, Debug, Default)]
pub struct Application {
    /// Its number in the store.
    pub id: ApplicationId,
    /// What callers name it by: `[a-z][a-z0-9-]*`, at most 63 octets.
    pub name: String,
    /// VAPID's `sub` (RFC 8292 section 2.1): a `mailto:` or `https:` URL.
    pub contact: String,
    /// Its share of what the server can send, beside the others that have something to send; 1 to 1,000.
    pub weight: u32,
    /// What a message leaves unset.
    pub defaults: MessageDefaults,
    /// Its VAPID keys. Exactly one is current, the one that browsers are given.
    pub vapid_keys: Vec<VapidKey>,
    /// The current one of them.
    pub current_vapid_key: VapidKeyId,
    /// What was set for it by RPC; where that is nothing, the configuration holds.
    pub settings: ApplicationSettings,
    /// Where its endpoints may lie; `None`: as the server's policy says.
    pub policy: Option<Arc<dyn EndpointPolicy>>,
    /// When it was made; 1970 if that is not known.
    pub created: Timestamp,
    /// When its settings were changed last.
    pub updated: Timestamp,
    /// Counts the changes of its settings.
    pub revision: u64,
}

impl Application {
    /// One of its keys.
    #[must_use]
    pub fn vapid_key(&self, id: VapidKeyId) -> Option<&VapidKey> {
        self.vapid_keys.iter().find(|key| key.id == id)
    }

    /// The key that browsers subscribe with.
    #[must_use]
    pub fn current_key(&self) -> Option<&VapidKey> {
        self.vapid_key(self.current_vapid_key)
    }
}

/// Whether a text can name an application: `[a-z][a-z0-9-]*`, at most 63 octets.
#[must_use]
pub fn is_application_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// What a message of the application leaves unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageDefaults {
    /// How long it is worth delivering.
    pub ttl: Duration,
    /// RFC 8030 section 5.3.
    pub urgency: Urgency,
    /// Whether its length is hidden.
    pub padding: Padding,
}

impl Default for MessageDefaults {
    fn default() -> Self {
        Self { ttl: super::limits::TTL_MAX, urgency: Urgency::Normal, padding: Padding::None }
    }
}

/// What an administrator set for an application. `None`, or no text: the configuration holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplicationSettings {
    /// What people call it.
    pub display_name: String,
    /// VAPID's `sub`.
    pub contact: Option<String>,
    /// See [`MessageDefaults::ttl`].
    pub ttl: Option<Duration>,
    /// See [`MessageDefaults::urgency`].
    pub urgency: Option<Urgency>,
    /// See [`MessageDefaults::padding`].
    pub padding: Option<Padding>,
    /// How much it may do.
    pub quotas: Quotas,
    /// Where its endpoints may lie.
    pub hosts: Option<HostChoice>,
    /// Nothing is sent for it, and no message is taken.
    pub suspended: bool,
}

/// How much an application may do. `None`: no limit of its own; 0: nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quotas {
    /// Subscriptions that it may have.
    pub max_subscriptions: Option<u32>,
    /// Messages that it may send in a second; a second's worth may be saved up.
    pub max_messages_per_second: Option<f64>,
    /// Targets of one Broadcast, by the estimate at its acceptance.
    pub max_broadcast_targets: Option<u32>,
    /// Deliveries accepted and not ended.
    pub max_pending_deliveries: Option<u32>,
    /// Status streams that are open at once.
    pub max_streams: Option<u32>,
    /// See [`Application::weight`].
    pub weight: Option<u32>,
}

/// Which hosts an application's endpoints may have. Port 443 and public addresses always, but for exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostChoice {
    /// `None`: the server's.
    pub profile: Option<HostProfile>,
    /// Besides the profile's: `host`, or `.suffix` for all below it.
    pub extra_hosts: Vec<String>,
    /// Names of the configured exceptions that it may use.
    pub exceptions: Vec<String>,
}

/// Which hosts may be posted to besides those that are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostProfile {
    /// The push services of the browsers in use.
    #[default]
    KnownPushServices,
    /// Any host with a public address, on port 443.
    AnyPublicHost,
    /// None.
    ListedOnly,
}

/// A VAPID key pair (RFC 8292).
#[derive(Clone)]
pub struct VapidKey {
    /// Its number within the application.
    pub id: VapidKeyId,
    /// The private half: a P-256 scalar, big-endian. `None` once it is retired.
    pub private: Option<zeroize::Zeroizing<[u8; 32]>>,
    /// The public half: an uncompressed point.
    pub public: [u8; 65],
    /// When it was made or imported.
    pub created: Timestamp,
    /// When it last became the current one.
    pub activated: Option<Timestamp>,
    /// When its private half was destroyed.
    pub retired: Option<Timestamp>,
}

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VapidKey").field("id", &self.id).finish_non_exhaustive()
    }
}
